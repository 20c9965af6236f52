#include "server/run/log_thread.h"

#include <chrono>
#include <utility>

#include <glog/logging.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/concat.h"

namespace paddock::server {

LogThread::LogThread(std::unique_ptr<TxnLog> log, SharedState& shared,
                     Millis fsync_warning_threshold)
    : log_(std::move(log)),
      shared_(shared),
      fsync_warning_threshold_(fsync_warning_threshold),
      metrics_(shared.metrics.new_thread()) {}

LogThread::~LogThread() {
  PADDOCK_CHECK(!thread_.joinable());
}

void LogThread::start() {
  thread_ = std::thread([this] { run(); });
}

void LogThread::stop() {
  writes_.stop();
  if (thread_.joinable()) thread_.join();
}

void LogThread::run() {
  std::vector<LogWrite> batch;
  while (writes_.take(batch)) {
    persist(batch);
    const zab::WriteTicket last =
        std::visit([](const auto& write) { return write.ticket; }, batch.back());
    shared_.tell_core(CoreMail(CoreEvent(zab::Persisted{last})));
  }
}

void LogThread::persist(const std::vector<LogWrite>& batch) {
  using Clock = std::chrono::steady_clock;
  std::int64_t txns = 0;
  for (const LogWrite& write : batch) {
    const zab::Append& append = std::get<zab::Append>(write);
    if (const auto done = log_->append(append.txns); !done) {
      die(concat("cannot append to the transaction log: ", done.error().message));
    }
    txns += static_cast<std::int64_t>(append.txns.size());
  }
  const Clock::time_point before = Clock::now();
  if (const auto done = log_->sync(); !done) {
    die(concat("cannot sync the transaction log: ", done.error().message));
  }
  const auto took =
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - before).count();
  metrics_.record(Summary::kFsyncTime, took);
  metrics_.record(Summary::kSyncBatchSize, txns);
  if (took / 1000 < fsync_warning_threshold_.value) return;
  if (const auto ok = slow_.admit(SystemClock{}.now())) {
    LOG(WARNING) << "the transaction log took " << took / 1000 << " ms to sync " << txns
                 << " transactions (fsync.warningthresholdms=" << fsync_warning_threshold_.value
                 << "): every write waits for it" << suppressed_note(ok);
  }
}

}  // namespace paddock::server
