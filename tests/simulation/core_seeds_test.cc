// Ensembles of whole replicas with ZooKeeper clients under faults, one seed a run. Safety is
// checked at every step; then faults stop, and within a bounded time all is well again.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <map>
#include <string>

#include "common/concat.h"
#include "tests/simulation/arguments.h"
#include "tests/simulation/seed_run.h"
#include "tests/support/sim_ensemble.h"

namespace paddock::test {
namespace {

constexpr std::uint64_t kShards = 8;
#ifdef __SANITIZE_ADDRESS__
constexpr std::uint64_t kSeedsPerShard = 5;
#else
constexpr std::uint64_t kSeedsPerShard = 25;
#endif

// What a set of runs came to.
struct Sum {
  std::uint64_t runs = 0, elections = 0, acknowledged = 0, read = 0, events = 0, moves = 0,
                expired = 0;
  std::uint64_t reconfigs = 0, cut_short = 0;
  std::map<ErrorCode, std::uint64_t> refused;  // reconfigs
  std::int64_t simulated_seconds = 0;
};

// Empty, or what went wrong.
std::string run(SimOptions options, Sum& sum) {
  const std::uint64_t seed = options.seed;
  SimEnsemble sim(options);
  run_seed(sim, seed);
  ++sum.runs;
  sum.elections += sim.checkers().elections();
  sum.acknowledged += sim.core_clients().acknowledged();
  sum.read += sim.core_clients().read();
  sum.events += sim.core_clients().events();
  sum.moves += sim.core_clients().moves();
  sum.expired += sim.core_checkers().expired();
  const ReconfigChecker::Counts& counts = sim.core_checkers().reconfigs().counts();
  sum.reconfigs += counts.done;
  sum.cut_short += counts.cut_short;
  for (const auto& [error, count] : counts.refused) sum.refused[error] += count;
  sum.simulated_seconds += sim.now().value / 1'000'000;
  return sim.ok() ? "" : sim.report();
}

std::string run(std::uint64_t seed, Sum& sum, std::size_t trace_kept = 60) {
  SimOptions options = SimOptions::random_whole(seed);
  options.trace_kept = trace_kept;
  return run(options, sum);
}

class WholeSeeds : public testing::TestWithParam<std::uint64_t> {};

TEST_P(WholeSeeds, NoPromiseIsBrokenWhateverFailsAndAllIsWellAfterwards) {
  if (arguments().seed) GTEST_SKIP() << "one seed is asked for";
  Sum sum;
  const std::uint64_t count = kSeedsPerShard + arguments().seeds / kShards;
  for (std::uint64_t i = 0; i < count; ++i) {
    ASSERT_EQ(run(1 + GetParam() + kShards * i, sum), "");
  }
  RecordProperty("simulated_seconds", static_cast<int>(sum.simulated_seconds));
  // Else the runs show nothing.
  EXPECT_GT(sum.elections, 2 * count);
  EXPECT_GT(sum.acknowledged, 100 * count);
  EXPECT_GT(sum.read, 100 * count);
  EXPECT_GT(sum.events, 10 * count);
  EXPECT_GT(sum.moves, count);
  EXPECT_GT(sum.expired, count);
}

INSTANTIATE_TEST_SUITE_P(Shards, WholeSeeds, testing::Range<std::uint64_t>(0, kShards));

// Fault catalogue, rows 21 and 76: every session begins as its server's own, and servers without a
// quorum turn to read-only mode and back.
TEST_P(WholeSeeds, NorWithLocalSessionsAndReadOnlyMode) {
  if (arguments().seed) GTEST_SKIP() << "one seed is asked for";
  Sum sum;
  const std::uint64_t count = kSeedsPerShard / 5;
  for (std::uint64_t i = 0; i < count; ++i) {
    SimOptions options = SimOptions::random_whole(1 + GetParam() + kShards * i);
    options.core.local_sessions = options.core.read_only = true;
    ASSERT_EQ(run(options, sum), "");
  }
  EXPECT_GT(sum.acknowledged, 100 * count);
  EXPECT_GT(sum.read, 100 * count);
}

// Clients change the ensemble all the while.
class WholeReconfigSeeds : public testing::TestWithParam<std::uint64_t> {};

std::string run_reconfig(std::uint64_t seed, Sum& sum, std::size_t trace_kept = 60) {
  SimOptions options = SimOptions::random_whole_reconfig(seed);
  options.trace_kept = trace_kept;
  return run(options, sum);
}

TEST_P(WholeReconfigSeeds, NoPromiseIsBrokenHoweverTheEnsembleChanges) {
  if (arguments().seed) GTEST_SKIP() << "one seed is asked for";
  Sum sum;
  const std::uint64_t count = kSeedsPerShard + arguments().seeds / kShards;
  for (std::uint64_t i = 0; i < count; ++i) {
    ASSERT_EQ(run_reconfig(1 + GetParam() + kShards * i, sum), "");
  }
  RecordProperty("reconfigs", static_cast<int>(sum.reconfigs));
  RecordProperty("cut_short", static_cast<int>(sum.cut_short));
  std::string all;
  for (const auto& [error, n] : sum.refused) all += concat(" ", name_of(error), " ", n);
  RecordProperty("refused", all);
  // Else the runs show nothing.
  EXPECT_GT(sum.acknowledged, 100 * count);
  EXPECT_GT(sum.read, 100 * count);
  EXPECT_GT(sum.events, 10 * count);
  EXPECT_GE(sum.reconfigs, 5 * count);
  if (count < 25) return;  // too few for what is rare
  EXPECT_GT(sum.cut_short, 0);
  for (const ErrorCode error :
       {ErrorCode::kBadVersion, ErrorCode::kBadArguments, ErrorCode::kMarshallingError,
        ErrorCode::kNoAuth, ErrorCode::kReconfigInProgress, ErrorCode::kNewConfigNoQuorum}) {
    EXPECT_GT(sum.refused[error], 0) << name_of(error);
  }
}

INSTANTIATE_TEST_SUITE_P(Shards, WholeReconfigSeeds, testing::Range<std::uint64_t>(0, kShards));

// simulation_test --whole --seed=N --gtest_filter=WholeReconfigSeedAsked.*
TEST(WholeReconfigSeedAsked, FindsNothing) {
  if (!arguments().seed || !arguments().whole) GTEST_SKIP() << "no --whole --seed";
  Sum sum;
  ASSERT_EQ(run_reconfig(*arguments().seed, sum, 20000), "");
}

// simulation_test --whole --seed=N --gtest_filter=WholeSeedAsked.*
TEST(WholeSeedAsked, FindsNothing) {
  if (!arguments().seed || !arguments().whole) GTEST_SKIP() << "no --whole --seed";
  Sum sum;
  ASSERT_EQ(run(*arguments().seed, sum, 20000), "");
}

// simulation_test --whole --hours=H [--seed=FIRST] --gtest_filter=WholeHours.*
TEST(WholeHours, FindNothing) {
  if (arguments().hours == 0 || !arguments().whole) GTEST_SKIP() << "no --whole --hours";
  constexpr std::uint64_t kFirst = 1'000'000;
  const auto began = std::chrono::steady_clock::now();
  const auto limit = static_cast<std::int64_t>(arguments().hours) * 3600;
  Sum sum;
  std::uint64_t seed = arguments().seed.value_or(kFirst);
  for (; sum.simulated_seconds < limit; ++seed) ASSERT_EQ(run(seed, sum), "");
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::printf(
      "%llu seeds up to %llu: %lld simulated seconds, %.0f a second; %llu elections, %llu writes, "
      "%llu reads, %llu events, %llu moves, %llu sessions expired\n",
      static_cast<unsigned long long>(sum.runs), static_cast<unsigned long long>(seed - 1),
      static_cast<long long>(sum.simulated_seconds),
      static_cast<double>(sum.simulated_seconds) / took.count(),
      static_cast<unsigned long long>(sum.elections),
      static_cast<unsigned long long>(sum.acknowledged), static_cast<unsigned long long>(sum.read),
      static_cast<unsigned long long>(sum.events), static_cast<unsigned long long>(sum.moves),
      static_cast<unsigned long long>(sum.expired));
}

TEST(WholeSeedTwice, GivesTheSameRun) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    std::uint64_t hashes[2] = {};
    for (std::uint64_t& hash : hashes) {
      SimEnsemble sim(SimOptions::random_whole(seed));
      Prng random(mix64(seed + 1));
      sim.start();
      sim.inject(FaultRates::random(random));
      ASSERT_TRUE(sim.run_for(seconds(30))) << sim.report();
      hash = sim.hash();
    }
    ASSERT_EQ(hashes[0], hashes[1]) << "seed " << seed;
  }
}

}  // namespace
}  // namespace paddock::test
