#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/records.h"
#include "common/txn_records.h"
#include "server/request/multi.h"
#include "server/request/pending_changes.h"
#include "server/tree/acl_check.h"
#include "server/tree/data_tree.h"
#include "server/tree/quota.h"

namespace paddock::server {

struct PrepareOptions {
  bool enforce_quota = false;
  bool reconfig_enabled = false;
  bool close_session_txn = true;
  std::size_t txn_bytes_max = 0;  // what would become larger is refused, so that it can be read
  AuthOptions auth;
};

// A write of a client whose session may write.
struct WriteRequest {
  SessionId session;
  RequestHeader header;
  ByteView record;
  const Credentials& credentials;
  ErrorCode ephemerals = ErrorCode::kOk;  // what creating one is refused with
};

// Whether it asks for an ephemeral node, maybe in a multi: only a session that all servers know may
// have one. Source: ZooKeeper 3.8, QuorumZooKeeperServer.checkUpgradeSession.
bool makes_ephemerals(OpCode op, ByteView record);

// An encoded transaction: shared by the log, the peers and apply.
using TxnBytes = std::shared_ptr<const Bytes>;

// Turns requests into transactions, checked against the state as it will be once all outstanding
// proposals are applied. A request that fails becomes an error transaction: it takes a zxid too.
// Nothing that depends on a clock or on chance is left for apply.
//
// Each call but on_applied() and take_warnings() makes exactly one transaction of the given zxid,
// which the caller proposes before the next call.
//
// Thread: the core thread. Failure: none; what is wrong with a request is in its transaction.
// Source: ZooKeeper 3.9, PrepRequestProcessor; client-protocol.md sections 6 to 12.
class Preparer {
 public:
  // `tree` outlives this.
  Preparer(const DataTree& tree, PrepareOptions options);

  TxnBytes prepare(const WriteRequest& request, Zxid zxid, WallMillis time);

  // An error transaction, for a request that is refused unseen.
  TxnBytes refuse(SessionId session, std::int32_t xid, ErrorCode error, Zxid zxid, WallMillis time);
  TxnBytes create_session(SessionId session, std::int32_t timeout_ms, Zxid zxid, WallMillis time);
  TxnBytes close_session(SessionId session, std::int32_t xid, Zxid zxid, WallMillis time);
  // A request that is good but for whoever asks: `text` is to be the ensemble's configuration.
  TxnBytes set_config(const WriteRequest& request, std::string_view text, Zxid zxid,
                      WallMillis time);
  // Takes away a container or TTL node that is due. Null, and no zxid used, where the outstanding
  // proposals have made something else of it.
  TxnBytes reap(std::string_view path, Zxid zxid, WallMillis time);

  void on_applied(Zxid zxid) { pending_.on_applied(zxid); }
  // No outstanding proposal of this server will ever be applied as such.
  void forget() { pending_.on_applied(Zxid{INT64_MAX}); }

  // What operators should hear of since the last call: soft quotas that are exceeded.
  std::vector<std::string> take_warnings() { return std::exchange(warnings_, {}); }

  const PendingChanges& pending() const { return pending_; }

 private:
  using Node = PendingChanges::Node;
  // Who asks, in the request at hand.
  struct Caller {
    SessionId session;
    const Credentials& credentials;
    ErrorCode ephemerals = ErrorCode::kOk;
  };

  void begin(SessionId session, std::int32_t xid, Zxid zxid, WallMillis time);
  TxnBytes commit(OpCode type);
  TxnBytes fail(ErrorCode error);

  ErrorCode single(const WriteRequest& request, OpTxn& txn);
  TxnBytes multi(const WriteRequest& request);
  ErrorCode reconfig(const WriteRequest& request) const;
  ErrorCode multi_op(const Caller& caller, const MultiOp& op, OpTxn& txn);

  ErrorCode create(const Caller& caller, OpCode op, const CreateRequest& request, OpTxn& txn);
  ErrorCode remove(const Caller& caller, const PathVersionRequest& request, OpTxn& txn);
  ErrorCode set_data(const Caller& caller, const SetDataRequest& request, OpTxn& txn);
  ErrorCode set_acl(const Caller& caller, const SetAclRequest& request, OpTxn& txn);
  ErrorCode check(const Caller& caller, const PathVersionRequest& request, OpTxn& txn);

  ErrorCode check_flags(OpCode op, const CreateRequest& request) const;
  ErrorCode check_quota(std::string_view path, std::int64_t bytes, std::int64_t count);
  bool within_limits(std::string_view what, const QuotaUse& quota, std::int64_t use,
                     std::int64_t soft, std::int64_t hard);
  ErrorCode fix(const Caller& caller, AclBytes acl, AclBytes& fixed);
  bool allows(const Caller& caller, const Node& node, std::int32_t permission) const;
  bool is_ephemeral(const Node& node) const;

  const DataTree& tree_;
  const PrepareOptions options_;
  PendingChanges pending_;
  Txn txn_;                        // the one being made
  Bytes encoded_;                  // its bytes; kept for their capacity
  std::deque<std::string> names_;  // made by sequence numbers, and
  std::deque<Bytes> acls_;         // made by fix(), while txn_ has views of them
  std::vector<std::string> warnings_;
};

}  // namespace paddock::server
