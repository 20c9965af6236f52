#include "server/core/session_tracker.h"

#include <gtest/gtest.h>

namespace paddock::server {
namespace {

constexpr SessionId kOne{1}, kTwo{2};

class SessionTrackerTest : public testing::Test {
 protected:
  SessionTracker tracker_{Millis{2000}};
};

TEST_F(SessionTrackerTest, LetsASessionLiveBetweenItsTimeoutAndATickMore) {
  tracker_.add(kOne, 5000, Millis{100});
  EXPECT_EQ(tracker_.next_deadline(), Millis{6000});
  EXPECT_TRUE(tracker_.expire(Millis{5999}).empty());
  EXPECT_EQ(tracker_.expire(Millis{6000}), std::vector{kOne});
  EXPECT_TRUE(tracker_.find(kOne)->closing);
  EXPECT_TRUE(tracker_.expire(Millis{60000}).empty());
  EXPECT_EQ(tracker_.expires(kOne), std::nullopt);
}

TEST_F(SessionTrackerTest, MovesExpiryOnWithEachSignOfLifeAndNeverBack) {
  SessionTracker::Session& session = tracker_.add(kOne, 5000, Millis{0});
  tracker_.touch(kOne, session, Millis{5000});
  EXPECT_EQ(tracker_.expires(kOne), Millis{12000});
  tracker_.touch(kOne, session, Millis{1000});  // reported late
  EXPECT_EQ(tracker_.expires(kOne), Millis{12000});
}

TEST_F(SessionTrackerTest, TakesAShorterTimeoutAtOnce) {
  SessionTracker::Session& session = tracker_.add(kOne, 40000, Millis{0});
  EXPECT_EQ(tracker_.expires(kOne), Millis{42000});
  tracker_.renew(kOne, session, 4000, Millis{1000});
  EXPECT_EQ(tracker_.expires(kOne), Millis{6000});
  EXPECT_EQ(session.timeout_ms, 4000);
}

TEST_F(SessionTrackerTest, ExpectsNothingMoreOfASessionThatCloses) {
  SessionTracker::Session& session = tracker_.add(kOne, 4000, Millis{0});
  tracker_.add(kTwo, 4000, Millis{0});
  tracker_.close(kOne, session);
  tracker_.touch(kOne, session, Millis{10});
  EXPECT_EQ(tracker_.expire(Millis{100000}), std::vector{kTwo});
  EXPECT_EQ(tracker_.size(), 2u);
  tracker_.remove(kOne);
  tracker_.remove(kTwo);
  EXPECT_EQ(tracker_.size(), 0u);
  EXPECT_EQ(tracker_.next_deadline(), std::nullopt);
}

}  // namespace
}  // namespace paddock::server
