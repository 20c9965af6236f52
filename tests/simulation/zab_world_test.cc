// The simulated world that a Replica is put into: queue, disk, election ports and links.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/concat.h"
#include "tests/support/sim_queue.h"
#include "tests/support/sim_wires.h"
#include "tests/support/zab_disk.h"
#include "tests/support/zab_links.h"
#include "tests/support/zab_model.h"
#include "tests/support/zab_votes.h"
#include "tests/support/zab_wire_mutator.h"

namespace paddock::test {
namespace {

using testing::UnorderedElementsAreArray;

constexpr ServerId kOne{1}, kTwo{2}, kThree{3};

zab::Txn txn(std::int64_t epoch, std::uint32_t counter, std::uint64_t value = 0) {
  return {Zxid::make(Epoch{epoch}, counter), encode({SessionId{1}, 1, value})};
}

std::vector<std::string> zxids(const ModelLog& log) {
  std::vector<std::string> texts;
  for (const auto& logged : log.txns()) texts.push_back(text_of(logged.txn.zxid));
  return texts;
}

// --- queue

TEST(SimQueue, GivesWhatIsDueByTimeAndOfOneTimeWhatCameFirst) {
  SimQueue queue;
  queue.put(millis(2), SimKind::kTimer, 1);
  queue.put(millis(1), SimKind::kTimer, 2);
  queue.put(millis(2), SimKind::kTimer, 3);
  EXPECT_EQ(queue.take(seconds(1))->a, 2u);
  EXPECT_EQ(queue.take(seconds(1))->a, 1u);
  EXPECT_EQ(queue.now(), millis(2));
  EXPECT_FALSE(queue.take(millis(1)).has_value());
  EXPECT_EQ(queue.now(), millis(2)) << "time does not go back";
  EXPECT_EQ(queue.take(seconds(1))->a, 3u);
  EXPECT_FALSE(queue.take(seconds(1)).has_value());
  EXPECT_EQ(queue.now(), seconds(1));
}

TEST(SimQueue, GivesAScriptWhatItWantsAndKeepsTheRestInOrder) {
  SimQueue queue;
  for (std::uint32_t i = 1; i <= 6; ++i) queue.put(millis(7 - i), SimKind::kTimer, i);
  const auto even = [](const SimEvent& event) { return event.a % 2 == 0; };
  EXPECT_EQ(queue.take_if(even)->a, 6u);
  EXPECT_EQ(queue.take_if(even)->a, 4u);
  EXPECT_EQ(queue.now(), Micros{});
  EXPECT_EQ(queue.take(seconds(1))->a, 5u);
  EXPECT_EQ(queue.take_if(even)->a, 2u);
  EXPECT_FALSE(queue.take_if(even).has_value());
  EXPECT_EQ(queue.take(seconds(1))->a, 3u);
  EXPECT_EQ(queue.take(seconds(1))->a, 1u);
}

// --- model

TEST(ZabModel, EqualDigestsAreEqualHistories) {
  StateMachine a, b, c;
  for (const auto& [one, other] :
       {std::pair{txn(1, 1), txn(1, 1)}, {txn(1, 2), txn(1, 2, 9)}, {txn(1, 3), txn(1, 3)}}) {
    ASSERT_TRUE(a.apply(one));
    ASSERT_TRUE(b.apply(one));
    ASSERT_TRUE(c.apply(other));
  }
  EXPECT_EQ(a.entries(), b.entries());
  EXPECT_EQ(a.entries()[0], c.entries()[0]);
  EXPECT_NE(a.entries()[1], c.entries()[1]);
  EXPECT_NE(a.digest(), c.digest());  // of equal last transactions
  EXPECT_FALSE(a.apply(txn(1, 3)));
  EXPECT_EQ(a.size(), 3u);
  a.roll_back(Zxid::make(Epoch{1}, 2));
  EXPECT_EQ(text_of(a.last()), "0x100000002");
}

TEST(ZabModel, ALogIsCutByPositionAndTrimmedFromItsStart) {
  ModelLog log;
  for (std::uint32_t i = 1; i <= 3; ++i) log.append(txn(1, i));
  log.append(txn(3, 1));
  const Entry last = log.last();
  EXPECT_TRUE(log.holds(last));
  EXPECT_FALSE(log.holds({last.zxid, last.digest + 1}));
  EXPECT_FALSE(log.holds({Zxid::make(Epoch{2}, 1), last.digest}));
  log.trim(Zxid::make(Epoch{1}, 2));
  EXPECT_EQ(zxids(log), (std::vector<std::string>{"0x100000003", "0x300000001"}));
  EXPECT_EQ(log.last(), last);
  log.truncate(Zxid::make(Epoch{2}, 7));  // which the log does not have
  EXPECT_EQ(zxids(log), (std::vector<std::string>{"0x100000003"}));
  log.truncate(Zxid::make(Epoch{1}, 2));
  EXPECT_EQ(text_of(log.last().zxid), "0x100000002");
}

TEST(ZabModel, OnlyTheNextCounterOrTheFirstOfALaterEpochFollows) {
  const Zxid last = Zxid::make(Epoch{2}, 5);
  EXPECT_TRUE(follows(last, Zxid::make(Epoch{2}, 6)));
  EXPECT_TRUE(follows(last, Zxid::make(Epoch{4}, 1)));
  EXPECT_TRUE(follows(Zxid{}, Zxid::make(Epoch{1}, 1)));
  EXPECT_FALSE(follows(last, last));
  EXPECT_FALSE(follows(last, Zxid::make(Epoch{2}, 7)));
  EXPECT_FALSE(follows(last, Zxid::make(Epoch{3}, 2)));
  EXPECT_FALSE(follows(last, Zxid::make(Epoch{1}, 6)));
}

TEST(ZabModel, AnOpComesOutOfItsPayload) {
  const Op op{SessionId{-5}, 7, 0xffff'0000'0000'0001};
  EXPECT_EQ(decode_op(encode(op)), op);
  EXPECT_EQ(decode_op(std::make_shared<const Bytes>(19)), std::nullopt);
  EXPECT_EQ(decode_op(nullptr), std::nullopt);
}

// --- disk

DiskWrite append(std::uint64_t ticket, std::vector<zab::Txn> txns) {
  return {zab::Append{{ticket}, std::move(txns)}};
}

TEST(ZabDisk, WritesInOrderAndOnlyWhenItIsTime) {
  ZabDisk disk({}, Prng(1));
  int changes = 0;
  disk.on_change([&](const DiskWrite&) { ++changes; });
  disk.submit(append(1, {txn(1, 1), txn(1, 2)}));
  disk.submit({zab::WriteAcceptedEpoch{{2}, Epoch{3}}});
  disk.submit({zab::WriteCurrentEpoch{{3}, Epoch{3}}});
  disk.submit({zab::Truncate{{4}, Zxid::make(Epoch{1}, 1)}});
  EXPECT_EQ(disk.image().last(), Zxid{});
  EXPECT_EQ(disk.complete().value, 1u);
  EXPECT_EQ(text_of(disk.image().last()), "0x100000002");
  EXPECT_EQ(disk.image().accepted_epoch, Epoch{});
  EXPECT_EQ(disk.complete().value, 2u);
  EXPECT_EQ(disk.image().accepted_epoch, Epoch{3});
  EXPECT_EQ(disk.complete().value, 3u);
  EXPECT_EQ(disk.image().current_epoch, Epoch{3});
  EXPECT_EQ(disk.complete().value, 4u);
  EXPECT_EQ(text_of(disk.image().last()), "0x100000001");
  EXPECT_EQ(changes, 4);
  EXPECT_TRUE(disk.pending().empty());
}

TEST(ZabDisk, ASnapshotTakesThePlaceOfCheckpointAndLog) {
  ZabDisk disk({}, Prng(1));
  disk.submit(append(1, {txn(1, 1), txn(1, 2)}));
  StateMachine other;
  ASSERT_TRUE(other.apply(txn(1, 1, 5)));
  ASSERT_TRUE(other.apply(txn(2, 1, 6)));
  disk.submit({DiskWrite::Install{
      {2}, std::make_shared<const StateCopy>(StateCopy{other.entries(), nullptr})}});
  disk.submit(append(3, {txn(2, 2)}));
  while (!disk.pending().empty()) disk.complete();
  EXPECT_EQ(disk.image().checkpoint.entries, other.entries());
  EXPECT_EQ(zxids(disk.image().log), (std::vector<std::string>{"0x200000002"}));
  ASSERT_TRUE(other.apply(txn(2, 2)));
  EXPECT_EQ(disk.image().recover(), other.entries());
  EXPECT_TRUE(disk.image().holds(other.entries()[0]));
  EXPECT_TRUE(disk.image().holds(other.entries()[2]));
}

TEST(ZabDisk, APowerLossKeepsAPrefixOfWhatWasOnItsWayAndAnyOfThem) {
  std::map<std::size_t, int> kept;  // transactions: how often
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    ZabDisk disk({}, Prng(seed));
    disk.submit(append(1, {txn(1, 1), txn(1, 2), txn(1, 3)}));
    disk.complete();
    disk.submit(append(2, {txn(1, 4)}));
    disk.submit({zab::WriteCurrentEpoch{{3}, Epoch{1}}});
    disk.submit(append(4, {txn(1, 5), txn(1, 6)}));
    disk.lose_power();
    EXPECT_TRUE(disk.pending().empty());
    const std::size_t count = zxids(disk.image().log).size();
    ASSERT_EQ(text_of(disk.image().last()), concat("0x10000000", count));
    if (disk.image().current_epoch == Epoch{1}) {
      ASSERT_GE(count, 4u) << "a later write is there and an earlier one is not";
    }
    if (count > 4) {
      ASSERT_EQ(disk.image().current_epoch, Epoch{1});
    }
    ++kept[count];
  }
  EXPECT_EQ(kept.size(), 4u) << "3, 4, 5 and 6 all occur, 5 by half an append";
}

TEST(ZabDisk, ACheckpointGoesOnFromTheOneBeforeAndTheLogMayGo) {
  ZabDisk disk({}, Prng(1));
  StateMachine state;
  std::vector<zab::Txn> txns;
  for (std::uint32_t i = 1; i <= 5; ++i) txns.push_back(txn(1, i));
  for (const zab::Txn& each : txns) ASSERT_TRUE(state.apply(each));
  disk.submit(append(1, txns));
  disk.complete();
  disk.checkpoint(state.entries(), Zxid::make(Epoch{1}, 2));
  EXPECT_EQ(disk.image().checkpoint.entries.size(), 2u);
  disk.checkpoint(state.entries(), Zxid::make(Epoch{1}, 4));
  disk.trim(Zxid::make(Epoch{1}, 3));
  EXPECT_EQ(disk.image().recover(), state.entries());
  EXPECT_EQ(text_of(disk.image().log.start().zxid), "0x100000003");
}

// --- network

// Three servers that write down what they are handed.
class Network : public testing::Test, public LinkUser {
 public:
  Presence presence(ServerId server) const override {
    const auto found = absent.find(server.value);
    return found == absent.end() ? Presence::kUp : found->second;
  }
  void hand(ServerId to, zab::Event event) override {
    if (const auto* notified = std::get_if<zab::Notified>(&event)) {
      note(to,
           concat("vote ", notified->notification.election_epoch, " of ", notified->from.value));
    } else if (const auto* reachable = std::get_if<zab::PeerReachable>(&event)) {
      note(to, concat(reachable->reachable ? "reaches " : "cannot reach ", reachable->peer.value));
    } else if (const auto* opened = std::get_if<zab::LinkOpened>(&event)) {
      note(to, concat("opened ", opened->link.value));
    } else if (const auto* closed = std::get_if<zab::LinkClosed>(&event)) {
      note(to, concat("closed ", closed->link.value));
    } else if (const auto* received = std::get_if<zab::Received>(&event)) {
      note(to, concat("received ", std::get<zab::Commit>(received->message).zxid.value));
    }
  }
  void hand_snapshot(ServerId to, zab::LinkId, Snapshot snapshot) override {
    note(to, concat("snapshot of ", snapshot->entries.size()));
  }
  void says(LinkEnd, const Speech&) override { ++said; }
  void hears(LinkEnd, const Speech&) override { ++heard; }
  void ended(LinkEnd) override { ++ends; }

