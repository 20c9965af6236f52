// Whole ensembles that change under faults, one seed a run: an operator lets servers join, leave
// and change their roles all the while. Safety is checked at every step, with the configurations in
// force; then faults and changes stop, and within a bounded time all is well again.
#include <gtest/gtest.h>

#include <string>

#include "tests/simulation/arguments.h"
#include "tests/support/sim_ensemble.h"

namespace paddock::test {
namespace {

constexpr std::uint64_t kShards = 4;
constexpr std::uint64_t kSeedsPerShard = 40;
constexpr Micros kFaultsLast = seconds(60);

struct Sum {
  std::uint64_t configurations = 0, acknowledged = 0;
};

// Empty, or what went wrong.
std::string run(std::uint64_t seed, Sum& sum, std::size_t trace_kept = 60) {
  SimOptions options = SimOptions::random_reconfig(seed);
  options.trace_kept = trace_kept;
  SimEnsemble sim(options);
  Prng random(mix64(seed + 1));
  sim.start();
  sim.inject(FaultRates::random(random));
  if (sim.run_for(kFaultsLast)) {
    sim.stop_faults();
    sim.converges_within(sim.patience());
  }
  sum.configurations += sim.checkers().configurations();
  sum.acknowledged += sim.clients().acknowledged();
  return sim.ok() ? "" : sim.report();
}

class ReconfigSeeds : public testing::TestWithParam<std::uint64_t> {};

TEST_P(ReconfigSeeds, NoPropertyIsBrokenHoweverTheEnsembleChanges) {
  Sum sum;
  const std::uint64_t count = kSeedsPerShard + arguments().seeds / kShards;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (arguments().seed) continue;
    ASSERT_EQ(run(1 + GetParam() + kShards * i, sum), "");
  }
  RecordProperty("configurations", static_cast<int>(sum.configurations));
  RecordProperty("acknowledged", static_cast<int>(sum.acknowledged));
  if (arguments().seed) return;
  // Else the runs show nothing.
  EXPECT_GT(sum.configurations, 5 * count);
  EXPECT_GT(sum.acknowledged, 50 * count);
}

INSTANTIATE_TEST_SUITE_P(Shards, ReconfigSeeds, testing::Range<std::uint64_t>(0, kShards));

// simulation_test --seed=N --gtest_filter=ReconfigSeedAsked.*
TEST(ReconfigSeedAsked, FindsNothing) {
  if (!arguments().seed || arguments().whole) GTEST_SKIP() << "no --seed";
  Sum sum;
  ASSERT_EQ(run(*arguments().seed, sum, 1000), "");
}

}  // namespace
}  // namespace paddock::test
