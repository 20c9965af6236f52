#include "common/path.h"

#include <cstdint>

namespace paddock {

namespace {

// Decodes one UTF-8 character, strictly. Returns its length, or 0 if the bytes are none.
std::size_t decode(std::string_view text, std::uint32_t& character) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) {
    character = first;
    return 1;
  }
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  character = first & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    character = (character << 6) | (byte(i) & 0x3f);
  }
  constexpr std::uint32_t kMin[] = {0, 0, 0x80, 0x800, 0x10000};
  return character < kMin[length] ? 0 : length;
}

// Java judges UTF-16 units, so all that needs a surrogate pair is forbidden with the surrogates.
bool is_allowed(std::uint32_t c) {
  if (c <= 0x1f || (c >= 0x7f && c <= 0x9f)) return false;
  if (c >= 0xd800 && c <= 0xf8ff) return false;
  return c < 0xfff0;
}

}  // namespace

bool is_valid_path(std::string_view path) {
  if (path.empty() || path[0] != '/') return false;
  if (path.size() == 1) return true;
  if (path.back() == '/') return false;
  std::size_t start = 1;  // of the component
  for (std::size_t at = 1; at <= path.size();) {
    if (at == path.size() || path[at] == '/') {
      const std::string_view component = path.substr(start, at - start);
      if (component.empty() || component == "." || component == "..") return false;
      start = ++at;
      continue;
    }
    std::uint32_t character = 0;
    const std::size_t length = decode(path.substr(at), character);
    if (length == 0 || !is_allowed(character)) return false;
    at += length;
  }
  return true;
}

std::string_view parent_of(std::string_view path) {
  return path.substr(0, path.rfind('/'));
}

std::string_view last_element(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace paddock
