#include "common/txn_records.h"

#include "common/concat.h"

namespace paddock {

namespace {

void write_body(JuteWriter& writer, OpCode type, const CreateTxn& txn) {
  writer.write_string(txn.path);
  writer.write_buffer(txn.data);
  writer.write_raw(txn.acl.encoded);
  if (type == OpCode::kCreate || type == OpCode::kCreate2) writer.write_bool(txn.ephemeral);
  writer.write_int(txn.parent_cversion);
  if (type == OpCode::kCreateTtl) writer.write_long(txn.ttl_ms);
}
void write_body(JuteWriter& writer, OpCode, const DeleteTxn& txn) {
  writer.write_string(txn.path);
}
void write_body(JuteWriter& writer, OpCode, const SetDataTxn& txn) {
  writer.write_string(txn.path);
  writer.write_buffer(txn.data);
  writer.write_int(txn.version);
}
void write_body(JuteWriter& writer, OpCode, const SetAclTxn& txn) {
  writer.write_string(txn.path);
  writer.write_raw(txn.acl.encoded);
  writer.write_int(txn.version);
}
void write_body(JuteWriter& writer, OpCode, const CheckTxn& txn) {
  writer.write_string(txn.path);
  writer.write_int(txn.version);
}
void write_body(JuteWriter& writer, OpCode, const ErrorTxn& txn) {
  writer.write_int(static_cast<std::int32_t>(txn.error));
}
void write_body(JuteWriter& writer, OpCode, const CreateSessionTxn& txn) {
  writer.write_int(txn.timeout_ms);
}
void write_body(JuteWriter& writer, OpCode, const CloseSessionTxn& txn) {
  if (!txn.has_paths) return;
  writer.write_int(static_cast<std::int32_t>(txn.paths_to_delete.size()));
  for (const std::string_view path : txn.paths_to_delete) writer.write_string(path);
}
void write_body(JuteWriter& writer, OpCode, const MultiTxn& txn) {
  writer.write_int(static_cast<std::int32_t>(txn.ops.size()));
  for (const MultiTxnOp& op : txn.ops) {
    writer.write_int(static_cast<std::int32_t>(op.type));
    const std::size_t length_at = writer.reserve_int();
    const std::size_t start = writer.size();
    std::visit([&](const auto& body) { write_body(writer, op.type, body); }, op.txn);
    writer.patch_int(length_at, static_cast<std::int32_t>(writer.size() - start));
  }
}

Result<CreateTxn> read_create(JuteReader& reader, OpCode type) {
  CreateTxn txn;
  PADDOCK_TRY(txn.path, reader.read_string());
  PADDOCK_TRY(txn.data, reader.read_buffer());
  PADDOCK_TRY(txn.acl, read_acl(reader));
  if (type == OpCode::kCreate || type == OpCode::kCreate2) {
    PADDOCK_TRY(txn.ephemeral, reader.read_bool());
  }
  // CreateTxnV0 of ZooKeeper 3.3 and older ends here.
  if (type == OpCode::kCreate && reader.remaining() < 4) {
    txn.parent_cversion = -1;
    return txn;
  }
  PADDOCK_TRY(txn.parent_cversion, reader.read_int());
  if (type == OpCode::kCreateTtl) {
    PADDOCK_TRY(txn.ttl_ms, reader.read_long());
  }
  return txn;
}

Result<DeleteTxn> read_delete(JuteReader& reader) {
  DeleteTxn txn;
  PADDOCK_TRY(txn.path, reader.read_string());
  return txn;
}

Result<SetDataTxn> read_set_data(JuteReader& reader) {
  SetDataTxn txn;
  PADDOCK_TRY(txn.path, reader.read_string());
  PADDOCK_TRY(txn.data, reader.read_buffer());
  PADDOCK_TRY(txn.version, reader.read_int());
  return txn;
}

Result<SetAclTxn> read_set_acl(JuteReader& reader) {
  SetAclTxn txn;
  PADDOCK_TRY(txn.path, reader.read_string());
  PADDOCK_TRY(txn.acl, read_acl(reader));
  PADDOCK_TRY(txn.version, reader.read_int());
  return txn;
}

Result<CheckTxn> read_check(JuteReader& reader) {
  CheckTxn txn;
  PADDOCK_TRY(txn.path, reader.read_string());
  PADDOCK_TRY(txn.version, reader.read_int());
  return txn;
}

Result<ErrorTxn> read_error(JuteReader& reader) {
  PADDOCK_TRY(const std::int32_t error, reader.read_int());
  return ErrorTxn{ErrorCode{error}};
}

Result<CreateSessionTxn> read_create_session(JuteReader& reader) {
  CreateSessionTxn txn;
  PADDOCK_TRY(txn.timeout_ms, reader.read_int());
  return txn;
}

// Without a list, either nothing follows or only the digest: its version, 2, must not be taken for
// a count. A real list of two paths is longer than a digest, or its first length is no digest's.
Result<CloseSessionTxn> read_close_session(JuteReader& reader) {
  CloseSessionTxn txn;
  if (reader.remaining() < 4) {
    txn.has_paths = false;
    return txn;
  }
  JuteReader attempt = reader;
  const auto read_list = [&]() -> Result<void> {
    PADDOCK_TRY(const std::int32_t count, attempt.read_count(4));
    for (std::int32_t i = 0; i < count; ++i) {
      PADDOCK_TRY(txn.paths_to_delete.emplace_back(), attempt.read_string());
    }
    return {};
  };
  const Result<void> list = read_list();
  if (list.ok()) {
    reader = attempt;
    return txn;
  }
  if (reader.remaining() == 12 && load_be32(reader.rest().data()) == kDigestVersion) {
    return CloseSessionTxn{.has_paths = false, .paths_to_delete = {}};
  }
  return list.error();
}

template <typename Variant, typename T>
Result<Variant> as(Result<T> result) {
  if (!result.ok()) return std::move(result).error();
  return Variant(std::move(result).value());
}

Error unknown_type(OpCode type, std::string_view where) {
  return Error{Code::kMalformed, concat("transaction type ", static_cast<std::int32_t>(type),
                                        " is not known", where)};
}

Result<OpTxn> read_op(JuteReader& reader, OpCode type) {
  switch (type) {
    case OpCode::kCreate:
    case OpCode::kCreate2:
    case OpCode::kCreateContainer:
    case OpCode::kCreateTtl:
      return as<OpTxn>(read_create(reader, type));
    case OpCode::kDelete:
    case OpCode::kDeleteContainer:
      return as<OpTxn>(read_delete(reader));
    case OpCode::kSetData:
    case OpCode::kReconfig:
      return as<OpTxn>(read_set_data(reader));
    case OpCode::kSetAcl:
      return as<OpTxn>(read_set_acl(reader));
    case OpCode::kCheck:
      return as<OpTxn>(read_check(reader));
    case OpCode::kError:
      return as<OpTxn>(read_error(reader));
    default:
      return unknown_type(type, "");
  }
}

Result<MultiTxn> read_multi(JuteReader& reader) {
  MultiTxn multi;
  PADDOCK_TRY(const std::int32_t count, reader.read_count(8));
  for (std::int32_t i = 0; i < count; ++i) {
    PADDOCK_TRY(const std::int32_t number, reader.read_int());
    PADDOCK_TRY(const NullableBytes bytes, reader.read_buffer());
    JuteReader body(bytes.value_or(ByteView{}));
    PADDOCK_TRY(OpTxn txn, read_op(body, OpCode{number}));
    multi.ops.push_back({OpCode{number}, std::move(txn)});
  }
  return multi;
}

Result<TxnBody> read_body(JuteReader& reader, OpCode type) {
  switch (type) {
    case OpCode::kCreateSession:
      return as<TxnBody>(read_create_session(reader));
    case OpCode::kCloseSession:
      return as<TxnBody>(read_close_session(reader));
    case OpCode::kMulti:
      return as<TxnBody>(read_multi(reader));
    default:
      break;
  }
  PADDOCK_TRY(OpTxn op, read_op(reader, type));
  return std::visit([](auto&& body) { return TxnBody(std::forward<decltype(body)>(body)); },
                    std::move(op));
}

Result<TxnHeader> read_header(JuteReader& reader) {
  TxnHeader header;
  PADDOCK_TRY(header.session.value, reader.read_long());
  PADDOCK_TRY(header.cxid, reader.read_int());
  PADDOCK_TRY(header.zxid.value, reader.read_long());
  PADDOCK_TRY(header.time.value, reader.read_long());
  PADDOCK_TRY(const std::int32_t type, reader.read_int());
  header.type = OpCode{type};
  return header;
}

}  // namespace

void encode_txn(const Txn& txn, Bytes& to) {
  JuteWriter writer(to);
  writer.write_long(txn.header.session.value);
  writer.write_int(txn.header.cxid);
  writer.write_long(txn.header.zxid.value);
  writer.write_long(txn.header.time.value);
  writer.write_int(static_cast<std::int32_t>(txn.header.type));
  std::visit([&](const auto& body) { write_body(writer, txn.header.type, body); }, txn.body);
  if (txn.digest) {
    writer.write_int(txn.digest->version);
    writer.write_long(static_cast<std::int64_t>(txn.digest->tree_digest));
  }
}

Result<Txn> decode_txn(ByteView bytes) {
  JuteReader reader(bytes);
  Txn txn;
  PADDOCK_TRY(txn.header, read_header(reader));
  PADDOCK_TRY(txn.body, read_body(reader, txn.header.type));
  if (reader.remaining() < 12) return txn;  // a short digest reads as none
  TxnDigest digest;
  PADDOCK_TRY(digest.version, reader.read_int());
  PADDOCK_TRY(const std::int64_t value, reader.read_long());
  digest.tree_digest = static_cast<std::uint64_t>(value);
  txn.digest = digest;
  return txn;
}

Result<TxnHeader> decode_txn_header(ByteView bytes) {
  JuteReader reader(bytes);
  return read_header(reader);
}

}  // namespace paddock
