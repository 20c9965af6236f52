#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "common/bytes.h"
#include "common/limits.h"
#include "common/result.h"
#include "zab/message.h"

// The bytes on the quorum port: packets one behind the other, each a type, a zxid, data and the
// identities of a client, with no length of its own. After SNAP a snapshot stands between two
// packets, in the form of a snapshot file's body, and behind it, as a ustring, kSnapshotEnd.
// Source: ZooKeeper 3.8, quorum/QuorumPacket, Leader, LearnerHandler, Learner; peer-protocol.md
// section B1.
namespace paddock::zab {

inline constexpr std::string_view kSnapshotEnd = "BenWasHere";

// Appends one packet.
void encode_packet(const Message& message, Bytes& to);

struct PacketLimits {
  // Of a packet's data, and of its identities together. A ZooKeeper server with default settings
  // reads 2 MiB at most.
  std::size_t data_bytes_max = kTxnBytesMax;
};

struct Decoded {
  std::optional<Message> message;  // none: a packet of a type nobody knows, to be skipped
  std::size_t bytes = 0;           // of the packet
};

// What `bytes` begin with. nullopt: more bytes are needed. What is incomplete is not copied and its
// data is not looked at, so the caller may ask again with every piece that comes. A length above
// the limits is Code::kTooLarge as soon as it is there itself. On an error, close the connection.
//
// What a packet carries beyond what its type defines is left alone, as ZooKeeper leaves it:
// identities anywhere but in REQUEST, data where there should be none, a counter in a zxid that
// stands for an epoch. A LearnerInfo without data, or of the 8 or 12 bytes of old releases, has
// version 1 where it does not say.
Result<std::optional<Decoded>> decode_packet(ByteView bytes, const PacketLimits& limits);

}  // namespace paddock::zab
