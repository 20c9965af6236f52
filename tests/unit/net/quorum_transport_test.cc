#include "server/net/quorum_transport.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <random>

#include <boost/asio/steady_timer.hpp>

#include "common/concat.h"
#include "common/jute.h"
#include "tests/unit/net/loopback.h"

namespace paddock::server {
namespace {

using zab::LinkId;
using zab::Message;

constexpr zab::PacketLimits kLimits{1u << 20};

zab::Txn txn(std::int64_t zxid, std::size_t bytes = 10) {
  return {Zxid{zxid}, std::make_shared<const Bytes>(bytes, static_cast<std::uint8_t>(zxid))};
}
Bytes encoded(const std::vector<Message>& messages) {
  Bytes bytes;
  for (const Message& message : messages) zab::encode_packet(message, bytes);
  return bytes;
}
// The zxids of the messages in `bytes`, by kind: "P5 C5 U".
std::string kinds_in(ByteView bytes) {
  std::string text;
  while (!bytes.empty()) {
    const auto decoded = zab::decode_packet(bytes, kLimits);
    if (!decoded || !*decoded) return text + " and " + std::to_string(bytes.size()) + " bytes";
    const Message& message = *(*decoded)->message;
    text += text.empty() ? "" : " ";
    if (const auto* proposal = std::get_if<zab::Proposal>(&message)) {
      text += concat("P", proposal->txn.zxid.value);
    } else if (const auto* commit = std::get_if<zab::Commit>(&message)) {
      text += concat("C", commit->zxid.value);
    } else {
      text += to_string(message).substr(0, 1);
    }
    bytes = bytes.subspan((*decoded)->bytes);
  }
  return text;
}

// A snapshot's stream for these tests: blocks of a length and that many bytes, all of the same
// value; a length of 0 is the end.
Bytes block(std::uint32_t bytes) {
  Bytes one(4 + bytes, static_cast<std::uint8_t>(bytes));
  store_be32(one.data(), bytes);
  return one;
}

// Reads such a stream as a parser of snapshots would: whole blocks or nothing.
struct BlockSink final : SnapshotSink {
  Result<Taken> consume(ByteView piece) override {
    ++calls;
    if (!refuses.empty()) return Error{Code::kCorrupt, refuses};
    std::size_t at = 0;
    while (piece.size() - at >= 4) {
      if (waits) return Taken{at, State::kLater};
      const std::size_t length = load_be32(piece.data() + at);
      if (piece.size() - at < 4 + length) break;
      const ByteView body = piece.subspan(at + 4, length);
      for (const std::uint8_t byte : body) {
        if (byte != static_cast<std::uint8_t>(length)) return Error{Code::kCorrupt, "a wrong byte"};
      }
      at += 4 + length;
      bytes += 4 + length;
      if (length == 0) return Taken{at, State::kDone};
    }
    return Taken{at, State::kMore};
  }
  std::size_t bytes = 0;
  int calls = 0;
  bool waits = false;
  std::string refuses;
};

// Gives one.
struct BlockFeed final : SnapshotFeed {
  struct Progress {
    std::size_t given = 0;
    bool alive = true;
    bool waits = false;
    std::string fails;
  };
  BlockFeed(std::size_t blocks, std::uint32_t block_bytes, std::shared_ptr<Progress> p)
      : left(blocks), body(block_bytes), progress(std::move(p)) {}
  ~BlockFeed() override { progress->alive = false; }

  Result<State> next(Bytes& to, std::size_t bytes_wanted) override {
    if (progress->waits) return State::kLater;
    if (!progress->fails.empty()) return Error{Code::kIo, progress->fails};
    const std::size_t before = to.size();
    do {
      append(to, --left == 0 ? block(0) : block(body));
    } while (left > 0 && to.size() - before < bytes_wanted);
    progress->given += to.size() - before;
    return left == 0 ? State::kEnd : State::kMore;
  }
  std::size_t left;
  const std::uint32_t body;
  std::shared_ptr<Progress> progress;
};

struct TestHistory final : HistoryFeed {
  struct Progress {
    std::int64_t next = 1;
    std::int64_t last = 0;
    std::int64_t wait_before = 0;
    std::size_t bytes = 10;
    bool alive = true;
    std::string fails;
  };
  explicit TestHistory(std::shared_ptr<Progress> p) : progress(std::move(p)) {}
  ~TestHistory() override { progress->alive = false; }
  Result<Next> next() override {
    Progress& p = *progress;
    if (!p.fails.empty()) return Error{Code::kIo, p.fails};
    if (p.next > p.last) return Next{{}, State::kEnd};
    if (p.next == p.wait_before) return Next{{}, State::kLater};
    const std::int64_t zxid = p.next++;
    return Next{txn(zxid, p.bytes), zxid == p.last && zxid % 2 == 0 ? State::kEnd : State::kMore};
  }
  std::shared_ptr<Progress> progress;
};

// One server's quorum port, and what came by it.
struct Server final : QuorumEvents {
  Server(boost::asio::io_context& loop, NameLookup& lookup, QuorumTransport::Options options) {
    transport.emplace(loop, lookup, options, *this);
  }

