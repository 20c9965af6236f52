#include "server/tree/quota.h"

#include <gtest/gtest.h>

namespace paddock::server {
namespace {

TEST(QuotaText, IsReadAsZooKeeperReadsIt) {
  struct Case {
    std::string_view text;
    QuotaText quota;
  };
  const Case cases[] = {
      {"", {}},
      {"count=5,bytes=7", {.count = 5, .bytes = 7}},
      {"count=5,bytes=7=;byteHardLimit=9;countHardLimit=8",
       {.count = 5, .bytes = 7, .count_hard = 8, .bytes_hard = 9}},
      {"countHardLimit=8", {.count_hard = 8}},
      {",;,count=5;;bytes=7,", {.count = 5, .bytes = 7}},
      {"count=,bytes=-1", {}},
      {"count=x,bytes=3x", {}},
      {"count", {}},
      {"other=1,count=2", {.count = 2}},
      {"count=99999999999999999999", {}},
  };
  for (const Case& each : cases) EXPECT_EQ(parse_quota(each.text), each.quota) << each.text;
}

TEST(QuotaText, IsWrittenAsZooKeeperWritesIt) {
  EXPECT_EQ(to_string(QuotaText{.count = 5, .bytes = -1}), "count=5,bytes=-1");
  EXPECT_EQ(to_string(QuotaText{.count = 5, .bytes = 7, .count_hard = 8, .bytes_hard = 9}),
            "count=5,bytes=7=;byteHardLimit=9;countHardLimit=8");
  EXPECT_EQ(to_string(QuotaText{.count_hard = 8}), "count=-1,bytes=-1=;countHardLimit=8");
}

TEST(QuotaTable, CoversByComponentsAndNotByLetters) {
  QuotaTable table;
  table.set("/a/b", QuotaText{.count = 1}, QuotaText{.count = 0, .bytes = 0});
  for (const std::string_view path : {"/a/b", "/a/b/c", "/a/b/c/d", "/a/b//"}) {
    ASSERT_TRUE(table.covering(path)) << path;
    EXPECT_EQ(table.covering(path)->path, "/a/b");
  }
  for (const std::string_view path : {"", "/", "/a", "/a/bc", "/a/c", "a/b", "b", "//a/b"}) {
    EXPECT_FALSE(table.covering(path)) << path;
  }
}

TEST(QuotaTable, ChargesTheInnermostQuotaOnly) {
  QuotaTable table;
  table.set("/a", QuotaText{.count = 1}, QuotaText{.count = 1, .bytes = 10});
  table.set("/a/b", QuotaText{.count = 2}, QuotaText{.count = 2, .bytes = 20});
  table.set("/c", QuotaText{.count = 2}, std::nullopt);
  EXPECT_EQ(table.charge("/a/b/c", 1, 5)->stats, "count=3,bytes=25");
  EXPECT_EQ(table.charge("/a/x", -1, -10)->path, "/a");
  EXPECT_EQ(table.covering("/a")->count, 0);
  EXPECT_EQ(table.covering("/a/b")->bytes, 25);
  EXPECT_FALSE(table.charge("/c", 1, 1));
  EXPECT_FALSE(table.charge("/d", 1, 1));
  table.remove("/a/b");
  EXPECT_EQ(table.charge("/a/b/c", 1, 1)->path, "/a");
}

}  // namespace
}  // namespace paddock::server
