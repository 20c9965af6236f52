#pragma once

#include <cstddef>
#include <cstdint>

// Every static bound, with what relates them. What an operator may set is in server/options.h; the
// values here are the defaults and the ceilings of those.
namespace paddock {

// Source: ZooKeeper 3.9, jute.maxbuffer: one less than 1 MiB.
inline constexpr std::uint32_t kJuteMaxBufferDefault = 0xfffff;
inline constexpr std::uint32_t kJuteMaxBufferMax = 256u << 20;

// Before a handshake, a client can only send a ConnectRequest or a four-letter word.
inline constexpr std::uint32_t kHandshakeFrameBytesMax = 4096;

// What a txn record may be when it is read back: a frame, and room for what prepare adds.
inline constexpr std::uint32_t kTxnBytesMax = 2 * kJuteMaxBufferMax;

// Requests of one connection that are read but not yet answered.
inline constexpr std::size_t kInFlightPerConnectionMax = 4096;

// And their bytes: above this, the io thread reads no more from the connection. One frame may
// always be in progress, however long it is.
inline constexpr std::size_t kInFlightBytesPerConnectionMax = 4u << 20;

// Replies and events waiting for one connection's socket. A client that reads slower is cut off.
inline constexpr std::size_t kOutgoingBytesPerConnectionMax = 64u << 20;

// Above this, the io thread reads no more requests from the connection.
inline constexpr std::size_t kOutgoingBytesPauseReading = 1u << 20;

// Connections to the election port that have not said yet who they are; the oldest makes room.
inline constexpr std::size_t kElectionOpeningsMax = 64;

// Servers on the election port that are in no configuration: joiners, observers without a number.
inline constexpr std::size_t kElectionStrangersMax = 256;

// Links that learners dialled. One that never said anything makes room.
inline constexpr std::size_t kAcceptedLinksMax = 1024;

// What waits for one link's socket, transactions included. A learner that falls behind further than
// this is cut off, and synchronizes anew from where it is.
inline constexpr std::size_t kLinkQueueBytesMax = 256u << 20;

// Endpoints that one dial tries at once, and names that are looked up at once.
inline constexpr std::size_t kDialEndpointsMax = 16;
inline constexpr std::size_t kNameLookupsMax = 32;

static_assert(kHandshakeFrameBytesMax < kJuteMaxBufferDefault);
static_assert(kOutgoingBytesPauseReading < kOutgoingBytesPerConnectionMax);

}  // namespace paddock
