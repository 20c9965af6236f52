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

static_assert(kHandshakeFrameBytesMax < kJuteMaxBufferDefault);
static_assert(kOutgoingBytesPauseReading < kOutgoingBytesPerConnectionMax);

}  // namespace paddock
