// Each checker finds what it is there for, in a history made by hand, and nothing in one that is
// right: a checker that cannot fail proves nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "common/op_code.h"
#include "tests/support/sim_ensemble.h"
#include "tests/support/zab_checkers.h"
#include "tests/support/zab_clients.h"
#include "tests/support/zab_conversation.h"

namespace paddock::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr ServerId kOne{1}, kTwo{2}, kThree{3}, kObserver{4};

Zxid zxid(std::int64_t epoch, std::uint32_t counter) {
  return Zxid::make(Epoch{epoch}, counter);
}

// --- the checkers over servers made by hand: three voters and an observer

class Checkers : public testing::Test {
 protected:
  struct Server {
    DiskImage image;
    ModelLog log;
    StateMachine state;
    std::uint64_t ticket = 0;
  };

  Checkers() {
    for (std::int64_t i = 1; i <= 4; ++i) {
      Server& server = servers_[static_cast<std::size_t>(i - 1)];
      checkers.watch({i}, server.image, server.log, server.state);
      checkers.started({i});
    }
  }

  Server& at(ServerId id) { return servers_[static_cast<std::size_t>(id.value - 1)]; }

  // A new write of session 1, with the next cxid.
  zab::Txn txn(std::int64_t epoch, std::uint32_t counter) {
    return {zxid(epoch, counter), encode({SessionId{1}, ++cxid_, ++value_})};
  }

  void write(ServerId id, DiskWrite write) {
    checkers.asked(id, write);
    checkers.written(id, write);
  }
  zab::WriteTicket ticket(ServerId id) { return {++at(id).ticket}; }

  void accept(ServerId id, std::int64_t epoch) {
    at(id).image.accepted_epoch = {epoch};
    write(id, {zab::WriteAcceptedEpoch{ticket(id), {epoch}}});
  }
  void enter(ServerId id, std::int64_t epoch) {
    at(id).image.current_epoch = {epoch};
    write(id, {zab::WriteCurrentEpoch{ticket(id), {epoch}}});
  }
  void append(ServerId id, const zab::Txn& txn) {
    at(id).log.append(txn);
    at(id).image.log.append(txn);
    write(id, {zab::Append{ticket(id), {txn}}});
  }
  void truncate(ServerId id, Zxid upto) {
    at(id).log.truncate(upto);
    at(id).state.roll_back(upto);
    const DiskWrite cut{zab::Truncate{ticket(id), upto}};
    checkers.asked(id, cut);
    at(id).image.log.truncate(upto);
    checkers.written(id, cut);
  }
  void deliver(ServerId id, const zab::Txn& txn) {
    ASSERT_TRUE(at(id).state.apply(txn));
    checkers.delivered(id);
  }
  void role(ServerId id, zab::Role role, std::int64_t epoch, ServerId leader) {
    zab::RoleChanged change;
    change.role = role;
    change.epoch = {epoch};
    change.leader = leader;
    checkers.role_changed(id, change);
  }
  void look(ServerId id) { role(id, zab::Role::kLooking, 0, {}); }

  // `leader` leads `followers` in `epoch`, with the histories that they have.
  void establish(ServerId leader, std::vector<ServerId> followers, std::int64_t epoch) {
    for (const ServerId id : followers) accept(id, epoch);
    accept(leader, epoch);
    for (const ServerId id : followers) enter(id, epoch);
    enter(leader, epoch);
    role(leader, zab::Role::kLeading, epoch, leader);
    checkers.step_ended(leader);
    for (const ServerId id : followers) {
      const bool observes = id == kObserver;
      role(id, observes ? zab::Role::kObserving : zab::Role::kFollowing, epoch, leader);
      checkers.step_ended(id);
    }
  }
  // Proposed by one, on the disks of one and two, delivered by one.
  zab::Txn commit(std::int64_t epoch, std::uint32_t counter) {
    zab::Txn proposed = txn(epoch, counter);
    checkers.proposed(kOne, proposed);
    append(kOne, proposed);
    append(kTwo, proposed);
    deliver(kOne, proposed);
    return proposed;
  }

  std::string found() const {
    return checkers.violation().substr(0, checkers.violation().find(':'));
  }

  std::shared_ptr<const zab::Ensemble> ensemble = make_ensemble(3, 1, 0);
  ZabCheckers checkers{*ensemble};

 private:
  std::array<Server, 4> servers_;
  std::int32_t cxid_ = 0;
  std::uint64_t value_ = 0;
};

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
  EXPECT_THAT(checkers.violation(), HasSubstr("0x100000001"));
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

