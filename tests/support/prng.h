#pragma once

#include <cstdint>

#include "common/check.h"

namespace paddock::test {

// A 64-bit number turned into another that shows no trace of it. Source: SplitMix64's finalizer.
constexpr std::uint64_t mix64(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

// Chance, from a seed: the same calls give the same numbers on every machine, which the standard
// library's distributions do not promise. Source: SplitMix64.
class Prng {
 public:
  explicit Prng(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() { return mix64(state_ += 0x9e3779b97f4a7c15); }

  // 0 to n - 1.
  std::uint64_t below(std::uint64_t n) {
    PADDOCK_CHECK(n > 0);
    return next() % n;
  }
  // Both ends included.
  std::int64_t between(std::int64_t low, std::int64_t high) {
    PADDOCK_CHECK(low <= high);
    return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low) + 1));
  }
  // From 0 up to, not including, 1.
  double ratio() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  bool chance(double ratio_of_yes) { return ratio() < ratio_of_yes; }

  // A stream of its own, so that what one part draws does not change what another one gets.
  Prng fork() { return Prng(next()); }

 private:
  std::uint64_t state_;
};

}  // namespace paddock::test
