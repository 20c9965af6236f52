#include "tests/support/core_client.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/concat.h"
#include "tests/support/requests.h"

namespace paddock::test {

namespace {

Bytes framed(const Bytes& frame) {
  Bytes out(4);
  store_be32(out.data(), static_cast<std::uint32_t>(frame.size()));
  append(out, frame);
  return out;
}

std::string text_of_session(SessionId session) {
  return concat("0x", hex(static_cast<std::uint64_t>(session.value)));
}

std::uint64_t bits(SessionId session) {
  return static_cast<std::uint64_t>(session.value);
}

std::uint64_t bits(Zxid zxid) {
  return static_cast<std::uint64_t>(zxid.value);
}

}  // namespace

std::optional<std::int32_t> CoreClient::version(const std::string& path) const {
  const auto known = versions_.find(path);
  return known == versions_.end() ? std::nullopt : std::optional(known->second);
}

std::string CoreClient::describe() const {
  static constexpr std::string_view kStates[] = {"away", "connecting", "connected"};
  return concat("client ", name_of_client(number_), ": ", kStates[static_cast<int>(state_)],
                " server ", server_.value, " line ", line_.value, " session ",
                text_of_session(session_), " of ", timeout_ms_, " ms, saw ", text_of(seen_),
                ", waits for ", asked_.size(), ", watches ", watches_.size());
}

void CoreClient::fail(std::string_view code, std::string_view what) {
  world_.checkers.fail(code, server_, concat("and client ", name_of_client(number_), ": ", what));
}

void CoreClient::trace(TraceKind kind, std::uint64_t a, std::uint64_t b, std::string about) {
  TraceEntry entry{world_.queue.now(), kind, server_, {number_}, a, b, {}};
  if (!about.empty()) entry.about = std::move(about);
  world_.trace.add(std::move(entry));
}

// "create /x"
std::string CoreClient::text(const Asked& asked) const {
  if (!world_.tells) return {};
  return concat(name_of(asked.op), asked.path.empty() ? "" : " ", asked.path);
}

// "get /x: v1", "create /x-: /x-0000000000", "delete /x: NoNode"
std::string CoreClient::outcome(const Asked& asked, const ReplyHeader& header,
                                JuteReader reader) const {
  const std::string what = concat(text(asked), ": ");
  if (header.error != ErrorCode::kOk) return concat(what, name_of(header.error));
  if (asked.op == OpCode::kGetData) {
    const auto data = reader.read_buffer();
    return concat(what, data && *data ? as_chars(**data) : "nothing");
  }
  if (asked.op == OpCode::kCreate) {
    const auto path = reader.read_ustring();
    return concat(what, path && *path ? **path : "nothing");
  }
  if (asked.op != OpCode::kGetChildren2) return concat(what, "ok");
  std::string names;
  const auto count = reader.read_int();
  for (std::int32_t i = 0; count && i < *count; ++i) {
    const auto name = reader.read_ustring();
    if (name && *name) names += concat(i == 0 ? "" : " ", **name);
  }
  return concat(what, names.empty() ? "nothing" : names);
}

// --- what it does

void CoreClient::connect(ServerId server, std::int32_t timeout_ms) {
  PADDOCK_CHECK(state_ == State::kAway && line_.value == 0);
  server_ = server;
  state_ = State::kConnecting;
  heard_ = said_ = world_.queue.now();
  trace(TraceKind::kDials, bits(session_), 0);
  line_ = world_.lines.dial(number_, server);
  world_.lines.ask(line_, framed(connect_record({.last_zxid_seen = seen_,
                                                 .timeout_ms = timeout_ms,
                                                 .session = session_,
                                                 .password = ByteView(password_),
                                                 .has_read_only = true})));
}

void CoreClient::hang_up() {
  trace(TraceKind::kHangsUp, 0, 0);
  world_.lines.hang_up(line_);
  hung_up();
}

void CoreClient::hung_up() {
  line_ = {};
  asked_.clear();
  caught_up_.clear();
  state_ = State::kAway;
  // Whether it is closed or not: nobody comes back to a session that he has closed.
  if (std::exchange(closing_, false)) forget_session();
}

void CoreClient::forget_session() {
  world_.holders.erase(session_);
  session_ = {};
  password_.clear();
  timeout_ms_ = 0;
  seen_ = {};
  occurrences_ = 0;  // the next one may begin on a server that lags
  config_version_ = 0;
  watches_.clear();
  xid_ = 0;
}

void CoreClient::ask(OpCode op, std::string path, const Bytes& record, bool watch) {
  ask({0, op, std::move(path), watch, 0, {}, 0}, record);
}

void CoreClient::ask(Asked asked, const Bytes& record) {
  asked.xid = ++xid_;
  asked.floor = world_.checkers.last();
  asked.config_floor = world_.checkers.zab().newest_configuration()->version;
  trace(TraceKind::kAsks, static_cast<std::uint64_t>(asked.xid),
        static_cast<std::uint64_t>(asked.op), text(asked));
  send(request_frame(asked.xid, asked.op, record));
  asked_.push_back(std::move(asked));
}

void CoreClient::reconfigure(ReconfigWish wish) {
  wish.has_right = is_operator_;
  const Bytes record = reconfig_record(wish);
  ask(OpCode::kReconfig, std::string(server::kConfigNode), record);
  world_.checkers.reconfigs().asked(session_, xid_, std::move(wish));
}

void CoreClient::close_session() {
  closing_ = true;
  ask(OpCode::kCloseSession, {}, {});
}

void CoreClient::ping() {
  send(request_frame(kXidPing, OpCode::kPing, {}));
}

void CoreClient::send(Bytes frame) {
  said_ = world_.queue.now();
  world_.lines.ask(line_, framed(frame));
}

// --- what it is told

bool CoreClient::on_closed(LineId line) {
  if (line_ != line) return false;
  trace(TraceKind::kHangsUp, 1, 0);
  hung_up();
  return true;
}

void CoreClient::on_answers(LineId line, ByteView frames) {
  for (std::size_t at = 0; at < frames.size();) {
    if (line_ != line) return;
    PADDOCK_CHECK(frames.size() - at >= 4);
    const std::size_t length = load_be32(frames.data() + at);
    PADDOCK_CHECK(frames.size() - at - 4 >= length);
    heard_ = world_.queue.now();
    take(frames.subspan(at + 4, length));
    at += 4 + length;
  }
}

void CoreClient::take(ByteView frame) {
  if (state_ == State::kConnecting) return take_welcome(frame);
  JuteReader reader(frame);
  const Result<ReplyHeader> header = read_reply_header(reader);
  if (!header) return fail("FO", "a reply that is none");
  if (header->xid == kXidNotification) return take_event(reader, header->zxid);
  if (header->xid == kXidSetWatches) return take_set_watches(*header);
  if (header->xid == kXidAuth) {
    if (header->error != ErrorCode::kOk) fail("CF", "it is taken for somebody else");
    return;
  }
  take_zxid(header->zxid);
  if (header->xid == kXidPing) return;
  if (asked_.empty() || asked_.front().xid != header->xid) {
    return fail("FO", concat("a reply to ", header->xid, ", which is not its turn"));
  }
  const Asked asked = std::move(asked_.front());
  asked_.pop_front();
  trace(TraceKind::kAnswers, static_cast<std::uint64_t>(header->xid), bits(header->zxid),
        world_.tells ? outcome(asked, *header, reader) : std::string());
  take_reply(asked, *header, reader);
}

void CoreClient::take_welcome(ByteView frame) {
  JuteReader reader(frame);
  const Result<ConnectResponse> welcome = read_connect_response(reader);
  if (!welcome) return fail("SE", "an answer to its handshake that is none");
  trace(TraceKind::kAttaches, bits(welcome->session), 0);
  if (welcome->session == SessionId{}) {
    // A leader that another one has replaced, unnoticed, may not know of it. Who has seen his
    // session is not let in where such a one is followed.
    if (world_.checkers.was_there(session_, seen_) &&
        !world_.checkers.is_closing_proposed(session_)) {
      return fail(
          "SE", concat("session ", text_of_session(session_), " is refused, and nobody closes it"));
    }
    forget_session();
    return hang_up();
  }
  if (session_ == SessionId{}) {
    if (!world_.holders.try_emplace(welcome->session, number_).second) {
      fail("SE", "it is given another's session");
    }
  } else if (session_ != welcome->session) {
    return fail("SE", "it is given another session than it asked for");
  }
  session_ = welcome->session;
  password_.assign(welcome->password.begin(), welcome->password.end());
  timeout_ms_ = welcome->timeout_ms;
  state_ = State::kConnected;
  floor_ = {};
  config_floor_ = 0;
  if (is_operator_) {
    send(request_frame(kXidAuth, OpCode::kAuth, auth_record("digest", kSuperPassword)));
  }
  watches_set_ = watches_.empty();
  if (!watches_set_) set_watches();
}

void CoreClient::take_zxid(Zxid zxid) {
  if (zxid <= Zxid{}) return;
  if (zxid < seen_) {
    fail("SC", concat("a reply at ", text_of(zxid), ", and it saw ", text_of(seen_)));
  }
  if (zxid > world_.checkers.last()) {
    fail("CNL", concat("a reply at ", text_of(zxid), ", which is not committed"));
  }
  seen_ = std::max(seen_, zxid);
  check_events(zxid);
}

void CoreClient::take_reply(const Asked& asked, const ReplyHeader& header, JuteReader& reader) {
  if (asked.op == OpCode::kSync) {
    if (header.error != ErrorCode::kOk) return fail("FO", "a sync is refused");
    floor_ = std::max(floor_, asked.floor);
    config_floor_ = std::max(config_floor_, asked.config_floor);
    return;
  }
  if (asked.op == OpCode::kAddWatch || asked.op == OpCode::kRemoveWatches) {
    return take_watch_op(asked, header);
  }
  if (is_write(asked.op)) return take_write(asked, header, reader);
  take_read(asked, header, reader);
}

void CoreClient::take_write(const Asked& asked, const ReplyHeader& header, JuteReader& reader) {
  // That of a session which its server kept to itself is no transaction.
  const bool is_global = world_.checkers.was_there(session_, Zxid{INT64_MAX});
  if (asked.op == OpCode::kCloseSession && !is_global) return hang_up();
  const CommittedTxn* txn = world_.checkers.txn(header.zxid);
  const std::string where = concat("write ", asked.xid, " is answered at ", text_of(header.zxid));
  if (txn == nullptr) return fail("CNL", concat(where, ", which is not committed"));
  if (txn->header.session != session_ || txn->header.cxid != asked.xid) {
    return fail("CNL", concat(where, ", where something else is"));
  }
  if (header.zxid <= asked.floor) {
    return fail("LR",
                concat(where, ", and ", text_of(asked.floor), " was there when it was asked for"));
  }
  if (txn->error.value_or(ErrorCode::kOk) != header.error) {
    return fail("CNL", concat(where, " with another result than it has"));
  }
  ++world_.acknowledged;
  if (asked.op == OpCode::kCloseSession) return hang_up();
  if (header.error != ErrorCode::kOk) return;
  if (asked.op == OpCode::kSetData) {
    const Result<Stat> stat = read_stat(reader);
    if (!stat || *stat != world_.checkers.state(asked.path, header.zxid).stat) {
      return fail("CNL", concat(where, " with another stat than it left"));
    }
    versions_[asked.path] = stat->version;
  } else if (asked.op == OpCode::kReconfig) {
    take_config(asked, header, reader);
  } else if (asked.op == OpCode::kCreate || asked.op == OpCode::kCreate2) {
    const auto path = reader.read_ustring();
    if (!path || !*path) return fail("CNL", concat(where, " without a path"));
    const NodeState made = world_.checkers.state(std::string(**path), header.zxid);
    if (made.since != header.zxid || !made.exists) {
      return fail("CNL", concat(where, " with ", **path, ", which it did not create"));
    }
  }
}

void CoreClient::take_read(const Asked& asked, const ReplyHeader& header, JuteReader& reader) {
  ++world_.read;
  const std::string where =
      concat("read ", asked.xid, " of ", asked.path, " at ", text_of(header.zxid));
  if (header.zxid < floor_) {
    return fail("LR", concat(where, " comes after a sync, and ", text_of(floor_),
                             " was there when that was asked for"));
  }
  const NodeState state = world_.checkers.state(asked.path, header.zxid);
  const bool readable = state.readable || is_operator_;
  const ErrorCode expected = !state.exists ? ErrorCode::kNoNode
                             : readable    ? ErrorCode::kOk
                                           : ErrorCode::kNoAuth;
  if (header.error != expected) return fail("SC", concat(where, " is not as it was"));
  watch(asked, header);
  if (header.error != ErrorCode::kOk) return;
  if (asked.path == server::kConfigNode) return take_config(asked, header, reader);
  if (asked.op == OpCode::kGetData) {
    const auto data = reader.read_buffer();
    const std::optional<ByteView> wanted = state.data.get();
    if (!data || data->has_value() != wanted.has_value() ||
        (wanted && !std::ranges::equal(**data, *wanted))) {
      return fail("SC", concat(where, " shows other data than there was"));
    }
  } else if (asked.op == OpCode::kGetChildren2) {
    take_children(asked, state, reader);
  }
  const Result<Stat> stat = read_stat(reader);
  if (!stat || *stat != state.stat) {
    return fail("SC", concat(where, " shows another stat than there was"));
  }
  versions_[asked.path] = stat->version;
}

// Of a read of it, or of the reconfig that made it.
void CoreClient::take_config(const Asked& asked, const ReplyHeader& header, JuteReader& reader) {
  const std::string where =
      concat(name_of(asked.op), " ", asked.xid, " at ", text_of(header.zxid), " shows a ");
  const auto data = reader.read_buffer();
  const Result<Stat> stat = read_stat(reader);
  if (!data || !*data || !stat) return fail("CF", concat(where, "configuration that is none"));
  std::int64_t version = 0;
  const std::string fault = world_.checkers.reconfigs().fault_in(**data, header.zxid, version);
  if (!fault.empty()) return fail("CF", concat(where, "configuration ", fault));
  if (stat->mzxid.value != version || stat->version != -1) {
    return fail("CF", concat(where, "configuration under another version"));
  }
  if (version < config_version_) {
    return fail("CF", concat(where, "configuration older than one that it has seen"));
  }
  if (version < config_floor_) {
    return fail("CF", concat(where, "configuration older than that in force before a sync"));
  }
  if (asked.op == OpCode::kReconfig && Zxid{version} != header.zxid) {
    return fail("CF", concat(where, "configuration that is another"));
  }
  config_version_ = version;
}

void CoreClient::take_children(const Asked& asked, const NodeState& state, JuteReader& reader) {
  const auto count = reader.read_int();
  std::uint64_t hash = 0;
  std::set<std::string> names;
  for (std::int32_t i = 0; count && i < *count; ++i) {
    const auto name = reader.read_ustring();
    if (!name || !*name) break;
    hash += hash_of_name(**name);
    names.emplace(**name);
  }
  if (hash != state.children) {
    fail("SC", concat("read ", asked.xid, " of ", asked.path, " shows other children than there ",
                      "were"));
  }
  children_[asked.path] = std::move(names);
}

}  // namespace paddock::test
