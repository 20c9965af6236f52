#include "tests/support/core_host.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "common/check.h"
#include "common/concat.h"

namespace paddock::test {

namespace {

constexpr std::int64_t kWallStart = 1'700'000'000'000;

std::uint32_t number(ServerId server) {
  return static_cast<std::uint32_t>(server.value);
}

server::CoreOptions core_options(const HostOptions& host, const CoreHostOptions& core) {
  server::CoreOptions options;
  options.server_id = host.membership.self;
  options.membership = host.membership;
  options.tick_time = host.membership.timing.tick;
  options.session_timeout_min = core.session_timeout_min;
  options.session_timeout_max = core.session_timeout_max;
  options.container_check_interval = core.container_check_interval;
  options.enforce_quota = core.enforce_quota;
  options.local_sessions = options.local_sessions_upgrading = core.local_sessions;
  options.read_only = core.read_only;
  options.reconfig_enabled = host.membership.reconfig_enabled;
  options.standalone_enabled = core.standalone_enabled;
  return options;
}

}  // namespace

CoreHost::CoreHost(HostWorld world, HostOptions options, CoreHostOptions core, Around around,
                   Prng random)
    : ZabHost(world, std::move(options), {}, random), core_options_(core), around_(around) {
  PADDOCK_CHECK(core.io_threads >= 1 && core.io_threads < 16);
}

// --- the process

void CoreHost::open_service(zab::Durable durable) {
  batch_ = {};
  tree_ = recover(disk_.image());
  if (tree_->last_zxid() != state_.last()) {
    return fail("TR", concat("recovers a tree at ", text_of(tree_->last_zxid())));
  }
  compare();
  io_.clear();
  CoreIoHost& itself = *this;
  for (std::uint32_t i = 0; i < core_options_.io_threads; ++i) io_.emplace_back(itself, i);
  core_ = std::make_unique<server::Core>(core_options(options_, core_options_), *tree_,
                                         std::move(durable), local_now(), wall_now());
}

void CoreHost::close_service() {
  around_.checkers.reconfigs().stopped(core_->replica().configurations().last_seen != nullptr);
  core_.reset();
  around_.lines.stop(id());
  io_.clear();
  to_core_.clear();
  wake_due_ = false;
  mail_due_.clear();
  replacements_.clear();
  checkpoint_.reset();
  closed_links_.clear();
  closed_here_.clear();
  heard_.clear();
  owed_.clear();
  used_by_.clear();
  unanswered_.clear();
  answered_.clear();
}

// As server/storage/recovery.h does it: the checkpoint, and the log from there on.
std::unique_ptr<server::DataTree> CoreHost::recover(const DiskImage& image) {
  std::unique_ptr<server::DataTree> tree = load(image.checkpoint.tree.get());
  // The first checkpoint of a new server is a whole one.
  if (image.checkpoint.tree == nullptr) tree->mark_all_dirty();
  std::vector<zab::Txn> txns;
  for (const ModelLog::Logged& logged : image.log.txns()) {
    if (logged.txn.zxid > tree->last_zxid()) txns.push_back(logged.txn);
  }
  if (mutated(CoreMutation::kReplaySwapped) && txns.size() > 2) {
    const std::size_t i = random_.below(txns.size() - 2);
    std::swap(txns[i], txns[i + 1]);
  }
  server::Applied applied;
  for (const zab::Txn& txn : txns) {
    const Result<Txn> decoded = decode_txn(*txn.payload);
    PADDOCK_CHECK(decoded.ok());
    tree->apply(*decoded, false, applied);
    if (applied.digest_differs)
      fail("TR", concat("replays ", text_of(txn.zxid), " to another end"));
  }
  return tree;
}

WallMillis CoreHost::wall_now() const {
  return {kWallStart + core_options_.wall_ahead_ms + world_.queue.now().value / 1000};
}

// --- the core thread

void CoreHost::send_to_core(server::CoreEvent event) {
  const auto* request = std::get_if<server::ClientRequest>(&event);
  if (request != nullptr && mutated(CoreMutation::kAnswerWhenLogged)) {
    unanswered_[{request->session, request->header.xid}] = request->connection;
  }
  to_core_.push_back(std::move(event));
  wake_core();
}

void CoreHost::wake_core() {
  if (std::exchange(wake_due_, true)) return;
  world_.queue.put_in({random_.between(0, core_options_.wake_max.value)}, SimKind::kCore,
                      number(id()), life_);
}

void CoreHost::on_core(std::uint64_t life) {
  if (life != life_ || !running()) return;
  wake_due_ = false;
  if (!paused_) turn();  // else resume() does
}

// Sometimes what has come waits, and makes one batch with what comes next.
void CoreHost::run() {
  if (running_inbox_ || wake_due_) return;
  const std::uint64_t one_in = core_options_.batch_one_in;
  if (one_in != 0 && random_.below(one_in) == 0) return wake_core();
  turn();
}

void CoreHost::turn() {
  running_inbox_ = true;
  while (running() && world_.checkers.ok() && (!to_core_.empty() || !inbox_.empty())) {
    const bool tick_only = to_core_.empty() && inbox_.size() == 1 &&
                           std::holds_alternative<zab::Tick>(std::get<zab::Event>(inbox_[0]));
    stepped_ = false;
    for (server::CoreEvent& event : std::exchange(to_core_, {})) step(std::move(event));
    while (!inbox_.empty()) {
      zab::Event event = std::move(std::get<zab::Event>(inbox_.front()));
      inbox_.pop_front();
      trace_event(event);
      if (const auto* closed = std::get_if<zab::LinkClosed>(&event)) {
        closed_links_.push_back(closed->link);
      } else if (const auto* opened = std::get_if<zab::LinkOpened>(&event)) {
        links_[opened->link].open = true;
      } else if (const auto* persisted = std::get_if<zab::Persisted>(&event)) {
        take_replacements(persisted->ticket);
      }
      std::visit(
          [this](auto& what) {
            if constexpr (std::is_constructible_v<server::CoreEvent, decltype(std::move(what))>) {
              step(std::move(what));
            } else {
              PADDOCK_CHECK(!"an event that only a Core gives its engine");
            }
          },
          event);
    }
    if (local_now() >= core_->next_deadline()) step(zab::Tick{});
    carry_out_batch();
    idle_ticks_ = tick_only && !stepped_ ? idle_ticks_ + 1 : 0;
  }
  running_inbox_ = false;
  if (running()) arm_timer();
}

void CoreHost::step(server::CoreEvent event) {
  const HeardFrom heard = heard_in(event);
  spoil(event);
  std::optional<zab::Proposal> proposal;
  zab::LinkId link;
  if (const auto* received = std::get_if<zab::Received>(&event)) {
    link = received->link;
    const auto* message = std::get_if<zab::Proposal>(&received->message);
    if (message != nullptr && mutated(CoreMutation::kActivateOnProposal)) proposal = *message;
  }
  const std::size_t writes = batch_.writes.size(), peers = batch_.peers.size();
  core_->step(std::move(event), local_now(), wall_now(), batch_);
  note_heard(heard);
  std::vector<zab::Txn> proposed;
  for (std::size_t i = writes; i < batch_.writes.size(); ++i) {
    const auto* append = std::get_if<zab::Append>(&batch_.writes[i]);
    if (append == nullptr || role_ != zab::Role::kLeading) continue;
    for (const zab::Txn& txn : append->txns) {
      if (txn.zxid.epoch() == epoch_) proposed.push_back(txn);
    }
  }
  for (const zab::Txn& txn : proposed) note_proposal(txn);
  spoil_quorums(proposal, link, proposed);
  for (std::size_t i = peers; i < batch_.peers.size(); ++i) {
    const auto* send = std::get_if<zab::Send>(&batch_.peers[i]);
    if (send == nullptr) continue;
    if (const auto* ping = std::get_if<zab::Ping>(&send->message)) check_answer(*ping);
  }
}

// The log is cut, or replaced: the tree goes with it before the engine hears that it is done.
void CoreHost::take_replacements(zab::WriteTicket persisted) {
  while (!replacements_.empty() && replacements_.front().ticket <= persisted) {
    Replacement next = std::move(replacements_.front());
    replacements_.pop_front();
    PADDOCK_CHECK(next.tree != nullptr);
    tree_->take_over(std::move(*next.tree));
    state_ = std::move(next.state);
    compare();
    core_->tree_replaced();
  }
}

template <typename What>
bool CoreHost::carry_out_all(std::vector<What>& actions) {
  stepped_ = stepped_ || !actions.empty();
  for (What& action : actions) {
    if (tears()) return false;
    std::visit(
        [this](auto& what) {
          using Action = std::decay_t<decltype(what)>;
          if constexpr (std::is_same_v<Action, zab::Append>) spoil_answers(what);
          if constexpr (std::is_same_v<Action, zab::Connect>) leader_link_ = what.link;
          if constexpr (std::is_same_v<Action, zab::Close>) {
            // Of a link that opened in the same batch the engine says so twice.
            if (!closed_here_.insert(what.link).second) return;
          }
          ZabHost::carry_out(what);
        },
        action);
    if (!running()) return false;
  }
  return true;
}

void CoreHost::carry_out_batch() {
  if (!carry_out_all(batch_.writes) || !carry_out_all(batch_.peers)) return;
  if (core_->has_committed()) {
    stepped_ = true;
    apply();
  }
  distribute();
  for (const zab::LinkId link : std::exchange(closed_links_, {})) links_.erase(link);
  closed_here_.clear();
  if (batch_.fatal) fail("TR", concat("gives up: ", batch_.notes.back().text));
  batch_.clear();
  world_.checkers.step_ended(id());
  check_replica();
  if (++batches_ % 32 == 0) check_silent();
  if (mutated(CoreMutation::kExpireOnFollower) && batches_ % 64 == 0) close_unheard();
}

void CoreHost::apply() {
  const bool watched =
      std::any_of(io_.begin(), io_.end(), [](const CoreIo& io) { return io.has_watches(); });
  core_->apply_committed(watched, local_now(), batch_);
  note_applied();
  note_roles();
  around_.checkers.advance();
  around_.checkers.tree_is(id(), state_.digest(), *tree_, false);
  check_config();
}

// What has been applied is in the log.
void CoreHost::note_applied() {
  const auto& txns = log_.txns();
  for (std::size_t i = log_.index_after(state_.last()); i < txns.size(); ++i) {
    const zab::Txn& txn = txns[i].txn;
    if (txn.zxid > tree_->last_zxid()) break;
    trace(TraceKind::kDelivers, {}, static_cast<std::uint64_t>(txn.zxid.value));
    if (!follows(state_.last(), txn.zxid) || !state_.apply(txn)) {
      fail("LPO", concat("applies ", text_of(txn.zxid), " after ", text_of(state_.last())));
    }
    world_.checkers.delivered(id());
  }
  if (state_.last() != tree_->last_zxid()) {
    fail("LPO", concat("has a tree at ", text_of(tree_->last_zxid()), " and a log of it up to ",
                       text_of(state_.last())));
  }
}

void CoreHost::note_roles() {
  bool began = false, ended = false;
  for (const server::ClientAction& action : batch_.client) {
    const auto* serving = std::get_if<server::ServingChanged>(&action);
    if (serving != nullptr) (serving->serves ? began : ended) = true;
  }
  const auto change = [this](const zab::RoleChanged& changed) {
    trace(TraceKind::kRole, changed.leader, static_cast<std::uint64_t>(changed.role),
          static_cast<std::uint64_t>(changed.epoch.value));
    role_ = changed.role;
    epoch_ = changed.epoch;
    leader_ = changed.leader;
    heard_.clear();
    owed_.clear();
    used_by_.clear();
    world_.checkers.role_changed(id(), changed);
  };
  if (ended && role_ != zab::Role::kLooking) change({zab::Role::kLooking, {}, {}, {}});
  if (!began || core_->role() == zab::Role::kLooking) return;
  const zab::Replica& engine = core_->replica();
  change({core_->role(), engine.current_epoch(), engine.leader(), {}});
  role_began_ = local_now();
}

void CoreHost::distribute() {
  spoil(batch_.client);
  for (server::ClientAction& action : batch_.client) {
    const bool is_for_all = std::holds_alternative<server::ServingChanged>(action);
    if (is_for_all || std::holds_alternative<server::TreeChange>(action)) {
      for (CoreIo& io : io_) {
        if (is_for_all || io.has_watches()) io.put(action);
      }
      continue;
    }
    std::visit(
        [&](auto& what) {
          if constexpr (requires { what.connection; }) io_[what.connection.io].put(std::move(what));
        },
        action);
  }
  for (std::uint32_t i = 0; i < io_.size(); ++i) {
    if (!io_[i].has_mail() || !mail_due_.insert(i).second) continue;
    world_.queue.put_in({random_.between(0, core_options_.wake_max.value)}, SimKind::kIoMail,
                        number(id()), tagged(i));
  }
}

// --- the io threads

CoreIo* CoreHost::io_of_tag(std::uint64_t life_and_io) {
  if (!running() || life_and_io >> 4 != life_) return nullptr;
  return &io_[life_and_io & 15];
}

void CoreHost::on_io_mail(std::uint64_t tag) {
  CoreIo* io = io_of_tag(tag);
  if (io == nullptr) return;
  if (paused_) return world_.queue.put_in(millis(20), SimKind::kIoMail, number(id()), tag);
  mail_due_.erase(tag & 15);
  io->on_mail();
}

void CoreHost::on_io_timer(std::uint64_t tag) {
  CoreIo* io = io_of_tag(tag);
  if (io == nullptr) return;
  if (paused_) return world_.queue.put_in(millis(20), SimKind::kIoTimer, number(id()), tag);
  io->on_timer();
}

void CoreHost::wake_io(std::uint32_t io, Millis after) {
  const std::int64_t micros = after.value * 1000;
  const Micros real{micros * 1'000'000 / options_.clock_rate};
  world_.queue.put_in(real, SimKind::kIoTimer, number(id()), tagged(io));
}

// --- the log thread and the checkpoint thread

void CoreHost::truncate_state(const zab::Truncate& truncate) {
  if (tree_->last_zxid() <= truncate.upto || mutated(CoreMutation::kKeepTree)) return;
  StateMachine cut = state_;
  cut.roll_back(truncate.upto);
  replacements_.push_back({truncate.ticket, std::move(cut), nullptr});
}

void CoreHost::install_state(const zab::InstallSnapshot& install, const Snapshot& snapshot) {
  replacements_.push_back({install.ticket, StateMachine(snapshot->entries), nullptr});
}

// A replica's copy comes from its checkpoint alone.
Snapshot CoreHost::snapshot_upto(Zxid upto) {
  const StateCopy& checkpoint = disk_.image().checkpoint;
  if (checkpoint.last() > upto || disk_.image().log.start() != log_.start()) return nullptr;
  auto copy = std::make_shared<StateCopy>(checkpoint);
  if (mutated(CoreMutation::kSnapWithoutAcls) && copy->tree != nullptr) {
    auto tree = std::make_shared<TreeImage>(*copy->tree);
    for (auto& [path, node] : tree->nodes) node.acl = nullptr;
    copy->tree = std::move(tree);
  }
  return copy;
}

void CoreHost::written(const DiskWrite& write) {
  const auto next = std::find_if(replacements_.begin(), replacements_.end(),
                                 [&](const auto& each) { return each.ticket == write.ticket(); });
  if (next != replacements_.end()) {
    checkpoint_.reset();
    next->tree = recover(disk_.image());
  }
  write_checkpoint();
}

void CoreHost::on_maintain() {
  if (mutated(CoreMutation::kCheckpointTail) && running() && !paused_ && !serves()) checkpoint();
  ZabHost::on_maintain();
}

// Taken as soon as it is due, written when the log on disk has come so far.
void CoreHost::checkpoint() {
  if (checkpoint_ || !replacements_.empty()) return;
  checkpoint_ = tree_->take_dirty();
  PADDOCK_CHECK(checkpoint_->zxid == tree_->last_zxid());
  compare();
  write_checkpoint();
}

void CoreHost::write_checkpoint() {
  if (!checkpoint_ || checkpoint_->zxid > disk_.image().last()) return;
  const server::Dirty dirty = *std::exchange(checkpoint_, std::nullopt);
  const std::shared_ptr<const TreeImage> before = disk_.image().checkpoint.tree;
  auto image = before ? std::make_shared<TreeImage>(*before) : std::make_shared<TreeImage>();
  image->apply(dirty);
  if (before) spoil(*image, *before);
  const std::vector<Entry>& entries = state_.entries();
  disk_.checkpoint(entries, dirty.zxid, image);
  const std::size_t count = count_upto(entries, dirty.zxid);
  const std::uint64_t history = count == 0 ? 0 : entries[count - 1].digest;
  around_.checkers.tree_is(id(), history, *load(image.get()), true);
  send_to_core(server::CheckpointWritten{dirty.zxid});
}

}  // namespace paddock::test
