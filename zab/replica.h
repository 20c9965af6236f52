#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/ids.h"
#include "zab/action.h"
#include "zab/ensemble.h"
#include "zab/event.h"
#include "zab/history.h"
#include "zab/quorum.h"

namespace paddock::zab {

// What a server has on disk when it starts. All of the log is in the state machine; whatever of its
// tail was never committed goes with a Truncate, once a leader says so.
struct Durable {
  History history;  // its last() is the zxid that the state machine is at
  Epoch accepted_epoch;
  Epoch current_epoch;
};

// The counter after it is left unused: ZooKeeper elects anew before it would be reached.
inline constexpr std::uint32_t kEpochTxnsMax = 0xfffffffe;

// Who this server is among others. Without an ensemble it stands alone: it leads from the first
// step on, in the epoch of its last zxid, as a ZooKeeper server that stands alone does.
struct Membership {
  ServerId self;
  std::shared_ptr<const Ensemble> ensemble;  // null: stands alone
  Timing timing;
  // Whether the ensemble may change; if not, nothing that others say changes it here. And what was
  // proposed as the next one, but not known to be committed, before the restart; null: nothing.
  bool reconfig_enabled = false;
  std::shared_ptr<const Ensemble> last_seen = nullptr;
  // A leader with no more left steps down, and the next one begins an epoch. Fewer in a simulation.
  std::uint32_t epoch_txns_max = kEpochTxnsMax;
};

// What a leader knows of its learners, and of itself. For operators and tests; never for decisions.
struct Leadership {
  struct Follower {
    LinkId link;
    ServerId sid;
    bool observer = false;
    bool votes = true;    // a follower may be in no configuration
    bool synced = false;  // each proposal goes to it
    Zxid acked;           // all up to here is on its disk
  };
  std::vector<Follower> learners;  // by link; those that have said who they are
  Zxid last_proposed;
  std::size_t pending_syncs = 0;
};

// One server's share of ZAB, from election to broadcast. Pure: same events, same actions; no I/O,
// clock, thread or chance.
// Durable order: history, then epoch, then ACK. What a vote or ACKEPOCH claims is on disk.
// Thread: its caller's (in the server, the core thread).
class Replica {
 public:
  Replica(Membership membership, Durable durable);
  ~Replica();
  Replica(Replica&&) noexcept;
  Replica& operator=(Replica&&) noexcept;

  // Takes one event and appends to `actions` what the host must now do, in that order. `now` is
  // monotonic and never less than before. Cannot fail: a peer that breaks the protocol costs it its
  // link; a broken invariant of our own stops the process.
  void step(Event event, Millis now, Actions& actions);
  Millis next_deadline() const;  // when a Tick is due if nothing else happens

  // The zxid of the next Propose. Only while leading and serving.
  Zxid next_zxid() const;
  // No counter is left in this epoch: the host proposes nothing more, and the next Tick leads to a
  // new election.
  bool is_exhausted() const;

  Role role() const;        // as the last RoleChanged said
  ServerId leader() const;  // while following or observing, or leading
  // It neither leads nor follows anybody, not even tentatively, and no write is under way: the
  // state machine stays as it is until an election ends.
  bool is_searching() const;
  Zxid last_logged() const;  // appended, maybe not yet on disk
  Zxid last_durable() const;
  Zxid last_committed() const;  // delivered
  Epoch accepted_epoch() const;
  Epoch current_epoch() const;
  std::size_t outstanding() const;               // proposed, not committed
  std::optional<Leadership> leadership() const;  // while leading and serving

  const Configurations& configurations() const;  // those in force

  // One line for operators and tests; never for decisions.
  std::string describe() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace paddock::zab
