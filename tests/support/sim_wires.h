#pragma once

#include <cstdint>
#include <vector>

#include "common/check.h"
#include "common/ids.h"
#include "tests/support/prng.h"
#include "tests/support/sim_queue.h"
#include "zab/event.h"

namespace paddock::test {

// How long things take on the way.
struct WireSpeed {
  Micros latency_min{100};
  Micros latency_max{2000};
  double slow_ratio = 0;  // of what is sent that takes up to slow_max instead
  Micros slow_max = millis(500);
  bool by_chance = true;  // what of it a connection that breaks still delivers; else nothing
};

// What lies between the servers, 1 to `servers`: whether bytes from one reach another, and when.
class SimWires {
 public:
  SimWires(std::size_t servers, WireSpeed speed, Prng random)
      : servers_(servers), speed_(speed), random_(random), cuts_(servers * servers, 0) {}

  std::size_t servers() const { return servers_; }
  bool open(ServerId from, ServerId to) const { return cuts_[index(from, to)] == 0; }
  bool open_both_ways(ServerId a, ServerId b) const { return open(a, b) && open(b, a); }
  // Cuts add up: what was cut twice needs to be mended twice.
  void cut(ServerId from, ServerId to) { ++cuts_[index(from, to)]; }
  void mend(ServerId from, ServerId to) {
    PADDOCK_CHECK(cuts_[index(from, to)] > 0);
    --cuts_[index(from, to)];
  }

  void set_speed(const WireSpeed& speed) { speed_ = speed; }
  bool by_chance() const { return speed_.by_chance; }
  // How many of the `count` that are on their way on a connection that breaks still arrive: the
  // first ones.
  std::size_t survivors(std::size_t count) {
    return speed_.by_chance ? random_.below(count + 1) : 0;
  }
  Micros delay() {
    const Micros most = random_.chance(speed_.slow_ratio) ? speed_.slow_max : speed_.latency_max;
    return {random_.between(speed_.latency_min.value, most.value)};
  }

 private:
  std::size_t index(ServerId from, ServerId to) const {
    const auto row = static_cast<std::size_t>(from.value - 1);
    const auto column = static_cast<std::size_t>(to.value - 1);
    PADDOCK_CHECK(row < servers_ && column < servers_);
    return row * servers_ + column;
  }

  std::size_t servers_;
  WireSpeed speed_;
  Prng random_;
  std::vector<int> cuts_;
};

// What somebody meets who connects to a server.
enum class Presence {
  kUp,
  kDown,  // the machine is there, the process is not: refused
  kDark,  // nothing answers
};

// Who sits at the ends of the wires.
class WireUser {
 public:
  virtual ~WireUser() = default;
  virtual Presence presence(ServerId server) const = 0;
  virtual void hand(ServerId to, zab::Event event) = 0;
};

}  // namespace paddock::test
