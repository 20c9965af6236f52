#include "server/core/core.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "common/check.h"
#include "common/concat.h"
#include "server/core/core_impl.h"
#include "server/request/read.h"
#include "server/request/reply.h"

namespace paddock::server {

namespace {

constexpr std::size_t kReplyBytes = 160;  // what most replies take, so that they are made in one go

PrepareOptions prepare_options(const CoreOptions& options) {
  return {.enforce_quota = options.enforce_quota,
          .reconfig_enabled = options.reconfig_enabled,
          .close_session_txn = options.close_session_txn,
          // As ZooKeeper's readers have it: a frame, and as much again.
          .txn_bytes_max = 2 * static_cast<std::size_t>(options.frame_bytes_max),
          .auth = options.auth};
}

ReaperOptions reaper_options(const CoreOptions& options) {
  return {.interval = options.container_check_interval,
          .max_per_minute = options.container_max_per_minute,
          .never_used = options.container_max_never_used};
}

// High byte the server, then 40 bits of the clock at its start, then a counter.
SessionId first_session_id(ServerId server, WallMillis wall) {
  const std::uint64_t clock = (static_cast<std::uint64_t>(wall.value) << 24) >> 8;
  const std::uint64_t high = static_cast<std::uint64_t>(server.value) << 56;
  return SessionId{static_cast<std::int64_t>(high | clock)};
}

// A transaction of the leader's that this server could not read back from its own log must not get
// there. nullptr: it is good. Notes what it makes the next configuration.
const char* look_into(zab::Txn& txn) {
  const Result<Txn> decoded = decode_txn(*txn.payload);
  if (!decoded) return "a transaction that does not parse";
  if (decoded->header.zxid != txn.zxid) return "a transaction under another's zxid";
  if (decoded->header.type != OpCode::kReconfig) return nullptr;
  txn.config = config_in(*decoded);
  return txn.config != nullptr ? nullptr : "a configuration that does not parse";
}

const char* look_into(zab::Message& message) {
  if (auto* proposal = std::get_if<zab::Proposal>(&message)) return look_into(proposal->txn);
  if (auto* inform = std::get_if<zab::Inform>(&message)) return look_into(inform->txn);
  if (auto* inform = std::get_if<zab::InformAndActivate>(&message)) return look_into(inform->txn);
  return nullptr;
}

std::vector<Core::SessionLine> lines_of(const SessionTracker& sessions) {
  std::vector<Core::SessionLine> lines;
  lines.reserve(sessions.size());
  sessions.for_each([&](SessionId id, const SessionTracker::Session& session) {
    const Millis expires = sessions.expires(id).value_or(Millis{});
    lines.push_back({id, expires, session.timeout_ms, session.connection});
  });
  std::sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) {
    return std::tie(a.expires, a.session) < std::tie(b.expires, b.session);
  });
  return lines;
}

std::string serving_text(const zab::RoleChanged& changed) {
  const std::string epoch = concat(" in epoch ", changed.epoch.value);
  switch (changed.role) {
    case zab::Role::kLeading:
      return concat("LEADING", epoch);
    case zab::Role::kFollowing:
      return concat("FOLLOWING server ", changed.leader.value, epoch);
    case zab::Role::kObserving:
      return concat("OBSERVING server ", changed.leader.value, epoch);
    case zab::Role::kLooking:
      break;
  }
  return concat("LOOKING for a leader: ", changed.reason);
}

}  // namespace

Reply begin_reply(ConnectionId connection, bool close) {
  Reply reply{connection, {}, close};
  reply.frame.reserve(kReplyBytes);
  return reply;
}

std::string hex_of(std::int64_t value) {
  return concat("0x", hex(static_cast<std::uint64_t>(value)));
}

std::array<std::uint8_t, 16> session_password(SessionId id) {
  constexpr std::uint64_t kMultiplier = 0x5DEECE66D;
  constexpr std::uint64_t kMask = (std::uint64_t{1} << 48) - 1;
  std::uint64_t state = ((static_cast<std::uint64_t>(id.value) ^ 0xB3415C00) ^ kMultiplier) & kMask;
  std::array<std::uint8_t, 16> password;
  for (std::size_t i = 0; i < password.size(); i += 4) {
    state = (state * kMultiplier + 0xB) & kMask;
    const auto word = static_cast<std::uint32_t>(state >> 16);
    for (std::size_t byte = 0; byte < 4; ++byte) {
      password[i + byte] = static_cast<std::uint8_t>(word >> (8 * byte));
    }
  }
  return password;
}

