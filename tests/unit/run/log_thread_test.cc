#include "server/run/log_thread.h"

#include <gtest/gtest.h>

#include <chrono>

#include "common/concat.h"
#include "server/run/checkpoint_thread.h"
#include "server/storage/epoch_files.h"
#include "server/storage/recovery.h"
#include "server/storage/txn_log_reader.h"
#include "tests/support/sim_disk.h"
#include "tests/support/storage_fixture.h"

namespace paddock::server {
namespace {

constexpr std::chrono::seconds kPatience{20};

// Log thread and checkpoint thread over a simulated disk; the test is the core.
class LogThreadTest : public testing::Test {
 protected:
  void SetUp() override {
    options_.in_ensemble = true;
    start();
  }
  void TearDown() override { stop(); }

  void start() {
    auto recovered = recover(disk_, options_, TreeOptions{});
    ASSERT_TRUE(recovered) << recovered.error().message;
    server_ = std::make_unique<Recovered>(std::move(*recovered));
    tree_ = std::move(server_->tree);
    shared_ = std::make_unique<SharedState>(*tree_, 1);
    log_ = std::make_unique<LogThread>(
        disk_,
        LogThread::Options{
            .storage = options_, .tree = TreeOptions{}, .fsync_warning_threshold = Millis{1000}},
        std::move(server_->log), *shared_);
    checkpoints_ =
        std::make_unique<CheckpointThread>(disk_, CheckpointThread::Options{.storage = options_},
                                           std::move(server_->checkpoint), log_->log(), *shared_);
    log_->start(*checkpoints_);
    checkpoints_->start();
  }
  void stop() {
    if (log_ == nullptr) return;
    log_->stop();
    checkpoints_->stop(tree_->take_dirty());
    checkpoints_.reset();
    log_.reset();
    shared_.reset();
    server_.reset();
  }
  void restart() {
    stop();
    start();
  }

  void put(LogWrite write) {
    std::vector<LogWrite> writes;
    writes.push_back(std::move(write));
    log_->put(writes);
  }
  void append(Zxid first, int count) {
    put(zab::Append{next_ticket(), test::create_txns(first, count)});
  }
  zab::WriteTicket next_ticket() { return {++last_ticket_}; }

  // Takes the core's mail until all that was put is on disk.
  void settle() {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    std::vector<CoreMail> batch;
    while (persisted_ < last_ticket_) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      shared_->to_core.take(batch, deadline);
      for (CoreMail& mail : batch) take(mail);
    }
  }
  void take(CoreMail& mail) {
    if (auto* replaced = std::get_if<TreeReplaced>(&mail)) {
      story_ +=
          concat("tree ", hex(static_cast<std::uint64_t>(replaced->tree->last_zxid().value)), "; ");
      tree_->take_over(std::move(*replaced->tree));
      checkpoints_->tree_replaced();
      return;
    }
    const CoreEvent& event = std::get<CoreEvent>(mail);
    if (const auto* persisted = std::get_if<zab::Persisted>(&event)) {
      persisted_ = persisted->ticket.value;
      story_ += concat("persisted ", persisted_, "; ");
    } else if (const auto* written = std::get_if<CheckpointWritten>(&event)) {
      checkpoint_ = written->zxid;
    }
  }
  void apply(Zxid first, int count) {
    Applied applied;
    for (const zab::Txn& txn : test::create_txns(first, count)) {
      tree_->apply(decode_txn(*txn.payload).value(), false, applied);
    }
  }
  // Until a checkpoint of `zxid` is written.
  void await_checkpoint(Zxid zxid) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    std::vector<CoreMail> batch;
    while (checkpoint_ != zxid) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      shared_->to_core.take(batch, deadline);
      for (CoreMail& mail : batch) take(mail);
    }
  }
  Epoch epoch_in(const char* file) {
    return read_epoch(disk_, concat("/data/version-2/", file)).value().value_or(Epoch{-1});
  }

  test::SimDisk disk_{1};
  StorageOptions options_ = test::small_storage();
  std::unique_ptr<Recovered> server_;
  std::unique_ptr<DataTree> tree_;
  std::unique_ptr<SharedState> shared_;
  std::unique_ptr<LogThread> log_;
  std::unique_ptr<CheckpointThread> checkpoints_;
  std::uint64_t last_ticket_ = 0, persisted_ = 0;
  Zxid checkpoint_;
  std::string story_;
};

