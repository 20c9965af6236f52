#include "server/net/connection_limits.h"

#include <gtest/gtest.h>

namespace paddock::server {
namespace {

using Verdict = ConnectionLimits::Verdict;
using boost::asio::ip::make_address;

TEST(ConnectionLimits, RefusesOneMoreThanAnAddressMayHave) {
  ConnectionLimits limits(2, 0);
  const auto a = make_address("10.0.0.1");
  EXPECT_EQ(limits.admit(a).verdict, Verdict::kAdmitted);
  EXPECT_EQ(limits.admit(a).verdict, Verdict::kAdmitted);
  EXPECT_EQ(limits.admit(a).verdict, Verdict::kTooManyFromAddress);
  EXPECT_EQ(limits.admit(make_address("10.0.0.2")).verdict, Verdict::kAdmitted);
  limits.release(a);
  EXPECT_EQ(limits.admit(a).verdict, Verdict::kAdmitted);
  EXPECT_EQ(limits.total(), 3u);
}

TEST(ConnectionLimits, RefusesOneMoreThanTheServerMayHave) {
  ConnectionLimits limits(0, 2);
  EXPECT_EQ(limits.admit(make_address("10.0.0.1")).verdict, Verdict::kAdmitted);
  EXPECT_EQ(limits.admit(make_address("::1")).verdict, Verdict::kAdmitted);
  EXPECT_EQ(limits.admit(make_address("10.0.0.3")).verdict, Verdict::kTooManyInAll);
  limits.release(make_address("::1"));
  EXPECT_EQ(limits.admit(make_address("10.0.0.3")).verdict, Verdict::kAdmitted);
}

TEST(ConnectionLimits, ZeroMeansNoLimit) {
  ConnectionLimits limits(0, 0);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(limits.admit(make_address("10.0.0.1")).verdict, Verdict::kAdmitted);
  }
}

TEST(ConnectionLimits, GivesAllConnectionsOfAnAddressOneSetOfCredentials) {
  ConnectionLimits limits(0, 0);
  const auto first = limits.admit(make_address("10.0.0.1")).credentials;
  const auto second = limits.admit(make_address("10.0.0.1")).credentials;
  EXPECT_EQ(first, second);
  EXPECT_EQ(*first, (Credentials{Id{"ip", "10.0.0.1"}}));
}

}  // namespace
}  // namespace paddock::server
