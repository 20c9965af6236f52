// What a leader sends to bring a learner up to date: snapshots and histories.
#include <algorithm>
#include <random>

#include "common/concat.h"
#include "tests/unit/net/quorum_transport_fixture.h"

namespace paddock::server {
namespace {

using namespace quorum_test;  // NOLINT: what these tests are written in

// --- snapshots ---

TEST_F(QuorumTransportTest, ASnapshotFarLargerThanTheQueueGoesOverBetweenMessages) {
  pair({.queue_bytes_max = 1u << 20});
  BlockSink sink;
  learner_->sink = &sink;
  const auto progress = std::make_shared<BlockFeed::Progress>();
  constexpr std::size_t kBlocks = 400;
  leader_->send(kAccepted, zab::Snap{Zxid{7}});
  leader_->call([&](QuorumTransport& t) {
    t.send_snapshot(kAccepted, std::make_unique<BlockFeed>(kBlocks, 100'001, progress));
  });
  leader_->send(kAccepted, zab::Proposal{txn(8)});
  leader_->send(kAccepted, zab::NewLeader{});
  ASSERT_TRUE(until([&] { return learner_->received[kDialled].size() == 3; }));
  EXPECT_EQ(learner_->kinds(kDialled), "S P8 N");
  EXPECT_EQ(learner_->snapshots, std::vector{Zxid{7}});
  EXPECT_EQ(learner_->snapshot_ends, std::vector{kDialled});
  EXPECT_EQ(sink.bytes, (kBlocks - 1) * 100'005 + 4);
  EXPECT_FALSE(progress->alive) << "kept behind its end";
  EXPECT_TRUE(leader_->closed.empty());
}

TEST_F(QuorumTransportTest, ASnapshotIsFetchedOnlyAsTheSocketTakesIt) {
  Server& leader = server({.queue_bytes_max = 1u << 20});
  leader.listen();
  const Tcp::socket deaf = deaf_learner(leader);
  const auto progress = std::make_shared<BlockFeed::Progress>();
  leader.call([&](QuorumTransport& t) {
    t.send_snapshot(kAccepted, std::make_unique<BlockFeed>(1'000'000, 100'001, progress));
  });
  settle(loop_);
  const std::size_t given = progress->given;
  EXPECT_GT(given, 0u);
  EXPECT_LT(given, 32u << 20) << "more than a system keeps for a connection";
  settle(loop_);
  EXPECT_EQ(progress->given, given);
  // Meanwhile messages queue up, within the same bound.
  leader.send(kAccepted, zab::Proposal{txn(1, 300'000)});
  leader.send(kAccepted, zab::Proposal{txn(2, 300'000)});
  settle(loop_);
  EXPECT_TRUE(leader.closed.empty());
  leader.send(kAccepted, zab::Proposal{txn(3, 300'000)});
  settle(loop_);
  EXPECT_TRUE(leader.closed.contains(kAccepted));
  EXPECT_FALSE(progress->alive);
}

TEST_F(QuorumTransportTest, ASnapshotThatIsNotReadyHoldsUpItsLinkOnly) {
  pair();
  const RawPeerPtr other = raw_learner(*leader_);
  BlockSink sink;
  learner_->sink = &sink;
  const auto progress = std::make_shared<BlockFeed::Progress>();
  progress->waits = true;
  leader_->send(kAccepted, zab::Snap{Zxid{7}});
  leader_->call([&](QuorumTransport& t) {
    t.send_snapshot(kAccepted, std::make_unique<BlockFeed>(3, 100, progress));
  });
  leader_->send(kAccepted, zab::UpToDate{});
  leader_->send(LinkId{4}, zab::UpToDate{});
  ASSERT_TRUE(until([&] { return kinds_in(other->received) == "U"; }));
  ASSERT_TRUE(until([&] { return learner_->kinds(kDialled) == "S"; }));
  settle(loop_);
  EXPECT_EQ(sink.calls, 0);
  progress->waits = false;
  leader_->call([](QuorumTransport& t) { t.resume(kAccepted); });
  ASSERT_TRUE(until([&] { return learner_->kinds(kDialled) == "S U"; }));
  EXPECT_EQ(sink.bytes, 2u * 104 + 4);
}

TEST_F(QuorumTransportTest, ASnapshotThatCannotBeReadClosesTheLink) {
  pair();
  const auto progress = std::make_shared<BlockFeed::Progress>();
  progress->fails = "the disk says no";
  leader_->call([&](QuorumTransport& t) {
    t.send_snapshot(kAccepted, std::make_unique<BlockFeed>(3, 100, progress));
  });
  ASSERT_TRUE(until([&] { return leader_->closed.contains(kAccepted); }));
  EXPECT_EQ(leader_->closed[kAccepted], "the snapshot: the disk says no");
  EXPECT_FALSE(progress->alive);
  ASSERT_TRUE(until([&] { return learner_->closed.contains(kDialled); }));
  EXPECT_EQ(learner_->closed[kDialled], "the peer closed the connection");
}

TEST_F(QuorumTransportTest, ASnapshotIsTakenHoweverItIsCutAndPacketsGoOnBehindIt) {
  Server& learner = server();
  BlockSink sink;
  learner.sink = &sink;
  learner.listen();
  Bytes bytes = encoded({zab::Ack{Zxid{1}}, zab::Snap{Zxid{7}}});
  for (const std::uint32_t length : {1u, 200u, 3u, 70'000u, 5u, 0u}) append(bytes, block(length));
  append(bytes, encoded({zab::UpToDate{}}));
  std::mt19937 random(3);
  for (std::size_t round = 0; round < 20; ++round) {
    const RawPeerPtr peer = raw_learner(learner);
    const LinkId link = learner.opened.back();
    for (std::size_t at = 0; at < bytes.size();) {
      // Whole in the first round, then at any place.
      const std::size_t wanted = round == 0 ? bytes.size() : 1 + random() % (round * 300);
      const std::size_t n = std::min(wanted, bytes.size() - at);
      peer->send(ByteView(bytes).subspan(at, n));
      at += n;
      settle(loop_);
    }
    ASSERT_TRUE(until([&] { return learner.kinds(link) == "A S U"; })) << round;
    EXPECT_EQ(learner.snapshot_ends.back(), link);
  }
  EXPECT_EQ(sink.bytes, 20u * (6 * 4 + 1 + 200 + 3 + 70'000 + 5));
}

TEST_F(QuorumTransportTest, ASinkThatIsBusyTakesNothingUntilItGoesOn) {
  pair();
  BlockSink sink;
  sink.waits = true;
  learner_->sink = &sink;
  const auto progress = std::make_shared<BlockFeed::Progress>();
  leader_->send(kAccepted, zab::Snap{Zxid{7}});
  leader_->call([&](QuorumTransport& t) {
    t.send_snapshot(kAccepted, std::make_unique<BlockFeed>(1000, 100'001, progress));
  });
  ASSERT_TRUE(until([&] { return sink.calls > 0; }));
  settle(loop_);
  EXPECT_EQ(sink.calls, 1);
  EXPECT_LT(progress->given, 32u << 20) << "the sender feels nothing of it";
  learner_->call([](QuorumTransport& t) { t.resume(kDialled); });  // too early
  settle(loop_);
  EXPECT_EQ(sink.calls, 2);
  sink.waits = false;
  learner_->call([](QuorumTransport& t) { t.resume(kDialled); });
  ASSERT_TRUE(until([&] { return !learner_->snapshot_ends.empty(); }));
  EXPECT_EQ(sink.bytes, 999u * 100'005 + 4);
}

TEST_F(QuorumTransportTest, ASnapshotThatCannotBeTakenClosesTheLink) {
  pair();
  BlockSink sink;
  sink.refuses = "not a snapshot";
  learner_->sink = &sink;
  leader_->send(kAccepted, zab::Snap{Zxid{7}});
  leader_->send(kAccepted, zab::UpToDate{});
  ASSERT_TRUE(until([&] { return learner_->closed.contains(kDialled); }));
  EXPECT_EQ(learner_->closed[kDialled], "the snapshot: not a snapshot");
}

TEST_F(QuorumTransportTest, ASnapshotThatNobodyAskedForClosesTheLink) {
  pair();
  learner_->send(kDialled, zab::Snap{Zxid{7}});
  ASSERT_TRUE(until([&] { return leader_->closed.contains(kAccepted); }));
  EXPECT_EQ(leader_->closed[kAccepted], "a snapshot that nobody asked for");
}

TEST_F(QuorumTransportTest, AFieldWithoutAnEndClosesTheLink) {
  Server& learner = server();
  BlockSink sink;
  learner.sink = &sink;
  learner.listen();
  const RawPeerPtr peer = raw_learner(learner);
  Bytes bytes = encoded({zab::Snap{Zxid{7}}});
  append(bytes, Bytes{0x7f, 0, 0, 0});
  bytes.resize(bytes.size() + (8u << 20));
  peer->send_all(std::move(bytes));
  ASSERT_TRUE(until([&] { return learner.closed.contains(kAccepted); }));
  EXPECT_NE(learner.closed[kAccepted].find("without an end of a snapshot's field"),
            std::string::npos);
}

// --- history ---

TEST_F(QuorumTransportTest, AHistoryGoesOverAsPairsBetweenMessages) {
  for (const std::int64_t last : {0, 1, 2, 3}) {
    pair();
    const auto progress = std::make_shared<TestHistory::Progress>();
    progress->last = last;
    leader_->send(kAccepted, zab::Diff{Zxid{5}});
    leader_->call([&](QuorumTransport& t) {
      t.send_history(kAccepted, std::make_unique<TestHistory>(progress));
    });
    leader_->send(kAccepted, zab::NewLeader{});
    std::string expected = "D";
    for (std::int64_t i = 1; i <= last; ++i) expected += concat(" P", i, " C", i);
    ASSERT_TRUE(until([&] { return learner_->kinds(kDialled) == expected + " N"; })) << last;
    EXPECT_FALSE(progress->alive);
    servers_.clear();
  }
}

TEST_F(QuorumTransportTest, ALongHistoryIsFetchedOnlyAsTheSocketTakesIt) {
  Server& leader = server({.queue_bytes_max = 1u << 20});
  leader.listen();
  const RawPeerPtr peer = raw_learner(leader, 0);
  const auto progress = std::make_shared<TestHistory::Progress>();
  progress->last = 2000;
  progress->bytes = 50'000;
  leader.call([&](QuorumTransport& t) {
    t.send_history(kAccepted, std::make_unique<TestHistory>(progress));
  });
  settle(loop_);
  EXPECT_GT(progress->next, 1);
  EXPECT_LT(progress->next, 600) << "more than a system keeps for a connection";
  peer->read_on();
  ASSERT_TRUE(until([&] { return !progress->alive; }));
  const std::size_t each = encoded({zab::Proposal{txn(1, 50'000)}, zab::Commit{Zxid{1}}}).size();
  ASSERT_TRUE(until([&] { return peer->received.size() == 2000 * each; }));
  EXPECT_TRUE(leader.closed.empty());
}

TEST_F(QuorumTransportTest, AHistoryThatIsNotReadyGoesOnWhenItIs) {
  pair();
  const auto progress = std::make_shared<TestHistory::Progress>();
  progress->last = 4;
  progress->wait_before = 3;
  leader_->call([&](QuorumTransport& t) {
    t.send_history(kAccepted, std::make_unique<TestHistory>(progress));
  });
  leader_->send(kAccepted, zab::UpToDate{});
  ASSERT_TRUE(until([&] { return learner_->kinds(kDialled) == "P1 C1 P2 C2"; }));
  progress->wait_before = 0;
  leader_->call([](QuorumTransport& t) { t.resume(kAccepted); });
  ASSERT_TRUE(until([&] { return learner_->kinds(kDialled) == "P1 C1 P2 C2 P3 C3 P4 C4 U"; }));
}

TEST_F(QuorumTransportTest, AHistoryThatCannotBeReadClosesTheLink) {
  pair();
  const auto progress = std::make_shared<TestHistory::Progress>();
  progress->fails = "a damaged log";
  leader_->call([&](QuorumTransport& t) {
    t.send_history(kAccepted, std::make_unique<TestHistory>(progress));
  });
  ASSERT_TRUE(until([&] { return leader_->closed.contains(kAccepted); }));
  EXPECT_EQ(leader_->closed[kAccepted], "the history: a damaged log");
}

}  // namespace
}  // namespace paddock::server
