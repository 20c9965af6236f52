#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "common/error_code.h"
#include "common/ids.h"
#include "common/records.h"
#include "common/txn_records.h"
#include "common/value.h"
#include "server/tree/acl_table.h"
#include "server/tree/dirty.h"
#include "server/tree/hash_index.h"
#include "server/tree/node_arena.h"
#include "server/tree/persisted.h"
#include "server/tree/quota.h"
#include "server/tree/tree_change.h"
#include "server/tree/znode.h"

namespace paddock::server {

inline constexpr std::string_view kConfigNode = "/zookeeper/config";

struct TreeOptions {
  bool extended_types = true;   // zookeeper.extendedTypesEnabled: TTL nodes
  bool digest = true;           // zookeeper.digest.enabled
  std::uint64_t hash_seed = 0;  // of the index, so that nobody outside can aim at one bucket
};

// What applying one transaction did, for replies. Reused from one to the next: apply() clears it.
struct Applied {
  struct Op {
    OpCode type{};  // of the txn (of the sub-txn in a multi)
    ErrorCode error = ErrorCode::kOk;
    std::string_view path;  // into the transaction's bytes
    Stat stat;              // right after this operation, where the reply has one
  };
  Zxid zxid;
  ErrorCode error = ErrorCode::kOk;  // of the only operation; kOk for every multi
  std::vector<Op> ops;               // one, or one for each operation of a multi
  std::vector<TreeChange> changes;   // in order; empty where nobody asked for them
  bool digest_differs = false;       // the transaction carried a digest and ours is another
};

// The replicated state: znodes, ACLs, quotas' counts, and the sessions with their timeouts and
// ephemerals. apply() is deterministic to the byte.
//
// Thread: one writer (the core); readers only while the writer is shut out (ReaderLock).
// Failure: apply() cannot fail. What a transaction cannot do (a parent that is missing, in a replay
// over a fuzzy snapshot) is skipped as ZooKeeper skips it, and the zxid still moves on.
// Source: ZooKeeper 3.8, server/DataTree.java; peer-protocol.md C2 and C3; client-protocol.md 6.
class DataTree {
 public:
  explicit DataTree(TreeOptions options);  // empty: "/", "/zookeeper", ".../quota", ".../config"
  ~DataTree();
  DataTree(const DataTree&) = delete;
  DataTree& operator=(const DataTree&) = delete;

  const TreeOptions& options() const { return options_; }

  // --- reading; a path of "" is "/" ---
  const Znode* find(std::string_view path) const;  // nullptr: there is none
  const Znode* root() const { return &node(root_); }
  Stat stat_of(const Znode& node) const;  // as clients see it
  StatPersisted persisted_stat_of(const Znode& node) const;
  const Value& data_of(const Znode& node) const { return node.data_; }
  const AclRef& acl_of(const Znode& node) const { return acls_.at(node.acl_); }
  std::string path_of(const Znode& node) const;  // the root's is "/"
  std::int32_t child_count(const Znode& node) const {
    return node.branch_ ? branch(node).child_count : 0;
  }
  // Calls f(name) for each child; the order means nothing.
  template <typename F>
  void for_each_child(const Znode& parent, F&& f) const {
    for (NodeRef at = first_child(parent); at; at = node(at).next_) f(node(at).name());
  }
  // All nodes, a parent before its children: f(path, node), the root as "".
  template <typename F>
  void for_each_node(F&& f) const {
    for_each_from(*root(), std::string(), std::forward<F>(f));
  }
  std::int64_t descendants_of(const Znode& node) const;  // counts them one by one

  Zxid last_zxid() const { return last_zxid_; }          // of the last transaction applied
  std::uint64_t digest() const { return tree_digest_; }  // ZooKeeper's, now; 0 if digests are off
  std::uint32_t digest_of(const Znode& node) const;      // this node's part of it
  std::size_t node_count() const { return nodes_count_ + 1; }  // as srvr: the root counts twice
  std::size_t ephemerals_count() const { return ephemerals_count_; }
  std::int64_t approximate_data_size() const { return data_size_; }  // bytes of paths and data
  std::size_t memory_bytes() const;  // of nodes and index, without the values

