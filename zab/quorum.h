#pragma once

#include <memory>
#include <set>

#include "zab/ensemble.h"

namespace paddock::zab {

// Whether these servers may decide for the ensemble: more than half of its voters, or, with groups,
// more than half of the weight in more than half of the groups that have any. Who does not vote is
// not counted. No other file counts votes.
// Source: ZooKeeper 3.8, QuorumMaj, QuorumHierarchical.
bool is_quorum(const Ensemble& ensemble, const std::set<ServerId>& servers);

// The configurations in force: the committed one, and, while a change of it is under way, the next
// one. What is decided needs a quorum of each.
struct Configurations {
  std::shared_ptr<const Ensemble> committed;
  std::shared_ptr<const Ensemble> last_seen;  // null, or with a larger version

  bool is_voter(ServerId id) const;  // in either
  bool can_lead(ServerId id) const;  // a voter, with weight: in the committed one if it votes there
  bool is_quorum(const std::set<ServerId>& servers) const;
  std::vector<ServerId> voters() const;  // of both, by id
};

}  // namespace paddock::zab
