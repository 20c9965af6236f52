#pragma once

#include <iosfwd>
#include <span>
#include <string>
#include <string_view>

namespace boost::program_options {
class options_description;
class positional_options_description;
class variables_map;
}  // namespace boost::program_options

#include "common/result.h"

namespace paddock::tools {

// What the process ends with. A script may rely on these.
enum class ExitCode { kOk = 0, kProblem = 1, kUsage = 2 };

// Where a command writes: what was asked for, and what went wrong. Owned by main.
struct Output {
  std::ostream& out;
  std::ostream& err;
};

// One of `paddock`'s commands. Static storage.
struct Command {
  std::string_view name;      // "log dump"
  std::string_view synopsis;  // what stands behind the name
  std::string_view summary;   // one sentence
  void (*describe)(boost::program_options::options_description& options);
  std::span<const std::string_view> positional;  // names of options that need no "--"
  ExitCode (*run)(const boost::program_options::variables_map& arguments, Output output);
};

extern const Command kEnsembleUp;
extern const Command kEnsembleDown;
extern const Command kEnsembleStatus;
extern const Command kEnsembleKill;
extern const Command kEnsembleRestart;
extern const Command kLogDump;
extern const Command kSnapshotDump;
extern const Command kSnapshotExport;
extern const Command kWireDump;

// Prints `error` as a sentence. Returns kProblem.
ExitCode report(const Error& error, Output output);

// A zxid as people write it: hexadecimal, with or without 0x. Code::kInvalid otherwise.
Result<std::int64_t> parse_zxid(std::string_view text);

// Whether a folder is there, so far as we may know.
bool is_folder(const std::string& path);

}  // namespace paddock::tools
