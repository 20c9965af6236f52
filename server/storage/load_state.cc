#include "server/storage/load_state.h"

#include <utility>

#include "common/concat.h"
#include "common/limits.h"
#include "server/storage/recovery.h"

namespace paddock::server {

namespace {

constexpr std::size_t kSnapshotsTriedMax = 100;  // Source: ZooKeeper 3.8, FileSnap

std::string hex(Zxid zxid) {
  return paddock::hex(static_cast<std::uint64_t>(zxid.value));
}

// False: it is damaged, and an older one may do.
Result<bool> try_snapshot(Env& env, const TreeOptions& tree_options, const SnapshotFile& file,
                          const std::string& path, LoadedState& state) {
  auto tree = std::make_unique<DataTree>(tree_options);
  const Result<SnapshotInfo> info = load_snapshot(env, path, file.compression, kTxnBytesMax, *tree);
  if (!info && (info.error().code == Code::kIo || info.error().code == Code::kNoSpace)) {
    return info.error();
  }
  if (!info) {
    state.notes.push_back(concat("skipped a damaged snapshot: ", info.error().message));
    return false;
  }
  tree->finish_load(file.zxid);
  tree->mark_all_dirty();
  state.tree = std::move(tree);
  state.from_zookeeper_snapshot = true;
  state.snapshot_path = path;
  const bool comparable = info->digest && info->digest->version == kDigestVersion;
  if (comparable && tree_options.digest) state.fuzzy_until = *info->digest;
  state.notes.push_back(
      concat("loaded ", path, ": ", info->nodes, " nodes, ", info->sessions, " sessions"));
  return true;
}

// False: there is none that is newer than the checkpoint (null: there is no checkpoint).
Result<bool> load_newest_snapshot(Env& env, const StorageOptions& options,
                                  const TreeOptions& tree_options, const Checkpoint* checkpoint,
                                  LoadedState& state) {
  const std::string folder = snapshot_folder(options);
  PADDOCK_TRY(const std::vector<SnapshotFile> files, list_snapshot_files(env, folder));
  std::size_t tried = 0;
  for (const SnapshotFile& file : files) {
    if (checkpoint != nullptr && file.zxid <= checkpoint->zxid()) return false;
    const std::string path = concat(folder, "/", file.name);
    PADDOCK_TRY(const bool whole, looks_whole(env, path, file.compression));
    if (!whole) {
      state.notes.push_back(concat("skipped ", path, ": it was not written to its end"));
      continue;
    }
    if (++tried > kSnapshotsTriedMax) break;
    PADDOCK_TRY(const bool loaded, try_snapshot(env, tree_options, file, path, state));
    if (loaded) return true;
  }
  if (files.empty() || checkpoint != nullptr) return false;
  return Error{Code::kCorrupt,
               concat("none of the ", files.size(), " snapshots in ", folder, " is whole",
                      state.notes.empty() ? std::string() : concat(" (", state.notes.back(), ")"),
                      ". Nothing was changed. Restore a snapshot from a backup; in an ensemble, ",
                      "move this server's data away and let it synchronize anew")};
}

// Over a fuzzy snapshot, digests mean nothing before the transaction that it was finished at.
// Source: ZooKeeper 3.8, DataTree.compareSnapshotDigests; peer-protocol.md C3.
void compare_digests(LoadedState& state, Zxid zxid, bool differs) {
  if (state.fuzzy_until.zxid != Zxid{}) {
    if (zxid < state.fuzzy_until.zxid) return;
    differs =
        zxid == state.fuzzy_until.zxid && state.tree->digest() != state.fuzzy_until.tree_digest;
    state.fuzzy_until.zxid = Zxid{};
  }
  if (differs && !state.digest_mismatch) state.digest_mismatch = zxid;
}

Result<void> apply_record(LoadedState& state, const TxnLogReader& reader, Applied& applied) {
  const Result<Txn> txn = decode_txn(reader.payload());
  if (!txn) {
    return Error{
        Code::kCorrupt,
        concat(reader.file(), ", byte ", reader.offset(), ": transaction 0x", hex(reader.zxid()),
               " has a good checksum, but does not parse (", txn.error().message,
               "). Nothing was changed. It may be of a release that ", "this one does not know")};
  }
  state.tree->apply(*txn, false, applied);
  ++state.replayed;
  compare_digests(state, reader.zxid(), applied.digest_differs);
  return {};
}

Result<void> check_fuzzy_end(const LoadedState& state, const TxnLogReader& reader,
                             const std::string& folder) {
  if (state.fuzzy_until.zxid == Zxid{}) return {};
  return Error{
      Code::kCorrupt,
      concat(reader.tail().path.empty() ? folder : reader.tail().path, ", byte ", reader.tail().end,
             ": the log ends at 0x", hex(state.tree->last_zxid()), ", but ", state.snapshot_path,
             " holds effects of transactions up to 0x", hex(state.fuzzy_until.zxid),
             ". Nothing was changed. Restore the missing log files, or move this snapshot ",
             "away if an older one is there")};
}

}  // namespace

// A snapshot that is newer than our checkpoint was left by a ZooKeeper server that ran on the
// folder after us.
Result<LoadedState> load_base(Env& env, const StorageOptions& options,
                              const TreeOptions& tree_options, Checkpoint* checkpoint) {
  LoadedState state;
  if (checkpoint != nullptr && checkpoint->empty()) checkpoint = nullptr;
  PADDOCK_TRY(const bool loaded,
              load_newest_snapshot(env, options, tree_options, checkpoint, state));
  if (!loaded && checkpoint == nullptr) return state;
  if (!loaded) {
    state.tree = std::make_unique<DataTree>(tree_options);
    PADDOCK_TRY_DO(checkpoint->load_into(*state.tree));
    state.notes.push_back(concat("loaded the checkpoint of 0x", hex(checkpoint->zxid()), ": ",
                                 state.tree->node_count(), " nodes"));
  }
  state.base = state.tree->last_zxid();
  return state;
}

Result<void> replay_log(Env& env, const StorageOptions& options, LoadedState& state) {
  const std::string folder = log_folder(options);
  PADDOCK_TRY(TxnLogReader reader, TxnLogReader::open(env, folder, state.base, kTxnBytesMax));
  if (state.fuzzy_until.zxid <= state.base && state.fuzzy_until.zxid != Zxid{}) {
    compare_digests(state, state.base, false);
  }
  Applied applied;
  for (;;) {
    PADDOCK_TRY(const bool more, reader.next());
    if (!more) break;
    PADDOCK_TRY_DO(apply_record(state, reader, applied));
  }
  PADDOCK_TRY_DO(check_fuzzy_end(state, reader, folder));
  state.tail = reader.tail();
  state.headerless = reader.headerless();
  state.log_last = state.replayed != 0 ? state.tree->last_zxid() : reader.floor();
  if (reader.repeated() != 0) {
    state.notes.push_back(
        concat("skipped ", reader.repeated(), " repeated transactions in the log"));
  }
  state.notes.push_back(
      concat("replayed ", state.replayed, " transactions, up to 0x", hex(state.tree->last_zxid())));
  if (state.digest_mismatch) {
    state.notes.push_back(concat("the tree digest differs from the recorded one at transaction 0x",
                                 hex(*state.digest_mismatch)));
  }
  return {};
}

}  // namespace paddock::server
