#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/error_code.h"
#include "common/ids.h"
#include "common/records.h"
#include "common/txn_records.h"
#include "common/value.h"
#include "server/tree/acl_table.h"
#include "server/tree/dirty.h"
#include "server/tree/persisted.h"
#include "server/tree/quota.h"
#include "server/tree/tree_change.h"
#include "server/tree/znode.h"

namespace paddock::server {

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
  ErrorCode error = ErrorCode::kOk;  // of the whole: an error transaction's code
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

  // --- reading; a path of "" is "/" ---
  const Znode* find(std::string_view path) const;  // nullptr: there is none
  const Znode* root() const;
  Stat stat_of(const Znode& node) const;  // as clients see it
  StatPersisted persisted_stat_of(const Znode& node) const;
  const Value& data_of(const Znode& node) const;
  const AclRef& acl_of(const Znode& node) const;
  std::string path_of(const Znode& node) const;  // the root's is "/"
  std::int32_t child_count(const Znode& node) const;
  // Calls f(name) for each child; the order means nothing.
  template <typename F>
  void for_each_child(const Znode& node, F&& f) const;
  // All nodes, a parent before its children: f(path, node), the root as "".
  template <typename F>
  void for_each_node(F&& f) const;
  std::int64_t descendants_of(const Znode& node) const;  // counts them one by one

  Zxid last_zxid() const;        // of the last transaction applied
  std::uint64_t digest() const;  // ZooKeeper's tree digest now; 0 if digests are off
  std::uint32_t digest_of(const Znode& node) const;  // this node's part of it
  std::size_t node_count() const;                    // as srvr shows it: the root counts twice
  std::size_t ephemerals_count() const;
  std::int64_t approximate_data_size() const;  // bytes of paths and data

  // --- sessions ---
  std::optional<std::int32_t> session_timeout(SessionId id) const;  // nullopt: no such session
  std::size_t session_count() const;
  template <typename F>
  void for_each_session(F&& f) const;                          // f(SessionId, timeout_ms)
  std::vector<std::string> ephemerals_of(SessionId id) const;  // sorted paths
  std::vector<SessionId> sessions_with_ephemerals() const;     // sorted

  // Containers that are due and TTL nodes past their time, at most `max`, sorted.
  // Source: ZooKeeper 3.9, ContainerManager; client-protocol.md section 6.
  std::vector<std::string> reapable(WallMillis now, Millis never_used, std::size_t max) const;

  const QuotaTable& quotas() const;

  // --- writing ---
  // `want_changes`: whether `applied.changes` is filled, which costs a path each.
  void apply(const Txn& txn, bool want_changes, Applied& applied);

  // All that has changed since the last call, and an empty one begun. `last_zxid` and digest in it.
  Dirty take_dirty();
  const Dirty& dirty() const;

  // --- loading; only before the first apply() ---
  // Adds or replaces a node. Code::kCorrupt if the parent is not there.
  Result<void> load_node(std::string_view path, const StatPersisted& stat, AclBytes acl,
                         std::optional<ByteView> data);
  void load_session(SessionId id, std::int32_t timeout_ms);
  // Ends loading: indexes of ephemerals, containers, TTL and quotas are built, quota counts
  // recounted. Marks nothing dirty.
  void finish_load(Zxid zxid);
  // Drops ephemerals whose session is unknown, as a server does when it starts to lead.
  void drop_orphan_ephemerals();
  // Everything becomes dirty: the next checkpoint is a whole one (after loading from elsewhere).
  void mark_all_dirty();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace paddock::server
