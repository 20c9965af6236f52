#include "zab/synchronization.h"

#include <algorithm>

#include "common/check.h"

namespace paddock::zab {

SyncPlan plan_sync(const History& history, Zxid upto, Zxid learner) {
  PADDOCK_CHECK(upto <= history.last());
  const Zxid common = history.floor(std::min(learner, upto));
  if (learner < history.start() || common < history.start()) return {SyncPlan::How::kSnap, {}};
  if (common == learner) return {SyncPlan::How::kDiff, common};
  // It holds all of the epochs before, and nothing of this one or a later one.
  if (learner.counter() == 0 && learner.epoch() > common.epoch()) {
    return {SyncPlan::How::kDiff, common};
  }
  // Nothing in common: cutting all of its log would leave what its checkpoint holds.
  if (common == Zxid{}) return {SyncPlan::How::kSnap, {}};
  return {SyncPlan::How::kTrunc, common};
}

}  // namespace paddock::zab
