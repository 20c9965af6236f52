#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/error_code.h"
#include "common/records.h"
#include "server/tree/acl_check.h"
#include "server/tree/tree_change.h"

namespace paddock::server {

// A connection, to the watch table: a small number that its owner hands out and may use again after
// remove_watcher().
using WatcherId = std::uint32_t;

enum class WatchKind { kData, kChild };  // one-shot
enum class AddWatchMode { kPersistent = 0, kPersistentRecursive = 1 };

// Who watches what among the connections of one io thread, and what a change triggers.
// Modes live side by side on one path, as in ZooKeeper 3.9. A watch costs at most 16 bytes beyond
// its path, which is stored once.
// Thread: its io thread. Source: ZooKeeper 3.9, WatchManager; client-protocol.md section 11.
class WatchTable {
 public:
  WatchTable();
  ~WatchTable();

  void add(WatcherId watcher, std::string_view path, WatchKind kind);
  void add(WatcherId watcher, std::string_view path, AddWatchMode mode);

  // type: 1 children, 2 data, 3 any, 4 persistent, 5 persistent recursive. kNoWatcher where there
  // is none, kMarshallingError for another type.
  ErrorCode check(WatcherId watcher, std::string_view path, std::int32_t type) const;
  ErrorCode remove(WatcherId watcher, std::string_view path, std::int32_t type);
  void remove_watcher(WatcherId watcher);  // its connection is gone

  // Fires what `change` fires, one-shot watches being used up: f(watcher, type, path, acl) in
  // ZooKeeper's order. The receiver sees the event only if `acl` lets it READ: f checks that.
  using Fire = std::function<void(WatcherId, EventType, std::string_view path, const AclRef& acl)>;
  void trigger(const TreeChange& change, const Fire& f);

  // Counts, for operators. Only the data table is reported by wchs, wchc and wchp, as in ZooKeeper.
  std::size_t watch_count() const;  // entries of both tables
  bool empty() const;
  struct Summary {
    std::size_t connections = 0, paths = 0, watches = 0;
  };
  Summary summary() const;
  // f(path, watcher) for each entry of the data table, grouped by path.
  void for_each(const std::function<void(std::string_view, WatcherId)>& f) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace paddock::server
