#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/concat.h"
#include "server/core/core_impl.h"
#include "server/request/read.h"

// A server that finds no leader answers reads, of clients that have said that they would accept
// that. It decides about nothing: neither tree nor log nor what the engine claims is touched, and
// all of it ends as soon as an election does.
// Source: ZooKeeper 3.8, QuorumPeer.run, ReadOnlyZooKeeperServer, ReadOnlyRequestProcessor;
// client-protocol.md section 13.
namespace paddock::server {

bool Core::Impl::serves() const {
  if (reads_only) return true;
  if (role == zab::Role::kLeading && !is_alone()) return options.leader_serves;
  return role != zab::Role::kLooking;
}

// How long an election may take before clients are told that there is no quorum.
Millis Core::Impl::read_only_grace() const {
  return std::max(Millis{2000}, options.tick_time);
}

std::optional<Millis> Core::Impl::read_only_due() const {
  if (!searching_since || reads_only) return std::nullopt;
  return *searching_since + read_only_grace();
}

// After every step.
void Core::Impl::look_for_quorum(CoreActions& actions) {
  if (!options.read_only || is_alone() || draining) return;
  if (!replica.is_searching()) {
    searching_since.reset();
    if (reads_only) end_read_only(actions);
    return;
  }
  if (!searching_since) searching_since = now;
  if (const auto due = read_only_due(); due && *due <= now) decided.emplace_back(ReadOnlyBegins{});
}

void Core::Impl::begin_read_only(CoreActions& actions) {
  if (reads_only || role != zab::Role::kLooking || !replica.is_searching()) return;
  reads_only = true;
  show_config();
  actions.notes.push_back(
      {Note::Level::kWarning, concat("READ-ONLY: no quorum for ", (now - *searching_since).value,
                                     " ms; clients that accept it may read, as of zxid ",
                                     hex_of(tree.last_zxid().value))});
  actions.client.emplace_back(ServingChanged{true});
}

// Clients come back to whoever serves then.
void Core::Impl::end_read_only(CoreActions& actions) {
  reads_only = false;
  locals = SessionTracker(options.tick_time);
  order.clear();
  actions.notes.push_back({Note::Level::kInfo, "no longer READ-ONLY: an election has ended"});
  actions.client.emplace_back(ServingChanged{false});
}

// Sessions here are this server's own. One of the ensemble stays as it is, for another server: it
// must not be told that it has expired.
void Core::Impl::connect_read_only(const ConnectSession& connect, CoreActions& actions) {
  const auto close = [&](std::string_view why) {
    actions.client.emplace_back(CloseConnection{connect.connection, why});
  };
  if (!connect.read_only) return close("without a quorum only readers are served");
  if (connect.session == SessionId{}) return create_local_session(connect, actions);
  if (tree.session_timeout(connect.session) || sessions.contains(connect.session)) {
    return close("without a quorum no session of the ensemble is served");
  }
  const bool knows_it = std::ranges::equal(session_password(connect.session), connect.password);
  if (!knows_it || !is_local(connect.session)) {
    actions.client.emplace_back(refusal(connect.connection));
    return;
  }
  attach(locals, connect.session, {connect.connection, connect.timeout_ms}, actions);
}

void Core::Impl::refuse_write(const ClientRequest& request, CoreActions& actions) {
  const OpCode op = request.header.op;
  const bool is_op = is_client_op(op) && (is_write(op) || op == OpCode::kSync);
  Reply answer = begin_reply(request.connection, !is_op);
  append_reply({request.header.xid, is_op ? tree.last_zxid() : Zxid{-1},
                is_op ? ErrorCode::kNotReadOnly : ErrorCode::kUnimplemented},
               {}, answer.frame);
  reply(last_request, std::move(answer), actions);
}

}  // namespace paddock::server
