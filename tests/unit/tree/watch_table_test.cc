#include "server/tree/watch_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <tuple>

namespace paddock::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr WatcherId kA = 1, kB = 2;

TreeChange change(TreeChange::Kind kind, std::string path) {
  static const AclRef node_acl = make_acl_entry(1, open_acl());
  static const AclRef parent_acl = make_acl_entry(2, open_acl());
  return {.kind = kind,
          .zxid = Zxid{1},
          .path = std::move(path),
          .node_acl = node_acl,
          .parent_acl = kind == TreeChange::Kind::kDataChanged ? nullptr : parent_acl};
}

// What a change fires, as "1 created /a": watcher, event, path.
std::vector<std::string> fired(WatchTable& table, TreeChange::Kind kind, const std::string& path) {
  static const std::map<EventType, std::string> names = {
      {EventType::kNodeCreated, " created "},
      {EventType::kNodeDeleted, " deleted "},
      {EventType::kNodeDataChanged, " changed "},
      {EventType::kNodeChildrenChanged, " children "}};
  std::vector<std::string> events;
  table.trigger(change(kind, path),
                [&](WatcherId watcher, EventType type, std::string_view at, const AclRef& acl) {
                  events.push_back(std::to_string(watcher) + names.at(type) + std::string(at));
                  const bool of_parent = type == EventType::kNodeChildrenChanged;
                  EXPECT_EQ(acl->number, of_parent ? 2u : 1u);
                });
  return events;
}
std::vector<std::string> create(WatchTable& table, const std::string& path) {
  return fired(table, TreeChange::Kind::kCreated, path);
}
std::vector<std::string> remove(WatchTable& table, const std::string& path) {
  return fired(table, TreeChange::Kind::kDeleted, path);
}
std::vector<std::string> set_data(WatchTable& table, const std::string& path) {
  return fired(table, TreeChange::Kind::kDataChanged, path);
}

TEST(WatchTable, FiresADataWatchOnce) {
  WatchTable table;
  table.add(kA, "/n", WatchKind::kData);
  table.add(kA, "/n", WatchKind::kData);
  EXPECT_EQ(table.watch_count(), 1u);
  EXPECT_THAT(create(table, "/n/child"), IsEmpty());
  EXPECT_THAT(set_data(table, "/n"), ElementsAre("1 changed /n"));
  EXPECT_THAT(set_data(table, "/n"), IsEmpty());
  EXPECT_TRUE(table.empty());
}

TEST(WatchTable, TellsOfACreateToWhoWaitsForTheNode) {
  WatchTable table;
  table.add(kA, "/n", WatchKind::kData);
  EXPECT_THAT(create(table, "/n"), ElementsAre("1 created /n"));
}

TEST(WatchTable, FiresAChildWatchForCreateAndDeleteOfAChildOnly) {
  WatchTable table;
  table.add(kA, "/n", WatchKind::kChild);
  EXPECT_THAT(set_data(table, "/n"), IsEmpty());
  EXPECT_THAT(set_data(table, "/n/c"), IsEmpty());
  EXPECT_THAT(create(table, "/n/c/grandchild"), IsEmpty());
  EXPECT_THAT(create(table, "/n/c"), ElementsAre("1 children /n"));
  EXPECT_THAT(remove(table, "/n/c"), IsEmpty());
}

TEST(WatchTable, KnowsTheRootAsTheParentOfItsChildren) {
  WatchTable table;
  table.add(kA, "/", WatchKind::kChild);
  EXPECT_THAT(create(table, "/n"), ElementsAre("1 children /"));
}

TEST(WatchTable, FiresInTheOrderNodeThenItsChildTableThenTheParent) {
  WatchTable table;
  table.add(1, "/p", WatchKind::kChild);
  table.add(2, "/p/n", WatchKind::kChild);
  table.add(3, "/p/n", WatchKind::kData);
  EXPECT_THAT(remove(table, "/p/n"),
              ElementsAre("3 deleted /p/n", "2 deleted /p/n", "1 children /p"));
  EXPECT_TRUE(table.empty());
}

