#include "relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <vector>

#include "common/check.h"

namespace paddock::interop {

namespace {

constexpr int kPollMs = 10;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool send_all(int fd, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t sent = ::send(fd, bytes, size, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

}  // namespace

Relay::Relay(const std::string& server_address)
    : server_port_(static_cast<std::uint16_t>(
          std::strtoul(server_address.c_str() + server_address.rfind(':') + 1, nullptr, 10))),
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in own = loopback(0);
  socklen_t size = sizeof own;
  PADDOCK_CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&own), size) == 0);
  PADDOCK_CHECK(::listen(listener_, SOMAXCONN) == 0);
  PADDOCK_CHECK(::getsockname(listener_, reinterpret_cast<sockaddr*>(&own), &size) == 0);
  port_ = ntohs(own.sin_port);
  thread_ = std::thread([this] { run(); });
}

Relay::~Relay() {
  stopping_ = true;
  thread_.join();
  close_all();
  ::close(listener_);
}

std::string Relay::address() const {
  return "127.0.0.1:" + std::to_string(port_);
}

void Relay::run() {
  while (!stopping_) {
    if (held_) close_all();
    std::vector<pollfd> waiting{{listener_, POLLIN, 0}};
    for (const auto& [fd, peer] : peer_) waiting.push_back({fd, POLLIN, 0});
    if (::poll(waiting.data(), waiting.size(), kPollMs) <= 0) continue;
    for (const pollfd& ready : waiting) {
      if (ready.revents == 0) continue;
      if (ready.fd == listener_) {
        accept_one();
      } else if (peer_.contains(ready.fd)) {  // its pair may just have been closed
        carry(ready.fd);
      }
    }
  }
}

void Relay::accept_one() {
  const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return;
  const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in to = loopback(server_port_);
  if (held_ || ::connect(server, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    ::close(client);
    ::close(server);
    return;
  }
  peer_[client] = server;
  peer_[server] = client;
}

void Relay::carry(int from) {
  std::array<char, 65536> bytes;
  const ssize_t size = ::recv(from, bytes.data(), bytes.size(), 0);
  if (size <= 0 || !send_all(peer_[from], bytes.data(), static_cast<std::size_t>(size))) {
    close_pair(from);
  }
}

void Relay::close_pair(int fd) {
  const int other = peer_[fd];
  peer_.erase(fd);
  peer_.erase(other);
  ::close(fd);
  ::close(other);
}

void Relay::close_all() {
  while (!peer_.empty()) close_pair(peer_.begin()->first);
}

}  // namespace paddock::interop
