#include "tests/support/sim_disk.h"

#include <algorithm>

#include "common/concat.h"

namespace paddock::test {

namespace {

constexpr std::uint64_t kSectorBytes = 512;

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

std::string without_slash(std::string folder) {
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  return folder;
}

}  // namespace

class SimDisk::OpenFile final : public File {
 public:
  OpenFile(SimDisk& disk, std::string path, InodeRef inode, bool locked)
      : disk_(disk),
        path_(std::move(path)),
        inode_(std::move(inode)),
        generation_(disk.generation_),
        locked_(locked) {}
  ~OpenFile() override {
    if (!locked_) return;
    const std::lock_guard lock(disk_.mutex_);
    if (generation_ == disk_.generation_) disk_.locks_.erase(path_);
  }

  Result<void> write_at(std::uint64_t offset, ByteView bytes) override {
    const std::lock_guard lock(disk_.mutex_);
    Verdict verdict = begin();
    std::size_t n = bytes.size();
    if (verdict.error) n = verdict.cached ? disk_.random_() % (n + 1) : 0;
    const std::uint64_t end = offset + n;
    const std::uint64_t growth = end > inode_->now.size() ? end - inode_->now.size() : 0;
    if (!verdict.error && disk_.bytes_used() + growth > disk_.bytes_max_) {
      return Error{Code::kNoSpace, concat("cannot write ", path_, ": the disk is full")};
    }
    if (n != 0) {
      if (inode_->now.size() < end) inode_->now.resize(end);
      std::copy_n(bytes.begin(), n, inode_->now.begin() + static_cast<std::ptrdiff_t>(offset));
      for (std::uint64_t s = offset / kSectorBytes; s * kSectorBytes < end; ++s) {
        inode_->unsynced.insert(s);
      }
    }
    return end_with(std::move(verdict));
  }

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> to) const override {
    const std::lock_guard lock(disk_.mutex_);
    if (dead()) return disk_.no_power(path_);
    const Bytes& from = inode_->now;
    if (offset >= from.size()) return std::size_t{0};
    const std::size_t n = std::min<std::size_t>(to.size(), from.size() - offset);
    std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(offset), n, to.begin());
    return n;
  }

  Result<void> sync() override {
    const std::lock_guard lock(disk_.mutex_);
    Verdict verdict = begin();
    if (!verdict.error) {
      inode_->durable = inode_->now;
      inode_->unsynced.clear();
    }
    return end_with(std::move(verdict));
  }

  Result<void> truncate(std::uint64_t size) override {
    const std::lock_guard lock(disk_.mutex_);
    Verdict verdict = begin();
    if (!verdict.error || verdict.cached) inode_->now.resize(size);
    return end_with(std::move(verdict));
  }

  Result<std::uint64_t> size() const override {
    const std::lock_guard lock(disk_.mutex_);
    if (dead()) return disk_.no_power(path_);
    return static_cast<std::uint64_t>(inode_->now.size());
  }

 private:
  bool dead() const { return !disk_.powered_ || generation_ != disk_.generation_; }
  Verdict begin() {
    if (dead()) return Verdict{disk_.no_power(path_), false};
    return disk_.begin_change(path_);
  }
  static Result<void> end_with(Verdict verdict) {
    if (verdict.error) return std::move(*verdict.error);
    return {};
  }

  SimDisk& disk_;
  const std::string path_;
  const InodeRef inode_;
  const std::uint64_t generation_;
  const bool locked_;
};

void SimDisk::lose_power_at(std::uint64_t n) {
  const std::lock_guard lock(mutex_);
  lose_power_at_ = changes_ + n;
}

void SimDisk::fail_at(std::uint64_t n, Code code) {
  const std::lock_guard lock(mutex_);
  fail_at_ = changes_ + n;
  fail_code_ = code;
}

void SimDisk::lose_power() {
  const std::lock_guard lock(mutex_);
  powered_ = false;
}

bool SimDisk::has_power() const {
  const std::lock_guard lock(mutex_);
  return powered_;
}

void SimDisk::restart() {
  const std::lock_guard lock(mutex_);
  for (auto& [folder, changes] : unsynced_names_) {
    const std::size_t kept = random_() % (changes.size() + 1);
    for (std::size_t i = 0; i < kept; ++i) apply(durable_names_, changes[i]);
  }
  unsynced_names_.clear();
  names_ = durable_names_;
  for (auto& [path, inode] : names_) {
    settle(*inode);
    folders_.insert(folder_of(path));  // its removal may not have reached the disk
  }
  locks_.clear();
  ++generation_;
  powered_ = true;
  lose_power_at_ = fail_at_ = 0;
}

