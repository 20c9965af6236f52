#include "tools/line.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <type_traits>

// Boost.JSON is compiled here, as its own header-only form: Debian ships no library of it.
#include <boost/json/src.hpp>

#include "common/concat.h"

namespace paddock::tools {

namespace {

// How many bytes of UTF-8 begin `bytes`; 0 if they are no well-formed character.
std::size_t character_bytes(std::string_view bytes) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  if (byte(0) < 0x80) return 1;
  const std::size_t length = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
  if (byte(0) < 0xc2 || byte(0) > 0xf4 || bytes.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what lies above the last plane.
  if ((byte(0) == 0xe0 && byte(1) < 0xa0) || (byte(0) == 0xed && byte(1) > 0x9f)) return 0;
  if ((byte(0) == 0xf0 && byte(1) < 0x90) || (byte(0) == 0xf4 && byte(1) > 0x8f)) return 0;
  return length;
}

// C0 and C1 controls and DEL: what a terminal might obey.
bool is_control(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (first < 0x20 || first == 0x7f) return true;
  return first == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;
}

bool needs_quotes(char c) {
  return c == ' ' || c == '"' || c == '\\';
}

void append_escaped_byte(std::string& to, char byte) {
  std::array<char, 5> text{};
  std::snprintf(text.data(), text.size(), "\\x%02x", static_cast<unsigned char>(byte));
  to += text.data();
}

// JSON is UTF-8: a byte that is not becomes the replacement character.
std::string valid_utf8(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const std::size_t length = character_bytes(bytes);
    text += length == 0 ? std::string_view("\xef\xbf\xbd") : bytes.substr(0, length);
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  return text;
}

template <typename Items, typename F>
std::string bracketed(const Items& items, std::string_view separator, F&& text_of) {
  std::string text = "[";
  for (const auto& item : items) {
    if (text.size() > 1) text += separator;
    text += text_of(item);
  }
  return text + "]";
}

std::string hex_text(std::uint64_t value) {
  return concat("0x", paddock::hex(value));
}

}  // namespace

Line& Line::add(std::string_view name, decltype(Field::value) value, bool bare) {
  fields_.push_back({std::string(name), std::move(value), bare});
  return *this;
}

Line& Line::word(std::string_view name, std::string_view text) {
  return add(name, std::string(text), true);
}
Line& Line::word_hex(std::string_view name, std::int64_t value) {
  return add(name, hex_text(static_cast<std::uint64_t>(value)), true);
}
Line& Line::word_time(std::string_view name, std::int64_t wall_ms) {
  return add(name, utc(wall_ms), true);
}
Line& Line::text(std::string_view name, std::string_view text) {
  return add(name, std::string(text));
}
Line& Line::number(std::string_view name, std::int64_t value) {
  return add(name, value);
}
Line& Line::hex(std::string_view name, std::uint64_t value) {
  return add(name, hex_text(value));
}
Line& Line::time(std::string_view name, std::int64_t wall_ms) {
  return add(name, utc(wall_ms));
}
Line& Line::flag(std::string_view name) {
  return add(name, true, true);
}
Line& Line::list(std::string_view name, std::vector<std::string> texts) {
  return add(name, std::move(texts));
}
Line& Line::lines(std::string_view name, std::vector<Line> lines) {
  return add(name, std::move(lines));
}

std::string Line::as_text() const {
  std::string text;
  for (const Field& field : fields_) {
    if (!text.empty()) text += ' ';
    if (!field.bare) text += concat(field.name, "=");
    std::visit(
        [&](const auto& value) {
          using T = std::remove_cvref_t<decltype(value)>;
          if constexpr (std::is_same_v<T, bool>) {
            text += field.name;
          } else if constexpr (std::is_same_v<T, std::int64_t>) {
            text += std::to_string(value);
          } else if constexpr (std::is_same_v<T, Texts>) {
            text += bracketed(value, " ", quoted);
          } else if constexpr (std::is_same_v<T, Lines>) {
            text += bracketed(value, "; ", [](const Line& line) { return line.as_text(); });
          } else {
            text += quoted(value);
          }
        },
        field.value);
  }
  return text;
}

std::string Line::as_json() const {
  std::string text = "{";
  for (const Field& field : fields_) {
    if (text.size() > 1) text += ',';
    text += concat(boost::json::serialize(field.name), ":");
    std::visit(
        [&](const auto& value) {
          using T = std::remove_cvref_t<decltype(value)>;
          if constexpr (std::is_same_v<T, Texts>) {
            text += bracketed(value, ",", [](const std::string& item) {
              return boost::json::serialize(boost::json::value(valid_utf8(item)));
            });
          } else if constexpr (std::is_same_v<T, Lines>) {
            text += bracketed(value, ",", [](const Line& line) { return line.as_json(); });
          } else if constexpr (std::is_same_v<T, std::string>) {
            text += boost::json::serialize(boost::json::value(valid_utf8(value)));
          } else {
            text += boost::json::serialize(boost::json::value(value));
          }
        },
        field.value);
  }
  return text + "}";
}

std::string quoted(std::string_view bytes) {
  std::string text;
  bool plain = !bytes.empty();
  while (!bytes.empty()) {
    const std::size_t length = character_bytes(bytes);
    const std::string_view character = bytes.substr(0, length == 0 ? 1 : length);
    if (length == 0 || is_control(character)) {
      for (const char byte : character) append_escaped_byte(text, byte);
      plain = false;
    } else {
      if (character[0] == '"' || character[0] == '\\') text += '\\';
      plain = plain && !needs_quotes(character[0]);
      text += character;
    }
    bytes.remove_prefix(character.size());
  }
  return plain ? text : concat("\"", text, "\"");
}

std::string utc(std::int64_t wall_ms) {
  using namespace std::chrono;
  constexpr std::int64_t kYear10000Ms = 253402300800000;
  if (wall_ms < 0 || wall_ms >= kYear10000Ms) return std::to_string(wall_ms);
  const sys_time<milliseconds> at{milliseconds(wall_ms)};
  const sys_days day = floor<days>(at);
  const year_month_day date(day);
  const hh_mm_ss clock(at - day);
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", int{date.year()},
                unsigned{date.month()}, unsigned{date.day()},
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()),
                static_cast<int>(clock.subseconds().count()));
  return text.data();
}

}  // namespace paddock::tools
