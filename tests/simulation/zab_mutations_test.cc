// The checkers find each of a list of bugs that are put into the world around the engine
// (zab_mutation.h) within a number of seeds. One that none of them found would be a hole in what
// the seeds prove.
#include <gtest/gtest.h>

#include <string>

#include "tests/simulation/seed_run.h"
#include "tests/support/sim_ensemble.h"
#include "tests/support/zab_mutation.h"

namespace paddock::test {
namespace {

constexpr std::uint64_t kSeedsMax = 150;

// And an operator who changes the ensemble.
void changing(SimOptions& options) {
  options.joiners = 2;
  options.reconfig_every = millis(500);
  options.epoch_txns_max = zab::kEpochTxnsMax;
}

// Three or five voters with busy clients, and faults of all kinds.
SimOptions busy(std::uint64_t seed, Mutation mutation) {
  SimOptions options = SimOptions::random(seed);
  options.voters = seed % 3 == 0 ? 5 : 3;
  options.groups = 0;
  options.observers = 1;
  options.clients.clients = 6;
  options.clients.pause_max = millis(50);
  options.timing.max_notification = {1000};
  options.host.maintain_every = seconds(2);
  options.host.mutation = mutation;
  if (mutation >= kFirstConfigMutation) changing(options);
  return options;
}

FaultRates faults() {
  FaultRates rates;
  rates.stops = rates.torn_steps = rates.power_losses = rates.cuts = rates.severs = 6;
  rates.slow_disks = rates.pauses = 3;
  rates.down_max = rates.cut_max = rates.pause_max = rates.slow_disk_max = seconds(5);
  return rates;
}

class Mutations : public testing::TestWithParam<int> {
 protected:
  Mutation mutation() const { return static_cast<Mutation>(GetParam()); }
};

TEST_P(Mutations, AreFound) {
  expect_found([this](std::uint64_t seed) { return busy(seed, mutation()); }, faults(), kSeedsMax);
}

INSTANTIATE_TEST_SUITE_P(Each, Mutations, testing::Range(1, kMutationCount), [](const auto& info) {
  return std::string(name_of(static_cast<Mutation>(info.param)));
});

TEST(MutationsWithout, NothingIsFound) {
  expect_nothing_found([](std::uint64_t seed) { return busy(seed, Mutation::kNone); }, faults());
  const auto changes = [](std::uint64_t seed) {
    SimOptions options = busy(seed, Mutation::kNone);
    changing(options);
    return options;
  };
  expect_nothing_found(changes, faults());
}

}  // namespace
}  // namespace paddock::test
