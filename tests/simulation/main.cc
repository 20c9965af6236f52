#include <gtest/gtest.h>

#include <charconv>
#include <cstdio>
#include <string_view>

#include "tests/simulation/arguments.h"

namespace paddock::test {

namespace {

Arguments given;

bool read_number(std::string_view text, std::uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

bool read(std::string_view argument) {
  if (argument == "--rewrite") {
    given.rewrite = true;
    return true;
  }
  if (argument == "--whole") {
    given.whole = true;
    return true;
  }
  if (argument.starts_with("--hours=")) return read_number(argument.substr(8), given.hours);
  if (argument.starts_with("--seed=")) {
    return read_number(argument.substr(7), given.seed.emplace());
  }
  return argument.starts_with("--seeds=") && read_number(argument.substr(8), given.seeds);
}

}  // namespace

const Arguments& arguments() {
  return given;
}

}  // namespace paddock::test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    if (paddock::test::read(argv[i])) continue;
    std::fprintf(stderr,
                 "simulation_test [--rewrite] [--whole] [--seed=N] [--seeds=N] [--hours=N]\n");
    return 2;
  }
  return RUN_ALL_TESTS();
}
