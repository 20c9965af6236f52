#include "server/net/dialer.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <boost/asio/post.hpp>

#include "common/concat.h"
#include "common/limits.h"

namespace paddock::server {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// A dial of a port that nobody listens on, from the range that the system numbers dials from, can
// meet itself. Source: RFC 9293 section 3.5, simultaneous open.
bool met_itself(const asio::ip::tcp::socket& socket) {
  error_code local_error, remote_error;
  const auto local = socket.local_endpoint(local_error);
  const auto remote = socket.remote_endpoint(remote_error);
  return !local_error && !remote_error && local == remote;
}

}  // namespace

std::shared_ptr<Dial> Dial::start(asio::io_context& loop, NameLookup& lookup,
                                  const std::vector<HostPort>& addresses, const Options& options,
                                  Done done) {
  auto dial = std::make_shared<Dial>(Key{}, loop, lookup, options, std::move(done));
  dial->begin(addresses);
  return dial;
}

Dial::Dial(Key, asio::io_context& loop, NameLookup& lookup, const Options& options, Done done)
    : loop_(loop), lookup_(lookup), options_(options), done_(std::move(done)), timer_(loop) {}

void Dial::begin(const std::vector<HostPort>& addresses) {
  timer_.expires_after(std::chrono::milliseconds(options_.timeout.value));
  timer_.async_wait([weak = weak_from_this()](error_code ec) {
    const auto self = weak.lock();
    if (ec || !self || !self->done_) return;
    self->finish(Error{Code::kIo, concat("no answer within ", self->options_.timeout.value, " ms",
                                         self->why_.empty() ? "" : "; ", self->why_)});
  });
  ++under_way_;  // this: so that the last failure, if all fail at once, is seen later
  for (const HostPort& address : addresses) {
    error_code is_name;
    const auto digits = asio::ip::make_address(address.host, is_name);
    is_name ? look_up(address) : connect({digits, address.port});
  }
  asio::post(loop_, [weak = weak_from_this(), none = addresses.empty()] {
    if (const auto self = weak.lock()) self->give_up_one(none ? "no address is known" : "");
  });
}

void Dial::look_up(const HostPort& address) {
  ++under_way_;
  lookup_.look_up(address.host, [weak = weak_from_this(),
                                 port = address.port](const Result<NameLookup::Addresses>& found) {
    const auto self = weak.lock();
    if (!self || !self->done_) return;
    if (found) {
      for (const asio::ip::address& one : *found) self->connect({one, port});
    }
    self->give_up_one(found ? "" : found.error().message);
  });
}

void Dial::connect(const Tcp::endpoint& endpoint) {
  ++under_way_;
  const auto later = [&](std::string why) {
    asio::post(loop_, [weak = weak_from_this(), why = std::move(why)] {
      if (const auto self = weak.lock()) self->give_up_one(why);
    });
  };
  // To dial "every interface" is to dial oneself.
  if (endpoint.address().is_unspecified() || endpoint.port() == 0) {
    return later(concat(to_string(endpoint), ": not an address that can be dialled"));
  }
  const bool again = std::find(tried_.begin(), tried_.end(), endpoint) != tried_.end();
  if (again || tried_.size() == kDialEndpointsMax) return later("");
  tried_.push_back(endpoint);
  const auto socket = sockets_.emplace(sockets_.end(), loop_);
  socket->async_connect(endpoint, [weak = weak_from_this(), endpoint, socket](error_code ec) {
    const auto self = weak.lock();
    if (self && self->done_) self->on_connected(endpoint, socket, ec);
  });
}

void Dial::on_connected(const Tcp::endpoint& endpoint, std::list<Tcp::socket>::iterator socket,
                        error_code ec) {
  if (!ec && met_itself(*socket)) ec = asio::error::connection_refused;
  if (ec) {
    sockets_.erase(socket);
    return give_up_one(concat(to_string(endpoint), ": ", ec.message()));
  }
  finish(make_tcp_stream(std::move(*socket), options_.stream));
}

void Dial::give_up_one(const std::string& why) {
  if (!done_) return;
  if (!why.empty()) why_ += concat(why_.empty() ? "" : "; ", why);
  if (--under_way_ == 0) finish(Error{Code::kIo, why_});
}

void Dial::finish(Result<std::unique_ptr<PeerStream>> result) {
  timer_.cancel();
  sockets_.clear();
  const Done done = std::exchange(done_, nullptr);
  done(std::move(result));
}

}  // namespace paddock::server
