#include "common/records.h"

#include <array>

namespace paddock {

// In one piece: every reply has one.
void write(JuteWriter& writer, const Stat& stat) {
  std::array<std::uint8_t, 68> bytes;
  std::uint8_t* at = bytes.data();
  const auto put_long = [&at](std::int64_t value) {
    store_be64(at, static_cast<std::uint64_t>(value));
    at += 8;
  };
  const auto put_int = [&at](std::int32_t value) {
    store_be32(at, static_cast<std::uint32_t>(value));
    at += 4;
  };
  put_long(stat.czxid.value);
  put_long(stat.mzxid.value);
  put_long(stat.ctime.value);
  put_long(stat.mtime.value);
  put_int(stat.version);
  put_int(stat.cversion);
  put_int(stat.aversion);
  put_long(stat.ephemeral_owner.value);
  put_int(stat.data_length);
  put_int(stat.num_children);
  put_long(stat.pzxid.value);
  writer.write_raw(bytes);
}

Result<Stat> read_stat(JuteReader& reader) {
  Stat stat;
  PADDOCK_TRY(stat.czxid.value, reader.read_long());
  PADDOCK_TRY(stat.mzxid.value, reader.read_long());
  PADDOCK_TRY(stat.ctime.value, reader.read_long());
  PADDOCK_TRY(stat.mtime.value, reader.read_long());
  PADDOCK_TRY(stat.version, reader.read_int());
  PADDOCK_TRY(stat.cversion, reader.read_int());
  PADDOCK_TRY(stat.aversion, reader.read_int());
  PADDOCK_TRY(stat.ephemeral_owner.value, reader.read_long());
  PADDOCK_TRY(stat.data_length, reader.read_int());
  PADDOCK_TRY(stat.num_children, reader.read_int());
  PADDOCK_TRY(stat.pzxid.value, reader.read_long());
  return stat;
}

Result<ConnectRequest> read_connect_request(JuteReader& reader) {
  ConnectRequest request;
  PADDOCK_TRY(request.protocol_version, reader.read_int());
  PADDOCK_TRY(request.last_zxid_seen.value, reader.read_long());
  PADDOCK_TRY(request.timeout_ms, reader.read_int());
  PADDOCK_TRY(request.session.value, reader.read_long());
  PADDOCK_TRY(request.password, reader.read_buffer());
  request.has_read_only = reader.remaining() > 0;
  if (request.has_read_only) {
    PADDOCK_TRY(request.read_only, reader.read_bool());
  }
  return request;
}

void write(JuteWriter& writer, const ConnectRequest& request) {
  writer.write_int(request.protocol_version);
  writer.write_long(request.last_zxid_seen.value);
  writer.write_int(request.timeout_ms);
  writer.write_long(request.session.value);
  writer.write_buffer(request.password);
  if (request.has_read_only) writer.write_bool(request.read_only);
}

void write(JuteWriter& writer, const ConnectResponse& response) {
  writer.write_int(response.protocol_version);
  writer.write_int(response.timeout_ms);
  writer.write_long(response.session.value);
  writer.write_buffer(response.password);
  if (response.has_read_only) writer.write_bool(response.read_only);
}

Result<ConnectResponse> read_connect_response(JuteReader& reader) {
  ConnectResponse response;
  PADDOCK_TRY(response.protocol_version, reader.read_int());
  PADDOCK_TRY(response.timeout_ms, reader.read_int());
  PADDOCK_TRY(response.session.value, reader.read_long());
  PADDOCK_TRY(const NullableBytes password, reader.read_buffer());
  response.password = password.value_or(ByteView{});
  response.has_read_only = reader.remaining() > 0;
  if (response.has_read_only) {
    PADDOCK_TRY(response.read_only, reader.read_bool());
  }
  return response;
}

Result<RequestHeader> read_request_header(JuteReader& reader) {
  RequestHeader header;
  PADDOCK_TRY(header.xid, reader.read_int());
  PADDOCK_TRY(const std::int32_t op, reader.read_int());
  header.op = OpCode{op};
  return header;
}

void write(JuteWriter& writer, const RequestHeader& header) {
  writer.write_int(header.xid);
  writer.write_int(static_cast<std::int32_t>(header.op));
}

void write(JuteWriter& writer, const ReplyHeader& header) {
  writer.write_int(header.xid);
  writer.write_long(header.zxid.value);
  writer.write_int(static_cast<std::int32_t>(header.error));
}

Result<ReplyHeader> read_reply_header(JuteReader& reader) {
  ReplyHeader header;
  PADDOCK_TRY(header.xid, reader.read_int());
  PADDOCK_TRY(header.zxid.value, reader.read_long());
  PADDOCK_TRY(const std::int32_t error, reader.read_int());
  header.error = ErrorCode{error};
  return header;
}

Result<CreateRequest> read_create_request(JuteReader& reader, bool with_ttl) {
  CreateRequest request;
  PADDOCK_TRY(request.path, reader.read_ustring());
  PADDOCK_TRY(request.data, reader.read_buffer());
  PADDOCK_TRY(request.acl, read_acl(reader));
  PADDOCK_TRY(request.flags, reader.read_int());
  if (with_ttl) {
    PADDOCK_TRY(request.ttl_ms, reader.read_long());
  }
  return request;
}

void write(JuteWriter& writer, const CreateRequest& request, bool with_ttl) {
  writer.write_ustring(request.path);
  writer.write_buffer(request.data);
  writer.write_raw(request.acl.encoded);
  writer.write_int(request.flags);
  if (with_ttl) writer.write_long(request.ttl_ms);
}

Result<PathVersionRequest> read_path_version_request(JuteReader& reader) {
  PathVersionRequest request;
  PADDOCK_TRY(request.path, reader.read_ustring());
  PADDOCK_TRY(request.version, reader.read_int());
  return request;
}

void write(JuteWriter& writer, const PathVersionRequest& request) {
  writer.write_ustring(request.path);
  writer.write_int(request.version);
}

Result<PathWatchRequest> read_path_watch_request(JuteReader& reader) {
  PathWatchRequest request;
  PADDOCK_TRY(request.path, reader.read_ustring());
  PADDOCK_TRY(request.watch, reader.read_bool());
  return request;
}

void write(JuteWriter& writer, const PathWatchRequest& request) {
  writer.write_ustring(request.path);
  writer.write_bool(request.watch);
}

Result<SetDataRequest> read_set_data_request(JuteReader& reader) {
  SetDataRequest request;
  PADDOCK_TRY(request.path, reader.read_ustring());
  PADDOCK_TRY(request.data, reader.read_buffer());
  PADDOCK_TRY(request.version, reader.read_int());
  return request;
}

void write(JuteWriter& writer, const SetDataRequest& request) {
  writer.write_ustring(request.path);
  writer.write_buffer(request.data);
  writer.write_int(request.version);
}

Result<SetAclRequest> read_set_acl_request(JuteReader& reader) {
  SetAclRequest request;
  PADDOCK_TRY(request.path, reader.read_ustring());
  PADDOCK_TRY(request.acl, read_acl(reader));
  PADDOCK_TRY(request.version, reader.read_int());
  return request;
}

void write(JuteWriter& writer, const SetAclRequest& request) {
  writer.write_ustring(request.path);
  writer.write_raw(request.acl.encoded);
  writer.write_int(request.version);
}

Result<PathTypeRequest> read_path_type_request(JuteReader& reader) {
  PathTypeRequest request;
  PADDOCK_TRY(request.path, reader.read_ustring());
  PADDOCK_TRY(request.type, reader.read_int());
  return request;
}

void write(JuteWriter& writer, const PathTypeRequest& request) {
  writer.write_ustring(request.path);
  writer.write_int(request.type);
}

Result<AuthPacket> read_auth_packet(JuteReader& reader) {
  AuthPacket packet;
  PADDOCK_TRY(packet.type, reader.read_int());
  PADDOCK_TRY(packet.scheme, reader.read_ustring());
  PADDOCK_TRY(packet.auth, reader.read_buffer());
  return packet;
}

void write(JuteWriter& writer, const AuthPacket& packet) {
  writer.write_int(packet.type);
  writer.write_ustring(packet.scheme);
  writer.write_buffer(packet.auth);
}

Result<std::vector<std::string_view>> read_texts(JuteReader& reader) {
  PADDOCK_TRY(const std::int32_t count, reader.read_count(4));
  if (count < 0) return Error{Code::kMalformed, "a list of texts is null"};
  std::vector<std::string_view> texts;
  texts.reserve(static_cast<std::size_t>(count));
  for (std::int32_t i = 0; i < count; ++i) {
    PADDOCK_TRY(texts.emplace_back(), reader.read_string());
  }
  return texts;
}

Result<SetWatchesRequest> read_set_watches_request(JuteReader& reader, bool with_persistent) {
  SetWatchesRequest request;
  PADDOCK_TRY(request.relative_zxid.value, reader.read_long());
  PADDOCK_TRY(request.data, read_texts(reader));
  PADDOCK_TRY(request.exist, read_texts(reader));
  PADDOCK_TRY(request.child, read_texts(reader));
  if (with_persistent) {
    PADDOCK_TRY(request.persistent, read_texts(reader));
    PADDOCK_TRY(request.persistent_recursive, read_texts(reader));
  }
  return request;
}

void write(JuteWriter& writer, const SetWatchesRequest& request, bool with_persistent) {
  const auto write_texts = [&writer](const std::vector<std::string_view>& texts) {
    writer.write_int(static_cast<std::int32_t>(texts.size()));
    for (const std::string_view text : texts) writer.write_string(text);
  };
  writer.write_long(request.relative_zxid.value);
  write_texts(request.data);
  write_texts(request.exist);
  write_texts(request.child);
  if (!with_persistent) return;
  write_texts(request.persistent);
  write_texts(request.persistent_recursive);
}

Result<ReconfigRequest> read_reconfig_request(JuteReader& reader) {
  ReconfigRequest request;
  PADDOCK_TRY(request.joining_servers, reader.read_ustring());
  PADDOCK_TRY(request.leaving_servers, reader.read_ustring());
  PADDOCK_TRY(request.new_members, reader.read_ustring());
  PADDOCK_TRY(request.config_id, reader.read_long());
  return request;
}

void write(JuteWriter& writer, const ReconfigRequest& request) {
  writer.write_ustring(request.joining_servers);
  writer.write_ustring(request.leaving_servers);
  writer.write_ustring(request.new_members);
  writer.write_long(request.config_id);
}

Result<MultiHeader> read_multi_header(JuteReader& reader) {
  MultiHeader header;
  PADDOCK_TRY(const std::int32_t op, reader.read_int());
  header.op = OpCode{op};
  PADDOCK_TRY(header.done, reader.read_bool());
  PADDOCK_TRY(header.error, reader.read_int());
  return header;
}

void write(JuteWriter& writer, const MultiHeader& header) {
  writer.write_int(static_cast<std::int32_t>(header.op));
  writer.write_bool(header.done);
  writer.write_int(header.error);
}

std::string_view name_of(EventType type) {
  switch (type) {
    case EventType::kNodeCreated:
      return "NodeCreated";
    case EventType::kNodeDeleted:
      return "NodeDeleted";
    case EventType::kNodeDataChanged:
      return "NodeDataChanged";
    case EventType::kNodeChildrenChanged:
      return "NodeChildrenChanged";
  }
  return "unknown";
}

void write(JuteWriter& writer, const WatcherEvent& event) {
  writer.write_int(static_cast<std::int32_t>(event.type));
  writer.write_int(event.state);
  writer.write_string(event.path);
}

Result<WatcherEvent> read_watcher_event(JuteReader& reader) {
  WatcherEvent event;
  PADDOCK_TRY(const std::int32_t type, reader.read_int());
  event.type = EventType{type};
  PADDOCK_TRY(event.state, reader.read_int());
  PADDOCK_TRY(event.path, reader.read_string());
  return event;
}

}  // namespace paddock