zab::Notification vote_for(ServerId leader, Zxid zxid, std::int64_t epoch) {
  zab::Notification notification;
  notification.vote = {leader, zxid, Epoch{epoch}};
  return notification;
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

// --- what is said on links, with what is on the disks behind it

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
};

TEST_F(Talk, FindsNothingInAConversationThatIsRight) {
  activate();
  const zab::Txn first = txn(2, 1);
  checkers.proposed(kOne, first);
  append(kOne, first);
  leader_says(zab::Proposal{first});
  append(kTwo, first);
  learner_says(zab::Ack{first.zxid});
  leader_says(zab::Commit{first.zxid});
  EXPECT_EQ(checkers.violation(), "");
}

TEST_F(Talk, ADFindsAnAckBeforeTheTransactionIsOnDisk) {
  activate();
  const zab::Txn first = txn(2, 1);
  checkers.proposed(kOne, first);
  append(kOne, first);
  leader_says(zab::Proposal{first});
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
  activate();
  const zab::Txn first = txn(2, 1);
  checkers.proposed(kOne, first);
  append(kOne, first);
  leader_says(zab::Proposal{first});
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
  activate();
  const zab::Txn first = txn(2, 1);
  checkers.proposed(kOne, first);
  append(kOne, first);
  leader_says(zab::Proposal{first});
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
  EXPECT_THAT(checkers.violation(), StartsWith("ML: server 2 says to 1: "));
}

