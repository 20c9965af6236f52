#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "server/tree/data_tree.h"

// What ZooKeeper 3.8.0 wrote into its log, applied: after each transaction our digest is the one
// that it wrote behind it. The digest covers paths, data and stats of all but the system nodes.
namespace paddock::server {
namespace {

constexpr std::size_t kFileHeaderBytes = 16;

Bytes file(const std::string& name) {
  std::ifstream in(std::string(PADDOCK_SOURCE_DIR) + "/tests/vectors/storage/" + name,
                   std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(in), {});
}

struct Recorded {
  const char* log;
  std::size_t txns, digests;
  std::size_t node_count;
};

class RecordedLog : public ::testing::TestWithParam<Recorded> {};

TEST_P(RecordedLog, GivesTheDigestThatZooKeeperWroteAfterEachTransaction) {
  const Bytes bytes = file(GetParam().log);
  ASSERT_GT(bytes.size(), kFileHeaderBytes);
  JuteReader reader(ByteView(bytes).subspan(kFileHeaderBytes));
  DataTree tree({.hash_seed = 5});
  Applied applied;
  std::size_t txns = 0, digests = 0;
  for (;;) {
    if (!reader.read_long()) break;  // Adler-32
    const auto record = reader.read_buffer();
    if (!record || !*record || (*record)->empty()) break;  // the padding
    ASSERT_TRUE(reader.read_raw(1));
    const Result<Txn> txn = decode_txn(**record);
    ASSERT_TRUE(txn.ok()) << txn.error().message;
    tree.apply(*txn, true, applied);
    EXPECT_FALSE(applied.digest_differs) << "zxid " << txn->header.zxid.value;
    ++txns;
    digests += txn->digest.has_value();
  }
  EXPECT_EQ(txns, GetParam().txns);
  EXPECT_EQ(digests, GetParam().digests);
  EXPECT_EQ(tree.node_count(), GetParam().node_count);
}

INSTANTIATE_TEST_SUITE_P(
    Storage, RecordedLog,
    ::testing::Values(Recorded{"all-txn-types/version-2/log.1", 41, 35, 20},
                      Recorded{"rich-tree/version-2/log.1", 67, 66, 60},
                      Recorded{"snapshot-and-log/version-2/log.1", 23, 23, 17},
                      Recorded{"ensemble-reconfig/version-2/log.100000001", 12, 12, 10},
                      Recorded{"ensemble-truncated/version-2/log.100000001", 57, 54, 41},
                      Recorded{"v0-create/version-2/log.1", 12, 0, 9}));

}  // namespace
}  // namespace paddock::server
