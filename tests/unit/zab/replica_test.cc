#include "zab/replica.h"

#include <gtest/gtest.h>

#include <memory>

namespace paddock::zab {
namespace {

Txn txn(Zxid zxid) {
  return {zxid, std::make_shared<const Bytes>(Bytes{1, 2, 3})};
}

class ReplicaTest : public testing::Test {
 protected:
  Actions step(Event event) {
    Actions actions;
    replica_.step(std::move(event), Millis{++now_}, actions);
    return actions;
  }

  std::int64_t now_ = 0;
  Replica replica_{Membership{}, Durable{History(Zxid::make(Epoch{3}, 7)), Epoch{}, Epoch{}}};
};

TEST_F(ReplicaTest, LeadsInTheEpochOfItsLastZxidFromTheFirstTickOn) {
  EXPECT_EQ(replica_.role(), Role::kLooking);
  const Actions actions = step(Tick{});
  ASSERT_EQ(actions.size(), 1u);
  const auto& changed = std::get<RoleChanged>(actions[0]);
  EXPECT_EQ(changed.role, Role::kLeading);
  EXPECT_EQ(changed.epoch, Epoch{3});
  EXPECT_TRUE(step(Tick{}).empty());
}

TEST_F(ReplicaTest, DeliversNothingBeforeItIsOnDisk) {
  step(Tick{});
  EXPECT_EQ(replica_.next_zxid(), Zxid::make(Epoch{3}, 8));
  const Actions actions = step(Propose{txn(replica_.next_zxid())});
  ASSERT_EQ(actions.size(), 1u);
  const auto& append = std::get<Append>(actions[0]);
  EXPECT_EQ(append.ticket, WriteTicket{1});
  ASSERT_EQ(append.txns.size(), 1u);
  EXPECT_EQ(append.txns[0].zxid, Zxid::make(Epoch{3}, 8));
  EXPECT_EQ(replica_.outstanding(), 1u);
  EXPECT_EQ(replica_.last_committed(), Zxid::make(Epoch{3}, 7));
  EXPECT_TRUE(step(Tick{}).empty());
}

TEST_F(ReplicaTest, DeliversInOrderAllThatIsOnDiskAndEachOnce) {
  step(Tick{});
  for (int i = 0; i < 4; ++i) step(Propose{txn(replica_.next_zxid())});
  Actions actions = step(Persisted{WriteTicket{3}});
  ASSERT_EQ(actions.size(), 3u);
  for (std::uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(std::get<Deliver>(actions[i]).txn.zxid, Zxid::make(Epoch{3}, 8 + i));
  }
  EXPECT_TRUE(step(Persisted{WriteTicket{3}}).empty());
  actions = step(Persisted{WriteTicket{4}});
  ASSERT_EQ(actions.size(), 1u);
  EXPECT_EQ(std::get<Deliver>(actions[0]).txn.zxid, Zxid::make(Epoch{3}, 11));
  EXPECT_EQ(replica_.outstanding(), 0u);
  EXPECT_EQ(replica_.last_committed(), replica_.last_logged());
}

TEST_F(ReplicaTest, DescribesItselfInOneLine) {
  step(Tick{});
  step(Propose{txn(replica_.next_zxid())});
  EXPECT_EQ(replica_.describe(),
            "sid=0 leading logged=0x300000008 durable=0x300000007 delivered=0x300000007 "
            "acceptedEpoch=0 currentEpoch=0: broadcast epoch=3 proposed=0x300000008 "
            "committed=0x300000007 outstanding=1 learners=0 attached=0");
}

using ReplicaDeathTest = ReplicaTest;

TEST_F(ReplicaDeathTest, StopsWhenTheHostSkipsAZxid) {
  step(Tick{});
  EXPECT_DEATH(step(Propose{txn(Zxid::make(Epoch{3}, 9))}), "next_zxid");
}

TEST_F(ReplicaDeathTest, StopsWhenAWriteIsReportedThatItNeverAskedFor) {
  step(Tick{});
  EXPECT_DEATH(step(Persisted{WriteTicket{1}}), "last_ticket_");
}

}  // namespace
}  // namespace paddock::zab
