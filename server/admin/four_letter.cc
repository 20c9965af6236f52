#include "server/admin/four_letter.h"

#include <pwd.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <map>

#include "common/concat.h"
#include "common/version.h"

namespace paddock::server {

namespace {

constexpr std::array<std::string_view, kFourLetterWords> kWords = {
    "conf", "cons", "crst", "dirs", "dump", "envi", "gtmk", "hash", "isro",
    "mntr", "ruok", "srst", "srvr", "stat", "stmk", "wchc", "wchp", "wchs"};

constexpr std::uint32_t as_number(std::string_view word) {
  std::uint32_t number = 0;
  for (const char c : word) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

constexpr std::string_view kNotServing =
    "This ZooKeeper instance is not currently serving requests";

std::string hex_of(std::int64_t value) {
  return concat("0x", hex(static_cast<std::uint64_t>(value)));
}

// As Java prints what it has rounded to four places: at least one of them, and no more zeros.
std::string decimal(double value) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.4f", value);
  std::string digits = text.data();
  while (digits.ends_with('0') && !digits.ends_with(".0")) digits.pop_back();
  return digits;
}

// As Java's Date prints itself: "Sun Nov 22 05:51:02 UTC 2026".
std::string date_of(WallMillis time) {
  const std::time_t seconds = static_cast<std::time_t>(time.value / 1000);
  std::tm parts{};
  std::array<char, 64> text{};
  if (::localtime_r(&seconds, &parts) == nullptr) return concat(time.value);
  std::strftime(text.data(), text.size(), "%a %b %d %H:%M:%S %Z %Y", &parts);
  return text.data();
}

// --- srvr, stat, cons ---

std::string version_lines(const ServerStatus& status) {
  return concat("Zookeeper version: ", kZooKeeperVersion, "\n",
                status.mode == ServerMode::kReadOnly
                    ? "READ-ONLY mode; serving only read-only clients\n"
                    : "");
}

std::string proposal_line(const ServerStatus& status) {
  if (!status.ensemble || !status.ensemble->leading) return "";
  const LeaderStatus& leading = *status.ensemble->leading;
  return concat("Proposal sizes last/min/max: ", leading.last_proposal_bytes, "/",
                leading.min_proposal_bytes, "/", leading.max_proposal_bytes, "\n");
}

std::string statistics_lines(const ServerStatus& status) {
  return concat("Latency min/avg/max: ", status.latency.min_ms, "/",
                decimal(status.latency.average_ms), "/", status.latency.max_ms,
                "\nReceived: ", status.received, "\nSent: ", status.sent,
                "\nConnections: ", status.connection_count, "\nOutstanding: ", status.outstanding,
                "\nZxid: ", hex_of(status.last_zxid.value), "\nMode: ", to_string(status.mode),
                "\nNode count: ", status.node_count, "\n", proposal_line(status));
}

// What stands in brackets are the selector's interest bits: 1 reads, 4 writes.
std::string connection_line(const ConnectionStatus& connection, bool with_session) {
  const int interest = (connection.reading ? 1 : 0) | (connection.writing ? 4 : 0);
  std::string line =
      concat(" /", connection.address, "[", interest, "](queued=", connection.outstanding,
             ",recved=", connection.received, ",sent=", connection.sent);
  if (with_session && connection.session.value != 0) {
    line += concat(",sid=", hex_of(connection.session.value), ",lop=", connection.last_op,
                   ",est=", connection.established.value, ",to=", connection.timeout_ms);
    if (connection.last_cxid >= 0) line += concat(",lcxid=", hex_of(connection.last_cxid));
    line += concat(",lzxid=", hex_of(connection.last_zxid.value),
                   ",lresp=", connection.last_response.value, ",llat=", connection.last_latency_ms,
                   ",minlat=", connection.latency.min_ms,
                   ",avglat=", static_cast<std::int64_t>(connection.latency.average_ms),
                   ",maxlat=", connection.latency.max_ms);
  }
  return line + ")\n";
}

std::string connection_lines(const ServerStatus& status, bool with_session) {
  std::string lines;
  for (const ConnectionStatus& connection : status.connections) {
    lines += connection_line(connection, with_session);
  }
  return lines;
}

std::string stat_answer(const ServerStatus& status) {
  return concat(version_lines(status), "Clients:\n", connection_lines(status, false), "\n",
                statistics_lines(status));
}

// --- conf, dirs, envi ---

std::string conf_answer(const ServerStatus& status) {
  std::string lines;
  for (const auto& [key, value] : status.configuration) {
    lines += concat(key, "=", value, "\n");
    if (key == "dataDir") lines += concat("dataDirSize=", status.directories.data_bytes, "\n");
    if (key == "dataLogDir") lines += concat("dataLogSize=", status.directories.log_bytes, "\n");
  }
  // Without a line end behind it, as ZooKeeper has it.
  if (status.ensemble) lines += concat("membership: \n", status.ensemble->members);
  return lines;
}

std::string dirs_answer(const ServerStatus& status) {
  return concat("datadir_size: ", status.directories.data_bytes,
                "\nlogdir_size: ", status.directories.log_bytes, "\n");
}

std::string megabytes(std::uint64_t blocks, std::uint64_t block_bytes) {
  return concat(blocks * block_bytes >> 20, "MB");
}

struct User {
  std::string name, home;
};
User current_user() {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> buffer{};
  if (::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found) != 0 ||
      found == nullptr) {
    return {concat(::getuid()), ""};
  }
  return {entry.pw_name, entry.pw_dir};
}

std::string current_folder() {
  std::array<char, PATH_MAX> folder{};
  return ::getcwd(folder.data(), folder.size()) == nullptr ? "" : folder.data();
}

// Java's keys, with what is true of this process; "n/a" where only Java could have a value.
std::string envi_answer() {
  utsname system{};
  struct sysinfo memory {};
  ::uname(&system);    // cannot fail with a valid address
  ::sysinfo(&memory);  // the same
  const std::string_view machine = system.machine;
  const User user = current_user();
  return concat(
      "Environment:\nzookeeper.version=", kZooKeeperVersion,
      "\nhost.name=", static_cast<const char*>(system.nodename),
      "\njava.version=n/a\njava.vendor=n/a\njava.home=n/a\njava.class.path=n/a"
      "\njava.library.path=n/a\njava.io.tmpdir=n/a\njava.compiler=n/a\nos.name=",
      static_cast<const char*>(system.sysname),
      "\nos.arch=", machine == "x86_64" ? "amd64" : machine,
      "\nos.version=", static_cast<const char*>(system.release), "\nuser.name=", user.name,
      "\nuser.home=", user.home, "\nuser.dir=", current_folder(),
      "\nos.memory.free=", megabytes(memory.freeram, memory.mem_unit),
      "\nos.memory.max=", megabytes(memory.totalram, memory.mem_unit),
      "\nos.memory.total=", megabytes(memory.totalram - memory.freeram, memory.mem_unit), "\n");
}

// --- dump, wchc, wchp, wchs, hash ---

// "Session Sets (2)/(3):", then each bucket with what is in it.
std::string expiry_lines(std::string_view title, const std::multimap<WallMillis, std::string>& by) {
  std::map<WallMillis, std::string> buckets;
  std::map<WallMillis, std::size_t> counts;
  for (const auto& [expires, line] : by) {
    buckets[expires] += concat("\t", line, "\n");
    ++counts[expires];
  }
  std::string lines = concat(title, " Sets (", buckets.size(), ")/(", by.size(), "):\n");
  for (const auto& [expires, members] : buckets) {
    lines += concat(counts[expires], " expire at ", date_of(expires), ":\n", members);
  }
  return lines;
}

// A learner does not expire sessions: it knows their timeouts.
std::string global_session_lines(const ServerStatus& status) {
  std::map<SessionId, std::int32_t> sessions;
  for (const SessionStatus& session : status.sessions) {
    sessions.emplace(session.session, session.timeout_ms);
  }
  std::string lines = concat("Global Sessions(", sessions.size(), "):\n");
  for (const auto& [session, timeout_ms] : sessions) {
    lines += concat(hex_of(session.value), "\t", timeout_ms, "ms\n");
  }
  return lines;
}

std::string expiring_lines(std::string_view title, const std::vector<SessionStatus>& sessions) {
  std::multimap<WallMillis, std::string> lines;
  for (const SessionStatus& session : sessions) {
    lines.emplace(session.expires, hex_of(session.session.value));
  }
  return expiry_lines(title, lines);
}

std::string session_lines(const ServerStatus& status) {
  const bool expires_them =
      status.mode == ServerMode::kStandalone || status.mode == ServerMode::kLeader;
  const bool locals = status.has_local_sessions;
  return concat(locals ? expiring_lines("Local Session", status.local_session_lines) : "",
                expires_them
                    ? expiring_lines(locals ? "Global Session" : "Session", status.sessions)
                    : global_session_lines(status));
}

std::string dump_answer(const ServerStatus& status) {
  std::multimap<WallMillis, std::string> connections;
  for (const ConnectionExpiry& connection : status.connection_expiry) {
    connections.emplace(
        connection.expires,
        concat("ip: /", connection.address, " sessionId: ", hex_of(connection.session.value)));
  }
  std::string text =
      concat("SessionTracker dump:\n", session_lines(status),
             "ephemeral nodes dump:\nSessions with Ephemerals (", status.ephemerals.size(), "):\n");
  for (const SessionPaths& owner : status.ephemerals) {
    text += concat(hex_of(owner.session.value), ":\n");
    for (const std::string& path : owner.paths) text += concat("\t", path, "\n");
  }
  return text + "Connections dump:\n" + expiry_lines("Connections", connections);
}

std::string wchs_answer(const ServerStatus& status) {
  return concat(status.watch_summary.connections, " connections watching ",
                status.watch_summary.paths, " paths\nTotal watches:", status.watch_summary.watches,
                "\n");
}

std::string wchc_answer(const ServerStatus& status) {
  std::string text;
  for (const SessionPaths& watcher : status.watched_by) {
    text += concat(hex_of(watcher.session.value), "\n");
    for (const std::string& path : watcher.paths) text += concat("\t", path, "\n");
  }
  return text + "\n";
}

std::string wchp_answer(const ServerStatus& status) {
  std::map<std::string_view, std::string> watchers;
  for (const SessionPaths& watcher : status.watched_by) {
    for (const std::string& path : watcher.paths) {
      watchers[path] += concat("\t", hex_of(watcher.session.value), "\n");
    }
  }
  std::string text;
  for (const auto& [path, sessions] : watchers) text += concat(path, "\n", sessions);
  return text + "\n";
}

std::string hash_answer(const ServerStatus& status) {
  std::string lines;
  for (const DigestEntry& entry : status.digests) {
    lines += concat(hex(static_cast<std::uint64_t>(entry.zxid.value)), ": ",
                    static_cast<std::int64_t>(entry.digest), "\n");
  }
  return lines;
}

// --- mntr ---

std::string mntr_line(std::string_view name, std::string_view value) {
  return concat("zk_", name, "\t", value, "\n");
}

using Gauges = std::vector<std::pair<std::string, std::int64_t>>;

// How far the learners are behind: names of our own, since ZooKeeper shows no such thing.
void add_lag(const LeaderStatus& leading, Gauges& gauges) {
  std::int64_t most = 0;
  for (const LearnerStatus& learner : leading.learners) {
    const std::string name = concat(learner.sid.value, "_learner_");
    if (!learner.observer) {
      const std::int64_t lag = lag_of(learner, leading.last_proposed);
      gauges.emplace_back(name + "lag", lag);
      if (learner.votes) most = std::max(most, lag);
    }
    gauges.emplace_back(name + "queued_bytes", learner.queued_bytes);
    gauges.emplace_back(name + "silent_ms", learner.silent.value);
  }
  gauges.emplace_back("max_learner_lag", most);
}

void add_leading(const LeaderStatus& leading, Gauges& gauges) {
  std::int64_t followers = 0, non_voting = 0, observers = 0;
  for (const LearnerStatus& learner : leading.learners) {
    if (!learner.synced) continue;
    observers += learner.observer;
    followers += !learner.observer;
    non_voting += !learner.observer && !learner.votes;
  }
  gauges.insert(gauges.end(), {{"learners", static_cast<std::int64_t>(leading.learners.size())},
                               {"synced_followers", followers},
                               {"synced_non_voting_followers", non_voting},
                               {"synced_observers", observers},
                               {"pending_syncs", leading.pending_syncs},
                               {"leader_uptime", leading.uptime.value},
                               {"last_proposal_size", leading.last_proposal_bytes},
                               {"min_proposal_size", leading.min_proposal_bytes},
                               {"max_proposal_size", leading.max_proposal_bytes}});
  add_lag(leading, gauges);
}

std::string peer_state(ServerMode mode) {
  switch (mode) {
    case ServerMode::kLeader:
      return "leading - broadcast";
    case ServerMode::kFollower:
      return "following - broadcast";
    case ServerMode::kObserver:
      return "observing - broadcast";
    case ServerMode::kStandalone:
    case ServerMode::kReadOnly:
      return "";
  }
  return "";
}

std::string ensemble_lines(const ServerStatus& status) {
  if (!status.ensemble) return "";
  const EnsembleStatus& ensemble = *status.ensemble;
  Gauges gauges{{"quorum_size", ensemble.voters}, {"epoch", ensemble.epoch.value}};
  if (status.mode == ServerMode::kObserver) {
    gauges.emplace_back("observer_master_id", ensemble.leader.value);
  }
  if (ensemble.leading) add_leading(*ensemble.leading, gauges);
  std::string lines = mntr_line("peer_state", peer_state(status.mode));
  for (const auto& [name, value] : gauges) lines += mntr_line(name, concat(value));
  return lines;
}

std::string mntr_answer(const ServerStatus& status) {
  std::string lines = mntr_line("version", kZooKeeperVersion) +
                      mntr_line("server_state", to_string(status.mode)) + ensemble_lines(status) +
                      mntr_line("avg_latency", decimal(status.latency.average_ms)) +
                      mntr_line("connection_drop_probability", "0.0");
  const std::pair<std::string_view, std::int64_t> gauges[] = {
      {"min_latency", status.latency.min_ms},
      {"max_latency", status.latency.max_ms},
      {"packets_received", status.received},
      {"packets_sent", status.sent},
      {"num_alive_connections", status.connection_count},
      {"outstanding_requests", status.outstanding},
      {"znode_count", status.node_count},
      {"watch_count", status.watch_count},
      {"ephemerals_count", status.ephemerals_count},
      {"approximate_data_size", status.approximate_data_size},
      {"open_file_descriptor_count", status.open_file_descriptors},
      {"max_file_descriptor_count", status.max_file_descriptors},
      {"global_sessions", status.global_sessions},
      {"local_sessions", status.local_sessions},
      {"uptime", status.uptime.value},
      {"auth_failed_count", status.auth_failed_count},
      {"last_client_response_size", status.last_response_bytes},
      {"min_client_response_size", status.min_response_bytes},
      {"max_client_response_size", status.max_response_bytes},
      {"non_mtls_remote_conn_count", 0},
      {"non_mtls_local_conn_count", 0},
      {"outstanding_tls_handshake", 0},
  };
  for (const auto& [name, value] : gauges) lines += mntr_line(name, concat(value));
  for (const MetricLine& metric : status.metrics) {
    const auto* whole = std::get_if<std::int64_t>(&metric.value);
    lines += mntr_line(metric.name,
                       whole != nullptr ? concat(*whole) : decimal(std::get<double>(metric.value)));
  }
  return lines;
}

bool answers_when_not_serving(FourLetterWord word) {
  return word == FourLetterWord::kRuok || word == FourLetterWord::kEnvi ||
         word == FourLetterWord::kGtmk || word == FourLetterWord::kStmk;
}

std::string not_serving_answer(FourLetterWord word) {
  if (word == FourLetterWord::kIsro) return "null";
  return concat(kNotServing, word == FourLetterWord::kHash ? "" : "\n");
}

}  // namespace

