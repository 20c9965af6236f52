#include "server/storage/rewind.h"

#include <gtest/gtest.h>

#include "common/concat.h"
#include "server/storage/epoch_files.h"
#include "server/storage/recovery.h"
#include "tests/support/sim_disk.h"
#include "tests/support/storage_fixture.h"

namespace paddock::server {
namespace {

class Rewind : public testing::Test {
 protected:
  void start() {
    server_.reset();
    auto recovered = recover(disk_, options_, TreeOptions{});
    ASSERT_TRUE(recovered) << recovered.error().message;
    server_ = std::make_unique<Recovered>(std::move(*recovered));
  }
  void append(Zxid first, int count) {
    const auto txns = test::create_txns(first, count);
    ASSERT_TRUE(server_->log->append(txns));
    ASSERT_TRUE(server_->log->sync());
    Applied applied;
    for (const zab::Txn& txn : txns) {
      server_->tree->apply(decode_txn(*txn.payload).value(), false, applied);
    }
  }
  void checkpoint() { ASSERT_TRUE(server_->checkpoint->write(server_->tree->take_dirty())); }
  Result<void> truncate(Zxid upto) {
    const Checkpoint& kept = *server_->checkpoint;
    return truncate_history(disk_, options_,
                            kept.empty() ? std::nullopt : std::optional(kept.zxid()), *server_->log,
                            upto);
  }
  Result<LoadedState> load(Zxid upto) {
    return load_rewound(disk_, options_, TreeOptions{}, *server_->checkpoint, upto);
  }

