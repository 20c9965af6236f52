#pragma once

#include <memory>
#include <optional>
#include <string>

#include "paddock/detail/initiate.h"
#include "paddock/types.h"

namespace paddock::client {

namespace detail {
class WatchState;
}

// A persistent watch: a stream of events, which ends with its destruction (the server then stops
// sending them) or with its session.
//
// Events are kept until they are asked for, up to kEventsMax. If more come, those kept are thrown
// away and the next event is a gap: read anew what you watch. There is a gap too when the session
// has connected to another server, since events of the time between are then told only where the
// server can (one for each node that changed).
class Watch {
 public:
  static constexpr std::size_t kEventsMax = 10'000;

  struct Next {
    bool gap = false;  // anything may have happened; `event` is empty
    WatchEvent event;
  };

  Watch();
  Watch(Watch&&) noexcept;
  Watch& operator=(Watch&&) noexcept;
  ~Watch();

  // The next event, in the order of their zxids. One at a time. Errors: Errc::cancelled,
  // Errc::closed, Errc::session_expired, Errc::auth_failed: the last event was told before.
  template <typename Token>
  auto async_next(Token&& token) {
    return detail::initiate<Next>(state_, std::forward<Token>(token), &detail::next_event);
  }

  const std::string& path() const;
  WatchMode mode() const;

  explicit Watch(std::shared_ptr<detail::WatchState> state);  // the library's

 private:
  std::shared_ptr<detail::WatchState> state_;
};

}  // namespace paddock::client
