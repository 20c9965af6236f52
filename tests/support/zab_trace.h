#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/ids.h"
#include "tests/support/sim_queue.h"
#include "zab/message.h"

namespace paddock::test {

// What happened to a server, and what `peer`, `a` and `b` then are.
enum class TraceKind : std::uint8_t {
  kStarts,          // a: its zxid, b: currentEpoch
  kStops,           // b: 1 if its machine does not answer either
  kDiskFails,       //
  kPauses,          //
  kResumes,         //
  kCut,             // what it sends to peer is held back
  kMended,          // no more
  kSevered,         // its connections with peer break
  kNotifies,        // peer; a notification
  kHearsVote,       // peer; a notification
  kReachable,       // peer, a: 1 if it is
  kConnects,        // peer, a: link
  kLinkOpened,      // a: link
  kLinkClosed,      // a: link
  kCloses,          // a: link; why
  kSays,            // peer, a: link; a message
  kHears,           // peer, a: link; a message
  kHearsSnapshot,   // a: link, b: of which zxid
  kAppends,         // a: ticket, b: up to which zxid
  kTruncates,       // a: ticket, b: to which zxid
  kInstalls,        // a: ticket, b: of which zxid
  kWritesAccepted,  // a: ticket, b: epoch
  kWritesCurrent,   // a: ticket, b: epoch
  kWritesConfig,    // a: ticket, b: the version that is committed, or the one that is proposed
  kPersisted,       // a: ticket
  kProposes,        // a: zxid
  kDelivers,        // a: zxid
  kRole,            // peer: leader, a: role, b: epoch
  kTrims,           // a: where the log now starts
  kSyncAsked,       // a: link, or 0
  kSyncDone,        // a: link, or 0
  kAcknowledges,    // a client's write; a: zxid
  kAsks,            // peer: the client; a: xid, b: op
  kAnswers,         // peer: the client; a: xid, b: zxid
  kFires,           // peer: the client; a: event type, b: zxid
  kDials,           // peer: the client; a: session
  kAttaches,        // peer: the client; a: session, 0 if it is refused
  kHangsUp,         // peer: the client; a: 1 if the server does
};

struct TraceEntry {
  Micros at;
  TraceKind kind{};
  ServerId server;
  ServerId peer;
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  std::variant<std::monostate, zab::Message, zab::Notification, std::string> about;
};
std::string name_of_client(std::int64_t number);  // "a", "b" ...
// "1->3 FOLLOWERINFO zxid=0x100000000 ...", "2 delivers 0x100000002": without the time.
std::string to_string(const TraceEntry& entry);

// The last things that happened, and a hash over all that ever did: two runs of one seed have the
// same one. Text is made only when it is asked for.
class Trace {
 public:
  explicit Trace(std::size_t kept) : ring_(kept) {}

  void add(TraceEntry entry);
  std::uint64_t hash() const { return hash_; }
  std::uint64_t count() const { return count_; }
  // Number `index` of all, if it is still kept.
  const TraceEntry* find(std::uint64_t index) const;
  std::string to_text() const;  // what is kept, one line each, with the time

 private:
  void mix(std::uint64_t value);

  std::vector<TraceEntry> ring_;
  std::uint64_t count_ = 0;
  std::uint64_t hash_ = 0;
};

}  // namespace paddock::test
