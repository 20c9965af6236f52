#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/records.h"
#include "common/txn_records.h"
#include "server/tree/data_tree.h"
#include "tests/support/reconfig_checker.h"
#include "tests/support/zab_checkers.h"

namespace paddock::test {

// What a node was like from some transaction on.
struct NodeState {
  Zxid since;
  bool exists = false;
  bool readable = false;  // by the clients here, who are nobody in particular
  Stat stat;
  Value data;
  std::uint64_t children = 0;  // a hash over their names
};
std::uint64_t hash_of_name(std::string_view name);

// What the watches of a node are told of a transaction.
struct Occurrence {
  Zxid zxid;
  EventType type{};
  std::string path;
  bool readable = true;  // else it is not told
};

// A transaction that is committed, without its body.
struct CommittedTxn {
  TxnHeader header;
  std::optional<ErrorCode> error;
};

// The committed history, as every replica must have it: applied here once more, transaction by
// transaction, with what every node was like after each. Beyond what ZabCheckers look at:
//
//   TR   trees of one history are the same, by ZooKeeper's digest and by all that they hold
//   FO   a session's writes take effect in the order in which it asked for them
//   EP   ephemerals are there exactly while their session is
//   SQ   a sequence number is given once
//   CF   the configuration changes as clients ask, and all are shown what is in force
//   SE   only a session whose time is over expires, or who asked for it is closed; and who is
//   silent
//        does expire
class CoreCheckers {
 public:
  explicit CoreCheckers(ZabCheckers& zab);

  // --- servers
  // More may be committed than before.
  void advance();
  // `tree` is that of the history whose digest this is; `whole`: all of it is compared.
  void tree_is(ServerId server, std::uint64_t history, const server::DataTree& tree, bool whole);
  // It serves, and has that configuration for committed.
  void config_is(ServerId server, const server::DataTree& tree, const zab::Ensemble& committed);
  // The leader proposes to close the session.
  void closing_proposed(SessionId session) { closings_proposed_.insert(session); }
  bool is_closing_proposed(SessionId session) const { return closings_proposed_.contains(session); }
  // Whether the session is there for all who have seen so much.
  bool was_there(SessionId session, Zxid seen) const {
    const auto created = created_.find(session);
    return created != created_.end() && created->second <= seen;
  }

  // --- the history
  Zxid last() const { return tree_.last_zxid(); }
  const server::DataTree& tree() const { return tree_; }
  const CommittedTxn* txn(Zxid zxid) const;
  // As it was after the last transaction up to `at`.
  NodeState state(const std::string& path, Zxid at) const;
  // All that ever happened, in the order in which it is told.
  const std::vector<Occurrence>& occurrences() const { return occurrences_; }

  ReconfigChecker& reconfigs() { return reconfigs_; }
  const ReconfigChecker& reconfigs() const { return reconfigs_; }
  ZabCheckers& zab() { return zab_; }
  void fail(std::string_view code, ServerId server, std::string_view what) {
    zab_.fail(code, server, what);
  }
  std::uint64_t expired() const { return expired_; }

 private:
  void commit(const zab::Txn& committed);
  void note(const server::TreeChange& change);
  void record(const std::string& path, Zxid zxid);
  void check_order(const Txn& txn);
  void check_sequence(const server::TreeChange& change);
  void check_ephemeral(const Txn& txn, const server::TreeChange& change);
  void check_closed(const Txn& txn);

  ZabCheckers& zab_;
  ReconfigChecker reconfigs_;
  server::DataTree tree_;
  server::Applied applied_;
  std::size_t count_ = 0;  // of zab_.committed() that are applied
  std::vector<CommittedTxn> txns_;
  std::map<std::string, std::vector<NodeState>> nodes_;
  std::vector<Occurrence> occurrences_;
  std::unordered_map<SessionId, std::int32_t> last_cxid_;
  std::map<std::string, SessionId> owners_;  // of the ephemerals that are there
  std::map<std::string, std::int64_t> last_sequence_;
  std::set<SessionId> closings_proposed_;
  std::map<SessionId, Zxid> created_;
  std::uint64_t expired_ = 0;

  struct Seen {
    std::uint64_t digest = 0;
    std::optional<std::uint64_t> hash;
  };
  std::unordered_map<std::uint64_t, Seen> seen_;  // trees, by history
};

}  // namespace paddock::test
