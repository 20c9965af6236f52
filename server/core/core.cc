#include "server/core/core.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "common/check.h"
#include "common/concat.h"
#include "server/core/reaper.h"
#include "server/core/session_tracker.h"
#include "server/request/prepare.h"
#include "server/request/read.h"
#include "server/request/reply.h"

namespace paddock::server {

namespace {

// Notes about soft quotas: at most one in this time.
constexpr Millis kWarningInterval{10000};
constexpr std::size_t kExpiredNamed = 8;  // in one note
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

Reply begin_reply(ConnectionId connection, bool close = false) {
  Reply reply{connection, {}, close};
  reply.frame.reserve(kReplyBytes);
  return reply;
}

std::string hex_of(std::int64_t value) {
  return concat("0x", hex(static_cast<std::uint64_t>(value)));
}

}  // namespace

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

struct Core::Impl {
  // What is to be answered, and to whom, once a transaction is applied.
  struct Waiting {
    enum class Kind {
      kWrite,     // a client's request: a reply
      kClose,     // closeSession: a reply, then the connection goes
      kNotAnOp,   // nothing a client may ask: a reply without a zxid, then the connection goes
      kSync,      // behind the transaction with this zxid; takes none itself
      kConnect,   // a new session
      kExpiry,    // the session's time was over
      kInternal,  // nobody waits
    };
    Kind kind{};
    Zxid zxid;
    ConnectionId connection;
    SessionId session;
    std::int32_t xid = 0;
    Bytes record;  // sync only
  };
  using Session = SessionTracker::Session;

  Impl(CoreOptions given, DataTree& its_tree, const zab::Durable& durable, Millis now,
       WallMillis wall)
      : options(std::move(given)),
        tree(its_tree),
        replica(zab::Membership{}, durable),
        preparer(its_tree, prepare_options(options)),
        sessions(options.tick_time),
        reaper(its_tree, reaper_options(options), now),
        next_session(first_session_id(options.server_id, wall)) {
    PADDOCK_CHECK(durable.history.last() == tree.last_zxid());
    tree.for_each_session(
        [&](SessionId id, std::int32_t timeout_ms) { sessions.add(id, timeout_ms, now); });
  }

  void begin_step(Millis at, WallMillis at_wall, CoreActions& actions);
  void on(zab::Tick, CoreActions&) {}
  void on(ClientRequest request, CoreActions& actions);
  void on(const ConnectSession& connect, CoreActions& actions);
  void on(Disconnected gone, CoreActions& actions);
  void on(const Touches& touches, CoreActions& actions);
  void on(zab::Persisted persisted, CoreActions& actions);
  void on(CheckpointWritten written, CoreActions&) { checkpointed = written.zxid; }
  void on(zab::HistoryTrimmed, CoreActions&) {}  // who stands alone gives nobody its history
  void run_timers(CoreActions& actions);

  void on_write(ClientRequest& request, Session& session, CoreActions& actions);
  void on_sync(const ClientRequest& request, CoreActions& actions);
  void create_session(const ConnectSession& connect, CoreActions& actions);
  void attach_again(const ConnectSession& connect, CoreActions& actions);
  SessionId new_session_id();
  std::int32_t negotiated(std::int32_t timeout_ms) const;

  void propose(TxnBytes bytes, Waiting waiting, CoreActions& actions);
  void carry_out(CoreActions& actions);
  void note_warnings(CoreActions& actions);
  void note_expired(const std::vector<SessionId>& expired, CoreActions& actions) const;

  void apply(const zab::Txn& committed, bool want_changes, CoreActions& actions);
  void report_mismatch(const Txn& txn, CoreActions& actions) const;
  void answer(const Waiting& waiting, const Txn& txn, CoreActions& actions);
  void answer_connect(const Waiting& waiting, CoreActions& actions);

  const CoreOptions options;
  DataTree& tree;
  zab::Replica replica;
  Preparer preparer;
  SessionTracker sessions;
  Reaper reaper;
  SessionId next_session;
  Zxid checkpointed;
  Millis now;
  WallMillis wall;

