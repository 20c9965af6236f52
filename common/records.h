#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "common/acl.h"
#include "common/error_code.h"
#include "common/ids.h"
#include "common/jute.h"
#include "common/op_code.h"

// The client protocol's records. Texts and buffers are views into the frame they were read from, or
// into what the writer's caller keeps alive. Each read_* consumes exactly its record and leaves
// what follows. Source: ZooKeeper 3.9, zookeeper.jute; client-protocol.md sections 2 to 11.
namespace paddock {

using NullableText = std::optional<std::string_view>;
using NullableBytes = std::optional<ByteView>;

// What a client sees of a node: 68 bytes.
struct Stat {
  Zxid czxid, mzxid;
  WallMillis ctime, mtime;
  std::int32_t version = 0, cversion = 0, aversion = 0;
  SessionId ephemeral_owner;
  std::int32_t data_length = 0, num_children = 0;
  Zxid pzxid;
  friend bool operator==(const Stat&, const Stat&) = default;
};
void write(JuteWriter& writer, const Stat& stat);
Result<Stat> read_stat(JuteReader& reader);

struct ConnectRequest {
  std::int32_t protocol_version = 0;
  Zxid last_zxid_seen;
  std::int32_t timeout_ms = 0;
  SessionId session;
  NullableBytes password;
  bool has_read_only = false;  // old clients leave the byte out, and get none back
  bool read_only = false;
};
Result<ConnectRequest> read_connect_request(JuteReader& reader);
void write(JuteWriter& writer, const ConnectRequest& request);

struct ConnectResponse {
  std::int32_t protocol_version = 0;
  std::int32_t timeout_ms = 0;  // 0 or less: the session is refused (expired)
  SessionId session;
  ByteView password;  // 16 bytes
  bool has_read_only = false;
  bool read_only = false;
};
void write(JuteWriter& writer, const ConnectResponse& response);
Result<ConnectResponse> read_connect_response(JuteReader& reader);

struct RequestHeader {
  std::int32_t xid = 0;
  OpCode op{};  // any number: see is_client_op
};
Result<RequestHeader> read_request_header(JuteReader& reader);
void write(JuteWriter& writer, const RequestHeader& header);

struct ReplyHeader {
  std::int32_t xid = 0;
  Zxid zxid;
  ErrorCode error = ErrorCode::kOk;
};
void write(JuteWriter& writer, const ReplyHeader& header);
Result<ReplyHeader> read_reply_header(JuteReader& reader);

inline constexpr std::int32_t kXidNotification = -1;
inline constexpr std::int32_t kXidPing = -2;
inline constexpr std::int32_t kXidAuth = -4;
inline constexpr std::int32_t kXidSetWatches = -8;

// create, create2, createContainer; createTTL with `ttl_ms` behind.
struct CreateRequest {
  NullableText path;
  NullableBytes data;
  AclBytes acl;
  std::int32_t flags = 0;
  std::int64_t ttl_ms = -1;  // createTTL only
};
Result<CreateRequest> read_create_request(JuteReader& reader, bool with_ttl);
void write(JuteWriter& writer, const CreateRequest& request, bool with_ttl);

struct PathVersionRequest {  // delete, check
  NullableText path;
  std::int32_t version = 0;
};
Result<PathVersionRequest> read_path_version_request(JuteReader& reader);
void write(JuteWriter& writer, const PathVersionRequest& request);

struct PathWatchRequest {  // exists, getData, getChildren, getChildren2
  NullableText path;
  bool watch = false;
};
Result<PathWatchRequest> read_path_watch_request(JuteReader& reader);
void write(JuteWriter& writer, const PathWatchRequest& request);

struct SetDataRequest {
  NullableText path;
  NullableBytes data;
  std::int32_t version = 0;
};
Result<SetDataRequest> read_set_data_request(JuteReader& reader);
void write(JuteWriter& writer, const SetDataRequest& request);

struct SetAclRequest {
  NullableText path;
  AclBytes acl;
  std::int32_t version = 0;
};
Result<SetAclRequest> read_set_acl_request(JuteReader& reader);
void write(JuteWriter& writer, const SetAclRequest& request);

struct PathTypeRequest {  // checkWatches, removeWatches (type); addWatch (mode)
  NullableText path;
  std::int32_t type = 0;
};
Result<PathTypeRequest> read_path_type_request(JuteReader& reader);
void write(JuteWriter& writer, const PathTypeRequest& request);

struct AuthPacket {
  std::int32_t type = 0;
  NullableText scheme;
  NullableBytes auth;
};
Result<AuthPacket> read_auth_packet(JuteReader& reader);
void write(JuteWriter& writer, const AuthPacket& packet);

struct SetWatchesRequest {
  Zxid relative_zxid;
  // data, exist, child; persistent and persistent recursive only in setWatches2
  std::vector<std::string_view> data, exist, child, persistent, persistent_recursive;
};
// A null vector is Code::kMalformed, as ZooKeeper has it.
Result<SetWatchesRequest> read_set_watches_request(JuteReader& reader, bool with_persistent);
void write(JuteWriter& writer, const SetWatchesRequest& request, bool with_persistent);

struct ReconfigRequest {
  NullableText joining_servers, leaving_servers, new_members;
  std::int64_t config_id = -1;
};
Result<ReconfigRequest> read_reconfig_request(JuteReader& reader);
void write(JuteWriter& writer, const ReconfigRequest& request);

struct MultiHeader {
  OpCode op{};
  bool done = false;
  std::int32_t error = -1;
};
Result<MultiHeader> read_multi_header(JuteReader& reader);
void write(JuteWriter& writer, const MultiHeader& header);

// A vector of texts, as in setWatches, and of getChildren. Null is Code::kMalformed.
Result<std::vector<std::string_view>> read_texts(JuteReader& reader);

// Source: ZooKeeper 3.9, Watcher.Event.EventType.
enum class EventType : std::int32_t {
  kNodeCreated = 1,
  kNodeDeleted = 2,
  kNodeDataChanged = 3,
  kNodeChildrenChanged = 4,
};
std::string_view name_of(EventType type);

struct WatcherEvent {
  EventType type{};
  std::int32_t state = 3;  // SyncConnected: the only one on the wire
  std::string_view path;
};
void write(JuteWriter& writer, const WatcherEvent& event);
Result<WatcherEvent> read_watcher_event(JuteReader& reader);

}  // namespace paddock
