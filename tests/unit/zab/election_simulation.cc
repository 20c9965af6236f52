#include "tests/unit/zab/election_simulation.h"

#include <algorithm>

#include "common/check.h"
#include "common/concat.h"
#include "tests/unit/zab/election_server.h"

namespace paddock::zab::election_test {

namespace {

constexpr std::int64_t kFaultsMs = 8'000;
constexpr std::int64_t kInitLimitMs = 2'000;
constexpr std::int64_t kHeartbeatMs = 250;
constexpr std::int64_t kConnectRetryMs = 100;
constexpr int kConnectTries = 10;

}  // namespace

Simulation::Simulation(std::uint64_t seed, bool mixed, Coverage& coverage)
    : random_(seed), coverage_(coverage) {
  const int voters = std::vector{3, 5, 7}[seed % 3];
  const bool weighted = voters == 7 && random_.percent(30);
  configurations_.committed = std::make_shared<Ensemble>(
      parse_ensemble(
          config(voters, 1, weighted ? "group.1=1:2:3\ngroup.2=4:5:6:7\nweight.7=0\n" : ""))
          .value());
  tells_reachable_ = random_.percent(80);
  redials_ = random_.percent(50);
  for (const Member& member : configurations_.committed->members) {
    Node& node = nodes_[member.id];
    node.id = member.id;
    node.votes = !member.observer;
    node.ours = !mixed || random_.percent(50);
    node.own = vote(node.id.value, static_cast<std::uint32_t>(random_.from_to(0, 3)),
                    random_.from_to(0, 1));
    in(random_.from_to(0, 600), [this, &node] { start(node); });
  }
  in(100, [this] { fault(); });
  in(100, [this] { commit(); });
}

// --- time ---

// The next thing: an event, or a deadline of an election.
void Simulation::step() {
  Millis due = kNever;
  Node* first = nullptr;
  for (auto& [id, node] : nodes_) {
    if (!is_up(id) || node.election->next_deadline() >= due) continue;
    due = node.election->next_deadline();
    first = &node;
  }
  PADDOCK_CHECK(!events_.empty());
  if (events_.top().at > due.value) {
    now_ = std::max(now_, due.value);
    ticking_ = true;
    call(*first, [&](Elector& e, Actions& a) { e.on_tick(Millis{now_}, a); });
    ticking_ = false;
  } else {
    Event event = events_.top();
    events_.pop();
    now_ = event.at;
    event.happen();
  }
  trace_ = trace_ * 0x100000001b3 + static_cast<std::uint64_t>(now_);
}

void Simulation::run_faults() {
  while (now_ < kFaultsMs && violation_.empty()) step();
}

std::string Simulation::converge(std::int64_t within_ms) {
  faulty_ = false;
  for (auto& [pair, wire] : wires_) wire.blocked = false;
  for (auto& [id, node] : nodes_) {
    Node& down = node;
    if (!is_up(id)) in(random_.from_to(0, 300), [this, &down] { start(down); });
  }
  const std::int64_t stopped = now_;
  while (!all_well()) {
    if (!violation_.empty()) return violation_;
    if (now_ > stopped + within_ms) return describe();
    step();
  }
  for (const std::int64_t well = now_; now_ < well + 2 * kInitLimitMs;) {
    step();
    if (!all_well()) return concat("not for long: ", describe());
  }
  return violation_;
}

// --- connections ---

void Simulation::send(ServerId from, ServerId to, Notification notification) {
  outbox(from, to).waiting = std::move(notification);
  if (wire(from, to).up) {
    start_pump(from, to);
  } else {
    dial(from, to);
  }
}

void Simulation::dial(ServerId from, ServerId to) {
  Wire& line = wire(from, to);
  if (line.up || line.dialling) return;
  line.dialling = true;
  in(line.blocked ? 300 : random_.from_to(1, 20), [this, from, to] { connect(from, to); });
}

void Simulation::connect(ServerId from, ServerId to) {
  Wire& line = wire(from, to);
  line.dialling = false;
  if (!is_up(from)) return;
  if (!is_up(to) || line.blocked) return lose_peer(from, to);
  line.up = true;
  ++line.generation;
  for (const auto& [a, b] : {std::pair(from, to), std::pair(to, from)}) {
    outbox(a, b).pumping = false;
    if (!outbox(a, b).waiting) outbox(a, b).waiting = outbox(a, b).last;
    start_pump(a, b);
  }
  tell_reachable(from, to, true);
  tell_reachable(to, from, true);
}

void Simulation::start_pump(ServerId from, ServerId to) {
  if (std::exchange(outbox(from, to).pumping, true)) return;
  const std::uint64_t generation = wire(from, to).generation;
  in(random_.from_to(0, 3), [this, from, to, generation] {
    if (wire(from, to).generation == generation) pump(from, to);
  });
}

void Simulation::pump(ServerId from, ServerId to) {
  Outbox& box = outbox(from, to);
  box.pumping = false;
  if (!wire(from, to).up || !box.waiting) return;
  box.last = std::exchange(box.waiting, std::nullopt);
  const std::int64_t late = faulty_ && random_.percent(10) ? 300 : 10;
  box.arrival = std::max(box.arrival, now_ + random_.from_to(1, late));
  const bool lost = faulty_ && random_.percent(3);
  const bool twice = faulty_ && random_.percent(3);
  const std::uint64_t generation = wire(from, to).generation;
  for (int copies = lost ? 0 : twice ? 2 : 1; copies > 0; --copies) {
    in(box.arrival - now_, [this, from, to, generation, what = *box.last] {
      const Wire& line = wire(from, to);
      if (line.generation != generation || line.blocked) return;
      call(nodes_[to],
           [&](Elector& e, Actions& a) { e.on_notification(from, what, Millis{now_}, a); });
    });
  }
}

// What is under way is lost. Each side notices when it does.
void Simulation::break_wire(ServerId a, ServerId b) {
  Wire& line = wire(a, b);
  if (!std::exchange(line.up, false)) return;
  ++line.generation;
  in(random_.from_to(0, 200), [this, a, b] { lose_peer(a, b); });
  in(random_.from_to(0, 200), [this, a, b] { lose_peer(b, a); });
}

void Simulation::lose_peer(ServerId id, ServerId peer) {
  if (!is_up(id) || wire(id, peer).up) return;
  tell_reachable(id, peer, false);
  if (redials_ || outbox(id, peer).waiting) {
    in(200, [this, id, peer] {
      if (is_up(id)) dial(id, peer);
    });
  }
}

void Simulation::tell_reachable(ServerId id, ServerId peer, bool reachable) {
  if (!tells_reachable_) return;
  call(nodes_[id], [&](Elector& e, Actions&) { e.on_reachable(peer, reachable, Millis{now_}); });
}

// --- servers ---

void Simulation::after_call(Node& node, Actions& actions) {
  for (Action& action : actions) {
    Notify& notify = std::get<Notify>(action);
    check_vote(node, notify.notification, configurations_.is_voter(notify.to));
    send(node.id, notify.to, std::move(notify.notification));
  }
  if (const std::optional<Elected> elected = node.election->outcome()) {
    check_decision(node, *elected);
    return settle(node, *elected);
  }
  give_up_if_deserted(node);
}

void Simulation::give_up_if_deserted(Node& node) {
  if (!node.election->is_deserted(node.followers)) return;
  ++coverage_.deserted;
  search(node);
}

void Simulation::begin_term(Node& node, Doing doing) {
  node.doing = doing;
  ++node.term;
  node.term_began = now_;
  node.leader_term = 0;
  node.followers.clear();
  node.serves = false;
}

void Simulation::start(Node& node) {
  if (is_up(node.id)) return;
  node.election = std::make_unique<Elector>(node.ours, node.id, configurations_);
  search(node);
}

void Simulation::crash(Node& node) {
  if (!is_up(node.id)) return;
  ++coverage_.crashes;
  begin_term(node, Doing::kNothing);
  node.election.reset();
  for (const auto& [id, peer] : nodes_) {
    if (id == node.id) continue;
    break_wire(id, node.id);
    outbox(node.id, id) = {};
  }
  in(random_.from_to(50, 3'000), [this, &node] { start(node); });
}

void Simulation::search(Node& node) {
  begin_term(node, Doing::kLooking);
  call(node,
       [&](Elector& e, Actions& a) { e.search(node.votes ? node.own : kNoVote, Millis{now_}, a); });
}

void Simulation::settle(Node& node, const Elected& elected) {
  const ServerId id = node.id;
  const bool leads = elected.vote.leader == id;
  begin_term(node, leads ? Doing::kLeading : Doing::kFollowing);
  led_or_followed_[{elected.vote.leader, elected.vote.peer_epoch}].insert(id);
  if (!leads) {
    node.leader = elected.vote.leader;
    in(random_.from_to(1, 30), [this, id, term = node.term] { join(id, term, 1); });
  }
  in(kHeartbeatMs, [this, id, term = node.term] { heartbeat(id, term); });
  const ServerState state = leads        ? ServerState::kLeading
                            : node.votes ? ServerState::kFollowing
                                         : ServerState::kObserving;
  call(node, [&](Elector& e, Actions& a) { e.settle(elected, state, a); });
}

void Simulation::join(ServerId id, std::uint64_t term, int tries) {
  Node& node = nodes_[id];
  if (node.term != term) return;
  Node& leader = nodes_[node.leader];
  if (leader.doing != Doing::kLeading || wire(id, leader.id).blocked) {
    if (tries == kConnectTries) return search(node);
    return in(kConnectRetryMs, [this, id, term, tries] { join(id, term, tries + 1); });
  }
  // A leader turns away who knows more than it does.
  const bool knows_more = std::tie(node.own.peer_epoch, node.own.zxid) >
                          std::tie(leader.own.peer_epoch, leader.own.zxid);
  if (node.votes && knows_more && !leader.serves) return search(node);
  node.leader_term = leader.term;
  leader.followers.insert(id);
  if (leader.serves) return synchronize(node, leader);
  if (has_quorum(leader)) serve(leader);
}

void Simulation::heartbeat(ServerId id, std::uint64_t term) {
  Node& node = nodes_[id];
  if (node.term != term) return;
  bool well = true;
  if (node.doing == Doing::kLeading) {
    std::erase_if(node.followers, [&](ServerId f) { return !is_with(nodes_[f], node); });
    well = node.serves ? has_quorum(node) : now_ - node.term_began < kInitLimitMs;
    if (!node.serves) give_up_if_deserted(node);
    if (node.term != term) return;
  } else if (node.leader_term != 0) {
    const Node& leader = nodes_[node.leader];
    well = is_with(node, leader);
    if (well && leader.serves && !node.serves) synchronize(node, leader);  // it was cut off then
  }
  if (!well) return search(node);
  in(kHeartbeatMs, [this, id, term] { heartbeat(id, term); });
}

void Simulation::serve(Node& leader) {
  ++coverage_.served;
  Epoch epoch = leader.own.peer_epoch;
  for (const auto& [id, node] : nodes_) {
    if (is_with(node, leader)) epoch = std::max(epoch, node.own.peer_epoch);
  }
  leader.own = vote(leader.id.value, 0, epoch.value + 1);
  leader.serves = true;
  leader.election->set_held_epoch(leader.own.peer_epoch);
  led_or_followed_[{leader.id, leader.own.peer_epoch}].insert(leader.id);
  for (auto& [id, node] : nodes_) {
    if (is_with(node, leader)) synchronize(node, leader);
  }
}

void Simulation::synchronize(Node& follower, const Node& leader) {
  if (follower.votes) {
    follower.own = leader.own;
    follower.own.leader = follower.id;
  }
  const Epoch epoch = leader.own.peer_epoch;
  in(random_.from_to(0, 100), [this, &follower, term = follower.term, epoch] {
    if (follower.term != term) return;
    follower.serves = true;
    follower.election->set_held_epoch(epoch);
    led_or_followed_[{follower.leader, epoch}].insert(follower.id);
  });
}

bool Simulation::is_with(const Node& follower, const Node& leader) {
  return follower.doing == Doing::kFollowing && leader.doing == Doing::kLeading &&
         follower.leader == leader.id && follower.leader_term == leader.term &&
         !wire(follower.id, leader.id).blocked;
}

bool Simulation::has_quorum(const Node& leader) {
  std::set<ServerId> present = {leader.id};
  for (const auto& [id, node] : nodes_) {
    if (is_with(node, leader)) present.insert(id);
  }
  return configurations_.is_quorum(present);
}

// --- faults ---

void Simulation::fault() {
  if (!faulty_) return;
  in(random_.from_to(50, 500), [this] { fault(); });
  const std::int64_t count = static_cast<std::int64_t>(nodes_.size());
  const ServerId a{random_.from_to(1, count)}, b{random_.from_to(1, count)};
  Node* leader = nullptr;
  for (auto& [id, node] : nodes_) {
    if (node.doing == Doing::kLeading) leader = &node;
  }
  const std::int64_t kind = random_.from_to(1, 10);
  if (kind <= 2) return crash(nodes_[a]);
  if (kind <= 4) return leader != nullptr ? crash(*leader) : void();
  if (a == b) return;
  if (kind <= 6) return break_wire(a, b);
  // What is said is lost without anybody knowing, for a while.
  wire(a, b).blocked = true;
  in(random_.from_to(100, 600), [this, a, b] { break_wire(a, b); });
  in(random_.from_to(300, 2'000), [this, a, b] { wire(a, b).blocked = false; });
}

// Leaders that serve make progress, and not all of their followers at once.
void Simulation::commit() {
  in(100, [this] { commit(); });
  for (auto& [id, leader] : nodes_) {
    if (leader.doing != Doing::kLeading || !leader.serves || !has_quorum(leader)) continue;
    leader.own.zxid = leader.own.zxid.next();
    for (auto& [other, node] : nodes_) {
      if (!node.votes || !node.serves || !is_with(node, leader)) continue;
      if (random_.percent(80)) node.own.zxid = leader.own.zxid;
    }
  }
}

// --- what must hold ---

void Simulation::violate(const Node& node, std::string_view what) {
  if (violation_.empty()) violation_ = concat(node.id.value, " ", what, ": ", describe());
}

// A voter never votes for less than it has itself, if its vote has any weight.
void Simulation::check_vote(const Node& node, const Notification& sent, bool to_voter) {
  if (sent.state != ServerState::kLooking || !node.votes || !to_voter) return;
  if (configurations_.can_lead(node.id) && supersedes(node.own, sent.vote)) {
    violate(node, "votes for less than it has");
  }
  voted_[{sent.election_epoch, sent.vote.leader, sent.vote.zxid, sent.vote.peer_epoch}].insert(
      node.id);
}

// A quorum voted so in that round; or a quorum has that leader already.
void Simulation::check_decision(const Node& node, const Elected& elected) {
  const Vote& vote = elected.vote;
  if (!node.ours) return;
  ++coverage_.decisions;
  if (!ticking_) ++coverage_.at_once;
  if (!configurations_.can_lead(vote.leader)) violate(node, "elects one that cannot lead");
  if (!node.votes && vote.leader == node.id) violate(node, "elects itself without a vote");
  const auto voters =
      voted_.find({elected.election_epoch, vote.leader, vote.zxid, vote.peer_epoch});
  if (voters != voted_.end() && configurations_.is_quorum(voters->second)) return;
  ++coverage_.by_settled;
  const auto with = led_or_followed_.find({vote.leader, vote.peer_epoch});
  if (with == led_or_followed_.end() || !configurations_.is_quorum(with->second)) {
    violate(node, "elects one that no quorum wanted");
  }
}

bool Simulation::all_well() {
  const Node* leader = nullptr;
  for (const auto& [id, node] : nodes_) {
    if (node.doing == Doing::kLeading) leader = &node;
  }
  if (leader == nullptr || !leader->serves) return false;
  for (const auto& [id, node] : nodes_) {
    if (&node != leader && !(node.serves && is_with(node, *leader))) return false;
  }
  return true;
}

std::string Simulation::describe() const {
  std::string text = concat("at ", now_, " ms");
  for (const auto& [id, node] : nodes_) {
    text += concat("\n  ", id.value, " ", node.serves ? "serves " : "",
                   node.election ? node.election->describe() : "is down");
  }
  return text;
}

}  // namespace paddock::zab::election_test
