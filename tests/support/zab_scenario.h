#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/scenario_clients.h"
#include "tests/support/sim_ensemble.h"

namespace paddock::test {

// An ensemble that does what a script says, and nothing else: no message arrives, no write is done
// and no time passes unless a command calls for it. Servers are named by their numbers; without
// any, all are meant.
//
//   ensemble VOTERS [observers=N] [history=N]   servers that are stopped, with equal disks
//            [joiners=N]    N more, in no configuration, and reconfiguration is enabled
//            [epoch=N]      an epoch has no more than so many transactions
//   start N...      crash N...     power-off N...     pause N...     resume N...
//   elect N...      votes among these, and the time that takes, until they know who leads
//   vote N...       votes among these arrive, one by one
//   exchange A B    what A and B say to each other arrives, and is shown
//   pass COUNT A B  as exchange, and after so many messages no more arrives
//   persist N...    all that these have to write is on disk
//   persist-one N   the write that N is at is on disk, and no later one
//   fail-disk N     N's next write is refused, as by a full disk or a broken one
//   wipe N          N, which is stopped, comes back with an empty disk
//   settle N...     all of that among these, until nothing is left to do; only outcomes are shown
//   write N         a client's write, through N
//   sync N          a client's sync, through N
//   reconfig N [add=M] [observe=M] [remove=M] ...   asked of N, which leads; refused, it says so
//   tick MS [N...]  time passes; for others than these no timer goes off
//   cut N...        connections with all others break, and none can be made
//   join N...       that is over
//   hold A B        what A says to B is on its way until: release A B
//   run MS          all goes its way for so long
//   checkpoint N    a checkpoint of all that N has on disk
//   trim N ZXID     N's log up to there goes
//   describe N...
//
// In an ensemble of whole replicas there are clients, a to h, in the place of write and sync. What
// they and the threads of a server say to each other arrives at once.
//
//   whole VOTERS [observers=N] [epoch=N]
//   connect C N     with the session that it has, or a new one;  forget C: it has none any more
//   hang-up C
//   ask C WHAT      create [-e] [-s] [-c] PATH [DATA], set PATH DATA, delete PATH, sync, close,
//                   get, exists or ls [-w] PATH, watch [-r] PATH, unwatch PATH,
//                   multi WRITE + WRITE ...
//   hold C          what C and its server say to each other is on its way until: release C
//   show N...       nodes and sessions of N's tree, which is compared with the others'
//
// A command gives what came of it, a line for each thing, as zab_trace has it; a message stands at
// the point where it arrives.
class ZabScenario {
 public:
  ZabScenario() = default;
  // With a bug around the servers.
  explicit ZabScenario(Mutation mutation) : mutation_(mutation) {}
  explicit ZabScenario(CoreMutation mutation) : core_mutation_(mutation) {}

  // Runs a command. What it says ends with a line feed, unless it is empty; a command that makes no
  // sense says so.
  std::string run(const std::string& command);

  // What the checkers found, if anything.
  std::string violation() const;

 private:
  using Servers = std::vector<ServerId>;
  using Words = std::vector<std::string>;
  enum class Shown { kAll, kAllButVotes, kOutcomes };

  std::string make(const Words& words);
  std::string act(const Words& words);
  // True: it was one of these.
  bool act_on(const std::string& verb, const Servers& servers);
  void act_on_one(const Words& words, ServerId server);
  std::string hold(const Words& words);
  void run_for(std::int64_t ms);
  void pass(std::int64_t count, const Servers& servers);
  Servers servers(const Words& words, std::size_t from) const;
  ZabHost& host(ServerId server) const { return sim_->host(server); }

  void start(const Servers& servers);
  void stop(const Servers& servers, bool dark);
  void cut(const Servers& servers);
  void join(const Servers& servers);
  void elect(const Servers& servers);
  void tick(std::int64_t ms, const Servers& servers);
  void settle(const Servers& servers);
  void write(ServerId server);
  std::string reconfig(const Words& words);

  // As SimEnsemble's; and then all threads do what they can.
  template <typename Wanted>
  bool happens(const Wanted& wanted);
  void run_threads();
  bool vote_arrives(const Servers& servers);
  bool speech_arrives(const Servers& servers);
  bool write_is_done(const Servers& servers);
  // What happened since the last time it was asked.
  std::string shown(Shown what);

  Mutation mutation_ = Mutation::kNone;
  CoreMutation core_mutation_ = CoreMutation::kNone;
  std::unique_ptr<SimEnsemble> sim_;
  std::unique_ptr<ScenarioClients> clients_;                 // of whole replicas
  std::map<std::int64_t, std::vector<std::uint64_t>> cuts_;  // by server
  std::map<std::pair<ServerId, ServerId>, std::uint64_t> holds_;
  std::uint64_t seen_ = 0;   // of the trace
  std::uint64_t steps_ = 0;  // of this command
  std::int64_t sessions_ = 0;
};

}  // namespace paddock::test
