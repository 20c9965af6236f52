// The checkers over what is said on links, with what is on the disks behind it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/simulation/zab_checkers_fixture.h"

namespace paddock::test {
namespace {

class Talk : public Checkers {
 protected:
  static constexpr LinkEnd kLearnersEnd{7, Side::kDialler};
  static constexpr LinkEnd kLeadersEnd{7, Side::kAcceptor};

  void learner_says(const zab::Message& message) {
    checkers.says(kLearnersEnd, kTwo, kOne, message);
    checkers.hears(kLeadersEnd, kOne, message);
  }
  void leader_says(const zab::Message& message) {
    checkers.says(kLeadersEnd, kOne, kTwo, message);
    checkers.hears(kLearnersEnd, kTwo, message);
  }
  // Up to ACKEPOCH; one leads in epoch 2.
  void discover() {
    learner_says(zab::LearnerInfo{false, at(kTwo).image.accepted_epoch, kTwo, 0x10000, 0});
    accept(kOne, 2);
    leader_says(zab::LeaderInfo{Epoch{2}, 0x10000});
    accept(kTwo, 2);
    learner_says(zab::AckEpoch{at(kTwo).image.last(), at(kTwo).image.current_epoch});
  }
  void synchronize() {
    discover();
    leader_says(zab::Diff{});
    leader_says(zab::NewLeader{Epoch{2}, std::nullopt});
  }
  void activate() {
    synchronize();
    enter(kOne, 2);
    enter(kTwo, 2);
    learner_says(zab::Ack{zxid(2, 0)});
    role(kOne, zab::Role::kLeading, 2, kOne);
    checkers.step_ended(kOne);
    leader_says(zab::UpToDate{});
    learner_says(zab::Ack{zxid(2, 0)});
  }
  // What the leader alone has on its disk so far.
  zab::Txn activate_and_propose() {
    activate();
    zab::Txn first = txn(2, 1);
    checkers.proposed(kOne, first);
    append(kOne, first);
    leader_says(zab::Proposal{first});
    return first;
  }
};

TEST_F(Talk, FindsNothingInAConversationThatIsRight) {
  const zab::Txn first = activate_and_propose();
  append(kTwo, first);
  learner_says(zab::Ack{first.zxid});
  leader_says(zab::Commit{first.zxid});
  EXPECT_EQ(checkers.violation(), "");
}

TEST_F(Talk, ADFindsAnAckBeforeTheTransactionIsOnDisk) {
  const zab::Txn first = activate_and_propose();
  at(kTwo).log.append(first);  // and not on disk
  learner_says(zab::Ack{first.zxid});
  EXPECT_EQ(found(), "AD") << checkers.violation();
}

TEST_F(Talk, ADFindsAnAckOfNewLeaderBeforeTheEpochIsOnDisk) {
  synchronize();
  learner_says(zab::Ack{zxid(2, 0)});
  EXPECT_EQ(found(), "AD") << checkers.violation();
}

TEST_F(Talk, ADFindsAnAckOfNewLeaderBeforeTheHistoryIsOnDisk) {
  checkers.preload({{zxid(1, 1), encode({SessionId{9}, 1, 1})}});
  at(kOne).log.append({zxid(1, 1), encode({SessionId{9}, 1, 1})});
  discover();
  leader_says(zab::Diff{});
  leader_says(zab::Proposal{{zxid(1, 1), encode({SessionId{9}, 1, 1})}});
  leader_says(zab::Commit{zxid(1, 1)});
  leader_says(zab::NewLeader{Epoch{2}, std::nullopt});
  at(kTwo).image.current_epoch = {2};
  learner_says(zab::Ack{zxid(2, 0)});
  EXPECT_EQ(found(), "AD") << checkers.violation();
}

TEST_F(Talk, EHFindsACurrentEpochBeforeTheHistory) {
  checkers.preload({{zxid(1, 1), encode({SessionId{9}, 1, 1})}});
  at(kOne).log.append({zxid(1, 1), encode({SessionId{9}, 1, 1})});
  synchronize();
  enter(kTwo, 2);
  EXPECT_EQ(found(), "EH") << checkers.violation();
}

TEST_F(Talk, EHFindsAnAckEpochBeforeItIsOnDisk) {
  learner_says(zab::LearnerInfo{false, Epoch{}, kTwo, 0x10000, 0});
  accept(kOne, 2);
  leader_says(zab::LeaderInfo{Epoch{2}, 0x10000});
  learner_says(zab::AckEpoch{Zxid{}, Epoch{}});
  EXPECT_EQ(found(), "EH") << checkers.violation();
}

TEST_F(Talk, EHFindsALeaderInfoBeforeItIsOnDisk) {
  learner_says(zab::LearnerInfo{false, Epoch{}, kTwo, 0x10000, 0});
  leader_says(zab::LeaderInfo{Epoch{2}, 0x10000});
  EXPECT_EQ(found(), "EH") << checkers.violation();
}

TEST_F(Talk, EDFindsAnAckEpochThatClaimsMoreThanTheDiskHas) {
  learner_says(zab::LearnerInfo{false, Epoch{}, kTwo, 0x10000, 0});
  accept(kOne, 2);
  leader_says(zab::LeaderInfo{Epoch{2}, 0x10000});
  accept(kTwo, 2);
  learner_says(zab::AckEpoch{zxid(1, 1), Epoch{}});
  EXPECT_EQ(found(), "ED") << checkers.violation();
}

TEST_F(Talk, EDFindsAVoteForLessThanWasAcknowledged) {
  const zab::Txn first = activate_and_propose();
  append(kTwo, first);
  learner_says(zab::Ack{first.zxid});
  checkers.notified(kTwo, kThree, vote_for(kTwo, Zxid{}, 2));
  EXPECT_EQ(found(), "ED") << checkers.violation();
}

TEST_F(Talk, EDFindsAnotherAcceptedEpochThanTheDiskHas) {
  learner_says(zab::LearnerInfo{false, Epoch{4}, kTwo, 0x10000, 0});
  EXPECT_EQ(found(), "ED") << checkers.violation();
}

TEST_F(Talk, CNLFindsACommitThatNoQuorumHasOnDisk) {
  const zab::Txn first = activate_and_propose();
  leader_says(zab::Commit{first.zxid});
  EXPECT_EQ(found(), "CNL") << checkers.violation();
}

TEST_F(Talk, OLFindsAnUpToDateBeforeAQuorumAccepted) {
  synchronize();
  at(kTwo).image.current_epoch = {2};
  learner_says(zab::Ack{zxid(2, 0)});
  leader_says(zab::UpToDate{});
  EXPECT_EQ(found(), "OL") << checkers.violation();
}

TEST_F(Talk, OLFindsASecondWhoSynchronizesInAnEpoch) {
  activate();
  const LinkEnd other{9, Side::kAcceptor};
  checkers.hears(other, kThree, zab::Message{zab::LearnerInfo{false, Epoch{2}, kTwo, 0x10000, 0}});
  accept(kThree, 2);
  checkers.says(other, kThree, kTwo, zab::Message{zab::LeaderInfo{Epoch{2}, 0x10000}});
  checkers.hears(other, kThree, zab::Message{zab::AckEpoch{Zxid{}, std::nullopt}});
  ASSERT_EQ(checkers.violation(), "");
  checkers.says(other, kThree, kTwo, zab::Message{zab::Diff{}});
  EXPECT_EQ(found(), "OL") << checkers.violation();
}

TEST_F(Talk, INFindsAProposalThatTheWireChanged) {
  activate();
  checkers.proposed(kOne, txn(2, 1));
  checkers.hears(kLearnersEnd, kTwo, zab::Message{zab::Proposal{txn(2, 1)}});
  EXPECT_EQ(found(), "IN") << checkers.violation();
}

TEST_F(Talk, MLFindsWhatIsSaidOutOfTurn) {
  learner_says(zab::Ack{zxid(1, 1)});
  EXPECT_THAT(checkers.violation(), testing::StartsWith("ML: server 2 says to 1: "));
}

TEST_F(Talk, ANewLinkIsANewConversation) {
  activate();
  checkers.ended(kLearnersEnd);
  checkers.ended(kLeadersEnd);
  learner_says(zab::LearnerInfo{false, Epoch{2}, kTwo, 0x10000, 0});
  EXPECT_EQ(checkers.violation(), "");
}

}  // namespace
}  // namespace paddock::test
