#include "common/logging.h"

#include <glog/logging.h>

#include <algorithm>
#include <cctype>

#include "common/concat.h"

namespace paddock {

Result<LogLevel> parse_log_level(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower == "info" || lower == "all" || lower == "trace" || lower == "debug") {
    return LogLevel::kInfo;
  }
  if (lower == "warn" || lower == "warning") return LogLevel::kWarning;
  if (lower == "error" || lower == "fatal" || lower == "off") return LogLevel::kError;
  return Error{Code::kInvalid, concat("\"", printable(text), "\" is not a log level: info, warn ",
                                      "and error are")};
}

void start_logging(const char* program, const LogOptions& options) {
  FLAGS_minloglevel = static_cast<int>(options.level);
  FLAGS_logtostderr = options.folder.empty();
  FLAGS_log_dir = options.folder;
  FLAGS_logbufsecs = 0;
  FLAGS_timestamp_in_logfile_name = false;
  google::InitGoogleLogging(program);
}

std::string printable(std::string_view text, std::size_t max) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    std::string piece(1, c);
    if (byte < 0x20 || byte >= 0x7f) piece = {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 0xf]};
    if (out.size() + piece.size() > max) return out + "...";
    out += piece;
  }
  return out;
}

LogLimiter::Admitted LogLimiter::admit(Millis now) {
  std::int64_t next = next_.load(std::memory_order_relaxed);
  const bool ours =
      now.value >= next &&
      next_.compare_exchange_strong(next, now.value + interval_.value, std::memory_order_relaxed);
  if (!ours) {
    suppressed_.fetch_add(1, std::memory_order_relaxed);
    return {};
  }
  return {true, suppressed_.exchange(0, std::memory_order_relaxed)};
}

std::string suppressed_note(LogLimiter::Admitted admitted) {
  return admitted.suppressed == 0 ? "" : concat(" (", admitted.suppressed, " similar suppressed)");
}

}  // namespace paddock
