#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/ids.h"
#include "common/result.h"
#include "tools/ensemble.h"

namespace paddock::tools {

// A process that runs one server of a local ensemble, held by a descriptor: what is signalled is
// that process, also if it has ended and its number stands for another since.
// Thread: any, one at a time.
class ServerProcess {
 public:
  // The one that the pid file names, if it still runs this server.
  static std::optional<ServerProcess> find(const LocalServer& server);
  // Starts `program` in a session of its own, with its log behind what is in the log file, and
  // writes the pid file. Makes the server's folder and its myid.
  static Result<ServerProcess> start(const std::string& program, const LocalServer& server);

  ServerProcess(ServerProcess&& other) noexcept;
  ServerProcess& operator=(ServerProcess&& other) noexcept;
  ~ServerProcess();

  std::int64_t pid() const { return pid_; }
  Result<void> signal(int number) const;
  // Whether it has ended; waits for that, for at most `limit`.
  bool has_ended_within(Millis limit) const;

 private:
  ServerProcess(std::int64_t pid, int descriptor) : pid_(pid), descriptor_(descriptor) {}

  std::int64_t pid_ = 0;
  int descriptor_ = -1;  // of pidfd_open
};

// paddock-server in the folder of this program.
std::string server_program();

// The whole answer to a four-letter word; Code::kIo where the server cannot be reached within
// `limit`, or does not answer.
Result<std::string> ask(const HostPort& server, std::string_view word, Millis limit);

// Code::kRefused where a server that listens at `port` now would fail: the port is taken, or the
// host is not this machine's.
Result<void> check_free(const NeededPort& port);

}  // namespace paddock::tools
