// `paddock ensemble`: a local ensemble of paddock-server processes, up, down and in between.

#include <algorithm>
#include <boost/program_options.hpp>
#include <csignal>
#include <filesystem>
#include <functional>
#include <ostream>
#include <thread>

#include "common/clock.h"
#include "common/concat.h"
#include "common/env.h"
#include "tools/command.h"
#include "tools/ensemble.h"
#include "tools/server_process.h"

namespace paddock::tools {

namespace {

namespace po = boost::program_options;

constexpr Millis kAnswerLimit{2000};
constexpr Millis kPause{50};  // between two looks at the servers
constexpr std::size_t kLogLines = 15;
constexpr std::uint64_t kLogBytesMax = 64u << 20;

ServerState state_of(const LocalServer& server) {
  ServerState state;
  const std::optional<ServerProcess> process = ServerProcess::find(server);
  if (!process) return state;
  state.pid = process->pid();
  if (const Result<std::string> answer = ask(server.client, "srvr", kAnswerLimit)) {
    state.srvr = parse_srvr(*answer);
  }
  return state;
}

void print_log_end(const LocalServer& server, std::ostream& to) {
  const Result<Bytes> log = read_file(posix_env(), server.log, kLogBytesMax);
  if (!log) {
    to << "its log cannot be shown: " << log.error().message << '\n';
    return;
  }
  to << "the end of " << server.log << ":\n" << last_lines(as_chars(*log), kLogLines) << '\n';
}

// What the arguments ask for.
class Ensemble {
 public:
  static Result<Ensemble> of(const po::variables_map& arguments, Output output) {
    const std::string conf = arguments["conf"].as<std::string>();
    const std::string given =
        arguments.count("data") != 0 ? arguments["data"].as<std::string>() : default_data(conf);
    std::error_code error;
    const std::string data = std::filesystem::absolute(given, error).lexically_normal().string();
    if (error) return Error{Code::kIo, concat(given, ": ", error.message())};
    PADDOCK_TRY(std::vector<LocalServer> servers, read_ensemble(posix_env(), conf, data));
    Ensemble ensemble(std::move(servers), output);
    ensemble.data_ = data;
    ensemble.conf_ = conf;
    ensemble.wait_ = Millis{std::int64_t{arguments["wait"].as<std::uint32_t>()} * 1000};
    ensemble.program_ =
        arguments.count("program") != 0 ? arguments["program"].as<std::string>() : server_program();
    return ensemble;
  }

  // Keeps other commands from changing what this one does. Before any of the following.
  Result<void> lock() {
    PADDOCK_TRY_DO(posix_env().make_folders(data_));
    Result<std::unique_ptr<File>> lock = posix_env().lock(data_ + "/ensemble.lock");
    if (!lock && lock.error().code == Code::kRefused) {
      return Error{Code::kRefused,
                   concat("another `paddock ensemble` is at work in ", data_, "; try again")};
    }
    PADDOCK_TRY(lock_, std::move(lock));
    return {};
  }

  Result<void> up();
  Result<void> down();
  Result<void> status();
  Result<void> kill(const std::string& number);
  Result<void> restart(const std::string& number);

 private:
  Ensemble(std::vector<LocalServer> servers, Output output)
      : servers_(std::move(servers)), output_(output) {}

  Result<const LocalServer*> find(const std::string& number) const;
  Result<void> check_ports(const std::vector<const LocalServer*>& servers) const;
  Result<void> start_all(const std::vector<const LocalServer*>& servers);
  Result<void> wait_until_serving(const std::vector<const LocalServer*>& servers);
  Result<void> wait_for_end(const LocalServer& server, const ServerProcess& process) const;
  Result<void> stop(const LocalServer& server, const ServerProcess& process) const;
  void print_status(const std::vector<ServerState>& states) const;
  std::vector<ServerState> states() const;

