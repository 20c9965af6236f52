#include "common/clock.h"

#include <chrono>

namespace paddock {

namespace {
template <typename Source>
std::int64_t milliseconds() {
  using std::chrono::duration_cast;
  return duration_cast<std::chrono::milliseconds>(Source::now().time_since_epoch()).count();
}
}  // namespace

Millis SystemClock::now() const {
  return {milliseconds<std::chrono::steady_clock>()};
}
WallMillis SystemClock::wall_now() const {
  return {milliseconds<std::chrono::system_clock>()};
}

}  // namespace paddock
