#include "common/config_file.h"

#include <gtest/gtest.h>

#include "common/concat.h"
#include "tests/support/vectors.h"

namespace paddock {
namespace {

std::vector<ConfigEntry> parsed(std::string_view text) {
  auto entries = parse_config(text);
  EXPECT_TRUE(entries) << entries.error().message;
  return entries ? *entries : std::vector<ConfigEntry>{};
}

std::string refused(std::string_view text) {
  const auto entries = parse_config(text);
  EXPECT_FALSE(entries) << text;
  return entries ? "" : entries.error().message;
}

TEST(ConfigFile, TakesKeyAndValueApartAsJavaDoes) {
  const std::vector<ConfigEntry> expected = {
      {"a", "1", 1}, {"b", "2", 2},  {"c", "3", 3}, {"d", "4 5 6", 4},        {"e", "", 5},
      {"f", "", 6},  {"g", "=7", 7}, {"h", "8", 8}, {"server.1", "h:1:2", 9}, {"i", "x # y", 10}};
  EXPECT_EQ(parsed("a=1\nb: 2\nc   3\n  d \t=\f4 5 6 \t\ne\nf=\ng==7\nh \t: 8\n"
                   "server.1=h:1:2\ni=x # y\n"),
            expected);
}

TEST(ConfigFile, SkipsCommentsAndEmptyLinesAndCountsThem) {
  EXPECT_EQ(parsed("# one\n\n  ! two=2\n \t \nkey=value\n#last"),
            (std::vector<ConfigEntry>{{"key", "value", 5}}));
  EXPECT_TRUE(parsed("").empty());
  EXPECT_TRUE(parsed("# a comment does not go on \\\n").empty());
}

TEST(ConfigFile, EndsLinesAtAnyLineEnd) {
  EXPECT_EQ(parsed("a=1\r\nb=2\rc=3\n\rd=4"),
            (std::vector<ConfigEntry>{{"a", "1", 1}, {"b", "2", 2}, {"c", "3", 3}, {"d", "4", 5}}));
}

TEST(ConfigFile, GoesOnBehindABackslashAndKeepsTheFirstLinesNumber) {
  EXPECT_EQ(
      parsed("a=one \\\n   two\\\r\n\tthree\nb=x\\\\\nc=y\\\\\\\nz"),
      (std::vector<ConfigEntry>{{"a", "one twothree", 1}, {"b", "x\\", 4}, {"c", "y\\z", 5}}));
  // What looks like a comment is part of the line that goes on.
  EXPECT_EQ(parsed("a=1\\\n#2\nb=3"), (std::vector<ConfigEntry>{{"a", "1#2", 1}, {"b", "3", 3}}));
  EXPECT_EQ(parsed("a=1\\"), (std::vector<ConfigEntry>{{"a", "1", 1}}));
}

TEST(ConfigFile, UndoesEscapes) {
  EXPECT_EQ(parsed("a\\=b\\ c=\\tx\\n\\q\\\\\n"),
            (std::vector<ConfigEntry>{{"a=b c", "x\nq\\", 1}}));
  EXPECT_EQ(parsed("u=\\u0041\\u00e9\\u20AC\\ud83d\\ude00"),
            (std::vector<ConfigEntry>{{"u", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 1}}));
}

TEST(ConfigFile, LosesBlanksAtTheEndsOfAValueAsZooKeeperTrims) {
  EXPECT_EQ(parsed("a=  1 2 \t \nb=\\ \\ 3\\ \n"),
            (std::vector<ConfigEntry>{{"a", "1 2", 1}, {"b", "3", 2}}));
}

TEST(ConfigFile, NamesTheLineOfWhatItCannotRead) {
  EXPECT_EQ(refused("a=1\nb=\\u12"), "line 2: malformed \\uXXXX escape");
  EXPECT_EQ(refused("a=\\u12g4"), "line 1: malformed \\uXXXX escape");
  EXPECT_EQ(refused("a=\\ud83d"), "line 1: malformed \\uXXXX escape");
  EXPECT_EQ(refused("a=\\ud83dx"), "line 1: malformed \\uXXXX escape");
  EXPECT_EQ(refused("a=\\ud83d\\u0041"), "line 1: malformed \\uXXXX escape");
  EXPECT_EQ(refused("a=\\ude00"), "line 1: malformed \\uXXXX escape");
  EXPECT_EQ(refused("\n\n = value"), "line 3: no key before the value");
  EXPECT_EQ(refused("a=\\u0000"), "line 1: a NUL character");
}

TEST(ConfigFile, RefusesMoreThanItsBounds) {
  const auto too_long = parse_config(std::string(kConfigBytesMax + 1, 'a'));
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code, Code::kTooLarge);

  std::string lines;
  for (std::size_t i = 0; i < kConfigEntriesMax; ++i) lines += "a=1\n";
  EXPECT_EQ(parsed(lines).size(), kConfigEntriesMax);
  EXPECT_EQ(refused(lines + "b=2\n"),
            concat("line ", kConfigEntriesMax + 1, ": more than ", kConfigEntriesMax, " entries"));
}

TEST(ConfigFile, ReadsAgainWhatItHasWritten) {
  const std::pair<std::string, std::string> entries[] = {
      {"tickTime", "2000"},       {"a b:c=d", "x\ty\nz"},    {"#a", "!b"},
      {"back\\slash", "c:\\dir"}, {"\xef\xbb\xbfmark", "v"}, {"\xc3\xa9", "\xe2\x82\xac"}};
  for (const auto& [key, value] : entries) {
    const auto again = parsed(config_line(key, value));
    EXPECT_EQ(again, (std::vector<ConfigEntry>{{key, value, 1}}));
  }
}

TEST(ConfigFile, ReadsTheSampleThatIsShipped) {
  std::vector<std::string> keys;
  for (const ConfigEntry& entry : parsed(test::source_text("conf/zoo.cfg"))) {
    keys.push_back(entry.key);
  }
  EXPECT_EQ(keys, (std::vector<std::string>{"tickTime", "dataDir", "clientPort"}));
}

}  // namespace
}  // namespace paddock
