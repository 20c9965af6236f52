// The bytes that a client connection brings, from the first on: handshake or operator's word, then
// frames. They go through the connection's own code to a whole server behind it, once at a stroke
// and once in pieces whose size the first byte gives. The answers must be the same, except that
// bytes which break the protocol may cut off answers earlier when they arrive together with what
// they answer.

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/check.h"
#include "common/metrics.h"
#include "server/admin/four_letter.h"
#include "server/core/core.h"
#include "server/net/client_session.h"

using namespace paddock;
using namespace paddock::server;

namespace {

constexpr ConnectionId kConnection{0, 0};
constexpr WallMillis kWall{1'700'000'000'000};
constexpr Millis kNow{1000};
constexpr std::uint32_t kFrameBytesMax = 1u << 16;

// An io thread with one connection, and the server behind it.
class Host final : public SessionHost {
 public:
  Host() : tree_(TreeOptions{}), core_(CoreOptions{}, tree_, {}, kNow, kWall) {
    std::array<int, 2> ends{};
    PADDOCK_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) == 0);
    peer_.emplace(io_.get_executor(), ends[1]);
    session_.emplace(*this, ClientSession::Socket(io_.get_executor(), ends[0]), kConnection,
                     ClientSession::Endpoint{},
                     std::make_shared<Credentials>(Credentials{{"ip", "127.0.0.1"}}));
  }

  // False: the connection is closed.
  bool feed(ByteView bytes) {
    in_slot_ = session_->needs_tree(bytes);
    session_->on_bytes(bytes);
    in_slot_ = false;
    settle();
    return !session_->closed();
  }

  Bytes take_answers() { return std::move(answers_); }

  const DataTree& tree() override {
    PADDOCK_CHECK(in_slot_);
    return tree_;
  }
  Zxid last_zxid() const override { return tree_.last_zxid(); }
  WatchTable& watches() override { return watches_; }
  const ClientSettings& settings() const override { return settings_; }
  ThreadMetrics& metrics() override { return thread_metrics_; }
  std::int64_t arrived_us() const override { return 0; }
  std::int64_t now_us() const override { return 0; }
  WallMillis wall_now() const override { return kWall; }
  bool overloaded() const override { return false; }
  void count_outstanding(std::int64_t requests, std::int64_t) override { outstanding_ += requests; }
  void send_to_core(CoreEvent event) override { to_core_.push_back(std::move(event)); }
  void touch(ClientSession&) override {}
  void changed(ClientSession&) override {}
  std::size_t word_bytes(std::uint32_t first_four) const override {
    const std::optional<FourLetterWord> word = four_letter_word(first_four);
    if (!word) return 0;
    return *word == FourLetterWord::kStmk ? 12 : 4;
  }
  void on_word(ClientSession& session, ByteView bytes) override {
    const std::optional<FourLetterWord> word = four_letter_word(load_be32(bytes.data()));
    PADDOCK_CHECK(word.has_value());
    PADDOCK_CHECK(bytes.size() == word_bytes(load_be32(bytes.data())));
    session.answer_word(to_string(*word));
  }
  void log_misuse(const ClientSession&, std::string_view what) override {
    PADDOCK_CHECK(!what.empty());
  }
  Bytes borrow_buffer() override { return {}; }
  void give_back(Bytes) override {}

 private:
  // Goes on until nothing is in progress any more.
  void settle() {
    for (;;) {
      drain();
      if (to_core_.empty() && !session_->can_resume()) break;
      std::vector<CoreEvent> events = std::exchange(to_core_, {});
      for (CoreEvent& event : events) core_.step(std::move(event), kNow, kWall, actions_);
      in_slot_ = true;
      commit_and_deliver();
      if (!session_->closed()) session_->resume();
      in_slot_ = false;
    }
    PADDOCK_CHECK(session_->closed() || session_->in_flight() == 0);
    PADDOCK_CHECK(session_->closed() || outstanding_ == 0);
    PADDOCK_CHECK(core_.outstanding() == 0);
  }

  void commit_and_deliver() {
    for (;;) {
      PADDOCK_CHECK(!actions_.fatal);
      CoreActions actions = std::exchange(actions_, {});
      for (ClientAction& action : actions.client) {
        std::visit([&](auto& what) { deliver(what); }, action);
      }
      if (actions.writes.empty() && !core_.has_committed()) return;
      if (!actions.writes.empty()) {
        const zab::WriteTicket last = std::get<zab::Append>(actions.writes.back()).ticket;
        core_.step(zab::Persisted{last}, kNow, kWall, actions_);
      }
      if (core_.has_committed()) core_.apply_committed(!watches_.empty(), kNow, actions_);
    }
  }

  void deliver(TreeChange& change) {
    watches_.trigger(
        change, [&](WatcherId watcher, EventType type, std::string_view path, const AclRef& acl) {
          PADDOCK_CHECK(watcher == kConnection.number);
          session_->on_event(type, path, change.zxid, acl);
        });
  }
  void deliver(Reply& reply) { session_->on_reply(std::move(reply)); }
  void deliver(SessionReply& reply) { session_->on_session_reply(reply); }
  void deliver(ServingChanged&) {}
  void deliver(CloseConnection&) {
    session_->flush();
    session_->close("");
  }

  // What the client would read.
  void drain() {
    do {
      session_->flush();
      std::array<std::uint8_t, 1 << 16> piece;
      for (ssize_t n; (n = ::recv(peer_->native_handle(), piece.data(), piece.size(), 0)) > 0;) {
        append(answers_, ByteView(piece.data(), static_cast<std::size_t>(n)));
      }
    } while (session_->wants_write());
  }

  boost::asio::io_context io_;
  AuthOptions auth_;
  const ClientSettings settings_{kFrameBytesMax, auth_};
  Metrics metrics_;
  ThreadMetrics& thread_metrics_ = metrics_.new_thread();
  DataTree tree_;
  WatchTable watches_;
  Core core_;
  CoreActions actions_;
  std::vector<CoreEvent> to_core_;
  std::optional<ClientSession::Socket> peer_;
  std::optional<ClientSession> session_;
  Bytes answers_;
  std::int64_t outstanding_ = 0;
  bool in_slot_ = false;
};

Bytes answers_to(ByteView stream, std::size_t piece_bytes) {
  Host host;
  while (!stream.empty()) {
    const std::size_t n = std::min(piece_bytes, stream.size());
    if (!host.feed(stream.first(n))) break;
    stream = stream.subspan(n);
  }
  return host.take_answers();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const ByteView stream(data + 1, size - 1);
  const Bytes at_once = answers_to(stream, stream.size());
  const Bytes in_pieces = answers_to(stream, 1u + data[0]);
  PADDOCK_CHECK(at_once.size() <= in_pieces.size());
  PADDOCK_CHECK(std::equal(at_once.begin(), at_once.end(), in_pieces.begin()));
  return 0;
}