  test::SimDisk disk_{1};
  StorageOptions options_ = test::small_storage();
  std::unique_ptr<Recovered> server_;
};

// A snapshot that held what was never committed could not be cut back to what was.
TEST_F(Rewind, AMembersExportEndsWithItsCheckpointUnlessAskedForMore) {
  start();
  append(Zxid{1}, 4);
  checkpoint();
  append(Zxid{5}, 6);
  server_.reset();
  ASSERT_TRUE(disk_.make_folders("/out"));
  ASSERT_TRUE(write_epoch(disk_, concat("/data/version-2/", kCurrentEpochFile), Epoch{0}));
  const std::size_t files = disk_.files().size();
  const auto exported = [&](std::optional<Zxid> upto) {
    return export_snapshot(disk_, options_, TreeOptions{}, "/out", upto);
  };
  const auto safe = exported(std::nullopt);
  ASSERT_TRUE(safe) << safe.error().message;
  EXPECT_EQ(safe->zxid, Zxid{4});
  EXPECT_EQ(safe->log_last, Zxid{10});
  EXPECT_TRUE(safe->committed);
  const auto more = exported(Zxid{7});
  ASSERT_TRUE(more) << more.error().message;
  EXPECT_EQ(more->zxid, Zxid{7});
  EXPECT_FALSE(more->committed);
  EXPECT_EQ(disk_.files().size(), files + 2) << "nothing else may change";
  for (const Zxid none : {Zxid{3}, Zxid{11}}) {
    EXPECT_EQ(exported(none).error().message,
              concat("there is no state of zxid 0x", hex(static_cast<std::uint64_t>(none.value)),
                     " in /data: it can be that of any transaction from 0x4 to 0xa"));
  }
  test::SimDisk other(2);
  other.put("/data/version-2/snapshot.7", disk_.content("/out/snapshot.7"));
  const auto recovered = recover(other, options_, TreeOptions{});
  ASSERT_TRUE(recovered) << recovered.error().message;
  EXPECT_NE(recovered->tree->find("/n7"), nullptr);
  EXPECT_EQ(recovered->tree->find("/n8"), nullptr);
  start();
  EXPECT_EQ(server_->tree->last_zxid(), Zxid{10});
}

TEST_F(Rewind, TheTreeIsThatOfCheckpointAndLogUpToTheCut) {
  start();
  append(Zxid{1}, 4);
  checkpoint();
  append(Zxid{5}, 6);
  ASSERT_TRUE(truncate(Zxid{7}));
  const auto state = load(Zxid{7});
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(state->tree->last_zxid(), Zxid{7});
  EXPECT_NE(state->tree->find("/n7"), nullptr);
  EXPECT_EQ(state->tree->find("/n8"), nullptr);
  append(Zxid{8}, 1);
  start();
  EXPECT_EQ(server_->tree->last_zxid(), Zxid{8});
}

TEST_F(Rewind, EphemeralsOfSessionsThatOnlyTheLeaderKnowsStay) {
  start();
  Txn txn;
  txn.header = TxnHeader{SessionId{77}, 0, Zxid{1}, WallMillis{1}, OpCode::kCreate2};
  txn.body = CreateTxn{"/ephemeral", {}, open_acl(), true, -1, 0};
  ASSERT_TRUE(server_->log->append(std::vector{test::logged(txn)}));
  ASSERT_TRUE(server_->log->sync());
  append(Zxid{2}, 2);
  ASSERT_TRUE(truncate(Zxid{2}));
  EXPECT_NE(load(Zxid{2})->tree->find("/ephemeral"), nullptr);
  options_.in_ensemble = true;
  start();
  EXPECT_NE(server_->tree->find("/ephemeral"), nullptr);
  options_.in_ensemble = false;
  start();
  EXPECT_EQ(server_->tree->find("/ephemeral"), nullptr);
}

// Nothing but the checkpoint is left at the cut: then the whole log goes.
TEST_F(Rewind, BackToTheCheckpointItselfTheWholeLogGoes) {
  start();
  append(Zxid{1}, 4);
  checkpoint();
  server_->log->roll();
  append(Zxid{5}, 3);
  ASSERT_TRUE(disk_.remove("/data/version-2/log.1"));
  ASSERT_TRUE(truncate(Zxid{4}));
  EXPECT_FALSE(disk_.exists("/data/version-2/log.5"));
  EXPECT_EQ(load(Zxid{4})->tree->last_zxid(), Zxid{4});
  append(Zxid{5}, 2);
  start();
  EXPECT_EQ(server_->tree->last_zxid(), Zxid{6});
}

TEST_F(Rewind, BehindTheCheckpointItIsRefusedAndNothingIsChanged) {
  start();
  append(Zxid{1}, 4);
  checkpoint();
  append(Zxid{5}, 3);
  const auto done = truncate(Zxid{3});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::kRefused);
  EXPECT_NE(done.error().message.find("already at 0x4"), std::string::npos) << done.error().message;
  start();
  EXPECT_EQ(server_->tree->last_zxid(), Zxid{7});
}

// A ZooKeeper server that began to lead has a snapshot of what was never committed: ZOOKEEPER-4837.
TEST_F(Rewind, ASnapshotNamedAboveTheCutGoesAndAnOlderOneServes) {
  start();
  append(Zxid{1}, 5);
  ASSERT_TRUE(write_snapshot(disk_, "/data/version-2/snapshot.5", *server_->tree));
  start();
  ASSERT_TRUE(server_->from_zookeeper_snapshot);
  ASSERT_EQ(server_->tree->last_zxid(), Zxid{5});
  ASSERT_TRUE(truncate(Zxid{3}));
  EXPECT_FALSE(disk_.exists("/data/version-2/snapshot.5"));
  const auto state = load(Zxid{3});
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_TRUE(state->from_zookeeper_snapshot);
  EXPECT_EQ(state->tree->find("/n4"), nullptr);
  EXPECT_FALSE(state->tree->dirty().empty()) << "the next checkpoint must be whole";

  append(Zxid{4}, 2);
  ASSERT_TRUE(write_snapshot(disk_, "/data/version-2/snapshot.5", *server_->tree));
  ASSERT_TRUE(disk_.remove("/data/version-2/snapshot.0"));
  const auto refused = truncate(Zxid{3});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kRefused);
  EXPECT_TRUE(disk_.exists("/data/version-2/snapshot.5"));
}

TEST_F(Rewind, ALogThatDoesNotComeToTheCutIsDamage) {
  start();
  append(Zxid{1}, 5);
  ASSERT_TRUE(truncate(Zxid{3}));
  EXPECT_EQ(load(Zxid{4}).error().code, Code::kCorrupt);
}

}  // namespace
}  // namespace paddock::server
