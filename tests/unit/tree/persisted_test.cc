#include "server/tree/persisted.h"

#include <gtest/gtest.h>

namespace paddock::server {
namespace {

TEST(StatPersisted, ComesBackFromItsBytesAndFromNothingShorter) {
  const StatPersisted stat{.czxid = Zxid{1},
                           .mzxid = Zxid{2},
                           .ctime = WallMillis{3},
                           .mtime = WallMillis{4},
                           .version = 5,
                           .cversion = 6,
                           .aversion = -7,
                           .ephemeral_owner = kContainerOwner,
                           .pzxid = Zxid{9}};
  Bytes bytes;
  JuteWriter writer(bytes);
  write(writer, stat);
  ASSERT_EQ(bytes.size(), 60u);
  EXPECT_EQ(load_be64(bytes.data() + 52), 9u);  // pzxid is last
  JuteReader reader(bytes);
  EXPECT_EQ(read_stat_persisted(reader).value(), stat);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    JuteReader short_reader(ByteView(bytes).first(cut));
    EXPECT_FALSE(read_stat_persisted(short_reader).ok()) << cut;
  }
}

TEST(NodeKind, IsReadFromTheOwner) {
  EXPECT_EQ(kind_of(0, true), NodeKind::kPersistent);
  EXPECT_EQ(kind_of(0x100000000000001, true), NodeKind::kEphemeral);
  EXPECT_EQ(kind_of(kContainerOwner, true), NodeKind::kContainer);
  EXPECT_EQ(kind_of(kContainerOwner, false), NodeKind::kContainer);
  EXPECT_EQ(kind_of(ttl_owner(1), true), NodeKind::kTtl);
  EXPECT_EQ(kind_of(ttl_owner(1), false), NodeKind::kEphemeral);
  EXPECT_EQ(kind_of(-2, false), NodeKind::kEphemeral);
  EXPECT_EQ(ttl_of(ttl_owner(kTtlMsMax)), kTtlMsMax);
}

}  // namespace
}  // namespace paddock::server
