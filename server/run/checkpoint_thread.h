#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "common/env.h"
#include "common/logging.h"
#include "common/metrics.h"
#include "server/run/shared_state.h"
#include "server/storage/checkpoint.h"
#include "server/storage/storage.h"
#include "server/storage/txn_log.h"
#include "server/tree/dirty.h"

namespace paddock::server {

// Writes checkpoints, removes what they make superfluous, and prepares the log's next segment:
// everything about the disk that no client waits for.
//
// Thread: its own; offer() from the core thread.
// Failure: a checkpoint that cannot be written ends the process (die()): the log alone would grow
// without end. What cannot be purged is a warning, and tried again after the next one.
class CheckpointThread {
 public:
  struct Options {
    StorageOptions storage;
    bool purge = true;
  };
  CheckpointThread(Env& env, const Options& options, std::unique_ptr<Checkpoint> checkpoint,
                   TxnLog& log, SharedState& shared);
  ~CheckpointThread();

  void start();
  // Writes `last` behind what is under way, and joins.
  void stop(Dirty last);

  // Whether offer() would be taken: one at a time.
  bool is_free() const;
  void offer(Dirty dirty);

 private:
  void run();
  void write(Dirty dirty);
  void purge_up_to(Zxid zxid);
  // One piece of the spare segment. False: nothing more to do for now.
  bool prepare_spare();

  Env& env_;
  const Options options_;
  std::unique_ptr<Checkpoint> checkpoint_;
  TxnLog& log_;
  SharedState& shared_;
  ThreadMetrics& metrics_;
  std::thread thread_;

  mutable std::mutex mutex_;  // guards the next three
  std::condition_variable offered_;
  std::optional<Dirty> waiting_;
  bool busy_ = false;
  bool stopping_ = false;

  LogLimiter spare_errors_{Millis{60'000}};
};

}  // namespace paddock::server
