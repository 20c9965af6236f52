#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/unit/zab/zookeeper_election.h"
#include "zab/election.h"

// Servers that elect a leader while servers and connections come and go, and messages are late,
// lost or there twice. The same seed gives the same run.
namespace paddock::zab::election_test {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {  // splitmix64
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::int64_t from_to(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool percent(int chance) { return from_to(1, 100) <= chance; }

 private:
  std::uint64_t state_;
};

// What all runs together came across, to show that the faults bite.
struct Coverage {
  std::int64_t decisions = 0;
  std::int64_t at_once = 0;     // of these, without waiting finalize_wait out
  std::int64_t by_settled = 0;  // of these, for a leader that no quorum had voted for in the round
  std::int64_t deserted = 0;    // outcomes that came to nothing before anybody served
  std::int64_t served = 0;      // leaders that came to serve
  std::int64_t crashes = 0;
};

// The election of a server, ours or one that goes about it as ZooKeeper does.
class Elector {
 public:
  Elector(bool ours, ServerId id, const Configurations& configurations) {
    if (ours) {
      ours_.emplace(id, configurations, Timing{});
    } else {
      theirs_.emplace(id, configurations);
    }
  }

  void search(const Vote& own, Millis now, Actions& actions) {
    ours_ ? ours_->search(own, now, actions) : theirs_->search(own, now, actions);
  }
  void settle(const Elected& held, ServerState state, Actions& actions) {
    ours_ ? ours_->settle(held, state, actions) : theirs_->settle(held, state);
  }
  void set_held_epoch(Epoch epoch) {
    ours_ ? ours_->set_held_epoch(epoch) : theirs_->set_held_epoch(epoch);
  }
  void on_notification(ServerId from, const Notification& n, Millis now, Actions& actions) {
    ours_ ? ours_->on_notification(from, n, now, actions)
          : theirs_->on_notification(from, n, now, actions);
  }
  void on_reachable(ServerId peer, bool reachable, Millis now) {
    if (ours_) ours_->on_reachable(peer, reachable, now);
  }
  void on_tick(Millis now, Actions& actions) {
    ours_ ? ours_->on_tick(now, actions) : theirs_->on_tick(now, actions);
  }
  std::optional<Elected> outcome() const { return ours_ ? ours_->outcome() : theirs_->outcome(); }
  bool is_deserted(const std::set<ServerId>& learners) const {
    return ours_ && ours_->is_deserted(learners);
  }
  Millis next_deadline() const { return ours_ ? ours_->next_deadline() : theirs_->next_deadline(); }
  std::string describe() const { return ours_ ? ours_->describe() : theirs_->describe(); }

 private:
  std::optional<Election> ours_;
  std::optional<ZooKeeperElection> theirs_;
};

// One-slot queues over connections, as ZooKeeper has them: a newer notification takes the place of
// one that waits, and the last one is said again on a new connection.
struct Outbox {
  std::optional<Notification> waiting, last;
  bool pumping = false;
  std::int64_t arrival = 0;  // of the last one: the next one is not there before
};
struct Wire {
  bool up = false, blocked = false, dialling = false;
  std::uint64_t generation = 0;
};

// A server, its election, and of the later phases what an election can tell: a leader serves once a
// quorum has joined it, in a new epoch; who has lost its leader searches again, and so does a
// leader without a quorum.
enum class Doing { kNothing, kLooking, kFollowing, kLeading };
struct Node {
  ServerId id;
  bool votes = true;
  Vote own;  // what its disk has
  bool ours = true;
  std::unique_ptr<Elector> election;
  Doing doing = Doing::kNothing;
  std::uint64_t term = 0;  // what was to happen in an earlier one does not
  std::int64_t term_began = 0;
  ServerId leader;                // while following
  std::uint64_t leader_term = 0;  // and joined; 0: not yet
  std::set<ServerId> followers;   // while leading: who joined, until it is noticed to be gone
  bool serves = false;
};

class Simulation {
 public:
  // Of a mixed ensemble about half of the servers are ZooKeeper's.
  Simulation(std::uint64_t seed, bool mixed, Coverage& coverage);

  void run_faults();
  // "" once all follow one leader; or what there is instead when the time is over.
  std::string converge(std::int64_t within_ms);
  std::uint64_t trace() const { return trace_; }
  const std::string& violation() const { return violation_; }

 private:
  struct Event {
    std::int64_t at = 0;
    std::uint64_t number = 0;
    std::function<void()> happen;
    bool operator>(const Event& other) const {
      return std::tie(at, number) > std::tie(other.at, other.number);
    }
  };

  // --- time ---
  void in(std::int64_t ms, std::function<void()> happen) {
    events_.push({now_ + ms, ++events_made_, std::move(happen)});
  }
  void step();

  // --- connections ---
  Wire& wire(ServerId a, ServerId b) { return wires_[std::minmax(a, b)]; }
  Outbox& outbox(ServerId from, ServerId to) { return outboxes_[{from, to}]; }
  bool is_up(ServerId id) { return nodes_[id].doing != Doing::kNothing; }
  void send(ServerId from, ServerId to, Notification notification);
  void dial(ServerId from, ServerId to);
  void connect(ServerId from, ServerId to);
  void start_pump(ServerId from, ServerId to);
  void pump(ServerId from, ServerId to);
  void break_wire(ServerId a, ServerId b);
  void lose_peer(ServerId id, ServerId peer);
  void tell_reachable(ServerId id, ServerId peer, bool reachable);

  // --- servers ---
  template <typename Call>
  void call(Node& node, Call what) {
    Actions actions;
    what(*node.election, actions);
    after_call(node, actions);
  }
  void after_call(Node& node, Actions& actions);
  void give_up_if_deserted(Node& node);
  void begin_term(Node& node, Doing doing);
  void start(Node& node);
  void crash(Node& node);
  void search(Node& node);
  void settle(Node& node, const Elected& elected);
  void join(ServerId id, std::uint64_t term, int tries);
  void heartbeat(ServerId id, std::uint64_t term);
  void serve(Node& leader);
  void synchronize(Node& follower, const Node& leader);
  bool is_with(const Node& follower, const Node& leader);
  bool has_quorum(const Node& leader);

  // --- faults ---
  void fault();
  void commit();

  // --- what must hold ---
  void violate(const Node& node, std::string_view what);
  void check_vote(const Node& node, const Notification& sent, bool to_voter);
  void check_decision(const Node& node, const Elected& elected);
  bool all_well();
  std::string describe() const;

  Random random_;
  Coverage& coverage_;
  Configurations configurations_;
  std::map<ServerId, Node> nodes_;
  std::map<std::pair<ServerId, ServerId>, Wire> wires_;
  std::map<std::pair<ServerId, ServerId>, Outbox> outboxes_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t events_made_ = 0;
  std::int64_t now_ = 0;
  bool faulty_ = true;
  bool tells_reachable_ = false;
  bool redials_ = false;  // always, or only when there is something to send, as ZooKeeper does
  bool ticking_ = false;

  using Round = std::tuple<std::int64_t, ServerId, Zxid, Epoch>;
  std::map<Round, std::set<ServerId>> voted_;  // so, ever
  std::map<std::pair<ServerId, Epoch>, std::set<ServerId>> led_or_followed_;
  std::string violation_;
  std::uint64_t trace_ = 0;
};

}  // namespace paddock::zab::election_test
