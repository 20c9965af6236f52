#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/ids.h"
#include "common/result.h"

// glog's set-up, and what keeps a log readable. The log's macros are glog's own: LOG(INFO) << ...
namespace paddock {

enum class LogLevel { kInfo, kWarning, kError };

// "info", "warn" or "warning", "error"; in any case. Also log4j's other words: all, trace and debug
// count as info, fatal and off as error.
Result<LogLevel> parse_log_level(std::string_view text);

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  std::string folder;  // "": standard error
};

// Sets glog up; once, before other threads start. Without a folder every line goes to standard
// error, unbuffered.
void start_logging(const char* program, const LogOptions& options);

// `text` with control characters and bytes that are not ASCII as \xNN, so that nobody outside can
// forge a line or move a terminal's cursor; cut to `max` bytes with "..." behind.
std::string printable(std::string_view text, std::size_t max = 256);

// Lets through one message of a kind in each `interval`, and counts the rest.
//   if (const auto ok = limiter.admit(now)) LOG(WARNING) << "bad frame" << suppressed_note(ok);
// Any thread.
class LogLimiter {
 public:
  explicit LogLimiter(Millis interval) : interval_(interval) {}

  struct Admitted {
    bool admitted = false;
    std::uint64_t suppressed = 0;  // since the last one that was let through
    explicit operator bool() const { return admitted; }
  };
  Admitted admit(Millis now);

 private:
  const Millis interval_;
  std::atomic<std::int64_t> next_{INT64_MIN};
  std::atomic<std::uint64_t> suppressed_{0};
};

// " (12 similar suppressed)"; "" for none.
std::string suppressed_note(LogLimiter::Admitted admitted);

}  // namespace paddock
