// `paddock log dump`: a transaction log, ZooKeeper's or ours, as text.

#include <boost/program_options.hpp>
#include <limits>
#include <optional>
#include <ostream>

#include "common/concat.h"
#include "common/env.h"
#include "common/limits.h"
#include "server/storage/txn_log_reader.h"
#include "tools/command.h"
#include "tools/line.h"
#include "tools/txn_line.h"

namespace paddock::tools {

namespace {

namespace po = boost::program_options;
using server::LogFile;
using server::TxnLogReader;

// What to print, and how.
struct Wanted {
  Zxid from{std::numeric_limits<std::int64_t>::min()};
  Zxid to{std::numeric_limits<std::int64_t>::max()};
  Format format = Format::kText;
};

// Dumps segment after segment. Damage in one ends that one, is told with its offset, and the next
// one is still dumped.
class LogDump {
 public:
  LogDump(Wanted wanted, Output output) : wanted_(wanted), output_(output) {}

  void dump_file(const std::string& path);
  ExitCode exit_code() const { return damaged_ ? ExitCode::kProblem : ExitCode::kOk; }

 private:
  struct Seen {
    std::uint64_t records = 0;
    Zxid first, last;
  };

  void dump_record(const TxnLogReader& reader);
  void note_gap(const TxnLogReader& reader);
  void note_damage(const Error& error);
  void summarize(const std::string& path, const Seen& seen, const TxnLogReader::Tail& tail);
  // A line about the log rather than of it.
  void print_about(const Line& line);

  const Wanted wanted_;
  const Output output_;
  std::optional<Zxid> previous_;  // over all segments
  bool damaged_ = false;
};

void LogDump::print_about(const Line& line) {
  output_.out << (wanted_.format == Format::kText ? "# " : "") << render(line, wanted_.format)
              << '\n';
}

void LogDump::note_damage(const Error& error) {
  report(error, output_);
  damaged_ = true;
}

void LogDump::note_gap(const TxnLogReader& reader) {
  if (!previous_ || reader.zxid() <= *previous_ || server::follows(*previous_, reader.zxid())) {
    return;
  }
  note_damage(
      {Code::kCorrupt,
       concat(reader.file(), ": the record at byte ", reader.offset(), " is 0x",
              hex(static_cast<std::uint64_t>(reader.zxid().value)), " but the one before it 0x",
              hex(static_cast<std::uint64_t>(previous_->value)),
              ": transactions in between are missing; look for their log file")});
}

void LogDump::dump_record(const TxnLogReader& reader) {
  note_gap(reader);
  previous_ = reader.zxid();
  if (reader.zxid() < wanted_.from || reader.zxid() > wanted_.to) return;
  const Result<Txn> txn = decode_txn(reader.payload());
  if (!txn.ok()) {
    note_damage(
        {Code::kCorrupt, concat(reader.file(), ": the record at byte ", reader.offset(),
                                " has its checksum but is no transaction: ", txn.error().message)});
    return;
  }
  Line line = line_of(*txn);
  line.number("offset", static_cast<std::int64_t>(reader.offset()));
  output_.out << render(line, wanted_.format) << '\n';
}

void LogDump::summarize(const std::string& path, const Seen& seen, const TxnLogReader::Tail& tail) {
  Line line;
  line.text("file", path).number("records", static_cast<std::int64_t>(seen.records));
  if (seen.records > 0) {
    line.hex("first", static_cast<std::uint64_t>(seen.first.value));
    line.hex("last", static_cast<std::uint64_t>(seen.last.value));
  }
  line.number("end", static_cast<std::int64_t>(tail.end));
  line.number("size", static_cast<std::int64_t>(tail.size));
  if (tail.torn) line.flag("torn");
  print_about(line);
  if (!tail.torn) return;
  output_.out.flush();
  output_.err << "paddock: " << path << ": a torn tail begins at byte " << tail.end
              << ": a write that was cut off before it was acknowledged; a server leaves it out\n";
}

void LogDump::dump_file(const std::string& path) {
  Result<TxnLogReader> reader = TxnLogReader::open_file(posix_env(), path, kTxnBytesMax);
  if (!reader.ok()) return note_damage(reader.error());
  Seen seen;
  for (;;) {
    const Result<bool> more = reader->next();
    if (!more.ok()) return note_damage(more.error());
    if (!*more) break;
    if (seen.records++ == 0) seen.first = reader->zxid();
    seen.last = reader->zxid();
    dump_record(*reader);
  }
  summarize(path, seen, reader->tail());
}

// The segments of a folder that may hold a wanted record. `folder` has them itself or, being a
// dataLogDir, in version-2.
Result<std::vector<std::string>> segments(std::string folder, const Wanted& wanted) {
  const std::string below = concat(folder, "/version-2");
  if (is_folder(below)) folder = below;
  PADDOCK_TRY(const std::vector<LogFile> files, server::list_log_files(posix_env(), folder));
  if (files.empty()) {
    return Error{Code::kNotFound, concat(folder,
                                         " has no log.* file; give the dataLogDir, or one "
                                         "of its log files")};
  }
  std::vector<std::string> paths;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const bool before = i + 1 < files.size() && files[i + 1].first <= wanted.from;
    const bool behind = files[i].first > wanted.to;
    if (!before && !behind) paths.push_back(concat(folder, "/", files[i].name));
  }
  return paths;
}

void describe(po::options_description& options) {
  auto add = options.add_options();
  add("file", po::value<std::string>()->required(), "a log file, or a folder of them");
  add("from", po::value<std::string>(), "the first zxid to print, in hexadecimal");
  add("to", po::value<std::string>(), "the last zxid to print, in hexadecimal");
  add("json", "one JSON object a line");
}

Result<Wanted> wanted_from(const po::variables_map& arguments) {
  Wanted wanted;
  if (arguments.count("from") != 0) {
    PADDOCK_TRY(wanted.from.value, parse_zxid(arguments["from"].as<std::string>()));
  }
  if (arguments.count("to") != 0) {
    PADDOCK_TRY(wanted.to.value, parse_zxid(arguments["to"].as<std::string>()));
  }
  if (arguments.count("json") != 0) wanted.format = Format::kJson;
  return wanted;
}

ExitCode run(const po::variables_map& arguments, Output output) {
  const Result<Wanted> wanted = wanted_from(arguments);
  if (!wanted.ok()) {
    report(wanted.error(), output);
    return ExitCode::kUsage;
  }
  const std::string path = arguments["file"].as<std::string>();
  LogDump dump(*wanted, output);
  if (!is_folder(path)) {
    dump.dump_file(path);
    return dump.exit_code();
  }
  const Result<std::vector<std::string>> paths = segments(path, *wanted);
  if (!paths.ok()) return report(paths.error(), output);
  for (const std::string& segment : *paths) dump.dump_file(segment);
  return dump.exit_code();
}

constexpr std::string_view kPositional[] = {"file"};

}  // namespace

const Command kLogDump{"log dump",
                       "FILE|DIR [--from ZXID] [--to ZXID] [--json]",
                       "Prints the transactions of a log, a line each, and where it is torn or "
                       "damaged.",
                       describe,
                       kPositional,
                       run};

}  // namespace paddock::tools
