// A search from its first proposal to its decision.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/zab/election_server.h"
#include "zab/election.h"

namespace paddock::zab {
namespace {

using namespace election_test;  // NOLINT: what these tests are written in

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// --- the order of votes ---

TEST(Vote, IsComparedByEpochThenZxidThenServer) {
  const Vote rising[] = {
      kNoVote,
      {ServerId{9}, Zxid::make(Epoch{1}, 9), Epoch{0}},
      {ServerId{3}, Zxid{-1}, Epoch{1}},
      {ServerId{3}, Zxid{0}, Epoch{1}},
      {ServerId{1}, Zxid::make(Epoch{1}, 1), Epoch{1}},
      {ServerId{2}, Zxid::make(Epoch{1}, 1), Epoch{1}},
      {ServerId{1}, Zxid::make(Epoch{1}, 2), Epoch{1}},
      {ServerId{1}, Zxid::make(Epoch{1}, 0xffffffff), Epoch{1}},
      {ServerId{1}, Zxid::make(Epoch{1}, 1), Epoch{2}},
  };
  for (std::size_t i = 0; i < std::size(rising); ++i) {
    for (std::size_t j = 0; j < std::size(rising); ++j) {
      EXPECT_EQ(supersedes(rising[i], rising[j]), i > j) << i << " " << j;
    }
  }
}

// --- a round ---

TEST(Election, BeginsByProposingItselfToEveryOtherVoter) {
  Server server(2, config(3, 1));
  server.search(vote(2, 7));
  const std::vector<Notify> sent = server.take_sent();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(line(sent[0]), "to 1: LOOKING 2 0x100000007 of 1, round 1");
  EXPECT_EQ(line(sent[1]), "to 3: LOOKING 2 0x100000007 of 1, round 1");
  for (const Notify& notify : sent) {
    EXPECT_EQ(notify.notification.version, 2);
    EXPECT_EQ(notify.notification.config, config(3, 1) + "version=0");
  }
  EXPECT_EQ(server.election().logical_clock(), 1);
  EXPECT_EQ(server.outcome(), "");
}

TEST(Election, ElectsAServerThatIsAloneAtOnce) {
  Server server(1, config(1, 1));
  server.search(vote(1, 7));
  EXPECT_EQ(server.outcome(), "1 in round 1");
  EXPECT_THAT(server.sent(), IsEmpty());
  EXPECT_EQ(server.election().next_deadline(), kNever);
}

TEST(Election, AdoptsABetterVoteAndTellsEveryVoter) {
  Server server(1);
  server.search(vote(1, 7));
  server.sent();
  server.hear(2, looking(vote(2, 7)));
  EXPECT_THAT(server.sent(), ElementsAre("to 2: LOOKING 2 0x100000007 of 1, round 1",
                                         "to 3: LOOKING 2 0x100000007 of 1, round 1"));
  server.hear(2, looking(vote(3, 9)));
  EXPECT_THAT(server.sent(), ElementsAre("to 2: LOOKING 3 0x100000009 of 1, round 1",
                                         "to 3: LOOKING 3 0x100000009 of 1, round 1"));
}

TEST(Election, KeepsToItsVoteWhenAWorseOneComes) {
  Server server(2);
  server.search(vote(2, 7));
  server.sent();
  server.hear(3, looking(vote(3, 6)));
  server.hear(1, looking(vote(1, 7)));
  EXPECT_THAT(server.sent(), IsEmpty());
  EXPECT_EQ(server.outcome(), "");
}

// Two lose their leader, one a moment after the other: it must not take until the next resend.
TEST(Election, TellsItsVoteAgainToWhoStillHadALeaderWhenItDid) {
  Server server(2);
  server.search(vote(2, 7));
  server.sent();
  server.hear(1, following(vote(3), 0));
  server.hear(1, looking(vote(1, 7)));
  EXPECT_THAT(server.sent(), ElementsAre("to 1: LOOKING 2 0x100000007 of 1, round 1"));
  server.hear(1, looking(vote(1, 7)));
  EXPECT_THAT(server.sent(), IsEmpty());
}

TEST(Election, AnswersWhoIsInAnEarlierRoundWithItsOwnProposal) {
  Server server(1);
  server.search(vote(1));
  server.search(vote(1));
  server.sent();
  server.hear(2, looking(vote(2, 9), 1));
  EXPECT_THAT(server.sent(), ElementsAre("to 2: LOOKING 1 0x100000000 of 1, round 2"));
  // Also when what it proposes counts for nothing.
  server.hear(2, looking(kNoVote, 1));
  EXPECT_THAT(server.sent(), ElementsAre("to 2: LOOKING 1 0x100000000 of 1, round 2"));
}

TEST(Election, EntersALaterRoundWithTheBetterOfItsOwnVoteAndTheNewOne) {
  Server server(2);
  server.search(vote(2, 7));
  server.hear(3, looking(vote(3, 9)));  // adopted, in round 1
  server.sent();
  server.hear(1, looking(vote(1, 5), 4));
  // Not the vote of round 1: whose it was may not be in this one.
  EXPECT_THAT(server.sent(), ElementsAre("to 1: LOOKING 2 0x100000007 of 1, round 4",
                                         "to 3: LOOKING 2 0x100000007 of 1, round 4"));
  EXPECT_EQ(server.election().logical_clock(), 4);
  server.hear(1, looking(vote(1, 8), 6));
  EXPECT_THAT(server.sent(), ElementsAre("to 1: LOOKING 1 0x100000008 of 1, round 6",
                                         "to 3: LOOKING 1 0x100000008 of 1, round 6"));
  EXPECT_EQ(server.election().logical_clock(), 6);
}

TEST(Election, ForgetsTheVotesOfEarlierRounds) {
  Server server(3, config(5));
  server.search(vote(3));
  server.hear(1, looking(vote(3)));
  server.cannot_reach({4, 5});
  server.hear(2, looking(vote(2), 2));
  server.hear(2, looking(vote(3), 2));
  EXPECT_EQ(server.outcome(), "");  // with 1's vote of round 1 it would be three of five
  server.hear(1, looking(vote(3), 2));
  EXPECT_EQ(server.outcome(), "3 in round 2");
}

TEST(Election, BeginsEachSearchInALaterRound) {
  Server server(1);
  server.search(vote(1));
  server.hear(2, looking(vote(1), 7));
  server.search(vote(1));
  EXPECT_EQ(server.election().logical_clock(), 8);
}

TEST(Election, TakesNoRoundThatNoEnsembleGetsTo) {
  Server server(1);
  server.search(vote(1));
  server.sent();
  for (const std::int64_t round : {INT64_MAX, INT64_MIN, std::int64_t{-1}}) {
    server.hear(2, looking(vote(2), round));
    server.hear(2, following(vote(2), round));
    server.hear(3, leading(vote(3), round));
  }
  EXPECT_EQ(server.election().logical_clock(), 1);
  EXPECT_THAT(server.sent(), IsEmpty());
}

TEST(Election, IgnoresWhoGoesByItsOwnNumber) {
  Server server(1);
  server.search(vote(1));
  server.sent();
  server.hear(1, looking(vote(3, 9), 5));
  EXPECT_THAT(server.sent(), IsEmpty());
  EXPECT_EQ(server.election().logical_clock(), 1);
}

TEST(Election, AnswersNobodyBeforeItsFirstSearch) {
  Server server(1, config(3, 1));
  server.hear(2, looking(vote(2)));
  server.hear(4, looking(kNoVote));
  EXPECT_THAT(server.sent(), IsEmpty());
  EXPECT_EQ(server.election().next_deadline(), kNever);
}

// --- who may be elected, and by whom ---

TEST(Election, NeverElectsAServerWithoutWeight) {
  Server server(1, config(3, 0, "group.1=1:2:3\nweight.3=0\n"));
  server.search(vote(1, 1));
  server.sent();
  server.hear(3, looking(vote(3, 9)));
  server.hear(2, looking(vote(3, 9)));
  EXPECT_THAT(server.sent(), IsEmpty());
  server.hear(3, looking(vote(3, 9), 2));
  EXPECT_THAT(server.sent(), ElementsAre("to 2: LOOKING 1 0x100000001 of 1, round 2",
                                         "to 3: LOOKING 1 0x100000001 of 1, round 2"));

  Server weightless(3, config(3, 0, "group.1=1:2:3\nweight.3=0\n"));
  weightless.search(vote(3, 9));
  weightless.hear(1, looking(vote(3, 9)));
  weightless.hear(2, looking(vote(3, 9)));
  EXPECT_EQ(weightless.outcome(), "");
  // It votes for another instead, though that one has less.
  weightless.sent();
  weightless.hear(2, looking(vote(2, 1)));
  EXPECT_THAT(weightless.sent(), ElementsAre("to 1: LOOKING 2 0x100000001 of 1, round 1",
                                             "to 2: LOOKING 2 0x100000001 of 1, round 1"));
  weightless.hear(1, looking(vote(2, 1)));
  EXPECT_EQ(weightless.outcome(), "2 in round 1");
}

// The catalogue's row 62.
TEST(Election, ObserverElected) {
  Server server(1, config(3, 2));
  server.search(vote(1, 1));
  server.sent();
  // Its vote for whomever does not count, and nobody's vote for it does.
  server.hear(4, looking(vote(1, 1)));
  server.hear(5, looking(vote(1, 1)));
  server.cannot_reach({2, 3});
  EXPECT_EQ(server.outcome(), "");
  server.reach(2, true);
  server.reach(3, true);
  server.sent();
  server.hear(2, looking(vote(4, 9)));
  server.hear(3, looking(vote(4, 9)));
  server.hear(2, looking(vote(4, 9), 3));
  EXPECT_EQ(server.election().logical_clock(), 1);
  EXPECT_THAT(server.sent(), IsEmpty());
  server.hear(2, following(vote(4, 9)));
  server.hear(3, following(vote(4, 9)));
  server.hear(4, leading(vote(4, 9)));
  EXPECT_EQ(server.outcome(), "");

  Server observer(4, config(3, 2));
  observer.search(kNoVote);
  observer.hear(1, following(vote(4)));
  observer.hear(2, following(vote(4)));
  observer.hear(3, following(vote(4)));
  EXPECT_EQ(observer.outcome(), "");
}

TEST(Election, VotesForNobodyWhoDoesNotTrustItsData) {
  Server server(1);
  server.search(vote(1));
  server.sent();
  server.hear(3, looking({ServerId{3}, kUntrustedZxid, Epoch{9}}));
  server.hear(3, looking({ServerId{3}, kUntrustedZxid, Epoch{9}}, 5));
  EXPECT_THAT(server.sent(), IsEmpty());
  EXPECT_EQ(server.election().logical_clock(), 1);
}

TEST(Election, OnlyLearnsWhoLeadsWhenItDoesNotTrustItsData) {
  Server server(1);
  server.search({ServerId{1}, kUntrustedZxid, Epoch{1}});
  EXPECT_THAT(server.sent(), ElementsAre("to 2: LOOKING 1 0xffffffffffffffff of 1, round 1",
                                         "to 3: LOOKING 1 0xffffffffffffffff of 1, round 1"));
  server.hear(3, looking(vote(3)));
  server.hear(2, looking(vote(3), 2));
  EXPECT_THAT(server.sent(), IsEmpty());
  server.hear(2, following(vote(3), 2));
  server.hear(3, leading(vote(3), 2));
  EXPECT_EQ(server.outcome(), "3 in round 2");

  Server alone(1, config(1));
  alone.search({ServerId{1}, kUntrustedZxid, Epoch{1}});
  EXPECT_EQ(alone.outcome(), "");
}

// --- when it is decided ---

TEST(Election, DecidesAtOnceWhenEveryVoterHasVotedForTheSame) {
  Server server(1);
  server.search(vote(1));
  server.hear(2, looking(vote(3)));
  EXPECT_EQ(server.outcome(), "");  // 1 and 2 are a quorum, but 3 may know better
  server.hear(3, looking(vote(3)));
  EXPECT_EQ(server.outcome(), "3 in round 1");
  EXPECT_EQ(server.election().outcome()->vote, vote(3));
  EXPECT_EQ(server.election().next_deadline(), kNever);
}

TEST(Election, WaitsForABetterVoteOnceAQuorumAgrees) {
  Server server(1, config(5));
  server.search(vote(1));
  server.hear(2, looking(vote(3)));
  server.hear(3, looking(vote(3)));
  server.sent();
  EXPECT_EQ(server.tick(), 200);
  EXPECT_EQ(server.outcome(), "3 in round 1");
  EXPECT_THAT(server.sent(), IsEmpty());  // nor did it ask again in the meantime
}

TEST(Election, GoesOnWhenABetterVoteComesWhileItWaits) {
  Server server(1, config(5));
  server.search(vote(1));
  server.hear(2, looking(vote(3)));
  server.hear(3, looking(vote(3)));
  server.wait(150);
  server.hear(4, looking(vote(4)));
  server.wait(150);
  EXPECT_EQ(server.outcome(), "");
  server.hear(3, looking(vote(4)));
  EXPECT_EQ(server.tick(), 200);
  EXPECT_EQ(server.outcome(), "4 in round 1");
}

TEST(Election, DoesNotWaitLongerForWhatChangesNothing) {
  Server server(1, config(5));
  server.search(vote(1));
  server.hear(2, looking(vote(3)));
  server.hear(3, looking(vote(3)));
  server.wait(150);
  server.hear(2, looking(vote(3)));
  server.hear(4, looking(vote(2)));
  EXPECT_EQ(server.tick(), 50);
  EXPECT_EQ(server.outcome(), "3 in round 1");
}

TEST(Election, WaitsAnewForABetterCandidateThatAQuorumIsForAtOnce) {
  Server server(1, config(5));
  server.search(vote(1));
  server.hear(2, looking(vote(3)));
  server.hear(3, looking(vote(3)));
  server.hear(5, following(vote(4)));
  server.wait(150);
  server.hear(4, looking(vote(4)));
  EXPECT_EQ(server.tick(), 200);
  EXPECT_EQ(server.outcome(), "4 in round 1");
}

TEST(Election, LeavesARoundThatAQuorumAgreedInForALaterOne) {
  Server server(1, config(5));
  server.search(vote(1));
  server.hear(2, looking(vote(3)));
  server.hear(3, looking(vote(3)));
  server.hear(4, looking(vote(2), 2));
  server.wait(200);
  EXPECT_EQ(server.outcome(), "");
  EXPECT_EQ(server.election().logical_clock(), 2);
}

TEST(Election, DoesNotWaitForVotersThatItCannotReach) {
  Server before(2);
  before.cannot_reach({3});
  before.search(vote(2));
  before.hear(1, looking(vote(2)));
  EXPECT_EQ(before.outcome(), "2 in round 1");

  Server meanwhile(2);
  meanwhile.search(vote(2));
  meanwhile.hear(1, looking(vote(2)));
  EXPECT_EQ(meanwhile.outcome(), "");
  meanwhile.cannot_reach({3});
  EXPECT_EQ(meanwhile.outcome(), "2 in round 1");

  Server again(2);
  again.cannot_reach({3});
  again.search(vote(2));
  again.reach(3, true);
  again.hear(1, looking(vote(2)));
  EXPECT_EQ(again.outcome(), "");
}

TEST(Election, WaitsBeforeItElectsAServerThatItCannotReach) {
  Server server(1);
  server.search(vote(1));
  server.hear(3, looking(vote(3)));
  server.cannot_reach({3});
  server.hear(2, looking(vote(3)));
  EXPECT_EQ(server.outcome(), "");
  EXPECT_EQ(server.tick(), 200);
  EXPECT_EQ(server.outcome(), "3 in round 1");  // others may reach it
}

TEST(Election, NeedsAQuorumOfTheNextConfigurationToo) {
  Server server(1, config(3));
  server.configurations().last_seen =
      std::make_shared<Ensemble>(parse_ensemble(config(5, 0, "version=5\n")).value());
  server.search(vote(1));
  EXPECT_EQ(server.sent().size(), 4u);  // and its voters are asked
  server.hear(2, looking(vote(2)));
  server.cannot_reach({4, 5});
  EXPECT_EQ(server.outcome(), "");
  server.reach(5, true);
  server.hear(5, looking(vote(5)));  // one that only the next one has
  EXPECT_EQ(server.sent().size(), 8u);
  server.hear(2, looking(vote(5)));
  server.cannot_reach({3});
  EXPECT_EQ(server.outcome(), "5 in round 1");
}

// A server that is to vote only once the next configuration is committed.
TEST(Election, ProposesNobodyForAServerThatVotesInTheNextConfigurationOnly) {
  Server server(5, config(3));
  server.configurations().last_seen =
      std::make_shared<Ensemble>(parse_ensemble(config(5, 0, "version=5\n")).value());
  const Vote own{kNoVote.leader, Zxid::make(Epoch{1}, 7), Epoch{1}};
  server.search(own);
  EXPECT_THAT(server.sent(),
              Contains("to 1: LOOKING -9223372036854775808 0x100000007 of 1, round 1"));
  server.hear(1, looking(vote(1, 6)));
  EXPECT_THAT(server.sent(), IsEmpty());
  server.hear(1, looking(vote(1, 7)));
  EXPECT_THAT(server.sent(), Contains("to 1: LOOKING 1 0x100000007 of 1, round 1"));
}

// --- asking again ---

TEST(Election, AsksAgainAfterTwiceTheTimeUpToTheLongest) {
  Server server(1);
  server.search(vote(1));
  EXPECT_EQ(server.sent().size(), 2u);
  for (const std::int64_t ms :
       {200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000}) {
    EXPECT_EQ(server.tick(), ms);
    EXPECT_THAT(server.sent(), ElementsAre("to 2: LOOKING 1 0x100000000 of 1, round 1",
                                           "to 3: LOOKING 1 0x100000000 of 1, round 1"));
  }
}

TEST(Election, DoesNothingBeforeItIsDue) {
  Server server(1);
  server.search(vote(1));
  server.sent();
  server.wait(199);
  EXPECT_THAT(server.sent(), IsEmpty());
  server.wait(1);
  EXPECT_EQ(server.sent().size(), 2u);
}

TEST(Election, AsksSoonerAgainOnceAVoterIsBackOrTheVoteIsAnother) {
  Server server(1, config(3, 1));
  server.search(vote(1));
  for (int i = 0; i < 6; ++i) server.tick();
  server.reach(4, true);  // does not vote
  EXPECT_EQ(server.tick(), 12'800);
  server.reach(3, true);
  EXPECT_EQ(server.tick(), 200);
  EXPECT_EQ(server.tick(), 400);
  server.hear(3, looking(vote(3)));
  server.search(vote(1));
  EXPECT_EQ(server.tick(), 200);
}

// What some say of a leader the others may say as well by now, and in the same epoch.
TEST(Election, AsksSoonerAgainOnceSomebodySaysAnythingNewOfALeader) {
  Server server(1, config(5));
  server.search(vote(1));
  for (int i = 0; i < 6; ++i) server.tick();
  server.hear(2, following(vote(3), 4));
  EXPECT_EQ(server.tick(), 200);
  EXPECT_EQ(server.tick(), 400);
  server.hear(2, following(vote(3), 4));  // nothing new
  EXPECT_EQ(server.tick(), 800);
  server.hear(2, following(vote(3, 0, 2), 4));
  EXPECT_EQ(server.tick(), 200);
}

TEST(Election, TakesItsTimesFromTheConfiguration) {
  Timing timing;
  timing.min_notification = Millis{50};
  timing.max_notification = Millis{120};
  timing.finalize_wait = Millis{30};
  Server server(1, config(5), timing);
  server.search(vote(1));
  EXPECT_EQ(server.tick(), 50);
  EXPECT_EQ(server.tick(), 100);
  EXPECT_EQ(server.tick(), 120);
  server.hear(2, looking(vote(3)));
  server.hear(3, looking(vote(3)));
  EXPECT_EQ(server.tick(), 30);
  EXPECT_EQ(server.outcome(), "3 in round 1");
}

// --- as recorded ---

// Three ZooKeeper servers start for the first time: what server 1 heard, and what it said.
TEST(Election, SaysWhatAZooKeeperServerSaidWhenItStarted) {
  Server server(1);
  const auto first = [](std::int64_t leader) { return vote(leader, 0, 0); };
  server.search(first(1));
  EXPECT_THAT(server.sent(), ElementsAre("to 2: LOOKING 1 0x0 of 0, round 1",
                                         "to 3: LOOKING 1 0x0 of 0, round 1"));
  server.hear(3, looking(first(3)));
  EXPECT_THAT(server.sent(), ElementsAre("to 2: LOOKING 3 0x0 of 0, round 1",
                                         "to 3: LOOKING 3 0x0 of 0, round 1"));
  server.hear(2, looking(first(2)));
  server.hear(2, looking(first(3)));
  EXPECT_THAT(server.sent(), IsEmpty());
  EXPECT_EQ(server.outcome(), "3 in round 1");
}

// A member that returns first hears what the others said last, in an election of long ago.
TEST(Election, ReturnsToARecordedEnsembleThatRepeatsItsOldVotes) {
  const Vote old{ServerId{3}, Zxid{0}, Epoch{0}};
  const Vote held{ServerId{3}, Zxid{0}, Epoch{1}};
  Server server(1);
  server.search({ServerId{1}, Zxid{0x10000002b}, Epoch{1}});
  server.hear(2, looking(old));
  server.hear(3, looking(old));
  EXPECT_EQ(server.outcome(), "");
  server.hear(2, following(held));
  EXPECT_EQ(server.outcome(), "");
  server.hear(3, leading(held));
  EXPECT_EQ(server.outcome(), "3 in round 1");
  EXPECT_EQ(server.election().outcome()->vote, held);
}

// --- for operators ---

TEST(Election, DescribesItselfInALine) {
  Server server(2, config(3, 1));
  EXPECT_EQ(server.election().describe(),
            "LOOKING clock=0 vote=nobody votes=- settled=- unreachable=-");
  server.search(vote(2, 7));
  server.hear(1, looking(vote(1, 7)));
  server.hear(3, following(vote(1), 6));
  server.cannot_reach({4, 3});
  EXPECT_EQ(server.election().describe(),
            "LOOKING clock=1 vote=2/0x100000007/1 votes=1:1,2:2 settled=3:1 unreachable=3,4");
  server.hear(1, looking(vote(2, 7)));
  server.settle(ServerState::kLeading);
  server.election().set_held_epoch(Epoch{2});
  EXPECT_EQ(server.election().describe(),
            "LEADING clock=1 vote=2/0x100000007/2 round=1 unreachable=3,4");
}

}  // namespace
}  // namespace paddock::zab
