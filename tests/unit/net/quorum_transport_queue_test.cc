// What waits for peers that do not read, or read slowly.
#include <algorithm>
#include <chrono>

#include <boost/asio/steady_timer.hpp>

#include "common/concat.h"
#include "tests/unit/net/quorum_transport_fixture.h"

namespace paddock::server {
namespace {

using namespace quorum_test;  // NOLINT: what these tests are written in

// Fault catalogue, row 64; ZOOKEEPER-3240: a peer that takes nothing.
TEST_F(QuorumTransportTest, APeerThatStopsReadingIsClosedAndTheOthersDoNotNotice) {
  Server& leader = server({.write_timeout = Millis{60}});
  leader.listen();
  const Tcp::socket deaf = deaf_learner(leader);
  const RawPeerPtr good = raw_learner(leader);
  constexpr LinkId kDeaf{2}, kGood{4};
  const std::size_t packet = encoded({zab::Proposal{txn(1)}}).size();
  for (std::size_t i = 1; i <= 200; ++i) {  // far more than the system keeps for a connection
    leader.send(kDeaf, zab::Proposal{txn(1, 100'000)});
    leader.send(kGood, zab::Proposal{txn(1)});
    ASSERT_TRUE(until([&] { return good->received.size() == i * packet; })) << i;
  }
  ASSERT_TRUE(until([&] { return leader.closed.contains(kDeaf); }));
  EXPECT_EQ(leader.closed[kDeaf], "it takes nothing since 60 ms");
  EXPECT_FALSE(leader.closed.contains(kGood));
  EXPECT_FALSE(leader.transport->link(kDeaf));
}

TEST_F(QuorumTransportTest, APeerThatReadsSlowlyIsKept) {
  Server& leader = server({.write_timeout = Millis{1500}});
  leader.listen();
  const RawPeerPtr slow = raw_learner(leader, 0);
  const std::size_t packet = encoded({zab::Proposal{txn(1, 100'000)}}).size();
  constexpr std::size_t kPackets = 600;
  for (std::size_t i = 0; i < kPackets; ++i) {
    leader.send(kAccepted, zab::Proposal{txn(1, 100'000)});
  }
  const auto began = std::chrono::steady_clock::now();
  const auto done = [&] {
    return slow->received.size() == kPackets * packet || leader.closed.contains(kAccepted);
  };
  // A piece now and then: in all it takes far longer than it may be silent.
  boost::asio::steady_timer timer(loop_);
  const std::function<void()> read_some = [&] {
    slow->read_on(2'500'000);
    timer.expires_after(std::chrono::milliseconds(80));
    timer.async_wait([&](error_code ec) {
      if (!ec && !done()) read_some();
    });
  };
  read_some();
  ASSERT_TRUE(until(done));
  timer.cancel();
  settle(loop_);
  EXPECT_TRUE(leader.closed.empty()) << leader.closed[kAccepted];
  EXPECT_GT(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(1500));
}

TEST_F(QuorumTransportTest, TheTimeoutOfALinkCanBeChangedWhileItWaits) {
  Server& leader = server({.write_timeout = Millis{600'000}});
  leader.listen();
  const Tcp::socket deaf = deaf_learner(leader);
  for (int i = 1; i < 200; ++i) leader.send(kAccepted, zab::Proposal{txn(i, 100'000)});
  settle(loop_);
  EXPECT_TRUE(leader.closed.empty());
  leader.call([](QuorumTransport& t) { t.set_write_timeout(kAccepted, Millis{20}); });
  ASSERT_TRUE(until([&] { return leader.closed.contains(kAccepted); }));
  EXPECT_EQ(leader.closed[kAccepted], "it takes nothing since 20 ms");
}

TEST_F(QuorumTransportTest, ALinkWhoseQueueWouldPassTheBoundIsClosed) {
  Server& leader = server({.queue_bytes_max = 1u << 20});
  leader.listen();
  const Tcp::socket deaf = deaf_learner(leader);
  const RawPeerPtr good = raw_learner(leader);
  std::size_t most = 0;
  for (int i = 1; i < 1000 && !leader.closed.contains(kAccepted); ++i) {
    leader.send(kAccepted, zab::Proposal{txn(i, 100'000)});
    if (const auto status = leader.transport->link(kAccepted)) {
      most = std::max(most, status->bytes_queued);
    }
    settle(loop_);
  }
  EXPECT_EQ(leader.closed[kAccepted], "more than 1048576 bytes wait for it");
  EXPECT_LE(most, 1u << 20);
  EXPECT_GT(most, 900'000u);
  leader.send(kAccepted, zab::UpToDate{});  // to nobody
  leader.send(LinkId{4}, zab::UpToDate{});
  ASSERT_TRUE(until([&] { return kinds_in(good->received) == "U"; }));
}

TEST_F(QuorumTransportTest, OneMessageIsAlwaysLetInHoweverLong) {
  pair({.queue_bytes_max = 1000});
  leader_->send(kAccepted, zab::Proposal{txn(1, 100'000)});
  ASSERT_TRUE(until([&] { return learner_->kinds(kDialled) == "P1"; }));
}

TEST_F(QuorumTransportTest, ShowsWhatWaitsAndWhatWent) {
  Server& leader = server();
  leader.listen();
  const RawPeerPtr peer = raw_learner(leader);
  const Bytes hello = encoded({zab::Ack{Zxid{1}}});
  peer->send(hello);
  const Bytes reply = encoded({zab::UpToDate{}});
  leader.send(kAccepted, zab::UpToDate{});
  EXPECT_GT(leader.transport->link(kAccepted)->bytes_queued, 0u);
  ASSERT_TRUE(until([&] { return peer->received == reply && !leader.received.empty(); }));
  settle(loop_);
  const LinkStatus status = leader.transport->link(kAccepted).value();
  EXPECT_TRUE(status.up);
  EXPECT_EQ(status.bytes_queued, 0u);
  EXPECT_EQ(status.bytes_read, hello.size());
  EXPECT_EQ(status.bytes_written, reply.size());
  EXPECT_GT(status.last_read, Millis{});
  EXPECT_GT(status.last_written, Millis{});
  EXPECT_EQ(status.remote, to_string(at(peer->socket().local_endpoint().port())));

  BlackHole hole(loop_);
  leader.connect(LinkId{9}, {at(hole.port()), {"silent", 1}});
  ASSERT_EQ(leader.transport->links().size(), 2u);
  EXPECT_EQ(to_string(leader.transport->links()[1], Millis{}),
            concat("link 9 dialling 127.0.0.1:", hole.port(), "|silent:1"));
  EXPECT_EQ(to_string({LinkId{4}, "a:1", true, 5, 6, 7, Millis{90}, Millis{80}}, Millis{100}),
            "link 4 a:1 queued=5B read=6B written=7B read_ago=10ms written_ago=20ms");
}

}  // namespace
}  // namespace paddock::server
