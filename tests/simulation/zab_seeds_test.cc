// Whole ensembles under faults, one seed a run. Safety is checked at every step; then faults stop,
// and within a bounded time all is well again.
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "common/concat.h"
#include "tests/simulation/arguments.h"
#include "tests/support/sim_ensemble.h"

namespace paddock::test {
namespace {

constexpr std::uint64_t kShards = 8;
#ifdef __SANITIZE_ADDRESS__
constexpr std::uint64_t kSeedsPerShard = 8;
#else
constexpr std::uint64_t kSeedsPerShard = 40;
#endif
constexpr Micros kFaultsLast = seconds(60);

// What a set of runs came to.
struct Sum {
  std::uint64_t elections = 0, acknowledged = 0, read = 0;
  std::int64_t simulated_seconds = 0;
};

// Empty, or what went wrong.
std::string run(std::uint64_t seed, Sum& sum, std::size_t trace_kept = 60) {
  SimOptions options = SimOptions::random(seed);
  options.trace_kept = trace_kept;
  SimEnsemble sim(options);
  Prng random(mix64(seed + 1));
  sim.start();
  sim.inject(FaultRates::random(random));
  if (sim.run_for(kFaultsLast)) {
    sim.stop_faults();
    sim.converges_within(sim.patience());
  }
  sum.elections += sim.checkers().elections();
  sum.acknowledged += sim.clients().acknowledged();
  sum.read += sim.clients().read();
  sum.simulated_seconds += sim.now().value / 1'000'000;
  return sim.ok() ? "" : sim.report();
}

// Seeds that once found something, with what it was.
std::vector<std::uint64_t> regressions() {
  std::ifstream in(concat(PADDOCK_SOURCE_DIR, "/tests/simulation/seeds.txt"));
  EXPECT_TRUE(in);
  std::vector<std::uint64_t> seeds;
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line[0] != '#') seeds.push_back(std::stoull(line));
  }
  return seeds;
}

class Seeds : public testing::TestWithParam<std::uint64_t> {};

TEST_P(Seeds, NoPropertyIsBrokenWhateverFailsAndAllIsWellAfterwards) {
  Sum sum;
  const std::uint64_t count = kSeedsPerShard + arguments().seeds / kShards;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t seed = 1 + GetParam() + kShards * i;
    if (arguments().seed) continue;
    ASSERT_EQ(run(seed, sum), "");
  }
  RecordProperty("simulated_seconds", static_cast<int>(sum.simulated_seconds));
  RecordProperty("elections", static_cast<int>(sum.elections));
  RecordProperty("acknowledged", static_cast<int>(sum.acknowledged));
  RecordProperty("read", static_cast<int>(sum.read));
  if (arguments().seed) return;
  // Else the runs show nothing.
  EXPECT_GT(sum.elections, 2 * count);
  EXPECT_GT(sum.acknowledged, 100 * count);
  EXPECT_GT(sum.read, 30 * count);
}

INSTANTIATE_TEST_SUITE_P(Shards, Seeds, testing::Range<std::uint64_t>(0, kShards));

TEST(SeedsAgain, WhatOnceFoundSomethingFindsNothingNow) {
  Sum sum;
  for (const std::uint64_t seed : regressions()) ASSERT_EQ(run(seed, sum), "");
}

// simulation_test --seed=N --gtest_filter=SeedAsked.*
TEST(SeedAsked, FindsNothing) {
  if (!arguments().seed || arguments().whole) GTEST_SKIP() << "no --seed";
  Sum sum;
  ASSERT_EQ(run(*arguments().seed, sum, 1000), "");
}

TEST(SeedTwice, GivesTheSameRun) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    std::uint64_t hashes[2] = {};
    for (std::uint64_t& hash : hashes) {
      SimEnsemble sim(SimOptions::random(seed));
      Prng random(mix64(seed + 1));
      sim.start();
      sim.inject(FaultRates::random(random));
      ASSERT_TRUE(sim.run_for(seconds(30))) << sim.report();
      hash = sim.hash();
    }
    ASSERT_EQ(hashes[0], hashes[1]) << "seed " << seed;
    SimEnsemble other(SimOptions::random(seed + 1000));
    other.start();
    ASSERT_TRUE(other.run_for(seconds(30))) << other.report();
    EXPECT_NE(hashes[0], other.hash()) << "the hash says nothing";
  }
}

}  // namespace
}  // namespace paddock::test
