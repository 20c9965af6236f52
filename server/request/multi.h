#pragma once

#include <cstddef>
#include <variant>
#include <vector>

#include "common/records.h"
#include "common/txn_records.h"

namespace paddock::server {

// One operation of a multi or multiRead, as views into its frame.
struct MultiOp {
  OpCode op{};
  std::variant<CreateRequest, PathVersionRequest, SetDataRequest, PathWatchRequest> request;
};

struct MultiRequest {
  enum class Kind { kEmpty, kWrites, kReads };
  Kind kind = Kind::kEmpty;
  std::vector<MultiOp> ops;
};

// Reads all of a multi or multiRead. Code::kMalformed if any of it does not parse, is not an
// operation that those may hold, or if reads and writes are mixed.
// Source: ZooKeeper 3.9, MultiOperationRecord; client-protocol.md section 10.
Result<MultiRequest> read_multi_request(JuteReader& reader);

// What a multi of `count` operations becomes when the one behind those in `multi` failed: an error
// for it, and kRuntimeInconsistency for each that was not tried.
void fail_multi(MultiTxn& multi, ErrorCode error, std::size_t count);

// Whether one of its operations failed, so that none of them is applied.
bool is_failed(const MultiTxn& multi);

}  // namespace paddock::server
