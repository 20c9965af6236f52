#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/records.h"
#include "tests/support/client_lines.h"
#include "tests/support/core_checkers.h"
#include "tests/support/prng.h"
#include "tests/support/sim_queue.h"
#include "tests/support/zab_trace.h"

namespace paddock::test {

struct CoreClientOptions {
  std::size_t clients = 5;
  std::size_t servers = 3;
  Micros pause_max = millis(500);  // between two things a client does
  std::size_t waiting_max = 4;     // it asks for no more at once
  std::int32_t timeout_min_ms = 4000, timeout_max_ms = 15'000;
};

// ZooKeeper clients, as their servers see them: they hold sessions, write, read with watches, sync,
// lose their connections, move to another server, set their watches again, close their sessions or
// let them expire. Each holds the ensemble to what it is told:
//
//   CNL  what is acknowledged is committed, as it was asked for and where the reply says
//   LR   a write comes after all that anybody could see when it was asked for; a read after a sync
//        sees what anybody could see when that was asked for
//   SC   a read shows the tree as it was at its zxid, and a session never goes back
//   FO   replies come in the order of the requests
//   WA   a watch's event comes before any reply that shows the change, is right, and is never lost
//   SE   a session is refused only when it was to be closed; once all is well, nobody who is heard
//        from loses his session
class CoreClients {
 public:
  CoreClients(SimQueue& queue, Trace& trace, ClientLines& lines, CoreCheckers& checkers,
              CoreClientOptions options, Prng random);

  void start();
  // From here on nobody who is heard from may lose his session.
  void all_is_well() { well_since_ = queue_.now(); }
  // They ask for nothing more, and stay.
  void stop() { stopped_ = true; }
  // Each closes its session, or is never heard of again.
  void leave();
  bool all_left() const;

  void on_client(std::uint32_t client);
  void on_answers(std::uint32_t client, LineId line, ByteView frames);
  void on_closed(std::uint32_t client, LineId line);

  std::size_t waiting() const;  // asked for and not answered
  std::uint64_t acknowledged() const { return acknowledged_; }
  std::uint64_t read() const { return read_; }
  std::uint64_t events() const { return events_; }
  std::uint64_t moves() const { return moves_; }
  std::string describe() const;

 private:
  enum class State { kAway, kConnecting, kConnected, kSilent, kGone };
  // A one-shot watch, and the state that it was set upon.
  struct Watches {
    std::optional<Zxid> data, exist, child;
    bool empty() const { return !data && !exist && !child; }
  };
  struct Event {
    EventType type{};
    std::string path;
    friend auto operator<=>(const Event&, const Event&) = default;
  };
  struct Asked {
    std::int32_t xid = 0;
    OpCode op{};
    std::string path;
    bool watch = false;
    Zxid floor;  // a write: it comes after this. A sync: reads behind it are not before this
  };
  struct Client {
    std::uint32_t number = 0;
    State state = State::kAway;
    SessionId session;
    Bytes password;
    std::int32_t timeout_ms = 0;
    std::int32_t xid = 0;
    Zxid seen;
    LineId line;
    ServerId server;
    std::deque<Asked> asked;
    std::map<std::string, Watches> watches;
    std::set<std::string> children;  // of kQueue, as it last saw them
    std::map<std::string, std::int32_t> versions;
    bool watches_set = true;         // on this connection
    Zxid relative;                   // of setWatches that is under way
    std::multiset<Event> caught_up;  // events of setWatches
    Zxid floor;                      // of reads on this connection
    Micros heard, said, silent_until;
    Micros alive_since;
    bool closing = false;
    std::string own;  // its latest ephemeral
  };

  void fail(const Client& client, std::string_view code, std::string_view what);
  void connect(Client& client);
  void hang_up(Client& client);
  void forget_session(Client& client);
  void ask_something(Client& client);
  void ask_write(Client& client);
  void ask_read(Client& client);
  void ask_multi(Client& client);
  void ask(Client& client, OpCode op, std::string path, const Bytes& record, bool watch = false);
  void set_watches(Client& client);
  void send(Client& client, Bytes frame);
  void ping(Client& client);
  Bytes value();
  std::string register_path();

  void take(Client& client, ByteView frame);
  void take_welcome(Client& client, ByteView frame);
  void take_event(Client& client, JuteReader& reader, Zxid zxid);
  void take_reply(Client& client, const Asked& asked, const ReplyHeader& header,
                  JuteReader& reader);
  void take_write(Client& client, const Asked& asked, const ReplyHeader& header,
                  JuteReader& reader);
  void take_read(Client& client, const Asked& asked, const ReplyHeader& header, JuteReader& reader);
  void take_set_watches(Client& client, const ReplyHeader& header);
  void take_zxid(Client& client, Zxid zxid);
  void watch(Client& client, const Asked& asked, const ReplyHeader& header);
  void check_watches(const Client& client, Zxid shown);
  std::optional<Zxid> next_event(const std::string& path, const Watches& watches) const;

  SimQueue& queue_;
  Trace& trace_;
  ClientLines& lines_;
  CoreCheckers& checkers_;
  const CoreClientOptions options_;
  Prng random_;
  std::vector<Client> clients_;
  bool stopped_ = false, leaving_ = false;
  std::optional<Micros> well_since_;
  std::uint64_t values_ = 0, acknowledged_ = 0, read_ = 0, events_ = 0, moves_ = 0;
};

}  // namespace paddock::test
