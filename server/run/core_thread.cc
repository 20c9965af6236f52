#include "server/run/core_thread.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include <glog/logging.h>

#include "common/check.h"
#include "common/concat.h"

namespace paddock::server {

namespace {

// Source: ZooKeeper 3.8, DataTree: DIGEST_LOG_INTERVAL and DIGEST_LOG_LIMIT.
constexpr std::size_t kDigestsMax = 1024;

// Changes held in memory, above which a checkpoint is due whatever the settings say.
constexpr std::size_t kDirtyBytesMax = 8u << 20;

// How long a server that stops waits for a quorum to commit what its clients have asked for.
constexpr Millis kStopPatience{2000};

std::int64_t bytes_of(const zab::Append& append) {
  std::int64_t bytes = 0;
  for (const zab::Txn& txn : append.txns) bytes += std::ssize(*txn.payload);
  return bytes;
}

constexpr Millis kSleepMax{3'600'000};

void log_note(const Note& note) {
  switch (note.level) {
    case Note::Level::kInfo:
      LOG(INFO) << note.text;
      return;
    case Note::Level::kWarning:
      LOG(WARNING) << note.text;
      return;
    case Note::Level::kError:
      LOG(ERROR) << note.text;
      return;
  }
}

}  // namespace

CoreThread::CoreThread(const CheckpointDue& due, Core& core, DataTree& tree, SharedState& shared,
                       std::vector<std::unique_ptr<IoThread>>& io, LogThread& log,
                       CheckpointThread& checkpoints, Peers* peers)
    : due_(due),
      core_(core),
      tree_(tree),
      shared_(shared),
      io_(io),
      log_(log),
      checkpoints_(checkpoints),
      peers_(peers),
      checkpoint_zxid_(tree.last_zxid()) {}

CoreThread::~CoreThread() {
  PADDOCK_CHECK(!thread_.joinable());
}

void CoreThread::start() {
  outboxes_.resize(io_.size());
  thread_ = std::thread([this] { run(); });
}

void CoreThread::stop() {
  if (!thread_.joinable()) return;
  shared_.tell_core(CoreMail(CoreStop{}));
  thread_.join();
}

void CoreThread::run() {
  std::vector<CoreMail> batch;
  now_ = clock_.now();
  step(zab::Tick{});
  carry_out();
  while (!is_finished()) {
    wait(batch);
    take_all(batch);
    carry_out();
  }
  // At once: the others see that this server is gone, and elect while it still writes to its disk.
  if (peers_ != nullptr) peers_->close();
}

void CoreThread::wait(std::vector<CoreMail>& batch) {
  if (peers_ == nullptr) {
    shared_.to_core.take(batch, next_wakeup());
    return;
  }
  peers_->wait(next_wakeup());
  shared_.to_core.take_now(batch);
}

bool CoreThread::is_finished() const {
  if (!stop_deadline_) return false;
  return core_.outstanding() == 0 || (peers_ != nullptr && now_ >= *stop_deadline_);
}

std::chrono::steady_clock::time_point CoreThread::next_wakeup() const {
  Millis until = std::min(core_.next_deadline(), now_ + kSleepMax);
  if (stop_deadline_) until = std::min(until, *stop_deadline_);
  return std::chrono::steady_clock::time_point(std::chrono::milliseconds(until.value));
}

void CoreThread::take_all(std::vector<CoreMail>& batch) {
  now_ = clock_.now();
  for (CoreMail& mail : batch) {
    if (auto* event = std::get_if<CoreEvent>(&mail)) {
      step(std::move(*event));
    } else if (auto* task = std::get_if<CoreTask>(&mail)) {
      (*task)(core_);
    } else if (auto* replaced = std::get_if<TreeReplaced>(&mail)) {
      replace_tree(std::move(*replaced->tree));
    } else {
      stop_deadline_ = now_ + kStopPatience;
      core_.drain();
    }
  }
  if (peers_ != nullptr) {
    peers_->take(from_peers_);
    for (CoreEvent& event : from_peers_) step(std::move(event));
  }
  if (now_ >= core_.next_deadline()) step(zab::Tick{});
}

void CoreThread::step(CoreEvent event) {
  core_.step(std::move(event), now_, clock_.wall_now(), actions_);
}

void CoreThread::carry_out() {
  write_out();
  if (peers_ != nullptr) {
    for (PeerAction& action : actions_.peers) peers_->carry_out(action);
  }
  if (core_.has_committed()) {
    apply();
  } else {
    distribute();
  }
  wake_io();
  for (const Note& note : actions_.notes) log_note(note);
  if (actions_.fatal) die("the state of this server cannot be trusted (see above)");
  actions_.clear();
}

void CoreThread::write_out() {
  to_log_.clear();
  for (zab::DiskWrite& write : actions_.writes) {
    if (auto* append = std::get_if<zab::Append>(&write)) {
      log_bytes_ += bytes_of(*append);
      to_log_.emplace_back(std::move(*append));
    } else if (const auto* cut = std::get_if<zab::Truncate>(&write)) {
      to_log_.emplace_back(TruncateLog{cut->ticket, cut->upto, tree_.last_zxid() > cut->upto});
    } else if (const auto* install = std::get_if<zab::InstallSnapshot>(&write)) {
      to_log_.emplace_back(InstallTree{install->ticket, peers_->take_snapshot(install->link)});
    } else if (const auto* accepted = std::get_if<zab::WriteAcceptedEpoch>(&write)) {
      to_log_.emplace_back(*accepted);
    } else if (auto* configurations = std::get_if<zab::WriteConfigurations>(&write)) {
      to_log_.emplace_back(std::move(*configurations));
    } else {
      to_log_.emplace_back(std::get<zab::WriteCurrentEpoch>(write));
    }
  }
  log_.put(to_log_);
}

// Nobody is served, but operators' words may be looking.
void CoreThread::replace_tree(DataTree&& tree) {
  shared_.readers.lock_writer();
  tree_.take_over(std::move(tree));
  shared_.last_zxid.store(tree_.last_zxid().value, std::memory_order_release);
  shared_.readers.unlock_writer();
  checkpoints_.tree_replaced();
  core_.tree_replaced();
  tree_is_committed_ = false;
  checkpoint_zxid_ = tree_.last_zxid();
  log_bytes_ = 0;
  digests_.clear();
}

// Replies and events are in the io threads' mailboxes before the change can be read: who takes its
// slot next delivers them first.
void CoreThread::apply() {
  shared_.readers.lock_writer();
  const bool watched =
      std::any_of(io_.begin(), io_.end(), [](const auto& io) { return io->has_watches(); });
  core_.apply_committed(watched, now_, actions_);
  shared_.last_zxid.store(tree_.last_zxid().value, std::memory_order_release);
  distribute();
  if (core_.role() != zab::Role::kLooking) {
    offer_checkpoint(!std::exchange(tree_is_committed_, true));
  }
  shared_.readers.unlock_writer();
  keep_digests();
}

void CoreThread::distribute() {
  for (ClientAction& action : actions_.client) {
    if (auto* change = std::get_if<TreeChange>(&action)) {
      for (std::size_t i = 0; i < io_.size(); ++i) {
        if (io_[i]->has_watches()) outboxes_[i].mail.emplace_back(*change);
      }
      continue;
    }
    if (const auto* changed = std::get_if<ServingChanged>(&action)) {
      for (Outbox& outbox : outboxes_) outbox.mail.emplace_back(*changed);
      continue;
    }
    std::visit(
        [this](auto& item) {
          using Item = std::decay_t<decltype(item)>;
          if constexpr (!std::is_same_v<Item, TreeChange> &&
                        !std::is_same_v<Item, ServingChanged>) {
            PADDOCK_CHECK(item.connection.io < outboxes_.size());
            outboxes_[item.connection.io].mail.emplace_back(std::move(item));
          }
        },
        action);
  }
  for (std::size_t i = 0; i < io_.size(); ++i) {
    outboxes_[i].wake |= io_[i]->put(outboxes_[i].mail);
  }
}

void CoreThread::wake_io() {
  for (std::size_t i = 0; i < io_.size(); ++i) {
    if (std::exchange(outboxes_[i].wake, false)) io_[i]->wake();
  }
}

// The first one after the start is not waited for where there is none yet: a learner may need it.
void CoreThread::offer_checkpoint(bool first) {
  const std::int64_t txns = tree_.last_zxid().value - checkpoint_zxid_.value;
  const bool due = (first && peers_ != nullptr && !checkpoints_.zxid()) ||
                   tree_.dirty().bytes >= kDirtyBytesMax || txns >= due_.txns ||
                   (due_.log_bytes > 0 && log_bytes_ >= due_.log_bytes);
  if (!due || !checkpoints_.is_free()) return;
  log_bytes_ = 0;
  checkpoint_zxid_ = tree_.last_zxid();
  checkpoints_.offer(tree_.take_dirty());
}

void CoreThread::keep_digests() {
  for (const NotedDigest& noted : actions_.digests) digests_.push_back({noted.zxid, noted.digest});
  actions_.digests.clear();
  while (digests_.size() > kDigestsMax) digests_.pop_front();
}

}  // namespace paddock::server
