#include "server/net/peer_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>

#include "common/address.h"

namespace paddock::server {

namespace asio = boost::asio;
using boost::system::error_code;
using Tcp = asio::ip::tcp;

namespace {

class TcpStream final : public PeerStream {
 public:
  TcpStream(Tcp::socket socket, std::string remote)
      : socket_(std::move(socket)), remote_(std::move(remote)) {}

  void read_some(std::span<std::uint8_t> to, Done done) override {
    socket_.async_read_some(asio::buffer(to.data(), to.size()), std::move(done));
  }
  void write_some(ByteView from, Done done) override {
    socket_.async_write_some(asio::buffer(from.data(), from.size()), std::move(done));
  }
  void end_writing() override {
    error_code ignored;  // a connection that is gone already shows to the reader
    socket_.shutdown(Tcp::socket::shutdown_send, ignored);
  }
  void close() override {
    error_code ignored;  // nothing is left to do about it
    socket_.close(ignored);
  }
  const std::string& remote() const override { return remote_; }

 private:
  Tcp::socket socket_;
  const std::string remote_;
};

// None of these can fail on a connected TCP socket but for a peer that is gone, and that shows at
// once to whoever reads.
void set_options(int fd, const StreamOptions& options) {
  const int on = 1;
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (options.keep_alive) (void)::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  if (options.unacknowledged_max > Millis{}) {
    const auto patience = static_cast<unsigned>(options.unacknowledged_max.value);
    (void)::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, sizeof patience);
  }
}

}  // namespace

std::string to_string(const Tcp::endpoint& endpoint) {
  asio::ip::address address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  return paddock::to_string(HostPort{address.to_string(), endpoint.port()});
}

std::unique_ptr<PeerStream> make_tcp_stream(Tcp::socket socket, const StreamOptions& options) {
  set_options(socket.native_handle(), options);
  error_code gone;  // its peer may be, already
  const Tcp::endpoint remote = socket.remote_endpoint(gone);
  return std::make_unique<TcpStream>(std::move(socket), to_string(remote));
}

std::string reason_of(error_code error) {
  return error == asio::error::eof ? "the peer closed the connection" : error.message();
}

}  // namespace paddock::server
