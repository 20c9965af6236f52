#include "server/tree/session_expiry.h"

#include <algorithm>

#include "common/check.h"

namespace paddock::server {

SessionExpiry::SessionExpiry(Millis tick) : tick_(tick) {
  PADDOCK_CHECK(tick.value > 0);
}

void SessionExpiry::touch(SessionId session, Millis now, Millis timeout) {
  const Millis due{((now + timeout).value / tick_.value + 1) * tick_.value};
  const auto [entry, is_new] = expires_.try_emplace(session, due);
  if (!is_new) {
    if (entry->second == due) return;
    leave(session, entry->second);
    entry->second = due;
  }
  buckets_[due].insert(session);
}

void SessionExpiry::remove(SessionId session) {
  const auto entry = expires_.find(session);
  if (entry == expires_.end()) return;
  leave(session, entry->second);
  expires_.erase(entry);
}

void SessionExpiry::leave(SessionId session, Millis bucket) {
  const auto at = buckets_.find(bucket);
  PADDOCK_CHECK(at != buckets_.end());
  at->second.erase(session);
  if (at->second.empty()) buckets_.erase(at);
}

std::vector<SessionId> SessionExpiry::expire(Millis now) {
  std::vector<SessionId> expired;
  while (!buckets_.empty() && buckets_.begin()->first <= now) {
    const Bucket& due = buckets_.begin()->second;
    expired.insert(expired.end(), due.begin(), due.end());
    buckets_.erase(buckets_.begin());
  }
  for (const SessionId session : expired) expires_.erase(session);
  std::ranges::sort(expired);
  return expired;
}

std::optional<Millis> SessionExpiry::next_deadline() const {
  if (buckets_.empty()) return std::nullopt;
  return buckets_.begin()->first;
}

std::optional<Millis> SessionExpiry::expires(SessionId session) const {
  const auto entry = expires_.find(session);
  if (entry == expires_.end()) return std::nullopt;
  return entry->second;
}

}  // namespace paddock::server
