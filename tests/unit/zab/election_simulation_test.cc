// Whole elections under faults, by seed. Whatever is decided was voted for by a quorum; and once
// the faults stop, all follow one leader before long.
#include "tests/unit/zab/election_simulation.h"

#include <gtest/gtest.h>

#include <set>

namespace paddock::zab {
namespace {

using election_test::Coverage;
using election_test::Simulation;

#ifdef __SANITIZE_ADDRESS__
constexpr std::int64_t kSeeds = 60;  // a shard
#else
constexpr std::int64_t kSeeds = 300;  // a shard
#endif

constexpr std::int64_t kConvergeMs = 3'000;
// ZooKeeper's leaders wait initLimit for a quorum, and whoever asks in vain pauses ever longer.
constexpr std::int64_t kConvergeMixedMs = 10'000;

class ElectionSeeds : public testing::TestWithParam<int> {
 protected:
  void run(bool mixed, std::int64_t within_ms) {
    for (std::int64_t seed = GetParam() * kSeeds; seed < (GetParam() + 1) * kSeeds; ++seed) {
      Simulation simulation(static_cast<std::uint64_t>(seed), mixed, coverage_);
      simulation.run_faults();
      ASSERT_EQ(simulation.violation(), "") << "seed " << seed;
      ASSERT_EQ(simulation.converge(within_ms), "") << "seed " << seed;
    }
  }
  Coverage coverage_;
};

TEST_P(ElectionSeeds, ElectOnlyWhomAQuorumVotedForAndAgreeOnceTheFaultsStop) {
  run(/*mixed=*/false, kConvergeMs);
  // Each kind of thing happened often, or the runs show nothing.
  EXPECT_GT(coverage_.crashes, 5 * kSeeds);
  EXPECT_GT(coverage_.served, 3 * kSeeds);
  EXPECT_GT(coverage_.decisions, 20 * kSeeds);
  EXPECT_GT(coverage_.at_once, 12 * kSeeds);
  EXPECT_GT(coverage_.decisions - coverage_.at_once, 3 * kSeeds);
  EXPECT_GT(coverage_.by_settled, 3 * kSeeds);
  EXPECT_GT(coverage_.deserted, kSeeds / 2);
}

TEST_P(ElectionSeeds, AgreeWithServersThatElectAsZooKeeperDoes) {
  run(/*mixed=*/true, kConvergeMixedMs);
  EXPECT_GT(coverage_.served, 2 * kSeeds);
  EXPECT_GT(coverage_.decisions, 10 * kSeeds);
}

INSTANTIATE_TEST_SUITE_P(Shards, ElectionSeeds, testing::Range(0, 8));

TEST(ElectionSeed, GivesTheSameRunAgain) {
  std::set<std::uint64_t> traces;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const bool mixed = seed % 2 == 0;
    Coverage coverage;
    Simulation first(seed, mixed, coverage), second(seed, mixed, coverage);
    for (Simulation* simulation : {&first, &second}) {
      simulation->run_faults();
      EXPECT_EQ(simulation->converge(kConvergeMixedMs), "") << "seed " << seed;
    }
    EXPECT_EQ(first.trace(), second.trace()) << "seed " << seed;
    traces.insert(first.trace());
  }
  EXPECT_EQ(traces.size(), 20u);
}

}  // namespace
}  // namespace paddock::zab
