// Reads every #include of the project and refuses the ones that go against an arrow of
// docs/architecture.md: who may know of whom is what keeps the parts apart.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

const std::filesystem::path kRoot = PADDOCK_SOURCE_DIR;

// The part a file belongs to: its folder, or "server" for the files directly in server/.
std::string part_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == path.npos) return "";
  std::string folder = path.substr(0, slash);
  if (folder == "paddock" || folder.starts_with("paddock/")) return "client";  // its public headers
  for (const char* deep : {"client", "tools", "tests"}) {
    if (folder == deep || folder.starts_with(std::string(deep) + "/")) return deep;
  }
  return folder;
}

// Who may include whom. Nothing is implied: each list is whole.
const std::map<std::string, std::set<std::string>> kArrows = {
    {"common", {}},
    {"zab", {"common"}},
    {"server/tree", {"common"}},
    {"server/request", {"common", "server/tree"}},
    {"server/core", {"common", "zab", "server/tree", "server/request"}},
    {"server/storage", {"common", "zab", "server/tree"}},
    {"server/admin", {"common", "zab", "server/tree", "server/request", "server/core"}},
    {"server/net",
     {"common", "zab", "server/tree", "server/request", "server/core", "server/admin"}},
    {"server/run",
     {"common", "zab", "server/tree", "server/request", "server/core", "server/storage",
      "server/net", "server/admin"}},
    {"server",
     {"common", "zab", "server/tree", "server/request", "server/core", "server/storage",
      "server/net", "server/admin", "server/run"}},
    {"client", {"common"}},
    {"tools", {"common", "client", "server/storage", "server/tree", "zab"}},
};

// Headers that are lists of plain settings or facts, which more may read than the arrows say.
const std::set<std::string> kOpenHeaders = {"server/options.h", "server/run/reader_lock.h",
                                            "server/run/mailbox.h"};
const std::set<std::string> kReadersOfOpenHeaders = {"server/net", "server/run", "server/admin"};

struct Include {
  std::string file;  // below the source folder
  std::size_t line = 0;
  std::string target;  // as written
};

std::vector<Include> includes_of(const std::filesystem::path& path) {
  std::vector<Include> includes;
  std::ifstream in(path);
  std::size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (!line.starts_with("#include ")) continue;
    const std::size_t open = line.find_first_of("\"<");
    const std::size_t close = line.find_first_of("\">", open + 1);
    if (open == line.npos || close == line.npos) continue;
    includes.push_back({std::filesystem::relative(path, kRoot).string(), number,
                        line.substr(open + 1, close - open - 1)});
  }
  return includes;
}

std::vector<Include> all_includes() {
  std::vector<Include> all;
  for (const char* folder : {"common", "zab", "server", "client", "tools", "tests"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(kRoot / folder)) {
      const std::string extension = entry.path().extension();
      if (extension != ".h" && extension != ".cc") continue;
      for (Include& include : includes_of(entry.path())) all.push_back(std::move(include));
    }
  }
  return all;
}

// What is wrong with an include; "" if nothing is.
std::string against_an_arrow(const Include& include) {
  const std::string from = part_of(include.file), to = part_of(include.target);
  if (from == "tests" || from == to || !kArrows.contains(to)) return "";
  if (kOpenHeaders.contains(include.target) && kReadersOfOpenHeaders.contains(from)) return "";
  const auto arrows = kArrows.find(from);
  if (arrows == kArrows.end()) return from + " is not a part that this test knows";
  if (arrows->second.contains(to)) return "";
  return from + " must not know " + to;
}

bool may_use_asio(const std::string& file) {
  static const std::set<std::string> kParts = {"server/net", "server/run", "client", "tools",
                                               "tests"};
  return kParts.contains(part_of(file)) || file == "server/main.cc" || file == "server/server.cc";
}

bool is_of_network(std::string_view target) {
  return target.starts_with("boost/asio") || target.starts_with("boost/beast") ||
         target == "sys/socket.h" || target == "netinet/in.h" || target == "sys/epoll.h";
}

