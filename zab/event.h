#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "common/ids.h"
#include "zab/message.h"

// All that goes into a Replica.
namespace paddock::zab {

// Numbers the durable writes of this process 1, 2, 3 ...; they complete in that order. 0 is nothing
// to wait for.
struct WriteTicket {
  std::uint64_t value = 0;
  friend constexpr auto operator<=>(WriteTicket, WriteTicket) = default;
};

// One connection on the quorum port, never used again after it closed. Odd: dialled, numbered by
// the Replica. Even: accepted, numbered by the host. 0: none.
struct LinkId {
  std::uint64_t value = 0;
  friend constexpr auto operator<=>(LinkId, LinkId) = default;
};

// Time has passed; nothing else has happened.
struct Tick {};

// The host, leading and serving, wants this to be committed. Its zxid is next_zxid() of the moment
// before.
struct Propose {
  Txn txn;
};

// All writes up to and including this one are on disk.
struct Persisted {
  WriteTicket ticket;
};

// A notification from a peer, by the election port.
struct Notified {
  ServerId from;
  Notification notification;
};

// The election port's connection to a peer came up or went, or could not be made: whoever cannot be
// reached is not waited for.
struct PeerReachable {
  ServerId peer;
  bool reachable = false;
};

// A dialled link is up, or somebody dialled us.
struct LinkOpened {
  LinkId link;
};
// It could not be dialled, or it broke, or the peer closed it. Not sent for a link that the Replica
// closed.
struct LinkClosed {
  LinkId link;
};
struct Received {
  LinkId link;
  Message message;
};
// The stream that followed SNAP is here, whole and well formed, and waits to be installed.
struct SnapshotReceived {
  LinkId link;
};

// The host, following or observing and serving, passes a Request or a Revalidate to the leader.
struct Forward {
  Message message;
};
// The host, leading, answers a Revalidate that it was handed.
struct Answer {
  LinkId link;
  Revalidated answer;
};
// The host, leading, wants to know when everything proposed so far is committed and it is certain
// that no other leader had taken over when it asked. `link` is the learner whose client asked, or 0
// for a client of its own. Answered in order: by Sync to the learner, by Synced to the host.
struct SyncRequested {
  LinkId link;
};

// Old files went: the log now starts after this zxid.
struct HistoryTrimmed {
  Zxid start;
};

using Event =
    std::variant<Tick, Propose, Persisted, Notified, PeerReachable, LinkOpened, LinkClosed,
                 Received, SnapshotReceived, Forward, Answer, SyncRequested, HistoryTrimmed>;

}  // namespace paddock::zab
