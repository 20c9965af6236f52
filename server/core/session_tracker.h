#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "common/ids.h"
#include "server/tree/session_expiry.h"
#include "zab/event.h"

namespace paddock::server {

// Who is alive: the sessions with their timeouts, the connection each is attached to, and when each
// expires if nothing is heard from it.
//
// Thread: the core thread. Source: ZooKeeper 3.8, SessionTrackerImpl; client-protocol.md section 3.
class SessionTracker {
 public:
  struct Session {
    std::int32_t timeout_ms = 0;
    bool closing = false;  // its closeSession is on its way: it does nothing any more
    Millis heard;          // when it was last heard from
    std::optional<ConnectionId> connection;
    // Leading: the link of the learner whose client uses it; 0: a client of this server; none:
    // nobody since this server leads.
    std::optional<zab::LinkId> owner;
  };

  explicit SessionTracker(Millis tick) : expiry_(tick) {}

  bool contains(SessionId id) const { return sessions_.contains(id); }
  // Nullptr: there is none. Valid until add() or remove().
  Session* find(SessionId id);
  // There is none of that id.
  Session& add(SessionId id, std::int32_t timeout_ms, Millis now);
  void remove(SessionId id);

  // The session was heard from. What is reported late changes nothing.
  void touch(SessionId id, Session& session, Millis at);
  // A client came back and agreed on a timeout, which may be shorter.
  void renew(SessionId id, Session& session, std::int32_t timeout_ms, Millis now);
  // Nothing more is expected of it; it stays until remove().
  void close(SessionId id, Session& session);

  // Closes the sessions whose time is over. In order of their ids.
  std::vector<SessionId> expire(Millis now);
  // The next bucket that falls due; nullopt: no session.
  std::optional<Millis> next_deadline() const { return expiry_.next_deadline(); }
  // The bucket that the session expires in; nullopt: it is closing.
  std::optional<Millis> expires(SessionId id) const { return expiry_.expires(id); }

  std::size_t size() const { return sessions_.size(); }
  template <typename F>
  void for_each(F&& f) const {  // f(SessionId, const Session&), in no order
    for (const auto& [id, session] : sessions_) f(id, session);
  }

 private:
  boost::unordered_flat_map<SessionId, Session> sessions_;
  SessionExpiry expiry_;  // those that are not closing
};

}  // namespace paddock::server
