#include "server/storage/txn_log.h"

#include <gtest/gtest.h>

#include "common/concat.h"
#include "server/storage/recovery.h"
#include "server/storage/txn_log_reader.h"
#include "tests/support/sim_disk.h"
#include "tests/support/storage_fixture.h"

namespace paddock::server {
namespace {

constexpr std::uint32_t kTxnMax = 1u << 20;

// A log folder on a simulated disk.
class TxnLogTest : public testing::Test {
 protected:
  TxnLogTest() { EXPECT_TRUE(disk_.make_folders("/data/version-2")); }

  std::unique_ptr<TxnLog> open(std::int64_t last = 0) {
    auto log = TxnLog::open(disk_, options_, Zxid{last});
    EXPECT_TRUE(log) << log.error().message;
    return std::move(log).value();
  }
  void append(TxnLog& log, std::int64_t first, int count) {
    ASSERT_TRUE(log.append(test::create_txns(Zxid{first}, count)));
  }
  void fill_spare(TxnLog& log) {
    for (;;) {
      const auto more = log.prepare_spare(1000);
      ASSERT_TRUE(more) << more.error().message;
      if (!*more) return;
    }
  }
  std::vector<std::int64_t> zxids(std::int64_t after = 0) {
    std::vector<std::int64_t> found;
    auto reader = TxnLogReader::open(disk_, "/data/version-2", Zxid{after}, kTxnMax);
    EXPECT_TRUE(reader);
    for (;;) {
      const auto more = reader->next();
      EXPECT_TRUE(more) << more.error().message;
      if (!more || !*more) return found;
      found.push_back(reader->zxid().value);
    }
  }
  std::vector<std::string> names() {
    const auto listed = disk_.list("/data/version-2");
    return listed ? *listed : std::vector<std::string>{};
  }

