// Folders written by ZooKeeper 3.8.0 open to the tree that ZooKeeper itself showed.
#include <gtest/gtest.h>

#include <boost/json/src.hpp>

#include "common/acl.h"
#include "common/concat.h"
#include "server/storage/recovery.h"
#include "tests/support/sim_disk.h"
#include "tests/support/storage_fixture.h"
#include "tests/support/vectors.h"

namespace paddock::server {
namespace {

namespace json = boost::json;

struct Folder {
  std::string name;
  json::object expected;
  std::map<std::string, Bytes> files;  // in version-2
};

Folder load_folder(const std::string& name) {
  const std::string root = concat(PADDOCK_SOURCE_DIR, "/tests/vectors/storage/", name);
  Folder folder{
      name,
      json::parse(test::source_text(concat("tests/vectors/storage/", name, "/expected.json")))
          .as_object(),
      {}};
  const std::vector<std::string> names = posix_env().list(root + "/version-2").value();
  for (const std::string& file : names) {
    folder.files[file] = read_file(posix_env(), root + "/version-2/" + file, 1 << 20).value();
  }
  return folder;
}

void put_on(test::SimDisk& disk, const Folder& folder) {
  for (const auto& [name, content] : folder.files) disk.put("/data/version-2/" + name, content);
}

std::string text(const json::value& value) {
  return std::string(value.as_string());
}
std::int64_t number(const json::value& value) {
  if (value.is_int64()) return value.as_int64();
  if (value.is_uint64()) return static_cast<std::int64_t>(value.as_uint64());
  return static_cast<std::int64_t>(std::stoull(text(value), nullptr, 16));
}

std::string acl_text(const std::vector<Acl>& entries) {
  std::string line;
  for (const Acl& acl : entries)
    line += concat(acl.perms, " ", acl.id.scheme, ":", acl.id.id, ", ");
  return line;
}
std::string acl_text(const json::array& entries) {
  std::string line;
  for (const json::value& acl : entries) {
    line +=
        concat(number(acl.at("perms")), " ", text(acl.at("scheme")), ":", text(acl.at("id")), ", ");
  }
  return line;
}

std::string stat_text(const Stat& s) {
  return concat(s.czxid.value, " ", s.mzxid.value, " ", s.ctime.value, " ", s.mtime.value, " ",
                s.version, " ", s.cversion, " ", s.aversion, " ", s.ephemeral_owner.value, " ",
                s.data_length, " ", s.num_children, " ", s.pzxid.value);
}
std::string stat_text(const json::value& s) {
  std::string line;
  for (const char* field : {"czxid", "mzxid", "ctime", "mtime", "version", "cversion", "aversion",
                            "ephemeralOwner", "dataLength", "numChildren", "pzxid"}) {
    line += concat(line.empty() ? "" : " ", number(s.at(field)));
  }
  return line;
}

void expect_tree(const DataTree& tree, const json::object& expected) {
  EXPECT_EQ(tree.last_zxid().value, number(expected.at("lastZxid")));
  std::set<std::string> local;
  if (const json::value* paths = expected.if_contains("localPaths")) {
    for (const json::value& path : paths->as_array()) local.insert(text(path));
  }
  std::size_t nodes = 0;
  tree.for_each_node([&](std::string_view, const Znode&) { ++nodes; });
  EXPECT_EQ(nodes, expected.at("nodes").as_array().size());
  for (const json::value& node : expected.at("nodes").as_array()) {
    const std::string path = text(node.at("path"));
    const Znode* const found = tree.find(path);
    ASSERT_NE(found, nullptr) << path;
    EXPECT_EQ(acl_text(tree.acl_of(*found)->entries), acl_text(node.at("acl").as_array())) << path;
    if (local.contains(path)) continue;
    EXPECT_EQ(stat_text(tree.stat_of(*found)), stat_text(node.at("stat"))) << path;
    if (node.at("data").is_null()) {
      EXPECT_TRUE(tree.data_of(*found).is_null()) << path;
    } else {
      const Bytes data = test::from_hex(text(node.at("data")));
      EXPECT_TRUE(std::ranges::equal(tree.data_of(*found).bytes(), data)) << path;
      EXPECT_FALSE(tree.data_of(*found).is_null()) << path;
    }
  }
  std::map<std::int64_t, std::int64_t> sessions, wanted;
  tree.for_each_session([&](SessionId id, std::int32_t ms) { sessions[id.value] = ms; });
  for (const json::value& session : expected.at("sessions").as_array()) {
    wanted[number(session.at("id"))] = number(session.at("timeout"));
  }
  EXPECT_EQ(sessions, wanted);
}

class StorageVectors : public testing::TestWithParam<const char*> {};

TEST_P(StorageVectors, OpenToTheTreeThatZooKeeperShowedAndOpenAgainToTheSame) {
  const Folder folder = load_folder(GetParam());
  test::SimDisk disk(1);
  put_on(disk, folder);
  const StorageOptions options = test::small_storage();
  std::string first;
  {
    Result<Recovered> recovered = recover(disk, options, TreeOptions{});
    ASSERT_TRUE(recovered) << recovered.error().message;
    expect_tree(*recovered->tree, folder.expected);
    EXPECT_FALSE(recovered->digest_mismatch.has_value());
    first = test::dump(*recovered->tree);
    ASSERT_TRUE(recovered->checkpoint->write(recovered->tree->take_dirty()));
  }
  Result<Recovered> again = recover(disk, options, TreeOptions{});
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_FALSE(again->from_zookeeper_snapshot && again->tree->last_zxid() != Zxid{});
  EXPECT_EQ(test::dump(*again->tree), first);
}

TEST_P(StorageVectors, ComeBackFromASnapshotWrittenHere) {
  const Folder folder = load_folder(GetParam());
  test::SimDisk disk(1);
  put_on(disk, folder);
  const std::vector<std::string> before = disk.files();
  ASSERT_TRUE(disk.make_folders("/out"));
  const StorageOptions options = test::small_storage();
  const Result<Exported> exported = export_snapshot(disk, options, TreeOptions{}, "/out");
  ASSERT_TRUE(exported) << exported.error().message;
  EXPECT_EQ(exported->zxid, exported->log_last) << "without a checkpoint, all there is";
  EXPECT_EQ(disk.files().size(), before.size() + 1) << "nothing else may change";

  test::SimDisk other(2);
  const std::string name =
      concat("snapshot.", hex(static_cast<std::uint64_t>(exported->zxid.value)));
  other.put("/data/version-2/" + name, disk.content("/out/" + name));
  Result<Recovered> recovered = recover(other, options, TreeOptions{});
  ASSERT_TRUE(recovered) << recovered.error().message;
  expect_tree(*recovered->tree, folder.expected);
  EXPECT_FALSE(recovered->digest_mismatch.has_value());
}

INSTANTIATE_TEST_SUITE_P(Folders, StorageVectors,
                         testing::Values("all-txn-types", "ensemble-after-snap",
                                         "ensemble-reconfig", "ensemble-truncated", "no-digest",
                                         "rich-snapshot", "rich-snapshot-gz",
                                         "rich-snapshot-snappy", "rich-tree", "snapshot-35-layout",
                                         "snapshot-39-layout", "snapshot-and-log", "torn-marker",
                                         "torn-tail", "v0-create"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST(StorageVectorsDamaged, BadChecksumIsRefusedWithFileOffsetAndAdvice) {
  const Folder folder = load_folder("bad-checksum");
  ASSERT_TRUE(folder.expected.at("startFails").as_bool());
  test::SimDisk disk(1);
  put_on(disk, folder);
  const Bytes before = disk.content("/data/version-2/log.1");
  const Result<Recovered> recovered = recover(disk, test::small_storage(), TreeOptions{});
  ASSERT_FALSE(recovered);
  EXPECT_EQ(recovered.error().code, Code::kCorrupt);
  EXPECT_NE(recovered.error().message.find("/data/version-2/log.1, byte "), std::string::npos)
      << recovered.error().message;
  EXPECT_NE(recovered.error().message.find("truncate -s"), std::string::npos);
  EXPECT_EQ(disk.content("/data/version-2/log.1"), before);
}

}  // namespace
}  // namespace paddock::server
