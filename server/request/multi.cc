#include "server/request/multi.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/concat.h"

namespace paddock::server {

namespace {

Result<MultiOp> read_op(JuteReader& reader, OpCode op) {
  if (op == OpCode::kCreate || op == OpCode::kCreate2 || op == OpCode::kCreateContainer ||
      op == OpCode::kCreateTtl) {
    PADDOCK_TRY(CreateRequest request, read_create_request(reader, op == OpCode::kCreateTtl));
    return MultiOp{op, request};
  }
  if (op == OpCode::kDelete || op == OpCode::kCheck) {
    PADDOCK_TRY(PathVersionRequest request, read_path_version_request(reader));
    return MultiOp{op, request};
  }
  if (op == OpCode::kSetData) {
    PADDOCK_TRY(SetDataRequest request, read_set_data_request(reader));
    return MultiOp{op, request};
  }
  if (op == OpCode::kGetData || op == OpCode::kGetChildren) {
    PADDOCK_TRY(PathWatchRequest request, read_path_watch_request(reader));
    return MultiOp{op, request};
  }
  return Error{Code::kMalformed,
               concat("operation ", static_cast<std::int32_t>(op), " inside a multi")};
}

}  // namespace

Result<MultiRequest> read_multi_request(JuteReader& reader) {
  using Kind = MultiRequest::Kind;
  MultiRequest request;
  while (true) {
    PADDOCK_TRY(const MultiHeader header, read_multi_header(reader));
    if (header.done) return request;
    PADDOCK_TRY(MultiOp op, read_op(reader, header.op));
    const Kind kind =
        std::holds_alternative<PathWatchRequest>(op.request) ? Kind::kReads : Kind::kWrites;
    if (request.kind == Kind::kEmpty) request.kind = kind;
    if (request.kind != kind) return Error{Code::kMalformed, "reads and writes in one multi"};
    request.ops.push_back(std::move(op));
  }
}

void fail_multi(MultiTxn& multi, ErrorCode error, std::size_t count) {
  PADDOCK_CHECK(error != ErrorCode::kOk);
  PADDOCK_CHECK(multi.ops.size() < count);
  multi.ops.push_back({OpCode::kError, ErrorTxn{error}});
  while (multi.ops.size() < count) {
    multi.ops.push_back({OpCode::kError, ErrorTxn{ErrorCode::kRuntimeInconsistency}});
  }
}

bool is_failed(const MultiTxn& multi) {
  return std::ranges::any_of(
      multi.ops, [](const MultiTxnOp& op) { return std::holds_alternative<ErrorTxn>(op.txn); });
}

}  // namespace paddock::server
