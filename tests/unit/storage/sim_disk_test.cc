#include "tests/support/sim_disk.h"

#include <gtest/gtest.h>

namespace paddock::test {
namespace {

TEST(SimDisk, KeepsWhatWasSyncedAndLosesOrTearsWhatWasNot) {
  int whole = 0, torn = 0, lost = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SimDisk disk(seed);
    ASSERT_TRUE(disk.make_folders("/d"));
    auto file = disk.open("/d/f", OpenMode::kCreate).value();
    ASSERT_TRUE(file->write_at(0, Bytes(1024, 'a')));
    ASSERT_TRUE(file->sync());
    ASSERT_TRUE(disk.sync_folder("/d"));
    ASSERT_TRUE(file->write_at(1024, Bytes(2048, 'b')));
    disk.lose_power();
    EXPECT_FALSE(file->write_at(0, Bytes(1, 'c')));
    disk.restart();
    EXPECT_FALSE(file->sync()) << "opened before the power went";
    const Bytes content = disk.content("/d/f");
    ASSERT_GE(content.size(), 1024u);
    EXPECT_TRUE(
        std::all_of(content.begin(), content.begin() + 1024, [](auto b) { return b == 'a'; }));
    const auto written = std::count(content.begin(), content.end(), 'b');
    EXPECT_EQ(written % 512, 0);
    ++(written == 0 ? lost : written == 2048 ? whole : torn);
  }
  EXPECT_GT(whole, 0);
  EXPECT_GT(torn, 0);
  EXPECT_GT(lost, 0);
}

TEST(SimDisk, NamesThatWereNotSyncedMayBeLostInOrder) {
  int kept = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SimDisk disk(seed);
    ASSERT_TRUE(disk.make_folders("/d"));
    ASSERT_TRUE(disk.open("/d/a", OpenMode::kCreate));
    ASSERT_TRUE(disk.sync_folder("/d"));
    ASSERT_TRUE(disk.rename("/d/a", "/d/b"));
    ASSERT_TRUE(disk.open("/d/c", OpenMode::kCreate));
    disk.lose_power();
    disk.restart();
    EXPECT_NE(disk.exists("/d/a"), disk.exists("/d/b")) << "a rename is whole or not at all";
    EXPECT_TRUE(disk.exists("/d/b") || !disk.exists("/d/c")) << "not the later without the earlier";
    kept += disk.exists("/d/c") ? 1 : 0;
  }
  EXPECT_GT(kept, 0);
  EXPECT_LT(kept, 100);
}

TEST(SimDisk, FailsWhenToldAndFillsUp) {
  SimDisk disk(1);
  ASSERT_TRUE(disk.make_folders("/d"));
  auto file = disk.open("/d/f", OpenMode::kCreate).value();
  disk.fail_at(2, Code::kIo);
  EXPECT_TRUE(file->write_at(0, Bytes(10)));
  EXPECT_FALSE(file->sync());
  EXPECT_TRUE(file->sync());
  disk.set_bytes_max(15);
  EXPECT_EQ(file->write_at(10, Bytes(6)).error().code, Code::kNoSpace);
  EXPECT_TRUE(file->write_at(10, Bytes(5)));
}

TEST(SimDisk, TheSameSeedGivesTheSameDisk) {
  const auto run = [] {
    SimDisk disk(42);
    EXPECT_TRUE(disk.make_folders("/d"));
    auto file = disk.open("/d/f", OpenMode::kCreate).value();
    EXPECT_TRUE(disk.sync_folder("/d"));
    EXPECT_TRUE(file->write_at(0, Bytes(10'000, 'x')));
    disk.lose_power();
    disk.restart();
    return disk.content("/d/f");
  };
  EXPECT_EQ(run(), run());
}

}  // namespace
}  // namespace paddock::test
