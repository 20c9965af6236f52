#include "server/net/read_buffer.h"

#include <algorithm>
#include <cstdint>
#include <random>

#include <gtest/gtest.h>

namespace paddock::server {
namespace {

void fill(ReadBuffer& buffer, std::size_t bytes, std::uint8_t& next) {
  while (bytes > 0) {
    const std::span<std::uint8_t> room = buffer.room();
    ASSERT_FALSE(room.empty());
    const std::size_t n = std::min(bytes, room.size());
    for (std::size_t i = 0; i < n; ++i) room[i] = next++;
    buffer.filled(n);
    bytes -= n;
  }
}

TEST(ReadBuffer, KeepsEveryByteInOrderWhateverIsTaken) {
  std::mt19937 random(7);
  ReadBuffer buffer;
  std::uint8_t in = 0, out = 0;
  for (int round = 0; round < 2000; ++round) {
    fill(buffer, random() % 9000, in);
    const std::size_t taken = random() % (buffer.bytes().size() + 1);
    for (std::size_t i = 0; i < taken; ++i) ASSERT_EQ(buffer.bytes()[i], out++);
    buffer.consume(taken);
  }
  for (const std::uint8_t byte : buffer.bytes()) ASSERT_EQ(byte, out++);
  EXPECT_EQ(in, out);
}

TEST(ReadBuffer, IsSmallForWhoSaysLittle) {
  ReadBuffer buffer;
  std::uint8_t next = 0;
  for (int i = 0; i < 1000; ++i) {
    fill(buffer, 100, next);
    buffer.consume(100);
  }
  EXPECT_EQ(buffer.capacity(), ReadBuffer::kBytesMin);
}

TEST(ReadBuffer, GrowsWithFullReadsAndNotBeyondUse) {
  ReadBuffer buffer;
  for (int i = 0; i < 100; ++i) {
    const std::size_t all = buffer.room().size();
    buffer.filled(all);
    buffer.consume(all);
  }
  EXPECT_EQ(buffer.capacity(), ReadBuffer::kBytesUseful);
}

TEST(ReadBuffer, GivesBackWhatOneLargePieceTook) {
  ReadBuffer buffer;
  std::uint8_t next = 0;
  fill(buffer, 5u << 20, next);
  EXPECT_GE(buffer.capacity(), 5u << 20);
  buffer.consume(5u << 20);
  EXPECT_FALSE(buffer.room().empty());
  EXPECT_LE(buffer.capacity(), ReadBuffer::kBytesUseful);
}

}  // namespace
}  // namespace paddock::server
