#pragma once

#include <cstdint>

#include "common/ids.h"
#include "common/jute.h"
#include "common/result.h"

namespace paddock::server {

// A node's stat as snapshots and the digest have it. `cversion` counts creates of children only;
// `ephemeral_owner` is the raw form, with the marks of containers and TTL nodes.
// Source: ZooKeeper 3.8, StatPersisted; client-protocol.md section 6.
struct StatPersisted {
  Zxid czxid{}, mzxid{};
  WallMillis ctime{}, mtime{};
  std::int32_t version = 0, cversion = 0, aversion = 0;
  std::int64_t ephemeral_owner = 0;
  Zxid pzxid{};
  friend bool operator==(const StatPersisted&, const StatPersisted&) = default;
};

// In the order of snapshots: pzxid last. 60 bytes.
void write(JuteWriter& writer, const StatPersisted& stat);
Result<StatPersisted> read_stat_persisted(JuteReader& reader);

// What a raw ephemeral owner says of its node. TTL marks count only where extended types are on.
inline constexpr std::int64_t kContainerOwner = INT64_MIN;
inline constexpr std::int64_t kTtlMsMax = 0xff'ffff'ffff;
enum class NodeKind { kPersistent, kEphemeral, kContainer, kTtl };
NodeKind kind_of(std::int64_t ephemeral_owner, bool extended_types);
constexpr std::int64_t ttl_owner(std::int64_t ttl_ms) {
  return static_cast<std::int64_t>(0xff00'0000'0000'0000u | static_cast<std::uint64_t>(ttl_ms));
}
constexpr std::int64_t ttl_of(std::int64_t ephemeral_owner) {
  return ephemeral_owner & kTtlMsMax;
}

}  // namespace paddock::server
