// `paddock snapshot export`: the way back to ZooKeeper.

#include <boost/program_options.hpp>
#include <ostream>

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
}

void print_next_step(const server::StorageOptions& options, const std::string& out, Zxid zxid,
                     bool in_place, std::ostream& to) {
  to << "wrote the state at zxid 0x" << hex(static_cast<std::uint64_t>(zxid.value)) << " to " << out
     << '\n';
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
  const Result<Zxid> zxid = server::export_snapshot(posix_env(), options, out);
  if (!zxid.ok()) return report(zxid.error(), output);
  print_next_step(options, out, *zxid, in_place, output.out);
  return ExitCode::kOk;
}

}  // namespace

const Command kSnapshotExport{"snapshot export",
                              "--data-dir DIR [--data-log-dir DIR] [--out FILE|DIR]",
                              "Writes a stopped server's state as a snapshot that ZooKeeper starts "
                              "from.",
                              describe,
                              {},
                              run};

}  // namespace paddock::tools
