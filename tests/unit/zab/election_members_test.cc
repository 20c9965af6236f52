// Joining those who have a leader, and answering those who look for one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/zab/election_server.h"
#include "zab/election.h"

namespace paddock::zab {
namespace {

using namespace election_test;  // NOLINT: what these tests are written in

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// --- joining those who have a leader ---

// The catalogue's row 57: what the members of an established ensemble say differs in zxid and
// round.
TEST(Election, StaleVoteLockout) {
  Server server(1, config(5));
  server.search(vote(1, 50));
  server.hear(2, following({ServerId{4}, Zxid{0x100000007}, Epoch{3}}, 2));
  server.hear(4, leading({ServerId{4}, Zxid{0x200000001}, Epoch{3}}, 9));
  EXPECT_EQ(server.outcome(), "");  // two of five
  server.hear(5, following({ServerId{4}, Zxid{0}, Epoch{3}}, 5));
  EXPECT_EQ(server.outcome(), "4 in round 5");
  EXPECT_EQ(server.election().logical_clock(), 5);
  EXPECT_EQ(server.election().outcome()->vote.peer_epoch, Epoch{3});
}

TEST(Election, DoesNotAddUpFollowersOfDifferentEpochsOfALeader) {
  Server server(1, config(5));
  server.search(vote(1));
  server.hear(2, following({ServerId{4}, Zxid{}, Epoch{2}}, 2));
  server.hear(3, following({ServerId{4}, Zxid{}, Epoch{3}}, 2));
  server.hear(4, leading({ServerId{4}, Zxid{}, Epoch{3}}, 2));
  EXPECT_EQ(server.outcome(), "");
  server.hear(2, following({ServerId{4}, Zxid{}, Epoch{3}}, 2));
  EXPECT_EQ(server.outcome(), "4 in round 2");
}

// Before version 1 of a notification there was no epoch in it.
TEST(Election, ComparesTheLeaderAloneWithOldServers) {
  Server server(1, config(5));
  server.search(vote(1));
  Notification old = following({ServerId{4}, Zxid{0x100000002}, Epoch{1}}, 2);
  old.version = 0;
  server.hear(2, old);
  server.hear(3, following({ServerId{4}, Zxid{}, Epoch{3}}, 2));
  server.hear(4, leading({ServerId{4}, Zxid{}, Epoch{3}}, 2));
  EXPECT_EQ(server.outcome(), "4 in round 2");
}

TEST(Election, JoinsOnlyALeaderThatSaysSoItself) {
  Server server(1);
  server.search(vote(1));
  server.hear(2, following(vote(3), 4));
  server.hear(3, following(vote(3), 4));  // it lost it, and does not know yet
  EXPECT_EQ(server.outcome(), "");
  server.hear(3, leading(vote(3), 4));
  EXPECT_EQ(server.outcome(), "3 in round 4");
}

TEST(Election, DoesNotJoinALeaderThatNoQuorumFollows) {
  Server server(1, config(5));
  server.search(vote(1));
  server.hear(3, leading(vote(3), 4));
  server.hear(2, following(vote(3), 4));
  server.hear(4, following(vote(5), 4));
  EXPECT_EQ(server.outcome(), "");
}

TEST(Election, CountsItsOwnVoteOfThisRoundForALeaderOfThisRound) {
  Server server(1);
  server.search(vote(1));
  server.hear(2, looking(vote(3)));
  server.search(vote(1));
  server.hear(2, looking(vote(3), 2));  // adopted
  server.hear(3, leading(vote(3), 2));
  EXPECT_EQ(server.outcome(), "3 in round 2");
}

TEST(Election, TakesUpItsOwnLeadershipOnlyInItsOwnRound) {
  Server restarted(3);
  restarted.search(vote(3));
  restarted.hear(1, following(vote(3), 2));
  restarted.hear(2, following(vote(3), 2));
  EXPECT_EQ(restarted.outcome(), "");  // it was elected in another life

  Server late(3, config(5));
  late.search(vote(3));
  late.search(vote(3));
  late.hear(1, following(vote(3), 2));
  EXPECT_EQ(late.outcome(), "");
  late.hear(2, following(vote(3), 2));
  EXPECT_EQ(late.outcome(), "3 in round 2");
}

TEST(Election, IgnoresWhoObserves) {
  Server server(1);
  server.search(vote(1));
  server.sent();
  for (const std::int64_t from : {2, 3}) {
    server.hear(from, {ServerState::kObserving, vote(3), 1, 2, std::nullopt});
  }
  EXPECT_EQ(server.outcome(), "");
  EXPECT_THAT(server.sent(), IsEmpty());
}

TEST(Election, DoesNotCountWhoLostItsLeaderSince) {
  Server server(1, config(5));
  server.search(vote(1, 9));
  server.hear(2, following(vote(4), 6));
  server.hear(2, looking(vote(2), 7));
  server.hear(3, following(vote(4), 6));
  server.hear(4, leading(vote(4), 6));
  EXPECT_EQ(server.outcome(), "");
  server.hear(5, following(vote(4), 6));
  EXPECT_EQ(server.outcome(), "4 in round 6");
}

// A connection that came back brings the last notification again, which may be of long ago.
TEST(Election, StillCountsWhoRepeatsWhatItSaidBeforeItFollowed) {
  Server server(1, config(5));
  server.search(vote(1, 9));
  server.hear(2, following(vote(4), 6));
  server.hear(2, looking(vote(4), 6));
  server.hear(3, following(vote(4), 6));
  server.hear(4, leading(vote(4), 6));
  EXPECT_EQ(server.outcome(), "4 in round 6");
}

TEST(Election, DoesNotCountAVoteOfThisRoundFromWhoFollowsALeaderOfAnother) {
  Server server(1, config(5));
  server.search(vote(1));
  server.hear(3, looking(vote(3)));
  server.hear(2, looking(vote(3)));
  server.hear(2, following(vote(5), 4));
  server.wait(200);
  EXPECT_EQ(server.outcome(), "");
  server.hear(4, looking(vote(3)));
  server.wait(200);
  EXPECT_EQ(server.outcome(), "3 in round 1");
}

TEST(Election, TellsAllVotersWhenItJoinsAnotherLeaderThanItVotedFor) {
  Server server(1, config(3, 1));
  server.search(vote(1, 9));
  server.hear(2, following(vote(3), 4));
  server.hear(3, leading(vote(3), 4));
  server.sent();
  server.settle(ServerState::kFollowing);
  EXPECT_THAT(server.sent(), ElementsAre("to 2: FOLLOWING 3 0x100000000 of 1, round 4",
                                         "to 3: FOLLOWING 3 0x100000000 of 1, round 4"));

  Server same(1, config(3, 1));
  same.search(vote(1));
  same.hear(3, looking(vote(3)));
  same.hear(3, leading(vote(3)));
  same.sent();
  same.settle(ServerState::kFollowing);
  EXPECT_THAT(same.sent(), IsEmpty());

  Server observer(4, config(3, 1));
  observer.search(kNoVote);
  observer.hear(2, following(vote(3), 4));
  observer.hear(3, leading(vote(3), 4));
  observer.sent();
  observer.settle(ServerState::kObserving);
  EXPECT_THAT(observer.sent(), IsEmpty());
}

// --- who does not vote ---

TEST(Election, LearnsWhoLeadsFromThoseWhoKnowWhenItDoesNotVote) {
  Server observer(4, config(3, 1));
  observer.search(kNoVote);
  EXPECT_THAT(observer.sent(),
              ElementsAre("to 1: LOOKING -9223372036854775808 0x8000000000000000 of "
                          "-9223372036854775808, round 1",
                          "to 2: LOOKING -9223372036854775808 0x8000000000000000 of "
                          "-9223372036854775808, round 1",
                          "to 3: LOOKING -9223372036854775808 0x8000000000000000 of "
                          "-9223372036854775808, round 1"));
  for (const std::int64_t from : {1, 2, 3}) observer.hear(from, looking(vote(3)));
  for (const std::int64_t from : {1, 2, 3}) observer.hear(from, looking(vote(3), 0));
  EXPECT_EQ(observer.outcome(), "");  // it is not settled; nor does it tell a voter anything
  EXPECT_THAT(observer.sent(), IsEmpty());
  observer.hear(1, following(vote(3)));
  observer.hear(3, leading(vote(3)));
  EXPECT_EQ(observer.outcome(), "3 in round 1");
}

TEST(Election, AsksMoreOftenWhenItDoesNotVote) {
  Server observer(4, config(3, 1));
  observer.search(kNoVote);
  for (const std::int64_t ms : {200, 400, 800, 1600, 2000, 2000}) EXPECT_EQ(observer.tick(), ms);
}

TEST(Election, AnswersWhoDoesNotVoteOnceInASearchAndWhenItSettles) {
  Server server(1, config(3, 1));
  server.search(vote(1));
  server.sent();
  server.hear(4, looking(kNoVote));
  EXPECT_THAT(server.sent(), ElementsAre("to 4: LOOKING 1 0x100000000 of 1, round 1"));
  // An observer of ZooKeeper's that is in a later round answers our answer.
  server.hear(4, looking(kNoVote, 8));
  server.hear(4, looking(kNoVote, 8));
  EXPECT_THAT(server.sent(), IsEmpty());
  EXPECT_EQ(server.election().logical_clock(), 1);

  server.hear(2, looking(vote(3)));
  server.hear(3, looking(vote(3)));
  server.sent();
  server.settle(ServerState::kFollowing);
  EXPECT_THAT(server.sent(), ElementsAre("to 4: FOLLOWING 3 0x100000000 of 1, round 1"));
  server.hear(4, looking(kNoVote));
  server.hear(4, looking(kNoVote));
  EXPECT_EQ(server.sent().size(), 2u);

  server.search(vote(1));
  server.sent();
  server.hear(4, looking(kNoVote));
  EXPECT_THAT(server.sent(), ElementsAre("to 4: LOOKING 1 0x100000000 of 1, round 2"));
}

// Two that take each other for non-voters would answer each other for ever.
TEST(Election, AnswersNoNonVoterThatDoesNotLook) {
  Server server(1, config(3, 1));
  server.search(vote(1));
  server.sent();
  for (const std::int64_t from : {4, 99}) {
    server.hear(from, following(vote(3)));
    server.hear(from, leading(vote(99)));
    server.hear(from, {ServerState::kObserving, vote(3), 1, 2, std::nullopt});
  }
  EXPECT_THAT(server.sent(), IsEmpty());
}

// --- once it is decided ---

class SettledElection : public testing::Test {
 protected:
  // 1 follows 3, elected in round 2; its clock is 2.
  SettledElection() {
    server_.search(vote(1));
    server_.hear(2, looking(vote(3), 2));
    server_.hear(3, looking(vote(3), 2));
    server_.settle(ServerState::kFollowing);
    server_.sent();
  }
  Server server_{1, config(3, 1)};
};

TEST_F(SettledElection, AnswersVotersThatLookWithTheHeldVote) {
  server_.hear(2, looking(vote(2, 99), 7));
  EXPECT_THAT(server_.sent(), ElementsAre("to 2: FOLLOWING 3 0x100000000 of 1, round 2"));
  EXPECT_EQ(server_.election().logical_clock(), 2);
  EXPECT_EQ(server_.election().next_deadline(), kNever);
}

TEST_F(SettledElection, SaysTheNewEpochOnceItHasIt) {
  server_.election().set_held_epoch(Epoch{2});
  server_.hear(2, looking(vote(2)));
  // The zxid and the round stay those of the vote.
  EXPECT_THAT(server_.sent(), ElementsAre("to 2: FOLLOWING 3 0x100000000 of 2, round 2"));
}

TEST_F(SettledElection, SaysNothingToVotersThatDoNotLook) {
  server_.hear(2, following(vote(3)));
  server_.hear(3, leading(vote(3)));
  server_.hear(2, {ServerState::kObserving, vote(3), 1, 2, std::nullopt});
  EXPECT_THAT(server_.sent(), IsEmpty());
}

// Their round is that of the vote for voters, and the clock's for others.
TEST(Election, AnswersWhoDoesNotVoteInItsOwnRound) {
  Server server(1, config(3, 1));
  server.search(vote(1));
  server.sent();
  Actions actions;
  // Appointed in a reconfiguration, without an election.
  server.election().settle({vote(2), 0}, ServerState::kFollowing, actions);
  EXPECT_TRUE(actions.empty());
  server.hear(4, looking(kNoVote));
  server.hear(3, looking(vote(3)));
  EXPECT_THAT(server.sent(), ElementsAre("to 4: FOLLOWING 2 0x100000000 of 1, round 1",
                                         "to 3: FOLLOWING 2 0x100000000 of 1, round 0"));
}

TEST_F(SettledElection, ForgetsWhatItHeardInEarlierSearches) {
  server_.search(vote(1));
  server_.hear(2, following(vote(3), 2));
  server_.search(vote(1));
  server_.hear(3, leading(vote(3), 2));
  EXPECT_EQ(server_.outcome(), "");
  server_.hear(2, following(vote(3), 2));
  EXPECT_EQ(server_.outcome(), "3 in round 2");
}

// --- configurations ---

TEST(Election, ReportsANewerConfigurationOnce) {
  Server server(1);
  server.search(vote(1));
  Notification newer = looking(vote(3));
  newer.config = config(5, 0, "version=100000000");
  server.hear(3, newer);
  newer.config = config(4, 0, "version=ff");
  server.hear(2, newer);
  const std::optional<Ensemble> reported = server.election().take_newer_config();
  ASSERT_TRUE(reported.has_value());
  EXPECT_EQ(reported->version, 0x100000000);
  EXPECT_EQ(reported->voters().size(), 5u);
  EXPECT_FALSE(server.election().take_newer_config());
  // It was not adopted: the votes were counted by the old one.
  EXPECT_EQ(server.outcome(), "3 in round 1");
}

TEST(Election, ReportsNoConfigurationThatIsNotNewerOrCannotBeRead) {
  Server server(1, config(3, 0, "version=5"));
  server.search(vote(1));
  for (const std::string& text :
       {config(5, 0, "version=5"), config(5, 0, "version=4"), config(5), config(3, 0, "version=5"),
        config(5, 0, "version=6\nclientPort=1"), std::string("version=7"), std::string("\\u"),
        std::string()}) {
    Notification notification = looking(vote(2));
    notification.config = text;
    server.sent();
    server.hear(2, notification);
    EXPECT_FALSE(server.election().take_newer_config()) << text;
  }
  // The vote that came with them counts all the same.
  server.hear(3, looking(vote(2)));
  EXPECT_EQ(server.outcome(), "2 in round 1");
}

TEST(Election, ReportsANewerConfigurationFromWhoDoesNotVoteToo) {
  Server server(1);
  server.search(vote(1));
  Notification newer = looking(vote(9));
  newer.config = config(9, 0, "version=1");
  server.hear(9, newer);
  EXPECT_EQ(server.election().take_newer_config()->version, 1);
}

TEST_F(SettledElection, LeavesConfigurationsToTheLeader) {
  Notification newer = looking(vote(2));
  newer.config = config(5, 0, "version=1");
  server_.hear(2, newer);
  EXPECT_FALSE(server_.election().take_newer_config());
}

TEST_F(SettledElection, SaysTheConfigurationThatIsCommittedNow) {
  server_.configurations().committed =
      std::make_shared<Ensemble>(parse_ensemble(config(4, 0, "version=6")).value());
  server_.hear(2, looking(vote(2)));
  EXPECT_EQ(server_.take_sent()[0].notification.config, config(4, 0, "version=6"));
}

}  // namespace
}  // namespace paddock::zab
