// ZooKeeper's own C client against a running server: every zoo_* call, synchronous and
// asynchronous, watches, reconnection and expiry. with_server.py starts the server.

#include "c_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <deque>

#include "relay.h"

namespace paddock::interop {
namespace {

using ::testing::ElementsAre;
using ::testing::Optional;
using ::testing::UnorderedElementsAre;

constexpr int kShortSessionMs = 2000;
constexpr int kConnected = 3;  // ZOO_CONNECTED_STATE, which is not a constant expression

WatchEvent created(const std::string& path) {
  return {ZOO_CREATED_EVENT, kConnected, path};
}
WatchEvent deleted(const std::string& path) {
  return {ZOO_DELETED_EVENT, kConnected, path};
}
WatchEvent changed(const std::string& path) {
  return {ZOO_CHANGED_EVENT, kConnected, path};
}
WatchEvent child(const std::string& path) {
  return {ZOO_CHILD_EVENT, kConnected, path};
}

class CClient : public ::testing::Test {
 protected:
  void SetUp() override {
    zoo_set_debug_level(static_cast<ZooLogLevel>(0));
    const char* const address = std::getenv("SERVER_ADDRESS");
    ASSERT_NE(address, nullptr) << "run by tests/support/with_server.py";
    address_ = address;
    session_ = std::make_unique<Session>(address_);
    ASSERT_TRUE(session_->connected());
    zh_ = session_->handle();
    ASSERT_EQ(session_->create(root_), ZOK);
  }

  void TearDown() override {
    Session janitor(address_);
    if (janitor.connected()) janitor.remove_tree(root_);
  }

  std::string at(const std::string& name) const { return root_ + "/" + name; }

