#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/concat.h"
#include "server/options.h"
#include "tests/unit/server/options_fixture.h"

// Every file in conf/ is one that a server starts with.
namespace paddock::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

namespace fs = std::filesystem;

const fs::path kConf = fs::path(PADDOCK_SOURCE_DIR) / "conf";

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".cfg") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// The 2 of "zoo2.cfg".
std::string number_of(const fs::path& file) {
  return file.stem().string().substr(std::string("zoo").size());
}

class ConfTest : public OptionsTest {
 protected:
  // With a folder of the test's instead of the file's own.
  LoadedOptions load_file(const fs::path& file) {
    const std::string data = path("data" + number_of(file));
    fs::create_directories(data);
    const std::string id = data + "/myid";
    if (!number_of(file).empty()) {
      EXPECT_TRUE(replace_file(posix_env(), id, as_bytes(number_of(file))));
    }
    const auto sources = parse_arguments({"--strict", "--dataDir=" + data, file.string()},
                                         [](const char*) -> const char* { return nullptr; });
    EXPECT_TRUE(sources);
    auto loaded = load_options(posix_env(), *sources);
    EXPECT_TRUE(loaded) << file << ": " << loaded.error().message;
    return loaded ? std::move(*loaded) : LoadedOptions{};
  }
};

TEST_F(ConfTest, StartsWithEachFileAndHasNothingToSay) {
  const std::vector<fs::path> files = files_in(kConf);
  ASSERT_GE(files.size(), 16u);
  for (const fs::path& file : files) {
    const LoadedOptions loaded = load_file(file);
    EXPECT_THAT(loaded.notices, IsEmpty()) << file;
    EXPECT_EQ(loaded.options.ensemble.ensemble != nullptr, file.parent_path() != kConf) << file;
  }
}

TEST_F(ConfTest, HasEnsemblesWhoseFilesAgreeAndShareNoPort) {
  std::map<std::string, std::size_t> sizes;
  for (const auto& folder : fs::directory_iterator(kConf)) {
    if (!folder.is_directory()) continue;
    std::set<std::string> members;
    std::set<std::uint16_t> ports;
    const std::vector<fs::path> files = files_in(folder);
    for (const fs::path& file : files) {
      const ServerOptions options = load_file(file).options;
      ASSERT_NE(options.ensemble.ensemble, nullptr) << file;
      members.insert(zab::to_text(*options.ensemble.ensemble));
      ports.insert(options.net.client->port);
      for (const zab::Member& member : options.ensemble.ensemble->members) {
        ports.insert(member.addresses[0].quorum.port);
        ports.insert(member.addresses[0].election_port);
      }
      EXPECT_EQ(options.ensemble.ensemble->members.size(), files.size()) << file;
    }
    EXPECT_EQ(members.size(), 1u) << folder.path();
    EXPECT_EQ(ports.size(), files.size() * 3) << folder.path();
    sizes[folder.path().filename().string()] = files.size();
  }
  EXPECT_THAT(sizes, ElementsAre(Pair("ensemble", 3u), Pair("ensemble5", 5u), Pair("mixed", 3u),
                                 Pair("observer", 4u)));
}

TEST_F(ConfTest, HasOneObserverInItsExample) {
  EXPECT_TRUE(load_file(kConf / "observer/zoo4.cfg").options.ensemble.is_observer());
  EXPECT_FALSE(load_file(kConf / "observer/zoo3.cfg").options.ensemble.is_observer());
}

}  // namespace
}  // namespace paddock::server
