#include "server/tree/acl_table.h"

#include <gtest/gtest.h>

namespace paddock::server {
namespace {

Bytes acl(std::string_view id) {
  return encode_acl({{kPermRead, {"ip", std::string(id)}}});
}

TEST(AclTable, NumbersEqualAclsAlike) {
  AclTable table;
  const Bytes a = acl("1.1.1.1"), b = acl("2.2.2.2");
  const std::uint32_t first = table.acquire({a});
  EXPECT_NE(first, 0u);
  EXPECT_NE(table.acquire({b}), first);
  EXPECT_EQ(table.acquire({a}), first);
  EXPECT_EQ(table.at(first)->encoded, a);
  EXPECT_EQ(table.at(first)->number, first);
  EXPECT_EQ(table.at(first)->entries.at(0).id.id, "1.1.1.1");
  EXPECT_EQ(table.size(), 3u);
}

TEST(AclTable, HasTheOpenAclAtZero) {
  AclTable table;
  const Bytes null = {0xff, 0xff, 0xff, 0xff};
  EXPECT_EQ(table.acquire(open_acl()), 0u);
  EXPECT_EQ(table.acquire({null}), 0u);
  EXPECT_EQ(table.acquire({}), 0u);
  for (int i = 0; i < 5; ++i) table.release(0);
  EXPECT_EQ(table.at(0)->anyone, kPermAll);
}

TEST(AclTable, KeepsAnEmptyListApartFromTheOpenAcl) {
  AclTable table;
  const Bytes empty = {0, 0, 0, 0};
  const std::uint32_t number = table.acquire({empty});
  EXPECT_NE(number, 0u);
  EXPECT_TRUE(table.at(number)->entries.empty());
}

TEST(AclTable, DropsAnAclWithItsLastUser) {
  AclTable table;
  const Bytes a = acl("1.1.1.1"), b = acl("2.2.2.2");
  const std::uint32_t number = table.acquire({a});
  table.acquire({a});
  table.release(number);
  EXPECT_EQ(table.size(), 2u);
  const AclRef held = table.at(number);
  table.release(number);
  EXPECT_EQ(table.size(), 1u);
  EXPECT_EQ(table.acquire({b}), number);  // the number is given again
  EXPECT_EQ(held->encoded, a);
  EXPECT_EQ(table.at(table.acquire({a}))->encoded, a);
}

TEST(AclTable, AddsUpWhatAnyoneMayDo) {
  const Bytes bytes = encode_acl({{kPermRead, {"world", "anyone"}},
                                  {kPermWrite, {"ip", "1.1.1.1"}},
                                  {kPermCreate, {"world", "anyone"}},
                                  {kPermAdmin, {"digest", "anyone"}}});
  EXPECT_EQ(make_acl_entry(1, {bytes})->anyone, kPermRead | kPermCreate);
}

}  // namespace
}  // namespace paddock::server
