#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "common/check.h"

namespace paddock::server {

// A big-reader lock: one slot for each reader thread, on a cache line of its own, and a writer that
// takes them all. Readers share nothing with each other; the writer pays for it, once for each
// batch that it applies. A waiting writer keeps new readers out, so that a stream of reads cannot
// hold up apply.
//
// Thread: slot n belongs to reader thread n; one writer thread. Not recursive.
class ReaderLock {
 public:
  explicit ReaderLock(std::size_t readers)
      : readers_(readers), slots_(std::make_unique<Slot[]>(readers)) {}

  void lock_reader(std::size_t reader) {
    std::atomic<std::uint32_t>& state = slot(reader);
    for (int spins = 0;;) {
      std::uint32_t seen = 0;
      if (state.compare_exchange_strong(seen, kReading, std::memory_order_acquire)) return;
      PADDOCK_CHECK((seen & kReading) == 0);
      if (++spins < kSpins) {
        pause();
      } else {
        state.wait(seen, std::memory_order_relaxed);
      }
    }
  }

  void unlock_reader(std::size_t reader) {
    std::atomic<std::uint32_t>& state = slot(reader);
    const std::uint32_t before = state.fetch_and(~kReading, std::memory_order_release);
    PADDOCK_CHECK((before & kReading) != 0);
    if ((before & kWriter) != 0) state.notify_all();
  }

  // First shuts every door, then waits behind each: readers leave at the same time.
  void lock_writer() {
    for (std::size_t i = 0; i < readers_; ++i) {
      slot(i).fetch_or(kWriter, std::memory_order_acquire);
    }
    for (std::size_t i = 0; i < readers_; ++i) wait_for_reader(slot(i));
  }

  void unlock_writer() {
    for (std::size_t i = 0; i < readers_; ++i) {
      slot(i).store(0, std::memory_order_release);
      slot(i).notify_all();
    }
  }

 private:
  static constexpr std::uint32_t kReading = 1;
  static constexpr std::uint32_t kWriter = 2;
  static constexpr int kSpins = 100;  // some microseconds, which is what a batch of reads takes

  struct alignas(64) Slot {
    std::atomic<std::uint32_t> state{0};
  };

  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }

  static void wait_for_reader(std::atomic<std::uint32_t>& state) {
    for (int spins = 0;;) {
      const std::uint32_t seen = state.load(std::memory_order_acquire);
      if ((seen & kReading) == 0) return;
      if (++spins < kSpins) {
        pause();
      } else {
        state.wait(seen, std::memory_order_relaxed);
      }
    }
  }

  std::atomic<std::uint32_t>& slot(std::size_t reader) {
    return slots_[reader].state;
  }

  const std::size_t readers_;
  std::unique_ptr<Slot[]> slots_;
};

}  // namespace paddock::server
