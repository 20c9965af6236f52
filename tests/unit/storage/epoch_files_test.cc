#include "server/storage/epoch_files.h"

#include <gtest/gtest.h>

#include "tests/support/sim_disk.h"

namespace paddock::server {
namespace {

TEST(EpochFiles, ReadWhatTheyWroteAndWhatZooKeeperWrites) {
  test::SimDisk disk(1);
  ASSERT_TRUE(disk.make_folders("/data"));
  EXPECT_EQ(read_epoch(disk, "/data/currentEpoch").value(), std::nullopt);
  ASSERT_TRUE(write_epoch(disk, "/data/currentEpoch", Epoch{7}));
  EXPECT_EQ(read_epoch(disk, "/data/currentEpoch").value(), Epoch{7});
  const Bytes content = disk.content("/data/currentEpoch");
  EXPECT_EQ(as_chars(content).substr(0, 2), "7\n");
  disk.put("/data/currentEpoch", as_bytes("12\n"));
  EXPECT_EQ(read_epoch(disk, "/data/currentEpoch").value(), Epoch{12});
}

TEST(EpochFiles, RefuseWhatIsNotANumber) {
  for (const char* text : {"", "x", "1x", "-1", "99999999999999999999", "1 2"}) {
    test::SimDisk disk(1);
    disk.put("/data/currentEpoch", as_bytes(text));
    const auto epoch = read_epoch(disk, "/data/currentEpoch");
    ASSERT_FALSE(epoch) << text;
    EXPECT_EQ(epoch.error().code, Code::kCorrupt);
  }
}

TEST(EpochFiles, AFlippedBitNeverGivesAnotherNumber) {
  for (std::uint64_t byte = 0; byte < 1024; byte += 3) {
    test::SimDisk disk(1);
    ASSERT_TRUE(disk.make_folders("/data"));
    ASSERT_TRUE(write_epoch(disk, "/data/currentEpoch", Epoch{6}));
    ASSERT_TRUE(write_epoch(disk, "/data/currentEpoch", Epoch{7}));
    disk.flip_bit("/data/currentEpoch", byte, static_cast<int>(byte % 8));
    EXPECT_EQ(read_epoch(disk, "/data/currentEpoch").value(), Epoch{7});
    disk.flip_bit("/data/currentEpoch", (byte + 512) % 1024, 0);
    const auto epoch = read_epoch(disk, "/data/currentEpoch");
    ASSERT_FALSE(epoch);
    EXPECT_EQ(epoch.error().code, Code::kCorrupt);
  }
}

TEST(EpochFiles, AfterAPowerFailureTheOldOrTheNewOneIsThere) {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    test::SimDisk disk(seed);
    ASSERT_TRUE(disk.make_folders("/data"));
    if (seed % 2 == 0) {
      disk.put("/data/currentEpoch", as_bytes("1\n"));  // it takes the place of ZooKeeper's
    } else {
      ASSERT_TRUE(write_epoch(disk, "/data/currentEpoch", Epoch{1}));
    }
    disk.lose_power_at(1 + seed / 2 % 6);
    const bool written = write_epoch(disk, "/data/currentEpoch", Epoch{2}).ok();
    disk.lose_power();
    disk.restart();
    const auto epoch = read_epoch(disk, "/data/currentEpoch");
    ASSERT_TRUE(epoch) << epoch.error().message;
    EXPECT_TRUE(*epoch == Epoch{2} || (!written && *epoch == Epoch{1})) << seed;
  }
}

}  // namespace
}  // namespace paddock::server
