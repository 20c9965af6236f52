#include <gtest/gtest.h>

#include "tests/unit/core/core_ensemble.h"

// Local sessions. What ZooKeeper 3.8.0 answers was recorded with three of them and an observer.
namespace paddock::server {
namespace {

using test::create_record;
using Texts = std::vector<std::string>;

constexpr int kFollower = 1, kLeader = 3;

class CoreLocalTest : public testing::TestWithParam<int> {
 protected:
  explicit CoreLocalTest(bool upgrading = true)
      : ensemble_({.tick = Millis{1000}}, 3, [upgrading](CoreOptions& options) {
          options.local_sessions = true;
          options.local_sessions_upgrading = upgrading;
        }) {}
  void SetUp() override { ASSERT_EQ(ensemble_.leader(), kLeader); }

  int here() const { return GetParam(); }
  int elsewhere() const { return here() == kLeader ? kFollower : kLeader; }
  std::size_t globals() { return ensemble_.tree(kLeader).session_count(); }
  Zxid last_zxid() { return ensemble_.tree(kLeader).last_zxid(); }
  void expect_equal_trees() {
    for (int server = 2; server <= 3; ++server) {
      EXPECT_EQ(ensemble_.tree(server).last_zxid(), ensemble_.tree(1).last_zxid());
      EXPECT_EQ(ensemble_.tree(server).digest(), ensemble_.tree(1).digest());
      EXPECT_EQ(ensemble_.tree(server).session_count(), ensemble_.tree(1).session_count());
    }
  }

