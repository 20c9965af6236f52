#include "server/request/prepare.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "common/check.h"
#include "common/concat.h"
#include "common/path.h"

namespace paddock::server {

namespace {

// Source: ZooKeeper 3.9, CreateMode.
enum class CreateMode : std::int32_t {
  kPersistent = 0,
  kEphemeral = 1,
  kPersistentSequential = 2,
  kEphemeralSequential = 3,
  kContainer = 4,
  kTtl = 5,
  kTtlSequential = 6,
};

bool is_sequential(CreateMode mode) {
  return mode == CreateMode::kPersistentSequential || mode == CreateMode::kEphemeralSequential ||
         mode == CreateMode::kTtlSequential;
}

bool is_ttl(CreateMode mode) {
  return mode == CreateMode::kTtl || mode == CreateMode::kTtlSequential;
}

// Java's arithmetic: counters and versions wrap.
std::int32_t one_more(std::int32_t value) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(value) + 1);
}

bool version_matches(std::int32_t asked, std::int32_t current) {
  return asked == -1 || asked == current;
}

bool has_slash_and_no_nul(std::string_view path) {
  return path.find('/') != std::string_view::npos && path.find('\0') == std::string_view::npos;
}

bool is_system_path(std::string_view path) {
  return path == "/" || path == "/zookeeper" || path == "/zookeeper/quota" || path == kConfigNode;
}

std::string sequential_name(std::string_view path, std::int32_t create_counter) {
  std::array<char, 16> digits;
  const int length = std::snprintf(digits.data(), digits.size(), "%010d", create_counter);
  std::string name;
  name.reserve(path.size() + static_cast<std::size_t>(length));
  name.append(path).append(digits.data(), static_cast<std::size_t>(length));
  return name;
}

bool asks_for_ephemeral(OpCode op, const CreateRequest& request) {
  const CreateMode mode{request.flags};
  return (op == OpCode::kCreate || op == OpCode::kCreate2) &&
         (mode == CreateMode::kEphemeral || mode == CreateMode::kEphemeralSequential);
}

CreateTxn create_txn(OpCode op, const CreateRequest& request, std::string_view path, AclBytes acl,
                     std::int32_t parent_cversion) {
  CreateTxn txn{.path = path, .data = request.data, .acl = acl, .parent_cversion = parent_cversion};
  if (op == OpCode::kCreateTtl) txn.ttl_ms = request.ttl_ms;
  txn.ephemeral = asks_for_ephemeral(op, request);
  return txn;
}

// The kind of node follows the opcode, and the ephemeral bit where the opcode leaves it open.
std::int64_t owner_of(OpCode op, const CreateTxn& txn, SessionId session) {
  if (op == OpCode::kCreateContainer) return kContainerOwner;
  if (op == OpCode::kCreateTtl) return ttl_owner(txn.ttl_ms);
  return txn.ephemeral ? session.value : 0;
}

// A transaction around paths: header, count, digest and what the vector itself takes.
constexpr std::size_t kCloseSessionOverhead = 64;

}  // namespace

bool makes_ephemerals(OpCode op, ByteView record) {
  JuteReader reader(record);
  if (op == OpCode::kCreate || op == OpCode::kCreate2) {
    const auto request = read_create_request(reader, false);
    return request && asks_for_ephemeral(op, *request);
  }
  if (op != OpCode::kMulti) return false;
  const Result<MultiRequest> request = read_multi_request(reader);
  return request && std::ranges::any_of(request->ops, [](const MultiOp& one) {
           const auto* create = std::get_if<CreateRequest>(&one.request);
           return create != nullptr && asks_for_ephemeral(one.op, *create);
         });
}

Preparer::Preparer(const DataTree& tree, PrepareOptions options)
    : tree_(tree), options_(std::move(options)), pending_(tree) {}

