#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/unordered/unordered_map.hpp>

namespace paddock::server {

// The numbers in a zookeeper_limits or zookeeper_stats node. -1: no limit.
// Source: ZooKeeper 3.8, StatsTrack; client-protocol.md section 12.
struct QuotaText {
  std::int64_t count = -1, bytes = -1;
  std::int64_t count_hard = -1, bytes_hard = -1;
  friend bool operator==(const QuotaText&, const QuotaText&) = default;
};
QuotaText parse_quota(std::string_view text);
std::string to_string(const QuotaText& quota);

inline constexpr std::string_view kQuotaRoot = "/zookeeper/quota";
inline constexpr std::string_view kLimitsNode = "zookeeper_limits";
inline constexpr std::string_view kStatsNode = "zookeeper_stats";

// The quota that a path is under, and how much of it is used.
struct QuotaUse {
  std::string_view path;  // the quota's; good until the tree changes
  QuotaText limits;
  std::int64_t count = 0, bytes = 0;  // now, as the stats node says
};

// Limits and usage by path: one quota applies to a path, that of the longest prefix with limits.
// Thread: kept by DataTree; read by prepare.
class QuotaTable {
 public:
  // nullopt: no quota covers `path`, or the one that does has no stats node to count in.
  std::optional<QuotaUse> covering(std::string_view path) const;
  bool empty() const { return quotas_.empty(); }

  void set(std::string_view path, const QuotaText& limits, const std::optional<QuotaText>& use);
  void remove(std::string_view path);

  // Adds to the usage of the quota that covers `path`. Gives its path and what its stats node has
  // to say now; nullopt where there is nothing to count in.
  struct Charged {
    std::string_view path;
    std::string stats;
  };
  std::optional<Charged> charge(std::string_view path, std::int64_t count, std::int64_t bytes);

 private:
  struct Quota {
    QuotaText limits;
    std::optional<QuotaText> use;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const { return a == b; }
  };
  using Quotas = boost::unordered_map<std::string, Quota, Hash, Equal>;
  Quotas::const_iterator find_covering(std::string_view path) const;

  Quotas quotas_;
};

}  // namespace paddock::server
