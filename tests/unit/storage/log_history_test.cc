#include "server/storage/log_history.h"

#include <gtest/gtest.h>

#include <random>

#include "common/concat.h"
#include "server/storage/epoch_files.h"
#include "server/storage/recovery.h"
#include "server/storage/retention.h"
#include "tests/support/sim_disk.h"
#include "tests/support/storage_fixture.h"

namespace paddock::server {
namespace {

constexpr Zxid zxid(std::int64_t epoch, std::uint32_t counter) {
  return Zxid::make(Epoch{epoch}, counter);
}

class LogHistory : public testing::Test {
 protected:
  void SetUp() override { options_.in_ensemble = true; }

  Recovered start() {
    auto recovered = recover(*disk_, options_, TreeOptions{});
    EXPECT_TRUE(recovered) << recovered.error().message;
    return recovered ? std::move(*recovered) : Recovered{};
  }
  zab::History history() { return start().durable.history; }
  Error refusal() {
    const auto recovered = recover(*disk_, options_, TreeOptions{});
    EXPECT_FALSE(recovered);
    return recovered ? Error{} : recovered.error();
  }
  // A start that appends `zxids`, so a segment of its own; a checkpoint behind it if asked.
  void run(const std::vector<Zxid>& zxids, bool checkpoint = false, std::size_t data_bytes = 10) {
    Recovered server = start();
    for (const Zxid each : zxids) {
      const std::vector txns{
          test::create_txn(each, concat("/n", each.value), std::string(data_bytes, 'd'))};
      ASSERT_TRUE(server.log->append(txns));
      Applied applied;
      server.tree->apply(decode_txn(*txns.front().payload).value(), false, applied);
    }
    ASSERT_TRUE(server.log->sync());
    if (checkpoint) {
      ASSERT_TRUE(server.checkpoint->write(server.tree->take_dirty()));
    }
    set_epochs(server.tree->last_zxid().epoch());
  }
  void set_epochs(Epoch epoch) {
    ASSERT_TRUE(disk_->make_folders("/data/version-2"));
    ASSERT_TRUE(write_epoch(*disk_, "/data/version-2/acceptedEpoch", epoch));
    ASSERT_TRUE(write_epoch(*disk_, "/data/version-2/currentEpoch", epoch));
  }
  std::vector<Zxid> span(std::int64_t epoch, std::uint32_t first, std::uint32_t last) {
    set_epochs(Epoch{epoch});
    std::vector<Zxid> zxids;
    for (std::uint32_t i = first; i <= last; ++i) zxids.push_back(zxid(epoch, i));
    return zxids;
  }
  static std::string path(Zxid first) { return concat("/data/version-2/", log_file_name(first)); }

