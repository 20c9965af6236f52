#include "client/host_list.h"

#include <gtest/gtest.h>

#include <set>

namespace paddock::client {
namespace {

std::string parsed(std::string_view text) {
  const auto list = parse_servers(text);
  if (!list) return "error";
  std::string result;
  for (const HostPort& server : list->servers) result += to_string(server) + " ";
  return result + list->chroot;
}

TEST(Servers, AreHostsWithPortsAndAChrootBehindTheLast) {
  EXPECT_EQ(parsed("a"), "a:2181 ");
  EXPECT_EQ(parsed("a:1,b:2"), "a:1 b:2 ");
  EXPECT_EQ(parsed("a:1,b/app"), "a:1 b:2181 /app");
  EXPECT_EQ(parsed("a/app/x"), "a:2181 /app/x");
  EXPECT_EQ(parsed("a/"), "a:2181 ");
  EXPECT_EQ(parsed(" a , b:3 "), "a:2181 b:3 ");
  EXPECT_EQ(parsed("[::1]:2182,[fe80::1%eth0],::1"), "[::1]:2182 [fe80::1%eth0]:2181 [::1]:2181 ");
  EXPECT_EQ(parsed("a:1,a:1,b:1"), "a:1 b:1 ") << "one server twice is one";
}

TEST(Servers, ThatCannotBeAreRefusedWithTheReason) {
  for (const char* text :
       {"",        ",",    "a,",    ",a",     "a,,b",     "/app",    "a:",    "a:x",
        "a:65536", "a:-1", "a:0",   "a b",    "a/app/",   "a//x",    "a/./x", "a/x,b",
        "[::1",    "::1]", "[a]:1", "[::1]x", "a:1:2:zz", "a/x\001", "a:1 2", "http://a"}) {
    const auto list = parse_servers(text);
    if (std::string_view(text) == "a/x,b") {  // a comma may be in a path
      ASSERT_TRUE(list);
      EXPECT_EQ(list->chroot, "/x,b");
      continue;
    }
    ASSERT_FALSE(list) << text;
    EXPECT_EQ(list.error().code, NotSent::invalid_argument);
    EXPECT_NE(list.error().message.find(text), std::string::npos) << list.error().message;
  }
}

TEST(HostList, GoesRoundAllServersInAnOrderThatTheSeedDraws) {
  std::vector<HostPort> servers;
  for (std::uint16_t i = 1; i <= 5; ++i) servers.push_back({"h", i});
  std::set<std::uint16_t> first;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    HostList list(servers, seed), same(servers, seed);
    std::vector<std::uint16_t> round;
    for (int i = 0; i < 5; ++i) {
      round.push_back(list.next().port);
      EXPECT_EQ(same.next().port, round.back());
    }
    EXPECT_EQ(std::set(round.begin(), round.end()).size(), 5u);
    for (const std::uint16_t port : round) EXPECT_EQ(list.next().port, port);
    first.insert(round.front());
  }
  EXPECT_EQ(first.size(), 5u) << "some server is never the first one";
}

TEST(HostList, GivesTheOneThatIsPreferredNext) {
  HostList list({{"a", 1}, {"b", 1}, {"c", 1}}, 7);
  list.prefer({"b", 1});
  EXPECT_EQ(list.peek(0).host, "b");
  EXPECT_EQ(list.next().host, "b");
  const HostPort next = list.peek(0);
  list.prefer({"unknown", 1});
  EXPECT_EQ(list.next(), next);
}

}  // namespace
}  // namespace paddock::client
