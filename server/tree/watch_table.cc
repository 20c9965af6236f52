#include "server/tree/watch_table.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "common/path.h"

namespace paddock::server {

namespace {

// ZooKeeper's two tables, as the modes that are in them.
constexpr WatchModes kInDataTable = kWatchData | kWatchPersistent | kWatchRecursive;
constexpr WatchModes kInChildTable = kWatchChild | kWatchPersistent;

// 0: not a type. Source: ZooKeeper 3.9, Watcher.WatcherType.
WatchModes modes_of_type(std::int32_t type) {
  switch (type) {
    case 1:
      return kWatchChild;
    case 2:
      return kWatchData;
    case 3:
      return kInDataTable | kInChildTable;
    case 4:
      return kWatchPersistent;
    case 5:
      return kWatchRecursive;
    default:
      return 0;
  }
}

// Where a change of a child is announced: the root's children know it as "/".
std::string_view watched_parent(std::string_view path) {
  const std::string_view parent = parent_of(path);
  return parent.empty() ? "/" : parent;
}

void sort_unique(std::vector<WatcherId>& watchers) {
  std::ranges::sort(watchers);
  watchers.erase(std::unique(watchers.begin(), watchers.end()), watchers.end());
}

// Takes out of `watchers` those that are in `others` too.
void subtract(std::vector<WatcherId>& watchers, std::vector<WatcherId>& others) {
  if (watchers.empty() || others.empty()) return;
  std::ranges::sort(others);
  std::erase_if(watchers, [&](WatcherId each) { return std::ranges::binary_search(others, each); });
}

}  // namespace

WatchTable::WatchTable(std::uint64_t hash_seed) : hash_seed_(hash_seed) {}

WatchTable::~WatchTable() {
  for (const WatchedPath& each : paths_) std::free(each.text);
}

// --- paths ---

WatchTable::PathNumber WatchTable::find(std::string_view path) const {
  return index_.find(hash_of_path(path, hash_seed_),
                     [&](PathNumber number) { return watched(number).path() == path; });
}

WatchTable::PathNumber WatchTable::find_or_add(std::string_view path) {
  const std::uint64_t hash = hash_of_path(path, hash_seed_);
  const PathNumber known =
      index_.find(hash, [&](PathNumber number) { return watched(number).path() == path; });
  if (known != 0) return known;
  if (free_.empty()) {
    paths_.emplace_back();
    free_.push_back(static_cast<PathNumber>(paths_.size()));
  }
  const PathNumber number = free_.back();
  free_.pop_back();
  WatchedPath& added = watched(number);
  added.text = static_cast<char*>(std::malloc(std::max<std::size_t>(path.size(), 1)));
  if (added.text == nullptr) throw std::bad_alloc();
  added.size = path.copy(added.text, path.size());
  index_.insert(hash, number);
  return number;
}

void WatchTable::release_if_unwatched(PathNumber number) {
  WatchedPath& unwatched = watched(number);
  if (!unwatched.watchers.empty()) return;
  index_.erase(hash_of_path(unwatched.path(), hash_seed_), number);
  std::free(unwatched.text);
  unwatched.text = nullptr;
  unwatched.size = 0;
  free_.push_back(number);
}

// --- entries ---

// `step` is 1, or -1 as an unsigned number.
void WatchTable::count(WatchModes modes, std::size_t step) {
  if ((modes & kInDataTable) != 0) data_count_ += step;
  if ((modes & kInChildTable) != 0) child_count_ += step;
  if ((modes & kWatchRecursive) != 0) recursive_count_ += step;
}

void WatchTable::add_modes(WatcherId watcher, std::string_view path, WatchModes modes) {
  const PathNumber number = find_or_add(path);
  WatcherList& watchers = watched(number).watchers;
  if (by_watcher_[watcher].insert(number).second) {
    watchers.add(watcher, modes);
    return count(modes, 1);
  }
  const std::size_t at = watchers.find(watcher);
  set_modes(number, at, watchers.modes(at) | modes);
}

// With no mode left, the entry goes, but the path stays: see release_if_unwatched().
void WatchTable::set_modes(PathNumber number, std::size_t at, WatchModes modes) {
  WatcherList& watchers = watched(number).watchers;
  count(watchers.modes(at), static_cast<std::size_t>(-1));
  count(modes, 1);
  if (modes != 0) return watchers.set_modes(at, modes);
  forget(watchers.watcher(at), number);
  watchers.erase(at);
}

void WatchTable::forget(WatcherId watcher, PathNumber number) {
  const auto paths = by_watcher_.find(watcher);
  PADDOCK_CHECK(paths != by_watcher_.end());
  paths->second.erase(number);
  if (paths->second.empty()) by_watcher_.erase(paths);
}

void WatchTable::add(WatcherId watcher, std::string_view path, WatchKind kind) {
  add_modes(watcher, path, kind == WatchKind::kData ? kWatchData : kWatchChild);
}

void WatchTable::add(WatcherId watcher, std::string_view path, AddWatchMode mode) {
  add_modes(watcher, path, mode == AddWatchMode::kPersistent ? kWatchPersistent : kWatchRecursive);
}

ErrorCode WatchTable::check(WatcherId watcher, std::string_view path, std::int32_t type) const {
  const WatchModes sought = modes_of_type(type);
  if (sought == 0) return ErrorCode::kMarshallingError;
  const PathNumber number = find(path);
  if (number == 0) return ErrorCode::kNoWatcher;
  const WatcherList& watchers = watched(number).watchers;
  const std::size_t at = watchers.find(watcher);
  if (at == watchers.size() || (watchers.modes(at) & sought) == 0) return ErrorCode::kNoWatcher;
  return ErrorCode::kOk;
}

ErrorCode WatchTable::remove(WatcherId watcher, std::string_view path, std::int32_t type) {
  if (const ErrorCode error = check(watcher, path, type); error != ErrorCode::kOk) return error;
  const PathNumber number = find(path);
  const WatcherList& watchers = watched(number).watchers;
  const std::size_t at = watchers.find(watcher);
  set_modes(number, at, watchers.modes(at) & ~modes_of_type(type));
  release_if_unwatched(number);
  return ErrorCode::kOk;
}

void WatchTable::remove_watcher(WatcherId watcher) {
  const auto entry = by_watcher_.find(watcher);
  if (entry == by_watcher_.end()) return;
  const PathSet paths = std::move(entry->second);
  by_watcher_.erase(entry);
  for (const PathNumber number : paths) {
    WatcherList& watchers = watched(number).watchers;
    const std::size_t at = watchers.find(watcher);
    PADDOCK_CHECK(at < watchers.size());
    count(watchers.modes(at), static_cast<std::size_t>(-1));
    watchers.erase(at);
    release_if_unwatched(number);
  }
}

// --- firing ---

void WatchTable::trigger(const TreeChange& change, const Fire& f) {
  if (empty()) return;
  data_.clear();
  child_.clear();
  parent_.clear();
  fire_data(change.path, data_);
  EventType type = EventType::kNodeDataChanged;
  if (change.kind != TreeChange::Kind::kDataChanged) {
    type = EventType::kNodeCreated;
    if (change.kind == TreeChange::Kind::kDeleted) {
      type = EventType::kNodeDeleted;
      fire_child(change.path, child_);
      subtract(child_, data_);
    }
    fire_child(watched_parent(change.path), parent_);
  }
  for (const WatcherId each : data_) f(each, type, change.path, change.node_acl);
  for (const WatcherId each : child_) f(each, type, change.path, change.node_acl);
  for (const WatcherId each : parent_) {
    f(each, EventType::kNodeChildrenChanged, watched_parent(change.path), change.parent_acl);
  }
}

// Each watcher once, in whatever ways it watches.
void WatchTable::fire_data(std::string_view path, std::vector<WatcherId>& watchers) {
  if (data_count_ == 0) return;
  if (const PathNumber number = find(path); number != 0) {
    take(number, kInDataTable, kWatchData, watchers);
  }
  if (recursive_count_ == 0) return;
  const std::size_t before = watchers.size();
  add_recursive_above(path, watchers);
  if (watchers.size() != before) sort_unique(watchers);
}

void WatchTable::fire_child(std::string_view path, std::vector<WatcherId>& watchers) {
  if (child_count_ == 0) return;
  if (const PathNumber number = find(path); number != 0) {
    take(number, kInChildTable, kWatchChild, watchers);
  }
}

// Gathers who watches in a `fired` mode; the mode `used_up` goes.
void WatchTable::take(PathNumber number, WatchModes fired, WatchModes used_up,
                      std::vector<WatcherId>& watchers) {
  const WatcherList& list = watched(number).watchers;
  for (std::size_t at = list.size(); at-- > 0;) {  // from the end: the last one fills a gap
    const WatchModes modes = list.modes(at);
    if ((modes & fired) != 0) watchers.push_back(list.watcher(at));
    if ((modes & used_up) != 0) set_modes(number, at, modes & ~used_up);
  }
  release_if_unwatched(number);
}

void WatchTable::add_recursive_above(std::string_view path,
                                     std::vector<WatcherId>& watchers) const {
  while (path.size() > 1) {
    path = watched_parent(path);
    const PathNumber number = find(path);
    if (number == 0) continue;
    const WatcherList& list = watched(number).watchers;
    for (std::size_t at = 0; at < list.size(); ++at) {
      if ((list.modes(at) & kWatchRecursive) != 0) watchers.push_back(list.watcher(at));
    }
  }
}

// --- for operators ---

void WatchTable::for_each(const std::function<void(std::string_view, WatcherId)>& f) const {
  for (const WatchedPath& each : paths_) {
    for (std::size_t at = 0; at < each.watchers.size(); ++at) {
      if ((each.watchers.modes(at) & kInDataTable) != 0) f(each.path(), each.watchers.watcher(at));
    }
  }
}

WatchTable::Summary WatchTable::summary() const {
  Summary summary{.connections = 0, .paths = 0, .watches = data_count_};
  boost::unordered_flat_set<WatcherId> connections;
  std::string_view last;
  for_each([&](std::string_view path, WatcherId watcher) {
    connections.insert(watcher);
    if (path.data() != last.data()) ++summary.paths;
    last = path;
  });
  summary.connections = connections.size();
  return summary;
}

}  // namespace paddock::server
