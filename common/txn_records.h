#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "common/acl.h"
#include "common/error_code.h"
#include "common/ids.h"
#include "common/jute.h"
#include "common/op_code.h"
#include "common/records.h"

// Transactions as the log and the peers carry them: header, record, digest. Texts and buffers are
// views into the bytes they were read from, or into what the caller keeps alive.
// Source: ZooKeeper 3.8, zookeeper.jute and SerializeUtils; peer-protocol.md part C.
namespace paddock {

struct TxnHeader {
  SessionId session;      // "clientId"; 0 for the server's own
  std::int32_t cxid = 0;  // the request's xid
  Zxid zxid;
  WallMillis time;
  OpCode type{};
};

// create (1), create2 (15), createContainer (19), createTTL (21): told apart by the type.
struct CreateTxn {
  std::string_view path;  // final: a sequence number is part of it
  NullableBytes data;
  AclBytes acl;
  bool ephemeral = false;            // types 1 and 15 only
  std::int32_t parent_cversion = 0;  // the parent's create counter after this; -1: one more
  std::int64_t ttl_ms = 0;           // type 21 only
};
struct DeleteTxn {  // delete (2), deleteContainer (20)
  std::string_view path;
};
struct SetDataTxn {  // setData (5), reconfig (16)
  std::string_view path;
  NullableBytes data;
  std::int32_t version = 0;  // the new one
};
struct SetAclTxn {  // setACL (7)
  std::string_view path;
  AclBytes acl;
  std::int32_t version = 0;  // the new aversion
};
struct CheckTxn {  // check (13), only inside a multi
  std::string_view path;
  std::int32_t version = 0;  // the checked one + 1
};
struct ErrorTxn {  // error (-1)
  ErrorCode error = ErrorCode::kOk;
};
struct CreateSessionTxn {  // createSession (-10)
  std::int32_t timeout_ms = 0;
};
struct CloseSessionTxn {  // closeSession (-11)
  bool has_paths = true;  // false: written before 3.6 or with closeSessionTxn.enabled=false
  std::vector<std::string_view> paths_to_delete;
};

// One operation of a multi.
using OpTxn = std::variant<CreateTxn, DeleteTxn, SetDataTxn, SetAclTxn, CheckTxn, ErrorTxn>;
struct MultiTxnOp {
  OpCode type{};
  OpTxn txn;
};
struct MultiTxn {  // multi (14)
  std::vector<MultiTxnOp> ops;
};

using TxnBody = std::variant<CreateTxn, DeleteTxn, SetDataTxn, SetAclTxn, CheckTxn, ErrorTxn,
                             CreateSessionTxn, CloseSessionTxn, MultiTxn>;

inline constexpr std::int32_t kDigestVersion = 2;
struct TxnDigest {
  std::int32_t version = kDigestVersion;
  std::uint64_t tree_digest = 0;  // after the transaction
  friend bool operator==(const TxnDigest&, const TxnDigest&) = default;
};

struct Txn {
  TxnHeader header;
  TxnBody body;
  std::optional<TxnDigest> digest;
};

void encode_txn(const Txn& txn, Bytes& to);

// Reads one whole transaction. An unknown type, a body that does not parse, or a multi in a multi
// is Code::kMalformed. Left-over bytes behind the digest are ignored, as in ZooKeeper.
Result<Txn> decode_txn(ByteView bytes);

// Only the header: enough for who reads a log by zxid.
Result<TxnHeader> decode_txn_header(ByteView bytes);

}  // namespace paddock
