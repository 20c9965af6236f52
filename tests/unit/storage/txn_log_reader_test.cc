#include "server/storage/txn_log_reader.h"

#include <gtest/gtest.h>

#include "common/concat.h"
#include "server/storage/txn_log.h"
#include "tests/support/sim_disk.h"
#include "tests/support/storage_fixture.h"

namespace paddock::server {
namespace {

constexpr std::uint32_t kTxnMax = 1u << 20;
const std::string kFolder = "/data/version-2";

// A segment with the transactions `first` to `last`, zeros behind it up to `size`.
Bytes segment(std::int64_t first, std::int64_t last, std::size_t size = 0) {
  test::SimDisk disk(1);
  EXPECT_TRUE(disk.make_folders(kFolder));
  auto log = TxnLog::open(disk, test::small_storage(), Zxid{first - 1}).value();
  EXPECT_TRUE(log->append(test::create_txns(Zxid{first}, static_cast<int>(last - first + 1))));
  EXPECT_TRUE(log->sync());
  Bytes content = disk.content(concat(kFolder, "/", log_file_name(Zxid{first})));
  if (content.size() < size) content.resize(size);
  return content;
}

struct Read {
  std::vector<std::int64_t> zxids;
  Result<void> ended;
  TxnLogReader::Tail tail;
  std::vector<std::string> headerless;
};

Read read(test::SimDisk& disk, std::int64_t after = 0) {
  Read result;
  auto reader = TxnLogReader::open(disk, kFolder, Zxid{after}, kTxnMax);
  if (!reader) {
    result.ended = reader.error();
    return result;
  }
  for (;;) {
    const auto more = reader->next();
    if (!more) result.ended = more.error();
    if (!more || !*more) break;
    result.zxids.push_back(reader->zxid().value);
  }
  result.tail = reader->tail();
  result.headerless = reader->headerless();
  return result;
}

Read read_one(const Bytes& content) {
  test::SimDisk disk(1);
  disk.put(kFolder + "/log.1", content);
  return read(disk);
}

std::vector<std::int64_t> up_to(std::int64_t last) {
  std::vector<std::int64_t> zxids;
  for (std::int64_t z = 1; z <= last; ++z) zxids.push_back(z);
  return zxids;
}

TEST(TxnLogReader, EndsQuietlyAtPaddingAndAtTheEndOfTheFile) {
  for (const std::size_t size : {0, 4096}) {
    const Read found = read_one(segment(1, 5, size));
    ASSERT_TRUE(found.ended) << found.ended.error().message;
    EXPECT_EQ(found.zxids, up_to(5));
    EXPECT_FALSE(found.tail.torn);
    EXPECT_EQ(found.tail.end, segment(1, 5).size());
  }
}

TEST(TxnLogReader, CutAtAnyByteItGivesEveryWholeRecordBeforeTheCut) {
  const Bytes whole = segment(1, 4);
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    std::int64_t expected = 0;
    for (std::int64_t z = 1; z <= 4; ++z) {
      if (segment(1, z).size() <= cut) expected = z;
    }
    const Read found = read_one(Bytes(whole.begin(), whole.begin() + static_cast<long>(cut)));
    ASSERT_TRUE(found.ended) << cut << found.ended.error().message;
    EXPECT_EQ(found.zxids, up_to(expected)) << cut;
    EXPECT_EQ(found.headerless.size(), cut < kTxnLogHeaderBytes ? 1u : 0u) << cut;
  }
}

TEST(TxnLogReader, ZeroedFromAnyByteOnItGivesEveryWholeRecordBeforeIt) {
  const Bytes whole = segment(1, 4);
  for (std::size_t cut = kTxnLogHeaderBytes; cut < whole.size(); ++cut) {
    Bytes torn = whole;
    std::fill(torn.begin() + static_cast<long>(cut), torn.end(), 0);
    torn.resize(4096);
    const Read found = read_one(torn);
    ASSERT_TRUE(found.ended) << cut << found.ended.error().message;
    EXPECT_GE(found.zxids.size(), 0u);
    EXPECT_LT(found.zxids.size(), 4u) << cut;
  }
}

// The heart of the matter: what was once synced is never dropped silently.
TEST(TxnLogReader, OneFlippedBitAnywhereInTheRecordsIsRefusedWithFileOffsetAndAdvice) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{4096}}) {
    const Bytes whole = segment(1, 4, size);
    const std::size_t end = segment(1, 4).size();
    for (std::size_t byte = kTxnLogHeaderBytes; byte < end; ++byte) {
      for (int bit = 0; bit < 8; ++bit) {
        Bytes damaged = whole;
        damaged[byte] ^= static_cast<std::uint8_t>(1u << bit);
        const Read found = read_one(damaged);
        ASSERT_FALSE(found.ended) << "byte " << byte << " bit " << bit;
        EXPECT_EQ(found.ended.error().code, Code::kCorrupt);
        EXPECT_NE(found.ended.error().message.find("/data/version-2/log.1, byte "),
                  std::string::npos);
        EXPECT_NE(found.ended.error().message.find("truncate -s "), std::string::npos);
      }
    }
  }
}

