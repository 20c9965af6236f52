#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/ids.h"
#include "zab/event.h"

namespace paddock::zab {

// The leader's view of one learner, by its link.
struct LearnerProgress {
  enum class State {
    kOpen,           // nothing heard yet
    kInfo,           // waits for the epoch
    kEpochSent,      // LEADERINFO is out
    kEpochAcked,     // waits for a quorum of ACKEPOCH
    kSynchronizing,  // has its history and NEWLEADER; every proposal goes to it
    kSynchronized,   // acknowledged NEWLEADER; waits for a quorum of that
    kServing,        // UPTODATE is out
  };
  // A proposal that the learner had not acknowledged when the leader looked.
  struct Lag {
    Zxid upto;
    Millis since;
  };

  LinkId link;
  State state = State::kOpen;
  ServerId sid;
  bool observer = false;
  Zxid claimed;  // of ACKEPOCH
  Zxid acked;    // all up to here is on its disk, of what came by this link
  Zxid sent;     // last proposal given to the link
  std::optional<Lag> lag;
  Millis deadline;     // must be heard of before
  bool beats = false;  // it takes part in heartbeats
  // Of PINGs since UPTODATE, each of which is answered once, in order.
  std::uint64_t pings_sent = 0, pings_answered = 0;
  std::uint64_t round_ping = 0;  // the PING of the sync round under way; 0: got none

  bool is_attached() const { return state >= State::kSynchronizing; }
};

}  // namespace paddock::zab
