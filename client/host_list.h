#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/address.h"
#include "paddock/result.h"

namespace paddock::client {

inline constexpr std::uint16_t kDefaultPort = 2181;

// "a:2181,[::1]:2182,c/chroot".
struct ServerList {
  std::vector<HostPort> servers;  // as written
  std::string chroot;             // "" or "/a"
};
// Errors: NotSent::invalid_argument, with what is wrong and where.
Result<ServerList> parse_servers(std::string_view text);

// The servers in an order drawn by chance, one behind the other and round again.
class HostList {
 public:
  // `servers` is not empty.
  HostList(std::vector<HostPort> servers, std::uint64_t seed);

  // The one to try next.
  const HostPort& next();
  // next() will give this one, if it is of the list.
  void prefer(const HostPort& server);
  // The one that comes `ahead` places behind that; changes nothing.
  const HostPort& peek(std::size_t ahead) const {
    return servers_[(at_ + ahead) % servers_.size()];
  }
  std::size_t size() const { return servers_.size(); }

 private:
  std::vector<HostPort> servers_;
  std::size_t at_ = 0;
};

}  // namespace paddock::client
