#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include "server/core/core.h"
#include "server/core/reaper.h"
#include "server/core/reply_order.h"
#include "server/core/session_tracker.h"
#include "server/request/prepare.h"

namespace paddock::server {

// What Core is made of: core.cc has the steps, the engine's actions, the roles and apply;
// core_leader.cc what only a leader does; core_reconfig.cc its reconfigurations; core_learner.cc
// what followers and observers do; core_local.cc sessions that this server alone knows;
// core_read_only.cc a server without a quorum.
struct Core::Impl {
  // Leading: what is to be answered, and to whom, once a transaction is applied.
  struct Waiting {
    enum class Kind {
      kWrite,       // a client's request: a reply
      kClose,       // closeSession: a reply, then the connection goes
      kCloseLocal,  // of a local session: the same, with no transaction of its own
      kNotAnOp,     // nothing a client may ask: a reply without a zxid, then the connection goes
      kConnect,     // a new session
      kExpiry,      // the session's time was over
      kInternal,    // nobody waits here: a learner's request, or one of this server's own
    };
    Kind kind{};
    Zxid zxid;
    ConnectionId connection;
    SessionId session;
    std::int32_t xid = 0;
    RequestNumber number = {};
  };
  // Learning: a client's request that the leader has, or one that waits behind such.
  struct Forwarded {
    enum class Kind {
      kWrite,
      kClose,       // closeSession
      kCloseLocal,  // of a local session: never forwarded
      kRefused,     // never forwarded: Unimplemented
      kNotAnOp,     // likewise, and the connection goes
    };
    Kind kind{};
    ConnectionId connection;
    std::int32_t xid = 0;
    RequestNumber number;
    ErrorCode refusal = ErrorCode::kOk;  // what is told where the leader has refused it

    bool is_for_leader() const { return kind == Kind::kWrite || kind == Kind::kClose; }
  };
  struct OpenSync {
    ConnectionId connection;
    std::int32_t xid = 0;
    Bytes record;
  };
  // A client that wants to attach, while the leader is asked whether its session is there.
  struct Attaching {
    ConnectionId connection;
    std::int32_t timeout_ms = 0;
  };
  // The oldest sync is answered.
  struct SyncDone {};
  // No leader has been found for so long that readers are served without one.
  struct ReadOnlyBegins {};
  // What the engine has decided, in its order: applied, or begun, by apply_committed().
  using Decided = std::variant<zab::Txn, zab::RoleChanged, SyncDone, ReadOnlyBegins>;
  using Session = SessionTracker::Session;

  Impl(CoreOptions given, DataTree& its_tree, zab::Durable durable, Millis now, WallMillis wall);

  // --- core.cc ---
  void begin_step(Millis at, WallMillis at_wall, CoreActions& actions);
  void on(zab::Tick, CoreActions&) {}
  void on(ClientRequest request, CoreActions& actions);
  void on(const ConnectSession& connect, CoreActions& actions);
  void on(Disconnected gone, CoreActions& actions);
  void on(const Touches& touches, CoreActions& actions);
  void on(CheckpointWritten written, CoreActions&) { checkpointed = written.zxid; }
  void on(zab::Received received, CoreActions& actions);
  std::string peer_of(zab::LinkId link) const;
  template <typename EngineEvent>
  void on(EngineEvent event, CoreActions&) {
    replica.step(std::move(event), now, zab_actions);
  }
  Millis next_deadline() const;
  void carry_out(CoreActions& actions);
  void carry_out(zab::Action& action, CoreActions& actions);

  bool is_alone() const { return options.membership.ensemble == nullptr; }
  // Both sides: the engine may have lost the role already.
  bool leads() const {
    return role == zab::Role::kLeading && replica.role() == zab::Role::kLeading;
  }
  bool learns() const { return role == zab::Role::kFollowing || role == zab::Role::kObserving; }
  void begin_role(const zab::RoleChanged& changed, CoreActions& actions);
  void end_role(CoreActions& actions);
  void show_config();
  void show_config_in_force();
  void load_sessions();

  void apply(const zab::Txn& committed, bool want_changes, CoreActions& actions);
  void note_session(const Txn& txn, CoreActions& actions);
  void report_mismatch(const Txn& txn, CoreActions& actions) const;
  void finish_sync(CoreActions& actions);
  Zxid zxid_before_held(ConnectionId connection) const;
  void reply(RequestNumber number, Reply reply, CoreActions& actions) {
    order.add(number, std::move(reply), actions.client);
  }
  SessionReply welcome(SessionId id, std::int32_t timeout_ms, ConnectionId connection) const;
  SessionReply refusal(ConnectionId connection) const {
    return {connection, SessionId{}, 0, {}, reads_only};
  }
  void attach(SessionTracker& tracker, SessionId id, const Attaching& client, CoreActions& actions);
  SessionTracker& tracker_of(SessionId id) { return is_local(id) ? locals : sessions; }
  SessionId new_session_id();
  std::int32_t negotiated(std::int32_t timeout_ms) const;

