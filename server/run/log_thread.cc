#include "server/run/log_thread.h"

#include <chrono>
#include <utility>

#include <glog/logging.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/concat.h"
#include "server/run/checkpoint_thread.h"
#include "server/storage/epoch_files.h"
#include "server/storage/install.h"
#include "server/storage/recovery.h"
#include "server/storage/rewind.h"

namespace paddock::server {

namespace {

std::string hex_text(Zxid zxid) {
  return concat("0x", hex(static_cast<std::uint64_t>(zxid.value)));
}

}  // namespace

LogThread::LogThread(Env& env, const Options& options, std::unique_ptr<TxnLog> log,
                     SharedState& shared)
    : env_(env),
      options_(options),
      config_files_(env, options.config_path, options.self, options.config_version),
      log_(std::move(log)),
      shared_(shared),
      metrics_(shared.metrics.new_thread()) {}

LogThread::~LogThread() {
  PADDOCK_CHECK(!thread_.joinable());
}

void LogThread::start(CheckpointThread& checkpoints) {
  checkpoints_ = &checkpoints;
  thread_ = std::thread([this] { run(); });
}

void LogThread::stop() {
  writes_.stop();
  if (thread_.joinable()) thread_.join();
}

void LogThread::run() {
  std::vector<LogWrite> batch;
  while (writes_.take(batch)) {
    carry_out(batch);
    const zab::WriteTicket last =
        std::visit([](const auto& write) { return write.ticket; }, batch.back());
    shared_.tell_core(CoreMail(CoreEvent(zab::Persisted{last})));
  }
}

void LogThread::carry_out(std::vector<LogWrite>& batch) {
  for (LogWrite& write : batch) {
    if (!std::holds_alternative<zab::Append>(write)) sync();
    std::visit([this](auto& body) { carry_out(body); }, write);
  }
  sync();
}

void LogThread::carry_out(zab::Append& append) {
  if (const auto done = log_->append(append.txns); !done) {
    die(concat("cannot append to the transaction log: ", done.error().message));
  }
  unsynced_ += std::ssize(append.txns);
}

void LogThread::carry_out(TruncateLog& truncate) {
  const Zxid before = log_->last_durable();
  const auto done =
      truncate.reload_tree
          ? checkpoints_->replace_state([&](std::unique_ptr<Checkpoint>& checkpoint) {
              return cut_and_reload(*checkpoint, truncate.upto);
            })
          : truncate_history(env_, options_.storage, checkpoints_->zxid(), *log_, truncate.upto);
  if (!done) {
    die(concat("cannot cut the transaction log after ", hex_text(truncate.upto), ": ",
               done.error().message));
  }
  LOG(INFO) << "cut the transaction log after zxid=" << hex_text(truncate.upto) << ", it ended at "
            << hex_text(before);
}

// The tree is loaded again as at a start: what was cut goes from memory too.
Result<void> LogThread::cut_and_reload(Checkpoint& checkpoint, Zxid upto) {
  const auto kept = checkpoint.empty() ? std::nullopt : std::optional(checkpoint.zxid());
  PADDOCK_TRY_DO(truncate_history(env_, options_.storage, kept, *log_, upto));
  PADDOCK_TRY(LoadedState state,
              load_rewound(env_, options_.storage, options_.tree, checkpoint, upto));
  for (const std::string& note : state.notes) LOG(INFO) << note;
  shared_.tell_core(CoreMail(TreeReplaced{std::move(state.tree)}));
  return {};
}

void LogThread::carry_out(InstallTree& install) {
  PADDOCK_CHECK(install.tree != nullptr);
  DataTree& tree = *install.tree;
  tree.mark_all_dirty();
  Dirty whole = tree.take_dirty();
  const Zxid zxid = tree.last_zxid();
  const auto done = checkpoints_->replace_state([&](std::unique_ptr<Checkpoint>& checkpoint) {
    return put_in_place(std::move(whole), checkpoint);
  });
  if (!done) die(concat("cannot install the leader's snapshot: ", done.error().message));
  LOG(INFO) << "installed the leader's snapshot of zxid=" << hex_text(zxid) << ": "
            << tree.node_count() << " nodes, " << tree.session_count() << " sessions";
  shared_.tell_core(CoreMail(TreeReplaced{std::move(install.tree)}));
}

Result<void> LogThread::put_in_place(Dirty whole, std::unique_ptr<Checkpoint>& checkpoint) {
  const Zxid zxid = whole.zxid;
  PADDOCK_TRY_DO(prepare_install(env_, options_.storage, std::move(whole)));
  checkpoint.reset();
  PADDOCK_TRY(const bool finished, finish_install(env_, options_.storage));
  PADDOCK_CHECK(finished);
  PADDOCK_TRY_DO(log_->restart_after(zxid));
  PADDOCK_TRY(checkpoint,
              Checkpoint::open(env_, state_folder(options_.storage), options_.storage.checkpoint));
  PADDOCK_CHECK(checkpoint->zxid() == zxid);
  return {};
}

void LogThread::carry_out(zab::WriteAcceptedEpoch& accepted) {
  replace_epoch(kAcceptedEpochFile, accepted.epoch);
}

void LogThread::carry_out(zab::WriteCurrentEpoch& current) {
  replace_epoch(kCurrentEpochFile, current.epoch);
}

void LogThread::carry_out(zab::WriteConfigurations& configurations) {
  const auto& [ticket, committed, last_seen] = configurations;
  if (const auto done = config_files_.write(*committed, last_seen.get()); !done) {
    die(concat("cannot write the ensemble's configuration beside ", options_.config_path, ": ",
               done.error().message));
  }
  LOG(INFO) << "the ensemble's configuration is of version 0x"
            << hex(static_cast<std::uint64_t>(committed->version))
            << (last_seen == nullptr
                    ? ""
                    : concat(", and one of version 0x",
                             hex(static_cast<std::uint64_t>(last_seen->version)), " is proposed"));
}

void LogThread::replace_epoch(const char* file, Epoch epoch) {
  const std::string path = concat(snapshot_folder(options_.storage), "/", file);
  if (const auto done = write_epoch(env_, path, epoch); !done) {
    die(concat("cannot write ", path, ": ", done.error().message));
  }
}

void LogThread::sync() {
  if (unsynced_ == 0) return;
  using Clock = std::chrono::steady_clock;
  const Clock::time_point before = Clock::now();
  if (const auto done = log_->sync(); !done) {
    die(concat("cannot sync the transaction log: ", done.error().message));
  }
  const auto took =
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - before).count();
  const std::int64_t txns = std::exchange(unsynced_, 0);
  metrics_.record(Summary::kFsyncTime, took);
  metrics_.record(Summary::kSyncBatchSize, txns);
  if (took / 1000 < options_.fsync_warning_threshold.value) return;
  if (const auto ok = slow_.admit(SystemClock{}.now())) {
    LOG(WARNING) << "the transaction log took " << took / 1000 << " ms to sync " << txns
                 << " transactions (fsync.warningthresholdms="
                 << options_.fsync_warning_threshold.value << "): every write waits for it"
                 << suppressed_note(ok);
  }
}

}  // namespace paddock::server