Core::Impl::Impl(CoreOptions given, DataTree& its_tree, zab::Durable durable, Millis now,
                 WallMillis wall)
    : options(std::move(given)),
      tree(its_tree),
      replica(options.membership, std::move(durable)),
      preparer(its_tree, prepare_options(options)),
      sessions(options.tick_time),
      locals(options.tick_time),
      reaper(its_tree, reaper_options(options), now),
      next_session(first_session_id(options.server_id, wall)),
      now(now) {
  PADDOCK_CHECK(replica.last_logged() == tree.last_zxid());
  load_sessions();
}

Core::Core(CoreOptions options, DataTree& tree, const zab::Durable& durable, Millis now,
           WallMillis wall)
    : impl_(std::make_unique<Impl>(std::move(options), tree, durable, now, wall)) {}

Core::~Core() = default;

void Core::step(CoreEvent event, Millis now, WallMillis wall, CoreActions& actions) {
  const bool is_tick = std::holds_alternative<zab::Tick>(event);
  impl_->begin_step(now, wall, actions);
  std::visit([&](auto&& body) { impl_->on(std::forward<decltype(body)>(body), actions); },
             std::move(event));
  // Only with what has come before it: after this process stood still, those who were heard from
  // meanwhile are told first.
  if (is_tick && !impl_->draining) {
    impl_->expire_locals(actions);
    if (impl_->leads()) impl_->run_timers(actions);
  }
  impl_->carry_out(actions);
  impl_->look_for_quorum(actions);
}

bool Core::has_committed() const {
  return !impl_->decided.empty();
}

void Core::apply_committed(bool want_changes, Millis now, CoreActions& actions) {
  impl_->now = std::max(impl_->now, now);
  for (const Impl::Decided& next : impl_->decided) {
    if (const auto* txn = std::get_if<zab::Txn>(&next)) {
      impl_->apply(*txn, want_changes, actions);
    } else if (const auto* changed = std::get_if<zab::RoleChanged>(&next)) {
      impl_->begin_role(*changed, actions);
    } else if (std::holds_alternative<Impl::ReadOnlyBegins>(next)) {
      impl_->begin_read_only(actions);
    } else {
      impl_->finish_sync(actions);
    }
  }
  impl_->decided.clear();
  impl_->show_config_in_force();
}

void Core::drain() {
  impl_->draining = true;
}

Millis Core::next_deadline() const {
  return impl_->next_deadline();
}

void Core::tree_replaced() {
  PADDOCK_CHECK(impl_->role == zab::Role::kLooking && !impl_->reads_only);
  impl_->load_sessions();
}

std::size_t Core::outstanding() const {
  return impl_->waiting.size() + impl_->syncs.size() + impl_->forwarded_count;
}

zab::Role Core::role() const {
  return impl_->role;
}

bool Core::reads_only() const {
  return impl_->reads_only;
}

bool Core::serves() const {
  return impl_->serves();
}

std::size_t Core::local_session_count() const {
  return impl_->locals.size();
}

bool Core::has_local_sessions() const {
  return impl_->has_local_sessions() || impl_->reads_only;
}

const zab::Replica& Core::replica() const {
  return impl_->replica;
}

Core::ProposalBytes Core::proposal_bytes() const {
  return impl_->proposal_bytes;
}

Millis Core::role_began() const {
  return impl_->role_began;
}

std::vector<Core::SessionLine> Core::sessions() const {
  return lines_of(impl_->sessions);
}

std::vector<Core::SessionLine> Core::local_sessions() const {
  return lines_of(impl_->locals);
}

std::string Core::describe() const {
  return concat(impl_->replica.describe(), " applied=", hex_of(impl_->tree.last_zxid().value),
                " checkpointed=", hex_of(impl_->checkpointed.value), " outstanding=", outstanding(),
                " sessions=", impl_->sessions.size(), impl_->reads_only ? " read-only" : "");
}

// --- events ---

void Core::Impl::begin_step(Millis at, WallMillis at_wall, CoreActions& actions) {
  now = std::max(now, at);
  wall = at_wall;
  if (!started || now >= replica.next_deadline()) {
    started = true;
    replica.step(zab::Tick{}, now, zab_actions);
    carry_out(actions);
  }
  if (early.empty() || !leads()) return;
  for (zab::FromLearner& from : std::exchange(early, {})) on_learner(from, actions);
}

