#include "client/host_list.h"

#include <arpa/inet.h>

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/concat.h"
#include "common/path.h"

namespace paddock::client {

namespace {

Error invalid(std::string_view text, std::string_view why) {
  return {NotSent::invalid_argument, concat("servers \"", text, "\": ", why)};
}

// Of a host with colons: an IPv6 address, perhaps with a zone ("fe80::1%eth0").
bool is_ipv6(const std::string& host) {
  in6_addr address{};
  return inet_pton(AF_INET6, host.substr(0, host.find('%')).c_str(), &address) == 1;
}

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

Result<ServerList> parse_servers(std::string_view text) {
  ServerList list;
  const std::size_t slash = text.find('/');
  if (slash != text.npos) {
    const std::string_view chroot = text.substr(slash);
    if (!is_valid_path(chroot)) {
      return invalid(text, concat("the chroot \"", chroot, "\" is not a path"));
    }
    if (chroot != "/") list.chroot = chroot;
  }
  std::string_view rest = text.substr(0, slash);
  for (bool more = true; more;) {
    const std::size_t comma = rest.find(',');
    const std::string_view one = trim(rest.substr(0, comma));
    more = comma != rest.npos;
    if (more) rest.remove_prefix(comma + 1);
    if (one.empty()) {
      return invalid(text, "an address is empty; \"host:port,host:port/chroot\" is expected");
    }
    auto server = parse_host_port(one, kDefaultPort);
    if (!server) return invalid(text, server.error().message);
    if (server->host.empty()) return invalid(text, concat("\"", one, "\" has no host"));
    if (server->host.find(':') != std::string::npos && !is_ipv6(server->host)) {
      return invalid(text, concat("\"", one, "\" is neither host:port nor an IPv6 address"));
    }
    if (server->port == 0) return invalid(text, concat("\"", one, "\": port 0 is no port"));
    if (std::find(list.servers.begin(), list.servers.end(), *server) == list.servers.end()) {
      list.servers.push_back(*std::move(server));
    }
  }
  return list;
}

HostList::HostList(std::vector<HostPort> servers, std::uint64_t seed)
    : servers_(std::move(servers)) {
  PADDOCK_CHECK(!servers_.empty());
  for (std::size_t left = servers_.size(); left > 1; --left) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    std::swap(servers_[left - 1], servers_[(seed >> 33) % left]);
  }
}

const HostPort& HostList::next() {
  const HostPort& server = servers_[at_];
  at_ = (at_ + 1) % servers_.size();
  return server;
}

void HostList::prefer(const HostPort& server) {
  const auto found = std::find(servers_.begin(), servers_.end(), server);
  if (found != servers_.end()) at_ = static_cast<std::size_t>(found - servers_.begin());
}

}  // namespace paddock::client
