#include "server/tree/quota.h"

#include <charconv>

#include "common/concat.h"

namespace paddock::server {

namespace {

constexpr std::string_view kCount = "count", kBytes = "bytes";
constexpr std::string_view kCountHard = "countHardLimit", kBytesHard = "byteHardLimit";

// The number in front of the next "="; -1 if there is none.
std::int64_t number_in(std::string_view text) {
  text = text.substr(0, text.find('='));
  std::int64_t number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() ? number : -1;
}

void read_pair(std::string_view pair, QuotaText& quota) {
  const std::size_t equals = pair.find('=');
  if (equals == std::string_view::npos) return;
  const std::string_view key = pair.substr(0, equals);
  const std::int64_t value = number_in(pair.substr(equals + 1));
  if (key == kCount) quota.count = value;
  if (key == kBytes) quota.bytes = value;
  if (key == kCountHard) quota.count_hard = value;
  if (key == kBytesHard) quota.bytes_hard = value;
}

}  // namespace

QuotaText parse_quota(std::string_view text) {
  QuotaText quota;
  while (!text.empty()) {
    const std::size_t end = text.find_first_of(",;");
    read_pair(text.substr(0, end), quota);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  return quota;
}

// Hard limits stand behind a second "=", which makes older parsers skip them.
std::string to_string(const QuotaText& quota) {
  std::string text = concat(kCount, "=", quota.count, ",", kBytes, "=", quota.bytes);
  if (quota.bytes_hard == -1 && quota.count_hard == -1) return text;
  text += "=";
  if (quota.bytes_hard != -1) text += concat(";", kBytesHard, "=", quota.bytes_hard);
  if (quota.count_hard != -1) text += concat(";", kCountHard, "=", quota.count_hard);
  return text;
}

QuotaTable::Quotas::const_iterator QuotaTable::find_covering(std::string_view path) const {
  if (quotas_.empty()) return quotas_.end();
  for (; !path.empty(); path = path.substr(0, path.rfind('/'))) {
    if (const auto quota = quotas_.find(path); quota != quotas_.end()) return quota;
    if (path[0] != '/') break;
  }
  return quotas_.end();
}

std::optional<QuotaUse> QuotaTable::covering(std::string_view path) const {
  const auto quota = find_covering(path);
  if (quota == quotas_.end() || !quota->second.use) return std::nullopt;
  const QuotaText& use = *quota->second.use;
  return QuotaUse{quota->first, quota->second.limits, use.count, use.bytes};
}

void QuotaTable::set(std::string_view path, const QuotaText& limits,
                     const std::optional<QuotaText>& use) {
  quotas_.insert_or_assign(std::string(path), Quota{limits, use});
}

void QuotaTable::remove(std::string_view path) {
  if (const auto quota = quotas_.find(path); quota != quotas_.end()) quotas_.erase(quota);
}

std::optional<QuotaTable::Charged> QuotaTable::charge(std::string_view path, std::int64_t count,
                                                      std::int64_t bytes) {
  const auto covering = find_covering(path);
  if (covering == quotas_.end() || !covering->second.use) return std::nullopt;
  QuotaText& use = *quotas_.find(std::string_view(covering->first))->second.use;
  use.count += count;
  use.bytes += bytes;
  return Charged{covering->first, to_string(use)};
}

}  // namespace paddock::server
