#include "server/tree/session_expiry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace paddock::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr SessionId kA{1}, kB{2}, kC{3};

TEST(SessionExpiry, RoundsUpToTheNextTick) {
  SessionExpiry expiry(Millis{2000});
  expiry.touch(kA, Millis{1000}, Millis{4000});
  expiry.touch(kB, Millis{2000}, Millis{4000});
  expiry.touch(kC, Millis{1999}, Millis{4000});
  EXPECT_EQ(expiry.expires(kA), Millis{6000});
  EXPECT_EQ(expiry.expires(kB), Millis{8000});  // on a tick counts as past it
  EXPECT_EQ(expiry.expires(kC), Millis{6000});
  EXPECT_EQ(expiry.next_deadline(), Millis{6000});
}

TEST(SessionExpiry, ExpiresABucketAtOnceAndSorted) {
  SessionExpiry expiry(Millis{1000});
  expiry.touch(kB, Millis{0}, Millis{3000});
  expiry.touch(kA, Millis{999}, Millis{2100});
  expiry.touch(kC, Millis{0}, Millis{9000});
  EXPECT_THAT(expiry.expire(Millis{3999}), IsEmpty());
  EXPECT_THAT(expiry.expire(Millis{4000}), ElementsAre(kA, kB));
  EXPECT_FALSE(expiry.contains(kA));
  EXPECT_EQ(expiry.size(), 1u);
  EXPECT_EQ(expiry.next_deadline(), Millis{10000});
  EXPECT_THAT(expiry.expire(Millis{50000}), ElementsAre(kC));
  EXPECT_EQ(expiry.next_deadline(), std::nullopt);
}

TEST(SessionExpiry, MovesATouchedSession) {
  SessionExpiry expiry(Millis{1000});
  expiry.touch(kA, Millis{0}, Millis{3000});
  expiry.touch(kA, Millis{500}, Millis{3000});  // the same bucket
  EXPECT_EQ(expiry.next_deadline(), Millis{4000});
  expiry.touch(kA, Millis{3500}, Millis{3000});
  EXPECT_EQ(expiry.next_deadline(), Millis{7000});
  EXPECT_THAT(expiry.expire(Millis{6999}), IsEmpty());
  EXPECT_EQ(expiry.size(), 1u);
}

TEST(SessionExpiry, ForgetsARemovedSession) {
  SessionExpiry expiry(Millis{1000});
  expiry.touch(kA, Millis{0}, Millis{3000});
  expiry.remove(kA);
  expiry.remove(kA);
  EXPECT_EQ(expiry.next_deadline(), std::nullopt);
  EXPECT_EQ(expiry.expires(kA), std::nullopt);
  EXPECT_THAT(expiry.expire(Millis{9000}), IsEmpty());
}

TEST(SessionExpiry, ShowsTheBucketsInOrderOfTime) {
  SessionExpiry expiry(Millis{1000});
  expiry.touch(kA, Millis{0}, Millis{9000});
  expiry.touch(kB, Millis{0}, Millis{1000});
  std::vector<std::pair<std::int64_t, std::int64_t>> seen;
  expiry.for_each([&](Millis at, SessionId id) { seen.emplace_back(at.value, id.value); });
  EXPECT_THAT(seen, ElementsAre(std::pair(2000, 2), std::pair(10000, 1)));
}

}  // namespace
}  // namespace paddock::server
