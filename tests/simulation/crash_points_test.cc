// Log, checkpoint and recovery lose nothing that was acknowledged, wherever the power goes.
#include <gtest/gtest.h>

#include "common/concat.h"
#include "tests/support/storage_run.h"

namespace paddock {
namespace {

constexpr int kLives = 12;  // of one disk
constexpr std::uint64_t kSeedsPerShard = 110;

class CrashPoints : public testing::TestWithParam<int> {};

// Eight shards of 110 seeds of 12 power failures: 10,560.
TEST_P(CrashPoints, WhateverWasAcknowledgedIsThereAndNothingIsHalfThere) {
  const std::uint64_t first = static_cast<std::uint64_t>(GetParam()) * kSeedsPerShard;
  std::uint64_t recoveries = 0, installs = 0;
  for (std::uint64_t seed = first + 1; seed <= first + kSeedsPerShard; ++seed) {
    test::StorageRun run(seed);
    for (int life = 0; life < kLives; ++life) {
      const std::string wrong = run.life();
      ASSERT_EQ(wrong, "") << "seed " << seed << ", life " << life;
    }
    ASSERT_EQ(run.check_recovery(), "") << "seed " << seed;
    recoveries += run.recoveries();
    installs += run.installs();
  }
  // Most starts must get past recovery, or the runs show nothing.
  EXPECT_GT(recoveries, kSeedsPerShard * kLives / 3);
  EXPECT_GT(installs, kSeedsPerShard);
}

// LevelDB compacts on a thread of its own, in step with its caller here.
TEST(CrashPointsSeed, TheSameSeedGivesTheSameRun) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    test::StorageRun first(seed), second(seed);
    for (int life = 0; life < kLives; ++life) {
      ASSERT_EQ(first.life(), "");
      ASSERT_EQ(second.life(), "");
      ASSERT_EQ(first.disk().changes(), second.disk().changes()) << "seed " << seed;
      ASSERT_EQ(first.disk().files(), second.disk().files()) << "seed " << seed;
    }
    for (const std::string& file : first.disk().files()) {
      ASSERT_EQ(first.disk().content(file), second.disk().content(file)) << file;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shards, CrashPoints, testing::Range(0, 8));

}  // namespace
}  // namespace paddock
