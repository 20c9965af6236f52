#include "server/storage/retention.h"

#include <gtest/gtest.h>

namespace paddock::server {
namespace {

std::vector<LogFileSize> logs(std::vector<std::int64_t> firsts, std::uint64_t bytes = 100) {
  std::vector<LogFileSize> files;
  for (const std::int64_t z : firsts) {
    files.push_back({LogFile{log_file_name(Zxid{z}), Zxid{z}}, bytes});
  }
  return files;
}

std::vector<SnapshotFile> snapshots(std::vector<std::int64_t> zxids) {
  std::vector<SnapshotFile> files;
  for (const std::int64_t z : zxids) {
    files.push_back(*parse_snapshot_name(snapshot_file_name(Zxid{z})));
  }
  return files;
}

using Names = std::vector<std::string>;

TEST(Retention, KeepsWhatMayHoldTransactionsAboveTheCheckpoint) {
  EXPECT_EQ(choose_purge(logs({1, 4, 8}), {}, Zxid{6}, 0, 0).logs, (Names{"log.1"}));
  EXPECT_EQ(choose_purge(logs({1, 4, 8}), {}, Zxid{7}, 0, 0).logs, (Names{"log.1", "log.4"}));
  EXPECT_EQ(choose_purge(logs({1, 4, 8}), {}, Zxid{100}, 0, 0).logs, (Names{"log.1", "log.4"}))
      << "the newest always stays";
  EXPECT_TRUE(choose_purge(logs({5}), {}, Zxid{2}, 0, 0).logs.empty());
  EXPECT_TRUE(choose_purge({}, {}, Zxid{2}, 0, 0).logs.empty());
}

TEST(Retention, KeepsOlderSegmentsByCountAndByBytes) {
  const auto all = logs({1, 2, 3, 4, 5});
  EXPECT_EQ(choose_purge(all, {}, Zxid{10}, 2, 1000).logs, (Names{"log.1", "log.2"}));
  EXPECT_EQ(choose_purge(all, {}, Zxid{10}, 10, 250).logs, (Names{"log.1", "log.2"}));
  EXPECT_TRUE(choose_purge(all, {}, Zxid{10}, 10, 1000).logs.empty());
}

TEST(Retention, ASnapshotGoesWithTheSegmentsThatContinueIt) {
  const Purge purge = choose_purge(logs({1, 4, 8}), snapshots({9, 5, 3, 0}), Zxid{8}, 1, 1000);
  EXPECT_EQ(purge.logs, (Names{"log.1"}));
  EXPECT_EQ(purge.snapshots, (Names{"snapshot.3", "snapshot.0"}))
      << "9 is newer than the checkpoint; 5 is continued by log.4; 3 is one too many; log.1 is "
         "gone";
}

TEST(Retention, ASnapshotAtTheCheckpointNeedsNoLog) {
  EXPECT_TRUE(choose_purge({}, snapshots({8}), Zxid{8}, 3, 1000).snapshots.empty());
  EXPECT_EQ(choose_purge({}, snapshots({7}), Zxid{8}, 3, 1000).snapshots, (Names{"snapshot.7"}));
}

}  // namespace
}  // namespace paddock::server
