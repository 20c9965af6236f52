#pragma once

#include <cstdint>
#include <optional>

namespace paddock::test {

// What simulation_test was told behind GoogleTest's own options.
struct Arguments {
  bool rewrite = false;               // --rewrite: scenarios are written as they run
  std::optional<std::uint64_t> seed;  // --seed=N: that one only
  std::uint64_t seeds = 0;            // --seeds=N: so many more than usual, from a fresh start
  std::uint64_t hours = 0;            // --hours=N: fresh seeds for so many simulated hours
  bool whole = false;                 // --whole: --seed and --hours are of whole replicas
};
const Arguments& arguments();

}  // namespace paddock::test
