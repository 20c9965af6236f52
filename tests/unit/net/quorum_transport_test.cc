#include "server/net/quorum_transport.h"

#include "common/concat.h"
#include "tests/unit/net/quorum_transport_fixture.h"

namespace paddock::server {
namespace {

using namespace quorum_test;  // NOLINT: what these tests are written in

// --- messages ---

TEST_F(QuorumTransportTest, MessagesGoBothWaysInOrder) {
  pair();
  learner_->send(kDialled, zab::LearnerInfo{.accepted_epoch = Epoch{3}, .sid = ServerId{4}});
  ASSERT_TRUE(until([&] { return leader_->received[kAccepted].size() == 1; }));
  const auto& info = std::get<zab::LearnerInfo>(leader_->received[kAccepted][0]);
  EXPECT_EQ(info.accepted_epoch, Epoch{3});
  EXPECT_EQ(info.sid, ServerId{4});
  for (int i = 1; i <= 1000; ++i) leader_->send(kAccepted, zab::Proposal{txn(i)});
  ASSERT_TRUE(until([&] { return learner_->received[kDialled].size() == 1000; }));
  for (int i = 1; i <= 1000; ++i) {
    const Message& message = learner_->received[kDialled][static_cast<std::size_t>(i - 1)];
    ASSERT_EQ(std::get<zab::Proposal>(message).txn.zxid.value, i);
  }
}

TEST_F(QuorumTransportTest, LinksAreNumberedByWhoMakesThem) {
  pair();
  Server& second = server();
  second.connect(LinkId{7}, {at(leader_->transport->port())});
  ASSERT_TRUE(until([&] { return leader_->opened.size() == 2 && !second.opened.empty(); }));
  EXPECT_EQ(leader_->opened[1], LinkId{4});
  EXPECT_EQ(second.opened[0], LinkId{7});
}

TEST_F(QuorumTransportTest, AllOfOneTurnLeavesInOneWriteAndArrivesAsOneBatch) {
  Server& leader = server();
  leader.listen();
  const RawPeerPtr peer = raw_learner(leader);
  std::vector<Message> many;
  for (int i = 1; i <= 100; ++i) many.push_back(zab::Proposal{txn(i)});
  for (const Message& message : many) leader.send(kAccepted, message);
  const Bytes expected = encoded(many);
  ASSERT_TRUE(until([&] { return !peer->reads.empty(); }));
  EXPECT_EQ(peer->reads[0], expected.size());
  EXPECT_EQ(peer->received, expected);

  peer->send(expected);
  ASSERT_TRUE(until([&] { return !leader.received[kAccepted].empty(); }));
  EXPECT_EQ(leader.batches[kAccepted], std::vector<std::size_t>{100});
}

TEST_F(QuorumTransportTest, TakesMessagesHoweverTheyAreCut) {
  Server& leader = server();
  leader.listen();
  const RawPeerPtr peer = raw_learner(leader);
  const std::vector<Message> messages = {
      zab::LearnerInfo{.observer = true, .accepted_epoch = Epoch{1}, .sid = ServerId{9}},
      zab::Proposal{txn(1, 300)}, zab::Ping{Zxid{1}, std::vector<zab::SessionTouch>{}}};
  for (const std::uint8_t byte : encoded(messages)) {
    peer->send(Bytes{byte});
    settle(loop_);
  }
  ASSERT_TRUE(until([&] { return leader.received[kAccepted].size() == 3; }));
  EXPECT_EQ(encoded(leader.received[kAccepted]), encoded(messages));
}

TEST_F(QuorumTransportTest, TakesMessagesAsLongAsTheLimit) {
  pair();
  learner_->send(kDialled, zab::Proposal{txn(1, kLimits.data_bytes_max)});
  learner_->send(kDialled, zab::Proposal{txn(2, kLimits.data_bytes_max)});
  ASSERT_TRUE(until([&] { return leader_->received[kAccepted].size() == 2; }));
  EXPECT_EQ(*std::get<zab::Proposal>(leader_->received[kAccepted][1]).txn.payload,
            Bytes(kLimits.data_bytes_max, 2));
}

TEST_F(QuorumTransportTest, SkipsPacketsOfTypesThatItDoesNotKnow) {
  Server& leader = server();
  leader.listen();
  const RawPeerPtr peer = raw_learner(leader);
  Bytes unknown = encoded({zab::Proposal{txn(5)}});
  store_be32(unknown.data(), 77);
  Bytes bytes = encoded({zab::Ack{Zxid{1}}});
  append(bytes, unknown);
  append(bytes, encoded({zab::Ack{Zxid{2}}}));
  peer->send(bytes);
  ASSERT_TRUE(until([&] { return leader.received[kAccepted].size() == 2; }));
  EXPECT_EQ(leader.batches[kAccepted], std::vector<std::size_t>{2});
  EXPECT_TRUE(leader.closed.empty());
}

TEST_F(QuorumTransportTest, GarbageCostsOnlyTheLinkItCameBy) {
  Server& leader = server();
  leader.listen();
  const RawPeerPtr good = raw_learner(leader);
  Bytes too_long = encoded({zab::Proposal{txn(5)}});
  store_be32(too_long.data() + 12, static_cast<std::uint32_t>(kLimits.data_bytes_max + 1));
  Bytes negative = encoded({zab::Proposal{txn(5)}});
  store_be32(negative.data() + 12, 0x80000000);
  Bytes noise(3000);
  for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<std::uint8_t>(i * 37 + 11);
  for (const Bytes& bytes : {too_long, negative, noise}) {
    const RawPeerPtr peer = raw_learner(leader);
    const LinkId link = leader.opened.back();
    Bytes both = encoded({zab::Ack{Zxid{1}}});
    append(both, bytes);
    peer->send(both);
    ASSERT_TRUE(until([&] { return leader.closed.contains(link); }));
    EXPECT_EQ(leader.received[link].size(), 1u) << "what stood before it is good";
    ASSERT_TRUE(until([&] { return peer->closed; }));
  }
  good->send(encoded({zab::Ack{Zxid{1}}}));
  ASSERT_TRUE(until([&] { return leader.received[kAccepted].size() == 1; }));
}

TEST_F(QuorumTransportTest, ALinkMayBeClosedByWhatItReceives) {
  Server& leader = server();
  leader.listen();
  leader.then = [&](LinkId link) { leader.transport->close(link, "seen enough"); };
  const RawPeerPtr peer = raw_learner(leader);
  peer->send(encoded({zab::Ack{Zxid{1}}, zab::Snap{Zxid{2}}}));
  ASSERT_TRUE(until([&] { return peer->closed || !peer->received.empty(); }));
  settle(loop_);
  EXPECT_TRUE(leader.snapshots.empty());
  EXPECT_TRUE(leader.closed.empty()) << "told of what it did itself";
}

// --- dialling ---

TEST_F(QuorumTransportTest, TriesAgainUntilTheLeaderListens) {
  Server& leader = server();
  leader.listen();
  const std::uint16_t port = leader.transport->port();
  ASSERT_TRUE(leader.transport->set_listening({at(port)}));
  ASSERT_TRUE(leader.transport->accept_learners(false));
  EXPECT_EQ(leader.transport->port(), 0);

  lookup_.set("leader", "127.0.0.1");
  Server& learner = server({.connect_retry = Millis{20}});
  learner.connect(kDialled, {{"leader", port}});
  ASSERT_TRUE(until([&] { return lookup_.asked.size() == 3; }));
  ASSERT_TRUE(leader.transport->accept_learners(true));
  ASSERT_TRUE(until([&] { return !learner.opened.empty(); }));
  EXPECT_TRUE(learner.closed.empty());
}

TEST_F(QuorumTransportTest, GivesUpAfterSoManyTries) {
  DeadPort dead(loop_);
  lookup_.set("leader", "127.0.0.1");
  Server& learner = server({.connect_tries = 4, .connect_retry = Millis{5}});
  learner.connect(kDialled, {{"leader", dead.port()}});
  ASSERT_TRUE(until([&] { return !learner.closed.empty(); }));
  EXPECT_EQ(learner.closed[kDialled],
            concat("127.0.0.1:", dead.port(), ": Connection refused (4 tries)"));
  EXPECT_EQ(lookup_.asked.size(), 4u);
}

TEST_F(QuorumTransportTest, GivesUpInTime) {
  BlackHole hole(loop_);
  DeadPort dead(loop_);
  Server& learner = server({.connect_retry = Millis{5000}});
  learner.connect(kDialled, {at(hole.port())}, Millis{30});
  learner.connect(LinkId{3}, {at(dead.port())}, Millis{30});
  ASSERT_TRUE(until([&] { return learner.closed.size() == 2; }));
  EXPECT_TRUE(learner.opened.empty());
  EXPECT_EQ(learner.closed[LinkId{3}].find("(1 try)"), learner.closed[LinkId{3}].size() - 7);
}

TEST_F(QuorumTransportTest, DialsAllAddressesOfTheLeaderTogether) {
  BlackHole hole(loop_);
  Server& leader = server();
  leader.listen();
  Server& learner = server();
  learner.connect(kDialled, {at(hole.port()), at(leader.transport->port())});
  ASSERT_TRUE(until([&] { return !learner.opened.empty(); }));
}

TEST_F(QuorumTransportTest, ADialThatIsClosedIsSilent) {
  BlackHole hole(loop_);
  DeadPort dead(loop_);
  const std::size_t before = open_sockets();
  Server& learner = server({.connect_retry = Millis{5}});
  learner.connect(LinkId{1}, {at(hole.port())});
  learner.connect(LinkId{3}, {at(dead.port())});
  settle(loop_);
  learner.close(LinkId{1});
  learner.close(LinkId{3});
  learner.connect(LinkId{5}, {at(dead.port())}, Millis{20});
  ASSERT_TRUE(until([&] { return learner.closed.contains(LinkId{5}); }));
  EXPECT_EQ(learner.closed.size(), 1u);
  EXPECT_TRUE(learner.opened.empty());
  EXPECT_EQ(open_sockets(), before);
}

// --- accepting ---

TEST_F(QuorumTransportTest, LinksGoOnWhenNoMoreLearnersAreAccepted) {
  pair();
  ASSERT_TRUE(leader_->transport->accept_learners(false));
  leader_->send(kAccepted, zab::UpToDate{});
  ASSERT_TRUE(until([&] { return learner_->received[kDialled].size() == 1; }));
}

// Fault catalogue, rows 58 and 59: whoever connects and stays silent.
TEST_F(QuorumTransportTest, ASilentLearnerMakesRoomAndOneThatSpokeDoesNot) {
  Server& leader = server({.accepted_max = 2});
  leader.listen();
  const RawPeerPtr first = raw_learner(leader);
  first->send(encoded({zab::Ack{Zxid{1}}}));
  ASSERT_TRUE(until([&] { return leader.received[LinkId{2}].size() == 1; }));
  const RawPeerPtr silent = raw_learner(leader);
  const RawPeerPtr second = raw_learner(leader);
  ASSERT_TRUE(until([&] { return silent->closed; }));
  EXPECT_TRUE(leader.closed.contains(LinkId{4}));
  second->send(encoded({zab::Ack{Zxid{1}}}));
  ASSERT_TRUE(until([&] { return leader.received[LinkId{6}].size() == 1; }));

  const RawPeerPtr third = RawPeer::connect(loop_, leader.transport->port());
  ASSERT_TRUE(until([&] { return third->closed; }));
  EXPECT_EQ(leader.opened.size(), 3u);
  EXPECT_FALSE(first->closed);
  EXPECT_FALSE(second->closed);
}

// --- closing ---

TEST_F(QuorumTransportTest, WhatWasSentBeforeACloseArrivesAndThenAnOrderlyEnd) {
  Server& leader = server();
  leader.listen();
  const RawPeerPtr peer = raw_learner(leader);
  for (int i = 1; i <= 50; ++i) leader.send(kAccepted, zab::Proposal{txn(i, 100'000)});
  leader.close(kAccepted);
  leader.send(kAccepted, zab::UpToDate{});  // to nobody
  // What the peer still says must not cost it what is on its way to it.
  peer->send(encoded({zab::Ack{Zxid{1}}, zab::Ack{Zxid{2}}}));
  ASSERT_TRUE(until([&] { return peer->closed; }));
  EXPECT_EQ(peer->why, boost::asio::error::eof);
  EXPECT_EQ(peer->received.size(), 50 * encoded({zab::Proposal{txn(1, 100'000)}}).size());
  EXPECT_TRUE(leader.received.empty());
  EXPECT_TRUE(leader.transport->links().empty());
  const std::size_t before = open_sockets();
  peer->close();
  ASSERT_TRUE(until([&] { return open_sockets() == before - 2; })) << "both ends are gone";
  EXPECT_TRUE(leader.closed.empty());
}

TEST_F(QuorumTransportTest, ALinkThatIsClosedWaitsOnlyAMomentForItsPeer) {
  Server& leader = server({.close_timeout = Millis{40}});
  leader.listen();
  const std::size_t before = open_sockets();
  const Tcp::socket deaf = deaf_learner(leader);
  const Tcp::socket idle = deaf_learner(leader);
  EXPECT_EQ(open_sockets(), before + 4);
  for (int i = 1; i <= 200; ++i) leader.send(kAccepted, zab::Proposal{txn(i, 100'000)});
  settle(loop_);
  leader.close(kAccepted);
  leader.close(LinkId{4});
  EXPECT_TRUE(leader.transport->links().empty());
  ASSERT_TRUE(until([&] { return open_sockets() == before + 2; }));
  EXPECT_TRUE(leader.closed.empty());
}

TEST_F(QuorumTransportTest, ALinkClosedWithinAStreamEndsAtOnce) {
  for (const bool snapshot : {true, false}) {
    Server& leader = server();
    leader.listen();
    const Tcp::socket deaf = deaf_learner(leader);
    const auto blocks = std::make_shared<BlockFeed::Progress>();
    const auto history = std::make_shared<TestHistory::Progress>();
    history->last = 1'000'000;
    history->bytes = 10'000;
    leader.call([&](QuorumTransport& t) {
      snapshot ? t.send_snapshot(kAccepted, std::make_unique<BlockFeed>(1000, 100'001, blocks))
               : t.send_history(kAccepted, std::make_unique<TestHistory>(history));
    });
    settle(loop_);
    const std::size_t before = open_sockets();
    leader.close(kAccepted);
    EXPECT_EQ(open_sockets(), before - 1);
    EXPECT_FALSE(snapshot ? blocks->alive : history->alive);
    settle(loop_);
    EXPECT_TRUE(leader.closed.empty());
    servers_.clear();
  }
}

TEST_F(QuorumTransportTest, ALinkClosedBeforeAStreamSendsWhatStandsBeforeIt) {
  pair();
  const auto progress = std::make_shared<BlockFeed::Progress>();
  leader_->send(kAccepted, zab::UpToDate{});
  leader_->call([&](QuorumTransport& t) {
    t.send_snapshot(kAccepted, std::make_unique<BlockFeed>(3, 100, progress));
  });
  leader_->send(kAccepted, zab::UpToDate{});
  leader_->close(kAccepted);
  EXPECT_FALSE(progress->alive);
  ASSERT_TRUE(until([&] { return learner_->closed.contains(kDialled); }));
  EXPECT_EQ(learner_->kinds(kDialled), "U");
}

TEST_F(QuorumTransportTest, APeerThatGoesWithinASnapshotClosesTheLink) {
  Server& learner = server();
  BlockSink sink;
  learner.sink = &sink;
  learner.listen();
  const RawPeerPtr peer = raw_learner(learner);
  Bytes bytes = encoded({zab::Snap{Zxid{7}}});
  append(bytes, block(100));
  peer->send(bytes);
  ASSERT_TRUE(until([&] { return sink.bytes == 104; }));
  peer->close();
  ASSERT_TRUE(until([&] { return learner.closed.contains(kAccepted); }));
  EXPECT_TRUE(learner.snapshot_ends.empty());
}

TEST_F(QuorumTransportTest, LastWordsAreHeardBeforeTheEnd) {
  Server& leader = server();
  leader.listen();
  const RawPeerPtr peer = raw_learner(leader);
  peer->send(encoded({zab::Ack{Zxid{1}}}));
  peer->close();
  ASSERT_TRUE(until([&] { return leader.closed.contains(kAccepted); }));
  EXPECT_EQ(leader.received[kAccepted].size(), 1u);
  EXPECT_EQ(leader.closed[kAccepted], "the peer closed the connection");
}

TEST_F(QuorumTransportTest, LeavesNothingBehindWhateverIsUnderWay) {
  BlackHole hole(loop_);
  DeadPort dead(loop_);
  RawListener elsewhere(loop_);
  const std::size_t before = open_sockets();
  Server& one = server();
  one.listen();
  BlockSink sink;
  one.sink = &sink;
  const auto progress = std::make_shared<BlockFeed::Progress>();
  one.connect(LinkId{1}, {at(hole.port())});
  one.connect(LinkId{3}, {at(dead.port())});
  one.connect(LinkId{5}, {at(elsewhere.port())});
  {
    const RawPeerPtr receiving = raw_learner(one);
    receiving->send(encoded({zab::Snap{Zxid{1}}}));
    const Tcp::socket sending = deaf_learner(one), closing = deaf_learner(one);
    one.transport->send_snapshot(LinkId{4}, std::make_unique<BlockFeed>(1000, 100'001, progress));
    for (int i = 0; i < 200; ++i) one.send(LinkId{6}, zab::Proposal{txn(1, 100'000)});
    ASSERT_TRUE(until([&] { return one.opened.size() == 4 && !one.snapshots.empty(); }));
    settle(loop_);
    one.close(LinkId{6});
    one.send(LinkId{5}, zab::UpToDate{});
    one.transport.reset();
    EXPECT_FALSE(progress->alive);
    ASSERT_TRUE(until([&] { return receiving->closed && !elsewhere.accepted.empty(); }));
    receiving->close();
    elsewhere.accepted[0]->close();
  }
  settle(loop_);
  EXPECT_EQ(open_sockets(), before);
  EXPECT_TRUE(one.closed.empty());
}

}  // namespace
}  // namespace paddock::server
