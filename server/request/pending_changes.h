#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "common/ids.h"
#include "common/txn_records.h"
#include "server/tree/data_tree.h"

namespace paddock::server {

// The state-to-be: the tree as it will be once every outstanding proposal has been applied. Holds
// only the nodes that those proposals touch; with nothing outstanding it is the tree itself.
//
// Each change here does to the overlay exactly what DataTree::apply will do to the tree, so that
// the digest known now is the one found then.
//
// Thread: the core thread. Source: ZooKeeper 3.8, PrepRequestProcessor (outstandingChanges);
// peer-protocol.md C2 and C3.
class PendingChanges {
  struct Pending;

 public:
  // A node as it will be. Valid until the next change.
  class Node {
   public:
    Node() = default;  // there is none
    explicit operator bool() const { return pending_ != nullptr || znode_ != nullptr; }

    StatPersisted stat() const;
    const AclEntry& acl() const;
    std::int32_t child_count() const;
    std::int64_t data_bytes() const;
    bool is_pending() const { return pending_ != nullptr; }

   private:
    friend class PendingChanges;
    const DataTree* tree_ = nullptr;
    const Znode* znode_ = nullptr;      // set: as the tree has it
    const Pending* pending_ = nullptr;  // set: as an outstanding proposal leaves it
  };

  // `tree` outlives this.
  explicit PendingChanges(const DataTree& tree);
  ~PendingChanges();

  Node find(std::string_view path) const;
  // Paths of the nodes that closing `session` will delete, sorted.
  std::vector<std::string> ephemerals_of(SessionId session) const;
  // The tree's digest as it will be; nullopt where digests are off.
  std::optional<TxnDigest> digest() const;

  // Begins the changes of one proposal. They belong to `zxid`, above all before.
  void begin(Zxid zxid, WallMillis time);
  // The node is not there, its parent is.
  void create(std::string_view path, std::string_view parent, const CreateTxn& txn,
              std::int64_t ephemeral_owner);
  // The node is there.
  void remove(std::string_view path);
  void set_data(const SetDataTxn& txn);
  void set_acl(const SetAclTxn& txn);
  // Undoes all since begin().
  void rollback();

  // The tree has this transaction now: what only it and older ones touched is dropped.
  void on_applied(Zxid zxid);

  std::size_t size() const { return nodes_.size(); }

 private:
  struct Pending {
    std::string path;  // the root's is ""
    struct State {
      Zxid zxid;  // of the last proposal that touched it
      bool exists = false;
      StatPersisted stat;
      AclRef acl;
      std::int32_t child_count = 0;
      std::int64_t data_bytes = 0;
      std::uint32_t digest = 0;
    } now;
  };
  struct Touch {
    Zxid zxid;
    Pending* node;
  };
  struct Undo {
    Pending* node;
    Pending::State before;
  };

  Pending& touch(std::string_view path);
  Pending& load(std::string_view path);
  void drop(Pending& node);
  void restat(Pending& node, const StatPersisted& stat);
  void redigest(Pending& node, NullableBytes data);
  bool is_digested(std::string_view path) const;
  void set_digest(Pending& node, std::uint32_t digest);
  AclRef acl_entry(ByteView encoded);

  const DataTree& tree_;
  Zxid zxid_;
  WallMillis time_;
  std::uint64_t digest_ = 0;               // of the state-to-be, while nodes_ is not empty
  std::uint64_t digest_before_begin_ = 0;  // what rollback() goes back to
  boost::unordered_flat_map<std::string_view, Pending*> nodes_;  // keys are the nodes' own paths
  std::deque<Touch> touches_;                                    // by zxid
  std::vector<Undo> undo_;  // what the current proposal has overwritten, oldest first
  std::deque<Pending> pool_;
  std::vector<Pending*> free_;
  AclRef last_acl_;  // most nodes get the same one
};

}  // namespace paddock::server
