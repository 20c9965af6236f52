#include "zab/replica.h"

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "common/check.h"
#include "common/concat.h"
#include "zab/election.h"
#include "zab/journal.h"
#include "zab/leader.h"
#include "zab/learner.h"
#include "zab/quorum.h"
#include "zab/reconfiguration.h"

namespace paddock::zab {

namespace {

// Learners that dialled before this server knew that it leads wait; more than that are turned away.
constexpr std::size_t kEarlyLinksMax = 1024;

std::string_view name_of(Role role) {
  switch (role) {
    case Role::kLooking:
      return "looking";
    case Role::kFollowing:
      return "following";
    case Role::kLeading:
      return "leading";
    case Role::kObserving:
      return "observing";
  }
  return "";
}

}  // namespace

class Replica::Impl {
 public:
  Impl(Membership membership, Durable durable)
      : membership_(std::move(membership)),
        journal_(std::move(durable)),
        reconfiguration_(
            {membership_.ensemble ? membership_.ensemble : std::make_shared<const Ensemble>(),
             membership_.last_seen},
            membership_.reconfig_enabled && membership_.ensemble != nullptr, journal_),
        configurations_(reconfiguration_.configurations()),
        election_(membership_.self, configurations_, membership_.timing) {}

  void step(Event event, Millis now, Actions& actions);
  Millis next_deadline() const;
  std::string describe() const;

  const Journal& journal() const { return journal_; }
  const Configurations& configurations() const { return configurations_; }
  const std::optional<Leader>& leader() const { return leader_; }
  Role role() const { return role_; }
  bool is_searching() const {
    return started_ && !leader_ && !learner_ && journal_.is_durable(journal_.last_ticket());
  }
  ServerId leader_id() const { return learner_ ? learner_->leader() : membership_.self; }

 private:
  // A learner's link, while it is not known who leads.
  struct EarlyLink {
    std::optional<LearnerInfo> info;
  };

  bool is_alone() const { return membership_.ensemble == nullptr; }
  bool is_observer() const {
    const Member* self = configurations_.committed->find(membership_.self);
    return self != nullptr && self->observer;
  }

  void on(Tick, Actions& actions);
  void on(Propose& propose, Actions& actions);
  void on(Persisted persisted, Actions& actions);
  void on(Notified& notified, Actions& actions);
  void on(PeerReachable peer, Actions&);
  void on(LinkOpened opened, Actions& actions);
  void on(LinkClosed closed, Actions& actions);
  void on(Received& received, Actions& actions);
  void on(SnapshotReceived received, Actions& actions);
  void on(Forward& forward, Actions& actions);
  void on(Answer& answer, Actions& actions);
  void on(SyncRequested request, Actions& actions);
  void on(HistoryTrimmed trimmed, Actions&) { journal_.trim(trimmed.start); }

  void start(Actions& actions);
  // `appointed`: who leads next, if that is known without an election.
  void look(std::string reason, std::optional<ServerId> appointed, Actions& actions);
  void search(Actions& actions);
  void adopt(std::optional<Ensemble> newer, Actions& actions);
  void note_proposed(std::optional<Ensemble> proposed, Actions& actions);
  void settle(const Elected& elected, Actions& actions);
  void close_early(Actions& actions);
  void lead(Actions& actions);
  void follow(ServerId leader, Actions& actions);
  // After every event: what its outcome calls for.
  void conclude(Actions& actions);
  void note_role(Actions& actions, std::size_t from);

