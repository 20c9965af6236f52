#include "server/net/client_session.h"

#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "common/jute.h"
#include "common/limits.h"
#include "common/records.h"
#include "server/request/read.h"

namespace paddock::server {
namespace {

constexpr std::uint32_t kFrameBytesMax = 100'000;
constexpr std::uint32_t kWord = 0x72756f6b;      // ruok
constexpr std::uint32_t kLongWord = 0x73746d6b;  // stmk: eight bytes follow

// What an io thread does, by hand: one connection over a pair of sockets.
class ClientSessionTest : public testing::Test, public SessionHost {
 public:
  ClientSessionTest() { connect(); }
  ~ClientSessionTest() override { ::close(peer_); }

  void connect() {
    int fds[2] = {-1, -1};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    if (peer_ >= 0) ::close(peer_);
    peer_ = fds[1];
    session_.emplace(*this, ClientSession::Socket(io_.get_executor(), fds[0]), ConnectionId{0, 1},
                     ClientSession::Endpoint(boost::asio::ip::make_address("10.0.0.9"), 4711),
                     std::make_shared<const Credentials>(Credentials{Id{"ip", "10.0.0.9"}}));
  }

  // SessionHost
  const DataTree& tree() override { return tree_; }
  Zxid last_zxid() const override { return Zxid{7}; }
  WatchTable& watches() override { return watches_; }
  const ClientSettings& settings() const override { return settings_; }
  ThreadMetrics& metrics() override { return metrics_; }
  std::int64_t arrived_us() const override { return 1000; }
  std::int64_t now_us() const override { return 3000; }
  WallMillis wall_now() const override { return {}; }
  bool overloaded() const override { return overloaded_; }
  void count_outstanding(std::int64_t requests, std::int64_t bytes) override {
    outstanding_ += requests;
    outstanding_bytes_ += bytes;
  }
  void send_to_core(CoreEvent event) override { to_core_.push_back(std::move(event)); }
  void touch(ClientSession&) override { ++touches_; }
  void changed(ClientSession&) override {}
  std::size_t word_bytes(std::uint32_t first) const override {
    return first == kWord ? 4 : first == kLongWord ? 12 : 0;
  }
  void on_word(ClientSession& session, ByteView word) override {
    word_.assign(as_chars(word));
    session.answer_word("imok");
  }
  void log_misuse(const ClientSession&, std::string_view what) override { misuse_ = what; }
  Bytes borrow_buffer() override { return {}; }
  void give_back(Bytes) override {}

 protected:
  static Bytes frame(const Bytes& body) {
    Bytes bytes;
    JuteWriter(bytes).write_buffer(body);
    return bytes;
  }
  static Bytes connect_request(Zxid seen = {}) {
    Bytes body;
    JuteWriter writer(body);
    const Bytes password(16, 0);
    write(writer, ConnectRequest{.last_zxid_seen = seen,
                                 .timeout_ms = 10000,
                                 .session = {},
                                 .password = ByteView(password),
                                 .has_read_only = true});
    return frame(body);
  }
  static Bytes request(std::int32_t xid, OpCode op, const Bytes& record = {}) {
    Bytes body;
    JuteWriter writer(body);
    write(writer, RequestHeader{xid, op});
    writer.write_raw(record);
    return frame(body);
  }
  static Bytes ping() { return request(kXidPing, OpCode::kPing); }
  static Bytes get_data(std::int32_t xid) {
    Bytes record;
    JuteWriter writer(record);
    writer.write_string("/");
    writer.write_bool(false);
    return request(xid, OpCode::kGetData, record);
  }
  static Bytes auth(std::string_view scheme) {
    Bytes record;
    JuteWriter writer(record);
    writer.write_int(0);
    writer.write_string(scheme);
    writer.write_string("bob:secret");
    return request(kXidAuth, OpCode::kAuth, record);
  }

