#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/env.h"
#include "common/ids.h"
#include "common/logging.h"
#include "common/metrics.h"
#include "common/result.h"
#include "server/run/log_write.h"
#include "server/run/mailbox.h"
#include "server/run/shared_state.h"
#include "server/storage/checkpoint.h"
#include "server/storage/config_files.h"
#include "server/storage/storage.h"
#include "server/storage/txn_log.h"
#include "server/tree/data_tree.h"
#include "server/tree/dirty.h"
#include "zab/action.h"

namespace paddock::server {

class CheckpointThread;

// Carries out every durable write of the engine, in the order of the tickets: takes all that has
// gathered, appends what stands together and syncs it once, cuts, installs, writes epochs, and
// reports the last ticket to the core. While that runs, the next batch gathers.
//
// Thread: its own; put() and stop() from the core thread and the owner.
// Failure: any error ends the process at once (die()): what is on disk is unknown.
class LogThread {
 public:
  struct Options {
    StorageOptions storage;
    TreeOptions tree;  // of a tree that is loaded again
    Millis fsync_warning_threshold;
    // zoo.cfg, this server and the configuration's version, of an ensemble that can change.
    std::string config_path = {};
    ServerId self = {};
    std::int64_t config_version = 0;
  };
  LogThread(Env& env, const Options& options, std::unique_ptr<TxnLog> log, SharedState& shared);
  ~LogThread();

  void start(CheckpointThread& checkpoints);
  // Writes what was put, and joins.
  void stop();

  void put(std::vector<LogWrite>& writes) { writes_.put(writes); }

  // For who fills the spare segment.
  TxnLog& log() { return *log_; }

 private:
  void run();
  void carry_out(std::vector<LogWrite>& batch);
  void carry_out(zab::Append& append);
  void carry_out(TruncateLog& truncate);
  void carry_out(InstallTree& install);
  void carry_out(zab::WriteAcceptedEpoch& accepted);
  void carry_out(zab::WriteCurrentEpoch& current);
  void carry_out(zab::WriteConfigurations& configurations);
  void sync();
  Result<void> cut_and_reload(Checkpoint& checkpoint, Zxid upto);
  Result<void> put_in_place(Dirty whole, std::unique_ptr<Checkpoint>& checkpoint);
  void replace_epoch(const char* file, Epoch epoch);

  Env& env_;
  const Options options_;
  ConfigFiles config_files_;
  std::unique_ptr<TxnLog> log_;
  SharedState& shared_;
  CheckpointThread* checkpoints_ = nullptr;  // from start() on
  ThreadMetrics& metrics_;
  Mailbox<LogWrite> writes_;
  std::int64_t unsynced_ = 0;  // transactions appended since the last sync
  std::thread thread_;
  LogLimiter slow_{Millis{10'000}};
};

}  // namespace paddock::server
