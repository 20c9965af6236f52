#pragma once

#include "common/ids.h"

namespace paddock {

// The only source of time. One is passed to whatever needs it; a simulation passes its own.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Millis now() const = 0;           // monotonic
  virtual WallMillis wall_now() const = 0;  // for transactions and for people
};

// The machine's clocks. Any thread.
class SystemClock final : public Clock {
 public:
  Millis now() const override;
  WallMillis wall_now() const override;
};

}  // namespace paddock
