#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/check.h"
#include "common/concat.h"
#include "zab/election.h"

// What the tests of an election share: its inputs in short, and its outputs as lines.
namespace paddock::zab::election_test {

// Servers 1 to `voters`, then `observers` more, and these lines.
inline std::string config(int voters, int observers = 0, const std::string& lines = "") {
  std::string text;
  for (int id = 1; id <= voters + observers; ++id) {
    text += concat("server.", id, "=h", id, ":1:2:", id > voters ? "observer\n" : "participant\n");
  }
  return text + lines;
}

constexpr Vote vote(std::int64_t leader, std::uint32_t counter = 0, std::int64_t epoch = 1) {
  return {ServerId{leader}, Zxid::make(Epoch{epoch}, counter), Epoch{epoch}};
}

inline Notification looking(const Vote& vote, std::int64_t round = 1) {
  return {ServerState::kLooking, vote, round, 2, std::nullopt};
}
inline Notification following(const Vote& vote, std::int64_t round = 1) {
  return {ServerState::kFollowing, vote, round, 2, std::nullopt};
}
inline Notification leading(const Vote& vote, std::int64_t round = 1) {
  return {ServerState::kLeading, vote, round, 2, std::nullopt};
}

inline std::string line(const Notify& notify) {
  const Notification& sent = notify.notification;
  return concat("to ", notify.to.value, ": ", to_string(sent.state), " ", sent.vote.leader.value,
                " 0x", hex(static_cast<std::uint64_t>(sent.vote.zxid.value)), " of ",
                sent.vote.peer_epoch.value, ", round ", sent.election_epoch);
}

// One server's election, and the time.
class Server {
 public:
  explicit Server(std::int64_t self, const std::string& text = config(3), Timing timing = {})
      : configurations_{std::make_shared<Ensemble>(parse_ensemble(text).value()), nullptr},
        election_(ServerId{self}, configurations_, timing) {}
  Server(const Server&) = delete;

  void search(const Vote& own) { election_.search(own, now_, actions_); }
  void hear(std::int64_t from, const Notification& notification) {
    election_.on_notification(ServerId{from}, notification, now_, actions_);
  }
  void reach(std::int64_t peer, bool reachable) {
    election_.on_reachable(ServerId{peer}, reachable, now_);
  }
  void cannot_reach(std::initializer_list<std::int64_t> peers) {
    for (const std::int64_t peer : peers) reach(peer, false);
  }
  // Goes to the next deadline, and returns how long that took.
  std::int64_t tick() {
    const Millis deadline = election_.next_deadline();
    PADDOCK_CHECK(deadline < kNever);
    const Millis waited = deadline - now_;
    now_ = deadline;
    election_.on_tick(now_, actions_);
    return waited.value;
  }
  void wait(std::int64_t ms) {
    now_ = now_ + Millis{ms};
    election_.on_tick(now_, actions_);
  }
  // Takes the outcome, as the host does.
  void settle(ServerState state) {
    PADDOCK_CHECK(election_.outcome().has_value());
    const Elected held = *election_.outcome();
    election_.settle(held, state, actions_);
  }

  // What it sent since the last call.
  std::vector<Notify> take_sent() {
    std::vector<Notify> sent;
    for (Action& action : std::exchange(actions_, {})) sent.push_back(std::get<Notify>(action));
    return sent;
  }
  std::vector<std::string> sent() {
    std::vector<std::string> lines;
    for (const Notify& notify : take_sent()) lines.push_back(line(notify));
    return lines;
  }
  // "3 in round 1", or "".
  std::string outcome() const {
    const std::optional<Elected>& outcome = election_.outcome();
    return outcome ? concat(outcome->vote.leader.value, " in round ", outcome->election_epoch) : "";
  }

  Configurations& configurations() { return configurations_; }
  Election& election() { return election_; }

 private:
  Configurations configurations_;
  Election election_;
  Millis now_{1'000};
  Actions actions_;
};

}  // namespace paddock::zab::election_test