void Core::Impl::on(ClientRequest request, CoreActions& actions) {
  if (draining) return;
  Session* session = tracker_of(request.session).find(request.session);
  if (session == nullptr) return;  // expired meanwhile: its connection is being closed
  if (session->connection != request.connection) {
    actions.client.emplace_back(CloseConnection{request.connection, "its session has moved"});
    return;
  }
  ++last_request.value;
  ErrorCode ephemerals = ErrorCode::kOk;
  if (is_local(request.session)) {
    if (request.header.op == OpCode::kCloseSession) return close_local(request, actions);
    if (reads_only) return refuse_write(request, actions);
    ephemerals = admit_ephemerals(request);
    session = tracker_of(request.session).find(request.session);
  }
  if (request.header.op == OpCode::kSync && role != zab::Role::kLooking) {
    const ByteView record = request.record();
    syncs.push_back({request.connection, request.header.xid, Bytes(record.begin(), record.end())});
    order.expect(request.connection, last_request);
  }
  if (leads()) {
    tracker_of(request.session).touch(request.session, *session, now);
    if (request.header.op == OpCode::kSync)
      return replica.step(zab::SyncRequested{}, now, zab_actions);
    on_write(request, *session, ephemerals, actions);
  } else if (learns()) {
    forward(request, ephemerals, actions);
  }
  // Otherwise the role has ended, and so will every connection.
}

void Core::Impl::on(const ConnectSession& connect, CoreActions& actions) {
  if (draining) return;
  const bool is_new = connect.session == SessionId{};
  if (reads_only) {
    connect_read_only(connect, actions);
  } else if (!leads() && !learns()) {
    actions.client.emplace_back(
        CloseConnection{connect.connection, "this server has no leader and serves nobody"});
  } else if (!serves()) {
    actions.client.emplace_back(
        CloseConnection{connect.connection, "this server leads and serves nobody (leaderServes)"});
  } else if (is_new && has_local_sessions()) {
    create_local_session(connect, actions);
  } else if (is_new) {
    leads() ? create_session(connect) : forward_create_session(connect);
  } else if (!std::ranges::equal(session_password(connect.session), connect.password)) {
    // Before anything else happens: who does not know it cuts off nobody.
    actions.client.emplace_back(refusal(connect.connection));
  } else if (is_local(connect.session)) {
    attach(locals, connect.session, {connect.connection, connect.timeout_ms}, actions);
  } else {
    leads() ? attach_again(connect, actions) : ask_leader(connect, actions);
  }
}

void Core::Impl::on(Disconnected left, CoreActions&) {
  order.forget(left.connection);
  forget(left.connection, left.session);
  Session* session = tracker_of(left.session).find(left.session);
  if (session != nullptr && session->connection == left.connection) session->connection.reset();
}

void Core::Impl::on(const Touches& touches, CoreActions&) {
  for (const Touches::Touch& touch : touches.touches) {
    SessionTracker& tracker = tracker_of(touch.session);
    Session* session = tracker.find(touch.session);
    if (session == nullptr) continue;
    tracker.touch(touch.session, *session, touch.at);
    if (learns() && &tracker == &sessions)
      touched.insert_or_assign(touch.session, session->timeout_ms);
  }
}

// Whose link it is, where that is known, as " (server 2)".
std::string Core::Impl::peer_of(zab::LinkId link) const {
  const bool dialled = link.value % 2 == 1;
  if (dialled) return concat(" (server ", replica.leader().value, ")");
  if (const auto leadership = replica.leadership()) {
    for (const auto& learner : leadership->learners) {
      if (learner.link == link) return concat(" (server ", learner.sid.value, ")");
    }
  }
  return "";
}

void Core::Impl::on(zab::Received received, CoreActions& actions) {
  if (const char* const fault = look_into(received.message)) {
    const std::string reason = concat("it sent ", fault);
    actions.notes.push_back(
        {Note::Level::kError, concat("closing quorum link ", received.link.value,
                                     peer_of(received.link), ": ", reason)});
    actions.peers.emplace_back(zab::Close{received.link, reason});
    return replica.step(zab::LinkClosed{received.link}, now, zab_actions);
  }
  replica.step(std::move(received), now, zab_actions);
}

Millis Core::Impl::next_deadline() const {
  Millis next = started ? replica.next_deadline() : now;
  if (draining) return next;
  if (const auto due = read_only_due()) next = std::min(next, *due);
  if (const auto expiry = locals.next_deadline()) next = std::min(next, *expiry);
  if (!leads() || replica.is_exhausted()) return next;  // as run_timers()
  if (orphans_due) return now;
  next = std::min(next, reaper.next_deadline());
  const std::optional<Millis> expiry = sessions.next_deadline();
  return expiry ? std::min(next, *expiry) : next;
}

