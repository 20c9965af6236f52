#include "tests/support/scenario_clients.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/concat.h"
#include "tests/support/requests.h"

namespace paddock::test {

namespace {

constexpr std::int32_t kTimeoutMs = 20'000;
constexpr std::int32_t kEphemeral = 1, kSequential = 2, kContainer = 4;
constexpr Micros kForEver = seconds(1'000'000);

// "-e" ... before the path.
std::string take_options(const std::vector<std::string>& words, std::size_t& at) {
  std::string options;
  for (; at < words.size() && words[at].size() > 1 && words[at][0] == '-'; ++at) {
    options += words[at].substr(1);
  }
  return options;
}

bool has(const std::string& options, char option) {
  return options.find(option) != std::string::npos;
}

std::int32_t create_flags(const std::string& options) {
  if (has(options, 'c')) return kContainer;
  return (has(options, 'e') ? kEphemeral : 0) + (has(options, 's') ? kSequential : 0);
}

std::string word(const std::vector<std::string>& words, std::size_t at) {
  return at < words.size() ? words[at] : std::string();
}

// create, set, delete, check; nothing: it is none of them.
std::optional<SubRequest> write_of(const std::vector<std::string>& words, std::size_t at) {
  const std::string verb = word(words, at++);
  const std::string options = take_options(words, at);
  const std::string path = word(words, at), data = word(words, at + 1);
  if (!path.starts_with('/')) return std::nullopt;
  if (verb == "create") {
    const bool contains = has(options, 'c');
    return SubRequest{contains ? OpCode::kCreateContainer : OpCode::kCreate,
                      create_record({.path = path, .data = data, .flags = create_flags(options)})};
  }
  if (verb == "set") return SubRequest{OpCode::kSetData, set_data_record(path, data)};
  if (verb == "delete") return SubRequest{OpCode::kDelete, path_version_record(path)};
  if (verb == "check") return SubRequest{OpCode::kCheck, path_version_record(path, 0)};
  return std::nullopt;
}

std::string path_in(const std::vector<std::string>& words) {
  for (const std::string& each : words) {
    if (each.starts_with('/')) return each;
  }
  return {};
}

}  // namespace

std::optional<std::uint32_t> ScenarioClients::number(const std::string& name) {
  if (name.size() != 1 || name[0] < 'a' || name[0] >= static_cast<char>('a' + kCount)) {
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(name[0] - 'a');
}

bool ScenarioClients::knows(const std::string& verb) const {
  static const std::vector<std::string> kVerbs = {"connect", "hang-up", "forget",
                                                  "ask",     "hold",    "release"};
  return std::find(kVerbs.begin(), kVerbs.end(), verb) != kVerbs.end();
}

std::string ScenarioClients::run(const Words& words) {
  const auto which = number(word(words, 1));
  if (!which) return concat(words[0], " which client?\n");
  CoreClient& who = client(*which);
  const std::string& verb = words[0];
  if (verb == "connect") {
    if (!who.is_away()) return "it is connected\n";
    const std::string server = word(words, 2);
    if (server.size() != 1 || server[0] < '1' || server[0] > '9') return "connect to whom?\n";
    who.connect({server[0] - '0'}, kTimeoutMs);
    return {};
  }
  if (verb == "forget") {
    if (!who.is_away()) return "it is connected\n";
    who.forget_session();
    return {};
  }
  if (who.is_away()) return "it is not connected\n";
  if (verb == "hang-up") {
    who.hang_up();
  } else if (verb == "hold") {
    sim_.lines().stall(who.line(), kForEver);
  } else if (verb == "release") {
    sim_.lines().release(who.line());
  } else if (who.state() != CoreClient::State::kConnected) {
    return "it has no session yet\n";
  } else {
    return ask(who, Words(words.begin() + 2, words.end()));
  }
  return {};
}

std::string ScenarioClients::ask(CoreClient& who, const Words& words) {
  const std::string verb = word(words, 0), path = path_in(words);
  std::size_t at = 1;
  const std::string options = take_options(words, at);
  if (verb == "close") {
    who.close_session();
  } else if (verb == "sync") {
    who.ask(OpCode::kSync, "/", path_record("/"));
  } else if (verb == "multi") {
    std::vector<SubRequest> ops;
    for (auto from = words.begin() + 1; from < words.end();) {
      const auto to = std::find(from, words.end(), "+");
      const auto op = write_of(Words(from, to), 0);
      if (!op) return "multi of what?\n";
      ops.push_back(*op);
      from = to == words.end() ? to : to + 1;
    }
    who.ask(OpCode::kMulti, path, multi_record(ops));
  } else if (path.empty()) {
    return "ask CLIENT what?\n";
  } else if (const auto write = write_of(words, 0)) {
    who.ask(write->first, path, write->second);
  } else if (verb == "get" || verb == "exists" || verb == "ls") {
    const bool watch = has(options, 'w');
    const OpCode op = verb == "get"      ? OpCode::kGetData
                      : verb == "exists" ? OpCode::kExists
                                         : OpCode::kGetChildren2;
    who.ask(op, path, path_watch_record(path, watch), watch);
  } else if (verb == "watch") {
    who.add_watch(path, has(options, 'r') ? 1 : 0);
  } else if (verb == "unwatch") {
    who.remove_watches(path);
  } else {
    return concat("what is ", verb, "?\n");
  }
  return {};
}

void ScenarioClients::ping() {
  for (std::uint32_t i = 0; i < kCount; ++i) {
    CoreClient& who = client(i);
    if (who.state() != CoreClient::State::kConnected || who.closing()) continue;
    const Micros third{std::int64_t{who.timeout_ms()} * 1000 / 3};
    if (sim_.now() - who.said() >= third) who.ping();
  }
}

std::string ScenarioClients::name_of(SessionId session) {
  for (std::uint32_t i = 0; i < kCount; ++i) {
    if (client(i).session() != SessionId{}) {
      names_[client(i).session()] = test::name_of_client(i);
    }
  }
  const auto found = names_.find(session);
  return found == names_.end() ? "nobody" : found->second;
}

std::string ScenarioClients::show(ServerId server) {
  ZabHost& host = sim_.host(server);
  if (!host.running()) return concat(server.value, " is stopped\n");
  CoreHost& whole = static_cast<CoreHost&>(host);
  whole.compare();
  const server::DataTree& tree = whole.tree();
  std::set<std::string> nodes, sessions;
  tree.for_each_node([&](std::string_view path, const server::Znode& node) {
    if (path.empty() || path.starts_with("/zookeeper")) return;
    const std::optional<ByteView> data = tree.data_of(node).get();
    const SessionId owner = tree.stat_of(node).ephemeral_owner;
    nodes.insert(concat(" ", path, data && !data->empty() ? "=" : "", data ? as_chars(*data) : "",
                        owner == SessionId{} ? "" : " of ",
                        owner == SessionId{} ? "" : name_of(owner)));
  });
  tree.for_each_session(
      [&](SessionId session, std::int32_t) { sessions.insert(concat(" ", name_of(session))); });
  std::string text = concat(server.value, " at ", text_of(tree.last_zxid()), ":");
  for (const std::string& node : nodes) text += node;
  text += " |";
  for (const std::string& session : sessions) text += session;
  return concat(text, "\n");
}

}  // namespace paddock::test
