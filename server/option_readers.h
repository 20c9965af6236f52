#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/concat.h"
#include "common/result.h"
#include "server/option_table.h"

// How the table's keys read their values. Each error says what is allowed, and never the value.
namespace paddock::server {

inline constexpr std::int64_t kIntMax = std::numeric_limits<std::int32_t>::max();
inline constexpr std::int64_t kLongMax = std::numeric_limits<std::int64_t>::max();
inline constexpr std::int64_t kKilobytesMax = kLongMax >> 10;

// Source: RFC 1035, section 2.3.4, without the final dot.
inline constexpr std::size_t kHostBytesMax = 253;

// "`what` is expected", as an error.
Error allowed(std::string_view what);

bool equals_ignoring_case(std::string_view a, std::string_view b);

// A whole number as Java's Integer.decode takes it but for octal: decimal, or hexadecimal behind
// 0x.
std::optional<std::int64_t> whole_number(std::string_view text);

template <typename T>
Result<void> whole(std::string_view text, std::int64_t min, std::int64_t max, T& to) {
  const std::optional<std::int64_t> value = whole_number(text);
  if (!value || *value < min || *value > max) {
    return allowed(max == kLongMax ? concat("a whole number from ", min)
                                   : concat("a whole number from ", min, " to ", max));
  }
  to = static_cast<T>(*value);
  return {};
}

Result<void> millis(std::string_view text, std::int64_t min, Millis& to);
Result<void> boolean(std::string_view text, bool& to);
Result<void> not_empty(std::string_view text, std::string_view what, std::string& to);
Result<void> host(std::string_view text, std::string& to);
std::vector<std::string> split_list(std::string_view value);  // at commas, without blanks

Result<void> only_off(std::string_view value, OptionDraft& draft);
Result<void> read_anything(std::string_view value, OptionDraft& draft);
// Refuses what would leave a server less protected than its operator believes.
Result<void> refuse_if_on(std::string_view value, std::string_view what);

// Values with a form of their own.
Result<void> read_skip_acl(std::string_view value, OptionDraft& draft);
Result<void> read_force_sync(std::string_view value, OptionDraft& draft);
Result<void> read_digest_algorithm(std::string_view value, OptionDraft& draft);
Result<void> read_super_digest(std::string_view value, OptionDraft& draft);
Result<void> read_enforced_schemes(std::string_view value, OptionDraft& draft);
Result<void> read_auth_provider(std::string_view value, OptionDraft& draft);
Result<void> read_purge_interval(std::string_view value, OptionDraft& draft);
Result<void> read_election_algorithm(std::string_view value, OptionDraft& draft);
Result<void> read_peer_type(std::string_view value, OptionDraft& draft);
Result<void> read_leader_serves(std::string_view value, OptionDraft& draft);
Result<void> read_session_timeout(std::string_view value, std::int32_t& to);
Result<void> read_log_level(std::string_view value, OptionDraft& draft);

}  // namespace paddock::server
