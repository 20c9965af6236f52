#include "server/option_readers.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace paddock::server {

Error allowed(std::string_view what) {
  return Error{Code::kInvalid, concat(what, " is expected")};
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return lower(x) == lower(y);
  });
}

// A whole number as Java's Integer.decode takes it but for octal: decimal, or hexadecimal behind
// 0x.
std::optional<std::int64_t> whole_number(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
  if (hexadecimal) text.remove_prefix(2);
  if (text.starts_with('-') || text.starts_with('+')) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, ec] =
      std::from_chars(text.data(), text.data() + text.size(), value, hexadecimal ? 16 : 10);
  if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return negative ? -value : value;
}

Result<void> millis(std::string_view text, std::int64_t min, Millis& to) {
  return whole(text, min, kIntMax, to.value);
}

Result<void> boolean(std::string_view text, bool& to) {
  const bool yes = equals_ignoring_case(text, "true") || equals_ignoring_case(text, "yes");
  if (!yes && !equals_ignoring_case(text, "false") && !equals_ignoring_case(text, "no")) {
    return allowed("true or false");
  }
  to = yes;
  return {};
}

Result<void> not_empty(std::string_view text, std::string_view what, std::string& to) {
  if (text.empty()) return allowed(what);
  to = std::string(text);
  return {};
}

Result<void> host(std::string_view text, std::string& to) {
  if (text.empty() || text.size() > kHostBytesMax) {
    return allowed(concat("a host name or address of at most ", kHostBytesMax, " bytes"));
  }
  to = std::string(text);
  return {};
}

Result<void> only_off(std::string_view value, OptionDraft&) {
  return is_off(value) ? Result<void>{} : allowed("false");
}

Result<void> refuse_if_on(std::string_view value, std::string_view what) {
  if (is_off(value)) return {};
  return Error{Code::kRefused, concat(what, ", and ignoring that would weaken your security")};
}

Result<void> read_skip_acl(std::string_view value, OptionDraft& draft) {
  // ZooKeeper skips for "yes" alone. Whoever wrote "true" has had ACLs checked all along.
  if (value != "yes" && !is_off(value)) return allowed("yes or no");
  draft.options.core.auth.skip_acl = value == "yes";
  return {};
}

Result<void> read_force_sync(std::string_view value, OptionDraft& draft) {
  // ZooKeeper takes everything but "no" as yes, so "false" would not do what it says.
  if (value != "no" && value != "yes" && value != "true") return allowed("yes or no");
  draft.options.storage.force_sync = value != "no";
  return {};
}

Result<void> read_digest_algorithm(std::string_view value, OptionDraft& draft) {
  constexpr std::array<std::string_view, 9> kAlgorithms = {"SHA1",     "SHA-224",  "SHA-256",
                                                           "SHA-384",  "SHA-512",  "SHA3-224",
                                                           "SHA3-256", "SHA3-384", "SHA3-512"};
  if (equals_ignoring_case(value, "SHA-1")) value = "SHA1";
  for (const std::string_view known : kAlgorithms) {
    if (!equals_ignoring_case(value, known)) continue;
    draft.options.core.auth.digest_algorithm = std::string(known);
    return {};
  }
  return allowed("SHA1, SHA-224, SHA-256, SHA-384, SHA-512 or one of SHA3-*");
}

Result<void> read_super_digest(std::string_view value, OptionDraft& draft) {
  if (!value.starts_with("super:")) return allowed("super:<digest>");
  draft.options.core.auth.super_digest = std::string(value);
  return {};
}

std::vector<std::string> split_list(std::string_view value) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t comma = value.find(',');
    std::string_view part = value.substr(0, comma);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (!part.empty()) parts.emplace_back(part);
    if (comma == value.npos) return parts;
    value.remove_prefix(comma + 1);
  }
}

Result<void> read_enforced_schemes(std::string_view value, OptionDraft& draft) {
  std::vector<std::string> schemes = split_list(value);
  for (const std::string& scheme : schemes) {
    if (scheme != "digest" && scheme != "ip" && scheme != "ensemble") {
      return allowed("a list of digest, ip and ensemble (sasl and x509 are not available yet)");
    }
  }
  draft.options.core.auth.enforced_schemes = std::move(schemes);
  return {};
}

Result<void> read_auth_provider(std::string_view value, OptionDraft& draft) {
  constexpr std::array<std::string_view, 3> kBuiltIn = {
      "DigestAuthenticationProvider", "IPAuthenticationProvider", "EnsembleAuthenticationProvider"};
  const std::string_view name = value.substr(value.rfind('.') + 1);
  if (std::find(kBuiltIn.begin(), kBuiltIn.end(), name) != kBuiltIn.end()) return {};
  if (name == "SASLAuthenticationProvider") {
    draft.names_sasl = true;
    return {};
  }
  return Error{Code::kRefused, "the schemes that are available are digest, ip and ensemble"};
}

Result<void> read_purge_interval(std::string_view value, OptionDraft& draft) {
  std::int64_t unit = 3600;
  if (value.ends_with('m')) unit = 60;
  if (value.ends_with('m') || value.ends_with('h')) value.remove_suffix(1);
  const std::optional<std::int64_t> count = whole_number(value);
  if (!count || *count > kIntMax)
    return allowed("a number of hours, or of minutes with an m behind");
  draft.options.purge_interval = Millis{std::max<std::int64_t>(*count, 0) * unit * 1000};
  return {};
}

Result<void> read_election_algorithm(std::string_view value, OptionDraft&) {
  return value == "3" ? Result<void>{} : Result<void>{allowed("3, the only one there is,")};
}

Result<void> read_peer_type(std::string_view value, OptionDraft& draft) {
  draft.observer = equals_ignoring_case(value, "observer");
  if (*draft.observer || equals_ignoring_case(value, "participant")) return {};
  return allowed("participant or observer");
}

Result<void> read_anything(std::string_view value, OptionDraft&) {
  return value.empty() ? Result<void>{allowed("a value")} : Result<void>{};
}

Result<void> read_leader_serves(std::string_view value, OptionDraft& draft) {
  // ZooKeeper takes "yes" alone as yes, so "true" would not do what it says.
  if (value != "yes" && value != "no") return allowed("yes or no");
  draft.options.ensemble.leader_serves = value == "yes";
  return {};
}

Result<void> read_session_timeout(std::string_view value, std::int32_t& to) {
  PADDOCK_TRY_DO(whole(value, -1, kIntMax, to));
  return to == 0 ? Result<void>{allowed("-1 (from tickTime) or a number of ms from 1")}
                 : Result<void>{};
}

Result<void> read_log_level(std::string_view value, OptionDraft& draft) {
  const Result<LogLevel> level = parse_log_level(value);
  if (!level) return allowed("info, warn or error");
  draft.options.log.level = *level;
  return {};
}

}  // namespace paddock::server
