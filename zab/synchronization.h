#pragma once

#include "common/ids.h"
#include "zab/history.h"

namespace paddock::zab {

// How a learner gets from where it is to where the leader is.
struct SyncPlan {
  enum class How { kDiff, kTrunc, kSnap };
  How how{};
  Zxid from;  // of kDiff and kTrunc: the learner's history up to here is the leader's too
};

// Phase 2, the leader's choice, for a learner whose log ends with `learner`. `history` is the
// leader's; all of it up to `upto` is committed, or will be by the very fact that a quorum follows.
// Decided from the epochs alone, so it reaches as far back as the log on disk does.
//
// Whatever of the learner's log is beyond what both have is cut, also where it is a proposal that
// is still under way: DIFF would declare it committed.
// A zxid with counter 0 stands for all that came before its epoch: ZooKeeper's servers claim it
// when nothing was committed in an epoch that they took part in. Source: ZooKeeper 3.8,
// LearnerHandler.syncFollower; peer-protocol.md section B4. Unlike it, TRUNC may cross epochs, and
// no number of transactions calls for SNAP.
SyncPlan plan_sync(const History& history, Zxid upto, Zxid learner);

}  // namespace paddock::zab
