#pragma once

#include <string>
#include <vector>

#include "tests/support/zab_scenario.h"

namespace paddock::test {

std::vector<std::string> scenario_names();
std::string read_scenario(const std::string& name);
void write_scenario(const std::string& name, const std::string& text);

// The file as it ought to be: everything as it is, but what stands behind each "----".
std::string run_all(const std::string& text, ZabScenario& scenario);

}  // namespace paddock::test
