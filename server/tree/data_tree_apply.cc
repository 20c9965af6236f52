#include <utility>

#include "common/check.h"
#include "common/concat.h"
#include "common/path.h"
#include "server/tree/data_tree.h"
#include "server/tree/tree_digest.h"

namespace paddock::server {

namespace {

std::int32_t plus_one(std::int32_t version) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(version) + 1);
}

std::int64_t owner_of(const TxnHeader& header, OpCode type, const CreateTxn& txn) {
  if (type == OpCode::kCreateContainer) return kContainerOwner;
  if (type == OpCode::kCreateTtl) return ttl_owner(txn.ttl_ms & kTtlMsMax);
  return txn.ephemeral ? header.session.value : 0;
}

bool has_failed(const MultiTxn& multi) {
  for (const MultiTxnOp& op : multi.ops) {
    if (op.type == OpCode::kError) return true;
  }
  return false;
}

}  // namespace

void DataTree::apply(const Txn& txn, bool want_changes, Applied& applied) {
  applied.zxid = txn.header.zxid;
  applied.error = ErrorCode::kOk;
  applied.ops.clear();
  applied.changes.clear();
  const Context context{txn.header, want_changes ? &applied.changes : nullptr};
  std::visit([&](const auto& body) { apply_whole(context, body, applied); }, txn.body);
  if (txn.header.zxid > last_zxid_) last_zxid_ = txn.header.zxid;
  dirty_.zxid = last_zxid_;
  dirty_.tree_digest = tree_digest_;
  applied.digest_differs = options_.digest && txn.digest && txn.digest->version == kDigestVersion &&
                           txn.digest->tree_digest != tree_digest_;
}

template <typename Body>
void DataTree::apply_whole(const Context& context, const Body& body, Applied& applied) {
  if constexpr (std::is_same_v<Body, MultiTxn>) {
    apply_multi(context, body, applied);
  } else {
    Applied::Op& op = applied.ops.emplace_back();
    op.type = context.header.type;
    apply_one(context, body, op);
    applied.error = op.error;
  }
}

template <typename Body>
void DataTree::apply_one(const Context& context, const Body& body, Applied::Op& op) {
  if constexpr (requires { body.path; }) op.path = body.path;
  op.error = apply_body(context, op.type, body, op);
}

// All or nothing: a multi that failed in prepare says so by the errors in it.
void DataTree::apply_multi(const Context& context, const MultiTxn& multi, Applied& applied) {
  const bool failed = has_failed(multi);
  ErrorCode skipped = ErrorCode::kOk;  // what an operation gets that was not run
  for (const MultiTxnOp& each : multi.ops) {
    Applied::Op& op = applied.ops.emplace_back();
    op.type = failed ? OpCode::kError : each.type;
    if (!failed) {
      std::visit([&](const auto& body) { apply_one(context, body, op); }, each.txn);
    } else if (const auto* error = std::get_if<ErrorTxn>(&each.txn)) {
      op.error = error->error;
      skipped = ErrorCode::kRuntimeInconsistency;
    } else {
      op.error = skipped;
    }
  }
}

// --- keeping digest and dirty map right ---

template <typename F>
void DataTree::update(const Place& place, F&& f) {
  Znode& changed = node(place.ref);
  tree_digest_ -= digest_of(changed);
  f(changed);
  tree_digest_ += digest_of(changed);
  touch(place);
}

void DataTree::touch(const Place& place) {
  const Znode& changed = node(place.ref);
  std::optional<DirtyNode>& entry = dirty_.nodes.at(place.path, place.hash);
  if (entry) {
    dirty_.bytes -= entry->data.size();
    entry->stat = persisted_stat_of(changed);
    if (entry->acl->number != changed.acl_) entry->acl = acl_of(changed);
    entry->data = changed.data_;
  } else {
    entry.emplace(DirtyNode{persisted_stat_of(changed), acl_of(changed), changed.data_});
    dirty_.bytes += sizeof(DirtyNodes::value_type) + place.path.size();
  }
  dirty_.bytes += changed.data_.size();
}

void DataTree::touch_deleted(const Place& place) {
  std::optional<DirtyNode>& entry = dirty_.nodes.at(place.path, place.hash);
  if (entry) dirty_.bytes -= entry->data.size();
  entry.reset();
}

void DataTree::report(const Context& context, TreeChange::Kind kind, std::string_view path,
                      const AclRef& node_acl, const AclRef& parent_acl) const {
  if (context.changes == nullptr) return;
  context.changes->push_back({.kind = kind,
                              .zxid = context.header.zxid,
                              .path = std::string(path.empty() ? "/" : path),
                              .node_acl = node_acl,
                              .parent_acl = parent_acl});
}

// --- operations ---

