#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace paddock::tools {

// One thing that a dump tells, as a line of text or as a JSON object: the same fields in the same
// order. Numbers that people know in hexadecimal (zxids, sessions, digests) are so in both, since
// many readers of JSON take large numbers for floating point.
class Line {
 public:
  // Shown in text without its name.
  Line& word(std::string_view name, std::string_view text);
  Line& word_hex(std::string_view name, std::int64_t value);
  Line& word_time(std::string_view name, std::int64_t wall_ms);  // UTC, to the millisecond

  Line& text(std::string_view name, std::string_view text);
  Line& number(std::string_view name, std::int64_t value);
  Line& hex(std::string_view name, std::uint64_t value);
  Line& time(std::string_view name, std::int64_t wall_ms);
  Line& flag(std::string_view name);  // name alone; true in JSON
  Line& list(std::string_view name, std::vector<std::string> texts);
  Line& lines(std::string_view name, std::vector<Line> lines);

  std::string as_text() const;
  std::string as_json() const;

 private:
  using Lines = std::vector<Line>;
  using Texts = std::vector<std::string>;
  struct Field {
    std::string name;
    std::variant<std::string, std::int64_t, bool, Texts, Lines> value;
    bool bare = false;
  };
  Line& add(std::string_view name, decltype(Field::value) value, bool bare = false);

  std::vector<Field> fields_;
};

// How a dump prints.
enum class Format { kText, kJson };
inline std::string render(const Line& line, Format format) {
  return format == Format::kText ? line.as_text() : line.as_json();
}

// `bytes` in one word where they are plain: visible UTF-8 without blanks, quotes or backslashes. In
// quotes and with backslash escapes otherwise, so that no byte of a file reaches a terminal as a
// control sequence.
std::string quoted(std::string_view bytes);

// 2026-11-22T07:35:05.123Z; the bare number where the calendar ends.
std::string utc(std::int64_t wall_ms);

}  // namespace paddock::tools
