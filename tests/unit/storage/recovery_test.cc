#include "server/storage/recovery.h"

#include <gtest/gtest.h>

#include <random>

#include "common/concat.h"
#include "server/storage/retention.h"
#include "server/storage/snapshot_file.h"
#include "tests/support/sim_disk.h"
#include "tests/support/storage_fixture.h"

namespace paddock::server {
namespace {

class RecoveryTest : public testing::Test {
 protected:
  Result<Recovered> recover_now() { return recover(disk_, options_, TreeOptions{}); }
  void run(int count, bool checkpoint) {
    const auto ran = test::run_server(disk_, options_, count, checkpoint);
    ASSERT_TRUE(ran) << ran.error().message;
  }
  Error refusal() {
    auto server = recover_now();
    EXPECT_FALSE(server);
    return server ? Error{} : server.error();
  }
  void remove(const std::string& path) { ASSERT_TRUE(disk_.remove(path)); }

  test::SimDisk disk_{1};
  StorageOptions options_ = test::small_storage();
};

TEST_F(RecoveryTest, AFreshStartLeavesASnapshotThatAZooKeeperServerCanStartFrom) {
  const auto server = recover_now();
  ASSERT_TRUE(server) << server.error().message;
  EXPECT_TRUE(server->fresh);
  EXPECT_EQ(server->durable.history.last(), Zxid{});
  EXPECT_TRUE(disk_.exists("/data/version-2/snapshot.0"));
}

TEST_F(RecoveryTest, WithoutAutoCreateOnlyTheInitializeFileAllowsAFreshStart) {
  options_.auto_create_db = false;
  EXPECT_EQ(refusal().code, Code::kRefused);
  disk_.put("/data/initialize", {});
  EXPECT_TRUE(recover_now());
  EXPECT_FALSE(disk_.exists("/data/initialize"));
  EXPECT_TRUE(recover_now());
}

TEST_F(RecoveryTest, TwoServersCannotShareAFolder) {
  const auto first = recover_now();
  ASSERT_TRUE(first);
  EXPECT_EQ(refusal().code, Code::kRefused);
}

TEST_F(RecoveryTest, BringsBackTheCheckpointAndTheLogBehindIt) {
  run(5, true);
  run(4, false);
  const auto server = recover_now();
  ASSERT_TRUE(server) << server.error().message;
  EXPECT_EQ(server->checkpoint_zxid, Zxid{5});
  EXPECT_EQ(server->replayed, 4u);
  EXPECT_EQ(server->durable.history.last(), Zxid{9});
  EXPECT_NE(server->tree->find("/n9"), nullptr);
  EXPECT_FALSE(server->from_zookeeper_snapshot);
}

TEST_F(RecoveryTest, ASnapshotOfAZooKeeperServerThatRanAfterUsWins) {
  run(5, true);
  test::SimDisk java(2);
  ASSERT_TRUE(java.make_folders("/out"));
  {
    DataTree tree(TreeOptions{});
    tree.finish_load(Zxid{});
    Applied applied;
    for (const zab::Txn& txn : test::create_txns(Zxid{100}, 2)) {
      tree.apply(decode_txn(*txn.payload).value(), false, applied);
    }
    ASSERT_TRUE(write_snapshot(java, "/out/snapshot.65", tree));
  }
  disk_.put("/data/version-2/snapshot.65", java.content("/out/snapshot.65"));
  {
    const auto server = recover_now();
    ASSERT_TRUE(server) << server.error().message;
    EXPECT_TRUE(server->from_zookeeper_snapshot);
    EXPECT_EQ(server->durable.history.last(), Zxid{0x65});
    EXPECT_EQ(server->tree->find("/n1"), nullptr) << "the older checkpoint must not shine through";
    ASSERT_TRUE(server->checkpoint->write(server->tree->take_dirty()));
  }
  const auto again = recover_now();
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_FALSE(again->from_zookeeper_snapshot);
  EXPECT_EQ(again->tree->find("/n1"), nullptr);
  EXPECT_NE(again->tree->find("/n101"), nullptr);
}

TEST_F(RecoveryTest, LogsWithoutAnyStateAreRefusedUnlessToldToTrustThem) {
  run(3, false);
  remove("/data/version-2/snapshot.0");
  EXPECT_EQ(refusal().code, Code::kRefused);
  options_.trust_empty_snapshot = true;
  const auto server = recover_now();
  ASSERT_TRUE(server) << server.error().message;
  EXPECT_EQ(server->durable.history.last(), Zxid{3});
}

TEST_F(RecoveryTest, TrustingAnEmptyStateStillRefusesALogThatDoesNotReachBack) {
  run(3, false);
  run(3, false);
  remove("/data/version-2/snapshot.0");
  remove("/data/version-2/log.1");
  options_.trust_empty_snapshot = true;
  EXPECT_EQ(refusal().code, Code::kCorrupt);
}

TEST_F(RecoveryTest, ALogThatDoesNotConnectToTheCheckpointIsRefused) {
  run(3, true);
  run(3, false);
  run(3, false);
  remove("/data/version-2/log.4");
  EXPECT_EQ(refusal().code, Code::kCorrupt);
}

TEST_F(RecoveryTest, OnlyDamagedSnapshotsAreRefusedAndOneGoodOneWillDo) {
  run(3, false);
  Bytes damaged = disk_.content("/data/version-2/snapshot.0");
  damaged[40] ^= 1;
  disk_.put("/data/version-2/snapshot.2", damaged);
  EXPECT_TRUE(recover_now());
  disk_.put("/data/version-2/snapshot.0", damaged);
  EXPECT_EQ(refusal().code, Code::kCorrupt);
}

TEST_F(RecoveryTest, FilesInTheWrongOfTwoFoldersAreRefused) {
  options_ = test::small_storage(true);
  disk_.put("/data/version-2/log.1", {});
  EXPECT_EQ(refusal().code, Code::kRefused);
  remove("/data/version-2/log.1");
  EXPECT_TRUE(recover_now());
  disk_.put("/log/version-2/snapshot.0", {});
  EXPECT_EQ(refusal().code, Code::kRefused);
}

TEST_F(RecoveryTest, RemovesWhatACrashLeftUnfinished) {
  disk_.put("/data/version-2/snapshot.5.tmp", as_bytes("half"));
  disk_.put("/data/version-2/currentEpoch.tmp", as_bytes("1"));
  ASSERT_TRUE(recover_now());
  EXPECT_FALSE(disk_.exists("/data/version-2/snapshot.5.tmp"));
  EXPECT_FALSE(disk_.exists("/data/version-2/currentEpoch.tmp"));
}

TEST_F(RecoveryTest, AReadOnlyLookChangesNothingOnDisk) {
  run(5, true);
  run(4, false);
  Bytes log = disk_.content("/data/version-2/log.6");
  log.resize(log.size() - 3);
  disk_.put("/data/version-2/log.6", log);
  disk_.put("/data/version-2/spare.tmp", as_bytes("x"));
  const std::vector<std::string> files = disk_.files();
  std::vector<Bytes> contents;
  for (const std::string& file : files) contents.push_back(disk_.content(file));
  const std::uint64_t changes = disk_.changes();
  {
    const auto view = recover_read_only(disk_, options_, TreeOptions{});
    ASSERT_TRUE(view) << view.error().message;
    EXPECT_EQ(view->state.durable.history.last(), Zxid{8});
    EXPECT_EQ(disk_.changes(), changes);
    EXPECT_EQ(refusal().code, Code::kRefused) << "its lock is a real one";
  }
  EXPECT_EQ(disk_.files(), files);
  for (std::size_t i = 0; i < files.size(); ++i) {
    EXPECT_EQ(disk_.content(files[i]), contents[i]) << files[i];
  }
}

// Whatever bit flips in what was synced: all of it comes back, or the server refuses to start.
TEST_F(RecoveryTest, AFlippedBitAnywhereNeverLosesAnythingSilently) {
  run(6, true);
  run(6, false);
  run(6, true);
  run(3, false);
  std::string truth;
  {
    const auto server = recover_now();
    ASSERT_TRUE(server) << server.error().message;
    truth = test::dump(*server->tree);
    ASSERT_TRUE(purge(disk_, options_, server->checkpoint_zxid));
  }
  std::mt19937_64 random(1);
  const std::vector<std::string> files = disk_.files();
  int refused = 0;
  for (int i = 0; i < 1500; ++i) {
    test::SimDisk disk(static_cast<std::uint64_t>(i));
    for (const std::string& file : files) disk.put(file, disk_.content(file));
    const std::string& file = files[random() % files.size()];
    const std::size_t size = disk.content(file).size();
    if (size == 0) continue;
    const std::size_t byte = random() % size;
    disk.flip_bit(file, byte, static_cast<int>(random() % 8));
    const auto server = recover(disk, options_, TreeOptions{});
    if (!server) {
      ++refused;
      EXPECT_NE(server.error().message, "");
      continue;
    }
    EXPECT_EQ(test::dump(*server->tree), truth) << file << " byte " << byte;
  }
  EXPECT_GT(refused, 100);
}

TEST_F(RecoveryTest, AFullDiskIsAnErrorAndTheNextStartBringsAllBack) {
  run(6, true);
  run(6, false);
  for (std::uint64_t room = 0; room < 3000; room += 100) {
    std::uint64_t used = 0;
    for (const std::string& file : disk_.files()) used += disk_.content(file).size();
    disk_.set_bytes_max(used + room);
    { const auto server = recover_now(); }
    disk_.set_bytes_max(UINT64_MAX);
    const auto server = recover_now();
    ASSERT_TRUE(server) << server.error().message;
    EXPECT_EQ(server->durable.history.last(), Zxid{12});
  }
}

TEST_F(RecoveryTest, AFailingDiskIsAnErrorAndTheNextStartBringsAllBack) {
  run(6, true);
  run(6, false);
  for (std::uint64_t change = 1; change < 40; ++change) {
    disk_.fail_at(change, Code::kIo);
    { const auto server = recover_now(); }
    disk_.restart();
    const auto server = recover_now();
    ASSERT_TRUE(server) << change << ": " << server.error().message;
    EXPECT_EQ(server->durable.history.last(), Zxid{12});
  }
}

}  // namespace
}  // namespace paddock::server
