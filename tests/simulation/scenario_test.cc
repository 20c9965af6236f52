// Conversations one can read (zab_scenario.h): commands, "----", what came of them, a blank line.
// With --rewrite the files are written as they run; the difference is reviewed like code.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/simulation/arguments.h"
#include "tests/simulation/scenario_files.h"
#include "tests/support/zab_scenario.h"

namespace paddock::test {
namespace {

class Scenario : public testing::TestWithParam<std::string> {};

TEST_P(Scenario, GoesAsItIsWritten) {
  const std::string text = read_scenario(GetParam());
  ZabScenario scenario;
  const std::string ran = run_all(text, scenario);
  EXPECT_EQ(scenario.violation(), "");
  if (arguments().rewrite) {
    write_scenario(GetParam(), ran);
  } else {
    EXPECT_EQ(ran, text) << "simulation_test --rewrite writes what came of it";
  }
}

INSTANTIATE_TEST_SUITE_P(All, Scenario, testing::ValuesIn(scenario_names()), [](const auto& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(Scenarios, SayWhatTheyDoNotUnderstand) {
  ZabScenario scenario;
  EXPECT_EQ(scenario.run("start 1"), "there is no ensemble yet\n");
  EXPECT_EQ(scenario.run("ensemble"),
            "ensemble VOTERS [observers=N] [history=N] [joiners=N] [epoch=N]\n");
  EXPECT_EQ(scenario.run("ensemble 3 voters=3"), "voters=3?\n");
  EXPECT_EQ(scenario.run("ensemble 3"), "");
  EXPECT_EQ(scenario.run("strat 1"), "what is strat?\n");
  EXPECT_EQ(scenario.run("start 4"), "there is no such server\n");
  EXPECT_EQ(scenario.run("tick"), "tick what?\n");
  EXPECT_EQ(scenario.run("write 1"), "it does not serve\n");
  EXPECT_EQ(scenario.run(""), "");
  EXPECT_EQ(scenario.run("show 1"), "it has no tree\n");
  EXPECT_EQ(scenario.run("hold 1"), "hold FROM TO\n");
  EXPECT_EQ(scenario.run("release 1 2"), "it is not held\n");
  EXPECT_EQ(scenario.run("start 1"), "1 starts at 0x0, epoch 0\n");
  EXPECT_EQ(scenario.run("wipe 1"), "it is running\n");
  EXPECT_EQ(scenario.run("whole 3 history=2"), "whole replicas have a history by clients\n");
  EXPECT_EQ(scenario.run("whole 3"), "");
  EXPECT_EQ(scenario.run("ask z get /x"), "there is no such server\n");
  EXPECT_EQ(scenario.run("ask a get /x"), "it is not connected\n");
  EXPECT_EQ(scenario.run("connect a"), "connect to whom?\n");
  EXPECT_EQ(scenario.run("write 1"), "it does not serve\n");
}

}  // namespace
}  // namespace paddock::test
