#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/concat.h"
#include "common/jute.h"
#include "server/core/core_impl.h"
#include "server/request/read.h"
#include "server/request/reply.h"

namespace paddock::server {

namespace {

// Notes about soft quotas: at most one in this time.
constexpr Millis kWarningInterval{10000};
constexpr std::size_t kExpiredNamed = 8;  // in one note
constexpr zab::LinkId kThisServer{};

// nullopt: the body of a learner's createSession is not a timeout.
std::optional<std::int32_t> timeout_in(const zab::Request& request) {
  JuteReader reader(*request.body);
  const Result<std::int32_t> timeout_ms = reader.read_int();
  if (!timeout_ms || *timeout_ms <= 0) return std::nullopt;
  return *timeout_ms;
}

}  // namespace

// --- this server's own clients ---

void Core::Impl::on_write(const ClientRequest& request, Session& session, ErrorCode ephemerals,
                          CoreActions& actions) {
  if (replica.is_exhausted()) return;  // the role ends with the next tick
  const Zxid zxid = replica.next_zxid();
  Waiting answer{Waiting::Kind::kWrite, zxid,        request.connection, request.session,
                 request.header.xid,    last_request};
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
    bytes = prepare(
        {request.session, request.header, request.record(), *request.credentials, ephemerals},
        zxid);
    note_warnings(actions);
  }
  propose(std::move(bytes), answer);
}

void Core::Impl::create_session(const ConnectSession& connect) {
  if (replica.is_exhausted()) return;
  const SessionId id = new_session_id();
  const std::int32_t timeout_ms = negotiated(connect.timeout_ms);
  Session& session = sessions.add(id, timeout_ms, now);
  session.connection = connect.connection;
  session.owner = kThisServer;
  const Zxid zxid = replica.next_zxid();
  propose(preparer.create_session(id, timeout_ms, zxid, wall),
          {Waiting::Kind::kConnect, zxid, connect.connection, id, 0});
}

void Core::Impl::attach_again(const ConnectSession& connect, CoreActions& actions) {
  Session* session = sessions.find(connect.session);
  if (session == nullptr || session->closing) {
    actions.client.emplace_back(refusal(connect.connection));
    return;
  }
  session->owner = kThisServer;
  attach(sessions, connect.session, {connect.connection, connect.timeout_ms}, actions);
}

// Of a session that is tracked already.
void Core::Impl::propose_session(SessionId id, std::int32_t timeout_ms) {
  if (replica.is_exhausted()) return;
  const Zxid zxid = replica.next_zxid();
  propose(preparer.create_session(id, timeout_ms, zxid, wall),
          {Waiting::Kind::kInternal, zxid, {}, id, 0});
}

// --- time ---

void Core::Impl::run_timers(CoreActions& actions) {
  if (replica.is_exhausted()) return;
  if (std::exchange(orphans_due, false)) close_orphans(actions);
  if (const auto due = sessions.next_deadline(); due && *due <= now) {
    const std::vector<SessionId> expired = sessions.expire(now);
    for (const SessionId id : expired) {
      if (replica.is_exhausted()) break;
      const Zxid zxid = replica.next_zxid();
      propose(preparer.close_session(id, 0, zxid, wall), {Waiting::Kind::kExpiry, zxid, {}, id, 0});
    }
    note_expired(expired, actions);
  }
  if (reaper.next_deadline() <= now) {
    to_reap.clear();
    reaper.take_due(now, wall, to_reap);
    for (const std::string& path : to_reap) {
      if (replica.is_exhausted()) break;
      const Zxid zxid = replica.next_zxid();
      TxnBytes bytes = preparer.reap(path, zxid, wall);
      if (bytes == nullptr) continue;
      propose(std::move(bytes), {Waiting::Kind::kInternal, zxid, {}, {}, 0});
    }
  }
}

// Ephemerals whose session is unknown go by a transaction: every replica drops the same ones.
void Core::Impl::close_orphans(CoreActions& actions) {
  std::vector<SessionId> orphans = tree.sessions_with_ephemerals();
  std::erase_if(orphans, [&](SessionId id) { return tree.session_timeout(id).has_value(); });
  for (const SessionId id : orphans) {
    if (replica.is_exhausted()) return;
    const Zxid zxid = replica.next_zxid();
    propose(preparer.close_session(id, 0, zxid, wall), {Waiting::Kind::kInternal, zxid, {}, id, 0});
  }
  note_expired(orphans, actions);
}

// --- learners and their clients ---

void Core::Impl::on_learner(zab::FromLearner& from, CoreActions& actions) {
  if (draining) return;
  if (auto* request = std::get_if<zab::Request>(&from.message)) {
    on_learner(from.link, *request, actions);
  } else if (const auto* asked = std::get_if<zab::Revalidate>(&from.message)) {
    on_learner(from.link, *asked, actions);
  } else {
    on_learner(from.link, std::get<zab::Ping>(from.message), actions);
  }
}

// It always becomes a transaction: by that one the learner answers its client. A sync is answered
// whatever the session is.
void Core::Impl::on_learner(zab::LinkId link, zab::Request& request, CoreActions& actions) {
  if (static_cast<OpCode>(request.op_code) == OpCode::kSync) {
    return replica.step(zab::SyncRequested{link}, now, zab_actions);
  }
  if (replica.is_exhausted()) return;
  const Zxid zxid = replica.next_zxid();
  propose(prepare_for_learner(link, request, zxid),
          {Waiting::Kind::kInternal, zxid, {}, request.session, request.cxid});
  note_warnings(actions);
}

