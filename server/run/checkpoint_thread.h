#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "common/env.h"
#include "common/logging.h"
#include "common/metrics.h"
#include "common/result.h"
#include "server/run/shared_state.h"
#include "server/storage/checkpoint.h"
#include "server/storage/retention.h"
#include "server/storage/storage.h"
#include "server/storage/txn_log.h"
#include "server/tree/dirty.h"

namespace paddock::server {

// Writes checkpoints, removes what they make superfluous, and prepares the log's next segment:
// everything about the disk that no client waits for.
//
// A checkpoint is never ahead of the log: with others' disks a transaction can be committed before
// ours has it, so what is offered waits until it is in the log on this disk.
//
// Thread: its own; offer() from the core thread, replace_state() from the log thread.
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
  // Writes `last` behind what is under way, and joins. The log thread has stopped before. Dirty{}
  // is nothing: for a tree that may hold what was never committed.
  void stop(Dirty last);

  // Whether offer() would be taken: one at a time.
  bool is_free() const;
  void offer(Dirty dirty);

  // What the checkpoint on disk stands for; nullopt if there is none. Any thread.
  std::optional<Zxid> zxid() const;
  // Its state of now, for a learner. Any thread. Code::kNotFound if there is none yet, kRefused
  // while another one takes its place.
  Result<std::unique_ptr<CheckpointView>> open_view() const;
  // What is pinned is not purged. Any thread.
  LogPins& pins() { return pins_; }

  // Runs `work` on the caller's thread, once nothing else uses the checkpoint: it may put another
  // one in its place. What is offered from now on is of the tree of before, and dropped, as is what
  // was and is not on disk yet, until the core says that it has the tree that belongs to the disk.
  using Work = std::function<Result<void>(std::unique_ptr<Checkpoint>& checkpoint)>;
  Result<void> replace_state(const Work& work);
  // From the core thread, for each TreeReplaced.
  void tree_replaced();

 private:
  void run();
  void write_when_logged(Dirty dirty);
  void write(Dirty dirty);
  void purge_up_to(Zxid zxid);
  // One piece of the spare segment. False: nothing more to do for now.
  bool prepare_spare();

  Env& env_;
  const Options options_;
  TxnLog& log_;
  SharedState& shared_;
  ThreadMetrics& metrics_;
  std::thread thread_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::unique_ptr<Checkpoint> checkpoint_;  // changed by who is busy; null while it is replaced
  std::optional<Dirty> waiting_;
  bool busy_ = false;       // the checkpoint is in use, by whoever set this
  bool replacing_ = false;  // somebody waits in replace_state(), or works there
  bool stopping_ = false;
  int trees_due_ = 0;  // replaced on disk, and not yet in the core

  LogPins pins_;
  LogLimiter spare_errors_{Millis{60'000}};
};

}  // namespace paddock::server