  void take(const Bytes& bytes) {
    session_->on_bytes(bytes);
    session_->flush();
  }
  void open() {
    take(connect_request());
    session_->on_session_reply({.connection = {0, 1}, .session = {0x55}, .timeout_ms = 10000});
    session_->flush();
    received();
    to_core_.clear();
  }
  void reply(std::int32_t xid, bool close = false) {
    Bytes out;
    append_reply({xid, Zxid{8}, ErrorCode::kOk}, {}, out);
    session_->on_reply({.connection = {0, 1}, .frame = std::move(out), .close = close});
    session_->resume();
    session_->flush();
  }
  // What the client has got since the last call.
  Bytes received() {
    Bytes bytes(1 << 20);
    const ssize_t n = ::recv(peer_, bytes.data(), bytes.size(), 0);
    bytes.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return bytes;
  }
  std::vector<ReplyHeader> replies() {
    std::vector<ReplyHeader> headers;
    const Bytes bytes = received();
    for (ByteView rest = bytes; !rest.empty();) {
      const FrameHead head = first_frame(rest, 1u << 20);
      EXPECT_EQ(head.state, FrameHead::State::kWhole);
      JuteReader reader(head.body);
      headers.push_back(*read_reply_header(reader));
      rest = rest.subspan(4 + head.length);
    }
    return headers;
  }
  std::vector<std::int32_t> reply_xids() {
    std::vector<std::int32_t> xids;
    for (const ReplyHeader& header : replies()) xids.push_back(header.xid);
    return xids;
  }
  std::vector<std::int32_t> core_xids() {
    std::vector<std::int32_t> xids;
    for (const CoreEvent& event : to_core_) {
      if (const auto* r = std::get_if<ClientRequest>(&event)) xids.push_back(r->header.xid);
    }
    return xids;
  }

  AuthOptions auth_;
  ClientSettings settings_{.frame_bytes_max = kFrameBytesMax, .auth = auth_};
  DataTree tree_{TreeOptions{}};
  WatchTable watches_;
  Metrics all_metrics_;
  ThreadMetrics& metrics_ = all_metrics_.new_thread();
  bool overloaded_ = false;
  std::int64_t outstanding_bytes_ = 0;
  int outstanding_ = 0;
  int touches_ = 0;
  std::vector<CoreEvent> to_core_;
  std::string word_;
  std::string misuse_;

