#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "common/jute.h"
#include "server/net/election_transport.h"
#include "server/net/frame.h"
#include "tests/unit/net/loopback.h"
#include "zab/election_codec.h"

// Election ports of servers that talk to each other, or to a peer in the hands of the test.
namespace paddock::server::election_test {

inline constexpr ServerId kNameless{INT64_MAX};

inline zab::Notification vote(std::int64_t round) {
  return {.state = zab::ServerState::kLooking,
          .vote = {ServerId{2}, Zxid{0x100000007}, Epoch{1}},
          .election_epoch = round,
          .version = 2,
          .config = "version=0"};
}

inline Bytes framed(const Bytes& body) {
  Bytes bytes;
  JuteWriter(bytes).write_buffer(body);
  return bytes;
}
inline Bytes framed(std::int64_t round) {
  return framed(zab::encode_notification(vote(round)));
}
inline Bytes opening(std::int64_t sid, const HostPort& address) {
  return zab::encode_opening({ServerId{sid}, {address}});
}
inline Bytes operator+(Bytes a, const Bytes& b) {
  append(a, b);
  return a;
}

// The rounds of the notifications in `bytes`, which are whole ones.
inline std::vector<std::int64_t> rounds_in(ByteView bytes) {
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

}  // namespace paddock::server::election_test
