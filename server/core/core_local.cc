#include <utility>

#include "common/check.h"
#include "common/concat.h"
#include "server/core/core_impl.h"
#include "server/request/read.h"

// Sessions that this server alone knows: made and ended without a transaction, and gone with the
// role. One that wants an ephemeral node becomes a session of the ensemble first.
// Source: ZooKeeper 3.8, UpgradeableSessionTracker, LeaderSessionTracker, QuorumZooKeeperServer;
// peer-protocol.md, section B8.
namespace paddock::server {

namespace {

// Of sessions that ended: a write that a learner sent before it knew is not taken for one of a
// local session. (ZooKeeper takes it.)
constexpr std::size_t kGoneMax = 65'536;

std::uint8_t server_of(SessionId id) {
  return static_cast<std::uint8_t>(static_cast<std::uint64_t>(id.value) >> 56);
}

}  // namespace

void Core::Impl::create_local_session(const ConnectSession& connect, CoreActions& actions) {
  const SessionId id = new_session_id();
  Session& session = locals.add(id, negotiated(connect.timeout_ms), now);
  session.connection = connect.connection;
  actions.client.emplace_back(welcome(id, session.timeout_ms, connect.connection));
}

// What an ephemeral node of this request is to be refused with. kOk: the session may have one.
ErrorCode Core::Impl::admit_ephemerals(const ClientRequest& request) {
  if (!makes_ephemerals(request.header.op, request.record())) return ErrorCode::kOk;
  if (!options.local_sessions_upgrading) return ErrorCode::kEphemeralOnLocalSession;
  upgrade(request.session);
  return ErrorCode::kOk;
}

// The createSession goes ahead of the request, the same way. From here on the session is the
// ensemble's, committed or not: whatever ends it is a transaction behind that one.
void Core::Impl::upgrade(SessionId id) {
  const Session* local = locals.find(id);
  PADDOCK_CHECK(local != nullptr && !sessions.contains(id));
  const std::int32_t timeout_ms = local->timeout_ms;
  Session& session = sessions.add(id, timeout_ms, now);
  session.connection = local->connection;
  locals.remove(id);
  if (leads()) {
    session.owner = zab::LinkId{};
    propose_session(id, timeout_ms);
  } else if (learns()) {
    touched.insert_or_assign(id, timeout_ms);
    send_create_session(id, timeout_ms);
  }
}

// Answered behind what the session has asked before.
void Core::Impl::close_local(const ClientRequest& request, CoreActions& actions) {
  const std::int32_t xid = request.header.xid;
  locals.remove(request.session);
  if (!waiting.empty()) {
    waiting.push_back({Waiting::Kind::kCloseLocal, waiting.back().zxid, request.connection,
                       request.session, xid, last_request});
    return;
  }
  const auto queue = forwarded.find(request.session);
  if (queue != forwarded.end() && !queue->second.empty()) {
    queue->second.push_back({Forwarded::Kind::kCloseLocal, request.connection, xid, last_request});
    ++forwarded_count;
    return;
  }
  answer_close_local(request.connection, xid, last_request, actions);
}

void Core::Impl::answer_close_local(ConnectionId connection, std::int32_t xid, RequestNumber number,
                                    CoreActions& actions) {
  Reply answer = begin_reply(connection, true);
  append_reply({xid, tree.last_zxid(), ErrorCode::kOk}, {}, answer.frame);
  reply(number, std::move(answer), actions);
}

void Core::Impl::expire_locals(CoreActions& actions) {
  const auto due = locals.next_deadline();
  if (!due || *due > now) return;
  const std::vector<SessionId> expired = locals.expire(now);
  for (const SessionId id : expired) {
    const Session* session = locals.find(id);
    if (session->connection) {
      actions.client.emplace_back(CloseConnection{*session->connection, "its session expired"});
    }
    locals.remove(id);
  }
  note_expired(expired, actions);
}

// Leading: a session that is none of the ensemble's may be one that a learner keeps to itself. No
// local session of this server comes by way of a learner.
bool Core::Impl::may_be_local_elsewhere(SessionId id) const {
  const auto own = static_cast<std::uint8_t>(options.server_id.value);
  return has_local_sessions() && server_of(id) != own && !gone.contains(id);
}

void Core::Impl::note_gone(SessionId id) {
  if (gone.insert(id).second) gone_order.push_back(id);
  if (gone_order.size() <= kGoneMax) return;
  gone.erase(gone_order.front());
  gone_order.pop_front();
}

}  // namespace paddock::server
