#include "zab/election.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "common/check.h"
#include "common/concat.h"

namespace paddock::zab {

namespace {

// No ensemble gets there; from a broken peer it must not make the clock overflow.
constexpr std::int64_t kRoundMax = INT64_MAX / 2;

// Who does not vote is not told of a change, it has to ask; so it does not wait for a minute as a
// voter may.
constexpr std::int64_t kAskIntervalsMax = 10;

std::string vote_text(const Vote& vote) {
  if (vote.leader == kNoVote.leader) return "nobody";
  return concat(vote.leader.value, "/0x", hex(static_cast<std::uint64_t>(vote.zxid.value)), "/",
                vote.peer_epoch.value);
}

template <typename Range, typename Text>
std::string list_text(const Range& range, Text text) {
  std::string list;
  for (const auto& item : range) list += concat(list.empty() ? "" : ",", text(item));
  return list.empty() ? "-" : list;
}

}  // namespace

bool supersedes(const Vote& a, const Vote& b) {
  return std::tie(a.peer_epoch, a.zxid, a.leader) > std::tie(b.peer_epoch, b.zxid, b.leader);
}

Election::Election(ServerId self, const Configurations& configurations, const Timing& timing)
    : self_(self), configurations_(configurations), timing_(timing) {
  PADDOCK_CHECK(timing.min_notification > Millis{0});
  PADDOCK_CHECK(timing.max_notification >= timing.min_notification);
  PADDOCK_CHECK(timing.finalize_wait >= Millis{0});
}

// Whether the votes of a round are its business.
bool Election::takes_part() const {
  return configurations_.is_voter(self_) && own_.zxid != kUntrustedZxid;
}

// A voter without weight begins with a vote for itself, that nobody else will ever give;
// ZooKeeper's keeps it if its log is the longest.
bool Election::beats(const Vote& a, const Vote& b) const {
  if (!configurations_.can_lead(a.leader)) return false;
  const bool in_vain = configurations_.is_voter(b.leader) && !configurations_.can_lead(b.leader);
  return in_vain || supersedes(a, b);
}

// --- what is said ---

void Election::search(const Vote& own, Millis now, Actions& actions) {
  PADDOCK_CHECK(own.leader == self_ || own.leader == kNoVote.leader);
  state_ = ServerState::kLooking;
  searching_ = true;
  own_ = own;
  settled_.clear();
  askers_.clear();
  is_new_ = false;
  outcome_.reset();
  enter_round(logical_clock_ + 1, own, now, actions);
  count(now);
}

void Election::enter_round(std::int64_t round, const Vote& proposal, Millis now, Actions& actions) {
  PADDOCK_CHECK(round > logical_clock_);
  logical_clock_ = round;
  votes_.clear();
  propose(proposal, now, actions);
}

void Election::propose(const Vote& vote, Millis now, Actions& actions) {
  proposal_ = vote;
  finalize_at_.reset();
  votes_[self_] = {proposal_, logical_clock_};
  resend_interval_ = timing_.min_notification;
  broadcast(now, actions);
}

void Election::broadcast(Millis now, Actions& actions) {
  send_to_voters({proposal_, logical_clock_}, actions);
  resend_at_ = now + resend_interval_;
}

void Election::send_to_voters(const Elected& vote, Actions& actions) {
  for (const ServerId voter : configurations_.voters()) {
    if (voter != self_) send(voter, vote, actions);
  }
}

void Election::send(ServerId to, const Elected& vote, Actions& actions) {
  Notification notification{state_, vote.vote, vote.election_epoch, /*version=*/2,
                            committed_text()};
  if (configurations_.last_seen != nullptr) {
    notification.proposed = to_text(*configurations_.last_seen);
  }
  actions.emplace_back(Notify{to, std::move(notification)});
}

const std::string& Election::committed_text() {
  if (committed_text_of_ != configurations_.committed) {
    PADDOCK_CHECK(configurations_.committed != nullptr);
    committed_text_of_ = configurations_.committed;
    committed_text_ = to_text(*committed_text_of_);
  }
  return committed_text_;
}

void Election::settle(const Elected& held, ServerState state, Actions& actions) {
  PADDOCK_CHECK(state != ServerState::kLooking);
  PADDOCK_CHECK((state == ServerState::kLeading) == (held.vote.leader == self_));
  const bool was_found = outcome_ == held;
  // Without a search somebody was appointed, and may not have heard of it.
  is_new_ = was_found || state != ServerState::kLeading;
  leader_left_ = false;
  state_ = state;
  held_ = held;
  searching_ = false;
  outcome_.reset();
  finalize_at_.reset();
  newer_config_.reset();
  proposed_config_.reset();
  // Whoever counts on the vote that we gave last should know that it does not stand.
  const bool joined_another = was_found && held.vote.leader != proposal_.leader;
  if (joined_another && takes_part()) send_to_voters(held_, actions);
  for (const ServerId asker : std::exchange(askers_, {})) {
    send(asker, {held_.vote, logical_clock_}, actions);
  }
}

void Election::set_held_epoch(Epoch epoch) {
  PADDOCK_CHECK(state_ != ServerState::kLooking);
  held_.vote.peer_epoch = epoch;
  is_new_ = false;
}

// --- what is heard ---

void Election::on_notification(ServerId from, const Notification& notification, Millis now,
                               Actions& actions) {
  PADDOCK_CHECK(!outcome_);
  if (from == self_) return;  // somebody else goes by our number
  const bool we_look = state_ == ServerState::kLooking;
  const bool sender_looks = notification.state == ServerState::kLooking;
  if (we_look && !searching_) return;  // before the first search, which will ask
  if (we_look) {
    note_config(notification);
    note_proposed(notification);
  }
  if (!configurations_.is_voter(from)) {
    if (sender_looks) answer_non_voter(from, actions);
    return;
  }
  if (!we_look) {
    if (is_new_) note_second_thoughts(from, notification);
    if (sender_looks) send(from, held_, actions);
    return;
  }
  if (notification.election_epoch < 0 || notification.election_epoch > kRoundMax) return;
  switch (notification.state) {
    case ServerState::kLooking:
      return on_looking_voter(from, notification, now, actions);
    case ServerState::kFollowing:
    case ServerState::kLeading:
      if (!configurations_.is_voter(notification.vote.leader)) return;
      return on_settled_voter(from,
                              {notification.vote, notification.election_epoch, notification.state,
                               notification.version},
                              now);
    case ServerState::kObserving:
      return;
  }
}

// What cannot be read is no reason to miss the vote that came with it.
void Election::note_config(const Notification& notification) {
  if (!notification.config || *notification.config == committed_text()) return;
  Result<Ensemble> config = parse_ensemble(*notification.config);
  if (!config) return;
  const Ensemble& newest = newer_config_ ? *newer_config_ : *configurations_.committed;
  if (config->version > newest.version) newer_config_ = std::move(*config);
}

void Election::note_proposed(const Notification& notification) {
  if (!notification.proposed) return;
  Result<Ensemble> config = parse_ensemble(*notification.proposed);
  if (!config) return;
  const auto& [committed, last_seen] = configurations_;
  const Ensemble& newest = last_seen != nullptr ? *last_seen : *committed;
  if (config->version > newest.version) proposed_config_ = std::move(*config);
}

std::optional<Ensemble> Election::take_proposed_config() {
  return std::exchange(proposed_config_, std::nullopt);
}

std::optional<Ensemble> Election::take_newer_config() {
  return std::exchange(newer_config_, std::nullopt);
}

// Observers and joiners learn from this who leads, and of a newer configuration. While we look, one
// answer in a search is enough: it says nothing that they could decide on, and ZooKeeper's answer
// it in their turn if they are ahead, and that would go on for ever.
void Election::answer_non_voter(ServerId from, Actions& actions) {
  if (state_ != ServerState::kLooking) return send(from, {held_.vote, logical_clock_}, actions);
  if (askers_.insert(from).second) send(from, {proposal_, logical_clock_}, actions);
}

void Election::note_second_thoughts(ServerId from, const Notification& notification) {
  if (notification.state == ServerState::kObserving) return;
  if (state_ == ServerState::kLeading) return note_supporter(from, notification);
  if (from == held_.vote.leader) note_leader(notification);
}

// While we lead: a voter that looks stands by us, and has not come to its decision yet; or it has
// found a better candidate, has given up, or has started again. Or it follows another one.
void Election::note_supporter(ServerId from, const Notification& notification) {
  if (notification.state != ServerState::kLooking) {
    if (notification.vote.leader != self_) supporters_.erase(from);
  } else if (Elected{notification.vote, notification.election_epoch} == held_) {
    supporters_.insert(from);
  } else {
    supporters_.erase(from);
  }
}

// While we follow it: what it says may be of before it was elected, but not if it is of a later
// round, or for a better candidate.
void Election::note_leader(const Notification& notification) {
  if (notification.election_epoch < held_.election_epoch) return;
  if (notification.state == ServerState::kLooking) {
    leader_left_ |=
        notification.election_epoch > held_.election_epoch || beats(notification.vote, held_.vote);
  } else {
    leader_left_ |= notification.vote.leader != held_.vote.leader;
  }
}

void Election::on_looking_voter(ServerId from, const Notification& notification, Millis now,
                                Actions& actions) {
  const std::int64_t round = notification.election_epoch;
  bool had_a_leader = false;
  if (const auto said = settled_.find(from);
      said != settled_.end() && said->second.election_epoch < round) {
    settled_.erase(said);  // it lost that leader
    had_a_leader = true;
  }
  if (!takes_part()) return;
  if (round < logical_clock_) return send(from, {proposal_, logical_clock_}, actions);
  const Vote& vote = notification.vote;
  if (!configurations_.is_voter(vote.leader) || vote.zxid == kUntrustedZxid) return;
  // Somebody still goes by what this server had before it lost it: a new round forgets that.
  if (vote.leader == self_ && beats(vote, own_)) return enter_round(round + 1, own_, now, actions);
  if (round > logical_clock_) {
    enter_round(round, beats(vote, own_) ? vote : own_, now, actions);
  } else if (beats(vote, proposal_)) {
    propose(vote, now, actions);
  } else if (had_a_leader) {
    send(from, {proposal_, logical_clock_}, actions);  // it had no ear for that before
  }
  votes_[from] = {vote, round};
  count(now);
}

void Election::on_settled_voter(ServerId from, const Ballot& ballot, Millis now) {
  if (std::exchange(settled_[from], ballot) != ballot) ask_sooner(now);  // others may say more now
  if (ballot.election_epoch == logical_clock_) {
    votes_[from] = ballot;
    if (join_if_led(votes_, ballot)) return;
  } else {
    votes_.erase(from);  // it does not stand by what it said in this round
  }
  if (join_if_led(settled_, ballot)) return;
  count(now);
}

void Election::on_reachable(ServerId peer, bool reachable, Millis now) {
  PADDOCK_CHECK(!outcome_);
  if (!reachable) {
    unreachable_.insert(peer);
    if (searching_) count(now);
    return;
  }
  unreachable_.erase(peer);
  if (!searching_ || !configurations_.is_voter(peer)) return;
  // Our last notification goes out by itself. But the answer may be that it decides without us
  // right now, so the next question does not wait for what the backoff has come to.
  ask_sooner(now);
}

void Election::ask_sooner(Millis now) {
  resend_interval_ = timing_.min_notification;
  resend_at_ = std::min(resend_at_, now + resend_interval_);
}

// --- what is decided ---

// Zxid and round of a vote may differ between followers of one leader, who joined it at different
// times. Before version 1 there was no peer_epoch.
bool Election::same_leadership(const Ballot& a, const Ballot& b) {
  if (a.state == ServerState::kLooking || b.state == ServerState::kLooking) {
    return a.vote == b.vote && a.election_epoch == b.election_epoch;
  }
  if (a.vote.leader != b.vote.leader) return false;
  return a.vote.peer_epoch == b.vote.peer_epoch || (a.version == 0) != (b.version == 0);
}

// Joins the leader that `leadership` names if, by these ballots, a quorum follows it and it says
// itself that it leads. Our own leadership only in our own round: it may be that of an earlier life
// of ours.
bool Election::join_if_led(const Ballots& ballots, const Ballot& leadership) {
  const ServerId leader = leadership.vote.leader;
  if (leader == self_) {
    if (leadership.election_epoch != logical_clock_) return false;
  } else {
    const auto said = ballots.find(leader);
    if (said == ballots.end() || said->second.state != ServerState::kLeading) return false;
  }
  std::set<ServerId> followers;
  for (const auto& [server, ballot] : ballots) {
    if (same_leadership(ballot, leadership)) followers.insert(server);
  }
  // Who has proved that it leads may be followed, whoever else is to vote in the next
  // configuration.
  const bool is_led = leader == self_ ? configurations_.is_quorum(followers)
                                      : is_quorum(*configurations_.committed, followers);
  if (!is_led) return false;
  decide({leadership.vote, leadership.election_epoch}, std::move(followers));
  return true;
}

std::set<ServerId> Election::supporters_of_proposal() const {
  std::set<ServerId> supporters;
  for (const auto& [server, ballot] : votes_) {
    if (ballot.vote == proposal_) supporters.insert(server);
  }
  return supporters;
}

bool Election::all_reachable_support(const std::set<ServerId>& supporters) const {
  if (unreachable_.contains(proposal_.leader)) return false;
  for (const ServerId voter : configurations_.voters()) {
    if (!supporters.contains(voter) && !unreachable_.contains(voter)) return false;
  }
  return true;
}

void Election::count(Millis now) {
  PADDOCK_CHECK(searching_);
  if (!takes_part() || !configurations_.can_lead(proposal_.leader)) return;
  std::set<ServerId> supporters = supporters_of_proposal();
  if (!configurations_.is_quorum(supporters)) return finalize_at_.reset();
  if (all_reachable_support(supporters)) {
    return decide({proposal_, logical_clock_}, std::move(supporters));
  }
  if (!finalize_at_) finalize_at_ = now + timing_.finalize_wait;
}

void Election::decide(const Elected& elected, std::set<ServerId> supporters) {
  PADDOCK_CHECK(searching_);
  PADDOCK_CHECK(is_quorum(*configurations_.committed, supporters));
  logical_clock_ = elected.election_epoch;
  outcome_ = elected;
  searching_ = false;
  finalize_at_.reset();
  supporters_ = std::move(supporters);
  if (elected.vote.leader == self_) supporters_.insert(self_);
}

bool Election::is_deserted(const std::set<ServerId>& learners) const {
  if (!is_new_) return false;
  if (state_ != ServerState::kLeading) return leader_left_;
  PADDOCK_CHECK(supporters_.contains(self_));
  std::set<ServerId> left = learners;
  for (const ServerId supporter : supporters_) {
    if (!unreachable_.contains(supporter)) left.insert(supporter);
  }
  return !configurations_.is_quorum(left);
}

// No quicker resend at first: a ZooKeeper server in its finalizeWait starts it again with every
// message of a voter. Nor one while a quorum agrees, for the same reason. What a resend could mend
// is rare besides: what was not sent when a connection broke is sent when it is back.
void Election::on_tick(Millis now, Actions& actions) {
  PADDOCK_CHECK(!outcome_);
  if (now < next_deadline()) return;
  if (finalize_at_) return decide({proposal_, logical_clock_}, supporters_of_proposal());
  const Millis most = takes_part()
                          ? timing_.max_notification
                          : std::min(timing_.max_notification,
                                     Millis{timing_.min_notification.value * kAskIntervalsMax});
  resend_interval_ = std::min(Millis{resend_interval_.value * 2}, most);
  broadcast(now, actions);
}

Millis Election::next_deadline() const {
  if (!searching_) return kNever;
  return finalize_at_.value_or(resend_at_);
}

std::string Election::describe() const {
  const auto id_text = [](ServerId id) { return std::to_string(id.value); };
  const auto ballot_text = [](const auto& item) {
    return concat(item.first.value, ":", item.second.vote.leader.value);
  };
  const bool looks = state_ == ServerState::kLooking;
  std::string text = concat(to_string(state_), " clock=", logical_clock_,
                            " vote=", vote_text(looks ? proposal_ : held_.vote));
  if (looks) {
    text += concat(" votes=", list_text(votes_, ballot_text),
                   " settled=", list_text(settled_, ballot_text));
  } else {
    text += concat(" round=", held_.election_epoch);
  }
  return concat(text, " unreachable=", list_text(unreachable_, id_text));
}

}  // namespace paddock::zab
