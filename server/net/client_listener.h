#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/address.h"
#include "common/logging.h"
#include "common/metrics.h"
#include "common/result.h"
#include "server/net/connection_limits.h"

namespace paddock::server {

// Accepts client connections on one port and hands each out, non-blocking and admitted.
//
// One acceptor for all io threads: the kernel's spreading over several (SO_REUSEPORT) is even only
// for many connections, and a server with a few busy clients must be even, too.
// Thread: that of its io_context, but for open().
// Failure: what a single accept meets (the peer gone, descriptors or memory used up) never ends the
// accepting; where nothing can be accepted, it tries again 10 times a second.
class ClientListener {
 public:
  using Tcp = boost::asio::ip::tcp;
  // Gets the descriptor, which is its own from then on. The address is released through
  // ConnectionLimits by the receiver.
  using OnConnection = std::function<void(int fd, const Tcp::endpoint& remote, CredentialsRef)>;

  struct Options {
    HostPort address;  // host "": every interface, of both families
    int backlog = -1;  // -1: the system's
    bool keep_alive = false;
  };

  ClientListener(boost::asio::io_context& io, ConnectionLimits& limits, ThreadMetrics& metrics,
                 OnConnection on_connection);

  // Resolves, binds and listens, without accepting yet. The message names address and reason.
  Result<void> open(const Options& options);
  void start();
  void stop();
  // Listens there instead, on its io_context; where that fails, as before if it can.
  Result<void> move(const HostPort& to);

  Tcp::endpoint local() const { return local_; }

 private:
  Result<void> open_at(const Tcp::endpoint& endpoint, int backlog);
  void wait();
  void accept_all();
  bool accept_one();  // false: nothing more at the moment
  void admit(int fd, const Tcp::endpoint& remote);
  void wait_before_retry(int error);

  boost::asio::io_context& io_;
  ConnectionLimits& limits_;
  ThreadMetrics& metrics_;
  OnConnection on_connection_;
  Tcp::acceptor acceptor_;
  boost::asio::steady_timer retry_;
  Tcp::endpoint local_;
  Options options_;
  LogLimiter accept_errors_{Millis{10'000}};
  LogLimiter refusals_{Millis{10'000}};
};

}  // namespace paddock::server
