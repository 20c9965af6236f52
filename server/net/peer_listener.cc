#include "server/net/peer_listener.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <glog/logging.h>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/clock.h"
#include "common/concat.h"
#include "common/logging.h"

namespace paddock::server {

namespace asio = boost::asio;
using boost::system::error_code;

// One bound endpoint. What waits for it holds it; the listener closes it.
struct PeerListener::Port {
  Port(PeerListener& listener, asio::io_context& loop)
      : owner(&listener), acceptor(loop), retry(loop) {}

  void close() {
    owner = nullptr;
    error_code ignored;  // nothing is left to do about it
    acceptor.close(ignored);
  }

  PeerListener* owner;  // null: closed
  Tcp::acceptor acceptor;
  asio::steady_timer retry;
  LogLimiter errors{Millis{10'000}};
};

namespace {

Result<void> open(asio::ip::tcp::acceptor& acceptor, const asio::ip::tcp::endpoint& endpoint) {
  error_code ec;
  const auto failed = [&](std::string_view what) {
    return Error{Code::kIo, concat("cannot ", what, " ", to_string(endpoint), ": ", ec.message())};
  };
  if (acceptor.open(endpoint.protocol(), ec)) return failed("open a socket for");
  if (acceptor.set_option(asio::socket_base::reuse_address(true), ec)) return failed("set up");
  if (endpoint.address().is_v6()) {
    const bool only = !endpoint.address().is_unspecified();
    if (acceptor.set_option(asio::ip::v6_only(only), ec)) return failed("set up");
  }
  if (acceptor.bind(endpoint, ec)) return failed("bind");
  if (acceptor.listen(asio::socket_base::max_listen_connections, ec)) return failed("listen on");
  return {};
}

}  // namespace

PeerListener::PeerListener(asio::io_context& loop, std::string what, const StreamOptions& options,
                           OnStream on_stream)
    : loop_(loop), what_(std::move(what)), options_(options), on_stream_(std::move(on_stream)) {}

PeerListener::~PeerListener() {
  close();
}

Result<void> PeerListener::set_addresses(const std::vector<HostPort>& addresses) {
  std::vector<Address> found;
  for (const HostPort& configured : addresses) {
    Address& address = found.emplace_back(Address{configured, {}, configured.host.empty()});
    if (configured.host.empty()) {
      // Both families on one socket; a machine without IPv6 has only the other.
      address.endpoints = {{asio::ip::address_v6::any(), configured.port},
                           {asio::ip::address_v4::any(), configured.port}};
      continue;
    }
    Tcp::resolver resolver(loop_);
    error_code ec;
    const auto resolved = resolver.resolve(configured.host, "", ec);
    if (ec || resolved.empty()) {
      return Error{Code::kInvalid, concat(what_, ": the host ", configured.host,
                                          " cannot be looked up: ", ec.message())};
    }
    for (const auto& one : resolved) {
      const Tcp::endpoint endpoint(one.endpoint().address(), configured.port);
      const auto same = std::find(address.endpoints.begin(), address.endpoints.end(), endpoint);
      if (same == address.endpoints.end()) address.endpoints.push_back(endpoint);
    }
  }
  addresses_ = std::move(found);
  return {};
}

Result<void> PeerListener::listen() {
  if (!ports_.empty()) return {};
  for (const Address& address : addresses_) {
    if (auto listening = listen_at(address); !listening) {
      close();
      return listening;
    }
  }
  for (const auto& port : ports_) accept(port);
  return {};
}

Result<void> PeerListener::listen_at(const Address& address) {
  Result<void> failed;
  bool some = false;
  for (Tcp::endpoint endpoint : address.endpoints) {
    if (some && address.any_will_do) break;
    if (endpoint.port() == 0) endpoint.port(port());  // whichever the first one got
    auto one = std::make_shared<Port>(*this, loop_);
    if (const auto opened = open(one->acceptor, endpoint); opened) {
      ports_.push_back(std::move(one));
      some = true;
    } else {
      failed = Error{opened.error().code, concat(what_, ": ", opened.error().message)};
    }
  }
  if (!some) return failed;
  if (!failed && !address.any_will_do) LOG(WARNING) << failed.error().message;
  return {};
}

void PeerListener::close() {
  for (const auto& port : ports_) port->close();
  ports_.clear();
}

std::uint16_t PeerListener::port() const {
  if (ports_.empty()) return 0;
  error_code ec;
  const Tcp::endpoint local = ports_.front()->acceptor.local_endpoint(ec);
  return ec ? 0 : local.port();
}

void PeerListener::accept(const std::shared_ptr<Port>& port) {
  port->acceptor.async_accept([port](error_code ec, Tcp::socket socket) {
    if (port->owner == nullptr) return;
    PeerListener& listener = *port->owner;
    if (!ec) {
      listener.on_stream_(make_tcp_stream(std::move(socket), listener.options_));
      if (port->owner != nullptr) accept(port);
      return;
    }
    if (const auto ok = port->errors.admit(SystemClock{}.now())) {
      LOG(ERROR) << listener.what_ << ": cannot accept for now: " << ec.message()
                 << "; connections that exist go on" << suppressed_note(ok);
    }
    port->retry.expires_after(std::chrono::milliseconds(100));
    port->retry.async_wait([weak = std::weak_ptr(port)](error_code) {
      const auto open = weak.lock();
      if (open && open->owner != nullptr) accept(open);
    });
  });
}

}  // namespace paddock::server
