#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "client/session_core.h"
#include "common/concat.h"

// A SessionCore, driven by hand: what it does is told as lines, and its server is the test.
namespace paddock::client::test {

struct Numbered : Operation {
  explicit Numbered(std::uint64_t given) : number(given) {}
  std::uint64_t number;
};
struct Named : WatcherBase {
  explicit Named(std::string given) : name(std::move(given)) {}
  std::string name;
};

// A frame that the core has sent.
struct Sent {
  std::int32_t xid = 0;
  OpCode op{};
  Bytes body;
};

class CoreHost {
 public:
  explicit CoreHost(SessionSettings settings = defaults()) : core(std::move(settings), 1) {}

  static SessionSettings defaults() {
    SessionSettings settings;
    settings.servers = {{"s", 1}};
    settings.session_timeout = Millis{9'000};
    return settings;
  }

  // ---- What the host does

  // The lines of what the step has done.
  std::vector<std::string> step(Event&& event) {
    Actions actions;
    core.step(std::move(event), Millis{now}, actions);
    std::vector<std::string> lines;
    for (Action& action : actions) {
      std::visit([&](auto& one) { lines.push_back(line_of(one)); }, action);
    }
    all.insert(all.end(), lines.begin(), lines.end());
    return lines;
  }
  // Ticks at each deadline until then.
  std::vector<std::string> wait(std::int64_t ms) {
    std::vector<std::string> lines;
    const std::int64_t end = now + ms;
    for (int ticks = 0; core.next_deadline().value <= end; ++ticks) {
      EXPECT_LT(ticks, 100'000) << "time stands still";
      if (ticks == 100'000) break;
      now = std::max(now, core.next_deadline().value);
      for (std::string& line : step(Tick{})) lines.push_back(std::move(line));
      core.take_output(output, SIZE_MAX, Millis{now});
    }
    now = end;
    return lines;
  }
  std::vector<std::string> submit(OpCode op, Bytes body, bool harmless = true,
                                  std::int64_t deadline = INT64_MAX) {
    return submit(op, std::move(body), harmless, deadline, std::monostate());
  }
  std::vector<std::string> submit(
      OpCode op, Bytes body, bool harmless, std::int64_t deadline,
      std::variant<std::monostate, WatchRegistration, WatchRemoval> watch) {
    Request request;
    request.id = ++last_id;
    request.op = op;
    request.body = std::move(body);
    request.harmless = harmless;
    request.deadline = Millis{deadline};
    request.watch = std::move(watch);
    request.operation = std::make_unique<Numbered>(last_id);
    return step(Submit{std::move(request)});
  }
  std::vector<std::string> read(std::int64_t deadline = INT64_MAX) {
    return submit(OpCode::kGetAcl, {0, 0, 0, 1, '/'}, true, deadline);
  }
  std::vector<std::string> write(std::int64_t deadline = INT64_MAX) {
    return submit(OpCode::kDelete, {0, 0, 0, 1, '/', 0, 0, 0, 0}, false, deadline);
  }
  std::vector<std::string> get_with_watch(const std::string& path, const std::string& watcher) {
    const auto encoded = encode_get(Chroot(), path, true);
    return submit(OpCode::kGetData, encoded->body, true, INT64_MAX,
                  WatchRegistration{WatchSlot::kData, path, std::make_shared<Named>(watcher)});
  }
  std::vector<std::string> watch(const std::string& path, WatchMode mode,
                                 const WatcherPtr& watcher) {
    const auto encoded = encode_add_watch(Chroot(), path, mode);
    const WatchSlot slot =
        mode == WatchMode::kPersistent ? WatchSlot::kPersistent : WatchSlot::kPersistentRecursive;
    return submit(OpCode::kAddWatch, encoded->body, true, INT64_MAX,
                  WatchRegistration{slot, path, watcher});
  }

  // ---- What the server does

  // From wherever it is to the handshake that is to be answered.
  void reach_server() {
    if (core.attempt() == 0) step(Start{});
    wait(2'000);
    step(Resolved{core.attempt(), {"10.0.0.1"}, ""});
    step(Connected{core.attempt()});
    ASSERT_TRUE(core.take_output(output, SIZE_MAX, Millis{now}));
  }
  std::vector<std::string> answer_handshake(std::int64_t session = 0x77,
                                            std::int32_t timeout = 9'000, bool read_only = false) {
    output.clear();
    Bytes frame;
    JuteWriter writer(frame);
    writer.write_int(37);
    paddock::write(writer, ConnectResponse{0, timeout, SessionId{session},
                                           as_bytes("0123456789abcdef"), true, read_only});
    return step(Received{core.attempt(), frame});
  }
  void connect() {
    reach_server();
    answer_handshake();
  }
  // What the core has to send.
  std::vector<Sent> sent() {
    core.take_output(output, SIZE_MAX, Millis{now});
    std::vector<Sent> frames;
    for (std::size_t at = 0; at < output.size();) {
      const std::size_t length = load_be32(output.data() + at);
      const ByteView frame = ByteView(output).subspan(at + 4, length);
      frames.push_back({static_cast<std::int32_t>(load_be32(frame.data())),
                        OpCode{static_cast<std::int32_t>(load_be32(frame.data() + 4))},
                        Bytes(frame.begin() + 8, frame.end())});
      at += 4 + length;
    }
    output.clear();
    return frames;
  }
  std::string sent_ops() {
    std::string text;
    for (const Sent& frame : sent()) text += concat(name_of(frame.op), "/", frame.xid, " ");
    return text;
  }
  static Bytes reply(std::int32_t xid, ErrorCode error = ErrorCode::kOk,
                     std::string_view record = "", std::int64_t zxid = 5) {
    Bytes frame;
    JuteWriter writer(frame);
    writer.write_int(static_cast<std::int32_t>(16 + record.size()));
    paddock::write(writer, ReplyHeader{xid, Zxid{zxid}, error});
    writer.write_raw(as_bytes(record));
    return frame;
  }
  static Bytes event(EventType type, std::string_view path) {
    Bytes record;
    JuteWriter writer(record);
    paddock::write(writer, WatcherEvent{static_cast<paddock::EventType>(type), 3, path});
    return reply(-1, ErrorCode::kOk, as_chars(record), 8);
  }
  std::vector<std::string> receive(const Bytes& bytes) {
    return step(Received{core.attempt(), bytes});
  }
  std::vector<std::string> lose() { return step(Disconnected{core.attempt(), "reset"}); }

  // ---- Lines

  static std::string line_of(const Resolve& action) {
    return concat("resolve ", to_string(action.server));
  }
  static std::string line_of(const Connect& action) {
    return concat("connect ", action.endpoint.address, " ", action.endpoint.port);
  }
  static std::string line_of(const Disconnect& action) {
    return concat("disconnect: ", action.reason);
  }
  static std::string line_of(const Probe& action) {
    return concat("probe ", to_string(action.server));
  }
  static std::string line_of(const Complete& action) {
    const auto* operation = static_cast<const Numbered*>(action.operation.get());
    std::string text = concat(operation ? operation->number : 0, ": ");
    if (!action.error) return text + "ok " + std::string(as_chars(action.reply));
    if (is_maybe_applied(action.error)) return text + "maybe: " + action.error.message();
    if (is_not_sent(action.error)) return text + "not sent: " + action.error.message();
    return text + "refused: " + action.error.message();
  }
  static std::string names_of(const std::vector<WatcherPtr>& watchers) {
    std::string text;
    for (const WatcherPtr& one : watchers) text += " " + static_cast<Named&>(*one).name;
    return text;
  }
  static std::string line_of(const Fire& action) {
    return concat(to_string(action.event.type), " ", action.event.path, ":",
                  names_of(action.watchers));
  }
  static std::string line_of(const Gap& action) { return "gap:" + names_of(action.watchers); }
  static std::string line_of(const Unwatched& action) {
    return concat("unwatched", action.error ? " (" + action.error.message() + ")" : "", ":",
                  names_of(action.watchers));
  }
  static std::string line_of(const StateChanged& action) {
    return std::string(to_string(action.state));
  }

  SessionCore core;
  std::int64_t now = 1'000;
  std::uint64_t last_id = 0;
  Bytes output;
  std::vector<std::string> all;
};

}  // namespace paddock::client::test