  void note(ServerId server, std::string text) { notes[server.value].push_back(std::move(text)); }
  std::vector<std::string> noted(ServerId server) { return std::exchange(notes[server.value], {}); }

  void run(Micros span) {
    const Micros until = queue.now() + span;
    while (const std::optional<SimEvent> event = queue.take(until)) {
      const ServerId a{event->a}, b{static_cast<std::int64_t>(event->b)};
      if (event->kind == SimKind::kDial) links.on_dial(event->b);
      if (event->kind == SimKind::kDialFailed) links.on_dial_failed(event->b);
      if (event->kind == SimKind::kLink) links.on_link({event->b, static_cast<Side>(event->a)});
      if (event->kind == SimKind::kVoteDial) votes.on_dial(a, b);
      if (event->kind == SimKind::kVote) votes.on_vote(a, b);
      if (event->kind == SimKind::kVoteReady) votes.on_ready(a, b);
      if (event->kind == SimKind::kVoteNotice) votes.on_notice(a, event->b);
    }
  }
  void say(ServerId from, std::uint64_t link, std::int64_t text) {
    links.say(from, {link}, zab::Message{zab::Commit{Zxid{text}}});
  }
  static zab::Notification vote(std::int64_t round) {
    zab::Notification notification;
    notification.election_epoch = round;
    return notification;
  }
  void cut_both_ways(ServerId a, ServerId b) {
    wires.cut(a, b);
    wires.cut(b, a);
  }
  void mend_both_ways(ServerId a, ServerId b) {
    wires.mend(a, b);
    wires.mend(b, a);
    votes.mended(a, b);
    links.mended(a, b);
  }

