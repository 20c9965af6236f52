// `paddock snapshot dump`: a ZooKeeper snapshot, or Paddock's own state, as text.

#include <boost/program_options.hpp>
#include <filesystem>
#include <optional>
#include <ostream>

#include "common/concat.h"
#include "common/env.h"
#include "common/limits.h"
#include "server/storage/checkpoint.h"
#include "server/storage/overlay_env.h"
#include "server/storage/snapshot_file.h"
#include "server/tree/data_tree.h"
#include "tools/command.h"
#include "tools/line.h"
#include "tools/txn_line.h"

namespace paddock::tools {

namespace {

namespace po = boost::program_options;
using namespace paddock::server;

struct Wanted {
  std::string prefix;  // "": everything
  bool data = false;
  Format format = Format::kText;

  bool covers(std::string_view path) const {
    if (!path.starts_with(prefix)) return false;
    return prefix.empty() || path.size() == prefix.size() || path[prefix.size()] == '/';
  }
};

void add_owner(Line& line, std::int64_t owner) {
  // Whether the server that wrote it had TTL nodes on, a snapshot does not say. They are told as
  // what they are nearly always.
  switch (kind_of(owner, true)) {
    case NodeKind::kPersistent:
      return;
    case NodeKind::kEphemeral:
      line.hex("ephemeral_owner", static_cast<std::uint64_t>(owner));
      return;
    case NodeKind::kContainer:
      line.flag("container");
      return;
    case NodeKind::kTtl:
      line.number("ttl_ms", ttl_of(owner));
      return;
  }
}

Line node_line(std::string_view path, const StatPersisted& stat, const std::vector<Acl>& acl,
               std::optional<ByteView> data, bool with_data) {
  Line line;
  line.word("what", "node").word("path", path.empty() ? "/" : path);
  line.number("bytes", data ? static_cast<std::int64_t>(data->size()) : -1);
  line.hex("czxid", static_cast<std::uint64_t>(stat.czxid.value));
  line.hex("mzxid", static_cast<std::uint64_t>(stat.mzxid.value));
  line.hex("pzxid", static_cast<std::uint64_t>(stat.pzxid.value));
  line.time("ctime", stat.ctime.value).time("mtime", stat.mtime.value);
  line.number("version", stat.version).number("cversion", stat.cversion);
  line.number("aversion", stat.aversion);
  add_owner(line, stat.ephemeral_owner);
  line.list("acl", acl_texts(acl));
  if (with_data && data) line.text("data", as_chars(*data));
  return line;
}

// Prints what a snapshot holds while it is read.
class Printer final : public SnapshotVisitor {
 public:
  Printer(const Wanted& wanted, std::ostream& out) : wanted_(wanted), out_(out) {}

  Result<void> on_session(SessionId id, std::int32_t timeout_ms) override {
    if (!wanted_.prefix.empty()) return {};
    Line line;
    line.word("what", "session").word_hex("session", id.value).number("timeout_ms", timeout_ms);
    return print(line);
  }

  Result<void> on_node(std::string_view path, const StatPersisted& stat, std::int64_t, AclBytes acl,
                       std::optional<ByteView> data) override {
    if (!wanted_.covers(path)) return {};
    return print(node_line(path, stat, decode_acl(acl), data, wanted_.data));
  }

  void print_about(const Line& line) {
    out_ << (wanted_.format == Format::kText ? "# " : "") << render(line, wanted_.format) << '\n';
  }

 private:
  // Nobody reads on: then nobody needs the rest.
  Result<void> print(const Line& line) {
    out_ << render(line, wanted_.format) << '\n';
    if (!out_) return Error{Code::kIo, "standard output takes no more"};
    return {};
  }