TxnBytes Preparer::prepare(const WriteRequest& request, Zxid zxid, WallMillis time) {
  begin(request.session, request.header.xid, zxid, time);
  if (request.header.op == OpCode::kMulti) return multi(request);
  OpTxn op;
  const ErrorCode error = single(request, op);
  if (error != ErrorCode::kOk) return fail(error);
  std::visit([&](const auto& body) { txn_.body = body; }, op);
  return commit(request.header.op);
}

TxnBytes Preparer::refuse(SessionId session, std::int32_t xid, ErrorCode error, Zxid zxid,
                          WallMillis time) {
  begin(session, xid, zxid, time);
  return fail(error);
}

TxnBytes Preparer::create_session(SessionId session, std::int32_t timeout_ms, Zxid zxid,
                                  WallMillis time) {
  begin(session, 0, zxid, time);
  txn_.body = CreateSessionTxn{timeout_ms};
  return commit(OpCode::kCreateSession);
}

// Apply deletes the session's ephemerals whether they are listed or not; the list is there so that
// a replay finds them too. So a list that would grow beyond what can be read back ends early.
TxnBytes Preparer::close_session(SessionId session, std::int32_t xid, Zxid zxid, WallMillis time) {
  begin(session, xid, zxid, time);
  const std::vector<std::string> paths = pending_.ephemerals_of(session);
  CloseSessionTxn close{.has_paths = options_.close_session_txn, .paths_to_delete = {}};
  std::size_t bytes = kCloseSessionOverhead;
  for (const std::string& path : paths) {
    pending_.remove(path);
    bytes += 4 + path.size();
    if (bytes <= options_.txn_bytes_max) close.paths_to_delete.push_back(path);
  }
  txn_.body = std::move(close);
  return commit(OpCode::kCloseSession);
}

// No version is counted: it says -1 for ever.
TxnBytes Preparer::set_config(const WriteRequest& request, std::string_view text, Zxid zxid,
                              WallMillis time) {
  begin(request.session, request.header.xid, zxid, time);
  const Node node = pending_.find(kConfigNode);
  if (!node) return fail(ErrorCode::kNoNode);
  if (!allows({request.session, request.credentials}, node, kPermWrite)) {
    return fail(ErrorCode::kNoAuth);
  }
  const SetDataTxn txn{kConfigNode, as_bytes(text), -1};
  pending_.set_data(txn);
  txn_.body = txn;
  return commit(OpCode::kReconfig);
}

TxnBytes Preparer::reap(std::string_view path, Zxid zxid, WallMillis time) {
  const Node node = pending_.find(path);
  if (!node || node.is_pending() || node.child_count() != 0) return nullptr;
  const NodeKind kind = kind_of(node.stat().ephemeral_owner, tree_.options().extended_types);
  if (kind != NodeKind::kContainer && kind != NodeKind::kTtl) return nullptr;
  begin(SessionId{}, 0, zxid, time);
  pending_.remove(path);
  txn_.body = DeleteTxn{path};
  return commit(OpCode::kDeleteContainer);
}

void Preparer::begin(SessionId session, std::int32_t xid, Zxid zxid, WallMillis time) {
  pending_.begin(zxid, time);
  txn_.header = {.session = session, .cxid = xid, .zxid = zxid, .time = time};
  names_.clear();
  acls_.clear();
}

TxnBytes Preparer::commit(OpCode type) {
  txn_.header.type = type;
  txn_.digest = pending_.digest();
  encoded_.clear();
  encode_txn(txn_, encoded_);
  if (encoded_.size() > options_.txn_bytes_max) return fail(ErrorCode::kBadArguments);
  return std::make_shared<const Bytes>(encoded_);
}

TxnBytes Preparer::fail(ErrorCode error) {
  pending_.rollback();
  txn_.header.type = OpCode::kError;
  txn_.body = ErrorTxn{error};
  txn_.digest = pending_.digest();
  encoded_.clear();
  encode_txn(txn_, encoded_);
  return std::make_shared<const Bytes>(encoded_);
}

