#include "server/storage/rewind.h"

#include <optional>
#include <string>
#include <vector>

#include "common/concat.h"
#include "server/storage/recovery.h"
#include "server/storage/snapshot_file.h"

namespace paddock::server {

namespace {

std::string hex(Zxid zxid) {
  return concat("0x", paddock::hex(static_cast<std::uint64_t>(zxid.value)));
}

// The newest state at or before `upto` that a start would begin from.
Result<std::optional<Zxid>> newest_base(Env& env, const StorageOptions& options,
                                        const std::vector<SnapshotFile>& snapshots,
                                        std::optional<Zxid> checkpoint, Zxid upto) {
  std::optional<Zxid> base = checkpoint;
  for (const SnapshotFile& file : snapshots) {
    if (base && file.zxid <= *base) break;
    if (file.zxid > upto) continue;
    PADDOCK_TRY(const bool whole, looks_whole(env, concat(snapshot_folder(options), "/", file.name),
                                              file.compression));
    if (whole) return std::optional<Zxid>(file.zxid);
  }
  return base;
}

Error cannot_go_back(const StorageOptions& options, std::optional<Zxid> base, Zxid upto) {
  return Error{
      Code::kRefused,
      concat("the leader's history goes on from ", hex(upto), ", but ",
             base ? concat("the state on disk in ", options.data_dir, " is already at ", hex(*base))
                  : concat("there is no state at or before it in ", options.data_dir),
             ". Move all of this server's data away and let it synchronize anew")};
}

}  // namespace

Result<void> truncate_history(Env& env, const StorageOptions& options,
                              std::optional<Zxid> checkpoint, TxnLog& log, Zxid upto) {
  const std::string folder = snapshot_folder(options);
  PADDOCK_TRY(const std::vector<SnapshotFile> snapshots, list_snapshot_files(env, folder));
  PADDOCK_TRY(const std::optional<Zxid> base,
              newest_base(env, options, snapshots, checkpoint, upto));
  // Only what is committed gets into a checkpoint, and that is never cut.
  if (!base || *base > upto) return cannot_go_back(options, base, upto);
  // First, so that no start in between begins from one of them.
  bool removed = false;
  for (const SnapshotFile& file : snapshots) {
    if (file.zxid <= upto) continue;
    PADDOCK_TRY_DO(env.remove(concat(folder, "/", file.name)));
    removed = true;
  }
  if (removed) PADDOCK_TRY_DO(env.sync_folder(folder));
  Result<void> cut = log.truncate(upto);
  if (cut || cut.error().code != Code::kNotFound) return cut;
  // All of the log is above `upto`. That is right only where the state begins there.
  if (*base != upto) return cannot_go_back(options, base, upto);
  return log.restart_after(upto);
}

Result<LoadedState> load_rewound(Env& env, const StorageOptions& options,
                                 const TreeOptions& tree_options, Checkpoint& checkpoint,
                                 Zxid upto) {
  PADDOCK_TRY(LoadedState state, load_base(env, options, tree_options, &checkpoint));
  if (state.tree == nullptr) return cannot_go_back(options, std::nullopt, upto);
  PADDOCK_TRY_DO(replay_log(env, options, state));
  if (state.tree->last_zxid() == upto) return state;
  return Error{Code::kCorrupt,
               concat("the log was cut at ", hex(upto), ", but what is on disk in ",
                      options.data_dir, " comes to ", hex(state.tree->last_zxid()),
                      ". Move all of this server's data away and let it synchronize anew")};
}

}  // namespace paddock::server
