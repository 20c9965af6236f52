#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "common/ids.h"
#include "common/logging.h"
#include "common/metrics.h"
#include "server/run/log_write.h"
#include "server/run/mailbox.h"
#include "server/run/shared_state.h"
#include "server/storage/txn_log.h"
#include "zab/action.h"

namespace paddock::server {

// Makes transactions durable: takes all that has gathered, appends it, syncs once, reports the last
// ticket to the core. While one sync runs, the next batch gathers.
//
// Thread: its own; put() and stop() from the core thread and the owner.
// Failure: any error of the log ends the process at once (die()): what is on disk is unknown.
class LogThread {
 public:
  LogThread(std::unique_ptr<TxnLog> log, SharedState& shared, Millis fsync_warning_threshold);
  ~LogThread();

  void start();
  // Writes what was put, and joins.
  void stop();

  void put(std::vector<LogWrite>& writes) { writes_.put(writes); }

  // For who fills the spare segment.
  TxnLog& log() { return *log_; }

 private:
  void run();
  void persist(const std::vector<LogWrite>& batch);

  std::unique_ptr<TxnLog> log_;
  SharedState& shared_;
  const Millis fsync_warning_threshold_;
  ThreadMetrics& metrics_;
  Mailbox<LogWrite> writes_;
  std::thread thread_;
  LogLimiter slow_{Millis{10'000}};
};

}  // namespace paddock::server
