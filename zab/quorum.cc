#include "zab/quorum.h"

#include <algorithm>
#include <iterator>

#include "common/check.h"

namespace paddock::zab {

namespace {

bool is_majority(const Ensemble& ensemble, const std::set<ServerId>& servers) {
  std::size_t voters = 0, votes = 0;
  for (const Member& member : ensemble.members) {
    if (member.observer) continue;
    ++voters;
    if (servers.contains(member.id)) ++votes;
  }
  return votes > voters / 2;
}

// Groups whose servers all weigh nothing are as good as not there.
bool is_majority_of_groups(const Ensemble& ensemble, const std::set<ServerId>& servers) {
  std::size_t groups = 0, votes = 0;
  for (const Ensemble::Group& group : ensemble.groups) {
    std::int64_t weight = 0, for_it = 0;
    for (const ServerId server : group.servers) {
      weight += ensemble.weight(server);
      if (servers.contains(server) && ensemble.is_voter(server)) {
        for_it += ensemble.weight(server);
      }
    }
    if (weight == 0) continue;
    ++groups;
    if (for_it > weight / 2) ++votes;
  }
  return votes > groups / 2;
}

}  // namespace

bool is_quorum(const Ensemble& ensemble, const std::set<ServerId>& servers) {
  return ensemble.groups.empty() ? is_majority(ensemble, servers)
                                 : is_majority_of_groups(ensemble, servers);
}

bool Configurations::is_voter(ServerId id) const {
  PADDOCK_CHECK(committed != nullptr);
  return committed->is_voter(id) || (last_seen != nullptr && last_seen->is_voter(id));
}

bool Configurations::can_lead(ServerId id) const {
  PADDOCK_CHECK(committed != nullptr);
  if (committed->is_voter(id)) return committed->weight(id) > 0;
  return last_seen != nullptr && last_seen->is_voter(id) && last_seen->weight(id) > 0;
}

bool Configurations::is_quorum(const std::set<ServerId>& servers) const {
  PADDOCK_CHECK(committed != nullptr);
  return zab::is_quorum(*committed, servers) &&
         (last_seen == nullptr || zab::is_quorum(*last_seen, servers));
}

std::vector<ServerId> Configurations::voters() const {
  PADDOCK_CHECK(committed != nullptr);
  std::vector<ServerId> both = committed->voters();
  if (last_seen == nullptr) return both;
  const std::vector<ServerId> now = std::move(both), next = last_seen->voters();
  both.clear();
  std::set_union(now.begin(), now.end(), next.begin(), next.end(), std::back_inserter(both));
  return both;
}

}  // namespace paddock::zab
