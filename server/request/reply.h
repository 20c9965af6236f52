#pragma once

#include <cstdint>
#include <string_view>

#include "common/records.h"
#include "common/txn_records.h"
#include "server/tree/data_tree.h"

namespace paddock::server {

// Appends the reply frame of a client's write whose transaction has been applied: header with the
// transaction's zxid and error, and behind it what the operation answers. A multi that failed has
// no error in its header but one for each of its operations.
// Source: ZooKeeper 3.9, FinalRequestProcessor; client-protocol.md sections 4, 9.2 and 10.
void append_write_reply(std::int32_t xid, const Txn& txn, const Applied& applied, Bytes& out);

// Appends the reply frame of sync: the path as it was sent, null included. kMarshallingError if
// `record` does not parse.
void append_sync_reply(std::int32_t xid, Zxid zxid, ByteView record, Bytes& out);

// A frame under construction: length and header in front, patched at the end.
class ReplyFrame {
 public:
  // Begins a frame at the end of `out`, which outlives this.
  ReplyFrame(ReplyHeader header, Bytes& out);

  JuteWriter& record() { return writer_; }
  // Ends it. What is behind the header goes with an error.
  void finish(ErrorCode error = ErrorCode::kOk);
  // Ends it, with an error and what has been written all the same.
  void finish_with_record(ErrorCode error);

 private:
  JuteWriter writer_;
  std::size_t start_;
};

}  // namespace paddock::server
