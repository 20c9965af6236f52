#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

// Java's properties text, which is what zoo.cfg, dynamic configurations and quorum files are.
// Source: Java 17, java.util.Properties.load; storage-format.md section 6.
namespace paddock {

// One key and its value, in UTF-8, and the line where the key begins, from 1.
struct ConfigEntry {
  std::string key;
  std::string value;
  std::size_t line = 0;
  friend bool operator==(const ConfigEntry&, const ConfigEntry&) = default;
};

inline constexpr std::size_t kConfigBytesMax = 1u << 20;
inline constexpr std::size_t kConfigEntriesMax = 10'000;

// All entries in their order, repetitions included. Values lose blanks and controls at their ends,
// as ZooKeeper trims them. `text` is UTF-8; \uXXXX escapes are taken, in pairs for what is outside
// the BMP. Code::kInvalid, with the line's number: a malformed escape, a NUL, an empty key, more
// entries than kConfigEntriesMax; Code::kTooLarge above kConfigBytesMax.
Result<std::vector<ConfigEntry>> parse_config(std::string_view text);

// The line from which parse_config reads this entry again. `key` is not empty, and `value` has no
// blanks at its ends.
std::string config_line(std::string_view key, std::string_view value);

}  // namespace paddock
