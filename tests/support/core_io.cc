#include "tests/support/core_io.h"

#include <utility>

#include "common/check.h"
#include "common/records.h"
#include "server/request/read.h"
#include "tests/support/requests.h"

namespace paddock::test {

namespace {

constexpr Millis kTouchInterval{500};
constexpr Millis kHandshakeTimeout{10'000};
constexpr std::size_t kRequestHeaderBytes = 8;

server::SessionOrder::Kind kind_of(OpCode op) {
  const bool core = is_client_op(op) && (is_write(op) || op == OpCode::kSync);
  return core ? server::SessionOrder::Kind::kCore : server::SessionOrder::Kind::kLocal;
}

RequestHeader header_of(ByteView frame) {
  JuteReader reader(frame);
  const Result<RequestHeader> header = read_request_header(reader);
  PADDOCK_CHECK(header.ok());  // the clients here keep to the protocol
  return *header;
}

const server::CredentialsRef& nobody_special() {
  static const auto nobody = std::make_shared<const server::Credentials>();
  return nobody;
}

const server::AuthOptions& auth() {
  static const server::AuthOptions options{.super_digest =
                                               server::digest_id(kSuperPassword, "SHA1")};
  return options;
}

}  // namespace

// --- batches

void CoreIo::on_mail() {
  deliver_mail();
  finish_batch();
}

void CoreIo::deliver_mail() {
  for (server::ClientAction& action : std::exchange(mail_, {})) {
    std::visit([this](auto& what) { deliver(what); }, action);
  }
  // Only now, with every event delivered, may what waited for a reply read the tree.
  for (std::size_t i = 0; i < changed_.size(); ++i) {
    if (Connection* connection = find(changed_[i])) resume(*connection);
  }
}

void CoreIo::finish_batch() {
  for (const LineId line : std::exchange(changed_, {})) {
    Connection* connection = find(line);
    if (connection == nullptr) continue;
    connection->changed = false;
    flush(*connection);
    if (connection->close_after_flush) close(*connection);
    if (!connection->closed) continue;
    watches_.remove_watcher(static_cast<server::WatcherId>(line.value));
    if (connection->state != State::kNew) {
      if (connection->touched) {
        host_.send_to_core(server::Touches{{{connection->session, connection->touched_at}}});
      }
      host_.send_to_core(server::Disconnected{{index_, line.value}, connection->session});
    }
    connections_.erase(line);
  }
}

void CoreIo::on_timer() {
  timer_armed_ = false;
  server::Touches touches;
  bool connecting = false;
  for (auto& [line, connection] : connections_) {
    if (std::exchange(connection.touched, false)) {
      touches.touches.push_back({connection.session, connection.touched_at});
    }
    if (connection.state != State::kNew && connection.state != State::kConnecting) continue;
    connecting = true;
    if (host_.local_now() - connection.connecting_since >= kHandshakeTimeout) close(connection);
  }
  if (!touches.touches.empty()) host_.send_to_core(std::move(touches));
  if (connecting) wake_later();
  finish_batch();
}

void CoreIo::wake_later() {
  if (std::exchange(timer_armed_, true)) return;
  host_.wake_io(index_, kTouchInterval);
}

// --- mail

void CoreIo::deliver(server::TreeChange& change) {
  if (host_.mutated(CoreMutation::kForgetOneEvent) && ++changes_ % 20 == 0) return;
  const bool of_config = change.path == server::kConfigNode;
  if (of_config && host_.mutated(CoreMutation::kForgetConfigEvent)) return;
  watches_.trigger(
      change, [this, zxid = change.zxid](server::WatcherId watcher, EventType type,
                                         std::string_view path, const server::AclRef& acl) {
        Connection* connection = find(LineId{watcher});
        PADDOCK_CHECK(connection != nullptr);  // its watches go with it
        if (connection->closed || connection->close_after_flush) return;
        if (acl != nullptr && !server::may(auth(), *acl, kPermRead, *connection->credentials)) {
          return;
        }
        server::append_event(type, path, zxid, connection->out);
        changed(*connection);
      });
}

void CoreIo::deliver(server::Reply& reply) {
  Connection* connection = find(LineId{reply.connection.number});
  if (connection == nullptr || connection->closed) return;
  connection->order.on_reply();
  append(connection->out, reply.frame);
  if (reply.close) connection->close_after_flush = true;
  changed(*connection);
}

void CoreIo::deliver(server::SessionReply& reply) {
  Connection* connection = find(LineId{reply.connection.number});
  if (connection == nullptr || connection->state != State::kConnecting) return;
  connection->session = reply.session;
  JuteWriter writer(connection->out);
  const std::size_t length_at = writer.reserve_int();
  write(writer, ConnectResponse{.timeout_ms = reply.timeout_ms,
                                .session = reply.session,
                                .password = reply.password,
                                .has_read_only = true});
  writer.patch_int(length_at, static_cast<std::int32_t>(writer.size() - length_at - 4));
  if (reply.session == SessionId{}) {
    connection->close_after_flush = true;
  } else {
    connection->state = State::kOpen;
  }
  changed(*connection);
}

void CoreIo::deliver(server::CloseConnection& closing) {
  if (Connection* connection = find(LineId{closing.connection.number})) close(*connection);
}

void CoreIo::deliver(server::ServingChanged& serving) {
  if (serving.serves) return;
  for (auto& [line, connection] : connections_) {
    if (connection.state != State::kNew) close(connection);
  }
}

// --- connections

void CoreIo::open(LineId line) {
  Connection& connection = connections_[line];
  connection.line = line;
  connection.credentials = nobody_special();
  connection.connecting_since = host_.local_now();
  wake_later();
}

void CoreIo::on_gone(LineId line) {
  Connection* connection = find(line);
  if (connection == nullptr) return;
  connection->closed = true;
  changed(*connection);
  finish_batch();
}

void CoreIo::on_frames(LineId line, ByteView frames) {
  Connection* connection = find(line);
  if (connection == nullptr || connection->closed || connection->close_after_flush) return;
  bool needs_tree = !connection->waiting.empty();
  for (std::size_t at = 0; at < frames.size();) {
    const std::size_t length = load_be32(frames.data() + at);
    const ByteView frame = frames.subspan(at + 4, length);
    if (connection->state == State::kOpen &&
        kind_of(header_of(frame).op) == server::SessionOrder::Kind::kLocal) {
      needs_tree = true;
    }
    connection->waiting.emplace_back(frame.begin(), frame.end());
    at += 4 + length;
  }
  if (needs_tree && connection->state == State::kOpen) deliver_mail();
  take_frames(*connection);
  finish_batch();
}

void CoreIo::take_frames(Connection& connection) {
  while (!connection.waiting.empty() && !connection.closed && !connection.close_after_flush) {
    if (connection.state != State::kNew && connection.state != State::kOpen) return;
    Bytes frame = std::move(connection.waiting.front());
    connection.waiting.pop_front();
    if (connection.state == State::kNew) {
      handshake(connection, frame);
    } else {
      request(connection, std::move(frame));
    }
  }
}

void CoreIo::handshake(Connection& connection, ByteView frame) {
  JuteReader reader(frame);
  const Result<ConnectRequest> asked = read_connect_request(reader);
  PADDOCK_CHECK(asked.ok());
  const bool is_ahead = asked->last_zxid_seen > host_.tree().last_zxid();
  if (is_ahead && !host_.mutated(CoreMutation::kServeTheAhead)) return close(connection);
  connection.state = State::kConnecting;
  connection.connecting_since = host_.local_now();
  wake_later();
  server::ConnectSession connect{.connection = {index_, connection.line.value},
                                 .session = asked->session,
                                 .timeout_ms = asked->timeout_ms,
                                 .password = {}};
  if (asked->password) connect.password.assign(asked->password->begin(), asked->password->end());
  host_.send_to_core(std::move(connect));
}

void CoreIo::request(Connection& connection, Bytes frame) {
  const RequestHeader header = header_of(frame);
  connection.touched_at = host_.local_now();
  connection.touched = true;
  wake_later();
  if (header.op == OpCode::kCloseSession) connection.state = State::kEnding;
  const Order::Kind kind = kind_of(header.op);
  if (kind == Order::Kind::kLocal && host_.mutated(CoreMutation::kReadAtOnce)) {
    return run(connection, header, frame);
  }
  switch (connection.order.arrive(kind)) {
    case Order::Verdict::kRunNow:
      return run(connection, header, frame);
    case Order::Verdict::kSend:
      return send(connection, header, std::move(frame));
    case Order::Verdict::kWait:
      return connection.order.hold(kind, header, std::move(frame));
  }
}

void CoreIo::run(Connection& connection, RequestHeader header, ByteView frame) {
  changed(connection);
  const server::DataTree& tree = host_.tree();
  if (header.op == OpCode::kPing) {
    return server::append_reply({kXidPing, tree.last_zxid(), ErrorCode::kOk}, {}, connection.out);
  }
  if (header.op == OpCode::kAuth) return authenticate(connection, header, frame);
  PADDOCK_CHECK(server::is_read(header.op));
  const server::Reader reader{.tree = tree,
                              .auth = auth(),
                              .watches = watches_,
                              .watcher = static_cast<server::WatcherId>(connection.line.value),
                              .session = connection.session,
                              .credentials = *connection.credentials};
  Bytes record(frame.begin() + kRequestHeaderBytes, frame.end());
  if (header.op == OpCode::kSetWatches && host_.mutated(CoreMutation::kForgetWatchesMissed)) {
    store_be64(record.data(), static_cast<std::uint64_t>(tree.last_zxid().value));
  }
  server::serve_read(reader, header, record, connection.out);
}

// As server/net/client_session.h does it.
void CoreIo::authenticate(Connection& connection, RequestHeader header, ByteView frame) {
  JuteReader reader(frame.subspan(kRequestHeaderBytes));
  const Result<AuthPacket> packet = read_auth_packet(reader);
  PADDOCK_CHECK(packet.ok() && packet->scheme);
  server::AuthResult result = server::authenticate(auth(), *packet->scheme, packet->auth, "");
  PADDOCK_CHECK(result.error == ErrorCode::kOk);
  connection.credentials = std::make_shared<const server::Credentials>(std::move(result.added));
  server::append_reply({header.xid, Zxid{}, ErrorCode::kOk}, {}, connection.out);
}

void CoreIo::send(Connection& connection, RequestHeader header, Bytes frame) {
  if (header.op == OpCode::kSync && host_.mutated(CoreMutation::kSyncAlone)) {
    connection.order.on_reply();
    const ByteView record = ByteView(frame).subspan(kRequestHeaderBytes);
    server::append_reply({header.xid, host_.tree().last_zxid(), ErrorCode::kOk}, record,
                         connection.out);
    return changed(connection);
  }
  host_.send_to_core(server::ClientRequest{.connection = {index_, connection.line.value},
                                           .session = connection.session,
                                           .header = header,
                                           .frame = std::move(frame),
                                           .credentials = connection.credentials});
}

void CoreIo::resume(Connection& connection) {
  while (!connection.closed && !connection.close_after_flush) {
    std::optional<Order::Held> held = connection.order.next();
    if (!held) break;
    if (held->kind == Order::Kind::kLocal) {
      run(connection, held->header, held->frame);
    } else {
      send(connection, held->header, std::move(held->frame));
    }
  }
  take_frames(connection);
}

void CoreIo::flush(Connection& connection) {
  if (connection.out.empty() || connection.closed) return;
  host_.lines().answer(connection.line, std::exchange(connection.out, {}));
}

// What was answered before goes out.
void CoreIo::close(Connection& connection) {
  if (connection.closed) return;
  flush(connection);
  connection.closed = true;
  changed(connection);
  host_.lines().close(connection.line);
}

CoreIo::Connection* CoreIo::find(LineId line) {
  const auto found = connections_.find(line);
  return found == connections_.end() ? nullptr : &found->second;
}

void CoreIo::changed(Connection& connection) {
  if (std::exchange(connection.changed, true)) return;
  changed_.push_back(connection.line);
}

}  // namespace paddock::test
