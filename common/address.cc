#include "common/address.h"

#include <algorithm>
#include <charconv>

#include "common/concat.h"

namespace paddock {

namespace {

Error invalid(std::string_view text, std::string_view why) {
  return Error{Code::kInvalid, concat("address \"", text, "\": ", why)};
}

bool looks_like_ipv6(std::string_view text) {
  return text.find(':') != text.rfind(':');
}

// Brackets are taken off "[v6]"; others are an error.
Result<std::string> host_of(std::string_view text, std::string_view whole) {
  if (text.starts_with('[')) {
    if (!text.ends_with(']')) return invalid(whole, "\"[\" without \"]\"");
    text = text.substr(1, text.size() - 2);
    if (!looks_like_ipv6(text)) return invalid(whole, "brackets are for IPv6 addresses");
  }
  if (!is_host(text)) return invalid(whole, "not a host name");
  return std::string(text);
}

}  // namespace

std::string to_string(const HostPort& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return v6 ? concat("[", address.host, "]:", address.port)
            : concat(address.host, ":", address.port);
}

bool is_host(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view("-._:%").find(c) != std::string_view::npos;
  });
}

Result<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (ec != std::errc{} || end != text.data() + text.size()) {
    return Error{Code::kInvalid, concat("\"", text, "\" is not a port: 0 to 65535 is")};
  }
  return port;
}

Result<HostPort> parse_host_port(std::string_view text, std::int32_t default_port) {
  const bool bracketed = text.starts_with('[');
  const std::size_t host_end = bracketed ? text.find(']') : 0;
  if (host_end == text.npos) return invalid(text, "\"[\" without \"]\"");
  const std::size_t colon = bracketed ? text.find(':', host_end) : text.rfind(':');

  const bool bare_v6 = !bracketed && looks_like_ipv6(text);
  if (colon == text.npos || bare_v6) {
    if (default_port < 0) {
      return invalid(text, bare_v6 ? "an IPv6 address with a port needs brackets" : "no port");
    }
    PADDOCK_TRY(std::string host, host_of(text, text));
    return HostPort{std::move(host), static_cast<std::uint16_t>(default_port)};
  }
  PADDOCK_TRY(std::string host, host_of(text.substr(0, colon), text));
  PADDOCK_TRY(const std::uint16_t port, parse_port(text.substr(colon + 1)));
  return HostPort{std::move(host), port};
}

Result<std::vector<HostPort>> parse_host_list(std::string_view text, std::int32_t default_port) {
  std::vector<HostPort> hosts;
  for (;;) {
    const std::size_t comma = text.find(',');
    const std::string_view one = text.substr(0, comma);
    if (one.empty()) return Error{Code::kInvalid, "an empty address in the list"};
    PADDOCK_TRY(HostPort host, parse_host_port(one, default_port));
    hosts.push_back(std::move(host));
    if (comma == text.npos) return hosts;
    text.remove_prefix(comma + 1);
  }
}

Result<std::vector<std::string>> split_outside_brackets(std::string_view text, char separator) {
  std::vector<std::string> parts(1);
  bool inside = false;
  for (const char c : text) {
    if (c == '[' || c == ']') {
      if (inside == (c == '[')) return invalid(text, "brackets do not match");
      inside = c == '[';
    } else if (c == separator && !inside) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  if (inside) return invalid(text, "brackets do not match");
  return parts;
}

}  // namespace paddock
