#include "server/net/election_transport.h"

#include <algorithm>
#include <deque>

#include "common/concat.h"
#include "common/jute.h"
#include "server/net/frame.h"
#include "tests/unit/net/loopback.h"
#include "zab/election_codec.h"

namespace paddock::server {
namespace {

constexpr ServerId kNameless{INT64_MAX};

zab::Notification vote(std::int64_t round) {
  return {.state = zab::ServerState::kLooking,
          .vote = {ServerId{2}, Zxid{0x100000007}, Epoch{1}},
          .election_epoch = round,
          .version = 2,
          .config = "version=0"};
}

Bytes framed(const Bytes& body) {
  Bytes bytes;
  JuteWriter(bytes).write_buffer(body);
  return bytes;
}
Bytes framed(std::int64_t round) {
  return framed(zab::encode_notification(vote(round)));
}
Bytes opening(std::int64_t sid, const HostPort& address) {
  return zab::encode_opening({ServerId{sid}, {address}});
}
Bytes operator+(Bytes a, const Bytes& b) {
  append(a, b);
  return a;
}

// The rounds of the notifications in `bytes`, which are whole ones.
std::vector<std::int64_t> rounds_in(ByteView bytes) {
  std::vector<std::int64_t> rounds;
  while (!bytes.empty()) {
    const FrameHead head = first_frame(bytes, 1u << 20);
    if (head.state != FrameHead::State::kWhole) break;
    rounds.push_back(zab::decode_notification(head.body)->election_epoch);
    bytes = bytes.subspan(kFramePrefixBytes + head.length);
  }
  return rounds;
}

// One server's election port, and what came by it.
struct Server final : ElectionEvents {
  using Rounds = std::vector<std::int64_t>;

  Server(boost::asio::io_context& l, NameLookup& lookup, std::int64_t sid,
         ElectionTransport::Options options = {})
      : loop(l), id{sid} {
    options.self = id;
    transport.emplace(loop, lookup, options, *this);
    listen(at(0));
  }
  void listen(const HostPort& address) {
    const auto listening = transport->set_listening({address}, address);
    EXPECT_TRUE(listening) << listening.error().message;
  }

  void on_notified(ServerId from, zab::Notification notification) override {
    EXPECT_FALSE(in_call) << "called from within";
    heard[from].push_back(notification.election_epoch);
    if (then) then();
  }
  void on_reachable(ServerId peer, bool reachable) override {
    EXPECT_FALSE(in_call) << "called from within";
    reports[peer].push_back(reachable);
  }

  void send(std::int64_t to, std::int64_t round) {
    in_call = true;
    transport->send(ServerId{to}, vote(round));
    in_call = false;
  }
  void know(ElectionTransport::Members members) {
    in_call = true;
    transport->set_members(std::move(members));
    in_call = false;
  }
  std::uint16_t port() const { return transport->port(); }
  bool is_up(std::int64_t peer) const {
    const auto up = transport->connected();
    return std::find(up.begin(), up.end(), ServerId{peer}) != up.end();
  }
  // The last thing that was said of a peer.
  std::optional<bool> reachable(std::int64_t peer) const {
    const auto found = reports.find(ServerId{peer});
    return found == reports.end() ? std::nullopt : std::optional(found->second.back());
  }
  bool heard_from(std::int64_t peer, std::int64_t round) const {
    const auto found = heard.find(ServerId{peer});
    return found != heard.end() && !found->second.empty() && found->second.back() == round;
  }

