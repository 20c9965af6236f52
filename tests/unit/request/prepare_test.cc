#include "server/request/prepare.h"

#include <gtest/gtest.h>

#include "tests/unit/request/request_fixture.h"

namespace paddock::server {
namespace {

using test::create_record;
using test::path_version_record;
using test::set_acl_record;
using test::set_data_record;

constexpr SessionId kMe{1}, kOther{2};

Bytes truncated(Bytes bytes) {
  bytes.pop_back();
  return bytes;
}

const std::vector<Acl> kReadOnly = {{kPermRead, {"world", "anyone"}}};
const std::vector<Acl> kNoRead = {{kPermAll & ~kPermRead, {"world", "anyone"}}};

class PrepareTest : public testing::Test, protected RequestFixture {
 protected:
  PrepareTest() : PrepareTest(default_options()) {}
  explicit PrepareTest(PrepareOptions options, TreeOptions tree = {})
      : RequestFixture(std::move(options), tree) {
    create({.path = "/a"});
    create({.path = "/a/b"});
    create({.path = "/e", .flags = 1});
    create({.path = "/ro", .acl = kReadOnly});
    create({.path = "/ro2"});
    create({.path = "/ro2/x"});
    run(OpCode::kSetAcl, set_acl_record("/ro2", kReadOnly));
    create({.path = "/blind", .acl = kNoRead});
    create({.path = "/set"});
    run(OpCode::kSetData, set_data_record("/set", "x"));  // version 1
  }
};

struct Case {
  const char* what;
  OpCode op;
  Bytes record;
  ErrorCode expected;
};

TEST_F(PrepareTest, ChecksACreateInTheDocumentedOrder) {
  using E = ErrorCode;
  constexpr OpCode kCreate = OpCode::kCreate, kTtl = OpCode::kCreateTtl;
  const auto create2 = [](test::CreateArgs args) { return create_record(args); };
  const std::vector<Acl> bad_acl = {{31, {"world", "nobody"}}};
  const Case cases[] = {
      {"flags before the path", kCreate, create2({.path = "none", .flags = 7}), E::kBadArguments},
      {"negative flags", kCreate, create2({.path = "/n", .flags = -1}), E::kBadArguments},
      {"ttl flags without a ttl", kCreate, create2({.path = "/n", .flags = 5}), E::kBadArguments},
      {"a ttl of 0", kTtl, create2({.path = "/n", .flags = 5, .ttl_ms = 0}), E::kBadArguments},
      {"a ttl too long", kTtl, create2({.path = "/n", .flags = 5, .ttl_ms = kTtlMsMax + 1}),
       E::kBadArguments},
      {"ttl without ttl flags", kTtl, create2({.path = "/n", .flags = 0, .ttl_ms = 5}),
       E::kBadArguments},
      {"a negative ttl without ttl flags", kTtl, create2({.path = "/n", .flags = 0, .ttl_ms = -1}),
       E::kBadArguments},
      {"null path", kCreate, create2({.path = std::nullopt}), E::kMarshallingError},
      {"no slash, before the ACL", kCreate, create2({.path = "n", .acl = bad_acl}),
       E::kBadArguments},
      {"a NUL", kCreate, create2({.path = std::string_view("/a\0b", 4)}), E::kBadArguments},
      {"ACL before the parent", kCreate, create2({.path = "/none/n", .acl = bad_acl}),
       E::kInvalidAcl},
      {"empty ACL", kCreate, create2({.path = "/n", .acl = {}}), E::kInvalidAcl},
      {"parent missing", kCreate, create2({.path = "/none/."}), E::kNoNode},
      {"relative parent", kCreate, create2({.path = "a/n"}), E::kNoNode},
      {"parent with an empty component", kCreate, create2({.path = "/a//n"}), E::kNoNode},
      {"no CREATE, before the path", kCreate, create2({.path = "/ro/."}), E::kNoAuth},
      {"bad path, before it is looked up", kCreate, create2({.path = "/a/."}), E::kBadArguments},
      {"trailing slash", kCreate, create2({.path = "/a/"}), E::kBadArguments},
      {"exists, before the parent's kind", kCreate, create2({.path = "/a/b"}), E::kNodeExists},
      {"the root", kCreate, create2({.path = "/"}), E::kNodeExists},
      {"below an ephemeral", kCreate, create2({.path = "/e/n"}), E::kNoChildrenForEphemerals},
      {"below an ephemeral, sequential", kCreate, create2({.path = "/e/n", .flags = 2}),
       E::kNoChildrenForEphemerals},
      {"truncated", kCreate, truncated(create2({.path = "/n"})), E::kMarshallingError},
      {"good", kCreate, create2({.path = "/n"}), E::kOk},
      {"good container", OpCode::kCreateContainer, create2({.path = "/c", .flags = 4}), E::kOk},
      {"good TTL", kTtl, create2({.path = "/t", .flags = 5, .ttl_ms = kTtlMsMax}), E::kOk},
      {"sequential below a slash", kCreate, create2({.path = "/a/", .flags = 2}), E::kOk},
  };
  for (const Case& test : cases) {
    const Zxid before = last_zxid();
    EXPECT_EQ(run(test.op, test.record, kMe), test.expected) << test.what;
    EXPECT_EQ(last_zxid(), before.next()) << test.what;
    EXPECT_EQ(tree().last_zxid(), last_zxid()) << test.what;
  }
  EXPECT_TRUE(exists("/a/0000000001"));
}

TEST_F(PrepareTest, ChecksOtherWritesInTheDocumentedOrder) {
  using E = ErrorCode;
  constexpr OpCode kDelete = OpCode::kDelete, kSet = OpCode::kSetData, kAcl = OpCode::kSetAcl;
  const std::vector<Acl> bad_acl = {{31, {"nonsense", "x"}}};
  const Case cases[] = {
      {"null path", kDelete, path_version_record(std::nullopt), E::kMarshallingError},
      {"no slash", kDelete, path_version_record("a"), E::kBadArguments},
      {"the root", kDelete, path_version_record("/"), E::kBadArguments},
      {"a system node", kDelete, path_version_record("/zookeeper/config"), E::kBadArguments},
      {"malformed is absent", kDelete, path_version_record("/a//b"), E::kNoNode},
      {"parent missing", kDelete, path_version_record("/none/x"), E::kNoNode},
      {"no DELETE on the parent, before the node", kDelete, path_version_record("/ro2/none"),
       E::kNoAuth},
      {"node missing", kDelete, path_version_record("/a/none"), E::kNoNode},
      {"version, before the children", kDelete, path_version_record("/a", 5), E::kBadVersion},
      {"version -2 matches nothing", kDelete, path_version_record("/a/b", -2), E::kBadVersion},
      {"children", kDelete, path_version_record("/a", 0), E::kNotEmpty},
      {"truncated", kDelete, truncated(path_version_record("/a/b")), E::kMarshallingError},
      {"from a client", OpCode::kDeleteContainer, path_version_record("/a/b"), E::kBadArguments},

      {"null path", kSet, set_data_record(std::nullopt, "x"), E::kBadArguments},
      {"bad path", kSet, set_data_record("/a/", "x"), E::kBadArguments},
      {"empty path", kSet, set_data_record("", "x"), E::kBadArguments},
      {"missing", kSet, set_data_record("/none", "x"), E::kNoNode},
      {"no WRITE, before the version", kSet, set_data_record("/ro", "x", 9), E::kNoAuth},
      {"version", kSet, set_data_record("/set", "x", 0), E::kBadVersion},
      {"version good", kSet, set_data_record("/set", "x", 1), E::kOk},
      {"null data", kSet, set_data_record("/set", std::nullopt, 2), E::kOk},
      {"the root", kSet, set_data_record("/", "x"), E::kOk},

      {"bad path, before the ACL", kAcl, set_acl_record("a", bad_acl), E::kBadArguments},
      {"ACL, before the node", kAcl, set_acl_record("/none", bad_acl), E::kInvalidAcl},
      {"missing", kAcl, set_acl_record("/none", test::kOpenAcl), E::kNoNode},
      {"no ADMIN, before the version", kAcl, set_acl_record("/ro", test::kOpenAcl, 4), E::kNoAuth},
      {"version against aversion", kAcl, set_acl_record("/set", test::kOpenAcl, 1), E::kBadVersion},
      {"good", kAcl, set_acl_record("/set", test::kOpenAcl, 0), E::kOk},

      {"createSession", OpCode::kCreateSession, {}, E::kUnimplemented},
  };
  for (const Case& test : cases) {
    const Zxid before = last_zxid();
    EXPECT_EQ(run(test.op, test.record, kMe), test.expected)
        << name_of(test.op) << " " << test.what;
    EXPECT_EQ(last_zxid(), before.next());
  }
}

TEST_F(PrepareTest, GivesTheKindOfNodeThatTheOpcodeSays) {
  const auto owner = [&](std::string_view path) {
    return tree().persisted_stat_of(*tree().find(path)).ephemeral_owner;
  };
  run(OpCode::kCreate2, create_record({.path = "/p", .flags = 4}));
  EXPECT_EQ(owner("/p"), 0);
  run(OpCode::kCreateContainer, create_record({.path = "/c", .flags = 0}));
  EXPECT_EQ(owner("/c"), kContainerOwner);
  run(OpCode::kCreateContainer, create_record({.path = "/c-", .flags = 2}));
  EXPECT_EQ(owner("/c-0000000008"), kContainerOwner);
  run(OpCode::kCreateTtl, create_record({.path = "/t", .flags = 5, .ttl_ms = 77}));
  EXPECT_EQ(owner("/t"), ttl_owner(77));
  run(OpCode::kCreate, create_record({.path = "/mine", .flags = 1}), kOther);
  EXPECT_EQ(owner("/mine"), kOther.value);
}

TEST_F(PrepareTest, CountsSequenceNumbersByCreatesAlone) {
  create({.path = "/q"});
  EXPECT_EQ(create({.path = "/q/n", .flags = 2}), ErrorCode::kOk);
  EXPECT_TRUE(exists("/q/n0000000000"));
  create({.path = "/q/plain"});
  run(OpCode::kDelete, path_version_record("/q/plain"));
  EXPECT_EQ(create({.path = "/q/./n", .flags = 2}), ErrorCode::kNoNode);
  // Three in flight at once get three numbers.
  for (int i = 0; i < 3; ++i) submit(OpCode::kCreate, create_record({.path = "/q/n", .flags = 2}));
  apply_all();
  EXPECT_TRUE(exists("/q/n0000000002"));
  EXPECT_TRUE(exists("/q/n0000000003"));
  EXPECT_TRUE(exists("/q/n0000000004"));
  // A name that is taken does not use its number up.
  create({.path = "/q/n0000000006"});
  EXPECT_EQ(create({.path = "/q/n", .flags = 2}), ErrorCode::kNodeExists);
  EXPECT_EQ(create({.path = "/q/m", .flags = 2}), ErrorCode::kOk);
  EXPECT_TRUE(exists("/q/m0000000006"));
}

TEST_F(PrepareTest, FreezesACreateCounterThatHasRunOver) {
  // Loads a parent with the last good number, as a snapshot may have it.
  DataTree tree({});
  ASSERT_TRUE(
      tree.load_node("/full", StatPersisted{.cversion = 2147483647}, open_acl(), std::nullopt));
  tree.finish_load(Zxid{10});
  Preparer preparer(tree, default_options());
  const Credentials nobody;
  const Bytes record = create_record({.path = "/full/n", .flags = 2});
  Applied applied;
  std::vector<TxnBytes> bytes;
  for (std::int64_t zxid = 11; zxid <= 13; ++zxid) {
    bytes.push_back(preparer.prepare({kMe, {1, OpCode::kCreate}, record, nobody}, Zxid{zxid}, {}));
  }
  for (const TxnBytes& txn : bytes) {
    tree.apply(*decode_txn(*txn), true, applied);
    EXPECT_FALSE(applied.digest_differs);
    preparer.on_applied(applied.zxid);
  }
  EXPECT_NE(tree.find("/full/n2147483647"), nullptr);
  EXPECT_EQ(applied.error, ErrorCode::kNodeExists);
}

TEST_F(PrepareTest, SeesWhatIsOutstanding) {
  EXPECT_EQ(submit(OpCode::kCreate, create_record({.path = "/new", .acl = kReadOnly})),
            ErrorCode::kOk);
  EXPECT_EQ(submit(OpCode::kCreate, create_record({.path = "/new"})), ErrorCode::kNodeExists);
  EXPECT_EQ(submit(OpCode::kCreate, create_record({.path = "/new/x"})), ErrorCode::kNoAuth);
  EXPECT_EQ(submit(OpCode::kSetData, set_data_record("/set", "y", 1)), ErrorCode::kOk);
  EXPECT_EQ(submit(OpCode::kSetData, set_data_record("/set", "z", 1)), ErrorCode::kBadVersion);
  EXPECT_EQ(submit(OpCode::kSetData, set_data_record("/set", "z", 2)), ErrorCode::kOk);
  EXPECT_EQ(submit(OpCode::kDelete, path_version_record("/a/b")), ErrorCode::kOk);
  EXPECT_EQ(submit(OpCode::kDelete, path_version_record("/a")), ErrorCode::kOk);
  EXPECT_EQ(submit(OpCode::kSetData, set_data_record("/a", "y")), ErrorCode::kNoNode);
  EXPECT_EQ(submit(OpCode::kCreate, create_record({.path = "/a"})), ErrorCode::kOk);
  EXPECT_EQ(submit(OpCode::kSetAcl, set_acl_record("/a", kReadOnly)), ErrorCode::kOk);
  EXPECT_EQ(submit(OpCode::kSetData, set_data_record("/a", "y")), ErrorCode::kNoAuth);
  EXPECT_GT(preparer().pending().size(), 0u);
  apply_all();
  EXPECT_EQ(preparer().pending().size(), 0u);
  EXPECT_EQ(stat("/set").version, 3);
  EXPECT_EQ(stat("/a").aversion, 1);
}

TEST_F(PrepareTest, WrapsVersionsAsJavaDoes) {
  DataTree tree({});
  ASSERT_TRUE(tree.load_node("/v", StatPersisted{.version = INT32_MAX, .aversion = INT32_MAX},
                             open_acl(), std::nullopt));
  tree.finish_load(Zxid{10});
  Preparer preparer(tree, default_options());
  const Credentials nobody;
  const Bytes record = set_data_record("/v", "x", INT32_MAX);
  const TxnBytes bytes =
      preparer.prepare({kMe, {1, OpCode::kSetData}, record, nobody}, Zxid{11}, {});
  EXPECT_EQ(std::get<SetDataTxn>(decode_txn(*bytes)->body).version, INT32_MIN);
}

TEST_F(PrepareTest, ReplacesAuthByTheCallersIds) {
  const Credentials me = {{"ip", "127.0.0.1"}, {"digest", "me:hash"}};
  const std::vector<Acl> auth = {{kPermAll, {"auth", ""}}};
  const Bytes record = create_record({.path = "/mine", .acl = auth});
  EXPECT_EQ(run(OpCode::kCreate, record), ErrorCode::kInvalidAcl);
  EXPECT_EQ(run(OpCode::kCreate, record, kMe, me), ErrorCode::kOk);
  const std::vector<Acl> expected = {{kPermAll, {"digest", "me:hash"}}};
  EXPECT_EQ(tree().acl_of(*tree().find("/mine"))->entries, expected);
  EXPECT_EQ(run(OpCode::kSetData, set_data_record("/mine", "x")), ErrorCode::kNoAuth);
  EXPECT_EQ(run(OpCode::kSetData, set_data_record("/mine", "x"), kMe, me), ErrorCode::kOk);
}

TEST_F(PrepareTest, RefusesReconfig) {
  Bytes record;
  JuteWriter writer(record);
  for (int i = 0; i < 3; ++i) writer.write_ustring(std::nullopt);
  writer.write_long(-1);
  EXPECT_EQ(run(OpCode::kReconfig, record), ErrorCode::kReconfigDisabled);
  EXPECT_EQ(run(OpCode::kReconfig, truncated(record)), ErrorCode::kMarshallingError);
  PrepareOptions enabled = default_options();
  enabled.reconfig_enabled = true;
  EXPECT_EQ(RequestFixture(enabled).run(OpCode::kReconfig, record), ErrorCode::kUnimplemented);
}

TEST_F(PrepareTest, RefusesTtlNodesWhereExtendedTypesAreOff) {
  RequestFixture plain(default_options(), {.extended_types = false});
  const Bytes ttl = create_record({.path = "/t", .flags = 5, .ttl_ms = 5});
  EXPECT_EQ(plain.run(OpCode::kCreateTtl, ttl), ErrorCode::kUnimplemented);
  EXPECT_EQ(plain.run(OpCode::kCreate, create_record({.path = "/t", .flags = 6})),
            ErrorCode::kUnimplemented);
  EXPECT_EQ(run(OpCode::kCreateTtl, ttl), ErrorCode::kOk);
}

TEST_F(PrepareTest, ClosesASessionWithAllItsEphemeralsAppliedOrNot) {
  create({.path = "/a/e1", .flags = 1});
  create({.path = "/a/e2", .flags = 1});
  create({.path = "/a/theirs", .flags = 1}, kOther);
  submit(OpCode::kCreate, create_record({.path = "/a/e3", .flags = 1}));
  submit(OpCode::kDelete, path_version_record("/a/e1"));
  submit(OpCode::kDelete, path_version_record("/a/e2"));
  submit(OpCode::kCreate, create_record({.path = "/a/e2"}));  // persistent now
  EXPECT_EQ(close_session(kMe), ErrorCode::kOk);
  const Txn txn = last_txn();
  const std::vector<std::string_view> expected = {"/a/e3", "/e"};
  EXPECT_EQ(std::get<CloseSessionTxn>(txn.body).paths_to_delete, expected);
  apply_all();
  EXPECT_FALSE(exists("/a/e3"));
  EXPECT_FALSE(exists("/e"));
  EXPECT_TRUE(exists("/a/e2"));
  EXPECT_TRUE(exists("/a/theirs"));
  EXPECT_EQ(stat("/a").pzxid, last_zxid());
}

// Fault catalogue, row 51: what is written must be readable again.
TEST_F(PrepareTest, ListsNoMoreEphemeralsThanCanBeReadBackAndDeletesThemAll) {
  PrepareOptions options = default_options();
  options.txn_bytes_max = 1000;
  RequestFixture small(options);
  for (int i = 0; i < 200; ++i) small.create({.path = "/ephemeral-", .flags = 3});
  EXPECT_EQ(small.tree().ephemerals_count(), 200u);
  small.close_session(kMe);
  const Txn txn = small.last_txn();
  Bytes encoded;
  encode_txn(txn, encoded);
  EXPECT_LE(encoded.size(), options.txn_bytes_max);
  EXPECT_GT(std::get<CloseSessionTxn>(txn.body).paths_to_delete.size(), 10u);
  small.apply_all();
  EXPECT_EQ(small.tree().ephemerals_count(), 0u);
}

TEST_F(PrepareTest, RefusesWhatWouldBecomeTooLargeToReadBack) {
  PrepareOptions options = default_options();
  options.txn_bytes_max = 500;
  RequestFixture small(options);
  const std::string data(600, 'x');
  EXPECT_EQ(small.create({.path = "/n", .data = data}), ErrorCode::kBadArguments);
  EXPECT_FALSE(small.exists("/n"));
  EXPECT_EQ(small.create({.path = "/n", .data = "x"}), ErrorCode::kOk);
}

TEST_F(PrepareTest, ReapsOnlyWhatIsStillEmptyAndUntouched) {
  run(OpCode::kCreateContainer, create_record({.path = "/c", .flags = 4}));
  run(OpCode::kCreateTtl, create_record({.path = "/t", .flags = 5, .ttl_ms = 5}));
  EXPECT_FALSE(reap("/none"));
  EXPECT_FALSE(reap("/a/b"));
  EXPECT_FALSE(reap("/e"));
  submit(OpCode::kSetData, set_data_record("/t", "renewed"));
  EXPECT_FALSE(reap("/t"));
  submit(OpCode::kCreate, create_record({.path = "/c/x"}));
  EXPECT_FALSE(reap("/c"));
  apply_all();
  EXPECT_FALSE(reap("/c"));
  EXPECT_TRUE(reap("/t"));
  EXPECT_EQ(last_txn().header.type, OpCode::kDeleteContainer);
  EXPECT_EQ(last_txn().header.session, SessionId{});
  run(OpCode::kDelete, path_version_record("/c/x"));
  EXPECT_TRUE(reap("/c"));
  apply_all();
  EXPECT_FALSE(exists("/c"));
  EXPECT_FALSE(exists("/t"));
}

class QuotaTest : public testing::Test, protected RequestFixture {
 protected:
  QuotaTest() : RequestFixture(enforcing()) {
    create({.path = "/q"});
    create({.path = "/zookeeper/quota/q"});
  }
  static PrepareOptions enforcing() {
    PrepareOptions options = default_options();
    options.enforce_quota = true;
    return options;
  }
  void limit(std::string_view text) {
    create({.path = "/zookeeper/quota/q/zookeeper_limits", .data = text});
    create({.path = "/zookeeper/quota/q/zookeeper_stats", .data = "count=0,bytes=0"});
  }
};

TEST_F(QuotaTest, RefusesWhatGrowsBeyondAHardLimit) {
  limit("count=-1,bytes=-1=;byteHardLimit=10;countHardLimit=3");
  EXPECT_EQ(create({.path = "/q/1", .data = "12345"}), ErrorCode::kOk);
  EXPECT_EQ(create({.path = "/q/2", .data = "123456"}), ErrorCode::kQuotaExceeded);
  EXPECT_EQ(create({.path = "/q/2", .data = "12345"}), ErrorCode::kOk);
  EXPECT_EQ(create({.path = "/q/3"}), ErrorCode::kQuotaExceeded);
  EXPECT_EQ(create({.path = "/other", .data = "1234567890123"}), ErrorCode::kOk);
  EXPECT_EQ(run(OpCode::kSetData, set_data_record("/q/1", "123456")), ErrorCode::kQuotaExceeded);
  // The quota is looked at before the version, the name before the quota.
  EXPECT_EQ(run(OpCode::kSetData, set_data_record("/q/1", "123456", 7)), ErrorCode::kQuotaExceeded);
  EXPECT_EQ(create({.path = "/q/1"}), ErrorCode::kNodeExists);
  EXPECT_EQ(run(OpCode::kSetData, set_data_record("/q/1", "abcde")), ErrorCode::kOk);
  EXPECT_EQ(run(OpCode::kSetData, set_data_record("/q/1", "")), ErrorCode::kOk);
  EXPECT_TRUE(preparer().take_warnings().empty());
}

TEST_F(QuotaTest, MeasuresEachOperationOfAMultiAgainstTheUsageBefore) {
  limit("count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=3");
  const Bytes record = test::multi_record({{OpCode::kCreate, create_record({.path = "/q/1"})},
                                           {OpCode::kCreate, create_record({.path = "/q/2"})},
                                           {OpCode::kCreate, create_record({.path = "/q/3"})}});
  EXPECT_EQ(run(OpCode::kMulti, record), ErrorCode::kOk);
  EXPECT_EQ(create({.path = "/q/4"}), ErrorCode::kQuotaExceeded);
}

TEST_F(QuotaTest, WarnsOfASoftLimitAndDoesIt) {
  limit("count=2,bytes=-1");
  EXPECT_EQ(create({.path = "/q/1"}), ErrorCode::kOk);
  EXPECT_TRUE(preparer().take_warnings().empty());
  EXPECT_EQ(create({.path = "/q/2"}), ErrorCode::kOk);
  const std::vector<std::string> warnings = preparer().take_warnings();
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0], "quota of /q exceeded: count 3, limit 2");
}

}  // namespace
}  // namespace paddock::server
