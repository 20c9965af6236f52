// A server that answers a client whatever it likes. The input is a conversation: commands that
// submit, cancel, answer (with the right xid or anything else), tell of events, cut the connection
// and let time pass.
//
// What must hold: every operation completes exactly once, at the latest when the session is closed,
// and no reply is read beyond its end, whatever operation it is taken to answer.

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "client/requests.h"
#include "client/session_core.h"
#include "common/check.h"
#include "common/records.h"

using namespace paddock;
using namespace paddock::client;

namespace {

struct Numbered : Operation {
  explicit Numbered(std::uint64_t given) : number(given) {}
  std::uint64_t number;
};

SessionSettings settings() {
  SessionSettings settings;
  settings.servers = {{"a", 1}, {"b", 2}};
  settings.chroot = "/app";
  settings.read_only = true;
  settings.max_reply_bytes = 4096;
  settings.auth = {{"digest", "a:b"}};
  return settings;
}

// Takes the reply for one of any operation.
void decode_all(ByteView reply) {
  const Chroot chroot("/app");
  Transaction transaction;
  transaction.create("/a");
  transaction.set("/a", "");
  transaction.check("/a");
  ReadBatch batch;
  batch.get("/a");
  batch.children("/a");
  (void)decode_created(chroot, reply).ok();
  (void)decode_stat(reply).ok();
  (void)decode_node(reply).ok();
  (void)decode_children(reply).ok();
  (void)decode_acl_and_stat(reply).ok();
  (void)decode_transaction(chroot, operation_codes(transaction), reply).ok();
  (void)decode_read_batch(batch, reply).ok();
  (void)decode_identities(reply).ok();
  (void)decode_ephemerals(chroot, "/a", reply).ok();
  (void)decode_count(reply).ok();
}

class Host {
 public:
  Host() : core_(settings(), 1) { step(Start{}); }

