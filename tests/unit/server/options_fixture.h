#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "common/concat.h"
#include "server/options.h"

namespace paddock::server {

// A folder of its own for each test, and what a load needs.
class OptionsTest : public ::testing::Test {
 protected:
  OptionsTest() {
    std::string pattern = ::testing::TempDir() + "paddock-options-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~OptionsTest() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }

  void write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(replace_file(posix_env(), path(name), as_bytes(text)));
  }

  // The two keys that are always needed, and a file of `text` behind them.
  Result<LoadedOptions> load(const std::string& text, std::vector<std::string> arguments = {}) {
    write("zoo.cfg", concat("dataDir=", path("data"), "\nclientPort=2181\n", text));
    return load_only(std::move(arguments));
  }

  Result<LoadedOptions> load_only(std::vector<std::string> arguments) {
    arguments.push_back(path("zoo.cfg"));
    PADDOCK_TRY(const OptionSources sources,
                parse_arguments(arguments, [this](const char* name) -> const char* {
                  const auto found = environment_.find(name);
                  return found == environment_.end() ? nullptr : found->second.c_str();
                }));
    return load_options(posix_env(), sources);
  }

  ServerOptions options(const std::string& text, std::vector<std::string> arguments = {}) {
    auto loaded = load(text, std::move(arguments));
    EXPECT_TRUE(loaded) << loaded.error().message;
    return loaded ? loaded->options : ServerOptions{};
  }

  std::string refused(const std::string& text, std::vector<std::string> arguments = {}) {
    const auto loaded = load(text, std::move(arguments));
    EXPECT_FALSE(loaded) << text;
    if (loaded) return "";
    // Without the folder, which differs from run to run.
    std::string message = loaded.error().message;
    for (std::size_t at = message.find(folder_); at != message.npos; at = message.find(folder_)) {
      message.erase(at, folder_.size() + 1);
    }
    return message;
  }

  std::string notices(const std::string& text, std::vector<std::string> arguments = {}) {
    const auto loaded = load(text, std::move(arguments));
    EXPECT_TRUE(loaded) << loaded.error().message;
    std::string all;
    for (const Notice& notice : loaded->notices) {
      all += concat(notice.warning ? "W " : "I ", notice.text, "\n");
    }
    return all;
  }

  std::string folder_;
  std::map<std::string, std::string> environment_;
};

}  // namespace paddock::server
