#include "common/path.h"

#include <gtest/gtest.h>

#include <string>

namespace paddock {
namespace {

TEST(Path, AcceptsWhatZooKeeperAccepts) {
  for (const char* path : {"/", "/a", "/a/b", "/...", "/.a", "/a.", "/a..b", "/a b", "/\xc3\xa9",
                           "/\xe2\x82\xac", "/\xc2\xa0",
                           "/\xee\xbf\xbf"
                           "x"}) {
    // The last one is U+EFFF, which lies within the private use that is forbidden.
    const bool expected = std::string_view(path) !=
                          "/\xee\xbf\xbf"
                          "x";
    EXPECT_EQ(is_valid_path(path), expected) << path;
  }
}

TEST(Path, RefusesWhatZooKeeperRefuses) {
  for (const char* path : {"",
                           "a",
                           "a/b",
                           "//",
                           "/a/",
                           "/a//b",
                           "//a",
                           "/.",
                           "/..",
                           "/a/.",
                           "/a/..",
                           "/a/./b",
                           "/a/../b",
                           "/\x01",
                           "/\x1f",
                           "/a\x7f",
                           "/\xc2\x80",
                           "/\xc2\x9f",
                           "/\xef\xbf\xb0",
                           "/\xee\x80\x80",
                           "/\xf0\x9f\x98\x80"}) {
    EXPECT_FALSE(is_valid_path(path)) << path;
  }
  EXPECT_FALSE(is_valid_path(std::string_view("/a\0b", 4)));
}

TEST(Path, RefusesBytesThatAreNotUtf8) {
  for (const char* path : {"/\x80", "/\xc3", "/\xc3/", "/\xe2\x82", "/\xc0\xaf", "/\xe0\x80\xaf",
                           "/\xed\xa0\x80", "/\xf5\x80\x80\x80", "/\xff"}) {
    EXPECT_FALSE(is_valid_path(path)) << path;
  }
}

TEST(Path, TakesApartAtTheLastSlash) {
  EXPECT_EQ(parent_of("/a/b"), "/a");
  EXPECT_EQ(parent_of("/a"), "");
  EXPECT_EQ(parent_of("/"), "");
  EXPECT_EQ(last_element("/a/b"), "b");
  EXPECT_EQ(last_element("/a"), "a");
  EXPECT_EQ(last_element("/"), "");
}

}  // namespace
}  // namespace paddock
