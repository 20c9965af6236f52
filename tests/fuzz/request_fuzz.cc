// A client that has a session and sends whatever it likes: the frames go the whole way, through
// preparation, proposal, commit and apply, or to the reads and the watch table. The first byte
// chooses settings, and whether each request is committed before the next or all are outstanding
// together.
//
// What must hold: the server answers each request once and in order, with well-formed frames; every
// transaction can be read back and leaves the tree with the digest that was promised for it; and
// nothing of the session is left once it has expired.

#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "common/check.h"
#include "common/records.h"
#include "common/txn_records.h"
#include "server/core/core.h"
#include "server/request/read.h"
#include "server/tree/acl_check.h"
#include "server/tree/data_tree.h"
#include "server/tree/watch_table.h"

using namespace paddock;
using namespace paddock::server;

namespace {

constexpr ConnectionId kConnection{1, 1};
constexpr WatcherId kWatcher = 0;
constexpr WallMillis kWall{1'700'000'000'000};

struct Flags {
  bool commit_each, enforce_quota, plain_types, no_digest, skip_acl;
};
Flags flags_of(std::uint8_t byte) {
  return {(byte & 1) == 0, (byte & 2) != 0, (byte & 4) != 0, (byte & 8) != 0, (byte & 16) != 0};
}

CoreOptions core_options(const Flags& flags) {
  CoreOptions options;
  options.enforce_quota = flags.enforce_quota;
  options.auth.skip_acl = flags.skip_acl;
  options.auth.super_digest = "super:xQJmxLMiHGwaqBvst5y6rkB6HQs=";
  return options;
}

// A server of which this is the only client.
class Host {
 public:
  explicit Host(const Flags& flags)
      : flags_(flags),
        options_(core_options(flags)),
        tree_({.extended_types = !flags.plain_types, .digest = !flags.no_digest}),
        core_(options_, tree_, {}, now_, kWall),
        credentials_(std::make_shared<Credentials>(Credentials{{"ip", "127.0.0.1"}})) {
    step(ConnectSession{kConnection, {}, 10'000, {}});
    commit();
    PADDOCK_CHECK(session_ != SessionId{});
  }

  // False: the connection is closed.
  bool request(ByteView frame) {
    JuteReader reader(frame);
    const Result<RequestHeader> header = read_request_header(reader);
    if (!header.ok()) return false;
    if (header->op == OpCode::kAuth) return authenticate(reader);
    if (header->op == OpCode::kPing || header->op == OpCode::kSasl) return open_;
    if (is_read(header->op)) {
      read(*header, reader.rest());
    } else {
      ++unanswered_;
      step(ClientRequest{kConnection, session_, *header, Bytes(frame.begin(), frame.end()),
                         reader.offset(), credentials_});
    }
    if (flags_.commit_each) commit();
    return open_;
  }

  // Everything that is outstanding is committed, and then the session expires.
  void finish() {
    commit();
    PADDOCK_CHECK(unanswered_ == 0);
    now_ = now_ + Millis{3'600'000};
    step(zab::Tick{});
    commit();
    PADDOCK_CHECK(core_.outstanding() == 0);
    PADDOCK_CHECK(tree_.session_count() == 0);
    PADDOCK_CHECK(tree_.ephemerals_of(session_).empty());
  }

 private:
  void step(CoreEvent event) {
    now_ = now_ + Millis{1};
    core_.step(std::move(event), now_, kWall, actions_);
    take_actions();
  }

  void commit() {
    apply();
    while (last_ticket_ > persisted_) {
      persisted_ = last_ticket_;
      step(zab::Persisted{persisted_});
      apply();
    }
  }

  void apply() {
    if (core_.has_committed()) core_.apply_committed(true, now_, actions_);
    take_actions();
  }

  void take_actions() {
    PADDOCK_CHECK(!actions_.fatal);
    for (const zab::DiskWrite& write : actions_.writes) {
      const auto& append = std::get<zab::Append>(write);
      PADDOCK_CHECK(append.ticket > last_ticket_);
      last_ticket_ = append.ticket;
      for (const zab::Txn& txn : append.txns) check_readable(txn);
    }
    for (const ClientAction& action : actions_.client) {
      std::visit([&](const auto& what) { take(what); }, action);
    }
    actions_.clear();
  }

  static void check_readable(const zab::Txn& txn) {
    const Result<Txn> decoded = decode_txn(*txn.payload);
    PADDOCK_CHECK(decoded.ok());
    PADDOCK_CHECK(decoded->header.zxid == txn.zxid);
    Bytes again;
    encode_txn(*decoded, again);
    PADDOCK_CHECK(again == *txn.payload);
  }

  void take(const TreeChange& change) {
    Bytes out;
    watches_.trigger(
        change, [&](WatcherId watcher, EventType type, std::string_view path, const AclRef& acl) {
          PADDOCK_CHECK(watcher == kWatcher);
          PADDOCK_CHECK(acl != nullptr);
          if (may(options_.auth, *acl, kPermRead, *credentials_)) {
            append_event(type, path, change.zxid, out);
          }
        });
    (void)count_frames(out);
  }
  void take(const Reply& reply) {
    PADDOCK_CHECK(reply.connection == kConnection);
    PADDOCK_CHECK(unanswered_ > 0);
    PADDOCK_CHECK(count_frames(reply.frame) == 1);
    --unanswered_;
    if (reply.close) close();
  }
  void take(const SessionReply& reply) { session_ = reply.session; }
  void take(const CloseConnection&) { close(); }
  void take(const ServingChanged&) { PADDOCK_CHECK(false); }

  // Nobody hears the answers to what was sent before.
  void close() { open_ = false; }

  // Frames one behind the other, each with a reply's header and what an event must hold.
  static std::size_t count_frames(ByteView out) {
    std::size_t count = 0;
    for (JuteReader frames(out); frames.remaining() != 0; ++count) {
      const Result<NullableBytes> frame = frames.read_buffer();
      PADDOCK_CHECK(frame.ok());
      JuteReader reader(frame->value());
      const Result<ReplyHeader> header = read_reply_header(reader);
      PADDOCK_CHECK(header.ok());
    }
    return count;
  }

  void read(RequestHeader header, ByteView record) {
    Bytes out;
    serve_read({tree_, options_.auth, watches_, kWatcher, session_, *credentials_}, header, record,
               out);
    const bool may_have_events =
        header.op == OpCode::kSetWatches || header.op == OpCode::kSetWatches2;
    const std::size_t frames = count_frames(out);
    PADDOCK_CHECK(frames == 1 || (may_have_events && frames > 1));
  }

  bool authenticate(JuteReader& reader) {
    const Result<AuthPacket> packet = read_auth_packet(reader);
    if (!packet.ok()) return false;
    const AuthResult result =
        server::authenticate(options_.auth, packet->scheme.value_or(""), packet->auth, "127.0.0.1");
    if (result.error != ErrorCode::kOk || result.close_silently) return false;
    Credentials all = *credentials_;
    all.insert(all.end(), result.added.begin(), result.added.end());
    credentials_ = std::make_shared<Credentials>(std::move(all));
    return true;
  }

  const Flags flags_;
  const CoreOptions options_;
  Millis now_{1000};
  DataTree tree_;
  WatchTable watches_;
  Core core_;
  CoreActions actions_;
  CredentialsRef credentials_;
  SessionId session_;
  zab::WriteTicket last_ticket_, persisted_;
  std::size_t unanswered_ = 0;
  bool open_ = true;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  Host host(flags_of(data[0]));
  JuteReader stream(ByteView(data + 1, size - 1));
  while (stream.remaining() != 0) {
    const Result<NullableBytes> frame = stream.read_buffer();
    if (!frame.ok() || !*frame || !host.request(**frame)) break;
  }
  host.finish();
  return 0;
}
