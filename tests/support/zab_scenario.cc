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

constexpr TraceKind kOutcomes[] = {kStarts,    kStops,    kDelivers,     kRole,    kCloses,
                                   kTruncates, kInstalls, kAcknowledges, kSyncDone};
// What the other end says already, or what is only the script's own doing.
constexpr TraceKind kSilent[] = {kSays, kNotifies, kReachable, kLinkOpened,
                                 kCut,  kMended,   kSevered,   kSyncAsked};

template <std::size_t kSize>
bool is_among(const TraceKind (&kinds)[kSize], TraceKind kind) {
  return std::find(std::begin(kinds), std::end(kinds), kind) != std::end(kinds);
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
  if (words[0] == "ensemble") return make(words);
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
  SimOptions options;
  options.wires.latency_min = options.wires.latency_max = {};
  options.wires.breaks_lose = false;
  options.host.disk_min = options.host.disk_max = {};
  options.host.pump_max = {};
  options.host.maintain_every = {};
  options.clients.clients = 0;
  options.trace_kept = kTraceKept;
  options.voters = words.size() < 2 ? 0 : static_cast<std::size_t>(number(words[1]).value_or(0));
  if (options.voters == 0) return "ensemble VOTERS [observers=N] [history=N] [joiners=N]\n";
  for (std::size_t i = 2; i < words.size(); ++i) {
    const std::size_t equals = words[i].find('=');
    const std::string key = words[i].substr(0, equals);
    const auto value = equals == std::string::npos
                           ? std::nullopt
                           : number(std::string_view(words[i]).substr(equals + 1));
    std::size_t* const option = key == "observers" ? &options.observers
                                : key == "history" ? &options.history
                                : key == "joiners" ? &options.joiners
                                                   : nullptr;
    if (!value || option == nullptr) return concat(words[i], "?\n");
    *option = static_cast<std::size_t>(*value);
    if (key == "joiners") options.reconfig = true;
  }
  sim_ = std::make_unique<SimEnsemble>(options);
  cuts_.clear();
  seen_ = 0;
  return {};
}

std::string ZabScenario::act(const Words& words) {
  const std::string& verb = words[0];
  const bool names_one = verb == "write" || verb == "sync" || verb == "checkpoint" ||
                         verb == "trim" || verb == "reconfig";
  const bool after_ms = verb == "tick";
  const auto first = words.size() > 1 ? number(words[1]) : std::nullopt;
  if ((names_one || after_ms) && !first) return concat(verb, " what?\n");
  const std::size_t last = names_one ? 2 : words.size();
  const Servers named =
      servers(Words(words.begin(),
                    words.begin() + static_cast<std::ptrdiff_t>(std::min(last, words.size()))),
              after_ms ? 2 : 1);
  if (named.empty()) return "there is no such server\n";
  if (names_one && !host(named[0]).serves()) return "it does not serve\n";

  if (verb == "start") {
    start(named);
  } else if (verb == "crash" || verb == "power-off") {
    stop(named, verb == "power-off");
  } else if (verb == "cut") {
    cut(named);
  } else if (verb == "join") {
    join(named);
  } else if (verb == "elect") {
    elect(named);
    return shown(Shown::kAllButVotes);
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
    return shown(Shown::kOutcomes);
  } else if (verb == "tick") {
    tick(*first, named);
  } else if (verb == "write") {
    write(named[0]);
  } else if (verb == "reconfig") {
    return reconfig(words);
  } else if (verb == "sync") {
    host(named[0]).sync({++sessions_});
  } else if (verb == "checkpoint") {
    host(named[0]).checkpoint();
  } else if (verb == "trim") {
    host(named[0]).trim({words.size() > 2 ? number(words[2]).value_or(0) : 0});
  } else if (verb == "describe") {
    std::string text;
    for (const ServerId server : named) text += concat(host(server).describe(), "\n");
    return text;
  } else {
    return concat("what is ", verb, "?\n");
  }
  return shown(Shown::kAll);
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
    while (sim_->happens([&](const SimEvent& event) {
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

// One timer after the other, each at its time.
void ZabScenario::tick(std::int64_t ms, const Servers& servers) {
  SimQueue& queue = sim_->queue();
  const Micros until = queue.now() + millis(ms);
  while (queue.now() < until) {
    Micros next = until;
    const auto due = [&](const SimEvent& event) {
      return event.kind == SimKind::kTimer && event.at <= until &&
             contains(servers, ServerId{event.a});
    };
    sim_->happens([&](const SimEvent& event) {
      if (due(event)) next = std::min(next, event.at);
      return false;
    });
    queue.advance(next);
    while (sim_->happens(
        [&](const SimEvent& event) { return due(event) && event.at <= queue.now(); })) {
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
  return sim_->happens([&](const SimEvent& event) {
    const bool from_one = contains(servers, ServerId{event.a});
    if (event.kind == SimKind::kVoteReady || event.kind == SimKind::kVoteNotice) return from_one;
    if (event.kind != SimKind::kVote && event.kind != SimKind::kVoteDial) return false;
    // Who dials in vain dials again later.
    if (event.kind == SimKind::kVoteDial && event.at > sim_->now()) return false;
    return from_one && contains(servers, ServerId{static_cast<std::int64_t>(event.b)});
  });
}

bool ZabScenario::speech_arrives(const Servers& servers) {
  return sim_->happens([&](const SimEvent& event) {
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
  return sim_->happens([&](const SimEvent& event) {
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