// What a part that decides must not reach for: files, threads, clocks, chance, logging.
bool touches_the_world(std::string_view target) {
  static const std::set<std::string_view> kForbidden = {
      "chrono",  "ctime",          "thread",  "mutex",        "condition_variable", "shared_mutex",
      "future",  "random",         "fstream", "iostream",     "filesystem",         "unistd.h",
      "fcntl.h", "glog/logging.h", "time.h",  "common/env.h", "common/logging.h"};
  return kForbidden.contains(target);
}

std::string place(const Include& include) {
  return include.file + ":" + std::to_string(include.line) + " includes " + include.target;
}

TEST(Layout, HasNoIncludeAgainstAnArrow) {
  const std::vector<Include> includes = all_includes();
  ASSERT_GT(includes.size(), 100u) << "the sources were not found";
  for (const Include& include : includes) {
    EXPECT_EQ(against_an_arrow(include), "") << place(include);
  }
}

TEST(Layout, KeepsTheNetworkInTheFewPlacesThatAreMeantForIt) {
  for (const Include& include : all_includes()) {
    if (!is_of_network(include.target)) continue;
    EXPECT_TRUE(may_use_asio(include.file)) << place(include);
  }
}

TEST(Layout, KeepsThePartsThatDecideAwayFromTheWorld) {
  const std::set<std::string> pure = {"zab", "server/tree", "server/request", "server/core"};
  for (const Include& include : all_includes()) {
    if (!pure.contains(part_of(include.file))) continue;
    EXPECT_FALSE(touches_the_world(include.target)) << place(include);
  }
}

// The client library's decisions, beside its sockets and threads.
TEST(Layout, KeepsTheClientsDecisionsAwayFromTheWorld) {
  const std::set<std::string> pure = {"session_core", "session_requests", "watch_registry",
                                      "host_list",    "requests",         "replies"};
  std::set<std::string> seen;
  for (const Include& include : all_includes()) {
    const std::filesystem::path file(include.file);
    if (file.parent_path() != "client" || !pure.contains(file.stem().string())) continue;
    seen.insert(file.stem().string());
    EXPECT_FALSE(touches_the_world(include.target) || is_of_network(include.target))
        << place(include);
  }
  EXPECT_EQ(seen, pure) << "a file has gone, or has another name";
}

TEST(Layout, GuardsEveryHeaderOnce) {
  for (const char* folder : {"common", "zab", "server", "client", "tools", "tests"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(kRoot / folder)) {
      if (entry.path().extension() != ".h") continue;
      std::ifstream in(entry.path());
      bool guarded = false;
      for (std::string line; !guarded && std::getline(in, line);) guarded = line == "#pragma once";
      EXPECT_TRUE(guarded) << entry.path();
    }
  }
}

// The rules themselves: a test that accepts everything would be green, too.
TEST(Layout, WouldNoticeABrokenRule) {
  EXPECT_NE(against_an_arrow({"common/a.cc", 1, "server/tree/znode.h"}), "");
  EXPECT_NE(against_an_arrow({"zab/a.cc", 1, "server/core/core.h"}), "");
  EXPECT_NE(against_an_arrow({"client/a.cc", 1, "server/options.h"}), "");
  EXPECT_NE(against_an_arrow({"server/net/a.cc", 1, "paddock/client.h"}), "");
  EXPECT_EQ(against_an_arrow({"tools/a.cc", 1, "paddock/client.h"}), "");
  EXPECT_NE(against_an_arrow({"server/tree/a.cc", 1, "server/request/read.h"}), "");
  EXPECT_NE(against_an_arrow({"server/new_part/a.cc", 1, "common/bytes.h"}), "");
  EXPECT_EQ(against_an_arrow({"server/core/a.cc", 1, "zab/replica.h"}), "");
  EXPECT_EQ(against_an_arrow({"server/net/a.cc", 1, "server/options.h"}), "");
  EXPECT_FALSE(may_use_asio("server/core/core.cc"));
  EXPECT_FALSE(may_use_asio("server/options.cc"));
  EXPECT_TRUE(may_use_asio("server/net/listener.cc"));
  EXPECT_TRUE(is_of_network("boost/asio/ip/tcp.hpp"));
  EXPECT_TRUE(touches_the_world("chrono"));
}

}  // namespace
