#include "server/core/session_tracker.h"

#include "common/check.h"

namespace paddock::server {

SessionTracker::Session* SessionTracker::find(SessionId id) {
  const auto at = sessions_.find(id);
  return at == sessions_.end() ? nullptr : &at->second;
}

SessionTracker::Session& SessionTracker::add(SessionId id, std::int32_t timeout_ms, Millis now) {
  const auto [at, added] = sessions_.try_emplace(id);
  PADDOCK_CHECK(added);
  renew(id, at->second, timeout_ms, now);
  return at->second;
}

void SessionTracker::remove(SessionId id) {
  expiry_.remove(id);
  sessions_.erase(id);
}

void SessionTracker::touch(SessionId id, Session& session, Millis at) {
  if (session.closing || at <= session.heard) return;
  session.heard = at;
  expiry_.touch(id, at, Millis{session.timeout_ms});
}

void SessionTracker::renew(SessionId id, Session& session, std::int32_t timeout_ms, Millis now) {
  PADDOCK_CHECK(!session.closing);
  session.timeout_ms = timeout_ms;
  session.heard = now;
  expiry_.touch(id, now, Millis{timeout_ms});
}

void SessionTracker::close(SessionId id, Session& session) {
  session.closing = true;
  expiry_.remove(id);
}

std::vector<SessionId> SessionTracker::expire(Millis now) {
  std::vector<SessionId> expired = expiry_.expire(now);
  for (const SessionId id : expired) {
    Session* session = find(id);
    PADDOCK_CHECK(session != nullptr);
    session->closing = true;
  }
  return expired;
}

}  // namespace paddock::server
