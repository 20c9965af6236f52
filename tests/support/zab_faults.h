#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/prng.h"
#include "tests/support/sim_queue.h"
#include "tests/support/sim_wires.h"
#include "tests/support/zab_host.h"
#include "tests/support/zab_links.h"
#include "tests/support/zab_trace.h"
#include "tests/support/zab_votes.h"

namespace paddock::test {

// What goes wrong, in times a simulated minute over all servers; and for how long at most.
struct FaultRates {
  double stops = 0;          // a process ends, between two events
  double torn_steps = 0;     // a process ends within carrying out a step's actions
  double power_losses = 0;   // its machine does not answer either
  double disk_failures = 0;  // a write is refused, which ends the process
  double slow_disks = 0;
  double pauses = 0;          // of a whole process
  double cuts = 0;            // one server, or several, from the others; half of them one way only
  double severs = 0;          // one pair's connections break
  double wipes = 0;           // a power loss, after which the disk is an empty one
  double leader_ratio = 0.4;  // of the faults that are the leader's

  Micros down_max = seconds(20);
  Micros slow_disk_max = seconds(10);
  Micros pause_max = seconds(15);
  Micros cut_max = seconds(20);

  double total() const {
    return stops + torn_steps + power_losses + disk_failures + slow_disks + pauses + cuts + severs +
           wipes;
  }
  // Some of these, some not, often or seldom: what one mixture never shows another does.
  static FaultRates random(Prng& random);
  std::string describe() const;
};

// Injects faults into an ensemble, and takes each back after a while.
class ZabFaults {
 public:
  using Hosts = std::vector<std::unique_ptr<ZabHost>>;
  struct World {
    SimQueue& queue;
    SimWires& wires;
    ZabLinks& links;
    ZabVotes& votes;
    Trace& trace;
    const ZabCheckers& checkers;
    const Hosts& hosts;
  };

  ZabFaults(World world, Prng random) : world_(world), random_(random) {}

  void inject(const FaultRates& rates);
  // Every fault is taken back now, and there are no more.
  void stop();

  void on_fault();
  void on_restart(ServerId server);
  void on_resume(ServerId server, std::uint64_t pause);
  void on_heal(std::uint64_t cut);
  void on_disk_recovers(ServerId server);

  // --- by hand
  using Way = std::pair<ServerId, ServerId>;  // from, to
  // Its number, for mend().
  std::uint64_t cut(std::vector<Way> ways);
  void mend(std::uint64_t cut);
  void sever(ServerId a, ServerId b);

 private:
  enum class Fault {
    kStop,
    kTornStep,
    kPowerLoss,
    kDiskFailure,
    kSlowDisk,
    kPause,
    kCut,
    kSever,
    kWipe,
  };

  void schedule();
  Fault choose();
  void bring_about(Fault fault);
  ZabHost* target();  // running; null: it is not
  bool may_be_wiped(const ZabHost& victim) const;
  ServerId random_server();
  void cut_some();
  Micros span(Micros most);
  ZabHost& host(ServerId server) const;

  World world_;
  Prng random_;
  FaultRates rates_;
  std::vector<std::vector<Way>> cuts_;  // empty: mended
  std::vector<std::uint64_t> pauses_;   // by server: the number of its last one
};

}  // namespace paddock::test
