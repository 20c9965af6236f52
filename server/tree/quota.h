#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace paddock::server {

// The numbers in a zookeeper_limits or zookeeper_stats node. -1: no limit.
// Source: ZooKeeper 3.8, StatsTrack; client-protocol.md section 12.
struct QuotaText {
  std::int64_t count = -1, bytes = -1;
  std::int64_t count_hard = -1, bytes_hard = -1;
};
QuotaText parse_quota(std::string_view text);
std::string to_string(const QuotaText& quota);

inline constexpr std::string_view kQuotaRoot = "/zookeeper/quota";
inline constexpr std::string_view kLimitsNode = "zookeeper_limits";
inline constexpr std::string_view kStatsNode = "zookeeper_stats";

// Limits and usage by path: one quota applies to a path, that of the longest prefix with limits.
// Kept by DataTree; read by prepare.
class QuotaTable;

}  // namespace paddock::server
