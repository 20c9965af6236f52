#include "tests/unit/client/session_simulation.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/concat.h"

namespace paddock::client::test {

namespace {

constexpr std::size_t kServers = 3;
constexpr std::int64_t kSessionTimeout = 6'000;
constexpr std::int64_t kLoadFor = 30'000;
constexpr std::int64_t kSettleFor = 60'000;
constexpr int kPaths = 4;
constexpr std::int64_t kMissing = -1;

bool is_below(const std::string& path, const std::string& above) {
  return above == "/" || path == above || (path.starts_with(above) && path[above.size()] == '/');
}

}  // namespace

// A watch as it should be: what its reader was shown, and what it was told since.
struct SessionSimulation::Watcher : WatcherBase {
  std::string path;
  WatchSlot slot{};
  bool registered = false, fired = false, removed = false, ended = false;
  bool orphan = false;          // its operation has failed, since the answer did not parse
  std::int64_t seen_at = 0;     // the zxid of the reply that registered it
  std::int64_t seen_state = 0;  // what that showed: mzxid or pzxid; kMissing
  bool on_children() const { return slot == WatchSlot::kChild; }
  // Of a lasting one.
  std::map<std::string, std::int64_t> told, told_of_children;
  std::optional<ModelEnsemble::Connection> gap_on;
};

struct SessionSimulation::Op {
  enum Kind { kWrite, kGet, kExists, kChildren, kWatch, kRemoval, kAuth } kind{};
  std::string path, data;
  bool completed = false, cancelled = false, applied_for_sure = false, never_applied = false;
  bool resent = false;
  std::int64_t deadline = INT64_MAX;
  std::shared_ptr<Watcher> watcher;
};

struct SessionSimulation::Payload : Operation {
  explicit Payload(std::uint64_t number) : id(number) {}
  std::uint64_t id;
};

// One connection, from the client's attempt to when both sides have let go.
struct SessionSimulation::Wire {
  AttemptId attempt = 0;
  std::size_t server = 0;
  ModelEnsemble::Connection connection = 0;
  bool client_has = true, server_has = true;
  bool server_end_sent = false;
  std::int64_t to_server_at = 0, to_client_at = 0;  // nothing overtakes
};

SessionSimulation::SessionSimulation(std::uint64_t seed, Mutation mutation)
    : prng_(seed * 2 + 1), mutation_(mutation), ensemble_(kServers, seed % 2 == 0) {
  ensemble_.create("/p", "");
  for (int i = 0; i < kPaths; ++i) ensemble_.create(concat("/n", i), "");
  SessionSettings settings;
  for (std::uint16_t i = 0; i < kServers; ++i) {
    settings.servers.push_back({concat("s", i), static_cast<std::uint16_t>(2181 + i)});
  }
  settings.session_timeout = Millis{kSessionTimeout};
  settings.read_only = prng_.chance(0.5);
  settings.max_pending = 200;
  settings.auth = {{"digest", "a:b"}};
  core_ = std::make_unique<SessionCore>(std::move(settings), seed);
}

SessionSimulation::~SessionSimulation() = default;

// ---- Time

void SessionSimulation::at(std::int64_t delay, std::function<void()> what) {
  later_.push({now_ + delay, ++last_later_, std::move(what)});
}

void SessionSimulation::run_until(std::int64_t end) {
  while (!later_.empty() && later_.top().when <= end && violations_.empty()) {
    Later next = later_.top();
    later_.pop();
    steps_at_once_ = next.when == now_ ? steps_at_once_ + 1 : 0;
    if (steps_at_once_ > 100'000) return violation("time stands still");
    now_ = next.when;
    ensemble_.pass_time(Millis{now_});
    next.what();
    flush_servers();
  }
  now_ = std::max(now_, end);
}

void SessionSimulation::arm_timer() {
  const Millis next = core_->next_deadline();
  const std::uint64_t timer = ++timer_;
  if (next == kNever) return;
  at(std::max<std::int64_t>(next.value - leap_ - now_, 0), [this, timer] {
    if (timer == timer_) step(Tick{});
  });
}

// ---- The host

void SessionSimulation::step(Event&& event) {
  Actions actions;
  core_->step(std::move(event), Millis{now_ + leap_}, actions);
  mutate(actions);
  carry_out(actions);
  pump();
  arm_timer();
}

void SessionSimulation::carry_out(Actions& actions) {
  for (Action& action : actions) {
    std::visit([this](auto& one) { act(one); }, action);
  }
}

void SessionSimulation::mutate(Actions& actions) {
  if (mutation_ == Mutation::kSwapCompletions) {
    for (std::size_t i = 1; i < actions.size(); ++i) {
      if (std::holds_alternative<Complete>(actions[i - 1]) &&
          std::holds_alternative<Complete>(actions[i])) {
        std::swap(actions[i - 1], actions[i]);
        break;
      }
    }
  }
  if (mutation_ == Mutation::kReplyBeforeEvent) {
    std::stable_partition(actions.begin(), actions.end(), [](const Action& action) {
      return std::holds_alternative<Complete>(action);
    });
  }
}

void SessionSimulation::act(Resolve& action) {
  const AttemptId attempt = action.attempt;
  const std::size_t server = action.server.port - 2181u;
  const bool fails = faults_ && prng_.chance(0.05);
  at(prng_.between(0, 20), [this, attempt, server, fails] {
    Resolved resolved{attempt, {}, fails ? "no such name" : ""};
    if (!fails) resolved.addresses.push_back(concat("10.0.0.", server));
    step(std::move(resolved));
  });
}

void SessionSimulation::act(Connect& action) {
  auto wire = std::make_shared<Wire>();
  wire->attempt = action.attempt;
  wire->server = action.endpoint.port - 2181u;
  wire_ = wire;
  is_writing_ = false;
  if (faults_ && prng_.chance(0.03)) return;  // nobody answers
  at(prng_.between(0, 30), [this, wire] {
    if (!wire->client_has) return;
    if (!ensemble_.server(wire->server).is_up) {
      return step(ConnectFailed{wire->attempt, "connection refused"});
    }
    wire->connection = ensemble_.open(wire->server);
    wires_.push_back(wire);
    ++counts_.connections;
    step(Connected{wire->attempt});
  });
}

void SessionSimulation::act(Disconnect& action) {
  note(concat("disconnect: ", action.reason));
  if (!wire_ || wire_->attempt != action.attempt) return;
  const auto wire = std::exchange(wire_, nullptr);
  wire->client_has = false;
  at(prng_.between(0, 50), [this, wire] {
    ensemble_.close(wire->connection);
    wire->server_has = false;
  });
}

void SessionSimulation::act(Probe& action) {
  const std::uint64_t probe = action.probe;
  const std::size_t server = action.server.port - 2181u;
  at(prng_.between(1, 100), [this, probe, server] {
    const ModelEnsemble::Server& asked = ensemble_.server(server);
    step(Probed{probe, asked.is_up && !asked.is_read_only});
  });
}

void SessionSimulation::act(StateChanged& action) {
  note(concat("state ", to_string(action.state), ": ", action.reason));
  if (is_final(state_)) violation("the state changes behind its end");
  state_ = action.state;
  if (state_ != core_->state()) violation("the state is not the one that was told");
  if (state_ == State::kConnectedReadOnly) ++counts_.read_only;
  if (state_ == State::kExpired) {
    ++counts_.expired;
    const std::int64_t session = core_->ticket().id;
    if (ensemble_.has_session(session)) violation("the session has ended, but it lives");
  }
  if (state_ == State::kAuthFailed && !bad_auth_) violation("credentials refused that were good");
}

void SessionSimulation::act(Gap& action) {
  ++counts_.gaps;
  if (mutation_ == Mutation::kForgetGap) return;
  for (const WatcherPtr& one : action.watchers) {
    static_cast<Watcher&>(*one).gap_on = wire_->connection;
  }
}

void SessionSimulation::act(Unwatched& action) {
  for (const WatcherPtr& one : action.watchers) {
    Watcher& watcher = static_cast<Watcher&>(*one);
    ++counts_.unwatched;
    if (watcher.fired && !is_lasting(watcher.slot)) violation("a watch is removed that had fired");
    watcher.removed = true;
  }
}

void SessionSimulation::act(Fire& action) {
  const WatchEvent& event = action.event;
  if (mutation_ == Mutation::kForgetEvent && prng_.chance(0.1)) return;
  const int times = mutation_ == Mutation::kEventTwice && prng_.chance(0.1) ? 2 : 1;
  for (int time = 0; time < times; ++time) {
    for (const WatcherPtr& one : action.watchers) {
      Watcher& watcher = static_cast<Watcher&>(*one);
      ++counts_.events;
      if (watcher.orphan) continue;
      if (watcher.ended || watcher.removed) violation("a watch that had ended is told");
      if (event.type == EventType::kNone) {
        if (!is_final(state_)) violation("a watch is told of an end that is none");
        watcher.ended = true;
        continue;
      }
      if (!watcher.registered) violation("a watch is told before it was set");
      if (is_lasting(watcher.slot)) {
        if (event.zxid < 0) continue;  // made up by setWatches, for another watch
        auto& told =
            event.type == EventType::kNodeChildrenChanged ? watcher.told_of_children : watcher.told;
        if (told[event.path] >= event.zxid && times == 1) violation("an event is told twice");
        told[event.path] = std::max(told[event.path], event.zxid);
        if (watcher.slot == WatchSlot::kPersistentRecursive
                ? !is_below(event.path, watcher.path) ||
                      event.type == EventType::kNodeChildrenChanged
                : event.path != watcher.path) {
          violation(concat("a watch of ", watcher.path, " is told of ", event.path));
        }
        continue;
      }
      if (watcher.fired) violation("a one-shot watch is told twice");
      if (event.path != watcher.path) violation("a watch is told of another path");
      const std::int64_t changed = watcher.on_children() ? ensemble_.children_changed(watcher.path)
                                                         : ensemble_.data_changed(watcher.path);
      if (changed <= watcher.seen_at) violation(concat("nothing has changed at ", watcher.path));
      watcher.fired = true;
    }
  }
}

void SessionSimulation::act(Complete& action) {
  auto* payload = static_cast<Payload*>(action.operation.get());
  if (!payload) return violation("a completion of nothing");
  if (payload->id == 0) {
    ++times_closed_;
    closed_ = action.error;
    return;
  }
  Op& op = ops_.at(payload->id);
  if (mutation_ == Mutation::kForgetCompletion && prng_.chance(0.02)) return;
  if (mutation_ == Mutation::kResendWrite && op.kind == Op::kWrite &&
      action.error == MaybeApplied::connection_loss) {
    const auto encoded = encode_set(Chroot(), op.path, op.data, kAnyVersion);
    op.resent = true;
    Op again = op;
    return submit(std::move(again), encoded->op, encoded->body, false, std::monostate());
  }
  if (mutation_ == Mutation::kCallLostUnsent && action.error == MaybeApplied::connection_loss) {
    action.error = NotSent::connection_loss;
  }
  const int times = mutation_ == Mutation::kCompleteTwice && prng_.chance(0.02) ? 2 : 1;
  for (int time = 0; time < times; ++time) {
    if (std::exchange(op.completed, true)) violation("an operation completes twice");
  }
  check_completion(op, action);
  const bool answered = !action.error || is_refused(action.error);
  if (!answered) return;
  if (payload->id < last_answered_) violation("an answer overtakes another one");
  last_answered_ = std::max(last_answered_, payload->id);
}

void SessionSimulation::pump() {
  if (is_writing_ || !wire_ || core_->attempt() != wire_->attempt || !core_->has_output()) return;
  Bytes out;
  const bool has_sent = core_->take_output(out, static_cast<std::size_t>(prng_.between(1, 3'000)),
                                           Millis{now_ + leap_});
  if (!has_sent) return;
  to_server(wire_, mutation_ == Mutation::kForgetSetWatches ? without_set_watches(out) : out);
  is_writing_ = true;
  const auto wire = wire_;
  const bool blocked = faults_ && prng_.chance(0.01);
  at(blocked ? prng_.between(100, 1'000) : prng_.between(0, 3), [this, wire] {
    if (wire != wire_) return;
    is_writing_ = false;
    pump();
    arm_timer();
  });
}

// ---- The network

void SessionSimulation::to_server(const std::shared_ptr<Wire>& wire, Bytes bytes) {
  for (std::size_t at_byte = 0; at_byte < bytes.size();) {
    const std::size_t size = std::min<std::size_t>(bytes.size() - at_byte,
                                                   static_cast<std::size_t>(prng_.between(1, 400)));
    Bytes chunk(bytes.begin() + static_cast<long>(at_byte),
                bytes.begin() + static_cast<long>(at_byte + size));
    at_byte += size;
    wire->to_server_at = std::max(wire->to_server_at, now_ + prng_.between(0, 20));
    at(wire->to_server_at - now_, [this, wire, chunk = std::move(chunk)] {
      if (wire->server_has) ensemble_.receive(wire->connection, chunk, Millis{now_});
    });
  }
}

void SessionSimulation::to_client(const std::shared_ptr<Wire>& wire, Bytes bytes) {
  for (std::size_t at_byte = 0; at_byte < bytes.size();) {
    const std::size_t size = std::min<std::size_t>(bytes.size() - at_byte,
                                                   static_cast<std::size_t>(prng_.between(1, 400)));
    Bytes chunk(bytes.begin() + static_cast<long>(at_byte),
                bytes.begin() + static_cast<long>(at_byte + size));
    at_byte += size;
    wire->to_client_at = std::max(wire->to_client_at, now_ + prng_.between(0, 20));
    at(wire->to_client_at - now_, [this, wire, chunk = std::move(chunk)]() mutable {
      if (!wire->client_has) return;
      const bool is_handshake = chunk.size() == 41 && core_->server().empty();
      if (mutation_ == Mutation::kExpireOnReconnect && is_handshake && prng_.chance(0.2)) {
        store_be32(chunk.data() + 8, 0);
      }
      step(Received{wire->attempt, chunk});
    });
  }
}

void SessionSimulation::flush_servers() {
  for (std::size_t i = 0; i < wires_.size(); ++i) {
    const auto wire = wires_[i];
    if (!wire->server_has) continue;
    if (Bytes out = ensemble_.take_output(wire->connection); !out.empty()) {
      to_client(wire, std::move(out));
    }
    if (ensemble_.is_closed(wire->connection)) server_closed(wire);
  }
  std::erase_if(wires_, [](const auto& wire) { return !wire->server_has; });
}

void SessionSimulation::server_closed(const std::shared_ptr<Wire>& wire) {
  ensemble_.close(wire->connection);
  wire->server_has = false;
  wire->to_client_at = std::max(wire->to_client_at, now_ + prng_.between(0, 20));
  at(wire->to_client_at - now_, [this, wire] {
    if (!std::exchange(wire->client_has, false)) return;
    if (wire_ == wire) wire_ = nullptr;
    step(Disconnected{wire->attempt, "closed by the server"});
  });
}

// What is under way is lost, in both directions.
void SessionSimulation::reset() {
  const auto wire = wire_;
  wire->client_has = wire->server_has = false;
  ensemble_.close(wire->connection);
  if (wire_ == wire) wire_ = nullptr;
  at(prng_.between(0, 50), [this, wire] { step(Disconnected{wire->attempt, "connection reset"}); });
}

Bytes SessionSimulation::without_set_watches(const Bytes& bytes) {
  Bytes rest;
  const auto wire = wire_;
  for (std::size_t at_byte = 0; at_byte + 12 <= bytes.size();) {
    const std::size_t size = 4 + load_be32(bytes.data() + at_byte);
    const ByteView frame = ByteView(bytes).subspan(at_byte, size);
    at_byte += size;
    if (static_cast<std::int32_t>(load_be32(frame.data() + 4)) != kXidSetWatches) {
      append(rest, frame);
      continue;
    }
    Bytes reply;
    JuteWriter writer(reply);
    writer.write_int(16);
    write(writer, ReplyHeader{kXidSetWatches, Zxid{1}, ErrorCode::kOk});
    at(0, [this, wire, reply] {
      if (wire->client_has) step(Received{wire->attempt, reply});
    });
  }
  return rest;
}

// ---- Load

void SessionSimulation::submit(
    Op op, OpCode code, Bytes body, bool harmless,
    std::variant<std::monostate, WatchRegistration, WatchRemoval> watch) {
  const std::uint64_t id = ++last_op_;
  Request request;
  request.id = id;
  request.op = code;
  request.body = std::move(body);
  request.harmless = harmless;
  request.watch = std::move(watch);
  if (faults_ && prng_.chance(0.2)) op.deadline = now_ + leap_ + prng_.between(1, 3'000);
  if (op.deadline != INT64_MAX) request.deadline = Millis{op.deadline};
  request.operation = std::make_unique<Payload>(id);
  ops_[id] = std::move(op);
  step(Submit{std::move(request)});
  if (!faults_ || !prng_.chance(0.1)) return;
  at(prng_.between(0, 200), [this, id] {
    if (ops_.at(id).completed) return;
    ops_.at(id).cancelled = true;
    step(Cancel{id});
    if (!ops_.at(id).completed && mutation_ == Mutation::kNone) {
      violation("a cancelled operation does not end");
    }
  });
}

void SessionSimulation::submit_write() {
  Op op;
  op.kind = Op::kWrite;
  op.data = concat("w", last_op_ + 1);
  if (prng_.chance(0.3)) {
    op.path = concat("/p/c", prng_.below(kPaths));
    const auto encoded = encode_create(Chroot(), op.path, op.data, {});
    return submit(std::move(op), encoded->op, encoded->body, false, {});
  }
  op.path = concat("/n", prng_.below(kPaths));
  const std::int32_t version = prng_.chance(0.1) ? 1'000'000 : kAnyVersion;
  const auto encoded = encode_set(Chroot(), op.path, op.data, version);
  submit(std::move(op), encoded->op, encoded->body, false, {});
}

void SessionSimulation::submit_read(bool with_watch) {
  static constexpr Op::Kind kKinds[] = {Op::kGet, Op::kExists, Op::kChildren};
  Op op;
  op.kind = kKinds[prng_.below(3)];
  op.path = op.kind == Op::kChildren ? "/p"
            : prng_.chance(0.5)      ? concat("/n", prng_.below(kPaths))
                                     : concat("/p/c", prng_.below(kPaths));
  const bool on_server = with_watch && mutation_ != Mutation::kServeWithoutWatch;
  const auto encoded = op.kind == Op::kGet      ? encode_get(Chroot(), op.path, on_server)
                       : op.kind == Op::kExists ? encode_exists(Chroot(), op.path, on_server)
                                                : encode_children(Chroot(), op.path, on_server);
  if (!with_watch) return submit(std::move(op), encoded->op, encoded->body, true, {});
  op.watcher = std::make_shared<Watcher>();
  op.watcher->path = op.path;
  op.watcher->slot = op.kind == Op::kGet      ? WatchSlot::kData
                     : op.kind == Op::kExists ? WatchSlot::kExist
                                              : WatchSlot::kChild;
  watchers_.push_back(op.watcher);
  WatchRegistration left{op.watcher->slot, op.path, op.watcher};
  if (mutation_ == Mutation::kServeWithoutWatch) {
    // The host's own registration, which the server knows nothing of.
    return submit(std::move(op), encoded->op, encoded->body, true, {});
  }
  submit(std::move(op), encoded->op, encoded->body, true, std::move(left));
}

void SessionSimulation::submit_lasting() {
  static const char* const kPlaces[] = {"/", "/p", "/n0", "/p/c0"};
  Op op;
  op.kind = Op::kWatch;
  op.path = kPlaces[prng_.below(4)];
  const WatchMode mode =
      prng_.chance(0.5) ? WatchMode::kPersistent : WatchMode::kPersistentRecursive;
  op.watcher = std::make_shared<Watcher>();
  op.watcher->path = op.path;
  op.watcher->slot =
      mode == WatchMode::kPersistent ? WatchSlot::kPersistent : WatchSlot::kPersistentRecursive;
  watchers_.push_back(op.watcher);
  const auto encoded = encode_add_watch(Chroot(), op.path, mode);
  WatchRegistration left{op.watcher->slot, op.path, op.watcher};
  const auto watcher = op.watcher;
  submit(std::move(op), encoded->op, encoded->body, true, std::move(left));
  at(prng_.between(100, 10'000), [this, watcher] {
    if (!watcher->registered || watcher->removed || watcher->ended) return;
    watcher->removed = true;
    step(DropWatch{watcher->path, watcher});
  });
}

void SessionSimulation::submit_removal() {
  Op op;
  op.kind = Op::kRemoval;
  op.path = prng_.chance(0.5) ? "/p" : concat("/n", prng_.below(kPaths));
  const WatchKind kind{static_cast<WatchKind>(1 + prng_.below(5))};
  const auto encoded = encode_remove_watches(Chroot(), op.path, kind);
  WatchRemoval removal{kind, op.path};
  submit(std::move(op), encoded->op, encoded->body, false, std::move(removal));
}

void SessionSimulation::submit_auth() {
  Op op;
  op.kind = Op::kAuth;
  const bool bad = faults_ && prng_.chance(0.02);
  bad_auth_ = bad_auth_ || bad;
  const auto encoded = encode_auth(bad ? "wrong" : "digest", concat("u:", prng_.below(3)));
  submit(std::move(op), encoded->op, encoded->body, false, {});
}

void SessionSimulation::load() {
  if (!loaded_) return;
  for (std::uint64_t i = prng_.below(4); i > 0; --i) {
    const std::uint64_t draw = prng_.below(100);
    if (draw < 40) {
      submit_write();
    } else if (draw < 65) {
      submit_read(false);
    } else if (draw < 90) {
      submit_read(true);
    } else if (draw < 95) {
      submit_lasting();
    } else if (draw < 98) {
      submit_removal();
    } else {
      submit_auth();
    }
  }
  at(prng_.between(0, 40), [this] { load(); });
}

void SessionSimulation::others_write() {
  const std::string node = concat("/n", prng_.below(kPaths));
  const std::string child = concat("/p/c", prng_.below(kPaths));
  switch (prng_.below(3)) {
    case 0:
      if (ensemble_.nodes().contains(node)) ensemble_.set(node, "other");
      break;
    case 1:
      if (ensemble_.nodes().contains(child)) ensemble_.remove(child);
      break;
    default:
      if (!ensemble_.nodes().contains(child)) ensemble_.create(child, "other");
  }
  at(prng_.between(1, 150), [this] { others_write(); });
}

void SessionSimulation::fault() {
  if (!faults_) return;
  const std::size_t server = prng_.below(kServers);
  ModelEnsemble::Server& one = ensemble_.server(server);
  switch (prng_.below(9)) {
    case 0:
    case 1:
    case 2:
      if (wire_ && wire_->connection != 0) reset();
      break;
    case 3:
      one.is_up = false;
      ensemble_.cut(server);
      at(prng_.between(100, 3'000), [&one] { one.is_up = true; });
      break;
    case 4:
      one.refuses = true;
      at(prng_.between(100, 3'000), [&one] { one.refuses = false; });
      break;
    case 5:
      one.is_read_only = true;
      ensemble_.cut(server);
      at(prng_.between(100, 4'000), [this, server, &one] {
        one.is_read_only = false;
        ensemble_.cut(server);
      });
      break;
    case 6:
      ensemble_.cut_next_record();
      break;
    case 7:
      ensemble_.break_next_frame();
      break;
    default:
      if (prng_.chance(0.1)) {
        leap_ += prng_.chance(0.5) ? 3'600'000 : 5'000;
        step(Tick{});
      } else if (prng_.chance(0.1)) {  // the network is gone for longer than a session
        for (std::size_t i = 0; i < kServers; ++i) {
          ensemble_.server(i).is_up = false;
          ensemble_.cut(i);
        }
        at(2 * kSessionTimeout, [this] {
          for (std::size_t i = 0; i < kServers; ++i) ensemble_.server(i).is_up = true;
        });
      }
  }
  at(prng_.between(50, 2'500), [this] { fault(); });
}

void SessionSimulation::stop_faults() {
  faults_ = false;
  for (std::size_t i = 0; i < kServers; ++i) {
    if (ensemble_.server(i).is_read_only) ensemble_.cut(i);
    ensemble_.server(i) = {};
  }
}

// One server after the other finds its quorum.
void SessionSimulation::begin_without_quorum() {
  for (std::size_t i = 0; i < kServers; ++i) {
    ensemble_.server(i).is_read_only = true;
    at(prng_.between(500, 5'000), [this, i] {
      ensemble_.server(i).is_read_only = false;
      ensemble_.cut(i);
    });
  }
}

void SessionSimulation::run() {
  if (prng_.chance(0.3)) begin_without_quorum();
  step(Start{});
  load();
  others_write();
  fault();
  run_until(kLoadFor);
  stop_faults();
  run_until(kLoadFor + 5'000);
  loaded_ = false;
  run_until(kLoadFor + kSettleFor);
  if (!violations_.empty()) return;
  for (const auto& [id, op] : ops_) {
    if (!op.completed && !op.resent) return violation(concat("operation ", id, " never ends"));
  }
  if (!is_final(state_) && state_ != State::kSyncConnected) return violation("it never connects");
  if (core_->pending() != 0) return violation("something is pending for ever");
  const std::size_t sessions = ensemble_.sessions();
  const bool had_session = !is_final(state_);
  closing_ = true;
  step(Close{std::make_unique<Payload>(0), Millis{5'000}, prng_.chance(0.3)});
  run_until(now_ + 6'000);
  if (!violations_.empty()) return;
  if (times_closed_ != 1 || *closed_) return violation("the session is not closed");
  if (had_session && ensemble_.sessions() >= sessions) violation("the closed session lives");
  for (const auto& watcher : watchers_) {
    const bool waits = watcher->registered && !watcher->fired && !watcher->removed;
    if (waits && !watcher->ended) violation("a watch does not hear of the session's end");
  }
  check_writes();
}

// ---- Checks

void SessionSimulation::violation(const std::string& what) {
  violations_.push_back(concat("at ", now_, " ms: ", what));
}
void SessionSimulation::note(const std::string& what) {
  log_.push_back(concat(now_, " ", what));
}

std::string SessionSimulation::report() const {
  std::string text;
  for (const std::string& line : violations_) text += line + "\n";
  const std::size_t first = log_.size() > 20 ? log_.size() - 20 : 0;
  for (std::size_t i = first; i < log_.size(); ++i) text += log_[i] + "\n";
  return text + core_->describe(Millis{now_ + leap_});
}

void SessionSimulation::check_completion(Op& op, const Complete& action) {
  const error_code& error = action.error;
  if (is_maybe_applied(error)) {
    ++counts_.maybe_applied;
    if (op.kind != Op::kWrite && op.kind != Op::kAuth && op.kind != Op::kRemoval) {
      violation("a read is said to be applied, maybe");
    }
  }
  if (is_not_sent(error)) ++counts_.not_sent;
  if (is_refused(error)) ++counts_.refused;
  if (!error) ++counts_.answered;
  op.never_applied = is_not_sent(error) || is_refused(error);
  op.applied_for_sure = !error;
  if (error == Errc::timed_out && now_ + leap_ < op.deadline) violation("timed out too early");
  if (error == Errc::cancelled && !op.cancelled) violation("cancelled by nobody");
  if (error == Errc::session_expired && state_ != State::kExpired && !core_->describe({}).empty() &&
      core_->state() != State::kExpired) {
    violation("expired, and it is not");
  }
  if (op.kind == Op::kGet || op.kind == Op::kExists || op.kind == Op::kChildren) {
    check_read(op, action);
  }
  if (op.kind == Op::kWatch && !error) {
    op.watcher->registered = true;
    op.watcher->seen_at = action.zxid.value;
  }
}

void SessionSimulation::check_read(Op& op, const Complete& action) {
  const bool is_missing = action.error == Refused::no_node;
  if (action.error && !is_missing) return;
  std::int64_t state = kMissing;
  if (!is_missing) {
    const auto malformed = [&](const paddock::Error& error) {
      ++counts_.malformed;
      const AttemptId attempt = core_->attempt();
      if (op.watcher) op.watcher->orphan = true;
      at(0, [this, attempt, error, watcher = op.watcher] {
        if (watcher) step(DropWatch{watcher->path, watcher});
        step(Malformed{attempt, error.message});
      });
    };
    if (op.kind == Op::kGet) {
      const auto node = decode_node(action.reply);
      if (!node) return malformed(node.error());
      state = node->stat.mzxid;
    } else if (op.kind == Op::kExists) {
      const auto stat = decode_stat(action.reply);
      if (!stat) return malformed(stat.error());
      state = stat->mzxid;
    } else {
      const auto children = decode_children(action.reply);
      if (!children) return malformed(children.error());
      state = children->stat.pzxid;
    }
  }
  check_shown(op.path, op.kind == Op::kChildren, state);
  const bool leaves_watch = op.watcher && (!is_missing || op.kind == Op::kExists);
  if (!leaves_watch) return;
  op.watcher->registered = true;
  op.watcher->seen_at = action.zxid.value;
  op.watcher->seen_state = state;
}

// Every change behind a watch is told before a reply shows it.
void SessionSimulation::check_shown(const std::string& path, bool children, std::int64_t state) {
  for (const auto& one : watchers_) {
    Watcher& watcher = *one;
    if (!watcher.registered || watcher.fired || watcher.removed || watcher.ended) continue;
    if (!is_lasting(watcher.slot)) {
      if (watcher.path == path && watcher.on_children() == children &&
          watcher.seen_state != state) {
        violation(concat("a reply shows a change of ", path, ", of which a watch is not told yet"));
      }
      continue;
    }
    const bool recursive = watcher.slot == WatchSlot::kPersistentRecursive;
    const bool covers =
        recursive ? !children && is_below(path, watcher.path) : path == watcher.path;
    if (!covers || state <= shown_baseline(watcher)) continue;
    const auto& told = children ? watcher.told_of_children : watcher.told;
    const auto found = told.find(path);
    if (found == told.end() || found->second < state) {
      violation(concat("a reply shows a change of ", path, ", of which a lasting watch of ",
                       watcher.path, " is not told yet"));
    }
  }
}

// What a lasting watch need not have been told.
std::int64_t SessionSimulation::shown_baseline(const Watcher& watcher) const {
  if (!watcher.gap_on) return watcher.seen_at;
  return std::max(watcher.seen_at, ensemble_.restored_at(*watcher.gap_on));
}

void SessionSimulation::check_writes() {
  for (const auto& [id, op] : ops_) {
    if (op.kind != Op::kWrite) continue;
    const std::size_t times = ensemble_.times_applied(op.data);
    if (times > 1) violation(concat("write ", id, " was applied ", times, " times"));
    if (op.applied_for_sure && times != 1) violation(concat("write ", id, " was lost"));
    if (op.never_applied && times != 0) {
      violation(concat("write ", id, " was applied, and said not to be"));
    }
  }
}

}  // namespace paddock::client::test
