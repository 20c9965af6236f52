#include "server/options.h"

#include <algorithm>
#include <array>
#include <boost/program_options.hpp>
#include <filesystem>
#include <map>
#include <set>
#include <thread>

#include "common/concat.h"
#include "common/config_file.h"
#include "server/ensemble_lines.h"
#include "server/option_table.h"
#include "server/storage/config_files.h"

namespace paddock::server {

namespace {

// --- arguments and environment ---

// Properties that ZooKeeper reads without "zookeeper." before them.
constexpr std::array<std::string_view, 8> kBareProperties = {"jute.maxbuffer",
                                                             "readonlymode.enabled",
                                                             "fsync.warningthresholdms",
                                                             "java.security.auth.login.config",
                                                             "leader.nodelay",
                                                             "follower.nodelay",
                                                             "test.allowDiscontinuousProposals",
                                                             "znode.container.checkIntervalMs"};

bool is_property(std::string_view name) {
  return name.starts_with("zookeeper.") || name.starts_with("znode.container.") ||
         std::find(kBareProperties.begin(), kBareProperties.end(), name) != kBareProperties.end();
}

// "name=value" of a -D; a name alone has the value "".
Setting define(std::string_view text, std::string where) {
  const std::size_t equals = text.find('=');
  return {std::string(text.substr(0, equals)),
          equals == text.npos ? "" : std::string(text.substr(equals + 1)), std::move(where)};
}

void add_defines_of(const char* variable, const GetEnvironment& environment,
                    std::vector<Setting>& to) {
  const char* value = environment(variable);
  std::string_view rest = value == nullptr ? "" : value;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find_first_of(" \t\n"), rest.size());
    const std::string_view token = rest.substr(0, end);
    if (token.starts_with("-D")) {
      to.push_back(define(token.substr(2), concat("environment ", variable)));
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

std::vector<Setting> settings_of(const GetEnvironment& environment) {
  std::vector<Setting> settings;
  // The order in which zkServer.sh passes them on: Java's last -D of a name wins.
  add_defines_of("SERVER_JVMFLAGS", environment, settings);
  add_defines_of("JVMFLAGS", environment, settings);
  if (const char* level = environment("PADDOCK_LOG_LEVEL")) {
    settings.push_back({"log.level", level, "environment PADDOCK_LOG_LEVEL"});
  }
  return settings;
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

Result<void> take_positional(const std::vector<std::string>& values, OptionSources& sources) {
  if (values.size() < 2) {
    sources.config_path = values.empty() ? "" : values.front();
    return {};
  }
  constexpr std::array<std::string_view, 4> kKeys = {"clientPort", "dataDir", "tickTime",
                                                     "maxClientCnxns"};
  if (!is_number(values.front()) || values.size() > kKeys.size()) {
    return Error{Code::kInvalid, concat("one configuration file is expected, but there are ",
                                        values.size(), " arguments: ", printable(values[1]))};
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    sources.command_line.push_back({std::string(kKeys[i]), values[i], "command line"});
  }
  return {};
}

namespace po = boost::program_options;

po::options_description known_arguments() {
  po::options_description known;
  auto add = known.add_options();
  add("help,h", "")("version", "")("strict", "");
  add("define,D", po::value<std::string>(), "");
  add("positional", po::value<std::string>(), "");
  for (const OptionKey& key : option_table()) {
    add(std::string(key.name).c_str(), po::value<std::string>(), "");
  }
  add("zookeeper.*", po::value<std::string>(), "");
  return known;
}

Result<void> take_option(const po::option& option, std::vector<std::string>& positional,
                         OptionSources& sources) {
  const std::string& name = option.string_key;
  const std::string value = option.value.empty() ? "" : option.value.front();
  if (option.position_key != -1) {
    positional.push_back(value);
  } else if (name == "help") {
    sources.help = true;
  } else if (name == "version") {
    sources.version = true;
  } else if (name == "strict") {
    sources.strict = true;
  } else if (name == "define") {
    sources.defines.push_back(define(value, "command line -D"));
  } else if (find_option(name) == nullptr) {
    return Error{Code::kInvalid, concat("--", printable(name), " is not an option")};
  } else {
    sources.command_line.push_back({name, value, "command line"});
  }
  return {};
}

// --- from settings to a draft ---

bool is_ensemble_line(std::string_view key) {
  return key.starts_with("server.") || key.starts_with("group.") || key.starts_with("weight.");
}

// What one load_options() knows while it goes through the settings.
class Loader {
 public:
  Loader(Env& env, const OptionSources& sources) : env_(env), sources_(sources) {}

  Result<LoadedOptions> run() {
    PADDOCK_TRY_DO(take_file(sources_.config_path));
    PADDOCK_TRY_DO(take_defines(sources_.environment));
    PADDOCK_TRY_DO(take_defines(sources_.defines));
    for (const Setting& setting : sources_.command_line) PADDOCK_TRY_DO(take(setting));
    PADDOCK_TRY_DO(take_dynamic_file());
    PADDOCK_TRY_DO(finish());
    return LoadedOptions{std::move(draft_.options), std::move(notices_)};
  }

 private:
  Result<std::vector<Setting>> read_settings(const std::string& path) {
    PADDOCK_TRY(const Bytes text, read_file(env_, path, kConfigBytesMax));
    Result<std::vector<ConfigEntry>> entries = parse_config(as_chars(text));
    if (!entries) return Error{entries.error().code, concat(path, " ", entries.error().message)};
    std::vector<Setting> settings;
    for (ConfigEntry& entry : *entries) {
      settings.push_back(
          {std::move(entry.key), std::move(entry.value), concat(path, ":", entry.line)});
    }
    return settings;
  }

  Result<void> take_file(const std::string& path) {
    if (path.empty()) return {};
    PADDOCK_TRY(const std::vector<Setting> settings, read_settings(path));
    std::map<std::string_view, std::string_view> seen;
    for (const Setting& setting : settings) {
      const auto [first, is_first] = seen.emplace(setting.key, setting.where);
      if (!is_first) {
        warn(concat(setting.where, ": ", printable(setting.key),
                    " is set again, and this wins: ", "it was set at ", first->second));
      }
      PADDOCK_TRY_DO(take(setting));
      static_servers_ |= is_ensemble_line(setting.key);
    }
    return {};
  }

  // A -D can be meant for Java: only what ZooKeeper reads is looked at.
  Result<void> take_defines(const std::vector<Setting>& settings) {
    for (const Setting& setting : settings) {
      if (is_property(setting.key) || setting.where.ends_with("PADDOCK_LOG_LEVEL")) {
        PADDOCK_TRY_DO(take(setting));
      } else if (find_option(setting.key) != nullptr) {
        warn(concat(setting.where, ": -D", printable(setting.key),
                    " is passed over, as ZooKeeper does: it reads -Dzookeeper.",
                    printable(setting.key)));
      }
    }
    return {};
  }

  Result<void> take(const Setting& setting) {
    const OptionKey* key = find_option(setting.key);
    if (key == nullptr) return take_unknown(setting);
    if (key->read != nullptr) {
      if (const Result<void> read = key->read(setting.value, draft_); !read) {
        return refusal(setting, *key, read.error());
      }
    }
    if (is_ensemble_line(setting.key)) return lines_.take(setting);
    tell_standing(setting, *key);
    return {};
  }

  Result<void> take_unknown(const Setting& setting) {
    const std::string_view nearest = nearest_option(setting.key);
    const std::string text =
        concat(setting.where, ": ", printable(setting.key), " is not a key that ZooKeeper or ",
               "Paddock knows", nearest.empty() ? "" : concat("; did you mean ", nearest, "?"));
    if (sources_.strict) return Error{Code::kInvalid, concat(text, " (--strict)")};
    warn(text);
    return {};
  }

  // Said once for each key, wherever it was set.
  void tell_standing(const Setting& setting, const OptionKey& key) {
    if (key.standing == Standing::kUsed || !told_.insert(setting.key).second) return;
    const std::string what = concat(setting.where, ": ", printable(setting.key));
    if (key.standing == Standing::kNoMeaning) {
      inform(concat(what, " has no meaning here: ", key.note));
    } else if (is_off(setting.value)) {
      inform(concat(what, " switches off what is not available yet: ", key.note));
    } else {
      warn(concat(what, " does nothing yet: ", key.note, " is not available"));
    }
  }

  static Error refusal(const Setting& setting, const OptionKey& key, const Error& why) {
    const std::string value = key.secret ? "" : concat("=", printable(setting.value));
    return Error{why.code,
                 concat(setting.where, ": ", printable(setting.key), value, ": ", why.message)};
  }

  Result<void> take_dynamic_file() {
    const std::string& path = draft_.dynamic_config_file;
    if (path.empty()) return {};
    if (static_servers_) {
      return Error{Code::kInvalid,
                   concat(sources_.config_path, ": server.N, group.N and weight.N lines must be ",
                          "in the dynamicConfigFile ", path, " alone")};
    }
    PADDOCK_TRY(const std::vector<Setting> settings, read_settings(path));
    for (const Setting& setting : settings) {
      if (setting.key == "version") {
        return Error{Code::kInvalid,
                     concat(setting.where, ": version does not belong in a dynamic configuration: ",
                            "the end of the file's name says it")};
      }
      if (!is_ensemble_line(setting.key)) {
        return Error{Code::kInvalid, concat(setting.where, ": ", printable(setting.key),
                                            " does not belong in a dynamic configuration")};
      }
      PADDOCK_TRY_DO(take(setting));
    }
    return {};
  }

  // --- what can only be judged now ---

  Result<void> finish() {
    PADDOCK_TRY_DO(finish_folders());
    PADDOCK_TRY_DO(finish_ensemble());
    PADDOCK_TRY_DO(finish_session_timeouts());
    PADDOCK_TRY_DO(finish_auth());
    finish_limits();
    return make_folders();
  }

  Result<void> finish_folders() {
    StorageOptions& storage = draft_.options.storage;
    if (storage.data_dir.empty()) return Error{Code::kInvalid, "dataDir is not set"};
    if (storage.data_log_dir.empty()) storage.data_log_dir = storage.data_dir;
    return {};
  }

  Result<void> finish_ensemble() {
    const bool alone_is_one = draft_.options.ensemble.standalone_enabled;
    if (lines_.empty()) {
      if (alone_is_one) return finish_alone(std::nullopt);
      return invalid("standaloneEnabled=false needs server.N lines: there are none");
    }
    const std::string& place =
        draft_.dynamic_config_file.empty() ? sources_.config_path : draft_.dynamic_config_file;
    PADDOCK_TRY(zab::Ensemble ensemble,
                lines_.finish(version_of_file_name(draft_.dynamic_config_file),
                              draft_.allows_several_addresses, place));
    if (ensemble.voters().size() > 1 || !alone_is_one) return finish_member(std::move(ensemble));
    if (ensemble.members.size() > 1) {
      return invalid(
          "one server votes, and others observe: observers need an ensemble. Add voters, or set "
          "standaloneEnabled=false");
    }
    inform("one server.N line: this server stands alone");
    return finish_alone(ensemble.members.front().client);
  }

  // myid matters to members of ensembles: a bad one is mentioned here, and no more.
  Result<void> finish_alone(const std::optional<HostPort>& in_line) {
    const auto id = read_my_id(env_, draft_.options.storage.data_dir);
    if (!id && id.error().code != Code::kInvalid) return id.error();
    if (!id) warn(concat(id.error().message, "; it only matters in an ensemble"));
    return finish_client_port(in_line);
  }

  Result<void> finish_member(zab::Ensemble ensemble) {
    PADDOCK_TRY(const zab::Member* const self, find_self(ensemble));
    PADDOCK_TRY_DO(finish_client_port(self->client));
    PADDOCK_TRY_DO(finish_timing());
    warn_of_members(ensemble, *self);
    draft_.options.core.server_id = self->id;
    draft_.options.ensemble.self = self->id;
    draft_.options.ensemble.ensemble = std::make_shared<const zab::Ensemble>(std::move(ensemble));
    draft_.options.core.standalone_enabled = draft_.options.ensemble.standalone_enabled;
    return finish_reconfig();
  }

  // What changes is kept beside zoo.cfg, so it must begin there.
  Result<void> finish_reconfig() {
    EnsembleOptions& options = draft_.options.ensemble;
    if (!draft_.options.core.reconfig_enabled) return {};
    if (sources_.config_path.empty() || (!static_servers_ && draft_.dynamic_config_file.empty())) {
      return invalid(
          "reconfigEnabled=true needs the server.N lines in a configuration file, or in its "
          "dynamicConfigFile: changes of the ensemble are written there");
    }
    options.config_path = sources_.config_path;
    options.in_static_file = static_servers_;
    const std::string path = next_config_path(options.config_path);
    if (!env_.exists(path)) return {};
    PADDOCK_TRY(const Bytes text, read_file(env_, path, kConfigBytesMax));
    Result<zab::Ensemble> next = zab::parse_ensemble(as_chars(text));
    if (!next) {
      return invalid(concat(path, ": ", printable(next.error().message, 1024),
                            ". It holds the configuration that was proposed when this server "
                            "stopped: restore it, or let this server join anew without its data"));
    }
    options.last_seen = std::make_shared<const zab::Ensemble>(std::move(*next));
    return {};
  }

  Result<const zab::Member*> find_self(const zab::Ensemble& ensemble) const {
    PADDOCK_TRY(const auto my_id, read_my_id(env_, draft_.options.storage.data_dir));
    const std::string path = my_id_path(draft_.options.storage.data_dir);
    std::string numbers;
    for (const zab::Member& member : ensemble.members) {
      numbers += concat(numbers.empty() ? "" : ", ", member.id.value);
    }
    if (!my_id) {
      return invalid(
          concat(path, " is missing: write the number of this server into it, one of ", numbers));
    }
    const zab::Member* self = ensemble.find(*my_id);
    if (self == nullptr) {
      return invalid(concat(path, " says that this is server ", my_id->value,
                            ", but the server.N lines are those of ", numbers,
                            ": correct the file, or add a line"));
    }
    // The number begins each session's id, where 255 is the mark of a TTL.
    constexpr std::int64_t kExtendedIdMax = 254;
    if (draft_.options.tree.extended_types && my_id->value > kExtendedIdMax) {
      return invalid(concat(path, " says that this is server ", my_id->value,
                            ", but numbers above ", kExtendedIdMax,
                            " need extendedTypesEnabled=false: TTL nodes are told by the rest"));
    }
    return self;
  }

  Result<void> finish_timing() {
    EnsembleOptions& ensemble = draft_.options.ensemble;
    zab::Timing& timing = ensemble.timing;
    for (const auto& [key, limit] :
         {std::pair("initLimit", draft_.init_limit), std::pair("syncLimit", draft_.sync_limit)}) {
      if (limit == 0) {
        return invalid(concat(sources_.config_path, ": ", key,
                              " is not set: an ensemble needs it, ", "in ticks; ",
                              key == std::string_view("initLimit") ? 10 : 5, " is usual"));
      }
    }
    timing.tick = draft_.options.core.tick_time;
    timing.init_limit = draft_.init_limit;
    timing.sync_limit = draft_.sync_limit;
    timing.max_notification = std::max(timing.max_notification, timing.min_notification);
    PADDOCK_TRY_DO(finish_heartbeat(timing));
    ensemble.opening_timeout =
        draft_.opening_timeout.value > 0 ? draft_.opening_timeout : timing.sync_timeout();
    ensemble.connect_limit = draft_.connect_limit > 0 ? draft_.connect_limit : draft_.init_limit;
    return {};
  }

  // Three in a row may come late. Where ticks are quicker than that, they decide.
  Result<void> finish_heartbeat(zab::Timing& timing) const {
    if (timing.heartbeat_timeout < Millis{3 * timing.heartbeat.value}) {
      return invalid(concat("paddock.heartbeatTimeout is ", timing.heartbeat_timeout.value,
                            " ms, and must be at least three times paddock.heartbeatInterval, ",
                            timing.heartbeat.value, " ms"));
    }
    timing.heartbeat_timeout = std::min(timing.heartbeat_timeout, timing.sync_timeout());
    timing.heartbeat = std::min(timing.heartbeat, Millis{timing.heartbeat_timeout.value / 3});
    return {};
  }

  void warn_of_members(const zab::Ensemble& ensemble, const zab::Member& self) {
    const std::size_t voters = ensemble.voters().size();
    if (voters <= 2) {
      warn(concat(voters, voters == 1 ? " server votes" : " servers vote",
                  ": none may fail. At least 3 are needed for that"));
    } else if (voters % 2 == 0) {
      warn(concat(voters, " servers vote: no more may fail than with ", voters - 1));
    }
    if (draft_.observer && *draft_.observer != self.observer) {
      warn(concat("peerType=", *draft_.observer ? "observer" : "participant",
                  ", but this server's own line makes it ",
                  self.observer ? "an observer" : "a participant", ": the line counts"));
    }
  }

  Result<void> finish_client_port(const std::optional<HostPort>& in_line) {
    std::optional<HostPort> configured;
    if (draft_.client_port) configured = HostPort{draft_.client_port_address, *draft_.client_port};
    PADDOCK_TRY(draft_.options.net.client, client_address(configured, in_line));
    if (draft_.options.net.client) return {};
    return invalid(draft_.client_port_address.empty()
                       ? "clientPort is not set"
                       : "clientPortAddress is set but clientPort is not");
  }

  Result<void> finish_session_timeouts() {
    CoreOptions& core = draft_.options.core;
    const auto from_ticks = [&](std::int32_t given, std::int64_t ticks) {
      return given != -1 ? given : core.tick_time.value * ticks;
    };
    core.session_timeout_min = Millis{from_ticks(draft_.session_timeout_min, 2)};
    core.session_timeout_max = Millis{from_ticks(draft_.session_timeout_max, 20)};
    // The wire has 32 bits for them.
    constexpr Millis kMax{INT32_MAX};
    core.session_timeout_min = std::min(core.session_timeout_min, kMax);
    core.session_timeout_max = std::min(core.session_timeout_max, kMax);
    if (core.session_timeout_min <= core.session_timeout_max) return {};
    return Error{Code::kInvalid, concat("minSessionTimeout (", core.session_timeout_min.value,
                                        " ms) must not be larger than maxSessionTimeout (",
                                        core.session_timeout_max.value, " ms)")};
  }

  Result<void> finish_auth() {
    const AuthOptions& auth = draft_.options.core.auth;
    if (auth.enforce && auth.enforced_schemes.empty()) {
      return Error{Code::kInvalid, "enforce.auth.enabled=true needs enforce.auth.schemes"};
    }
    const auto& schemes = auth.enforced_schemes;
    const bool wants_digest = std::find(schemes.begin(), schemes.end(), "digest") != schemes.end();
    if (auth.enforce && wants_digest && !auth.digest_enabled) {
      return Error{Code::kInvalid,
                   "enforce.auth.schemes names digest, which is switched off by "
                   "DigestAuthenticationProvider.enabled"};
    }
    if (auth.skip_acl) warn("skipACL=yes: no ACL is checked");
    if (draft_.names_sasl) {
      warn(
          "authProvider names SASL, which is not available yet: nobody can authenticate by it, and "
          "ACLs of the scheme sasl are refused");
    }
    return {};
  }

  void finish_limits() {
    ServerOptions& options = draft_.options;
    options.core.frame_bytes_max = options.net.frame_bytes_max;
    options.net.io_threads = io_threads();

    std::string unknown;
    options.net.four_letter = FourLetterWhitelist::parse(draft_.four_letter_whitelist,
                                                         options.read_only_enabled, &unknown);
    if (!unknown.empty()) {
      warn(concat("4lw.commands.whitelist: no such words: ", printable(unknown)));
    }
    if (const auto count = draft_.purge_retain_count) {
      constexpr std::int32_t kLeast = 3;
      if (*count < kLeast) warn("autopurge.snapRetainCount is less than 3: 3 is taken");
      options.storage.purge_retain_count = static_cast<std::size_t>(std::max(*count, kLeast));
    }
    if (!options.storage.force_sync) {
      warn("forceSync=no: acknowledged writes can be lost when the machine fails");
    }
  }

  // One core is left to the core thread where there are several.
  std::size_t io_threads() const {
    constexpr std::size_t kDefaultMax = 8, kMax = 64;
    for (const std::size_t asked :
         {draft_.io_threads, draft_.selector_threads, draft_.worker_threads}) {
      if (asked != 0) return std::min(asked, kMax);
    }
    const std::size_t cores = std::thread::hardware_concurrency();
    return cores < 2 ? 1 : std::min(cores - 1, kDefaultMax);
  }

  Result<void> make_folders() {
    const StorageOptions& storage = draft_.options.storage;
    for (const std::string& folder : {storage.data_dir, storage.data_log_dir}) {
      if (env_.exists(folder)) continue;
      if (!storage.auto_create_dirs) {
        return Error{Code::kNotFound, concat(folder, " is not there, and datadir.autocreate=false ",
                                             "says not to make it")};
      }
      PADDOCK_TRY_DO(env_.make_folders(folder));
    }
    return {};
  }

  static Error invalid(std::string text) { return Error{Code::kInvalid, std::move(text)}; }
  void warn(std::string text) { notices_.push_back({true, std::move(text)}); }
  void inform(std::string text) { notices_.push_back({false, std::move(text)}); }

  Env& env_;
  const OptionSources& sources_;
  OptionDraft draft_;
  EnsembleLines lines_;
  bool static_servers_ = false;
  std::set<std::string, std::less<>> told_;
  std::vector<Notice> notices_;
};

// What `conf` adds for a member of an ensemble. Source: ZooKeeper 3.8, ZooKeeperServerConf and
// QuorumZooKeeperServer.dumpConf.
void add_ensemble_lines(const EnsembleOptions& options,
                        std::vector<std::pair<std::string, std::string>>& lines) {
  std::string election_ports, quorum_ports;
  for (const zab::Member::Address& address : options.member()->addresses) {
    election_ports += concat(election_ports.empty() ? "" : "|", address.election_port);
    quorum_ports += concat(quorum_ports.empty() ? "" : "|", address.quorum.port);
  }
  lines.insert(lines.end(), {{"initLimit", concat(options.timing.init_limit)},
                             {"syncLimit", concat(options.timing.sync_limit)},
                             {"electionAlg", "3"},
                             {"electionPort", election_ports},
                             {"quorumPort", quorum_ports},
                             {"peerType", options.is_observer() ? "1" : "0"}});
}

}  // namespace

Result<OptionSources> parse_arguments(const std::vector<std::string>& arguments,
                                      const GetEnvironment& environment) {
  OptionSources sources;
  sources.environment = settings_of(environment);
  std::vector<std::string> positional;
  try {
    const po::options_description known = known_arguments();
    po::positional_options_description behind;
    behind.add("positional", -1);
    namespace style = po::command_line_style;
    const auto parsed = po::command_line_parser(arguments)
                            .options(known)
                            .positional(behind)
                            .style(style::unix_style & ~style::allow_guessing)
                            .run();
    for (const po::option& option : parsed.options) {
      PADDOCK_TRY_DO(take_option(option, positional, sources));
    }
  } catch (const po::unknown_option& unknown) {
    // What the user wrote, a value behind "=" included.
    const std::string whole = unknown.get_option_name();
    const std::string name = whole.substr(0, whole.find('='));
    const std::size_t dashes = std::min(name.find_first_not_of('-'), name.size());
    const std::string_view nearest = nearest_option(name.substr(dashes));
    return Error{Code::kInvalid,
                 concat(printable(name), " is not an option",
                        nearest.empty() ? "" : concat("; did you mean --", nearest, "?"))};
  } catch (const po::error& error) {
    return Error{Code::kInvalid, printable(error.what())};
  }
  PADDOCK_TRY_DO(take_positional(positional, sources));
  return sources;
}

std::string usage() {
  std::string text =
      "paddock-server [--strict] [--key=value | -Dname=value]... zoo.cfg\n"
      "paddock-server [...] port dataDir [tickTime] [maxClientCnxns]\n"
      "\n"
      "Serves in the foreground until SIGTERM. Settings are taken from the command line, else "
      "from\n"
      "-D arguments, else from -D in JVMFLAGS and SERVER_JVMFLAGS, else from zoo.cfg. Every key "
      "of\n"
      "ZooKeeper 3.9 is accepted; these are the ones that set something:\n"
      "\n";
  for (const OptionKey& key : option_table()) {
    if (key.standing != Standing::kUsed) continue;
    const std::string name = concat("  --", key.name, " ");
    text += concat(name, std::string(name.size() < 44 ? 44 - name.size() : 0, ' '), key.note, "\n");
  }
  return text + "\n  --strict    refuse keys that nobody knows\n  --version\n";
}

Result<LoadedOptions> load_options(Env& env, const OptionSources& sources) {
  return Loader(env, sources).run();
}

std::vector<std::pair<std::string, std::string>> describe_configuration(
    const ServerOptions& options) {
  const auto folder = [](const std::string& dir) {
    std::error_code ignored;  // the path stays as it was written
    const std::filesystem::path whole = std::filesystem::absolute(dir, ignored);
    return (whole.empty() ? dir : whole.string()) + "/version-2";
  };
  const auto number = [](std::int64_t value) { return concat(value); };
  const std::int64_t client_port = options.net.client ? options.net.client->port : -1;
  std::vector<std::pair<std::string, std::string>> lines{
      {"clientPort", number(client_port)},
      {"secureClientPort", "-1"},
      {"dataDir", folder(options.storage.data_dir)},
      {"dataLogDir", folder(options.storage.data_log_dir)},
      {"tickTime", number(options.core.tick_time.value)},
      {"maxClientCnxns", number(options.net.connections_per_address)},
      {"minSessionTimeout", number(options.core.session_timeout_min.value)},
      {"maxSessionTimeout", number(options.core.session_timeout_max.value)},
      {"clientPortListenBacklog", number(options.net.listen_backlog)},
      // ZooKeeper shows 0 for a server that stands alone, though its session ids begin with 1.
      {"serverId", number(options.ensemble.self.value)}};
  if (options.ensemble.ensemble != nullptr) add_ensemble_lines(options.ensemble, lines);
  return lines;
}

}  // namespace paddock::server