TEST_F(Talk, ANewLinkIsANewConversation) {
  activate();
  checkers.ended(kLearnersEnd);
  checkers.ended(kLeadersEnd);
  learner_says(zab::LearnerInfo{false, Epoch{2}, kTwo, 0x10000, 0});
  EXPECT_EQ(checkers.violation(), "");
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

// --- clients

// A server that does nothing until it is told.
class IdleServer final : public ClientService {
 public:
  ServerId id() const override { return kOne; }
  bool serves() const override { return true; }
  void write(const Op& op) override {
    writes.push_back(op);
    order += 'w';
  }
  void sync(SessionId session) override {
    syncs.push_back(session);
    order += 's';
  }
  void revalidate(SessionId session) override {
    revalidations.push_back(session);
    order += 'r';
  }

  std::vector<Op> writes;
  std::vector<SessionId> syncs, revalidations;
  std::string order;
};

class Clients : public Checkers {
 protected:
  // One client asks until there are so many writes and syncs.
  void ask(std::size_t writes, std::size_t syncs) {
    clients.start({&server});
    while (server.writes.size() < writes || server.syncs.size() < syncs) {
      const std::optional<SimEvent> event = queue.take(minutes(10));
      ASSERT_TRUE(event.has_value());
      clients.on_client(event->a);
    }
    clients.stop();
  }

  IdleServer server;
  SimQueue queue;
  ZabClients clients{
      queue, checkers, {.clients = 1, .pause_max = millis(1), .waiting_max = 50}, Prng(1)};
};

TEST_F(Clients, AreAnsweredInOrderAndFindNothing) {
  checkers.preload({{zxid(1, 1), encode({SessionId{9}, 1, 1})}});
  ask(3, 1);
  for (const Op& op : server.writes) clients.written(op, zxid(1, 1));
  for (const SessionId session : server.syncs) clients.synced(session, 1);
  for (const SessionId session : server.revalidations) clients.revalidated(session);
  EXPECT_EQ(checkers.violation(), "");
  EXPECT_EQ(clients.waiting(), 0u);
  EXPECT_EQ(clients.acknowledged(), server.writes.size());
  EXPECT_EQ(clients.read(), server.syncs.size());
}

TEST_F(Clients, CNLFindsAnAcknowledgedWriteThatIsNotCommitted) {
  ask(1, 0);
  clients.written(server.writes[0], zxid(1, 1));
  EXPECT_EQ(found(), "CNL") << checkers.violation();
}

TEST_F(Clients, FOFindsAcknowledgementsOutOfOrder) {
  checkers.preload({{zxid(1, 1), encode({SessionId{9}, 1, 1})}});
  ask(2, 0);
  clients.written(server.writes[1], zxid(1, 1));
  EXPECT_EQ(found(), "FO") << checkers.violation();
}

TEST_F(Clients, FOFindsASyncThatOvertakesAnEarlierWrite) {
  ask(1, 10);
  const std::size_t first_write = server.order.find('w');
  const auto before = static_cast<std::size_t>(std::count(
      server.order.begin(), server.order.begin() + static_cast<std::ptrdiff_t>(first_write), 's'));
  ASSERT_LT(before, server.syncs.size());
  for (std::size_t i = 0; i < before; ++i) clients.synced(server.syncs[i], 0);
  ASSERT_EQ(checkers.violation(), "");
  clients.synced(server.syncs[before], 0);
  EXPECT_EQ(found(), "FO") << checkers.violation();
}

TEST_F(Clients, LRFindsASyncThatDoesNotSeeWhatWasThereBefore) {
  checkers.preload({{zxid(1, 1), encode({SessionId{9}, 1, 1})}});
  ask(0, 1);
  for (const Op& op : server.writes) clients.written(op, zxid(1, 1));
  clients.synced(server.syncs[0], 0);
  EXPECT_EQ(found(), "LR") << checkers.violation();
}

TEST_F(Clients, BeginANewSessionWhenTheServerServesNoMore) {
  ask(2, 0);
  clients.lost(kOne);
  EXPECT_EQ(clients.waiting(), 0u);
  clients.written(server.writes[1], zxid(1, 1));  // of the session before
  EXPECT_EQ(checkers.violation(), "");
  EXPECT_EQ(clients.acknowledged(), 0u);
}

// --- conversations

class Conversation : public testing::Test {
 protected:
  enum class Who { kLearner, kLeader };
  struct Line {
    Who who;
    zab::Message message;
  };
  static Line learner(zab::Message message) { return {Who::kLearner, std::move(message)}; }
  static Line leader(zab::Message message) { return {Who::kLeader, std::move(message)}; }
  static zab::Txn txn(std::uint32_t counter, std::int64_t epoch = 2) {
    return {zxid(epoch, counter), encode({SessionId{1}, 1, counter})};
  }
  static zab::Message info(bool observer) {
    return zab::LearnerInfo{observer, Epoch{1}, kTwo, 0x10000, 0};
  }
  static zab::Message ping(Zxid zxid) { return zab::Ping{zxid, std::nullopt}; }
  static zab::Message pong(Zxid zxid) { return zab::Ping{zxid, std::vector<zab::SessionTouch>{}}; }
  static zab::Message request(OpCode op) {
    return zab::Request{SessionId{1}, 1, static_cast<std::int32_t>(op), nullptr, std::vector<Id>{}};
  }

  static std::string say(ZabConversation& conversation, const Line& line) {
    return line.who == Who::kLearner ? conversation.learner_says(line.message)
                                     : conversation.leader_says(line.message);
  }
  // What is wrong with the last line; before it all is right.
  static std::string last_of(const std::vector<Line>& lines) {
    ZabConversation conversation;
    std::string wrong;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      EXPECT_EQ(wrong, "") << "line " << i - 1;
      wrong = say(conversation, lines[i]);
    }
    return wrong;
  }

  // A follower's first proposals are in its DIFF, then come some that are not committed yet.
  std::vector<Line> follower() {
    return {learner(info(false)),
            leader(zab::LeaderInfo{Epoch{2}, 0x10000}),
            learner(zab::AckEpoch{zxid(1, 4), Epoch{1}}),
            leader(zab::Diff{zxid(2, 1)}),
            leader(zab::Proposal{txn(1)}),
            leader(zab::Commit{zxid(2, 1)}),
            leader(zab::Proposal{txn(2)}),
            leader(zab::NewLeader{Epoch{2}, std::nullopt}),
            leader(ping(zxid(2, 2))),
            leader(zab::Proposal{txn(3)}),
            learner(zab::Ack{zxid(2, 0)}),
            leader(zab::Commit{zxid(2, 2)}),
            leader(zab::UpToDate{}),
            learner(zab::Ack{zxid(2, 0)}),
            learner(zab::Ack{zxid(2, 2)}),
            leader(ping(zxid(2, 3))),
            learner(zab::Ack{zxid(2, 3)}),
            learner(pong(zxid(2, 3))),
            learner(request(OpCode::kSync)),
            learner(zab::Revalidate{SessionId{5}, Millis{1}}),
            leader(zab::Commit{zxid(2, 3)}),
            leader(zab::Sync{}),
            leader(zab::Revalidated{SessionId{5}, true})};
  }
  std::vector<Line> observer() {
    return {learner(info(true)),
            leader(zab::LeaderInfo{Epoch{2}, 0x10000}),
            learner(zab::AckEpoch{zxid(1, 4), std::nullopt}),
            leader(zab::Trunc{zxid(1, 3)}),
            leader(zab::Proposal{txn(1)}),
            leader(zab::Commit{zxid(2, 1)}),
            leader(zab::NewLeader{Epoch{2}, std::nullopt}),
            leader(zab::Inform{txn(2)}),
            learner(zab::Ack{zxid(2, 0)}),
            leader(zab::UpToDate{}),
            learner(zab::Ack{zxid(2, 0)}),
            leader(zab::Inform{txn(3)})};
  }
  // `lines` up to, not including, the first of this kind that `who` says.
  template <typename Kind>
  static std::vector<Line> before(std::vector<Line> lines) {
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (!std::holds_alternative<Kind>(lines[i].message)) continue;
      lines.resize(i);
      return lines;
    }
    ADD_FAILURE() << "no such line";
    return lines;
  }
  static std::string then(std::vector<Line> lines, Line line) {
    lines.push_back(std::move(line));
    return last_of(lines);
  }
};