std::optional<FourLetterWord> four_letter_word(std::uint32_t first_four_bytes) {
  for (std::size_t i = 0; i < kWords.size(); ++i) {
    if (as_number(kWords[i]) == first_four_bytes) return static_cast<FourLetterWord>(i);
  }
  return std::nullopt;
}

std::string_view to_string(FourLetterWord word) {
  return kWords[static_cast<std::size_t>(word)];
}

FourLetterWhitelist FourLetterWhitelist::parse(std::string_view text, bool read_only_enabled,
                                               std::string* unknown) {
  FourLetterWhitelist list;
  if (read_only_enabled) list.words_.set(static_cast<std::size_t>(FourLetterWord::kIsro));
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (word.starts_with(' ')) word.remove_prefix(1);
    while (word.ends_with(' ')) word.remove_suffix(1);

    const auto known = std::find(kWords.begin(), kWords.end(), word);
    if (word == "*") {
      list.words_.set();
    } else if (known != kWords.end()) {
      list.words_.set(static_cast<std::size_t>(known - kWords.begin()));
    } else if (!word.empty() && unknown != nullptr) {
      *unknown += concat(unknown->empty() ? "" : ", ", word);
    }
  }
  return list;
}

std::string refusal_of(FourLetterWord word) {
  return concat(to_string(word), " is not executed because it is not in the whitelist.\n");
}

