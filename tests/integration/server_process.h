#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "common/bytes.h"
#include "common/records.h"

namespace paddock::test {

// A paddock-server of its own, on a free port of 127.0.0.1 and in a folder of its own, which goes
// with it. Failures are reported as test failures.
class ServerProcess {
 public:
  explicit ServerProcess(std::string settings = "");  // more lines of zoo.cfg
  ~ServerProcess();                                   // SIGKILL, if it still runs
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  void start();          // waits until it serves; a new port each time
  int stop(int signal);  // the exit code, or minus the signal that ended it
  std::uint16_t port() const { return port_; }
  pid_t pid() const { return pid_; }
  std::string log() const;  // all that it has said so far
  std::int64_t resident_kb() const;

 private:
  std::string folder_;
  std::string settings_;
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
};

// A client that speaks frames, blocking, with a deadline of some seconds on everything.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void send(ByteView bytes);
  Bytes receive_frame();   // its body; fails the test when the connection ends before
  Bytes receive_to_end();  // until the server closes
  bool is_closed();        // waits for the server to close; what comes before is dropped

  // Handshake for a new session, or for the one given.
  ConnectResponse handshake(SessionId session = {}, ByteView password = {});
  SessionId session() const { return session_; }
  const Bytes& password() const { return password_; }

  void send_request(std::int32_t xid, OpCode op, ByteView record = {});
  struct Answer {
    ReplyHeader header;
    Bytes record;
  };
  Answer receive_answer();
  Answer ask(OpCode op, ByteView record = {});

 private:
  int fd_ = -1;
  std::int32_t xid_ = 0;
  SessionId session_;
  Bytes password_;
};

Bytes create_record(std::string_view path, std::string_view data, std::int32_t flags = 0);
Bytes set_data_record(std::string_view path, std::string_view data);
Bytes path_record(std::string_view path, bool watch = false);

}  // namespace paddock::test