TEST_F(Conversation, TakesWhatFollowersAndObserversSay) {
  EXPECT_EQ(last_of(follower()), "");
  EXPECT_EQ(last_of(observer()), "");
}

// Said again, what may be said once is wrong, whoever says it; and so is what the other side says.
TEST_F(Conversation, TakesNothingTwiceButPings) {
  const std::vector<Line> lines = follower();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const zab::Message& message = lines[i].message;
    const auto* ping = std::get_if<zab::Ping>(&message);
    const bool may_repeat = (ping != nullptr && !ping->touched) ||
                            std::holds_alternative<zab::Request>(message) ||
                            std::holds_alternative<zab::Revalidate>(message);
    const std::vector<Line> upto(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    // The ACK of NEWLEADER and of UPTODATE are alike; between them it is out of turn.
    EXPECT_EQ(then(upto, lines[i]).empty(), may_repeat) << "line " << i;
    const Line swapped{lines[i].who == Who::kLearner ? Who::kLeader : Who::kLearner, message};
    EXPECT_NE(then(upto, swapped), "") << "line " << i;
  }
}

// One step left out: something after it is wrong. PINGs, their answers and the ACK of what is
// committed already may be missing.
TEST_F(Conversation, MissesEachStepThatIsLeftOut) {
  const std::vector<Line> all = follower();
  for (const std::size_t left_out :
       {0u, 1u, 2u, 3u, 4u, 5u, 6u, 7u, 9u, 10u, 11u, 12u, 13u, 15u, 18u, 19u}) {
    std::vector<Line> lines = all;
    lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(left_out));
    ZabConversation conversation;
    std::string wrong;
    for (const Line& line : lines) {
      if (wrong.empty()) wrong = say(conversation, line);
    }
    EXPECT_NE(wrong, "") << "without line " << left_out;
  }
}

TEST_F(Conversation, RefusesGapsAndRepetitionsInTheHistory) {
  EXPECT_NE(then(follower(), leader(zab::Proposal{txn(5)})), "");
  EXPECT_NE(then(follower(), leader(zab::Proposal{txn(3)})), "");
  EXPECT_EQ(then(follower(), leader(zab::Proposal{txn(4)})), "");
  EXPECT_NE(then(observer(), leader(zab::Inform{txn(5)})), "");
  EXPECT_NE(then(before<zab::Proposal>(follower()), leader(zab::Proposal{txn(6, 1)})), "");
  EXPECT_EQ(then(before<zab::Proposal>(follower()), leader(zab::Proposal{txn(5, 1)})), "");
  EXPECT_NE(then(before<zab::Proposal>(observer()), leader(zab::Proposal{txn(5, 1)})), "")
      << "after TRUNC to 4";
}

TEST_F(Conversation, RefusesACommitThatIsNotTheNextProposals) {
  std::vector<Line> lines = follower();
  lines.push_back(leader(zab::Proposal{txn(4)}));
  lines.push_back(leader(zab::Proposal{txn(5)}));
  EXPECT_NE(then(lines, leader(zab::Commit{zxid(2, 5)})), "");
  EXPECT_NE(then(lines, leader(zab::Commit{zxid(2, 3)})), "");
  EXPECT_EQ(then(lines, leader(zab::Commit{zxid(2, 4)})), "");
}

