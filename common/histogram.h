#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace paddock {

// How many values there were and how large: what a Histogram tells at one moment. Can be added up
// over threads.
struct HistogramSnapshot {
  // Four bits of precision: a value above 16 is known to within 1/16 of itself. Values from 2^40 on
  // share the last bucket.
  static constexpr int kPrecisionBits = 4;
  static constexpr int kValueBitsMax = 40;
  static constexpr std::size_t kBuckets = (kValueBitsMax - kPrecisionBits + 1) << kPrecisionBits;

  std::uint64_t count = 0;
  std::int64_t sum = 0;
  std::int64_t min = 0;  // 0 while there are none
  std::int64_t max = 0;
  std::array<std::uint64_t, kBuckets> buckets{};

  double average() const {
    return count == 0 ? 0 : static_cast<double>(sum) / static_cast<double>(count);
  }
  // The value below or at which `share` (0 to 1) of all values lie, to within a bucket; never
  // outside of [min, max].
  std::int64_t percentile(double share) const;
  void add(const HistogramSnapshot& other);
};

// A log-linear histogram of values >= 0 (less counts as 0).
// Thread: one writer; any thread may add_to(). Nothing on the writer's way is locked or ordered, so
// that a snapshot taken beside it may miss the last values, but never counts one twice.
class Histogram {
 public:
  void record(std::int64_t value);
  void clear();  // the writer's, too
  void add_to(HistogramSnapshot& to) const;

  static std::size_t bucket_of(std::int64_t value);
  static std::int64_t lowest_in(std::size_t bucket);

 private:
  std::atomic<std::uint64_t> count_{0};
  std::atomic<std::int64_t> sum_{0};
  std::atomic<std::int64_t> min_{std::numeric_limits<std::int64_t>::max()};
  std::atomic<std::int64_t> max_{0};
  std::array<std::atomic<std::uint64_t>, HistogramSnapshot::kBuckets> buckets_{};
};

}  // namespace paddock