TEST_F(LogThreadTest, WritesOfAllKindsAreOnDiskInTheOrderOfTheirTickets) {
  std::vector<LogWrite> writes;
  writes.emplace_back(zab::WriteAcceptedEpoch{next_ticket(), Epoch{3}});
  writes.emplace_back(zab::Append{next_ticket(), test::create_txns(Zxid{1}, 3)});
  writes.emplace_back(zab::Append{next_ticket(), test::create_txns(Zxid{4}, 2)});
  writes.emplace_back(zab::WriteCurrentEpoch{next_ticket(), Epoch{2}});
  writes.emplace_back(TruncateLog{next_ticket(), Zxid{4}, false});
  writes.emplace_back(zab::WriteCurrentEpoch{next_ticket(), Epoch{3}});
  log_->put(writes);
  settle();
  EXPECT_EQ(story_, "persisted 6; ");
  EXPECT_EQ(epoch_in(kAcceptedEpochFile), Epoch{3});
  EXPECT_EQ(epoch_in(kCurrentEpochFile), Epoch{3});
  EXPECT_EQ(log_->log().last_durable(), Zxid{4});
  restart();
  EXPECT_EQ(tree_->last_zxid(), Zxid{4});
  EXPECT_EQ(tree_->find("/n5"), nullptr);
}

TEST_F(LogThreadTest, OneSyncServesAllAppendsThatStandTogether) {
  std::vector<LogWrite> writes;
  writes.reserve(10);
  for (int i = 0; i < 10; ++i) {
    writes.emplace_back(zab::Append{next_ticket(), test::create_txns(Zxid{1 + i}, 1)});
  }
  log_->put(writes);
  settle();
  EXPECT_EQ(shared_->metrics.total(Summary::kFsyncTime).count, 1);
  EXPECT_EQ(shared_->metrics.total(Summary::kSyncBatchSize).sum, 10);
}

// Where a segment has no next one it grows: nothing of it is ever purged.
TEST_F(LogThreadTest, SegmentsFollowOneAnotherThoughTheNextCheckpointIsAlwaysDue) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (Zxid next{1}; list_log_files(disk_, "/data/version-2").value().size() < 3;) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "at " << next.value;
    append(next, 50);
    apply(next, 50);
    checkpoints_->offer(tree_->take_dirty());
    settle();
    next = Zxid{next.value + 50};
    await_checkpoint(Zxid{next.value - 1});
  }
}

TEST_F(LogThreadTest, ACutBehindTheTreeGivesTheTreeOfBeforeAheadOfItsTicket) {
  append(Zxid{1}, 6);
  settle();
  apply(Zxid{1}, 6);
  put(TruncateLog{next_ticket(), Zxid{4}, true});
  append(Zxid{5}, 1);
  settle();
  EXPECT_NE(story_.find("tree 4; persisted"), std::string::npos) << story_;
  EXPECT_EQ(tree_->last_zxid(), Zxid{4});
  EXPECT_EQ(tree_->find("/n5"), nullptr);
  EXPECT_EQ(log_->log().last_durable(), Zxid{5});
}