  void on_opened(LinkId link) override {
    EXPECT_FALSE(in_call) << "called from within";
    opened.push_back(link);
  }
  void on_closed(LinkId link, const std::string& why) override {
    EXPECT_FALSE(in_call) << "called from within";
    EXPECT_FALSE(closed.contains(link)) << "closed twice";
    closed[link] = why;
  }
  void on_received(LinkId link, std::span<Message> messages) override {
    EXPECT_FALSE(in_call) << "called from within";
    EXPECT_FALSE(closed.contains(link));
    batches[link].push_back(messages.size());
    for (Message& message : messages) received[link].push_back(std::move(message));
    if (then) then(link);
  }
  SnapshotSink* on_snapshot(LinkId link, zab::Snap snap) override {
    EXPECT_TRUE(std::holds_alternative<zab::Snap>(received[link].back()));
    snapshots.push_back(snap.zxid);
    return sink;
  }
  void on_snapshot_end(LinkId link) override { snapshot_ends.push_back(link); }

  void listen(const std::vector<HostPort>& addresses = {at(0)}) {
    ASSERT_TRUE(transport->set_listening(addresses));
    const auto accepts = transport->accept_learners(true);
    ASSERT_TRUE(accepts) << accepts.error().message;
  }
  // Makes sure that nothing calls back from within.
  template <typename F>
  void call(F f) {
    in_call = true;
    f(*transport);
    in_call = false;
  }
  void connect(LinkId link, const std::vector<HostPort>& to, Millis limit = Millis{9000}) {
    call([&](QuorumTransport& t) { t.connect(link, to, limit); });
  }
  void send(LinkId link, Message message) {
    call([&](QuorumTransport& t) { t.send(link, std::move(message)); });
  }
  void close(LinkId link) {
    call([&](QuorumTransport& t) { t.close(link, "a test says so"); });
  }
  std::string kinds(LinkId link) { return kinds_in(encoded(received[link])); }

  std::vector<LinkId> opened;
  std::map<LinkId, std::string> closed;
  std::map<LinkId, std::vector<Message>> received;
  std::map<LinkId, std::vector<std::size_t>> batches;
  std::vector<Zxid> snapshots;
  std::vector<LinkId> snapshot_ends;
  SnapshotSink* sink = nullptr;
  std::function<void(LinkId)> then;
  bool in_call = false;
  std::optional<QuorumTransport> transport;
};

class QuorumTransportTest : public testing::Test {
 protected:
  static constexpr LinkId kDialled{1};
  static constexpr LinkId kAccepted{2};

  Server& server(QuorumTransport::Options options = {}) {
    options.packets = kLimits;
    return servers_.emplace_back(loop_, lookup_, options);
  }
  bool until(const std::function<bool()>& happened) { return run_until(loop_, happened); }
  // A leader, and a learner that has just dialled it.
  void pair(QuorumTransport::Options options = {}) {
    leader_ = &server(options);
    learner_ = &server(options);
    leader_->listen();
    learner_->connect(kDialled, {at(leader_->transport->port())});
    ASSERT_TRUE(until([&] { return !leader_->opened.empty() && !learner_->opened.empty(); }));
    ASSERT_EQ(leader_->opened, std::vector{kAccepted});
    ASSERT_EQ(learner_->opened, std::vector{kDialled});
  }
  // A leader, and a learner in the hands of the test.
  RawPeerPtr raw_learner(Server& leader, std::size_t bytes_wanted = SIZE_MAX) {
    const std::size_t before = leader.opened.size();
    RawPeerPtr peer = RawPeer::connect(loop_, leader.transport->port(), bytes_wanted);
    EXPECT_TRUE(until([&] { return leader.opened.size() > before; }));
    return peer;
  }
  // A learner that does not read at all.
  Tcp::socket deaf_learner(Server& leader) {
    const std::size_t before = leader.opened.size();
    Tcp::socket socket(loop_);
    socket.connect(loopback(leader.transport->port()));
    EXPECT_TRUE(until([&] { return leader.opened.size() > before; }));
    return socket;
  }

  boost::asio::io_context loop_;
  FakeLookup lookup_{loop_};
  std::deque<Server> servers_;
  Server* leader_ = nullptr;
  Server* learner_ = nullptr;
};

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

// --- peers that do not read, and queues ---

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
  for (int round = 0; round < 20; ++round) {
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
