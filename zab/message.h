#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/acl.h"
#include "common/bytes.h"
#include "common/ids.h"

// What members of an ensemble say to one another, apart from the bytes (election_codec,
// quorum_codec). Source: ZooKeeper 3.8, quorum/QuorumPacket, LearnerHandler, FastLeaderElection.
namespace paddock::zab {

struct Ensemble;

// A transaction as the engine sees it: a zxid, and bytes that are not its business (in a server, a
// TxnHeader, the record and the digest). The bytes are shared by the log, the followers and the
// host.
struct Txn {
  Zxid zxid;
  std::shared_ptr<const Bytes> payload;
  // Of a reconfig: what it makes the next configuration. Whoever reads the bytes sets it.
  std::shared_ptr<const Ensemble> config = nullptr;
};

// What a server is doing. The numbers are those of a Notification.
enum class ServerState : std::int32_t {
  kLooking = 0,
  kFollowing = 1,
  kLeading = 2,
  kObserving = 3
};

// Who should lead, and what speaks for it.
struct Vote {
  ServerId leader;
  Zxid zxid;         // the leader's last durable one, as of this vote
  Epoch peer_epoch;  // the leader's currentEpoch
  friend bool operator==(const Vote&, const Vote&) = default;
};

// The election's one message.
struct Notification {
  ServerState state{};  // the sender's
  Vote vote;
  std::int64_t election_epoch = 0;  // the sender's logical clock, or the round of the vote it holds
  std::int32_t version = 2;         // 0: before peer_epoch was sent; 1: no config
  std::optional<std::string> config;  // the sender's committed configuration as text
  // The one that is to be the next, while a reconfiguration is under way. Ours: ZooKeeper does not
  // read what is behind `config`.
  std::optional<std::string> proposed = std::nullopt;
};

// Of a learner: the first packet. FOLLOWERINFO or OBSERVERINFO.
struct LearnerInfo {
  bool observer = false;
  Epoch accepted_epoch;
  std::optional<ServerId> sid;  // none: an observer without a number
  std::int32_t protocol_version = 0x10000;
  std::int64_t config_version = 0;
  Millis heartbeat{};  // it takes part in heartbeats; 0: it is no Paddock, or does not want them
};
struct LeaderInfo {
  Epoch epoch;
  std::int32_t protocol_version = 0x10000;
  Millis heartbeat{};  // how often the leader sends PING to this learner; 0: twice a tick
};
struct AckEpoch {
  Zxid last_zxid;
  std::optional<Epoch> current_epoch;  // none: this epoch was acknowledged before
};
struct Diff {
  Zxid zxid;
};
struct Trunc {
  Zxid zxid;  // cut everything after it
};
// The stream of a snapshot follows. Whoever reads the connection takes that stream off it, and
// whoever writes puts it there: the engine sees only what stands before and after.
struct Snap {
  Zxid zxid;
};
struct NewLeader {
  Epoch epoch;
  std::optional<std::string> config;  // the leader's last seen configuration as text
};
struct UpToDate {};

struct Proposal {
  Txn txn;
};
struct Ack {
  Zxid zxid;  // of a transaction, or Zxid::make(epoch, 0) for NEWLEADER and UPTODATE
};
struct Commit {
  Zxid zxid;
};
struct Inform {
  Txn txn;
};
struct CommitAndActivate {
  Zxid zxid;
  ServerId designated;
};
struct InformAndActivate {
  Txn txn;
  ServerId designated;
};

struct SessionTouch {
  SessionId session;
  Millis timeout;
  friend bool operator==(const SessionTouch&, const SessionTouch&) = default;
};
struct Ping {
  Zxid zxid;
  std::optional<std::vector<SessionTouch>> touched;  // of a learner, maybe empty; none of a leader
};
// A client's request that only the leader can decide.
struct Request {
  SessionId session;
  std::int32_t cxid = 0;
  std::int32_t op_code = 0;
  std::shared_ptr<const Bytes> body;        // the client's record as it came
  std::optional<std::vector<Id>> authinfo;  // none: only for createSession and closeSession
};
struct Revalidate {
  SessionId session;
  Millis timeout;
};
struct Revalidated {
  SessionId session;
  bool valid = false;
};
struct Sync {};  // answers the oldest of the learner's sync requests

using Message = std::variant<LearnerInfo, LeaderInfo, AckEpoch, Diff, Trunc, Snap, NewLeader,
                             UpToDate, Proposal, Ack, Commit, Inform, CommitAndActivate,
                             InformAndActivate, Ping, Request, Revalidate, Revalidated, Sync>;

// One line in the protocol's own words, such as "PROPOSAL zxid=0x100000002 31B": for traces,
// scenarios and the wire dump. No content of a transaction or a request.
std::string to_string(const Message& message);
std::string to_string(const Notification& notification);
std::string_view to_string(ServerState state);

}  // namespace paddock::zab
