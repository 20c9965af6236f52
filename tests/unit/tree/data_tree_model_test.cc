#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "server/tree/data_tree.h"
#include "tests/unit/tree/tree_driver.h"

namespace paddock::server {
namespace {

// peer-protocol.md C2 in the plainest way: whole paths, and nothing derived is kept.
class Model {
 public:
  struct Node {
    std::optional<std::string> data;
    StatPersisted stat;
    friend bool operator==(const Node&, const Node&) = default;
  };

  Model() {
    for (const char* path : {"", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"}) {
      nodes[path] = Node{.data = "", .stat = {}};
    }
    nodes["/zookeeper/config"].stat.aversion = -1;
  }

  void create(const std::string& path, std::optional<std::string> data, std::int64_t owner,
              std::int32_t parent_cversion, Zxid zxid, WallMillis time) {
    const auto parent = nodes.find(parent_of(path));
    if (parent == nodes.end()) return;
    const bool exists = nodes.contains(path);
    StatPersisted& stat = parent->second.stat;
    const std::int32_t cversion = parent_cversion == -1 ? stat.cversion + 1 : parent_cversion;
    if (cversion > stat.cversion) {
      stat.cversion = cversion;
      stat.pzxid = zxid;
    }
    if (exists) return;
    nodes[path] = Node{std::move(data), StatPersisted{.czxid = zxid,
                                                      .mzxid = zxid,
                                                      .ctime = time,
                                                      .mtime = time,
                                                      .ephemeral_owner = owner,
                                                      .pzxid = zxid}};
  }
  void remove(const std::string& path, Zxid zxid) {
    const auto parent = nodes.find(parent_of(path));
    if (parent == nodes.end()) return;
    parent->second.stat.pzxid = std::max(parent->second.stat.pzxid, zxid);
    std::erase_if(nodes, [&](const auto& node) {
      return node.first == path || node.first.starts_with(path + "/");
    });
  }
  void set_data(const std::string& path, std::optional<std::string> data, std::int32_t version,
                Zxid zxid, WallMillis time) {
    const auto node = nodes.find(path);
    if (node == nodes.end()) return;
    node->second.data = std::move(data);
    node->second.stat.version = version;
    node->second.stat.mzxid = zxid;
    node->second.stat.mtime = time;
  }
  void close(std::int64_t session, Zxid zxid) {
    std::vector<std::string> paths;
    for (const auto& [path, node] : nodes) {
      if (node.stat.ephemeral_owner == session) paths.push_back(path);
    }
    for (const std::string& path : paths) remove(path, zxid);
  }
  std::int32_t children_of(const std::string& path) const {
    return static_cast<std::int32_t>(std::ranges::count_if(nodes, [&](const auto& node) {
      return !node.first.empty() && parent_of(node.first) == path;
    }));
  }

  std::map<std::string, Node> nodes;

 private:
  static std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }
};

std::map<std::string, Model::Node> contents_of(const DataTree& tree) {
  std::map<std::string, Model::Node> nodes;
  tree.for_each_node([&](std::string_view path, const Znode& node) {
    const Value& data = tree.data_of(node);
    nodes[std::string(path)] = {
        data.is_null() ? std::nullopt : std::optional(std::string(as_chars(data.bytes()))),
        tree.persisted_stat_of(node)};
  });
  return nodes;
}

// Checkpoints as storage keeps them: what was dirty, laid over what there was.
void lay_over(const Dirty& dirty, std::map<std::string, Model::Node>& nodes) {
  for (const auto& [path, node] : dirty.nodes) {
    if (!node) {
      nodes.erase(path);
      continue;
    }
    const Value& data = node->data;
    nodes[path] = {
        data.is_null() ? std::nullopt : std::optional(std::string(as_chars(data.bytes()))),
        node->stat};
  }
}

class DataTreeModel : public ::testing::TestWithParam<unsigned> {};

TEST_P(DataTreeModel, IsWhatTheTreeIsAfterAnyHistory) {
  std::mt19937 random(GetParam());
  const auto below = [&](std::size_t bound) { return random() % bound; };
  test::TreeDriver driver({.hash_seed = GetParam()});
  Model model;
  std::map<std::string, Model::Node> checkpoint = contents_of(driver.tree);
  const auto random_path = [&] {
    std::string path;
    for (std::size_t depth = 1 + below(4); depth > 0; --depth) {
      path += "/" + std::string(1, static_cast<char>('a' + below(6)));
    }
    return path;
  };
  const auto check = [&](int step) {
    ASSERT_EQ(contents_of(driver.tree), model.nodes) << "step " << step;
    ASSERT_EQ(driver.tree.node_count(), model.nodes.size() + 1);
    std::uint64_t digest = 0;
    std::int64_t size = 1;
    for (const auto& [path, node] : model.nodes) {
      const Znode* found = driver.tree.find(path);
      ASSERT_NE(found, nullptr) << path;
      ASSERT_EQ(driver.tree.child_count(*found), model.children_of(path)) << path;
      digest += driver.tree.digest_of(*found);
      size += static_cast<std::int64_t>(path.size() + node.data.value_or("").size());
    }
    ASSERT_EQ(driver.tree.digest(), digest);
    ASSERT_EQ(driver.tree.approximate_data_size(), size);
    lay_over(driver.tree.take_dirty(), checkpoint);
    ASSERT_EQ(checkpoint, model.nodes);
  };
  for (int step = 0; step < 6000; ++step) {
    const std::string path = random_path();
    const Zxid zxid{driver.zxid + 1};
    const WallMillis time{1'000'000 + 1000 * zxid.value};
    std::optional<std::string> data;
    if (below(5) != 0) data = std::string(below(40), static_cast<char>('0' + below(10)));
    switch (below(10)) {
      case 0:
      case 1:
        driver.remove(path);
        model.remove(path, zxid);
        break;
      case 2:
      case 3: {
        const auto version = static_cast<std::int32_t>(below(9));
        driver.set_data(path, data, version);
        model.set_data(path, data, version, zxid, time);
        break;
      }
      case 4:
        if (below(10) == 0) {
          const SessionId session{static_cast<std::int64_t>(1 + below(3))};
          driver.close_session(session, std::nullopt);
          model.close(session.value, zxid);
        }
        break;
      default: {
        const SessionId owner{static_cast<std::int64_t>(below(3) == 0 ? 1 + below(3) : 0)};
        const auto cversion = static_cast<std::int32_t>(below(8)) - 1;
        driver.create(path, data.value_or(""), owner, cversion);
        model.create(path, data.value_or(""), owner.value, cversion, zxid, time);
      }
    }
    if (step % 100 == 0) check(step);
  }
  check(6000);
}

INSTANTIATE_TEST_SUITE_P(Seeds, DataTreeModel, ::testing::Values(1u, 2u, 3u, 4u, 5u));

// Every bulk path of index and arena: segments grow and split, pieces are used again.
TEST(DataTree, HoldsAHundredThousandNodesAndLetsThemGo) {
  test::TreeDriver driver;
  const auto path = [](int i) {
    return "/n" + std::to_string(i % 317) + "/node-" + std::to_string(i);
  };
  for (int i = 0; i < 317; ++i) driver.create("/n" + std::to_string(i));
  const int count = 100'000;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < count; ++i) ASSERT_EQ(driver.create(path(i), "x"), ErrorCode::kOk);
    for (int i = 0; i < count; ++i) ASSERT_TRUE(driver.has(path(i)));
    for (int i = count; i < 2 * count; ++i) ASSERT_FALSE(driver.has(path(i)));
    for (int i = 0; i < count; ++i) ASSERT_EQ(driver.remove(path(i)), ErrorCode::kOk);
    EXPECT_EQ(driver.tree.node_count(), 5u + 317u);
  }
}

}  // namespace
}  // namespace paddock::server