  std::unique_ptr<test::SimDisk> disk_ = std::make_unique<test::SimDisk>(1);
  StorageOptions options_ = test::small_storage();
};

TEST_F(LogHistory, GoesThroughAllSegmentsThoughTheCheckpointIsBeyondThem) {
  run(span(1, 1, 5));
  EXPECT_EQ(history().describe(), "after 0x0: 0x100000001-0x100000005");
  run(span(1, 6, 9));
  run(span(3, 1, 2), true);
  run(span(3, 3, 4));
  // What the first epoch of the oldest segment followed is not known any more.
  EXPECT_EQ(history().describe(),
            "after 0x100000001: 0x100000002-0x100000009 0x300000001-0x300000004");
  ASSERT_TRUE(disk_->remove(path(zxid(1, 1))));
  EXPECT_EQ(history().describe(),
            "after 0x100000005: 0x100000006-0x100000009 0x300000001-0x300000004");
}

TEST_F(LogHistory, OfAFirstEpochItIsKnownThatNothingWasBefore) {
  run({Zxid{1}, Zxid{2}, Zxid{3}}, true);
  EXPECT_EQ(history().describe(), "after 0x0: 0x1-0x3");
}

TEST_F(LogHistory, AnEpochMayEndWithinASegment) {
  std::vector<Zxid> zxids = span(1, 1, 5);
  for (const Zxid each : span(2, 1, 3)) zxids.push_back(each);
  for (const Zxid each : span(5, 1, 1)) zxids.push_back(each);
  run(zxids, true);
  EXPECT_EQ(history().describe(),
            "after 0x100000001: 0x100000002-0x100000005 0x200000001-0x200000003 "
            "0x500000001-0x500000001");
  run(span(5, 2, 3));
  EXPECT_EQ(history().last(), zxid(5, 3));
  EXPECT_EQ(history().count(Zxid{}, zxid(9, 9)), 4u + 3u + 3u);
}

// Row 32 and ZOOKEEPER-2846: a hole below the checkpoint stops no start, but must not be served.
TEST_F(LogHistory, CountsOnlyFromTheLastGapOn) {
  run(span(1, 1, 5));
  run(span(1, 6, 9));
  run(span(1, 10, 12), true);
  run(span(1, 13, 14));
  ASSERT_TRUE(disk_->remove(path(zxid(1, 6))));
  const Recovered server = start();
  EXPECT_EQ(server.durable.history.describe(), "after 0x100000009: 0x10000000a-0x10000000e");
  EXPECT_NE(server.notes.back().find("nothing is given to other servers"), std::string::npos);
}

TEST_F(LogHistory, ASnapshotThatALeaderGaveToAZooKeeperServerPartsTheLog) {
  run(span(1, 1, 5));
  run(span(2, 1, 3), true);
  EXPECT_EQ(history().start(), zxid(1, 1));
  // It lost 1:6 to 1:9, and was given them as a snapshot before 2:1.
  for (const Zxid given : {zxid(1, 9), zxid(2, 0)}) {
    const std::string name = concat("/data/version-2/", snapshot_file_name(given));
    disk_->put(name, disk_->content("/data/version-2/snapshot.0"));
    EXPECT_EQ(history().describe(), "after 0x200000001: 0x200000002-0x200000003");
    ASSERT_TRUE(disk_->remove(name));
  }
}

TEST_F(LogHistory, AStateBeyondTheLogHasNoHistory) {
  run(span(1, 1, 5), true);
  {
    Recovered server = start();
    Applied applied;
    server.tree->apply(decode_txn(*test::create_txn(zxid(1, 8), "/x", "").payload).value(), false,
                       applied);
    ASSERT_TRUE(server.checkpoint->write(server.tree->take_dirty()));
  }
  EXPECT_EQ(history().describe(), "after 0x100000008: nothing");
  run(span(1, 9, 10));
  EXPECT_EQ(history().describe(), "after 0x100000008: 0x100000009-0x10000000a");
}

TEST_F(LogHistory, AnOldDamagedSegmentCountsAsMissingOnlyIfItsEndIsDamaged) {
  run(span(1, 1, 400), false, 2000);
  run(span(1, 401, 405), true);
  const std::uint64_t size = disk_->content(path(zxid(1, 1))).size();
  ASSERT_GT(size, 512u << 10);
  disk_->flip_bit(path(zxid(1, 1)), 100'000, 0);
  EXPECT_EQ(history().start(), zxid(1, 1)) << "its middle is not looked at";
  disk_->flip_bit(path(zxid(1, 1)), size - 500, 0);
  EXPECT_EQ(history().start(), zxid(1, 400));
}

TEST_F(LogHistory, TheTornTailOfAnOldSegmentIsNoRecord) {
  run(span(1, 1, 5));
  Bytes content = disk_->content(path(zxid(1, 1)));
  content.insert(content.end(), content.end() - 40, content.end() - 5);
  run(span(1, 6, 7), true);
  disk_->put(path(zxid(1, 1)), content);
  EXPECT_EQ(history().describe(), "after 0x100000001: 0x100000002-0x100000007");
}

// A node may hold a piece of a log.
TEST_F(LogHistory, ARecordInsideARecordIsNotTheLast) {
  Bytes inner;
  {
    test::SimDisk other(2);
    ASSERT_TRUE(other.make_folders("/data/version-2"));
    auto log = TxnLog::open(other, options_, zxid(1, 3)).value();
    ASSERT_TRUE(log->append(std::vector{test::create_txn(zxid(1, 4), "/inner", "x")}));
    ASSERT_TRUE(log->sync());
    const Bytes whole = other.content(path(zxid(1, 4)));
    inner.assign(whole.begin() + kTxnLogHeaderBytes, whole.end());
  }
  set_epochs(Epoch{1});
  {
    Recovered server = start();
    const std::string data = std::string(400 << 10, 'd') + std::string(as_chars(inner));
    ASSERT_TRUE(server.log->append(std::vector{test::create_txn(zxid(1, 1), "/a", "x"),
                                               test::create_txn(zxid(1, 2), "/b", data)}));
    ASSERT_TRUE(server.log->sync());
  }
  run(span(1, 3, 5), true);
  EXPECT_EQ(history().describe(), "after 0x100000001: 0x100000002-0x100000005");
}

// Whatever segments, epochs, paddings and checkpoints: as a list of all records would say.
TEST_F(LogHistory, SaysWhatAListOfAllRecordsWould) {
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
    disk_ = std::make_unique<test::SimDisk>(seed);
    std::vector<Zxid> all;
    for (std::uint32_t lives = 1 + below(8); lives > 0; --lives) {
      Recovered server = start();
      for (std::uint32_t n = 1 + below(60); n > 0; --n) {
        const Zxid last = all.empty() ? Zxid{} : all.back();
        const Zxid next = last == Zxid{} || below(25) == 0
                              ? zxid(last.epoch().value + 1 + below(2), 1)
                              : last.next();
        const std::vector txns{
            test::create_txn(next, concat("/n", next.value), std::string(below(300), 'd'))};
        ASSERT_TRUE(server.log->append(txns));
        Applied applied;
        server.tree->apply(decode_txn(*txns.front().payload).value(), false, applied);
        all.push_back(next);
        if (below(4) == 0) {
          ASSERT_TRUE(server.log->sync());
        }
        if (below(3) == 0) {
          ASSERT_TRUE(server.log->prepare_spare(2048));
        }
      }
      ASSERT_TRUE(server.log->sync());
      if (below(2) == 0) {
        ASSERT_TRUE(server.checkpoint->write(server.tree->take_dirty()));
        ASSERT_TRUE(purge(*disk_, options_, server.checkpoint->zxid()));
      }
      set_epochs(all.back().epoch());
    }
    const zab::History found = history();
    zab::History expected(found.start());
    for (const Zxid each : all) {
      if (each > found.start()) expected.append(each);
    }
    ASSERT_EQ(found.describe(), expected.describe()) << seed;
    const Zxid oldest = list_log_files(*disk_, "/data/version-2").value().front().first;
    ASSERT_TRUE(found.start() == start_before(oldest) || found.start() == Zxid{}) << seed;
  }
}

TEST_F(LogHistory, EpochsThatCannotBeAreRefused) {
  run(span(3, 1, 5));
  const auto put = [&](const char* file, std::int64_t epoch) {
    ASSERT_TRUE(write_epoch(*disk_, concat("/data/version-2/", file), Epoch{epoch}));
  };
  put(kAcceptedEpochFile, 2);
  put(kCurrentEpochFile, 2);
  EXPECT_EQ(refusal().code, Code::kRefused);
  EXPECT_NE(
      refusal().message.find("/data/version-2/acceptedEpoch says 2, but the last transaction"),
      std::string::npos)
      << refusal().message;
  put(kAcceptedEpochFile, 4);
  put(kCurrentEpochFile, 5);
  EXPECT_NE(refusal().message.find("acceptedEpoch says 4, but currentEpoch says 5"),
            std::string::npos);
  options_.in_ensemble = false;
  start();  // a server that stands alone has no use for them
}

// A crash while the history of epoch 3 was learned: it was logged, and its epoch not yet written.
TEST_F(LogHistory, TransactionsOfALaterEpochThanTheCurrentOneAreAccepted) {
  run(span(3, 1, 5));
  ASSERT_TRUE(write_epoch(*disk_, "/data/version-2/currentEpoch", Epoch{2}));
  disk_->put("/data/version-2/currentEpoch.tmp", as_bytes("3"));
  const Recovered server = start();
  EXPECT_EQ(server.durable.current_epoch, Epoch{2});
  EXPECT_EQ(server.durable.accepted_epoch, Epoch{3});
  EXPECT_EQ(server.durable.history.last(), zxid(3, 5));
}

TEST_F(LogHistory, MissingEpochsAreThoseOfTheLastTransactionFromThenOn) {
  run(span(3, 1, 5));
  ASSERT_TRUE(disk_->remove("/data/version-2/acceptedEpoch"));
  ASSERT_TRUE(disk_->remove("/data/version-2/currentEpoch"));
  EXPECT_EQ(start().durable.current_epoch, Epoch{3});
  EXPECT_EQ(read_epoch(*disk_, "/data/version-2/acceptedEpoch").value(), Epoch{3});
  EXPECT_EQ(read_epoch(*disk_, "/data/version-2/currentEpoch").value(), Epoch{3});
}

}  // namespace
}  // namespace paddock::server
