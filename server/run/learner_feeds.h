#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "common/env.h"
#include "common/ids.h"
#include "common/result.h"
#include "server/net/sync_stream.h"
#include "server/run/checkpoint_thread.h"
#include "server/storage/snapshot_stream.h"
#include "server/storage/storage.h"
#include "server/storage/txn_log.h"
#include "zab/event.h"

namespace paddock::server {

// What learners are given while they synchronize: a snapshot from the checkpoint, history from the
// log. Both are read from disk ahead of the socket, on threads of their own and at most a megabyte
// for each learner, so that the transport's loop never waits for the disk. What they need is not
// purged while they live.
//
// Thread: any. A feed is its link's. Destroying it ends what is read for it.
// Failure: a feed whose files are gone, or damaged, ends with an Error, which costs its link.
class LearnerFeeds {
 public:
  struct Limits {
    // More of them wait, but for voters, which do not (and count all the same).
    std::size_t snapshots = 10;   // zookeeper.leader.maxConcurrentSnapSyncs
    std::size_t histories = 100;  // zookeeper.leader.maxConcurrentDiffSyncs
    std::size_t threads = 2;
  };
  // Called from any thread once a feed of this link that said kLater can go on.
  using Ready = std::function<void(zab::LinkId)>;

  // `checkpoints` and `log` outlive it.
  LearnerFeeds(Env& env, const StorageOptions& options, CheckpointThread& checkpoints,
               const TxnLog& log, Ready ready, Limits limits);
  // Feeds that are still there give an Error from now on, and `ready` is not called any more.
  ~LearnerFeeds();

  enum class Learner { kVoter, kObserver };

  // The state of the newest checkpoint, as it is now. Code::kNotFound if there is none yet: the
  // caller sees to one first.
  struct SnapshotStart {
    Zxid zxid;  // of the SNAP packet; history goes on behind it
    std::unique_ptr<SnapshotFeed> feed;
  };
  Result<SnapshotStart> snapshot(zab::LinkId link, Learner learner = Learner::kVoter);

  // (after, upto], as soon as it is in the log on this disk.
  std::unique_ptr<HistoryFeed> history(zab::LinkId link, Zxid after, Zxid upto,
                                       Learner learner = Learner::kVoter);

 private:
  class Pool;
  class Claim;
  class StateFeed;
  class LogFeed;

  Env& env_;
  const StorageOptions options_;
  CheckpointThread& checkpoints_;
  const TxnLog& log_;
  const std::shared_ptr<Pool> pool_;
};

// Takes a leader's snapshot into a fresh tree. Thread: its link's.
class TreeSink final : public SnapshotSink {
 public:
  TreeSink(const TreeOptions& options, std::uint32_t field_bytes_max)
      : decoder_(options, field_bytes_max) {}

  Result<Taken> consume(ByteView piece) override;

  // Once it has said kDone: the tree, which is that of `zxid`.
  std::unique_ptr<DataTree> finish(Zxid zxid) { return decoder_.finish(zxid); }

 private:
  SnapshotDecoder decoder_;
};

}  // namespace paddock::server
