#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "common/env.h"

namespace paddock::server {

// Reads from another Env, and keeps in memory whatever is written: so that what is on disk can be
// looked at with the code that otherwise changes it. A file is copied when it is first opened for
// writing. Locks are taken for real where the lock file is already there, so that a running server
// is noticed.
// Thread: any; `mutex_` guards the table and the copies.
class OverlayEnv final : public Env {
 public:
  explicit OverlayEnv(Env& below) : below_(below) {}

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& folder) override;
  Result<void> make_folders(const std::string& folder) override;
  bool exists(const std::string& path) override;
  Result<std::uint64_t> file_size(const std::string& path) override;
  Result<void> sync_folder(const std::string& folder) override;
  Result<std::unique_ptr<File>> lock(const std::string& path) override;

 private:
  class MemoryFile;
  struct Content;
  using ContentRef = std::shared_ptr<Content>;

  Result<ContentRef> copy_up(const std::string& path);
  bool is_folder(const std::string& path);
  Result<void> rename_folder(const std::string& from, const std::string& to);

  Env& below_;
  std::mutex mutex_;
  // Null: removed here, whatever is below.
  std::map<std::string, ContentRef> files_;
  std::set<std::string> folders_;  // made here
};

}  // namespace paddock::server
