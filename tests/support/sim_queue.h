#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "common/check.h"
#include "common/ids.h"

namespace paddock::test {

// Simulated time since the start, or a span of it. Finer than a Replica's milliseconds, so that
// order within one of them varies.
struct Micros {
  std::int64_t value = 0;
  friend constexpr auto operator<=>(Micros, Micros) = default;
  friend constexpr Micros operator+(Micros a, Micros b) { return {a.value + b.value}; }
  friend constexpr Micros operator-(Micros a, Micros b) { return {a.value - b.value}; }
};
constexpr Micros millis(std::int64_t n) {
  return {n * 1000};
}
constexpr Micros seconds(std::int64_t n) {
  return {n * 1'000'000};
}
constexpr Micros minutes(std::int64_t n) {
  return seconds(60 * n);
}

// Whose turn it is, and for what. What `a` and `b` say is written beside each kind.
enum class SimKind : std::uint8_t {
  kTimer,         // a: server
  kDisk,          // a: server, b: its life
  kPump,          // a: server, b: link
  kMaintain,      // a: server
  kDial,          // b: link number
  kDialFailed,    // b: link number
  kLink,          // a: 1 to the acceptor, 0 to the dialler; b: link number
  kVoteDial,      // a: from, b: to
  kVote,          // a: from, b: to
  kVoteReady,     // a: from, b: to
  kVoteNotice,    // a: who, b: the peer, twice, plus one if it is reachable
  kClient,        // a: client
  kFault,         // the injector's next one
  kRestart,       // a: server
  kResume,        // a: server, b: the pause's number
  kHeal,          // b: the cut's number
  kDiskRecovers,  // a: server
  kCore,          // a: server, b: its life
  kIoMail,        // a: server, b: its life times 16, and the io thread
  kIoTimer,       // a: server, b: likewise
  kLineUp,        // b: line
  kLineDown,      // b: line
  kReconfig,      // an operator changes the ensemble
};

struct SimEvent {
  Micros at;
  std::uint64_t number = 0;  // given by the queue; of two at one time the earlier put comes first
  SimKind kind{};
  std::uint32_t a = 0;
  std::uint64_t b = 0;
};

// What is due, by time; and the time, which is that of the event taken last.
class SimQueue {
 public:
  Micros now() const { return now_; }

  void put(Micros at, SimKind kind, std::uint32_t a, std::uint64_t b = 0) {
    PADDOCK_CHECK(at >= now_);
    heap_.push_back({at, next_number_++, kind, a, b});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  void put_in(Micros delay, SimKind kind, std::uint32_t a, std::uint64_t b = 0) {
    put(now_ + delay, kind, a, b);
  }

  // The next one up to `limit`, and its time is now. None: `limit` is now.
  std::optional<SimEvent> take(Micros limit) {
    if (heap_.empty() || heap_.front().at > limit) {
      advance(limit);
      return std::nullopt;
    }
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const SimEvent event = heap_.back();
    heap_.pop_back();
    advance(event.at);  // already past, if take_if() or advance() jumped over it
    return event;
  }

  void advance(Micros to) { now_ = std::max(now_, to); }

  // The next one that `wanted` says yes to, at once: the time stays what it is. For scenarios, in
  // which a script says what happens next.
  template <typename Wanted>
  std::optional<SimEvent> take_if(const Wanted& wanted) {
    auto found = heap_.end();
    for (auto it = heap_.begin(); it != heap_.end(); ++it) {
      if (wanted(*it) && (found == heap_.end() || later(*found, *it))) found = it;
    }
    if (found == heap_.end()) return std::nullopt;
    const SimEvent event = *found;
    *found = heap_.back();
    heap_.pop_back();
    std::make_heap(heap_.begin(), heap_.end(), later);
    return event;
  }

 private:
  static bool later(const SimEvent& x, const SimEvent& y) {
    return x.at != y.at ? x.at > y.at : x.number > y.number;
  }

  std::vector<SimEvent> heap_;
  Micros now_;
  std::uint64_t next_number_ = 0;
};

}  // namespace paddock::test
