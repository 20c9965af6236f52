// The user's tool: `paddock COMMAND [ARGUMENTS]`.

#include <array>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include <boost/program_options.hpp>

#include "common/concat.h"
#include "common/version.h"
#include "tools/command.h"

namespace paddock::tools {
namespace {

namespace po = boost::program_options;

using Arguments = std::vector<std::string>;

constexpr std::array kCommands{&kEnsembleUp,   &kEnsembleDown,    &kEnsembleStatus,
                               &kEnsembleKill, &kEnsembleRestart, &kLogDump,
                               &kSnapshotDump, &kSnapshotExport,  &kWireDump};

// The command that `arguments` begin with, and how many of them name it.
struct Named {
  const Command* command = nullptr;
  std::size_t words = 0;
};
Named find_command(const Arguments& arguments) {
  if (arguments.size() < 2) return {};
  const std::string name = concat(arguments[0], " ", arguments[1]);
  for (const Command* command : kCommands) {
    if (command->name == name) return {command, 2};
  }
  return {};
}

void print_overview(std::ostream& out) {
  out << "paddock runs local ensembles, and looks into the files and the bytes of a Paddock or "
         "ZooKeeper"
         " server.\n\n";
  for (const Command* command : kCommands) {
    out << "  paddock " << command->name << " " << command->synopsis << "\n      "
        << command->summary << "\n";
  }
  out << "  paddock help [COMMAND]\n      Explains a command and its options.\n"
         "  paddock version\n      Prints the version.\n\n"
         "Ends with 0 if all went well, 1 if a problem was found, 2 if it was called wrongly.\n";
}

po::options_description options_of(const Command& command) {
  po::options_description options("Options");
  command.describe(options);
  return options;
}

void print_help(const Command& command, std::ostream& out) {
  out << "paddock " << command.name << " " << command.synopsis << "\n\n"
      << command.summary << "\n\n"
      << options_of(command);
}

ExitCode wrong_usage(std::string_view what, std::string_view help, Output output) {
  output.err << "paddock: " << what << "; see `paddock help" << (help.empty() ? "" : " ") << help
             << "`\n";
  return ExitCode::kUsage;
}

// program_options reports by exceptions: they end here.
Result<po::variables_map> parse(const Command& command, const Arguments& arguments) {
  const po::options_description options = options_of(command);
  po::positional_options_description positional;
  for (const std::string_view name : command.positional) {
    positional.add(std::string(name).c_str(), 1);
  }
  try {
    po::variables_map parsed;
    po::store(po::command_line_parser(arguments).options(options).positional(positional).run(),
              parsed);
    po::notify(parsed);
    return parsed;
  } catch (const po::error& error) {
    return Error{Code::kInvalid, error.what()};
  }
}

ExitCode help(const Arguments& arguments, Output output) {
  if (arguments.empty()) {
    print_overview(output.out);
    return ExitCode::kOk;
  }
  const Named named = find_command(arguments);
  if (named.command == nullptr || arguments.size() != named.words) {
    return wrong_usage("there is no such command to explain", "", output);
  }
  print_help(*named.command, output.out);
  return ExitCode::kOk;
}

ExitCode run(Arguments arguments, Output output) {
  if (arguments.empty()) {
    print_overview(output.err);
    return ExitCode::kUsage;
  }
  const std::string& first = arguments[0];
  if (first == "version" || first == "--version") {
    output.out << "paddock " << kVersion << '\n';
    return ExitCode::kOk;
  }
  if (first == "help" || first == "--help" || first == "-h") {
    arguments.erase(arguments.begin());
    return help(arguments, output);
  }
  const Named named = find_command(arguments);
  if (named.command == nullptr) {
    const std::string name = arguments.size() > 1 ? concat(first, " ", arguments[1]) : first;
    return wrong_usage(concat("there is no command '", name, "'"), "", output);
  }
  arguments.erase(arguments.begin(), arguments.begin() + static_cast<std::ptrdiff_t>(named.words));
  for (const std::string& argument : arguments) {
    if (argument != "--help" && argument != "-h") continue;
    print_help(*named.command, output.out);
    return ExitCode::kOk;
  }
  const Result<po::variables_map> parsed = parse(*named.command, arguments);
  if (!parsed.ok()) return wrong_usage(parsed.error().message, named.command->name, output);
  return named.command->run(*parsed, output);
}

}  // namespace
}  // namespace paddock::tools

int main(int argc, char** argv) {
  using namespace paddock::tools;
  std::ios::sync_with_stdio(false);
  ExitCode code = run({argv + 1, argv + argc}, {std::cout, std::cerr});
  if (!std::cout.flush()) {
    std::cerr << "paddock: what was asked for could not be written to standard output; is the disk "
                 "full?\n";
    code = ExitCode::kProblem;
  }
  return static_cast<int>(code);
}
