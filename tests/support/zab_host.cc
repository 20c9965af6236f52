#include "tests/support/zab_host.h"

#include <algorithm>

#include "common/check.h"
#include "common/concat.h"
#include "common/op_code.h"
#include "zab/election.h"

namespace paddock::test {

namespace {

constexpr std::uint64_t kIdleTicksMax = 1000;  // in a row at one time: it would never get on
constexpr Micros kPausedRetry = millis(50);

std::uint32_t number(ServerId server) {
  return static_cast<std::uint32_t>(server.value);
}

std::uint64_t bits(Zxid zxid) {
  return static_cast<std::uint64_t>(zxid.value);
}

}  // namespace

ZabHost::ZabHost(HostWorld world, HostOptions options, DiskImage image, Prng random)
    : world_(world),
      options_(std::move(options)),
      random_(random),
      mutator_(options_.mutation, random_.fork()),
      disk_(std::move(image), random_.fork(), options_.mutation) {
  disk_.on_change([this](const DiskWrite& write) {
    world_.checkers.written(id(), write);
    if (running()) written(write);
  });
  world_.checkers.watch(id(), disk_.image(), log_, state_);
  world_.checkers.configured(id(), options_.membership.ensemble, nullptr);
  if (options_.maintain_every.value > 0) {
    world_.queue.put_in({random_.between(0, options_.maintain_every.value)}, SimKind::kMaintain,
                        number(id()));
  }
}

// --- the process

void ZabHost::start() {
  PADDOCK_CHECK(!running());
  ++life_;
  dark_ = false;
  disk_fails_ = false;
  const DiskImage& image = disk_.image();
  state_ = StateMachine(image.recover());
  log_ = image.log;
  zab::History history(log_.start().zxid);
  for (const ModelLog::Logged& logged : log_.txns()) history.append(logged.txn.zxid);
  if (state_.last() != history.last()) fail("LC", "recovers a log that its checkpoint is ahead of");
  for (const Zxid zxid : lost_) history.append(zxid);
  if (mutated(Mutation::kOneMoreRestartZxid) && history.last().counter() != 0) {
    history.append(history.last().next());
  }
  Epoch accepted = image.accepted_epoch;
  if (mutated(Mutation::kForgetAcceptedEpoch)) accepted = image.current_epoch;

  world_.checkers.started(id());
  world_.votes.start(id());
  trace(TraceKind::kStarts, {}, bits(history.last()),
        static_cast<std::uint64_t>(image.current_epoch.value));
  begin_configurations();
  open_service({std::move(history), accepted, image.current_epoch});
  if (running()) take(zab::Tick{});
}

void ZabHost::begin_configurations() {
  const DiskImage& image = disk_.image();
  std::shared_ptr<const zab::Ensemble>& committed = options_.membership.ensemble;
  std::shared_ptr<const zab::Ensemble>& last_seen = options_.membership.last_seen;
  const bool goes_on = !mutated(Mutation::kRestartWithFirstConfig);
  if (image.committed != nullptr && goes_on) committed = image.committed;
  last_seen = image.last_seen;
  if (mutated(Mutation::kRestartWithProposedConfig) && last_seen != nullptr) {
    committed = std::exchange(last_seen, nullptr);
  }
  world_.checkers.configured(id(), committed, last_seen);
}

void ZabHost::open_service(zab::Durable durable) {
  replica_ = std::make_unique<zab::Replica>(options_.membership, std::move(durable));
}

void ZabHost::close_service() {
  replica_.reset();
  forget_clients();
}

void ZabHost::stop(bool dark) {
  PADDOCK_CHECK(running());
  trace(TraceKind::kStops, {}, 0, dark ? 1 : 0);
  lost_.clear();
  if (mutated(Mutation::kRestartFromMemory)) {
    const auto& txns = log_.txns();
    for (std::size_t i = log_.index_after(disk_.image().last()); i < txns.size(); ++i) {
      lost_.push_back(txns[i].txn.zxid);
    }
  }
  close_service();
  dark_ = dark;
  world_.checkers.stopped(id());
  world_.links.stop(id(), dark);
  world_.votes.stop(id(), dark);
  if (options_.crash_keeps_some) {
    disk_.lose_power();
  } else {
    disk_.lose_pending();
  }
  role_ = zab::Role::kLooking;
  state_ = {};
  log_ = {};
  inbox_.clear();
  held_back_.clear();
  links_.clear();
  paused_ = false;
  writing_ = false;
  timer_at_ = Micros{INT64_MAX};
  actions_left_.reset();
}

void ZabHost::wipe() {
  PADDOCK_CHECK(!running());
  lost_.clear();
  disk_.wipe();
  world_.checkers.wiped(id());
}

void ZabHost::pause() {
  PADDOCK_CHECK(running() && !paused_);
  trace(TraceKind::kPauses);
  paused_ = true;
}

void ZabHost::resume() {
  PADDOCK_CHECK(running() && paused_);
  trace(TraceKind::kResumes);
  paused_ = false;
  running_inbox_ = true;  // all of it is there at once
  while (!held_back_.empty()) {
    Arrival arrival = std::move(held_back_.front());
    held_back_.pop_front();
    if (auto* event = std::get_if<zab::Event>(&arrival)) {
      take(std::move(*event));
    } else {
      auto& snapshot = std::get<ArrivedSnapshot>(arrival);
      take_snapshot(snapshot.link, std::move(snapshot.snapshot));
    }
  }
  running_inbox_ = false;
  take(zab::Tick{});
}

void ZabHost::stop_after_actions(std::uint64_t count, bool dark) {
  actions_left_ = count;
  stop_dark_ = dark;
}

void ZabHost::spare() {
  actions_left_.reset();
  disk_fails_ = false;
}

void ZabHost::hurry() {
  const HostOptions usual;
  options_.disk_max = usual.disk_max;
  options_.group_commit = true;
  options_.pump_max = {};
  options_.pump_txns = UINT64_MAX;
}

Presence ZabHost::presence() const {
  if (running()) return Presence::kUp;
  return dark_ ? Presence::kDark : Presence::kDown;
}

// --- what reaches it

void ZabHost::take(zab::Event event) {
  if (!running()) return;
  if (paused_) {
    held_back_.emplace_back(std::move(event));
    return;
  }
  inbox_.emplace_back(std::move(event));
  run();
}

void ZabHost::take_snapshot(zab::LinkId link, Snapshot snapshot) {
  if (!running()) return;
  if (paused_) {
    held_back_.emplace_back(ArrivedSnapshot{link, std::move(snapshot)});
    return;
  }
  const auto found = links_.find(link);
  if (found == links_.end()) return;  // the Replica closed it
  trace(TraceKind::kHearsSnapshot, peer_of(link), link.value, bits(snapshot->last()));
  found->second.received = std::move(snapshot);
  take(zab::SnapshotReceived{link});
}

void ZabHost::on_timer() {
  if (!running() || world_.queue.now() < timer_at_) return;
  timer_at_ = Micros{INT64_MAX};
  if (paused_) return;
  if (local_now() >= next_deadline()) return take(zab::Tick{});
  arm_timer();
}

void ZabHost::on_disk(std::uint64_t life) {
  if (life != life_ || !running()) return;
  if (disk_fails_) {
    trace(TraceKind::kDiskFails);
    return stop(false);
  }
  zab::WriteTicket last;
  for (; being_written_ > 0; --being_written_) last = disk_.complete();
  writing_ = false;
  begin_writes();
  if (!mutated(Mutation::kReportBeforeWrite)) take(zab::Persisted{last});
}

void ZabHost::on_pump(zab::LinkId link) {
  const auto found = links_.find(link);
  if (found == links_.end()) return;
  if (paused_) {
    return world_.queue.put_in(kPausedRetry, SimKind::kPump, number(id()), link.value);
  }
  found->second.pumping = false;
  pump(link);
}

// Takes a checkpoint, and forgets some of the log that it makes needless.
void ZabHost::on_maintain() {
  world_.queue.put_in({random_.between(1, 2 * options_.maintain_every.value)}, SimKind::kMaintain,
                      number(id()));
  if (!serves()) return;  // what it has may not be committed
  checkpoint();
  const StateCopy& checkpoint = disk_.image().checkpoint;
  if (checkpoint.entries.empty() || random_.below(3) == 0) return;
  const std::size_t count = log_.index_after(std::min(checkpoint.last(), trim_limit()));
  if (count > 0) trim(log_.txns()[random_.below(count)].txn.zxid);
}

void ZabHost::checkpoint() {
  PADDOCK_CHECK(serves());
  const Zxid durable = disk_.image().last();
  if (mutated(Mutation::kCheckpointTooFar)) {
    return disk_.checkpoint(disk_.image().recover(), durable);
  }
  disk_.checkpoint(state_.entries(), std::min(state_.last(), durable));
}

void ZabHost::trim(Zxid start) {
  PADDOCK_CHECK(serves());
  disk_.trim(start);
  log_.trim(start);
  trace(TraceKind::kTrims, {}, bits(start));
  take(zab::HistoryTrimmed{start});
}

// What is promised to a learner has to stay.
Zxid ZabHost::trim_limit() const {
  Zxid limit{INT64_MAX};
  for (const auto& [id, link] : links_) {
    for (const Outgoing& outgoing : link.outgoing) {
      if (const auto* part = std::get_if<HistoryPart>(&outgoing)) {
        limit = std::min(limit, part->after);
      }
    }
  }
  return limit;
}

void ZabHost::run() {
  if (running_inbox_) return;  // whoever runs it comes to the new one
  running_inbox_ = true;
  while (!inbox_.empty() && running()) {
    Work work = std::move(inbox_.front());
    inbox_.pop_front();
    if (auto* event = std::get_if<zab::Event>(&work)) {
      step(std::move(*event));
    } else {
      std::holds_alternative<Wish>(work) ? propose(std::get<Wish>(work).op)
                                         : propose(std::move(std::get<zab::Ensemble>(work)));
    }
  }
  running_inbox_ = false;
  if (running()) arm_timer();
}

void ZabHost::step(zab::Event event) {
  trace_event(event);
  if (const auto* closed = std::get_if<zab::LinkClosed>(&event)) links_.erase(closed->link);
  if (const auto* opened = std::get_if<zab::LinkOpened>(&event)) links_[opened->link].open = true;
  const bool tick = std::holds_alternative<zab::Tick>(event);
  actions_.clear();
  replica_->step(std::move(event), local_now(), actions_);
  const bool idle = tick && actions_.empty() && local_now() == ticked_at_;
  idle_ticks_ = idle ? idle_ticks_ + 1 : 0;
  if (tick) ticked_at_ = local_now();
  for (zab::Action& action : actions_) {
    if (tears()) return;
    std::visit([this](auto& what) { carry_out(what); }, action);
    if (!running()) return;
  }
  world_.checkers.step_ended(id());
  check_replica();
}

// True: it has ended here, within carrying out a step's actions.
bool ZabHost::tears() {
  if (!actions_left_ || (*actions_left_)-- != 0) return false;
  stop(stop_dark_);
  return true;
}

void ZabHost::propose(const Op& op) {
  // Else whoever asked hears of it by the change of role.
  if (role_ != zab::Role::kLeading || replica_->is_exhausted()) return;
  zab::Txn txn{replica_->next_zxid(), encode(op)};
  world_.checkers.proposed(id(), txn);
  trace(TraceKind::kProposes, {}, bits(txn.zxid));
  if (mutated(Mutation::kAckBeforeCommit)) acknowledge(op, txn.zxid);
  step(zab::Propose{std::move(txn)});
}

void ZabHost::propose(zab::Ensemble next) {
  if (role_ != zab::Role::kLeading || replica_ == nullptr || replica_->is_exhausted()) return;
  if (replica_->configurations().last_seen != nullptr) return;
  const std::optional<zab::Leadership> leadership = replica_->leadership();
  if (!leadership) return;
  std::set<ServerId> synced{id()};
  for (const auto& learner : leadership->learners) {
    if (learner.synced && !learner.observer) synced.insert(learner.sid);
  }
  if (!zab::is_quorum(next, synced)) return;
  const Zxid zxid = replica_->next_zxid();
  next.version = zxid.value;
  const std::string text = to_text(next);  // which is no Op
  zab::Txn txn{zxid, std::make_shared<const Bytes>(text.begin(), text.end()),
               std::make_shared<const zab::Ensemble>(std::move(next))};
  world_.checkers.proposed(id(), txn);
  trace(TraceKind::kProposes, {}, bits(zxid));
  step(zab::Propose{std::move(txn)});
}

// What a Replica says of itself is what its host knows.
void ZabHost::check_replica() {
  if (replica()->role() != role_) fail("ML", "changed its role and said nothing");
  if (replica()->last_logged() != log_.last().zxid) {
    fail("LC", concat("says its log ends at ", text_of(replica()->last_logged()),
                      ", and it ends at ", text_of(log_.last().zxid)));
  }
}

void ZabHost::arm_timer() {
  const Millis deadline = next_deadline();
  if (deadline >= zab::kNever) return;
  if (idle_ticks_ > kIdleTicksMax) return fail("LV", "asks for a Tick again and again");
  // The first time at which local_now() says `deadline`.
  const std::int64_t local = deadline.value * 1000;
  const std::int64_t rate = options_.clock_rate;
  const Micros due{(local / rate) * 1'000'000 + ((local % rate) * 1'000'000 + rate - 1) / rate};
  const Micros at = std::max(due, world_.queue.now());
  if (at >= timer_at_) return;
  timer_at_ = at;
  world_.queue.put(at, SimKind::kTimer, number(id()));
}

Millis ZabHost::local_now() const {
  const std::int64_t now = world_.queue.now().value;
  const std::int64_t rate = options_.clock_rate;
  return {((now / 1'000'000) * rate + (now % 1'000'000) * rate / 1'000'000) / 1000};
}

// --- its clients

void ZabHost::reconfigure(zab::Ensemble next) {
  if (!running() || paused_) return;
  inbox_.emplace_back(std::move(next));
  if (!running_inbox_) run();
}

void ZabHost::write(const Op& op) {
  PADDOCK_CHECK(serves());
  writes_.insert({op.session, op.cxid});
  touched_.push_back({op.session, Millis{10'000}});
  if (role_ == zab::Role::kLeading) {
    inbox_.emplace_back(Wish{op});
    return run();
  }
  if (mutated(Mutation::kSwapRequests) && !overtaken_ && random_.below(20) == 0) {
    overtaken_ = op;
    return;
  }
  forward_request(op, static_cast<std::int32_t>(OpCode::kSetData));
  if (overtaken_ && running()) {
    forward_request(*std::exchange(overtaken_, std::nullopt),
                    static_cast<std::int32_t>(OpCode::kSetData));
  }
}

void ZabHost::sync(SessionId session) {
  PADDOCK_CHECK(serves());
  if (mutated(Mutation::kReadWithoutSync)) return world_.user.synced(session, state_.size());
  syncs_.push_back(session);
  trace(TraceKind::kSyncAsked);
  if (role_ == zab::Role::kLeading) return take(zab::SyncRequested{});
  forward_request({session, 0, 0}, static_cast<std::int32_t>(OpCode::kSync));
}

void ZabHost::revalidate(SessionId session) {
  PADDOCK_CHECK(serves());
  if (role_ == zab::Role::kLeading) return world_.user.revalidated(session);
  revalidations_.push_back(session);
  take(zab::Forward{zab::Revalidate{session, Millis{10'000}}});
}

void ZabHost::forward_request(const Op& op, std::int32_t op_code) {
  take(zab::Forward{zab::Request{op.session, op.cxid, op_code, encode(op), std::vector<Id>{}}});
}

void ZabHost::acknowledge(const Op& op, Zxid zxid) {
  if (writes_.erase({op.session, op.cxid}) == 0) return;
  trace(TraceKind::kAcknowledges, {}, bits(zxid));
  world_.user.written(op, zxid);
}

void ZabHost::forget_clients() {
  writes_.clear();
  syncs_.clear();
  revalidations_.clear();
  touched_.clear();
  overtaken_.reset();
  world_.user.lost(id());
}

// --- for those who look

std::string ZabHost::describe() const {
  const DiskImage& image = disk_.image();
  std::string text = concat(id().value, ": ");
  if (!running()) {
    text += dark_ ? "without power" : "stopped";
  } else {
    text +=
        concat(replica()->describe(), paused_ ? " paused" : "", " state=", text_of(state_.last()),
               " log=", text_of(log_.start().zxid), "..", text_of(log_.last().zxid));
  }
  return concat(text, " | disk ", text_of(image.log.start().zxid), "..", text_of(image.last()),
                " acceptedEpoch=", image.accepted_epoch.value,
                " currentEpoch=", image.current_epoch.value, " pending=", disk_.pending().size());
}

void ZabHost::fail(std::string_view code, std::string_view what) {
  world_.checkers.fail(code, id(), what);
}

ServerId ZabHost::peer_of(zab::LinkId link) const {
  const std::optional<LinkEnd> end = world_.links.find(id(), link);
  return end ? world_.links.peer(*end) : ServerId{};
}

void ZabHost::trace(TraceKind kind, ServerId peer, std::uint64_t a, std::uint64_t b) {
  world_.trace.add({world_.queue.now(), kind, id(), peer, a, b, {}});
}

void ZabHost::trace_about(TraceKind kind, ServerId peer, std::uint64_t a,
                          decltype(TraceEntry::about) about) {
  world_.trace.add({world_.queue.now(), kind, id(), peer, a, 0, std::move(about)});
}

void ZabHost::trace_event(const zab::Event& event) {
  if (const auto* received = std::get_if<zab::Received>(&event)) {
    trace_about(TraceKind::kHears, peer_of(received->link), received->link.value,
                received->message);
  } else if (const auto* notified = std::get_if<zab::Notified>(&event)) {
    trace_about(TraceKind::kHearsVote, notified->from, 0, notified->notification);
  } else if (const auto* persisted = std::get_if<zab::Persisted>(&event)) {
    trace(TraceKind::kPersisted, {}, persisted->ticket.value);
  } else if (const auto* opened = std::get_if<zab::LinkOpened>(&event)) {
    trace(TraceKind::kLinkOpened, peer_of(opened->link), opened->link.value);
  } else if (const auto* closed = std::get_if<zab::LinkClosed>(&event)) {
    trace(TraceKind::kLinkClosed, {}, closed->link.value);
  } else if (const auto* reachable = std::get_if<zab::PeerReachable>(&event)) {
    trace(TraceKind::kReachable, reachable->peer, reachable->reachable ? 1 : 0);
  }
}

}  // namespace paddock::test
