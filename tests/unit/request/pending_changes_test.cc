#include "server/request/pending_changes.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/unit/request/request_fixture.h"

namespace paddock::server {
namespace {

using test::create_record;
using test::path_version_record;

class PendingChangesTest : public testing::Test, protected RequestFixture {};

TEST_F(PendingChangesTest, HoldsOnlyWhatOutstandingProposalsTouch) {
  const PendingChanges& pending = preparer().pending();
  EXPECT_EQ(pending.size(), 0u);
  submit(OpCode::kCreate, create_record({.path = "/a"}));
  EXPECT_EQ(pending.size(), 2u);  // the root's counters change with it
  submit(OpCode::kCreate, create_record({.path = "/a/b"}));
  submit(OpCode::kDelete, path_version_record("/none"));
  EXPECT_EQ(pending.size(), 3u);
  apply_one();
  EXPECT_EQ(pending.size(), 2u);  // "/a" and "/a/b"
  apply_all();
  EXPECT_EQ(pending.size(), 0u);
}

TEST_F(PendingChangesTest, KnowsTheRootByBothItsNames) {
  submit(OpCode::kCreate, create_record({.path = "/a"}));
  EXPECT_EQ(preparer().pending().find("/").child_count(), 2);
  EXPECT_EQ(preparer().pending().find("").child_count(), 2);
  EXPECT_TRUE(preparer().pending().find("/").is_pending());
}

TEST_F(PendingChangesTest, SaysNoDigestWhereDigestsAreOff) {
  RequestFixture without(default_options(), {.digest = false});
  without.create({.path = "/a"});
  EXPECT_FALSE(without.last_txn().digest.has_value());
  create({.path = "/a"});
  ASSERT_TRUE(last_txn().digest.has_value());
  EXPECT_EQ(last_txn().digest->tree_digest, tree().digest());
}

// Random requests with many outstanding: what prepare foresees is what apply finds, digest and all
// (RequestFixture::apply_one checks both).
class RandomRequests : public testing::TestWithParam<std::uint32_t>, protected RequestFixture {
 protected:
  RandomRequests() : random_(GetParam()) {}

  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }

  // Few names, so that requests meet; some under /zookeeper, which the digest leaves out.
  std::string path() {
    static const char* const kTops[] = {"/a", "/b", "/c", "/zookeeper/x"};
    std::string text = kTops[below(4)];
    while (below(3) == 0) text += std::string("/") + static_cast<char>('p' + below(3));
    return text;
  }
  std::string data() { return std::string(below(40), static_cast<char>('a' + below(26))); }
  std::int32_t version() { return below(2) == 0 ? -1 : static_cast<std::int32_t>(below(3)); }
  SessionId session() { return SessionId{1 + below(3)}; }
  std::vector<Acl> acl() {
    if (below(4) != 0) return test::kOpenAcl;
    return {{static_cast<std::int32_t>(below(32)), {"world", "anyone"}}};
  }

  test::SubRequest write_op() {
    const std::string path = this->path();
    const std::string data = this->data();
    switch (below(7)) {
      case 0:
      case 1:
        return {OpCode::kCreate, create_record({.path = path,
                                                .data = data,
                                                .flags = static_cast<std::int32_t>(below(4)),
                                                .acl = acl()})};
      case 2:
        return {OpCode::kCreateContainer, create_record({.path = path, .flags = 4})};
      case 3:
        return {OpCode::kCreateTtl, create_record({.path = path, .flags = 5, .ttl_ms = 100})};
      case 4:
        return {OpCode::kSetData, test::set_data_record(path, data, version())};
      default:
        return {OpCode::kDelete, path_version_record(path, version())};
    }
  }

  void one_request() {
    set_wall(WallMillis{static_cast<std::int64_t>(random_() % 1'000'000)});
    const std::uint32_t kind = below(20);
    if (kind == 0) {
      close_session(session());
    } else if (kind == 1) {
      reap(path());
    } else if (kind == 2) {
      submit(OpCode::kSetAcl, test::set_acl_record(path(), acl()), session());
    } else if (kind < 8) {
      std::vector<test::SubRequest> ops;
      for (std::uint32_t i = below(6); i > 0; --i) ops.push_back(write_op());
      submit(OpCode::kMulti, test::multi_record(ops), session());
    } else {
      const auto [op, record] = write_op();
      submit(op, record, session());
    }
  }

  std::mt19937 random_;
};

TEST_P(RandomRequests, ComeTrueAsPrepared) {
  for (int i = 0; i < 3000 && !HasFailure(); ++i) {
    one_request();
    const std::uint32_t keep = below(30);
    while (outstanding() > keep) apply_one();
    if (outstanding() == 0) {
      ASSERT_EQ(preparer().pending().size(), 0u);
    }
  }
  apply_all();
  EXPECT_EQ(preparer().pending().size(), 0u);
  EXPECT_EQ(tree().last_zxid(), last_zxid());
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomRequests, testing::Range(1u, 41u));

}  // namespace
}  // namespace paddock::server
