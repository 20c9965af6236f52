#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "common/env.h"

namespace paddock::test {

// A disk in memory that loses what real ones lose. What was written and not synced is, when the
// power goes, there or not for each 512-byte sector by itself; names that were made, renamed or
// removed and not followed by a sync of their folder hold up to a random one of them. The same seed
// and the same calls give the same disk.
//
// Thread: any; `mutex_` guards all.
class SimDisk final : public Env {
 public:
  explicit SimDisk(std::uint64_t seed) : random_(seed) {}

  // --- faults ---
  // The power goes at the `n`th change from now on (1: the next one), which may or may not have
  // reached the disk's cache. Everything fails from then on, until restart().
  void lose_power_at(std::uint64_t n);
  // The `n`th change from now on fails, and has no effect or part of it.
  void fail_at(std::uint64_t n, Code code);
  void lose_power();
  bool has_power() const;
  // The power is back. Files opened and locks taken before are dead.
  void restart();
  // All files together take no more than this.
  void set_bytes_max(std::uint64_t bytes);
  void flip_bit(const std::string& path, std::uint64_t byte, int bit);
  void put(const std::string& path, ByteView content);  // durable at once

  std::uint64_t changes() const;           // writes, syncs, creations, renames, removals so far
  std::vector<std::string> files() const;  // all paths
  Bytes content(const std::string& path) const;

  // --- Env ---
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
  class OpenFile;
  struct Inode {
    Bytes now;
    Bytes durable;
    std::set<std::uint64_t> unsynced;  // sectors
  };
  using InodeRef = std::shared_ptr<Inode>;
  using Names = std::map<std::string, InodeRef>;
  // One change of names, whole or not at all; null: the name goes.
  using NameChange = std::vector<std::pair<std::string, InodeRef>>;

  // Counts a change, and says how it ends if a fault is due. `cached`: a change that the power
  // failure interrupts may still have reached the cache.
  struct Verdict {
    std::optional<Error> error;
    bool cached = true;
  };
  Verdict begin_change(const std::string& path);
  Error no_power(const std::string& path) const;
  void change_names(const std::string& folder, NameChange change);
  NameChange unsynced_in(const std::string& folder);
  void rename_folder(const std::string& from, const std::string& to);
  static void apply(Names& names, const NameChange& change);
  void settle(Inode& inode);
  std::uint64_t bytes_used() const;

  mutable std::mutex mutex_;
  std::mt19937_64 random_;
  Names names_;
  Names durable_names_;
  std::map<std::string, std::vector<NameChange>> unsynced_names_;  // by folder
  std::set<std::string> folders_ = {"", "/"};
  std::set<std::string> locks_;
  std::uint64_t generation_ = 0;  // of the power
  bool powered_ = true;
  std::uint64_t changes_ = 0;
  std::uint64_t lose_power_at_ = 0;
  std::uint64_t fail_at_ = 0;
  Code fail_code_ = Code::kIo;
  std::uint64_t bytes_max_ = UINT64_MAX;
};

}  // namespace paddock::test
