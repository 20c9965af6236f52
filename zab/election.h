#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "common/ids.h"
#include "zab/action.h"
#include "zab/ensemble.h"
#include "zab/message.h"
#include "zab/quorum.h"

namespace paddock::zab {

// Whether vote `a` beats vote `b`: by epoch, then zxid, then id. A candidate without weight never
// does; see Election. Source: ZooKeeper 3.8, FastLeaderElection.totalOrderPredicate.
bool supersedes(const Vote& a, const Vote& b);

// For nobody: what a server proposes that does not vote. Every other vote supersedes it.
inline constexpr Vote kNoVote{ServerId{INT64_MIN}, Zxid{INT64_MIN}, Epoch{INT64_MIN}};

// The zxid of a server that does not trust its data: it is never voted for, and does not vote.
inline constexpr Zxid kUntrustedZxid{-1};

// What a search for a leader ended with: the vote to hold and answer with from now on.
struct Elected {
  Vote vote;
  std::int64_t election_epoch = 0;
  friend bool operator==(const Elected&, const Elected&) = default;
};

// Phase 0, fast leader election, in every state of the server: searches while the server looks for
// a leader, answers those who look while it does not.
//
// What it does otherwise than ZooKeeper, which a ZooKeeper server does not notice:
// - It does not wait out finalize_wait once every voter that can be reached has voted for the same
//   server in this round: nobody is left who could change the outcome.
// - While it waits, it hears everything, not only better votes; and who has said more lately that
//   it left a round is not counted for what it said before.
// - Who joins another leader than it voted for last tells all voters, so that nobody counts on that
//   vote; and who was elected, or follows, knows when that came to nothing: see is_deserted().
// - A server that does not vote learns the outcome from those who are settled alone, asks again
//   sooner, and is told when a voter that it asked settles.
//
// After search(), on_notification(), on_reachable() and on_tick() the caller looks at outcome(),
// and settles before the next of these calls. Source: ZooKeeper 3.8, FastLeaderElection;
// peer-protocol.md sections A2, A3.
class Election {
 public:
  // `configurations` outlives it, and has a committed one from the first search on.
  Election(ServerId self, const Configurations& configurations, const Timing& timing);

  // Begins a search, in a new round; so it does again when the configurations change. `own` is the
  // vote for this server itself; kNoVote if it does not vote: it takes part to learn who leads. A
  // server that is to vote in the next configuration only proposes nobody at its own zxid and
  // epoch.
  void search(const Vote& own, Millis now, Actions& actions);
  // Ends being held to a vote, or a search, with this outcome. `state` is what answers say from
  // here. Told are those who asked meanwhile and do not vote; and all voters, if it is not what
  // this server voted for last.
  void settle(const Elected& held, ServerState state, Actions& actions);
  // After synchronization, or when a leader begins to serve: the held vote is of this epoch.
  void set_held_epoch(Epoch epoch);

  void on_notification(ServerId from, const Notification& notification, Millis now,
                       Actions& actions);
  void on_reachable(ServerId peer, bool reachable, Millis now);
  void on_tick(Millis now, Actions& actions);

  // Set once the search has found a leader; the caller then calls settle().
  const std::optional<Elected>& outcome() const { return outcome_; }
  // A newer committed configuration than ours that a notification brought while looking, once. To
  // adopt it or not is the caller's: with reconfiguration disabled it must not.
  std::optional<Ensemble> take_newer_config();
  // One that is proposed to others and is later than all that is known here, likewise. Whoever is
  // told of it neither passes over those who vote in it, nor takes a quorum without it for one.
  std::optional<Ensemble> take_proposed_config();
  // Whether what the search ended with will not come to be, so that it is best to search again at
  // once: others may need this server's vote. Leading: of those whose votes elected it so many look
  // again, follow others or cannot be reached, that the rest and `learners`, who are linked to it
  // whatever they said before, are no quorum. Following: its leader looks again, also one that was
  // appointed without a search. Never true after set_held_epoch(), nor of a leader that was
  // appointed.
  bool is_deserted(const std::set<ServerId>& learners) const;
  Millis next_deadline() const;  // when on_tick() is due; kNever if nothing is waited for
  std::int64_t logical_clock() const { return logical_clock_; }
  std::string describe() const;

 private:
  // What a server said last.
  struct Ballot {
    Vote vote;
    std::int64_t election_epoch = 0;
    ServerState state = ServerState::kLooking;
    std::int32_t version = 2;
    friend bool operator==(const Ballot&, const Ballot&) = default;
  };
  using Ballots = std::map<ServerId, Ballot>;

  bool takes_part() const;
  bool beats(const Vote& a, const Vote& b) const;

  void enter_round(std::int64_t round, const Vote& proposal, Millis now, Actions& actions);
  void propose(const Vote& vote, Millis now, Actions& actions);
  void broadcast(Millis now, Actions& actions);
  void ask_sooner(Millis now);
  void send_to_voters(const Elected& vote, Actions& actions);
  void send(ServerId to, const Elected& vote, Actions& actions);
  const std::string& committed_text();

  void note_config(const Notification& notification);
  void note_proposed(const Notification& notification);
  void note_second_thoughts(ServerId from, const Notification& notification);
  void note_supporter(ServerId from, const Notification& notification);
  void note_leader(const Notification& notification);
  void answer_non_voter(ServerId from, Actions& actions);
  void on_looking_voter(ServerId from, const Notification& notification, Millis now,
                        Actions& actions);
  void on_settled_voter(ServerId from, const Ballot& ballot, Millis now);

  static bool same_leadership(const Ballot& a, const Ballot& b);
  bool join_if_led(const Ballots& ballots, const Ballot& leadership);
  std::set<ServerId> supporters_of_proposal() const;
  bool all_reachable_support(const std::set<ServerId>& supporters) const;
  void count(Millis now);
  void decide(const Elected& elected, std::set<ServerId> supporters);

  const ServerId self_;
  const Configurations& configurations_;
  const Timing timing_;

  ServerState state_ = ServerState::kLooking;
  std::int64_t logical_clock_ = 0;
  std::set<ServerId> unreachable_;

  // While looking.
  bool searching_ = false;
  Vote own_ = kNoVote;
  Vote proposal_ = kNoVote;
  Ballots votes_;              // of this round, whatever the sender's state; its own included
  Ballots settled_;            // of those who follow or lead, of whatever round
  std::set<ServerId> askers_;  // who does not vote, asked in this search, and was answered
  Millis resend_interval_{};
  Millis resend_at_{};
  std::optional<Millis> finalize_at_;  // while a quorum agrees with the proposal
  std::optional<Elected> outcome_;
  std::optional<Ensemble> newer_config_, proposed_config_;

  // While not looking.
  Elected held_;
  bool is_new_ = false;            // it is of the last search, and nobody serves by it yet
  std::set<ServerId> supporters_;  // then: whose votes elected it, as they said last
  bool leader_left_ = false;       // then, while following

  std::shared_ptr<const Ensemble> committed_text_of_;
  std::string committed_text_;
};

// Further away than any clock reads.
inline constexpr Millis kNever{INT64_MAX / 2};

}  // namespace paddock::zab
