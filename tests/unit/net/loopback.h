#pragma once

#include <dirent.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include "common/address.h"
#include "common/bytes.h"
#include "server/net/name_lookup.h"

// What the tests of peer connections share: a loop that is run until something has happened, and
// hand-made peers on it.
namespace paddock::server {

using Tcp = boost::asio::ip::tcp;
using boost::system::error_code;

inline Tcp::endpoint loopback(std::uint16_t port) {
  return {boost::asio::ip::address_v4::loopback(), port};
}
inline HostPort at(std::uint16_t port) {
  return {"127.0.0.1", port};
}

// Runs `loop` until `happened`; false: not within ten seconds.
inline bool run_until(boost::asio::io_context& loop, const std::function<bool()>& happened) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  const auto work = boost::asio::make_work_guard(loop);
  while (!happened()) {
    loop.restart();
    if (loop.run_one_until(deadline) == 0) return happened();
  }
  return true;
}

// Runs whatever is ready, until nothing is.
inline void settle(boost::asio::io_context& loop) {
  loop.restart();
  while (loop.poll() > 0) {
  }
}

// One end of a connection, in the hands of a test.
class RawPeer : public std::enable_shared_from_this<RawPeer> {
 public:
  explicit RawPeer(Tcp::socket socket) : socket_(std::move(socket)) {}
  static std::shared_ptr<RawPeer> connect(boost::asio::io_context& loop, std::uint16_t port,
                                          std::size_t bytes_wanted = SIZE_MAX) {
    Tcp::socket socket(loop);
    error_code ec;
    socket.connect(loopback(port), ec);
    EXPECT_FALSE(ec) << ec.message();
    auto peer = std::make_shared<RawPeer>(std::move(socket));
    peer->read_on(bytes_wanted);
    return peer;
  }

  // Reads until it has got so much more, which may be a little more than that.
  void read_on(std::size_t bytes = SIZE_MAX) {
    wanted_ = bytes > SIZE_MAX - received.size() ? SIZE_MAX : received.size() + bytes;
    if (!reading_ && received.size() < wanted_) read();
  }
  // Little enough for the system to take it at once.
  void send(ByteView bytes) {
    error_code ec;
    boost::asio::write(socket_, boost::asio::buffer(bytes.data(), bytes.size()), ec);
  }
  void send_all(Bytes bytes) {
    auto kept = std::make_shared<Bytes>(std::move(bytes));
    boost::asio::async_write(socket_, boost::asio::buffer(*kept),
                             [kept, self = shared_from_this()](error_code, std::size_t) {});
  }
  void close() {
    error_code ec;
    socket_.close(ec);
    closed = true;
  }
  Tcp::socket& socket() { return socket_; }

  Bytes received;
  std::vector<std::size_t> reads;  // how many bytes each one brought
  bool closed = false;
  error_code why;  // eof, or reset

 private:
  void read() {
    reading_ = true;
    socket_.async_read_some(boost::asio::buffer(room_),
                            [self = shared_from_this()](error_code ec, std::size_t bytes) {
                              self->reading_ = false;
                              self->on_read(ec, bytes);
                            });
  }
  void on_read(error_code ec, std::size_t bytes) {
    received.insert(received.end(), room_.begin(),
                    room_.begin() + static_cast<std::ptrdiff_t>(bytes));
    if (bytes > 0) reads.push_back(bytes);
    if (ec) {
      closed = true;
      why = ec;
    } else if (received.size() < wanted_) {
      read();
    }
  }

  Tcp::socket socket_;
  std::array<std::uint8_t, 65536> room_;
  std::size_t wanted_ = 0;
  bool reading_ = false;
};
using RawPeerPtr = std::shared_ptr<RawPeer>;

// A port in the hands of a test.
class RawListener {
 public:
  explicit RawListener(boost::asio::io_context& loop, std::uint16_t port = 0)
      : acceptor_(loop, loopback(port)) {
    accept();
  }
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  void close() { acceptor_.close(); }

  std::vector<RawPeerPtr> accepted;
  bool reads = true;  // whatever is accepted

 private:
  void accept() {
    acceptor_.async_accept([this](error_code ec, Tcp::socket socket) {
      if (ec == boost::asio::error::operation_aborted) return;
      accepted.push_back(std::make_shared<RawPeer>(std::move(socket)));
      if (reads) accepted.back()->read_on();
      accept();
    });
  }

  Tcp::acceptor acceptor_;
};

// A port that refuses: taken, but not listened on.
class DeadPort {
 public:
  explicit DeadPort(boost::asio::io_context& loop) : socket_(loop) {
    socket_.open(Tcp::v4());
    socket_.set_option(boost::asio::socket_base::reuse_address(true));
    socket_.bind(loopback(0));
  }
  std::uint16_t port() const { return socket_.local_endpoint().port(); }

 private:
  Tcp::socket socket_;
};

// A port whose dials are never answered: its queue of unaccepted connections is full, so that the
// system drops what asks for another.
class BlackHole {
 public:
  explicit BlackHole(boost::asio::io_context& loop) : acceptor_(loop) {
    acceptor_.open(Tcp::v4());
    acceptor_.bind(loopback(0));
    acceptor_.listen(0);
    for (int i = 0; i < 4; ++i) {
      fillers_.emplace_back(loop).async_connect(loopback(port()), [](error_code) {});
    }
  }
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  Tcp::acceptor acceptor_;
  std::vector<Tcp::socket> fillers_;
};

// A DNS that says what a test wants.
class FakeLookup final : public NameLookup {
 public:
  explicit FakeLookup(boost::asio::io_context& loop) : loop_(loop) {}

  void look_up(const std::string& host, Done done) override {
    asked.push_back(host);
    const auto found = names.find(host);
    if (found == names.end()) {
      silent_.push_back(std::move(done));
      return;
    }
    boost::asio::post(loop_, [done = std::move(done), found = found->second] { done(found); });
  }
  void set(const std::string& host, std::string_view digits) {
    names.insert_or_assign(host, Addresses{boost::asio::ip::make_address(digits)});
  }

  std::map<std::string, Result<Addresses>> names;  // others are never answered
  std::vector<std::string> asked;

 private:
  boost::asio::io_context& loop_;
  std::vector<Done> silent_;
};

// How many sockets this process has.
inline std::size_t open_sockets() {
  std::size_t count = 0;
  DIR* folder = ::opendir("/proc/self/fd");
  while (const dirent* entry = ::readdir(folder)) {
    std::array<char, 64> target{};
    const std::string path = std::string("/proc/self/fd/") + entry->d_name;
    const ssize_t n = ::readlink(path.c_str(), target.data(), target.size());
    if (n > 0 &&
        std::string_view(target.data(), static_cast<std::size_t>(n)).starts_with("socket:"))
      ++count;
  }
  ::closedir(folder);
  return count;
}

}  // namespace paddock::server