TEST(WatchTable, TellsOfADeleteOnlyOnce) {
  WatchTable table;
  table.add(kA, "/n", WatchKind::kData);
  table.add(kA, "/n", WatchKind::kChild);
  table.add(kB, "/n", WatchKind::kChild);
  EXPECT_THAT(remove(table, "/n"), ElementsAre("1 deleted /n", "2 deleted /n"));
  EXPECT_TRUE(table.empty());
}

TEST(WatchTable, KeepsAPersistentWatch) {
  WatchTable table;
  table.add(kA, "/n", AddWatchMode::kPersistent);
  EXPECT_EQ(table.watch_count(), 2u);
  for (int round = 0; round < 2; ++round) {
    EXPECT_THAT(create(table, "/n"), ElementsAre("1 created /n"));
    EXPECT_THAT(create(table, "/n/c"), ElementsAre("1 children /n"));
    EXPECT_THAT(set_data(table, "/n/c"), IsEmpty());
    EXPECT_THAT(set_data(table, "/n"), ElementsAre("1 changed /n"));
    EXPECT_THAT(remove(table, "/n"), ElementsAre("1 deleted /n"));
  }
}

TEST(WatchTable, FiresARecursiveWatchForAllBelowAndNeverForChildren) {
  WatchTable table;
  table.add(kA, "/n", AddWatchMode::kPersistentRecursive);
  EXPECT_EQ(table.watch_count(), 1u);
  EXPECT_THAT(create(table, "/n"), ElementsAre("1 created /n"));
  EXPECT_THAT(create(table, "/n/a/b"), ElementsAre("1 created /n/a/b"));
  EXPECT_THAT(set_data(table, "/n/a/b"), ElementsAre("1 changed /n/a/b"));
  EXPECT_THAT(remove(table, "/n/a"), ElementsAre("1 deleted /n/a"));
  EXPECT_THAT(create(table, "/nn"), IsEmpty());
  EXPECT_THAT(create(table, "/m/n"), IsEmpty());
}

TEST(WatchTable, CoversEverythingFromTheRoot) {
  WatchTable table;
  table.add(kA, "/", AddWatchMode::kPersistentRecursive);
  EXPECT_THAT(create(table, "/a"), ElementsAre("1 created /a"));
  EXPECT_THAT(create(table, "/a/b"), ElementsAre("1 created /a/b"));
  EXPECT_THAT(set_data(table, "/"), ElementsAre("1 changed /"));
}

TEST(WatchTable, SendsOneEventToWhoMatchesSeveralTimes) {
  WatchTable table;
  table.add(kA, "/", AddWatchMode::kPersistentRecursive);
  table.add(kA, "/n", AddWatchMode::kPersistentRecursive);
  table.add(kA, "/n/c", WatchKind::kData);
  table.add(kA, "/n/c", AddWatchMode::kPersistent);
  table.add(kB, "/n/c", WatchKind::kData);
  EXPECT_THAT(set_data(table, "/n/c"), ElementsAre("1 changed /n/c", "2 changed /n/c"));
  EXPECT_THAT(set_data(table, "/n/c"), ElementsAre("1 changed /n/c"));
  table.add(kA, "/n", WatchKind::kChild);
  EXPECT_THAT(remove(table, "/n/c"), ElementsAre("1 deleted /n/c", "1 children /n"));
}

