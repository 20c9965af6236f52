// What a simulated host does for each action of its Replica.
#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/concat.h"
#include "common/op_code.h"
#include "tests/support/zab_host.h"

namespace paddock::test {

namespace {

constexpr Micros kDiskStallMax = seconds(10);

std::uint64_t bits(Zxid zxid) {
  return static_cast<std::uint64_t>(zxid.value);
}

std::uint64_t bits(Epoch epoch) {
  return static_cast<std::uint64_t>(epoch.value);
}

}  // namespace

// --- the election port

void ZabHost::carry_out(zab::Notify& notify) {
  const zab::Notification notification = mutator_.on_wire(notify.notification);
  world_.checkers.notified(id(), notify.to, notification);
  if (notify.to == id()) return;
  trace_about(TraceKind::kNotifies, notify.to, 0, notification);
  world_.votes.notify(id(), notify.to, notification);
}

// --- links

void ZabHost::carry_out(zab::Connect& connect) {
  const bool odd = connect.link.value % 2 == 1;
  if (!odd || links_.contains(connect.link) || connect.leader == id()) {
    return fail("ML",
                concat("connects to ", connect.leader.value, " as link ", connect.link.value));
  }
  trace(TraceKind::kConnects, connect.leader, connect.link.value);
  links_[connect.link] = {};
  world_.links.dial(id(), connect.link, connect.leader);
}

void ZabHost::carry_out(zab::Close& close) {
  if (links_.erase(close.link) == 0) {
    return fail("ML", concat("closes link ", close.link.value, ", which is closed"));
  }
  trace_about(TraceKind::kCloses, peer_of(close.link), close.link.value, std::move(close.reason));
  // Else it broke, and the news waits behind what is being done.
  if (world_.links.find(id(), close.link)) world_.links.close(id(), close.link);
}

void ZabHost::carry_out(zab::Send& send) {
  say(send.link, Speech{std::move(send.message)});
}

void ZabHost::carry_out(zab::SendHistory& history) {
  if (history.after < log_.start().zxid || history.upto > log_.last().zxid) {
    return fail("LC", concat("wants to send the history after ", text_of(history.after), " up to ",
                             text_of(history.upto), ", and its log has that after ",
                             text_of(log_.start().zxid), " up to ", text_of(log_.last().zxid)));
  }
  say(history.link, HistoryPart{history.after, history.upto});
}

void ZabHost::carry_out(zab::SendSnapshot& snapshot) {
  const Snapshot content = snapshot_upto(snapshot.upto);
  if (content == nullptr) {
    return fail("LC", concat("wants to send a snapshot up to ", text_of(snapshot.upto),
                             ", and its state is at ", text_of(state_.last())));
  }
  const Zxid last = content->last();
  if (mutated(Mutation::kSnapshotSaysMore)) {
    say(snapshot.link, Speech{zab::Message{zab::Snap{snapshot.upto}}});
    return say(snapshot.link, Speech{content});
  }
  say(snapshot.link, Speech{zab::Message{zab::Snap{last}}});
  if (running()) say(snapshot.link, Speech{content});
  if (running()) say(snapshot.link, HistoryPart{last, snapshot.upto});
}

// The state as it is, or as the checkpoint has it, whichever happens to be at hand. The log must go
// on from there: it does not from an old checkpoint while an installed snapshot is being written.
Snapshot ZabHost::snapshot_upto(Zxid upto) {
  const StateCopy& checkpoint = disk_.image().checkpoint;
  const bool has_checkpoint =
      checkpoint.last() <= upto && disk_.image().log.start() == log_.start();
  const bool has_state = state_.last() <= upto;
  if (!has_checkpoint && !has_state) return nullptr;
  const bool takes_state = has_state && (!has_checkpoint || random_.below(2) == 0);
  return std::make_shared<const StateCopy>(takes_state ? StateCopy{state_.entries(), nullptr}
                                                       : checkpoint);
}

void ZabHost::say(zab::LinkId link, Outgoing outgoing) {
  const auto found = links_.find(link);
  if (found == links_.end() || !found->second.open) {
    return fail("ML", concat("sends on link ", link.value, ", which is not open"));
  }
  found->second.outgoing.push_back(std::move(outgoing));
  if (!found->second.pumping) pump(link);
}

// Says what waits, up to a part of a history that takes longer.
void ZabHost::pump(zab::LinkId link) {
  Link& out = links_.at(link);
  while (!out.outgoing.empty()) {
    if (auto* speech = std::get_if<Speech>(&out.outgoing.front())) {
      say_one(link, std::move(*speech));
    } else if (!say_history(link, std::get<HistoryPart>(out.outgoing.front()))) {
      out.pumping = true;
      return world_.queue.put_in({random_.between(0, options_.pump_max.value)}, SimKind::kPump,
                                 static_cast<std::uint32_t>(id().value), link.value);
    }
    out.outgoing.pop_front();
  }
}

// True: all of it is said.
bool ZabHost::say_history(zab::LinkId link, HistoryPart& part) {
  const auto& txns = log_.txns();
  PADDOCK_CHECK(part.after >= log_.start().zxid);  // trim_limit() keeps it
  std::uint64_t left = options_.pump_txns;
  for (std::size_t i = log_.index_after(part.after); i < txns.size(); ++i) {
    const zab::Txn& txn = txns[i].txn;
    if (txn.zxid > part.upto) return true;
    if (left-- == 0) return false;
    part.after = txn.zxid;
    if (mutated(Mutation::kHistoryHole) && random_.below(4) == 0) continue;
    if (mutated(Mutation::kHistoryShort) && txn.zxid == part.upto) continue;
    say_one(link, Speech{zab::Message{zab::Proposal{txn}}});
    say_one(link, Speech{zab::Message{zab::Commit{txn.zxid}}});
  }
  return true;
}

void ZabHost::say_one(zab::LinkId link, Speech speech) {
  const std::optional<LinkEnd> end = world_.links.find(id(), link);
  if (!end) return;  // it broke, and the news waits behind what is being done
  if (const auto* message = std::get_if<zab::Message>(&speech)) {
    trace_about(TraceKind::kSays, world_.links.peer(*end), link.value, *message);
  }
  world_.links.say(id(), link, std::move(speech));
}

// --- the disk

void ZabHost::carry_out(zab::Append& append) {
  for (const zab::Txn& txn : append.txns) {
    if (txn.payload == nullptr || !follows(log_.last().zxid, txn.zxid)) {
      return fail("LC",
                  concat("appends ", text_of(txn.zxid), " after ", text_of(log_.last().zxid)));
    }
    log_.append(txn);
  }
  trace(TraceKind::kAppends, {}, append.ticket.value, bits(log_.last().zxid));
  submit({std::move(append)});
}

void ZabHost::carry_out(zab::Truncate& truncate) {
  trace(TraceKind::kTruncates, {}, truncate.ticket.value, bits(truncate.upto));
  const Zxid kept = disk_.image().checkpoint.last();
  if (truncate.upto < log_.start().zxid || truncate.upto < kept) {
    return fail("CNL",
                concat("truncates to ", text_of(truncate.upto), ", and its log starts after ",
                       text_of(log_.start().zxid), ", its checkpoint is of ", text_of(kept)));
  }
  log_.truncate(truncate.upto);
  truncate_state(truncate);
  submit({truncate});
}

void ZabHost::truncate_state(const zab::Truncate& truncate) {
  if (!mutated(Mutation::kTruncateKeepsState)) state_.roll_back(truncate.upto);
}

void ZabHost::install_state(const zab::InstallSnapshot&, const Snapshot& snapshot) {
  state_ = StateMachine(snapshot->entries);
}

void ZabHost::carry_out(zab::InstallSnapshot& install) {
  const auto found = links_.find(install.link);
  if (found == links_.end() || found->second.received == nullptr) {
    return fail("ML", concat("installs a snapshot that link ", install.link.value, " has not got"));
  }
  const Snapshot snapshot = std::exchange(found->second.received, nullptr);
  trace(TraceKind::kInstalls, {}, install.ticket.value, bits(snapshot->last()));
  install_state(install, snapshot);
  log_ = ModelLog(snapshot->entries.empty() ? Entry{} : snapshot->entries.back());
  submit({DiskWrite::Install{install.ticket, snapshot}});
}

void ZabHost::carry_out(zab::WriteAcceptedEpoch& accepted) {
  trace(TraceKind::kWritesAccepted, {}, accepted.ticket.value, bits(accepted.epoch));
  submit({accepted});
}

void ZabHost::carry_out(zab::WriteCurrentEpoch& current) {
  trace(TraceKind::kWritesCurrent, {}, current.ticket.value, bits(current.epoch));
  submit({current});
}

void ZabHost::carry_out(zab::WriteConfigurations& configurations) {
  const auto& [ticket, committed, last_seen] = configurations;
  trace_about(
      TraceKind::kWritesConfig, {}, ticket.value,
      concat("configuration of ", text_of(Zxid{committed->version}),
             last_seen == nullptr ? "" : concat(", proposed ", text_of(Zxid{last_seen->version}))));
  submit({configurations});
}

void ZabHost::carry_out(zab::ConfigurationsChanged& changed) {
  world_.checkers.configured(id(), changed.committed, changed.last_seen);
}

void ZabHost::submit(DiskWrite write) {
  world_.checkers.asked(id(), write);
  const zab::WriteTicket ticket = write.ticket();
  disk_.submit(std::move(write));
  begin_writes();
  if (mutated(Mutation::kReportBeforeWrite)) take(zab::Persisted{ticket});
}

void ZabHost::begin_writes() {
  if (writing_ || disk_.pending().empty()) return;
  writing_ = true;
  being_written_ = options_.group_commit ? disk_.pending().size() : 1;
  const auto usual = random_.between(options_.disk_min.value, options_.disk_max.value);
  const auto slowed = static_cast<std::int64_t>(static_cast<double>(usual) * disk_factor_);
  const Micros taken = std::min(Micros{slowed}, kDiskStallMax);
  world_.queue.put_in(taken, SimKind::kDisk, static_cast<std::uint32_t>(id().value), life_);
}

// --- the state machine and its clients

void ZabHost::carry_out(zab::Deliver& deliver) {
  const zab::Txn& txn = deliver.txn;
  trace(TraceKind::kDelivers, {}, bits(txn.zxid));
  if (mutated(Mutation::kSkipDelivery) && random_.below(50) == 0) return;
  if (!follows(state_.last(), txn.zxid) || !state_.apply(txn)) {
    return fail("LPO", concat("delivers ", text_of(txn.zxid), " after ", text_of(state_.last())));
  }
  world_.checkers.delivered(id());
  if (const std::optional<Op> op = decode_op(txn.payload)) acknowledge(*op, txn.zxid);
}

void ZabHost::carry_out(zab::RoleChanged& change) {
  trace(TraceKind::kRole, change.leader, static_cast<std::uint64_t>(change.role),
        bits(change.epoch));
  role_ = change.role;
  epoch_ = change.epoch;
  leader_ = change.leader;
  world_.checkers.role_changed(id(), change);
  if (role_ == zab::Role::kLooking) forget_clients();
}

void ZabHost::carry_out(zab::FromLearner& from) {
  if (role_ != zab::Role::kLeading) return fail("ML", "hands on a learner's message and looks");
  if (const auto* request = std::get_if<zab::Request>(&from.message)) {
    if (request->op_code != static_cast<std::int32_t>(OpCode::kSync)) {
      const std::optional<Op> op = decode_op(request->body);
      PADDOCK_CHECK(op.has_value());
      inbox_.emplace_back(Wish{*op});
    } else if (mutated(Mutation::kSyncAtOnce)) {
      say(from.link, Speech{zab::Message{zab::Sync{}}});
    } else {
      trace(TraceKind::kSyncAsked, from.learner, from.link.value);
      inbox_.emplace_back(zab::SyncRequested{from.link});
    }
  } else if (const auto* revalidate = std::get_if<zab::Revalidate>(&from.message)) {
    inbox_.emplace_back(zab::Answer{from.link, {revalidate->session, true}});
  } else if (!std::holds_alternative<zab::Ping>(from.message)) {
    fail("ML", concat("hands on a learner's ", to_string(from.message)));
  }
}

void ZabHost::carry_out(zab::FromLeader& from) {
  if (const auto* revalidated = std::get_if<zab::Revalidated>(&from.message)) {
    if (revalidations_.empty() || revalidations_.front() != revalidated->session) {
      return fail("ML", "hands on an answer that nobody waits for");
    }
    revalidations_.pop_front();
    return world_.user.revalidated(revalidated->session);
  }
  if (!std::holds_alternative<zab::Sync>(from.message)) {
    return fail("ML", concat("hands on the leader's ", to_string(from.message)));
  }
  zab::Synced synced;
  carry_out(synced);
}

void ZabHost::carry_out(zab::AnswerPing& ping) {
  say(ping.link, Speech{zab::Message{zab::Ping{ping.zxid, std::exchange(touched_, {})}}});
}

void ZabHost::carry_out(zab::Synced&) {
  if (syncs_.empty()) return fail("ML", "answers a sync that nobody asked for");
  const SessionId session = syncs_.front();
  syncs_.pop_front();
  trace(TraceKind::kSyncDone);
  world_.user.synced(session, state_.size());
}

}  // namespace paddock::test
