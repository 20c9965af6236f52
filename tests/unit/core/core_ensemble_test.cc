#include <gtest/gtest.h>

#include "common/concat.h"
#include "tests/unit/core/core_ensemble.h"

namespace paddock::server {
namespace {

using test::create_record;
using Texts = std::vector<std::string>;

class CoreEnsembleTest : public testing::Test {
 protected:
  // Server 3 leads: nobody has anything, and its id is the largest.
  void SetUp() override { ASSERT_EQ(ensemble_.leader(), 3); }

  void expect_equal_trees() {
    for (int server = 2; server <= 3; ++server) {
      EXPECT_EQ(ensemble_.tree(server).last_zxid(), ensemble_.tree(1).last_zxid());
      EXPECT_EQ(ensemble_.tree(server).digest(), ensemble_.tree(1).digest());
    }
  }

  CoreEnsemble ensemble_;
};

TEST_F(CoreEnsembleTest, AnswersAWriteWhereItWasAskedAndAppliesItEverywhere) {
  const SessionId session = ensemble_.new_session(1, 7);
  ensemble_.request(1, 7, session, 1, OpCode::kCreate, create_record({.path = "/a"}));
  EXPECT_EQ(ensemble_.take(1), Texts{"7: xid=1 err=0"});
  EXPECT_TRUE(ensemble_.take(2).empty());
  EXPECT_TRUE(ensemble_.take(3).empty());
  for (int server = 1; server <= 3; ++server) {
    EXPECT_NE(ensemble_.tree(server).find("/a"), nullptr) << server;
    EXPECT_EQ(ensemble_.tree(server).session_timeout(session), 10000) << server;
  }
  expect_equal_trees();
}

TEST_F(CoreEnsembleTest, AnswersAFailedWriteOfAFollowersClientWithItsError) {
  const SessionId session = ensemble_.new_session(1, 7);
  ensemble_.send(1, 7, session, 1, OpCode::kDelete, test::path_version_record("/none", -1));
  ensemble_.send(1, 7, session, 2, OpCode::kCreate, create_record({.path = "/a"}));
  ensemble_.run();
  EXPECT_EQ(ensemble_.take(1), (Texts{"7: xid=1 err=-101", "7: xid=2 err=0"}));
}

TEST_F(CoreEnsembleTest, TellsItsConfigurationAsANode) {
  for (int server = 1; server <= 3; ++server) {
    const Znode* config = ensemble_.tree(server).find("/zookeeper/config");
    ASSERT_NE(config, nullptr);
    EXPECT_EQ(as_chars(ensemble_.tree(server).data_of(*config).bytes()),
              "server.1=127.0.0.1:2001:3001:participant\nserver.2=127.0.0.1:2002:3002:participant\n"
              "server.3=127.0.0.1:2003:3003:participant\nversion=0");
  }
}

TEST_F(CoreEnsembleTest, AnswersSyncOnAFollowerBehindTheSessionsWrites) {
  const SessionId session = ensemble_.new_session(2, 7);
  ensemble_.send(2, 7, session, 1, OpCode::kCreate, create_record({.path = "/a"}));
  ensemble_.send(2, 7, session, 2, OpCode::kSync, test::path_record("/a"));
  ensemble_.send(2, 7, session, 3, OpCode::kCreate, create_record({.path = "/b"}));
  ensemble_.run();
  EXPECT_EQ(ensemble_.take(2), (Texts{"7: xid=1 err=0", "7: xid=2 err=0", "7: xid=3 err=0"}));
}

TEST_F(CoreEnsembleTest, LetsNoSyncBeAnsweredByALeaderThatNoQuorumConfirms) {
  const SessionId session = ensemble_.new_session(3, 7);
  ensemble_.hold(3);
  ensemble_.request(3, 7, session, 1, OpCode::kSync, test::path_record("/"));
  EXPECT_TRUE(ensemble_.take(3).empty());
  ensemble_.release(3);
  EXPECT_EQ(ensemble_.take(3), Texts{"7: xid=1 err=0"});
}

TEST_F(CoreEnsembleTest, RefusesALoneCheckOnAFollowerInItsTurn) {
  const SessionId session = ensemble_.new_session(1, 7);
  ensemble_.send(1, 7, session, 1, OpCode::kCreate, create_record({.path = "/a"}));
  ensemble_.send(1, 7, session, 2, OpCode::kCheck, test::path_version_record("/a", 0));
  ensemble_.send(1, 7, session, 3, OpCode::kDelete, test::path_version_record("/a", -1));
  ensemble_.run();
  EXPECT_EQ(ensemble_.take(1), (Texts{"7: xid=1 err=0", "7: xid=2 err=-6", "7: xid=3 err=0"}));
}

TEST_F(CoreEnsembleTest, MovesASessionBetweenServersAndCutsOffTheOlderConnection) {
  const SessionId session = ensemble_.new_session(3, 7);
  ensemble_.connect(1, 8, session);
  EXPECT_EQ(ensemble_.take(1), Texts{"8: attached timeout=10000"});
  EXPECT_EQ(ensemble_.take(3), Texts{"7: closed, its session has attached to another server"});
  ensemble_.connect(2, 9, session);
  EXPECT_EQ(ensemble_.take(2), Texts{"9: attached timeout=10000"});
  // Server 1 knows nothing of it, and the leader does.
  ensemble_.request(1, 8, session, 1, OpCode::kCreate, create_record({.path = "/late"}));
  EXPECT_EQ(ensemble_.take(1), Texts{"8: closed, its session has moved"});
  EXPECT_EQ(ensemble_.tree(3).find("/late"), nullptr);
  ensemble_.request(2, 9, session, 2, OpCode::kCreate, create_record({.path = "/mine"}));
  EXPECT_EQ(ensemble_.take(2), Texts{"9: xid=2 err=0"});
}

// Session 1 -> 3 -> 1: what still comes by its first connection is older than all it did at 3, and
// would be forwarded by the link that the leader now takes for the owner's.
TEST_F(CoreEnsembleTest, TakesNothingFromAnOlderConnectionOnceItAsksTheLeaderAboutANewerOne) {
  const SessionId session = ensemble_.new_session(1, 7);
  ensemble_.connect(3, 8, session);
  ensemble_.request(3, 8, session, 5, OpCode::kCreate, create_record({.path = "/new"}));
  ensemble_.hold(1);
  ensemble_.connect(1, 9, session);
  EXPECT_EQ(ensemble_.take(1), Texts{"7: closed, its session attaches anew"});
  ensemble_.request(1, 7, session, 2, OpCode::kCreate, create_record({.path = "/old"}));
  EXPECT_EQ(ensemble_.take(1), Texts{"7: closed, its session has moved"});
  ensemble_.release(1);
  EXPECT_EQ(ensemble_.take(1), Texts{"9: attached timeout=10000"});
  EXPECT_EQ(ensemble_.tree(3).find("/old"), nullptr);
  EXPECT_NE(ensemble_.tree(3).find("/new"), nullptr);
}

TEST_F(CoreEnsembleTest, RefusesASessionThatTheLeaderDoesNotKnow) {
  ensemble_.connect(1, 8, SessionId{12345});
  EXPECT_EQ(ensemble_.take(1), Texts{"8: refused"});
  ensemble_.connect(3, 8, SessionId{12345});
  EXPECT_EQ(ensemble_.take(3), Texts{"8: refused"});
}

TEST_F(CoreEnsembleTest, ExpiresAFollowersSessionOnlyOnceItIsSilent) {
  const SessionId silent = ensemble_.new_session(1, 7, 4000);
  const SessionId alive = ensemble_.new_session(1, 8, 4000);
  ensemble_.request(1, 7, silent, 1, OpCode::kCreate, create_record({.path = "/e", .flags = 1}));
  EXPECT_EQ(ensemble_.take(1), Texts{"7: xid=1 err=0"});
  for (int i = 0; i < 10; ++i) {
    ensemble_.advance(Millis{1000});
    ensemble_.touch(1, alive);
  }
  EXPECT_EQ(ensemble_.take(1), Texts{"7: closed, its session expired"});
  expect_equal_trees();
  EXPECT_EQ(ensemble_.tree(2).find("/e"), nullptr);
  EXPECT_EQ(ensemble_.tree(2).session_timeout(silent), std::nullopt);
  EXPECT_EQ(ensemble_.tree(2).session_timeout(alive), 4000);
}

TEST_F(CoreEnsembleTest, GivesEverySessionItsFullTimeoutUnderANewLeader) {
  const SessionId session = ensemble_.new_session(1, 7, 4000);
  ensemble_.advance(Millis{3000});
  ensemble_.kill(3);
  ASSERT_EQ(ensemble_.leader(), 2);
  EXPECT_EQ(ensemble_.take(1), Texts{"all: closed"});
  ensemble_.advance(Millis{3000});
  ensemble_.connect(2, 8, session, 4000);
  EXPECT_EQ(ensemble_.take(2), (Texts{"all: closed", "8: attached timeout=4000"}));
}

TEST_F(CoreEnsembleTest, ServesOnUnderANewLeaderWithAllThatWasAcknowledged) {
  const SessionId session = ensemble_.new_session(1, 7);
  ensemble_.request(1, 7, session, 1, OpCode::kCreate, create_record({.path = "/a"}));
  ensemble_.kill(3);
  ASSERT_EQ(ensemble_.leader(), 2);
  (void)ensemble_.take(1);
  ensemble_.connect(1, 8, session);
  ensemble_.request(1, 8, session, 2, OpCode::kCreate, create_record({.path = "/b"}));
  EXPECT_EQ(ensemble_.take(1), (Texts{"8: attached timeout=10000", "8: xid=2 err=0"}));
  EXPECT_NE(ensemble_.tree(2).find("/a"), nullptr);
  EXPECT_NE(ensemble_.tree(2).find("/b"), nullptr);
  EXPECT_EQ(ensemble_.tree(2).last_zxid().epoch(), Epoch{2});
}

TEST_F(CoreEnsembleTest, ServesNobodyWithoutAQuorum) {
  const SessionId session = ensemble_.new_session(3, 7);
  ensemble_.kill(1);
  ensemble_.kill(2);
  ensemble_.advance(Millis{10000});
  EXPECT_EQ(ensemble_.take(3), Texts{"all: closed"});
  EXPECT_EQ(ensemble_.core(3).role(), zab::Role::kLooking);
  ensemble_.connect(3, 8, session);
  ensemble_.connect(3, 9);
  EXPECT_EQ(ensemble_.take(3), (Texts{"8: closed, this server has no leader and serves nobody",
                                      "9: closed, this server has no leader and serves nobody"}));
}

zab::Notification having(std::string config) {
  zab::Notification notification;
  notification.config = std::move(config);
  return notification;
}

TEST_F(CoreEnsembleTest, TellsOnceOfAPeerWithAnotherConfiguration) {
  (void)ensemble_.take_notes(1);
  zab::Notification notification;
  notification.config =
      "server.1=127.0.0.1:2001:3001:participant\nserver.2=127.0.0.1:9:3002:participant\nversion=0";
  ensemble_.notify(2, 1, notification);
  ensemble_.notify(2, 1, notification);
  EXPECT_EQ(
      ensemble_.take_notes(1),
      Texts{"server 2 has another configuration than this server, of the same version: it has "
            "server.2=127.0.0.1:9:3002:participant; this server has "
            "server.2=127.0.0.1:2002:3002:participant, server.3=127.0.0.1:2003:3003:participant"
            ". Give both the same server.N lines, and restart the one that is wrong; if there "
            "are two servers 2, at 127.0.0.1:2002 and at 127.0.0.1:9, correct myid of the one "
            "that does not belong here"});
  std::string many =
      "server.1=127.0.0.1:2001:3001\nserver.2=127.0.0.1:2002:3002\n"
      "server.3=127.0.0.1:2003:3003\n";
  for (const char id : std::string_view("456789"))
    many += concat("server.", std::string(1, id), "=h:1:", std::string(1, id), "\n");
  ensemble_.notify(3, 1, having(many));
  EXPECT_EQ(
      ensemble_.take_notes(1),
      Texts{"server 3 has another configuration than this server, of the same version: it has "
            "server.4=h:1:4:participant, server.5=h:1:5:participant, server.6=h:1:6:participant"
            ", server.7=h:1:7:participant and 2 more; this server has nothing more. Give both "
            "the same server.N lines, and restart the one that is wrong"});
  EXPECT_EQ(ensemble_.leader(), 3);
}

TEST_F(CoreEnsembleTest, TellsOnceOfEachOfTwoServersWithOneNumber) {
  const std::string own = to_text(*ensemble_.core(1).replica().configurations().committed);
  std::string other = own;
  other.replace(other.find("2002:3002"), 9, "2012:3012");
  (void)ensemble_.take_notes(1);
  for (int i = 0; i < 5; ++i) {
    ensemble_.notify(2, 1, having(own));
    ensemble_.notify(2, 1, having(other));
  }
  EXPECT_EQ(ensemble_.take_notes(1).size(), 1u);
}

TEST_F(CoreEnsembleTest, TellsOnceOfAServerThatIsNoMember) {
  (void)ensemble_.take_notes(1);
  zab::Notification notification;
  notification.config = "server.9=10.0.0.9:1:2:participant\nversion=0";
  ensemble_.notify(9, 1, notification);
  ensemble_.notify(9, 1, notification);
  EXPECT_EQ(
      ensemble_.take_notes(1),
      Texts{"server 9, by itself at 10.0.0.9:1, takes part in elections, but is not in this "
            "server's configuration: its vote does not count here. Compare the server.N lines "
            "of both, and its myid"});
  notification.config.reset();
  ensemble_.notify(9, 1, notification);
  EXPECT_EQ(
      ensemble_.take_notes(1),
      Texts{"server 9 takes part in elections, but is not in this server's configuration: its "
            "vote does not count here. Compare the server.N lines of both, and its myid"});
  EXPECT_EQ(ensemble_.leader(), 3);
}

TEST_F(CoreEnsembleTest, BearsASilentPeerUntilSyncLimit) {
  ensemble_.hold(3);
  ensemble_.advance(Millis{4000});
  EXPECT_EQ(ensemble_.core(1).role(), zab::Role::kFollowing);
  EXPECT_EQ(ensemble_.core(3).role(), zab::Role::kLeading);
  ensemble_.advance(Millis{4000});
  EXPECT_EQ(ensemble_.leader(), 2);
  EXPECT_EQ(ensemble_.core(3).role(), zab::Role::kLooking);
}

TEST(CoreEnsembleHeartbeat, GivesUpASilentPeerLongBeforeSyncLimit) {
  CoreEnsemble ensemble(
      {.tick = Millis{1000}, .heartbeat = Millis{250}, .heartbeat_timeout = Millis{1000}});
  ASSERT_EQ(ensemble.leader(), 3);
  ensemble.advance(Millis{20000});  // nobody is silent
  EXPECT_EQ(ensemble.leader(), 3);
  EXPECT_EQ(ensemble.tree(3).last_zxid().epoch(), ensemble.tree(1).last_zxid().epoch());
  ensemble.hold(3);
  ensemble.advance(Millis{2000});
  EXPECT_EQ(ensemble.core(1).role(), zab::Role::kLooking);
  EXPECT_EQ(ensemble.core(2).role(), zab::Role::kLooking);
  EXPECT_EQ(ensemble.core(3).role(), zab::Role::kLooking);
}

TEST_F(CoreEnsembleTest, ClosesASessionOfAFollowersClientWithItsEphemerals) {
  const SessionId session = ensemble_.new_session(2, 7);
  ensemble_.request(2, 7, session, 1, OpCode::kCreate, create_record({.path = "/e", .flags = 1}));
  ensemble_.request(2, 7, session, 2, OpCode::kCloseSession);
  EXPECT_EQ(ensemble_.take(2), (Texts{"7: xid=1 err=0", "7: xid=2 err=0 close"}));
  expect_equal_trees();
  EXPECT_EQ(ensemble_.tree(1).find("/e"), nullptr);
  EXPECT_EQ(ensemble_.tree(1).session_count(), 0u);
}

TEST_F(CoreEnsembleTest, MakesNoSessionForAClientThatHasGoneMeanwhile) {
  ensemble_.hold(1);
  ensemble_.connect(1, 7);
  ensemble_.disconnect(1, 7, {});
  ensemble_.release(1);
  EXPECT_TRUE(ensemble_.take(1).empty());
  // It is there, and expires as any other that is not heard from.
  EXPECT_EQ(ensemble_.tree(3).session_count(), 1u);
  ensemble_.advance(Millis{12000});
  EXPECT_EQ(ensemble_.tree(3).session_count(), 0u);
}

TEST(CoreEnsembleZxids, ALeaderWithoutAnyLeftWaitsForWhatIsUnderWayBeforeSessionsExpire) {
  CoreEnsemble ensemble({.tick = Millis{1000}}, 3,
                        [](CoreOptions& options) { options.membership.epoch_txns_max = 2; });
  ASSERT_EQ(ensemble.leader(), 3);
  const SessionId session = ensemble.new_session(3, 7, 2000);
  for (const int follower : {1, 2}) ensemble.hold(follower);
  ensemble.request(3, 7, session, 1, OpCode::kCreate, create_record({.path = "/a"}));
  ensemble.advance(Millis{4000});
  ASSERT_EQ(ensemble.leader(), 3);
  EXPECT_GT(ensemble.core(3).next_deadline(), ensemble.now());
  for (const int follower : {1, 2}) ensemble.release(follower);
  ensemble.advance(Millis{12000});
  EXPECT_NE(ensemble.tree(1).find("/a"), nullptr);
  EXPECT_EQ(ensemble.tree(1).session_count(), 0u);
}

TEST_F(CoreEnsembleTest, BeginsNothingNewWhileItDrains) {
  const SessionId session = ensemble_.new_session(3, 7);
  ensemble_.hold(3);
  ensemble_.request(3, 7, session, 1, OpCode::kCreate, create_record({.path = "/a"}));
  ensemble_.core(3).drain();
  ensemble_.request(3, 7, session, 2, OpCode::kCreate, create_record({.path = "/b"}));
  EXPECT_EQ(ensemble_.core(3).outstanding(), 1u);
  ensemble_.release(3);
  EXPECT_EQ(ensemble_.take(3), Texts{"7: xid=1 err=0"});
  EXPECT_EQ(ensemble_.core(3).outstanding(), 0u);
  EXPECT_EQ(ensemble_.tree(3).find("/b"), nullptr);
}

}  // namespace
}  // namespace paddock::server
