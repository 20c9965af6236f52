#include "common/config_file.h"

#include <cstdint>
#include <optional>

#include "common/concat.h"

namespace paddock {

namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";  // some editors begin with it
constexpr std::string_view kSeparators = " =:#!";            // what a key has to escape

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\f';
}

std::string_view without_blanks_in_front(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  return text;
}

// An odd number of backslashes at its end: the line goes on.
bool is_continued(std::string_view line) {
  const std::size_t last_other = line.find_last_not_of('\\');
  const std::size_t backslashes =
      last_other == line.npos ? line.size() : line.size() - 1 - last_other;
  return backslashes % 2 == 1;
}

void append_utf8(std::uint32_t code_point, std::string& to) {
  const auto low6 = [](std::uint32_t bits) { return static_cast<char>(0x80 | (bits & 0x3f)); };
  if (code_point < 0x80) {
    to += static_cast<char>(code_point);
  } else if (code_point < 0x800) {
    to += {static_cast<char>(0xc0 | (code_point >> 6)), low6(code_point)};
  } else if (code_point < 0x10000) {
    to += {static_cast<char>(0xe0 | (code_point >> 12)), low6(code_point >> 6), low6(code_point)};
  } else {
    to += {static_cast<char>(0xf0 | (code_point >> 18)), low6(code_point >> 12),
           low6(code_point >> 6), low6(code_point)};
  }
}

// Takes natural lines off a text, with LF, CR or CR LF behind them.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}

  bool done() const { return rest_.empty(); }
  std::size_t number() const { return number_; }  // of the line taken last

  std::string_view take() {
    const std::size_t end = rest_.find_first_of("\r\n");
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(line.size());
    if (!rest_.empty()) rest_.remove_prefix(rest_.starts_with("\r\n") ? 2 : 1);
    ++number_;
    return line;
  }

 private:
  std::string_view rest_;
  std::size_t number_ = 0;
};

// The next logical line, without the blanks and line ends of its continuations; "" at a comment,
// an empty line, or the end. The line's number is that of its first natural line.
struct LogicalLine {
  std::string text;
  std::size_t number = 0;
};
LogicalLine take_logical_line(Lines& lines) {
  std::string_view natural = without_blanks_in_front(lines.take());
  LogicalLine line{{}, lines.number()};
  if (natural.starts_with('#') || natural.starts_with('!')) return line;
  while (is_continued(natural)) {
    line.text += natural.substr(0, natural.size() - 1);
    if (lines.done()) return line;
    natural = without_blanks_in_front(lines.take());
  }
  line.text += natural;
  return line;
}

// Undoes the escapes of a key or of a value.
class Unescaper {
 public:
  explicit Unescaper(std::string_view text) : text_(text) {}

  // nullopt: \u without four hexadecimal digits, or half of a surrogate pair.
  std::optional<std::string> run() {
    std::string out;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c != '\\' || at_ == text_.size()) {
        out += c;
      } else if (text_[at_] == 'u') {
        const std::optional<std::uint32_t> code_point = take_unicode();
        if (!code_point) return std::nullopt;
        append_utf8(*code_point, out);
      } else {
        out += escaped(text_[at_++]);
      }
    }
    return out;
  }

 private:
  static char escaped(char c) {
    switch (c) {
      case 't':
        return '\t';
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 'f':
        return '\f';
      default:
        return c;
    }
  }

  // "uXXXX"; for the first of a surrogate pair also the "\uXXXX" behind it.
  std::optional<std::uint32_t> take_unicode() {
    const std::optional<std::uint32_t> first = take_unit();
    if (!first || *first < 0xd800 || *first > 0xdfff) return first;
    if (*first >= 0xdc00 || !text_.substr(at_).starts_with("\\u")) return std::nullopt;
    ++at_;
    const std::optional<std::uint32_t> second = take_unit();
    if (!second || *second < 0xdc00 || *second > 0xdfff) return std::nullopt;
    return 0x10000 + ((*first - 0xd800) << 10) + (*second - 0xdc00);
  }

  std::optional<std::uint32_t> take_unit() {
    if (text_.size() - at_ < 5) return std::nullopt;
    std::uint32_t unit = 0;
    for (const char c : text_.substr(at_ + 1, 4)) {
      std::uint32_t digit = 0;
      if (c >= '0' && c <= '9') {
        digit = static_cast<std::uint32_t>(c - '0');
      } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
        digit = static_cast<std::uint32_t>((c | 0x20) - 'a' + 10);
      } else {
        return std::nullopt;
      }
      unit = unit << 4 | digit;
    }
    at_ += 5;
    return unit;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// Where the key ends: at the first separator that is not escaped.
std::size_t key_end(std::string_view line) {
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\') {
      ++i;
    } else if (line[i] == '=' || line[i] == ':' || is_blank(line[i])) {
      return i;
    }
  }
  return line.size();
}

void append_escaped(char c, std::string_view also, std::string& to) {
  switch (c) {
    case '\t':
      to += "\\t";
      return;
    case '\n':
      to += "\\n";
      return;
    case '\r':
      to += "\\r";
      return;
    case '\f':
      to += "\\f";
      return;
    default:
      if (c == '\\' || also.find(c) != also.npos) to += '\\';
      to += c;
  }
}

Error at_line(std::size_t line, std::string_view what) {
  return Error{Code::kInvalid, concat("line ", line, ": ", what)};
}

// As Java's String.trim().
std::string trimmed(std::string_view text) {
  const auto is_edge = [](char c) { return static_cast<unsigned char>(c) <= ' '; };
  while (!text.empty() && is_edge(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_edge(text.back())) text.remove_suffix(1);
  return std::string(text);
}

Result<ConfigEntry> parse_line(const LogicalLine& line) {
  const std::string_view text = line.text;
  const std::size_t end = key_end(text);
  std::string_view rest = without_blanks_in_front(text.substr(end));
  if (rest.starts_with('=') || rest.starts_with(':')) {
    rest = without_blanks_in_front(rest.substr(1));
  }

  std::optional<std::string> key = Unescaper(text.substr(0, end)).run();
  std::optional<std::string> value = Unescaper(rest).run();
  if (!key || !value) return at_line(line.number, "malformed \\uXXXX escape");
  if (key->empty()) return at_line(line.number, "no key before the value");
  if (key->find('\0') != key->npos || value->find('\0') != value->npos) {
    return at_line(line.number, "a NUL character");
  }
  return ConfigEntry{std::move(*key), trimmed(*value), line.number};
}

}  // namespace

std::string config_line(std::string_view key, std::string_view value) {
  std::string line;
  if (key.starts_with(kByteOrderMark)) {
    line += "\\ufeff";
    key.remove_prefix(kByteOrderMark.size());
  }
  for (const char c : key) append_escaped(c, kSeparators, line);
  line += '=';
  for (const char c : value) append_escaped(c, "", line);
  return line + '\n';
}

Result<std::vector<ConfigEntry>> parse_config(std::string_view text) {
  if (text.size() > kConfigBytesMax) {
    return Error{Code::kTooLarge, concat(text.size(), " bytes of configuration, but at most ",
                                         kConfigBytesMax, " are read")};
  }
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  std::vector<ConfigEntry> entries;
  for (Lines lines(text); !lines.done();) {
    const LogicalLine line = take_logical_line(lines);
    if (line.text.empty()) continue;
    PADDOCK_TRY(ConfigEntry entry, parse_line(line));
    if (entries.size() == kConfigEntriesMax) {
      return at_line(entry.line, concat("more than ", kConfigEntriesMax, " entries"));
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace paddock
