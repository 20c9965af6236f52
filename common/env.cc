#include "common/env.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "common/concat.h"

namespace paddock {

namespace {

Error os_error(std::string_view doing, const std::string& path, int error) {
  Code code = Code::kIo;
  if (error == ENOENT) code = Code::kNotFound;
  if (error == ENOSPC || error == EDQUOT) code = Code::kNoSpace;
  return Error{code, concat(doing, " ", path, ": ", std::generic_category().message(error))};
}

class PosixFile final : public File {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~PosixFile() override { ::close(fd_); }

  Result<void> write_at(std::uint64_t offset, ByteView bytes) override {
    while (!bytes.empty()) {
      const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return os_error("cannot write", path_, errno);
      if (n == 0) return os_error("cannot write", path_, EIO);
      bytes = bytes.subspan(static_cast<std::size_t>(n));
      offset += static_cast<std::uint64_t>(n);
    }
    return {};
  }

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> to) const override {
    std::size_t done = 0;
    while (done < to.size()) {
      const ssize_t n =
          ::pread(fd_, to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return os_error("cannot read", path_, errno);
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }

  Result<void> sync() override {
    // Not tried again on EINTR either: whether the pages were written is then unknown.
    if (::fdatasync(fd_) != 0) return os_error("cannot sync", path_, errno);
    return {};
  }

  Result<void> truncate(std::uint64_t size) override {
    if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) {
      return os_error("cannot set the size of", path_, errno);
    }
    return {};
  }

  Result<std::uint64_t> size() const override {
    struct stat status {};
    if (::fstat(fd_, &status) != 0) return os_error("cannot look at", path_, errno);
    return static_cast<std::uint64_t>(status.st_size);
  }

 private:
  int fd_;
  std::string path_;
};

int open_flags(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead:
      return O_RDONLY;
    case OpenMode::kReadWrite:
      return O_RDWR;
    case OpenMode::kCreate:
      return O_RDWR | O_CREAT | O_TRUNC;
    case OpenMode::kCreateOrOpen:
      return O_RDWR | O_CREAT;
  }
  return O_RDONLY;
}

class PosixEnv final : public Env {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    const int fd = ::open(path.c_str(), open_flags(mode) | O_CLOEXEC, 0644);
    if (fd < 0) return os_error("cannot open", path, errno);
    return std::unique_ptr<File>(std::make_unique<PosixFile>(fd, path));
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) {
      return os_error(concat("cannot rename ", from, " to"), to, errno);
    }
    return {};
  }

  Result<void> remove(const std::string& path) override {
    if (std::remove(path.c_str()) != 0) return os_error("cannot remove", path, errno);
    return {};
  }

  Result<std::vector<std::string>> list(const std::string& folder) override {
    DIR* const dir = ::opendir(folder.c_str());
    if (dir == nullptr) return os_error("cannot list", folder, errno);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(dir)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    const int error = errno;
    ::closedir(dir);
    if (error != 0) return os_error("cannot list", folder, error);
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<void> make_folders(const std::string& folder) override {
    for (std::size_t end = 0; end != std::string::npos;) {
      end = folder.find('/', end + 1);
      const std::string part = folder.substr(0, end);
      if (part.empty() || ::mkdir(part.c_str(), 0755) == 0 || errno == EEXIST) continue;
      return os_error("cannot make the folder", part, errno);
    }
    struct stat status {};
    if (::stat(folder.c_str(), &status) != 0) return os_error("cannot look at", folder, errno);
    if (!S_ISDIR(status.st_mode)) return os_error("cannot make the folder", folder, ENOTDIR);
    return {};
  }

  bool exists(const std::string& path) override {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0;
  }

  Result<std::uint64_t> file_size(const std::string& path) override {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return os_error("cannot look at", path, errno);
    return static_cast<std::uint64_t>(status.st_size);
  }

  Result<void> sync_folder(const std::string& folder) override {
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return os_error("cannot open the folder", folder, errno);
    const PosixFile closer(fd, folder);
    if (::fsync(fd) != 0) return os_error("cannot sync the folder", folder, errno);
    return {};
  }

  Result<std::unique_ptr<File>> lock(const std::string& path) override {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return os_error("cannot open", path, errno);
    std::unique_ptr<File> file = std::make_unique<PosixFile>(fd, path);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return os_error("cannot lock", path, errno);
      return Error{Code::kRefused, concat(path, " is locked: another server uses this folder")};
    }
    return file;
  }
};

}  // namespace

Env& posix_env() {
  static PosixEnv env;
  return env;
}

Result<Bytes> read_file(Env& env, const std::string& path, std::uint64_t bytes_max) {
  PADDOCK_TRY(const std::unique_ptr<File> file, env.open(path, OpenMode::kRead));
  Bytes content;
  std::array<std::uint8_t, 4096> chunk;
  for (;;) {
    PADDOCK_TRY(const std::size_t n, file->read_at(content.size(), chunk));
    if (n == 0) return content;
    if (content.size() + n > bytes_max) {
      return Error{Code::kTooLarge, concat(path, " is longer than ", bytes_max, " bytes")};
    }
    append(content, ByteView(chunk).first(n));
  }
}

Result<void> replace_file(Env& env, const std::string& path, ByteView content) {
  const std::string temporary = path + ".tmp";
  {
    PADDOCK_TRY(const std::unique_ptr<File> file, env.open(temporary, OpenMode::kCreate));
    PADDOCK_TRY_DO(file->write_at(0, content));
    PADDOCK_TRY_DO(file->sync());
  }
  PADDOCK_TRY_DO(env.rename(temporary, path));
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return env.sync_folder(".");
  return env.sync_folder(slash == 0 ? "/" : path.substr(0, slash));
}

}  // namespace paddock
