#include "common/metrics.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <thread>

namespace paddock {
namespace {

std::map<std::string, std::variant<std::int64_t, double>> by_name(const Metrics& metrics) {
  std::map<std::string, std::variant<std::int64_t, double>> lines;
  for (const MetricLine& line : metrics.snapshot()) {
    EXPECT_TRUE(lines.emplace(line.name, line.value).second) << line.name << " twice";
  }
  return lines;
}

TEST(Metrics, AddsUpWhatEachThreadCounted) {
  Metrics metrics;
  ThreadMetrics& one = metrics.new_thread();
  ThreadMetrics& other = metrics.new_thread();
  one.add(Counter::kPacketsReceived);
  one.add(Counter::kPacketsReceived, 4);
  other.add(Counter::kPacketsReceived, 10);
  EXPECT_EQ(metrics.total(Counter::kPacketsReceived), 15);
  EXPECT_EQ(metrics.total(Counter::kPacketsSent), 0);
}

TEST(Metrics, TellsSummariesOverAllThreads) {
  Metrics metrics;
  ThreadMetrics& one = metrics.new_thread();
  ThreadMetrics& other = metrics.new_thread();
  EXPECT_EQ(metrics.total(Summary::kResponseSize).count, 0);
  one.record(Summary::kResponseSize, 20);
  one.record(Summary::kResponseSize, 16);
  other.record(Summary::kResponseSize, 344);
  const Metrics::Total total = metrics.total(Summary::kResponseSize);
  EXPECT_EQ(total.count, 3);
  EXPECT_EQ(total.sum, 380);
  EXPECT_EQ(total.min, 16);
  EXPECT_EQ(total.max, 344);
  EXPECT_TRUE(total.last == 16 || total.last == 344);
}

TEST(Metrics, ShowsTimesInMillisecondsAndSizesAsTheyAre) {
  Metrics metrics;
  ThreadMetrics& thread = metrics.new_thread();
  thread.record(Summary::kFsyncTime, 1500);
  thread.record(Summary::kFsyncTime, 2700);
  thread.record(Summary::kSyncBatchSize, 7);
  const auto lines = by_name(metrics);
  EXPECT_DOUBLE_EQ(std::get<double>(lines.at("avg_fsynctime")), 2.1);
  EXPECT_EQ(std::get<std::int64_t>(lines.at("min_fsynctime")), 1);
  EXPECT_EQ(std::get<std::int64_t>(lines.at("max_fsynctime")), 2);
  EXPECT_EQ(std::get<std::int64_t>(lines.at("cnt_fsynctime")), 2);
  EXPECT_EQ(std::get<std::int64_t>(lines.at("sum_fsynctime")), 4);
  EXPECT_EQ(std::get<std::int64_t>(lines.at("max_sync_processor_batch_size")), 7);
  EXPECT_FALSE(lines.contains("p50_fsynctime"));
}

TEST(Metrics, ShowsPercentilesOfAdvancedSummaries) {
  Metrics metrics;
  ThreadMetrics& thread = metrics.new_thread();
  for (int ms = 1; ms <= 100; ++ms) thread.record(Summary::kReadLatency, ms * 1000);
  const auto lines = by_name(metrics);
  const auto shown = [&](const char* name) { return std::get<std::int64_t>(lines.at(name)); };
  EXPECT_NEAR(static_cast<double>(shown("p50_readlatency")), 50, 4);
  EXPECT_NEAR(static_cast<double>(shown("p99_readlatency")), 99, 7);
  EXPECT_EQ(shown("p999_readlatency"), 100);
  EXPECT_EQ(shown("cnt_readlatency"), 100);
  EXPECT_EQ(shown("p95_updatelatency"), 0);
}

TEST(Metrics, StartsFromZeroAfterAReset) {
  Metrics metrics;
  ThreadMetrics& busy = metrics.new_thread();
  ThreadMetrics& idle = metrics.new_thread();
  for (ThreadMetrics* thread : {&busy, &idle}) {
    thread->add(Counter::kCommits, 5);
    thread->record(Summary::kRequestLatency, 900);
    thread->record(Summary::kReadLatency, 900);
  }
  metrics.reset();
  EXPECT_EQ(metrics.total(Counter::kCommits), 0);
  EXPECT_EQ(metrics.total(Summary::kRequestLatency).count, 0);
  EXPECT_EQ(metrics.distribution(Summary::kReadLatency).count, 0u);

  busy.add(Counter::kCommits);
  busy.record(Summary::kRequestLatency, 100);
  busy.record(Summary::kReadLatency, 100);
  EXPECT_EQ(metrics.total(Counter::kCommits), 1);
  EXPECT_EQ(metrics.total(Summary::kRequestLatency).max, 100);
  EXPECT_EQ(metrics.distribution(Summary::kReadLatency).max, 100);
}

TEST(Metrics, CanBeReadAndResetWhileThreadsCount) {
  Metrics metrics;
  constexpr int kEach = 20'000;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&counts = metrics.new_thread()] {
      for (int n = 0; n < kEach; ++n) {
        counts.add(Counter::kBytesReceived);
        counts.record(Summary::kUpdateLatency, n);
      }
    });
  }
  std::int64_t before = 0;
  for (int i = 0; i < 50; ++i) {
    const std::int64_t now = metrics.total(Counter::kBytesReceived);
    EXPECT_GE(now, before);
    before = now;
    EXPECT_LE(metrics.distribution(Summary::kUpdateLatency).max, kEach);
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(metrics.total(Counter::kBytesReceived), 3 * kEach);
  EXPECT_EQ(metrics.total(Summary::kUpdateLatency).count, 3 * kEach);
}

TEST(Metrics, NamesEachThingOnce) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kCounters; ++i) {
    EXPECT_TRUE(names.insert(name_of(static_cast<Counter>(i))).second);
  }
  for (std::size_t i = 0; i < kSummaries; ++i) {
    EXPECT_TRUE(names.insert(name_of(static_cast<Summary>(i))).second);
  }
  EXPECT_EQ(name_of(counter_of(OpCode::kCreateTtl)), "op_count_create");
  EXPECT_EQ(name_of(counter_of(OpCode{12345})), "op_count_total");
}

}  // namespace
}  // namespace paddock
