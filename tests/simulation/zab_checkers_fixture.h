#pragma once

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/sim_ensemble.h"
#include "tests/support/zab_checkers.h"

namespace paddock::test {

inline constexpr ServerId kOne{1}, kTwo{2}, kThree{3}, kObserver{4};

inline Zxid zxid(std::int64_t epoch, std::uint32_t counter) {
  return Zxid::make(Epoch{epoch}, counter);
}

inline zab::Notification vote_for(ServerId leader, Zxid zxid, std::int64_t epoch) {
  zab::Notification notification;
  notification.vote = {leader, zxid, Epoch{epoch}};
  return notification;
}

// The checkers over servers made by hand: three voters and an observer.
class Checkers : public testing::Test {
 protected:
  struct Server {
    DiskImage image;
    ModelLog log;
    StateMachine state;
    std::uint64_t ticket = 0;
  };

  Checkers() {
    for (std::int64_t i = 1; i <= 4; ++i) {
      Server& server = servers_[static_cast<std::size_t>(i - 1)];
      checkers.watch({i}, server.image, server.log, server.state);
      checkers.started({i});
    }
  }

  Server& at(ServerId id) { return servers_[static_cast<std::size_t>(id.value - 1)]; }

  // A new write of session 1, with the next cxid.
  zab::Txn txn(std::int64_t epoch, std::uint32_t counter) {
    return {zxid(epoch, counter), encode({SessionId{1}, ++cxid_, ++value_})};
  }

  void write(ServerId id, DiskWrite write) {
    checkers.asked(id, write);
    checkers.written(id, write);
  }
  zab::WriteTicket ticket(ServerId id) { return {++at(id).ticket}; }

  void accept(ServerId id, std::int64_t epoch) {
    at(id).image.accepted_epoch = {epoch};
    write(id, {zab::WriteAcceptedEpoch{ticket(id), {epoch}}});
  }
  void enter(ServerId id, std::int64_t epoch) {
    at(id).image.current_epoch = {epoch};
    write(id, {zab::WriteCurrentEpoch{ticket(id), {epoch}}});
  }
  void append(ServerId id, const zab::Txn& txn) {
    at(id).log.append(txn);
    at(id).image.log.append(txn);
    write(id, {zab::Append{ticket(id), {txn}}});
  }
  void truncate(ServerId id, Zxid upto) {
    at(id).log.truncate(upto);
    at(id).state.roll_back(upto);
    const DiskWrite cut{zab::Truncate{ticket(id), upto}};
    checkers.asked(id, cut);
    at(id).image.log.truncate(upto);
    checkers.written(id, cut);
  }
  void deliver(ServerId id, const zab::Txn& txn) {
    ASSERT_TRUE(at(id).state.apply(txn));
    checkers.delivered(id);
  }
  void role(ServerId id, zab::Role role, std::int64_t epoch, ServerId leader) {
    zab::RoleChanged change;
    change.role = role;
    change.epoch = {epoch};
    change.leader = leader;
    checkers.role_changed(id, change);
  }
  void look(ServerId id) { role(id, zab::Role::kLooking, 0, {}); }

  // `leader` leads `followers` in `epoch`, with the histories that they have.
  void establish(ServerId leader, std::vector<ServerId> followers, std::int64_t epoch) {
    for (const ServerId id : followers) accept(id, epoch);
    accept(leader, epoch);
    for (const ServerId id : followers) enter(id, epoch);
    enter(leader, epoch);
    role(leader, zab::Role::kLeading, epoch, leader);
    checkers.step_ended(leader);
    for (const ServerId id : followers) {
      const bool observes = id == kObserver;
      role(id, observes ? zab::Role::kObserving : zab::Role::kFollowing, epoch, leader);
      checkers.step_ended(id);
    }
  }
  // Proposed by one, on the disks of one and two, delivered by one.
  zab::Txn commit(std::int64_t epoch, std::uint32_t counter) {
    zab::Txn proposed = txn(epoch, counter);
    checkers.proposed(kOne, proposed);
    append(kOne, proposed);
    append(kTwo, proposed);
    deliver(kOne, proposed);
    return proposed;
  }

  std::string found() const {
    return checkers.violation().substr(0, checkers.violation().find(':'));
  }

  std::shared_ptr<const zab::Ensemble> ensemble = make_ensemble(3, 1, 0);
  ZabCheckers checkers{*ensemble};

 private:
  std::array<Server, 4> servers_;
  std::int32_t cxid_ = 0;
  std::uint64_t value_ = 0;
};

}  // namespace paddock::test
