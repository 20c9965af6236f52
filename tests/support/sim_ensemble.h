#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/client_lines.h"
#include "tests/support/core_checkers.h"
#include "tests/support/core_clients.h"
#include "tests/support/core_host.h"
#include "tests/support/prng.h"
#include "tests/support/sim_queue.h"
#include "tests/support/sim_wires.h"
#include "tests/support/zab_checkers.h"
#include "tests/support/zab_clients.h"
#include "tests/support/zab_faults.h"
#include "tests/support/zab_host.h"
#include "tests/support/zab_links.h"
#include "tests/support/zab_trace.h"
#include "tests/support/zab_votes.h"
#include "zab/ensemble.h"

namespace paddock::test {

struct SimOptions {
  std::uint64_t seed = 1;
  std::size_t voters = 3;
  std::size_t observers = 0;
  std::size_t groups = 0;  // 0: plain majority; else the voters in so many groups
  zab::Timing timing;
  std::uint32_t epoch_txns_max = zab::kEpochTxnsMax;  // then the zxids of an epoch are used up
  WireSpeed wires;
  ClientOptions clients;
  HostOptions host;  // but for the membership
  // Servers beyond the ensemble's, that may come to be in it; and how often an operator changes it,
  // on average. 0: never, and reconfiguration is disabled.
  std::size_t joiners = 0;
  Micros reconfig_every{0};
  bool reconfig = false;      // enabled, for an operator who is a script
  bool clocks_drift = false;  // from half to twice the right speed
  std::size_t history = 0;    // transactions that all begin with
  std::size_t trace_kept = 60;
  // Whole replicas with ZooKeeper clients, in the place of engines with toys around them.
  bool whole = false;
  std::int64_t wall_skew_max_ms = 3'600'000;  // of the wall clocks of whole replicas
  CoreHostOptions core;
  CoreClientOptions core_clients;

  // Epochs end for want of zxids, again and again.
  void use_zxids_up();
  void use_changing_members(Prng& random);
  bool uses_zxids_up() const { return epoch_txns_max < zab::kEpochTxnsMax; }

  // Any of them, from the seed.
  static SimOptions random(std::uint64_t seed);
  static SimOptions random_whole(std::uint64_t seed);
  static SimOptions random_reconfig(std::uint64_t seed);
  static SimOptions random_whole_reconfig(std::uint64_t seed);
  bool can_change() const { return reconfig || reconfig_every > Micros{}; }
  std::string describe() const;
};

// An ensemble of simulated servers with their network, disks, clocks and clients: one seed, one
// run. The checkers look at every step; at the first violation the run is over.
class SimEnsemble final : private LinkUser, private LineUser {
 public:
  explicit SimEnsemble(SimOptions options);
  ~SimEnsemble() override;
  SimEnsemble(const SimEnsemble&) = delete;
  SimEnsemble& operator=(const SimEnsemble&) = delete;

  // All servers, and the clients.
  void start();
  void inject(const FaultRates& rates);
  void stop_faults();

  // False: something is wrong, and report() says what.
  bool run_for(Micros span);
  // After the faults: within `limit` one server leads and all others follow it, what clients ask
  // for is done, all are equal, and it stays so. False also if not.
  bool converges_within(Micros limit);
  // How long that may take, given the options.
  Micros patience() const;

  bool ok() const { return checkers_.ok(); }
  const std::string& violation() const { return checkers_.violation(); }
  std::string report() const;
  std::uint64_t hash() const { return trace_.hash(); }
  Micros now() const { return queue_.now(); }

  const ZabClients& clients() const { return clients_; }
  CoreClients& core_clients() { return whole_->clients; }  // only if they are whole
  ClientLines& lines() { return whole_->lines; }
  const CoreCheckers& core_checkers() const { return whole_->checkers; }
  ZabCheckers& checkers() { return checkers_; }
  const std::vector<std::unique_ptr<ZabHost>>& hosts() const { return hosts_; }
  std::uint64_t reconfigs() const { return checkers_.configurations(); }
  ZabHost& host(ServerId server) const;

  // --- by hand, for a script that says what happens next
  // The next thing that is due and that `wanted` says yes to happens now. False: there is none.
  template <typename Wanted>
  bool happens(const Wanted& wanted) {
    const std::optional<SimEvent> event = queue_.take_if(wanted);
    if (event) dispatch(*event);
    return event.has_value();
  }
  SimQueue& queue() { return queue_; }
  ZabFaults& faults() { return faults_; }
  const ZabLinks& links() const { return links_; }
  const Trace& trace() const { return trace_; }

 private:
  Presence presence(ServerId server) const override;
  void hand(ServerId to, zab::Event event) override;
  void hand_snapshot(ServerId to, zab::LinkId link, Snapshot snapshot) override;
  void says(LinkEnd end, const Speech& speech) override;
  void hears(LinkEnd end, const Speech& speech) override;
  void ended(LinkEnd end) override;

  bool listens(ServerId server) const override { return host(server).running(); }
  bool is_paused(ServerId server) const override { return host(server).paused(); }
  void line_opened(ServerId server, LineId line) override;
  void line_asks(ServerId server, LineId line, Bytes frames) override;
  void line_gone(ServerId server, LineId line) override;
  void line_answers(std::uint32_t client, LineId line, ByteView frames) override;
  void line_closed(std::uint32_t client, LineId line) override;

  void dispatch(const SimEvent& event);
  bool run_until(Micros until);
  template <typename Done>
  bool runs_until(const Done& done, Micros limit, std::string_view what);
  const ZabHost* only_leader() const;
  bool all_serve() const;
  bool all_equal() const;
  CoreHost& core_host(ServerId server) const { return static_cast<CoreHost&>(host(server)); }
  std::uint64_t acknowledged() const;
  std::size_t waiting() const;
  bool stays_well();
  bool sessions_end();
  void change_ensemble();
  Micros by_any_clock(std::int64_t ms) const {
    return millis((options_.clocks_drift ? 2 : 1) * ms);
  }

  SimOptions options_;
  Prng random_;
  std::shared_ptr<const zab::Ensemble> ensemble_;
  SimQueue queue_;
  Trace trace_;
  SimWires wires_;
  WireMutator mutator_;
  ZabLinks links_;
  ZabVotes votes_;
  ZabCheckers checkers_;
  // What whole replicas have around them.
  struct Whole {
    explicit Whole(SimEnsemble& sim);
    CoreCheckers checkers;
    ClientLines lines;
    CoreClients clients;
  };
  std::unique_ptr<Whole> whole_;
  std::vector<std::unique_ptr<ZabHost>> hosts_;
  ZabClients clients_;
  ZabFaults faults_;
  FaultRates rates_;
  bool changes_ = false;  // the operator is at work
  Prng operator_;
};

// While one of these is about, a failed PADDOCK_CHECK throws CheckFailed instead of ending the
// process, so that a run can say with which seed, and a mutation that an engine's own check finds
// counts as found.
struct CheckFailed {
  std::string what;
};
class ThrowingChecks {
 public:
  ThrowingChecks();
  ~ThrowingChecks();
  ThrowingChecks(const ThrowingChecks&) = delete;
  ThrowingChecks& operator=(const ThrowingChecks&) = delete;
};

// `voters` and then `observers`, numbered from 1.
std::shared_ptr<const zab::Ensemble> make_ensemble(std::size_t voters, std::size_t observers,
                                                   std::size_t groups, bool addresses = false);
zab::Member member_of(ServerId id, bool observer, bool address);

}  // namespace paddock::test