StatusParts parts_for(FourLetterWord word) {
  StatusParts parts;
  parts.connections = word == FourLetterWord::kCons || word == FourLetterWord::kStat;
  parts.sessions = word == FourLetterWord::kDump;
  parts.watches = word == FourLetterWord::kWchs;
  parts.watch_paths = word == FourLetterWord::kWchc || word == FourLetterWord::kWchp;
  parts.directories = word == FourLetterWord::kDirs || word == FourLetterWord::kConf;
  parts.digests = word == FourLetterWord::kHash;
  parts.metrics = word == FourLetterWord::kMntr;
  return parts;
}

std::string answer_to(FourLetterWord word, const ServerStatus& status, std::int64_t trace_mask) {
  if (!status.serving && !answers_when_not_serving(word)) return not_serving_answer(word);
  switch (word) {
    case FourLetterWord::kConf:
      return conf_answer(status);
    case FourLetterWord::kCons:
      return connection_lines(status, true) + "\n";
    case FourLetterWord::kCrst:
      return "Connection stats reset.\n";
    case FourLetterWord::kDirs:
      return dirs_answer(status);
    case FourLetterWord::kDump:
      return dump_answer(status);
    case FourLetterWord::kEnvi:
      return envi_answer();
    case FourLetterWord::kGtmk:
    case FourLetterWord::kStmk:
      return concat(trace_mask);
    case FourLetterWord::kHash:
      return hash_answer(status);
    case FourLetterWord::kIsro:
      return status.mode == ServerMode::kReadOnly ? "ro" : "rw";
    case FourLetterWord::kMntr:
      return mntr_answer(status);
    case FourLetterWord::kRuok:
      return "imok";
    case FourLetterWord::kSrst:
      return "Server stats reset.\n";
    case FourLetterWord::kSrvr:
      return version_lines(status) + statistics_lines(status);
    case FourLetterWord::kStat:
      return stat_answer(status);
    case FourLetterWord::kWchc:
      return wchc_answer(status);
    case FourLetterWord::kWchp:
      return wchp_answer(status);
    case FourLetterWord::kWchs:
      return wchs_answer(status);
  }
  return {};
}

}  // namespace paddock::server
