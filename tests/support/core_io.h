#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "server/core/core_action.h"
#include "server/core/core_event.h"
#include "server/request/session_order.h"
#include "server/tree/acl_check.h"
#include "server/tree/data_tree.h"
#include "server/tree/watch_table.h"
#include "tests/support/client_lines.h"
#include "tests/support/core_mutation.h"

namespace paddock::test {

// What a CoreIo needs of its server.
class CoreIoHost {
 public:
  virtual ~CoreIoHost() = default;
  virtual const server::DataTree& tree() const = 0;
  virtual Millis local_now() const = 0;
  virtual void send_to_core(server::CoreEvent event) = 0;
  // The io thread wants on_timer() after this much of its own time.
  virtual void wake_io(std::uint32_t io, Millis after) = 0;
  virtual ClientLines& lines() = 0;
  virtual bool mutated(CoreMutation mutation) const = 0;
};

// One io thread of a simulated server, under the rules of server/run/io_thread.h and
// server/net/client_session.h: the mail of the core is delivered before anything is read from the
// tree; a connection's reads wait for its writes; who was heard from is told twice a second.
class CoreIo {
 public:
  CoreIo(CoreIoHost& host, std::uint32_t index) : host_(host), index_(index) {}

  // The core's. Delivered when the thread wakes, or looks at the tree for another reason.
  void put(server::ClientAction action) { mail_.push_back(std::move(action)); }
  bool has_mail() const { return !mail_.empty(); }
  bool has_watches() const { return !watches_.empty(); }
  void on_mail();
  void on_timer();

  void open(LineId line);
  void on_frames(LineId line, ByteView frames);
  void on_gone(LineId line);

 private:
  using Order = server::SessionOrder;
  enum class State { kNew, kConnecting, kOpen, kEnding };
  struct Connection {
    LineId line;
    State state = State::kNew;
    SessionId session;
    server::CredentialsRef credentials;
    Order order;
    std::deque<Bytes> waiting;  // frames that are not taken yet
    Bytes out;
    bool close_after_flush = false;
    bool closed = false;
    bool changed = false;
    bool touched = false;
    Millis touched_at;
    Millis connecting_since;
  };

  Connection* find(LineId line);
  void changed(Connection& connection);
  void deliver_mail();
  void deliver(server::TreeChange& change);
  void deliver(server::Reply& reply);
  void deliver(server::SessionReply& reply);
  void deliver(server::CloseConnection& close);
  void deliver(server::ServingChanged& serving);
  void finish_batch();

  void take_frames(Connection& connection);
  void handshake(Connection& connection, ByteView frame);
  void authenticate(Connection& connection, RequestHeader header, ByteView frame);
  void request(Connection& connection, Bytes frame);
  void run(Connection& connection, RequestHeader header, ByteView frame);
  void send(Connection& connection, RequestHeader header, Bytes frame);
  void resume(Connection& connection);
  void flush(Connection& connection);
  void close(Connection& connection);
  void wake_later();

  CoreIoHost& host_;
  const std::uint32_t index_;
  std::map<LineId, Connection> connections_;
  std::vector<server::ClientAction> mail_;
  server::WatchTable watches_;  // by the line's number
  std::vector<LineId> changed_;
  std::uint64_t changes_ = 0;
  bool timer_armed_ = false;
};

}  // namespace paddock::test
