#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/env.h"
#include "common/ids.h"
#include "common/result.h"
#include "server/storage/snapshot_file.h"
#include "server/storage/storage.h"
#include "server/storage/txn_log_reader.h"

namespace paddock::server {

// Which files may go. A log segment is needed while it may hold a transaction above the checkpoint;
// of the others the newest `purge_retain_count` stay, as long as all of them together do not exceed
// `purge_retain_bytes`. A ZooKeeper snapshot at or below the checkpoint stays, the newest
// `purge_retain_count` of them, while the segments that continue it are there: without them it
// would be a trap, for a ZooKeeper server would load it and silently miss what is gone.
// (`paddock snapshot export` makes a new one.)
struct Purge {
  std::vector<std::string> snapshots;  // names; removed first
  std::vector<std::string> logs;       // names; oldest first
};
struct LogFileSize {
  LogFile file;
  std::uint64_t bytes = 0;
};
// Pure. `logs` rise, `snapshots` fall by zxid.
Purge choose_purge(const std::vector<LogFileSize>& logs, const std::vector<SnapshotFile>& snapshots,
                   Zxid checkpoint, std::size_t retain_count, std::uint64_t retain_bytes);

// Removes them. Thread: checkpoint thread, once a checkpoint at `checkpoint` is durable. A crash in
// between leaves what the next call removes.
Result<Purge> purge(Env& env, const StorageOptions& options, Zxid checkpoint);

}  // namespace paddock::server