  std::vector<LocalServer> servers_;
  Output output_;
  std::string data_, conf_, program_;
  Millis wait_;
  SystemClock clock_;
  std::unique_ptr<File> lock_;
};

std::vector<ServerState> Ensemble::states() const {
  std::vector<ServerState> states;
  for (const LocalServer& server : servers_) states.push_back(state_of(server));
  return states;
}

void Ensemble::print_status(const std::vector<ServerState>& states) const {
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    output_.out << status_line(servers_[i], states[i]) << '\n';
  }
}

Result<const LocalServer*> Ensemble::find(const std::string& number) const {
  std::string numbers;
  for (const LocalServer& server : servers_) {
    if (number == concat(server.id.value)) return &server;
    numbers += concat(numbers.empty() ? "" : ", ", server.id.value);
  }
  return Error{Code::kNotFound,
               concat("there is no server '", number, "' in ", conf_, "; there are ", numbers)};
}

Result<void> Ensemble::check_ports(const std::vector<const LocalServer*>& servers) const {
  for (const LocalServer* server : servers) {
    for (const NeededPort& port : server->ports) {
      if (const Result<void> free = check_free(port); !free) {
        return Error{free.error().code, concat("server ", server->id.value, ": ",
                                               free.error().message, "; see ", server->conf)};
      }
    }
  }
  return {};
}

Result<void> Ensemble::wait_for_end(const LocalServer& server, const ServerProcess& process) const {
  if (process.has_ended_within(wait_)) return {};
  return Error{Code::kRefused,
               concat("server ", server.id.value, " (pid ", process.pid(), ") has not stopped in ",
                      wait_.value / 1000, " s; see ", server.log,
                      ", or end it with `paddock ensemble kill ", server.id.value, "`")};
}

Result<void> Ensemble::stop(const LocalServer& server, const ServerProcess& process) const {
  PADDOCK_TRY_DO(process.signal(SIGTERM));
  return wait_for_end(server, process);
}

Result<void> Ensemble::start_all(const std::vector<const LocalServer*>& servers) {
  PADDOCK_TRY_DO(check_ports(servers));
  for (const LocalServer* server : servers) {
    PADDOCK_TRY(const ServerProcess process, ServerProcess::start(program_, *server));
    output_.out << "server " << server->id.value << " started, pid " << process.pid() << ", log "
                << server->log << std::endl;
  }
  return {};
}

// All of `servers`, and somebody who leads.
Result<void> Ensemble::wait_until_serving(const std::vector<const LocalServer*>& servers) {
  const Millis end = clock_.now() + wait_;
  for (;;) {
    const std::vector<ServerState> now = states();
    const LocalServer* waited_for = nullptr;
    bool leader = servers_.size() == 1;
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      const auto asked = std::find(servers.begin(), servers.end(), &servers_[i]);
      const bool serves = now[i].srvr && now[i].srvr->mode != "read-only";
      leader |= serves && now[i].srvr->mode == "leader";
      if (asked == servers.end() || serves) continue;
      if (!now[i].pid) {
        print_log_end(servers_[i], output_.err);
        return Error{Code::kIo, concat("server ", servers_[i].id.value, " has ended")};
      }
      waited_for = &servers_[i];
    }
    if (waited_for == nullptr && leader) return {};
    if (clock_.now() >= end) {
      if (waited_for != nullptr) print_log_end(*waited_for, output_.err);
      print_status(now);
      return Error{Code::kRefused,
                   concat(leader ? concat("server ", waited_for->id.value, " does not serve")
                                 : "nobody leads",
                          " after ", wait_.value / 1000, " s; more than half of the servers that ",
                          "vote must be up")};
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(kPause.value));
  }
}

Result<void> Ensemble::up() {
  std::vector<const LocalServer*> missing;
  for (const LocalServer& server : servers_) {
    if (ServerProcess::find(server)) {
      output_.out << "server " << server.id.value << " is up already\n";
    } else {
      missing.push_back(&server);
    }
  }
  if (missing.empty()) {
    return Error{Code::kRefused,
                 "all servers are up already: see `paddock ensemble status`, or "
                 "stop them with `paddock ensemble down`"};
  }
  Result<void> done = start_all(missing);
  if (done) done = wait_until_serving(missing);
  if (done) {
    print_status(states());
    return {};
  }
  for (const LocalServer* server : missing) {
    const std::optional<ServerProcess> process = ServerProcess::find(*server);
    if (!process) continue;
    if (const Result<void> stopped = stop(*server, *process); !stopped) {
      report(stopped.error(), output_);
    }
  }
  return Error{done.error().code, done.error().message + ". What was started is stopped again"};
}

Result<void> Ensemble::down() {
  std::vector<std::pair<const LocalServer*, ServerProcess>> running;
  for (const LocalServer& server : servers_) {
    if (std::optional<ServerProcess> process = ServerProcess::find(server)) {
      running.emplace_back(&server, std::move(*process));
    }
  }
  if (running.empty()) output_.out << "no server is up\n";
  for (const auto& [server, process] : running) PADDOCK_TRY_DO(process.signal(SIGTERM));
  for (const auto& [server, process] : running) {
    PADDOCK_TRY_DO(wait_for_end(*server, process));
    output_.out << "server " << server->id.value << " stopped" << std::endl;
  }
  return {};
}

