#pragma once

#include <variant>
#include <vector>

#include "zab/event.h"

// All that comes out of a Replica. The host carries them out in order.
namespace paddock::zab {

enum class Role { kLooking, kFollowing, kLeading, kObserving };

// Append to the log; then report Persisted{ticket}.
struct Append {
  WriteTicket ticket;
  std::vector<Txn> txns;
};

// Committed: hand it to the state machine. In zxid order, each once.
struct Deliver {
  Txn txn;
};

// From here on the host serves in this role, in this epoch; kLooking: it does not serve.
struct RoleChanged {
  Role role{};
  Epoch epoch;
};

using Action = std::variant<Append, Deliver, RoleChanged>;
using Actions = std::vector<Action>;

}  // namespace paddock::zab