  // --- sessions ---
  std::optional<std::int32_t> session_timeout(SessionId id) const;  // nullopt: no such session
  std::size_t session_count() const { return sessions_.size(); }
  template <typename F>
  void for_each_session(F&& f) const {  // f(SessionId, timeout_ms)
    for (const auto& [id, timeout_ms] : sessions_) f(id, timeout_ms);
  }
  std::vector<std::string> ephemerals_of(SessionId id) const;  // sorted paths
  std::vector<SessionId> sessions_with_ephemerals() const;     // sorted

  // Containers that are due and TTL nodes past their time, at most `max`, sorted.
  // Source: ZooKeeper 3.9, ContainerManager; client-protocol.md section 6.
  std::vector<std::string> reapable(WallMillis now, Millis never_used, std::size_t max) const;

  const QuotaTable& quotas() const { return quotas_; }

  // --- writing ---
  // `want_changes`: whether `applied.changes` is filled, which costs a path each.
  void apply(const Txn& txn, bool want_changes, Applied& applied);

  // What /zookeeper/config says: each server's own, by no transaction. `version` is the
  // configuration's. Source: ZooKeeper 3.8, ZKDatabase.initConfigInZKDatabase.
  void set_config(std::string_view text, std::int64_t version, WallMillis now);

  // All that has changed since the last call, and an empty one begun. `last_zxid` and digest in it.
  Dirty take_dirty();
  const Dirty& dirty() const { return dirty_; }

  // --- loading; only before the first apply() ---
  // Adds or replaces a node. Code::kCorrupt if the parent is not there. Fast where nodes come in
  // the order of their paths.
  Result<void> load_node(std::string_view path, const StatPersisted& stat, AclBytes acl,
                         std::optional<ByteView> data);
  void load_session(SessionId id, std::int32_t timeout_ms);
  // Ends loading: quota counts are recounted. Marks nothing dirty.
  void finish_load(Zxid zxid);
  // Drops ephemerals whose session is unknown, as a server does when it starts to lead.
  void drop_orphan_ephemerals();
  // Puts `other` in the place of this one, which `other` becomes: whoever refers to this tree has a
  // loaded one from now on. Costs nothing, but that the old one is still to be destroyed.
  void take_over(DataTree&& other);
  // Everything becomes dirty: the next checkpoint is a whole one (after loading from elsewhere).
  void mark_all_dirty();

 private:
  // A node, or where one would be. The root's path is "" here.
  struct Place {
    NodeRef ref;  // none: there is no such node
    std::string_view path;
    std::uint64_t hash = 0;
  };
  // The nodes of one owner: a session's ephemerals, the containers, the TTL nodes.
  struct OwnedList {
    NodeRef first;
    std::size_t count = 0;
  };
  // What all operations of one transaction share.
  struct Context {
    const TxnHeader& header;
    std::vector<TreeChange>* changes;  // nullptr: nobody asked
  };

  Znode& node(NodeRef ref) { return *arena_.at<Znode>(ref); }
  const Znode& node(NodeRef ref) const { return *arena_.at<Znode>(ref); }
  Znode::Branch& branch(const Znode& node) { return *arena_.at<Znode::Branch>(node.branch_); }
  const Znode::Branch& branch(const Znode& node) const {
    return *arena_.at<Znode::Branch>(node.branch_);
  }
  NodeRef first_child(const Znode& node) const {
    return node.branch_ ? branch(node).first_child : NodeRef{};
  }
  Zxid pzxid_of(const Znode& node) const { return node.branch_ ? branch(node).pzxid : node.czxid_; }
  // `top` and all below it, a parent before its children, without recursion.
  template <typename F>
  void for_each_from(const Znode& top, std::string path, F&& f) const;

  Place place_of(std::string_view path) const;
  bool is_at(NodeRef ref, std::string_view path) const;