  CoreEnsemble ensemble_;
};

class CoreLocalWithoutUpgradeTest : public CoreLocalTest {
 protected:
  CoreLocalWithoutUpgradeTest() : CoreLocalTest(false) {}
};

Bytes ephemeral(std::string_view path) {
  return create_record({.path = path, .flags = 1});
}

TEST_P(CoreLocalTest, MakesUsesAndClosesASessionWithoutATransactionForIt) {
  const Zxid before = last_zxid();
  const SessionId session = ensemble_.new_session(here(), 7);
  EXPECT_EQ(last_zxid(), before);
  EXPECT_EQ(ensemble_.core(here()).local_session_count(), 1u);
  ensemble_.send(here(), 7, session, 1, OpCode::kCreate, create_record({.path = "/a"}));
  ensemble_.send(here(), 7, session, 2, OpCode::kSync, test::path_record("/a"));
  ensemble_.send(here(), 7, session, 3, OpCode::kDelete, test::path_version_record("/a", -1));
  ensemble_.send(here(), 7, session, 4, OpCode::kCloseSession);
  ensemble_.run();
  EXPECT_EQ(ensemble_.take(here()),
            (Texts{"7: xid=1 err=0", "7: xid=2 err=0", "7: xid=3 err=0", "7: xid=4 err=0 close"}));
  EXPECT_EQ(ensemble_.last_reply_zxid(), last_zxid());
  EXPECT_EQ(last_zxid().counter(), 2u);  // a create and a delete
  EXPECT_EQ(globals(), 0u);
  EXPECT_EQ(ensemble_.core(here()).local_session_count(), 0u);
  expect_equal_trees();
}

TEST_P(CoreLocalTest, ClosesASessionThatHasNothingUnderWayAtOnce) {
  const SessionId session = ensemble_.new_session(here(), 7);
  ensemble_.request(here(), 7, session, 1, OpCode::kCloseSession);
  EXPECT_EQ(ensemble_.take(here()), Texts{"7: xid=1 err=0 close"});
  ensemble_.connect(here(), 8, session);
  EXPECT_EQ(ensemble_.take(here()), Texts{"8: refused"});
}

TEST_P(CoreLocalTest, AttachesASessionAnewWhereItIsAndNowhereElse) {
  const SessionId session = ensemble_.new_session(here(), 7);
  ensemble_.connect(elsewhere(), 8, session);
  EXPECT_EQ(ensemble_.take(elsewhere()), Texts{"8: refused"});
  ensemble_.connect(here(), 9, session, 5000);
  EXPECT_EQ(ensemble_.take(here()),
            (Texts{"7: closed, its session has attached elsewhere", "9: attached timeout=5000"}));
}

TEST_P(CoreLocalTest, ExpiresASilentSessionHereAndTellsNobody) {
  const Zxid before = last_zxid();
  (void)ensemble_.new_session(here(), 7, 4000);
  const SessionId alive = ensemble_.new_session(here(), 8, 4000);
  for (int i = 0; i < 10; ++i) {
    ensemble_.advance(Millis{1000});
    ensemble_.touch(here(), alive);
  }
  EXPECT_EQ(ensemble_.take(here()), Texts{"7: closed, its session expired"});
  EXPECT_EQ(ensemble_.core(here()).local_session_count(), 1u);
  EXPECT_EQ(last_zxid(), before);
}

TEST_P(CoreLocalTest, MakesASessionTheEnsemblesBeforeItsFirstEphemeralNode) {
  const SessionId session = ensemble_.new_session(here(), 7);
  ensemble_.send(here(), 7, session, 1, OpCode::kCreate, ephemeral("/e"));
  ensemble_.send(here(), 7, session, 2, OpCode::kCreate, ephemeral("/f"));
  ensemble_.run();
  EXPECT_EQ(ensemble_.take(here()), (Texts{"7: xid=1 err=0", "7: xid=2 err=0"}));
  EXPECT_EQ(last_zxid().counter(), 3u);  // one createSession
  EXPECT_EQ(ensemble_.tree(2).session_timeout(session), 10000);
  EXPECT_EQ(ensemble_.core(here()).local_session_count(), 0u);
  // From here on it moves like any other.
  ensemble_.connect(elsewhere(), 8, session);
  EXPECT_EQ(ensemble_.take(elsewhere()), Texts{"8: attached timeout=10000"});
  ensemble_.request(elsewhere(), 8, session, 3, OpCode::kCloseSession);
  EXPECT_EQ(ensemble_.take(elsewhere()), Texts{"8: xid=3 err=0 close"});
  EXPECT_EQ(ensemble_.tree(2).ephemerals_count(), 0u);
  expect_equal_trees();
}

TEST_P(CoreLocalTest, MakesASessionTheEnsemblesForAnEphemeralNodeInAMulti) {
  const SessionId session = ensemble_.new_session(here(), 7);
  ensemble_.request(here(), 7, session, 1, OpCode::kMulti,
                    test::multi_record({{OpCode::kCreate, create_record({.path = "/a"})}}));
  EXPECT_EQ(globals(), 0u);
  ensemble_.request(here(), 7, session, 2, OpCode::kMulti,
                    test::multi_record({{OpCode::kCreate, create_record({.path = "/b"})},
                                        {OpCode::kCreate, ephemeral("/e")}}));
  EXPECT_EQ(globals(), 1u);
  EXPECT_NE(ensemble_.tree(2).find("/e"), nullptr);
  EXPECT_EQ(ensemble_.take(here()), (Texts{"7: xid=1 err=0", "7: xid=2 err=0"}));
}

// Fault catalogue, row 76: an ephemeral node must not outlive its session.
TEST_P(CoreLocalTest, ClosesASessionBehindItsUpgradeByATransaction) {
  const SessionId session = ensemble_.new_session(here(), 7);
  ensemble_.send(here(), 7, session, 1, OpCode::kCreate, ephemeral("/e"));
  ensemble_.send(here(), 7, session, 2, OpCode::kCloseSession);
  ensemble_.run();
  EXPECT_EQ(ensemble_.take(here()), (Texts{"7: xid=1 err=0", "7: xid=2 err=0 close"}));
  EXPECT_EQ(ensemble_.tree(2).ephemerals_count(), 0u);
  EXPECT_EQ(globals(), 0u);
  expect_equal_trees();
}

// The same row: the connection goes while the upgrade is under way, and nobody comes back.
TEST_P(CoreLocalTest, ExpiresAnUpgradedSessionWhoseClientHasGone) {
  const SessionId session = ensemble_.new_session(here(), 7);
  ensemble_.hold(here());
  ensemble_.request(here(), 7, session, 1, OpCode::kCreate, ephemeral("/e"));
  ensemble_.disconnect(here(), 7, session);
  ensemble_.release(here());
  EXPECT_NE(ensemble_.tree(2).find("/e"), nullptr);
  ensemble_.advance(Millis{15000});
  EXPECT_EQ(ensemble_.tree(2).find("/e"), nullptr);
  EXPECT_EQ(globals(), 0u);
  expect_equal_trees();
}

TEST_P(CoreLocalTest, UpgradesNothingForAnEphemeralNodeThatCannotBe) {
  const SessionId session = ensemble_.new_session(here(), 7);
  ensemble_.request(here(), 7, session, 1, OpCode::kCreate,
                    create_record({.path = "/a", .flags = 9}));
  ensemble_.request(here(), 7, session, 2, OpCode::kCreate, Bytes{1, 2, 3});
  EXPECT_EQ(ensemble_.take(here()), (Texts{"7: xid=1 err=-8", "7: xid=2 err=-5"}));
  EXPECT_EQ(globals(), 0u);
}

TEST_P(CoreLocalTest, ForgetsItsSessionsWithTheRole) {
  const SessionId session = ensemble_.new_session(2, 7);
  ensemble_.kill(kLeader);
  ASSERT_EQ(ensemble_.leader(), 2);
  EXPECT_EQ(ensemble_.take(2), Texts{"all: closed"});
  ensemble_.connect(2, 8, session);
  EXPECT_EQ(ensemble_.take(2), Texts{"8: refused"});
}

INSTANTIATE_TEST_SUITE_P(, CoreLocalTest, testing::Values(kFollower, kLeader));

TEST_P(CoreLocalWithoutUpgradeTest, RefusesEphemeralNodes) {
  const SessionId session = ensemble_.new_session(here(), 7);
  ensemble_.request(here(), 7, session, 1, OpCode::kCreate, ephemeral("/e"));
  ensemble_.request(here(), 7, session, 2, OpCode::kCreate2, ephemeral("/none/e"));
  EXPECT_EQ(ensemble_.take(here()), (Texts{"7: xid=1 err=-120", "7: xid=2 err=-120"}));
  EXPECT_EQ(last_zxid().counter(), 2u);  // a refusal takes a zxid
  EXPECT_EQ(ensemble_.last_reply_zxid(), last_zxid());
  ensemble_.request(here(), 7, session, 3, OpCode::kMulti,
                    test::multi_record({{OpCode::kCreate, create_record({.path = "/b"})},
                                        {OpCode::kCreate, ephemeral("/e")}}));
  EXPECT_EQ(ensemble_.tree(2).find("/b"), nullptr);
  EXPECT_EQ(ensemble_.tree(2).ephemerals_count(), 0u);
  EXPECT_EQ(globals(), 0u);
  EXPECT_EQ(ensemble_.core(here()).local_session_count(), 1u);
}

INSTANTIATE_TEST_SUITE_P(, CoreLocalWithoutUpgradeTest, testing::Values(kFollower, kLeader));

// What a learner sent before it knew that the session has ended must not be taken for a write of a
// local session of its own.
TEST(CoreLocalLate, TakesNoWriteOfASessionOfTheEnsembleThatHasEnded) {
  CoreEnsemble ensemble({.tick = Millis{1000}}, 3, [](CoreOptions& options) {
    options.local_sessions = options.local_sessions_upgrading = true;
  });
  const SessionId session = ensemble.new_session(kFollower, 7, 4000);
  ensemble.request(kFollower, 7, session, 1, OpCode::kCreate, ephemeral("/e"));
  (void)ensemble.take(kFollower);
  ensemble.hold(kFollower);
  ensemble.send(kFollower, 7, session, 2, OpCode::kCreate, create_record({.path = "/late"}));
  ensemble.run();
  ensemble.advance(Millis{6000});
  ASSERT_EQ(ensemble.tree(2).find("/e"), nullptr);
  ensemble.release(kFollower);
  EXPECT_EQ(ensemble.tree(2).find("/late"), nullptr);
}

TEST(CoreLocalNone, RefusesAWriteOfAnUnknownSessionWhereThereAreNoLocalOnes) {
  // Server 1 has local sessions, and its leader does not.
  CoreEnsemble ensemble({.tick = Millis{1000}}, 3, [](CoreOptions& options) {
    options.local_sessions = options.server_id == ServerId{1};
  });
  const SessionId session = ensemble.new_session(1, 7);
  ensemble.request(1, 7, session, 1, OpCode::kCreate, create_record({.path = "/a"}));
  EXPECT_EQ(ensemble.take(1), Texts{"7: xid=1 err=-112"});
}

TEST(CoreLeaderServes, ALeaderThatServesNobodyLeadsAllTheSame) {
  CoreEnsemble ensemble({.tick = Millis{1000}}, 3,
                        [](CoreOptions& options) { options.leader_serves = false; });
  ASSERT_EQ(ensemble.leader(), kLeader);
  ensemble.connect(kLeader, 7);
  EXPECT_EQ(ensemble.take(kLeader),
            Texts{"7: closed, this server leads and serves nobody (leaderServes)"});
  EXPECT_FALSE(ensemble.core(kLeader).serves());
  const SessionId session = ensemble.new_session(kFollower, 7);
  ensemble.request(kFollower, 7, session, 1, OpCode::kCreate, create_record({.path = "/a"}));
  EXPECT_EQ(ensemble.take(kFollower), Texts{"7: xid=1 err=0"});
  EXPECT_TRUE(ensemble.core(kFollower).serves());
}

}  // namespace
}  // namespace paddock::server