  test::SimDisk disk_{1};
  StorageOptions options_ = test::small_storage();
};

TEST_F(TxnLogTest, WritesWhatItReadsBackAndNamesASegmentByItsFirstZxid) {
  const auto log = open(4);
  append(*log, 5, 3);
  EXPECT_EQ(log->last_durable(), Zxid{4});
  EXPECT_EQ(log->sync().value(), Zxid{7});
  EXPECT_EQ(log->last_durable(), Zxid{7});
  EXPECT_EQ(names(), (std::vector<std::string>{"log.5"}));
  EXPECT_EQ(zxids(4), (std::vector<std::int64_t>{5, 6, 7}));
}

TEST_F(TxnLogTest, SyncsOnceHoweverManyAppendsThereWere) {
  const auto log = open();
  append(*log, 1, 1);
  ASSERT_TRUE(log->sync());  // the segment is there now
  for (int i = 2; i < 50; ++i) append(*log, i, 1);
  const std::uint64_t before = disk_.changes();
  ASSERT_TRUE(log->sync());
  EXPECT_EQ(disk_.changes() - before, 2u) << "one write and one sync";
}

TEST_F(TxnLogTest, WithoutForceSyncNothingIsSynced) {
  options_.force_sync = false;
  const auto log = open();
  append(*log, 1, 1);
  ASSERT_TRUE(log->sync());
  const std::uint64_t before = disk_.changes();
  append(*log, 2, 1);
  ASSERT_TRUE(log->sync());
  EXPECT_EQ(disk_.changes() - before, 1u);
}

TEST_F(TxnLogTest, WritesAtMostOneMebibyteBetweenTwoSyncs) {
  const auto log = open();
  append(*log, 1, 1);
  ASSERT_TRUE(log->sync());
  const std::string data(300u << 10, 'x');
  std::vector<zab::Txn> txns;
  for (std::int64_t z = 2; z <= 8; ++z) {
    txns.push_back(test::create_txn(Zxid{z}, concat("/n", z), data));
  }
  ASSERT_TRUE(log->append(txns));
  const std::uint64_t before = disk_.changes();
  ASSERT_TRUE(log->sync());
  EXPECT_EQ(disk_.changes() - before, 6u) << "three pieces: 3 + 3 + 1 records";
  EXPECT_EQ(zxids().size(), 8u);
}

TEST_F(TxnLogTest, TakesTheSpareWhenItIsReadyAndRollsWhenItIsFull) {
  const auto log = open();
  append(*log, 1, 2);
  ASSERT_TRUE(log->sync());
  fill_spare(*log);
  EXPECT_EQ(names(), (std::vector<std::string>{"log.1", "spare"}));
  append(*log, 3, 1);  // the first segment grows: the spare is better
  ASSERT_TRUE(log->sync());
  EXPECT_EQ(names(), (std::vector<std::string>{"log.1", "log.3"}));
  EXPECT_EQ(disk_.content("/data/version-2/log.3").size(), options_.segment_bytes);
  fill_spare(*log);
  for (std::int64_t z = 4; z < 80; ++z) {
    append(*log, z, 1);
    ASSERT_TRUE(log->sync());
  }
  EXPECT_EQ(names().size(), 3u);
  EXPECT_EQ(zxids().size(), 79u);
}

TEST_F(TxnLogTest, AFinishedSpareIsUsedByTheNextRunAndNothingElseIs) {
  {
    const auto log = open();
    fill_spare(*log);
  }
  {
    const auto log = open();
    append(*log, 1, 1);
    ASSERT_TRUE(log->sync());
    EXPECT_EQ(disk_.content("/data/version-2/log.1").size(), options_.segment_bytes);
    fill_spare(*log);
  }
  options_.segment_bytes *= 2;
  const auto log = open(1);
  EXPECT_EQ(names(), (std::vector<std::string>{"log.1"})) << "the spare has the wrong size";
}

TEST_F(TxnLogTest, AFullDiskCostsTheSpareAndNotTheLog) {
  const auto log = open();
  append(*log, 1, 1);
  ASSERT_TRUE(log->sync());
  disk_.set_bytes_max(3000);
  Result<bool> more = true;
  while (more && *more) more = log->prepare_spare(1000);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, Code::kNoSpace);
  EXPECT_EQ(names(), (std::vector<std::string>{"log.1"}));
  append(*log, 2, 1);
  EXPECT_TRUE(log->sync());
  disk_.set_bytes_max(UINT64_MAX);
  fill_spare(*log);
  EXPECT_EQ(names(), (std::vector<std::string>{"log.1", "spare"}));
}

TEST_F(TxnLogTest, AfterAFailedWriteOrSyncItTakesNothingMore) {
  for (const std::uint64_t change : {1, 2}) {
    const auto log = open(change == 1 ? 0 : 100);
    append(*log, change == 1 ? 1 : 101, 1);
    ASSERT_TRUE(log->sync());
    append(*log, change == 1 ? 2 : 102, 1);
    disk_.fail_at(change, Code::kIo);
    EXPECT_FALSE(log->sync());
    EXPECT_EQ(log->last_durable(), Zxid{change == 1 ? 1 : 101});
    EXPECT_FALSE(log->sync()) << "the disk works again, but what it holds is unknown";
    EXPECT_FALSE(log->append(test::create_txns(Zxid{200}, 1)));
  }
}

TEST_F(TxnLogTest, BeginsANewSegmentAfterARollAndAboveTheSizeLimit) {
  options_.segment_bytes_max = 500;
  const auto log = open();
  append(*log, 1, 1);
  ASSERT_TRUE(log->sync());
  log->roll();
  append(*log, 2, 5);
  ASSERT_TRUE(log->sync());
  append(*log, 7, 1);
  ASSERT_TRUE(log->sync());
  EXPECT_EQ(names(), (std::vector<std::string>{"log.1", "log.2", "log.7"}));
}

// Every cut of a log of three segments, with and without a record of that very zxid.
TEST(TxnLogTruncate, KeepsAllUpToTheZxidAndNothingAbove) {
  for (std::int64_t cut = 1; cut <= 9; ++cut) {
    test::SimDisk disk(1);
    ASSERT_TRUE(disk.make_folders("/data/version-2"));
    auto log = TxnLog::open(disk, test::small_storage(), Zxid{}).value();
    for (std::int64_t z = 1; z <= 9; ++z) {
      if (z % 3 == 1) log->roll();
      ASSERT_TRUE(log->append(test::create_txns(Zxid{z}, 1)));
      ASSERT_TRUE(log->sync());
    }
    ASSERT_TRUE(log->truncate(Zxid{cut}));
    EXPECT_EQ(log->last_appended(), Zxid{cut});
    ASSERT_TRUE(log->append(test::create_txns(Zxid{cut + 1}, 1)));
    ASSERT_TRUE(log->sync());
    disk.lose_power();
    disk.restart();
    auto reader = TxnLogReader::open(disk, "/data/version-2", Zxid{}, kTxnMax).value();
    std::int64_t last = 0;
    while (reader.next().value()) EXPECT_EQ(reader.zxid().value, ++last);
    EXPECT_EQ(last, cut + 1);
  }
}

TEST(TxnLogTruncate, RefusesWhatNoSegmentReachesBackTo) {
  test::SimDisk disk(1);
  ASSERT_TRUE(disk.make_folders("/data/version-2"));
  auto log = TxnLog::open(disk, test::small_storage(), Zxid{9}).value();
  ASSERT_TRUE(log->append(test::create_txns(Zxid{10}, 2)));
  ASSERT_TRUE(log->sync());
  const auto cut = log->truncate(Zxid{9});
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, Code::kNotFound);
  EXPECT_TRUE(disk.exists("/data/version-2/log.a"));
}

}  // namespace
}  // namespace paddock::server
