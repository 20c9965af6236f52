#include "common/address.h"

#include <gtest/gtest.h>

namespace paddock {
namespace {

TEST(Address, ReadsHostsWithTheirPorts) {
  EXPECT_EQ(*parse_host_port("zk1.example:2181"), (HostPort{"zk1.example", 2181}));
  EXPECT_EQ(*parse_host_port("[::1]:2181"), (HostPort{"::1", 2181}));
  EXPECT_EQ(*parse_host_port("10.0.0.1", 2181), (HostPort{"10.0.0.1", 2181}));
  EXPECT_EQ(*parse_host_port("fe80::1", 2181), (HostPort{"fe80::1", 2181}));
  EXPECT_EQ(*parse_host_port("[fe80::1]", 2181), (HostPort{"fe80::1", 2181}));
  EXPECT_EQ(*parse_host_port(":0"), (HostPort{"", 0}));
}

TEST(Address, RefusesWhatIsNoAddress) {
  for (const char* text : {"host", "host:", "host:65536", "host:-1", "host:1x", "[::1:2181", "::1",
                           "[host]:1", "ho st:1", "[::1]x:1", "a]:1", ""}) {
    const auto address = parse_host_port(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error().code, Code::kInvalid) << text;
  }
}

TEST(Address, KnowsWhichBytesAHostMayHave) {
  for (const char* host : {"zk-1.example", "ZK_1", "10.0.0.1", "fe80::1%eth0.2", "xn--bcher-kva"}) {
    EXPECT_TRUE(is_host(host)) << host;
  }
  for (const char c : std::string_view("\0\n\r\t \\#!=,;|/[]\"\x7f\xc3", 18)) {
    EXPECT_FALSE(is_host(std::string("a") + c)) << int{c};
    EXPECT_FALSE(parse_host_port(std::string("a") + c + "b:1")) << int{c};
  }
}

TEST(Address, WritesWhatItReads) {
  for (const char* text : {"host:1", "[::1]:65535", "127.0.0.1:0"}) {
    EXPECT_EQ(to_string(*parse_host_port(text)), text);
  }
}

TEST(Address, ReadsListsAndWantsNoGaps) {
  EXPECT_EQ(*parse_host_list("a:1,b,[::1]:3", 2181),
            (std::vector<HostPort>{{"a", 1}, {"b", 2181}, {"::1", 3}}));
  EXPECT_FALSE(parse_host_list("", 2181));
  EXPECT_FALSE(parse_host_list("a:1,", 2181));
  EXPECT_FALSE(parse_host_list("a:1,,b:2", 2181));
}

TEST(Address, SplitsOutsideOfBracketsOnly) {
  EXPECT_EQ(*split_outside_brackets("[::1]:2888:3888:observer", ':'),
            (std::vector<std::string>{"::1", "2888", "3888", "observer"}));
  EXPECT_EQ(*split_outside_brackets("", ':'), (std::vector<std::string>{""}));
  EXPECT_FALSE(split_outside_brackets("[::1:2888", ':'));
  EXPECT_FALSE(split_outside_brackets("::1]:2888", ':'));
  EXPECT_FALSE(split_outside_brackets("[[::1]]", ':'));
}

}  // namespace
}  // namespace paddock