  void add_node(Place& place, NodeRef parent, const StatPersisted& stat, std::uint32_t acl,
                Value data);
  void remove_node(const Place& place);
  void remove_descendants(NodeRef top);
  Result<void> replace_node(Place& place, const StatPersisted& stat, std::uint32_t acl, Value data);
  void set_stat(NodeRef ref, const StatPersisted& stat);
  Znode::Branch& ensure_branch(NodeRef ref);
  void link_child(NodeRef parent, NodeRef child);
  void unlink_child(NodeRef child);
  OwnedList& owned_list(std::int64_t owner);
  void link_owned(NodeRef ref);
  void unlink_owned(NodeRef ref);
  std::vector<std::string> paths_of(const OwnedList& list) const;  // sorted
  void add_system_node(std::string_view path, AclBytes acl, std::int32_t aversion);

  // Changes a node by f(Znode&) and keeps the digest and the dirty map right.
  template <typename F>
  void update(const Place& place, F&& f);
  void set_value(const Place& place, Value data);
  void touch(const Place& place);
  void touch_deleted(const Place& place);
  void raise_cversion(const Place& parent, std::int32_t parent_cversion, Zxid zxid);

  template <typename Body>
  void apply_whole(const Context& context, const Body& body, Applied& applied);
  template <typename Body>
  void apply_one(const Context& context, const Body& body, Applied::Op& op);
  ErrorCode apply_body(const Context& context, OpCode type, const CreateTxn& txn, Applied::Op& op);
  ErrorCode apply_body(const Context& context, OpCode type, const DeleteTxn& txn, Applied::Op& op);
  ErrorCode apply_body(const Context& context, OpCode type, const SetDataTxn& txn, Applied::Op& op);
  ErrorCode apply_body(const Context& context, OpCode type, const SetAclTxn& txn, Applied::Op& op);
  ErrorCode apply_body(const Context& context, OpCode type, const CheckTxn& txn, Applied::Op& op);
  ErrorCode apply_body(const Context& context, OpCode type, const ErrorTxn& txn, Applied::Op& op);
  ErrorCode apply_body(const Context& context, OpCode type, const CreateSessionTxn& txn,
                       Applied::Op& op);
  ErrorCode apply_body(const Context& context, OpCode type, const CloseSessionTxn& txn,
                       Applied::Op& op);
  void apply_multi(const Context& context, const MultiTxn& txn, Applied& applied);
  ErrorCode delete_path(const Context& context, std::string_view path);
  void report(const Context& context, TreeChange::Kind kind, std::string_view path,
              const AclRef& node_acl, const AclRef& parent_acl) const;

  void refresh_quota(std::string_view path);
  void recount_quota(std::string_view covered, const Place& stats);
  void charge_quota(std::string_view path, std::int64_t count, std::int64_t bytes);

  TreeOptions options_;
  NodeArena arena_;
  HashIndex index_;  // of all nodes but the root
  NodeRef root_;
  AclTable acls_;
  QuotaTable quotas_;
  boost::unordered_flat_map<SessionId, std::int32_t, std::hash<SessionId>> sessions_;
  boost::unordered_flat_map<SessionId, OwnedList, std::hash<SessionId>> ephemerals_;
  OwnedList containers_, ttl_nodes_;

  std::size_t nodes_count_ = 0;
  std::size_t ephemerals_count_ = 0;
  std::int64_t data_size_ = 0;
  std::uint64_t tree_digest_ = 0;
  Zxid last_zxid_;
  Dirty dirty_;

  std::string loaded_parent_path_;  // while loading: siblings come one after the other
  NodeRef loaded_parent_;
};

template <typename F>
void DataTree::for_each_from(const Znode& top, std::string path, F&& f) const {
  const Znode* at = &top;
  for (;;) {
    f(std::string_view(path), *at);
    NodeRef next = first_child(*at);
    while (!next) {
      if (at == &top) return;
      path.resize(path.size() - at->name().size() - 1);
      next = at->next_;
      if (!next) at = &node(at->parent_);
    }
    at = &node(next);
    path += '/';
    path += at->name();
  }
}

}  // namespace paddock::server
