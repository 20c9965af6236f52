#include "client/watch_registry.h"

#include <gtest/gtest.h>

#include "common/concat.h"

namespace paddock::client {
namespace {

struct Named : WatcherBase {
  explicit Named(std::string given) : name(std::move(given)) {}
  std::string name;
};
WatcherPtr named(std::string name) {
  return std::make_shared<Named>(std::move(name));
}
std::string names(const std::vector<WatcherPtr>& watchers) {
  std::string text;
  for (const WatcherPtr& one : watchers) text += static_cast<Named&>(*one).name + " ";
  return text;
}
std::string told(WatchRegistry& registry, EventType type, std::string_view path) {
  std::string text;
  for (const WatchRegistry::Telling& telling : registry.take(type, path)) {
    text += concat(to_string(telling.type), " ", telling.path, ": ", names(telling.watchers));
  }
  return text;
}

// As a request that leaves a watch does it.
WatchRegistry::Asking set(WatchRegistry& registry, WatchSlot slot, const std::string& path,
                          WatcherPtr watcher) {
  const WatchRegistry::Asking asking = registry.begin(slot, path);
  registry.add(slot, path, std::move(watcher));
  if (is_lasting(slot)) registry.confirm(path, asking.mode);
  registry.end(path);
  return asking;
}

TEST(WatchRegistry, TellsOneShotWatchesOnceAndOfTheirKindAlone) {
  WatchRegistry registry;
  set(registry, WatchSlot::kData, "/a", named("data"));
  set(registry, WatchSlot::kData, "/a", named("data2"));
  set(registry, WatchSlot::kChild, "/a", named("child"));
  set(registry, WatchSlot::kExist, "/b", named("exist"));
  EXPECT_EQ(told(registry, EventType::kNodeDataChanged, "/b/c"), "");
  EXPECT_EQ(told(registry, EventType::kNodeCreated, "/b"), "NodeCreated /b: exist ");
  EXPECT_EQ(told(registry, EventType::kNodeDataChanged, "/a"), "NodeDataChanged /a: data data2 ");
  EXPECT_EQ(told(registry, EventType::kNodeDataChanged, "/a"), "");
  EXPECT_EQ(told(registry, EventType::kNodeChildrenChanged, "/a"),
            "NodeChildrenChanged /a: child ");
  EXPECT_EQ(registry.paths(), 0u);
}

TEST(WatchRegistry, TellsOfADeletionAllThatWatchTheNode) {
  WatchRegistry registry;
  set(registry, WatchSlot::kData, "/a", named("data"));
  set(registry, WatchSlot::kChild, "/a", named("child"));
  EXPECT_EQ(told(registry, EventType::kNodeDeleted, "/a"), "NodeDeleted /a: data child ");
  EXPECT_EQ(told(registry, EventType::kNodeDeleted, "/a"), "");
}

TEST(WatchRegistry, TellsLastingWatchesAgainAndAgain) {
  WatchRegistry registry;
  EXPECT_EQ(set(registry, WatchSlot::kPersistent, "/a", named("p")).mode, 0);
  EXPECT_EQ(set(registry, WatchSlot::kPersistentRecursive, "/", named("r")).mode, 1);
  for (int time = 0; time < 2; ++time) {
    EXPECT_EQ(told(registry, EventType::kNodeDataChanged, "/a"), "NodeDataChanged /a: p r ");
    EXPECT_EQ(told(registry, EventType::kNodeChildrenChanged, "/a"), "NodeChildrenChanged /a: p ");
    EXPECT_EQ(told(registry, EventType::kNodeCreated, "/a/b/c"), "NodeCreated /a/b/c: r ");
    EXPECT_EQ(told(registry, EventType::kNodeDataChanged, "/"), "NodeDataChanged /: r ");
  }
}

TEST(WatchRegistry, DoesNotTakeAPathForBelowOneThatItOnlyBeginsWith) {
  WatchRegistry registry;
  set(registry, WatchSlot::kPersistentRecursive, "/n", named("r"));
  EXPECT_EQ(told(registry, EventType::kNodeCreated, "/nn"), "");
  EXPECT_EQ(told(registry, EventType::kNodeCreated, "/n/n"), "NodeCreated /n/n: r ");
}

TEST(WatchRegistry, AsksForOneModeOfAPathAndServesBothByTheWiderOne) {
  WatchRegistry registry;
  EXPECT_EQ(set(registry, WatchSlot::kPersistentRecursive, "/a", named("r")).mode, 1);
  EXPECT_EQ(set(registry, WatchSlot::kPersistent, "/a", named("p")).mode, 1);
  EXPECT_EQ(told(registry, EventType::kNodeCreated, "/a/b"),
            "NodeCreated /a/b: r NodeChildrenChanged /a: p ");
  EXPECT_EQ(told(registry, EventType::kNodeChildrenChanged, "/a"), "") << "told already";
  EXPECT_EQ(told(registry, EventType::kNodeDataChanged, "/a/b"), "NodeDataChanged /a/b: r ");
}

TEST(WatchRegistry, TellsByTheOldModeUntilTheServerHasAnsweredThatItHasTheNewOne) {
  WatchRegistry registry;
  set(registry, WatchSlot::kPersistent, "/a", named("p"));
  const auto asking = registry.begin(WatchSlot::kPersistentRecursive, "/a");
  EXPECT_EQ(told(registry, EventType::kNodeChildrenChanged, "/a"), "NodeChildrenChanged /a: p ");
  registry.confirm("/a", asking.mode);
  registry.end("/a");
  EXPECT_EQ(told(registry, EventType::kNodeChildrenChanged, "/a"), "");
  EXPECT_EQ(told(registry, EventType::kNodeCreated, "/a/b"), "NodeChildrenChanged /a: p ");
}

TEST(WatchRegistry, LetsALastingWatchServeOneShotOnes) {
  WatchRegistry registry;
  EXPECT_FALSE(registry.begin(WatchSlot::kData, "/a").served);
  registry.end("/a");
  set(registry, WatchSlot::kPersistent, "/a", named("p"));
  EXPECT_TRUE(registry.begin(WatchSlot::kData, "/a").served);
  EXPECT_TRUE(registry.begin(WatchSlot::kChild, "/a").served);
  EXPECT_FALSE(registry.begin(WatchSlot::kData, "/b").served);
  set(registry, WatchSlot::kPersistentRecursive, "/a", named("r"));
  EXPECT_TRUE(registry.begin(WatchSlot::kExist, "/a").served);
  EXPECT_TRUE(registry.begin(WatchSlot::kChild, "/a").served);
  set(registry, WatchSlot::kChild, "/a", named("child"));
  EXPECT_EQ(told(registry, EventType::kNodeDeleted, "/a/b"),
            "NodeDeleted /a/b: r NodeChildrenChanged /a: child p ");
  EXPECT_EQ(told(registry, EventType::kNodeDeleted, "/a/b"),
            "NodeDeleted /a/b: r NodeChildrenChanged /a: p ");
}

TEST(WatchRegistry, HasTheServersWatchRemovedWhenItServesNobodyAnyMore) {
  WatchRegistry registry;
  const WatcherPtr first = named("1"), second = named("2");
  set(registry, WatchSlot::kPersistent, "/a", first);
  set(registry, WatchSlot::kPersistent, "/a", second);
  set(registry, WatchSlot::kData, "/a", named("once"));
  registry.drop("/a", first);
  EXPECT_TRUE(registry.take_idle().empty());
  registry.drop("/a", second);
  EXPECT_TRUE(registry.take_idle().empty()) << "the one-shot watch needs it";
  EXPECT_EQ(told(registry, EventType::kNodeDataChanged, "/a"), "NodeDataChanged /a: once ");
  EXPECT_EQ(registry.take_idle(), std::vector<std::string>{"/a"});
  EXPECT_TRUE(registry.take_idle().empty()) << "told once";
  EXPECT_TRUE(registry.is_idle("/a"));
  registry.begin(WatchSlot::kData, "/a");
  EXPECT_FALSE(registry.is_idle("/a")) << "one is under way";
  registry.end("/a");
  EXPECT_EQ(registry.take_idle(), std::vector<std::string>{"/a"});
  registry.unset_on_server("/a");
  EXPECT_EQ(registry.paths(), 0u);
}

TEST(WatchRegistry, RemovesByKind) {
  WatchRegistry registry;
  using Removal = WatchRegistry::Removal;
  EXPECT_EQ(registry.removal(WatchKind::kData, "/a"), Removal::kAsAsked);
  EXPECT_EQ(registry.removal(WatchKind::kPersistent, "/a"), Removal::kHere);
  set(registry, WatchSlot::kData, "/a", named("data"));
  set(registry, WatchSlot::kChild, "/a", named("child"));
  EXPECT_EQ(registry.removal(WatchKind::kAny, "/a"), Removal::kAsAsked);
  set(registry, WatchSlot::kPersistent, "/a", named("p"));
  EXPECT_EQ(registry.removal(WatchKind::kAny, "/a"), Removal::kWholePath);
  EXPECT_EQ(registry.removal(WatchKind::kPersistent, "/a"), Removal::kHere);
  EXPECT_EQ(registry.removal(WatchKind::kData, "/a"), Removal::kHere);
  EXPECT_EQ(names(registry.remove(WatchKind::kData, "/a")), "data ");
  EXPECT_EQ(names(registry.remove(WatchKind::kPersistentRecursive, "/a")), "");
  EXPECT_EQ(names(registry.remove(WatchKind::kChildren, "/a")), "child ");
  EXPECT_EQ(registry.removal(WatchKind::kPersistent, "/a"), Removal::kWholePath);
  registry.begin(WatchSlot::kData, "/a");
  EXPECT_EQ(registry.removal(WatchKind::kAny, "/a"), Removal::kHere) << "one is under way";
  registry.end("/a");
  EXPECT_EQ(names(registry.remove(WatchKind::kAny, "/a")), "p ");
  EXPECT_EQ(names(registry.remove(WatchKind::kAny, "/b")), "");
}

TEST(WatchRegistry, RestoresWhatIsThereInPiecesThatFit) {
  WatchRegistry registry;
  for (int i = 0; i < 100; ++i) {
    const std::string path = concat("/node-", i);
    set(registry, WatchSlot::kData, path, named("d"));
    set(registry, WatchSlot::kPersistent, path, named("p"));
  }
  registry.begin(WatchSlot::kPersistent, "/lost-with-the-connection");
  registry.forget_server();
  const std::vector<WatchLists> pieces = registry.lists(500);
  EXPECT_GT(pieces.size(), 4u);
  std::size_t data = 0, persistent = 0;
  for (const WatchLists& piece : pieces) {
    EXPECT_EQ(piece.data, piece.persistent) << "all of a path is in one piece";
    EXPECT_LE(encode_set_watches(Zxid{1}, piece).size(), 500u + 8 + 5 * 4);
    data += piece.data.size();
    persistent += piece.persistent.size();
  }
  EXPECT_EQ(data, 100u);
  EXPECT_EQ(persistent, 100u);
}

TEST(WatchRegistry, TakesWhatItRestoresForWhatTheServerHas) {
  WatchRegistry registry;
  const WatcherPtr recursive = named("r");
  set(registry, WatchSlot::kPersistentRecursive, "/a", recursive);
  set(registry, WatchSlot::kPersistent, "/a", named("p"));
  set(registry, WatchSlot::kExist, "/e", named("e"));
  registry.forget_server();
  ASSERT_EQ(registry.lists(1000).size(), 1u);
  EXPECT_EQ(registry.lists(1000)[0].recursive, std::vector<std::string>{"/a"});
  EXPECT_TRUE(registry.lists(1000)[0].persistent.empty());
  EXPECT_EQ(registry.lists(1000)[0].exist, std::vector<std::string>{"/e"});
  registry.drop("/a", recursive);
  registry.forget_server();
  EXPECT_EQ(registry.lists(1000)[0].persistent, std::vector<std::string>{"/a"});
  EXPECT_EQ(told(registry, EventType::kNodeChildrenChanged, "/a"), "NodeChildrenChanged /a: p ");
}

TEST(WatchRegistry, WritesSetWatches2OnlyWhereItMust) {
  WatchLists lists;
  lists.data = {"/a"};
  lists.child = {"/b", "/c"};
  const Bytes plain = encode_set_watches(Zxid{7}, lists);
  JuteReader reader(plain);
  const auto request = read_set_watches_request(reader, false);
  ASSERT_TRUE(request);
  EXPECT_EQ(reader.remaining(), 0u);
  EXPECT_EQ(request->relative_zxid, Zxid{7});
  EXPECT_EQ(request->child.size(), 2u);
  lists.recursive = {"/r"};
  const Bytes wide = encode_set_watches(Zxid{7}, lists);
  JuteReader wide_reader(wide);
  const auto second = read_set_watches_request(wide_reader, true);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->persistent_recursive.size(), 1u);
  EXPECT_EQ(wide_reader.remaining(), 0u);
}

TEST(WatchRegistry, GivesAllBackAtTheEnd) {
  WatchRegistry registry;
  set(registry, WatchSlot::kData, "/a", named("d"));
  set(registry, WatchSlot::kPersistent, "/a", named("p"));
  set(registry, WatchSlot::kPersistentRecursive, "/b", named("r"));
  EXPECT_EQ(names(registry.lasting()), "p r ");
  const auto tellings = registry.take_all();
  ASSERT_EQ(tellings.size(), 2u);
  EXPECT_EQ(tellings[0].path, "/a");
  EXPECT_EQ(names(tellings[0].watchers), "d p ");
  EXPECT_EQ(names(tellings[1].watchers), "r ");
  EXPECT_EQ(registry.paths(), 0u);
}

TEST(WatchRegistry, CanGiveUpTheLastingOnesAlone) {
  WatchRegistry registry;
  set(registry, WatchSlot::kData, "/a", named("d"));
  set(registry, WatchSlot::kPersistent, "/a", named("p"));
  EXPECT_EQ(names(registry.take_lasting()), "p ");
  registry.forget_server();
  EXPECT_FALSE(registry.lists(1000).at(0).has_lasting());
}

}  // namespace
}  // namespace paddock::client