  const Wanted& wanted_;
  std::ostream& out_;
};

Result<void> dump_snapshot(const std::string& path, Printer& printer) {
  const std::string name = std::filesystem::path(path).filename();
  const std::optional<SnapshotFile> file = parse_snapshot_name(name);
  if (!file) {
    return Error{Code::kInvalid, concat(path,
                                        ": a snapshot is named snapshot.<zxid>, with .gz or "
                                        ".snappy behind if it is compressed; rename it")};
  }
  PADDOCK_TRY(const SnapshotInfo info,
              read_snapshot(posix_env(), path, file->compression, kTxnBytesMax, printer));
  Line line;
  line.text("file", path).hex("zxid", static_cast<std::uint64_t>(file->zxid.value));
  line.number("sessions", static_cast<std::int64_t>(info.sessions));
  line.number("acls", static_cast<std::int64_t>(info.acls));
  line.number("nodes", static_cast<std::int64_t>(info.nodes));
  if (info.digest) {
    line.hex("digest", info.digest->tree_digest);
    line.hex("digest_zxid", static_cast<std::uint64_t>(info.digest->zxid.value));
  }
  printer.print_about(line);
  return {};
}

// Our own state is loaded whole, by the code that a start runs, so that its checks apply.
Result<void> dump_state(const std::string& folder, Printer& printer) {
  OverlayEnv overlay(posix_env());
  PADDOCK_TRY(const auto checkpoint, Checkpoint::open(overlay, folder, {}));
  DataTree tree{TreeOptions{}};
  PADDOCK_TRY_DO(checkpoint->load_into(tree));
  Result<void> printed;
  const auto keep_first_error = [&](Result<void> result) {
    if (printed.ok()) printed = std::move(result);
  };
  tree.for_each_session([&](SessionId id, std::int32_t timeout_ms) {
    keep_first_error(printer.on_session(id, timeout_ms));
  });
  tree.for_each_node([&](std::string_view path, const Znode& node) {
    keep_first_error(printer.on_node(path, tree.persisted_stat_of(node), kOpenAclKey,
                                     AclBytes{tree.acl_of(node)->encoded},
                                     tree.data_of(node).get()));
  });
  PADDOCK_TRY_DO(std::move(printed));
  Line line;
  line.text("folder", folder).hex("zxid", static_cast<std::uint64_t>(checkpoint->zxid().value));
  line.number("sessions", static_cast<std::int64_t>(tree.session_count()));
  line.hex("digest", tree.digest());
  printer.print_about(line);
  return {};
}

Result<void> dump(const std::string& path, Printer& printer) {
  if (!is_folder(path)) return dump_snapshot(path, printer);
  for (const std::string& folder : {path, concat(path, "/state")}) {
    if (posix_env().exists(concat(folder, "/CURRENT"))) return dump_state(folder, printer);
  }
  return Error{Code::kNotFound, concat(path,
                                       " has no state of Paddock's; give a snapshot file, a "
                                       "dataDir that Paddock has run on, or its state folder")};
}

void describe(po::options_description& options) {
  auto add = options.add_options();
  add("file", po::value<std::string>()->required(),
      "a snapshot file (plain, .gz or .snappy), Paddock's state folder, or the dataDir above it");
  add("path", po::value<std::string>()->default_value(""), "only this node and those below it");
  add("data", "print the nodes' data too");
  add("json", "one JSON object a line");
}

ExitCode run(const po::variables_map& arguments, Output output) {
  Wanted wanted;
  wanted.prefix = arguments["path"].as<std::string>();
  if (wanted.prefix.ends_with('/')) wanted.prefix.pop_back();
  wanted.data = arguments.count("data") != 0;
  if (arguments.count("json") != 0) wanted.format = Format::kJson;
  Printer printer(wanted, output.out);
  const Result<void> dumped = dump(arguments["file"].as<std::string>(), printer);
  return dumped.ok() ? ExitCode::kOk : report(dumped.error(), output);
}

constexpr std::string_view kPositional[] = {"file"};

}  // namespace

const Command kSnapshotDump{"snapshot dump",
                            "FILE|DIR [--path PREFIX] [--data] [--json]",
                            "Prints the sessions and nodes of a snapshot or of Paddock's state.",
                            describe,
                            kPositional,
                            run};

}  // namespace paddock::tools