  zab::Actions zab_actions;
  std::vector<zab::Txn> committed;
  std::deque<Waiting> waiting;  // by zxid; each outstanding transaction has one, syncs behind it
  Applied applied;
  std::vector<std::string> to_reap;
  std::optional<Millis> last_warning;
  std::size_t warnings_dropped = 0;
};

Core::Core(CoreOptions options, DataTree& tree, const zab::Durable& durable, Millis now,
           WallMillis wall)
    : impl_(std::make_unique<Impl>(std::move(options), tree, durable, now, wall)) {}

Core::~Core() = default;

void Core::step(CoreEvent event, Millis now, WallMillis wall, CoreActions& actions) {
  impl_->begin_step(now, wall, actions);
  std::visit([&](auto&& body) { impl_->on(std::forward<decltype(body)>(body), actions); },
             std::move(event));
  impl_->run_timers(actions);
}

bool Core::has_committed() const {
  return !impl_->committed.empty();
}

void Core::apply_committed(bool want_changes, Millis now, CoreActions& actions) {
  impl_->now = std::max(impl_->now, now);
  for (const zab::Txn& txn : impl_->committed) impl_->apply(txn, want_changes, actions);
  impl_->committed.clear();
}

Millis Core::next_deadline() const {
  const Millis reap = impl_->reaper.next_deadline();
  const std::optional<Millis> expiry = impl_->sessions.next_deadline();
  return expiry ? std::min(reap, *expiry) : reap;
}

std::size_t Core::outstanding() const {
  return impl_->waiting.size();
}

std::vector<Core::SessionLine> Core::sessions() const {
  std::vector<SessionLine> lines;
  lines.reserve(impl_->sessions.size());
  impl_->sessions.for_each([&](SessionId id, const Impl::Session& session) {
    const Millis expires = impl_->sessions.expires(id).value_or(Millis{});
    lines.push_back({id, expires, session.timeout_ms, session.connection});
  });
  std::sort(lines.begin(), lines.end(), [](const SessionLine& a, const SessionLine& b) {
    return std::tie(a.expires, a.session) < std::tie(b.expires, b.session);
  });
  return lines;
}

std::string Core::describe() const {
  return concat(impl_->replica.describe(), " applied=", hex_of(impl_->tree.last_zxid().value),
                " checkpointed=", hex_of(impl_->checkpointed.value),
                " waiting=", impl_->waiting.size(), " sessions=", impl_->sessions.size());
}

void Core::Impl::begin_step(Millis at, WallMillis at_wall, CoreActions& actions) {
  now = std::max(now, at);
  wall = at_wall;
  if (replica.role() != zab::Role::kLooking) return;
  replica.step(zab::Tick{}, now, zab_actions);
  carry_out(actions);
}

void Core::Impl::on(ClientRequest request, CoreActions& actions) {
  Session* session = sessions.find(request.session);
  if (session == nullptr) return;  // expired meanwhile: its connection is being closed
  if (session->connection != request.connection) {
    actions.client.emplace_back(CloseConnection{request.connection, "its session has moved"});
    return;
  }
  sessions.touch(request.session, *session, now);
  if (request.header.op == OpCode::kSync) return on_sync(request, actions);
  on_write(request, *session, actions);
}

void Core::Impl::on_write(ClientRequest& request, Session& session, CoreActions& actions) {
  const Zxid zxid = replica.next_zxid();
  Waiting answer{Waiting::Kind::kWrite, zxid, request.connection, request.session,
                 request.header.xid,    {}};
  TxnBytes bytes;
  if (session.closing) {
    bytes = preparer.refuse(request.session, request.header.xid, ErrorCode::kSessionExpired, zxid,
                            wall);
  } else if (request.header.op == OpCode::kCloseSession) {
    sessions.close(request.session, session);
    answer.kind = Waiting::Kind::kClose;
    bytes = preparer.close_session(request.session, request.header.xid, zxid, wall);
  } else {
    const bool is_op = is_client_op(request.header.op) && is_write(request.header.op);
    if (!is_op) answer.kind = Waiting::Kind::kNotAnOp;
    bytes = preparer.prepare(
        {request.session, request.header, request.record(), *request.credentials}, zxid, wall);
    note_warnings(actions);
  }
  propose(std::move(bytes), std::move(answer), actions);
}

// With nothing outstanding, all that was committed before is applied. Otherwise it waits its turn.
void Core::Impl::on_sync(const ClientRequest& request, CoreActions& actions) {
  if (waiting.empty()) {
    Reply reply = begin_reply(request.connection);
    append_sync_reply(request.header.xid, tree.last_zxid(), request.record(), reply.frame);
    actions.client.emplace_back(std::move(reply));
    return;
  }
  const ByteView record = request.record();
  waiting.push_back({Waiting::Kind::kSync, waiting.back().zxid, request.connection, request.session,
                     request.header.xid, Bytes(record.begin(), record.end())});
}

void Core::Impl::on(const ConnectSession& connect, CoreActions& actions) {
  if (connect.session == SessionId{}) return create_session(connect, actions);
  attach_again(connect, actions);
}

void Core::Impl::create_session(const ConnectSession& connect, CoreActions& actions) {
  const SessionId id = new_session_id();
  const std::int32_t timeout_ms = negotiated(connect.timeout_ms);
  sessions.add(id, timeout_ms, now).connection = connect.connection;
  const Zxid zxid = replica.next_zxid();
  propose(preparer.create_session(id, timeout_ms, zxid, wall),
          {Waiting::Kind::kConnect, zxid, connect.connection, id, 0, {}}, actions);
}

// The password is looked at before anything else happens: who does not know it cuts off nobody.
void Core::Impl::attach_again(const ConnectSession& connect, CoreActions& actions) {
  const std::array<std::uint8_t, 16> password = session_password(connect.session);
  Session* session = sessions.find(connect.session);
  if (session == nullptr || session->closing || !std::ranges::equal(password, connect.password)) {
    actions.client.emplace_back(SessionReply{connect.connection, SessionId{}, 0, {}});
    return;
  }
  if (session->connection && session->connection != connect.connection) {
    actions.client.emplace_back(
        CloseConnection{*session->connection, "its session has attached elsewhere"});
  }
  session->connection = connect.connection;
  sessions.renew(connect.session, *session, negotiated(connect.timeout_ms), now);
  actions.client.emplace_back(
      SessionReply{connect.connection, connect.session, session->timeout_ms, password});
}

// A clock that was set back must not give an id that is still in use.
SessionId Core::Impl::new_session_id() {
  while (next_session == SessionId{} || next_session.value == kContainerOwner ||
         sessions.find(next_session) != nullptr) {
    ++next_session.value;
  }
  return SessionId{next_session.value++};
}

std::int32_t Core::Impl::negotiated(std::int32_t timeout_ms) const {
  const std::int64_t clamped = std::clamp<std::int64_t>(
      timeout_ms, options.session_timeout_min.value, options.session_timeout_max.value);
  return static_cast<std::int32_t>(clamped);
}

void Core::Impl::on(Disconnected gone, CoreActions&) {
  Session* session = sessions.find(gone.session);
  if (session != nullptr && session->connection == gone.connection) session->connection.reset();
}

void Core::Impl::on(const Touches& touches, CoreActions&) {
  for (const Touches::Touch& touch : touches.touches) {
    if (Session* session = sessions.find(touch.session))
      sessions.touch(touch.session, *session, touch.at);
  }
}

void Core::Impl::on(zab::Persisted persisted, CoreActions& actions) {
  replica.step(persisted, now, zab_actions);
  carry_out(actions);
}

void Core::Impl::run_timers(CoreActions& actions) {
  if (const auto due = sessions.next_deadline(); due && *due <= now) {
    const std::vector<SessionId> expired = sessions.expire(now);
    for (const SessionId id : expired) {
      const Zxid zxid = replica.next_zxid();
      propose(preparer.close_session(id, 0, zxid, wall),
              {Waiting::Kind::kExpiry, zxid, {}, id, 0, {}}, actions);
    }
    note_expired(expired, actions);
  }
  if (reaper.next_deadline() <= now) {
    to_reap.clear();
    reaper.take_due(now, wall, to_reap);
    for (const std::string& path : to_reap) {
      const Zxid zxid = replica.next_zxid();
      TxnBytes bytes = preparer.reap(path, zxid, wall);
      if (bytes == nullptr) continue;
      propose(std::move(bytes), {Waiting::Kind::kInternal, zxid, {}, {}, 0, {}}, actions);
    }
  }
}

void Core::Impl::propose(TxnBytes bytes, Waiting answer, CoreActions& actions) {
  PADDOCK_CHECK(bytes != nullptr);
  PADDOCK_CHECK(answer.zxid == replica.next_zxid());
  PADDOCK_CHECK(waiting.empty() || waiting.back().zxid < answer.zxid);
  const Zxid zxid = answer.zxid;
  waiting.push_back(std::move(answer));
  replica.step(zab::Propose{{zxid, std::move(bytes)}}, now, zab_actions);
  carry_out(actions);
}

void Core::Impl::carry_out(CoreActions& actions) {
  for (zab::Action& action : zab_actions) {
    if (auto* append = std::get_if<zab::Append>(&action)) {
      actions.appends.push_back(std::move(*append));
    } else if (auto* deliver = std::get_if<zab::Deliver>(&action)) {
      committed.push_back(std::move(deliver->txn));
    } else if (const auto* changed = std::get_if<zab::RoleChanged>(&action)) {
      PADDOCK_CHECK(changed->role == zab::Role::kLeading);
      actions.notes.push_back({Note::Level::kInfo, concat("serving: ", replica.describe())});
    }
  }
  zab_actions.clear();
}

void Core::Impl::note_warnings(CoreActions& actions) {
  std::vector<std::string> warnings = preparer.take_warnings();
  if (warnings.empty()) return;
  const bool quiet = last_warning && now < *last_warning + kWarningInterval;
  warnings_dropped += quiet ? warnings.size() : warnings.size() - 1;
  if (quiet) return;
  std::string text = std::move(warnings.front());
  if (warnings_dropped != 0) text += concat(" (and ", warnings_dropped, " more of these)");
  actions.notes.push_back({Note::Level::kWarning, std::move(text)});
  last_warning = now;
  warnings_dropped = 0;
}

void Core::Impl::note_expired(const std::vector<SessionId>& ids, CoreActions& actions) const {
  if (ids.empty()) return;
  std::string text = concat(ids.size(), ids.size() == 1 ? " session" : " sessions", " expired:");
  for (std::size_t i = 0; i < std::min(ids.size(), kExpiredNamed); ++i) {
    text += concat(" ", hex_of(ids[i].value));
  }
  if (ids.size() > kExpiredNamed) text += " ...";
  actions.notes.push_back({Note::Level::kInfo, std::move(text)});
}

void Core::Impl::apply(const zab::Txn& delivered, bool want_changes, CoreActions& actions) {
  const Result<Txn> txn = decode_txn(*delivered.payload);
  PADDOCK_CHECK(txn.ok());  // our own, or from a leader whose bytes were checked on arrival
  PADDOCK_CHECK(txn->header.zxid == delivered.zxid);
  tree.apply(*txn, want_changes, applied);
  preparer.on_applied(delivered.zxid);
  for (TreeChange& change : applied.changes) actions.client.emplace_back(std::move(change));
  if (applied.digest_differs) report_mismatch(*txn, actions);
  while (!waiting.empty() && waiting.front().zxid <= delivered.zxid) {
    const Waiting next = std::move(waiting.front());
    waiting.pop_front();
    answer(next, *txn, actions);
  }
}

void Core::Impl::report_mismatch(const Txn& txn, CoreActions& actions) const {
  actions.fatal = true;
  actions.notes.push_back(
      {Note::Level::kError,
       concat("after zxid ", hex_of(txn.header.zxid.value), " the tree's digest is ",
              hex(tree.digest()), ", but the transaction says ", hex(txn.digest->tree_digest),
              ": this server's state cannot be trusted, so it stops. Start it again; if that "
              "happens once more, keep its data directory and restore a copy")});
}

void Core::Impl::answer(const Waiting& next, const Txn& txn, CoreActions& actions) {
  switch (next.kind) {
    case Waiting::Kind::kWrite:
    case Waiting::Kind::kClose: {
      const bool close = next.kind == Waiting::Kind::kClose;
      Reply reply = begin_reply(next.connection, close);
      append_write_reply(next.xid, txn, applied, reply.frame);
      actions.client.emplace_back(std::move(reply));
      if (close) sessions.remove(next.session);
      return;
    }
    case Waiting::Kind::kNotAnOp: {
      Reply reply = begin_reply(next.connection, true);
      append_reply({next.xid, Zxid{-1}, ErrorCode::kUnimplemented}, {}, reply.frame);
      actions.client.emplace_back(std::move(reply));
      return;
    }
    case Waiting::Kind::kSync: {
      Reply reply = begin_reply(next.connection);
      append_sync_reply(next.xid, tree.last_zxid(), next.record, reply.frame);
      actions.client.emplace_back(std::move(reply));
      return;
    }
    case Waiting::Kind::kConnect:
      return answer_connect(next, actions);
    case Waiting::Kind::kExpiry: {
      const Session* session = sessions.find(next.session);
      PADDOCK_CHECK(session != nullptr);
      if (session->connection) {
        actions.client.emplace_back(CloseConnection{*session->connection, "its session expired"});
      }
      sessions.remove(next.session);
      return;
    }
    case Waiting::Kind::kInternal:
      return;
  }
}

void Core::Impl::answer_connect(const Waiting& next, CoreActions& actions) {
  const Session* session = sessions.find(next.session);
  PADDOCK_CHECK(session != nullptr);
  if (session->connection != next.connection) return;  // it is gone, or another one has taken over
  actions.client.emplace_back(SessionReply{next.connection, next.session, session->timeout_ms,
                                           session_password(next.session)});
}

}  // namespace paddock::server
