#pragma once

#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "common/bytes.h"
#include "common/ids.h"

// All that goes into a Replica.
namespace paddock::zab {

// Numbers the durable writes of this process 1, 2, 3 ...; they complete in that order. 0 is nothing
// to wait for.
struct WriteTicket {
  std::uint64_t value = 0;
  friend constexpr auto operator<=>(WriteTicket, WriteTicket) = default;
};

// A transaction as the engine sees it: a zxid, and bytes that are not its business. The bytes are
// shared by the log, the followers and the host.
struct Txn {
  Zxid zxid;
  std::shared_ptr<const Bytes> payload;
};

// Time has passed; nothing else has happened.
struct Tick {};

// The host, leading, wants this to be committed. Its zxid is next_zxid() of the moment before.
struct Propose {
  Txn txn;
};

// All writes up to and including this one are on disk.
struct Persisted {
  WriteTicket ticket;
};

using Event = std::variant<Tick, Propose, Persisted>;

}  // namespace paddock::zab
