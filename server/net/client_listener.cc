#include "server/net/client_listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <utility>

#include <glog/logging.h>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/socket_base.hpp>

#include "common/clock.h"
#include "common/concat.h"

namespace paddock::server {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// An IPv4 peer on a socket of both families is shown, limited and matched as what it is.
asio::ip::tcp::endpoint unmapped(const asio::ip::tcp::endpoint& endpoint) {
  const asio::ip::address address = endpoint.address();
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return endpoint;
  return {asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()), endpoint.port()};
}

Millis now() {
  return SystemClock{}.now();
}

}  // namespace

ClientListener::ClientListener(asio::io_context& io, ConnectionLimits& limits,
                               ThreadMetrics& metrics, OnConnection on_connection)
    : io_(io),
      limits_(limits),
      metrics_(metrics),
      on_connection_(std::move(on_connection)),
      acceptor_(io),
      retry_(io) {}

Result<void> ClientListener::open(const Options& options) {
  options_ = options;
  if (options.address.host.empty()) {
    // Both families on one socket; a machine without IPv6 has only the other.
    const auto both = open_at({asio::ip::address_v6::any(), options.address.port}, options.backlog);
    return both ? both
                : open_at({asio::ip::address_v4::any(), options.address.port}, options.backlog);
  }
  Tcp::resolver resolver(io_);
  error_code ec;
  const auto found = resolver.resolve(options.address.host, "", ec);
  if (ec || found.empty()) {
    return Error{Code::kInvalid, concat("clientPortAddress ", options.address.host,
                                        " cannot be resolved: ", ec.message())};
  }
  return open_at({found.begin()->endpoint().address(), options.address.port}, options.backlog);
}

Result<void> ClientListener::open_at(const Tcp::endpoint& endpoint, int backlog) {
  error_code ec;
  const auto failed = [&](std::string_view what) {
    const std::string reason = ec.message();
    error_code ignored;  // what is being given up cannot fail in a way that matters
    acceptor_.close(ignored);
    return Error{Code::kIo, concat("cannot ", what, " client port ", endpoint.port(), " at ",
                                   endpoint.address().to_string(), ": ", reason)};
  };
  if (acceptor_.open(endpoint.protocol(), ec)) return failed("open");
  if (acceptor_.set_option(asio::socket_base::reuse_address(true), ec)) return failed("set up");
  if (endpoint.address().is_v6()) {
    const bool only = !endpoint.address().is_unspecified();
    if (acceptor_.set_option(asio::ip::v6_only(only), ec)) return failed("set up");
  }
  if (acceptor_.bind(endpoint, ec)) return failed("bind");
  const int queue = backlog > 0 ? backlog : asio::socket_base::max_listen_connections;
  if (acceptor_.listen(queue, ec)) return failed("listen on");
  if (acceptor_.non_blocking(true, ec)) return failed("set up");
  local_ = acceptor_.local_endpoint(ec);
  if (ec) return failed("read the address of");
  return {};
}

void ClientListener::start() {
  wait();
}

void ClientListener::stop() {
  error_code ignored;  // the process is stopping
  acceptor_.close(ignored);
  retry_.cancel();
}

// Who waits for the one before is told that it was closed.
Result<void> ClientListener::move(const HostPort& to) {
  if (!acceptor_.is_open()) return {};  // stopping
  const Options before = options_;
  Options after = options_;
  after.address = to;
  stop();
  Result<void> opened = open(after);
  if (!opened) {
    const Result<void> back = open(before);
    if (!back) return opened;
  }
  start();
  return opened;
}

void ClientListener::wait() {
  acceptor_.async_wait(Tcp::acceptor::wait_read, [this](error_code ec) {
    if (ec || !acceptor_.is_open()) return;  // stop()
    accept_all();
  });
}

void ClientListener::accept_all() {
  constexpr int kAtOnce = 64;  // then the connections that there are get their turn
  for (int i = 0; i < kAtOnce; ++i) {
    if (!accept_one()) return;
  }
  wait();
}

bool ClientListener::accept_one() {
  Tcp::endpoint remote;
  auto length = static_cast<socklen_t>(remote.capacity());
  const int fd =
      ::accept4(acceptor_.native_handle(), remote.data(), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    remote.resize(length);
    admit(fd, unmapped(remote));
    return true;
  }
  switch (errno) {
    case EAGAIN:
      wait();
      return false;
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EPERM:
      return true;  // that one peer's matter
    default:
      wait_before_retry(errno);
      return false;
  }
}

void ClientListener::admit(int fd, const Tcp::endpoint& remote) {
  ConnectionLimits::Admission admission = limits_.admit(remote.address());
  if (admission.verdict != ConnectionLimits::Verdict::kAdmitted) {
    ::close(fd);
    metrics_.add(Counter::kConnectionRejected);
    if (const auto ok = refusals_.admit(now())) {
      const bool in_all = admission.verdict == ConnectionLimits::Verdict::kTooManyInAll;
      LOG(WARNING) << "refused a client of " << remote.address().to_string()
                   << ": too many connections "
                   << (in_all ? "in all (maxCnxns)" : "from this address (maxClientCnxns)")
                   << suppressed_note(ok);
    }
    return;
  }
  const int on = 1;
  // Neither can fail on a fresh TCP socket but for a peer that is gone, and that shows at once.
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (options_.keep_alive) (void)::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  on_connection_(fd, remote, std::move(admission.credentials));
}

void ClientListener::wait_before_retry(int error) {
  if (const auto ok = accept_errors_.admit(now())) {
    LOG(ERROR) << "cannot accept clients for now: " << std::generic_category().message(error)
               << "; connections that exist are served on" << suppressed_note(ok);
  }
  retry_.expires_after(std::chrono::milliseconds(100));
  retry_.async_wait([this](error_code ec) {
    if (!ec && acceptor_.is_open()) accept_all();
  });
}

}  // namespace paddock::server
