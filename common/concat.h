#pragma once

#include <concepts>
#include <string>
#include <string_view>

namespace paddock {

namespace concat_internal {
inline void add(std::string& to, std::string_view text) {
  to += text;
}
inline void add(std::string& to, char c) {
  to += c;
}
template <std::same_as<bool> T>
void add(std::string& to, T value) {
  to += value ? "true" : "false";
}
template <typename T>
requires(std::integral<T> && !std::same_as<T, char> &&
         !std::same_as<T, bool>) void add(std::string& to, T value) {
  to += std::to_string(value);
}
}  // namespace concat_internal

// Texts, characters and integers one behind the other.
template <typename... Parts>
std::string concat(const Parts&... parts) {
  std::string text;
  (concat_internal::add(text, parts), ...);
  return text;
}

// Lower-case, without leading zeros or 0x.
inline std::string hex(std::uint64_t value) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  do {
    text.insert(text.begin(), kDigits[value & 0xf]);
    value >>= 4;
  } while (value != 0);
  return text;
}

}  // namespace paddock
