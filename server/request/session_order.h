#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "common/bytes.h"
#include "common/records.h"

namespace paddock::server {

// The order of one connection's requests: what may run now, and what must wait.
//
// Replies go out in request order. A read waits for the connection's earlier writes to be answered;
// a write is sent to the core only when no earlier read of the connection still waits, so that no
// read sees a later write of its own connection. Consecutive writes pipeline, consecutive reads run
// at once. The core answers the writes of one connection in the order they were sent, so their
// replies need no queue here.
//
//   frame arrives:   switch (order.arrive(kind)) { run it | send it | order.hold(...) }
//   reply of core:   order.on_reply(); write the reply;
//                    while (auto held = order.next()) { run or send it, by its kind }
//
// Thread: the connection's io thread.
class SessionOrder {
 public:
  enum class Kind : bool {
    kLocal,  // answered by the io thread: reads, ping, auth, sasl
    kCore,   // answered by the core: writes, sync, closeSession
  };
  enum class Verdict {
    kRunNow,  // kLocal: answer it now
    kSend,    // kCore: hand it to the core now
    kWait,    // hold() it now
  };
  struct Held {
    Kind kind{};
    RequestHeader header;
    Bytes frame;  // the whole frame, without its length
  };

  // A request has arrived behind all others.
  Verdict arrive(Kind kind) {
    if (held_count() != 0 || (kind == Kind::kLocal && unanswered_ != 0)) return Verdict::kWait;
    if (kind == Kind::kLocal) return Verdict::kRunNow;
    ++unanswered_;
    return Verdict::kSend;
  }

  // Keeps the request for which arrive() said kWait.
  void hold(Kind kind, RequestHeader header, Bytes frame);

  // The core has answered the oldest request sent to it. Its reply goes out before what next()
  // gives.
  void on_reply();

  // The next held request whose turn has come, until there is none.
  std::optional<Held> next();

  // Requests of this connection that are read and not yet answered.
  std::size_t in_flight() const { return unanswered_ + held_count(); }
  // Those of them that the core has.
  std::size_t unanswered() const { return unanswered_; }

 private:
  std::size_t held_count() const { return held_.size() - first_; }

  std::size_t unanswered_ = 0;
  std::vector<Held> held_;  // from first_ on; a vector, as an idle connection must cost nothing
  std::size_t first_ = 0;
};

}  // namespace paddock::server
