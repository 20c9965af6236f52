// Reads docs/faults.md, which says for each known fault of ZAB implementations, and for each kind
// of bad input, what covers it, and fails where that is not there: a scenario's file, a GoogleTest
// case, a Python test.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const fs::path kRoot = PADDOCK_SOURCE_DIR;
constexpr int kFirstRow = 1, kLastRow = 84;

std::string read(const fs::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// What is written between backticks.
std::vector<std::string> names_in(const std::string& text) {
  static const std::regex kQuoted("`([^`]+)`");
  std::vector<std::string> names;
  for (std::sregex_iterator at(text.begin(), text.end(), kQuoted), end; at != end; ++at) {
    names.push_back((*at)[1]);
  }
  return names;
}

// By number: the columns behind it.
std::map<int, std::string> rows() {
  static const std::regex kRow("\\| *([0-9]+) *\\|(.*)");
  std::map<int, std::string> rows;
  std::istringstream in(read(kRoot / "docs/faults.md"));
  std::smatch match;
  for (std::string line; std::getline(in, line);) {
    if (!std::regex_match(line, match, kRow)) continue;
    const int number = std::stoi(match[1]);
    EXPECT_TRUE(rows.try_emplace(number, match[2]).second) << "row " << number << " is there twice";
  }
  return rows;
}

// "Suite.Case" of every GoogleTest case, and the names of all Python tests.
std::set<std::string> tests() {
  static const std::regex kCase("TEST(?:_[FP])?\\(\\s*(\\w+),\\s*(\\w+)\\)");
  static const std::regex kPython("def (test_\\w+)\\(");
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(kRoot / "tests")) {
    const std::string extension = entry.path().extension();
    if (extension != ".cc" && extension != ".py") continue;
    const std::string text = read(entry.path());
    const std::regex& kind = extension == ".cc" ? kCase : kPython;
    for (std::sregex_iterator at(text.begin(), text.end(), kind), end; at != end; ++at) {
      names.insert(extension == ".cc" ? (*at)[1].str() + "." + (*at)[2].str() : (*at)[1].str());
    }
  }
  return names;
}

bool is_scenario(const std::string& name) {
  return fs::exists(kRoot / "tests/simulation/scenarios" / (name + ".txt"));
}

TEST(Faults, HaveARowEachThatNamesWhatCoversThem) {
  const std::map<int, std::string> all = rows();
  for (int number = kFirstRow; number <= kLastRow; ++number) {
    const auto row = all.find(number);
    ASSERT_TRUE(row != all.end()) << "row " << number;
    EXPECT_FALSE(names_in(row->second).empty()) << "row " << number << row->second;
  }
}

TEST(Faults, AreCoveredByWhatIsThere) {
  const std::set<std::string> known = tests();
  ASSERT_GT(known.size(), 500u) << "the tests were not found";
  std::istringstream in(read(kRoot / "docs/faults.md"));
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with('|')) continue;
    for (const std::string& name : names_in(line)) {
      EXPECT_TRUE(known.contains(name) || is_scenario(name)) << name << " in: " << line;
    }
  }
}

// Else a scenario could be there that nobody finds by its fault.
TEST(Faults, OfScenariosAreInTheTable) {
  std::set<std::string> named;
  for (const auto& [number, row] : rows()) {
    for (const std::string& name : names_in(row)) named.insert(name);
  }
  for (const auto& entry : fs::directory_iterator(kRoot / "tests/simulation/scenarios")) {
    const std::string text = read(entry.path());
    if (text.find("Fault catalogue") == std::string::npos) continue;
    EXPECT_TRUE(named.contains(entry.path().stem().string())) << entry.path();
  }
}

}  // namespace
