#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/concat.h"
#include "common/config_file.h"
#include "tests/unit/core/core_ensemble.h"

namespace paddock::server {
namespace {

using Text = std::optional<std::string_view>;

Bytes reconfig(Text joining, Text leaving, Text members, std::int64_t version = -1) {
  Bytes record;
  JuteWriter writer(record);
  for (const Text& text : {joining, leaving, members}) writer.write_ustring(text);
  writer.write_long(version);
  return record;
}

class CoreReconfigTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(ensemble_.leader(), 3);
    session_ = ensemble_.new_session(2, 7);
  }

  // The error that a client of server 2, which follows, is answered with.
  std::string ask(Text joining, Text leaving, Text members = {}, std::int64_t version = -1) {
    ensemble_.request(2, 7, session_, ++xid_, OpCode::kReconfig,
                      reconfig(joining, leaving, members, version));
    const std::vector<std::string> answers = ensemble_.take(2);
    const std::string expected = concat("7: xid=", xid_, " err=");
    if (answers.empty() || !answers[0].starts_with(expected)) return "no answer";
    return answers[0].substr(expected.size());
  }

  std::string config(int server) {
    const DataTree& tree = ensemble_.tree(server);
    return std::string(as_chars(tree.data_of(*tree.find("/zookeeper/config")).bytes()));
  }
  std::int64_t version(int server) {
    return ensemble_.core(server).replica().configurations().committed->version;
  }

  CoreEnsemble ensemble_{{.tick = Millis{1000}}, 3, [](CoreOptions& options) {
                           options.membership.reconfig_enabled = true;
                           options.reconfig_enabled = options.auth.skip_acl = true;
                         }};
  SessionId session_;
  std::int32_t xid_ = 0;
};

TEST_F(CoreReconfigTest, NumbersTheFirstConfigurationByTheEpoch) {
  for (int server = 1; server <= 3; ++server) {
    EXPECT_EQ(version(server), 0x100000000);
    EXPECT_TRUE(config(server).ends_with("version=100000000")) << config(server);
  }
}

TEST_F(CoreReconfigTest, LetsAServerLeaveAndFollowOn) {
  EXPECT_EQ(ask({}, "1"), "0");
  for (int server = 1; server <= 3; ++server) {
    EXPECT_EQ(config(server).find("server.1="), std::string::npos);
    EXPECT_EQ(version(server), ensemble_.tree(3).last_zxid().value);
    EXPECT_EQ(ensemble_.core(server).replica().configurations().last_seen, nullptr);
  }
  EXPECT_EQ(ensemble_.core(1).role(), zab::Role::kFollowing);
  EXPECT_EQ(ensemble_.leader(), 3);
}

TEST_F(CoreReconfigTest, LetsTheLeaderLeaveAndAnotherLead) {
  EXPECT_EQ(ask({}, "3"), "0");
  ensemble_.advance(Millis{5000});
  EXPECT_TRUE(ensemble_.leader() == 1 || ensemble_.leader() == 2);
  EXPECT_EQ(ensemble_.core(3).role(), zab::Role::kFollowing);
  EXPECT_EQ(config(3), config(1));
}

TEST_F(CoreReconfigTest, MakesAnObserverOfAFollowerAndBack) {
  EXPECT_EQ(ask("server.1=127.0.0.1:2001:3001:observer;9", {}), "0");
  ensemble_.advance(Millis{5000});
  EXPECT_EQ(ensemble_.core(1).role(), zab::Role::kObserving);
  EXPECT_EQ(ask("server.1=127.0.0.1:2001:3001:participant;9", {}), "0");
  ensemble_.advance(Millis{5000});
  EXPECT_EQ(ensemble_.core(1).role(), zab::Role::kFollowing);
  EXPECT_EQ(ensemble_.leader(), 3);
}

TEST_F(CoreReconfigTest, ReplacesAllMembersAtOnce) {
  EXPECT_EQ(ask({}, {}, "server.2=127.0.0.1:2002:3002,server.3=127.0.0.1:2003:3003"), "0");
  EXPECT_EQ(config(1), concat("server.2=127.0.0.1:2002:3002:participant\n"
                              "server.3=127.0.0.1:2003:3003:participant\nversion=",
                              hex(static_cast<std::uint64_t>(version(1)))));
}

TEST_F(CoreReconfigTest, RefusesWhatIsWrongInZooKeepersOrder) {
  const std::string joiner = "server.9=127.0.0.1:1:2:participant;3";
  EXPECT_EQ(ask("some thing", {}, {}, 5), "-103");
  EXPECT_EQ(ask("some thing", {}), "-8");
  EXPECT_EQ(ask("server.x=127.0.0.1:1:2;3", {}), "-5");
  EXPECT_EQ(ask("server.9=127.0.0.1:1:2", {}), "-8");                   // no client port
  EXPECT_EQ(ask("server.9=127.0.0.1:2001:2:participant;3", {}), "-8");  // another's port
  EXPECT_EQ(ask({}, "one"), "-5");
  EXPECT_EQ(ask({}, "1,2"), "-8");  // one voter is left
  EXPECT_EQ(ask({}, {}, "what=ever"), "-8");
  EXPECT_EQ(ask({}, {}, ""), "-8");
  EXPECT_EQ(ask(joiner + ",server.8=127.0.0.1:4:5:participant;6", "1"), "-13");
  EXPECT_EQ(version(2), 0x100000000);
}

