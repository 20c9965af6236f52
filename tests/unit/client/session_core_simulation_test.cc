#include <gtest/gtest.h>

#include "tests/unit/client/session_simulation.h"

namespace paddock::client::test {
namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr std::uint64_t kSeeds = 100;
#else
constexpr std::uint64_t kSeeds = 300;
#endif
constexpr std::uint64_t kMutationSeeds = 40;

TEST(SessionCoreSimulation, KeepsItsPromisesWhateverFails) {
  SessionSimulation::Counts met;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SessionSimulation simulation(seed);
    simulation.run();
    ASSERT_TRUE(simulation.violations().empty()) << "seed " << seed << "\n" << simulation.report();
    const SessionSimulation::Counts& counts = simulation.counts();
    met.answered += counts.answered;
    met.refused += counts.refused;
    met.maybe_applied += counts.maybe_applied;
    met.not_sent += counts.not_sent;
    met.events += counts.events;
    met.gaps += counts.gaps;
    met.expired += counts.expired;
    met.malformed += counts.malformed;
    met.unwatched += counts.unwatched;
    met.read_only += counts.read_only;
  }
  EXPECT_GT(met.answered, kSeeds * 100);
  EXPECT_GT(met.refused, kSeeds * 10);
  EXPECT_GT(met.maybe_applied, kSeeds);
  EXPECT_GT(met.not_sent, kSeeds);
  EXPECT_GT(met.events, kSeeds * 10);
  EXPECT_GT(met.gaps, kSeeds);
  EXPECT_GT(met.expired, kSeeds / 50);
  EXPECT_GT(met.malformed, kSeeds / 50);
  EXPECT_GT(met.unwatched, kSeeds);
  EXPECT_GT(met.read_only, kSeeds / 15);
}

TEST(SessionCoreSimulation, FindsEveryBugThatIsPutIntoTheHost) {
  for (int number = 1; number < kMutations; ++number) {
    std::uint64_t found = 0;
    for (std::uint64_t seed = 1; seed <= kMutationSeeds && found == 0; ++seed) {
      SessionSimulation simulation(seed, Mutation{number});
      simulation.run();
      if (!simulation.violations().empty()) found = seed;
    }
    EXPECT_NE(found, 0u) << "mutation " << number << " was not found";
  }
}

}  // namespace
}  // namespace paddock::client::test
