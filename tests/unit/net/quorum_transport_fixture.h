#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/concat.h"
#include "server/net/quorum_transport.h"
#include "tests/unit/net/loopback.h"

// Quorum ports of servers that talk to each other, or to a peer in the hands of the test.
namespace paddock::server::quorum_test {

using zab::LinkId;
using zab::Message;

inline constexpr zab::PacketLimits kLimits{1u << 20};

inline zab::Txn txn(std::int64_t zxid, std::size_t bytes = 10) {
  return {Zxid{zxid}, std::make_shared<const Bytes>(bytes, static_cast<std::uint8_t>(zxid))};
}
inline Bytes encoded(const std::vector<Message>& messages) {
  Bytes bytes;
  for (const Message& message : messages) zab::encode_packet(message, bytes);
  return bytes;
}
// The zxids of the messages in `bytes`, by kind: "P5 C5 U".
inline std::string kinds_in(ByteView bytes) {
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
inline Bytes block(std::uint32_t bytes) {
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

}  // namespace paddock::server::quorum_test
