#pragma once

#include <optional>

#include "common/env.h"
#include "common/ids.h"
#include "common/result.h"
#include "server/storage/checkpoint.h"
#include "server/storage/load_state.h"
#include "server/storage/storage.h"
#include "server/storage/txn_log.h"
#include "server/tree/data_tree.h"

// What a leader's TRUNC does to the disk, and to the tree. Thread: log thread.
// Source: ZooKeeper 3.8, server/ZKDatabase.truncateLog; peer-protocol.md B5; fault-catalogue.md
// rows 17 to 20.
namespace paddock::server {

// Everything above `upto` goes, durably: records of the log, and ZooKeeper's snapshots that are
// named above it. Code::kRefused, and nothing is changed, if no state at or before `upto` is left
// to begin from: `checkpoint` is that of our checkpoint if there is one, which cannot be undone.
Result<void> truncate_history(Env& env, const StorageOptions& options,
                              std::optional<Zxid> checkpoint, TxnLog& log, Zxid upto);

// The state that is on disk then: a fresh tree at `upto`.
Result<LoadedState> load_rewound(Env& env, const StorageOptions& options,
                                 const TreeOptions& tree_options, Checkpoint& checkpoint,
                                 Zxid upto);

}  // namespace paddock::server
