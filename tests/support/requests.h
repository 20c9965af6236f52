#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/acl.h"
#include "common/records.h"

// Records of requests, as a client would write them.
namespace paddock::test {

inline const std::vector<Acl> kOpenAcl = {{kPermAll, {"world", "anyone"}}};

struct CreateArgs {
  std::optional<std::string_view> path;
  std::optional<std::string_view> data = "";
  std::int32_t flags = 0;
  std::vector<Acl> acl = kOpenAcl;
  std::optional<std::int64_t> ttl_ms = std::nullopt;  // createTTL
};

inline NullableBytes nullable_bytes(std::optional<std::string_view> text) {
  return text ? NullableBytes(as_bytes(*text)) : std::nullopt;
}

inline Bytes create_record(const CreateArgs& args) {
  Bytes bytes;
  JuteWriter writer(bytes);
  writer.write_ustring(args.path);
  writer.write_buffer(nullable_bytes(args.data));
  writer.write_raw(encode_acl(args.acl));
  writer.write_int(args.flags);
  if (args.ttl_ms) writer.write_long(*args.ttl_ms);
  return bytes;
}

inline Bytes path_version_record(std::optional<std::string_view> path, std::int32_t version = -1) {
  Bytes bytes;
  JuteWriter writer(bytes);
  writer.write_ustring(path);
  writer.write_int(version);
  return bytes;
}

inline Bytes set_data_record(std::optional<std::string_view> path,
                             std::optional<std::string_view> data, std::int32_t version = -1) {
  Bytes bytes;
  JuteWriter writer(bytes);
  writer.write_ustring(path);
  writer.write_buffer(nullable_bytes(data));
  writer.write_int(version);
  return bytes;
}

inline Bytes set_acl_record(std::optional<std::string_view> path, const std::vector<Acl>& acl,
                            std::int32_t version = -1) {
  Bytes bytes;
  JuteWriter writer(bytes);
  writer.write_ustring(path);
  writer.write_raw(encode_acl(acl));
  writer.write_int(version);
  return bytes;
}

inline Bytes path_watch_record(std::optional<std::string_view> path, bool watch = false) {
  Bytes bytes;
  JuteWriter writer(bytes);
  writer.write_ustring(path);
  writer.write_bool(watch);
  return bytes;
}

// A path alone: getACL, sync, getEphemerals, getAllChildrenNumber.
inline Bytes path_record(std::optional<std::string_view> path) {
  Bytes bytes;
  JuteWriter(bytes).write_ustring(path);
  return bytes;
}

// Who has it may do everything.
inline constexpr std::string_view kSuperPassword = "super:secret";

inline Bytes auth_record(std::string_view scheme, std::string_view auth) {
  Bytes bytes;
  JuteWriter writer(bytes);
  writer.write_int(0);
  writer.write_ustring(scheme);
  writer.write_buffer(as_bytes(auth));
  return bytes;
}

// addWatch, checkWatches, removeWatches.
inline Bytes path_type_record(std::optional<std::string_view> path, std::int32_t type) {
  return path_version_record(path, type);
}

using SubRequest = std::pair<OpCode, Bytes>;

inline Bytes multi_record(const std::vector<SubRequest>& ops) {
  Bytes bytes;
  JuteWriter writer(bytes);
  for (const auto& [op, record] : ops) {
    write(writer, MultiHeader{op, false, -1});
    writer.write_raw(record);
  }
  write(writer, MultiHeader{OpCode::kError, true, -1});
  return bytes;
}

inline Bytes connect_record(const ConnectRequest& request) {
  Bytes bytes;
  JuteWriter writer(bytes);
  write(writer, request);
  return bytes;
}

// The paths of setWatches; of setWatches2 if any watch of them stays.
struct WatchLists {
  std::vector<std::string> data = {}, exist = {}, child = {}, persistent = {}, recursive = {};
  bool has_lasting() const { return !persistent.empty() || !recursive.empty(); }
};

inline Bytes set_watches_record(Zxid relative, const WatchLists& lists) {
  Bytes bytes;
  JuteWriter writer(bytes);
  writer.write_long(relative.value);
  const auto write_paths = [&writer](const std::vector<std::string>& paths) {
    writer.write_int(static_cast<std::int32_t>(paths.size()));
    for (const std::string& path : paths) writer.write_string(path);
  };
  for (const auto* paths : {&lists.data, &lists.exist, &lists.child}) write_paths(*paths);
  if (!lists.has_lasting()) return bytes;
  write_paths(lists.persistent);
  write_paths(lists.recursive);
  return bytes;
}

// A frame without its length: header and record.
inline Bytes request_frame(std::int32_t xid, OpCode op, ByteView record) {
  Bytes bytes;
  JuteWriter writer(bytes);
  write(writer, RequestHeader{xid, op});
  writer.write_raw(record);
  return bytes;
}

}  // namespace paddock::test
