#pragma once

#include <array>
#include <deque>
#include <map>
#include <optional>
#include <variant>
#include <vector>

#include "tests/support/sim_wires.h"
#include "tests/support/zab_model.h"
#include "tests/support/zab_wire_mutator.h"
#include "zab/event.h"
#include "zab/message.h"

namespace paddock::test {

// Which end of a link.
enum class Side : std::uint32_t { kDialler, kAcceptor };
constexpr Side other(Side side) {
  return side == Side::kDialler ? Side::kAcceptor : Side::kDialler;
}

// Every link of a simulation has a number of its own, 0, 1, 2 ...: the two servers at its ends each
// know it by another one.
struct LinkEnd {
  std::size_t number = 0;
  Side side{};
};

// What a server says on a link: a message, or the stream behind SNAP.
using Speech = std::variant<zab::Message, Snapshot>;

// Who wants to know what goes over the links, besides the servers.
class LinkUser : public WireUser {
 public:
  virtual void hand_snapshot(ServerId to, zab::LinkId link, Snapshot snapshot) = 0;
  // `end` says something, hears something, or will say and hear nothing more.
  virtual void says(LinkEnd end, const Speech& speech) = 0;
  virtual void hears(LinkEnd end, const Speech& speech) = 0;
  virtual void ended(LinkEnd end) = 0;
};

// The quorum ports: what is said on a link arrives in order, until the link breaks; it may break
// anywhere, and each end learns of it when it has heard what still came through, or never.
class ZabLinks {
 public:
  ZabLinks(SimQueue& queue, SimWires& wires, LinkUser& user, WireMutator& mutator, Prng random);

  void dial(ServerId from, zab::LinkId id, ServerId to);
  void say(ServerId from, zab::LinkId id, Speech speech);
  void close(ServerId from, zab::LinkId id);

  // The process ended, or its machine did (`dark`): then its peers are told only much later.
  void stop(ServerId server, bool dark);
  // All links between the two break.
  void sever(ServerId a, ServerId b);
  // The wires between the two were mended: some links outlived it.
  void mended(ServerId a, ServerId b);

  void on_dial(std::size_t number);
  void on_dial_failed(std::size_t number);
  void on_link(LinkEnd end);

  ServerId server(LinkEnd end) const { return link_end(end).server; }
  ServerId peer(LinkEnd end) const { return link_end({end.number, other(end.side)}).server; }
  // The link that `server` knows by this number; none: it is closed, or never was.
  std::optional<LinkEnd> find(ServerId server, zab::LinkId id) const;

 private:
  struct Opened {};
  struct Closed {};
  struct Coming {
    std::variant<Speech, Opened, Closed> what;
    Micros ready;
  };
  enum class State { kNotYet, kOpen, kClosed };
  struct End {
    ServerId server;
    zab::LinkId id;
    State state = State::kNotYet;
    std::deque<Coming> coming;
    bool due = false;  // an event for the first that comes is in the queue
  };
  struct Link {
    std::array<End, 2> ends;
    Micros give_up;  // dialling
  };

  End& link_end(LinkEnd end);
  const End& link_end(LinkEnd end) const;
  void accept(std::size_t number);
  void push(LinkEnd to, std::variant<Speech, Opened, Closed> what, Micros delay);
  void schedule(LinkEnd end);
  void take(LinkEnd end, std::variant<Speech, Opened, Closed> what);
  void hang_up(LinkEnd end);
  void cut_tail(LinkEnd end);
  void reset(LinkEnd end);
  void sever(std::size_t number);
  std::vector<LinkEnd> ends_of(ServerId server) const;
  std::vector<LinkEnd> between(ServerId a, ServerId b) const;

  SimQueue& queue_;
  SimWires& wires_;
  LinkUser& user_;
  WireMutator& mutator_;
  Prng random_;
  std::deque<Link> links_;
  std::vector<std::map<zab::LinkId, LinkEnd>> by_server_;
  std::vector<std::uint64_t> next_accepted_;  // by server; even
};

}  // namespace paddock::test
