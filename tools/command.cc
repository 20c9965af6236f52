#include "tools/command.h"

#include <charconv>
#include <filesystem>
#include <ostream>
#include <system_error>

#include "common/concat.h"

namespace paddock::tools {

ExitCode report(const Error& error, Output output) {
  output.out.flush();
  output.err << "paddock: " << error.message << '\n';
  return ExitCode::kProblem;
}

Result<std::int64_t> parse_zxid(std::string_view text) {
  std::string_view digits = text;
  if (digits.starts_with("0x") || digits.starts_with("0X")) digits.remove_prefix(2);
  std::uint64_t value = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stopped, problem] = std::from_chars(digits.data(), end, value, 16);
  if (digits.empty() || problem != std::errc() || stopped != end) {
    return Error{Code::kInvalid,
                 concat("'", text, "' is no zxid: give it in hexadecimal, as in 0x100000002")};
  }
  return static_cast<std::int64_t>(value);
}

bool is_folder(const std::string& path) {
  std::error_code problem;
  return std::filesystem::is_directory(path, problem);
}

}  // namespace paddock::tools
