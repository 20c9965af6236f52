#include "server/core/core.h"

#include <gtest/gtest.h>

#include "tests/unit/core/core_fixture.h"

namespace paddock::server {
namespace {

using test::create_record;
using Texts = std::vector<std::string>;

class CoreTest : public testing::Test, protected CoreFixture {};

// Recorded: connect/new_session.
TEST(SessionPassword, IsWhatJavasRandomGives) {
  const std::array<std::uint8_t, 16> expected = {0x2e, 0x4c, 0x38, 0x15, 0x5e, 0xbb, 0xa0, 0xd6,
                                                 0x9b, 0x49, 0xe9, 0x50, 0x00, 0xa7, 0x0c, 0xe3};
  EXPECT_NE(session_password(SessionId{1}), expected);
  EXPECT_EQ(session_password(SessionId{0x01000033dd1200b3}), expected);
}

TEST_F(CoreTest, MakesASessionOnlyOnceItIsOnDisk) {
  connect(1, {}, {}, 10000);
  EXPECT_TRUE(take().empty());
  EXPECT_EQ(core().outstanding(), 1u);
  settle();
  const std::vector<ClientAction> got = take();
  ASSERT_EQ(got.size(), 1u);
  const auto& reply = std::get<SessionReply>(got[0]);
  EXPECT_EQ(reply.timeout_ms, 10000);
  EXPECT_EQ(reply.password, session_password(reply.session));
  // Server 1, the clock of the start, a counter.
  EXPECT_EQ(reply.session.value,
            (std::int64_t{1} << 56) | ((1'700'000'000'000 << 24 >> 8) & 0x00ffffffffffffff));
  EXPECT_EQ(tree().session_timeout(reply.session), 10000);
  EXPECT_EQ(new_session(2).value, reply.session.value + 1);
}

TEST_F(CoreTest, ClampsTheTimeout) {
  connect(1, {}, {}, -5);
  connect(2, {}, {}, 1'000'000);
  settle();
  EXPECT_EQ(take_texts(), (Texts{"1: attached timeout=4000", "2: attached timeout=40000"}));
}

TEST_F(CoreTest, AttachesAgainWithTheRightPasswordAndClosesTheOlderConnection) {
  const SessionId session = new_session(1);
  connect(2, session, password_of(session), 20000);
  EXPECT_EQ(take_texts(),
            (Texts{"1: closed, its session has attached elsewhere", "2: attached timeout=20000"}));
  // What the older one still sends is not done.
  request(1, session, 5, OpCode::kCreate, create_record({.path = "/late"}));
  settle();
  EXPECT_EQ(take_texts(), Texts{"1: closed, its session has moved"});
  EXPECT_EQ(tree().find("/late"), nullptr);
  request(2, session, 6, OpCode::kCreate, create_record({.path = "/mine"}));
  settle();
  EXPECT_NE(tree().find("/mine"), nullptr);
  // The older connection's end changes nothing for the newer.
  step(Disconnected{connection(1), session});
  EXPECT_EQ(core().sessions()[0].connection, connection(2));
}

TEST_F(CoreTest, RefusesAWrongPasswordAndLeavesTheRightfulConnectionAlone) {
  const SessionId session = new_session(1);
  Bytes wrong = password_of(session);
  wrong[15] ^= 1;
  connect(2, session, wrong);
  connect(3, session, {});
  connect(4, SessionId{12345}, password_of(SessionId{12345}));
  EXPECT_EQ(take_texts(),
            (Texts{"2: refused timeout=0", "3: refused timeout=0", "4: refused timeout=0"}));
  request(1, session, 1, OpCode::kSync, test::path_record("/"));
  settle();
  EXPECT_EQ(take_texts(), Texts{"1: xid=1 zxid=1 err=0"});
}

TEST_F(CoreTest, ClosesASessionWithItsEphemeralsEvenThoseOnTheirWay) {
  const SessionId session = new_session(1);
  request(1, session, 1, OpCode::kCreate, create_record({.path = "/e1", .flags = 1}));
  settle();
  take();
  request(1, session, 2, OpCode::kCreate, create_record({.path = "/e2", .flags = 1}));
  request(1, session, 3, OpCode::kCloseSession);
  request(1, session, 4, OpCode::kCreate, create_record({.path = "/e3", .flags = 1}));
  connect(2, session, password_of(session));
  settle();
  EXPECT_EQ(take_texts(),
            (Texts{"2: refused timeout=0", "created /e2", "1: xid=2 zxid=3 err=0", "deleted /e1",
                   "deleted /e2", "1: xid=3 zxid=4 err=0 close", "1: xid=4 zxid=5 err=-112"}));
  EXPECT_EQ(tree().session_count(), 0u);
  EXPECT_TRUE(core().sessions().empty());
  request(1, session, 5, OpCode::kCreate, create_record({.path = "/e4", .flags = 1}));
  settle();
  EXPECT_TRUE(take().empty());
}

TEST_F(CoreTest, ExpiresASessionThatIsNotHeardFrom) {
  const SessionId silent = new_session(1), alive = new_session(2);
  request(1, silent, 1, OpCode::kCreate, create_record({.path = "/e", .flags = 1}));
  settle();
  take();
  EXPECT_EQ(core().next_deadline(), Millis{12000});
  set_now(Millis{9000});
  step(Touches{{{alive, Millis{8000}}, {SessionId{999}, Millis{8000}}}});
  tick(Millis{12000});
  settle();
  EXPECT_EQ(take_texts(), (Texts{"deleted /e", "1: closed, its session expired"}));
  ASSERT_EQ(core().sessions().size(), 1u);
  EXPECT_EQ(core().sessions()[0].session, alive);
  EXPECT_EQ(core().sessions()[0].expires, Millis{20000});
}

// A process that was stopped for a while finds what its clients have said meanwhile, and the time
// that has passed: the one must not count before the other.
TEST_F(CoreTest, HearsAllThatHasComeBeforeItExpiresAnybody) {
  const SessionId one = new_session(1), other = new_session(2);
  take();
  set_now(Millis{13000});
  step(Touches{{{one, Millis{9000}}}});
  step(Touches{{{other, Millis{9500}}}});
  tick(Millis{13000});
  settle();
  EXPECT_EQ(take_texts(), Texts{});
  EXPECT_EQ(core().sessions().size(), 2u);
}

TEST_F(CoreTest, AnswersAnExpiredSessionsRequestsUntilItIsGone) {
  const SessionId session = new_session(1);
  tick(Millis{12000});
  request(1, session, 1, OpCode::kCreate, create_record({.path = "/e", .flags = 1}));
  settle();
  EXPECT_EQ(take_texts(), (Texts{"1: closed, its session expired", "1: xid=1 zxid=3 err=-112"}));
  EXPECT_EQ(tree().find("/e"), nullptr);
}

TEST_F(CoreTest, GivesEverySessionItsFullTimeoutAfterARestart) {
  const SessionId session = new_session(1);
  request(1, session, 1, OpCode::kCreate, create_record({.path = "/e", .flags = 1}));
  settle();
  restart(Millis{100000});
  tick(Millis{109999});
  settle();
  EXPECT_TRUE(take().empty());
  EXPECT_NE(tree().find("/e"), nullptr);
  connect(7, session, password_of(session));
  EXPECT_EQ(take_texts(), Texts{"7: attached timeout=10000"});
}

TEST_F(CoreTest, GivesNoIdTwiceThoughTheClockWasSetBack) {
  const SessionId first = new_session(1);
  restart(Millis{2000});  // with the same wall clock
  EXPECT_NE(new_session(2), first);
  EXPECT_EQ(core().sessions().size(), 2u);
}

TEST_F(CoreTest, AnswersSyncBehindAllThatIsOutstandingAndTakesNoZxid) {
  const SessionId session = new_session(1);
  request(1, session, 1, OpCode::kSync, test::path_record("/"));
  settle();
  EXPECT_EQ(take_texts(), Texts{"1: xid=1 zxid=1 err=0"});
  request(1, session, 2, OpCode::kCreate, create_record({.path = "/a"}));
  request(1, session, 3, OpCode::kSync, test::path_record("/"));
  request(1, session, 4, OpCode::kCreate, create_record({.path = "/b"}));
  EXPECT_TRUE(take().empty());
  EXPECT_EQ(core().outstanding(), 3u);
  persist(1);
  core().apply_committed(false, now(), actions());
  EXPECT_EQ(take_texts(), (Texts{"1: xid=2 zxid=2 err=0", "1: xid=3 zxid=2 err=0"}));
  settle();
  EXPECT_EQ(take_texts(), (Texts{"created /b", "1: xid=4 zxid=3 err=0"}));
}

TEST_F(CoreTest, AnswersEachSyncRightBehindWhatCameBeforeItThoughOneFlushCoversMore) {
  const SessionId session = new_session(1);
  request(1, session, 1, OpCode::kCreate, create_record({.path = "/a"}));
  request(1, session, 2, OpCode::kSync, test::path_record("/"));
  request(1, session, 3, OpCode::kCreate, create_record({.path = "/b"}));
  request(1, session, 4, OpCode::kSync, test::path_record("/"));
  request(1, session, 5, OpCode::kCreate, create_record({.path = "/c"}));
  settle();
  EXPECT_EQ(take_texts(), (Texts{"created /a", "1: xid=1 zxid=2 err=0", "1: xid=2 zxid=2 err=0",
                                 "created /b", "1: xid=3 zxid=3 err=0", "1: xid=4 zxid=3 err=0",
                                 "created /c", "1: xid=5 zxid=4 err=0"}));
}

TEST_F(CoreTest, AnswersFailedWritesInOrderOnceTheirErrorIsCommitted) {
  const SessionId session = new_session(1);
  request(1, session, 1, OpCode::kDelete, test::path_version_record("/none"));
  request(1, session, 2, OpCode::kCreate, create_record({.path = "/a"}));
  request(1, session, 3, OpCode::kCreate, {});
  request(1, session, 4, OpCode::kMulti,
          test::multi_record({{OpCode::kDelete, test::path_version_record("/none")}}));
  EXPECT_TRUE(take().empty());
  settle();
  EXPECT_EQ(take_texts(), (Texts{"1: xid=1 zxid=2 err=-101", "created /a", "1: xid=2 zxid=3 err=0",
                                 "1: xid=3 zxid=4 err=-5", "1: xid=4 zxid=5 err=0"}));
}

TEST_F(CoreTest, RefusesWhatAClientMayNotAsk) {
  const SessionId session = new_session(1);
  request(1, session, 1, OpCode::kDeleteContainer, test::path_record("/"));
  request(1, session, 2, OpCode::kCreateSession);
  settle();
  EXPECT_EQ(take_texts(), (Texts{"1: xid=1 zxid=2 err=-8", "1: xid=2 zxid=-1 err=-6 close"}));
}

TEST_F(CoreTest, TellsChangesOnlyToWhoWantsThem) {
  const SessionId session = new_session(1);
  request(1, session, 1, OpCode::kCreate, create_record({.path = "/a"}));
  persist(1);
  EXPECT_TRUE(core().has_committed());
  core().apply_committed(false, now(), actions());
  EXPECT_FALSE(core().has_committed());
  EXPECT_EQ(take_texts(), Texts{"1: xid=1 zxid=2 err=0"});
}

TEST_F(CoreTest, StopsWhenTheTreeIsNotWhatTheTransactionSays) {
  const SessionId session = new_session(1);
  request(1, session, 1, OpCode::kCreate, create_record({.path = "/a"}));
  // Somebody meddles with the tree behind the core's back.
  DataTree other({});
  Txn txn;
  txn.header.type = OpCode::kCreate;
  txn.header.zxid = tree().last_zxid();
  txn.body = CreateTxn{.path = "/foreign", .data = {}, .acl = open_acl(), .parent_cversion = 1};
  Applied applied;
  tree().apply(txn, false, applied);
  settle();
  EXPECT_TRUE(actions().fatal);
  ASSERT_FALSE(actions().notes.empty());
  EXPECT_EQ(actions().notes.back().level, Note::Level::kError);
}

TEST_F(CoreTest, DescribesItselfInOneLine) {
  const SessionId session = new_session(1);
  request(1, session, 1, OpCode::kCreate, create_record({.path = "/a"}));
  step(CheckpointWritten{Zxid{1}});
  EXPECT_EQ(core().describe(),
            "sid=0 leading logged=0x2 durable=0x1 delivered=0x1 acceptedEpoch=0 currentEpoch=0: "
            "broadcast epoch=0 proposed=0x2 committed=0x1 outstanding=1 learners=0 attached=0 "
            "applied=0x1 "
            "checkpointed=0x1 outstanding=1 sessions=1");
}

class ReapingCoreTest : public testing::Test, protected CoreFixture {
 protected:
  ReapingCoreTest() : CoreFixture(options()) {}
  static CoreOptions options() {
    CoreOptions options = default_options();
    options.container_check_interval = Millis{500};
    return options;
  }
};

TEST_F(ReapingCoreTest, TakesAwayContainersThatHaveBecomeEmpty) {
  const SessionId session = new_session(1);
  request(1, session, 1, OpCode::kCreateContainer, create_record({.path = "/c", .flags = 4}));
  request(1, session, 2, OpCode::kCreate, create_record({.path = "/c/x"}));
  settle();
  tick(Millis{1500});
  settle();
  EXPECT_NE(tree().find("/c"), nullptr);
  request(1, session, 3, OpCode::kDelete, test::path_version_record("/c/x"));
  settle();
  take();
  EXPECT_EQ(core().next_deadline(), Millis{2000});
  tick(Millis{2000});
  settle();
  EXPECT_EQ(take_texts(), Texts{"deleted /c"});
}

TEST_F(ReapingCoreTest, WarnsOfSoftQuotasOnceInAWhile) {
  const SessionId session = new_session(1);
  std::int32_t xid = 0;
  const auto create = [&](std::string_view path, std::string_view data) {
    request(1, session, ++xid, OpCode::kCreate, create_record({.path = path, .data = data}));
    settle();
  };
  create("/q", "");
  create("/zookeeper/quota/q", "");
  create("/zookeeper/quota/q/zookeeper_limits", "count=1,bytes=-1");
  create("/zookeeper/quota/q/zookeeper_stats", "");
  actions().notes.clear();
  create("/q/1", "");
  create("/q/2", "");
  ASSERT_EQ(actions().notes.size(), 1u);
  EXPECT_EQ(actions().notes[0].text, "quota of /q exceeded: count 2, limit 1");
  set_now(Millis{11000});
  create("/q/3", "");
  ASSERT_EQ(actions().notes.size(), 2u);
  EXPECT_EQ(actions().notes[1].text,
            "quota of /q exceeded: count 4, limit 1 (and 1 more of these)");
}

}  // namespace
}  // namespace paddock::server