TEST_F(Conversation, RefusesAcksOutOfOrderOrOfAnObserver) {
  std::vector<Line> lines = follower();
  lines.push_back(leader(zab::Proposal{txn(4)}));
  lines.push_back(leader(zab::Proposal{txn(5)}));
  EXPECT_NE(then(lines, learner(zab::Ack{zxid(2, 5)})), "");
  EXPECT_NE(then(lines, learner(zab::Ack{zxid(2, 6)})), "");
  EXPECT_NE(then(observer(), learner(zab::Ack{zxid(2, 3)})), "");
  EXPECT_NE(then(before<zab::UpToDate>(follower()), learner(zab::Ack{zxid(2, 2)})), "");
}

TEST_F(Conversation, RefusesAnotherEpochThanTheLeadersOwn) {
  EXPECT_NE(
      then(before<zab::NewLeader>(follower()), leader(zab::NewLeader{Epoch{3}, std::nullopt})), "");
  EXPECT_NE(then(before<zab::UpToDate>(follower()), learner(zab::Ack{zxid(3, 0)})), "");
}

TEST_F(Conversation, WantsASnapshotBehindSnapAndOfTheSameZxid) {
  const auto snapshot = [](Zxid last) {
    return std::make_shared<const StateCopy>(StateCopy{{{last, 1}}, nullptr});
  };
  std::vector<Line> lines = before<zab::Diff>(follower());
  lines.push_back(leader(zab::Snap{zxid(2, 1)}));
  EXPECT_NE(then(lines, leader(zab::Proposal{txn(2)})), "");
  EXPECT_NE(then(lines, leader(zab::NewLeader{Epoch{2}, std::nullopt})), "");
  ZabConversation conversation;
  EXPECT_NE(conversation.leader_streams(snapshot(zxid(2, 1))), "");
  for (const Line& line : lines) ASSERT_EQ(say(conversation, line), "");
  ZabConversation other = conversation;
  EXPECT_NE(other.leader_streams(snapshot(zxid(1, 9))), "");
  EXPECT_EQ(conversation.leader_streams(snapshot(zxid(2, 1))), "");
  EXPECT_EQ(conversation.leader_says(zab::Proposal{txn(2)}), "");
}

TEST_F(Conversation, WantsAuthinfoWithEachRequestOfAClient) {
  const zab::Request bare{SessionId{1}, 1, static_cast<std::int32_t>(OpCode::kSetData), nullptr,
                          std::nullopt};
  EXPECT_NE(then(follower(), learner(bare)), "");
  zab::Request of_session = bare;
  of_session.op_code = static_cast<std::int32_t>(OpCode::kCloseSession);
  EXPECT_EQ(then(follower(), learner(of_session)), "");
}

TEST_F(Conversation, WantsPingsAnsweredWithAListAndOnlyAfterUpToDate) {
  EXPECT_NE(then(before<zab::UpToDate>(follower()), learner(pong(zxid(2, 2)))), "");
  std::vector<Line> lines = follower();
  lines.push_back(leader(ping(zxid(2, 3))));
  EXPECT_NE(then(lines, learner(zab::Ping{zxid(2, 3), std::nullopt})), "");
  EXPECT_NE(then(lines, learner(pong(zxid(2, 2)))), "");
  EXPECT_NE(then(lines, leader(pong(zxid(2, 3)))), "");
  EXPECT_EQ(then(lines, learner(pong(zxid(2, 3)))), "");
}

TEST_F(Conversation, WantsOneSyncForEachThatWasAskedFor) {
  EXPECT_NE(then(follower(), leader(zab::Sync{})), "");
  std::vector<Line> lines = follower();
  lines.push_back(learner(request(OpCode::kSync)));
  EXPECT_EQ(then(lines, leader(zab::Sync{})), "");
}

TEST_F(Conversation, TakesWhatActivatesAConfigurationForTheCommitThatItIs) {
  EXPECT_NE(then(follower(), leader(zab::CommitAndActivate{zxid(2, 4), kOne})), "");
  EXPECT_NE(then(observer(), leader(zab::InformAndActivate{txn(9), kOne})), "");
  EXPECT_EQ(then(follower(), leader(zab::CommitAndActivate{zxid(2, 4), kOne})) == "",
            then(follower(), leader(zab::Commit{zxid(2, 4)})) == "");
  EXPECT_EQ(then(observer(), leader(zab::InformAndActivate{txn(4), kOne})) == "",
            then(observer(), leader(zab::Inform{txn(4)})) == "");
}

}  // namespace
}  // namespace paddock::test
