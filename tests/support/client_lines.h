#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <variant>
#include <vector>

#include "common/bytes.h"
#include "common/ids.h"
#include "tests/support/prng.h"
#include "tests/support/sim_queue.h"

namespace paddock::test {

// One connection of a client, never used again; 0: none.
struct LineId {
  std::uint64_t value = 0;
  friend constexpr auto operator<=>(LineId, LineId) = default;
};

// Who is at the ends of the lines.
class LineUser {
 public:
  virtual ~LineUser() = default;
  virtual bool listens(ServerId server) const = 0;
  virtual bool is_paused(ServerId server) const = 0;
  // At the server.
  virtual void line_opened(ServerId server, LineId line) = 0;
  virtual void line_asks(ServerId server, LineId line, Bytes frames) = 0;
  virtual void line_gone(ServerId server, LineId line) = 0;
  // At the client.
  virtual void line_answers(std::uint32_t client, LineId line, ByteView frames) = 0;
  virtual void line_closed(std::uint32_t client, LineId line) = 0;
};

// The connections between clients and servers: what goes in comes out in order, after a while, and
// each end learns of the other's end behind what was said before, or of some of it.
class ClientLines {
 public:
  // `straggles`: what is on its way when one end goes may be late, or lost.
  ClientLines(SimQueue& queue, LineUser& user, Micros delay_max, bool straggles, Prng random)
      : queue_(queue), user_(user), delay_max_(delay_max), straggles_(straggles), random_(random) {}

  // --- the client
  LineId dial(std::uint32_t client, ServerId server);
  void ask(LineId line, Bytes frames);
  // What it said may still arrive, even much later.
  void hang_up(LineId line);
  // Nothing gets through for so long.
  void stall(LineId line, Micros span);
  void release(LineId line);

  // --- the server
  void answer(LineId line, Bytes frames);
  void close(LineId line);
  void stop(ServerId server);  // the process ended

  void on_up(std::uint64_t line);
  void on_down(std::uint64_t line);

 private:
  struct Opened {};
  struct Ended {};
  using Said = std::variant<Opened, Bytes, Ended>;
  struct Way {
    struct Coming {
      Said what;
      Micros ready;
    };
    std::deque<Coming> coming;
    bool due = false;
    Micros stalled_until;
  };
  struct Line {
    std::uint32_t client = 0;
    ServerId server;
    bool client_is_there = true, server_is_there = false;
    Way up, down;
  };

  Line& at(LineId line) { return lines_[line.value - 1]; }
  void push(Way& way, SimKind kind, LineId line, Said what, Micros delay);
  bool take(Way& way, SimKind kind, LineId line, Said& what);
  Micros delay() {
    return {random_.between(std::min<std::int64_t>(50, delay_max_.value), delay_max_.value)};
  }

  SimQueue& queue_;
  LineUser& user_;
  Micros delay_max_;
  bool straggles_;
  Prng random_;
  std::deque<Line> lines_;
};

}  // namespace paddock::test
