#include "server/tree/hash_index.h"

#include <gtest/gtest.h>

#include <random>
#include <unordered_map>

namespace paddock::server {
namespace {

TEST(HashIndex, FindsNothingWhenEmpty) {
  const HashIndex index;
  EXPECT_EQ(index.find(0, [](std::uint32_t) { return true; }), 0u);
  EXPECT_EQ(index.find(~0ull, [](std::uint32_t) { return true; }), 0u);
}

TEST(HashIndex, AsksTheCallerWhichOfEqualHashesIsMeant) {
  HashIndex index;
  for (std::uint32_t handle = 1; handle <= 5; ++handle) index.insert(42, handle);
  for (std::uint32_t handle = 1; handle <= 5; ++handle) {
    EXPECT_EQ(index.find(42, [&](std::uint32_t each) { return each == handle; }), handle);
  }
  index.erase(42, 3);
  EXPECT_EQ(index.find(42, [](std::uint32_t each) { return each == 3; }), 0u);
  EXPECT_EQ(index.size(), 4u);
}

// Hashes that share their first bits force splits that separate nothing.
TEST(HashIndex, CopesWithHashesThatAreAllAlike) {
  HashIndex index;
  const auto hash = [](std::uint32_t handle) { return 0xabcdef00'00000000ull + handle; };
  for (std::uint32_t handle = 1; handle <= 2000; ++handle) index.insert(hash(handle), handle);
  for (std::uint32_t handle = 1; handle <= 2000; ++handle) {
    ASSERT_EQ(index.find(hash(handle), [&](std::uint32_t each) { return each == handle; }), handle);
  }
}

TEST(HashIndex, DoesWhatAMapDoes) {
  std::mt19937_64 random(7);
  HashIndex index;
  std::unordered_map<std::uint32_t, std::uint64_t> hashes;  // by handle
  std::uint32_t next = 1;
  for (int step = 0; step < 200'000; ++step) {
    // Grows to some ten thousand, shrinks again, and so on.
    const bool growing = (step / 40'000) % 2 == 0;
    if (random() % 4 != 0 ? growing : !growing) {
      const std::uint64_t hash = random();
      index.insert(hash, next);
      hashes[next++] = hash;
    } else if (!hashes.empty()) {
      const auto victim = hashes.begin();
      index.erase(victim->second, victim->first);
      hashes.erase(victim);
    }
    ASSERT_EQ(index.size(), hashes.size());
    if (step % 10'000 != 0) continue;
    for (const auto& [handle, hash] : hashes) {
      ASSERT_EQ(index.find(hash, [&](std::uint32_t each) { return each == handle; }), handle);
    }
  }
}

TEST(HashIndex, TakesTwelveBytesAnEntry) {
  std::mt19937_64 random(7);
  HashIndex index;
  for (std::uint32_t handle = 1; handle <= 300'000; ++handle) index.insert(random(), handle);
  EXPECT_LT(index.memory_bytes(), 300'000u * 12);
}

TEST(HashIndex, MovesWithWhatItHolds) {
  HashIndex index;
  index.insert(1, 1);
  HashIndex other = std::move(index);
  EXPECT_EQ(other.find(1, [](std::uint32_t) { return true; }), 1u);
  index = HashIndex();
  EXPECT_EQ(index.size(), 0u);
}

TEST(HashOfPath, DependsOnTheSeed) {
  EXPECT_NE(hash_of_path("/a", 1), hash_of_path("/a", 2));
  EXPECT_NE(hash_of_path("/a", 1), hash_of_path("/b", 1));
}

}  // namespace
}  // namespace paddock::server
