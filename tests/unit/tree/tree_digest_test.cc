#include "server/tree/tree_digest.h"

#include <gtest/gtest.h>
#include <zlib.h>

namespace paddock::server {
namespace {

TEST(NodeDigest, IsTheCrcOfPathDataAndStat) {
  const StatPersisted stat{.czxid = Zxid{1},
                           .mzxid = Zxid{2},
                           .ctime = WallMillis{3},
                           .mtime = WallMillis{4},
                           .version = 5,
                           .cversion = 6,
                           .aversion = 7,
                           .ephemeral_owner = 8,
                           .pzxid = Zxid{9}};
  Bytes bytes;
  JuteWriter writer(bytes);
  writer.write_raw(as_bytes("/path"));
  writer.write_raw(as_bytes("data"));
  for (const std::int64_t value : {1, 2, 9, 3, 4}) writer.write_long(value);
  for (const std::int32_t value : {5, 6, 7}) writer.write_int(value);
  writer.write_long(8);
  EXPECT_EQ(node_digest(content_crc("/path", as_bytes("data")), stat),
            crc32(0, bytes.data(), static_cast<uInt>(bytes.size())));
}

TEST(NodeDigest, LeavesOutWhatIsBelowZookeeper) {
  EXPECT_TRUE(is_in_digest(""));
  EXPECT_TRUE(is_in_digest("/zookeeper"));
  EXPECT_TRUE(is_in_digest("/zookeeperx"));
  EXPECT_FALSE(is_in_digest("/zookeeper/"));
  EXPECT_FALSE(is_in_digest("/zookeeper/quota"));
}

}  // namespace
}  // namespace paddock::server
