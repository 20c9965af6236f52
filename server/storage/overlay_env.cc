#include "server/storage/overlay_env.h"

#include <algorithm>

#include "common/concat.h"

namespace paddock::server {

struct OverlayEnv::Content {
  std::mutex mutex;  // guards `bytes`
  Bytes bytes;
};

class OverlayEnv::MemoryFile final : public File {
 public:
  explicit MemoryFile(ContentRef content) : content_(std::move(content)) {}

  Result<void> write_at(std::uint64_t offset, ByteView bytes) override {
    const std::lock_guard lock(content_->mutex);
    Bytes& to = content_->bytes;
    if (to.size() < offset + bytes.size()) to.resize(offset + bytes.size());
    std::copy(bytes.begin(), bytes.end(), to.begin() + static_cast<std::ptrdiff_t>(offset));
    return {};
  }
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> to) const override {
    const std::lock_guard lock(content_->mutex);
    const Bytes& from = content_->bytes;
    if (offset >= from.size()) return std::size_t{0};
    const std::size_t n = std::min<std::size_t>(to.size(), from.size() - offset);
    std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(offset), n, to.begin());
    return n;
  }
  Result<void> sync() override { return {}; }
  Result<void> truncate(std::uint64_t size) override {
    const std::lock_guard lock(content_->mutex);
    content_->bytes.resize(size);
    return {};
  }
  Result<std::uint64_t> size() const override {
    const std::lock_guard lock(content_->mutex);
    return static_cast<std::uint64_t>(content_->bytes.size());
  }

 private:
  ContentRef content_;
};

Result<OverlayEnv::ContentRef> OverlayEnv::copy_up(const std::string& path) {
  PADDOCK_TRY(Bytes bytes, read_file(below_, path, UINT64_MAX));
  auto content = std::make_shared<Content>();
  content->bytes = std::move(bytes);
  files_[path] = content;
  return content;
}

Result<std::unique_ptr<File>> OverlayEnv::open(const std::string& path, OpenMode mode) {
  const std::lock_guard lock(mutex_);
  const auto found = files_.find(path);
  const bool here = found != files_.end();
  const bool there = here ? found->second != nullptr : below_.exists(path);
  ContentRef content = here ? found->second : nullptr;
  if (mode == OpenMode::kCreate || (mode == OpenMode::kCreateOrOpen && !there)) {
    content = std::make_shared<Content>();
    files_[path] = content;
  } else if (!there) {
    return Error{Code::kNotFound, concat("cannot open ", path, ": it is not there")};
  } else if (!here && mode == OpenMode::kRead) {
    return below_.open(path, mode);
  } else if (!here) {
    PADDOCK_TRY(content, copy_up(path));
  }
  return std::unique_ptr<File>(std::make_unique<MemoryFile>(std::move(content)));
}

Result<void> OverlayEnv::rename(const std::string& from, const std::string& to) {
  if (is_folder(from)) return rename_folder(from, to);
  const std::lock_guard lock(mutex_);
  const auto found = files_.find(from);
  ContentRef content = found == files_.end() ? nullptr : found->second;
  if (found == files_.end()) {
    PADDOCK_TRY(content, copy_up(from));
  } else if (content == nullptr) {
    return Error{Code::kNotFound, concat("cannot rename ", from, ": it is not there")};
  }
  files_[from] = nullptr;
  files_[to] = std::move(content);
  return {};
}

bool OverlayEnv::is_folder(const std::string& path) {
  {
    const std::lock_guard lock(mutex_);
    if (folders_.contains(path)) return true;
    if (files_.contains(path)) return false;
  }
  return below_.list(path).ok();
}

// With the files in it: folders in folders are not moved, for nobody has any.
Result<void> OverlayEnv::rename_folder(const std::string& from, const std::string& to) {
  PADDOCK_TRY(const std::vector<std::string> names, list(from));
  for (const std::string& name : names) {
    PADDOCK_TRY_DO(rename(concat(from, "/", name), concat(to, "/", name)));
  }
  const std::lock_guard lock(mutex_);
  if (folders_.erase(from) == 0) files_[from] = nullptr;
  files_.erase(to);
  folders_.insert(to);
  return {};
}

Result<void> OverlayEnv::remove(const std::string& path) {
  if (!exists(path)) return Error{Code::kNotFound, concat("cannot remove ", path)};
  const std::lock_guard lock(mutex_);
  if (folders_.erase(path) == 0) files_[path] = nullptr;
  return {};
}

Result<std::vector<std::string>> OverlayEnv::list(const std::string& folder) {
  const std::lock_guard lock(mutex_);
  std::set<std::string> names;
  const bool made_here = folders_.contains(folder);
  if (auto below = below_.list(folder); below) {
    names.insert(below->begin(), below->end());
  } else if (!made_here) {
    return below.error();
  }
  const std::string prefix = folder + "/";
  for (const auto& [path, content] : files_) {
    if (!path.starts_with(prefix) || path.find('/', prefix.size()) != std::string::npos) continue;
    if (content == nullptr) {
      names.erase(path.substr(prefix.size()));
    } else {
      names.insert(path.substr(prefix.size()));
    }
  }
  return std::vector<std::string>(names.begin(), names.end());
}

Result<void> OverlayEnv::make_folders(const std::string& folder) {
  const std::lock_guard lock(mutex_);
  if (!below_.exists(folder)) folders_.insert(folder);
  return {};
}

bool OverlayEnv::exists(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (const auto found = files_.find(path); found != files_.end()) return found->second != nullptr;
  return folders_.contains(path) || below_.exists(path);
}

Result<std::uint64_t> OverlayEnv::file_size(const std::string& path) {
  PADDOCK_TRY(const std::unique_ptr<File> file, open(path, OpenMode::kRead));
  return file->size();
}

Result<void> OverlayEnv::sync_folder(const std::string&) {
  return {};
}

Result<std::unique_ptr<File>> OverlayEnv::lock(const std::string& path) {
  if (below_.exists(path)) return below_.lock(path);
  return std::unique_ptr<File>(std::make_unique<MemoryFile>(std::make_shared<Content>()));
}

}  // namespace paddock::server
