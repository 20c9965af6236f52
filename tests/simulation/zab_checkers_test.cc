// Each checker finds what it is there for, in a history made by hand, and nothing in one that is
// right: a checker that cannot fail proves nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/simulation/zab_checkers_fixture.h"

namespace paddock::test {
namespace {

TEST_F(Checkers, FindNothingInAHistoryThatIsRight) {
  establish(kOne, {kTwo, kThree, kObserver}, 1);
  const zab::Txn first = commit(1, 1);
  const zab::Txn second = commit(1, 2);
  deliver(kTwo, first);
  deliver(kObserver, first);
  // Three missed both; two leads it, and one has lost what it alone had.
  const zab::Txn lost = txn(1, 3);
  checkers.proposed(kOne, lost);
  append(kOne, lost);
  for (const ServerId id : {kOne, kTwo, kThree, kObserver}) look(id);
  deliver(kTwo, second);
  append(kThree, first);
  append(kThree, second);
  deliver(kThree, first);
  deliver(kThree, second);
  establish(kTwo, {kThree}, 2);
  truncate(kOne, zxid(1, 2));
  accept(kOne, 2);
  enter(kOne, 2);
  role(kOne, zab::Role::kFollowing, 2, kTwo);
  checkers.step_ended(kOne);
  EXPECT_EQ(checkers.violation(), "");
  EXPECT_EQ(checkers.committed().size(), 2u);
  EXPECT_TRUE(checkers.is_committed(zxid(1, 2)));
  EXPECT_FALSE(checkers.is_committed(zxid(1, 3)));
  EXPECT_EQ(checkers.elections(), 2u);
}

TEST_F(Checkers, INFindsWhatNobodyProposed) {
  establish(kOne, {kTwo, kThree}, 1);
  const zab::Txn invented = txn(1, 1);
  at(kOne).image.log.append(invented);
  at(kTwo).image.log.append(invented);
  deliver(kOne, invented);
  EXPECT_EQ(found(), "IN") << checkers.violation();
}

TEST_F(Checkers, INFindsAnotherPayloadThanWasProposed) {
  establish(kOne, {kTwo, kThree}, 1);
  checkers.proposed(kOne, txn(1, 1));
  append(kTwo, txn(1, 1));
  EXPECT_EQ(found(), "IN") << checkers.violation();
}

TEST_F(Checkers, INFindsAProposalOfWhoDoesNotLead) {
  establish(kOne, {kTwo, kThree}, 1);
  checkers.proposed(kTwo, txn(1, 1));
  EXPECT_EQ(found(), "IN") << checkers.violation();
}

TEST_F(Checkers, LPOFindsAProposalOutOfOrder) {
  establish(kOne, {kTwo, kThree}, 1);
  checkers.proposed(kOne, txn(1, 2));
  EXPECT_EQ(found(), "LPO") << checkers.violation();
}

TEST_F(Checkers, LPOFindsAGapInWhatIsExposed) {
  establish(kOne, {kTwo, kThree}, 1);
  const zab::Txn first = txn(1, 1), second = txn(1, 2);
  checkers.proposed(kOne, first);
  checkers.proposed(kOne, second);
  deliver(kOne, second);
  EXPECT_EQ(found(), "LPO") << checkers.violation();
}

TEST_F(Checkers, GPOFindsAnEarlierEpochAfterALaterOne) {
  checkers.preload({{zxid(3, 1), encode({SessionId{9}, 1, 1})}});
  std::vector<Entry> entries = checkers.committed();
  entries.push_back({zxid(2, 1), 7});
  at(kOne).state = StateMachine(entries);
  establish(kOne, {kTwo, kThree}, 4);
  EXPECT_EQ(found(), "GPO") << checkers.violation();
}

TEST_F(Checkers, PCFindsTwoServersThatDiffer) {
  establish(kOne, {kTwo, kThree}, 1);
  commit(1, 1);
  deliver(kTwo, txn(1, 1));
  EXPECT_EQ(found(), "PC") << checkers.violation();
  EXPECT_THAT(checkers.violation(), testing::HasSubstr("0x100000001"));
}

TEST_F(Checkers, PCFindsATailThatStayedBehind) {
  establish(kOne, {kTwo, kThree}, 1);
  const zab::Txn left = txn(1, 1);
  checkers.proposed(kOne, left);
  append(kOne, left);
  ASSERT_TRUE(at(kOne).state.apply(left));  // as after a start
  for (const ServerId id : {kOne, kTwo, kThree}) look(id);
  establish(kTwo, {kThree}, 2);
  const zab::Txn other{zxid(2, 1), encode({SessionId{2}, 1, 1})};
  checkers.proposed(kTwo, other);
  append(kTwo, other);
  append(kThree, other);
  deliver(kTwo, other);
  ASSERT_EQ(checkers.violation(), "");
  accept(kOne, 2);
  enter(kOne, 2);
  role(kOne, zab::Role::kFollowing, 2, kTwo);
  EXPECT_EQ(found(), "PC") << checkers.violation();
}

TEST_F(Checkers, PIFindsAnEpochThatGoesOnAfterALaterOneBegan) {
  establish(kOne, {kTwo, kThree}, 1);
  const zab::Txn late = txn(1, 1);
  checkers.proposed(kOne, late);
  append(kOne, late);
  append(kTwo, late);
  look(kThree);
  look(kTwo);
  truncate(kTwo, Zxid{});
  establish(kTwo, {kThree}, 2);
  deliver(kOne, late);
  EXPECT_EQ(found(), "PI") << checkers.violation();
}

TEST_F(Checkers, PIFindsAServerThatServesWithoutTheHistoryThatTheEpochBeganWith) {
  establish(kOne, {kTwo, kThree}, 1);
  const zab::Txn first = commit(1, 1);
  for (const ServerId id : {kOne, kTwo, kThree}) look(id);
  append(kThree, first);
  establish(kOne, {kTwo}, 2);
  EXPECT_EQ(found(), "PI") << "two has it in its log only: " << checkers.violation();
}

TEST_F(Checkers, CNLFindsALeaderWithoutWhatWasCommitted) {
  establish(kOne, {kTwo, kThree}, 1);
  commit(1, 1);
  for (const ServerId id : {kOne, kTwo, kThree}) look(id);
  accept(kThree, 2);
  accept(kTwo, 2);
  enter(kThree, 2);
  enter(kTwo, 2);
  role(kThree, zab::Role::kLeading, 2, kThree);
  checkers.step_ended(kThree);
  EXPECT_EQ(found(), "CNL") << checkers.violation();
}

TEST_F(Checkers, CNLFindsACommitThatOnlyOneVoterAndAnObserverHave) {
  establish(kOne, {kTwo, kThree, kObserver}, 1);
  const zab::Txn first = txn(1, 1);
  checkers.proposed(kOne, first);
  append(kOne, first);
  append(kObserver, first);
  deliver(kOne, first);
  EXPECT_EQ(found(), "CNL") << checkers.violation();
}

TEST_F(Checkers, CNLFindsACommittedTransactionCutFromItsQuorum) {
  establish(kOne, {kTwo, kThree}, 1);
  commit(1, 1);
  truncate(kTwo, Zxid{});
  EXPECT_EQ(found(), "CNL") << checkers.violation();
}

TEST_F(Checkers, CNLLetsAServerBeyondTheQuorumLoseItsCopy) {
  establish(kOne, {kTwo, kThree}, 1);
  append(kThree, commit(1, 1));
  truncate(kTwo, Zxid{});
  EXPECT_EQ(checkers.violation(), "");
}

TEST_F(Checkers, OLFindsTwoLeadersOfOneEpoch) {
  establish(kOne, {kTwo, kThree}, 1);
  look(kTwo);
  role(kTwo, zab::Role::kLeading, 1, kTwo);
  EXPECT_EQ(found(), "OL") << checkers.violation();
}

TEST_F(Checkers, OLFindsALeaderThatNoQuorumAcceptedOnDisk) {
  accept(kOne, 1);
  enter(kOne, 1);
  role(kOne, zab::Role::kLeading, 1, kOne);
  EXPECT_EQ(found(), "OL") << checkers.violation();
}

TEST_F(Checkers, OLFindsAFollowerOfWhoDoesNotLead) {
  establish(kOne, {kTwo}, 1);
  accept(kThree, 1);
  enter(kThree, 1);
  role(kThree, zab::Role::kFollowing, 1, kTwo);
  EXPECT_EQ(found(), "OL") << checkers.violation();
}

TEST_F(Checkers, CFFindsAnObserverThatLeads) {
  for (const ServerId id : {kOne, kTwo, kObserver}) {
    accept(id, 1);
    enter(id, 1);
  }
  role(kObserver, zab::Role::kLeading, 1, kObserver);
  EXPECT_EQ(found(), "CF") << checkers.violation();
}

TEST_F(Checkers, MLFindsARoleThatChangesWithoutAnElection) {
  establish(kOne, {kTwo, kThree}, 1);
  role(kTwo, zab::Role::kFollowing, 1, kOne);
  EXPECT_EQ(found(), "ML") << checkers.violation();
}

TEST_F(Checkers, EHFindsAnAcceptedEpochThatIsLowered) {
  accept(kOne, 2);
  accept(kOne, 1);
  EXPECT_EQ(found(), "EH") << checkers.violation();
}

TEST_F(Checkers, EHFindsACurrentEpochBeyondTheAcceptedOne) {
  accept(kOne, 1);
  enter(kOne, 2);
  EXPECT_EQ(found(), "EH") << checkers.violation();
}

TEST_F(Checkers, EHFindsACurrentEpochThatIsLowered) {
  accept(kOne, 3);
  enter(kOne, 3);
  enter(kOne, 2);
  EXPECT_EQ(found(), "EH") << checkers.violation();
}

TEST_F(Checkers, EHFindsALogOfALaterEpochThanWasAccepted) {
  establish(kOne, {kTwo, kThree}, 1);
  const zab::Txn first = txn(1, 1);
  checkers.proposed(kOne, first);
  append(kObserver, first);
  EXPECT_EQ(found(), "EH") << checkers.violation();
}

TEST_F(Checkers, LCFindsAGapInALog) {
  establish(kOne, {kTwo, kThree}, 1);
  const zab::Txn first = txn(1, 1), second = txn(1, 2);
  checkers.proposed(kOne, first);
  checkers.proposed(kOne, second);
  append(kTwo, second);
  EXPECT_EQ(found(), "LC") << checkers.violation();
}

TEST_F(Checkers, SWFindsAWriteThatIsNumberedOutOfTurn) {
  accept(kOne, 1);
  ++at(kOne).ticket;
  accept(kOne, 2);
  EXPECT_EQ(found(), "SW") << checkers.violation();
}

TEST_F(Checkers, SWBeginsAnewWithANewProcess) {
  accept(kOne, 1);
  checkers.stopped(kOne);
  checkers.started(kOne);
  at(kOne).ticket = 0;
  accept(kOne, 2);
  EXPECT_EQ(checkers.violation(), "");
}

TEST_F(Checkers, FOFindsASessionsWritesWithOneLeftOut) {
  establish(kOne, {kTwo, kThree}, 1);
  commit(1, 1);
  txn(1, 2);  // is not proposed
  commit(1, 2);
  EXPECT_EQ(found(), "FO") << checkers.violation();
}

TEST_F(Checkers, EDFindsAVoteForMoreThanIsOnDisk) {
  establish(kOne, {kTwo, kThree}, 1);
  commit(1, 1);
  look(kTwo);
  checkers.notified(kTwo, kThree, vote_for(kTwo, zxid(1, 1), 1));
  ASSERT_EQ(checkers.violation(), "");
  checkers.notified(kTwo, kThree, vote_for(kTwo, zxid(1, 2), 1));
  EXPECT_EQ(found(), "ED") << checkers.violation();
}

TEST_F(Checkers, EDFindsAVoteForALaterEpochThanIsOnDisk) {
  accept(kTwo, 2);
  enter(kTwo, 1);
  checkers.notified(kTwo, kThree, vote_for(kTwo, Zxid{}, 2));
  EXPECT_EQ(found(), "ED") << checkers.violation();
}

TEST_F(Checkers, EDLetsAVoteForAnotherSayWhatItSays) {
  checkers.notified(kTwo, kThree, vote_for(kThree, zxid(7, 7), 7));
  EXPECT_EQ(checkers.violation(), "");
}

TEST_F(Checkers, CFFindsAVoteForAnObserver) {
  checkers.notified(kTwo, kThree, vote_for(kObserver, Zxid{}, 0));
  EXPECT_EQ(found(), "CF") << checkers.violation();
}

TEST_F(Checkers, MLFindsWhoNotifiesItself) {
  checkers.notified(kTwo, kTwo, vote_for(kTwo, Zxid{}, 0));
  EXPECT_EQ(found(), "ML") << checkers.violation();
}

// --- quorums, counted apart from what is tested

TEST(ModelQuorum, IsMoreThanHalfOfTheVoters) {
  const auto four = make_ensemble(4, 2, 0);
  EXPECT_FALSE(model_quorum(*four, 0b000011));
  EXPECT_FALSE(model_quorum(*four, 0b110011)) << "observers do not count";
  EXPECT_TRUE(model_quorum(*four, 0b000111));
}

TEST(ModelQuorum, OfGroupsIsMoreThanHalfInMoreThanHalf) {
  const auto nine = make_ensemble(9, 0, 3);  // 1 4 7, 2 5 8, 3 6 9
  EXPECT_TRUE(model_quorum(*nine, 0b000'011'011)) << "1 4, 2 5";
  EXPECT_FALSE(model_quorum(*nine, 0b001'001'001)) << "1 4 7";
  EXPECT_FALSE(model_quorum(*nine, 0b000'001'111)) << "1 4, 2, 3";
}

}  // namespace
}  // namespace paddock::test