// Only ever upwards: replaying what a fuzzy snapshot already holds must not take it back.
void DataTree::raise_cversion(const Place& parent, std::int32_t parent_cversion, Zxid zxid) {
  update(parent, [&](Znode&) {
    Znode::Branch& family = ensure_branch(parent.ref);
    const std::int32_t cversion =
        parent_cversion == -1 ? plus_one(family.cversion) : parent_cversion;
    if (cversion <= family.cversion) return;
    family.cversion = cversion;
    family.pzxid = zxid;
  });
}

ErrorCode DataTree::apply_body(const Context& context, OpCode type, const CreateTxn& txn,
                               Applied::Op& op) {
  if (!txn.path.starts_with('/')) return ErrorCode::kNoNode;
  const Place parent = place_of(parent_of(txn.path));
  if (!parent.ref) return ErrorCode::kNoNode;
  const Zxid zxid = context.header.zxid;
  const std::uint32_t acl = acls_.acquire(txn.acl);

  Place place = place_of(txn.path);
  if (place.ref) {
    update(place, [&](Znode& node) { acls_.release(std::exchange(node.acl_, acl)); });
    if (type == OpCode::kCreate) raise_cversion(parent, txn.parent_cversion, zxid);
    return ErrorCode::kNodeExists;
  }
  const WallMillis time = context.header.time;
  const StatPersisted stat{.czxid = zxid,
                           .mzxid = zxid,
                           .ctime = time,
                           .mtime = time,
                           .ephemeral_owner = owner_of(context.header, type, txn),
                           .pzxid = zxid};
  add_node(place, parent.ref, stat, acl, Value(txn.data));
  raise_cversion(parent, txn.parent_cversion, zxid);
  touch(place);
  // The numbers that the client gave a new stats node give way to what is there.
  if (place.path.starts_with("/zookeeper/quota/") && last_element(place.path) == kStatsNode) {
    recount_quota(parent_of(place.path).substr(kQuotaRoot.size()), place);
  }
  refresh_quota(place.path);
  charge_quota(place.path, 1, static_cast<std::int64_t>(node(place.ref).data_.size()));
  op.stat = stat_of(node(place.ref));
  report(context, TreeChange::Kind::kCreated, txn.path, acl_of(node(place.ref)),
         acl_of(node(parent.ref)));
  return ErrorCode::kOk;
}

ErrorCode DataTree::delete_path(const Context& context, std::string_view path) {
  if (!path.starts_with('/') || path.size() == 1) return ErrorCode::kNoNode;
  const Place parent = place_of(parent_of(path));
  if (!parent.ref) return ErrorCode::kNoNode;
  // The parent hears of the delete even where the node is gone already.
  if (const Zxid zxid = context.header.zxid; zxid > pzxid_of(node(parent.ref))) {
    update(parent, [&](Znode&) { ensure_branch(parent.ref).pzxid = zxid; });
  }
  const Place place = place_of(path);
  if (!place.ref) return ErrorCode::kNoNode;
  const AclRef acl = acl_of(node(place.ref));
  remove_descendants(place.ref);
  const auto bytes = static_cast<std::int64_t>(node(place.ref).data_.size());
  remove_node(place);
  touch_deleted(place);
  refresh_quota(path);
  charge_quota(path, -1, -bytes);
  report(context, TreeChange::Kind::kDeleted, path, acl, acl_of(node(parent.ref)));
  return ErrorCode::kOk;
}

// There are none, but where a replay over a fuzzy snapshot meets a node of a later time, whose
// children the log will create again.
void DataTree::remove_descendants(NodeRef top) {
  while (const NodeRef child = first_child(node(top))) {
    NodeRef leaf = child;
    while (const NodeRef below = first_child(node(leaf))) leaf = below;
    const std::string path = path_of(node(leaf));
    const auto bytes = static_cast<std::int64_t>(node(leaf).data_.size());
    const Place place = place_of(path);
    remove_node(place);
    touch_deleted(place);
    refresh_quota(path);
    charge_quota(path, -1, -bytes);
  }
}

ErrorCode DataTree::apply_body(const Context& context, OpCode, const DeleteTxn& txn, Applied::Op&) {
  return delete_path(context, txn.path);
}

void DataTree::set_value(const Place& place, Value data) {
  Znode& changed = node(place.ref);
  data_size_ +=
      static_cast<std::int64_t>(data.size()) - static_cast<std::int64_t>(changed.data_.size());
  changed.data_ = std::move(data);
  if (changed.in_digest_) changed.content_crc_ = content_crc(place.path, changed.data_.bytes());
}

ErrorCode DataTree::apply_body(const Context& context, OpCode, const SetDataTxn& txn,
                               Applied::Op& op) {
  const Place place = place_of(txn.path);
  if (!place.ref) return ErrorCode::kNoNode;
  const auto old_bytes = static_cast<std::int64_t>(node(place.ref).data_.size());
  update(place, [&](Znode& node) {
    set_value(place, Value(txn.data));
    node.mtime_ = context.header.time;
    node.mzxid_ = context.header.zxid;
    node.version_ = txn.version;
  });
  const Znode& changed = node(place.ref);
  refresh_quota(place.path);
  charge_quota(place.path, 0, static_cast<std::int64_t>(changed.data_.size()) - old_bytes);
  op.stat = stat_of(changed);
  report(context, TreeChange::Kind::kDataChanged, place.path, acl_of(changed), nullptr);
  return ErrorCode::kOk;
}