  boost::asio::io_context io_;
  int peer_ = -1;
  std::optional<ClientSession> session_;
};

TEST_F(ClientSessionTest, HandsAHandshakeToTheCoreAndAnswersWithItsSession) {
  take(connect_request());
  ASSERT_EQ(to_core_.size(), 1u);
  EXPECT_EQ(std::get<ConnectSession>(to_core_[0]).timeout_ms, 10000);
  EXPECT_FALSE(session_->wants_read());
  session_->on_session_reply({.connection = {0, 1}, .session = {0x55}, .timeout_ms = 4000});
  session_->flush();
  const Bytes answer = received();
  JuteReader reader(ByteView(answer).subspan(4));
  const auto response = read_connect_response(reader);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->session.value, 0x55);
  EXPECT_EQ(response->timeout_ms, 4000);
  EXPECT_TRUE(response->has_read_only);
  EXPECT_EQ(answer.size(), 41u);
  EXPECT_TRUE(session_->wants_read());
}

TEST_F(ClientSessionTest, PassesOnWhetherTheClientMayAndTheServerCanOnlyRead) {
  Bytes request = connect_request();
  request.back() = 1;
  take(request);
  EXPECT_TRUE(std::get<ConnectSession>(to_core_.at(0)).read_only);
  session_->on_session_reply(
      {.connection = {0, 1}, .session = {0x55}, .timeout_ms = 4000, .read_only = true});
  session_->flush();
  EXPECT_EQ(received().back(), 1);
}

TEST_F(ClientSessionTest, AnswersARefusedSessionAndCloses) {
  take(connect_request());
  session_->on_session_reply({.connection = {0, 1}, .session = {0}, .timeout_ms = 0});
  session_->flush();
  EXPECT_EQ(received().size(), 41u);
  EXPECT_TRUE(session_->closed());
}

TEST_F(ClientSessionTest, ClosesWithoutAnAnswerWhenTheClientHasSeenALaterZxid) {
  take(connect_request(Zxid{8}));  // ours is 7
  EXPECT_TRUE(session_->closed());
  EXPECT_TRUE(received().empty());
  EXPECT_TRUE(to_core_.empty());
}

TEST_F(ClientSessionTest, AnswersWhatWasPipelinedBehindTheHandshakeOnceTheSessionExists) {
  Bytes bytes = connect_request();
  append(bytes, get_data(1));
  take(bytes);
  EXPECT_TRUE(received().empty());
  session_->on_session_reply({.connection = {0, 1}, .session = {0x55}, .timeout_ms = 4000});
  session_->flush();
  received();
  EXPECT_TRUE(session_->can_resume());
  session_->resume();
  session_->flush();
  EXPECT_EQ(reply_xids(), (std::vector{1}));
}

TEST_F(ClientSessionTest, PutsTogetherWhatComesByteByByte) {
  for (const std::uint8_t byte : connect_request()) take({byte});
  session_->on_session_reply({.connection = {0, 1}, .session = {0x55}, .timeout_ms = 4000});
  session_->flush();
  received();
  Bytes bytes = get_data(1);
  append(bytes, ping());
  append(bytes, get_data(2));
  for (const std::uint8_t byte : bytes) take({byte});
  EXPECT_EQ(reply_xids(), (std::vector{1, -2, 2}));
}

TEST_F(ClientSessionTest, TakesAFrameThatEndsInsideTheNextBytes) {
  open();
  Bytes bytes;
  for (std::int32_t xid = 1; xid <= 20; ++xid) append(bytes, get_data(xid));
  for (std::size_t cut = 0; cut < bytes.size(); cut += 13) {
    take(Bytes(bytes.begin() + static_cast<std::ptrdiff_t>(cut),
               bytes.begin() + static_cast<std::ptrdiff_t>(std::min(cut + 13, bytes.size()))));
  }
  const auto xids = reply_xids();
  ASSERT_EQ(xids.size(), 20u);
  EXPECT_EQ(xids.front(), 1);
  EXPECT_EQ(xids.back(), 20);
}

TEST_F(ClientSessionTest, AnswersAReadOnlyAfterTheWritesBeforeIt) {
  open();
  Bytes bytes = request(1, OpCode::kSetData);
  append(bytes, get_data(2));
  append(bytes, request(3, OpCode::kSetData));
  append(bytes, ping());
  take(bytes);
  EXPECT_TRUE(received().empty());
  EXPECT_EQ(core_xids(), (std::vector{1}));
  EXPECT_EQ(outstanding_, 1);
  reply(1);
  EXPECT_EQ(reply_xids(), (std::vector{1, 2}));
  EXPECT_EQ(core_xids(), (std::vector{1, 3}));
  reply(3);
  EXPECT_EQ(reply_xids(), (std::vector{3, -2}));
  EXPECT_EQ(outstanding_, 0);
}

TEST_F(ClientSessionTest, ClosesOnceTheReplyOfCloseSessionIsOutAndTakesNothingBehindIt) {
  open();
  Bytes bytes = request(1, OpCode::kCloseSession);
  append(bytes, get_data(2));
  take(bytes);
  EXPECT_EQ(core_xids(), (std::vector{1}));
  reply(1, true);
  EXPECT_EQ(reply_xids(), (std::vector{1}));
  EXPECT_TRUE(session_->closed());
}

TEST_F(ClientSessionTest, AnswersAnUnknownOperationWithUnimplementedAndCloses) {
  for (const std::int32_t number : {0, 10, 13, 23, 99, 108, -1, -10, 500}) {
    SCOPED_TRACE(number);
    connect();
    open();
    take(request(5, static_cast<OpCode>(number)));
    const auto headers = replies();
    ASSERT_EQ(headers.size(), 1u);
    EXPECT_EQ(headers[0].xid, 5);
    EXPECT_EQ(headers[0].zxid.value, -1);
    EXPECT_EQ(headers[0].error, ErrorCode::kUnimplemented);
    EXPECT_TRUE(session_->closed());
  }
}

TEST_F(ClientSessionTest, AddsACredentialAndSendsItWithTheNextWrite) {
  open();
  take(auth("digest"));
  const auto headers = replies();
  ASSERT_EQ(headers.size(), 1u);
  EXPECT_EQ(headers[0].xid, kXidAuth);
  EXPECT_EQ(headers[0].zxid.value, 0);
  EXPECT_EQ(headers[0].error, ErrorCode::kOk);
  EXPECT_EQ(touches_, 0);
  take(auth("digest"));  // the same once more is no more
  take(request(1, OpCode::kSetData));
  const auto& credentials = *std::get<ClientRequest>(to_core_.back()).credentials;
  ASSERT_EQ(credentials.size(), 2u);
  EXPECT_EQ(credentials[0].scheme, "ip");
  EXPECT_EQ(credentials[1].scheme, "digest");
  EXPECT_EQ(touches_, 1);
}

TEST_F(ClientSessionTest, AnswersAuthFailedAndClosesOnAnUnknownScheme) {
  open();
  take(auth("nonsense"));
  const auto headers = replies();
  ASSERT_EQ(headers.size(), 1u);
  EXPECT_EQ(headers[0].error, ErrorCode::kAuthFailed);
  EXPECT_TRUE(session_->closed());
  EXPECT_EQ(misuse_.find("secret"), std::string::npos);
}

TEST_F(ClientSessionTest, RefusesEverythingButAuthWhereAuthenticationIsEnforced) {
  auth_.enforce = true;
  auth_.enforced_schemes = {"digest"};
  open();
  take(auth("digest"));
  take(get_data(1));
  EXPECT_EQ(replies().size(), 2u);
  EXPECT_FALSE(session_->closed());
  auth_.enforced_schemes = {"sasl"};
  take(request(9, OpCode::kSetData));
  const auto headers = replies();
  ASSERT_EQ(headers.size(), 1u);
  EXPECT_EQ(headers[0].xid, 9);
  EXPECT_EQ(headers[0].zxid.value, 0);
  EXPECT_EQ(headers[0].error, ErrorCode::kSessionClosedRequireSaslAuth);
  EXPECT_TRUE(session_->closed());
  EXPECT_TRUE(core_xids().empty());
}

TEST_F(ClientSessionTest, AnswersSaslAsAServerWithoutIt) {
  open();
  Bytes record;
  JuteWriter(record).write_string("");
  take(request(1, OpCode::kSasl, record));
  const Bytes answer = received();
  ASSERT_EQ(answer.size(), 24u);
  EXPECT_EQ(load_be64(answer.data() + 8), 0u);
  EXPECT_EQ(load_be32(answer.data() + 16), 0u);
  EXPECT_EQ(load_be32(answer.data() + 20), 0xffffffffu);
}

TEST_F(ClientSessionTest, ClosesOnAFrameAboveTheLimitWithoutStoringAnything) {
  take({'G', 'E', 'T', ' '});
  EXPECT_TRUE(session_->closed());
  EXPECT_NE(misuse_.find("GET "), std::string::npos);
}

TEST_F(ClientSessionTest, TakesAFrameOfExactlyTheLimitButOnlyOnceThereIsASession) {
  Bytes prefix(4);
  store_be32(prefix.data(), kHandshakeFrameBytesMax + 1);
  take(prefix);
  EXPECT_TRUE(session_->closed());

  connect();
  open();
  Bytes record(kFrameBytesMax - 8, 0);
  take(request(1, OpCode::kSetData, record));
  EXPECT_EQ(core_xids(), (std::vector{1}));
  record.push_back(0);
  take(request(2, OpCode::kSetData, record));
  EXPECT_TRUE(session_->closed());
}

TEST_F(ClientSessionTest, ClosesOnARequestThatIsShorterThanItsHeader) {
  open();
  take(frame({1, 2, 3, 4, 5, 6, 7}));
  EXPECT_TRUE(session_->closed());
  EXPECT_TRUE(received().empty());
}

TEST_F(ClientSessionTest, ClosesOnAHandshakeThatIsNone) {
  take(frame({}));
  EXPECT_TRUE(session_->closed());
}

TEST_F(ClientSessionTest, AnswersAnOperatorsWordAndCloses) {
  take({'r', 'u'});
  take({'o', 'k'});
  EXPECT_EQ(word_, "ruok");
  EXPECT_EQ(as_chars(received()), "imok");
  EXPECT_TRUE(session_->closed());
}

TEST_F(ClientSessionTest, WaitsForAllOfALongWord) {
  take({'s', 't', 'm', 'k', 0, 0, 0, 0, 0, 0, 0});
  EXPECT_TRUE(word_.empty());
  take({1});
  EXPECT_EQ(word_.size(), 12u);
}

TEST_F(ClientSessionTest, TakesNoWordAfterTheHandshake) {
  open();
  take({'r', 'u', 'o', 'k'});
  EXPECT_TRUE(session_->closed());
  EXPECT_TRUE(word_.empty());
}

TEST_F(ClientSessionTest, StopsReadingWhileTheServerIsOverloadedAndItHasRequestsInProgress) {
  open();
  overloaded_ = true;
  EXPECT_TRUE(session_->wants_read());
  take(request(1, OpCode::kSetData));
  EXPECT_FALSE(session_->wants_read());
  take(request(2, OpCode::kSetData));
  EXPECT_EQ(core_xids(), (std::vector{1}));
  reply(1);
  EXPECT_EQ(core_xids(), (std::vector{1, 2}));
}

TEST_F(ClientSessionTest, CountsWhatTheCoreHasWhateverItsXid) {
  open();
  take(request(-2, OpCode::kPing));
  EXPECT_EQ(outstanding_, 0);
  take(request(0, OpCode::kSetData));
  take(request(1, OpCode::kSetData));
  EXPECT_EQ(outstanding_, 2);
  EXPECT_EQ(outstanding_bytes_, 16);
  EXPECT_EQ(session_->unanswered(), 2u);
  reply(0);
  EXPECT_EQ(outstanding_, 1);
  EXPECT_EQ(outstanding_bytes_, 8);
  EXPECT_EQ(session_->unanswered_bytes(), 8u);
}

TEST_F(ClientSessionTest, StopsReadingWhileManyBytesAreInProgress) {
  open();
  const Bytes record(settings().frame_bytes_max - 8);
  const std::size_t enough = (kInFlightBytesPerConnectionMax - 1) / settings().frame_bytes_max + 1;
  std::int32_t sent = 0;
  while (session_->wants_read() && sent < 10'000) take(request(++sent, OpCode::kSetData, record));
  EXPECT_EQ(sent, static_cast<std::int32_t>(enough));
  reply(1);
  EXPECT_TRUE(session_->wants_read());
}

TEST_F(ClientSessionTest, SendsAnEventOnlyToWhoMayRead) {
  open();
  const auto secret =
      make_acl_entry(5, AclBytes{encode_acl({Acl{kPermRead, Id{"digest", "bob:x"}}})});
  session_->on_event(EventType::kNodeDataChanged, "/s", Zxid{9}, secret);
  session_->flush();
  EXPECT_TRUE(received().empty());
  session_->on_event(EventType::kNodeDataChanged, "/o", Zxid{9}, make_acl_entry(0, open_acl()));
  session_->flush();
  const auto headers = replies();
  ASSERT_EQ(headers.size(), 1u);
  EXPECT_EQ(headers[0].xid, kXidNotification);
  EXPECT_EQ(headers[0].zxid.value, 9);
}

TEST_F(ClientSessionTest, CutsOffAClientThatReadsNothing) {
  open();
  const std::string path(1 << 20, 'p');
  const AclRef acl = make_acl_entry(0, open_acl());
  for (int i = 0; i < 100 && !session_->closed(); ++i) {
    session_->on_event(EventType::kNodeCreated, path, Zxid{9}, acl);
    session_->flush();
    EXPECT_NE(session_->closed(), session_->wants_write());
  }
  EXPECT_TRUE(session_->closed());
  EXPECT_NE(misuse_.find("does not read"), std::string::npos);
}

TEST_F(ClientSessionTest, ClosesWhenThePeerHasGone) {
  open();
  ::shutdown(peer_, SHUT_RDWR);
  std::array<std::uint8_t, 16> scratch{};
  EXPECT_TRUE(session_->receive(scratch).empty());
  EXPECT_TRUE(session_->closed());
}

TEST_F(ClientSessionTest, NeedsTheTreeOnlyForWhatIsNotAWrite) {
  EXPECT_FALSE(session_->needs_tree(connect_request()));
  open();
  Bytes bytes = request(1, OpCode::kSetData);
  append(bytes, request(2, OpCode::kCreate));
  EXPECT_FALSE(session_->needs_tree(bytes));
  append(bytes, ping());
  EXPECT_TRUE(session_->needs_tree(bytes));
}

}  // namespace
}  // namespace paddock::server
