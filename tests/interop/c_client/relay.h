#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <thread>

namespace paddock::interop {

// A TCP relay on the loopback address in front of a server, so that a test can cut a client off.
// Thread: one of its own carries the bytes; hold() and release() may be called from any other.
// Failure: a connection that breaks on one side is closed on both.
class Relay {
 public:
  explicit Relay(const std::string& server_address);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  std::string address() const;
  // Closes every connection, and each new one at once, until release().
  void hold() { held_ = true; }
  void release() { held_ = false; }

 private:
  void run();
  void accept_one();
  void carry(int from);
  void close_pair(int fd);
  void close_all();

  std::uint16_t server_port_;
  std::uint16_t port_ = 0;
  int listener_;
  std::atomic<bool> held_ = false;
  std::atomic<bool> stopping_ = false;
  std::map<int, int> peer_;  // both directions: each socket and the one its bytes go to
  std::thread thread_;
};

}  // namespace paddock::interop
