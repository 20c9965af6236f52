#include "zab/learner.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace paddock::zab {
namespace {

constexpr ServerId kLeader{3};
constexpr Millis kInitTimeout{20'000};
constexpr Millis kHeartbeatTimeout{2'000};

class LearnerTest : public testing::Test {
 protected:
  Learner dial(bool heartbeats) {
    Timing timing;
    timing.tick = Millis{kInitTimeout.value / timing.init_limit};
    timing.heartbeat = Millis{heartbeats ? 250 : 0};
    timing.heartbeat_timeout = heartbeats ? kHeartbeatTimeout : Millis{};
    return {Learner::Identity{ServerId{1}},
            timing,
            kLeader,
            LinkId{1},
            false,
            reconfiguration_,
            journal_,
            Millis{},
            Millis{},
            actions_};
  }
  bool gives_up_at(Learner& learner, Millis at) {
    learner.on_tick(Millis{at.value - 1}, actions_);
    EXPECT_FALSE(learner.lost()) << *learner.lost();
    learner.on_tick(at, actions_);
    return learner.lost().has_value();
  }

  Journal journal_{Durable{}};
  Reconfiguration reconfiguration_{{std::make_shared<const Ensemble>(), nullptr}, false, journal_};
  Actions actions_;
};

// It may be that it hears nothing, and was elected on what it said before.
TEST_F(LearnerTest, GivesUpALeaderThatItCannotReachAsSoonAsASilentOne) {
  Learner learner = dial(true);
  EXPECT_TRUE(gives_up_at(learner, kHeartbeatTimeout));
  EXPECT_EQ(learner.lost(), "the leader could not be reached in time");
}

TEST_F(LearnerTest, DialsForInitLimitWhereThereAreNoHeartbeats) {
  Learner learner = dial(false);
  EXPECT_TRUE(gives_up_at(learner, kInitTimeout));
}

TEST_F(LearnerTest, GivesALeaderThatItHasReachedInitLimitToAnswer) {
  Learner learner = dial(true);
  learner.on_link_opened(Millis{1'500}, actions_);
  EXPECT_TRUE(gives_up_at(learner, Millis{1'500 + kInitTimeout.value}));
}

}  // namespace
}  // namespace paddock::zab
