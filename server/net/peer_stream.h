#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include "common/bytes.h"
#include "common/ids.h"

namespace paddock::server {

// A connection to another member as a stream of bytes, whatever carries it. Where one is made
// (Dial, PeerListener) is also where it would be secured before anybody sees it.
//
// One read and one write at a time. `done` is called once, later, on the loop, and even after
// close() or with a result of before it: whoever waits looks at its own state first.
// Thread: its loop's. Destroying it closes it.
class PeerStream {
 public:
  using Done = std::function<void(boost::system::error_code, std::size_t bytes)>;

  virtual ~PeerStream() = default;

  // At least one byte, or an error; asio::error::eof once the peer has ended its side. `to` stays
  // until then.
  virtual void read_some(std::span<std::uint8_t> to, Done done) = 0;
  // At least one byte, or an error. `from` stays until then.
  virtual void write_some(ByteView from, Done done) = 0;
  // Nothing more will be written: the peer reads an end behind what was. Reading goes on.
  virtual void end_writing() = 0;
  virtual void close() = 0;

  virtual const std::string& remote() const = 0;  // "10.0.0.2:2888", "[::1]:2888"
};

struct StreamOptions {
  bool keep_alive = false;
  // The kernel gives the connection up when the peer's has not acknowledged what was sent for this
  // long: the only sign of a host that vanished. 0: the system's patience, a quarter of an hour.
  Millis unacknowledged_max;
};

std::string to_string(const boost::asio::ip::tcp::endpoint& endpoint);

// Of a connected socket. Sets TCP_NODELAY, too.
std::unique_ptr<PeerStream> make_tcp_stream(boost::asio::ip::tcp::socket socket,
                                            const StreamOptions& options);

// What an error of a stream means, in words.
std::string reason_of(boost::system::error_code error);

}  // namespace paddock::server
