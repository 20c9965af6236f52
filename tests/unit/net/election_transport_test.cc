#include "server/net/election_transport.h"

#include "common/concat.h"
#include "tests/unit/net/election_transport_fixture.h"

namespace paddock::server {
namespace {

using namespace election_test;  // NOLINT: what these tests are written in

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