ErrorCode Preparer::single(const WriteRequest& request, OpTxn& txn) {
  const Caller caller{request.session, request.credentials, request.ephemerals};
  const OpCode op = request.header.op;
  JuteReader reader(request.record);
  switch (op) {
    case OpCode::kCreate:
    case OpCode::kCreate2:
    case OpCode::kCreateContainer:
    case OpCode::kCreateTtl: {
      const auto record = read_create_request(reader, op == OpCode::kCreateTtl);
      return record ? create(caller, op, *record, txn) : ErrorCode::kMarshallingError;
    }
    case OpCode::kDelete: {
      const auto record = read_path_version_request(reader);
      return record ? remove(caller, *record, txn) : ErrorCode::kMarshallingError;
    }
    case OpCode::kSetData: {
      const auto record = read_set_data_request(reader);
      return record ? set_data(caller, *record, txn) : ErrorCode::kMarshallingError;
    }
    case OpCode::kSetAcl: {
      const auto record = read_set_acl_request(reader);
      return record ? set_acl(caller, *record, txn) : ErrorCode::kMarshallingError;
    }
    case OpCode::kReconfig:
      return reconfig(request);
    case OpCode::kDeleteContainer:
      // Without an ACL of its own it would let anyone delete: the reaper alone does it.
      return ErrorCode::kBadArguments;
    default:
      return ErrorCode::kUnimplemented;
  }
}

// A server that stands alone has no members to change.
ErrorCode Preparer::reconfig(const WriteRequest& request) const {
  JuteReader reader(request.record);
  if (!read_reconfig_request(reader)) return ErrorCode::kMarshallingError;
  return options_.reconfig_enabled ? ErrorCode::kUnimplemented : ErrorCode::kReconfigDisabled;
}

TxnBytes Preparer::multi(const WriteRequest& request) {
  JuteReader reader(request.record);
  const Result<MultiRequest> record = read_multi_request(reader);
  if (!record || record->kind == MultiRequest::Kind::kReads) {
    return fail(ErrorCode::kMarshallingError);
  }
  const Caller caller{request.session, request.credentials, request.ephemerals};
  MultiTxn body;
  body.ops.reserve(record->ops.size());
  for (const MultiOp& op : record->ops) {
    OpTxn txn;
    const ErrorCode error = multi_op(caller, op, txn);
    if (error != ErrorCode::kOk) {
      pending_.rollback();
      fail_multi(body, error, record->ops.size());
      break;
    }
    body.ops.push_back({op.op, txn});
  }
  txn_.body = std::move(body);
  return commit(OpCode::kMulti);
}

ErrorCode Preparer::multi_op(const Caller& caller, const MultiOp& op, OpTxn& txn) {
  if (const auto* request = std::get_if<CreateRequest>(&op.request)) {
    return create(caller, op.op, *request, txn);
  }
  if (const auto* request = std::get_if<SetDataRequest>(&op.request)) {
    return set_data(caller, *request, txn);
  }
  const auto* request = std::get_if<PathVersionRequest>(&op.request);
  PADDOCK_CHECK(request != nullptr);
  return op.op == OpCode::kCheck ? check(caller, *request, txn) : remove(caller, *request, txn);
}