  const Membership membership_;
  Journal journal_;
  Reconfiguration reconfiguration_;
  const Configurations& configurations_;
  Election election_;
  std::optional<Leader> leader_;    // while leading, or trying to
  std::optional<Learner> learner_;  // while following or observing, or trying to
  std::map<LinkId, EarlyLink> early_;
  LinkId last_dialled_{};  // odd
  bool learner_link_is_gone_ = false;
  bool started_ = false;
  bool holds_epoch_ = false;  // the held vote is of the epoch that serves
  bool wants_snapshot_ = false;
  // Who it followed last, and when that may be tried again: whoever turns learners away is not to
  // be dialled as fast as it can do so.
  ServerId last_leader_{-1};
  Millis retry_at_;
  Epoch promised_;  // to whomever, as learners have told
  Role role_ = Role::kLooking;
  Millis now_;
};

void Replica::Impl::step(Event event, Millis now, Actions& actions) {
  PADDOCK_CHECK(now >= now_);
  now_ = now;
  const std::size_t first = actions.size();
  if (!started_) start(actions);
  std::visit([&](auto& e) { on(e, actions); }, event);
  note_role(actions, first);
  conclude(actions);
  note_role(actions, first);
}

void Replica::Impl::start(Actions& actions) {
  started_ = true;
  if (is_alone()) {
    lead(actions);
  } else {
    search(actions);
  }
}

void Replica::Impl::on(Tick, Actions& actions) {
  if (leader_) {
    leader_->on_tick(now_, actions);
  } else if (learner_) {
    learner_->on_tick(now_, actions);
  } else {
    election_.on_tick(now_, actions);
  }
}

void Replica::Impl::on(Propose& propose, Actions& actions) {
  PADDOCK_CHECK(leader_ && leader_->is_established());
  leader_->propose(std::move(propose.txn), now_, actions);
}

void Replica::Impl::on(Persisted persisted, Actions& actions) {
  journal_.on_persisted(persisted.ticket);
  if (leader_) leader_->on_persisted(actions);
  if (learner_) learner_->on_persisted(actions);
}

void Replica::Impl::on(Notified& notified, Actions& actions) {
  if (is_alone()) return;
  election_.on_notification(notified.from, notified.notification, now_, actions);
  adopt(election_.take_newer_config(), actions);
  note_proposed(election_.take_proposed_config(), actions);
}

void Replica::Impl::on(PeerReachable peer, Actions&) {
  if (is_alone()) return;
  election_.on_reachable(peer.peer, peer.reachable, now_);
}

void Replica::Impl::on(LinkOpened opened, Actions& actions) {
  const bool dialled = opened.link.value % 2 == 1;
  if (dialled) {
    if (learner_ && learner_->link() == opened.link) return learner_->on_link_opened(now_, actions);
    actions.emplace_back(Close{opened.link, "no longer wanted"});
  } else if (leader_ && !is_alone()) {
    leader_->on_link_opened(opened.link, now_);
  } else if ((learner_ && configurations_.last_seen == nullptr) || is_alone() ||
             early_.size() >= kEarlyLinksMax) {
    actions.emplace_back(Close{opened.link, "this server does not lead"});
  } else {
    early_.emplace(opened.link, EarlyLink{});
  }
}

void Replica::Impl::on(LinkClosed closed, Actions&) {
  early_.erase(closed.link);
  if (leader_) leader_->on_link_closed(closed.link);
  if (!learner_ || learner_->link() != closed.link) return;
  learner_link_is_gone_ = true;
  learner_->lose("the connection was lost");
}

void Replica::Impl::on(Received& received, Actions& actions) {
  if (learner_ && learner_->link() == received.link) {
    return learner_->on_message(std::move(received.message), now_, actions);
  }
  if (leader_) {
    return leader_->on_message(received.link, std::move(received.message), now_, actions);
  }
  const auto early = early_.find(received.link);
  if (early == early_.end()) return;  // closed by us, and on its way before that was known
  auto* info = std::get_if<LearnerInfo>(&received.message);
  if (info != nullptr && !early->second.info) {
    early->second.info = std::move(*info);
    return;
  }
  early_.erase(early);
  actions.emplace_back(Close{received.link, "it does not wait for LEADERINFO"});
}

void Replica::Impl::on(SnapshotReceived received, Actions& actions) {
  if (learner_ && learner_->link() == received.link) {
    learner_->on_snapshot_received(now_, actions);
  }
}

void Replica::Impl::on(Forward& forward, Actions& actions) {
  if (learner_) learner_->forward(std::move(forward.message), actions);
}

void Replica::Impl::on(Answer& answer, Actions& actions) {
  if (leader_) leader_->answer(answer.link, answer.answer, actions);
}

void Replica::Impl::on(SyncRequested request, Actions& actions) {
  if (leader_ && leader_->is_established()) leader_->request_sync(request.link, actions);
}

void Replica::Impl::conclude(Actions& actions) {
  if (leader_ && leader_->lost()) return look(*leader_->lost(), leader_->successor(), actions);
  if (learner_ && learner_->lost()) return look(*learner_->lost(), learner_->appointed(), actions);
  if (!leader_ && !learner_) {
    if (election_.outcome()) settle(*election_.outcome(), actions);
    return;
  }
  if (is_alone()) return;
  if (learner_ && configurations_.last_seen == nullptr) close_early(actions);
  const bool serves = leader_ ? leader_->is_established() : learner_->is_serving();
  if (!serves) {
    const bool deserted =
        election_.is_deserted(leader_ ? leader_->learner_ids() : std::set<ServerId>{});
    if (!deserted) return;
    return look(leader_ ? "who elected it turned away" : "its leader turned away", {}, actions);
  }
  if (holds_epoch_) return;
  holds_epoch_ = true;
  wants_snapshot_ = false;
  election_.set_held_epoch(leader_ ? leader_->epoch() : learner_->epoch());
}

void Replica::Impl::look(std::string reason, std::optional<ServerId> appointed, Actions& actions) {
  if (leader_) {
    promised_ = leader_->promised();
    leader_->close_all("it no longer leads", actions);
  }
  if (learner_) {
    last_leader_ = learner_->leader();
    retry_at_ = now_ + membership_.timing.connect_retry;
    wants_snapshot_ = wants_snapshot_ || learner_->needs_snapshot();
    if (learner_->has_dialled() && !learner_link_is_gone_)
      actions.emplace_back(Close{learner_->link(), reason});
  }
  leader_.reset();
  learner_.reset();
  if (role_ != Role::kLooking) {
    role_ = Role::kLooking;
    actions.emplace_back(RoleChanged{role_, {}, {}, std::move(reason)});
  }
  holds_epoch_ = false;
  if (!appointed) return search(actions);
  const Vote vote{*appointed, journal_.last_delivered(), journal_.current_epoch()};
  settle({vote, election_.logical_clock()}, actions);
}

// The vote claims what is on disk, not what is in memory.
void Replica::Impl::search(Actions& actions) {
  holds_epoch_ = false;
  Vote own{membership_.self, journal_.last_durable(), journal_.current_epoch()};
  if (!configurations_.is_voter(membership_.self)) own = kNoVote;
  election_.search(own, now_, actions);
  if (election_.outcome()) settle(*election_.outcome(), actions);
}

// While it looks: somebody has told of a newer configuration. Other servers are to be asked then.
void Replica::Impl::adopt(std::optional<Ensemble> newer, Actions& actions) {
  if (!newer || leader_ || learner_) return;
  const auto config = std::make_shared<const Ensemble>(std::move(*newer));
  if (reconfiguration_.activate(config, actions)) search(actions);
}

// While it looks: others, whose votes may be needed, decide by one that is proposed as well. Not
// where our log goes beyond it without it: then nothing came of it.
void Replica::Impl::note_proposed(std::optional<Ensemble> proposed, Actions& actions) {
  if (!proposed || leader_ || learner_ || !reconfiguration_.is_enabled()) return;
  const Zxid zxid{proposed->version};
  const bool was_passed_over =
      zxid <= journal_.last_logged() && journal_.history().floor(zxid) != zxid;
  if (was_passed_over || proposed->version <= configurations_.committed->version) return;
  reconfiguration_.see(std::make_shared<const Ensemble>(std::move(*proposed)), actions);
  search(actions);
}

// A copy: settling forgets the outcome.
void Replica::Impl::settle(const Elected& outcome, Actions& actions) {
  const Elected elected = outcome;
  const bool is_self = elected.vote.leader == membership_.self;
  election_.settle(elected,
                   is_self         ? ServerState::kLeading
                   : is_observer() ? ServerState::kObserving
                                   : ServerState::kFollowing,
                   actions);
  if (is_self) {
    lead(actions);
  } else {
    follow(elected.vote.leader, actions);
  }
}

void Replica::Impl::lead(Actions& actions) {
  leader_.emplace(
      Leader::Identity{membership_.self, is_alone(), promised_, membership_.epoch_txns_max},
      membership_.timing, reconfiguration_, journal_, now_, actions);
  for (auto& [link, early] : std::exchange(early_, {})) {
    leader_->on_link_opened(link, now_);
    if (early.info) leader_->on_message(link, std::move(*early.info), now_, actions);
  }
}

void Replica::Impl::close_early(Actions& actions) {
  for (const auto& [link, early] : std::exchange(early_, {})) {
    actions.emplace_back(Close{link, "this server does not lead"});
  }
}

void Replica::Impl::follow(ServerId leader, Actions& actions) {
  close_early(actions);
  last_dialled_.value += last_dialled_.value == 0 ? 1 : 2;
  learner_link_is_gone_ = false;
  learner_.emplace(Learner::Identity{membership_.self, is_observer()}, membership_.timing, leader,
                   last_dialled_, wants_snapshot_, reconfiguration_, journal_, now_,
                   leader == last_leader_ ? retry_at_ : now_, actions);
}

void Replica::Impl::note_role(Actions& actions, std::size_t from) {
  for (std::size_t i = from; i < actions.size(); ++i) {
    if (const auto* changed = std::get_if<RoleChanged>(&actions[i])) role_ = changed->role;
  }
}

Millis Replica::Impl::next_deadline() const {
  if (!started_) return now_;
  if (leader_) return leader_->next_deadline();
  if (learner_) return learner_->next_deadline();
  return election_.next_deadline();
}

std::string Replica::Impl::describe() const {
  std::string text =
      concat("sid=", membership_.self.value, " ", name_of(role_), " logged=0x",
             hex(static_cast<std::uint64_t>(journal_.last_logged().value)), " durable=0x",
             hex(static_cast<std::uint64_t>(journal_.last_durable().value)), " delivered=0x",
             hex(static_cast<std::uint64_t>(journal_.last_delivered().value)),
             " acceptedEpoch=", journal_.accepted_epoch().value,
             " currentEpoch=", journal_.current_epoch().value);
  if (leader_) return concat(text, ": ", leader_->describe());
  if (learner_) return concat(text, ": ", learner_->describe());
  return concat(text, ": ", election_.describe());
}

Replica::Replica(Membership membership, Durable durable)
    : impl_(std::make_unique<Impl>(std::move(membership), std::move(durable))) {}
Replica::~Replica() = default;
Replica::Replica(Replica&&) noexcept = default;
Replica& Replica::operator=(Replica&&) noexcept = default;

void Replica::step(Event event, Millis now, Actions& actions) {
  impl_->step(std::move(event), now, actions);
}

Millis Replica::next_deadline() const {
  return impl_->next_deadline();
}

Zxid Replica::next_zxid() const {
  PADDOCK_CHECK(impl_->leader());
  return impl_->leader()->next_zxid();
}

bool Replica::is_exhausted() const {
  return impl_->leader() && impl_->leader()->is_exhausted();
}

Role Replica::role() const {
  return impl_->role();
}

bool Replica::is_searching() const {
  return impl_->is_searching();
}

Zxid Replica::last_logged() const {
  return impl_->journal().last_logged();
}

Zxid Replica::last_durable() const {
  return impl_->journal().last_durable();
}

Zxid Replica::last_committed() const {
  return impl_->journal().last_delivered();
}

ServerId Replica::leader() const {
  return impl_->leader_id();
}

std::optional<Leadership> Replica::leadership() const {
  if (role() != Role::kLeading || !impl_->leader()) return std::nullopt;
  return impl_->leader()->view();
}

Epoch Replica::accepted_epoch() const {
  return impl_->journal().accepted_epoch();
}

Epoch Replica::current_epoch() const {
  return impl_->journal().current_epoch();
}

std::size_t Replica::outstanding() const {
  return impl_->leader() ? impl_->leader()->outstanding() : 0;
}

const Configurations& Replica::configurations() const {
  return impl_->configurations();
}

std::string Replica::describe() const {
  return impl_->describe();
}

}  // namespace paddock::zab
