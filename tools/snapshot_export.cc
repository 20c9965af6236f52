// `paddock snapshot export`: the way back to ZooKeeper.

#include <boost/program_options.hpp>
#include <optional>
#include <ostream>
#include <string>

#include "common/concat.h"
#include "common/env.h"
#include "server/storage/recovery.h"
#include "tools/command.h"

namespace paddock::tools {

namespace {

namespace po = boost::program_options;

void describe(po::options_description& options) {
  auto add = options.add_options();
  add("data-dir", po::value<std::string>()->required(), "dataDir of the server, which is stopped");
  add("data-log-dir", po::value<std::string>(), "its dataLogDir, if that is another");
  add("out", po::value<std::string>(),
      "the file to write, or a folder for it; version-2 of dataDir unless given");
  add("zxid", po::value<std::string>(),
      "the state after this transaction, in hexadecimal; of a member of an ensemble the last that "
      "is known to be committed unless given, else the last");
}

std::string text_of(Zxid zxid) {
  return concat("0x", hex(static_cast<std::uint64_t>(zxid.value)));
}

void print_next_step(const server::StorageOptions& options, const std::string& out,
                     const server::Exported& exported, bool in_place, std::ostream& to) {
  const Zxid zxid = exported.zxid;
  to << "wrote the state at zxid " << text_of(zxid) << " to " << out << '\n';
  if (zxid < exported.log_last) {
    to << "The log goes on to zxid " << text_of(exported.log_last)
       << ": of a member of an ensemble that part may never have been committed. ZooKeeper reads "
          "it from the log, and its leader decides about it.\n";
  }
  if (!exported.committed) {
    to << "Not all of it need have been committed: begin with it alone only where no other member "
          "is left, or where their logs end at the same zxid.\n";
  }
  if (in_place) {
    to << "Start ZooKeeper with dataDir=" << options.data_dir
       << (options.data_log_dir == options.data_dir
               ? ""
               : concat(" and dataLogDir=", options.data_log_dir))
       << ".\n";
    return;
  }
  to << "Copy it as version-2/snapshot." << hex(static_cast<std::uint64_t>(zxid.value))
     << " into the dataDir of the ZooKeeper server, without log files or with all of those of "
     << options.data_log_dir << "; then start that server.\n";
}

ExitCode run(const po::variables_map& arguments, Output output) {
  server::StorageOptions options;
  options.data_dir = arguments["data-dir"].as<std::string>();
  options.data_log_dir = arguments.count("data-log-dir") != 0
                             ? arguments["data-log-dir"].as<std::string>()
                             : options.data_dir;
  const bool in_place = arguments.count("out") == 0;
  const std::string out =
      in_place ? server::snapshot_folder(options) : arguments["out"].as<std::string>();
  std::optional<Zxid> upto;
  if (arguments.count("zxid") != 0) {
    const Result<std::int64_t> parsed = parse_zxid(arguments["zxid"].as<std::string>());
    if (!parsed.ok()) return report(parsed.error(), output);
    upto = Zxid{*parsed};
  }
  const Result<server::Exported> exported =
      server::export_snapshot(posix_env(), options, server::TreeOptions{}, out, upto);
  if (!exported.ok()) return report(exported.error(), output);
  print_next_step(options, out, *exported, in_place, output.out);
  return ExitCode::kOk;
}

}  // namespace

const Command kSnapshotExport{"snapshot export",
                              "--data-dir DIR [--data-log-dir DIR] [--out FILE|DIR] [--zxid Z]",
                              "Writes a stopped server's state as a snapshot that ZooKeeper starts "
                              "from.",
                              describe,
                              {},
                              run};

}  // namespace paddock::tools
