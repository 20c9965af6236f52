#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "tests/support/prng.h"
#include "tests/support/sim_queue.h"
#include "tests/support/zab_checkers.h"
#include "tests/support/zab_service.h"

namespace paddock::test {

struct ClientOptions {
  std::size_t clients = 4;
  Micros pause_max = millis(200);  // between two things a client does
  std::size_t waiting_max = 4;     // it asks for no more at once
};

// Clients that write, each write with a value of its own, and read after a sync, through whichever
// server serves them; when it stops, they begin a new session with another. They hold the ensemble
// to what it tells them:
//
//   CNL  what is acknowledged is committed
//   LR   a sync'd read sees all that anybody could have seen when the sync was asked for
//   FO   a session's acknowledgements come in order, and no sync's answer before that of an earlier
//        write
class ZabClients final : public ServiceUser {
 public:
  ZabClients(SimQueue& queue, ZabCheckers& checkers, ClientOptions options, Prng random);

  // `servers` by id, from 1.
  void start(std::vector<ClientService*> servers);
  void stop() { stopped_ = true; }  // nobody asks for anything more
  void on_client(std::uint32_t client);

  std::size_t waiting() const;  // asked for and not answered
  std::uint64_t acknowledged() const { return acknowledged_; }
  std::uint64_t read() const { return read_; }

  void written(const Op& op, Zxid zxid) override;
  void synced(SessionId session, std::size_t applied) override;
  void revalidated(SessionId session) override;
  void lost(ServerId server) override;

 private:
  enum class Kind { kWrite, kSync, kRevalidate };
  struct Asked {
    Kind kind{};
    std::int32_t cxid = 0;    // of a write
    std::size_t exposed = 0;  // transactions that a read after this sync has to see
  };
  struct Client {
    SessionId session;  // 0: without a server
    ServerId server;
    std::int32_t last_cxid = 0;
    std::uint64_t sessions = 0;
    std::deque<Asked> asked;
  };

  bool connect(std::uint32_t number);
  void ask(Client& client);
  Client* find(SessionId session);

  SimQueue& queue_;
  ZabCheckers& checkers_;
  std::vector<ClientService*> servers_;
  ClientOptions options_;
  Prng random_;
  std::vector<Client> clients_;
  bool stopped_ = false;
  std::uint64_t last_value_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t read_ = 0;
};

}  // namespace paddock::test
