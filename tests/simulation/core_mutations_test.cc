// The checkers find each of a list of bugs that are put into the host around a whole replica
// (core_mutation.h) within a number of seeds. One that none of them found would be a hole in what
// the seeds prove.
#include <gtest/gtest.h>

#include <string>

#include "tests/simulation/seed_run.h"
#include "tests/support/core_mutation.h"
#include "tests/support/sim_ensemble.h"

namespace paddock::test {
namespace {

constexpr std::uint64_t kSeedsMax = 200;

// And clients who change the ensemble.
void changing(SimOptions& options) {
  options.reconfig = true;
  options.joiners = 2;
  options.epoch_txns_max = zab::kEpochTxnsMax;
  options.core_clients.servers += options.joiners;
  options.core_clients.reconfig_one_in = 20;
}

// Three or five voters with busy clients, and faults of all kinds.
SimOptions busy(std::uint64_t seed, CoreMutation mutation) {
  SimOptions options = SimOptions::random_whole(seed);
  options.voters = seed % 3 == 0 ? 5 : 3;
  options.groups = 0;
  options.observers = 1;
  options.timing.max_notification = {1000};
  options.host.maintain_every = seconds(2);
  options.core.mutation = mutation;
  options.core_clients.clients = 6;
  options.core_clients.servers = options.voters + options.observers;
  options.core_clients.pause_max = millis(100);
  if (mutation >= kFirstConfigCoreMutation) changing(options);
  return options;
}

FaultRates faults() {
  FaultRates rates;
  rates.stops = rates.torn_steps = rates.power_losses = rates.cuts = rates.severs = 5;
  rates.slow_disks = rates.pauses = 3;
  rates.down_max = rates.cut_max = rates.pause_max = rates.slow_disk_max = seconds(5);
  return rates;
}

class CoreMutations : public testing::TestWithParam<int> {
 protected:
  CoreMutation mutation() const { return static_cast<CoreMutation>(GetParam()); }
};

TEST_P(CoreMutations, AreFound) {
#ifdef __SANITIZE_ADDRESS__
  // Half a minute without ASan, many with it; the scenario watch-time-travel finds it at once.
  if (mutation() == CoreMutation::kServeTheAhead) GTEST_SKIP() << "takes too long";
#endif
  expect_found([this](std::uint64_t seed) { return busy(seed, mutation()); }, faults(), kSeedsMax);
}

INSTANTIATE_TEST_SUITE_P(Each, CoreMutations, testing::Range(1, kCoreMutationCount),
                         [](const auto& info) {
                           return std::string(name_of(static_cast<CoreMutation>(info.param)));
                         });

TEST(CoreMutationsWithout, NothingIsFound) {
  expect_nothing_found([](std::uint64_t seed) { return busy(seed, CoreMutation::kNone); },
                       faults());
  const auto changes = [](std::uint64_t seed) {
    SimOptions options = busy(seed, CoreMutation::kNone);
    changing(options);
    return options;
  };
  expect_nothing_found(changes, faults());
}

}  // namespace
}  // namespace paddock::test
