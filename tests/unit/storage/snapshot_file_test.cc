#include "server/storage/snapshot_file.h"

#include <gtest/gtest.h>

#include "common/concat.h"
#include "tests/support/sim_disk.h"
#include "tests/support/storage_fixture.h"

namespace paddock::server {
namespace {

constexpr std::uint32_t kFieldMax = 1u << 20;

struct Vector {
  const char* folder;
  const char* file;
  SnapshotCompression compression;
};
const Vector kVectors[] = {
    {"rich-snapshot", "snapshot.43", SnapshotCompression::kNone},
    {"rich-snapshot-gz", "snapshot.43.gz", SnapshotCompression::kGzip},
    {"rich-snapshot-snappy", "snapshot.43.snappy", SnapshotCompression::kSnappy},
};

Bytes load(const Vector& vector) {
  return read_file(posix_env(),
                   concat(PADDOCK_SOURCE_DIR, "/tests/vectors/storage/", vector.folder,
                          "/version-2/", vector.file),
                   1 << 20)
      .value();
}

// Reads and drops.
class Nobody final : public SnapshotVisitor {
 public:
  Result<void> on_session(SessionId, std::int32_t) override { return {}; }
  Result<void> on_node(std::string_view, const StatPersisted&, std::int64_t, AclBytes,
                       std::optional<ByteView>) override {
    return {};
  }
};

Result<SnapshotInfo> read(const Bytes& content, SnapshotCompression compression,
                          std::uint32_t field_max = kFieldMax) {
  test::SimDisk disk(1);
  disk.put("/snapshot", content);
  Nobody nobody;
  return read_snapshot(disk, "/snapshot", compression, field_max, nobody);
}

TEST(SnapshotFile, ReadsWhatZooKeeperWroteInEveryCompression) {
  for (const Vector& vector : kVectors) {
    const auto info = read(load(vector), vector.compression);
    ASSERT_TRUE(info) << info.error().message;
    EXPECT_EQ(info->sessions, 2u);
    EXPECT_GE(info->nodes, 58u);
    ASSERT_TRUE(info->digest);
    EXPECT_EQ(info->digest->zxid, Zxid{0x43});
  }
}

TEST(SnapshotFile, CutAtAnyByteItIsAnErrorAndNothingElse) {
  for (const Vector& vector : kVectors) {
    const Bytes whole = load(vector);
    std::size_t good = 0;
    const std::size_t step = vector.compression == SnapshotCompression::kNone ? 7 : 1;
    for (std::size_t cut = 0; cut < whole.size(); cut += step) {
      const auto info =
          read(Bytes(whole.begin(), whole.begin() + static_cast<long>(cut)), vector.compression);
      good += info ? 1 : 0;
      EXPECT_TRUE(info || info.error().code == Code::kCorrupt) << cut;
    }
    // Only the older layout, which ends behind the first seal, is whole too.
    EXPECT_LE(good, 1u) << vector.file;
  }
}

TEST(SnapshotFile, AnyFlippedBitIsFound) {
  const Bytes whole = load(kVectors[0]);
  for (std::size_t byte = 0; byte < whole.size(); byte += 13) {
    if (byte >= 8 && byte < 16) continue;
    Bytes damaged = whole;
    damaged[byte] ^= static_cast<std::uint8_t>(1u << (byte % 8));
    EXPECT_FALSE(read(damaged, SnapshotCompression::kNone)) << byte;
  }
}

TEST(SnapshotFile, AFieldAboveTheLimitIsTooLargeAndItsLengthIsNotTrusted) {
  const auto info = read(load(kVectors[0]), SnapshotCompression::kNone, 1000);
  ASSERT_FALSE(info);
  EXPECT_EQ(info.error().code, Code::kTooLarge);
}

TEST(SnapshotFile, NamesAreReadAsZooKeeperReadsThem) {
  EXPECT_EQ(parse_snapshot_name("snapshot.1f")->zxid, Zxid{0x1f});
  EXPECT_EQ(parse_snapshot_name("snapshot.1f.gz")->compression, SnapshotCompression::kGzip);
  EXPECT_EQ(parse_snapshot_name("snapshot.1f.snappy")->compression, SnapshotCompression::kSnappy);
  EXPECT_FALSE(parse_snapshot_name("snapshot.1f.tmp"));
  EXPECT_FALSE(parse_snapshot_name("snapshot."));
  EXPECT_FALSE(parse_snapshot_name("snapshot.xyz"));
  EXPECT_FALSE(parse_snapshot_name("log.1f"));
  EXPECT_EQ(snapshot_file_name(Zxid{0x1f}), "snapshot.1f");
}

TEST(SnapshotFile, AnInterruptedWriteLeavesAWholeSnapshotOrNone) {
  DataTree tree(TreeOptions{});
  tree.finish_load(Zxid{});
  for (std::uint64_t change = 1; change <= 12; ++change) {
    test::SimDisk disk(change);
    ASSERT_TRUE(disk.make_folders("/out"));
    disk.lose_power_at(change);
    const bool written = write_snapshot(disk, "/out/snapshot.0", tree).ok();
    disk.lose_power();
    disk.restart();
    EXPECT_TRUE(disk.exists("/out/snapshot.0") || !written) << change;
    if (!disk.exists("/out/snapshot.0")) continue;
    EXPECT_TRUE(looks_whole(disk, "/out/snapshot.0", SnapshotCompression::kNone).value());
    EXPECT_TRUE(read(disk.content("/out/snapshot.0"), SnapshotCompression::kNone)) << change;
  }
}

}  // namespace
}  // namespace paddock::server
