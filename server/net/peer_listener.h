#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "common/address.h"
#include "common/result.h"
#include "server/net/peer_stream.h"

namespace paddock::server {

// Behind the reason why somebody was not let in: it may not be a server at all.
inline constexpr std::string_view kWhoMayConnect =
    ". Only servers of this ensemble should connect to this port";

// Accepts the connections of other members on one port, at one or several addresses.
//
// Thread: its loop's.
// Failure: what a single accept meets (the peer gone, descriptors or memory used up) never ends the
// accepting; where nothing can be accepted, it tries again 10 times a second.
class PeerListener {
 public:
  using OnStream = std::function<void(std::unique_ptr<PeerStream>)>;

  // `what` is for messages: "the election port". `loop` outlives it.
  PeerListener(boost::asio::io_context& loop, std::string what, const StreamOptions& options,
               OnStream on_stream);
  ~PeerListener();

  // Where to listen from now on. Blocks while it looks names up; addresses in digits and "" (every
  // interface, of both families) need no lookup. A port of 0 is chosen anew by each listen().
  Result<void> set_addresses(const std::vector<HostPort>& addresses);

  // Binds and accepts, unless it does already. An address none of whose endpoints can be bound is
  // an error that names it, and then nothing is listened on.
  Result<void> listen();
  // From here on a dial is refused.
  void close();

  std::uint16_t port() const;  // of the first address; 0 while it does not listen

 private:
  using Tcp = boost::asio::ip::tcp;
  struct Address {
    HostPort configured;
    std::vector<Tcp::endpoint> endpoints;
    bool any_will_do = false;  // of these endpoints the first that can be bound is all
  };
  struct Port;

  Result<void> listen_at(const Address& address);
  static void accept(const std::shared_ptr<Port>& port);

  boost::asio::io_context& loop_;
  const std::string what_;
  const StreamOptions options_;
  const OnStream on_stream_;
  std::vector<Address> addresses_;
  std::vector<std::shared_ptr<Port>> ports_;
};

}  // namespace paddock::server
