#include "zab/reconfiguration.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace paddock::zab {
namespace {

std::shared_ptr<const Ensemble> config(std::int64_t version, const std::string& lines) {
  Ensemble made = parse_ensemble(lines).value();
  made.version = version;
  return std::make_shared<const Ensemble>(std::move(made));
}

const auto kTwo = config(0, "server.1=a:1:2\nserver.2=b:1:2");
const auto kThree = config(7, "server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2");
const auto kFour = config(8, "server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\nserver.4=d:1:2");

class ReconfigurationTest : public testing::Test {
 protected:
  Journal journal_{Durable{}};
  Reconfiguration changes_{{kTwo, nullptr}, true, journal_};
  Actions actions_;
};

TEST_F(ReconfigurationTest, NeedsBothWhileOneIsProposed) {
  changes_.see(kThree, actions_);
  EXPECT_EQ(changes_.configurations().committed, kTwo);
  EXPECT_EQ(changes_.configurations().last_seen, kThree);
  EXPECT_FALSE(changes_.configurations().is_quorum({{1}, {3}}));
  EXPECT_TRUE(changes_.activate(kThree, actions_));
  EXPECT_TRUE(changes_.configurations().is_quorum({{1}, {3}}));
  EXPECT_EQ(changes_.configurations().last_seen, nullptr);
}

TEST_F(ReconfigurationTest, GivesWhatIsInForceToTheDiskBeforeAnythingElse) {
  changes_.see(kThree, actions_);
  ASSERT_EQ(actions_.size(), 2u);
  const auto& write = std::get<WriteConfigurations>(actions_[0]);
  EXPECT_EQ(write.ticket, WriteTicket{1});
  EXPECT_EQ(write.committed, kTwo);
  EXPECT_EQ(write.last_seen, kThree);
  EXPECT_EQ(std::get<ConfigurationsChanged>(actions_[1]).last_seen, kThree);
}

TEST_F(ReconfigurationTest, SaysNothingTwice) {
  changes_.see(kThree, actions_);
  actions_.clear();
  changes_.see(kThree, actions_);
  changes_.see(config(7, to_text(*kThree)), actions_);
  EXPECT_TRUE(actions_.empty());
  changes_.activate(kThree, actions_);
  actions_.clear();
  EXPECT_FALSE(changes_.activate(kThree, actions_));
  EXPECT_FALSE(changes_.activate(kTwo, actions_));  // an older one
  EXPECT_TRUE(actions_.empty());
}

TEST_F(ReconfigurationTest, DropsWhatANewLeaderKnowsNothingOf) {
  changes_.see(kThree, actions_);
  changes_.see(kTwo, actions_);
  EXPECT_EQ(changes_.configurations().last_seen, nullptr);
}

TEST_F(ReconfigurationTest, KeepsWhatIsProposedBehindWhatIsCommitted) {
  changes_.see(kFour, actions_);
  changes_.activate(kThree, actions_);
  EXPECT_EQ(changes_.configurations().committed, kThree);
  EXPECT_EQ(changes_.configurations().last_seen, kFour);
}

TEST_F(ReconfigurationTest, NumbersTheFirstConfigurationByItsEpochOnce) {
  changes_.number(Epoch{3}, actions_);
  ASSERT_NE(changes_.configurations().last_seen, nullptr);
  EXPECT_EQ(changes_.configurations().last_seen->version, 0x300000000);
  EXPECT_FALSE(changes_.activate(changes_.configurations().last_seen, actions_));  // who it was
  actions_.clear();
  changes_.number(Epoch{4}, actions_);
  EXPECT_TRUE(actions_.empty());
}

TEST(Reconfiguration, DoesNothingWhereItIsDisabled) {
  Journal journal{Durable{}};
  Reconfiguration fixed({kTwo, kThree}, false, journal);
  Actions actions;
  fixed.see(kFour, actions);
  fixed.number(Epoch{1}, actions);
  EXPECT_FALSE(fixed.activate(kFour, actions));
  EXPECT_TRUE(actions.empty());
  EXPECT_EQ(fixed.configurations().committed, kTwo);
  EXPECT_EQ(fixed.configurations().last_seen, nullptr);
}

TEST(Reconfiguration, TellsWhoVotesInOnePlaceInBoth) {
  const auto moved = config(9, "server.1=a:1:9\nserver.2=b:7:2\nserver.3=c:1:2:observer");
  EXPECT_TRUE(votes_in_one_place(*kThree, *moved, ServerId{1}));  // its quorum port is the same
  EXPECT_FALSE(votes_in_one_place(*kThree, *moved, ServerId{2}));
  EXPECT_FALSE(votes_in_one_place(*kThree, *moved, ServerId{3}));
  EXPECT_FALSE(votes_in_one_place(*kThree, *moved, ServerId{4}));
}

}  // namespace
}  // namespace paddock::zab
