#include "common/logging.h"

#include <gtest/gtest.h>

namespace paddock {
namespace {

TEST(Logging, KnowsLevelsUnderBothFamiliesOfNames) {
  EXPECT_EQ(*parse_log_level("INFO"), LogLevel::kInfo);
  EXPECT_EQ(*parse_log_level("debug"), LogLevel::kInfo);
  EXPECT_EQ(*parse_log_level("Warn"), LogLevel::kWarning);
  EXPECT_EQ(*parse_log_level("warning"), LogLevel::kWarning);
  EXPECT_EQ(*parse_log_level("error"), LogLevel::kError);
  EXPECT_FALSE(parse_log_level("loud"));
  EXPECT_FALSE(parse_log_level(""));
}

TEST(Logging, LetsNoControlCharacterIntoALine) {
  EXPECT_EQ(printable("/a b~"), "/a b~");
  EXPECT_EQ(printable("x\nI1122 forged\x1b[2J"), "x\\x0aI1122 forged\\x1b[2J");
  EXPECT_EQ(printable("caf\xc3\xa9\x7f"), "caf\\xc3\\xa9\\x7f");
  EXPECT_EQ(printable(std::string_view("\0", 1)), "\\x00");
}

TEST(Logging, CutsLongTextsAndNeverWithinAnEscape) {
  EXPECT_EQ(printable("abcdef", 4), "abcd...");
  EXPECT_EQ(printable("abcd", 4), "abcd");
  EXPECT_EQ(printable("ab\n", 4), "ab...");
}

TEST(Logging, LetsOneMessageThroughInEachIntervalAndCountsTheRest) {
  LogLimiter limiter(Millis{1000});
  const auto first = limiter.admit(Millis{5});
  EXPECT_TRUE(first);
  EXPECT_EQ(suppressed_note(first), "");
  EXPECT_FALSE(limiter.admit(Millis{6}));
  EXPECT_FALSE(limiter.admit(Millis{1004}));
  const auto next = limiter.admit(Millis{1005});
  EXPECT_TRUE(next);
  EXPECT_EQ(next.suppressed, 2u);
  EXPECT_EQ(suppressed_note(next), " (2 similar suppressed)");
  const auto later = limiter.admit(Millis{9000});
  EXPECT_TRUE(later);
  EXPECT_EQ(later.suppressed, 0u);
}

}  // namespace
}  // namespace paddock