// --- the engine's actions ---

// What one of them leads to may ask for more.
void Core::Impl::carry_out(CoreActions& actions) {
  while (!zab_actions.empty()) {
    zab::Actions batch = std::exchange(zab_actions, {});
    for (zab::Action& action : batch) carry_out(action, actions);
    if (!zab_actions.empty()) continue;
    batch.clear();
    zab_actions = std::move(batch);  // for its capacity
  }
}

void Core::Impl::carry_out(zab::Action& action, CoreActions& actions) {
  std::visit(
      [&](auto& what) {
        using What = std::decay_t<decltype(what)>;
        if constexpr (std::is_constructible_v<zab::DiskWrite, What&&>) {
          actions.writes.emplace_back(std::move(what));
        } else if constexpr (std::is_constructible_v<PeerAction, What&&>) {
          actions.peers.emplace_back(std::move(what));
        } else if constexpr (std::is_same_v<What, zab::Deliver>) {
          decided.emplace_back(std::move(what.txn));
        } else if constexpr (std::is_same_v<What, zab::RoleChanged>) {
          // A server that stands alone leads from its first step on.
          is_alone() ? begin_role(what, actions) : void(decided.emplace_back(std::move(what)));
        } else if constexpr (std::is_same_v<What, zab::Synced>) {
          decided.emplace_back(SyncDone{});
        } else if constexpr (std::is_same_v<What, zab::FromLearner>) {
          leads() ? on_learner(what, actions) : early.push_back(std::move(what));
        } else if constexpr (std::is_same_v<What, zab::FromLeader>) {
          if (const auto* answer = std::get_if<zab::Revalidated>(&what.message)) {
            on_revalidated(*answer, actions);
          } else {
            PADDOCK_CHECK(std::holds_alternative<zab::Sync>(what.message));
            decided.emplace_back(SyncDone{});
          }
        } else {
          static_assert(std::is_same_v<What, zab::AnswerPing>);
          answer_ping(what, actions);
        }
      },
      action);
}

// --- roles ---

void Core::Impl::begin_role(const zab::RoleChanged& changed, CoreActions& actions) {
  end_role(actions);
  role = changed.role;
  role_began = now;
  synchronized = changed.synchronized;
  proposal_bytes = {};
  actions.notes.push_back({Note::Level::kInfo, is_alone() ? concat("serving: ", replica.describe())
                                                          : serving_text(changed)});
  if (role == zab::Role::kLooking || is_alone()) return;
  load_sessions();
  show_config();
  orphans_due = role == zab::Role::kLeading;
  if (serves()) actions.client.emplace_back(ServingChanged{true});
}

void Core::Impl::show_config() {
  const zab::Ensemble& ensemble = *replica.configurations().committed;
  tree.set_config(to_text(ensemble), ensemble.version, wall);
}

// A leader brings to an end what was only proposed, even where the transaction is lost. So the last
// reconfig that was applied may be an older one than what is in force.
void Core::Impl::show_config_in_force() {
  if (std::exchange(reconfigured, false) && role != zab::Role::kLooking) show_config();
}

// Nothing that is under way can be answered any more, and whoever waits for it is cut off.
void Core::Impl::end_role(CoreActions& actions) {
  if (role == zab::Role::kLooking) return;
  role = zab::Role::kLooking;
  waiting.clear();
  syncs.clear();
  order.clear();
  early.clear();
  forwarded.clear();
  forwarded_count = 0;
  creating.clear();
  attaching.clear();
  connecting.clear();
  touched.clear();
  preparer.forget();
  locals = SessionTracker(options.tick_time);
  gone.clear();
  gone_order.clear();
  actions.client.emplace_back(ServingChanged{false});
}

// Every session gets its full timeout again, whoever leads: a learner tells of those it serves.
void Core::Impl::load_sessions() {
  sessions = SessionTracker(options.tick_time);
  tree.for_each_session(
      [&](SessionId id, std::int32_t timeout_ms) { sessions.add(id, timeout_ms, now); });
}

// --- apply ---

