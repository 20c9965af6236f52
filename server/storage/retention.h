#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/env.h"
#include "common/ids.h"
#include "common/result.h"
#include "server/storage/snapshot_file.h"
#include "server/storage/storage.h"
#include "server/storage/txn_log_reader.h"

namespace paddock::server {

// From where on the log is still needed, by whoever reads it meanwhile. A pin may outlive this.
// Thread: any.
class LogPins {
 public:
  // Keeps what is behind a zxid as long as it lives.
  class Pin {
   public:
    Pin() = default;
    ~Pin() { release(); }
    Pin(Pin&& other) noexcept;
    Pin& operator=(Pin&& other) noexcept;

   private:
    friend class LogPins;
    struct Table {
      std::mutex mutex;  // guards what follows
      std::multiset<Zxid> zxids;
    };
    Pin(std::shared_ptr<Table> table, Zxid after);
    void release();

    std::shared_ptr<Table> table_;  // null: nothing is held
    Zxid after_;
  };

  Pin pin(Zxid after) { return {table_, after}; }
  std::optional<Zxid> lowest() const;

 private:
  std::shared_ptr<Pin::Table> table_ = std::make_shared<Pin::Table>();
};

// Which files may go. A log segment is needed while it may hold a transaction above the checkpoint;
// of the others the newest `purge_retain_count` stay, as long as all of them together do not exceed
// `purge_retain_bytes`. A ZooKeeper snapshot at or below the checkpoint stays, the newest
// `purge_retain_count` of them, while the segments that continue it are there: without them it
// would be a trap, for a ZooKeeper server would load it and silently miss what is gone.
// (`paddock snapshot export` makes a new one.)
struct Purge {
  std::vector<std::string> snapshots;  // names; removed first
  std::vector<std::string> logs;       // names; oldest first
  std::optional<Zxid> first_kept;      // the oldest segment that stays, where older ones go
};
struct LogFileSize {
  LogFile file;
  std::uint64_t bytes = 0;
};
// Pure. `logs` rise, `snapshots` fall by zxid.
Purge choose_purge(const std::vector<LogFileSize>& logs, const std::vector<SnapshotFile>& snapshots,
                   Zxid checkpoint, std::size_t retain_count, std::uint64_t retain_bytes);

// Removes them. Thread: checkpoint thread, once a checkpoint at `checkpoint` is durable; one below
// it keeps what is still needed from there on. A crash in
// between leaves what the next call removes.
Result<Purge> purge(Env& env, const StorageOptions& options, Zxid checkpoint);

}  // namespace paddock::server
