#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/acl.h"
#include "common/bytes.h"
#include "common/ids.h"
#include "common/result.h"
#include "server/tree/dirty.h"
#include "server/tree/persisted.h"

namespace paddock::server {

// The values of a checkpoint's entries. A node's is short where it is like most: a fresh node with
// the open ACL takes 18 bytes and its data. Decoding checks every length; what does not parse is
// Code::kCorrupt, without advice.

struct CheckpointMeta {
  Zxid zxid;
  std::uint64_t tree_digest = 0;  // 0: digests were off
  bool staged = false;            // the staged entries belong to `zxid`
};
std::string encode_meta(const CheckpointMeta& meta);
Result<CheckpointMeta> decode_meta(std::string_view value);

// The views point into the value.
struct StoredNode {
  StatPersisted stat;
  AclBytes acl;
  std::optional<ByteView> data;
};
void encode_node(const Dirty::Node& node, std::string& to);
Result<StoredNode> decode_node(ByteView value);

struct StoredSession {
  SessionId id;
  std::int32_t timeout_ms = 0;
};
std::string encode_session_id(SessionId id);
std::string encode_timeout(std::int32_t timeout_ms);
Result<StoredSession> decode_session(std::string_view key, std::string_view value);

}  // namespace paddock::server
