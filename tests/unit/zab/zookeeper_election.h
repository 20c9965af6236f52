#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "common/concat.h"
#include "zab/election.h"

namespace paddock::zab::election_test {

// What ZooKeeper's own election does, as far as others can tell: the peers of ours in a mixed
// ensemble. It knows nothing of who can be reached, and has the habits that ours must live with:
// while it waits finalizeWait it drops all but better votes and begins the wait again, it counts
// votes that no longer stand, and its pause before it asks again only grows.
// Source: peer-protocol.md sections A2, A3.
class ZooKeeperElection {
 public:
  ZooKeeperElection(ServerId self, const Configurations& configurations)
      : self_(self), configurations_(configurations) {}

  void search(const Vote& own, Millis now, Actions& actions) {
    state_ = ServerState::kLooking;
    searching_ = true;
    outcome_.reset();
    own_ = proposal_ = own;
    if (!held_) held_ = Elected{own, 0};
    ++clock_;
    recv_.clear();
    out_.clear();
    queue_.clear();
    pause_ = Millis{200};
    finalizes_ = false;
    broadcast(actions);
    drain(now, actions);
    due_ = now + pause_;
  }
  void settle(const Elected& held, ServerState state) {
    held_ = held;
    state_ = state;
    searching_ = false;
    outcome_.reset();
  }
  void set_held_epoch(Epoch epoch) { held_->vote.peer_epoch = epoch; }

  void on_notification(ServerId from, const Notification& n, Millis now, Actions& actions) {
    const bool sender_looks = n.state == ServerState::kLooking;
    if (!configurations_.is_voter(from)) return send(from, held_->vote, clock_, actions);
    if (!searching_) {
      if (sender_looks) send(from, held_->vote, held_->election_epoch, actions);
      return;
    }
    queue_.push_back({from, n});
    if (sender_looks && n.election_epoch < clock_) send(from, proposal_, clock_, actions);
    drain(now, actions);
  }
  void on_tick(Millis now, Actions& actions) {
    if (now < next_deadline()) return;
    if (finalizes_) return decide({proposal_, clock_});
    broadcast(actions);
    drain(now, actions);
    pause_ = Millis{std::min<std::int64_t>(2 * pause_.value, 60'000)};
    due_ = now + pause_;
  }

  const std::optional<Elected>& outcome() const { return outcome_; }
  Millis next_deadline() const { return searching_ ? due_ : kNever; }
  std::string describe() const {
    const Vote& vote = searching_ ? proposal_ : held_->vote;
    return concat("(ZooKeeper) ", to_string(state_), " clock=", clock_, " vote=", vote.leader.value,
                  finalizes_ ? " finalizes" : "");
  }

 private:
  struct Heard {
    ServerId from;
    Notification what;
  };

  bool beats(const Vote& a, const Vote& b) const {
    return configurations_.can_lead(a.leader) && supersedes(a, b);
  }
  void send(ServerId to, const Vote& vote, std::int64_t round, Actions& actions) {
    actions.emplace_back(Notify{to, Notification{state_, vote, round, 2, std::nullopt}});
  }
  void broadcast(Actions& actions) {
    for (const ServerId voter : configurations_.voters()) {
      if (voter != self_) {
        send(voter, proposal_, clock_, actions);
      } else {
        queue_.push_back({self_, Notification{state_, proposal_, clock_, 2, std::nullopt}});
      }
    }
  }
  void drain(Millis now, Actions& actions) {
    while (searching_ && !queue_.empty()) {
      const Heard heard = std::exchange(queue_.front(), {});
      queue_.pop_front();
      if (finalizes_ && !beats(heard.what.vote, proposal_)) {
        due_ = now + Millis{200};
        continue;
      }
      finalizes_ = false;
      due_ = now + pause_;
      if (!configurations_.is_voter(heard.from)) continue;
      if (!configurations_.is_voter(heard.what.vote.leader)) continue;
      if (heard.what.state == ServerState::kLooking) {
        hear_looking(heard, now, actions);
      } else if (heard.what.state != ServerState::kObserving) {
        hear_settled(heard);
      }
    }
  }
  void hear_looking(const Heard& heard, Millis now, Actions& actions) {
    const Notification& n = heard.what;
    if (n.election_epoch < clock_) return;
    if (n.election_epoch > clock_) {
      clock_ = n.election_epoch;
      recv_.clear();
      proposal_ = beats(n.vote, own_) ? n.vote : own_;
      broadcast(actions);
    } else if (beats(n.vote, proposal_)) {
      proposal_ = n.vote;
      broadcast(actions);
    }
    recv_[heard.from] = n;
    std::set<ServerId> supporters;
    for (const auto& [id, said] : recv_) {
      if (said.vote == proposal_) supporters.insert(id);
    }
    if (!configurations_.is_quorum(supporters)) return;
    finalizes_ = true;
    due_ = now + Millis{200};
  }
  void hear_settled(const Heard& heard) {
    if (heard.what.election_epoch == clock_) {
      recv_[heard.from] = heard.what;
      if (join(recv_, heard.what)) return;
    }
    out_[heard.from] = heard.what;
    join(out_, heard.what);
  }
  bool join(const std::map<ServerId, Notification>& ballots, const Notification& n) {
    const ServerId leader = n.vote.leader;
    const auto leaders = ballots.find(leader);
    const bool leads = leader == self_ ? n.election_epoch == clock_
                                       : leaders != ballots.end() &&
                                             leaders->second.state == ServerState::kLeading;
    std::set<ServerId> followers;
    for (const auto& [id, said] : ballots) {
      const bool same =
          said.state == ServerState::kLooking
              ? said.vote == n.vote && said.election_epoch == n.election_epoch
              : said.vote.leader == leader && said.vote.peer_epoch == n.vote.peer_epoch;
      if (same) followers.insert(id);
    }
    if (!leads || !configurations_.is_quorum(followers)) return false;
    decide({n.vote, n.election_epoch});
    return true;
  }
  void decide(const Elected& elected) {
    clock_ = elected.election_epoch;
    outcome_ = elected;
    searching_ = false;
    finalizes_ = false;
    queue_.clear();
  }

  const ServerId self_;
  const Configurations& configurations_;
  ServerState state_ = ServerState::kLooking;
  std::int64_t clock_ = 0;
  bool searching_ = false;
  Vote own_, proposal_;
  std::optional<Elected> held_;
  std::map<ServerId, Notification> recv_, out_;
  std::deque<Heard> queue_;
  Millis pause_{}, due_{};
  bool finalizes_ = false;
  std::optional<Elected> outcome_;
};

}  // namespace paddock::zab::election_test
