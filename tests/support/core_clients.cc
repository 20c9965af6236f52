#include "tests/support/core_clients.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/concat.h"
#include "tests/support/requests.h"

namespace paddock::test {

namespace {

constexpr std::string_view kQueue = "/q";    // parent of numbered nodes
constexpr std::string_view kMembers = "/e";  // parent of ephemerals
constexpr std::uint64_t kRegisters = 6;      // "/r0" ...
constexpr std::size_t kChildrenMax = 24;     // then they are deleted rather than created
constexpr std::int32_t kEphemeral = 1, kSequential = 2;

Bytes framed(const Bytes& frame) {
  Bytes out(4);
  store_be32(out.data(), static_cast<std::uint32_t>(frame.size()));
  append(out, frame);
  return out;
}

Micros span(std::int32_t timeout_ms, std::int64_t percent) {
  return {std::int64_t{timeout_ms} * percent * 10};
}

std::string text_of_session(SessionId session) {
  return concat("0x", hex(static_cast<std::uint64_t>(session.value)));
}

}  // namespace

CoreClients::CoreClients(SimQueue& queue, Trace& trace, ClientLines& lines, CoreCheckers& checkers,
                         CoreClientOptions options, Prng random)
    : queue_(queue),
      trace_(trace),
      lines_(lines),
      checkers_(checkers),
      options_(options),
      random_(random),
      clients_(options.clients) {}

void CoreClients::start() {
  for (std::uint32_t i = 0; i < clients_.size(); ++i) {
    clients_[i].number = i;
    queue_.put_in({random_.between(0, options_.pause_max.value)}, SimKind::kClient, i);
  }
}

void CoreClients::leave() {
  leaving_ = true;
  for (Client& client : clients_) {
    const bool closes = client.state == State::kConnected && random_.below(2) == 0;
    if (closes) {
      client.closing = true;
      ask(client, OpCode::kCloseSession, {}, {});
    } else {
      if (client.line.value != 0 && random_.below(2) == 0) hang_up(client);
      client.state = State::kGone;
    }
  }
}

bool CoreClients::all_left() const {
  return std::all_of(clients_.begin(), clients_.end(),
                     [](const Client& client) { return client.state == State::kGone; });
}

std::size_t CoreClients::waiting() const {
  std::size_t sum = 0;
  for (const Client& client : clients_) {
    if (client.state == State::kConnected) sum += client.asked.size();
  }
  return sum;
}

std::string CoreClients::describe() const {
  static constexpr std::string_view kStates[] = {"away", "connecting", "connected", "silent",
                                                 "gone"};
  std::string text;
  for (const Client& client : clients_) {
    text += concat("client ", client.number, ": ", kStates[static_cast<int>(client.state)],
                   " server ", client.server.value, " line ", client.line.value, " session ",
                   text_of_session(client.session), " of ", client.timeout_ms, " ms, saw ",
                   text_of(client.seen), ", waits for ", client.asked.size(), ", watches ",
                   client.watches.size(), "\n");
  }
  return text;
}

void CoreClients::fail(const Client& client, std::string_view code, std::string_view what) {
  checkers_.fail(code, client.server, concat("and client ", client.number, ": ", what));
}

// --- what a client does

void CoreClients::on_client(std::uint32_t number) {
  Client& client = clients_[number];
  if (client.state == State::kGone) return;
  queue_.put_in({random_.between(1, options_.pause_max.value)}, SimKind::kClient, number);
  const Micros now = queue_.now();
  if (client.state == State::kSilent) {
    if (now < client.silent_until) return;
    if (client.line.value != 0) hang_up(client);
    client.state = State::kAway;
  }
  if (client.state == State::kAway) return connect(client);
  const std::int32_t patience =
      client.timeout_ms == 0 ? options_.timeout_min_ms : client.timeout_ms;
  if (now - client.heard > span(patience, 66)) return hang_up(client);
  if (client.state != State::kConnected) return;
  if (now - client.said > span(client.timeout_ms, 16)) ping(client);
  if (stopped_ || client.closing || client.asked.size() >= options_.waiting_max) return;
  switch (random_.below(400)) {
    case 0:
    case 1:
    case 2:
      ++moves_;
      hang_up(client);
      if (random_.below(2) == 0) connect(client);
      return;
    case 3:
      client.closing = true;
      return ask(client, OpCode::kCloseSession, {}, {});
    case 4:
      client.state = State::kSilent;
      client.silent_until = now + span(client.timeout_ms, random_.between(20, 250));
      if (random_.below(2) == 0) hang_up(client), client.state = State::kSilent;
      return;
    case 5:
      if (!well_since_) lines_.stall(client.line, span(client.timeout_ms, random_.between(1, 150)));
      return;
    default:
      return ask_something(client);
  }
}

void CoreClients::connect(Client& client) {
  PADDOCK_CHECK(client.line.value == 0);
  client.server = {1 + static_cast<std::int64_t>(random_.below(options_.servers))};
  client.state = State::kConnecting;
  client.heard = client.said = queue_.now();
  trace_.add({queue_.now(),
              TraceKind::kDials,
              client.server,
              {client.number},
              static_cast<std::uint64_t>(client.session.value),
              0,
              {}});
  client.line = lines_.dial(client.number, client.server);
  const auto timeout_ms =
      static_cast<std::int32_t>(random_.between(options_.timeout_min_ms, options_.timeout_max_ms));
  lines_.ask(client.line, framed(connect_record({.last_zxid_seen = client.seen,
                                                 .timeout_ms = timeout_ms,
                                                 .session = client.session,
                                                 .password = ByteView(client.password),
                                                 .has_read_only = true})));
}

void CoreClients::hang_up(Client& client) {
  trace_.add({queue_.now(), TraceKind::kHangsUp, client.server, {client.number}, 0, 0, {}});
  lines_.hang_up(client.line);
  client.line = {};
  client.asked.clear();
  client.caught_up.clear();
  // Whether it is closed or not: nobody comes back to a session that he has closed.
  if (std::exchange(client.closing, false)) forget_session(client);
  client.state = leaving_ ? State::kGone : State::kAway;
}

void CoreClients::forget_session(Client& client) {
  client.session = {};
  client.password.clear();
  client.timeout_ms = 0;
  client.seen = {};
  client.watches.clear();
  client.own.clear();
  client.xid = 0;
}

void CoreClients::ask_something(Client& client) {
  const std::uint64_t choice = random_.below(20);
  if (choice < 9) return ask_write(client);
  if (choice < 10) return ask_multi(client);
  if (choice < 12) return ask(client, OpCode::kSync, "/", path_record("/"));
  ask_read(client);
}

void CoreClients::ask_write(Client& client) {
  const std::string path = register_path();
  const Bytes data = value();
  const std::string_view text = as_chars(data);
  const auto known = client.versions.find(path);
  const std::int32_t version =
      known == client.versions.end() || random_.below(2) == 0 ? -1 : known->second;
  switch (random_.below(12)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
      return ask(client, OpCode::kSetData, path, set_data_record(path, text, version));
    case 5:
    case 6: {
      std::vector<Acl> acl = kOpenAcl;
      if (random_.below(3) == 0) acl.push_back({kPermRead, {"ip", "127.0.0.1"}});
      return ask(client, OpCode::kCreate2, path,
                 create_record({.path = path, .data = text, .flags = 0, .acl = acl}));
    }
    case 7:
      return ask(client, OpCode::kDelete, path, path_version_record(path, version));
    case 8: {
      const std::string parent(random_.below(2) == 0 ? kQueue : kMembers);
      return ask(client, OpCode::kCreate, parent, create_record({.path = parent}));
    }
    case 9:
    case 10: {
      if (client.children.size() > random_.below(kChildrenMax)) {
        const std::string child = concat(kQueue, "/", *client.children.begin());
        client.children.erase(client.children.begin());
        return ask(client, OpCode::kDelete, child, path_version_record(child));
      }
      const std::string child = concat(kQueue, "/n-");
      const std::int32_t flags = kSequential + (random_.below(3) == 0 ? kEphemeral : 0);
      return ask(client, OpCode::kCreate, child,
                 create_record({.path = child, .data = text, .flags = flags}));
    }
    default: {
      if (!client.own.empty() && random_.below(3) == 0) {
        return ask(client, OpCode::kDelete, client.own, path_version_record(client.own));
      }
      const std::string own = concat(kMembers, "/c", client.number, "_", random_.below(3));
      client.own = own;
      return ask(client, OpCode::kCreate2, own,
                 create_record({.path = own, .data = text, .flags = kEphemeral}));
    }
  }
}

// Two registers are exchanged, or a numbered node comes with a change; or nothing of it happens.
void CoreClients::ask_multi(Client& client) {
  const std::string one = register_path(), other = register_path();
  const Bytes data = value();
  const std::string_view text = as_chars(data);
  std::vector<SubRequest> ops;
  if (const auto known = client.versions.find(one); known != client.versions.end()) {
    ops.emplace_back(OpCode::kCheck, path_version_record(one, known->second));
  }
  ops.emplace_back(OpCode::kSetData, set_data_record(one, text));
  switch (random_.below(3)) {
    case 0:
      ops.emplace_back(OpCode::kSetData, set_data_record(other, text));
      break;
    case 1:
      ops.emplace_back(OpCode::kDelete, path_version_record(one));
      ops.emplace_back(OpCode::kCreate, create_record({.path = one, .data = text}));
      break;
    default:
      ops.emplace_back(
          OpCode::kCreate,
          create_record({.path = concat(kQueue, "/n-"), .data = text, .flags = kSequential}));
      break;
  }
  ask(client, OpCode::kMulti, one, multi_record(ops));
}

void CoreClients::ask_read(Client& client) {
  const bool watch = random_.below(2) == 0;
  switch (random_.below(5)) {
    case 0:
    case 1: {
      const std::string path =
          random_.below(4) == 0 && !client.own.empty() ? client.own : register_path();
      return ask(client, OpCode::kGetData, path, path_watch_record(path, watch), watch);
    }
    case 2:
    case 3: {
      const std::string path = register_path();
      return ask(client, OpCode::kExists, path, path_watch_record(path, watch), watch);
    }
    default: {
      const std::string path(random_.below(2) == 0 ? kQueue : kMembers);
      return ask(client, OpCode::kGetChildren2, path, path_watch_record(path, watch), watch);
    }
  }
}

void CoreClients::ask(Client& client, OpCode op, std::string path, const Bytes& record,
                      bool watch) {
  const std::int32_t xid = ++client.xid;
  client.asked.push_back({xid, op, std::move(path), watch, checkers_.last()});
  send(client, request_frame(xid, op, record));
  trace_.add({queue_.now(),
              TraceKind::kAsks,
              client.server,
              {client.number},
              static_cast<std::uint64_t>(xid),
              static_cast<std::uint64_t>(op),
              {}});
}

void CoreClients::ping(Client& client) {
  send(client, request_frame(kXidPing, OpCode::kPing, {}));
}

void CoreClients::set_watches(Client& client) {
  std::vector<std::string> data, exist, child;
  for (const auto& [path, watches] : client.watches) {
    if (watches.data) data.push_back(path);
    if (watches.exist) exist.push_back(path);
    if (watches.child) child.push_back(path);
  }
  client.watches_set = false;
  client.relative = client.seen;
  send(client, request_frame(kXidSetWatches, OpCode::kSetWatches,
                             set_watches_record(client.seen, data, exist, child)));
}

void CoreClients::send(Client& client, Bytes frame) {
  client.said = queue_.now();
  lines_.ask(client.line, framed(frame));
}

Bytes CoreClients::value() {
  const std::string text = concat("v", ++values_);
  return Bytes(text.begin(), text.end());
}

std::string CoreClients::register_path() {
  return concat("/r", random_.below(kRegisters));
}

// --- what it is told

void CoreClients::on_closed(std::uint32_t number, LineId line) {
  Client& client = clients_[number];
  if (client.line != line) return;
  const bool was_well = well_since_ && client.state == State::kConnected && !client.closing &&
                        queue_.now() - *well_since_ > span(options_.timeout_max_ms, 200);
  trace_.add({queue_.now(), TraceKind::kHangsUp, client.server, {client.number}, 1, 0, {}});
  client.line = {};
  client.asked.clear();
  client.caught_up.clear();
  // Whether it is closed or not: nobody comes back to a session that he has closed.
  if (std::exchange(client.closing, false)) forget_session(client);
  if (client.state != State::kGone && client.state != State::kSilent) client.state = State::kAway;
  if (leaving_) client.state = State::kGone;
  if (was_well) fail(client, "SE", "it is cut off, and all was well");
}

void CoreClients::on_answers(std::uint32_t number, LineId line, ByteView frames) {
  Client& client = clients_[number];
  for (std::size_t at = 0; at < frames.size();) {
    if (client.line != line || client.state == State::kSilent || client.state == State::kGone) {
      return;
    }
    PADDOCK_CHECK(frames.size() - at >= 4);
    const std::size_t length = load_be32(frames.data() + at);
    PADDOCK_CHECK(frames.size() - at - 4 >= length);
    client.heard = queue_.now();
    take(client, frames.subspan(at + 4, length));
    at += 4 + length;
  }
}

void CoreClients::take(Client& client, ByteView frame) {
  if (client.state == State::kConnecting) return take_welcome(client, frame);
  JuteReader reader(frame);
  const Result<ReplyHeader> header = read_reply_header(reader);
  if (!header) return fail(client, "FO", "a reply that is none");
  if (header->xid == kXidNotification) return take_event(client, reader, header->zxid);
  if (header->xid == kXidSetWatches) return take_set_watches(client, *header);
  take_zxid(client, header->zxid);
  if (header->xid == kXidPing) return;
  trace_.add({queue_.now(),
              TraceKind::kAnswers,
              client.server,
              {client.number},
              static_cast<std::uint64_t>(header->xid),
              static_cast<std::uint64_t>(header->zxid.value),
              {}});
  if (client.asked.empty() || client.asked.front().xid != header->xid) {
    return fail(client, "FO", concat("a reply to ", header->xid, ", which is not its turn"));
  }
  const Asked asked = std::move(client.asked.front());
  client.asked.pop_front();
  take_reply(client, asked, *header, reader);
}

void CoreClients::take_welcome(Client& client, ByteView frame) {
  JuteReader reader(frame);
  const Result<ConnectResponse> welcome = read_connect_response(reader);
  if (!welcome) return fail(client, "SE", "an answer to its handshake that is none");
  trace_.add({queue_.now(),
              TraceKind::kAttaches,
              client.server,
              {client.number},
              static_cast<std::uint64_t>(welcome->session.value),
              0,
              {}});
  if (welcome->session == SessionId{}) {
    // A leader that another one has replaced, unnoticed, may not know of it. Who has seen his
    // session is not let in where such a one is followed.
    if (checkers_.was_there(client.session, client.seen) &&
        !checkers_.is_closing_proposed(client.session)) {
      return fail(
          client, "SE",
          concat("session ", text_of_session(client.session), " is refused, and nobody closes it"));
    }
    forget_session(client);
    return hang_up(client);
  }
  const bool is_new = client.session == SessionId{};
  if (is_new) {
    for (const Client& other : clients_) {
      if (other.session == welcome->session) fail(client, "SE", "it is given another's session");
    }
  } else if (client.session != welcome->session) {
    return fail(client, "SE", "it is given another session than it asked for");
  }
  client.session = welcome->session;
  client.password.assign(welcome->password.begin(), welcome->password.end());
  client.timeout_ms = welcome->timeout_ms;
  client.state = State::kConnected;
  client.floor = {};
  client.watches_set = client.watches.empty();
  if (!client.watches_set) set_watches(client);
}

void CoreClients::take_zxid(Client& client, Zxid zxid) {
  if (zxid <= Zxid{}) return;
  if (zxid < client.seen) {
    fail(client, "SC", concat("a reply at ", text_of(zxid), ", and it saw ", text_of(client.seen)));
  }
  if (zxid > checkers_.last()) {
    fail(client, "CNL", concat("a reply at ", text_of(zxid), ", which is not committed"));
  }
  client.seen = std::max(client.seen, zxid);
  check_watches(client, zxid);
}

void CoreClients::take_reply(Client& client, const Asked& asked, const ReplyHeader& header,
                             JuteReader& reader) {
  if (asked.op == OpCode::kSync) {
    if (header.error != ErrorCode::kOk) return fail(client, "FO", "a sync is refused");
    client.floor = std::max(client.floor, asked.floor);
    return;
  }
  if (is_write(asked.op)) return take_write(client, asked, header, reader);
  take_read(client, asked, header, reader);
}

void CoreClients::take_write(Client& client, const Asked& asked, const ReplyHeader& header,
                             JuteReader& reader) {
  const CommittedTxn* txn = checkers_.txn(header.zxid);
  const std::string where = concat("write ", asked.xid, " is answered at ", text_of(header.zxid));
  if (txn == nullptr) return fail(client, "CNL", concat(where, ", which is not committed"));
  if (txn->header.session != client.session || txn->header.cxid != asked.xid) {
    return fail(client, "CNL", concat(where, ", where something else is"));
  }
  if (header.zxid <= asked.floor) {
    return fail(client, "LR",
                concat(where, ", and ", text_of(asked.floor), " was there when it was asked for"));
  }
  if (txn->error.value_or(ErrorCode::kOk) != header.error) {
    return fail(client, "CNL", concat(where, " with another result than it has"));
  }
  ++acknowledged_;
  if (asked.op == OpCode::kCloseSession) return hang_up(client);
  if (header.error != ErrorCode::kOk) return;
  if (asked.op == OpCode::kSetData) {
    const Result<Stat> stat = read_stat(reader);
    if (!stat || *stat != checkers_.state(asked.path, header.zxid).stat) {
      return fail(client, "CNL", concat(where, " with another stat than it left"));
    }
    client.versions[asked.path] = stat->version;
  } else if (asked.op == OpCode::kCreate || asked.op == OpCode::kCreate2) {
    const auto path = reader.read_ustring();
    if (!path || !*path) return fail(client, "CNL", concat(where, " without a path"));
    const NodeState made = checkers_.state(std::string(**path), header.zxid);
    if (made.since != header.zxid || !made.exists) {
      return fail(client, "CNL", concat(where, " with ", **path, ", which it did not create"));
    }
  }
}

void CoreClients::take_read(Client& client, const Asked& asked, const ReplyHeader& header,
                            JuteReader& reader) {
  ++read_;
  const std::string where =
      concat("read ", asked.xid, " of ", asked.path, " at ", text_of(header.zxid));
  if (header.zxid < client.floor) {
    return fail(client, "LR",
                concat(where, " comes after a sync, and ", text_of(client.floor),
                       " was there when that was asked for"));
  }
  const NodeState state = checkers_.state(asked.path, header.zxid);
  const ErrorCode expected = state.exists ? ErrorCode::kOk : ErrorCode::kNoNode;
  if (header.error != expected) return fail(client, "SC", concat(where, " is not as it was"));
  watch(client, asked, header);
  if (!state.exists) return;
  if (asked.op == OpCode::kGetData) {
    const auto data = reader.read_buffer();
    const std::optional<ByteView> wanted = state.data.get();
    if (!data || data->has_value() != wanted.has_value() ||
        (wanted && !std::ranges::equal(**data, *wanted))) {
      return fail(client, "SC", concat(where, " shows other data than there was"));
    }
  } else if (asked.op == OpCode::kGetChildren2) {
    const auto count = reader.read_int();
    std::uint64_t children = 0;
    std::set<std::string> names;
    for (std::int32_t i = 0; count && i < *count; ++i) {
      const auto name = reader.read_ustring();
      if (!name || !*name) break;
      children += hash_of_name(**name);
      names.emplace(**name);
    }
    if (children != state.children) {
      return fail(client, "SC", concat(where, " shows other children than there were"));
    }
    if (asked.path == kQueue) client.children = std::move(names);
  }
  const Result<Stat> stat = read_stat(reader);
  if (!stat || *stat != state.stat) {
    return fail(client, "SC", concat(where, " shows another stat than there was"));
  }
  client.versions[asked.path] = stat->version;
}

// --- watches

void CoreClients::watch(Client& client, const Asked& asked, const ReplyHeader& header) {
  const bool is_there = header.error == ErrorCode::kOk;
  if (!asked.watch || (!is_there && asked.op != OpCode::kExists)) return;
  Watches& watches = client.watches[asked.path];
  std::optional<Zxid>& one = asked.op == OpCode::kGetChildren2 ? watches.child
                             : is_there                        ? watches.data
                                                               : watches.exist;
  if (!one) one = header.zxid;
}

std::optional<Zxid> CoreClients::next_event(const std::string& path, const Watches& watches) const {
  std::optional<Zxid> next;
  const auto note = [&next](std::optional<Zxid> zxid) {
    if (zxid && (!next || *zxid < *next)) next = zxid;
  };
  for (const std::optional<Zxid>& set : {watches.data, watches.exist}) {
    if (!set) continue;
    const std::optional<NodeChange> change = checkers_.change_after(path, *set);
    if (change) note(change->zxid);
  }
  if (watches.child) {
    note(checkers_.children_change_after(path, *watches.child));
    note(checkers_.deletion_after(path, *watches.child));
  }
  return next;
}

void CoreClients::check_watches(const Client& client, Zxid shown) {
  if (!client.watches_set) return;
  for (const auto& [path, watches] : client.watches) {
    const std::optional<Zxid> missed = next_event(path, watches);
    if (!missed || *missed > shown) continue;
    return fail(client, "WA",
                concat("a reply at ", text_of(shown), " before the event of ", path, " at ",
                       text_of(*missed)));
  }
}

void CoreClients::take_event(Client& client, JuteReader& reader, Zxid zxid) {
  const Result<WatcherEvent> event = read_watcher_event(reader);
  if (!event) return fail(client, "WA", "an event that is none");
  ++events_;
  trace_.add({queue_.now(),
              TraceKind::kFires,
              client.server,
              {client.number},
              static_cast<std::uint64_t>(event->type),
              static_cast<std::uint64_t>(zxid.value),
              {}});
  const std::string path(event->path);
  if (zxid == Zxid{-1} && !client.watches_set) {
    client.caught_up.insert({event->type, path});
    return;
  }
  const auto found = client.watches.find(path);
  bool is_right = found != client.watches.end() && next_event(path, found->second) == zxid;
  if (is_right) {
    using Kind = server::TreeChange::Kind;
    Watches& watches = found->second;
    const auto takes = [&](std::optional<Zxid>& set, Kind kind) {
      if (!set) return false;
      const std::optional<NodeChange> change = checkers_.change_after(path, *set);
      if (!change || change->zxid != zxid || change->kind != kind) return false;
      set.reset();
      return true;
    };
    switch (event->type) {
      case EventType::kNodeCreated:
        is_right = takes(watches.exist, Kind::kCreated);
        break;
      case EventType::kNodeDataChanged:
        is_right = takes(watches.data, Kind::kDataChanged);
        break;
      case EventType::kNodeDeleted: {
        const bool of_data = takes(watches.data, Kind::kDeleted);
        const bool of_child =
            watches.child && checkers_.deletion_after(path, *watches.child) == zxid;
        if (of_child) watches.child.reset();
        is_right = of_data || of_child;
        break;
      }
      case EventType::kNodeChildrenChanged:
        is_right = watches.child && checkers_.children_change_after(path, *watches.child) == zxid;
        watches.child.reset();
        break;
    }
    if (watches.empty()) client.watches.erase(found);
  }
  if (is_right) return;
  fail(client, "WA",
       concat("an event of ", path, ", ", name_of(event->type), " at ", text_of(zxid),
              ", that no watch of its own waited for"));
}

// What it missed is what has become of each node since it last saw anything.
void CoreClients::take_set_watches(Client& client, const ReplyHeader& header) {
  const Zxid now = header.zxid;
  if (now > checkers_.last()) return fail(client, "CNL", "its watches are set ahead of all");
  std::multiset<Event> expected;
  for (auto at = client.watches.begin(); at != client.watches.end();) {
    const std::string& path = at->first;
    Watches& watches = at->second;
    const NodeState state = checkers_.state(path, now);
    const auto settle = [&](std::optional<Zxid>& set, std::optional<EventType> event) {
      if (!set) return;
      if (event) expected.insert({*event, path});
      set = event ? std::nullopt : std::optional(now);
    };
    const auto changed = [&](Zxid last, EventType event) {
      return !state.exists            ? std::optional(EventType::kNodeDeleted)
             : last > client.relative ? std::optional(event)
                                      : std::nullopt;
    };
    settle(watches.data, changed(state.stat.mzxid, EventType::kNodeDataChanged));
    settle(watches.exist, state.exists ? std::optional(EventType::kNodeCreated) : std::nullopt);
    settle(watches.child, changed(state.stat.pzxid, EventType::kNodeChildrenChanged));
    at = watches.empty() ? client.watches.erase(at) : std::next(at);
  }
  if (expected != client.caught_up) {
    return fail(client, "WA",
                concat("its watches are set again with ", client.caught_up.size(),
                       " events, and it missed ", expected.size()));
  }
  client.caught_up.clear();
  client.watches_set = true;
  take_zxid(client, now);
}

}  // namespace paddock::test
