#include "zab/replica.h"

#include <utility>

#include "common/check.h"
#include "common/concat.h"

namespace paddock::zab {

Replica::Replica(const Durable& durable)
    : last_proposed_(durable.last_zxid), last_committed_(durable.last_zxid) {}

void Replica::step(Event event, Millis /*now*/, Actions& actions) {
  if (auto* propose = std::get_if<Propose>(&event)) return on_propose(std::move(*propose), actions);
  if (auto* persisted = std::get_if<Persisted>(&event)) return on_persisted(*persisted, actions);
  on_tick(actions);
}

Zxid Replica::next_zxid() const {
  PADDOCK_CHECK(role_ == Role::kLeading);
  return last_proposed_.next();
}

std::string Replica::describe() const {
  std::string_view role;
  switch (role_) {
    case Role::kLooking:
      role = "looking";
      break;
    case Role::kFollowing:
      role = "following";
      break;
    case Role::kLeading:
      role = "leading";
      break;
    case Role::kObserving:
      role = "observing";
      break;
  }
  return concat(role, " epoch=", last_proposed_.epoch().value, " proposed=0x",
                hex(static_cast<std::uint64_t>(last_proposed_.value)), " committed=0x",
                hex(static_cast<std::uint64_t>(last_committed_.value)),
                " outstanding=", outstanding_.size());
}

// Alone, a server has nobody to wait for: it leads.
void Replica::on_tick(Actions& actions) {
  if (role_ != Role::kLooking) return;
  role_ = Role::kLeading;
  actions.emplace_back(RoleChanged{role_, last_proposed_.epoch(), ServerId{}});
}

void Replica::on_propose(Propose propose, Actions& actions) {
  PADDOCK_CHECK(propose.txn.zxid == next_zxid());
  PADDOCK_CHECK(propose.txn.payload != nullptr);
  last_proposed_ = propose.txn.zxid;
  ++last_ticket_.value;
  Append append{last_ticket_, {}};
  append.txns.push_back(propose.txn);
  actions.emplace_back(std::move(append));
  outstanding_.push_back({std::move(propose.txn), last_ticket_});
}

// A quorum of one: what is on our disk is committed.
void Replica::on_persisted(Persisted persisted, Actions& actions) {
  PADDOCK_CHECK(persisted.ticket >= last_persisted_);
  PADDOCK_CHECK(persisted.ticket <= last_ticket_);
  last_persisted_ = persisted.ticket;
  while (!outstanding_.empty() && outstanding_.front().ticket <= last_persisted_) {
    Txn& txn = outstanding_.front().txn;
    PADDOCK_CHECK(txn.zxid == last_committed_.next());
    last_committed_ = txn.zxid;
    actions.emplace_back(Deliver{std::move(txn)});
    outstanding_.pop_front();
  }
  PADDOCK_CHECK(last_committed_ <= last_proposed_);
}

}  // namespace paddock::zab
