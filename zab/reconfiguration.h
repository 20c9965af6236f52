#pragma once

#include <memory>

#include "common/ids.h"
#include "zab/action.h"
#include "zab/ensemble.h"
#include "zab/journal.h"
#include "zab/quorum.h"

namespace paddock::zab {

// The configurations in force, and how one takes the place of another: proposed first, by a
// transaction or by a new leader, then committed. Until then a quorum of each is needed.
//
// Durable order: a proposed configuration is given to the disk before the transaction that proposes
// it, so whoever acknowledges that one needs both quorums from then on, whatever happens to it.
// Disabled, nothing changes, whatever others say. Source: ZooKeeper 3.8, QuorumPeer
// (setLastSeenQuorumVerifier, setQuorumVerifier, processReconfig); peer-protocol.md B11.
class Reconfiguration {
 public:
  // `journal` outlives it.
  Reconfiguration(Configurations configurations, bool enabled, Journal& journal);

  const Configurations& configurations() const { return configurations_; }
  bool is_enabled() const { return enabled_; }

  // `next` is proposed, or, by a new leader, is what there is: what was proposed before and is not
  // committed will not be.
  void see(std::shared_ptr<const Ensemble> next, Actions& actions);
  // The first leader's part: what came from files is version 0, which every later one supersedes.
  // Once it serves, the same servers are the configuration that its epoch began with.
  void number(Epoch epoch, Actions& actions);
  // `next` is committed. True: its servers are not the same, or not in the same place, as before.
  // False also where it is not newer than what is committed.
  bool activate(std::shared_ptr<const Ensemble> next, Actions& actions);

 private:
  void tell(Actions& actions);

  const bool enabled_;
  Configurations configurations_;
  Journal& journal_;
};

// Whether this server votes in both, where learners reach it in the same way.
bool votes_in_one_place(const Ensemble& a, const Ensemble& b, ServerId server);

}  // namespace paddock::zab
