#include "server/run/checkpoint_thread.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <glog/logging.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/concat.h"
#include "server/storage/log_history.h"

namespace paddock::server {

namespace {
// Small pieces, and time between them: neither an offered checkpoint nor the log's own fdatasync
// waits long behind zeros. Still 64 MiB in a second, faster than any load fills a segment.
constexpr std::size_t kSparePieceBytes = 256u << 10;
constexpr std::chrono::milliseconds kSparePause{3};
// How soon a spare is looked after again: the log takes one each time it begins a segment.
constexpr std::chrono::milliseconds kSpareInterval{1000};
// How soon it is looked whether the log has come as far as what is to be written.
constexpr std::chrono::milliseconds kLoggedInterval{2};
using Clock = std::chrono::steady_clock;
}  // namespace

CheckpointThread::CheckpointThread(Env& env, const Options& options,
                                   std::unique_ptr<Checkpoint> checkpoint, TxnLog& log,
                                   SharedState& shared)
    : env_(env),
      options_(options),
      log_(log),
      shared_(shared),
      metrics_(shared.metrics.new_thread()),
      checkpoint_(std::move(checkpoint)) {}

CheckpointThread::~CheckpointThread() {
  PADDOCK_CHECK(!thread_.joinable());
}

void CheckpointThread::start() {
  thread_ = std::thread([this] { run(); });
}

void CheckpointThread::stop(Dirty last) {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  if (trees_due_ != 0) return;  // it is of a tree that the disk no longer knows
  if (last.empty() && last.zxid <= checkpoint_->zxid()) return;
  PADDOCK_CHECK(last.zxid <= log_.last_durable());
  write(std::move(last));
}

bool CheckpointThread::is_free() const {
  const std::lock_guard lock(mutex_);
  return !busy_ && !waiting_ && trees_due_ == 0;
}

void CheckpointThread::offer(Dirty dirty) {
  const std::lock_guard lock(mutex_);
  if (trees_due_ != 0) return;
  PADDOCK_CHECK(!waiting_);
  waiting_ = std::move(dirty);
  changed_.notify_all();
}

std::optional<Zxid> CheckpointThread::zxid() const {
  const std::lock_guard lock(mutex_);
  if (checkpoint_ == nullptr || checkpoint_->empty()) return std::nullopt;
  return checkpoint_->zxid();
}

Result<std::unique_ptr<CheckpointView>> CheckpointThread::open_view() const {
  const std::lock_guard lock(mutex_);
  if (checkpoint_ == nullptr) {
    return Error{Code::kRefused, "another state is taking the place of the checkpoint"};
  }
  return checkpoint_->open_view();
}

Result<void> CheckpointThread::replace_state(const Work& work) {
  std::unique_lock lock(mutex_);
  PADDOCK_CHECK(!replacing_);
  replacing_ = true;
  ++trees_due_;
  changed_.notify_all();
  changed_.wait(lock, [this] { return !busy_; });
  busy_ = true;
  waiting_.reset();
  std::unique_ptr<Checkpoint> checkpoint = std::move(checkpoint_);
  lock.unlock();
  Result<void> done = work(checkpoint);
  lock.lock();
  checkpoint_ = std::move(checkpoint);
  busy_ = replacing_ = false;
  changed_.notify_all();
  return done;
}

void CheckpointThread::tree_replaced() {
  const std::lock_guard lock(mutex_);
  PADDOCK_CHECK(trees_due_ > 0);
  --trees_due_;
}

// The spare has its own time: where checkpoints are due without end, the log still needs one.
void CheckpointThread::run() {
  auto spare_due = Clock::now() + kSparePause;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait_until(lock, spare_due, [this] { return (waiting_ && !replacing_) || stopping_; });
    if (replacing_) {
      spare_due = Clock::now() + kSparePause;
      continue;
    }
    if (!waiting_ && stopping_) return;
    if (waiting_) {
      Dirty dirty = *std::exchange(waiting_, std::nullopt);
      busy_ = true;
      lock.unlock();
      write_when_logged(std::move(dirty));
      lock.lock();
      busy_ = false;
      changed_.notify_all();
    }
    if (Clock::now() >= spare_due) {
      lock.unlock();
      spare_due = Clock::now() + (prepare_spare() ? kSparePause : kSpareInterval);
      lock.lock();
    }
  }
}

// What the log never gets, since it is cut before, must not get into the checkpoint either.
void CheckpointThread::write_when_logged(Dirty dirty) {
  {
    std::unique_lock lock(mutex_);
    while (log_.last_durable() < dirty.zxid && !replacing_ && !stopping_) {
      changed_.wait_for(lock, kLoggedInterval);
    }
    if (replacing_ || log_.last_durable() < dirty.zxid) return;
  }
  write(std::move(dirty));
}

void CheckpointThread::write(Dirty dirty) {
  const Zxid zxid = dirty.zxid;
  const std::size_t nodes = dirty.nodes.size();
  const std::size_t bytes = dirty.bytes;
  const Clock::time_point before = Clock::now();
  if (const auto done = checkpoint_->write(std::move(dirty)); !done) {
    die(concat("cannot write the checkpoint: ", done.error().message));
  }
  const auto took =
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - before).count();
  metrics_.record(Summary::kSnapshotTime, took);
  VLOG(1) << "checkpoint at zxid=0x" << hex(static_cast<std::uint64_t>(zxid.value)) << ": " << nodes
          << " nodes, " << bytes << " bytes, " << took / 1000 << " ms";
  shared_.tell_core(CoreMail(CoreEvent(CheckpointWritten{zxid})));
  if (options_.purge) purge_up_to(zxid);
}

void CheckpointThread::purge_up_to(Zxid zxid) {
  const Zxid needed = std::min(zxid, pins_.lowest().value_or(zxid));
  const auto purged = purge(env_, options_.storage, needed);
  if (!purged) {
    LOG(WARNING) << "cannot remove old logs and snapshots: " << purged.error().message;
  } else if (!purged->logs.empty() || !purged->snapshots.empty()) {
    LOG(INFO) << "removed " << purged->logs.size() << " log segments and "
              << purged->snapshots.size() << " snapshots that checkpoint zxid=0x"
              << hex(static_cast<std::uint64_t>(zxid.value)) << " replaces";
  }
  if (!purged || !purged->first_kept) return;
  shared_.tell_core(CoreMail(CoreEvent(zab::HistoryTrimmed{start_before(*purged->first_kept)})));
}

bool CheckpointThread::prepare_spare() {
  const Result<bool> more = log_.prepare_spare(kSparePieceBytes);
  if (more) return *more;
  if (const auto ok = spare_errors_.admit(SystemClock{}.now())) {
    LOG(WARNING) << "cannot prepare the next log segment, writes will be slower: "
                 << more.error().message << suppressed_note(ok);
  }
  return false;
}

}  // namespace paddock::server