  // --- core_leader.cc ---
  void on_write(const ClientRequest& request, Session& session, ErrorCode ephemerals,
                CoreActions& actions);
  void create_session(const ConnectSession& connect);
  void attach_again(const ConnectSession& connect, CoreActions& actions);
  void run_timers(CoreActions& actions);
  void close_orphans(CoreActions& actions);
  void on_learner(zab::FromLearner& from, CoreActions& actions);
  void on_learner(zab::LinkId link, zab::Request& request, CoreActions& actions);
  void on_learner(zab::LinkId link, const zab::Revalidate& asked, CoreActions& actions);
  void on_learner(zab::LinkId link, const zab::Ping& ping, CoreActions& actions);
  TxnBytes prepare_for_learner(zab::LinkId link, const zab::Request& request, Zxid zxid);
  void propose_session(SessionId id, std::int32_t timeout_ms);
  void propose(TxnBytes bytes, Waiting waiting);
  void answer(const Waiting& waiting, const Txn& txn, CoreActions& actions);
  void note_warnings(CoreActions& actions);
  void note_expired(const std::vector<SessionId>& expired, CoreActions& actions) const;

  // --- core_reconfig.cc ---
  std::set<ServerId> synced_servers() const;
  ErrorCode next_configuration(const ReconfigRequest& request, zab::Ensemble& next) const;
  void on(zab::Notified notified, CoreActions& actions);
  void compare_configurations(const zab::Notified& notified, CoreActions& actions);
  TxnBytes prepare(const WriteRequest& request, Zxid zxid);

  // --- core_learner.cc ---
  void forward(ClientRequest& request, ErrorCode ephemerals, CoreActions& actions);
  void forward_create_session(const ConnectSession& connect);
  void send_create_session(SessionId id, std::int32_t timeout_ms);
  void ask_leader(const ConnectSession& connect, CoreActions& actions);
  void on_revalidated(zab::Revalidated answer, CoreActions& actions);
  void answer_ping(const zab::AnswerPing& ping, CoreActions& actions);
  void answer_forwarded(const Txn& txn, CoreActions& actions);
  void answer_here(const Forwarded& entry, CoreActions& actions);
  void forget(ConnectionId connection, SessionId session);

  // --- core_local.cc ---
  bool has_local_sessions() const { return options.local_sessions && !is_alone(); }
  bool is_local(SessionId id) const { return locals.contains(id); }
  void create_local_session(const ConnectSession& connect, CoreActions& actions);
  void upgrade(SessionId id);
  ErrorCode admit_ephemerals(const ClientRequest& request);
  void close_local(const ClientRequest& request, CoreActions& actions);
  void answer_close_local(ConnectionId connection, std::int32_t xid, RequestNumber number,
                          CoreActions& actions);
  void expire_locals(CoreActions& actions);
  bool may_be_local_elsewhere(SessionId id) const;
  void note_gone(SessionId id);

  // --- core_read_only.cc ---
  bool serves() const;
  Millis read_only_grace() const;
  std::optional<Millis> read_only_due() const;
  void look_for_quorum(CoreActions& actions);
  void begin_read_only(CoreActions& actions);
  void end_read_only(CoreActions& actions);
  void connect_read_only(const ConnectSession& connect, CoreActions& actions);
  void refuse_write(const ClientRequest& request, CoreActions& actions);

  const CoreOptions options;
  DataTree& tree;
  zab::Replica replica;
  Preparer preparer;
  SessionTracker sessions;  // those that the ensemble has
  SessionTracker locals;    // those that are this server's alone
  Reaper reaper;
  SessionId next_session;
  Zxid checkpointed;
  Millis now;
  WallMillis wall;
  zab::Role role = zab::Role::kLooking;  // that clients are served in
  Millis role_began;
  Zxid synchronized;  // before it a digest need not be right: see zab::RoleChanged
  bool started = false;
  bool draining = false;
  std::optional<Millis> searching_since;  // it neither leads nor follows anybody
  bool reads_only = false;

  zab::Actions zab_actions;
  std::vector<Decided> decided;
  std::map<ServerId, std::string> compared;  // the configuration that each peer had last
  std::set<std::string> told;                // what was found to be wrong with them
  Applied applied;
  bool reconfigured = false;  // by what has been applied since the configuration was last shown
  RequestNumber last_request;
  ReplyOrder order;
  std::deque<OpenSync> syncs;  // answered in this order

  // Leading.
  std::deque<Waiting> waiting;          // by zxid; one for each outstanding transaction
  std::vector<zab::FromLearner> early;  // came before this server had begun to lead
  bool orphans_due = false;
  // Where there are local sessions: sessions of the ensemble that ended, the oldest first.
  boost::unordered_flat_set<SessionId> gone;
  std::deque<SessionId> gone_order;
  ProposalBytes proposal_bytes;
  std::vector<std::string> to_reap;
  std::optional<Millis> last_warning;
  std::size_t warnings_dropped = 0;

  // Learning.
  boost::unordered_flat_map<SessionId, std::deque<Forwarded>> forwarded;
  std::size_t forwarded_count = 0;
  boost::unordered_flat_map<SessionId, Attaching> creating;
  std::multimap<SessionId, Attaching> attaching;  // of one session in the order of their asking
  // Connections that wait for either, as long as they are there.
  boost::unordered_flat_set<ConnectionId, std::hash<ConnectionId>> connecting;
  boost::unordered_flat_map<SessionId, std::int32_t> touched;  // since the last PING; timeouts
};

// What a transaction makes the next configuration; null: it is no reconfig, or not one that parses.
std::shared_ptr<const zab::Ensemble> config_in(const Txn& txn);
Reply begin_reply(ConnectionId connection, bool close = false);
std::string hex_of(std::int64_t value);

}  // namespace paddock::server
