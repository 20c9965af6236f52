#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "common/ids.h"
#include "zab/action.h"
#include "zab/event.h"

namespace paddock::zab {

// What a server has on disk when it starts.
struct Durable {
  Zxid last_zxid;        // of the log, or of the checkpoint if that is later
  Epoch accepted_epoch;  // of an ensemble's member; a server that stands alone has none
  Epoch current_epoch;
};

// One server's share of ZAB. Pure: same events, same actions; no I/O, clock, thread or chance.
// So far the ensemble has one member, which leads from the first step on, in the epoch of its last
// zxid, as a ZooKeeper server that stands alone does. Election, discovery, synchronization and
// learners join here behind the same step().
// Thread: its caller's (in the server, the core thread).
class Replica {
 public:
  explicit Replica(const Durable& durable);

  // Takes one event and appends to `actions` what the host must now do, in that order. `now` is
  // monotonic and never less than before. Cannot fail: a broken invariant of our own stops the
  // process.
  void step(Event event, Millis now, Actions& actions);

  // The zxid of the next Propose. Only while leading.
  Zxid next_zxid() const;

  Role role() const { return role_; }
  Zxid last_proposed() const { return last_proposed_; }
  Zxid last_committed() const { return last_committed_; }
  std::size_t outstanding() const { return outstanding_.size(); }

  // One line for operators and tests; never for decisions.
  std::string describe() const;

 private:
  struct Proposal {
    Txn txn;
    WriteTicket ticket;
  };

  void on_tick(Actions& actions);
  void on_propose(Propose propose, Actions& actions);
  void on_persisted(Persisted persisted, Actions& actions);

  Role role_ = Role::kLooking;
  Zxid last_proposed_;
  Zxid last_committed_;
  WriteTicket last_ticket_;           // handed out
  WriteTicket last_persisted_;        // reported back
  std::deque<Proposal> outstanding_;  // (last_committed_, last_proposed_], in order
};

}  // namespace paddock::zab
