#include "tests/simulation/scenario_files.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "common/concat.h"

namespace paddock::test {

namespace {

std::filesystem::path folder() {
  return std::filesystem::path(PADDOCK_SOURCE_DIR) / "tests/simulation/scenarios";
}

}  // namespace

std::vector<std::string> scenario_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder())) {
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string read_scenario(const std::string& name) {
  std::ifstream in(folder() / (name + ".txt"));
  EXPECT_TRUE(in) << name;
  std::ostringstream read;
  read << in.rdbuf();
  return read.str();
}

void write_scenario(const std::string& name, const std::string& text) {
  std::ofstream(folder() / (name + ".txt")) << text;
}

std::string run_all(const std::string& text, ZabScenario& scenario) {
  std::istringstream in(text);
  std::string result, output;
  bool in_output = false;
  for (std::string line; std::getline(in, line);) {
    if (in_output) {
      in_output = !line.empty();
      if (in_output) continue;
    }
    result += concat(line, "\n");
    if (line == "----") {
      result += std::exchange(output, {});
      in_output = true;
    } else if (!line.starts_with("#")) {
      output += scenario.run(line);
    }
  }
  return result;
}

}  // namespace paddock::test