  using Texts = std::vector<std::string>;
  std::map<std::int64_t, Presence> absent;
  std::map<std::int64_t, Texts> notes;
  int said = 0, heard = 0, ends = 0;
  SimQueue queue;
  SimWires wires{3, {}, Prng(1)};
  WireMutator mutator{Mutation::kNone, Prng(2)};
  ZabLinks links{queue, wires, *this, mutator, Prng(3)};
  ZabVotes votes{queue, wires, *this, Prng(4)};
};

TEST_F(Network, AVoteConnectsAndTheNewestUnsentOneReplacesTheOthers) {
  for (int round = 1; round <= 5; ++round) votes.notify(kOne, kTwo, vote(round));
  run(seconds(1));
  EXPECT_EQ(noted(kOne), (Texts{"reaches 2"}));
  EXPECT_THAT(noted(kTwo), UnorderedElementsAreArray(Texts{"reaches 1", "vote 5 of 1"}));
}

TEST_F(Network, TheLastVoteIsSentAgainWhenTheConnectionComesBack) {
  votes.notify(kOne, kTwo, vote(1));
  run(seconds(1));
  votes.sever(kOne, kTwo);
  run(seconds(1));
  EXPECT_EQ(noted(kOne), (Texts{"reaches 2", "cannot reach 2"}));
  EXPECT_EQ(notes[2].back(), "cannot reach 1");
  run(minutes(5));
  EXPECT_EQ(noted(kOne), (Texts{})) << "nobody dials who has nothing to say";
  noted(kTwo);
  votes.notify(kTwo, kOne, vote(9));
  run(seconds(1));
  EXPECT_THAT(noted(kOne), UnorderedElementsAreArray(Texts{"reaches 2", "vote 9 of 2"}));
  EXPECT_THAT(noted(kTwo), UnorderedElementsAreArray(Texts{"reaches 1", "vote 1 of 1"}));
}

TEST_F(Network, WhoIsDownRefusesAtOnceAndWhoIsDarkOnlyAfterAWhile) {
  absent = {{2, Presence::kDown}, {3, Presence::kDark}};
  votes.notify(kOne, kTwo, vote(1));
  votes.notify(kOne, kThree, vote(1));
  links.dial(kOne, {1}, kTwo);
  links.dial(kOne, {3}, kThree);
  run(millis(20));
  EXPECT_THAT(noted(kOne), UnorderedElementsAreArray(Texts{"cannot reach 2", "closed 1"}));
  run(seconds(10));
  EXPECT_THAT(noted(kOne), UnorderedElementsAreArray(Texts{"cannot reach 3", "closed 3"}));
}

TEST_F(Network, VotesOfAProcessThatEndedAreForgottenWithIt) {
  votes.notify(kOne, kTwo, vote(1));
  run(seconds(1));
  votes.stop(kOne, false);
  absent[1] = Presence::kDown;
  run(seconds(1));
  EXPECT_EQ(notes[2].back(), "cannot reach 1");
  absent.clear();
  votes.start(kOne);
  noted(kOne);
  noted(kTwo);
  votes.notify(kTwo, kOne, vote(4));
  run(seconds(1));
  EXPECT_THAT(noted(kOne), UnorderedElementsAreArray(Texts{"reaches 2", "vote 4 of 2"}));
  EXPECT_EQ(noted(kTwo), (Texts{"reaches 1"}));
}

TEST_F(Network, NobodyIsToldOfADarkMachineUntilItIsBack) {
  votes.notify(kOne, kTwo, vote(1));
  run(seconds(1));
  votes.stop(kOne, true);
  absent[1] = Presence::kDark;
  noted(kTwo);
  votes.notify(kTwo, kOne, vote(2));
  run(minutes(1));
  EXPECT_EQ(noted(kTwo), (Texts{}));
  absent.clear();
  votes.start(kOne);
  run(seconds(1));
  EXPECT_EQ(noted(kTwo), (Texts{"cannot reach 1"}));
  EXPECT_EQ(notes[1], (Texts{"reaches 2"})) << "nothing that was sent into the dark comes out";
}

TEST_F(Network, ALinkCarriesBothWaysInOrderAndBothEndsHearOfItsEnd) {
  links.dial(kOne, {1}, kTwo);
  run(seconds(1));
  EXPECT_EQ(noted(kOne), (Texts{"opened 1"}));
  EXPECT_EQ(noted(kTwo), (Texts{"opened 2"}));
  for (int i = 1; i <= 5; ++i) say(kOne, 1, i);
  say(kTwo, 2, 8);
  links.say(kTwo, {2},
            Snapshot(std::make_shared<const StateCopy>(StateCopy{std::vector<Entry>(3), nullptr})));
  say(kTwo, 2, 9);
  run(seconds(1));
  EXPECT_EQ(noted(kTwo),
            (Texts{"received 1", "received 2", "received 3", "received 4", "received 5"}));
  EXPECT_EQ(noted(kOne), (Texts{"received 8", "snapshot of 3", "received 9"}));
  links.close(kOne, {1});
  run(seconds(1));
  EXPECT_EQ(noted(kOne), (Texts{})) << "who closed it knows";
  EXPECT_EQ(noted(kTwo), (Texts{"closed 2"}));
  EXPECT_FALSE(links.find(kTwo, {2}).has_value());
  EXPECT_EQ(said, 8);
  EXPECT_EQ(heard, 8);
  EXPECT_EQ(ends, 2);
}

TEST_F(Network, ALinkThatBreaksLosesOnlyASuffixOfWhatWasOnItsWay) {
  std::set<std::size_t> counts;
  for (std::uint64_t i = 0; i < 60; ++i) {
    links.dial(kOne, {2 * i + 1}, kTwo);
    run(seconds(1));
    noted(kTwo);
    for (int text = 1; text <= 4; ++text) say(kOne, 2 * i + 1, text);
    links.sever(kOne, kTwo);
    run(seconds(1));
    const Texts texts = noted(kTwo);
    ASSERT_EQ(texts.back(), concat("closed ", 2 * i + 2));
    for (std::size_t text = 0; text + 1 < texts.size(); ++text) {
      ASSERT_EQ(texts[text], concat("received ", text + 1));
    }
    counts.insert(texts.size() - 1);
    EXPECT_EQ(notes[1].back(), concat("closed ", 2 * i + 1));
  }
  EXPECT_EQ(counts.size(), 5u) << "none to all of four";
}

TEST_F(Network, ACutHoldsBackAndAMendedLinkGoesOnOrBreaks) {
  std::set<std::string> ends_seen;
  for (std::uint64_t i = 0; i < 40; ++i) {
    links.dial(kOne, {2 * i + 1}, kTwo);
    run(seconds(1));
    notes.clear();
    wires.cut(kOne, kTwo);
    say(kOne, 2 * i + 1, 1);
    say(kTwo, 2 * i + 2, 2);
    run(minutes(1));
    ASSERT_EQ(noted(kTwo), (Texts{}));
    ASSERT_EQ(noted(kOne), (Texts{"received 2"})) << "the cut is one way";
    wires.mend(kOne, kTwo);
    links.mended(kOne, kTwo);
    run(seconds(1));
    const Texts texts = noted(kTwo);
    ASSERT_FALSE(texts.empty());
    ends_seen.insert(texts.back());
    links.stop(kOne, false);
    run(seconds(1));
  }
  EXPECT_TRUE(ends_seen.contains("received 1"));
  EXPECT_GT(ends_seen.size(), 1u) << "some were closed";
}

TEST_F(Network, ADialThroughACutWaitsForItToEndOrGivesUp) {
  cut_both_ways(kOne, kTwo);
  links.dial(kOne, {1}, kTwo);
  run(seconds(10));
  EXPECT_EQ(noted(kOne), (Texts{"closed 1"}));
  links.dial(kOne, {3}, kTwo);
  run(millis(10));
  mend_both_ways(kOne, kTwo);
  run(seconds(2));
  EXPECT_EQ(noted(kOne), (Texts{"opened 3"}));
}

TEST_F(Network, ALinkThatIsGivenUpWhileItIsDialledNeverOpens) {
  links.dial(kOne, {1}, kTwo);
  links.close(kOne, {1});
  run(minutes(1));
  EXPECT_EQ(noted(kOne), (Texts{}));
  EXPECT_EQ(noted(kTwo), (Texts{}));
}

TEST_F(Network, WhatIsSaidToAProcessThatStartedAnewClosesTheOldLink) {
  links.dial(kOne, {1}, kTwo);
  run(seconds(1));
  links.stop(kTwo, true);
  notes.clear();
  say(kOne, 1, 1);  // it is up again
  run(seconds(1));
  EXPECT_EQ(noted(kOne), (Texts{"closed 1"}));
  EXPECT_EQ(noted(kTwo), (Texts{}));
}

TEST_F(Network, AProcessThatEndsIsMissedAtOnceAndADarkMachineLater) {
  links.dial(kOne, {1}, kTwo);
  links.dial(kThree, {1}, kTwo);
  run(seconds(1));
  links.stop(kOne, false);
  links.stop(kThree, true);
  notes.clear();
  run(millis(100));
  EXPECT_EQ(noted(kTwo).size(), 1u);
  run(minutes(1));
  EXPECT_EQ(noted(kTwo).size(), 1u);
}

TEST(WireMutator, LeavesAllAsItIsUnlessToldOtherwise) {
  WireMutator honest(Mutation::kNone, Prng(1));
  WireMutator forgetful(Mutation::kLoseCommit, Prng(1));
  std::size_t kept = 0, forgotten = 0;
  for (int i = 0; i < 1000; ++i) {
    const zab::Message commit = zab::Commit{Zxid{i}};
    kept += honest.on_wire(commit).size();
    forgotten += 1 - forgetful.on_wire(commit).size();
    EXPECT_EQ(forgetful.on_wire(zab::Message{zab::Ack{Zxid{i}}}).size(), 1u);
  }
  EXPECT_EQ(kept, 1000u);
  EXPECT_GT(forgotten, 5u);
  EXPECT_LT(forgotten, 60u);
}

}  // namespace
}  // namespace paddock::test