  void submit(std::uint8_t kind) {
    const Chroot chroot("/app");
    const std::string path = kind & 1 ? "/a" : "/a/b";
    Request request;
    Encoded encoded = encode_who_am_i();
    switch (kind / 2 % 8) {
      case 0:
        encoded = encode_set(chroot, path, "x", -1).value();
        break;
      case 1:
        encoded = encode_get(chroot, path, true).value();
        request.watch = registration(WatchSlot::kData, path);
        break;
      case 2:
        encoded = encode_exists(chroot, path, true).value();
        request.watch = registration(WatchSlot::kExist, path);
        break;
      case 3:
        encoded = encode_children(chroot, path, true).value();
        request.watch = registration(WatchSlot::kChild, path);
        break;
      case 4:
        encoded = encode_add_watch(chroot, path, WatchMode::kPersistent).value();
        request.watch = registration(WatchSlot::kPersistent, path);
        break;
      case 5:
        encoded = encode_add_watch(chroot, path, WatchMode::kPersistentRecursive).value();
        request.watch = registration(WatchSlot::kPersistentRecursive, path);
        break;
      case 6: {
        const WatchKind kind_of{static_cast<WatchKind>(1 + kind % 5)};
        encoded = encode_remove_watches(chroot, path, kind_of).value();
        request.watch = WatchRemoval{kind_of, chroot.to_server(path)};
        break;
      }
      default:
        encoded = encode_auth("digest", path).value();
    }
    request.id = ++last_id_;
    request.op = encoded.op;
    request.body = std::move(encoded.body);
    request.harmless = encoded.harmless;
    if (kind & 0x80) request.deadline = Millis{now_ + 1'000};
    request.operation = std::make_unique<Numbered>(last_id_);
    ++waiting_;
    step(Submit{std::move(request)});
  }
  void cancel(std::uint8_t back) {
    step(Cancel{last_id_ - std::min<std::uint64_t>(last_id_, back)});
  }
  void drop() {
    if (!watcher_) return;
    step(DropWatch{watched_, watcher_});
  }
  void receive(ByteView bytes) { step(Received{core_.attempt(), bytes}); }
  // To whatever is due, with a header that it expects.
  void answer(std::int32_t error, ByteView record) {
    std::int32_t xid = 1;
    if (!xids_.empty()) {
      xid = xids_.front();
      xids_.pop_front();
    }
    reply(xid, error, record);
  }
  void reply(std::int32_t xid, std::int32_t error, ByteView record) {
    Bytes frame;
    JuteWriter writer(frame);
    writer.write_int(static_cast<std::int32_t>(16 + record.size()));
    write(writer, ReplyHeader{xid, Zxid{++zxid_}, ErrorCode{error}});
    writer.write_raw(record);
    receive(frame);
  }
  void event(std::uint8_t type, std::string_view path) {
    Bytes record;
    JuteWriter writer(record);
    write(writer, WatcherEvent{static_cast<paddock::EventType>(type % 7), 3, path});
    reply(kXidNotification, 0, record);
  }
  void pass(std::int64_t ms) {
    now_ += ms;
    step(Tick{});
  }
  void lose() { step(Disconnected{core_.attempt(), "reset"}); }
  // From wherever it is to a session, if the core wants one.
  void connect(bool read_only) {
    pass(2'000);
    step(Resolved{core_.attempt(), {"10.0.0.1"}, ""});
    step(Connected{core_.attempt()});
    Bytes frame;
    JuteWriter writer(frame);
    writer.write_int(37);
    write(writer,
          ConnectResponse{0, 9'000, SessionId{7}, as_bytes("0123456789abcdef"), true, read_only});
    receive(frame);
  }
  void finish() {
    step(Close{nullptr, Millis{0}, true});
    pass(1);
    PADDOCK_CHECK(waiting_ == 0 && core_.pending() == 0);
    PADDOCK_CHECK(core_.state() >= State::kExpired && core_.next_deadline() == kNever);
  }

 private:
  WatchRegistration registration(WatchSlot slot, const std::string& path) {
    watcher_ = std::make_shared<WatcherBase>();
    watched_ = Chroot("/app").to_server(path);
    return {slot, watched_, watcher_};
  }

  void step(Event&& event) {
    Actions actions;
    core_.step(std::move(event), Millis{now_}, actions);
    for (Action& action : actions) {
      if (std::holds_alternative<StateChanged>(action)) xids_.clear();
      auto* complete = std::get_if<Complete>(&action);
      if (!complete) continue;
      PADDOCK_CHECK(complete->operation != nullptr && waiting_ > 0);
      --waiting_;
      if (!complete->error) decode_all(complete->reply);
    }
    (void)core_.describe(Millis{now_});
    Bytes out;
    if (!core_.take_output(out, 200, Millis{now_})) return;
    for (std::size_t at = 0; at < out.size();) {
      const auto xid = static_cast<std::int32_t>(load_be32(out.data() + at + 4));
      if (core_.server().empty()) break;  // a handshake has none
      xids_.push_back(xid);
      at += 4 + load_be32(out.data() + at);
    }
  }

  SessionCore core_;
  std::int64_t now_ = 1'000, zxid_ = 0;
  std::uint64_t last_id_ = 0, waiting_ = 0;
  std::deque<std::int32_t> xids_;  // that are to be answered
  WatcherPtr watcher_;
  std::string watched_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ByteView rest(data, size);
  const auto byte = [&rest]() -> std::uint8_t {
    if (rest.empty()) return 0;
    const std::uint8_t value = rest[0];
    rest = rest.subspan(1);
    return value;
  };
  const auto bytes = [&](std::size_t wanted) {
    const ByteView taken = rest.first(std::min(wanted, rest.size()));
    rest = rest.subspan(taken.size());
    return taken;
  };
  Host host;
  while (!rest.empty()) {
    const std::uint8_t command = byte();
    const std::uint8_t argument = command / 16;
    switch (command % 16) {
      case 0:
        host.receive(bytes(byte()));
        break;
      case 1:
      case 2: {  // with a record of up to 4095 bytes
        const std::size_t length = (argument << 8u) + byte();
        host.answer(command % 16 == 1 ? 0 : -static_cast<std::int32_t>(byte()), bytes(length));
        break;
      }
      case 3:
        host.event(argument, as_chars(bytes(byte())));
        break;
      case 4:
      case 5:
        host.submit(byte());
        break;
      case 6:
        host.cancel(argument);
        break;
      case 7:
        host.drop();
        break;
      case 8:
        host.pass(argument * 700);
        break;
      case 9:
        host.lose();
        break;
      case 10:
        host.connect(argument % 2 == 1);
        break;
      case 11:
        host.reply(-static_cast<std::int32_t>(argument), -static_cast<std::int32_t>(byte()), {});
        break;
      default:
        host.connect(false);
        host.submit(argument);
    }
  }
  host.finish();
  return 0;
}