void Core::Impl::apply(const zab::Txn& delivered, bool want_changes, CoreActions& actions) {
  const Result<Txn> txn = decode_txn(*delivered.payload);
  PADDOCK_CHECK(txn.ok());  // our own, or the leader's, and looked at when it came
  PADDOCK_CHECK(txn->header.zxid == delivered.zxid);
  tree.apply(*txn, want_changes, applied);
  reconfigured = reconfigured || txn->header.type == OpCode::kReconfig;
  for (TreeChange& change : applied.changes) actions.client.emplace_back(std::move(change));
  const bool differs = applied.digest_differs && delivered.zxid >= synchronized;
  if (differs && !actions.fatal) report_mismatch(*txn, actions);
  if (delivered.zxid.value % NotedDigest::kInterval == 0) {
    actions.digests.push_back({delivered.zxid, tree.digest()});
  }
  if (learns()) {
    answer_forwarded(*txn, actions);
  } else {
    preparer.on_applied(delivered.zxid);
    while (!waiting.empty() && waiting.front().zxid <= delivered.zxid) {
      const Waiting next = waiting.front();
      waiting.pop_front();
      answer(next, *txn, actions);
    }
  }
  note_session(*txn, actions);
}

// Sessions come and go by transactions alone; a leader knows of a new one from its preparation on.
void Core::Impl::note_session(const Txn& txn, CoreActions& actions) {
  const SessionId id = txn.header.session;
  if (txn.header.type == OpCode::kCreateSession) {
    const auto* created = std::get_if<CreateSessionTxn>(&txn.body);
    if (created != nullptr && sessions.find(id) == nullptr) {
      sessions.add(id, created->timeout_ms, now);
    }
  } else if (txn.header.type == OpCode::kCloseSession) {
    const Session* session = sessions.find(id);
    if (session == nullptr) return;
    if (session->connection) {
      actions.client.emplace_back(CloseConnection{*session->connection, "its session expired"});
    }
    sessions.remove(id);
    if (leads() && has_local_sessions()) note_gone(id);
  }
}

void Core::Impl::report_mismatch(const Txn& txn, CoreActions& actions) const {
  actions.fatal = true;
  actions.notes.push_back(
      {Note::Level::kError,
       concat("after zxid ", hex_of(txn.header.zxid.value), " the tree's digest is ",
              hex(tree.digest()), ", but the transaction says ", hex(txn.digest->tree_digest),
              ": this server's state cannot be trusted, so it stops. Start it again; if that "
              "happens once more, keep its data directory and restore a copy",
              is_alone() ? "" : ", or let it synchronize anew from an empty one")});
}

void Core::Impl::finish_sync(CoreActions& actions) {
  if (syncs.empty()) return;  // the role that it was asked in has ended
  const OpenSync sync = std::move(syncs.front());
  syncs.pop_front();
  Reply reply = begin_reply(sync.connection);
  append_sync_reply(sync.xid, zxid_before_held(sync.connection), sync.record, reply.frame);
  order.fill(std::move(reply), actions.client);
}

// What a client is told of only grows: a write that overtook its sync has shown less than the tree
// has now.
Zxid Core::Impl::zxid_before_held(ConnectionId connection) const {
  const Reply* const held = order.first_held(connection);
  if (held == nullptr) return tree.last_zxid();
  JuteReader reader(ByteView(held->frame).subspan(4));
  const Result<ReplyHeader> header = read_reply_header(reader);
  PADDOCK_CHECK(header.ok());
  if (header->zxid <= Zxid{0}) return tree.last_zxid();
  // The end of a local session has no zxid of its own.
  const std::int64_t before = held->close ? header->zxid.value : header->zxid.value - 1;
  return std::min(tree.last_zxid(), Zxid{before});
}

// --- sessions ---

SessionReply Core::Impl::welcome(SessionId id, std::int32_t timeout_ms,
                                 ConnectionId connection) const {
  return {connection, id, timeout_ms, session_password(id), reads_only};
}

void Core::Impl::attach(SessionTracker& tracker, SessionId id, const Attaching& client,
                        CoreActions& actions) {
  Session& session = *tracker.find(id);
  if (session.connection && session.connection != client.connection) {
    actions.client.emplace_back(
        CloseConnection{*session.connection, "its session has attached elsewhere"});
  }
  session.connection = client.connection;
  tracker.renew(id, session, negotiated(client.timeout_ms), now);
  actions.client.emplace_back(welcome(id, session.timeout_ms, client.connection));
}

// A clock that was set back must not give an id that is still in use.
SessionId Core::Impl::new_session_id() {
  while (next_session == SessionId{} || next_session.value == kContainerOwner ||
         sessions.contains(next_session) || is_local(next_session)) {
    ++next_session.value;
  }
  return SessionId{next_session.value++};
}

std::int32_t Core::Impl::negotiated(std::int32_t timeout_ms) const {
  const std::int64_t clamped = std::clamp<std::int64_t>(
      timeout_ms, options.session_timeout_min.value, options.session_timeout_max.value);
  return static_cast<std::int32_t>(clamped);
}

}  // namespace paddock::server