  boost::asio::io_context& loop;
  const ServerId id;
  std::map<ServerId, Rounds> heard;
  std::map<ServerId, std::vector<bool>> reports;
  std::function<void()> then;  // within each on_notified()
  bool in_call = false;
  std::optional<ElectionTransport> transport;
};

class ElectionTransportTest : public testing::Test {
 protected:
  Server& server(std::int64_t sid, ElectionTransport::Options options = {}) {
    return servers_.emplace_back(loop_, lookup_, sid, std::move(options));
  }
  bool until(const std::function<bool()>& happened) { return run_until(loop_, happened); }
  // A server `sid` in the hands of the test says who it is.
  RawPeerPtr dial(const Server& to, std::int64_t sid, const Bytes& behind = {}) {
    RawPeerPtr peer = RawPeer::connect(loop_, to.port());
    peer->send(opening(sid, at(listener_.port())) + behind);
    return peer;
  }
  RawPeerPtr accepted(std::size_t which) {
    EXPECT_TRUE(until([&] { return listener_.accepted.size() > which; }));
    return listener_.accepted.size() > which ? listener_.accepted[which] : nullptr;
  }

  boost::asio::io_context loop_;
  FakeLookup lookup_{loop_};
  RawListener listener_{loop_};
  std::deque<Server> servers_;
};

// --- who owns the connection ---

TEST_F(ElectionTransportTest, OfTheLargerOneDialsSaysWhoItIsAndKeepsTheConnection) {
  Server& two = server(2);
  two.know({{ServerId{1}, {at(listener_.port())}}});
  two.send(1, 10);
  const RawPeerPtr peer = accepted(0);
  const Bytes expected = opening(2, at(two.port())) + framed(10);
  ASSERT_TRUE(until([&] { return peer->received.size() >= expected.size(); }));
  EXPECT_EQ(peer->received, expected);
  EXPECT_EQ(two.reports[ServerId{1}], (std::vector{true}));

  peer->send(framed(11));
  ASSERT_TRUE(until([&] { return two.heard_from(1, 11); }));
  EXPECT_FALSE(peer->closed);
}

// ZooKeeper reads the address with one read, and gives up if that does not bring all of it.
TEST_F(ElectionTransportTest, WritesItsOpeningInOnePiece) {
  Server& two = server(2);
  two.know({{ServerId{1}, {at(listener_.port())}}});
  for (int i = 0; i < 50; ++i) {
    two.send(1, i);
    const RawPeerPtr peer = accepted(static_cast<std::size_t>(i));
    ASSERT_TRUE(until([&] { return !peer->reads.empty(); }));
    EXPECT_GE(peer->reads.front(), opening(2, at(two.port())).size());
    peer->close();
    ASSERT_TRUE(until([&] { return !two.is_up(1); }));
  }
}

TEST_F(ElectionTransportTest, OfTheSmallerOneDialsOnlyToBeDialledBack) {
  Server& one = server(1);
  one.know({{ServerId{2}, {at(listener_.port())}}});
  one.send(2, 10);
  const RawPeerPtr challenge = accepted(0);
  ASSERT_TRUE(until([&] { return challenge->closed; }));
  EXPECT_EQ(challenge->received, opening(1, at(one.port())));
  EXPECT_EQ(challenge->why, boost::asio::error::eof) << "not an orderly end";
  EXPECT_FALSE(one.reachable(2)) << "nothing is known yet";

  const RawPeerPtr back = dial(one, 2);
  ASSERT_TRUE(until([&] { return rounds_in(back->received) == Server::Rounds{10}; }));
  EXPECT_EQ(one.reachable(2), true);
}

TEST_F(ElectionTransportTest, TheLargerOneDialsBackWhereTheOpeningSays) {
  Server& three = server(3);
  DeadPort configured(loop_);
  three.know({{ServerId{1}, {at(configured.port())}}});
  const RawPeerPtr challenge = dial(three, 1);
  const RawPeerPtr back = accepted(0);
  ASSERT_TRUE(until([&] { return !back->received.empty(); }));
  EXPECT_EQ(back->received, opening(3, at(three.port())));
  ASSERT_TRUE(until([&] { return challenge->closed; }));
  EXPECT_EQ(three.reachable(1), true);
}

// Fault catalogue, row 60: members configured with 0.0.0.0.
TEST_F(ElectionTransportTest, TheLargerOneDialsBackWhereTheConfigurationSaysIfTheOpeningSaysHere) {
  Server& three = server(3);
  three.know({{ServerId{1}, {at(listener_.port())}}});
  for (const char* here : {"0.0.0.0", "::"}) {
    const RawPeerPtr challenge = RawPeer::connect(loop_, three.port());
    challenge->send(opening(1, {here, three.port()}));
    const RawPeerPtr back = accepted(listener_.accepted.size());
    ASSERT_TRUE(until([&] { return three.is_up(1); }));
    back->close();
    ASSERT_TRUE(until([&] { return !three.is_up(1); }));
  }
}

TEST_F(ElectionTransportTest, TheLargerOneDialsBackWhereTheConfigurationSaysIfTheOpeningIsWrong) {
  Server& three = server(3);
  DeadPort wrong(loop_);
  three.know({{ServerId{1}, {at(listener_.port())}}});
  const RawPeerPtr challenge = RawPeer::connect(loop_, three.port());
  challenge->send(opening(1, at(wrong.port())));
  ASSERT_TRUE(until([&] { return three.is_up(1); }));
  EXPECT_EQ(three.reports[ServerId{1}], (std::vector{true}));
}

TEST_F(ElectionTransportTest, ReportsAPeerThatCannotBeDialledBack) {
  Server& three = server(3);
  DeadPort wrong(loop_), configured(loop_);
  three.know({{ServerId{1}, {at(configured.port())}}});
  const RawPeerPtr challenge = RawPeer::connect(loop_, three.port());
  challenge->send(opening(1, at(wrong.port())));
  ASSERT_TRUE(until([&] { return three.reachable(1) == false; }));
  EXPECT_EQ(three.reports[ServerId{1}], (std::vector{false}));
}

TEST_F(ElectionTransportTest, ReportsAPeerThatDoesNotDialBack) {
  Server& one = server(1, {.dial_back_timeout = Millis{30}});
  one.know({{ServerId{2}, {at(listener_.port())}}});
  one.send(2, 10);
  ASSERT_TRUE(until([&] { return one.reachable(2) == false; }));
  one.send(2, 11);  // and challenges again
  ASSERT_TRUE(until([&] { return listener_.accepted.size() == 2; }));
}

TEST_F(ElectionTransportTest, WaitsForTheDialBackBeforeItChallengesAgain) {
  Server& one = server(1);
  one.know({{ServerId{2}, {at(listener_.port())}}});
  one.send(2, 10);
  const RawPeerPtr challenge = accepted(0);
  ASSERT_TRUE(until([&] { return challenge->closed; }));
  one.send(2, 11);
  const RawPeerPtr back = dial(one, 2);
  ASSERT_TRUE(until([&] { return !back->received.empty(); }));
  EXPECT_EQ(rounds_in(back->received), Server::Rounds{11});
  settle(loop_);
  EXPECT_EQ(listener_.accepted.size(), 1u);
}

TEST_F(ElectionTransportTest, TwoServersTalkBothWaysWhoeverBegins) {
  for (const bool smaller_begins : {false, true}) {
    Server& one = server(1);
    Server& two = server(2);
    one.know({{ServerId{2}, {at(two.port())}}});
    two.know({{ServerId{1}, {at(one.port())}}});
    smaller_begins ? one.send(2, 10) : two.send(1, 20);
    ASSERT_TRUE(until([&] { return one.is_up(2) && two.is_up(1); }));
    one.send(2, 11);
    two.send(1, 21);
    ASSERT_TRUE(until([&] { return one.heard_from(2, 21) && two.heard_from(1, 11); }));
    EXPECT_EQ(one.reports[ServerId{2}], (std::vector{true}));
    EXPECT_EQ(two.reports[ServerId{1}], (std::vector{true}));
    servers_.clear();
  }
}

TEST_F(ElectionTransportTest, TwoServersThatDialAtTheSameMomentEndWithOneConnection) {
  const std::size_t before = open_sockets();
  for (int i = 0; i < 100; ++i) {
    Server& one = server(1);
    Server& two = server(2);
    one.know({{ServerId{2}, {at(two.port())}}});
    two.know({{ServerId{1}, {at(one.port())}}});
    (i % 2 == 0 ? one : two).send(i % 2 == 0 ? 2 : 1, i);
    (i % 2 == 0 ? two : one).send(i % 2 == 0 ? 1 : 2, i);
    ASSERT_TRUE(until([&] { return one.heard_from(2, i) && two.heard_from(1, i); })) << i;
    settle(loop_);
    EXPECT_TRUE(one.is_up(2)) << i;
    EXPECT_TRUE(two.is_up(1)) << i;
    // Two that listen, and the two ends of one connection.
    EXPECT_EQ(open_sockets(), before + 4) << i;
    EXPECT_EQ(one.reports[ServerId{2}], (std::vector{true})) << i << ": it came and went";
    EXPECT_EQ(two.reports[ServerId{1}], (std::vector{true})) << i << ": it came and went";
    servers_.clear();
  }
  EXPECT_EQ(open_sockets(), before);
}

TEST_F(ElectionTransportTest, ANewConnectionOfTheLargerOneReplacesTheOldOne) {
  Server& one = server(1);
  one.know({{ServerId{2}, {at(listener_.port())}}});
  const RawPeerPtr old = dial(one, 2);
  ASSERT_TRUE(until([&] { return one.is_up(2); }));
  const RawPeerPtr fresh = dial(one, 2, framed(7));
  ASSERT_TRUE(until([&] { return old->closed && one.heard_from(2, 7); }));
  EXPECT_EQ(one.reports[ServerId{2}], (std::vector{true})) << "it was never gone";
  EXPECT_FALSE(fresh->closed);
}

// A server that restarts does not know of the connection that the other still has.
TEST_F(ElectionTransportTest, AChallengeReplacesAnOldConnection) {
  Server& two = server(2, {.simultaneous = Millis{0}});
  two.know({{ServerId{1}, {at(listener_.port())}}});
  two.send(1, 5);
  const RawPeerPtr old = accepted(0);
  ASSERT_TRUE(until([&] { return two.is_up(1); }));
  dial(two, 1);
  ASSERT_TRUE(until([&] { return old->closed; }));
  const RawPeerPtr fresh = accepted(1);
  const Bytes expected = opening(2, at(two.port())) + framed(5);
  ASSERT_TRUE(until([&] { return fresh->received.size() >= expected.size(); }));
  EXPECT_EQ(fresh->received, expected) << "the last message goes out again";
  EXPECT_EQ(two.reports[ServerId{1}], (std::vector{true})) << "it was never gone";
}

TEST_F(ElectionTransportTest, AChallengeThatCrossedTheDialIsAnsweredByIt) {
  Server& two = server(2, {.simultaneous = Millis{9000}});
  two.know({{ServerId{1}, {at(listener_.port())}}});
  two.send(1, 5);
  const RawPeerPtr kept = accepted(0);
  ASSERT_TRUE(until([&] { return two.is_up(1); }));
  const RawPeerPtr challenge = dial(two, 1);
  ASSERT_TRUE(until([&] { return challenge->closed; }));
  settle(loop_);
  EXPECT_FALSE(kept->closed);
  ASSERT_EQ(listener_.accepted.size(), 1u);

  // But if it was from before the challenge after all, then that is owed its answer.
  kept->close();
  const RawPeerPtr back = accepted(1);
  ASSERT_TRUE(until([&] { return !back->received.empty(); }));
  EXPECT_EQ(two.reports[ServerId{1}], (std::vector{true}));
}

TEST_F(ElectionTransportTest, RefusesItsOwnNumberAndNegativeOnes) {
  Server& one = server(1);
  for (const std::int64_t sid : {std::int64_t{1}, std::int64_t{-5}, INT64_MIN}) {
    const RawPeerPtr peer = dial(one, sid, framed(7));
    ASSERT_TRUE(until([&] { return peer->closed; })) << sid;
  }
  EXPECT_TRUE(one.heard.empty());
  EXPECT_TRUE(listener_.accepted.empty());
}

// --- strangers ---

TEST_F(ElectionTransportTest, ObserversWithoutANumberGetNegativeOnes) {
  Server& one = server(1);
  const RawPeerPtr a = dial(one, kNameless.value, framed(1));
  ASSERT_TRUE(until([&] { return one.heard_from(-1, 1); }));
  const RawPeerPtr b = dial(one, kNameless.value, framed(2));
  ASSERT_TRUE(until([&] { return one.heard_from(-2, 2); }));
  one.send(-1, 11);
  one.send(-2, 12);
  ASSERT_TRUE(until([&] { return !a->received.empty() && !b->received.empty(); }));
  EXPECT_EQ(rounds_in(a->received), Server::Rounds{11});
  EXPECT_EQ(rounds_in(b->received), Server::Rounds{12});
  EXPECT_TRUE(one.reports.empty()) << "nobody waits for a stranger";

  a->close();
  ASSERT_TRUE(until([&] { return one.transport->connected().size() == 1; }));
  one.send(-1, 13);  // to nobody
  settle(loop_);
  EXPECT_EQ(one.transport->connected(), std::vector{ServerId{-2}});
}

TEST_F(ElectionTransportTest, AnswersAStrangerAndForgetsItWhenItGoes) {
  Server& two = server(2);
  const RawPeerPtr challenge = dial(two, 1);
  const RawPeerPtr back = accepted(0);
  back->send(framed(3));
  ASSERT_TRUE(until([&] { return two.heard_from(1, 3); }));
  two.send(1, 4);
  const Bytes expected = opening(2, at(two.port())) + framed(4);
  ASSERT_TRUE(until([&] { return back->received.size() >= expected.size(); }));
  EXPECT_EQ(back->received, expected);
  back->close();
  ASSERT_TRUE(until([&] { return !two.is_up(1); }));
  two.send(1, 5);
  settle(loop_);
  EXPECT_EQ(listener_.accepted.size(), 1u) << "dialled a server that it knows no address of";
  EXPECT_TRUE(two.reports.empty());
}

TEST_F(ElectionTransportTest, TakesOnlySoManyStrangersAndAlwaysMembers) {
  Server& one = server(1, {.strangers_max = 2});
  one.know({{ServerId{9}, {at(listener_.port())}}});
  const RawPeerPtr a = dial(one, 5), b = dial(one, 6);
  ASSERT_TRUE(until([&] { return one.is_up(5) && one.is_up(6); }));
  const RawPeerPtr c = dial(one, 7);
  ASSERT_TRUE(until([&] { return c->closed; }));
  const RawPeerPtr member = dial(one, 9);
  ASSERT_TRUE(until([&] { return one.is_up(9); }));
  a->close();
  ASSERT_TRUE(until([&] { return !one.is_up(5); }));
  const RawPeerPtr d = dial(one, 8);
  ASSERT_TRUE(until([&] { return one.is_up(8); }));
}

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

// --- reconfiguration ---

TEST_F(ElectionTransportTest, AServerThatMovedIsDialledWhereItIsNow) {
  Server& two = server(2);
  two.know({{ServerId{1}, {at(listener_.port())}}});
  two.send(1, 1);
  const RawPeerPtr before = accepted(0);
  ASSERT_TRUE(until([&] { return two.is_up(1); }));
  RawListener moved(loop_);
  two.know({{ServerId{1}, {at(moved.port())}}});
  ASSERT_TRUE(until([&] { return before->closed && two.reachable(1) == false; }));
  settle(loop_);
  EXPECT_TRUE(moved.accepted.empty()) << "dialled with nothing to say";
  two.send(1, 2);
  ASSERT_TRUE(until([&] { return moved.accepted.size() == 1 && two.is_up(1); }));
  EXPECT_EQ(two.reachable(1), true);
}

TEST_F(ElectionTransportTest, AServerThatStaysWhereItIsKeepsItsConnection) {
  Server& two = server(2);
  two.know({{ServerId{1}, {at(listener_.port())}}});
  two.send(1, 1);
  const RawPeerPtr peer = accepted(0);
  ASSERT_TRUE(until([&] { return two.is_up(1); }));
  two.know({{ServerId{1}, {at(listener_.port())}}, {ServerId{3}, {at(1)}}});
  settle(loop_);
  EXPECT_FALSE(peer->closed);
  EXPECT_EQ(two.reports[ServerId{1}], (std::vector{true}));
}

TEST_F(ElectionTransportTest, AServerThatLeftIsAnsweredWhileItIsConnected) {
  Server& two = server(2);
  two.know({{ServerId{1}, {at(listener_.port())}}});
  two.send(1, 1);
  const RawPeerPtr peer = accepted(0);
  ASSERT_TRUE(until([&] { return two.is_up(1); }));
  two.know({});
  const std::size_t before = peer->received.size();
  two.send(1, 2);
  ASSERT_TRUE(until([&] { return peer->received.size() > before; }));
  peer->close();
  ASSERT_TRUE(until([&] { return !two.is_up(1); }));
  two.send(1, 3);
  settle(loop_);
  EXPECT_EQ(listener_.accepted.size(), 1u);
}

TEST_F(ElectionTransportTest, AStrangerThatJoinsIsReportedAsItIs) {
  Server& one = server(1);
  const RawPeerPtr peer = dial(one, 5, framed(1));
  ASSERT_TRUE(until([&] { return one.heard_from(5, 1); }));
  EXPECT_TRUE(one.reports.empty());
  one.know({{ServerId{5}, {at(listener_.port())}}, {ServerId{6}, {at(listener_.port())}}});
  ASSERT_TRUE(until([&] { return one.reachable(5) == true; }));
  settle(loop_);
  EXPECT_FALSE(one.reachable(6)) << "nothing is known of it";
}

TEST_F(ElectionTransportTest, MayBeReconfiguredByWhatItReports) {
  Server& one = server(1);
  one.know({{ServerId{5}, {at(listener_.port())}}});
  one.then = [&] { one.transport->set_members({{ServerId{5}, {at(1)}}}); };
  const RawPeerPtr peer = dial(one, 5, framed(1) + framed(2));
  ASSERT_TRUE(until([&] { return peer->closed && one.reachable(5) == false; }));
  EXPECT_EQ(one.heard[ServerId{5}], Server::Rounds{1}) << "heard of a connection that was closed";
}

// --- the rest ---

TEST_F(ElectionTransportTest, DescribesItselfInOneLine) {
  Server& two = server(2);
  BlackHole hole(loop_);
  two.know({{ServerId{1}, {at(listener_.port())}},
            {ServerId{3}, {at(hole.port())}},
            {ServerId{4}, {at(1)}}});
  two.send(1, 1);
  two.send(3, 1);
  const RawPeerPtr stranger = dial(two, 7);
  ASSERT_TRUE(until([&] { return two.is_up(1) && two.is_up(7); }));
  EXPECT_EQ(two.transport->describe(), concat("election port ", two.port(),
                                              " openings=0 1=up 3=dialling 4=down 7=up(stranger)"));
}

TEST_F(ElectionTransportTest, LeavesNothingBehindWhateverIsUnderWay) {
  BlackHole hole(loop_);
  const std::size_t before = open_sockets();
  Server& three = server(3);
  three.know({{ServerId{1}, {at(listener_.port())}},
              {ServerId{2}, {at(hole.port())}},
              {ServerId{4}, {at(listener_.port())}},
              {ServerId{5}, {{"silent", 1}}}});
  const RawPeerPtr silent = RawPeer::connect(loop_, three.port());
  for (const std::int64_t peer : {1, 2, 4, 5}) three.send(peer, 1);
  ASSERT_TRUE(until([&] { return three.is_up(1) && listener_.accepted.size() == 2; }));
  three.transport.reset();
  ASSERT_TRUE(until([&] { return silent->closed && listener_.accepted[0]->closed; }));
  silent->close();
  for (const RawPeerPtr& peer : listener_.accepted) peer->close();
  settle(loop_);
  EXPECT_EQ(open_sockets(), before);
}

}  // namespace
}  // namespace paddock::server
