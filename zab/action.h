#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "zab/event.h"
#include "zab/message.h"

// All that comes out of a Replica. The host carries them out in order. Nothing here waits for a
// write: the Replica says so itself, by sending only once the write is reported as Persisted.
namespace paddock::zab {

enum class Role { kLooking, kFollowing, kLeading, kObserving };

// Tell a peer, by the election port. Replaces what is not sent yet; the last one is sent again
// when the connection comes back.
struct Notify {
  ServerId to;
  Notification notification;
};

// Dial this server's quorum address; then report LinkOpened or LinkClosed.
struct Connect {
  LinkId link;
  ServerId leader;
};
// What was sent before may still go out.
struct Close {
  LinkId link;
  std::string reason;  // for the log, in words
};
// In order with all else sent on this link.
struct Send {
  LinkId link;
  Message message;
};
// From here on these are in force: the servers of both are to be reached, and this one is to be
// found where the committed one has it.
struct ConfigurationsChanged {
  std::shared_ptr<const Ensemble> committed;
  std::shared_ptr<const Ensemble> last_seen;  // null: none is under way
};
// Send the history (after, upto], each as PROPOSAL and COMMIT, from memory or from the log.
struct SendHistory {
  LinkId link;
  Zxid after;
  Zxid upto;
};
// Send SNAP with the state of some zxid up to `upto`, whichever is at hand, then the history from
// there to `upto` as SendHistory does.
struct SendSnapshot {
  LinkId link;
  Zxid upto;
};

// Durable writes, in the order of their tickets; each is reported as Persisted.
struct Append {
  WriteTicket ticket;
  std::vector<Txn> txns;
};
// Cut the log after `upto`, and bring the state machine back to it if it is beyond.
struct Truncate {
  WriteTicket ticket;
  Zxid upto;
};
// Put the snapshot that came by this link in the place of state machine, log and checkpoint.
struct InstallSnapshot {
  WriteTicket ticket;
  LinkId link;
};
struct WriteAcceptedEpoch {
  WriteTicket ticket;
  Epoch epoch;
};
struct WriteCurrentEpoch {
  WriteTicket ticket;
  Epoch epoch;
};

// The configurations that a restart begins with. `last_seen`: proposed only; null: none is.
struct WriteConfigurations {
  WriteTicket ticket;
  std::shared_ptr<const Ensemble> committed;
  std::shared_ptr<const Ensemble> last_seen;
};

using DiskWrite = std::variant<Append, Truncate, InstallSnapshot, WriteAcceptedEpoch,
                               WriteCurrentEpoch, WriteConfigurations>;

// Committed: hand it to the state machine. In zxid order, each once.
struct Deliver {
  Txn txn;
};

// From here on the host serves in this role, in this epoch; kLooking: it does not serve. Following
// or observing, `leader` tells whom; looking, `reason` tells why, in words.
struct RoleChanged {
  Role role{};
  Epoch epoch;
  ServerId leader;
  std::string reason;
  // Serving: all up to here was committed when the leader ended the synchronization. A snapshot of
  // a ZooKeeper leader is written while its tree changes, and may hold effects of up to this one.
  Zxid synchronized{};
};

// A learner's Request, Revalidate or Ping (with its touched sessions), for the leading host.
struct FromLearner {
  LinkId link;
  ServerId learner;
  Message message;
};
// The leader's Revalidated or Sync, for the host that asked.
struct FromLeader {
  Message message;
};
// Answer the leader's PING: send Ping{zxid} with the sessions touched since the last answer.
struct AnswerPing {
  LinkId link;
  Zxid zxid;
};
// The oldest SyncRequested without a link is answered.
struct Synced {};

using Action = std::variant<Notify, Connect, Close, Send, SendHistory, SendSnapshot, Append,
                            Truncate, InstallSnapshot, WriteAcceptedEpoch, WriteCurrentEpoch,
                            WriteConfigurations, ConfigurationsChanged, Deliver, RoleChanged,
                            FromLearner, FromLeader, AnswerPing, Synced>;
using Actions = std::vector<Action>;

}  // namespace paddock::zab
