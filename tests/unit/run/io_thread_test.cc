#include "server/run/io_thread.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/support/requests.h"

namespace paddock::server {
namespace {

constexpr auto kPatience = std::chrono::seconds(20);
constexpr SessionId kSession{77};

class NoWords final : public WordService {
 public:
  std::size_t word_bytes(std::uint32_t) const override { return 0; }
  void on_word(IoThread&, ConnectionId, ByteView) override {}
};

// An io thread with one connection, and this test as its core.
class IoThreadTest : public testing::Test {
 protected:
  IoThreadTest() : shared_(tree_, 1), limits_(0, 0) {}

  void SetUp() override {
    // Else a round of touches could come in between.
    IoThread::Options options{.client = {.frame_bytes_max = 1u << 20, .auth = auth_},
                              .touch_interval = Millis{3'600'000}};
    io_ = std::make_unique<IoThread>(options, shared_, limits_, words_);
    io_->start();
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    client_ = ends[0];
    const timeval patience{.tv_sec = kPatience.count(), .tv_usec = 0};
    ASSERT_EQ(::setsockopt(client_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    const ClientSession::Endpoint remote(boost::asio::ip::address_v4::loopback(), 1);
    ConnectionLimits::Admission admission = limits_.admit(remote.address());
    tell(NewConnection{ends[1], remote, std::move(admission.credentials)});
  }
  void TearDown() override {
    if (client_ >= 0) ::close(client_);
    io_->stop();
  }

  void tell(IoMail mail) {
    if (io_->put(std::move(mail))) io_->wake();
  }
  void send(const Bytes& frame) {
    Bytes framed(4);
    store_be32(framed.data(), static_cast<std::uint32_t>(frame.size()));
    append(framed, frame);
    ASSERT_EQ(::send(client_, framed.data(), framed.size(), MSG_NOSIGNAL), std::ssize(framed));
  }
  void receive_frame() {
    std::uint8_t head[4];
    ASSERT_EQ(::recv(client_, head, sizeof head, MSG_WAITALL), 4);
    Bytes frame(load_be32(head));
    ASSERT_EQ(::recv(client_, frame.data(), frame.size(), MSG_WAITALL), std::ssize(frame));
  }
  // The next event for the core; a Tick if none comes.
  CoreEvent next_event() {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (at_ == mail_.size() && std::chrono::steady_clock::now() < deadline) {
      at_ = 0;
      mail_.clear();
      shared_.to_core.take(mail_, deadline);
    }
    if (at_ == mail_.size()) return zab::Tick{};
    return std::get<CoreEvent>(std::move(mail_[at_++]));
  }

  DataTree tree_{{}};
  AuthOptions auth_;
  SharedState shared_;
  ConnectionLimits limits_;
  NoWords words_;
  std::unique_ptr<IoThread> io_;
  int client_ = -1;
  std::vector<CoreMail> mail_;
  std::size_t at_ = 0;
};

// Its session lives on for its whole timeout from then, not from a touch before.
TEST_F(IoThreadTest, TellsTheCoreWhoWasHeardFromBeforeItTellsThatTheConnectionIsGone) {
  send(test::connect_record(
      {.last_zxid_seen = {}, .timeout_ms = 10'000, .session = {}, .password = ByteView{}}));
  const CoreEvent asked = next_event();
  const auto* connect = std::get_if<ConnectSession>(&asked);
  ASSERT_NE(connect, nullptr);
  tell(SessionReply{connect->connection, kSession, 10'000, {}});
  receive_frame();
  send(test::request_frame(kXidPing, OpCode::kPing, {}));
  receive_frame();
  ::close(std::exchange(client_, -1));

  const CoreEvent heard = next_event();
  const auto* touches = std::get_if<Touches>(&heard);
  ASSERT_NE(touches, nullptr);
  ASSERT_EQ(touches->touches.size(), 1u);
  EXPECT_EQ(touches->touches[0].session, kSession);
  EXPECT_GT(touches->touches[0].at, Millis{0});
  const CoreEvent gone = next_event();
  ASSERT_TRUE(std::holds_alternative<Disconnected>(gone));
  EXPECT_EQ(std::get<Disconnected>(gone).session, kSession);
}

}  // namespace
}  // namespace paddock::server