  std::string address_;
  std::string root_ =
      std::string("/") + ::testing::UnitTest::GetInstance()->current_test_info()->name();
  std::unique_ptr<Session> session_;
  zhandle_t* zh_ = nullptr;
};

TEST_F(CClient, CreatesReadsChangesAndDeletesANode) {
  const std::string path = at("n");
  std::array<char, 256> created_path;
  ASSERT_EQ(zoo_create(zh_, path.c_str(), "one", 3, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT,
                       created_path.data(), created_path.size()),
            ZOK);
  EXPECT_EQ(created_path.data(), path);
  EXPECT_EQ(session_->create(path), ZNODEEXISTS);

  std::array<char, 16> value;
  int size = value.size();
  Stat stat{};
  ASSERT_EQ(zoo_get(zh_, path.c_str(), 0, value.data(), &size, &stat), ZOK);
  EXPECT_EQ(std::string(value.data(), 3), "one");
  EXPECT_EQ(stat.dataLength, 3);

  EXPECT_EQ(zoo_set(zh_, path.c_str(), "two", 3, 5), ZBADVERSION);
  EXPECT_EQ(zoo_set(zh_, path.c_str(), "two", 3, 0), ZOK);
  Stat after{};
  EXPECT_EQ(zoo_set2(zh_, path.c_str(), "three", 5, 1, &after), ZOK);
  EXPECT_EQ(after.version, 2);
  EXPECT_EQ(after.czxid, stat.czxid);
  EXPECT_GT(after.mzxid, stat.mzxid);
  EXPECT_EQ(zoo_exists(zh_, path.c_str(), 0, &stat), ZOK);
  EXPECT_EQ(stat.mzxid, after.mzxid);

  EXPECT_EQ(zoo_delete(zh_, path.c_str(), 0), ZBADVERSION);
  EXPECT_EQ(zoo_delete(zh_, path.c_str(), 2), ZOK);
  EXPECT_EQ(zoo_delete(zh_, path.c_str(), -1), ZNONODE);
  EXPECT_EQ(zoo_exists(zh_, path.c_str(), 0, nullptr), ZNONODE);
}

TEST_F(CClient, TellsNullFromEmptyValues) {
  ASSERT_EQ(zoo_create(zh_, at("null").c_str(), nullptr, -1, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT,
                       nullptr, 0),
            ZOK);
  ASSERT_EQ(session_->create(at("empty")), ZOK);
  std::array<char, 16> value;
  int size = value.size();
  EXPECT_EQ(zoo_get(zh_, at("null").c_str(), 0, value.data(), &size, nullptr), ZOK);
  EXPECT_EQ(size, -1);
  size = value.size();
  EXPECT_EQ(zoo_get(zh_, at("empty").c_str(), 0, value.data(), &size, nullptr), ZOK);
  EXPECT_EQ(size, 0);
}

TEST_F(CClient, CreatesEveryKindOfNode) {
  struct Kind {
    const char* name;
    int mode;
    std::int64_t ttl_ms;
    const char* suffix;
    bool ephemeral;
  };
  const Kind kinds[] = {
      {"plain", ZOO_PERSISTENT, -1, "", false},
      {"ephemeral", ZOO_EPHEMERAL, -1, "", true},
      {"sequential", ZOO_PERSISTENT_SEQUENTIAL, -1, "0000000002", false},
      {"ephemeral_sequential", ZOO_EPHEMERAL_SEQUENTIAL, -1, "0000000003", true},
      {"container", ZOO_CONTAINER, -1, "", false},
      {"ttl", ZOO_PERSISTENT_WITH_TTL, 3'600'000, "", false},
      {"ttl_sequential", ZOO_PERSISTENT_SEQUENTIAL_WITH_TTL, 3'600'000, "0000000006", false},
  };
  for (const Kind& kind : kinds) {
    std::array<char, 256> path;
    Stat stat{};
    ASSERT_EQ(zoo_create2_ttl(zh_, at(kind.name).c_str(), "v", 1, &ZOO_OPEN_ACL_UNSAFE, kind.mode,
                              kind.ttl_ms, path.data(), path.size(), &stat),
              ZOK)
        << kind.name;
    EXPECT_EQ(path.data(), at(kind.name) + kind.suffix);
    EXPECT_EQ(stat.ephemeralOwner, kind.ephemeral ? session_->id() : 0) << kind.name;
    EXPECT_EQ(stat.dataLength, 1);
  }
  EXPECT_EQ(session_->create(at("ephemeral/child")), ZNOCHILDRENFOREPHEMERALS);
  Stat stat{};
  EXPECT_EQ(zoo_create2(zh_, at("two").c_str(), "v", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT,
                        nullptr, 0, &stat),
            ZOK);
  EXPECT_EQ(zoo_create_ttl(zh_, at("three").c_str(), "v", 1, &ZOO_OPEN_ACL_UNSAFE,
                           ZOO_PERSISTENT_WITH_TTL, 1000, nullptr, 0),
            ZOK);
}

TEST_F(CClient, ListsChildren) {
  for (const char* name : {"a", "b", "c"}) ASSERT_EQ(session_->create(at(name)), ZOK);
  String_vector children{};
  ASSERT_EQ(zoo_get_children(zh_, root_.c_str(), 0, &children), ZOK);
  EXPECT_THAT(to_names(children), UnorderedElementsAre("a", "b", "c"));
  deallocate_String_vector(&children);
  Stat stat{};
  ASSERT_EQ(zoo_get_children2(zh_, root_.c_str(), 0, &children, &stat), ZOK);
  EXPECT_EQ(stat.numChildren, 3);
  EXPECT_EQ(stat.cversion, 3);
  deallocate_String_vector(&children);
  EXPECT_EQ(zoo_delete(zh_, root_.c_str(), -1), ZNOTEMPTY);
  EXPECT_EQ(zoo_get_children(zh_, at("none").c_str(), 0, &children), ZNONODE);
}

TEST_F(CClient, AnswersEveryAsynchronousCall) {
  const std::string path = at("n");
  Call create, create2, create_ttl, create2_ttl, exists, get, set, children, children2, get_acl,
      set_acl, sync, remove, missing;
  const ACL_vector* const open = &ZOO_OPEN_ACL_UNSAFE;
  // All are sent before the first answer is awaited: one connection, answers in request order.
  ASSERT_EQ(
      zoo_acreate(zh_, path.c_str(), "v", 1, open, ZOO_PERSISTENT, Call::done_string, &create),
      ZOK);
  ASSERT_EQ(zoo_acreate2(zh_, (path + "/2").c_str(), "v", 1, open, ZOO_PERSISTENT,
                         Call::done_string_stat, &create2),
            ZOK);
  ASSERT_EQ(zoo_acreate_ttl(zh_, (path + "/t").c_str(), "v", 1, open, ZOO_PERSISTENT_WITH_TTL,
                            3'600'000, Call::done_string, &create_ttl),
            ZOK);
  ASSERT_EQ(zoo_acreate2_ttl(zh_, (path + "/u").c_str(), "v", 1, open, ZOO_PERSISTENT_WITH_TTL,
                             3'600'000, Call::done_string_stat, &create2_ttl),
            ZOK);
  ASSERT_EQ(zoo_aset(zh_, path.c_str(), "new", 3, 0, Call::done_stat, &set), ZOK);
  ASSERT_EQ(zoo_aexists(zh_, path.c_str(), 0, Call::done_stat, &exists), ZOK);
  ASSERT_EQ(zoo_aget(zh_, path.c_str(), 0, Call::done_data, &get), ZOK);
  ASSERT_EQ(zoo_aget_children(zh_, path.c_str(), 0, Call::done_strings, &children), ZOK);
  ASSERT_EQ(zoo_aget_children2(zh_, path.c_str(), 0, Call::done_strings_stat, &children2), ZOK);
  ASSERT_EQ(zoo_aset_acl(zh_, path.c_str(), 0, &ZOO_READ_ACL_UNSAFE, Call::done_void, &set_acl),
            ZOK);
  ASSERT_EQ(zoo_aget_acl(zh_, path.c_str(), Call::done_acl, &get_acl), ZOK);
  ASSERT_EQ(zoo_async(zh_, path.c_str(), Call::done_string, &sync), ZOK);
  ASSERT_EQ(zoo_adelete(zh_, at("none").c_str(), -1, Call::done_void, &missing), ZOK);
  ASSERT_EQ(zoo_adelete(zh_, path.c_str(), -1, Call::done_void, &remove), ZOK);

  EXPECT_EQ(create.answer().text, path);
  const Answer second = create2.answer();
  EXPECT_EQ(second.text, path + "/2");
  EXPECT_EQ(second.stat.value().version, 0);
  EXPECT_EQ(create_ttl.answer().text, path + "/t");
  EXPECT_EQ(create2_ttl.answer().text, path + "/u");
  EXPECT_EQ(set.answer().stat.value().version, 1);
  EXPECT_EQ(exists.answer().stat.value().numChildren, 3);
  EXPECT_EQ(get.answer().text, "new");
  EXPECT_THAT(children.answer().names, UnorderedElementsAre("2", "t", "u"));
  EXPECT_EQ(children2.answer().stat.value().cversion, 3);
  EXPECT_EQ(set_acl.answer().code, ZOK);
  EXPECT_THAT(get_acl.answer().acl, ElementsAre("world:anyone=1"));
  EXPECT_EQ(sync.answer().text, path);
  EXPECT_EQ(missing.answer().code, ZNONODE);
  EXPECT_EQ(remove.answer().code, ZNOTEMPTY);
}

TEST_F(CClient, KeepsTheOrderOfManyCallsInFlight) {
  constexpr int kCalls = 1000;
  std::deque<Call> calls(kCalls);
  for (Call& call : calls) {
    ASSERT_EQ(zoo_acreate(zh_, at("s").c_str(), "", 0, &ZOO_OPEN_ACL_UNSAFE,
                          ZOO_PERSISTENT_SEQUENTIAL, Call::done_string, &call),
              ZOK);
  }
  for (int i = 0; i < kCalls; ++i) {
    const std::string digits = std::to_string(i);
    EXPECT_EQ(calls[i].answer().text, at("s") + std::string(10 - digits.size(), '0') + digits);
  }
}

TEST_F(CClient, CarriesValuesUpToTheFrameLimit) {
  const std::string value(1'000'000, 'v');
  ASSERT_EQ(session_->create(at("big"), value), ZOK);
  EXPECT_EQ(session_->get(at("big")), value);
}

TEST_F(CClient, FiresDefaultWatches) {
  const std::string path = at("n");
  EXPECT_EQ(zoo_exists(zh_, path.c_str(), 1, nullptr), ZNONODE);
  String_vector children{};
  ASSERT_EQ(zoo_get_children(zh_, root_.c_str(), 1, &children), ZOK);
  ASSERT_EQ(session_->create(path), ZOK);
  EXPECT_THAT(session_->watcher().next(), Optional(created(path)));
  EXPECT_THAT(session_->watcher().next(), Optional(child(root_)));

  std::array<char, 16> value;
  int size = value.size();
  ASSERT_EQ(zoo_get(zh_, path.c_str(), 1, value.data(), &size, nullptr), ZOK);
  ASSERT_EQ(session_->set(path, "x"), ZOK);
  EXPECT_THAT(session_->watcher().next(), Optional(changed(path)));
  Stat stat{};
  deallocate_String_vector(&children);
  ASSERT_EQ(zoo_get_children2(zh_, path.c_str(), 1, &children, &stat), ZOK);
  deallocate_String_vector(&children);
  ASSERT_EQ(session_->remove(path), ZOK);
  EXPECT_THAT(session_->watcher().next(), Optional(deleted(path)));
}

TEST_F(CClient, FiresWatchersOfTheirOwn) {
  const std::string path = at("n");
  Watcher exists, get, children, children2;
  String_vector names{};
  EXPECT_EQ(zoo_wexists(zh_, path.c_str(), Watcher::record, &exists, nullptr), ZNONODE);
  ASSERT_EQ(session_->create(path), ZOK);
  EXPECT_THAT(exists.next(), Optional(created(path)));

  std::array<char, 16> value;
  int size = value.size();
  ASSERT_EQ(zoo_wget(zh_, path.c_str(), Watcher::record, &get, value.data(), &size, nullptr), ZOK);
  ASSERT_EQ(zoo_wget_children(zh_, path.c_str(), Watcher::record, &children, &names), ZOK);
  Stat stat{};
  ASSERT_EQ(zoo_wget_children2(zh_, root_.c_str(), Watcher::record, &children2, &names, &stat),
            ZOK);
  deallocate_String_vector(&names);
  ASSERT_EQ(session_->create(path + "/c"), ZOK);
  EXPECT_THAT(children.next(), Optional(child(path)));
  ASSERT_EQ(session_->set(path, "x"), ZOK);
  EXPECT_THAT(get.next(), Optional(changed(path)));
  session_->remove_tree(path);
  EXPECT_THAT(children2.next(), Optional(child(root_)));
}

TEST_F(CClient, FiresWatchersOfAsynchronousCalls) {
  const std::string path = at("n");
  Watcher exists, get, children, children2;
  Call a, b, c, d, e;
  ASSERT_EQ(zoo_awexists(zh_, path.c_str(), Watcher::record, &exists, Call::done_stat, &a), ZOK);
  ASSERT_EQ(zoo_acreate(zh_, path.c_str(), "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT,
                        Call::done_string, &b),
            ZOK);
  EXPECT_EQ(a.answer().code, ZNONODE);
  EXPECT_EQ(b.answer().code, ZOK);
  EXPECT_THAT(exists.next(), Optional(created(path)));
  ASSERT_EQ(zoo_awget(zh_, path.c_str(), Watcher::record, &get, Call::done_data, &c), ZOK);
  ASSERT_EQ(
      zoo_awget_children(zh_, path.c_str(), Watcher::record, &children, Call::done_strings, &d),
      ZOK);
  ASSERT_EQ(zoo_awget_children2(zh_, path.c_str(), Watcher::record, &children2,
                                Call::done_strings_stat, &e),
            ZOK);
  EXPECT_EQ(c.answer().code, ZOK);
  EXPECT_EQ(d.answer().code, ZOK);
  EXPECT_EQ(e.answer().code, ZOK);
  ASSERT_EQ(session_->create(path + "/c"), ZOK);
  EXPECT_THAT(children.next(), Optional(child(path)));
  EXPECT_THAT(children2.next(), Optional(child(path)));
  ASSERT_EQ(session_->set(path, "x"), ZOK);
  EXPECT_THAT(get.next(), Optional(changed(path)));
}

TEST_F(CClient, RemovesWatches) {
  const std::string path = at("n");
  ASSERT_EQ(session_->create(path), ZOK);
  Watcher data, children;
  std::array<char, 16> value;
  int size = value.size();
  String_vector names{};
  const auto watch_both = [&] {
    ASSERT_EQ(zoo_wget(zh_, path.c_str(), Watcher::record, &data, value.data(), &size, nullptr),
              ZOK);
    ASSERT_EQ(zoo_wget_children(zh_, path.c_str(), Watcher::record, &children, &names), ZOK);
    deallocate_String_vector(&names);
  };
  watch_both();
  EXPECT_EQ(zoo_remove_watches(zh_, path.c_str(), ZWATCHTYPE_DATA, Watcher::record, &data, 0), ZOK);
  EXPECT_EQ(zoo_remove_watches(zh_, at("none").c_str(), ZWATCHTYPE_ANY, Watcher::record, &data, 0),
            ZNOWATCHER);
  ASSERT_EQ(session_->set(path, "x"), ZOK);
  ASSERT_EQ(session_->create(path + "/c"), ZOK);
  EXPECT_THAT(children.next(), Optional(child(path)));

  watch_both();
  EXPECT_EQ(zoo_remove_all_watches(zh_, path.c_str(), ZWATCHTYPE_ANY, 0), ZOK);
  // An event of a later watch on the same connection comes after any that should not have come.
  Watcher last;
  ASSERT_EQ(zoo_wexists(zh_, path.c_str(), Watcher::record, &last, nullptr), ZOK);
  session_->remove_tree(path);
  EXPECT_THAT(last.next(), Optional(deleted(path)));
  EXPECT_EQ(data.next(std::chrono::milliseconds(0)), std::nullopt);
  EXPECT_EQ(children.next(std::chrono::milliseconds(0)), std::nullopt);
}

TEST_F(CClient, GuardsNodesByDigestCredentials) {
  const std::string path = at("secret");
  Call auth;
  ASSERT_EQ(zoo_add_auth(zh_, "digest", "ann:pw", 6, Call::done_void, &auth), ZOK);
  EXPECT_EQ(auth.answer().code, ZOK);
  ASSERT_EQ(zoo_create(zh_, path.c_str(), "v", 1, &ZOO_CREATOR_ALL_ACL, ZOO_PERSISTENT, nullptr, 0),
            ZOK);
  ACL_vector acl{};
  Stat stat{};
  ASSERT_EQ(zoo_get_acl(zh_, path.c_str(), &acl, &stat), ZOK);
  EXPECT_THAT(to_text(acl), ElementsAre("digest:ann:RYbu6l5aZwqon8VWmkcGvezdzfc==31"));
  deallocate_ACL_vector(&acl);

  Session stranger(address_);
  ASSERT_TRUE(stranger.connected());
  EXPECT_EQ(stranger.get(path), zerror(ZNOAUTH));
  EXPECT_EQ(stranger.set(path, "mine"), ZNOAUTH);
  EXPECT_EQ(zoo_set_acl(stranger.handle(), path.c_str(), -1, &ZOO_OPEN_ACL_UNSAFE), ZNOAUTH);

  EXPECT_EQ(zoo_set_acl(zh_, path.c_str(), 7, &ZOO_OPEN_ACL_UNSAFE), ZBADVERSION);
  ASSERT_EQ(zoo_set_acl(zh_, path.c_str(), 0, &ZOO_OPEN_ACL_UNSAFE), ZOK);
  EXPECT_EQ(stranger.get(path), "v");
  ACL_vector nobody{0, nullptr};
  EXPECT_EQ(zoo_set_acl(zh_, path.c_str(), -1, &nobody), ZINVALIDACL);
}

TEST_F(CClient, ReportsAnUnknownAuthenticationScheme) {
  Call auth;
  ASSERT_EQ(zoo_add_auth(zh_, "nonesuch", "x", 1, Call::done_void, &auth), ZOK);
  EXPECT_EQ(auth.answer().code, ZAUTHFAILED);
  EXPECT_TRUE(session_->watcher().reaches(ZOO_AUTH_FAILED_STATE));
}

TEST_F(CClient, AppliesAMultiAsAWholeOrNotAtAll) {
  const std::string path = at("n");
  const std::string sequential = path + "/s";
  const std::string numbered = sequential + "0000000000";
  std::array<char, 256> made;
  Stat stat{};
  std::array<zoo_op_t, 4> ops{};  // zoo_create_op_init() leaves the ttl as it is
  std::array<zoo_op_result_t, 4> results{};
  zoo_create_op_init(&ops[0], path.c_str(), "v", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT,
                     made.data(), made.size());
  zoo_check_op_init(&ops[1], path.c_str(), 0);
  zoo_set_op_init(&ops[2], path.c_str(), "w", 1, 0, &stat);
  zoo_create_op_init(&ops[3], sequential.c_str(), "", 0, &ZOO_OPEN_ACL_UNSAFE,
                     ZOO_EPHEMERAL_SEQUENTIAL, nullptr, 0);
  ASSERT_EQ(zoo_multi(zh_, 4, ops.data(), results.data()), ZOK);
  EXPECT_EQ(made.data(), path);
  EXPECT_EQ(stat.version, 1);
  EXPECT_EQ(session_->get(path), "w");
  EXPECT_TRUE(session_->exists(numbered));

  zoo_delete_op_init(&ops[0], numbered.c_str(), -1);
  zoo_check_op_init(&ops[1], path.c_str(), 9);
  zoo_delete_op_init(&ops[2], path.c_str(), -1);
  Call multi;
  ASSERT_EQ(zoo_amulti(zh_, 3, ops.data(), results.data(), Call::done_void, &multi), ZOK);
  EXPECT_EQ(multi.answer().code, ZBADVERSION);
  EXPECT_EQ(results[0].err, ZOK);
  EXPECT_EQ(results[1].err, ZBADVERSION);
  EXPECT_EQ(results[2].err, ZRUNTIMEINCONSISTENCY);
  EXPECT_TRUE(session_->exists(numbered));
}

TEST_F(CClient, ReadsTheConfigurationNodeAndCannotChangeIt) {
  std::array<char, 4096> value;
  int size = value.size();
  Stat stat{};
  EXPECT_EQ(zoo_getconfig(zh_, 0, value.data(), &size, &stat), ZOK);
  Watcher watcher;
  EXPECT_EQ(zoo_wgetconfig(zh_, Watcher::record, &watcher, value.data(), &size, &stat), ZOK);
  Call config;
  ASSERT_EQ(zoo_agetconfig(zh_, 0, Call::done_data, &config), ZOK);
  EXPECT_EQ(config.answer().code, ZOK);
  Call watched;
  ASSERT_EQ(zoo_awgetconfig(zh_, Watcher::record, &watcher, Call::done_data, &watched), ZOK);
  EXPECT_EQ(watched.answer().code, ZOK);
  EXPECT_EQ(session_->set(ZOO_CONFIG_NODE, "x"), ZNOAUTH);
  size = value.size();
  EXPECT_EQ(zoo_reconfig(zh_, nullptr, "1", nullptr, -1, value.data(), &size, &stat),
            ZRECONFIGDISABLED);
  Call reconfig;
  ASSERT_EQ(zoo_areconfig(zh_, nullptr, "1", nullptr, -1, Call::done_data, &reconfig), ZOK);
  EXPECT_EQ(reconfig.answer().code, ZRECONFIGDISABLED);
}

TEST_F(CClient, DescribesTheSession) {
  EXPECT_EQ(zoo_state(zh_), ZOO_CONNECTED_STATE);
  EXPECT_FALSE(is_unrecoverable(zh_));
  EXPECT_NE(session_->id(), 0);
  EXPECT_EQ(zoo_recv_timeout(zh_), 10000);
  EXPECT_EQ(zoo_get_current_server(zh_), address_);
  EXPECT_EQ(zoo_get_context(zh_), &session_->watcher());
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  EXPECT_NE(zookeeper_get_connected_host(zh_, reinterpret_cast<sockaddr*>(&peer), &size), nullptr);
  EXPECT_EQ(zoo_set_servers(zh_, address_.c_str()), ZOK);
  EXPECT_EQ(session_->create(at("still")), ZOK);

  Session hasty(address_, 50);
  ASSERT_TRUE(hasty.connected());
  EXPECT_GE(zoo_recv_timeout(hasty.handle()), 100) << "the server's least session timeout";
}

TEST_F(CClient, ComesBackWithTheSameSessionAndItsWatches) {
  for (const char* name : {"changed", "kept", "gone"}) ASSERT_EQ(session_->create(at(name)), ZOK);
  Relay relay(address_);
  Session cut_off(relay.address(), 20000);
  ASSERT_TRUE(cut_off.connected());
  const std::int64_t id = cut_off.id();
  ASSERT_EQ(cut_off.create(at("mine"), "", ZOO_EPHEMERAL), ZOK);
  Watcher on_changed, on_kept, on_gone, on_new, on_children;
  zhandle_t* const zh = cut_off.handle();
  for (auto& [name, watcher] :
       {std::pair{"changed", &on_changed}, {"kept", &on_kept}, {"gone", &on_gone}}) {
    ASSERT_EQ(zoo_wexists(zh, at(name).c_str(), Watcher::record, watcher, nullptr), ZOK);
  }
  ASSERT_EQ(zoo_wexists(zh, at("new").c_str(), Watcher::record, &on_new, nullptr), ZNONODE);
  String_vector names{};
  ASSERT_EQ(zoo_wget_children(zh, root_.c_str(), Watcher::record, &on_children, &names), ZOK);
  deallocate_String_vector(&names);

  relay.hold();
  ASSERT_TRUE(cut_off.watcher().reaches(ZOO_CONNECTING_STATE) ||
              cut_off.watcher().reaches(ZOO_NOTCONNECTED_STATE));
  ASSERT_EQ(session_->set(at("changed"), "x"), ZOK);
  ASSERT_EQ(session_->remove(at("gone")), ZOK);
  ASSERT_EQ(session_->create(at("new")), ZOK);
  relay.release();
  ASSERT_TRUE(cut_off.connected());

  EXPECT_EQ(cut_off.id(), id);
  EXPECT_TRUE(session_->exists(at("mine")));
  EXPECT_THAT(on_changed.next(), Optional(changed(at("changed"))));
  EXPECT_THAT(on_gone.next(), Optional(deleted(at("gone"))));
  EXPECT_THAT(on_new.next(), Optional(created(at("new"))));
  EXPECT_THAT(on_children.next(), Optional(child(root_)));
  ASSERT_EQ(session_->set(at("kept"), "now"), ZOK);
  EXPECT_THAT(on_kept.next(), Optional(changed(at("kept"))));
}

TEST_F(CClient, ResumesASessionFromItsIdAndPassword) {
  auto first = std::make_unique<Relay>(address_);
  Session original(first->address(), 20000);
  ASSERT_TRUE(original.connected());
  ASSERT_EQ(original.create(at("mine"), "", ZOO_EPHEMERAL), ZOK);
  const clientid_t id = *zoo_client_id(original.handle());
  first->hold();
  Session resumed(address_, 20000, &id);
  ASSERT_TRUE(resumed.connected());
  EXPECT_EQ(resumed.id(), id.client_id);
  Stat stat{};
  ASSERT_EQ(zoo_exists(resumed.handle(), at("mine").c_str(), 0, &stat), ZOK);
  EXPECT_EQ(stat.ephemeralOwner, id.client_id);

  clientid_t wrong = id;
  wrong.passwd[3] ^= 1;
  Session impostor(address_, 20000, &wrong);
  EXPECT_TRUE(impostor.watcher().reaches(ZOO_EXPIRED_SESSION_STATE));
}

TEST_F(CClient, LosesTheSessionAndItsEphemeralsWhenItIsAwayTooLong) {
  Relay relay(address_);
  Session away(relay.address(), kShortSessionMs);
  ASSERT_TRUE(away.connected());
  ASSERT_EQ(away.create(at("mine"), "", ZOO_EPHEMERAL), ZOK);
  Watcher on_mine;
  ASSERT_EQ(zoo_wexists(zh_, at("mine").c_str(), Watcher::record, &on_mine, nullptr), ZOK);
  relay.hold();
  EXPECT_THAT(on_mine.next(), Optional(deleted(at("mine"))));
  relay.release();
  EXPECT_TRUE(away.watcher().reaches(ZOO_EXPIRED_SESSION_STATE));
  EXPECT_TRUE(is_unrecoverable(away.handle()));
  EXPECT_EQ(away.create(at("late")), ZINVALIDSTATE);
}

TEST_F(CClient, RemovesEphemeralsWhenTheSessionIsClosed) {
  Session other(address_);
  ASSERT_TRUE(other.connected());
  ASSERT_EQ(other.create(at("mine"), "", ZOO_EPHEMERAL), ZOK);
  Watcher on_mine;
  ASSERT_EQ(zoo_wexists(zh_, at("mine").c_str(), Watcher::record, &on_mine, nullptr), ZOK);
  EXPECT_EQ(other.close(), ZOK);
  EXPECT_THAT(on_mine.next(), Optional(deleted(at("mine"))));
  EXPECT_FALSE(session_->exists(at("mine")));
}

}  // namespace
}  // namespace paddock::interop
