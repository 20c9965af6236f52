#include "common/value.h"

#include <gtest/gtest.h>

#include <thread>
#include <utility>
#include <vector>

namespace paddock {
namespace {

Bytes bytes_of(const Value& value) {
  return {value.bytes().begin(), value.bytes().end()};
}

TEST(Value, TellsNullFromEmptyFromSome) {
  const Value null, empty(ByteView{}), some(as_bytes("abc"));
  EXPECT_TRUE(null.is_null());
  EXPECT_EQ(null.get(), std::nullopt);
  EXPECT_FALSE(empty.is_null());
  EXPECT_EQ(empty.size(), 0u);
  EXPECT_TRUE(empty.get().has_value());
  EXPECT_EQ(as_chars(some.bytes()), "abc");
  EXPECT_TRUE(Value(std::optional<ByteView>{}).is_null());
  EXPECT_FALSE(Value(std::optional<ByteView>(ByteView{})).is_null());
}

TEST(Value, SharesItsBytesBetweenCopies) {
  Value first(as_bytes("shared"));
  const Value second = first;
  EXPECT_EQ(first.bytes().data(), second.bytes().data());
  const Value moved = std::move(first);
  EXPECT_EQ(moved.bytes().data(), second.bytes().data());
  Value assigned(as_bytes("old"));
  assigned = second;
  EXPECT_EQ(as_chars(assigned.bytes()), "shared");
}

TEST(Value, OutlivesTheBytesItWasMadeFrom) {
  Value value;
  {
    const Bytes source = {1, 2, 3};
    value = Value(ByteView(source));
  }
  EXPECT_EQ(bytes_of(value), (Bytes{1, 2, 3}));
}

// Meant for the thread and address sanitizers: the last owner, whoever it is, frees once.
TEST(Value, IsFreedOnceHoweverManyThreadsHoldIt) {
  const Value value(as_bytes("held by many"));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([value] {
      for (int n = 0; n < 1000; ++n) {
        const Value copy = value;
        ASSERT_EQ(copy.size(), 12u);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(value.size(), 12u);
}

}  // namespace
}  // namespace paddock
