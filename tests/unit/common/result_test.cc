#include "common/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace paddock {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return Error{Code::kInvalid, "odd"};
  return n / 2;
}
Result<int> quarter(int n) {
  PADDOCK_TRY(const int once, half(n));
  PADDOCK_TRY(const int twice, half(once));
  return twice;
}
Result<void> must_halve(int n) {
  PADDOCK_TRY_DO([&]() -> Result<void> {
    PADDOCK_TRY([[maybe_unused]] const int value, half(n));
    return {};
  }());
  return {};
}

TEST(Result, HoldsAValueOrAnError) {
  const Result<int> good = half(4), bad = half(3);
  EXPECT_TRUE(good.ok());
  EXPECT_EQ(*good, 2);
  EXPECT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Code::kInvalid);
  EXPECT_EQ(bad.error().message, "odd");
}

TEST(Result, ReturnsEarlyWithTheError) {
  EXPECT_EQ(quarter(8).value(), 2);
  EXPECT_EQ(quarter(6).error().message, "odd");
  EXPECT_TRUE(must_halve(2));
  EXPECT_EQ(must_halve(1).error().message, "odd");
}

TEST(Result, MovesWhatCannotBeCopied) {
  Result<std::unique_ptr<int>> made = std::make_unique<int>(5);
  const std::unique_ptr<int> taken = std::move(made).value();
  EXPECT_EQ(*taken, 5);
}

TEST(Result, StopsTheProcessWhenAskedForWhatItDoesNotHold) {
  EXPECT_DEATH(static_cast<void>(half(3).value()), "check failed: ok\\(\\)");
  EXPECT_DEATH(static_cast<void>(half(2).error()), "check failed: !ok\\(\\)");
}

}  // namespace
}  // namespace paddock
