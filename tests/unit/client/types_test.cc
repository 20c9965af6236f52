#include "paddock/types.h"

#include <gtest/gtest.h>

#include "paddock/error.h"
#include "paddock/transaction.h"

namespace paddock::client {
namespace {

TEST(Acl, IsParsedAsZkCliWritesIt) {
  const auto acl = parse_acl("world:anyone:cdrwa,digest:u:HASH=:r");
  ASSERT_TRUE(acl);
  EXPECT_EQ(*acl,
            (std::vector<Acl>{{kAllPermissions, "world", "anyone"}, {kRead, "digest", "u:HASH="}}));
  EXPECT_EQ(to_string(acl->at(0)), "world:anyone:cdrwa");
  EXPECT_EQ(to_string(acl->at(1)), "digest:u:HASH=:r");
  EXPECT_EQ(parse_acl("auth::cdrwa")->at(0), creator_acl().at(0));
  EXPECT_EQ(parse_acl("ip:::1:r")->at(0).id, "::1");
  EXPECT_EQ(parse_acl("world:anyone:")->at(0).permissions, 0u);
  for (const char* text : {"", "world", "world:anyone", ":x:r", "world:anyone:x", "a:b:r,",
                           ",a:b:r", "a:b:r,,a:b:r", "world:anyone:31"}) {
    EXPECT_FALSE(parse_acl(text)) << text;
  }
}

TEST(Sequence, IsTheTenDigitsAtTheEnd) {
  EXPECT_EQ(sequence_of("lock-0000000012"), 12);
  EXPECT_EQ(sequence_of("0000000000"), 0);
  EXPECT_EQ(sequence_of("x2147483647"), 2147483647);
  for (const char* name : {"", "x", "lock-000000001", "lock-00000000a1", "x2147483648", "123"}) {
    EXPECT_FALSE(sequence_of(name)) << name;
  }
}

TEST(CreateMode, IsSequentialOrEphemeralByItsName) {
  EXPECT_TRUE(is_sequential(CreateMode::kPersistentSequentialWithTtl));
  EXPECT_TRUE(is_sequential(CreateMode::kEphemeralSequential));
  EXPECT_TRUE(is_ephemeral(CreateMode::kEphemeralSequential));
  EXPECT_FALSE(is_sequential(CreateMode::kContainer));
  EXPECT_FALSE(is_ephemeral(CreateMode::kPersistent));
}

TEST(Errors, BelongToOneTypeAndCompareByReason) {
  const error_code lost = MaybeApplied::connection_loss;
  EXPECT_TRUE(is_maybe_applied(lost));
  EXPECT_FALSE(is_not_sent(lost) || is_refused(lost));
  EXPECT_NE(lost, error_code(NotSent::connection_loss));
  EXPECT_TRUE(lost == Errc::connection_loss);
  EXPECT_TRUE(error_code(NotSent::connection_loss) == Errc::connection_loss);
  EXPECT_FALSE(lost == Errc::timed_out);
  EXPECT_TRUE(error_code(NotSent::session_expired) == Errc::session_expired);
  EXPECT_TRUE(error_code(Refused::auth_failed) == Errc::auth_failed);
  EXPECT_TRUE(error_code(MaybeApplied::cancelled) == Errc::cancelled);
  EXPECT_TRUE(error_code(NotSent::closed) == Errc::closed);
  EXPECT_FALSE(error_code(Refused::no_node) == Errc::closed);
  EXPECT_EQ(error_code(Refused::no_node).value(), -101);
  EXPECT_FALSE(error_code() == Errc::closed);
}

TEST(Errors, AreSentences) {
  EXPECT_EQ(error_code(Refused::no_node).message(), "there is no such node");
  EXPECT_EQ(error_code(-999, refused_category()).message(), "refused by error -999");
  EXPECT_STREQ(error_code(NotSent::closed).category().name(), "paddock.not_sent");
  for (int value = 1; value <= static_cast<int>(NotSent::malformed_reply); ++value) {
    EXPECT_EQ(error_code(value, not_sent_category()).message().find("unknown"), std::string::npos);
  }
  for (int value = 1; value <= static_cast<int>(MaybeApplied::malformed_reply); ++value) {
    EXPECT_EQ(error_code(value, maybe_applied_category()).message().find("unknown"),
              std::string::npos);
  }
}

TEST(States, HaveZooKeepersNames) {
  EXPECT_EQ(to_string(State::kSyncConnected), "SyncConnected");
  EXPECT_EQ(to_string(EventType::kNodeChildrenChanged), "NodeChildrenChanged");
  EXPECT_TRUE(is_final(State::kClosed));
  EXPECT_FALSE(is_final(State::kConnectedReadOnly));
}

TEST(TransactionSlots, CountTheOperations) {
  Transaction transaction;
  EXPECT_TRUE(transaction.empty());
  EXPECT_EQ(transaction.check("/a", 3).index, 0u);
  EXPECT_EQ(transaction.create("/b").index, 1u);
  EXPECT_EQ(transaction.set("/c", "x").index, 2u);
  EXPECT_EQ(transaction.remove("/d").index, 3u);
  EXPECT_EQ(transaction.size(), 4u);
}

}  // namespace
}  // namespace paddock::client