// What of an inode's unsynced changes has reached the disk.
void SimDisk::settle(Inode& inode) {
  const bool resized = random_() % 2 == 0;
  Bytes after = inode.durable;
  if (resized) after.resize(inode.now.size());
  const std::uint64_t keep_of_8 = random_() % 9;
  for (const std::uint64_t sector : inode.unsynced) {
    if (random_() % 8 >= keep_of_8) continue;
    const std::uint64_t start = sector * kSectorBytes;
    const std::uint64_t end = std::min(
        {start + kSectorBytes, std::uint64_t{after.size()}, std::uint64_t{inode.now.size()}});
    for (std::uint64_t i = start; i < end; ++i) after[i] = inode.now[i];
  }
  inode.durable = after;
  inode.now = std::move(after);
  inode.unsynced.clear();
}

void SimDisk::set_bytes_max(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  bytes_max_ = bytes;
}

void SimDisk::flip_bit(const std::string& path, std::uint64_t byte, int bit) {
  const std::lock_guard lock(mutex_);
  Inode& inode = *names_.at(path);
  const auto mask = static_cast<std::uint8_t>(1u << bit);
  inode.now.at(byte) ^= mask;
  if (byte < inode.durable.size()) inode.durable[byte] ^= mask;
}

void SimDisk::put(const std::string& path, ByteView content) {
  const std::lock_guard lock(mutex_);
  auto inode = std::make_shared<Inode>();
  inode->now.assign(content.begin(), content.end());
  inode->durable = inode->now;
  names_[path] = durable_names_[path] = inode;
  for (std::string folder = folder_of(path); folders_.insert(folder).second;) {
    folder = folder_of(folder);
  }
}

std::uint64_t SimDisk::changes() const {
  const std::lock_guard lock(mutex_);
  return changes_;
}

std::vector<std::string> SimDisk::files() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> paths;
  for (const auto& [path, inode] : names_) paths.push_back(path);
  return paths;
}

Bytes SimDisk::content(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  return names_.at(path)->now;
}

Error SimDisk::no_power(const std::string& path) const {
  return Error{Code::kIo, concat(path, ": the power is off")};
}

SimDisk::Verdict SimDisk::begin_change(const std::string& path) {
  if (!powered_) return Verdict{no_power(path), false};
  ++changes_;
  if (changes_ == lose_power_at_) {
    powered_ = false;
    return Verdict{no_power(path), random_() % 2 == 0};
  }
  if (changes_ == fail_at_) {
    return Verdict{Error{fail_code_, concat(path, ": the disk failed")}, random_() % 2 == 0};
  }
  return Verdict{};
}

void SimDisk::apply(Names& names, const NameChange& change) {
  for (const auto& [path, inode] : change) {
    if (inode == nullptr) {
      names.erase(path);
    } else {
      names[path] = inode;
    }
  }
}

void SimDisk::change_names(const std::string& folder, NameChange change) {
  apply(names_, change);
  unsynced_names_[folder].push_back(std::move(change));
}

std::uint64_t SimDisk::bytes_used() const {
  std::uint64_t bytes = 0;
  for (const auto& [path, inode] : names_) bytes += inode->now.size();
  return bytes;
}

Result<std::unique_ptr<File>> SimDisk::open(const std::string& path, OpenMode mode) {
  const std::lock_guard lock(mutex_);
  if (!powered_) return no_power(path);
  const auto found = names_.find(path);
  const bool make = mode == OpenMode::kCreate || mode == OpenMode::kCreateOrOpen;
  InodeRef inode = found == names_.end() ? nullptr : found->second;
  if (inode == nullptr && (!make || !folders_.contains(folder_of(path)))) {
    return Error{Code::kNotFound, concat("cannot open ", path, ": it is not there")};
  }
  if (inode == nullptr || (mode == OpenMode::kCreate && !inode->now.empty())) {
    Verdict verdict = begin_change(path);
    if (verdict.error && !verdict.cached) return std::move(*verdict.error);
    if (inode == nullptr) {
      inode = std::make_shared<Inode>();
      change_names(folder_of(path), {{path, inode}});
    } else {
      inode->now.clear();
    }
    if (verdict.error) return std::move(*verdict.error);
  }
  return std::unique_ptr<File>(std::make_unique<OpenFile>(*this, path, inode, false));
}

