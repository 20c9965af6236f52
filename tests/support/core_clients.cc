#include "tests/support/core_clients.h"

#include <algorithm>
#include <utility>

#include "common/concat.h"
#include "server/tree/watch_table.h"
#include "tests/support/requests.h"

namespace paddock::test {

namespace {

constexpr std::string_view kQueue = "/q";    // parent of numbered nodes
constexpr std::string_view kMembers = "/e";  // parent of ephemerals
constexpr std::uint64_t kRegisters = 6;      // "/r0" ...
constexpr std::size_t kChildrenMax = 24;     // then they are deleted rather than created
constexpr std::int32_t kEphemeral = 1, kSequential = 2, kContainer = 4, kTtl = 5;

Micros span(std::int32_t timeout_ms, std::int64_t percent) {
  return {std::int64_t{timeout_ms} * percent * 10};
}

}  // namespace

CoreClients::CoreClients(SimQueue& queue, Trace& trace, ClientLines& lines, CoreCheckers& checkers,
                         CoreClientOptions options, Prng random)
    : world_{queue, trace, lines, checkers, options.by_hand, {}},
      options_(options),
      lines_(lines),
      random_(random) {
  for (std::uint32_t i = 0; i < options.clients; ++i)
    clients_.push_back({{world_, i, is_operator(i)}, false, {}, {}});
}

void CoreClients::start() {
  if (options_.by_hand) return;
  for (std::uint32_t i = 0; i < clients_.size(); ++i) {
    world_.queue.put_in({random_.between(0, options_.pause_max.value)}, SimKind::kClient, i);
  }
}

void CoreClients::leave() {
  leaving_ = true;
  for (Actor& actor : clients_) {
    CoreClient& client = actor.client;
    const bool is_up = client.state() == CoreClient::State::kConnected && !actor.silent_until;
    if (is_up && random_.below(2) == 0) {
      client.close_session();
      continue;
    }
    if (!client.is_away() && random_.below(2) == 0) client.hang_up();
    actor.gone = true;
  }
}

bool CoreClients::all_left() const {
  return std::ranges::all_of(clients_, [](const Actor& actor) { return actor.gone; });
}

std::size_t CoreClients::waiting() const {
  std::size_t sum = 0;
  for (const Actor& actor : clients_) {
    const bool is_up = actor.client.state() == CoreClient::State::kConnected;
    if (is_up && !actor.gone && !actor.silent_until) sum += actor.client.waiting();
  }
  return sum;
}

std::string CoreClients::describe() const {
  std::string text;
  for (const Actor& actor : clients_) {
    text += concat(actor.client.describe(), actor.gone ? ", gone" : "",
                   actor.silent_until ? ", silent" : "", "\n");
  }
  return text;
}

// --- what a client does

void CoreClients::on_client(std::uint32_t number) {
  Actor& actor = clients_[number];
  CoreClient& client = actor.client;
  if (actor.gone) return;
  world_.queue.put_in({random_.between(1, options_.pause_max.value)}, SimKind::kClient, number);
  const Micros now = world_.queue.now();
  if (actor.silent_until) {
    if (now < *actor.silent_until) return;
    actor.silent_until.reset();
    if (!client.is_away()) hang_up(actor);
  }
  if (client.is_away()) return connect(actor);
  const std::int32_t patience =
      client.timeout_ms() == 0 ? options_.timeout_min_ms : client.timeout_ms();
  if (now - client.heard() > span(patience, 66)) return hang_up(actor);
  if (client.state() != CoreClient::State::kConnected) return;
  if (now - client.said() > span(client.timeout_ms(), 16)) client.ping();
  if (stopped_ || client.closing() || client.waiting() >= options_.waiting_max) return;
  switch (random_.below(400)) {
    case 0:
    case 1:
    case 2:
      ++moves_;
      hang_up(actor);
      if (random_.below(2) == 0) connect(actor);
      return;
    case 3:
      return client.close_session();
    case 4:
      actor.silent_until = now + span(client.timeout_ms(), random_.between(20, 250));
      if (random_.below(2) == 0) hang_up(actor);
      return;
    case 5:
      if (!well_since_) {
        lines_.stall(client.line(), span(client.timeout_ms(), random_.between(1, 150)));
      }
      return;
    default:
      return ask_something(actor);
  }
}

void CoreClients::connect(Actor& actor) {
  const ServerId server{1 + static_cast<std::int64_t>(random_.below(options_.servers))};
  actor.client.connect(server, static_cast<std::int32_t>(random_.between(options_.timeout_min_ms,
                                                                         options_.timeout_max_ms)));
}

void CoreClients::hang_up(Actor& actor) {
  actor.client.hang_up();
  if (leaving_) actor.gone = true;
}

void CoreClients::ask_something(Actor& actor) {
  const std::uint64_t one_in = options_.reconfig_one_in;
  if (one_in != 0 && reconfigs_ && random_.below(one_in) == 0) return ask_reconfig(actor);
  if (one_in != 0 && random_.below(12) == 0) {
    const std::string path(server::kConfigNode);
    const bool watch = random_.below(2) == 0;
    return actor.client.ask(OpCode::kGetData, path, path_watch_record(path, watch), watch);
  }
  const std::uint64_t choice = random_.below(40);
  if (choice < 18) return ask_write(actor);
  if (choice < 20) return ask_multi(actor);
  if (choice < 24) return actor.client.ask(OpCode::kSync, "/", path_record("/"));
  if (choice < 25) return ask_watch(actor);
  ask_read(actor);
}

void CoreClients::ask_write(Actor& actor) {
  CoreClient& client = actor.client;
  const std::string path = register_path();
  const Bytes data = value();
  const std::string_view text = as_chars(data);
  const std::int32_t known = client.version(path).value_or(-1);
  const std::int32_t version = random_.below(2) == 0 ? -1 : known;
  switch (random_.below(12)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
      return client.ask(OpCode::kSetData, path, set_data_record(path, text, version));
    case 5: {
      std::vector<Acl> acl = kOpenAcl;
      if (random_.below(3) == 0) acl.push_back({kPermRead, {"ip", "127.0.0.1"}});
      return client.ask(OpCode::kCreate2, path,
                        create_record({.path = path, .data = text, .flags = 0, .acl = acl}));
    }
    case 6:
      return ask_settings(actor, text);
    case 7:
      return client.ask(OpCode::kDelete, path, path_version_record(path, version));
    case 8: {
      const std::string parent(random_.below(2) == 0 ? kQueue : kMembers);
      return client.ask(OpCode::kCreate, parent, create_record({.path = parent}));
    }
    case 9:
    case 10:
      return ask_queue(actor, text);
    default:
      return ask_own(actor, text);
  }
}

// What is less usual: nodes that nobody here may read, that go by themselves, quotas.
void CoreClients::ask_settings(Actor& actor, std::string_view data) {
  static const std::vector<Acl> kSomebodyElses = {{kPermAll, {"digest", "x:y"}}};
  CoreClient& client = actor.client;
  const std::string path = register_path();
  switch (random_.below(8)) {
    case 0: {
      const std::vector<Acl>& acl = random_.below(3) == 0 ? kSomebodyElses : kOpenAcl;
      return client.ask(OpCode::kSetAcl, path, set_acl_record(path, acl));
    }
    case 1:
      return client.ask(OpCode::kCreate, path,
                        create_record({.path = path, .data = data, .acl = kSomebodyElses}));
    case 2: {
      const CreateArgs args{
          .path = path, .data = data, .flags = kTtl, .ttl_ms = random_.between(1, 20'000)};
      return client.ask(OpCode::kCreateTtl, path, create_record(args));
    }
    case 3:
      return client.ask(OpCode::kCreateContainer, path,
                        create_record({.path = path, .data = data, .flags = kContainer}));
    case 4: {
      const std::string child = concat(path, "/x");
      const bool goes = random_.below(2) == 0;
      return goes ? client.ask(OpCode::kDelete, child, path_version_record(child))
                  : client.ask(OpCode::kCreate, child, create_record({.path = child}));
    }
    case 5:
      return client.ask(OpCode::kDelete, path, path_version_record(path));
    default:
      return ask_quota(actor);
  }
}

// A quota comes and goes as a whole: ZooKeeper's counts are wrong for as long as it is there in
// part, and differ between servers that have started since and others.
void CoreClients::ask_quota(Actor& actor) {
  const std::string top = concat("/zookeeper/quota", kQueue);
  const std::string limits = concat(top, "/zookeeper_limits"),
                    stats = concat(top, "/zookeeper_stats");
  const std::string most = concat("count=", random_.below(20), ",bytes=-1");
  std::vector<SubRequest> ops;
  if (random_.below(3) == 0) {
    for (const std::string& path : {stats, limits, top}) {
      ops.emplace_back(OpCode::kDelete, path_version_record(path));
    }
  } else {
    ops.emplace_back(OpCode::kCreate, create_record({.path = top}));
    ops.emplace_back(OpCode::kCreate, create_record({.path = limits, .data = most}));
    ops.emplace_back(OpCode::kCreate, create_record({.path = stats, .data = "count=0,bytes=0"}));
  }
  actor.client.ask(OpCode::kMulti, top, multi_record(ops));
}

void CoreClients::ask_queue(Actor& actor, std::string_view data) {
  CoreClient& client = actor.client;
  std::set<std::string>& children = client.children(std::string(kQueue));
  if (children.size() > random_.below(kChildrenMax)) {
    const std::string child = concat(kQueue, "/", *children.begin());
    children.erase(children.begin());
    return client.ask(OpCode::kDelete, child, path_version_record(child));
  }
  const std::string child = concat(kQueue, "/n-");
  const std::int32_t flags = kSequential + (random_.below(3) == 0 ? kEphemeral : 0);
  client.ask(OpCode::kCreate, child, create_record({.path = child, .data = data, .flags = flags}));
}

void CoreClients::ask_own(Actor& actor, std::string_view data) {
  CoreClient& client = actor.client;
  if (!actor.own.empty() && random_.below(3) == 0) {
    return client.ask(OpCode::kDelete, actor.own, path_version_record(actor.own));
  }
  actor.own = concat(kMembers, "/c", client.number(), "_", random_.below(3));
  client.ask(OpCode::kCreate2, actor.own,
             create_record({.path = actor.own, .data = data, .flags = kEphemeral}));
}

// Two registers are exchanged, or a numbered node comes with a change; or nothing of it happens.
void CoreClients::ask_multi(Actor& actor) {
  CoreClient& client = actor.client;
  const std::string one = register_path(), other = register_path();
  const Bytes data = value();
  const std::string_view text = as_chars(data);
  std::vector<SubRequest> ops;
  if (const auto known = client.version(one)) {
    ops.emplace_back(OpCode::kCheck, path_version_record(one, *known));
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
  client.ask(OpCode::kMulti, one, multi_record(ops));
}

// Servers join, leave and change their roles; and now and then the words mean nothing, or are about
// another configuration than there is.
void CoreClients::ask_reconfig(Actor& actor) {
  const auto some = [this] {
    return ServerId{1 + static_cast<std::int64_t>(random_.below(options_.servers))};
  };
  const auto observes = [this] { return random_.below(4) == 0; };
  ReconfigWish wish;
  switch (random_.below(10)) {
    case 0: {
      static const std::pair<std::string_view, ErrorCode> kSpoiled[] = {
          {"server.1=nonsense", ErrorCode::kBadArguments},
          {"server.1=sim:2001:3001:participant", ErrorCode::kBadArguments},
          {"server.one=sim:2001:3001:participant;4001", ErrorCode::kMarshallingError}};
      const auto& [words, refusal] = kSpoiled[random_.below(std::size(kSpoiled))];
      wish.spoiled = words;
      wish.refusal = refusal;
      break;
    }
    case 1:
    case 2:
      wish.whole = true;
      for (std::size_t i = 1; i <= options_.servers; ++i) {
        if (random_.below(4) == 0) continue;
        wish.joining[{static_cast<std::int64_t>(i)}] = observes();
      }
      break;
    case 3:
    case 4:
    case 5:
      wish.leaving.insert(some());
      break;
    case 6:
      wish.leaving.insert(some());
      [[fallthrough]];
    default:
      wish.joining[some()] = observes();
      break;
  }
  // A whole ensemble nobody could lead is none.
  const bool has_voter =
      std::ranges::any_of(wish.joining, [](const auto& each) { return !each.second; });
  if (wish.whole && !has_voter) wish.refusal = ErrorCode::kBadArguments;
  switch (random_.below(8)) {
    case 0:
      wish.config_id = actor.client.config_version() + random_.between(-1, 1);
      break;
    case 1:
    case 2:
    case 3:
      if (actor.client.config_version() != 0) wish.config_id = actor.client.config_version();
      break;
    default:
      break;
  }
  actor.client.reconfigure(std::move(wish));
}

void CoreClients::ask_read(Actor& actor) {
  CoreClient& client = actor.client;
  const bool watch = random_.below(2) == 0;
  switch (random_.below(5)) {
    case 0:
    case 1: {
      const std::string path =
          random_.below(4) == 0 && !actor.own.empty() ? actor.own : register_path();
      return client.ask(OpCode::kGetData, path, path_watch_record(path, watch), watch);
    }
    case 2:
    case 3: {
      const std::string path = register_path();
      return client.ask(OpCode::kExists, path, path_watch_record(path, watch), watch);
    }
    default: {
      const std::string path(random_.below(2) == 0 ? kQueue : kMembers);
      return client.ask(OpCode::kGetChildren2, path, path_watch_record(path, watch), watch);
    }
  }
}

// A watch that stays, or none any more.
void CoreClients::ask_watch(Actor& actor) {
  using Mode = server::AddWatchMode;
  CoreClient& client = actor.client;
  switch (random_.below(6)) {
    case 0:
      return client.add_watch(register_path(), static_cast<int>(Mode::kPersistent));
    case 1:
      return client.add_watch(std::string(kQueue), static_cast<int>(Mode::kPersistent));
    case 2:
      return client.add_watch(std::string(kMembers), static_cast<int>(Mode::kPersistentRecursive));
    case 3:
      return client.add_watch("/", static_cast<int>(Mode::kPersistentRecursive));
    case 4:
      return client.remove_watches(random_.below(2) == 0 ? "/" : std::string(kMembers));
    default:
      return client.remove_watches(register_path());
  }
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
  Actor& actor = clients_[number];
  CoreClient& client = actor.client;
  const bool was_well = well_since_ && client.state() == CoreClient::State::kConnected &&
                        !actor.silent_until && !actor.gone && !client.closing() &&
                        world_.queue.now() - *well_since_ > span(options_.timeout_max_ms, 200);
  if (!client.on_closed(line)) return;
  if (leaving_) actor.gone = true;
  if (was_well) client.fail("SE", "it is cut off, and all was well");
}

void CoreClients::on_answers(std::uint32_t number, LineId line, ByteView frames) {
  Actor& actor = clients_[number];
  if (actor.silent_until || actor.gone) return;
  actor.client.on_answers(line, frames);
  if (leaving_ && actor.client.is_away()) actor.gone = true;
}

}  // namespace paddock::test
