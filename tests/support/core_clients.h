#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/core_client.h"
#include "tests/support/prng.h"

namespace paddock::test {

struct CoreClientOptions {
  std::size_t clients = 5;
  std::size_t servers = 3;
  Micros pause_max = millis(500);  // between two things a client does
  std::size_t waiting_max = 4;     // it asks for no more at once
  std::int32_t timeout_min_ms = 4000, timeout_max_ms = 15'000;
  Micros delay_max = millis(5);  // of what they say and hear
  bool lines_straggle = true;    // what is on its way when one end goes may be late, or lost
  bool by_hand = false;          // a script says what each does; the trace says what it was
  // They ask for another configuration so often; one half of them may. 0: never.
  std::uint64_t reconfig_one_in = 0;
};

// Clients that do what chance says: they hold sessions, write, read with watches, sync, lose their
// connections, move to another server, set their watches again, close their sessions or let them
// expire. Each checks what it is told (core_client.h); and once all is well, nobody who is heard
// from loses his session (SE).
class CoreClients {
 public:
  CoreClients(SimQueue& queue, Trace& trace, ClientLines& lines, CoreCheckers& checkers,
              CoreClientOptions options, Prng random);

  void start();
  // From here on nobody who is heard from may lose his session.
  void all_is_well() { well_since_ = world_.queue.now(); }
  // They leave the configuration as it is.
  void stop_reconfigs() { reconfigs_ = false; }
  // They ask for nothing more, and stay.
  void stop() { stopped_ = true; }
  // Each closes its session, or is never heard of again.
  void leave();
  bool all_left() const;

  void on_client(std::uint32_t client);
  void on_answers(std::uint32_t client, LineId line, ByteView frames);
  void on_closed(std::uint32_t client, LineId line);

  CoreClient& client(std::uint32_t number) { return clients_[number].client; }
  std::size_t waiting() const;  // asked for and not answered
  std::uint64_t acknowledged() const { return world_.acknowledged; }
  std::uint64_t read() const { return world_.read; }
  std::uint64_t events() const { return world_.events; }
  std::uint64_t moves() const { return moves_; }
  std::string describe() const;

 private:
  // A client, and what chance has in mind with it.
  struct Actor {
    CoreClient client;
    bool gone = false;
    std::optional<Micros> silent_until;
    std::string own;  // its latest ephemeral
  };

  void connect(Actor& actor);
  void hang_up(Actor& actor);
  void ask_something(Actor& actor);
  void ask_write(Actor& actor);
  void ask_settings(Actor& actor, std::string_view data);
  void ask_quota(Actor& actor);
  void ask_queue(Actor& actor, std::string_view data);
  void ask_own(Actor& actor, std::string_view data);
  void ask_read(Actor& actor);
  void ask_multi(Actor& actor);
  void ask_reconfig(Actor& actor);
  bool is_operator(std::uint32_t client) const {
    return options_.reconfig_one_in != 0 && client % 2 == 0;
  }
  void ask_watch(Actor& actor);
  Bytes value();
  std::string register_path();

  CoreClientWorld world_;
  const CoreClientOptions options_;
  ClientLines& lines_;
  Prng random_;
  std::vector<Actor> clients_;
  bool stopped_ = false, leaving_ = false, reconfigs_ = true;
  std::optional<Micros> well_since_;
  std::uint64_t values_ = 0, moves_ = 0;
};

}  // namespace paddock::test
