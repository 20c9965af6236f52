#include "common/acl.h"

#include <gtest/gtest.h>

#include "tests/support/vectors.h"

namespace paddock {
namespace {

TEST(Acl, ReadsWhatItWrites) {
  const std::vector<Acl> entries = {{kPermRead | kPermAdmin, {"digest", "u:hash"}},
                                    {-1, {"ip", "10.0.0.0/8"}}};
  const Bytes bytes = encode_acl(entries);
  JuteReader reader(bytes);
  const auto acl = read_acl(reader);
  ASSERT_TRUE(acl);
  EXPECT_EQ(reader.remaining(), 0u);
  EXPECT_EQ(decode_acl(*acl), entries);
}

TEST(Acl, IsOpenToAnyoneInZooKeepersBytes) {
  const Bytes expected = test::from_hex("000000010000001f00000005776f726c6400000006616e796f6e65");
  EXPECT_EQ(Bytes(open_acl().encoded.begin(), open_acl().encoded.end()), expected);
}

TEST(Acl, TellsNullFromEmptyInItsBytesOnly) {
  for (const char* hex : {"ffffffff", "00000000"}) {
    const Bytes bytes = test::from_hex(hex);
    JuteReader reader(bytes);
    const auto acl = read_acl(reader);
    ASSERT_TRUE(acl);
    EXPECT_EQ(acl->encoded.size(), 4u);
    EXPECT_TRUE(decode_acl(*acl).empty());
  }
}

TEST(Acl, ReadsNullTextsAsNothing) {
  const Bytes bytes = test::from_hex(
      "00000001"
      "0000001f"
      "ffffffff"
      "ffffffff");
  JuteReader reader(bytes);
  EXPECT_EQ(decode_acl(*read_acl(reader)), (std::vector<Acl>{{31, {"", ""}}}));
}

TEST(Acl, RefusesEveryTruncation) {
  const Bytes bytes = encode_acl({{1, {"world", "anyone"}}, {2, {"auth", ""}}});
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    const Bytes shorter(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(cut));
    JuteReader reader(shorter);
    EXPECT_EQ(read_acl(reader).error().code, Code::kMalformed) << cut;
  }
}

}  // namespace
}  // namespace paddock
