#include "zab/reconfiguration.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace paddock::zab {

Reconfiguration::Reconfiguration(Configurations configurations, bool enabled, Journal& journal)
    : enabled_(enabled), configurations_(std::move(configurations)), journal_(journal) {
  PADDOCK_CHECK(configurations_.committed != nullptr);
  auto& [committed, last_seen] = configurations_;
  if (!enabled_ || (last_seen != nullptr && last_seen->version <= committed->version)) {
    last_seen = nullptr;
  }
}

void Reconfiguration::see(std::shared_ptr<const Ensemble> next, Actions& actions) {
  PADDOCK_CHECK(next != nullptr);
  if (!enabled_) return;
  const auto& [committed, last_seen] = configurations_;
  if (next->version <= committed->version) next = nullptr;
  if (next == last_seen) return;
  if (next != nullptr && last_seen != nullptr && next->version == last_seen->version) return;
  configurations_.last_seen = std::move(next);
  tell(actions);
}

void Reconfiguration::number(Epoch epoch, Actions& actions) {
  const auto& [committed, last_seen] = configurations_;
  if (!enabled_ || committed->version != 0 || last_seen != nullptr) return;
  Ensemble numbered = *committed;
  numbered.version = Zxid::make(epoch, 0).value;
  see(std::make_shared<const Ensemble>(std::move(numbered)), actions);
}

bool Reconfiguration::activate(std::shared_ptr<const Ensemble> next, Actions& actions) {
  PADDOCK_CHECK(next != nullptr);
  auto& [committed, last_seen] = configurations_;
  if (!enabled_ || next->version <= committed->version) return false;
  const bool differs = !next->same_members(*committed);
  committed = std::move(next);
  if (last_seen != nullptr && last_seen->version <= committed->version) last_seen = nullptr;
  tell(actions);
  return differs;
}

void Reconfiguration::tell(Actions& actions) {
  journal_.write_configurations(configurations_, actions);
  actions.emplace_back(ConfigurationsChanged{configurations_.committed, configurations_.last_seen});
}

bool votes_in_one_place(const Ensemble& a, const Ensemble& b, ServerId server) {
  if (!a.is_voter(server) || !b.is_voter(server)) return false;
  return std::ranges::equal(a.find(server)->addresses, b.find(server)->addresses, {},
                            &Member::Address::quorum, &Member::Address::quorum);
}

}  // namespace paddock::zab
