#include "server/request/reply.h"

#include "common/check.h"
#include "server/request/multi.h"
#include "server/request/read.h"

namespace paddock::server {

namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kHeaderBytes = 16;
constexpr std::size_t kErrorOffset = kLengthBytes + 12;

void write_result(JuteWriter& writer, const Applied::Op& op) {
  switch (op.type) {
    case OpCode::kCreate:
      return writer.write_string(op.path);
    case OpCode::kCreate2:
    case OpCode::kCreateContainer:
    case OpCode::kCreateTtl:
      writer.write_string(op.path);
      return write(writer, op.stat);
    case OpCode::kSetData:
    case OpCode::kSetAcl:
      return write(writer, op.stat);
    default:
      return;  // delete, check, closeSession: the header says it all
  }
}

void write_error_result(JuteWriter& writer, ErrorCode error) {
  const auto code = static_cast<std::int32_t>(error);
  write(writer, MultiHeader{OpCode::kError, false, code});
  writer.write_int(code);
}

// Containers and TTL nodes answer as create2 does.
OpCode result_type(OpCode type) {
  return type == OpCode::kCreateContainer || type == OpCode::kCreateTtl ? OpCode::kCreate2 : type;
}

void write_multi(JuteWriter& writer, const MultiTxn& multi, const Applied& applied) {
  if (is_failed(multi)) {
    for (const MultiTxnOp& op : multi.ops) {
      const auto* error = std::get_if<ErrorTxn>(&op.txn);
      write_error_result(writer, error != nullptr ? error->error : ErrorCode::kOk);
    }
  } else {
    PADDOCK_CHECK(applied.ops.size() == multi.ops.size());
    for (const Applied::Op& op : applied.ops) {
      write(writer, MultiHeader{result_type(op.type), false, 0});
      write_result(writer, op);
    }
  }
  write(writer, MultiHeader{OpCode::kError, true, -1});
}

}  // namespace

ReplyFrame::ReplyFrame(ReplyHeader header, Bytes& out) : writer_(out), start_(out.size()) {
  writer_.reserve_int();
  write(writer_, header);
}

void ReplyFrame::finish(ErrorCode error) {
  if (error != ErrorCode::kOk) writer_.bytes().resize(start_ + kLengthBytes + kHeaderBytes);
  finish_with_record(error);
}

void ReplyFrame::finish_with_record(ErrorCode error) {
  if (error != ErrorCode::kOk) {
    writer_.patch_int(start_ + kErrorOffset, static_cast<std::int32_t>(error));
  }
  writer_.patch_int(start_, static_cast<std::int32_t>(writer_.size() - start_ - kLengthBytes));
}

void append_write_reply(std::int32_t xid, const Txn& txn, const Applied& applied, Bytes& out) {
  ReplyFrame frame({.xid = xid, .zxid = txn.header.zxid}, out);
  if (const auto* error = std::get_if<ErrorTxn>(&txn.body)) return frame.finish(error->error);
  if (const auto* multi = std::get_if<MultiTxn>(&txn.body)) {
    write_multi(frame.record(), *multi, applied);
    return frame.finish();
  }
  if (applied.ops.empty()) return frame.finish(applied.error);
  const auto* change = std::get_if<SetDataTxn>(&txn.body);
  if (txn.header.type == OpCode::kReconfig && change != nullptr) {
    frame.record().write_buffer(change->data);
    write(frame.record(), applied.ops.front().stat);
    return frame.finish(applied.ops.front().error);
  }
  write_result(frame.record(), applied.ops.front());
  frame.finish(applied.ops.front().error);
}

void append_sync_reply(std::int32_t xid, Zxid zxid, ByteView record, Bytes& out) {
  ReplyFrame frame({.xid = xid, .zxid = zxid}, out);
  JuteReader reader(record);
  const Result<NullableText> path = reader.read_ustring();
  if (!path) return frame.finish(ErrorCode::kMarshallingError);
  frame.record().write_ustring(*path);
  frame.finish();
}

void append_reply(ReplyHeader header, ByteView record, Bytes& out) {
  ReplyFrame frame(header, out);
  frame.record().write_raw(record);
  frame.finish_with_record(header.error);
}

void append_event(EventType type, std::string_view path, Zxid zxid, Bytes& out) {
  ReplyFrame frame({.xid = kXidNotification, .zxid = zxid}, out);
  write(frame.record(), WatcherEvent{.type = type, .path = path});
  frame.finish();
}

}  // namespace paddock::server