TxnBytes Core::Impl::prepare_for_learner(zab::LinkId link, const zab::Request& request, Zxid zxid) {
  const auto op = static_cast<OpCode>(request.op_code);
  Session* session = sessions.find(request.session);
  const auto refuse = [&](ErrorCode error) {
    return preparer.refuse(request.session, request.cxid, error, zxid, wall);
  };
  if (op == OpCode::kCreateSession) {
    const std::optional<std::int32_t> timeout_ms = timeout_in(request);
    if (!timeout_ms || request.session == SessionId{}) return refuse(ErrorCode::kMarshallingError);
    if (session == nullptr) session = &sessions.add(request.session, *timeout_ms, now);
    session->owner = link;
    return preparer.create_session(request.session, *timeout_ms, zxid, wall);
  }
  static const std::vector<Id> kNobody;
  WriteRequest write{request.session,
                     {request.cxid, op},
                     *request.body,
                     request.authinfo ? *request.authinfo : kNobody};
  if (session == nullptr && op != OpCode::kCloseSession &&
      may_be_local_elsewhere(request.session)) {
    write.ephemerals = ErrorCode::kSessionExpired;
    return prepare(write, zxid);
  }
  if (session == nullptr || session->closing) return refuse(ErrorCode::kSessionExpired);
  sessions.touch(request.session, *session, now);
  if (op == OpCode::kCloseSession) {
    sessions.close(request.session, *session);
    return preparer.close_session(request.session, request.cxid, zxid, wall);
  }
  if (!session->owner) session->owner = link;
  if (session->owner != link) return refuse(ErrorCode::kSessionMoved);
  return prepare(write, zxid);
}

void Core::Impl::on_learner(zab::LinkId link, const zab::Revalidate& asked, CoreActions& actions) {
  Session* session = sessions.find(asked.session);
  const bool valid = session != nullptr && !session->closing;
  if (valid) {
    session->owner = link;
    const auto timeout_ms = std::clamp<std::int64_t>(asked.timeout.value, 1, INT32_MAX);
    sessions.renew(asked.session, *session, static_cast<std::int32_t>(timeout_ms), now);
    if (const auto connection = std::exchange(session->connection, std::nullopt)) {
      actions.client.emplace_back(
          CloseConnection{*connection, "its session has attached to another server"});
    }
  }
  replica.step(zab::Answer{link, {asked.session, valid}}, now, zab_actions);
}

void Core::Impl::on_learner(zab::LinkId, const zab::Ping& ping, CoreActions&) {
  if (!ping.touched) return;
  for (const zab::SessionTouch& touch : *ping.touched) {
    if (Session* session = sessions.find(touch.session))
      sessions.touch(touch.session, *session, now);
  }
}

// --- proposals and their answers ---

void Core::Impl::propose(TxnBytes bytes, Waiting answer) {
  PADDOCK_CHECK(bytes != nullptr);
  PADDOCK_CHECK(answer.zxid == replica.next_zxid());
  PADDOCK_CHECK(waiting.empty() || waiting.back().zxid < answer.zxid);
  const std::int64_t size = std::ssize(*bytes);
  proposal_bytes.min = proposal_bytes.last < 0 ? size : std::min(proposal_bytes.min, size);
  proposal_bytes.max = std::max(proposal_bytes.max, size);
  proposal_bytes.last = size;
  waiting.push_back(answer);
  zab::Txn txn{answer.zxid, std::move(bytes)};
  if (decode_txn_header(*txn.payload).value().type == OpCode::kReconfig) {
    txn.config = config_in(decode_txn(*txn.payload).value());
  }
  replica.step(zab::Propose{std::move(txn)}, now, zab_actions);
}

void Core::Impl::answer(const Waiting& next, const Txn& txn, CoreActions& actions) {
  switch (next.kind) {
    case Waiting::Kind::kWrite: {
      Reply answer = begin_reply(next.connection);
      append_write_reply(next.xid, txn, applied, answer.frame);
      return reply(next.number, std::move(answer), actions);
    }
    case Waiting::Kind::kClose: {
      Reply answer = begin_reply(next.connection, true);
      append_write_reply(next.xid, txn, applied, answer.frame);
      Session* session = sessions.find(next.session);
      if (session != nullptr && session->connection == next.connection) session->connection.reset();
      return reply(next.number, std::move(answer), actions);
    }
    case Waiting::Kind::kCloseLocal:
      return answer_close_local(next.connection, next.xid, next.number, actions);
    case Waiting::Kind::kNotAnOp: {
      Reply answer = begin_reply(next.connection, true);
      append_reply({next.xid, Zxid{-1}, ErrorCode::kUnimplemented}, {}, answer.frame);
      return reply(next.number, std::move(answer), actions);
    }
    case Waiting::Kind::kConnect: {
      const Session* session = sessions.find(next.session);
      PADDOCK_CHECK(session != nullptr);
      // Otherwise it is gone, or another one has taken over.
      if (session->connection != next.connection) return;
      actions.client.emplace_back(welcome(next.session, session->timeout_ms, next.connection));
      return;
    }
    case Waiting::Kind::kExpiry:
    case Waiting::Kind::kInternal:
      return;
  }
}

// --- notes ---

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

}  // namespace paddock::server
