#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/jute.h"
#include "server/core/core_impl.h"
#include "server/request/read.h"
#include "server/request/reply.h"

namespace paddock::server {

namespace {

// A Java leader reads no more than 1 MiB at once unless told otherwise; 12 bytes each.
constexpr std::size_t kTouchesMax = 50'000;

std::shared_ptr<const Bytes> shared(Bytes bytes) {
  return std::make_shared<const Bytes>(std::move(bytes));
}

}  // namespace

// --- requests for the leader ---

// The leader answers each with a transaction, one session's in order. What it may not be asked is
// answered here, behind what the session has asked before. (Before 3.8.5 a Java leader logs a lone
// check as a transaction that nobody can read: ZOOKEEPER-2623.)
void Core::Impl::forward(ClientRequest& request, ErrorCode ephemerals, CoreActions& actions) {
  const OpCode op = request.header.op;
  const bool is_op = is_client_op(op) && (is_write(op) || op == OpCode::kSync);
  Forwarded entry{Forwarded::Kind::kWrite, request.connection, request.header.xid, last_request,
                  ephemerals};
  if (!is_op) entry.kind = Forwarded::Kind::kNotAnOp;
  if (op == OpCode::kCheck) entry.kind = Forwarded::Kind::kRefused;
  if (op == OpCode::kCloseSession) entry.kind = Forwarded::Kind::kClose;
  if (op != OpCode::kSync) {
    std::deque<Forwarded>& queue = forwarded[request.session];
    if (!entry.is_for_leader() && queue.empty()) return answer_here(entry, actions);
    queue.push_back(entry);
    ++forwarded_count;
  }
  if (!entry.is_for_leader()) return;
  const ByteView record = request.record();
  zab::Request message{.session = request.session,
                       .cxid = request.header.xid,
                       .op_code = static_cast<std::int32_t>(op),
                       .body = shared(Bytes(record.begin(), record.end())),
                       .authinfo = *request.credentials};
  replica.step(zab::Forward{std::move(message)}, now, zab_actions);
}

void Core::Impl::answer_forwarded(const Txn& txn, CoreActions& actions) {
  const SessionId id = txn.header.session;
  if (txn.header.type == OpCode::kCreateSession) {
    const auto found = creating.find(id);
    if (found == creating.end()) return;
    const Attaching client = found->second;
    creating.erase(found);
    const auto* created = std::get_if<CreateSessionTxn>(&txn.body);
    if (created == nullptr || sessions.find(id) != nullptr) return;
    Session& session = sessions.add(id, created->timeout_ms, now);
    if (connecting.erase(client.connection) == 0) return;  // its connection is gone
    session.connection = client.connection;
    actions.client.emplace_back(welcome(id, created->timeout_ms, client.connection));
    return;
  }
  const auto found = forwarded.find(id);
  if (found == forwarded.end() || found->second.empty()) return;
  std::deque<Forwarded>& queue = found->second;
  if (queue.front().xid != txn.header.cxid) return;  // the leader's own: expired, cleaned up
  const Forwarded next = queue.front();
  queue.pop_front();
  --forwarded_count;
  Reply answer = begin_reply(next.connection, next.kind == Forwarded::Kind::kClose);
  const auto* error = std::get_if<ErrorTxn>(&txn.body);
  if (error != nullptr && error->error == ErrorCode::kSessionMoved) {
    actions.client.emplace_back(CloseConnection{next.connection, "its session has moved"});
  } else if (error != nullptr && next.refusal != ErrorCode::kOk) {
    append_reply({next.xid, txn.header.zxid, next.refusal}, {}, answer.frame);
    reply(next.number, std::move(answer), actions);
  } else {
    append_write_reply(next.xid, txn, applied, answer.frame);
    reply(next.number, std::move(answer), actions);
  }
  Session* session = sessions.find(id);
  if (next.kind == Forwarded::Kind::kClose && session != nullptr &&
      session->connection == next.connection) {
    session->connection.reset();  // it closes with its reply
  }
  for (; !queue.empty() && !queue.front().is_for_leader(); queue.pop_front(), --forwarded_count) {
    answer_here(queue.front(), actions);
  }
  session = tracker_of(id).find(id);
  if (queue.empty() && (session == nullptr || !session->connection)) forwarded.erase(found);
}

void Core::Impl::answer_here(const Forwarded& entry, CoreActions& actions) {
  if (entry.kind == Forwarded::Kind::kCloseLocal) {
    return answer_close_local(entry.connection, entry.xid, entry.number, actions);
  }
  const bool close = entry.kind == Forwarded::Kind::kNotAnOp;
  Reply answer = begin_reply(entry.connection, close);
  append_reply({entry.xid, close ? Zxid{-1} : tree.last_zxid(), ErrorCode::kUnimplemented}, {},
               answer.frame);
  reply(entry.number, std::move(answer), actions);
}

// --- sessions ---

void Core::Impl::forward_create_session(const ConnectSession& connect) {
  const SessionId id = new_session_id();
  const std::int32_t timeout_ms = negotiated(connect.timeout_ms);
  creating.emplace(id, Attaching{connect.connection, timeout_ms});
  connecting.insert(connect.connection);
  send_create_session(id, timeout_ms);
}

void Core::Impl::send_create_session(SessionId id, std::int32_t timeout_ms) {
  Bytes body;
  JuteWriter(body).write_int(timeout_ms);
  zab::Request message{.session = id,
                       .cxid = 0,
                       .op_code = static_cast<std::int32_t>(OpCode::kCreateSession),
                       .body = shared(std::move(body)),
                       .authinfo = std::nullopt};
  replica.step(zab::Forward{std::move(message)}, now, zab_actions);
}

// The connection before gives way at once: what still comes by it would else be forwarded behind
// the question, and count as the new owner's.
void Core::Impl::ask_leader(const ConnectSession& connect, CoreActions& actions) {
  Session* session = sessions.find(connect.session);
  if (session != nullptr && session->connection) {
    actions.client.emplace_back(CloseConnection{*std::exchange(session->connection, std::nullopt),
                                                "its session attaches anew"});
  }
  const std::int32_t timeout_ms = negotiated(connect.timeout_ms);
  attaching.emplace(connect.session, Attaching{connect.connection, timeout_ms});
  connecting.insert(connect.connection);
  replica.step(zab::Forward{zab::Revalidate{connect.session, Millis{timeout_ms}}}, now,
               zab_actions);
}

// The leader may know of a session whose createSession is not applied here yet.
void Core::Impl::on_revalidated(zab::Revalidated answer, CoreActions& actions) {
  const auto found = attaching.find(answer.session);
  if (found == attaching.end()) return;
  const Attaching client = found->second;
  attaching.erase(found);
  if (connecting.erase(client.connection) == 0) return;  // its connection is gone
  if (!answer.valid) {
    actions.client.emplace_back(refusal(client.connection));
    return;
  }
  if (!sessions.contains(answer.session)) sessions.add(answer.session, client.timeout_ms, now);
  attach(sessions, answer.session, client, actions);
}

void Core::Impl::answer_ping(const zab::AnswerPing& ping, CoreActions& actions) {
  zab::Ping answer{.zxid = ping.zxid, .touched = std::vector<zab::SessionTouch>()};
  for (auto at = touched.begin(); at != touched.end() && answer.touched->size() < kTouchesMax;) {
    answer.touched->push_back({at->first, Millis{at->second}});
    touched.erase(at++);
  }
  actions.peers.emplace_back(zab::Send{ping.link, std::move(answer)});
}

void Core::Impl::forget(ConnectionId connection, SessionId session) {
  connecting.erase(connection);
  const auto queue = forwarded.find(session);
  if (queue != forwarded.end() && queue->second.empty()) forwarded.erase(queue);
}

}  // namespace paddock::server
