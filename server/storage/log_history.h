#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/env.h"
#include "common/ids.h"
#include "common/result.h"
#include "server/storage/load_state.h"
#include "server/storage/storage.h"
#include "zab/history.h"

namespace paddock::server {

// Which transactions the log folder holds without a gap up to the end, after a replay. Old segments
// are not read whole, but for those in which an epoch ends. What a gap, a damaged segment or a
// snapshot between two segments parts from the end does not count, and `notes` says so: a learner
// that is behind it gets a snapshot instead. A ZooKeeper server leaves such gaps where it was given
// a snapshot (ZOOKEEPER-2846; fault-catalogue.md row 24).
Result<zab::History> read_history(Env& env, const StorageOptions& options,
                                  const LoadedState& replayed, std::vector<std::string>& notes);

// After which transaction a log begins whose oldest segment is named `first`. What an earlier epoch
// ended with is not known, so an epoch's first transaction itself is the answer there.
constexpr Zxid start_before(Zxid first) {
  const bool known = first.counter() > 1 || first == Zxid{1};
  return known ? Zxid{first.value - 1} : first;
}

}  // namespace paddock::server
