#include "server/core/reaper.h"

#include <gtest/gtest.h>

namespace paddock::server {
namespace {

class ReaperTest : public testing::Test {
 protected:
  ReaperTest() {
    for (int i = 0; i < 5; ++i) {
      const std::string path = "/ttl" + std::to_string(i);
      const StatPersisted stat{.mtime = WallMillis{1000}, .ephemeral_owner = ttl_owner(10)};
      EXPECT_TRUE(tree_.load_node(path, stat, open_acl(), std::nullopt));
    }
    tree_.finish_load(Zxid{1});
  }

  std::vector<std::string> due(Millis now, WallMillis wall) {
    std::vector<std::string> paths;
    reaper_.take_due(now, wall, paths);
    return paths;
  }

  DataTree tree_{{}};
  Reaper reaper_{tree_, {.interval = Millis{1000}, .max_per_minute = 600}, Millis{50}};
};

TEST_F(ReaperTest, LooksOnceAnInterval) {
  EXPECT_EQ(reaper_.next_deadline(), Millis{1050});
  EXPECT_TRUE(due(Millis{1049}, WallMillis{5000}).empty());
  EXPECT_TRUE(due(Millis{1050}, WallMillis{1010}).empty());  // not older than its ttl
  EXPECT_EQ(reaper_.next_deadline(), Millis{2050});
}

TEST_F(ReaperTest, LetsThemGoAtASteadyRate) {
  std::vector<std::string> paths = due(Millis{1050}, WallMillis{5000});
  EXPECT_EQ(paths, std::vector<std::string>{"/ttl0"});
  EXPECT_EQ(reaper_.next_deadline(), Millis{1150});  // 600 a minute
  EXPECT_TRUE(due(Millis{1149}, WallMillis{5000}).empty());
  paths = due(Millis{1250}, WallMillis{5000});
  EXPECT_EQ(paths, (std::vector<std::string>{"/ttl1", "/ttl2"}));
  paths = due(Millis{9000}, WallMillis{5000});
  EXPECT_EQ(paths, (std::vector<std::string>{"/ttl3", "/ttl4"}));
}

}  // namespace
}  // namespace paddock::server
