#include "common/jute.h"

#include <gtest/gtest.h>

#include "tests/support/vectors.h"

namespace paddock {
namespace {

using test::from_hex;

TEST(Jute, ReadsWhatItWrites) {
  Bytes bytes;
  JuteWriter writer(bytes);
  writer.write_bool(true);
  writer.write_int(-2);
  writer.write_long(INT64_MIN);
  writer.write_buffer(std::nullopt);
  writer.write_buffer(ByteView{});
  writer.write_string("abc");
  writer.write_ustring(std::nullopt);
  writer.write_raw(from_hex("cafe"));

  JuteReader reader(bytes);
  EXPECT_EQ(*reader.read_bool(), true);
  EXPECT_EQ(*reader.read_int(), -2);
  EXPECT_EQ(*reader.read_long(), INT64_MIN);
  EXPECT_EQ(*reader.read_buffer(), std::nullopt);
  const auto empty = reader.read_buffer();
  ASSERT_TRUE(empty && empty->has_value());
  EXPECT_EQ((*empty)->size(), 0u);
  EXPECT_EQ(*reader.read_ustring(), "abc");
  EXPECT_EQ(*reader.read_string(), "") << "null reads as nothing";
  EXPECT_EQ(reader.read_raw(2)->front(), 0xca);
  EXPECT_EQ(reader.remaining(), 0u);
}

TEST(Jute, IsBigEndianWithLengthsInFront) {
  Bytes bytes;
  JuteWriter writer(bytes);
  writer.write_int(0x01020304);
  writer.write_long(0x05060708090a0b0c);
  writer.write_string("hi");
  EXPECT_EQ(bytes, from_hex("0102030405060708090a0b0c000000026869"));
}

TEST(Jute, PatchesALengthThatIsKnownOnlyLater) {
  Bytes bytes = from_hex("ff");
  JuteWriter writer(bytes);
  const std::size_t at = writer.reserve_int();
  writer.write_string("x");
  writer.patch_int(at, 5);
  EXPECT_EQ(bytes, from_hex("ff000000050000000178"));
}

TEST(Jute, NeverReadsBehindTheEnd) {
  for (std::size_t size = 0; size < 8; ++size) {
    const Bytes bytes(size, 0);
    EXPECT_EQ(JuteReader(bytes).read_long().error().code, Code::kMalformed);
    if (size < 4) {
      EXPECT_EQ(JuteReader(bytes).read_int().error().code, Code::kMalformed);
      EXPECT_EQ(JuteReader(bytes).read_buffer().error().code, Code::kMalformed);
      EXPECT_EQ(JuteReader(bytes).read_count(1).error().code, Code::kMalformed);
    }
    if (size < 1) {
      EXPECT_EQ(JuteReader(bytes).read_bool().error().code, Code::kMalformed);
    }
    EXPECT_EQ(JuteReader(bytes).read_raw(size + 1).error().code, Code::kMalformed);
  }
}

TEST(Jute, RefusesLengthsThatTheBytesDoNotBear) {
  for (const char* hex : {"0000000261", "7fffffff61", "fffffffe", "80000000"}) {
    const Bytes bytes = from_hex(hex);
    const auto read = JuteReader(bytes).read_buffer();
    ASSERT_FALSE(read) << hex;
    EXPECT_EQ(read.error().code, Code::kMalformed);
  }
  const Bytes bytes = from_hex("0000000261");
  EXPECT_EQ(JuteReader(bytes).read_buffer().error().message,
            "buffer of 2 bytes at byte 4, but 1 bytes are left");
}

TEST(Jute, RefusesCountsThatTheBytesCannotHold) {
  const Bytes three = from_hex("00000003000102030405060708090a0b");
  EXPECT_EQ(*JuteReader(three).read_count(4), 3);
  EXPECT_FALSE(JuteReader(three).read_count(5));
  const Bytes null = from_hex("ffffffff");
  EXPECT_EQ(*JuteReader(null).read_count(4), -1);
  const Bytes negative = from_hex("fffffffe");
  EXPECT_FALSE(JuteReader(negative).read_count(4));
  const Bytes huge = from_hex("7fffffff");
  EXPECT_FALSE(JuteReader(huge).read_count(1));
}

}  // namespace
}  // namespace paddock
