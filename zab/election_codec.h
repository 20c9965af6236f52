#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "common/address.h"
#include "common/bytes.h"
#include "common/ids.h"
#include "common/result.h"
#include "zab/message.h"

// The bytes on the election port: once what the dialling side says first, then notifications, each
// with its length (an int, 1 to kNotificationBytesMax) in front, which is the caller's to write and
// read. Source: ZooKeeper 3.8, quorum/QuorumCnxManager (InitialMessage), FastLeaderElection
// (buildMsg, WorkerReceiver); peer-protocol.md sections A1, A2.
namespace paddock::zab {

// More than that, and a ZooKeeper server drops the connection.
inline constexpr std::size_t kNotificationBytesMax = 524288;
inline constexpr std::size_t kOpeningBytesMax = 8 + 8 + 4 + 2048;

// Without the length in front. In today's form whatever `version` says: 2, or 1 where there is no
// configuration or none that fits, since a ZooKeeper server's receiver may end on an empty one.
Bytes encode_notification(const Notification& notification);

// One whole message. Bytes behind the last field are left alone, as ZooKeeper leaves them. On an
// error, skip the message and keep the connection.
Result<Notification> decode_notification(ByteView message);

// Who dials, and where this server can be dialled back. Before 3.5 it was only the sid.
struct Opening {
  ServerId sid;                     // 2^63-1: an observer without a number, which asks for one
  std::vector<HostPort> addresses;  // none: those of the configuration
};

// At least one address. Several are V2, which 3.5 does not know and which only makes sense where
// every member is 3.6 or later; of these, as many as the format has room for. To be written in one
// piece: ZooKeeper reads the address with a single read.
Bytes encode_opening(const Opening& opening);

// What `bytes` begin with; `consumed` is how long it was. nullopt: more bytes are needed, and
// kOpeningBytesMax are always enough. Addresses are not resolved; one that turns out to be the
// wildcard is to be left out. On an error, close the connection.
Result<std::optional<Opening>> decode_opening(ByteView bytes, std::size_t& consumed);

}  // namespace paddock::zab
