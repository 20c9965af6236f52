#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include <glog/logging.h>

#include "common/env.h"
#include "common/logging.h"
#include "common/version.h"
#include "server/options.h"
#include "server/server.h"

namespace {

using namespace paddock;
using namespace paddock::server;

constexpr int kExitConfiguration = 2;
constexpr int kExitFailed = 1;

// Blocked in every thread, and taken by sigwait() in this one.
sigset_t stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

int refuse(const Error& error) {
  std::cerr << "paddock-server: " << error.message << "\n";
  return kExitConfiguration;
}

int serve(const LoadedOptions& loaded) {
  start_logging("paddock-server", loaded.options.log);
  LOG(INFO) << "Paddock " << kVersion << ", data in " << loaded.options.storage.data_dir
            << ", log in " << loaded.options.storage.data_log_dir << ", "
            << loaded.options.net.io_threads << " io threads";
  for (const Notice& notice : loaded.notices) {
    if (notice.warning) {
      LOG(WARNING) << notice.text;
    } else {
      LOG(INFO) << notice.text;
    }
  }
  const sigset_t signals = stop_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  Server server(loaded.options);
  if (const auto started = server.start(); !started) {
    LOG(ERROR) << "cannot start: " << started.error().message;
    return kExitFailed;
  }
  int signal = 0;
  sigwait(&signals, &signal);
  LOG(INFO) << "stopping on " << (signal == SIGTERM ? "SIGTERM" : "SIGINT");
  server.stop();
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto sources =
      parse_arguments(arguments, [](const char* name) -> const char* { return std::getenv(name); });
  if (!sources) return refuse(sources.error());
  if (sources->help) {
    std::cout << usage();
    return EXIT_SUCCESS;
  }
  if (sources->version) {
    std::cout << "paddock-server " << kVersion << "\n";
    return EXIT_SUCCESS;
  }
  const auto loaded = load_options(posix_env(), *sources);
  if (!loaded) return refuse(loaded.error());
  return serve(*loaded);
}
