#include <gtest/gtest.h>

#include "tests/unit/core/core_ensemble.h"

// Read-only mode. What ZooKeeper 3.8.0 answers was recorded with one of three servers running.
namespace paddock::server {
namespace {

using test::create_record;
using Texts = std::vector<std::string>;

constexpr bool kReadOnly = true;

class CoreReadOnlyTest : public testing::Test {
 protected:
  CoreReadOnlyTest()
      : ensemble_({.tick = Millis{1000}}, 3,
                  [](CoreOptions& options) { options.read_only = true; }) {}

  // Server 1 is left alone with a node and a session of the ensemble.
  void SetUp() override {
    ASSERT_EQ(ensemble_.leader(), 3);
    session_ = ensemble_.new_session(1, 7);
    ensemble_.request(1, 7, session_, 1, OpCode::kCreate, create_record({.path = "/a"}));
    (void)ensemble_.take(1);
    ensemble_.kill(2);
    ensemble_.kill(3);
    EXPECT_EQ(ensemble_.take(1), Texts{"all: closed"});
    ensemble_.disconnect(1, 7, session_);
  }
  void wait_for_read_only() {
    ensemble_.advance(Millis{2500});
    ASSERT_TRUE(ensemble_.core(1).reads_only());
  }
  SessionId new_read_only_session(std::uint64_t connection, std::int32_t timeout_ms = 10000) {
    ensemble_.connect(1, connection, {}, timeout_ms, kReadOnly);
    EXPECT_EQ(ensemble_.take(1).size(), 1u);
    return ensemble_.last_session();
  }

  CoreEnsemble ensemble_;
  SessionId session_;
};

TEST_F(CoreReadOnlyTest, BeginsOnceAnElectionHasTakenTooLong) {
  ensemble_.advance(Millis{1500});
  EXPECT_FALSE(ensemble_.core(1).reads_only());
  ensemble_.connect(1, 8, {}, 10000, kReadOnly);
  EXPECT_EQ(ensemble_.take(1), Texts{"8: closed, this server has no leader and serves nobody"});
  ensemble_.advance(Millis{1000});
  EXPECT_TRUE(ensemble_.core(1).reads_only());
  EXPECT_TRUE(ensemble_.core(1).serves());
  EXPECT_EQ(ensemble_.core(1).role(), zab::Role::kLooking);
}

TEST_F(CoreReadOnlyTest, ServesThoseAloneWhoAcceptIt) {
  wait_for_read_only();
  ensemble_.connect(1, 8);
  EXPECT_EQ(ensemble_.take(1), Texts{"8: closed, without a quorum only readers are served"});
  ensemble_.connect(1, 9, {}, 10000, kReadOnly);
  EXPECT_EQ(ensemble_.take(1), Texts{"9: attached timeout=10000 read-only"});
}

TEST_F(CoreReadOnlyTest, RefusesWhatWouldChangeSomething) {
  wait_for_read_only();
  const SessionId session = new_read_only_session(9);
  const Zxid before = ensemble_.tree(1).last_zxid();
  std::int32_t xid = 0;
  for (const OpCode op :
       {OpCode::kCreate, OpCode::kCreate2, OpCode::kCreateContainer, OpCode::kCreateTtl,
        OpCode::kDelete, OpCode::kDeleteContainer, OpCode::kSetData, OpCode::kSetAcl,
        OpCode::kMulti, OpCode::kReconfig, OpCode::kSync}) {
    ensemble_.request(1, 9, session, ++xid, op, create_record({.path = "/b"}));
    EXPECT_EQ(ensemble_.take(1), Texts{"9: xid=" + std::to_string(xid) + " err=-119"});
    EXPECT_EQ(ensemble_.last_reply_zxid(), before);
  }
  EXPECT_EQ(ensemble_.tree(1).last_zxid(), before);
  EXPECT_EQ(ensemble_.core(1).outstanding(), 0u);
  ensemble_.request(1, 9, session, 99, OpCode::kCloseSession);
  EXPECT_EQ(ensemble_.take(1), Texts{"9: xid=99 err=0 close"});
  EXPECT_EQ(ensemble_.core(1).local_session_count(), 0u);
}

TEST_F(CoreReadOnlyTest, KeepsItsOwnSessionsAndLeavesThoseOfTheEnsembleAlone) {
  wait_for_read_only();
  ensemble_.connect(1, 8, session_, 10000, kReadOnly);
  EXPECT_EQ(ensemble_.take(1),
            Texts{"8: closed, without a quorum no session of the ensemble is served"});
  const SessionId session = new_read_only_session(9, 4000);
  ensemble_.connect(1, 10, session, 4000, kReadOnly);
  EXPECT_EQ(ensemble_.take(1), (Texts{"9: closed, its session has attached elsewhere",
                                      "10: attached timeout=4000 read-only"}));
  ensemble_.connect(1, 11, SessionId{12345}, 4000, kReadOnly);
  EXPECT_EQ(ensemble_.take(1), Texts{"11: refused read-only"});
  ensemble_.advance(Millis{6000});
  EXPECT_EQ(ensemble_.take(1), Texts{"10: closed, its session expired"});
  // That of the ensemble does not expire without a quorum.
  ensemble_.advance(Millis{60000});
  EXPECT_EQ(ensemble_.tree(1).session_timeout(session_), 10000);
}

TEST(CoreReadOnly, IsOffUnlessAskedFor) {
  CoreEnsemble ensemble({.tick = Millis{1000}}, 3, {}, {ServerId{2}, ServerId{3}});
  ensemble.advance(Millis{60000});
  ensemble.connect(1, 8, {}, 10000, kReadOnly);
  EXPECT_EQ(ensemble.take(1), Texts{"8: closed, this server has no leader and serves nobody"});
}

TEST(CoreReadOnly, EndsWithTheElectionAndForgetsItsSessions) {
  CoreEnsemble ensemble({.tick = Millis{1000}}, 3,
                        [](CoreOptions& options) { options.read_only = true; },
                        {ServerId{2}, ServerId{3}});
  ensemble.advance(Millis{5000});
  ASSERT_TRUE(ensemble.core(1).reads_only());
  ensemble.connect(1, 8, {}, 10000, kReadOnly);
  const SessionId session = ensemble.last_session();
  EXPECT_EQ(ensemble.take(1), Texts{"8: attached timeout=10000 read-only"});

  ensemble.start(2);
  ensemble.advance(Millis{5000});
  ASSERT_EQ(ensemble.leader(), 2);
  EXPECT_FALSE(ensemble.core(1).reads_only());
  EXPECT_EQ(ensemble.take(1), Texts{"all: closed"});
  ensemble.disconnect(1, 8, session);
  ensemble.connect(1, 9, session, 10000, kReadOnly);
  EXPECT_EQ(ensemble.take(1), Texts{"9: refused"});
  const SessionId written = ensemble.new_session(1, 10);
  ensemble.request(1, 10, written, 1, OpCode::kCreate, create_record({.path = "/a"}));
  EXPECT_EQ(ensemble.take(1), Texts{"10: xid=1 err=0"});
}

}  // namespace
}  // namespace paddock::server
