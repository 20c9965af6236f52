#pragma once

#include <gtest/gtest.h>

#include <cstdint>

#include "tests/support/sim_ensemble.h"

namespace paddock::test {

// One seed: faults for a minute, and then all has to be well within a bounded time. What went wrong
// is in sim.report().
inline void run_seed(SimEnsemble& sim, std::uint64_t seed) {
  constexpr Micros kFaultsLast = seconds(60);
  Prng random(mix64(seed + 1));
  sim.start();
  sim.inject(FaultRates::random(random));
  if (!sim.run_for(kFaultsLast)) return;
  sim.stop_faults();
  sim.converges_within(sim.patience());
}

// Ensembles as `options` has them for seeds 1, 2, 3 ..., with a bug in them: one of them is found
// out.
template <typename Options>
void expect_found(const Options& options, const FaultRates& rates, std::uint64_t seeds_max) {
  for (std::uint64_t seed = 1; seed <= seeds_max; ++seed) {
    SimEnsemble sim(options(seed));
    sim.start();
    sim.inject(rates);
    if (sim.run_for(seconds(60))) continue;
    testing::Test::RecordProperty("seeds", static_cast<int>(seed));
    testing::Test::RecordProperty("found", sim.violation());
    return;
  }
  FAIL() << "nobody noticed in " << seeds_max << " seeds";
}

// Without a bug: else what is found with one might be something else.
template <typename Options>
void expect_nothing_found(const Options& options, const FaultRates& rates) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SimEnsemble sim(options(seed));
    sim.start();
    sim.inject(rates);
    ASSERT_TRUE(sim.run_for(seconds(60))) << sim.report();
  }
}

}  // namespace paddock::test
