#include "server/tree/node_arena.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>

namespace paddock::server {
namespace {

TEST(NodeArena, GivesPiecesThatDoNotOverlap) {
  std::mt19937 random(3);
  NodeArena arena;
  std::map<std::uint32_t, std::size_t> sizes;  // by piece
  for (int step = 0; step < 100'000; ++step) {
    if (sizes.empty() || random() % 5 < 3) {
      const std::size_t size = 1 + random() % NodeArena::kPieceMax;
      const NodeRef piece = arena.allocate(size);
      ASSERT_TRUE(piece);
      ASSERT_TRUE(sizes.emplace(piece.value, size).second);
      std::memset(arena.at<void>(piece), static_cast<int>(piece.value % 251), size);
    } else {
      const auto piece = std::next(sizes.begin(), static_cast<int>(random() % 7 % sizes.size()));
      const auto* bytes = arena.at<std::uint8_t>(NodeRef{piece->first});
      for (std::size_t i = 0; i < piece->second; ++i) ASSERT_EQ(bytes[i], piece->first % 251);
      arena.free(NodeRef{piece->first}, piece->second);
      sizes.erase(piece);
    }
  }
}

TEST(NodeArena, GivesAFreePieceAgain) {
  NodeArena arena;
  const NodeRef first = arena.allocate(24);
  arena.allocate(24);
  arena.free(first, 24);
  EXPECT_NE(arena.allocate(25), first);
  EXPECT_EQ(arena.allocate(17), first);  // the same three units
}

}  // namespace
}  // namespace paddock::server
