#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include "common/error_code.h"
#include "common/records.h"
#include "server/tree/acl_check.h"
#include "server/tree/hash_index.h"
#include "server/tree/tree_change.h"
#include "server/tree/watcher_list.h"

namespace paddock::server {

enum class WatchKind { kData, kChild };  // one-shot
enum class AddWatchMode { kPersistent = 0, kPersistentRecursive = 1 };

// Who watches what among the connections of one io thread, and what a change triggers.
// Modes live side by side on one path, as in ZooKeeper 3.9. A watch costs at most 16 bytes beyond
// its path, which is stored once.
// Thread: its io thread. Source: ZooKeeper 3.9, WatchManager; client-protocol.md section 11.
class WatchTable {
 public:
  explicit WatchTable(std::uint64_t hash_seed = 0);
  ~WatchTable();
  WatchTable(const WatchTable&) = delete;
  WatchTable& operator=(const WatchTable&) = delete;

  void add(WatcherId watcher, std::string_view path, WatchKind kind);
  void add(WatcherId watcher, std::string_view path, AddWatchMode mode);

  // type: 1 children, 2 data, 3 any, 4 persistent, 5 persistent recursive. kNoWatcher where there
  // is none, kMarshallingError for another type.
  ErrorCode check(WatcherId watcher, std::string_view path, std::int32_t type) const;
  ErrorCode remove(WatcherId watcher, std::string_view path, std::int32_t type);
  void remove_watcher(WatcherId watcher);  // its connection is gone

  // Fires what `change` fires, one-shot watches being used up: f(watcher, type, path, acl) in
  // ZooKeeper's order. The receiver sees the event only if `acl` lets it READ: f checks that.
  // f is called when the table has settled, and must leave it alone.
  using Fire = std::function<void(WatcherId, EventType, std::string_view path, const AclRef& acl)>;
  void trigger(const TreeChange& change, const Fire& f);

  // Counts, for operators. Only the data table is reported by wchs, wchc and wchp, as in ZooKeeper.
  std::size_t watch_count() const { return data_count_ + child_count_; }  // entries of both tables
  bool empty() const { return watch_count() == 0; }
  struct Summary {
    std::size_t connections = 0, paths = 0, watches = 0;
  };
  Summary summary() const;
  // f(path, watcher) for each entry of the data table, grouped by path.
  void for_each(const std::function<void(std::string_view, WatcherId)>& f) const;

 private:
  // A path that is watched. The places of the paths are the numbers below, counted from 1.
  struct WatchedPath {
    char* text = nullptr;  // nullptr: a free place
    std::size_t size = 0;
    WatcherList watchers;
    std::string_view path() const { return {text, size}; }
  };
  using PathNumber = std::uint32_t;
  using PathSet = boost::unordered_flat_set<PathNumber>;
  WatchedPath& watched(PathNumber number) { return paths_[number - 1]; }
  const WatchedPath& watched(PathNumber number) const { return paths_[number - 1]; }
  PathNumber find(std::string_view path) const;
  PathNumber find_or_add(std::string_view path);
  void release_if_unwatched(PathNumber number);
  void add_modes(WatcherId watcher, std::string_view path, WatchModes modes);
  void set_modes(PathNumber number, std::size_t at, WatchModes modes);
  void forget(WatcherId watcher, PathNumber number);
  void count(WatchModes modes, std::size_t step);

  void fire_data(std::string_view path, std::vector<WatcherId>& watchers);
  void fire_child(std::string_view path, std::vector<WatcherId>& watchers);
  void take(PathNumber number, WatchModes fired, WatchModes used_up,
            std::vector<WatcherId>& watchers);
  void add_recursive_above(std::string_view path, std::vector<WatcherId>& watchers) const;

  std::uint64_t hash_seed_;
  HashIndex index_;                // of paths
  std::deque<WatchedPath> paths_;  // by number
  std::vector<PathNumber> free_;
  boost::unordered_flat_map<WatcherId, PathSet> by_watcher_;
  std::size_t data_count_ = 0, child_count_ = 0, recursive_count_ = 0;

  // What one trigger() gathers, kept for its memory.
  std::vector<WatcherId> data_, child_, parent_;
};

}  // namespace paddock::server
