#include "tests/support/zab_scenario.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <sstream>
#include <utility>

#include "common/concat.h"

namespace paddock::test {

namespace {

constexpr std::size_t kTraceKept = 100'000;
constexpr std::int64_t kElectionMs = 500;  // longer than any wait of an election that can end

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const bool hex = text.starts_with("0x");
  if (hex) text.remove_prefix(2);
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool contains(const std::vector<ServerId>& servers, ServerId server) {
  return std::find(servers.begin(), servers.end(), server) != servers.end();
}

using enum TraceKind;

constexpr TraceKind kOutcomes[] = {
    kStarts,   kStops,     kDelivers, kRole,    kCloses, kTruncates, kInstalls, kAcknowledges,
    kSyncDone, kDiskFails, kAsks,     kAnswers, kFires,  kDials,     kAttaches, kHangsUp};
// What the other end says already, or what is only the script's own doing.
constexpr TraceKind kSilent[] = {kSays, kNotifies, kReachable, kLinkOpened,
                                 kCut,  kMended,   kSevered,   kSyncAsked};

// Commands for one server; those among them for one that serves.
constexpr std::string_view kOfOne[] = {"write",    "sync",        "checkpoint", "trim",
                                       "reconfig", "persist-one", "fail-disk",  "wipe"};
constexpr std::string_view kOfServing[] = {"write", "sync", "checkpoint", "trim", "reconfig"};

template <typename Each, std::size_t kSize, typename Sought>
bool is_among(const Each (&all)[kSize], const Sought& sought) {
  return std::find(std::begin(all), std::end(all), sought) != std::end(all);
}

// Nothing happens by itself, or by chance.
SimOptions by_hand() {
  SimOptions options;
  options.wires.latency_min = options.wires.latency_max = {};
  options.wires.by_chance = false;
  options.host.disk_min = options.host.disk_max = {};
  options.host.pump_max = {};
  options.host.maintain_every = {};
  options.host.crash_keeps_some = false;
  options.clients.clients = 0;
  options.trace_kept = kTraceKept;
  options.wall_skew_max_ms = 0;
  options.core.io_threads = 1;
  options.core.wake_max = {};
  options.core.batch_one_in = 0;
  options.core_clients.clients = ScenarioClients::kCount;
  options.core_clients.delay_max = {};
  options.core_clients.lines_straggle = false;
  options.core_clients.by_hand = true;
  return options;
}

std::string line_of(const TraceEntry& entry) {
  if (entry.kind != TraceKind::kHears && entry.kind != TraceKind::kHearsVote) {
    return to_string(entry);
  }
  // As it was said.
  TraceEntry said = entry;
  std::swap(said.server, said.peer);
  said.kind = entry.kind == TraceKind::kHears ? TraceKind::kSays : TraceKind::kNotifies;
  return to_string(said);
}

}  // namespace

std::string ZabScenario::run(const std::string& command) {
  std::istringstream in(command);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  if (words.empty()) return {};
  if (words[0] == "ensemble" || words[0] == "whole") return make(words);
  if (sim_ == nullptr) return "there is no ensemble yet\n";
  const ThrowingChecks throwing;
  try {
    return act(words);
  } catch (const CheckFailed& failed) {
    sim_->checkers().fail("check", ServerId{}, failed.what);
    return concat(failed.what, "\n");
  }
}

std::string ZabScenario::violation() const {
  return sim_ == nullptr ? "" : sim_->violation();
}

std::string ZabScenario::make(const Words& words) {
  SimOptions options = by_hand();
  options.whole = words[0] == "whole";
  options.host.mutation = mutation_;
  options.core.mutation = core_mutation_;
  options.voters = words.size() < 2 ? 0 : static_cast<std::size_t>(number(words[1]).value_or(0));
  if (options.voters == 0) {
    return concat(words[0], " VOTERS [observers=N] [history=N] [joiners=N] [epoch=N]\n");
  }
  for (std::size_t i = 2; i < words.size(); ++i) {
    const std::size_t equals = words[i].find('=');
    const std::string key = words[i].substr(0, equals);
    const auto value = equals == std::string::npos
                           ? std::nullopt
                           : number(std::string_view(words[i]).substr(equals + 1));
    if (!value) return concat(words[i], "?\n");
    if (key == "observers") {
      options.observers = static_cast<std::size_t>(*value);
    } else if (key == "history") {
      options.history = static_cast<std::size_t>(*value);
    } else if (key == "joiners") {
      options.joiners = static_cast<std::size_t>(*value);
      options.reconfig = true;
    } else if (key == "epoch") {
      options.epoch_txns_max = static_cast<std::uint32_t>(*value);
    } else {
      return concat(words[i], "?\n");
    }
  }
  if (options.whole && options.history > 0) return "whole replicas have a history by clients\n";
  clients_.reset();
  sim_ = std::make_unique<SimEnsemble>(options);
  if (options.whole) clients_ = std::make_unique<ScenarioClients>(*sim_);
  cuts_.clear();
  holds_.clear();
  seen_ = 0;
  return {};
}

std::string ZabScenario::act(const Words& words) {
  steps_ = 0;
  const std::string& verb = words[0];
  const bool of_client = words.size() > 1 && ScenarioClients::number(words[1]).has_value();
  if (clients_ && of_client && clients_->knows(verb)) {
    const std::string wrong = clients_->run(words);
    run_threads();
    return concat(wrong, shown(Shown::kOutcomes));
  }
  if (verb == "hold" || verb == "release") return hold(words);
  const auto first = words.size() > 1 ? number(words[1]) : std::nullopt;
  const bool names_one = is_among(kOfOne, verb);
  const bool has_count = verb == "tick" || verb == "run" || verb == "pass";
  if ((names_one || has_count) && !first) return concat(verb, " what?\n");
  const std::size_t last = std::min<std::size_t>(names_one ? 2 : words.size(), words.size());
  const Servers named = servers(
      Words(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(last)), has_count ? 2 : 1);
  if (named.empty()) return "there is no such server\n";
  if (is_among(kOfServing, verb) && !host(named[0]).serves()) return "it does not serve\n";
  if (clients_ && (verb == "write" || verb == "sync")) return "clients do that\n";
  if (verb == "wipe" && host(named[0]).running()) return "it is running\n";
  if (verb == "show" && !clients_) return "it has no tree\n";

  if (verb == "describe" || verb == "show") {
    std::string text;
    for (const ServerId server : named) {
      text += verb == "show" ? clients_->show(server) : concat(host(server).describe(), "\n");
    }
    return concat(text, shown(Shown::kAll));
  }
  if (verb == "reconfig") return reconfig(words);
  if (names_one) {
    act_on_one(words, named[0]);
  } else if (verb == "tick") {
    tick(*first, named);
  } else if (verb == "pass") {
    pass(*first, named);
  } else if (verb == "run") {
    run_for(*first);
    return shown(Shown::kOutcomes);
  } else if (!act_on(verb, named)) {
    return concat("what is ", verb, "?\n");
  }
  run_threads();
  return shown(verb == "elect"    ? Shown::kAllButVotes
               : verb == "settle" ? Shown::kOutcomes
                                  : Shown::kAll);
}

bool ZabScenario::act_on(const std::string& verb, const Servers& named) {
  if (verb == "start") {
    start(named);
  } else if (verb == "crash" || verb == "power-off") {
    stop(named, verb == "power-off");
  } else if (verb == "pause" || verb == "resume") {
    for (const ServerId server : named) {
      if (!host(server).running() || host(server).paused() != (verb == "resume")) continue;
      verb == "pause" ? host(server).pause() : host(server).resume();
    }
  } else if (verb == "cut") {
    cut(named);
  } else if (verb == "join") {
    join(named);
  } else if (verb == "elect") {
    elect(named);
  } else if (verb == "vote") {
    while (vote_arrives(named)) {
    }
  } else if (verb == "exchange") {
    while (speech_arrives(named)) {
    }
  } else if (verb == "persist") {
    while (write_is_done(named)) {
    }
  } else if (verb == "settle") {
    settle(named);
  } else {
    return false;
  }
  return true;
}

void ZabScenario::act_on_one(const Words& words, ServerId server) {
  const std::string& verb = words[0];
  if (verb == "write") {
    write(server);
  } else if (verb == "sync") {
    host(server).sync({++sessions_});
  } else if (verb == "checkpoint") {
    host(server).checkpoint();
  } else if (verb == "trim") {
    host(server).trim({words.size() > 2 ? number(words[2]).value_or(0) : 0});
  } else if (verb == "persist-one") {
    write_is_done({server});
  } else if (verb == "fail-disk") {
    host(server).fail_disk();
  } else if (verb == "wipe") {
    host(server).wipe();
  }
}

// One way: what is said before goes on its way, too, and waits.
std::string ZabScenario::hold(const Words& words) {
  const Servers ends = words.size() == 3 ? servers(words, 1) : Servers{};
  if (ends.size() != 2) return concat(words[0], " FROM TO\n");
  const std::pair way{ends[0], ends[1]};
  if (words[0] == "hold") {
    if (holds_.contains(way)) return "it is held\n";
    holds_[way] = sim_->faults().cut({way});
    return {};
  }
  const auto held = holds_.find(way);
  if (held == holds_.end()) return "it is not held\n";
  sim_->faults().mend(held->second);
  holds_.erase(held);
  return {};
}

void ZabScenario::pass(std::int64_t count, const Servers& servers) {
  std::uint64_t looked_at = sim_->trace().count();
  while (count > 0 && speech_arrives(servers)) {
    for (; looked_at < sim_->trace().count(); ++looked_at) {
      const TraceEntry* entry = sim_->trace().find(looked_at);
      if (entry->kind == kHears || entry->kind == kHearsSnapshot) --count;
    }
  }
}

// In slices, in which clients say that they are there.
void ZabScenario::run_for(std::int64_t ms) {
  constexpr std::int64_t kSliceMs = 500;
  for (; ms > 0 && sim_->ok(); ms -= kSliceMs) {
    if (clients_) clients_->ping();
    sim_->run_for(millis(std::min(ms, kSliceMs)));
  }
}

ZabScenario::Servers ZabScenario::servers(const Words& words, std::size_t from) const {
  Servers named;
  for (std::size_t i = from; i < words.size(); ++i) {
    const auto id = number(words[i]);
    if (!id || *id < 1 || *id > static_cast<std::int64_t>(sim_->hosts().size())) return {};
    named.push_back({*id});
  }
  if (!named.empty()) return named;
  for (const auto& host : sim_->hosts()) named.push_back(host->id());
  return named;
}

void ZabScenario::start(const Servers& servers) {
  for (const ServerId server : servers) {
    if (!host(server).running()) host(server).start();
  }
}

void ZabScenario::stop(const Servers& servers, bool dark) {
  for (const ServerId server : servers) {
    if (host(server).running()) host(server).stop(dark);
  }
}

void ZabScenario::cut(const Servers& named) {
  const Servers all = servers({}, 0);
  for (const ServerId server : named) {
    std::vector<ZabFaults::Way> ways;
    for (const ServerId peer : all) {
      if (peer == server) continue;
      sim_->faults().sever(server, peer);
      ways.emplace_back(server, peer);
      ways.emplace_back(peer, server);
    }
    // Each end hears of it before the wires are gone.
    while (happens([&](const SimEvent& event) {
      if (event.kind == SimKind::kVoteNotice) return true;
      if (event.kind != SimKind::kLink) return false;
      const LinkEnd end{event.b, static_cast<Side>(event.a)};
      return sim_->links().server(end) == server || sim_->links().peer(end) == server;
    })) {
    }
    cuts_[server.value].push_back(sim_->faults().cut(std::move(ways)));
  }
}

void ZabScenario::join(const Servers& named) {
  for (const ServerId server : named) {
    for (const std::uint64_t cut : std::exchange(cuts_[server.value], {})) {
      sim_->faults().mend(cut);
    }
  }
}

void ZabScenario::elect(const Servers& servers) {
  for (std::int64_t ms = 0; ms < kElectionMs; ms += 10) {
    while (vote_arrives(servers)) {
    }
    tick(10, servers);
  }
}

// One timer after the other, each at its time. Nothing happens any more behind a violation.
void ZabScenario::tick(std::int64_t ms, const Servers& servers) {
  SimQueue& queue = sim_->queue();
  const Micros until = queue.now() + millis(ms);
  while (queue.now() < until && violation().empty()) {
    Micros next = until;
    const auto due = [&](const SimEvent& event) {
      const bool is_timer = event.kind == SimKind::kTimer || event.kind == SimKind::kIoTimer;
      return is_timer && event.at <= until && contains(servers, ServerId{event.a});
    };
    sim_->happens([&](const SimEvent& event) {
      if (due(event)) next = std::min(next, event.at);
      return false;
    });
    queue.advance(next);
    while (happens([&](const SimEvent& event) { return due(event) && event.at <= queue.now(); })) {
    }
  }
}

void ZabScenario::settle(const Servers& servers) {
  while (vote_arrives(servers) || speech_arrives(servers) || write_is_done(servers)) {
  }
}

void ZabScenario::write(ServerId server) {
  const std::int64_t session = ++sessions_;
  host(server).write({SessionId{session}, 1, static_cast<std::uint64_t>(session)});
}

template <typename Wanted>
bool ZabScenario::happens(const Wanted& wanted) {
  constexpr std::uint64_t kStepsMax = 20'000;
  if (++steps_ > kStepsMax) {
    sim_->checkers().fail("LV", ServerId{}, "comes to no end");
    return false;
  }
  const bool did = sim_->happens(wanted);
  if (did) run_threads();
  return did;
}

// The core and the io threads, and what clients and servers say to each other.
void ZabScenario::run_threads() {
  while (sim_->happens([&](const SimEvent& event) {
    switch (event.kind) {
      case SimKind::kCore:
      case SimKind::kIoMail:
      case SimKind::kLineUp:
      case SimKind::kLineDown:
        return event.at <= sim_->now();
      default:
        return false;
    }
  })) {
  }
}

std::string ZabScenario::reconfig(const Words& words) {
  ZabHost& leader = host({number(words[1]).value_or(0)});
  zab::Ensemble next = *leader.replica()->configurations().committed;
  for (std::size_t i = 2; i < words.size(); ++i) {
    const std::size_t equals = std::min(words[i].find('='), words[i].size() - 1);
    const std::string how = words[i].substr(0, equals);
    const auto id = number(std::string_view(words[i]).substr(equals + 1));
    if (!id || (how != "add" && how != "observe" && how != "remove"))
      return concat(words[i], "?\n");
    std::erase_if(next.members, [&](const zab::Member& m) { return m.id.value == *id; });
    if (how != "remove") next.members.push_back(member_of({*id}, how == "observe", true));
  }
  std::ranges::sort(next.members, {}, &zab::Member::id);
  const std::size_t before = leader.replica()->outstanding();
  leader.reconfigure(std::move(next));
  const bool refused = leader.running() && leader.replica()->outstanding() == before;
  return concat(shown(Shown::kAll), refused ? "refused\n" : "");
}

bool ZabScenario::vote_arrives(const Servers& servers) {
  return happens([&](const SimEvent& event) {
    const bool from_one = contains(servers, ServerId{event.a});
    if (event.kind == SimKind::kVoteReady || event.kind == SimKind::kVoteNotice) return from_one;
    if (event.kind != SimKind::kVote && event.kind != SimKind::kVoteDial) return false;
    // Who dials in vain dials again later.
    if (event.kind == SimKind::kVoteDial && event.at > sim_->now()) return false;
    return from_one && contains(servers, ServerId{static_cast<std::int64_t>(event.b)});
  });
}

bool ZabScenario::speech_arrives(const Servers& servers) {
  return happens([&](const SimEvent& event) {
    if (event.kind == SimKind::kPump) return contains(servers, ServerId{event.a});
    const bool dials = event.kind == SimKind::kDial || event.kind == SimKind::kDialFailed;
    if (!dials && event.kind != SimKind::kLink) return false;
    if (dials && event.at > sim_->now()) return false;
    const LinkEnd end{event.b, dials ? Side::kDialler : static_cast<Side>(event.a)};
    return contains(servers, sim_->links().server(end)) &&
           contains(servers, sim_->links().peer(end));
  });
}

bool ZabScenario::write_is_done(const Servers& servers) {
  return happens([&](const SimEvent& event) {
    return event.kind == SimKind::kDisk && contains(servers, ServerId{event.a});
  });
}

std::string ZabScenario::shown(Shown what) {
  std::string text;
  for (; seen_ < sim_->trace().count(); ++seen_) {
    const TraceEntry* entry = sim_->trace().find(seen_);
    if (entry == nullptr || is_among(kSilent, entry->kind)) continue;
    if (what == Shown::kAllButVotes && entry->kind == kHearsVote) continue;
    if (what == Shown::kOutcomes && !is_among(kOutcomes, entry->kind)) continue;
    text += concat(line_of(*entry), "\n");
  }
  if (!sim_->ok()) text += concat("violation of ", sim_->violation(), "\n");
  return text;
}

}  // namespace paddock::test