// The order of the checks is client-protocol.md's, section 9.3; clients can see it.
ErrorCode Preparer::create(const Caller& caller, OpCode op, const CreateRequest& request,
                           OpTxn& txn) {
  if (const ErrorCode error = check_flags(op, request); error != ErrorCode::kOk) return error;
  if (caller.ephemerals != ErrorCode::kOk && asks_for_ephemeral(op, request)) {
    return caller.ephemerals;
  }
  if (!request.path) return ErrorCode::kMarshallingError;
  if (!has_slash_and_no_nul(*request.path)) return ErrorCode::kBadArguments;
  AclBytes acl;
  if (const ErrorCode error = fix(caller, request.acl, acl); error != ErrorCode::kOk) return error;

  const std::string_view parent_path = parent_of(*request.path);
  const Node parent = pending_.find(parent_path);
  if (!parent) return ErrorCode::kNoNode;
  if (!allows(caller, parent, kPermCreate)) return ErrorCode::kNoAuth;
  const std::int32_t create_counter = parent.stat().cversion;
  std::string_view path = *request.path;
  if (is_sequential(CreateMode{request.flags})) {
    path = names_.emplace_back(sequential_name(path, create_counter));
  }
  if (!is_valid_path(path)) return ErrorCode::kBadArguments;
  if (pending_.find(path)) return ErrorCode::kNodeExists;
  if (is_ephemeral(parent)) return ErrorCode::kNoChildrenForEphemerals;
  const auto data_bytes = request.data ? static_cast<std::int64_t>(request.data->size()) : 0;
  if (const ErrorCode error = check_quota(path, data_bytes, 1); error != ErrorCode::kOk) {
    return error;
  }

  const CreateTxn created = create_txn(op, request, path, acl, one_more(create_counter));
  pending_.create(path, parent_path, created, owner_of(op, created, caller.session));
  txn = created;
  return ErrorCode::kOk;
}

ErrorCode Preparer::check_flags(OpCode op, const CreateRequest& request) const {
  if (request.flags < 0 || request.flags > static_cast<std::int32_t>(CreateMode::kTtlSequential)) {
    return ErrorCode::kBadArguments;
  }
  const bool ttl = is_ttl(CreateMode{request.flags});
  if (ttl && !tree_.options().extended_types) return ErrorCode::kUnimplemented;
  // ZooKeeper lets createTTL with other flags and a negative ttl pass, and then stops serving.
  if (ttl != (op == OpCode::kCreateTtl)) return ErrorCode::kBadArguments;
  if (ttl && (request.ttl_ms < 1 || request.ttl_ms > kTtlMsMax)) return ErrorCode::kBadArguments;
  return ErrorCode::kOk;
}

ErrorCode Preparer::remove(const Caller& caller, const PathVersionRequest& request, OpTxn& txn) {
  if (!request.path) return ErrorCode::kMarshallingError;
  const std::string_view path = *request.path;
  if (!has_slash_and_no_nul(path) || is_system_path(path)) return ErrorCode::kBadArguments;
  const Node parent = pending_.find(parent_of(path));
  if (!parent) return ErrorCode::kNoNode;
  if (!allows(caller, parent, kPermDelete)) return ErrorCode::kNoAuth;
  const Node node = pending_.find(path);
  if (!node) return ErrorCode::kNoNode;
  if (!version_matches(request.version, node.stat().version)) return ErrorCode::kBadVersion;
  if (node.child_count() != 0) return ErrorCode::kNotEmpty;
  pending_.remove(path);
  txn = DeleteTxn{path};
  return ErrorCode::kOk;
}

ErrorCode Preparer::set_data(const Caller& caller, const SetDataRequest& request, OpTxn& txn) {
  if (!request.path || !is_valid_path(*request.path)) return ErrorCode::kBadArguments;
  const Node node = pending_.find(*request.path);
  if (!node) return ErrorCode::kNoNode;
  if (!allows(caller, node, kPermWrite)) return ErrorCode::kNoAuth;
  const auto data_bytes = request.data ? static_cast<std::int64_t>(request.data->size()) : 0;
  const ErrorCode quota = check_quota(*request.path, data_bytes - node.data_bytes(), 0);
  if (quota != ErrorCode::kOk) return quota;
  const std::int32_t version = node.stat().version;
  if (!version_matches(request.version, version)) return ErrorCode::kBadVersion;
  const SetDataTxn set{*request.path, request.data, one_more(version)};
  pending_.set_data(set);
  txn = set;
  return ErrorCode::kOk;
}

