#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "common/ids.h"
#include "zab/action.h"
#include "zab/ensemble.h"
#include "zab/message.h"
#include "zab/quorum.h"

namespace paddock::zab {

// Whether vote `a` beats vote `b`: by epoch, then zxid, then id. A candidate without weight never
// does; see Election. Source: ZooKeeper 3.8, FastLeaderElection.totalOrderPredicate.
bool supersedes(const Vote& a, const Vote& b);

// What a search for a leader ended with: the vote to hold and answer with from now on.
struct Elected {
  Vote vote;
  std::int64_t election_epoch = 0;
};

// Phase 0, fast leader election, in every state of the server: searches while the server looks for
// a leader, answers those who look while it does not. Unlike ZooKeeper's it does not wait out
// finalize_wait once every voter that can be reached has voted for the same server in this round:
// nobody is left who could change the outcome. Source: ZooKeeper 3.8, FastLeaderElection;
// peer-protocol.md sections A2, A3.
class Election {
 public:
  // `configurations` outlives it.
  Election(ServerId self, const Configurations& configurations, const Timing& timing);

  // Begins a search, in a new round. `own` is the vote for this server itself; a server that does
  // not vote takes part in order to learn who leads.
  void search(const Vote& own, Millis now, Actions& actions);
  // Ends being held to a vote, or a search, with this outcome. `state` is what answers say from
  // here.
  void settle(const Elected& held, ServerState state);
  // After synchronization, or when a leader begins to serve: the held vote is of this epoch.
  void set_held_epoch(Epoch epoch);

  void on_notification(ServerId from, const Notification& notification, Millis now,
                       Actions& actions);
  void on_reachable(ServerId peer, bool reachable, Millis now, Actions& actions);
  void on_tick(Millis now, Actions& actions);

  // Set once the search has found a leader; the caller then calls settle().
  const std::optional<Elected>& outcome() const { return outcome_; }
  Millis next_deadline() const;  // when on_tick() is due; kNever if nothing is waited for
  std::int64_t logical_clock() const { return logical_clock_; }
  std::string describe() const;

 private:
  std::optional<Elected> outcome_;
  std::int64_t logical_clock_ = 0;
};

// Further away than any clock reads.
inline constexpr Millis kNever{INT64_MAX / 2};

}  // namespace paddock::zab
