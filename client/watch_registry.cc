#include "client/watch_registry.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/check.h"
#include "common/path.h"

namespace paddock::client {

namespace {

void move_to(std::vector<WatcherPtr>& to, std::vector<WatcherPtr>& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  from.clear();
}

void copy_to(std::vector<WatcherPtr>& to, const std::vector<WatcherPtr>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

std::vector<std::string_view> views(const std::vector<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

}  // namespace

Bytes encode_set_watches(Zxid relative, const WatchLists& lists) {
  Bytes bytes;
  JuteWriter writer(bytes);
  write(writer,
        SetWatchesRequest{relative, views(lists.data), views(lists.exist), views(lists.child),
                          views(lists.persistent), views(lists.recursive)},
        lists.has_lasting());
  return bytes;
}

std::vector<WatcherPtr>& WatchRegistry::slot_of(Node& node, WatchSlot slot) {
  switch (slot) {
    case WatchSlot::kData:
      return node.data;
    case WatchSlot::kExist:
      return node.exist;
    case WatchSlot::kChild:
      return node.child;
    case WatchSlot::kPersistent:
      return node.persistent;
    case WatchSlot::kPersistentRecursive:
      return node.recursive;
  }
  return node.data;
}

WatchRegistry::Asking WatchRegistry::begin(WatchSlot slot, const std::string& path) {
  Node& node = nodes_[path];
  ++node.begun;
  if (!is_lasting(slot)) return {node.on_server != OnServer::kNone, 0};
  if (slot == WatchSlot::kPersistentRecursive) node.on_server = OnServer::kRecursive;
  if (node.on_server == OnServer::kNone) node.on_server = OnServer::kPersistent;
  const bool recursive = node.on_server == OnServer::kRecursive;
  return {false, static_cast<std::int32_t>(recursive ? WatchMode::kPersistentRecursive
                                                     : WatchMode::kPersistent)};
}

void WatchRegistry::end(const std::string& path) {
  const auto node = nodes_.find(path);
  if (node == nodes_.end()) return;
  PADDOCK_CHECK(node->second.begun > 0);
  --node->second.begun;
  tidy(node);
}

void WatchRegistry::confirm(const std::string& path, std::int32_t mode) {
  const auto node = nodes_.find(path);
  if (node == nodes_.end()) return;
  const bool recursive = WatchMode{mode} == WatchMode::kPersistentRecursive;
  node->second.answered = recursive ? OnServer::kRecursive : OnServer::kPersistent;
}

void WatchRegistry::add(WatchSlot slot, const std::string& path, WatcherPtr watcher) {
  slot_of(nodes_[path], slot).push_back(std::move(watcher));
}

void WatchRegistry::tidy(Nodes::iterator node) {
  if (!node->second.is_unused()) return;
  if (node->second.on_server == OnServer::kNone) {
    nodes_.erase(node);
  } else {
    idle_.insert(node->first);
  }
}

// The recursive watches above, and what those of the parent are told that are served by one.
void WatchRegistry::tell_of_child(EventType type, std::string_view path,
                                  std::vector<Telling>& tellings) {
  for (std::string_view above = path; above.size() > 1;) {
    above = parent_of(above);
    const auto node = nodes_.find(above.empty() ? std::string_view("/") : above);
    if (node == nodes_.end()) continue;
    copy_to(tellings.front().watchers, node->second.recursive);
  }
  if (type == EventType::kNodeDataChanged || path.size() <= 1) return;
  const std::string_view parent = parent_of(path);
  const auto node = nodes_.find(parent.empty() ? std::string_view("/") : parent);
  if (node == nodes_.end() || node->second.answered != OnServer::kRecursive) return;
  Telling telling{EventType::kNodeChildrenChanged, node->first, {}};
  move_to(telling.watchers, node->second.child);
  copy_to(telling.watchers, node->second.persistent);
  tidy(node);
  if (!telling.watchers.empty()) tellings.push_back(std::move(telling));
}

std::vector<WatchRegistry::Telling> WatchRegistry::take(EventType type, std::string_view path) {
  std::vector<Telling> tellings;
  tellings.push_back({type, std::string(path), {}});
  std::vector<WatcherPtr>& told = tellings.front().watchers;
  const auto node = nodes_.find(path);
  if (node != nodes_.end()) {
    Node& at = node->second;
    if (type == EventType::kNodeChildrenChanged) {
      move_to(told, at.child);
      if (at.answered != OnServer::kRecursive) copy_to(told, at.persistent);
    } else {
      move_to(told, at.data);
      move_to(told, at.exist);
      if (type == EventType::kNodeDeleted) move_to(told, at.child);
      copy_to(told, at.persistent);
      copy_to(told, at.recursive);
    }
    tidy(node);
  }
  if (type != EventType::kNodeChildrenChanged) tell_of_child(type, path, tellings);
  if (tellings.front().watchers.empty()) tellings.erase(tellings.begin());
  return tellings;
}

void WatchRegistry::drop(const std::string& path, const WatcherPtr& watcher) {
  const auto node = nodes_.find(path);
  if (node == nodes_.end()) return;
  Node& at = node->second;
  for (auto* slot : {&at.data, &at.exist, &at.child, &at.persistent, &at.recursive}) {
    std::erase(*slot, watcher);
  }
  tidy(node);
}

WatchRegistry::Removal WatchRegistry::removal(WatchKind kind, const std::string& path) const {
  const auto found = nodes_.find(path);
  const bool has_lasting = found != nodes_.end() && found->second.on_server != OnServer::kNone;
  const bool of_lasting = kind == WatchKind::kPersistent || kind == WatchKind::kPersistentRecursive;
  if (!has_lasting) return of_lasting ? Removal::kHere : Removal::kAsAsked;
  const Node& node = found->second;
  const bool any = kind == WatchKind::kAny;
  const bool leaves = node.begun > 0 ||                                                 //
                      (!any && kind != WatchKind::kData &&                              //
                       (!node.data.empty() || !node.exist.empty())) ||                  //
                      (!any && kind != WatchKind::kChildren && !node.child.empty()) ||  //
                      (!any && kind != WatchKind::kPersistent && !node.persistent.empty()) ||
                      (!any && kind != WatchKind::kPersistentRecursive && !node.recursive.empty());
  return leaves ? Removal::kHere : Removal::kWholePath;
}

std::vector<WatcherPtr> WatchRegistry::remove(WatchKind kind, const std::string& path) {
  std::vector<WatcherPtr> removed;
  const auto found = nodes_.find(path);
  if (found == nodes_.end()) return removed;
  Node& node = found->second;
  const bool any = kind == WatchKind::kAny;
  if (any || kind == WatchKind::kData) {
    move_to(removed, node.data);
    move_to(removed, node.exist);
  }
  if (any || kind == WatchKind::kChildren) move_to(removed, node.child);
  if (any || kind == WatchKind::kPersistent) move_to(removed, node.persistent);
  if (any || kind == WatchKind::kPersistentRecursive) move_to(removed, node.recursive);
  tidy(found);
  return removed;
}

std::vector<std::string> WatchRegistry::take_idle() {
  std::vector<std::string> paths;
  for (const std::string& path : std::exchange(idle_, {})) {
    if (is_idle(path)) paths.push_back(path);
  }
  return paths;
}

bool WatchRegistry::is_idle(const std::string& path) const {
  const auto node = nodes_.find(path);
  return node != nodes_.end() && node->second.is_unused() &&
         node->second.on_server != OnServer::kNone;
}

void WatchRegistry::unset_on_server(const std::string& path) {
  const auto node = nodes_.find(path);
  if (node == nodes_.end()) return;
  node->second.on_server = OnServer::kNone;
  tidy(node);
}

void WatchRegistry::confirm_unset(const std::string& path) {
  const auto node = nodes_.find(path);
  if (node != nodes_.end()) node->second.answered = OnServer::kNone;
}

void WatchRegistry::forget_server() {
  idle_.clear();
  for (auto node = nodes_.begin(); node != nodes_.end();) {
    Node& at = node->second;
    at.begun = 0;
    at.on_server = !at.recursive.empty()    ? OnServer::kRecursive
                   : !at.persistent.empty() ? OnServer::kPersistent
                                            : OnServer::kNone;
    at.answered = at.on_server;
    node = at.is_unused() ? nodes_.erase(node) : std::next(node);
  }
}

void WatchRegistry::add_to(WatchLists& lists, const std::string& path, const Node& node) {
  // One-shot watches too where a lasting one serves them: only they are told what was missed.
  if (!node.data.empty()) lists.data.push_back(path);
  if (!node.exist.empty()) lists.exist.push_back(path);
  if (!node.child.empty()) lists.child.push_back(path);
  if (!node.recursive.empty()) {
    lists.recursive.push_back(path);
  } else if (!node.persistent.empty()) {
    lists.persistent.push_back(path);
  }
}

// All of a path goes into one piece: behind its lasting watch, a one-shot one would replace it.
std::vector<WatchLists> WatchRegistry::lists(std::size_t bytes_max) const {
  std::vector<WatchLists> pieces;
  std::size_t bytes = 0;
  for (const auto& [path, node] : nodes_) {
    const std::size_t entries = static_cast<std::size_t>(!node.data.empty()) +
                                static_cast<std::size_t>(!node.exist.empty()) +
                                static_cast<std::size_t>(!node.child.empty()) +
                                static_cast<std::size_t>(node.has_lasting());
    const std::size_t more = entries * (4 + path.size());
    if (pieces.empty() || bytes + more > bytes_max) {
      pieces.emplace_back();
      bytes = 0;
    }
    bytes += more;
    add_to(pieces.back(), path, node);
  }
  return pieces;
}

std::vector<WatcherPtr> WatchRegistry::lasting() const {
  std::vector<WatcherPtr> all;
  for (const auto& [path, node] : nodes_) {
    copy_to(all, node.persistent);
    copy_to(all, node.recursive);
  }
  return all;
}

std::vector<WatcherPtr> WatchRegistry::take_lasting() {
  std::vector<WatcherPtr> all;
  for (auto node = nodes_.begin(); node != nodes_.end();) {
    move_to(all, node->second.persistent);
    move_to(all, node->second.recursive);
    const auto at = node++;
    tidy(at);
  }
  return all;
}

std::vector<WatchRegistry::Telling> WatchRegistry::take_all() {
  std::vector<Telling> tellings;
  for (auto& [path, node] : nodes_) {
    Telling telling{EventType::kNone, path, {}};
    for (auto* slot : {&node.data, &node.exist, &node.child, &node.persistent, &node.recursive}) {
      move_to(telling.watchers, *slot);
    }
    if (!telling.watchers.empty()) tellings.push_back(std::move(telling));
  }
  nodes_.clear();
  idle_.clear();
  return tellings;
}

}  // namespace paddock::client
