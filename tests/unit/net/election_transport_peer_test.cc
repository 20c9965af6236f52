// What is sent to peers that come and go, or that do not read, and what such peers may do wrong.

#include "tests/unit/net/election_transport_fixture.h"

namespace paddock::server {
namespace {

using namespace election_test;  // NOLINT: what these tests are written in

// --- what waits to be sent ---

TEST_F(ElectionTransportTest, OnlyTheNewestWaitsForAConnection) {
  Server& two = server(2);
  two.know({{ServerId{1}, {at(listener_.port())}}});
  for (int round = 1; round <= 3; ++round) two.send(1, round);
  const RawPeerPtr peer = accepted(0);
  const Bytes expected = opening(2, at(two.port())) + framed(3);
  ASSERT_TRUE(until([&] { return peer->received.size() >= expected.size(); }));
  settle(loop_);
  EXPECT_EQ(peer->received, expected);
  EXPECT_EQ(listener_.accepted.size(), 1u) << "one dial at a time";
}

TEST_F(ElectionTransportTest, OnlyTheNewestWaitsForAPeerThatDoesNotRead) {
  listener_.reads = false;
  Server& two = server(2);
  two.know({{ServerId{1}, {at(listener_.port())}}});
  two.send(1, 1);
  const RawPeerPtr peer = accepted(0);
  ASSERT_TRUE(until([&] { return two.is_up(1); }));
  // Far more than the system keeps for a connection.
  zab::Notification large = vote(0);
  large.config = std::string(500'000, 'x');
  constexpr std::int64_t kMany = 200;
  for (large.election_epoch = 2; large.election_epoch <= kMany; ++large.election_epoch) {
    two.transport->send(ServerId{1}, large);
    settle(loop_);
  }
  peer->read_on();
  const std::size_t head = opening(2, at(two.port())).size();
  ASSERT_TRUE(until([&] {
    const auto rounds = peer->received.size() < head
                            ? Server::Rounds()
                            : rounds_in(ByteView(peer->received).subspan(head));
    return !rounds.empty() && rounds.back() == kMany;
  }));
  const auto rounds = rounds_in(ByteView(peer->received).subspan(head));
  EXPECT_TRUE(std::is_sorted(rounds.begin(), rounds.end()));
  EXPECT_LT(rounds.size(), 100u);
}

TEST_F(ElectionTransportTest, SendsTheLastOneAgainOnANewConnection) {
  Server& one = server(1);
  one.know({{ServerId{2}, {at(listener_.port())}}});
  const RawPeerPtr first = dial(one, 2);
  ASSERT_TRUE(until([&] { return one.is_up(2); }));
  one.send(2, 1);
  ASSERT_TRUE(until([&] { return !first->received.empty(); }));
  first->close();
  ASSERT_TRUE(until([&] { return one.reachable(2) == false; }));
  const RawPeerPtr second = dial(one, 2);
  ASSERT_TRUE(until([&] { return !second->received.empty(); }));
  EXPECT_EQ(rounds_in(second->received), Server::Rounds{1});
}

TEST_F(ElectionTransportTest, SendsOnlyWhatWaitsOnANewConnection) {
  Server& one = server(1);
  one.know({{ServerId{2}, {at(listener_.port())}}});
  const RawPeerPtr first = dial(one, 2);
  ASSERT_TRUE(until([&] { return one.is_up(2); }));
  one.send(2, 1);
  ASSERT_TRUE(until([&] { return !first->received.empty(); }));
  first->close();
  ASSERT_TRUE(until([&] { return one.reachable(2) == false; }));
  one.send(2, 2);
  const RawPeerPtr second = dial(one, 2);
  ASSERT_TRUE(until([&] { return !second->received.empty(); }));
  settle(loop_);
  EXPECT_EQ(rounds_in(second->received), Server::Rounds{2});
}

// --- dialling ---

TEST_F(ElectionTransportTest, ReportsARefusedDialAtOnceAndRepeatsItOnlyWithTheNextSend) {
  auto dead = std::make_unique<DeadPort>(loop_);
  const std::uint16_t port = dead->port();
  Server& two = server(2);
  two.know({{ServerId{1}, {at(port)}}});
  two.send(1, 1);
  ASSERT_TRUE(until([&] { return two.reachable(1) == false; }));
  two.send(1, 2);
  ASSERT_TRUE(until([&] { return two.reports[ServerId{1}].size() == 2; }));
  EXPECT_EQ(two.reports[ServerId{1}], (std::vector{false, false})) << "each one is news";

  dead.reset();
  RawListener alive(loop_, port);
  settle(loop_);
  EXPECT_TRUE(alive.accepted.empty()) << "dialled by itself";
  two.send(1, 3);
  ASSERT_TRUE(until([&] { return two.is_up(1); }));
  EXPECT_EQ(two.reachable(1), true);
}

// Fault catalogue, row 58: a peer whose machine drops what it gets.
TEST_F(ElectionTransportTest, APeerThatNeverAnswersHoldsUpNobody) {
  BlackHole hole(loop_);
  Server& three = server(3, {.connect_timeout = Millis{300}});
  three.know({{ServerId{1}, {at(hole.port())}},
              {ServerId{2}, {at(listener_.port())}},
              {ServerId{4}, {{"a name that is never answered", 1}}}});
  three.send(1, 1);
  three.send(4, 1);
  three.send(2, 1);
  ASSERT_TRUE(until([&] { return three.is_up(2); }));
  EXPECT_FALSE(three.reachable(1)) << "it took as long as the dial that is not answered";
  ASSERT_TRUE(until([&] { return three.reachable(1) == false && three.reachable(4) == false; }));
  EXPECT_TRUE(three.is_up(2));
}

TEST_F(ElectionTransportTest, LooksANameUpAgainForEachDial) {
  Server& two = server(2);
  two.know({{ServerId{1}, {{"peer", listener_.port()}}}});
  lookup_.set("peer", "127.0.0.2");  // nobody is there
  two.send(1, 1);
  ASSERT_TRUE(until([&] { return two.reachable(1) == false; }));
  lookup_.set("peer", "127.0.0.1");
  two.send(1, 2);
  ASSERT_TRUE(until([&] { return two.is_up(1); }));
  EXPECT_EQ(lookup_.asked, (std::vector<std::string>{"peer", "peer"}));
}

TEST_F(ElectionTransportTest, FindsMembersByTheirRealNames) {
  const auto system = make_system_lookup(loop_);
  Server& one = servers_.emplace_back(loop_, *system, 1);
  Server& two = servers_.emplace_back(loop_, *system, 2);
  one.listen({"localhost", 0});
  two.listen({"localhost", 0});
  one.know({{ServerId{2}, {{"localhost", two.port()}}}});
  one.send(2, 1);
  ASSERT_TRUE(until([&] { return two.heard_from(1, 1); }));
  servers_.clear();
}

TEST_F(ElectionTransportTest, SpeaksIPv6) {
  Server& one = server(1);
  Server& two = server(2);
  one.listen({"::1", 0});
  two.listen({"::1", 0});
  one.know({{ServerId{2}, {{"::1", two.port()}}}});
  one.send(2, 1);  // two knows of one only what the opening says
  ASSERT_TRUE(until([&] { return two.heard_from(1, 1); }));
}

TEST_F(ElectionTransportTest, ReportsAConnectionThatBreaks) {
  Server& one = server(1);
  one.know({{ServerId{2}, {at(listener_.port())}}});
  const RawPeerPtr peer = dial(one, 2);
  ASSERT_TRUE(until([&] { return one.reachable(2) == true; }));
  peer->close();
  ASSERT_TRUE(until([&] { return one.reachable(2) == false; }));
  EXPECT_FALSE(one.is_up(2));
}

// --- what peers may do wrong ---

// Fault catalogue, row 59.
TEST_F(ElectionTransportTest, GarbageCostsOnlyTheConnectionItCameBy) {
  Server& one = server(1);
  const RawPeerPtr good = dial(one, 5, framed(1));
  ASSERT_TRUE(until([&] { return one.heard_from(5, 1); }));
  Bytes noise(3000);
  for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<std::uint8_t>(i * 37 + 11);
  Bytes unknown_version = opening(6, at(1));
  unknown_version[7] = 7;
  Bytes long_address = opening(6, at(1));
  store_be32(long_address.data() + 16, 2049);
  Bytes no_address = opening(6, at(1));
  store_be32(no_address.data() + 16, 0);
  const std::vector<Bytes> openings = {Bytes(3000, 0xff), Bytes{0x80, 0, 0, 0, 0, 0, 0, 0, 1},
                                       unknown_version,   long_address,
                                       no_address,        noise};
  for (const Bytes& bytes : openings) {
    const RawPeerPtr peer = RawPeer::connect(loop_, one.port());
    peer->send(bytes);
    ASSERT_TRUE(until([&] { return peer->closed; }));
  }
  const auto length = [](std::uint32_t value) {
    Bytes bytes(8);
    store_be32(bytes.data(), value);
    return bytes;
  };
  for (const Bytes& bytes :
       {length(0), length(524289), length(0x7fffffff), length(0xffffffff), Bytes(3000, 0xff)}) {
    const RawPeerPtr peer = dial(one, 6, bytes);
    ASSERT_TRUE(until([&] { return peer->closed; }));
  }
  good->send(framed(2));
  ASSERT_TRUE(until([&] { return one.heard_from(5, 2); }));
  EXPECT_FALSE(one.heard.contains(ServerId{6}));
  EXPECT_EQ(one.transport->connected(), std::vector{ServerId{5}});
}

TEST_F(ElectionTransportTest, SkipsANotificationThatItCannotReadAndKeepsTheConnection) {
  Server& one = server(1);
  Bytes unknown_state = framed(3);
  unknown_state[7] = 9;
  const RawPeerPtr peer = dial(one, 5, framed(Bytes(27, 0)) + unknown_state + framed(4));
  ASSERT_TRUE(until([&] { return one.heard_from(5, 4); }));
  EXPECT_EQ(one.heard[ServerId{5}], Server::Rounds{4});
  EXPECT_FALSE(peer->closed);
}

TEST_F(ElectionTransportTest, TakesWhatComesByteByByte) {
  Server& one = server(1);
  const RawPeerPtr peer = RawPeer::connect(loop_, one.port());
  for (const std::uint8_t byte : opening(5, at(listener_.port())) + framed(1) + framed(2)) {
    peer->send(Bytes{byte});
    settle(loop_);
  }
  ASSERT_TRUE(until([&] { return one.heard_from(5, 2); }));
  EXPECT_EQ(one.heard[ServerId{5}], (Server::Rounds{1, 2}));
}

TEST_F(ElectionTransportTest, TakesTheLongestNotification) {
  Server& one = server(1);
  zab::Notification largest = vote(8);
  largest.config = std::string(zab::kNotificationBytesMax - 44, 'x');
  const Bytes bytes = framed(zab::encode_notification(largest));
  ASSERT_EQ(bytes.size(), 4 + zab::kNotificationBytesMax);
  const RawPeerPtr peer = dial(one, 5);
  peer->send_all(bytes);
  ASSERT_TRUE(until([&] { return one.heard_from(5, 8); }));
}

// Fault catalogue, row 59: whoever connects and stays silent.
TEST_F(ElectionTransportTest, SilentConnectionsHoldUpNobodyAndTheOldestGoesFirst) {
  Server& one = server(1, {.openings_max = 3});
  std::vector<RawPeerPtr> silent;
  for (int i = 0; i < 3; ++i) {
    silent.push_back(RawPeer::connect(loop_, one.port()));
    silent.back()->send(Bytes{0xff});
    settle(loop_);
  }
  const RawPeerPtr peer = dial(one, 5, framed(1));
  ASSERT_TRUE(until([&] { return one.heard_from(5, 1); }));
  ASSERT_TRUE(until([&] { return silent[0]->closed; }));
  EXPECT_FALSE(silent[1]->closed);
  EXPECT_FALSE(silent[2]->closed);
}

TEST_F(ElectionTransportTest, ClosesWhoeverDoesNotSayInTimeWhoItIs) {
  Server& one = server(1, {.opening_timeout = Millis{40}});
  const RawPeerPtr silent = RawPeer::connect(loop_, one.port());
  const RawPeerPtr peer = dial(one, 5, framed(1));
  ASSERT_TRUE(until([&] { return silent->closed; }));
  EXPECT_TRUE(one.is_up(5)) << "a deadline for who has said it";
}

}  // namespace
}  // namespace paddock::server