void DataTree::set_config(std::string_view text, std::int64_t version, WallMillis now) {
  const Place place = place_of(kConfigNode);
  if (!place.ref || as_chars(node(place.ref).data_.bytes()) == text) return;
  update(place, [&](Znode& node) {
    set_value(place, Value(as_bytes(text)));
    node.mtime_ = now;
    node.mzxid_ = Zxid{version};
    node.version_ = -1;
  });
}

ErrorCode DataTree::apply_body(const Context&, OpCode, const SetAclTxn& txn, Applied::Op& op) {
  const Place place = place_of(txn.path);
  if (!place.ref) return ErrorCode::kNoNode;
  const std::uint32_t acl = acls_.acquire(txn.acl);
  update(place, [&](Znode& node) {
    acls_.release(std::exchange(node.acl_, acl));
    node.aversion_ = txn.version;
  });
  op.stat = stat_of(node(place.ref));
  return ErrorCode::kOk;
}

ErrorCode DataTree::apply_body(const Context&, OpCode, const CheckTxn&, Applied::Op&) {
  return ErrorCode::kOk;
}

ErrorCode DataTree::apply_body(const Context&, OpCode, const ErrorTxn& txn, Applied::Op&) {
  return txn.error;
}

ErrorCode DataTree::apply_body(const Context& context, OpCode, const CreateSessionTxn& txn,
                               Applied::Op&) {
  sessions_[context.header.session] = txn.timeout_ms;
  dirty_.sessions[context.header.session] = txn.timeout_ms;
  return ErrorCode::kOk;
}

ErrorCode DataTree::apply_body(const Context& context, OpCode, const CloseSessionTxn& txn,
                               Applied::Op&) {
  const SessionId session = context.header.session;
  for (const std::string_view path : txn.paths_to_delete) delete_path(context, path);
  // Whatever the list did not name: all of them, where it is not written.
  for (const std::string& path : ephemerals_of(session)) delete_path(context, path);
  sessions_.erase(session);
  dirty_.sessions[session] = std::nullopt;
  return ErrorCode::kOk;
}

void DataTree::drop_orphan_ephemerals() {
  TxnHeader header;
  header.zxid = last_zxid_;
  for (const SessionId session : sessions_with_ephemerals()) {
    if (sessions_.contains(session)) continue;
    for (const std::string& path : ephemerals_of(session)) delete_path({header, nullptr}, path);
  }
  dirty_.tree_digest = tree_digest_;
}

// --- quotas ---

// Called when the node at `path` was made, changed or deleted: a limits or stats node changes a
// quota.
void DataTree::refresh_quota(std::string_view path) {
  if (!path.starts_with(kQuotaRoot)) return;
  const std::string_view name = last_element(path);
  if (name != kLimitsNode && name != kStatsNode) return;
  const std::string_view parent = parent_of(path);
  if (parent.size() <= kQuotaRoot.size() || parent[kQuotaRoot.size()] != '/') return;
  const std::string_view covered = parent.substr(kQuotaRoot.size());

  const Znode* limits = find(concat(parent, "/", kLimitsNode));
  if (limits == nullptr) return quotas_.remove(covered);
  const Znode* stats = find(concat(parent, "/", kStatsNode));
  const auto text_of = [](const Znode& node) { return as_chars(node.data_.bytes()); };
  quotas_.set(covered, parse_quota(text_of(*limits)),
              stats == nullptr ? std::nullopt : std::optional(parse_quota(text_of(*stats))));
}

// What the stats node says is counted anew, without a trace in its stat.
void DataTree::recount_quota(std::string_view covered, const Place& stats) {
  if (!stats.ref || covered.empty()) return;
  QuotaText use{.count = 0, .bytes = 0};
  if (const Znode* top = find(covered); top != nullptr) {
    for_each_from(*top, std::string(covered), [&](std::string_view, const Znode& node) {
      ++use.count;
      use.bytes += static_cast<std::int64_t>(node.data_.size());
    });
  }
  set_value(stats, Value(as_bytes(to_string(use))));
  touch(stats);
}

void DataTree::charge_quota(std::string_view path, std::int64_t count, std::int64_t bytes) {
  if (quotas_.empty()) return;
  const std::optional<QuotaTable::Charged> charged = quotas_.charge(path, count, bytes);
  if (!charged) return;
  const std::string stats_path = concat(kQuotaRoot, charged->path, "/", kStatsNode);
  const Place stats = place_of(stats_path);
  PADDOCK_CHECK(stats.ref);
  set_value(stats, Value(as_bytes(charged->stats)));
  touch(stats);
}

}  // namespace paddock::server
