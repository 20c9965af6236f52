#pragma once

#include <memory>
#include <string>

#include "common/result.h"
#include "server/options.h"

namespace paddock::server {

// A whole server: recovers what is on disk, owns all threads, serves clients until it is stopped.
//
// Thread: start() and stop() from one thread, that of main.
// Failure: start() gives what an operator must know, and leaves nothing running. Once it runs, a
// disk that fails ends the process.
class Server {
 public:
  explicit Server(ServerOptions options);
  ~Server();  // stops
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Blocks for as long as reading the data directory takes.
  Result<void> start();
  // Accepts nobody any more, lets every write under way be finished and answered, writes a
  // checkpoint, and closes. Blocks for that long. Nothing to do if it does not run.
  void stop();

  // Where clients are served: "0.0.0.0:2181". After start().
  std::string address() const;
  std::uint16_t port() const;

 private:
  struct Running;

  Result<void> prepare_config_files() const;

  const ServerOptions options_;
  std::unique_ptr<Running> running_;
};

}  // namespace paddock::server
