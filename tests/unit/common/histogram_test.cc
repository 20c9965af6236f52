#include "common/histogram.h"

#include <gtest/gtest.h>

namespace paddock {
namespace {

HistogramSnapshot of(const Histogram& histogram) {
  HistogramSnapshot snapshot;
  histogram.add_to(snapshot);
  return snapshot;
}

TEST(Histogram, PutsEveryValueIntoTheBucketThatItsBoundsSay) {
  for (std::size_t bucket = 0; bucket + 1 < HistogramSnapshot::kBuckets; ++bucket) {
    const std::int64_t lowest = Histogram::lowest_in(bucket);
    const std::int64_t next = Histogram::lowest_in(bucket + 1);
    ASSERT_LT(lowest, next);
    ASSERT_EQ(Histogram::bucket_of(lowest), bucket);
    ASSERT_EQ(Histogram::bucket_of(next - 1), bucket);
    ASSERT_LE(next - lowest, std::max<std::int64_t>(1, lowest / 16)) << "precise to 1/16";
  }
}

TEST(Histogram, TakesWhatIsOutOfRangeAtItsEdges) {
  EXPECT_EQ(Histogram::bucket_of(-5), 0u);
  EXPECT_EQ(Histogram::bucket_of(INT64_MAX), HistogramSnapshot::kBuckets - 1);
  Histogram histogram;
  histogram.record(-5);
  histogram.record(INT64_MAX / 2);
  const HistogramSnapshot snapshot = of(histogram);
  EXPECT_EQ(snapshot.min, 0);
  EXPECT_EQ(snapshot.max, INT64_MAX / 2);
  EXPECT_EQ(snapshot.percentile(1), INT64_MAX / 2);
}

TEST(Histogram, TellsCountSumMinMaxAndAverage) {
  Histogram histogram;
  EXPECT_EQ(of(histogram).count, 0u);
  EXPECT_EQ(of(histogram).percentile(0.99), 0);
  EXPECT_EQ(of(histogram).average(), 0);
  for (const int value : {5, 1, 9}) histogram.record(value);
  const HistogramSnapshot snapshot = of(histogram);
  EXPECT_EQ(snapshot.count, 3u);
  EXPECT_EQ(snapshot.sum, 15);
  EXPECT_EQ(snapshot.min, 1);
  EXPECT_EQ(snapshot.max, 9);
  EXPECT_DOUBLE_EQ(snapshot.average(), 5);
}

TEST(Histogram, TellsPercentilesToWithinABucket) {
  Histogram histogram;
  for (int value = 1; value <= 10'000; ++value) histogram.record(value);
  const HistogramSnapshot snapshot = of(histogram);
  for (const double share : {0.5, 0.95, 0.99, 0.999}) {
    const double exact = share * 10'000;
    EXPECT_GE(snapshot.percentile(share), exact) << share;
    EXPECT_LE(snapshot.percentile(share), exact * 17 / 16) << share;
  }
  EXPECT_EQ(snapshot.percentile(1), 10'000);
  EXPECT_EQ(snapshot.percentile(0), 1);
}

TEST(Histogram, AddsUpOverThreads) {
  Histogram one, other, none;
  one.record(10);
  other.record(2);
  other.record(30);
  HistogramSnapshot both;
  for (const Histogram* histogram : {&one, &none, &other}) histogram->add_to(both);
  EXPECT_EQ(both.count, 3u);
  EXPECT_EQ(both.sum, 42);
  EXPECT_EQ(both.min, 2);
  EXPECT_EQ(both.max, 30);
  EXPECT_EQ(both.percentile(0.5), 10);
}

TEST(Histogram, ForgetsWhenCleared) {
  Histogram histogram;
  histogram.record(7);
  histogram.clear();
  EXPECT_EQ(of(histogram).count, 0u);
  histogram.record(3);
  EXPECT_EQ(of(histogram).min, 3);
  EXPECT_EQ(of(histogram).max, 3);
}

}  // namespace
}  // namespace paddock