TEST_F(LogThreadTest, ASnapshotTakesThePlaceOfEverythingEvenIfItIsOlder) {
  append(Zxid{1}, 9);
  settle();
  apply(Zxid{1}, 9);
  checkpoints_->offer(tree_->take_dirty());
  await_checkpoint(Zxid{9});

  auto snapshot = std::make_unique<DataTree>(TreeOptions{});
  snapshot->finish_load(Zxid{});
  Applied applied;
  snapshot->apply(decode_txn(*test::create_txn(Zxid{4}, "/of-the-leader", "x").payload).value(),
                  false, applied);
  const std::string expected = test::dump(*snapshot);
  put(InstallTree{next_ticket(), std::move(snapshot)});
  put(zab::Append{next_ticket(), {test::create_txn(Zxid{5}, "/behind", "y")}});
  settle();
  EXPECT_NE(story_.find("tree 4; persisted"), std::string::npos) << story_;
  EXPECT_EQ(test::dump(*tree_), expected);
  EXPECT_EQ(checkpoints_->zxid(), Zxid{4});
  EXPECT_TRUE(tree_->dirty().empty());
  restart();
  EXPECT_EQ(tree_->last_zxid(), Zxid{5});
  EXPECT_NE(tree_->find("/of-the-leader"), nullptr);
  EXPECT_NE(tree_->find("/behind"), nullptr);
  EXPECT_EQ(tree_->find("/n1"), nullptr);
}

// Others' disks may commit it first.
TEST_F(LogThreadTest, ACheckpointWaitsUntilTheLogHasWhatIsInIt) {
  apply(Zxid{1}, 3);
  checkpoints_->offer(tree_->take_dirty());
  put(zab::WriteAcceptedEpoch{next_ticket(), Epoch{1}});
  settle();
  EXPECT_EQ(checkpoints_->zxid(), std::nullopt);
  append(Zxid{1}, 3);
  await_checkpoint(Zxid{3});
  EXPECT_EQ(log_->log().last_durable(), Zxid{3});
}

TEST_F(LogThreadTest, ACheckpointOfATreeThatIsReplacedIsDropped) {
  apply(Zxid{1}, 3);
  checkpoints_->offer(tree_->take_dirty());  // waits for the log, which never gets it
  auto snapshot = std::make_unique<DataTree>(TreeOptions{});
  snapshot->finish_load(Zxid{2});
  put(InstallTree{next_ticket(), std::move(snapshot)});
  settle();
  EXPECT_EQ(checkpoints_->zxid(), Zxid{2});
  EXPECT_EQ(tree_->find("/n1"), nullptr);
}

// The core may be about to offer, or the server to stop, before it hears of the new tree.
TEST_F(LogThreadTest, WhatIsOfferedOfTheTreeOfBeforeIsDroppedUntilTheCoreHasTheNewOne) {
  append(Zxid{1}, 9);
  settle();
  apply(Zxid{1}, 9);
  auto snapshot = std::make_unique<DataTree>(TreeOptions{});
  snapshot->finish_load(Zxid{2});
  put(InstallTree{next_ticket(), std::move(snapshot)});
  log_->stop();
  EXPECT_FALSE(checkpoints_->is_free());
  checkpoints_->offer(tree_->take_dirty());
  apply(Zxid{10}, 1);
  stop();
  start();
  EXPECT_EQ(tree_->last_zxid(), Zxid{2});
  EXPECT_EQ(tree_->find("/n1"), nullptr);
}

TEST_F(LogThreadTest, AWriteThatFailsEndsTheProcess) {
  stop();
  options_.segment_bytes = 0;  // no spare is written meanwhile
  EXPECT_DEATH(
      {
        start();
        disk_.fail_at(1, Code::kNoSpace);
        put(zab::WriteCurrentEpoch{next_ticket(), Epoch{3}});
        settle();
      },
      "cannot write /data/version-2/currentEpoch");
}

TEST_F(LogThreadTest, ACutBehindTheCheckpointEndsTheProcess) {
  append(Zxid{1}, 5);
  settle();
  apply(Zxid{1}, 5);
  stop();
  EXPECT_DEATH(
      {
        start();
        put(TruncateLog{next_ticket(), Zxid{3}, true});
        settle();
      },
      "already at 0x5");
  start();
}

}  // namespace
}  // namespace paddock::server
