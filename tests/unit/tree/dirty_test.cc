#include "server/tree/dirty.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace paddock::server {
namespace {

TEST(DirtyNodes, KeepsTheOrderOfFirstTouch) {
  DirtyNodes nodes(3);
  nodes["/b"].emplace();
  nodes["/a"] = std::nullopt;
  nodes["/b"]->stat.version = 7;
  std::vector<std::string> paths;
  for (const auto& [path, node] : nodes) paths.push_back(path);
  EXPECT_THAT(paths, ::testing::ElementsAre("/b", "/a"));
  EXPECT_EQ(nodes.at("/b")->stat.version, 7);
  EXPECT_EQ(nodes.find("/a")->second, std::nullopt);
  EXPECT_FALSE(nodes.contains("/c"));
  EXPECT_EQ(nodes.size(), 2u);
}

TEST(DirtyNodes, FindsEachOfMany) {
  DirtyNodes nodes;
  for (int i = 0; i < 5000; ++i) nodes["/" + std::to_string(i)].emplace().stat.version = i;
  for (int i = 0; i < 5000; ++i) EXPECT_EQ(nodes.at("/" + std::to_string(i))->stat.version, i);
  EXPECT_EQ(nodes.size(), 5000u);
}

}  // namespace
}  // namespace paddock::server
