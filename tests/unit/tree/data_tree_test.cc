#include "server/tree/data_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/tree/tree_driver.h"

namespace paddock::server {
namespace {

using test::TreeDriver;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr SessionId kSession{0x100000000000001};
constexpr SessionId kOther{0x100000000000002};

std::vector<std::string> children_of(const DataTree& tree, std::string_view path) {
  std::vector<std::string> names;
  tree.for_each_child(*tree.find(path), [&](std::string_view name) { names.emplace_back(name); });
  std::ranges::sort(names);
  return names;
}

std::vector<std::string> all_paths(const DataTree& tree) {
  std::vector<std::string> paths;
  tree.for_each_node([&](std::string_view path, const Znode&) { paths.emplace_back(path); });
  std::ranges::sort(paths);
  return paths;
}

// The digest as it would be, had every node been added up now.
std::uint64_t sum_of_digests(const DataTree& tree) {
  std::uint64_t sum = 0;
  tree.for_each_node([&](std::string_view, const Znode& node) { sum += tree.digest_of(node); });
  return sum;
}

TEST(DataTree, IsBornWithTheSystemNodes) {
  const DataTree tree({});
  EXPECT_THAT(all_paths(tree),
              ElementsAre("", "/zookeeper", "/zookeeper/config", "/zookeeper/quota"));
  EXPECT_EQ(tree.node_count(), 5u);
  EXPECT_EQ(tree.approximate_data_size(), 44);
  EXPECT_EQ(tree.stat_of(*tree.find("/zookeeper")).cversion, -2);
  EXPECT_EQ(tree.stat_of(*tree.find("/")).cversion, -1);
  EXPECT_EQ(tree.stat_of(*tree.find("/zookeeper/config")).aversion, -1);
  EXPECT_EQ(tree.acl_of(*tree.find("/zookeeper/config"))->anyone, kPermRead);
  EXPECT_FALSE(tree.data_of(*tree.root()).is_null());
  EXPECT_TRUE(tree.dirty().empty());
  EXPECT_EQ(tree.digest(), sum_of_digests(tree));
}

TEST(DataTree, HasTheRootUnderTwoNames) {
  const DataTree tree({});
  EXPECT_EQ(tree.find(""), tree.root());
  EXPECT_EQ(tree.find("/"), tree.root());
  EXPECT_EQ(tree.path_of(*tree.root()), "/");
}

TEST(DataTree, FindsNothingUnderPathsThatOnlyLookLikeANodes) {
  TreeDriver driver;
  driver.create("/v");
  driver.create("/v/x");
  for (const std::string_view path :
       {"/v//x", "//v", "/v/", "v", "v/x", "/v/x/", "/x", "/vv", "//", "/v/./x", "x"}) {
    EXPECT_EQ(driver.tree.find(path), nullptr) << path;
  }
  EXPECT_EQ(driver.tree.find(std::string_view("/v/x\0", 5)), nullptr);
  EXPECT_EQ(driver.tree.path_of(*driver.tree.find("/v/x")), "/v/x");
}

TEST(DataTree, CountsCreatesAndDeletesOfChildrenInCversion) {
  TreeDriver driver;
  driver.create("/p", "data");
  const Stat fresh = driver.stat("/p");
  EXPECT_EQ(fresh.czxid, Zxid{1});
  EXPECT_EQ(fresh.mzxid, Zxid{1});
  EXPECT_EQ(fresh.pzxid, Zxid{1});
  EXPECT_EQ(fresh.ctime, driver.time());
  EXPECT_EQ(fresh.data_length, 4);
  EXPECT_EQ(driver.applied.ops.at(0).stat, fresh);
  driver.create("/p/a");
  driver.create("/p/b");
  EXPECT_EQ(driver.stat("/p").cversion, 2);
  EXPECT_EQ(driver.stat("/p").num_children, 2);
  driver.remove("/p/a");
  EXPECT_EQ(driver.stat("/p").cversion, 3);
  EXPECT_EQ(driver.stat("/p").pzxid, Zxid{4});
  EXPECT_EQ(driver.stat("/p").mzxid, Zxid{1});
  EXPECT_EQ(driver.tree.persisted_stat_of(*driver.tree.find("/p")).cversion, 2);
  EXPECT_THAT(children_of(driver.tree, "/p"), ElementsAre("b"));
}

TEST(DataTree, RaisesTheParentsCversionButNeverLowersIt) {
  TreeDriver driver;
  driver.create("/p");
  driver.create("/p/a", "", {}, 7);
  EXPECT_EQ(driver.tree.persisted_stat_of(*driver.tree.find("/p")).cversion, 7);
  driver.create("/p/b", "", {}, 7);  // replayed: what it says is known already
  EXPECT_EQ(driver.tree.persisted_stat_of(*driver.tree.find("/p")).cversion, 7);
  EXPECT_EQ(driver.stat("/p").pzxid, Zxid{2});
  driver.create("/p/c", "", {}, INT32_MIN);  // the counter overflowed: it freezes
  EXPECT_EQ(driver.tree.persisted_stat_of(*driver.tree.find("/p")).cversion, 7);
  EXPECT_EQ(driver.stat("/p").num_children, 3);
}

TEST(DataTree, SkipsACreateWithoutParent) {
  TreeDriver driver;
  EXPECT_EQ(driver.create("/none/a"), ErrorCode::kNoNode);
  EXPECT_EQ(driver.create("no-slash"), ErrorCode::kNoNode);
  EXPECT_EQ(driver.tree.node_count(), 5u);
  EXPECT_EQ(driver.tree.last_zxid(), Zxid{2});
  EXPECT_THAT(driver.applied.changes, IsEmpty());
}

TEST(DataTree, PatchesWhatACreateFindsInPlace) {
  struct Case {
    OpCode type;
    std::int32_t cversion;
  };
  for (const Case& each : {Case{OpCode::kCreate, 9}, Case{OpCode::kCreate2, 1}}) {
    TreeDriver driver;
    driver.create("/p");
    driver.create("/p/a", "old");
    const Bytes acl = encode_acl({{kPermRead, {"world", "anyone"}}});
    EXPECT_EQ(driver.apply(each.type, CreateTxn{.path = "/p/a",
                                                .data = as_bytes("new"),
                                                .acl = AclBytes{acl},
                                                .parent_cversion = 9}),
              ErrorCode::kNodeExists);
    EXPECT_EQ(driver.data("/p/a"), "old");
    EXPECT_EQ(driver.tree.acl_of(*driver.tree.find("/p/a"))->anyone, kPermRead);
    EXPECT_EQ(driver.tree.persisted_stat_of(*driver.tree.find("/p")).cversion, each.cversion);
    EXPECT_EQ(driver.tree.digest(), sum_of_digests(driver.tree));
  }
}

TEST(DataTree, MovesTheParentsPzxidEvenWhenTheNodeIsGone) {
  TreeDriver driver;
  driver.create("/p");
  EXPECT_EQ(driver.remove("/p/gone"), ErrorCode::kNoNode);
  EXPECT_EQ(driver.stat("/p").pzxid, Zxid{2});
  EXPECT_EQ(driver.remove("/gone/gone"), ErrorCode::kNoNode);
  EXPECT_EQ(driver.remove("/"), ErrorCode::kNoNode);
  EXPECT_EQ(driver.tree.digest(), sum_of_digests(driver.tree));
}

TEST(DataTree, DropsWhatIsBelowANodeThatAReplayDeletes) {
  TreeDriver driver;
  for (const char* path : {"/a", "/a/b", "/a/b/c", "/a/d"}) driver.create(path);
  EXPECT_EQ(driver.remove("/a"), ErrorCode::kOk);
  EXPECT_EQ(driver.tree.node_count(), 5u);
  EXPECT_EQ(driver.tree.digest(), sum_of_digests(driver.tree));
  EXPECT_EQ(driver.create("/a/b"), ErrorCode::kNoNode);
  EXPECT_FALSE(driver.tree.dirty().nodes.at("/a/b/c").has_value());
}

TEST(DataTree, TellsNullDataFromEmptyData) {
  TreeDriver driver;
  driver.create("/a", "x");
  driver.set_data("/a", std::nullopt, 1);
  EXPECT_TRUE(driver.tree.data_of(*driver.tree.find("/a")).is_null());
  driver.set_data("/a", "", 2);
  EXPECT_FALSE(driver.tree.data_of(*driver.tree.find("/a")).is_null());
  EXPECT_EQ(driver.stat("/a").version, 2);
  EXPECT_EQ(driver.stat("/a").mzxid, Zxid{3});
  EXPECT_EQ(driver.stat("/a").mtime, driver.time());
  EXPECT_EQ(driver.set_data("/none", "", 0), ErrorCode::kNoNode);
}

TEST(DataTree, ChangesTheAclAndOnlyAversion) {
  TreeDriver driver;
  driver.create("/a");
  const Stat before = driver.stat("/a");
  EXPECT_EQ(driver.set_acl("/a", {{kPermRead, {"ip", "10.0.0.1"}}}, 1), ErrorCode::kOk);
  Stat expected = before;
  expected.aversion = 1;
  EXPECT_EQ(driver.stat("/a"), expected);
  EXPECT_EQ(driver.tree.acl_of(*driver.tree.find("/a"))->entries.at(0).id.scheme, "ip");
  EXPECT_THAT(driver.applied.changes, IsEmpty());
  EXPECT_EQ(driver.set_acl("/none", {}, 1), ErrorCode::kNoNode);
}

TEST(DataTree, KeepsTheConfigNodesVersion) {
  TreeDriver driver;
  EXPECT_EQ(
      driver.apply(OpCode::kReconfig, SetDataTxn{"/zookeeper/config", as_bytes("server.1=x"), -1}),
      ErrorCode::kOk);
  EXPECT_EQ(driver.stat("/zookeeper/config").version, -1);
  EXPECT_EQ(driver.stat("/zookeeper/config").mzxid, Zxid{1});
  EXPECT_EQ(driver.applied.changes.at(0).kind, TreeChange::Kind::kDataChanged);
}

TEST(DataTree, ShowsAnOwnerForEphemeralsOnly) {
  TreeDriver driver;
  driver.create("/e", "", kSession);
  driver.create_container("/c");
  driver.create_ttl("/t", 5000);
  EXPECT_EQ(driver.stat("/e").ephemeral_owner, kSession);
  EXPECT_EQ(driver.stat("/c").ephemeral_owner, SessionId{});
  EXPECT_EQ(driver.stat("/t").ephemeral_owner, SessionId{});
  EXPECT_EQ(driver.tree.persisted_stat_of(*driver.tree.find("/c")).ephemeral_owner,
            kContainerOwner);
  EXPECT_EQ(driver.tree.persisted_stat_of(*driver.tree.find("/t")).ephemeral_owner,
            ttl_owner(5000));
  EXPECT_EQ(driver.tree.ephemerals_count(), 1u);
}

TEST(DataTree, TakesTtlNodesForEphemeralsWhereExtendedTypesAreOff) {
  TreeDriver driver(TreeOptions{.extended_types = false});
  const SessionId session{ttl_owner(5000)};
  driver.create("/e", "", session);
  EXPECT_EQ(driver.stat("/e").ephemeral_owner, session);
  EXPECT_THAT(driver.tree.reapable({INT64_MAX}, {0}, 10), IsEmpty());
}

TEST(DataTree, ClosesASessionWithItsListAndWithWhatTheListForgot) {
  TreeDriver driver;
  driver.create_session(kSession, 30000);
  driver.create_session(kOther, 40000);
  driver.create("/p");
  for (const char* path : {"/p/a", "/p/b", "/c"}) driver.create(path, "", kSession);
  driver.create("/other", "", kOther);
  EXPECT_THAT(driver.tree.ephemerals_of(kSession), ElementsAre("/c", "/p/a", "/p/b"));

  EXPECT_EQ(driver.close_session(kSession, {{"/p/b", "/p/none", "/none/x"}}), ErrorCode::kOk);
  EXPECT_EQ(driver.stat("/p").pzxid, Zxid{driver.zxid});
  EXPECT_FALSE(driver.has("/p/a") || driver.has("/p/b") || driver.has("/c"));
  EXPECT_TRUE(driver.has("/other"));
  EXPECT_EQ(driver.tree.session_timeout(kSession), std::nullopt);
  EXPECT_EQ(driver.tree.session_timeout(kOther), 40000);
  std::vector<std::string> deleted;
  for (const TreeChange& change : driver.applied.changes) deleted.push_back(change.path);
  EXPECT_THAT(deleted, ElementsAre("/p/b", "/c", "/p/a"));

  EXPECT_EQ(driver.close_session(kOther, std::nullopt), ErrorCode::kOk);
  EXPECT_FALSE(driver.has("/other"));
  EXPECT_EQ(driver.tree.ephemerals_count(), 0u);
  EXPECT_THAT(driver.tree.sessions_with_ephemerals(), IsEmpty());
}

TEST(DataTree, AppliesAMultiOpByOp) {
  TreeDriver driver;
  EXPECT_EQ(driver.multi({{OpCode::kCreate, CreateTxn{.path = "/a",
                                                      .data = as_bytes("1"),
                                                      .acl = open_acl(),
                                                      .parent_cversion = 1}},
                          {OpCode::kSetData, SetDataTxn{"/a", as_bytes("22"), 1}},
                          {OpCode::kCheck, CheckTxn{"/a", 2}},
                          {OpCode::kDelete, DeleteTxn{"/a"}}}),
            ErrorCode::kOk);
  ASSERT_EQ(driver.applied.ops.size(), 4u);
  EXPECT_EQ(driver.applied.ops[0].stat.data_length, 1);
  EXPECT_EQ(driver.applied.ops[1].stat.data_length, 2);
  EXPECT_EQ(driver.applied.ops[1].stat.version, 1);
  EXPECT_EQ(driver.applied.ops[2].type, OpCode::kCheck);
  EXPECT_EQ(driver.applied.ops[3].path, "/a");
  EXPECT_FALSE(driver.has("/a"));
  EXPECT_EQ(driver.applied.changes.size(), 3u);
}

TEST(DataTree, AppliesNothingOfAMultiThatFailed) {
  TreeDriver driver;
  driver.multi({{OpCode::kCreate, CreateTxn{.path = "/a", .data = ByteView{}, .acl = open_acl()}},
                {OpCode::kError, ErrorTxn{ErrorCode::kBadVersion}},
                {OpCode::kError, ErrorTxn{ErrorCode::kRuntimeInconsistency}}});
  std::vector<ErrorCode> errors;
  for (const Applied::Op& op : driver.applied.ops) {
    EXPECT_EQ(op.type, OpCode::kError);
    errors.push_back(op.error);
  }
  EXPECT_THAT(errors, ElementsAre(ErrorCode::kOk, ErrorCode::kBadVersion,
                                  ErrorCode::kRuntimeInconsistency));
  EXPECT_FALSE(driver.has("/a"));
  EXPECT_EQ(driver.applied.error, ErrorCode::kOk);
  EXPECT_EQ(driver.tree.last_zxid(), Zxid{1});
}

TEST(DataTree, PassesOnWhyATransactionFailed) {
  TreeDriver driver;
  EXPECT_EQ(driver.apply(OpCode::kError, ErrorTxn{ErrorCode::kNotEmpty}), ErrorCode::kNotEmpty);
  EXPECT_EQ(driver.tree.last_zxid(), Zxid{1});
}

TEST(DataTree, ReportsChangesWithTheAclsThatGuardThem) {
  TreeDriver driver;
  driver.create("/p");
  driver.set_acl("/p", {{kPermRead, {"ip", "10.0.0.1"}}}, 1);
  driver.create("/p/a");
  ASSERT_EQ(driver.applied.changes.size(), 1u);
  const TreeChange created = driver.applied.changes[0];
  EXPECT_EQ(created.kind, TreeChange::Kind::kCreated);
  EXPECT_EQ(created.path, "/p/a");
  EXPECT_EQ(created.zxid, Zxid{3});
  EXPECT_EQ(created.node_acl->anyone, kPermAll);
  EXPECT_EQ(created.parent_acl->entries.at(0).id.id, "10.0.0.1");
  driver.set_data("/", "x", 1);
  EXPECT_EQ(driver.applied.changes.at(0).path, "/");
  EXPECT_EQ(driver.applied.changes.at(0).parent_acl, nullptr);
}

TEST(DataTree, ReportsNoChangesToWhoDoesNotAsk) {
  DataTree tree({});
  Applied applied;
  Txn txn;
  txn.header.type = OpCode::kCreate;
  txn.header.zxid = Zxid{1};
  txn.body = CreateTxn{.path = "/a", .data = ByteView{}, .acl = open_acl()};
  tree.apply(txn, false, applied);
  EXPECT_NE(tree.find("/a"), nullptr);
  EXPECT_THAT(applied.changes, IsEmpty());
}

TEST(DataTree, NoticesADigestThatDiffers) {
  DataTree tree({}), without(TreeOptions{.digest = false});
  Applied applied;
  Txn txn;
  txn.header.type = OpCode::kError;
  txn.body = ErrorTxn{};
  txn.digest = TxnDigest{.tree_digest = tree.digest()};
  tree.apply(txn, false, applied);
  EXPECT_FALSE(applied.digest_differs);
  ++txn.digest->tree_digest;
  tree.apply(txn, false, applied);
  EXPECT_TRUE(applied.digest_differs);
  without.apply(txn, false, applied);
  EXPECT_FALSE(applied.digest_differs);
  EXPECT_EQ(without.digest(), 0u);
  txn.digest->version = 1;
  tree.apply(txn, false, applied);
  EXPECT_FALSE(applied.digest_differs);
}

TEST(DataTree, GivesBackTheNumbersOfAclsThatNobodyUses) {
  TreeDriver driver;
  driver.create("/a");
  driver.set_acl("/a", {{1, {"ip", "1.1.1.1"}}}, 1);
  const AclRef first = driver.tree.acl_of(*driver.tree.find("/a"));
  driver.set_acl("/a", {{1, {"ip", "2.2.2.2"}}}, 2);
  driver.set_acl("/a", {{1, {"ip", "3.3.3.3"}}}, 3);
  EXPECT_EQ(driver.tree.acl_of(*driver.tree.find("/a"))->number, first->number);
  EXPECT_EQ(first->entries.at(0).id.id, "1.1.1.1");
}

TEST(DataTree, HoldsNamesOfAnyLength) {
  TreeDriver driver;
  std::vector<std::string> paths;
  for (const std::size_t size : {1u, 5u, 6u, 7u, 14u, 254u, 255u, 256u, 5000u}) {
    paths.push_back("/" + std::string(size, 'n'));
    EXPECT_EQ(driver.create(paths.back(), "", size % 2 != 0 ? kSession : SessionId{}),
              ErrorCode::kOk);
  }
  for (const std::string& path : paths) {
    EXPECT_EQ(driver.tree.path_of(*driver.tree.find(path)), path);
  }
  for (const std::string& path : paths) EXPECT_EQ(driver.remove(path), ErrorCode::kOk);
  EXPECT_EQ(driver.tree.node_count(), 5u);
}

TEST(DataTree, IsWalkedWithoutRecursionHoweverDeep) {
  TreeDriver driver;
  std::string path;
  for (int depth = 0; depth < 3000; ++depth) driver.create(path += "/d");
  EXPECT_EQ(driver.tree.descendants_of(*driver.tree.find("/d")), 2999);
  EXPECT_EQ(driver.tree.descendants_of(*driver.tree.root()), 3003);
  EXPECT_EQ(driver.tree.path_of(*driver.tree.find(path)), path);
}

// --- reaping ---

TEST(DataTree, ReapsUsedAndEmptyContainers) {
  TreeDriver driver;
  driver.create_container("/used");
  driver.create_container("/unused");
  driver.create_container("/full");
  driver.create("/used/x");
  driver.create("/full/x");
  driver.remove("/used/x");
  EXPECT_THAT(driver.tree.reapable(driver.time(), {0}, 10), ElementsAre("/used"));
  const std::int64_t made = driver.stat("/unused").mtime.value;
  EXPECT_THAT(driver.tree.reapable({made + 500}, {500}, 10), ElementsAre("/used"));
  EXPECT_THAT(driver.tree.reapable({made + 501}, {500}, 10), ElementsAre("/unused", "/used"));
  EXPECT_EQ(driver.tree.reapable({made + 501}, {500}, 1).size(), 1u);
}

TEST(DataTree, ReapsTtlNodesPastTheirTime) {
  TreeDriver driver;
  driver.create_ttl("/t", 500);
  driver.create_ttl("/t/below", 500);
  const std::int64_t made = driver.stat("/t/below").mtime.value;
  EXPECT_THAT(driver.tree.reapable({made + 500}, {0}, 10), IsEmpty());
  EXPECT_THAT(driver.tree.reapable({made + 501}, {0}, 10), ElementsAre("/t/below"));
  driver.remove("/t/below");
  EXPECT_THAT(driver.tree.reapable({made + 501}, {0}, 10), ElementsAre("/t"));
  driver.set_data("/t", "renewed", 1);
  EXPECT_THAT(driver.tree.reapable(driver.time(), {0}, 10), IsEmpty());
}

// --- quotas ---

void set_quota(TreeDriver& driver, std::string_view path, std::string_view limits) {
  const std::string node = std::string(kQuotaRoot) + std::string(path);
  for (std::size_t end = kQuotaRoot.size() + 1; end != std::string::npos;) {
    end = node.find('/', end + 1);
    driver.create(node.substr(0, end));
  }
  driver.create(node + "/zookeeper_limits", limits);
  driver.create(node + "/zookeeper_stats", "count=0,bytes=0");
}

TEST(DataTree, CountsWhatAQuotaCovers) {
  TreeDriver driver;
  driver.create("/q", "12345");
  driver.create("/q/a", "123");
  driver.create("/qq", "not covered");
  set_quota(driver, "/q", "count=10,bytes=-1");
  const std::string stats = "/zookeeper/quota/q/zookeeper_stats";
  EXPECT_EQ(driver.data(stats), "count=2,bytes=8");

  const Stat before = driver.stat(stats);
  driver.create("/q/b", "1");
  driver.set_data("/q/a", "1", 1);
  EXPECT_EQ(driver.data(stats), "count=3,bytes=7");
  EXPECT_EQ(driver.applied.changes.size(), 1u);
  driver.remove("/q/b");
  EXPECT_EQ(driver.data(stats), "count=2,bytes=6");
  EXPECT_EQ(driver.stat(stats), before);
  EXPECT_EQ(driver.tree.digest(), sum_of_digests(driver.tree));
  EXPECT_EQ(as_chars(driver.tree.dirty().nodes.at(stats)->data.bytes()), "count=2,bytes=6");
}

TEST(DataTree, ChargesTheLongestPrefixWithLimits) {
  TreeDriver driver;
  driver.create("/a");
  driver.create("/a/b");
  set_quota(driver, "/a", "count=9,bytes=9");
  set_quota(driver, "/a/b", "count=5,bytes=5");
  driver.create("/a/b/c", "12");
  EXPECT_EQ(driver.data("/zookeeper/quota/a/zookeeper_stats"), "count=2,bytes=0");
  EXPECT_EQ(driver.data("/zookeeper/quota/a/b/zookeeper_stats"), "count=2,bytes=2");
  const std::optional<QuotaUse> use = driver.tree.quotas().covering("/a/b/c/d");
  ASSERT_TRUE(use);
  EXPECT_EQ(use->path, "/a/b");
  EXPECT_EQ(use->limits.count, 5);
  EXPECT_EQ(use->count, 2);
  driver.remove("/zookeeper/quota/a/b/zookeeper_limits");
  EXPECT_EQ(driver.tree.quotas().covering("/a/b/c/d")->path, "/a");
  driver.remove("/zookeeper/quota/a/zookeeper_stats");
  EXPECT_EQ(driver.tree.quotas().covering("/a/b"), std::nullopt);
}

TEST(DataTree, ReadsTheLimitsAgainWhenTheyAreSet) {
  TreeDriver driver;
  set_quota(driver, "/q", "count=1,bytes=1");
  driver.set_data("/zookeeper/quota/q/zookeeper_limits",
                  "count=2,bytes=3=;byteHardLimit=5;countHardLimit=4", 1);
  const QuotaText limits = driver.tree.quotas().covering("/q")->limits;
  EXPECT_EQ(limits, (QuotaText{.count = 2, .bytes = 3, .count_hard = 4, .bytes_hard = 5}));
}

TEST(DataTree, HasNoQuotaForTheRoot) {
  TreeDriver driver;
  driver.create("/zookeeper/quota/zookeeper_limits", "count=1,bytes=1");
  driver.create("/zookeeper/quota/zookeeper_stats", "count=1,bytes=1");
  EXPECT_TRUE(driver.tree.quotas().empty());
  EXPECT_EQ(driver.data("/zookeeper/quota/zookeeper_stats"), "count=1,bytes=1");
}

// --- dirty and loading ---

TEST(DataTree, GathersAllThatChangedUntilItIsTaken) {
  TreeDriver driver;
  driver.create_session(kSession, 30000);
  driver.create("/p");
  driver.create("/p/a", "x");
  Dirty dirty = driver.tree.take_dirty();
  std::vector<std::string> paths;
  for (const auto& [path, node] : dirty.nodes) {
    EXPECT_TRUE(node.has_value());
    paths.push_back(path);
  }
  EXPECT_THAT(paths, UnorderedElementsAre("", "/p", "/p/a"));
  EXPECT_EQ(dirty.nodes.at("/p")->stat.cversion, 1);
  EXPECT_EQ(dirty.sessions.at(kSession), 30000);
  EXPECT_EQ(dirty.zxid, Zxid{3});
  EXPECT_EQ(dirty.tree_digest, driver.tree.digest());
  EXPECT_GT(dirty.bytes, 0u);

  EXPECT_TRUE(driver.tree.dirty().empty());
  driver.remove("/p/a");
  dirty = driver.tree.take_dirty();
  EXPECT_EQ(dirty.nodes.at("/p/a"), std::nullopt);
  EXPECT_EQ(dirty.nodes.at("/p")->stat.pzxid, Zxid{4});
  EXPECT_EQ(dirty.nodes.size(), 2u);
}

void copy_into(const DataTree& from, DataTree& to) {
  std::vector<std::pair<std::string, const Znode*>> nodes;
  from.for_each_node(
      [&](std::string_view path, const Znode& node) { nodes.emplace_back(path, &node); });
  std::ranges::sort(nodes);
  for (const auto& [path, node] : nodes) {
    ASSERT_TRUE(to.load_node(path, from.persisted_stat_of(*node),
                             AclBytes{from.acl_of(*node)->encoded}, from.data_of(*node).get()));
  }
  from.for_each_session([&](SessionId id, std::int32_t timeout) { to.load_session(id, timeout); });
  to.finish_load(from.last_zxid());
}

TEST(DataTree, LoadsWhatAnotherHeld) {
  TreeDriver driver;
  driver.create_session(kSession, 30000);
  driver.create("/a", "data");
  driver.create("/a/b");
  driver.create("/a-b", "", kSession);
  driver.create_container("/c");
  driver.create_ttl("/t", 1);
  driver.remove("/a/b");
  driver.set_data("/", "root", 1);
  set_quota(driver, "/a", "count=4,bytes=4");

  DataTree loaded({.hash_seed = 99});
  copy_into(driver.tree, loaded);
  EXPECT_EQ(loaded.digest(), driver.tree.digest());
  EXPECT_EQ(loaded.digest(), sum_of_digests(loaded));
  EXPECT_EQ(all_paths(loaded), all_paths(driver.tree));
  EXPECT_EQ(loaded.approximate_data_size(), driver.tree.approximate_data_size());
  EXPECT_EQ(loaded.node_count(), driver.tree.node_count());
  EXPECT_EQ(loaded.last_zxid(), driver.tree.last_zxid());
  EXPECT_THAT(loaded.ephemerals_of(kSession), ElementsAre("/a-b"));
  EXPECT_EQ(loaded.session_timeout(kSession), 30000);
  EXPECT_EQ(loaded.quotas().covering("/a/x")->count, 1);
  EXPECT_THAT(loaded.reapable({INT64_MAX}, {0}, 9), ElementsAre("/t"));
  EXPECT_TRUE(loaded.dirty().empty());
  EXPECT_EQ(loaded.dirty().zxid, driver.tree.last_zxid());
}

TEST(DataTree, RefusesToLoadANodeWithoutItsParent) {
  DataTree tree({});
  EXPECT_EQ(tree.load_node("/a/b", {}, open_acl(), {}).error().code, Code::kCorrupt);
  EXPECT_EQ(tree.load_node("a", {}, open_acl(), {}).error().code, Code::kCorrupt);
}

TEST(DataTree, ReplacesANodeThatIsLoadedTwice) {
  DataTree tree({});
  ASSERT_TRUE(tree.load_node("/a", {}, open_acl(), as_bytes("1")));
  ASSERT_TRUE(tree.load_node("/a", {.ephemeral_owner = 7}, open_acl(), as_bytes("22")));
  ASSERT_TRUE(tree.load_node("/b", {}, open_acl(), {}));
  ASSERT_TRUE(tree.load_node("/b/c", {}, open_acl(), {}));
  EXPECT_EQ(tree.load_node("/b", {.ephemeral_owner = 7}, open_acl(), {}).error().code,
            Code::kCorrupt);
  EXPECT_EQ(tree.node_count(), 8u);
  EXPECT_THAT(tree.ephemerals_of(SessionId{7}), ElementsAre("/a"));
  EXPECT_EQ(tree.digest(), sum_of_digests(tree));
}

TEST(DataTree, DropsEphemeralsOfSessionsThatNobodyKnows) {
  DataTree tree({});
  ASSERT_TRUE(tree.load_node("/a", {.ephemeral_owner = 1}, open_acl(), {}));
  ASSERT_TRUE(tree.load_node("/b", {.ephemeral_owner = 2}, open_acl(), {}));
  tree.load_session(SessionId{2}, 1000);
  tree.finish_load(Zxid{5});
  tree.drop_orphan_ephemerals();
  EXPECT_EQ(tree.find("/a"), nullptr);
  EXPECT_NE(tree.find("/b"), nullptr);
  EXPECT_EQ(tree.stat_of(*tree.root()).pzxid, Zxid{5});
  EXPECT_EQ(tree.dirty().nodes.at("/a"), std::nullopt);
  EXPECT_EQ(tree.dirty().tree_digest, sum_of_digests(tree));
}

TEST(DataTree, MarksEverythingDirtyWhenAsked) {
  TreeDriver driver;
  driver.create_session(kSession, 5);
  driver.create("/a", "x");
  driver.tree.take_dirty();
  driver.tree.mark_all_dirty();
  EXPECT_EQ(driver.tree.dirty().nodes.size(), 5u);
  EXPECT_EQ(driver.tree.dirty().sessions.at(kSession), 5);
  EXPECT_EQ(as_chars(driver.tree.dirty().nodes.at("/a")->data.bytes()), "x");
}

TEST(DataTree, TakesThePlaceOfAnotherThatEverybodyRefersTo) {
  TreeDriver served(TreeOptions{.hash_seed = 1});
  served.create("/old");
  auto loaded = std::make_unique<TreeDriver>(TreeOptions{.hash_seed = 2});
  loaded->create_session(kSession, 4000);
  loaded->create("/new");
  loaded->create("/new/ephemeral", "data", kSession);
  const std::vector<std::string> paths = all_paths(loaded->tree);
  const std::uint64_t digest = loaded->tree.digest();
  const DataTree& tree = served.tree;
  served.tree.take_over(std::move(loaded->tree));
  EXPECT_TRUE(loaded->has("/old"));
  loaded.reset();
  EXPECT_EQ(all_paths(tree), paths);
  EXPECT_EQ(tree.last_zxid(), Zxid{3});
  EXPECT_EQ(tree.digest(), digest);
  EXPECT_EQ(sum_of_digests(tree), digest);
  EXPECT_EQ(tree.find("/old"), nullptr);
  EXPECT_EQ(served.data("/new/ephemeral"), "data");
  EXPECT_EQ(tree.session_timeout(kSession), 4000);
  EXPECT_THAT(tree.ephemerals_of(kSession), ElementsAre("/new/ephemeral"));
  EXPECT_TRUE(tree.dirty().nodes.contains("/new"));
  served.zxid = 3;
  EXPECT_EQ(served.create("/new/later"), ErrorCode::kOk);
  EXPECT_TRUE(served.has("/new/later"));
}

}  // namespace
}  // namespace paddock::server
