// What a scenario says must be able to fail: with a bug around the servers (zab_mutation.h,
// core_mutation.h) it does not go as it is written, or breaks a property. Which bug and which
// scenario is a list, scenario_mutations.txt.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "common/concat.h"
#include "tests/simulation/scenario_files.h"
#include "tests/support/core_mutation.h"
#include "tests/support/zab_mutation.h"
#include "tests/support/zab_scenario.h"

namespace paddock::test {
namespace {

template <typename Bug>
bool is_noticed(Bug bug, const std::string& name) {
  const std::string text = read_scenario(name);
  ZabScenario scenario(bug);
  return run_all(text, scenario) != text || !scenario.violation().empty();
}

// False also if there is no such bug.
bool is_noticed(const std::string& bug, const std::string& scenario) {
  for (int i = 1; i < kMutationCount; ++i) {
    const auto each = static_cast<Mutation>(i);
    if (name_of(each) == bug) return is_noticed(each, scenario);
  }
  for (int i = 1; i < kCoreMutationCount; ++i) {
    const auto each = static_cast<CoreMutation>(i);
    if (name_of(each) == bug) return is_noticed(each, scenario);
  }
  return false;
}

TEST(ScenarioMutations, AreNoticed) {
  std::ifstream in(concat(PADDOCK_SOURCE_DIR, "/tests/simulation/scenario_mutations.txt"));
  ASSERT_TRUE(in);
  std::size_t pairs = 0;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::string bug, scenario;
    std::istringstream(line) >> bug >> scenario;
    EXPECT_TRUE(is_noticed(bug, scenario)) << bug << " in " << scenario;
    ++pairs;
  }
  EXPECT_GT(pairs, 20u);
}

}  // namespace
}  // namespace paddock::test
