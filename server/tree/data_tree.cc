#include "server/tree/data_tree.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/concat.h"
#include "common/path.h"
#include "server/tree/tree_digest.h"

namespace paddock::server {

namespace {

AclBytes anyone_may_read() {
  static const Bytes bytes = encode_acl({{kPermRead, {"world", "anyone"}}});
  return AclBytes{bytes};
}

}  // namespace

DataTree::DataTree(TreeOptions options)
    : options_(options), dirty_{.nodes = DirtyNodes(options.hash_seed)} {
  add_system_node("", open_acl(), 0);
  data_size_ += 1;  // ZooKeeper's tree has the root twice, as "" and as "/"
  add_system_node("/zookeeper", open_acl(), 0);
  add_system_node("/zookeeper/quota", open_acl(), 0);
  add_system_node(kConfigNode, anyone_may_read(), -1);
  dirty_.tree_digest = tree_digest_;
}

void DataTree::add_system_node(std::string_view path, AclBytes acl, std::int32_t aversion) {
  Place place = place_of(path);
  const NodeRef parent = path.empty() ? NodeRef{} : place_of(parent_of(path)).ref;
  add_node(place, parent, StatPersisted{.aversion = aversion}, acls_.acquire(acl),
           Value(ByteView{}));
}

DataTree::~DataTree() {
  for (NodeRef at = root_; at;) {
    // Down to a leaf, which goes; then its sibling or its parent, which has one child less.
    if (const NodeRef child = first_child(node(at)); child) {
      branch(node(at)).first_child = node(child).next_;
      node(child).next_ = {};
      at = child;
      continue;
    }
    const NodeRef parent = node(at).parent_;
    node(at).~Znode();
    at = parent;
  }
}

// --- reading ---

// Whether the node's path is `path`: component by component, from the last one up.
bool DataTree::is_at(NodeRef ref, std::string_view path) const {
  for (; ref != root_; ref = node(ref).parent_) {
    const std::string_view name = node(ref).name();
    if (path.size() <= name.size() || !path.ends_with(name)) return false;
    path.remove_suffix(name.size());
    if (path.back() != '/') return false;
    path.remove_suffix(1);
  }
  return path.empty();
}

DataTree::Place DataTree::place_of(std::string_view path) const {
  if (path == "/") path = {};
  const std::uint64_t hash = hash_of_path(path, options_.hash_seed);
  if (path.empty()) return {root_, path, hash};
  const std::uint32_t ref =
      index_.find(hash, [&](std::uint32_t value) { return is_at(NodeRef{value}, path); });
  return {NodeRef{ref}, path, hash};
}

const Znode* DataTree::find(std::string_view path) const {
  const NodeRef ref = place_of(path).ref;
  return ref ? &node(ref) : nullptr;
}

StatPersisted DataTree::persisted_stat_of(const Znode& node) const {
  return {.czxid = node.czxid_,
          .mzxid = node.mzxid_,
          .ctime = node.ctime_,
          .mtime = node.mtime_,
          .version = node.version_,
          .cversion = node.branch_ ? branch(node).cversion : 0,
          .aversion = node.aversion_,
          .ephemeral_owner = node.owner(),
          .pzxid = pzxid_of(node)};
}

Stat DataTree::stat_of(const Znode& node) const {
  const StatPersisted stat = persisted_stat_of(node);
  const bool ephemeral =
      kind_of(stat.ephemeral_owner, options_.extended_types) == NodeKind::kEphemeral;
  const std::int32_t children = child_count(node);
  // One step for each create and each delete of a child; wraps as a Java int does.
  const std::uint32_t cversion =
      2 * static_cast<std::uint32_t>(stat.cversion) - static_cast<std::uint32_t>(children);
  return {.czxid = stat.czxid,
          .mzxid = stat.mzxid,
          .ctime = stat.ctime,
          .mtime = stat.mtime,
          .version = stat.version,
          .cversion = static_cast<std::int32_t>(cversion),
          .aversion = stat.aversion,
          .ephemeral_owner = SessionId{ephemeral ? stat.ephemeral_owner : 0},
          .data_length = static_cast<std::int32_t>(node.data_.size()),
          .num_children = children,
          .pzxid = stat.pzxid};
}

std::string DataTree::path_of(const Znode& node) const {
  if (&node == root()) return "/";
  std::size_t size = 0;
  for (const Znode* at = &node; at != root(); at = &this->node(at->parent_)) {
    size += at->name().size() + 1;
  }
  std::string path(size, '/');
  for (const Znode* at = &node; at != root(); at = &this->node(at->parent_)) {
    const std::string_view name = at->name();
    size -= name.size();
    name.copy(path.data() + size, name.size());
    --size;
  }
  return path;
}

std::int64_t DataTree::descendants_of(const Znode& node) const {
  std::int64_t count = -1;  // not itself
  for_each_from(node, path_of(node), [&](std::string_view, const Znode&) { ++count; });
  return count;
}

std::uint32_t DataTree::digest_of(const Znode& node) const {
  if (!node.in_digest_) return 0;
  return node_digest(node.content_crc_, persisted_stat_of(node));
}

std::size_t DataTree::memory_bytes() const {
  return arena_.memory_bytes() + index_.memory_bytes();
}

// --- sessions and owners ---

std::optional<std::int32_t> DataTree::session_timeout(SessionId id) const {
  const auto session = sessions_.find(id);
  if (session == sessions_.end()) return std::nullopt;
  return session->second;
}

std::vector<std::string> DataTree::paths_of(const OwnedList& list) const {
  std::vector<std::string> paths;
  paths.reserve(list.count);
  for (NodeRef at = list.first; at; at = node(at).owned()->next) paths.push_back(path_of(node(at)));
  std::ranges::sort(paths);
  return paths;
}

std::vector<std::string> DataTree::ephemerals_of(SessionId id) const {
  const auto list = ephemerals_.find(id);
  return list == ephemerals_.end() ? std::vector<std::string>{} : paths_of(list->second);
}

std::vector<SessionId> DataTree::sessions_with_ephemerals() const {
  std::vector<SessionId> sessions;
  sessions.reserve(ephemerals_.size());
  for (const auto& [session, list] : ephemerals_) sessions.push_back(session);
  std::ranges::sort(sessions);
  return sessions;
}

std::vector<std::string> DataTree::reapable(WallMillis now, Millis never_used,
                                            std::size_t max) const {
  std::vector<std::string> paths;
  const auto gather = [&](const OwnedList& list, auto&& is_due) {
    for (NodeRef at = list.first; at && paths.size() < max; at = node(at).owned()->next) {
      const Znode& each = node(at);
      if (child_count(each) == 0 && is_due(each, now.value - each.mtime_.value)) {
        paths.push_back(path_of(each));
      }
    }
  };
  gather(containers_, [&](const Znode& container, std::int64_t age_ms) {
    const bool was_used = container.branch_ && branch(container).cversion > 0;
    return was_used || (never_used.value != 0 && age_ms > never_used.value);
  });
  gather(ttl_nodes_, [](const Znode& node, std::int64_t age_ms) {
    const std::int64_t ttl_ms = ttl_of(node.owner());
    return ttl_ms != 0 && age_ms > ttl_ms;
  });
  std::ranges::sort(paths);
  return paths;
}

DataTree::OwnedList& DataTree::owned_list(std::int64_t owner) {
  switch (kind_of(owner, options_.extended_types)) {
    case NodeKind::kContainer:
      return containers_;
    case NodeKind::kTtl:
      return ttl_nodes_;
    case NodeKind::kEphemeral:
    case NodeKind::kPersistent:
      break;
  }
  return ephemerals_[SessionId{owner}];
}

void DataTree::link_owned(NodeRef ref) {
  Znode::Owned& owned = *node(ref).owned();
  OwnedList& list = owned_list(owned.owner);
  owned.next = list.first;
  owned.previous = {};
  if (list.first) node(list.first).owned()->previous = ref;
  list.first = ref;
  ++list.count;
  if (kind_of(owned.owner, options_.extended_types) == NodeKind::kEphemeral) ++ephemerals_count_;
}

void DataTree::unlink_owned(NodeRef ref) {
  const Znode::Owned& owned = *node(ref).owned();
  OwnedList& list = owned_list(owned.owner);
  if (owned.next) node(owned.next).owned()->previous = owned.previous;
  (owned.previous ? node(owned.previous).owned()->next : list.first) = owned.next;
  --list.count;
  if (kind_of(owned.owner, options_.extended_types) != NodeKind::kEphemeral) return;
  --ephemerals_count_;
  if (list.count == 0) ephemerals_.erase(SessionId{owned.owner});
}

// --- nodes ---

Znode::Branch& DataTree::ensure_branch(NodeRef ref) {
  Znode& of = node(ref);
  if (!of.branch_) {
    of.branch_ = arena_.allocate(sizeof(Znode::Branch));
    new (arena_.at<void>(of.branch_)) Znode::Branch{.pzxid = of.czxid_};
  }
  return branch(of);
}

void DataTree::link_child(NodeRef parent, NodeRef child) {
  Znode::Branch& family = ensure_branch(parent);
  node(child).parent_ = parent;
  node(child).next_ = family.first_child;
  if (family.first_child) node(family.first_child).previous_ = child;
  family.first_child = child;
  ++family.child_count;
}

void DataTree::unlink_child(NodeRef child) {
  const Znode& leaving = node(child);
  Znode::Branch& family = branch(node(leaving.parent_));
  if (leaving.next_) node(leaving.next_).previous_ = leaving.previous_;
  (leaving.previous_ ? node(leaving.previous_).next_ : family.first_child) = leaving.next_;
  --family.child_count;
}

// The ephemeral owner is not among what changes: it is part of how the node was made.
void DataTree::set_stat(NodeRef ref, const StatPersisted& stat) {
  Znode& of = node(ref);
  of.czxid_ = stat.czxid;
  of.mzxid_ = stat.mzxid;
  of.ctime_ = stat.ctime;
  of.mtime_ = stat.mtime;
  of.version_ = stat.version;
  of.aversion_ = stat.aversion;
  if (!of.branch_ && stat.pzxid == stat.czxid && stat.cversion == 0) return;
  Znode::Branch& family = ensure_branch(ref);
  family.pzxid = stat.pzxid;
  family.cversion = stat.cversion;
}

void DataTree::add_node(Place& place, NodeRef parent, const StatPersisted& stat, std::uint32_t acl,
                        Value data) {
  PADDOCK_CHECK(!place.ref);
  const std::string_view name = parent ? last_element(place.path) : std::string_view{};
  place.ref = arena_.allocate(Znode::size_of(name.size(), stat.ephemeral_owner != 0));
  Znode& added = *Znode::make(arena_.at<void>(place.ref), name, stat.ephemeral_owner);
  set_stat(place.ref, stat);
  added.acl_ = acl;
  added.data_ = std::move(data);
  added.in_digest_ = options_.digest && is_in_digest(place.path);
  if (added.in_digest_) {
    added.content_crc_ = content_crc(place.path, added.data_.bytes());
    tree_digest_ += digest_of(added);
  }
  if (parent) {
    link_child(parent, place.ref);
    index_.insert(place.hash, place.ref.value);
  } else {
    root_ = place.ref;
  }
  if (added.has_owner_) link_owned(place.ref);
  ++nodes_count_;
  data_size_ += static_cast<std::int64_t>(place.path.size() + added.data_.size());
}

void DataTree::remove_node(const Place& place) {
  PADDOCK_CHECK(place.ref && place.ref != root_);
  Znode& removed = node(place.ref);
  PADDOCK_CHECK(child_count(removed) == 0);
  tree_digest_ -= digest_of(removed);
  data_size_ -= static_cast<std::int64_t>(place.path.size() + removed.data_.size());
  --nodes_count_;
  index_.erase(place.hash, place.ref.value);
  unlink_child(place.ref);
  if (removed.has_owner_) unlink_owned(place.ref);
  if (removed.branch_) arena_.free(removed.branch_, sizeof(Znode::Branch));
  acls_.release(removed.acl_);
  const std::size_t size = removed.size();
  removed.~Znode();
  arena_.free(place.ref, size);
}

// --- loading ---

Result<void> DataTree::load_node(std::string_view path, const StatPersisted& stat, AclBytes acl,
                                 std::optional<ByteView> data) {
  Place place = place_of(path);
  if (place.ref) return replace_node(place, stat, acls_.acquire(acl), Value(data));
  if (path[0] != '/') return Error{Code::kCorrupt, "a node's path does not begin with /"};
  const std::string_view parent_path = parent_of(path);
  if (!loaded_parent_ || parent_path != loaded_parent_path_) {
    loaded_parent_ = place_of(parent_path).ref;
    loaded_parent_path_ = parent_path;
  }
  if (!loaded_parent_) {
    return Error{Code::kCorrupt, concat("node ", path, " is there, but not its parent")};
  }
  add_node(place, loaded_parent_, stat, acls_.acquire(acl), Value(data));
  return {};
}

Result<void> DataTree::replace_node(Place& place, const StatPersisted& stat, std::uint32_t acl,
                                    Value data) {
  Znode& old = node(place.ref);
  if (old.owner() != stat.ephemeral_owner) {
    if (place.ref == root_ || child_count(old) != 0) {
      acls_.release(acl);
      return Error{Code::kCorrupt, concat("node ", place.path,
                                          " has children, and comes again with another owner")};
    }
    loaded_parent_ = {};  // it may be the very node that goes
    const NodeRef parent = old.parent_;
    remove_node(place);
    place.ref = {};
    add_node(place, parent, stat, acl, std::move(data));
    return {};
  }
  acls_.release(std::exchange(old.acl_, acl));
  tree_digest_ -= digest_of(old);
  data_size_ +=
      static_cast<std::int64_t>(data.size()) - static_cast<std::int64_t>(old.data_.size());
  set_stat(place.ref, stat);
  old.data_ = std::move(data);
  if (old.in_digest_) old.content_crc_ = content_crc(place.path, old.data_.bytes());
  tree_digest_ += digest_of(old);
  return {};
}

void DataTree::load_session(SessionId id, std::int32_t timeout_ms) {
  sessions_[id] = timeout_ms;
}

void DataTree::finish_load(Zxid zxid) {
  loaded_parent_ = {};
  loaded_parent_path_.clear();
  last_zxid_ = zxid;
  std::vector<std::string> limits;
  if (const Znode* quotas = find(kQuotaRoot); quotas != nullptr) {
    for_each_from(*quotas, std::string(kQuotaRoot), [&](std::string_view path, const Znode& node) {
      if (node.name() == kLimitsNode) limits.emplace_back(path);
    });
  }
  for (const std::string& path : limits) {
    const std::string_view quota = parent_of(path);
    recount_quota(quota.substr(kQuotaRoot.size()), place_of(concat(quota, "/", kStatsNode)));
    refresh_quota(path);
  }
  take_dirty();
}

void DataTree::take_over(DataTree&& other) {
  std::swap(options_, other.options_);
  std::swap(arena_, other.arena_);
  std::swap(index_, other.index_);
  std::swap(root_, other.root_);
  std::swap(acls_, other.acls_);
  std::swap(quotas_, other.quotas_);
  std::swap(sessions_, other.sessions_);
  std::swap(ephemerals_, other.ephemerals_);
  std::swap(containers_, other.containers_);
  std::swap(ttl_nodes_, other.ttl_nodes_);
  std::swap(nodes_count_, other.nodes_count_);
  std::swap(ephemerals_count_, other.ephemerals_count_);
  std::swap(data_size_, other.data_size_);
  std::swap(tree_digest_, other.tree_digest_);
  std::swap(last_zxid_, other.last_zxid_);
  std::swap(dirty_, other.dirty_);
  std::swap(loaded_parent_path_, other.loaded_parent_path_);
  std::swap(loaded_parent_, other.loaded_parent_);
}

void DataTree::mark_all_dirty() {
  for_each_node([&](std::string_view path, const Znode& each) {
    DirtyNode node{persisted_stat_of(each), acl_of(each), data_of(each)};
    dirty_.bytes += sizeof node + path.size() + node.data.size();
    dirty_.nodes[path] = std::move(node);
  });
  for (const auto& [id, timeout_ms] : sessions_) dirty_.sessions[id] = timeout_ms;
}

Dirty DataTree::take_dirty() {
  Dirty taken = std::move(dirty_);
  dirty_ = Dirty{
      .nodes = DirtyNodes(options_.hash_seed), .zxid = last_zxid_, .tree_digest = tree_digest_};
  return taken;
}

}  // namespace paddock::server
