#include "server/net/client_session.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/check.h"
#include "common/concat.h"
#include "common/jute.h"
#include "common/limits.h"
#include "common/logging.h"
#include "server/request/read.h"

namespace paddock::server {

namespace {

constexpr std::size_t kRequestHeaderBytes = 8;
constexpr std::size_t kReplyFrameHeaderBytes = 20;  // length, xid, zxid, err
constexpr std::size_t kPasswordBytes = 16;
constexpr std::size_t kSmallVector = 16;  // what an idle connection may keep

SessionOrder::Kind kind_of(OpCode op) {
  const bool core = is_client_op(op) && (is_write(op) || op == OpCode::kSync);
  return core ? SessionOrder::Kind::kCore : SessionOrder::Kind::kLocal;
}

// auth and sasl are the connection's matter, not its session's.
bool is_pipelined(OpCode op) {
  return op != OpCode::kAuth && op != OpCode::kSasl;
}

std::string why_too_long(std::uint32_t length, std::uint32_t limit, bool before_session) {
  std::uint8_t prefix[4];
  store_be32(prefix, length);
  return concat("a frame of ", static_cast<std::int32_t>(length), " bytes, limit ", limit,
                before_session ? " before a session exists" : " (jute.maxbuffer)",
                "; it begins with \"", printable(as_chars(prefix)), "\"");
}

}  // namespace

ClientSession::ClientSession(SessionHost& host, Socket socket, ConnectionId id,
                             const Endpoint& remote, CredentialsRef address_credentials)
    : host_(host),
      socket_(std::move(socket)),
      id_(id),
      remote_(remote),
      credentials_(std::move(address_credentials)) {
  statistics_.established = host.wall_now();
}

std::string ClientSession::remote_text() const {
  const std::string address = remote_.address().to_string();
  return remote_.address().is_v6() ? concat("[", address, "]:", remote_.port())
                                   : concat(address, ":", remote_.port());
}

// --- receiving ---

ByteView ClientSession::receive(std::span<std::uint8_t> scratch) {
  for (;;) {
    const ssize_t n = ::recv(socket_.native_handle(), scratch.data(), scratch.size(), MSG_DONTWAIT);
    if (n > 0) {
      host_.metrics().add(Counter::kBytesReceived, n);
      return scratch.first(static_cast<std::size_t>(n));
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return {};
    close("");  // the peer has gone, which is its right
    return {};
  }
}

bool ClientSession::needs_tree(ByteView bytes) const {
  if (state_ != State::kOpen) return false;
  if (!held_.empty()) return true;  // whatever it is: not worth a search
  while (bytes.size() >= kFramePrefixBytes + kRequestHeaderBytes) {
    const std::size_t length = load_be32(bytes.data());
    const auto op = static_cast<OpCode>(load_be32(bytes.data() + kFramePrefixBytes + 4));
    if (kind_of(op) == SessionOrder::Kind::kLocal) return true;
    if (length > bytes.size() - kFramePrefixBytes) return false;
    bytes = bytes.subspan(kFramePrefixBytes + length);
  }
  return !bytes.empty();
}

bool ClientSession::accepts() const {
  if (closed_ || close_after_flush_) return false;
  switch (state_) {
    case State::kNew:
      return true;
    case State::kConnecting:
    case State::kEnding:
      return false;
    case State::kOpen:
      break;
  }
  if (order_.in_flight() >= kInFlightPerConnectionMax) return false;
  if (sent_bytes_ + waiting_bytes_ >= kInFlightBytesPerConnectionMax) return false;
  if (out_.size() - out_at_ >= kOutgoingBytesPauseReading) return false;
  // Only those that have requests in progress wait for the others: they will be woken by a reply.
  return order_.unanswered() == 0 || !host_.overloaded();
}

bool ClientSession::can_resume() const {
  return !held_.empty() && accepts() && head_of(held_).state != FrameHead::State::kPartial;
}

void ClientSession::on_bytes(ByteView bytes) {
  // A frame that came in pieces is put together; whatever is whole in `bytes` is taken from there.
  while (!held_.empty() && !bytes.empty() && accepts()) {
    const std::size_t n = std::min(head_of(held_).need, bytes.size());
    append(held_, bytes.first(n));
    bytes = bytes.subspan(n);
    const std::size_t taken = consume(held_);
    PADDOCK_CHECK(n != 0 || taken != 0 || !accepts());
    held_ = taken == held_.size() ? Bytes{} : Bytes(held_.begin() + taken, held_.end());
  }
  if (closed_) return;
  if (!held_.empty()) {
    append(held_, bytes);
    return;
  }
  const std::size_t taken = consume(bytes);
  if (!closed_) append(held_, bytes.subspan(taken));
}

FrameHead ClientSession::head_of(ByteView bytes) const {
  if (state_ != State::kNew) return first_frame(bytes, host_.settings().frame_bytes_max);
  if (bytes.size() >= kFramePrefixBytes) {
    if (const std::size_t word = host_.word_bytes(load_be32(bytes.data())); word != 0) {
      FrameHead head;
      if (bytes.size() < word) {
        head.need = word - bytes.size();
      } else {
        head.state = FrameHead::State::kWord;
        head.body = bytes.first(word);
      }
      return head;
    }
  }
  return first_frame(bytes, kHandshakeFrameBytesMax);
}

// Takes whole frames from the front of `bytes` while it may; how many bytes that were.
std::size_t ClientSession::consume(ByteView bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size() && accepts()) {
    const FrameHead head = head_of(bytes.subspan(taken));
    switch (head.state) {
      case FrameHead::State::kPartial:
        return taken;
      case FrameHead::State::kTooLong: {
        const bool before_session = state_ == State::kNew;
        close(why_too_long(
            head.length,
            before_session ? kHandshakeFrameBytesMax : host_.settings().frame_bytes_max,
            before_session));
        return taken;
      }
      case FrameHead::State::kWord:
        ++statistics_.received;
        host_.metrics().add(Counter::kPacketsReceived);
        state_ = State::kEnding;
        host_.on_word(*this, head.body);
        return bytes.size();
      case FrameHead::State::kWhole:
        taken += kFramePrefixBytes + head.length;
        take_frame(head.body);
        break;
    }
  }
  return taken;
}

void ClientSession::take_frame(ByteView frame) {
  ++statistics_.received;
  host_.metrics().add(Counter::kPacketsReceived);
  if (state_ == State::kNew) {
    handshake(frame);
  } else {
    request(frame);
  }
}

// --- the handshake ---

void ClientSession::handshake(ByteView frame) {
  JuteReader reader(frame);
  const Result<ConnectRequest> asked = read_connect_request(reader);
  if (!asked) {
    return close(concat("no ConnectRequest: ", asked.error().message, "; it begins with \"",
                        printable(as_chars(frame), 32), "\""));
  }
  if (asked->last_zxid_seen > host_.last_zxid()) {
    host_.metrics().add(Counter::kConnectionRejected);
    return close(
        concat("it has seen zxid 0x", hex(static_cast<std::uint64_t>(asked->last_zxid_seen.value)),
               ", this server only 0x", hex(static_cast<std::uint64_t>(host_.last_zxid().value)),
               "; it must try another server"));
  }
  state_ = State::kConnecting;
  has_read_only_ = asked->has_read_only;
  statistics_.last_op = OpCode::kCreateSession;
  host_.metrics().add(Counter::kConnectionRequests);
  ConnectSession connect{.connection = id_,
                         .session = asked->session,
                         .timeout_ms = asked->timeout_ms,
                         .password = {},
                         .read_only = asked->read_only};
  // Another length cannot be right, and is not worth carrying.
  if (asked->password && asked->password->size() == kPasswordBytes) {
    connect.password.assign(asked->password->begin(), asked->password->end());
  }
  host_.send_to_core(std::move(connect));
}

void ClientSession::on_session_reply(const SessionReply& reply) {
  if (closed_ || state_ != State::kConnecting) return;
  session_ = reply.session;
  timeout_ms_ = reply.timeout_ms;
  begin_output();
  const std::size_t before = out_.size();
  JuteWriter writer(out_);
  const std::size_t length_at = writer.reserve_int();
  write(writer, ConnectResponse{.timeout_ms = reply.timeout_ms,
                                .session = reply.session,
                                .password = reply.password,
                                .has_read_only = has_read_only_,
                                .read_only = reply.read_only});
  writer.patch_int(length_at, static_cast<std::int32_t>(writer.size() - length_at - 4));
  ++statistics_.sent;
  statistics_.last_zxid = host_.last_zxid();
  statistics_.last_response_ms = host_.now_us() / 1000;
  host_.metrics().add(Counter::kPacketsSent);
  host_.metrics().add(Counter::kResponseBytes, static_cast<std::int64_t>(out_.size() - before));
  if (reply.session.value == 0) {
    close_after_flush_ = true;
  } else {
    state_ = State::kOpen;
  }
  host_.changed(*this);
}

// --- requests ---

void ClientSession::request(ByteView frame) {
  JuteReader reader(frame);
  const Result<RequestHeader> header = read_request_header(reader);
  if (!header)
    return close(concat("a request of ", frame.size(), " bytes: too short for a header"));

  if (is_pipelined(header->op)) host_.touch(*this);
  if (header->op == OpCode::kCloseSession) state_ = State::kEnding;
  const SessionOrder::Kind kind =
      is_admitted(header->op) ? kind_of(header->op) : SessionOrder::Kind::kLocal;
  switch (order_.arrive(kind)) {
    case SessionOrder::Verdict::kRunNow:
      return run(*header, frame, host_.arrived_us());
    case SessionOrder::Verdict::kSend:
      return send(*header, Bytes(frame.begin(), frame.end()), host_.arrived_us());
    case SessionOrder::Verdict::kWait:
      if (waiting_since_us_ == 0) waiting_since_us_ = host_.arrived_us();
      waiting_bytes_ += frame.size();
      return order_.hold(kind, *header, Bytes(frame.begin(), frame.end()));
  }
}

void ClientSession::send(RequestHeader header, Bytes frame, std::int64_t arrived_us) {
  sent_bytes_ += frame.size();
  host_.count_outstanding(1, static_cast<std::int64_t>(frame.size()));
  sent_.push_back({arrived_us, header.op, static_cast<std::uint32_t>(frame.size())});
  host_.send_to_core(ClientRequest{.connection = id_,
                                   .session = session_,
                                   .header = header,
                                   .frame = std::move(frame),
                                   .credentials = credentials_});
}

void ClientSession::run(RequestHeader header, ByteView frame, std::int64_t arrived_us) {
  begin_output();
  const std::size_t before = out_.size();
  const ByteView record = frame.subspan(kRequestHeaderBytes);
  Zxid zxid = host_.last_zxid();
  if (!is_admitted(header.op)) {
    refuse(header, ErrorCode::kSessionClosedRequireSaslAuth, Zxid{0});
  } else if (header.op == OpCode::kPing) {
    zxid = host_.tree().last_zxid();
    reply_empty({kXidPing, header.op}, zxid, ErrorCode::kOk);
  } else if (header.op == OpCode::kAuth) {
    run_auth(header, record);
  } else if (header.op == OpCode::kSasl) {
    run_sasl(header, record);
  } else if (is_read(header.op)) {
    zxid = host_.tree().last_zxid();
    run_read(header, record);
  } else {
    refuse(header, ErrorCode::kUnimplemented, Zxid{-1});
  }
  count_reply(header.op, header.xid, zxid, arrived_us, out_.size() - before);
  host_.changed(*this);
}

void ClientSession::run_read(RequestHeader header, ByteView record) {
  const Reader reader{.tree = host_.tree(),
                      .auth = host_.settings().auth,
                      .watches = host_.watches(),
                      .watcher = static_cast<WatcherId>(id_.number),
                      .session = session_,
                      .credentials = *credentials_};
  serve_read(reader, header, record, out_);
}

void ClientSession::run_auth(RequestHeader header, ByteView record) {
  JuteReader reader(record);
  const Result<AuthPacket> packet = read_auth_packet(reader);
  if (!packet) return close(concat("an auth packet that cannot be read: ", packet.error().message));
  AuthResult result = authenticate(host_.settings().auth, packet->scheme.value_or(""), packet->auth,
                                   remote_.address().to_string());
  if (result.close_silently) return close("its ensemble name is not ours");
  if (result.error != ErrorCode::kOk) {
    host_.metrics().add(Counter::kAuthFailed);
    host_.log_misuse(*this, concat("failed to authenticate by scheme \"",
                                   printable(packet->scheme.value_or(""), 32), "\""));
    return refuse(header, result.error, Zxid{0});
  }
  Credentials credentials = *credentials_;
  for (Id& added : result.added) {
    if (std::find(credentials.begin(), credentials.end(), added) == credentials.end()) {
      credentials.push_back(std::move(added));
    }
  }
  credentials_ = std::make_shared<const Credentials>(std::move(credentials));
  reply_empty(header, Zxid{0}, ErrorCode::kOk);
}

// As a server without any SASL set-up answers: it has nothing to say, and nothing to object to.
void ClientSession::run_sasl(RequestHeader header, ByteView record) {
  JuteReader reader(record);
  if (!reader.read_buffer()) return close("a sasl packet that cannot be read");
  constexpr std::uint8_t kNullToken[4] = {0xff, 0xff, 0xff, 0xff};
  append_reply({header.xid, Zxid{0}, ErrorCode::kOk}, kNullToken, out_);
}

// With enforce.auth, nothing is served before the connection has proved itself by such a scheme.
bool ClientSession::is_admitted(OpCode op) const {
  const AuthOptions& auth = host_.settings().auth;
  if (!auth.enforce || !is_pipelined(op)) return true;
  return std::any_of(credentials_->begin(), credentials_->end(), [&](const Id& id) {
    return std::find(auth.enforced_schemes.begin(), auth.enforced_schemes.end(), id.scheme) !=
           auth.enforced_schemes.end();
  });
}

void ClientSession::refuse(RequestHeader header, ErrorCode error, Zxid zxid) {
  reply_empty(header, zxid, error);
  close_after_flush_ = true;
}

void ClientSession::reply_empty(RequestHeader header, Zxid zxid, ErrorCode error) {
  append_reply({header.xid, zxid, error}, {}, out_);
}

// --- answers ---

void ClientSession::on_reply(Reply reply) {
  if (closed_) return;
  PADDOCK_CHECK(sent_first_ < sent_.size());
  PADDOCK_CHECK(reply.frame.size() >= kReplyFrameHeaderBytes);
  const Sent sent = sent_[sent_first_++];
  if (sent_first_ == sent_.size()) {
    sent_.clear();
    if (sent_.capacity() > kSmallVector) sent_ = {};
    sent_first_ = 0;
  }
  sent_bytes_ -= sent.frame_bytes;
  host_.count_outstanding(-1, -std::int64_t{sent.frame_bytes});
  order_.on_reply();
  const auto xid = static_cast<std::int32_t>(load_be32(reply.frame.data() + 4));
  const Zxid zxid{static_cast<std::int64_t>(load_be64(reply.frame.data() + 8))};
  count_reply(sent.op, xid, zxid, sent.arrived_us, reply.frame.size());
  if (out_.empty()) {
    out_ = std::move(reply.frame);
  } else {
    append(out_, reply.frame);
  }
  if (reply.close) close_after_flush_ = true;
  host_.changed(*this);
}

void ClientSession::on_event(EventType type, std::string_view path, Zxid zxid, const AclRef& acl) {
  if (closed_ || close_after_flush_) return;
  if (acl != nullptr && !may(host_.settings().auth, *acl, kPermRead, *credentials_)) return;
  const std::size_t before = out_.size();
  append_event(type, path, zxid, out_);
  ++statistics_.sent;
  host_.metrics().add(Counter::kPacketsSent);
  host_.metrics().add(Counter::kWatchBytes, static_cast<std::int64_t>(out_.size() - before));
  host_.changed(*this);
}

void ClientSession::resume() {
  while (!closed_ && !close_after_flush_) {
    std::optional<SessionOrder::Held> held = order_.next();
    if (!held) break;
    waiting_bytes_ -= held->frame.size();
    if (held->kind == SessionOrder::Kind::kLocal) {
      run(held->header, held->frame, waiting_since_us_);
    } else {
      send(held->header, std::move(held->frame), waiting_since_us_);
    }
  }
  if (order_.in_flight() == order_.unanswered()) waiting_since_us_ = 0;
  if (!held_.empty() && accepts()) {
    const Bytes bytes = std::exchange(held_, {});
    on_bytes(bytes);
  }
}

void ClientSession::count_reply(OpCode op, std::int32_t xid, Zxid zxid, std::int64_t arrived_us,
                                std::size_t frame_bytes) {
  const std::int64_t now_us = host_.now_us();
  const std::int64_t latency_us = std::max<std::int64_t>(0, now_us - arrived_us);
  const auto latency_ms = static_cast<std::int32_t>(
      std::min<std::int64_t>(latency_us / 1000, std::numeric_limits<std::int32_t>::max()));
  Statistics& s = statistics_;
  ++s.sent;
  s.last_op = op;
  s.last_xid = xid;
  s.last_zxid = zxid;
  s.last_response_ms = now_us / 1000;
  s.latency_last_ms = latency_ms;
  s.latency_min_ms = s.latency_count == 0 ? latency_ms : std::min(s.latency_min_ms, latency_ms);
  s.latency_max_ms = std::max(s.latency_max_ms, latency_ms);
  s.latency_sum_ms += latency_ms;
  ++s.latency_count;

  ThreadMetrics& metrics = host_.metrics();
  metrics.add(Counter::kPacketsSent);
  metrics.add(Counter::kResponseBytes, static_cast<std::int64_t>(frame_bytes));
  metrics.add(Counter::kOpsTotal);
  if (const Counter counter = counter_of(op); counter != Counter::kOpsTotal) metrics.add(counter);
  metrics.record(Summary::kRequestLatency, latency_us);
  metrics.record(Summary::kResponseSize, static_cast<std::int64_t>(frame_bytes));
  const bool update = is_write(op);
  metrics.record(update ? Summary::kUpdateLatency : Summary::kReadLatency, latency_us);
}

void ClientSession::reset_statistics() {
  statistics_ = Statistics{.established = statistics_.established,
                           .last_zxid = statistics_.last_zxid,
                           .last_xid = statistics_.last_xid,
                           .last_op = statistics_.last_op};
}

// --- sending ---

void ClientSession::begin_output() {
  if (out_.capacity() == 0) out_ = host_.borrow_buffer();
}

void ClientSession::flush() {
  if (closed_) return;
  while (out_at_ < out_.size()) {
    const ssize_t n = ::send(socket_.native_handle(), out_.data() + out_at_, out_.size() - out_at_,
                             MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      out_at_ += static_cast<std::size_t>(n);
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      break;
    } else {
      return close("");  // the peer has gone
    }
  }
  const std::size_t left = out_.size() - out_at_;
  if (left == 0) {
    out_at_ = 0;
    if (out_.capacity() != 0) host_.give_back(std::exchange(out_, {}));
    if (close_after_flush_) close("");
  } else if (left > kOutgoingBytesPerConnectionMax) {
    close(concat("it does not read its answers: ", left, " bytes wait"));
  } else if (left * 2 <= out_.capacity()) {
    Bytes rest(out_.begin() + static_cast<std::ptrdiff_t>(out_at_), out_.end());
    host_.give_back(std::exchange(out_, std::move(rest)));
    out_at_ = 0;
  }
}

void ClientSession::answer_word(std::string_view text) {
  if (closed_) return;
  append(out_, as_bytes(text));
  ++statistics_.sent;
  host_.metrics().add(Counter::kPacketsSent);
  close_after_flush_ = true;
  host_.changed(*this);
}

void ClientSession::close(std::string_view what) {
  if (closed_) return;
  if (!what.empty()) host_.log_misuse(*this, what);
  closed_ = true;
  host_.changed(*this);
}

}  // namespace paddock::server