TEST_F(CoreReconfigTest, RefusesAHostThatIsNone) {
  for (const char* host : {"h\nfoo", "h\rfoo", "h\\", "#h", "!h", "h\x01", "h\x7f", "h\xc3\xbc"}) {
    EXPECT_EQ(ask(concat("server.4=", host, ":1:2;3"), {}), "-8") << host;
    EXPECT_EQ(ask(concat("server.4=h:1:2;", host, ":3"), {}), "-8") << host;
  }
  const std::string others = "server.2=127.0.0.1:2002:3002,server.3=127.0.0.1:2003:3003,";
  for (const char* host : {"h\\nfoo", "h\\r", "h\\\\", "\\#h", "h\\u0001", "h\\u00fc"}) {
    EXPECT_EQ(ask({}, {}, concat(others, "server.4=", host, ":1:2")), "-8") << host;
  }
  EXPECT_EQ(version(2), 0x100000000);
  EXPECT_EQ(ask("server.4=h-4.example_1:1:2:observer;3", {}), "0");
}

// Its own lines are as many as are read, and its version is one more.
TEST_F(CoreReconfigTest, RefusesWhatFollowersCouldNotReadBack) {
  std::string members = "server.2=127.0.0.1:2002:3002,server.3=127.0.0.1:2003:3003";
  const auto add = [&](std::size_t from, std::size_t to) {
    for (std::size_t id = from; id <= to; ++id) {
      members += concat(",server.", id, "=h", id, ":1:2:observer");
    }
  };
  add(4, kConfigEntriesMax);
  EXPECT_EQ(ask({}, {}, members), "0");
  EXPECT_EQ(ensemble_.leader(), 3);
  add(kConfigEntriesMax + 1, kConfigEntriesMax + 1);
  EXPECT_EQ(ask({}, {}, members), "-8");
  EXPECT_EQ(ensemble_.core(2).role(), zab::Role::kFollowing);
}

TEST_F(CoreReconfigTest, TakesOneAtATime) {
  const SessionId session = ensemble_.new_session(3, 8);
  ensemble_.hold(1);
  ensemble_.hold(2);
  ensemble_.request(3, 8, session, 1, OpCode::kReconfig, reconfig({}, "1", {}));
  ensemble_.request(3, 8, session, 2, OpCode::kReconfig, reconfig({}, "2", {}));
  EXPECT_TRUE(ensemble_.take(3).empty());
  ensemble_.release(2);
  ensemble_.release(1);
  EXPECT_EQ(ensemble_.take(3), (std::vector<std::string>{"8: xid=1 err=0", "8: xid=2 err=-14"}));
}

// A server that is told by a leader what there is.
class CoreLearnerConfigTest : public testing::Test {
 protected:
  CoreLearnerConfigTest() {
    for (int i = 1; i <= 3; ++i) {
      zab::Member member{.id = ServerId{i}, .observer = false, .addresses = {}, .client = {}};
      member.addresses.push_back({{"127.0.0.1", static_cast<std::uint16_t>(2000 + i)},
                                  static_cast<std::uint16_t>(3000 + i)});
      ensemble_.members.push_back(std::move(member));
    }
    CoreOptions options;
    options.membership.self = ServerId{1};
    options.membership.ensemble = std::make_shared<const zab::Ensemble>(ensemble_);
    options.membership.reconfig_enabled = options.reconfig_enabled = true;
    core_ = std::make_unique<Core>(options, tree_, zab::Durable{}, Millis{0}, WallMillis{1});
  }

  // What it asks of its disk is done at once.
  void step(CoreEvent event) {
    core_->step(std::move(event), Millis{0}, WallMillis{1}, actions_);
    while (!actions_.writes.empty()) {
      const zab::WriteTicket last = std::visit([](const auto& write) { return write.ticket; },
                                               std::exchange(actions_.writes, {}).back());
      core_->step(zab::Persisted{last}, Millis{0}, WallMillis{1}, actions_);
    }
  }
  std::string text(std::int64_t version) {
    ensemble_.version = version;
    return to_text(ensemble_);
  }

  zab::Ensemble ensemble_;
  DataTree tree_{TreeOptions{}};
  std::unique_ptr<Core> core_;
  CoreActions actions_;
};

// It was proposed, and then a leader without that transaction brought it to an end.
TEST_F(CoreLearnerConfigTest, ShowsWhatIsInForceThoughTheHistoryEndsWithAnOlderOne) {
  constexpr zab::LinkId kLink{1};
  const Zxid zxid{0x100000001};
  const std::string older = text(zxid.value), newer = text(0x100000005);
  Bytes payload;
  encode_txn({{{}, 0, zxid, {}, OpCode::kReconfig},
              SetDataTxn{kConfigNode, as_bytes(older), -1},
              std::nullopt},
             payload);
  step(zab::Tick{});
  const zab::Vote vote{ServerId{3}, zxid, Epoch{1}};
  step(zab::Notified{ServerId{2}, {zab::ServerState::kFollowing, vote, 0, 2, {}}});
  step(zab::Notified{ServerId{3}, {zab::ServerState::kLeading, vote, 0, 2, {}}});
  step(zab::LinkOpened{kLink});
  step(zab::Received{kLink, zab::LeaderInfo{.epoch = Epoch{2}}});
  step(zab::Received{kLink, zab::Diff{zxid}});
  step(zab::Received{kLink,
                     zab::Proposal{{zxid, std::make_shared<const Bytes>(std::move(payload))}}});
  step(zab::Received{kLink, zab::Commit{zxid}});
  step(zab::Received{kLink, zab::NewLeader{Epoch{2}, newer}});
  step(zab::Received{kLink, zab::UpToDate{}});
  core_->apply_committed(false, Millis{0}, actions_);
  ASSERT_EQ(core_->role(), zab::Role::kFollowing);
  EXPECT_EQ(tree_.last_zxid(), zxid);
  EXPECT_EQ(as_chars(tree_.data_of(*tree_.find(kConfigNode)).bytes()), newer);
}

}  // namespace
}  // namespace paddock::server