TEST(WatchTable, KeepsModesSideBySide) {
  WatchTable table;
  table.add(kA, "/n", WatchKind::kData);
  table.add(kA, "/n", WatchKind::kChild);
  table.add(kA, "/n", AddWatchMode::kPersistent);
  table.add(kA, "/n", AddWatchMode::kPersistentRecursive);
  EXPECT_EQ(table.watch_count(), 2u);
  for (const std::int32_t type : {4, 2, 1, 5}) {
    EXPECT_EQ(table.check(kA, "/n", type), ErrorCode::kOk);
    EXPECT_EQ(table.remove(kA, "/n", type), ErrorCode::kOk);
    EXPECT_EQ(table.check(kA, "/n", type), ErrorCode::kNoWatcher);
    EXPECT_EQ(table.check(kA, "/n", 3), type == 5 ? ErrorCode::kNoWatcher : ErrorCode::kOk);
  }
  EXPECT_TRUE(table.empty());
}

TEST(WatchTable, FindsOnlyOwnWatchesOfTheTypeAsked) {
  WatchTable table;
  table.add(kA, "/n", WatchKind::kData);
  EXPECT_EQ(table.check(kA, "/n", 1), ErrorCode::kNoWatcher);
  EXPECT_EQ(table.check(kA, "/n", 4), ErrorCode::kNoWatcher);
  EXPECT_EQ(table.check(kA, "/none", 3), ErrorCode::kNoWatcher);
  EXPECT_EQ(table.check(kB, "/n", 3), ErrorCode::kNoWatcher);
  EXPECT_EQ(table.remove(kB, "/n", 3), ErrorCode::kNoWatcher);
  for (const std::int32_t type : {-1, 0, 6, 99}) {
    EXPECT_EQ(table.check(kA, "/n", type), ErrorCode::kMarshallingError);
    EXPECT_EQ(table.remove(kA, "/n", type), ErrorCode::kMarshallingError);
  }
  EXPECT_EQ(table.remove(kA, "/n", 3), ErrorCode::kOk);
  EXPECT_THAT(set_data(table, "/n"), IsEmpty());
}

TEST(WatchTable, ForgetsAWatcherWithAllItsWatches) {
  WatchTable table;
  for (const char* path : {"/a", "/b", "/c"}) {
    table.add(kA, path, WatchKind::kData);
    table.add(kB, path, WatchKind::kData);
  }
  table.add(kA, "/", AddWatchMode::kPersistentRecursive);
  table.remove_watcher(kA);
  table.remove_watcher(kA);
  EXPECT_EQ(table.watch_count(), 3u);
  EXPECT_THAT(set_data(table, "/a"), ElementsAre("2 changed /a"));
  EXPECT_THAT(create(table, "/d"), IsEmpty());
}

TEST(WatchTable, ReportsTheDataTable) {
  WatchTable table;
  table.add(kA, "/a", WatchKind::kData);
  table.add(kB, "/a", AddWatchMode::kPersistent);
  table.add(kB, "/b", AddWatchMode::kPersistentRecursive);
  table.add(3, "/c", WatchKind::kChild);
  const WatchTable::Summary summary = table.summary();
  EXPECT_EQ(summary.connections, 2u);
  EXPECT_EQ(summary.paths, 2u);
  EXPECT_EQ(summary.watches, 3u);
  EXPECT_EQ(table.watch_count(), 5u);
  std::set<std::pair<std::string, WatcherId>> entries;
  table.for_each([&](std::string_view path, WatcherId watcher) { entries.emplace(path, watcher); });
  EXPECT_THAT(entries, ElementsAre(std::pair("/a", kA), std::pair("/a", kB), std::pair("/b", kB)));
}

// The rules of client-protocol.md section 11, told again in the plainest way.
class Model {
 public:
  enum Mode { kData, kChild, kPersistent, kRecursive };
  using Watch = std::tuple<std::string, WatcherId, Mode>;

