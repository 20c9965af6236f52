#include "server/options.h"

#include <algorithm>
#include <array>
#include <boost/program_options.hpp>
#include <charconv>
#include <filesystem>
#include <map>
#include <set>
#include <thread>

#include "common/concat.h"
#include "common/config_file.h"
#include "server/option_table.h"

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
      static_servers_ |= setting.key.starts_with("server.");
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
    if (key->name == "server.*") return take_server(setting, *key);
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

  Result<void> take_server(const Setting& setting, const OptionKey& key) {
    const std::string_view id = std::string_view(setting.key).substr(setting.key.rfind('.') + 1);
    // Several addresses are judged in finish(): multiAddress.enabled may stand behind this line.
    Result<ServerSpec> spec = parse_server_spec(id, setting.value, true);
    if (!spec) return refusal(setting, key, spec.error());
    server_settings_.insert_or_assign(spec->id, setting);
    return {};
  }

  // Said once for each key, wherever it was set.
  void tell_standing(const Setting& setting, const OptionKey& key) {
    if (key.standing == Standing::kUsed || !told_.insert(setting.key).second) return;
    const std::string what = concat(setting.where, ": ", printable(setting.key));
    if (key.standing == Standing::kNoMeaning) {
      inform(concat(what, " has no meaning here: ", key.note));
    } else if (key.standing == Standing::kEnsemble) {
      inform(concat(what, " does nothing yet: ", key.note));
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
      return Error{Code::kInvalid, concat(sources_.config_path, ": server.N lines must be in the ",
                                          "dynamicConfigFile ", path, " alone")};
    }
    PADDOCK_TRY(const std::vector<Setting> settings, read_settings(path));
    for (const Setting& setting : settings) {
      const bool belongs = setting.key.starts_with("server.") ||
                           setting.key.starts_with("group.") || setting.key.starts_with("weight.");
      if (!belongs) {
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
    PADDOCK_TRY_DO(finish_client_port());
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
    EnsembleOptions& ensemble = draft_.options.ensemble;
    for (const auto& [id, setting] : server_settings_) {
      Result<ServerSpec> spec =
          parse_server_spec(concat(id.value), setting.value, draft_.allows_several_addresses);
      if (!spec) return refusal(setting, *find_option(setting.key), spec.error());
      ensemble.servers.push_back(std::move(*spec));
    }
    PADDOCK_TRY_DO(read_my_id());
    if (ensemble.servers.empty()) return {};
    if (ensemble.servers.size() > 1 || !draft_.standalone_enabled) {
      return Error{Code::kRefused, concat("an ensemble is configured (", ensemble.servers.size(),
                                          " server.N line", ensemble.servers.size() == 1 ? "" : "s",
                                          ", standaloneEnabled=", draft_.standalone_enabled,
                                          "), but this release serves as one server ",
                                          "alone: leave one server.N line, or none")};
    }
    if (ensemble.servers.front().observer) {
      return Error{Code::kInvalid, "the one server.N line names an observer: nobody would vote"};
    }
    inform("one server.N line: this server stands alone");
    return {};
  }

  // The file matters to members of ensembles; a server that stands alone only mentions a bad one.
  Result<void> read_my_id() {
    const std::string path = draft_.options.storage.data_dir + "/myid";
    if (!env_.exists(path)) return {};
    PADDOCK_TRY(const Bytes bytes, read_file(env_, path, 4096));
    std::string_view text = as_chars(bytes);
    while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
    std::int64_t id = -1;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (ec == std::errc{} && end == text.data() + text.size() && id >= 0 && id <= 255) {
      draft_.options.ensemble.my_id = ServerId{id};
    } else {
      warn(concat(path, " does not hold a number from 0 to 255; it only matters in an ensemble"));
    }
    return {};
  }

  Result<void> finish_client_port() {
    std::optional<HostPort>& client = draft_.options.net.client;
    const std::vector<ServerSpec>& servers = draft_.options.ensemble.servers;
    const auto from_list = servers.empty() ? std::nullopt : servers.front().client;
    if (draft_.client_port) client = HostPort{draft_.client_port_address, *draft_.client_port};
    if (from_list) {
      if (client && client->port != from_list->port) {
        return Error{Code::kInvalid,
                     concat("clientPort=", client->port, " and the server.N line's ",
                            from_list->port, " differ")};
      }
      client = from_list;
    }
    if (client) return {};
    return Error{Code::kInvalid, draft_.client_port_address.empty()
                                     ? "clientPort is not set"
                                     : "clientPortAddress is set but clientPort is not"};
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

  void warn(std::string text) { notices_.push_back({true, std::move(text)}); }
  void inform(std::string text) { notices_.push_back({false, std::move(text)}); }

  Env& env_;
  const OptionSources& sources_;
  OptionDraft draft_;
  std::map<ServerId, Setting> server_settings_;
  bool static_servers_ = false;
  std::set<std::string, std::less<>> told_;
  std::vector<Notice> notices_;
};

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
  return {{"clientPort", number(client_port)},
          {"secureClientPort", "-1"},
          {"dataDir", folder(options.storage.data_dir)},
          {"dataLogDir", folder(options.storage.data_log_dir)},
          {"tickTime", number(options.core.tick_time.value)},
          {"maxClientCnxns", number(options.net.connections_per_address)},
          {"minSessionTimeout", number(options.core.session_timeout_min.value)},
          {"maxSessionTimeout", number(options.core.session_timeout_max.value)},
          {"clientPortListenBacklog", number(options.net.listen_backlog)},
          // ZooKeeper shows 0 for a server that stands alone, though its session ids begin with 1.
          {"serverId", "0"}};
}

}  // namespace paddock::server
