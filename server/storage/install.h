#pragma once

#include "common/env.h"
#include "common/result.h"
#include "server/storage/storage.h"
#include "server/tree/dirty.h"

// A leader's snapshot in the place of checkpoint, log and ZooKeeper's snapshots. A crash leaves all
// of the old state or all of the new one: `dataDir/state.new` is written and synced, and renamed to
// `state.ready`, which decides; then the old log, the old snapshots and `state` go, and
// `state.ready` becomes `state`. A start does that too, where a crash came between.
//
// Thread: log thread, while nothing else uses checkpoint and log; or recovery.
namespace paddock::server {

// Writes `whole`, all of a tree, as the state that decides. The old one is not touched.
Result<void> prepare_install(Env& env, const StorageOptions& options, Dirty whole);

// Puts a state that decides into its place; `dataDir/state` is not open. False: there is none. What
// was not written to its end is removed.
Result<bool> finish_install(Env& env, const StorageOptions& options);

}  // namespace paddock::server