TEST(TxnLogReader, ASectorThatWasNeverWrittenIsATornTailWhateverFollowsIt) {
  const Bytes whole = segment(1, 40, 8192);
  for (std::size_t sector = 1; sector < 5; ++sector) {
    Bytes torn = whole;
    std::fill_n(torn.begin() + static_cast<long>(sector * 512), 512, 0);
    const Read found = read_one(torn);
    ASSERT_TRUE(found.ended) << found.ended.error().message;
    EXPECT_TRUE(found.tail.torn);
    EXPECT_LE(found.tail.end, sector * 512);
    EXPECT_LT(found.zxids.size(), 40u);
  }
}

TEST(TxnLogReader, AZeroedSectorFartherFromTheEndThanOneWriteIsDamage) {
  test::SimDisk disk(1);
  ASSERT_TRUE(disk.make_folders(kFolder));
  auto log = TxnLog::open(disk, test::small_storage(), Zxid{}).value();
  const std::string data(200u << 10, 'x');
  for (std::int64_t z = 1; z <= 10; ++z) {
    ASSERT_TRUE(log->append(std::vector{test::create_txn(Zxid{z}, concat("/n", z), data)}));
    ASSERT_TRUE(log->sync());
  }
  Bytes content = disk.content(kFolder + "/log.1");
  std::fill_n(content.begin() + 1024, 512, 0);
  const Read found = read_one(content);
  ASSERT_FALSE(found.ended);
  EXPECT_EQ(found.ended.error().code, Code::kCorrupt);
}

TEST(TxnLogReader, AMissingSegmentIsRefused) {
  test::SimDisk disk(1);
  disk.put(kFolder + "/log.1", segment(1, 3));
  disk.put(kFolder + "/log.7", segment(7, 9));
  const Read found = read(disk);
  ASSERT_FALSE(found.ended);
  EXPECT_EQ(found.ended.error().code, Code::kCorrupt);
  EXPECT_NE(found.ended.error().message.find("0x7 does not follow 0x3"), std::string::npos)
      << found.ended.error().message;
  EXPECT_TRUE(read(disk, 6).ended) << "what is missing lies before what is wanted";
  EXPECT_FALSE(read(disk, 5).ended);
}

TEST(TxnLogReader, ANewEpochFollowsFromItsFirstTransactionOnly) {
  EXPECT_TRUE(follows(Zxid{5}, Zxid{6}));
  EXPECT_FALSE(follows(Zxid{5}, Zxid{7}));
  EXPECT_TRUE(follows(Zxid{5}, Zxid::make(Epoch{1}, 1)));
  EXPECT_FALSE(follows(Zxid{5}, Zxid::make(Epoch{1}, 2)));
  EXPECT_TRUE(follows(Zxid::make(Epoch{1}, 9), Zxid::make(Epoch{4}, 1)));
  EXPECT_FALSE(follows(Zxid::make(Epoch{4}, 1), Zxid::make(Epoch{1}, 1)));
}

TEST(TxnLogReader, ATornTailThatTheNextSegmentRepeatsEndsItsSegmentQuietly) {
  test::SimDisk disk(1);
  Bytes torn = segment(1, 3, 4096);
  torn[segment(1, 3).size() - 1] = 0;  // the end mark of 3
  disk.put(kFolder + "/log.1", torn);
  disk.put(kFolder + "/log.3", segment(3, 5));
  const Read found = read(disk);
  ASSERT_TRUE(found.ended) << found.ended.error().message;
  EXPECT_EQ(found.zxids, up_to(5));
}

TEST(TxnLogReader, DamageBeforeGoodRecordsOfAnOlderSegmentIsRefused) {
  test::SimDisk disk(1);
  Bytes damaged = segment(1, 3, 4096);
  std::fill_n(damaged.begin() + static_cast<long>(segment(1, 1).size()), 12, 0);  // the head of 2
  disk.put(kFolder + "/log.1", damaged);
  disk.put(kFolder + "/log.4", segment(4, 5));
  EXPECT_FALSE(read(disk).ended);
}

TEST(TxnLogReader, OnlyTheNewestSegmentMayHaveNoHeader) {
  for (const std::size_t size : {0, 7, 4096}) {
    test::SimDisk disk(1);
    disk.put(kFolder + "/log.1", segment(1, 3));
    disk.put(kFolder + "/log.4", Bytes(size));
    const Read found = read(disk);
    ASSERT_TRUE(found.ended) << found.ended.error().message;
    EXPECT_EQ(found.zxids, up_to(3));
    EXPECT_EQ(found.headerless, (std::vector<std::string>{kFolder + "/log.4"}));
    disk.put(kFolder + "/log.5", segment(5, 5));
    EXPECT_FALSE(read(disk).ended);
  }
}

TEST(TxnLogReader, SkipsWhatIsRepeated) {
  test::SimDisk disk(1);
  disk.put(kFolder + "/log.1", segment(1, 5));
  disk.put(kFolder + "/log.4", segment(4, 7));
  const Read found = read(disk, 2);
  ASSERT_TRUE(found.ended) << found.ended.error().message;
  EXPECT_EQ(found.zxids, (std::vector<std::int64_t>{3, 4, 5, 6, 7}));
}

}  // namespace
}  // namespace paddock::server
