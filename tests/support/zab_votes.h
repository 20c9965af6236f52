#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "tests/support/sim_wires.h"
#include "zab/message.h"

namespace paddock::test {

// The election ports: one connection for each pair of servers. To each peer there is a queue of
// one: a newer notification takes the place of one that is not sent yet, and the last one is sent
// again when the connection comes back. Who has something to send and no connection dials, once;
// nobody dials again before there is something to send. Source: peer-protocol.md, section A1.
class ZabVotes {
 public:
  ZabVotes(SimQueue& queue, SimWires& wires, WireUser& user, Prng random);

  void notify(ServerId from, ServerId to, const zab::Notification& notification);

  // The process ended, or its machine did (`dark`): then its peers hear nothing of it.
  void stop(ServerId server, bool dark);
  void start(ServerId server);
  // The connection breaks; both are told.
  void sever(ServerId a, ServerId b);
  // The wires between the two were mended.
  void mended(ServerId a, ServerId b);

  void on_dial(ServerId from, ServerId to);
  void on_vote(ServerId from, ServerId to);
  void on_ready(ServerId from, ServerId to);
  void on_notice(ServerId who, std::uint64_t peer_and_reachable);

 private:
  struct Flying {
    zab::Notification notification;
    Micros ready;
  };
  // From one server to another.
  struct Lane {
    std::optional<zab::Notification> pending;
    std::optional<zab::Notification> last;
    std::deque<Flying> flying;
    bool due = false;      // an event for the first that flies is in the queue
    bool sending = false;  // the socket takes the next one a little later
    bool connected = false;
    bool dialling = false;  // by the lane's sender
    Micros give_up;         // dialling
    Micros last_notice;     // to the lane's sender
  };

  Lane& lane(ServerId from, ServerId to);
  void dial(ServerId from, ServerId to);
  void connect(ServerId a, ServerId b);
  void disconnect(ServerId a, ServerId b);
  void transmit(ServerId from, ServerId to);
  void fly(ServerId from, ServerId to, zab::Notification notification);
  void cut_tail(Lane& lane);
  void notice(ServerId who, ServerId peer, bool reachable);
  void schedule(ServerId from, ServerId to);

  SimQueue& queue_;
  SimWires& wires_;
  WireUser& user_;
  Prng random_;
  std::vector<Lane> lanes_;
};

}  // namespace paddock::test
