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
  EXPECT_EQ(as_chars(disk.content("/data/currentEpoch")), "7");
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

TEST(EpochFiles, AfterAPowerFailureTheOldOrTheNewOneIsThere) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    test::SimDisk disk(seed);
    ASSERT_TRUE(disk.make_folders("/data"));
    ASSERT_TRUE(write_epoch(disk, "/data/currentEpoch", Epoch{1}));
    disk.lose_power_at(1 + seed % 6);
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
