#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "server/storage/recovery.h"
#include "server/storage/storage.h"
#include "server/tree/data_tree.h"
#include "tests/support/sim_disk.h"
#include "zab/event.h"

namespace paddock::test {

// A server's storage driven by chance over a simulated disk: transactions are made, appended,
// synced, applied, checkpointed, purged and cut, leaders' snapshots installed, the power goes at
// some change of the disk, and what recovery then finds is compared with what was promised. One
// seed, one run.
class StorageRun {
 public:
  explicit StorageRun(std::uint64_t seed);

  // One start of the server, which ends at a power failure. Empty, or what was wrong.
  std::string life();
  // A start without a fault that must bring everything back.
  std::string check_recovery();

  SimDisk& disk() { return disk_; }
  const server::StorageOptions& options() const { return options_; }
  std::uint64_t recoveries() const { return recoveries_; }
  std::uint64_t installs() const { return installs_; }  // of snapshots, here or by a recovery

 private:
  std::string adopt(const server::Recovered& recovered);
  bool step(server::Recovered& server);
  bool append(server::Recovered& server);
  bool sync(server::Recovered& server);
  bool checkpoint(server::Recovered& server);
  bool truncate(server::Recovered& server);
  bool install(server::Recovered& server);
  std::vector<zab::Txn> another_history();
  void set_history(std::vector<zab::Txn> history);
  zab::Txn make_txn();
  Txn random_txn(Zxid zxid);
  std::string random_path();
  static std::unique_ptr<server::DataTree> tree_of(std::span<const zab::Txn> history);
  std::uint64_t below(std::uint64_t n) { return random_() % n; }

  std::mt19937_64 random_;
  SimDisk disk_;
  server::StorageOptions options_;
  std::vector<zab::Txn> made_;  // every transaction appended, in order: zxid 1, 2, 3 ...
  std::optional<std::vector<zab::Txn>> installing_;  // the history that is to take its place
  std::size_t acknowledged_ = 0;                     // of made_: synced
  std::size_t applied_ = 0;                          // of made_: in the server's tree
  std::unique_ptr<server::DataTree> truth_;          // after all of made_
  std::vector<std::string> texts_;                   // that the transaction being made points into
  std::uint64_t recoveries_ = 0;
  std::uint64_t installs_ = 0;
};

}  // namespace paddock::test
