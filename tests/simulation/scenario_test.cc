// Conversations one can read (zab_scenario.h): commands, "----", what came of them, a blank line.
// With --rewrite the files are written as they run; the difference is reviewed like code.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "common/concat.h"
#include "tests/simulation/arguments.h"
#include "tests/support/zab_scenario.h"

namespace paddock::test {
namespace {

const std::filesystem::path kFolder =
    std::filesystem::path(PADDOCK_SOURCE_DIR) / "tests/simulation/scenarios";

// The file as it ought to be: everything as it is, but what stands behind each "----".
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

std::vector<std::string> scenarios() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class Scenario : public testing::TestWithParam<std::string> {};

TEST_P(Scenario, GoesAsItIsWritten) {
  const std::filesystem::path path = kFolder / (GetParam() + ".txt");
  std::ifstream in(path);
  ASSERT_TRUE(in) << path;
  std::ostringstream read;
  read << in.rdbuf();
  ZabScenario scenario;
  const std::string ran = run_all(read.str(), scenario);
  EXPECT_EQ(scenario.violation(), "");
  if (arguments().rewrite) {
    std::ofstream(path) << ran;
  } else {
    EXPECT_EQ(ran, read.str()) << "simulation_test --rewrite writes what came of it";
  }
}

INSTANTIATE_TEST_SUITE_P(All, Scenario, testing::ValuesIn(scenarios()), [](const auto& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(Scenarios, SayWhatTheyDoNotUnderstand) {
  ZabScenario scenario;
  EXPECT_EQ(scenario.run("start 1"), "there is no ensemble yet\n");
  EXPECT_EQ(scenario.run("ensemble"), "ensemble VOTERS [observers=N] [history=N] [joiners=N]\n");
  EXPECT_EQ(scenario.run("ensemble 3 voters=3"), "voters=3?\n");
  EXPECT_EQ(scenario.run("ensemble 3"), "");
  EXPECT_EQ(scenario.run("strat 1"), "what is strat?\n");
  EXPECT_EQ(scenario.run("start 4"), "there is no such server\n");
  EXPECT_EQ(scenario.run("tick"), "tick what?\n");
  EXPECT_EQ(scenario.run("write 1"), "it does not serve\n");
  EXPECT_EQ(scenario.run(""), "");
}

}  // namespace
}  // namespace paddock::test