  std::multiset<std::string> trigger(TreeChange::Kind kind, const std::string& path) {
    const std::string slash = path.substr(0, path.rfind('/'));
    const std::string parent = slash.empty() ? "/" : slash;
    std::set<WatcherId> data, child, of_parent;
    for (auto it = watches.begin(); it != watches.end();) {
      const auto& [at, watcher, mode] = *it;
      const bool below = at == "/" || path == at || path.starts_with(at + "/");
      const bool changes_family = kind != TreeChange::Kind::kDataChanged;
      bool used = false;
      if (mode == kRecursive && below) data.insert(watcher);
      if (mode == kPersistent || mode == kData) used |= hit(at == path, data, watcher);
      if (mode == kPersistent || mode == kChild) {
        used |= hit(at == path && kind == TreeChange::Kind::kDeleted, child, watcher);
        used |= hit(at == parent && changes_family, of_parent, watcher);
      }
      it = used && (mode == kData || mode == kChild) ? watches.erase(it) : std::next(it);
    }
    std::multiset<std::string> events;
    const char* type = kind == TreeChange::Kind::kCreated   ? " created "
                       : kind == TreeChange::Kind::kDeleted ? " deleted "
                                                            : " changed ";
    for (const WatcherId each : data) events.insert(std::to_string(each) + type + path);
    for (const WatcherId each : child) {
      if (!data.contains(each)) events.insert(std::to_string(each) + type + path);
    }
    for (const WatcherId each : of_parent) {
      events.insert(std::to_string(each) + " children " + parent);
    }
    return events;
  }

  std::set<Watch> watches;

 private:
  static bool hit(bool matches, std::set<WatcherId>& to, WatcherId watcher) {
    if (matches) to.insert(watcher);
    return matches;
  }
};

TEST(WatchTable, DoesWhatAPlainModelDoes) {
  for (const unsigned seed : {1u, 2u, 3u, 4u}) {
    std::mt19937 random(seed);
    const auto below = [&](unsigned bound) { return static_cast<unsigned>(random() % bound); };
    const std::vector<std::string> paths = {"/", "/a", "/a/b", "/a/b/c", "/ab", "/a/c", "/d"};
    WatchTable table(seed);
    Model model;
    for (int step = 0; step < 20000; ++step) {
      const std::string& path = paths[below(static_cast<unsigned>(paths.size()))];
      const WatcherId watcher = below(12);
      switch (below(8)) {
        case 0:
          table.add(watcher, path, WatchKind::kData);
          model.watches.insert({path, watcher, Model::kData});
          break;
        case 1:
          table.add(watcher, path, WatchKind::kChild);
          model.watches.insert({path, watcher, Model::kChild});
          break;
        case 2:
          table.add(watcher, path, AddWatchMode::kPersistent);
          model.watches.insert({path, watcher, Model::kPersistent});
          break;
        case 3:
          table.add(watcher, path, AddWatchMode::kPersistentRecursive);
          model.watches.insert({path, watcher, Model::kRecursive});
          break;
        case 4:
          table.remove_watcher(watcher);
          std::erase_if(model.watches, [&](const auto& w) { return std::get<1>(w) == watcher; });
          break;
        case 5: {
          const Model::Mode modes[] = {Model::kChild, Model::kData, Model::kPersistent,
                                       Model::kRecursive};
          const std::int32_t types[] = {1, 2, 4, 5};
          const unsigned which = below(4);
          const bool had = model.watches.erase({path, watcher, modes[which]}) != 0;
          ASSERT_EQ(table.remove(watcher, path, types[which]),
                    had ? ErrorCode::kOk : ErrorCode::kNoWatcher);
          break;
        }
        default: {
          const auto kind = path == "/" ? TreeChange::Kind::kDataChanged
                                        : static_cast<TreeChange::Kind>(below(3));
          const std::vector<std::string> events = fired(table, kind, path);
          ASSERT_EQ(std::multiset<std::string>(events.begin(), events.end()),
                    model.trigger(kind, path))
              << "seed " << seed << " step " << step;
        }
      }
      ASSERT_EQ(table.empty(), model.watches.empty());
    }
  }
}

}  // namespace
}  // namespace paddock::server
