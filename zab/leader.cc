#include "zab/leader.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "common/check.h"
#include "common/concat.h"
#include "zab/synchronization.h"

namespace paddock::zab {

namespace {

using State = LearnerProgress::State;

// Epochs beyond this would not fit a zxid.
constexpr Epoch kEpochMax{INT32_MAX};

std::string hex_of(Zxid zxid) {
  return concat("0x", hex(static_cast<std::uint64_t>(zxid.value)));
}

}  // namespace

Leader::Leader(const Identity& identity, const Timing& timing, Reconfiguration& reconfiguration,
               Journal& journal, Millis now, Actions& actions)
    : identity_(identity),
      timing_(timing),
      reconfiguration_(reconfiguration),
      configurations_(reconfiguration.configurations()),
      journal_(journal),
      epoch_{identity.promised.value + 1},
      promised_(identity.promised),
      epoch_before_(journal.current_epoch()),
      deadline_(now + timing.init_timeout()),
      next_ping_(now + Millis{timing.tick.value / 2}),
      next_beat_(timing.heartbeat > Millis{} ? now + timing.heartbeat : kNever),
      now_(now) {
  if (identity_.alone) {
    epoch_ = journal_.last_logged().epoch();
    establish(actions);
  } else {
    count_accepted(identity_.self, journal_.accepted_epoch(), actions);
  }
}

void Leader::on_link_opened(LinkId link, Millis now) {
  LearnerProgress& learner = learners_[link];
  learner.link = link;
  learner.deadline = now + timing_.init_timeout();
}

void Leader::on_link_closed(LinkId link) {
  learners_.erase(link);
}

void Leader::on_message(LinkId link, Message message, Millis now, Actions& actions) {
  now_ = now;
  const auto found = learners_.find(link);
  if (found == learners_.end() || lost_) return;
  LearnerProgress& learner = found->second;
  if (learner.state == State::kServing) learner.deadline = now + silence_limit(learner);
  std::visit([&](auto& m) { on(learner, m, actions); }, message);
}

// Discovery.

void Leader::on(LearnerProgress& learner, LearnerInfo& info, Actions& actions) {
  const LinkId link = learner.link;
  if (learner.state != State::kOpen) return drop(link, "a second greeting", actions);
  if (info.accepted_epoch < Epoch{} || info.accepted_epoch >= kEpochMax) {
    return drop(link, concat("an acceptedEpoch of ", info.accepted_epoch.value), actions);
  }
  if (info.sid == identity_.self) {
    return drop(link,
                concat("it says that it is server ", identity_.self.value,
                       ", as this one is: check myid on both"),
                actions);
  }
  if (info.config_version > configurations_.committed->version) {
    return drop(link,
                "it knows of a later configuration than the leader; if that stays so, it may be of "
                "another ensemble: compare the server.N lines and the version of both",
                actions);
  }
  learner.sid = info.sid.value_or(ServerId{-1});
  learner.observer = info.observer;
  learner.beats = info.heartbeat > Millis{} && timing_.heartbeat > Millis{};
  learner.state = State::kInfo;
  // It came back before its old connection was seen to be gone.
  for (auto other = learners_.begin(); other != learners_.end(); ++other) {
    if (other->first == link || !info.sid || other->second.sid != *info.sid) continue;
    if (other->second.state == State::kOpen) continue;
    drop(other->first,
         concat("server ", info.sid->value,
                " has connected anew; if that repeats, two servers have ", info.sid->value,
                " in myid: stop one of them, and correct its myid"),
         actions);
    break;
  }
  promised_ = std::max(promised_, info.accepted_epoch);
  if (phase_ == Phase::kEpoch) return count_accepted(learner.sid, info.accepted_epoch, actions);
  if (info.accepted_epoch > epoch_ && configurations_.is_voter(learner.sid)) {
    return lose(concat("server ", learner.sid.value, " has promised epoch ",
                       info.accepted_epoch.value, ", and could not follow one before it"));
  }
  if (phase_ != Phase::kEpochWrite) announce_epoch(learner, actions);
}

// An observer's epoch raises ours too, though it has no say in when discovery ends.
void Leader::count_accepted(ServerId sid, Epoch accepted, Actions& actions) {
  epoch_ = std::max(epoch_, Epoch{accepted.value + 1});
  if (configurations_.is_voter(sid)) accepted_by_.insert(sid);
  if (!accepted_by_.contains(identity_.self) || !configurations_.is_quorum(accepted_by_)) return;
  if (epoch_ >= kEpochMax) return lose("no epoch is left");
  phase_ = Phase::kEpochWrite;
  epoch_written_ = journal_.write_accepted_epoch(epoch_, actions);
}

void Leader::announce_epoch(LearnerProgress& learner, Actions& actions) {
  learner.state = State::kEpochSent;
  learner.deadline = now_ + timing_.init_timeout();
  actions.emplace_back(
      Send{learner.link,
           LeaderInfo{.epoch = epoch_, .heartbeat = learner.beats ? timing_.heartbeat : Millis{}}});
}

void Leader::on(LearnerProgress& learner, AckEpoch& ack, Actions& actions) {
  if (learner.state != State::kEpochSent)
    return drop(learner.link, "ACKEPOCH out of turn", actions);
  learner.claimed = ack.last_zxid;
  learner.state = State::kEpochAcked;
  if (phase_ != Phase::kEpochAck) return synchronize(learner, actions);
  if (!ack.current_epoch) return;  // it may be of use, but says nothing about who should lead
  if (std::pair(*ack.current_epoch, ack.last_zxid) >
      std::pair(epoch_before_, journal_.last_logged())) {
    return drop(learner.link,
                concat("its history, up to ", hex_of(ack.last_zxid), " of epoch ",
                       ack.current_epoch->value, ", is newer than the leader's"),
                actions);
  }
  if (ack.last_zxid >= Zxid{} && configurations_.is_voter(learner.sid)) {
    acked_epoch_.insert(learner.sid);
  }
  if (configurations_.is_quorum(acked_epoch_)) end_discovery(actions);
}

void Leader::end_discovery(Actions& actions) {
  phase_ = Phase::kSynchronization;
  deadline_ = now_ + timing_.init_timeout();
  reconfiguration_.number(epoch_, actions);
  epoch_written_ = journal_.write_current_epoch(epoch_, actions);
  for (auto& [link, learner] : learners_) {
    if (learner.state == State::kEpochAcked) synchronize(learner, actions);
  }
}

// Synchronization.

void Leader::synchronize(LearnerProgress& learner, Actions& actions) {
  const LinkId link = learner.link;
  const Zxid upto = is_established() ? last_committed_ : journal_.last_logged();
  const SyncPlan plan = plan_sync(journal_.history(), upto, learner.claimed);
  switch (plan.how) {
    case SyncPlan::How::kDiff:
      actions.emplace_back(Send{link, Diff{upto}});
      break;
    case SyncPlan::How::kTrunc:
      actions.emplace_back(Send{link, Trunc{plan.from}});
      break;
    case SyncPlan::How::kSnap:
      actions.emplace_back(SendSnapshot{link, upto});
      break;
  }
  if (plan.how != SyncPlan::How::kSnap && plan.from < upto) {
    actions.emplace_back(SendHistory{link, plan.from, upto});
  }
  learner.acked = learner.sent = upto;
  for (const Txn& txn : outstanding_) {
    if (learner.observer) break;
    actions.emplace_back(Send{link, Proposal{txn}});
    learner.sent = txn.zxid;
  }
  // It is committed with UPTODATE. What is only proposed by this leader is among its proposals.
  const auto& [committed, last_seen] = configurations_;
  const bool is_finished = is_established() || last_seen == nullptr;
  actions.emplace_back(
      Send{link, NewLeader{epoch_, to_text(is_finished ? *committed : *last_seen)}});
  learner.state = State::kSynchronizing;
  learner.deadline = now_ + timing_.init_timeout();
}

void Leader::on(LearnerProgress& learner, Ack& ack, Actions& actions) {
  if (!learner.is_attached()) return drop(learner.link, "ACK out of turn", actions);
  if (ack.zxid.counter() == 0) {  // of NEWLEADER, and once more of UPTODATE
    if (ack.zxid.epoch() != epoch_) {
      return drop(learner.link, concat("ACK of epoch ", ack.zxid.epoch().value), actions);
    }
    if (learner.state == State::kSynchronizing) count_new_leader(learner, actions);
    return;
  }
  if (ack.zxid > learner.sent) {
    return drop(learner.link, concat("ACK of ", hex_of(ack.zxid), ", which was not proposed to it"),
                actions);
  }
  learner.acked = std::max(learner.acked, ack.zxid);
  if (learner.lag && learner.acked >= learner.lag->upto) learner.lag.reset();
  commit_ready(actions);
}

void Leader::count_new_leader(LearnerProgress& learner, Actions& actions) {
  learner.state = State::kSynchronized;
  if (configurations_.is_voter(learner.sid)) acked_new_leader_.insert(learner.sid);
  if (is_established()) return welcome(learner, actions);
  const bool self_is_ready = acked_new_leader_.contains(identity_.self);
  if (self_is_ready && configurations_.is_quorum(acked_new_leader_)) establish(actions);
}

// A quorum has this server's history on disk: it is committed, whatever it holds. And so is the
// configuration that it proposed with NEWLEADER, which may not be one for this server to lead in:
// then those who are told now elect anew.
void Leader::establish(Actions& actions) {
  phase_ = Phase::kBroadcast;
  if (const auto next = configurations_.last_seen) {
    if (!votes_in_one_place(*configurations_.committed, *next, identity_.self)) {
      lose("it is no leader in the configuration that it has brought to an end");
    }
    reconfiguration_.activate(next, actions);
  }
  last_committed_ = journal_.last_logged();
  last_proposed_ = identity_.alone ? last_committed_ : Zxid::make(epoch_, 0);
  journal_.deliver(last_committed_, actions);
  actions.emplace_back(RoleChanged{Role::kLeading, epoch_, identity_.self, {}, last_committed_});
  for (auto& [link, learner] : learners_) {
    if (learner.state == State::kSynchronized) welcome(learner, actions);
  }
}

void Leader::welcome(LearnerProgress& learner, Actions& actions) {
  learner.state = State::kServing;
  learner.deadline = now_ + timing_.sync_timeout();
  actions.emplace_back(Send{learner.link, UpToDate{}});
  if (!sync_round_) return;
  ping(learner, actions);
  learner.round_ping = learner.pings_sent;
}

// Broadcast.

Zxid Leader::next_zxid() const {
  PADDOCK_CHECK(is_established());
  return last_proposed_.next();
}

bool Leader::is_exhausted() const {
  return is_established() && !identity_.alone && last_proposed_.counter() >= identity_.txns_max;
}

void Leader::propose(Txn txn, Millis now, Actions& actions) {
  PADDOCK_CHECK(is_established() && !is_exhausted());
  PADDOCK_CHECK(txn.zxid == next_zxid());
  now_ = now;
  last_proposed_ = txn.zxid;
  if (txn.config != nullptr) reconfiguration_.see(txn.config, actions);
  for (auto& [link, learner] : learners_) {
    if (!learner.is_attached() || learner.observer) continue;
    actions.emplace_back(Send{link, Proposal{txn}});
    learner.sent = txn.zxid;
  }
  journal_.append(txn, actions);
  outstanding_.push_back(std::move(txn));
}

void Leader::on_persisted(Actions& actions) {
  switch (phase_) {
    case Phase::kEpochWrite:
      if (!journal_.is_durable(epoch_written_)) return;
      phase_ = Phase::kEpochAck;
      deadline_ = now_ + timing_.init_timeout();
      for (auto& [link, learner] : learners_) {
        if (learner.state == State::kInfo) announce_epoch(learner, actions);
      }
      acked_epoch_.insert(identity_.self);
      if (configurations_.is_quorum(acked_epoch_)) end_discovery(actions);
      return;
    case Phase::kSynchronization:
      if (!journal_.is_durable(epoch_written_)) return;
      acked_new_leader_.insert(identity_.self);
      if (configurations_.is_quorum(acked_new_leader_)) establish(actions);
      return;
    case Phase::kBroadcast:
      return commit_ready(actions);
    case Phase::kEpoch:
    case Phase::kEpochAck:
      return;
  }
}

// A configuration that is committed may be all that the next ones have waited for.
void Leader::commit_ready(Actions& actions) {
  while (!outstanding_.empty() && !lost_) {
    const Zxid upto = on_a_quorum();
    if (upto < outstanding_.front().zxid) return;
    commit(upto, actions);
  }
}

// The last zxid that a quorum has on disk: in falling order of how far each is, that of the first
// one that makes up a quorum with those before it. Zxid{}: none of what is outstanding.
Zxid Leader::on_a_quorum() const {
  if (identity_.alone) return std::min(journal_.last_durable(), last_proposed_);
  std::vector<std::pair<Zxid, ServerId>> copies{{journal_.last_durable(), identity_.self}};
  for (const auto& [link, learner] : learners_) {
    if (learner.is_attached() && configurations_.is_voter(learner.sid) && !learner.observer) {
      copies.emplace_back(learner.acked, learner.sid);
    }
  }
  std::sort(copies.rbegin(), copies.rend());
  std::set<ServerId> holders;
  for (const auto& [zxid, sid] : copies) {
    if (zxid < outstanding_.front().zxid) break;
    holders.insert(sid);
    if (configurations_.is_quorum(holders)) return zxid;
  }
  return {};
}

// Up to there, or to a reconfiguration, behind which other quorums may do, and another leader.
void Leader::commit(Zxid upto, Actions& actions) {
  bool is_reconfig = false;
  while (!outstanding_.empty() && outstanding_.front().zxid <= upto && !is_reconfig) {
    answer_syncs(actions);
    const Txn txn = std::move(outstanding_.front());
    outstanding_.pop_front();
    PADDOCK_CHECK(txn.zxid > last_committed_);
    last_committed_ = txn.zxid;
    is_reconfig = txn.config != nullptr && reconfiguration_.is_enabled();
    if (!is_reconfig) {
      announce_commit(txn, std::nullopt, actions);
      continue;
    }
    const ServerId designated = designate(*txn.config, txn.zxid);
    announce_commit(txn, designated, actions);
    reconfiguration_.activate(txn.config, actions);
    if (designated == identity_.self) continue;
    successor_ = designated;
    lose(concat("in the new configuration server ", designated.value, " leads"));
  }
  journal_.deliver(last_committed_, actions);
  answer_syncs(actions);
  confirm_sync_round(actions);
}

// `designated`: who leads in the configuration that is committed with it.
void Leader::announce_commit(const Txn& txn, std::optional<ServerId> designated, Actions& actions) {
  for (const auto& [link, learner] : learners_) {
    if (!learner.is_attached()) continue;
    if (learner.observer) {
      designated ? actions.emplace_back(Send{link, InformAndActivate{txn, *designated}})
                 : actions.emplace_back(Send{link, Inform{txn}});
    } else {
      designated ? actions.emplace_back(Send{link, CommitAndActivate{txn.zxid, *designated}})
                 : actions.emplace_back(Send{link, Commit{txn.zxid}});
    }
  }
}

// This server as long as it can; else whoever has the most of what follows the reconfiguration.
ServerId Leader::designate(const Ensemble& next, Zxid zxid) const {
  if (votes_in_one_place(*configurations_.committed, next, identity_.self)) return identity_.self;
  const LearnerProgress* best = nullptr;
  for (const auto& [link, learner] : learners_) {
    const bool can_lead = learner.is_attached() && !learner.observer &&
                          next.is_voter(learner.sid) && next.weight(learner.sid) > 0 &&
                          learner.acked >= zxid;
    if (can_lead && (best == nullptr || learner.acked > best->acked)) best = &learner;
  }
  return best != nullptr ? best->sid : identity_.self;
}

// What learners pass on.

void Leader::on(LearnerProgress& learner, Ping& ping, Actions& actions) {
  if (learner.pings_answered >= learner.pings_sent) {
    return drop(learner.link, "an answer to no PING", actions);
  }
  ++learner.pings_answered;
  pass_on(learner, std::move(ping), actions);
  confirm_sync_round(actions);
}

void Leader::on(LearnerProgress& learner, Request& request, Actions& actions) {
  pass_on(learner, std::move(request), actions);
}

void Leader::on(LearnerProgress& learner, Revalidate& revalidate, Actions& actions) {
  pass_on(learner, revalidate, actions);
}

void Leader::pass_on(LearnerProgress& learner, Message message, Actions& actions) {
  if (learner.state != State::kServing) {
    return drop(learner.link, concat("before UPTODATE: ", to_string(message)), actions);
  }
  actions.emplace_back(FromLearner{learner.link, learner.sid, std::move(message)});
}

template <typename T>
void Leader::on(LearnerProgress& learner, T& message, Actions& actions) {
  drop(learner.link, concat("not a learner's message: ", to_string(Message(std::move(message)))),
       actions);
}

void Leader::answer(LinkId link, const Revalidated& answer, Actions& actions) {
  const auto learner = learners_.find(link);
  if (learner != learners_.end() && learner->second.state == State::kServing) {
    actions.emplace_back(Send{link, answer});
  }
}

// Linearizable sync: one round at a time confirms all that were asked before it began, and each is
// answered right behind what was proposed before it. A learner takes part by answering a PING of
// the round, or by an ACK of what was proposed since.

void Leader::request_sync(LinkId link, Actions& actions) {
  PADDOCK_CHECK(is_established());
  if (is_exhausted()) return;  // it must not overtake a write that finds no zxid; the role ends
  asked_syncs_.push_back({link, last_proposed_});
  if (!sync_round_) start_sync_round(actions);
}

void Leader::start_sync_round(Actions& actions) {
  sync_round_ = SyncRound{last_proposed_, std::exchange(asked_syncs_, {})};
  for (auto& [link, learner] : learners_) {
    learner.round_ping = 0;
    if (learner.state != State::kServing || !configurations_.is_voter(learner.sid)) continue;
    ping(learner, actions);
    learner.round_ping = learner.pings_sent;
  }
  confirm_sync_round(actions);
}

bool Leader::sync_round_is_confirmed() const {
  if (identity_.alone) return true;
  std::set<ServerId> confirmed{identity_.self};
  for (const auto& [link, learner] : learners_) {
    const bool answered = learner.round_ping != 0 && learner.pings_answered >= learner.round_ping;
    if (answered || learner.acked > sync_round_->began_at) confirmed.insert(learner.sid);
  }
  return configurations_.is_quorum(confirmed);
}

void Leader::confirm_sync_round(Actions& actions) {
  if (!sync_round_ || !sync_round_is_confirmed()) return;
  for (const SyncWait& wait : sync_round_->waits) confirmed_syncs_.push_back(wait);
  sync_round_.reset();
  answer_syncs(actions);
  if (!asked_syncs_.empty()) start_sync_round(actions);
}

void Leader::answer_syncs(Actions& actions) {
  if (confirmed_syncs_.empty()) return;
  journal_.deliver(last_committed_, actions);
  for (; !confirmed_syncs_.empty(); confirmed_syncs_.pop_front()) {
    const SyncWait& wait = confirmed_syncs_.front();
    if (!outstanding_.empty() && outstanding_.front().zxid <= wait.target) return;
    if (wait.link == LinkId{}) {
      actions.emplace_back(Synced{});
    } else if (learners_.contains(wait.link)) {
      actions.emplace_back(Send{wait.link, Sync{}});
    }
  }
}

// Time.

void Leader::on_tick(Millis now, Actions& actions) {
  now_ = now;
  if (identity_.alone || lost_) return;
  if (!is_established() && now >= deadline_) {
    return lose("no quorum of followers within initLimit");
  }
  if (is_exhausted() && outstanding_.empty()) return lose("this epoch has no zxid left");
  if (now >= next_beat_) beat(now, actions);
  if (now < next_ping_ || lost_) return;
  next_ping_ = now + Millis{timing_.tick.value / 2};
  drop_laggards(now, actions);
  ping_all(actions);
  quorum_check_due_ = !quorum_check_due_;
  if (quorum_check_due_ && is_established() && !quorum_is_live()) {
    lose("a quorum of followers was silent for longer than syncLimit");
  }
}

// How long a learner that serves may say nothing.
Millis Leader::silence_limit(const LearnerProgress& learner) const {
  return learner.beats ? timing_.heartbeat_timeout : timing_.sync_timeout();
}

// It answers those after UPTODATE.
void Leader::ping(LearnerProgress& learner, Actions& actions) {
  actions.emplace_back(Send{learner.link, Ping{last_proposed_, std::nullopt}});
  if (learner.state == State::kServing) ++learner.pings_sent;
}

// Who is found silent here is one that would otherwise be waited for until syncLimit.
void Leader::beat(Millis now, Actions& actions) {
  next_beat_ = now + timing_.heartbeat;
  std::vector<LinkId> silent;
  for (auto& [link, learner] : learners_) {
    if (!learner.beats || learner.state != State::kServing) continue;
    if (now >= learner.deadline) {
      silent.push_back(link);
    } else {
      ping(learner, actions);
    }
  }
  for (const LinkId link : silent)
    drop(link, "silent for longer than the heartbeat's timeout", actions);
  if (!silent.empty() && is_established() && !quorum_is_live()) {
    lose("a quorum of followers was silent for longer than the heartbeat's timeout");
  }
}

void Leader::ping_all(Actions& actions) {
  for (auto& [link, learner] : learners_) {
    if (!learner.is_attached()) continue;
    ping(learner, actions);
    if (!learner.observer && !learner.lag && learner.sent > learner.acked) {
      learner.lag = {learner.sent, now_};
    }
  }
}

void Leader::drop_laggards(Millis now, Actions& actions) {
  std::vector<std::pair<LinkId, std::string_view>> late;
  for (const auto& [link, learner] : learners_) {
    // The others wait for this server.
    const bool must_speak = learner.state == State::kOpen || learner.state == State::kEpochSent ||
                            learner.state == State::kSynchronizing ||
                            learner.state == State::kServing;
    if (must_speak && now >= learner.deadline) {
      late.emplace_back(link, "silent for too long");
    } else if (learner.lag && now - learner.lag->since > timing_.sync_timeout()) {
      late.emplace_back(link, "a proposal was not acknowledged within syncLimit");
    }
  }
  for (const auto& [link, reason] : late) drop(link, std::string(reason), actions);
}

bool Leader::quorum_is_live() const {
  std::set<ServerId> live{identity_.self};
  for (const auto& [link, learner] : learners_) {
    if (learner.is_attached() && !learner.observer) live.insert(learner.sid);
  }
  return configurations_.is_quorum(live);
}

std::set<ServerId> Leader::learner_ids() const {
  std::set<ServerId> ids;
  for (const auto& [link, learner] : learners_) {
    if (learner.state != State::kOpen) ids.insert(learner.sid);
  }
  return ids;
}

Millis Leader::next_deadline() const {
  if (identity_.alone) return kNever;
  if (is_exhausted() && outstanding_.empty()) return now_;
  const Millis next = std::min(next_ping_, next_beat_);
  return is_established() ? next : std::min(deadline_, next);
}

void Leader::drop(LinkId link, std::string reason, Actions& actions) {
  learners_.erase(link);
  actions.emplace_back(Close{link, std::move(reason)});
}

void Leader::close_all(const std::string& reason, Actions& actions) {
  for (const auto& [link, learner] : learners_) actions.emplace_back(Close{link, reason});
  learners_.clear();
}

void Leader::lose(std::string reason) {
  if (!lost_) lost_ = std::move(reason);
}

Leadership Leader::view() const {
  Leadership view;
  view.last_proposed = last_proposed_;
  view.pending_syncs = asked_syncs_.size() + confirmed_syncs_.size();
  if (sync_round_) view.pending_syncs += sync_round_->waits.size();
  for (const auto& [link, learner] : learners_) {
    if (learner.state == State::kOpen) continue;
    view.learners.push_back({.link = link,
                             .sid = learner.sid,
                             .observer = learner.observer,
                             .votes = configurations_.is_voter(learner.sid),
                             .synced = learner.state == State::kServing,
                             .acked = learner.acked});
  }
  return view;
}

std::string Leader::describe() const {
  std::string_view phase;
  switch (phase_) {
    case Phase::kEpoch:
      phase = "discovery";
      break;
    case Phase::kEpochWrite:
      phase = "discovery, writing acceptedEpoch";
      break;
    case Phase::kEpochAck:
      phase = "discovery, epoch announced";
      break;
    case Phase::kSynchronization:
      phase = "synchronization";
      break;
    case Phase::kBroadcast:
      phase = "broadcast";
      break;
  }
  const auto attached = std::count_if(learners_.begin(), learners_.end(),
                                      [](const auto& l) { return l.second.is_attached(); });
  return concat(phase, " epoch=", epoch_.value, " proposed=", hex_of(last_proposed_),
                " committed=", hex_of(last_committed_), " outstanding=", outstanding_.size(),
                " learners=", learners_.size(), " attached=", attached);
}

}  // namespace paddock::zab