Result<void> Ensemble::status() {
  const std::vector<ServerState> now = states();
  print_status(now);
  const bool led = std::any_of(now.begin(), now.end(), [](const ServerState& state) {
    return state.srvr && (state.srvr->mode == "leader" || state.srvr->mode == "standalone");
  });
  return led ? Result<void>{} : Result<void>{Error{Code::kNotFound, "nobody leads"}};
}

Result<void> Ensemble::kill(const std::string& number) {
  PADDOCK_TRY(const LocalServer* const server, find(number));
  const std::optional<ServerProcess> process = ServerProcess::find(*server);
  if (!process) return Error{Code::kNotFound, concat("server ", number, " is not up")};
  PADDOCK_TRY_DO(process->signal(SIGKILL));
  PADDOCK_TRY_DO(wait_for_end(*server, *process));
  output_.out << "server " << number << " (pid " << process->pid() << ") killed\n";
  return {};
}

Result<void> Ensemble::restart(const std::string& number) {
  PADDOCK_TRY(const LocalServer* const server, find(number));
  if (const std::optional<ServerProcess> process = ServerProcess::find(*server)) {
    PADDOCK_TRY_DO(stop(*server, *process));
    output_.out << "server " << number << " stopped" << std::endl;
  }
  PADDOCK_TRY_DO(start_all({server}));
  PADDOCK_TRY_DO(wait_until_serving({server}));
  output_.out << status_line(*server, state_of(*server)) << '\n';
  return {};
}

// --- the commands ---

void describe(po::options_description& options) {
  auto add = options.add_options();
  add("conf", po::value<std::string>()->default_value("conf/ensemble"),
      "the folder of zoo1.cfg, zoo2.cfg ...");
  add("data", po::value<std::string>(),
      "the folder of data and logs; data/ensemble for conf/ensemble");
  add("wait", po::value<std::uint32_t>()->default_value(30),
      "seconds after which what was to happen has failed");
  add("program", po::value<std::string>(), "paddock-server, if it is not beside this program");
}

void describe_one(po::options_description& options) {
  options.add_options()("server", po::value<std::string>()->required(), "the number of a server");
  describe(options);
}

ExitCode run(const po::variables_map& arguments, Output output, bool changes,
             const std::function<Result<void>(Ensemble&)>& act) {
  Result<Ensemble> ensemble = Ensemble::of(arguments, output);
  if (!ensemble) return report(ensemble.error(), output);
  if (changes) {
    if (const Result<void> locked = ensemble->lock(); !locked) {
      return report(locked.error(), output);
    }
  }
  const Result<void> done = act(*ensemble);
  return done ? ExitCode::kOk : report(done.error(), output);
}

std::string server_of(const po::variables_map& arguments) {
  return arguments["server"].as<std::string>();
}

ExitCode run_up(const po::variables_map& arguments, Output output) {
  return run(arguments, output, true, [](Ensemble& ensemble) { return ensemble.up(); });
}
ExitCode run_down(const po::variables_map& arguments, Output output) {
  return run(arguments, output, true, [](Ensemble& ensemble) { return ensemble.down(); });
}
ExitCode run_status(const po::variables_map& arguments, Output output) {
  return run(arguments, output, false, [](Ensemble& ensemble) { return ensemble.status(); });
}
ExitCode run_kill(const po::variables_map& arguments, Output output) {
  return run(arguments, output, true,
             [&](Ensemble& ensemble) { return ensemble.kill(server_of(arguments)); });
}
ExitCode run_restart(const po::variables_map& arguments, Output output) {
  return run(arguments, output, true,
             [&](Ensemble& ensemble) { return ensemble.restart(server_of(arguments)); });
}

constexpr std::string_view kPositional[] = {"server"};

}  // namespace

const Command kEnsembleUp{"ensemble up",
                          "[--conf DIR] [--data DIR]",
                          "Starts the servers of a local ensemble and waits until all of them "
                          "serve.",
                          describe,
                          {},
                          run_up};
const Command kEnsembleDown{
    "ensemble down", "[--conf DIR] [--data DIR]", "Stops them, with SIGTERM.", describe, {},
    run_down};
const Command kEnsembleStatus{"ensemble status",
                              "[--conf DIR] [--data DIR]",
                              "Tells what each of them does, a line each.",
                              describe,
                              {},
                              run_status};
const Command kEnsembleKill{"ensemble kill",
                            "N [--conf DIR] [--data DIR]",
                            "Ends one of them with SIGKILL, as when its machine fails.",
                            describe_one,
                            kPositional,
                            run_kill};
const Command kEnsembleRestart{"ensemble restart",
                               "N [--conf DIR] [--data DIR]",
                               "Stops one of them, if it is up, and starts it again.",
                               describe_one,
                               kPositional,
                               run_restart};

}  // namespace paddock::tools