Result<void> SimDisk::rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(mutex_);
  Verdict verdict = begin_change(from);
  if (verdict.error && !verdict.cached) return std::move(*verdict.error);
  const auto found = names_.find(from);
  if (found == names_.end() && !folders_.contains(from)) {
    return Error{Code::kNotFound, concat("cannot rename ", from, ": it is not there")};
  }
  if (found != names_.end()) {
    change_names(folder_of(to), {{to, found->second}, {from, nullptr}});
  } else {
    rename_folder(from, to);
  }
  if (verdict.error) return std::move(*verdict.error);
  return {};
}

// What has changed in a folder that goes: it is on disk once that is.
SimDisk::NameChange SimDisk::unsynced_in(const std::string& folder) {
  NameChange all;
  if (const auto found = unsynced_names_.extract(folder); !found.empty()) {
    for (const NameChange& change : found.mapped())
      all.insert(all.end(), change.begin(), change.end());
  }
  return all;
}

// All that is in it, in one change. `to` is not there, or empty.
void SimDisk::rename_folder(const std::string& from, const std::string& to) {
  NameChange change = unsynced_in(from);
  for (const auto& [path, inode] : names_) {
    if (!path.starts_with(from + "/")) continue;
    change.emplace_back(to + path.substr(from.size()), inode);
    change.emplace_back(path, nullptr);
  }
  change_names(folder_of(to), std::move(change));
  folders_.erase(from);
  folders_.insert(to);
}

Result<void> SimDisk::remove(const std::string& path) {
  const std::lock_guard lock(mutex_);
  Verdict verdict = begin_change(path);
  if (verdict.error && !verdict.cached) return std::move(*verdict.error);
  if (names_.contains(path)) {
    change_names(folder_of(path), {{path, nullptr}});
  } else if (folders_.erase(path) == 0) {
    return Error{Code::kNotFound, concat("cannot remove ", path, ": it is not there")};
  } else {
    change_names(folder_of(path), unsynced_in(path));
  }
  if (verdict.error) return std::move(*verdict.error);
  return {};
}

Result<std::vector<std::string>> SimDisk::list(const std::string& given) {
  const std::lock_guard lock(mutex_);
  const std::string folder = without_slash(given);
  if (!powered_) return no_power(folder);
  if (!folders_.contains(folder)) {
    return Error{Code::kNotFound, concat("cannot list ", folder, ": it is not there")};
  }
  std::set<std::string> found;
  const auto look_at = [&](const std::string& path) {
    if (path != folder && folder_of(path) == folder) found.insert(path.substr(folder.size() + 1));
  };
  for (const auto& [path, inode] : names_) look_at(path);
  for (const std::string& path : folders_) look_at(path);
  return std::vector<std::string>(found.begin(), found.end());
}

Result<void> SimDisk::make_folders(const std::string& given) {
  const std::lock_guard lock(mutex_);
  if (!powered_) return no_power(given);
  for (std::string folder = without_slash(given); folders_.insert(folder).second;) {
    folder = folder_of(folder);
  }
  return {};
}

bool SimDisk::exists(const std::string& path) {
  const std::lock_guard lock(mutex_);
  return powered_ && (names_.contains(path) || folders_.contains(without_slash(path)));
}

Result<std::uint64_t> SimDisk::file_size(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (!powered_) return no_power(path);
  const auto found = names_.find(path);
  if (found == names_.end()) {
    return Error{Code::kNotFound, concat("cannot look at ", path, ": it is not there")};
  }
  return static_cast<std::uint64_t>(found->second->now.size());
}

Result<void> SimDisk::sync_folder(const std::string& given) {
  const std::lock_guard lock(mutex_);
  const std::string folder = without_slash(given);
  Verdict verdict = begin_change(folder);
  if (verdict.error) return std::move(*verdict.error);
  for (const NameChange& change : unsynced_names_[folder]) apply(durable_names_, change);
  unsynced_names_.erase(folder);
  return {};
}

Result<std::unique_ptr<File>> SimDisk::lock(const std::string& path) {
  PADDOCK_TRY([[maybe_unused]] const auto made, open(path, OpenMode::kCreateOrOpen));
  const std::lock_guard lock(mutex_);
  if (!locks_.insert(path).second) {
    return Error{Code::kRefused, concat(path, " is locked")};
  }
  return std::unique_ptr<File>(std::make_unique<OpenFile>(*this, path, names_.at(path), true));
}

}  // namespace paddock::test
