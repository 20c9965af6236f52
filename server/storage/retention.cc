#include "server/storage/retention.h"

#include <algorithm>
#include <utility>

#include "common/concat.h"
#include "server/storage/recovery.h"

namespace paddock::server {

namespace {

// The first segment that may hold a transaction above `checkpoint`.
std::size_t first_needed(const std::vector<LogFileSize>& logs, Zxid checkpoint) {
  std::size_t needed = 0;
  while (needed + 1 < logs.size() && logs[needed + 1].file.first <= checkpoint.next()) ++needed;
  return needed;
}

Result<void> remove_all(Env& env, const std::string& folder,
                        const std::vector<std::string>& names) {
  if (names.empty()) return {};
  for (const std::string& name : names) PADDOCK_TRY_DO(env.remove(concat(folder, "/", name)));
  return env.sync_folder(folder);
}

}  // namespace

LogPins::Pin::Pin(std::shared_ptr<Table> table, Zxid after)
    : table_(std::move(table)), after_(after) {
  const std::lock_guard lock(table_->mutex);
  table_->zxids.insert(after_);
}

LogPins::Pin::Pin(Pin&& other) noexcept
    : table_(std::exchange(other.table_, nullptr)), after_(other.after_) {}

LogPins::Pin& LogPins::Pin::operator=(Pin&& other) noexcept {
  if (this == &other) return *this;
  release();
  table_ = std::exchange(other.table_, nullptr);
  after_ = other.after_;
  return *this;
}

void LogPins::Pin::release() {
  if (table_ == nullptr) return;
  {
    const std::lock_guard lock(table_->mutex);
    table_->zxids.erase(table_->zxids.find(after_));
  }
  table_.reset();
}

std::optional<Zxid> LogPins::lowest() const {
  const std::lock_guard lock(table_->mutex);
  if (table_->zxids.empty()) return std::nullopt;
  return *table_->zxids.begin();
}

Purge choose_purge(const std::vector<LogFileSize>& logs, const std::vector<SnapshotFile>& snapshots,
                   Zxid checkpoint, std::size_t retain_count, std::uint64_t retain_bytes) {
  Purge purge;
  std::size_t kept = first_needed(logs, checkpoint);  // the oldest that stays
  std::uint64_t bytes = 0;
  for (std::size_t count = 0; kept > 0 && count < retain_count; ++count) {
    bytes += logs[kept - 1].bytes;
    if (bytes > retain_bytes) break;
    --kept;
  }
  for (std::size_t i = 0; i < kept; ++i) purge.logs.push_back(logs[i].file.name);
  if (kept > 0) purge.first_kept = logs[kept].file.first;

  std::size_t retained = 0;
  for (const SnapshotFile& snapshot : snapshots) {
    if (snapshot.zxid > checkpoint) continue;
    const bool continued = snapshot.zxid == checkpoint ||
                           (!logs.empty() && logs[kept].file.first <= snapshot.zxid.next());
    if (continued && retained < retain_count) {
      ++retained;
    } else {
      purge.snapshots.push_back(snapshot.name);
    }
  }
  return purge;
}

Result<Purge> purge(Env& env, const StorageOptions& options, Zxid checkpoint) {
  PADDOCK_TRY(const std::vector<LogFile> files, list_log_files(env, log_folder(options)));
  PADDOCK_TRY(const std::vector<SnapshotFile> snapshots,
              list_snapshot_files(env, snapshot_folder(options)));
  std::vector<LogFileSize> logs;
  for (const LogFile& file : files) {
    PADDOCK_TRY(const std::uint64_t bytes,
                env.file_size(concat(log_folder(options), "/", file.name)));
    logs.push_back(LogFileSize{file, bytes});
  }
  Purge chosen = choose_purge(logs, snapshots, checkpoint, options.purge_retain_count,
                              options.purge_retain_bytes);
  PADDOCK_TRY_DO(remove_all(env, snapshot_folder(options), chosen.snapshots));
  PADDOCK_TRY_DO(remove_all(env, log_folder(options), chosen.logs));
  return chosen;
}

}  // namespace paddock::server
