#include "common/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace paddock {

namespace {

constexpr int kBits = HistogramSnapshot::kPrecisionBits;
constexpr std::int64_t kValueMax = (std::int64_t{1} << HistogramSnapshot::kValueBitsMax) - 1;

// For the one writer of a cell: cheaper than fetch_add, and nobody else writes.
template <typename T>
void bump(std::atomic<T>& cell, T by) {
  cell.store(cell.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

}  // namespace

std::size_t Histogram::bucket_of(std::int64_t value) {
  const auto v = static_cast<std::uint64_t>(std::clamp<std::int64_t>(value, 0, kValueMax));
  const int width = std::bit_width(v);
  if (width <= kBits) return v;
  // The leading one says which row, the kBits behind it which bucket of the row.
  const int shift = width - 1 - kBits;
  const std::size_t row = static_cast<std::size_t>(shift) + 1;
  return (row << kBits) + ((v >> shift) & ((1u << kBits) - 1));
}

std::int64_t Histogram::lowest_in(std::size_t bucket) {
  const std::size_t row = bucket >> kBits;
  const auto within = static_cast<std::int64_t>(bucket & ((1u << kBits) - 1));
  if (row == 0) return within;
  return ((std::int64_t{1} << kBits) + within) << (row - 1);
}

void Histogram::record(std::int64_t value) {
  value = std::max<std::int64_t>(value, 0);
  bump(buckets_[bucket_of(value)], std::uint64_t{1});
  bump(count_, std::uint64_t{1});
  bump(sum_, value);
  if (value < min_.load(std::memory_order_relaxed)) min_.store(value, std::memory_order_relaxed);
  if (value > max_.load(std::memory_order_relaxed)) max_.store(value, std::memory_order_relaxed);
}

void Histogram::clear() {
  for (auto& bucket : buckets_) bucket.store(0, std::memory_order_relaxed);
  count_.store(0, std::memory_order_relaxed);
  sum_.store(0, std::memory_order_relaxed);
  min_.store(std::numeric_limits<std::int64_t>::max(), std::memory_order_relaxed);
  max_.store(0, std::memory_order_relaxed);
}

void Histogram::add_to(HistogramSnapshot& to) const {
  HistogramSnapshot mine;
  mine.count = count_.load(std::memory_order_relaxed);
  if (mine.count == 0) return;
  mine.sum = sum_.load(std::memory_order_relaxed);
  mine.min = min_.load(std::memory_order_relaxed);
  mine.max = max_.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    mine.buckets[i] = buckets_[i].load(std::memory_order_relaxed);
  }
  // The first value's count may be seen before its minimum.
  mine.min = std::min(mine.min, mine.max);
  to.add(mine);
}

void HistogramSnapshot::add(const HistogramSnapshot& other) {
  if (other.count == 0) return;
  min = count == 0 ? other.min : std::min(min, other.min);
  max = std::max(max, other.max);
  count += other.count;
  sum += other.sum;
  for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] += other.buckets[i];
}

std::int64_t HistogramSnapshot::percentile(double share) const {
  std::uint64_t total = 0;
  for (const std::uint64_t bucket : buckets) total += bucket;
  if (total == 0) return 0;
  const auto rank = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(total))));
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    below += buckets[i];
    if (below < rank) continue;
    // The highest value of the bucket, so that "99% are at or below" is not too good to be true.
    const std::int64_t highest = i + 1 < buckets.size() ? Histogram::lowest_in(i + 1) - 1 : max;
    return std::clamp(highest, min, max);
  }
  return max;
}

}  // namespace paddock
