#include "server/request/read.h"

#include <cstring>
#include <string>
#include <vector>

#include "common/check.h"
#include "common/path.h"
#include "server/request/multi.h"
#include "server/request/reply.h"

namespace paddock::server {

namespace {

bool may_read(const Reader& reader, const Znode& node) {
  return may(reader.auth, *reader.tree.acl_of(node), kPermRead, reader.credentials);
}

// The node, if there is one and the caller may READ it.
ErrorCode readable(const Reader& reader, std::string_view path, const Znode*& node) {
  node = reader.tree.find(path);
  if (node == nullptr) return ErrorCode::kNoNode;
  return may_read(reader, *node) ? ErrorCode::kOk : ErrorCode::kNoAuth;
}

void write_children(const DataTree& tree, const Znode& node, JuteWriter& writer) {
  writer.write_int(tree.child_count(node));
  tree.for_each_child(node, [&](std::string_view name) { writer.write_string(name); });
}

// The catch-up of a client that comes back is answered by these, with zxid -1.
constexpr Zxid kCatchUpZxid{-1};

ErrorCode exists(const Reader& reader, JuteReader& record, JuteWriter& writer) {
  const auto request = read_path_watch_request(record);
  if (!request || !request->path) return ErrorCode::kMarshallingError;
  const std::string_view path = *request->path;
  if (path.find('\0') != std::string_view::npos) return ErrorCode::kBadArguments;
  const Znode* node = reader.tree.find(path);
  if (node != nullptr && !may_read(reader, *node)) return ErrorCode::kNoAuth;
  if (request->watch) reader.watches.add(reader.watcher, path, WatchKind::kData);
  if (node == nullptr) return ErrorCode::kNoNode;
  write(writer, reader.tree.stat_of(*node));
  return ErrorCode::kOk;
}

ErrorCode get_data(const Reader& reader, const PathWatchRequest& request, JuteWriter& writer,
                   bool may_watch) {
  if (!request.path) return ErrorCode::kMarshallingError;
  const Znode* node = nullptr;
  const ErrorCode error = readable(reader, *request.path, node);
  if (error != ErrorCode::kOk) return error;
  if (request.watch && may_watch) {
    reader.watches.add(reader.watcher, *request.path, WatchKind::kData);
  }
  writer.write_buffer(reader.tree.data_of(*node).get());
  write(writer, reader.tree.stat_of(*node));
  return ErrorCode::kOk;
}

ErrorCode get_children(const Reader& reader, const PathWatchRequest& request, JuteWriter& writer,
                       bool may_watch, bool with_stat) {
  if (!request.path) return ErrorCode::kMarshallingError;
  const Znode* node = nullptr;
  const ErrorCode error = readable(reader, *request.path, node);
  if (error != ErrorCode::kOk) return error;
  if (request.watch && may_watch) {
    reader.watches.add(reader.watcher, *request.path, WatchKind::kChild);
  }
  write_children(reader.tree, *node, writer);
  if (with_stat) write(writer, reader.tree.stat_of(*node));
  return ErrorCode::kOk;
}

ErrorCode get_acl(const Reader& reader, JuteReader& record, JuteWriter& writer) {
  const Result<NullableText> path = record.read_ustring();
  if (!path || !*path) return ErrorCode::kMarshallingError;
  const Znode* node = reader.tree.find(**path);
  if (node == nullptr) return ErrorCode::kNoNode;
  const AclEntry& acl = *reader.tree.acl_of(*node);
  if (!may(reader.auth, acl, kPermRead | kPermAdmin, reader.credentials)) {
    return ErrorCode::kNoAuth;
  }
  if (may(reader.auth, acl, kPermAdmin, reader.credentials)) {
    writer.write_raw(acl.encoded);
  } else {
    writer.write_raw(encode_acl(masked(acl.entries)));
  }
  write(writer, reader.tree.stat_of(*node));
  return ErrorCode::kOk;
}

ErrorCode get_all_children_number(const Reader& reader, JuteReader& record, JuteWriter& writer) {
  const Result<NullableText> path = record.read_ustring();
  if (!path || !*path) return ErrorCode::kMarshallingError;
  const Znode* node = nullptr;
  const ErrorCode error = readable(reader, **path, node);
  if (error != ErrorCode::kOk) return error;
  // Under its other name the root counts itself, as in ZooKeeper.
  const std::int64_t itself = (*path)->empty() ? 1 : 0;
  writer.write_int(static_cast<std::int32_t>(reader.tree.descendants_of(*node) + itself));
  return ErrorCode::kOk;
}

// As Java's String.trim: everything up to and including the blank.
std::string_view trimmed(std::string_view text) {
  while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ') text.remove_prefix(1);
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
  return text;
}

ErrorCode get_ephemerals(const Reader& reader, JuteReader& record, JuteWriter& writer) {
  const Result<NullableText> prefix = record.read_ustring();
  if (!prefix) return ErrorCode::kMarshallingError;
  const std::string_view text = prefix->value_or(std::string_view{});
  const std::string_view bare = trimmed(text);
  const bool all = bare.empty() || bare == "/";
  const std::size_t count_at = writer.reserve_int();
  std::int32_t count = 0;
  for (const std::string& path : reader.tree.ephemerals_of(reader.session)) {
    if (!all && !path.starts_with(text)) continue;
    writer.write_string(path);
    ++count;
  }
  writer.patch_int(count_at, count);
  return ErrorCode::kOk;
}

// Each operation answers for itself, and none sets a watch.
void multi_read_op(const Reader& reader, const MultiOp& op, JuteWriter& writer) {
  const auto* request = std::get_if<PathWatchRequest>(&op.request);
  PADDOCK_CHECK(request != nullptr);
  const std::size_t start = writer.size();
  write(writer, MultiHeader{op.op, false, 0});
  const ErrorCode error = op.op == OpCode::kGetData
                              ? get_data(reader, *request, writer, false)
                              : get_children(reader, *request, writer, false, false);
  if (error == ErrorCode::kOk) return;
  writer.bytes().resize(start);
  write(writer, MultiHeader{OpCode::kError, false, static_cast<std::int32_t>(error)});
  writer.write_int(static_cast<std::int32_t>(error));
}

void multi_read(const Reader& reader, JuteReader& record, ReplyFrame& frame) {
  const Result<MultiRequest> request = read_multi_request(record);
  if (!request) return frame.finish(ErrorCode::kMarshallingError);
  const bool writes = request->kind == MultiRequest::Kind::kWrites;
  if (!writes) {
    for (const MultiOp& op : request->ops) multi_read_op(reader, op, frame.record());
  }
  write(frame.record(), MultiHeader{OpCode::kError, true, -1});
  // ZooKeeper finds out about writes only when it has begun to answer: an empty answer stays.
  frame.finish_with_record(writes ? ErrorCode::kMarshallingError : ErrorCode::kOk);
}

ErrorCode add_watch(const Reader& reader, JuteReader& record, JuteWriter& writer) {
  const auto request = read_path_type_request(record);
  if (!request || !request->path) return ErrorCode::kMarshallingError;
  if (request->type != static_cast<std::int32_t>(AddWatchMode::kPersistent) &&
      request->type != static_cast<std::int32_t>(AddWatchMode::kPersistentRecursive)) {
    return ErrorCode::kMarshallingError;
  }
  reader.watches.add(reader.watcher, *request->path, AddWatchMode{request->type});
  writer.write_int(0);
  return ErrorCode::kOk;
}

ErrorCode check_watches(const Reader& reader, JuteReader& record) {
  const auto request = read_path_type_request(record);
  if (!request || !request->path) return ErrorCode::kMarshallingError;
  return reader.watches.check(reader.watcher, *request->path, request->type);
}

ErrorCode remove_watches(const Reader& reader, JuteReader& record) {
  const auto request = read_path_type_request(record);
  if (!request || !request->path) return ErrorCode::kMarshallingError;
  return reader.watches.remove(reader.watcher, *request->path, request->type);
}

// What the client missed becomes events; where nothing was missed, the watch is set again.
void catch_up(const Reader& reader, const SetWatchesRequest& request, Bytes& out) {
  WatchTable& watches = reader.watches;
  const Zxid seen = request.relative_zxid;
  for (const std::string_view path : request.data) {
    const Znode* node = reader.tree.find(path);
    if (node == nullptr) {
      append_event(EventType::kNodeDeleted, path, kCatchUpZxid, out);
    } else if (reader.tree.stat_of(*node).mzxid > seen) {
      append_event(EventType::kNodeDataChanged, path, kCatchUpZxid, out);
    } else {
      watches.add(reader.watcher, path, WatchKind::kData);
    }
  }
  for (const std::string_view path : request.exist) {
    if (reader.tree.find(path) != nullptr) {
      append_event(EventType::kNodeCreated, path, kCatchUpZxid, out);
    } else {
      watches.add(reader.watcher, path, WatchKind::kData);
    }
  }
  for (const std::string_view path : request.child) {
    const Znode* node = reader.tree.find(path);
    if (node == nullptr) {
      append_event(EventType::kNodeDeleted, path, kCatchUpZxid, out);
    } else if (reader.tree.stat_of(*node).pzxid > seen) {
      append_event(EventType::kNodeChildrenChanged, path, kCatchUpZxid, out);
    } else {
      watches.add(reader.watcher, path, WatchKind::kChild);
    }
  }
  for (const std::string_view path : request.persistent) {
    watches.add(reader.watcher, path, AddWatchMode::kPersistent);
  }
  for (const std::string_view path : request.persistent_recursive) {
    watches.add(reader.watcher, path, AddWatchMode::kPersistentRecursive);
  }
}

ErrorCode who_am_i(const Reader& reader, JuteWriter& writer) {
  writer.write_int(static_cast<std::int32_t>(reader.credentials.size()));
  for (const Id& id : reader.credentials) {
    writer.write_string(id.scheme);
    writer.write_string(display_name(id));
  }
  return ErrorCode::kOk;
}

// Those that answer a record or an error.
ErrorCode serve(const Reader& reader, OpCode op, JuteReader& record, JuteWriter& writer) {
  switch (op) {
    case OpCode::kExists:
      return exists(reader, record, writer);
    case OpCode::kGetData: {
      const auto request = read_path_watch_request(record);
      return request ? get_data(reader, *request, writer, true) : ErrorCode::kMarshallingError;
    }
    case OpCode::kGetChildren:
    case OpCode::kGetChildren2: {
      const auto request = read_path_watch_request(record);
      return request ? get_children(reader, *request, writer, true, op == OpCode::kGetChildren2)
                     : ErrorCode::kMarshallingError;
    }
    case OpCode::kGetAcl:
      return get_acl(reader, record, writer);
    case OpCode::kGetAllChildrenNumber:
      return get_all_children_number(reader, record, writer);
    case OpCode::kGetEphemerals:
      return get_ephemerals(reader, record, writer);
    case OpCode::kAddWatch:
      return add_watch(reader, record, writer);
    case OpCode::kCheckWatches:
      return check_watches(reader, record);
    case OpCode::kRemoveWatches:
      return remove_watches(reader, record);
    case OpCode::kWhoAmI:
      return who_am_i(reader, writer);
    default:
      PADDOCK_CHECK(is_read(op));
      return ErrorCode::kUnimplemented;
  }
}

}  // namespace

bool is_read(OpCode op) {
  switch (op) {
    case OpCode::kExists:
    case OpCode::kGetData:
    case OpCode::kGetAcl:
    case OpCode::kGetChildren:
    case OpCode::kGetChildren2:
    case OpCode::kGetAllChildrenNumber:
    case OpCode::kGetEphemerals:
    case OpCode::kMultiRead:
    case OpCode::kSetWatches:
    case OpCode::kSetWatches2:
    case OpCode::kAddWatch:
    case OpCode::kCheckWatches:
    case OpCode::kRemoveWatches:
    case OpCode::kWhoAmI:
      return true;
    default:
      return false;
  }
}

void serve_read(const Reader& reader, RequestHeader header, ByteView record, Bytes& out) {
  JuteReader input(record);
  ErrorCode error = ErrorCode::kOk;
  if (header.op == OpCode::kSetWatches || header.op == OpCode::kSetWatches2) {
    const auto request = read_set_watches_request(input, header.op == OpCode::kSetWatches2);
    if (request) {
      catch_up(reader, *request, out);
    } else {
      error = ErrorCode::kMarshallingError;
    }
    return append_reply({header.xid, reader.tree.last_zxid(), error}, {}, out);
  }
  ReplyFrame frame({.xid = header.xid, .zxid = reader.tree.last_zxid()}, out);
  if (header.op == OpCode::kMultiRead) return multi_read(reader, input, frame);
  error = serve(reader, header.op, input, frame.record());
  frame.finish(error);
}

}  // namespace paddock::server
