#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "common/env.h"
#include "common/ids.h"
#include "common/result.h"
#include "server/storage/storage.h"
#include "server/tree/data_tree.h"
#include "server/tree/dirty.h"

namespace paddock::server {

// The tree at one zxid, in LevelDB: `dataDir/state/`. Each write brings it from one zxid to a later
// one in a step that a crash cannot split, and costs what has changed rather than what exists.
//
// A node is kept under 'n' and its path, so that key order gives parents first; its ACL is inside
// its value, in one bit if it is the open one. What one batch should not hold in memory is staged
// under 'p' first and takes effect with the batch that moves the zxid; then it is moved into place.
//
// Thread: one at a time (checkpoint thread), except empty() and zxid(), which any thread may
// call.
// Failure: Code::kCorrupt if anything read back does not check out, with what to do. After a failed
// write the object refuses further writes, and the caller ends the process.
class Checkpoint {
 public:
  // Makes the folder if it is not there. What an interrupted first write left is wiped.
  static Result<std::unique_ptr<Checkpoint>> open(Env& env, std::string folder,
                                                  CheckpointOptions options);
  ~Checkpoint();
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;

  bool empty() const;  // nothing was ever written
  Zxid zxid() const;   // the one it stands for; 0 if empty

  // Loads all into a tree that has nothing loaded yet, and ends with its finish_load(). Compares
  // the number of nodes and the tree digest with those that were written.
  Result<void> load_into(DataTree& tree);

  // Brings the state to dirty.zxid, durably.
  Result<void> write(Dirty&& dirty);

  // Forgets everything, durably, so that a whole tree can be written.
  Result<void> clear();

  // LevelDB's own account of its levels, for operators.
  std::string describe() const;

 private:
  struct Impl;
  explicit Checkpoint(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace paddock::server
