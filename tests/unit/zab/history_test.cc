#include "zab/history.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace paddock::zab {
namespace {

constexpr Zxid zxid(std::int64_t epoch, std::uint32_t counter) {
  return Zxid::make(Epoch{epoch}, counter);
}

// 1:1 to 1:5, then 3:1 to 3:2, then 4:1.
History three_epochs() {
  History history;
  for (std::uint32_t i = 1; i <= 5; ++i) history.append(zxid(1, i));
  history.append(zxid(3, 1));
  history.append(zxid(3, 2));
  history.append(zxid(4, 1));
  return history;
}

TEST(History, BeginsEmpty) {
  const History history;
  EXPECT_TRUE(history.empty());
  EXPECT_EQ(history.start(), Zxid{});
  EXPECT_EQ(history.last(), Zxid{});
  EXPECT_TRUE(history.contains(Zxid{}));
  EXPECT_EQ(history.count(Zxid{}, zxid(9, 9)), 0u);
  EXPECT_EQ(history.describe(), "after 0x0: nothing");
}

TEST(History, TakesTheNextCounterOrTheFirstOfALaterEpoch) {
  const History history(zxid(2, 7));
  EXPECT_TRUE(history.follows(zxid(2, 8)));
  EXPECT_TRUE(history.follows(zxid(3, 1)));
  EXPECT_TRUE(history.follows(zxid(9, 1)));
  for (const Zxid wrong : {zxid(2, 7), zxid(2, 9), zxid(2, 0), zxid(3, 0), zxid(3, 2), zxid(1, 1),
                           zxid(1, 8), Zxid{}}) {
    EXPECT_FALSE(history.follows(wrong)) << wrong.value;
  }
  // A server that led an epoch in which nothing was proposed.
  EXPECT_TRUE(History(zxid(2, 0)).follows(zxid(2, 1)));
  EXPECT_TRUE(History().follows(zxid(0, 1)));
}

TEST(History, TakesWholeSpansOfAnEpoch) {
  History history(zxid(1, 7));
  history.append_span(zxid(1, 8), zxid(1, 20));
  history.append_span(zxid(1, 21), zxid(1, 21));
  history.append_span(zxid(4, 1), zxid(4, 0xffffffff));
  EXPECT_EQ(history.describe(),
            "after 0x100000007: 0x100000008-0x100000015 0x400000001-0x4ffffffff");
  EXPECT_TRUE(history.contains(zxid(1, 15)));
  EXPECT_DEATH(history.append_span(zxid(5, 2), zxid(5, 3)), "follows");
  EXPECT_DEATH(history.append_span(zxid(5, 1), zxid(6, 3)), "epoch");
  EXPECT_DEATH(history.append_span(zxid(5, 1), zxid(5, 0)), "first <= last");
}

TEST(History, LetsNoEpochRunIntoTheNext) {
  const History full(zxid(2, 0xffffffff));
  EXPECT_FALSE(full.follows(zxid(3, 0)));
  EXPECT_TRUE(full.follows(zxid(3, 1)));
  EXPECT_TRUE(History(zxid(2, 0xfffffffe)).follows(zxid(2, 0xffffffff)));
}

TEST(History, KnowsWhatItHolds) {
  const History history = three_epochs();
  EXPECT_FALSE(history.empty());
  EXPECT_EQ(history.last(), zxid(4, 1));
  for (const Zxid in : {Zxid{}, zxid(1, 1), zxid(1, 5), zxid(3, 1), zxid(3, 2), zxid(4, 1)}) {
    EXPECT_TRUE(history.contains(in)) << in.value;
    EXPECT_EQ(history.floor(in), in);
  }
  for (const Zxid out : {zxid(1, 0), zxid(1, 6), zxid(2, 0), zxid(2, 1), zxid(3, 0), zxid(3, 3),
                         zxid(4, 0), zxid(4, 2), zxid(5, 0), Zxid{-1}}) {
    EXPECT_FALSE(history.contains(out)) << out.value;
  }
  EXPECT_EQ(history.floor(zxid(1, 0)), Zxid{});
  EXPECT_EQ(history.floor(zxid(1, 6)), zxid(1, 5));
  EXPECT_EQ(history.floor(zxid(2, 9)), zxid(1, 5));
  EXPECT_EQ(history.floor(zxid(3, 0)), zxid(1, 5));
  EXPECT_EQ(history.floor(zxid(9, 9)), zxid(4, 1));
  EXPECT_EQ(history.describe(),
            "after 0x0: 0x100000001-0x100000005 0x300000001-0x300000002 0x400000001-0x400000001");
}

TEST(History, CountsAcrossEpochs) {
  const History history = three_epochs();
  EXPECT_EQ(history.count(Zxid{}, zxid(4, 1)), 8u);
  EXPECT_EQ(history.count(zxid(1, 2), zxid(3, 1)), 4u);
  EXPECT_EQ(history.count(zxid(1, 5), zxid(3, 2)), 2u);
  EXPECT_EQ(history.count(zxid(2, 7), zxid(9, 0)), 3u);
  EXPECT_EQ(history.count(zxid(1, 2), zxid(1, 2)), 0u);
  EXPECT_EQ(history.count(zxid(1, 4), zxid(1, 2)), 0u);
  EXPECT_EQ(history.count(zxid(1, 2), zxid(1, 3)), 1u);
  EXPECT_EQ(history.count(zxid(4, 1), Zxid{INT64_MAX}), 0u);
  EXPECT_EQ(history.count(Zxid{INT64_MIN}, Zxid{INT64_MAX}), 8u);
}

TEST(History, IsCutAfterAZxidThatNeedNotBeInIt) {
  const std::pair<Zxid, Zxid> cuts[] = {
      {zxid(4, 1), zxid(4, 1)}, {zxid(4, 0), zxid(3, 2)}, {zxid(3, 1), zxid(3, 1)},
      {zxid(2, 9), zxid(1, 5)}, {zxid(1, 3), zxid(1, 3)}, {zxid(1, 0), Zxid{}},
      {Zxid{}, Zxid{}},
  };
  for (const auto& [upto, last] : cuts) {
    History history = three_epochs();
    history.truncate(upto);
    EXPECT_EQ(history.last(), last) << upto.value;
    EXPECT_EQ(history.count(last, zxid(9, 9)), 0u);
  }
  History history = three_epochs();
  history.truncate(zxid(1, 3));
  history.append(zxid(1, 4));
  history.append(zxid(5, 1));
  EXPECT_EQ(history.describe(), "after 0x0: 0x100000001-0x100000004 0x500000001-0x500000001");
}

TEST(History, ForgetsWhatItsFilesWentWith) {
  History history = three_epochs();
  history.trim(zxid(1, 3));
  EXPECT_EQ(history.start(), zxid(1, 3));
  EXPECT_TRUE(history.contains(zxid(1, 3)));
  EXPECT_FALSE(history.contains(zxid(1, 2)));
  EXPECT_FALSE(history.contains(Zxid{}));
  EXPECT_EQ(history.floor(zxid(1, 2)), zxid(1, 3));  // there is none: start()
  EXPECT_EQ(history.count(Zxid{}, zxid(9, 9)), 5u);
  history.trim(zxid(2, 0));  // between epochs
  EXPECT_EQ(history.describe(),
            "after 0x200000000: 0x300000001-0x300000002 0x400000001-0x400000001");
  history.trim(zxid(3, 2));
  EXPECT_EQ(history.describe(), "after 0x300000002: 0x400000001-0x400000001");
  history.trim(zxid(4, 1));
  EXPECT_TRUE(history.empty());
  EXPECT_EQ(history.last(), zxid(4, 1));
  history.trim(zxid(7, 9));  // a snapshot came in its place
  EXPECT_EQ(history.last(), zxid(7, 9));
  history.append(zxid(7, 10));
  EXPECT_EQ(history.describe(), "after 0x700000009: 0x70000000a-0x70000000a");
}

// Against a list of all zxids.
TEST(History, AnswersAsAListWould) {
  std::mt19937 random(5);
  const auto below = [&](std::size_t n) { return static_cast<std::uint32_t>(random() % n); };
  for (int run = 0; run < 300; ++run) {
    History history;
    Zxid start;
    std::vector<Zxid> list;
    for (int step = 0; step < 60; ++step) {
      const Zxid last = list.empty() ? start : list.back();
      if (below(10) == 0 && !list.empty()) {
        const Zxid upto{list[below(list.size())].value + below(2)};
        if (upto <= last) {
          history.truncate(upto);
          std::erase_if(list, [upto](Zxid z) { return z > upto; });
        }
      } else if (below(12) == 0 && !list.empty()) {
        start = list[below(list.size())];
        history.trim(start);
        std::erase_if(list, [start](Zxid z) { return z <= start; });
      } else {
        const bool next_epoch = last == Zxid{} || below(4) == 0;
        const Zxid next = next_epoch ? zxid(last.epoch().value + 1 + below(2), 1) : last.next();
        ASSERT_TRUE(history.follows(next));
        history.append(next);
        list.push_back(next);
      }
      ASSERT_EQ(history.last(), list.empty() ? start : list.back());
      ASSERT_EQ(history.empty(), list.empty());
      const Zxid a = zxid(below(static_cast<std::size_t>(last.epoch().value) + 2), below(8));
      const Zxid b = zxid(below(static_cast<std::size_t>(last.epoch().value) + 2), below(8));
      const auto in = [&](Zxid z) { return z > a && z <= b; };
      ASSERT_EQ(history.count(a, b),
                static_cast<std::size_t>(std::count_if(list.begin(), list.end(), in)));
      const auto above = std::upper_bound(list.begin(), list.end(), a);
      ASSERT_EQ(history.floor(a), above == list.begin() ? start : *std::prev(above));
      ASSERT_EQ(history.contains(a), a == start || std::binary_search(list.begin(), list.end(), a));
    }
  }
}

TEST(History, StopsAtAGapOfOurOwnMaking) {
  History history(zxid(2, 7));
  EXPECT_DEATH(history.append(zxid(2, 9)), "follows");
  EXPECT_DEATH(history.truncate(zxid(2, 6)), "start_ <= upto");
  EXPECT_DEATH(history.truncate(zxid(2, 8)), "upto <= last");
  EXPECT_DEATH(history.trim(zxid(2, 6)), "start_ <= start");
}

}  // namespace
}  // namespace paddock::zab
