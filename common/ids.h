#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace paddock {

// The number of a leadership. Source: ZooKeeper 3.8, acceptedEpoch and currentEpoch.
struct Epoch {
  std::int64_t value = 0;
  friend constexpr auto operator<=>(Epoch, Epoch) = default;
};

// A transaction id: epoch in the high 32 bits, counter in the low 32. Ordered as a signed number.
// Source: ZooKeeper 3.8, server/util/ZxidUtils.java.
struct Zxid {
  std::int64_t value = 0;

  static constexpr Zxid make(Epoch epoch, std::uint32_t counter) {
    return Zxid{
        static_cast<std::int64_t>((static_cast<std::uint64_t>(epoch.value) << 32) | counter)};
  }
  constexpr Epoch epoch() const { return Epoch{value >> 32}; }
  constexpr std::uint32_t counter() const { return static_cast<std::uint32_t>(value); }
  constexpr Zxid next() const { return Zxid{value + 1}; }
  friend constexpr auto operator<=>(Zxid, Zxid) = default;
};
static_assert(Zxid::make(Epoch{5}, 2).value == 0x5'0000'0002);

// A member's number: `myid`, the N of `server.N`.
struct ServerId {
  std::int64_t value = 0;
  friend constexpr auto operator<=>(ServerId, ServerId) = default;
};

// A client session; 0 is none. The high byte is the low byte of the server that made it.
struct SessionId {
  std::int64_t value = 0;
  friend constexpr auto operator<=>(SessionId, SessionId) = default;
};

// A span of time, or a reading of a monotonic clock, in milliseconds.
struct Millis {
  std::int64_t value = 0;
  friend constexpr auto operator<=>(Millis, Millis) = default;
  friend constexpr Millis operator+(Millis a, Millis b) { return {a.value + b.value}; }
  friend constexpr Millis operator-(Millis a, Millis b) { return {a.value - b.value}; }
};

// Milliseconds since 1970, as written into transactions. Never compared with Millis.
struct WallMillis {
  std::int64_t value = 0;
  friend constexpr auto operator<=>(WallMillis, WallMillis) = default;
};

// One client connection of this process, never used again after it closed: the io thread that owns
// it and a running number of that thread.
struct ConnectionId {
  std::uint32_t io = 0;
  std::uint64_t number = 0;
  friend constexpr auto operator<=>(ConnectionId, ConnectionId) = default;
};

// For Boost's hash maps.
inline std::size_t hash_value(SessionId id) noexcept {
  return std::hash<std::int64_t>{}(id.value);
}

}  // namespace paddock

template <>
struct std::hash<paddock::SessionId> {
  std::size_t operator()(paddock::SessionId id) const noexcept {
    return std::hash<std::int64_t>{}(id.value);
  }
};
template <>
struct std::hash<paddock::Zxid> {
  std::size_t operator()(paddock::Zxid id) const noexcept {
    return std::hash<std::int64_t>{}(id.value);
  }
};
template <>
struct std::hash<paddock::ConnectionId> {
  std::size_t operator()(paddock::ConnectionId id) const noexcept {
    return std::hash<std::uint64_t>{}(id.number * 31 + id.io);
  }
};
