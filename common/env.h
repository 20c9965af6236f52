#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/bytes.h"
#include "common/result.h"

namespace paddock {

// An open file. One thread at a time, except that read_at may run beside anything.
// Failure: after a failed write_at or sync the content is unknown, and the caller gives the file
// up.
class File {
 public:
  virtual ~File() = default;

  // Writes all of `bytes` at `offset`, growing the file. Not durable before sync().
  virtual Result<void> write_at(std::uint64_t offset, ByteView bytes) = 0;
  // Reads up to to.size() bytes; fewer only at the end of the file.
  virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> to) const = 0;
  // Blocks until all that was written is on disk (fdatasync). Never retried after an error.
  virtual Result<void> sync() = 0;
  virtual Result<void> truncate(std::uint64_t size) = 0;
  virtual Result<std::uint64_t> size() const = 0;
};

enum class OpenMode {
  kRead,          // Code::kNotFound if it is not there
  kReadWrite,     // Code::kNotFound if it is not there
  kCreate,        // made if it is not there, emptied if it is
  kCreateOrOpen,  // made if it is not there, kept as it is if it is
};

// Files, for the log and for LevelDB alike, so that one simulated disk serves both.
// Any thread. Errors: Code::kNotFound, kNoSpace, kIo; the message names the path.
class Env {
 public:
  virtual ~Env() = default;

  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  // A file, which takes the place of `to`; or a folder, where `to` is not there or empty.
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<void> remove(const std::string& path) = 0;  // a file, or an empty folder
  // Names in a folder, sorted, without "." and "..".
  virtual Result<std::vector<std::string>> list(const std::string& folder) = 0;
  virtual Result<void> make_folders(const std::string& folder) = 0;
  virtual bool exists(const std::string& path) = 0;
  virtual Result<std::uint64_t> file_size(const std::string& path) = 0;
  // Makes creations, renames and removals in `folder` durable.
  virtual Result<void> sync_folder(const std::string& folder) = 0;
  // Held until the returned object is gone; Code::kRefused while another process holds it.
  virtual Result<std::unique_ptr<File>> lock(const std::string& path) = 0;
};

// The operating system's files. Static storage.
Env& posix_env();

// The whole file; Code::kTooLarge above `bytes_max`.
Result<Bytes> read_file(Env& env, const std::string& path, std::uint64_t bytes_max);

// Replaces `path` so that a crash leaves the old or the new content: temporary file, sync, rename,
// sync of the folder.
Result<void> replace_file(Env& env, const std::string& path, ByteView content);

}  // namespace paddock
