#include "zab/learner.h"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <variant>

#include "common/check.h"
#include "common/concat.h"

namespace paddock::zab {

namespace {

std::string hex_of(Zxid zxid) {
  return concat("0x", hex(static_cast<std::uint64_t>(zxid.value)));
}

// A leader that was elected on what it said may hear nothing itself: it is not waited for longer
// than a silent one would be.
Millis dial_timeout(const Timing& timing) {
  const bool has_heartbeats = timing.heartbeat > Millis{} && timing.heartbeat_timeout > Millis{};
  return has_heartbeats ? std::min(timing.heartbeat_timeout, timing.init_timeout())
                        : timing.init_timeout();
}

}  // namespace

Learner::Learner(const Identity& identity, const Timing& timing, ServerId leader, LinkId link,
                 bool wants_snapshot, Reconfiguration& reconfiguration, Journal& journal,
                 Millis now, Millis dial_at, Actions& actions)
    : identity_(identity),
      timing_(timing),
      leader_(leader),
      link_(link),
      reconfiguration_(reconfiguration),
      journal_(journal),
      dial_at_(dial_at),
      deadline_(std::max(now, dial_at) + dial_timeout(timing)),
      wants_snapshot_(wants_snapshot) {
  on_tick(now, actions);
}

void Learner::on_link_opened(Millis now, Actions& actions) {
  PADDOCK_CHECK(phase_ == Phase::kDialling);
  phase_ = Phase::kDiscovery;
  deadline_ = now + timing_.init_timeout();
  // The acceptedEpoch that it claims is on disk.
  send_when_durable(
      LearnerInfo{.observer = identity_.observer,
                  .accepted_epoch = journal_.accepted_epoch(),
                  .sid = identity_.self,
                  .config_version = reconfiguration_.configurations().committed->version,
                  .heartbeat = timing_.heartbeat},
      journal_.last_ticket(), actions);
}

void Learner::on_message(Message message, Millis now, Actions& actions) {
  if (phase_ == Phase::kDialling || lost_) return;
  deadline_ = now + silence_limit();
  std::visit([&](auto& m) { on(m, actions); }, message);
}

void Learner::on_tick(Millis now, Actions& actions) {
  if (dial_at_ && now >= *dial_at_) {
    dial_at_.reset();
    actions.emplace_back(Connect{link_, leader_});
  }
  if (lost_ || now < next_deadline()) return;
  lose(phase_ == Phase::kDialling ? "the leader could not be reached in time"
                                  : "the leader was silent for too long");
}

Millis Learner::silence_limit() const {
  if (phase_ == Phase::kServing && heartbeat_ > Millis{}) {
    return std::max(timing_.heartbeat_timeout, Millis{3 * heartbeat_.value});
  }
  const bool in_broadcast = phase_ == Phase::kSynchronized || phase_ == Phase::kServing;
  return in_broadcast ? timing_.sync_timeout() : timing_.init_timeout();
}

Millis Learner::next_deadline() const {
  if (phase_ == Phase::kInstalling) return kNever;
  return dial_at_ ? std::min(*dial_at_, deadline_) : deadline_;
}

void Learner::forward(Message message, Actions& actions) {
  if (is_serving()) actions.emplace_back(Send{link_, std::move(message)});
}

void Learner::on(LeaderInfo& info, Actions& actions) {
  if (phase_ != Phase::kDiscovery) return lose("LEADERINFO out of turn");
  if (info.epoch < journal_.accepted_epoch()) {
    return lose(concat("the leader is of epoch ", info.epoch.value, ", and epoch ",
                       journal_.accepted_epoch().value, " was promised"));
  }
  phase_ = Phase::kSynchronization;
  epoch_ = info.epoch;
  heartbeat_ = info.heartbeat;
  AckEpoch answer;
  // An epoch is acknowledged once; who returns within it says so.
  if (info.epoch > journal_.accepted_epoch()) {
    answer.current_epoch = journal_.current_epoch();
    journal_.write_accepted_epoch(info.epoch, actions);
  }
  // All of the log is on disk by the time this goes out.
  last_received_ = journal_.last_logged();
  answer.last_zxid = wants_snapshot_ ? Zxid{-1} : last_received_;
  send_when_durable(answer, journal_.last_ticket(), actions);
}

void Learner::on(Diff&, Actions&) {
  if (phase_ != Phase::kSynchronization) return lose("DIFF out of turn");
  if (wants_snapshot_) return lose("DIFF where only SNAP will do");
  phase_ = Phase::kCatchingUp;
  commit_point_ = journal_.last_logged();
}

// What is up to there is the leader's history too. Where our log does not hold that very zxid, what
// we hold before it may still differ, so nothing less than a snapshot will do. A zxid with counter
// 0 is not in any log: it stands for all before its epoch.
void Learner::on(Trunc& trunc, Actions& actions) {
  if (phase_ != Phase::kSynchronization) return lose("TRUNC out of turn");
  const Zxid upto = journal_.history().floor(trunc.zxid);
  const bool is_ours = upto == trunc.zxid || trunc.zxid.counter() == 0;
  if (wants_snapshot_ || !is_ours || upto < journal_.history().start()) {
    needs_snapshot_ = true;
    return lose(concat("TRUNC to ", hex_of(trunc.zxid), ", which the log does not hold"));
  }
  phase_ = Phase::kCatchingUp;
  if (upto < journal_.last_logged()) journal_.truncate(upto, actions);
  last_received_ = commit_point_ = upto;
}

void Learner::on(Snap& snap, Actions&) {
  if (phase_ != Phase::kSynchronization) return lose("SNAP out of turn");
  phase_ = Phase::kInstalling;
  snap_zxid_ = snap.zxid;
}

void Learner::on_snapshot_received(Millis now, Actions& actions) {
  PADDOCK_CHECK(phase_ == Phase::kInstalling);
  deadline_ = now + timing_.init_timeout();
  phase_ = Phase::kCatchingUp;
  journal_.install(link_, snap_zxid_, actions);
  last_received_ = commit_point_ = snap_zxid_;
}

void Learner::on(NewLeader& new_leader, Actions& actions) {
  if (phase_ != Phase::kCatchingUp) return lose("NEWLEADER out of turn");
  if (new_leader.epoch != epoch_) {
    return lose(concat("NEWLEADER of epoch ", new_leader.epoch.value, " after LEADERINFO of epoch ",
                       epoch_.value));
  }
  if (new_leader.config && reconfiguration_.is_enabled()) {
    Result<Ensemble> config = parse_ensemble(*new_leader.config);
    if (!config) {
      return lose(concat("the leader's configuration is unreadable: ", config.error().message));
    }
    activations_.push_back({std::make_shared<const Ensemble>(std::move(*config)), std::nullopt});
    reconfiguration_.see(activations_.back().config, actions);
  }
  phase_ = Phase::kSynchronized;
  synchronized_ = commit_point_;
  const WriteTicket epoch_written = journal_.write_current_epoch(epoch_, actions);
  acknowledge(Zxid::make(epoch_, 0), epoch_written, actions);
}

void Learner::on(UpToDate&, Actions& actions) {
  // Held: our acknowledgement of NEWLEADER, which this answers.
  if (phase_ != Phase::kSynchronized || !held_.empty()) return lose("UPTODATE out of turn");
  if (identity_.observer && last_received_ > commit_point_) {
    return lose("UPTODATE, and proposals that are not committed, to an observer");
  }
  for (const Activation& activation : std::exchange(activations_, {})) {
    activate(activation, actions);
    if (lost_) return;
  }
  phase_ = Phase::kServing;
  actions.emplace_back(RoleChanged{identity_.observer ? Role::kObserving : Role::kFollowing,
                                   epoch_,
                                   leader_,
                                   {},
                                   synchronized_});
  acknowledge(Zxid::make(epoch_, 0), {}, actions);
  for (Txn& txn : std::exchange(gathered_, {})) log(std::move(txn), actions);
  journal_.deliver(commit_point_, actions);
}

void Learner::on(Proposal& proposal, Actions& actions) {
  if (!receives_stream()) return lose("PROPOSAL out of turn");
  if (phase_ != Phase::kServing) return gather(std::move(proposal.txn));
  if (identity_.observer) return;  // Source: ZooKeeper, Observer.processPacket: ignored
  if (!journal_.history().follows(proposal.txn.zxid)) {
    return lose(
        concat("PROPOSAL ", hex_of(proposal.txn.zxid), " after ", hex_of(journal_.last_logged())));
  }
  log(std::move(proposal.txn), actions);
}

void Learner::on(Commit& commit, Actions& actions) {
  if (!receives_stream()) return lose("COMMIT out of turn");
  if (identity_.observer && is_serving()) return;
  // A snapshot may be ahead of what the leader then repeats.
  if (commit.zxid <= commit_point_) return;
  if (commit.zxid > last_received_) {
    return lose(concat("COMMIT of ", hex_of(commit.zxid), ", but nothing after ",
                       hex_of(last_received_), " was proposed"));
  }
  commit_point_ = commit.zxid;
  on_commit_point(actions);
}

void Learner::on(Inform& inform, Actions& actions) {
  if (!receives_stream() || !identity_.observer) return lose("INFORM out of turn");
  const Zxid zxid = inform.txn.zxid;
  if (!is_serving()) {
    gather(std::move(inform.txn));
    commit_point_ = std::max(commit_point_, std::min(zxid, last_received_));
    return on_commit_point(actions);
  }
  if (!journal_.history().follows(zxid)) {
    return lose(concat("INFORM ", hex_of(zxid), " after ", hex_of(journal_.last_logged())));
  }
  log(std::move(inform.txn), actions);
  commit_point_ = zxid;
  journal_.deliver(zxid, actions);
}

// Reconfiguration. What is proposed counts from when it is logged on; what is committed before
// UPTODATE is in force with UPTODATE.

void Learner::on(CommitAndActivate& commit, Actions& actions) {
  const auto config = proposed_config(commit.zxid);
  Commit plain{commit.zxid};
  on(plain, actions);
  if (!lost_ && config != nullptr) activate_in_turn({config, commit.designated}, actions);
}

void Learner::on(InformAndActivate& inform, Actions& actions) {
  const auto config = inform.txn.config;
  Inform plain{std::move(inform.txn)};
  on(plain, actions);
  if (!lost_ && config != nullptr) activate_in_turn({config, inform.designated}, actions);
}

// Null: that transaction is none, or was taken note of long ago.
std::shared_ptr<const Ensemble> Learner::proposed_config(Zxid zxid) const {
  for (const Txn& txn : gathered_) {
    if (txn.zxid == zxid) return txn.config;
  }
  const auto& last_seen = reconfiguration_.configurations().last_seen;
  return last_seen != nullptr && last_seen->version == zxid.value ? last_seen : nullptr;
}

void Learner::activate_in_turn(Activation activation, Actions& actions) {
  if (is_serving()) {
    activate(activation, actions);
  } else {
    activations_.push_back(std::move(activation));
  }
}

// Who leads is known with a reconfiguration that is committed now; of one that was before there is
// only the leader that told of it.
void Learner::activate(const Activation& activation, Actions& actions) {
  const Ensemble& next = *activation.config;
  // A ZooKeeper leader tells who joins it of a configuration that it has only proposed.
  const auto is_it = [&](const Txn& txn) { return txn.zxid.value == next.version; };
  if (!activation.designated && std::ranges::any_of(gathered_, is_it)) return;
  const auto before = reconfiguration_.configurations().committed;
  if (!reconfiguration_.activate(activation.config, actions)) return;
  const Member* const self = next.find(identity_.self);
  const bool observes = self != nullptr && self->observer;
  const bool leads_on = activation.designated ? *activation.designated == leader_
                                              : votes_in_one_place(*before, next, leader_);
  if (leads_on && observes == identity_.observer) return;
  appointed_ = activation.designated;
  lose(leads_on
           ? concat("the new configuration makes it ", observes ? "an observer" : "a participant")
           : "the new configuration has another leader");
}

// Not answered during synchronization: the leader counts the answer as a sign of a learner at work.
void Learner::on(Ping& ping, Actions& actions) {
  if (is_serving()) actions.emplace_back(AnswerPing{link_, ping.zxid});
}

void Learner::on(Sync& sync, Actions& actions) {
  if (!is_serving()) return lose("SYNC out of turn");
  actions.emplace_back(FromLeader{sync});
}

void Learner::on(Revalidated& answer, Actions& actions) {
  if (!is_serving()) return lose("REVALIDATE out of turn");
  actions.emplace_back(FromLeader{answer});
}

template <typename T>
void Learner::on(T& message, Actions&) {
  lose(concat("not a leader's message here: ", to_string(Message(std::move(message)))));
}

bool Learner::receives_stream() const {
  return phase_ == Phase::kCatchingUp || phase_ == Phase::kSynchronized ||
         phase_ == Phase::kServing;
}

// Kept until it is known what of it is committed. What a snapshot already holds may come again.
void Learner::gather(Txn txn) {
  if (txn.zxid <= last_received_) return;
  const bool follows = txn.zxid == last_received_.next() ||
                       (txn.zxid.epoch() > last_received_.epoch() && txn.zxid.counter() == 1);
  if (!follows) {
    return lose(concat("PROPOSAL ", hex_of(txn.zxid), " after ", hex_of(last_received_)));
  }
  last_received_ = txn.zxid;
  gathered_.push_back(std::move(txn));
}

// What the leader declares committed while we catch up is logged as it comes: a history longer than
// memory, or than initLimit, gets further with every attempt.
void Learner::on_commit_point(Actions& actions) {
  if (is_serving()) return journal_.deliver(commit_point_, actions);
  if (phase_ != Phase::kCatchingUp) return;
  for (; !gathered_.empty() && gathered_.front().zxid <= commit_point_; gathered_.pop_front()) {
    append(std::move(gathered_.front()), actions);
  }
}

// Whoever has a reconfiguration in its log knows what it says.
WriteTicket Learner::append(Txn txn, Actions& actions) {
  if (txn.config != nullptr) reconfiguration_.see(txn.config, actions);
  return journal_.append(std::move(txn), actions);
}

void Learner::log(Txn txn, Actions& actions) {
  const Zxid zxid = txn.zxid;
  const WriteTicket written = append(std::move(txn), actions);
  last_received_ = zxid;
  if (!identity_.observer) acknowledge(zxid, written, actions);
}

void Learner::acknowledge(Zxid zxid, WriteTicket after, Actions& actions) {
  send_when_durable(Ack{zxid}, after, actions);
}

void Learner::send_when_durable(Message message, WriteTicket after, Actions& actions) {
  if (held_.empty() && journal_.is_durable(after)) {
    actions.emplace_back(Send{link_, std::move(message)});
  } else {
    held_.push_back({after, std::move(message)});
  }
}

void Learner::on_persisted(Actions& actions) {
  for (; !held_.empty() && journal_.is_durable(held_.front().until); held_.pop_front()) {
    actions.emplace_back(Send{link_, std::move(held_.front().message)});
  }
}

void Learner::lose(std::string reason) {
  if (!lost_) lost_ = std::move(reason);
}

std::string Learner::describe() const {
  std::string_view phase;
  switch (phase_) {
    case Phase::kDialling:
      phase = "dialling";
      break;
    case Phase::kDiscovery:
      phase = "discovery";
      break;
    case Phase::kSynchronization:
      phase = "synchronization";
      break;
    case Phase::kInstalling:
      phase = "installing";
      break;
    case Phase::kCatchingUp:
      phase = "catching-up";
      break;
    case Phase::kSynchronized:
      phase = "synchronized";
      break;
    case Phase::kServing:
      phase = "serving";
      break;
  }
  return concat(phase, " leader=", leader_.value, " epoch=", epoch_.value,
                " received=", hex_of(last_received_), " committed=", hex_of(commit_point_),
                " gathered=", gathered_.size(), " held=", held_.size());
}

}  // namespace paddock::zab
