#include "client/session_core.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/concat.h"

namespace paddock::client {

namespace {

constexpr std::size_t kPasswordBytes = 16;

// ZooKeeper's clients send as much in one setWatches, too: servers take 1 MiB.
constexpr std::size_t kSetWatchesBytes = 128 << 10;

// Between two rounds of all servers: from kBackoffMin, doubled up to kBackoffMax, and of that the
// upper half by chance. Behind a connection that worked: a little by chance, so that not all
// clients of a server come to the next one in the same moment.
constexpr std::int64_t kBackoffMin = 50;
constexpr std::int64_t kBackoffMax = 1'000;
constexpr std::int64_t kAfterLossMax = 50;

// How often a better server is sought. Source: ZooKeeper 3.8, ClientCnxn (pingRwTimeout).
constexpr Millis kProbeIntervalMin{100};
constexpr Millis kProbeIntervalMax{60'000};

Millis at_least_one(std::int64_t ms) {
  return Millis{std::max<std::int64_t>(ms, 1)};
}

}  // namespace

SessionCore::SessionCore(SessionSettings settings, std::uint64_t seed)
    : settings_(std::move(settings)),
      chroot_(settings_.chroot),
      random_(seed),
      hosts_(settings_.servers, seed),
      timeout_(settings_.session_timeout) {
  if (settings_.session) {
    session_ = SessionId{settings_.session->id};
    password_ = settings_.session->password;
    seen_read_write_ = true;
  }
  for (const Auth& auth : settings_.auth) {
    Bytes body;
    JuteWriter writer(body);
    write(writer, AuthPacket{0, auth.scheme, as_bytes(auth.data)});
    auths_.push_back(std::move(body));
  }
}

SessionCore::~SessionCore() = default;

void SessionCore::step(Event&& event, Millis now, Actions& actions) {
  now_ = std::max(now, now_);
  std::visit([&](auto& one) { on(std::move(one), actions); }, event);
  if (!is_up()) return;
  for (const std::string& path : watches_.take_idle()) submit_removal(path);
}

SessionTicket SessionCore::ticket() const {
  return {session_.value, password_};
}

std::string SessionCore::server() const {
  return is_up() ? to_string(server_) : "";
}

std::string_view SessionCore::phase_name(Phase phase) {
  switch (phase) {
    case Phase::kIdle:
      return "idle";
    case Phase::kWaiting:
      return "waiting";
    case Phase::kResolving:
      return "looking up";
    case Phase::kConnecting:
      return "connecting";
    case Phase::kHandshake:
      return "shaking hands";
    case Phase::kUp:
      return "up";
    case Phase::kEnded:
      return "ended";
  }
  return "unknown";
}

std::uint64_t SessionCore::draw(std::uint64_t below) {
  random_ += 0x9e3779b97f4a7c15;  // SplitMix64
  std::uint64_t value = random_;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return (value ^ (value >> 31)) % below;
}

Millis SessionCore::silence_max() const {
  return at_least_one(timeout_.value * 2 / 3);
}
Millis SessionCore::ping_interval() const {
  return at_least_one(timeout_.value / 3);
}

// ---- Finding a server

Millis SessionCore::attempt_timeout() const {
  return at_least_one(timeout_.value / static_cast<std::int64_t>(hosts_.size()));
}

Millis SessionCore::backoff() {
  const std::uint32_t rounds = failures_ / static_cast<std::uint32_t>(hosts_.size());
  const std::int64_t most = std::min(kBackoffMin << std::min(rounds, 10u), kBackoffMax);
  return Millis{most / 2 + static_cast<std::int64_t>(draw(static_cast<std::uint64_t>(most / 2)))};
}

void SessionCore::on(Start&&, Actions& actions) {
  if (phase_ != Phase::kIdle) return;
  disconnected_since_ = now_;
  begin_attempt(actions);
}

void SessionCore::begin_attempt(Actions& actions) {
  ++attempt_;
  server_ = hosts_.next();
  phase_ = Phase::kResolving;
  attempt_deadline_ = now_ + attempt_timeout();
  actions.push_back(Resolve{attempt_, server_});
}

void SessionCore::on(Resolved&& event, Actions& actions) {
  if (event.attempt != attempt_ || phase_ != Phase::kResolving) return;
  addresses_ = std::move(event.addresses);
  for (std::size_t left = addresses_.size(); left > 1; --left) {
    std::swap(addresses_[left - 1], addresses_[draw(left)]);
  }
  if (addresses_.empty()) return attempt_failed(event.failure, actions);
  try_address(actions);
}

void SessionCore::try_address(Actions& actions) {
  ++attempt_;
  phase_ = Phase::kConnecting;
  attempt_deadline_ = now_ + attempt_timeout();
  Endpoint endpoint{std::move(addresses_.back()), server_.port, server_.host};
  addresses_.pop_back();
  actions.push_back(Connect{attempt_, std::move(endpoint)});
}

void SessionCore::on(ConnectFailed&& event, Actions& actions) {
  if (event.attempt != attempt_ || phase_ != Phase::kConnecting) return;
  attempt_failed(event.reason, actions);
}

// The host has been told to give up what it still was at.
void SessionCore::attempt_failed(const std::string& reason, Actions& actions) {
  last_failure_ = concat(to_string(server_), ": ", reason);
  if (!addresses_.empty()) return try_address(actions);
  ++attempt_;
  ++failures_;
  if (failures_ % hosts_.size() != 0) return begin_attempt(actions);
  wait_before_next(backoff());
}

void SessionCore::wait_before_next(Millis delay) {
  phase_ = Phase::kWaiting;
  attempt_deadline_ = now_ + delay;
}

void SessionCore::on(Connected&& event, Actions&) {
  if (event.attempt != attempt_ || phase_ != Phase::kConnecting) return;
  phase_ = Phase::kHandshake;
  attempt_deadline_ = now_ + attempt_timeout();
  last_sent_ = last_received_ = now_;
  partial_.clear();
  control_.clear();
  JuteWriter writer(control_);
  const std::size_t length_at = writer.reserve_int();
  std::string password = password_;
  password.resize(std::max(password.size(), kPasswordBytes));
  write(writer, ConnectRequest{.protocol_version = 0,
                               .last_zxid_seen = last_zxid_,
                               .timeout_ms = static_cast<std::int32_t>(std::min<std::int64_t>(
                                   settings_.session_timeout.value, INT32_MAX)),
                               .session = session_,
                               .password = as_bytes(password),
                               .has_read_only = true,
                               .read_only = settings_.read_only});
  writer.patch_int(length_at, static_cast<std::int32_t>(control_.size() - length_at - 4));
}

// False: the attempt or the session has ended.
bool SessionCore::on_handshake(ByteView frame, Actions& actions) {
  JuteReader reader(frame);
  const auto response = read_connect_response(reader);
  if (!response) return broken("it answers like no ZooKeeper server", std::nullopt, actions);
  if (response->timeout_ms <= 0 && session_.value == 0) {
    return broken("it gives no session", std::nullopt, actions);
  }
  if (response->timeout_ms <= 0) {
    close_confirmed_ = close_sent_;  // that was its end
    end_session(close_sent_ ? State::kClosed : State::kExpired,
                concat(to_string(server_), " says that the session has expired"), actions);
    return false;
  }
  session_ = response->session;
  password_ = as_chars(response->password);
  timeout_ = Millis{response->timeout_ms};
  seen_read_write_ = seen_read_write_ || !response->read_only;
  phase_ = Phase::kUp;
  attempt_deadline_ = kNever;
  addresses_.clear();
  auth_replies_due_ = auths_.size();
  for (const Bytes& body : auths_) append_control(kXidAuth, OpCode::kAuth, body);
  set_state(response->read_only ? State::kConnectedReadOnly : State::kSyncConnected,
            concat("connected to ", to_string(server_)), actions);
  restore_watches(actions);
  probe_interval_ = kProbeIntervalMin;
  next_probe_ = response->read_only && hosts_.size() > 1 ? now_ + probe_interval_ : kNever;
  probing_ = false;
  return true;
}

void SessionCore::restore_watches(Actions& actions) {
  watches_.forget_server();
  std::vector<WatcherPtr> lasting = watches_.lasting();
  if (!lasting.empty()) actions.push_back(Gap{std::move(lasting)});
  for (const WatchLists& lists : watches_.lists(kSetWatchesBytes)) {
    append_control(kXidSetWatches, lists.has_lasting() ? OpCode::kSetWatches2 : OpCode::kSetWatches,
                   encode_set_watches(last_zxid_, lists));
    ++set_watches_due_;
  }
}

void SessionCore::append_control(std::int32_t xid, OpCode op, ByteView body) {
  JuteWriter writer(control_);
  writer.write_int(static_cast<std::int32_t>(8 + body.size()));
  write(writer, RequestHeader{xid, op});
  writer.write_raw(body);
}

// ---- Losing it

void SessionCore::on(Disconnected&& event, Actions& actions) {
  if (event.attempt != attempt_) return;
  if (phase_ != Phase::kHandshake && !is_up()) return;
  lost(event.reason, actions);
}

void SessionCore::on(Malformed&& event, Actions& actions) {
  if (event.attempt != attempt_ || !is_up()) return;
  leave(concat("an answer that does not parse: ", event.reason), actions);
}

// Ends the attempt or the connection by our own will.
void SessionCore::leave(const std::string& reason, Actions& actions) {
  actions.push_back(Disconnect{attempt_, reason});
  lost(reason, actions);
}

bool SessionCore::broken(const std::string& reason, std::optional<NotSent> answer_error,
                         Actions& actions) {
  if (answer_error) {
    const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(sent_);
    const auto asked = std::find_if(queue_.begin(), end,
                                    [](const Pending& p) { return p.xid != 0 && !p.answered; });
    if (asked != end) {
      end_unanswered(*asked, {*answer_error, MaybeApplied::malformed_reply}, actions);
    }
  }
  leave(reason, actions);
  return false;
}

// An attempt that fails before there is a session on it is one of a round; a connection that was up
// ends what was under way on it.
void SessionCore::lost(const std::string& reason, Actions& actions) {
  if (!is_up()) return attempt_failed(reason, actions);
  last_failure_ = concat(to_string(server_), ": ", reason);
  ++attempt_;
  control_.clear();
  set_watches_due_ = auth_replies_due_ = 0;
  next_probe_ = kNever;
  if (!seen_read_write_) {  // that server alone knew it
    session_ = SessionId{};
    password_.clear();
  }
  phase_ = Phase::kWaiting;
  requeue_after_loss(actions);
  if (closing_ && close_at_once_) return end_session(State::kClosed, reason, actions);
  set_state(State::kDisconnected, reason, actions);
  wait_before_next(failures_ == 0 ? Millis{static_cast<std::int64_t>(draw(kAfterLossMax))}
                                  : backoff());
}

void SessionCore::set_state(State state, std::string reason, Actions& actions) {
  if (state == State::kDisconnected) disconnected_since_ = now_;
  state_ = state;
  actions.push_back(StateChanged{state, std::move(reason)});
}

void SessionCore::end_session(State state, std::string reason, Actions& actions) {
  const bool active = phase_ != Phase::kWaiting && phase_ != Phase::kIdle;
  if (active) actions.push_back(Disconnect{attempt_, reason});
  const error_code closed = close_error(state);
  phase_ = Phase::kEnded;
  ++attempt_;
  attempt_deadline_ = next_probe_ = close_deadline_ = earliest_deadline_ = kNever;
  last_failure_ = reason;
  control_.clear();
  end_all(ending(state), actions);
  set_state(state, std::move(reason), actions);
  for (WatchRegistry::Telling& telling : watches_.take_all()) {
    WatchEvent event{EventType::kNone, state, chroot_.to_client(telling.path), -1};
    actions.push_back(Fire{std::move(telling.watchers), std::move(event)});
  }
  for (OperationPtr& operation : std::exchange(close_operations_, {})) {
    actions.push_back(Complete{std::move(operation), closed, {}, last_zxid_});
  }
}

// How a Close ends with the session: well, if the server is known to have none any more.
error_code SessionCore::close_error(State state) const {
  if (close_confirmed_ || session_.value == 0 || state == State::kExpired) return {};
  if (state == State::kAuthFailed) return NotSent::auth_failed;
  const bool overdue = close_deadline_ <= now_;
  if (close_sent_) return overdue ? MaybeApplied::timed_out : MaybeApplied::connection_loss;
  return overdue ? NotSent::timed_out : NotSent::connection_loss;
}

SessionCore::Ending SessionCore::ending(State state) {
  switch (state) {
    case State::kExpired:
      return {NotSent::session_expired, MaybeApplied::session_expired};
    case State::kAuthFailed:
      return {NotSent::auth_failed, MaybeApplied::connection_loss};
    case State::kClosed:
    case State::kDisconnected:
    case State::kSyncConnected:
    case State::kConnectedReadOnly:
      return {NotSent::closed, MaybeApplied::closed};
  }
  return {NotSent::closed, MaybeApplied::closed};
}

// ---- Closing

void SessionCore::on(Close&& event, Actions& actions) {
  if (event.operation) close_operations_.push_back(std::move(event.operation));
  if (phase_ == Phase::kEnded) {
    for (OperationPtr& operation : std::exchange(close_operations_, {})) {
      actions.push_back(Complete{std::move(operation), {}, {}, last_zxid_});
    }
    return;
  }
  const bool first = !std::exchange(closing_, true);
  close_deadline_ = std::min(close_deadline_, now_ + event.within);
  if (event.at_once) {
    close_at_once_ = true;
    for (Pending& pending : queue_) end_unanswered(pending, ending(State::kClosed), actions);
  }
  const bool nothing_to_close = session_.value == 0 && live_ == 0;
  if (!is_up() && (close_at_once_ || nothing_to_close)) {
    return end_session(State::kClosed, "closed", actions);
  }
  if (!first) return;
  Pending& close = queue_.emplace_back();
  close.request.op = OpCode::kCloseSession;
  close.request.id = UINT64_MAX;
  close.is_internal = true;
}

// ---- Time

Millis SessionCore::next_deadline() const {
  if (phase_ == Phase::kEnded) return kNever;
  if (sent_ > 0 && queue_.front().answered) return now_;
  Millis next = std::min({attempt_deadline_, earliest_deadline_, close_deadline_});
  if (is_up()) {
    next = std::min({next, last_received_ + silence_max(), last_sent_ + ping_interval()});
    if (!probing_) next = std::min(next, next_probe_);
  }
  return next;
}

void SessionCore::on(Tick&&, Actions& actions) {
  if (phase_ == Phase::kEnded || phase_ == Phase::kIdle) return;
  if (close_deadline_ <= now_) {
    return end_session(State::kClosed, "closed without the server's answer", actions);
  }
  if (attempt_deadline_ <= now_) attempt_is_overdue(actions);
  if (is_up()) keep_alive(actions);
  if (is_up()) seek_better(actions);
  pop_answered(actions);
  if (earliest_deadline_ <= now_) end_overdue(actions);
}

void SessionCore::attempt_is_overdue(Actions& actions) {
  if (phase_ == Phase::kWaiting) return begin_attempt(actions);
  leave(concat("nothing came of ", phase_name(phase_), " in ", attempt_timeout().value, " ms"),
        actions);
}

void SessionCore::keep_alive(Actions& actions) {
  const Millis silent = now_ - last_received_;
  if (silent >= silence_max()) {
    return leave(concat("nothing was heard for ", silent.value, " ms"), actions);
  }
  if (now_ - last_sent_ < ping_interval()) return;
  append_control(kXidPing, OpCode::kPing, {});
  last_sent_ = now_;
}

// The other servers in turn, less and less often.
void SessionCore::seek_better(Actions& actions) {
  if (probing_ || next_probe_ > now_) return;
  probed_ = hosts_.peek(static_cast<std::size_t>(probe_ % hosts_.size()));
  if (probed_ == server_) {
    ++probe_;
    probed_ = hosts_.peek(static_cast<std::size_t>(probe_ % hosts_.size()));
  }
  probing_ = true;
  actions.push_back(Probe{++probe_, probed_});
}

void SessionCore::on(Probed&& event, Actions& actions) {
  if (!probing_ || event.probe != probe_ || !is_up()) return;
  probing_ = false;
  probe_interval_ = std::min(Millis{probe_interval_.value * 2}, kProbeIntervalMax);
  next_probe_ = now_ + probe_interval_;
  if (!event.is_read_write) return;
  hosts_.prefer(probed_);
  leave(concat(to_string(probed_), " has a quorum"), actions);
}

std::string SessionCore::describe(Millis now) const {
  std::string text = concat(
      to_string(state_), " session=0x", hex(static_cast<std::uint64_t>(session_.value)),
      " timeout=", timeout_.value, "ms zxid=0x", hex(static_cast<std::uint64_t>(last_zxid_.value)));
  if (is_up()) {
    text += concat(" server=", to_string(server_), " silent=", (now - last_received_).value, "ms");
  } else if (phase_ != Phase::kEnded) {
    const Millis away = now - disconnected_since_;
    text += concat(" ", phase_name(phase_), " ", to_string(server_), " away=", away.value, "ms");
    if (session_.value != 0 && away >= timeout_) text += " (longer than the session lasts)";
  }
  text += concat(" pending=", live_, " sent=", sent_, " watches=", watches_.paths());
  if (!last_failure_.empty()) text += concat(" last_failure=\"", last_failure_, "\"");
  return text;
}

}  // namespace paddock::client
