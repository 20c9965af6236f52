#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace paddock {

// A host, by name or by address, and a port. An IPv6 address is kept without its brackets.
struct HostPort {
  std::string host;  // "": every interface, where one listens
  std::uint16_t port = 0;
  friend bool operator==(const HostPort&, const HostPort&) = default;
};

// "host:port", with brackets around an IPv6 address.
std::string to_string(const HostPort& address);

// A decimal port, 0 to 65535.
Result<std::uint16_t> parse_port(std::string_view text);

// Whether all its bytes may be in a name or an address: ASCII letters and digits, and "-._:%". A
// name of other letters is given in its xn-- form.
bool is_host(std::string_view text);

// "host:port" or "[v6]:port". With `default_port` >= 0, the port may be left out, and an IPv6
// address without a port needs no brackets.
Result<HostPort> parse_host_port(std::string_view text, std::int32_t default_port = -1);

// Several, separated by commas; at least one.
Result<std::vector<HostPort>> parse_host_list(std::string_view text, std::int32_t default_port);

// "a:b:[c:d]:e" -> a, b, c:d, e: splits at `separator`, but not within brackets, which are dropped
// where they enclose a whole part. Code::kInvalid on brackets that do not match.
Result<std::vector<std::string>> split_outside_brackets(std::string_view text, char separator);

}  // namespace paddock
