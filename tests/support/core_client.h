#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/records.h"
#include "tests/support/client_lines.h"
#include "tests/support/core_checkers.h"
#include "tests/support/sim_queue.h"
#include "tests/support/zab_trace.h"

namespace paddock::test {

// What the clients of a simulation have around them, and what they come to together.
struct CoreClientWorld {
  SimQueue& queue;
  Trace& trace;
  ClientLines& lines;
  CoreCheckers& checkers;
  bool tells = false;  // the trace has the words of each request and answer, too
  std::map<SessionId, std::uint32_t> holders;
  std::uint64_t acknowledged = 0, read = 0, events = 0;
};

// A ZooKeeper client, as its servers see it, that does what it is told to. It holds the ensemble to
// what it hears:
//
//   CNL  what is acknowledged is committed, as it was asked for and where the reply says
//   LR   a write comes after all that anybody could see when it was asked for; a read after a sync
//        sees what anybody could see when that was asked for
//   SC   a read shows the tree as it was at its zxid, and a session never goes back
//   FO   replies come in the order of the requests
//   WA   every event that its watches are due comes, in the order of the history, before any reply
//        that shows the change, and no other one; watches that are set again tell what was missed
//   CF   a session sees configurations in order, and after a sync the one in force
//   SE   a session is refused only when it was to be closed
class CoreClient {
 public:
  enum class State { kAway, kConnecting, kConnected };

  // `is_operator`: it proves that it may do everything.
  CoreClient(CoreClientWorld& world, std::uint32_t number, bool is_operator = false)
      : world_(world), number_(number), is_operator_(is_operator) {}

  // --- what it does; but for connect(), only on a connection
  void connect(ServerId server, std::int32_t timeout_ms);
  void hang_up();
  // The session is nothing to it any more; not on a connection.
  void forget_session();
  void ask(OpCode op, std::string path, const Bytes& record, bool watch = false);
  // AddWatchMode.
  void add_watch(const std::string& path, std::int32_t mode);
  void remove_watches(const std::string& path);  // of every kind
  void reconfigure(ReconfigWish wish);
  void close_session();
  void ping();

  // --- what reaches it
  void on_answers(LineId line, ByteView frames);
  // False: that connection is an older one.
  bool on_closed(LineId line);

  // --- for those who look
  std::uint32_t number() const { return number_; }
  State state() const { return state_; }
  bool is_away() const { return state_ == State::kAway; }
  LineId line() const { return line_; }
  ServerId server() const { return server_; }
  SessionId session() const { return session_; }
  std::int32_t timeout_ms() const { return timeout_ms_; }
  bool closing() const { return closing_; }
  std::size_t waiting() const { return asked_.size(); }
  Micros heard() const { return heard_; }
  Micros said() const { return said_; }
  std::size_t watched() const { return watches_.size(); }
  std::int64_t config_version() const { return config_version_; }  // as it last saw it
  // As it last saw them.
  std::optional<std::int32_t> version(const std::string& path) const;
  std::set<std::string>& children(const std::string& path) { return children_[path]; }
  std::string describe() const;
  void fail(std::string_view code, std::string_view what);

 private:
  // Which watches it has on a path.
  struct Watches {
    bool data = false, exist = false, child = false, persistent = false, recursive = false;
    bool empty() const { return !data && !exist && !child && !persistent && !recursive; }
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
    std::int32_t mode = 0;  // of addWatch
    Zxid floor;  // a write: it comes after this. A sync: reads behind it are not before this
    std::int64_t config_floor = 0;  // of a sync, likewise
  };

  void ask(Asked asked, const Bytes& record);
  void send(Bytes frame);
  void hung_up();

  void take(ByteView frame);
  void take_welcome(ByteView frame);
  void take_reply(const Asked& asked, const ReplyHeader& header, JuteReader& reader);
  void take_write(const Asked& asked, const ReplyHeader& header, JuteReader& reader);
  void take_read(const Asked& asked, const ReplyHeader& header, JuteReader& reader);
  void take_config(const Asked& asked, const ReplyHeader& header, JuteReader& reader);
  void take_children(const Asked& asked, const NodeState& state, JuteReader& reader);
  void take_zxid(Zxid zxid);

  // --- watches
  void set_watches();
  void take_set_watches(const ReplyHeader& header);
  void take_watch_op(const Asked& asked, const ReplyHeader& header);
  void watch(const Asked& asked, const ReplyHeader& header);
  void take_event(JuteReader& reader, Zxid zxid);
  // Whether its watches are due that event, and those that fire once have.
  bool fires(const Occurrence& occurrence);
  void check_events(Zxid shown);

  std::string text(const Asked& asked) const;
  std::string outcome(const Asked& asked, const ReplyHeader& header, JuteReader reader) const;
  void trace(TraceKind kind, std::uint64_t a, std::uint64_t b, std::string about = {});

  CoreClientWorld& world_;
  const std::uint32_t number_;
  const bool is_operator_;
  State state_ = State::kAway;
  SessionId session_;
  Bytes password_;
  std::int32_t timeout_ms_ = 0;
  std::int32_t xid_ = 0;
  Zxid seen_;
  LineId line_;
  ServerId server_;
  std::deque<Asked> asked_;
  bool closing_ = false;
  Zxid floor_;  // of reads on this connection
  std::int64_t config_version_ = 0, config_floor_ = 0;
  Micros heard_, said_;
  std::map<std::string, std::int32_t> versions_;
  std::map<std::string, std::set<std::string>> children_;

  std::map<std::string, Watches> watches_;
  std::size_t occurrences_ = 0;     // of the history that its watches have been shown
  bool watches_set_ = true;         // on this connection
  Zxid relative_;                   // of setWatches that is under way
  std::multiset<Event> caught_up_;  // events of setWatches
};

}  // namespace paddock::test
