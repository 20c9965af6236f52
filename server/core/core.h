#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/ids.h"
#include "server/core/core_action.h"
#include "server/core/core_event.h"
#include "server/tree/acl_check.h"
#include "server/tree/data_tree.h"
#include "zab/replica.h"

namespace paddock::server {

// Typed settings that decide about requests and sessions. Times in ms.
struct CoreOptions {
  ServerId server_id{1};
  zab::Membership membership;  // without an ensemble: stands alone
  Millis tick_time{3000};
  Millis session_timeout_min{6000}, session_timeout_max{60000};
  bool enforce_quota = false;      // zookeeper.enforceQuota
  bool reconfig_enabled = false;   // reconfigEnabled
  bool standalone_enabled = true;  // standaloneEnabled: two voters stay at least
  bool close_session_txn = true;   // closeSessionTxn.enabled: the list of paths in it
  // In an ensemble:
  bool leader_serves = true;               // leaderServes: whether a leader has clients of its own
  bool local_sessions = false;             // localSessionsEnabled
  bool local_sessions_upgrading = false;   // localSessionsUpgradingEnabled
  bool read_only = false;                  // readonlymode.enabled
  Millis container_check_interval{60000};  // znode.container.checkIntervalMs
  std::int64_t container_max_per_minute = 10000;  // znode.container.maxPerMinute
  Millis container_max_never_used{0};       // znode.container.maxNeverUsedIntervalMs; 0: never
  std::uint32_t frame_bytes_max = 0xfffff;  // jute.maxbuffer: bounds what a txn may become
  AuthOptions auth;
};

// A whole replica but for its threads: engine, preparation, sessions, apply. What the server runs
// and a simulation steps. Pure: it reads no clock and draws no chance.
//
// Two steps, because readers share the tree: step() takes events and never changes the tree;
// apply_committed() changes it, and the host shuts readers out meanwhile.
//
//   loop: step() each event -> carry out writes and peers -> if has_committed(): lock;
//         apply_committed(); hand client actions to the io threads; unlock
//
// In an ensemble it serves clients only in between a RoleChanged of the engine that says so and the
// next: leading, it prepares and decides itself; following or observing, it passes writes to the
// leader and answers its own clients as their transactions come back. In read-only mode it also
// serves, between two roles, those that want no more than to read.
//
// Thread: the core thread.
class Core {
 public:
  // `tree` is loaded and outlives the core. `durable.history.last()` is the tree's. `now` and
  // `wall` are those of the start: session ids begin with `wall`, and every session known gets its
  // full timeout again.
  Core(CoreOptions options, DataTree& tree, const zab::Durable& durable, Millis now,
       WallMillis wall);
  ~Core();

  // Takes one event. `wall` goes into transactions; it may jump.
  void step(CoreEvent event, Millis now, WallMillis wall, CoreActions& actions);

  bool has_committed() const;
  // Applies all that is committed. `want_changes`: whether any io thread has watches; without, no
  // TreeChange comes out.
  void apply_committed(bool want_changes, Millis now, CoreActions& actions);

  // From here on nothing new is begun: what clients and learners ask is dropped, since their
  // connections are about to be closed. What is under way is finished.
  void drain();

  // When to send a Tick if nothing else happens.
  Millis next_deadline() const;

  // The host has put another tree in the place of the one before: cut back, or a leader's snapshot.
  // Only while no client is served.
  void tree_replaced();

  // Requests in preparation or waiting for their commit.
  std::size_t outstanding() const;

  // The role that clients are served in; looking: none.
  zab::Role role() const;
  // Without a quorum, it serves those that want no more than to read.
  bool reads_only() const;
  // Whether any clients are served.
  bool serves() const;
  const zab::Replica& replica() const;

  // Of the transactions proposed since this server began to lead; -1: none.
  struct ProposalBytes {
    std::int64_t last = -1, min = -1, max = -1;
  };
  ProposalBytes proposal_bytes() const;
  Millis role_began() const;

  // Tells the sessions' expiry as `dump` shows it, and who is attached. Not for decisions.
  struct SessionLine {
    SessionId session;
    Millis expires;  // the bucket
    std::int32_t timeout_ms = 0;
    std::optional<ConnectionId> connection;
  };
  std::vector<SessionLine> sessions() const;
  // Those that only this server knows.
  std::vector<SessionLine> local_sessions() const;
  std::size_t local_session_count() const;
  bool has_local_sessions() const;  // whether there can be any
  std::string describe() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The 16 bytes that belong to a session id: what Java's Random gives for id ^ 0xB3415C00.
// Source: ZooKeeper 3.8, ZooKeeperServer.generatePasswd; client-protocol.md section 3.4.
std::array<std::uint8_t, 16> session_password(SessionId id);

}  // namespace paddock::server
