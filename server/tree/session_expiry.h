#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include "common/ids.h"

namespace paddock::server {

// When sessions expire: in buckets of one tick, so that a touch mostly changes nothing, and what
// falls due falls due together. A session lives between its timeout and one tick more after it was
// last touched.
// Thread: whoever owns the sessions. Pure: the time is given.
// Source: ZooKeeper 3.8, ExpiryQueue; client-protocol.md section 3.5.
class SessionExpiry {
 public:
  explicit SessionExpiry(Millis tick);

  // The session is alive at `now`. Adds it if it is not known.
  void touch(SessionId session, Millis now, Millis timeout);
  void remove(SessionId session);  // harmless if it is not known

  // Those whose bucket is due at `now`, sorted. They are known no longer.
  std::vector<SessionId> expire(Millis now);

  std::optional<Millis> next_deadline() const;             // nullopt: nothing to wait for
  std::optional<Millis> expires(SessionId session) const;  // the time of its bucket
  bool contains(SessionId session) const { return expires_.contains(session); }
  std::size_t size() const { return expires_.size(); }

  // f(Millis bucket, SessionId), the buckets in order of time, without order in one.
  template <typename F>
  void for_each(F&& f) const {
    for (const auto& [expires, sessions] : buckets_) {
      for (const SessionId session : sessions) f(expires, session);
    }
  }

 private:
  using Bucket = boost::unordered_flat_set<SessionId, std::hash<SessionId>>;

  void leave(SessionId session, Millis bucket);

  Millis tick_;
  std::map<Millis, Bucket> buckets_;
  boost::unordered_flat_map<SessionId, Millis, std::hash<SessionId>> expires_;
};

}  // namespace paddock::server