ErrorCode Preparer::set_acl(const Caller& caller, const SetAclRequest& request, OpTxn& txn) {
  if (!request.path || !is_valid_path(*request.path)) return ErrorCode::kBadArguments;
  AclBytes acl;
  if (const ErrorCode error = fix(caller, request.acl, acl); error != ErrorCode::kOk) return error;
  const Node node = pending_.find(*request.path);
  if (!node) return ErrorCode::kNoNode;
  if (!allows(caller, node, kPermAdmin)) return ErrorCode::kNoAuth;
  const std::int32_t version = node.stat().aversion;
  if (!version_matches(request.version, version)) return ErrorCode::kBadVersion;
  const SetAclTxn set{*request.path, acl, one_more(version)};
  pending_.set_acl(set);
  txn = set;
  return ErrorCode::kOk;
}

ErrorCode Preparer::check(const Caller& caller, const PathVersionRequest& request, OpTxn& txn) {
  if (!request.path || !is_valid_path(*request.path)) return ErrorCode::kBadArguments;
  const Node node = pending_.find(*request.path);
  if (!node) return ErrorCode::kNoNode;
  if (!allows(caller, node, kPermRead)) return ErrorCode::kNoAuth;
  const std::int32_t version = node.stat().version;
  if (!version_matches(request.version, version)) return ErrorCode::kBadVersion;
  txn = CheckTxn{*request.path, one_more(version)};
  return ErrorCode::kOk;
}

// What the request would add to the quota that covers the path. Usage is the tree's: what is
// outstanding, and what a multi did before, does not count yet.
ErrorCode Preparer::check_quota(std::string_view path, std::int64_t bytes, std::int64_t count) {
  if (tree_.quotas().empty() || (bytes == 0 && count == 0)) return ErrorCode::kOk;
  const std::optional<QuotaUse> quota = tree_.quotas().covering(path);
  if (!quota) return ErrorCode::kOk;
  const bool count_ok = count <= 0 || within_limits("count", *quota, quota->count + count,
                                                    quota->limits.count, quota->limits.count_hard);
  const bool bytes_ok = bytes == 0 || within_limits("bytes", *quota, quota->bytes + bytes,
                                                    quota->limits.bytes, quota->limits.bytes_hard);
  return count_ok && bytes_ok ? ErrorCode::kOk : ErrorCode::kQuotaExceeded;
}

// A hard limit refuses, a soft one warns; where there is a hard one, the soft one is not looked at.
bool Preparer::within_limits(std::string_view what, const QuotaUse& quota, std::int64_t use,
                             std::int64_t soft, std::int64_t hard) {
  if (options_.enforce_quota && hard >= 0) return use <= hard;
  if (hard < 0 && soft >= 0 && use > soft) {
    warnings_.push_back(
        concat("quota of ", quota.path, " exceeded: ", what, " ", use, ", limit ", soft));
  }
  return true;
}

ErrorCode Preparer::fix(const Caller& caller, AclBytes acl, AclBytes& fixed) {
  fixed = open_acl();  // what most requests ask for, and always well formed
  if (std::ranges::equal(acl.encoded, fixed.encoded)) return ErrorCode::kOk;
  FixedAcl result = fix_acl(options_.auth, acl, caller.credentials);
  if (result.error != ErrorCode::kOk) return result.error;
  fixed = AclBytes{acls_.emplace_back(std::move(result.encoded))};
  return ErrorCode::kOk;
}

bool Preparer::allows(const Caller& caller, const Node& node, std::int32_t permission) const {
  return may(options_.auth, node.acl(), permission, caller.credentials);
}

bool Preparer::is_ephemeral(const Node& node) const {
  return kind_of(node.stat().ephemeral_owner, tree_.options().extended_types) ==
         NodeKind::kEphemeral;
}

}  // namespace paddock::server
