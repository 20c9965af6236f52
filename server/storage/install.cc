#include "server/storage/install.h"

#include <string>
#include <utility>
#include <vector>

#include "common/check.h"
#include "common/concat.h"
#include "server/storage/checkpoint.h"
#include "server/storage/recovery.h"
#include "server/storage/snapshot_file.h"
#include "server/storage/txn_log_reader.h"

namespace paddock::server {

namespace {

std::string new_folder(const StorageOptions& options) {
  return concat(options.data_dir, "/state.new");
}
std::string ready_folder(const StorageOptions& options) {
  return concat(options.data_dir, "/state.ready");
}

// With the files in it. Not durable before the folder above is synced.
Result<void> remove_folder(Env& env, const std::string& folder) {
  if (!env.exists(folder)) return {};
  PADDOCK_TRY(const std::vector<std::string> names, env.list(folder));
  for (const std::string& name : names) PADDOCK_TRY_DO(env.remove(concat(folder, "/", name)));
  return env.remove(folder);
}

Result<void> remove_history(Env& env, const StorageOptions& options) {
  const std::string logs = log_folder(options);
  const std::string snapshots = snapshot_folder(options);
  PADDOCK_TRY(const std::vector<LogFile> log_files, list_log_files(env, logs));
  for (const LogFile& file : log_files) PADDOCK_TRY_DO(env.remove(concat(logs, "/", file.name)));
  PADDOCK_TRY_DO(env.sync_folder(logs));
  PADDOCK_TRY(const std::vector<SnapshotFile> snapshot_files, list_snapshot_files(env, snapshots));
  for (const SnapshotFile& file : snapshot_files) {
    PADDOCK_TRY_DO(env.remove(concat(snapshots, "/", file.name)));
  }
  return env.sync_folder(snapshots);
}

}  // namespace

Result<void> prepare_install(Env& env, const StorageOptions& options, Dirty whole) {
  const std::string folder = new_folder(options);
  PADDOCK_TRY_DO(remove_folder(env, folder));
  {
    PADDOCK_TRY(const std::unique_ptr<Checkpoint> checkpoint,
                Checkpoint::open(env, folder, options.checkpoint));
    PADDOCK_CHECK(checkpoint->empty());
    PADDOCK_TRY_DO(checkpoint->write(std::move(whole)));
  }
  PADDOCK_TRY_DO(env.sync_folder(folder));
  PADDOCK_TRY_DO(env.sync_folder(options.data_dir));
  PADDOCK_TRY_DO(env.rename(folder, ready_folder(options)));
  return env.sync_folder(options.data_dir);
}

// Everything old is gone durably before the new state has its name: whoever finds `state` finds
// what belongs to it.
Result<bool> finish_install(Env& env, const StorageOptions& options) {
  PADDOCK_TRY_DO(remove_folder(env, new_folder(options)));
  // A rename that the power failure undid may leave an empty folder.
  if (!env.exists(concat(ready_folder(options), "/CURRENT"))) return false;
  PADDOCK_TRY_DO(remove_history(env, options));
  PADDOCK_TRY_DO(remove_folder(env, state_folder(options)));
  PADDOCK_TRY_DO(env.sync_folder(options.data_dir));
  PADDOCK_TRY_DO(env.rename(ready_folder(options), state_folder(options)));
  PADDOCK_TRY_DO(env.sync_folder(options.data_dir));
  return true;
}

}  // namespace paddock::server
