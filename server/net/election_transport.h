#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/address.h"
#include "common/ids.h"
#include "common/limits.h"
#include "common/result.h"
#include "zab/message.h"

namespace boost::asio {
class io_context;
}

namespace paddock::server {

class NameLookup;

// What comes by the election port. Called from the loop, never from within a call of the transport;
// it may call the transport, but not destroy it.
class ElectionEvents {
 public:
  // `from` is the sid of the connection; a negative one stands for an observer without a number,
  // for as long as its connection lasts.
  virtual void on_notified(ServerId from, zab::Notification notification) = 0;
  // Of a member: a connection is up; or none is: it broke, or it could not be made.
  virtual void on_reachable(ServerId peer, bool reachable) = 0;

 protected:
  ~ElectionEvents() = default;
};

// The connections of the election port: at most one with each other server, dialled when there is
// something to say, and kept.
//
// Of two servers the one with the larger sid owns the connection. The smaller one may only dial to
// make the other dial: the connection itself is closed again. What is sent waits in one place for
// each peer, where the newer replaces the older; the last one goes out again when a new connection
// finds nothing waiting.
//
// Thread: its loop's. Nothing blocks, but for set_listening() where it has names to look up.
// Failure: what a peer does costs that peer's connection and nothing else. A dial that failed is
// repeated by the next send(), never by itself.
// Source: ZooKeeper 3.8, quorum/QuorumCnxManager.java; peer-protocol.md section A1.
class ElectionTransport {
 public:
  struct Options {
    ServerId self{};
    Millis connect_timeout{5000};
    Millis opening_timeout{10'000};  // of whoever dials, for saying who it is
    Millis dial_back_timeout{1000};  // of the larger one, once the smaller one has dialled
    // How old a connection is that was made while its peer was challenging, at most; one that is
    // older when its peer challenges is from before the peer restarted.
    Millis simultaneous{1000};
    bool keep_alive = false;
    std::size_t openings_max = kElectionOpeningsMax;
    std::size_t strangers_max = kElectionStrangersMax;
  };
  // The election addresses of each server. Those of one server are dialled together.
  using Members = std::map<ServerId, std::vector<HostPort>>;

  // `loop`, `lookup` and `events` outlive it.
  ElectionTransport(boost::asio::io_context& loop, NameLookup& lookup, Options options,
                    ElectionEvents& events);
  ~ElectionTransport();

  // Listens at these addresses instead of those before. Host "": every interface. Port 0: any.
  // `advertised` is where others can dial this server, as it tells them; with port 0, that which is
  // listened on.
  Result<void> set_listening(const std::vector<HostPort>& addresses, HostPort advertised);
  std::uint16_t port() const;  // that of the first address; 0: none

  // Replaces all known addresses. Connections go on, but for those with servers whose addresses
  // changed: they are made anew by the next send().
  void set_members(Members members);

  // Hands `notification` to a peer, now or when a connection is up. One to a server that is neither
  // a member nor connected is dropped.
  void send(ServerId to, const zab::Notification& notification);

  std::vector<ServerId> connected() const;  // by sid
  // One line for operators and tests.
  std::string describe() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace paddock::server
