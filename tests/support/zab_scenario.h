#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/sim_ensemble.h"

namespace paddock::test {

// An ensemble that does what a script says, and nothing else: no message arrives, no write is done
// and no time passes unless a command calls for it. Servers are named by their numbers; without
// any, all are meant.
//
//   ensemble VOTERS [observers=N] [history=N]   servers that are stopped, with equal disks
//            [joiners=N]    N more, in no configuration, and reconfiguration is enabled
//   start N...      crash N...     power-off N...
//   elect N...      votes among these, and the time that takes, until they know who leads
//   vote N...       votes among these arrive, one by one
//   exchange A B    what A and B say to each other arrives, and is shown
//   persist N...    all that these have to write is on disk
//   settle N...     all of that among these, until nothing is left to do; only outcomes are shown
//   write N         a client's write, through N
//   sync N          a client's sync, through N
//   reconfig N [add=M] [observe=M] [remove=M] ...   asked of N, which leads; refused, it says so
//   tick MS [N...]  time passes; for others than these no timer goes off
//   cut N...        connections with all others break, and none can be made
//   join N...       that is over
//   checkpoint N    a checkpoint of all that N has on disk
//   trim N ZXID     N's log up to there goes
//   describe N...
//
// A command gives what came of it, a line for each thing, as zab_trace has it; a message stands at
// the point where it arrives.
class ZabScenario {
 public:
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

  bool vote_arrives(const Servers& servers);
  bool speech_arrives(const Servers& servers);
  bool write_is_done(const Servers& servers);
  // What happened since the last time it was asked.
  std::string shown(Shown what);

  std::unique_ptr<SimEnsemble> sim_;
  std::map<std::int64_t, std::vector<std::uint64_t>> cuts_;  // by server
  std::uint64_t seen_ = 0;                                   // of the trace
  std::int64_t sessions_ = 0;
};

}  // namespace paddock::test
