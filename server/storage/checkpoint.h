#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/env.h"
#include "common/ids.h"
#include "common/result.h"
#include "server/storage/checkpoint_codec.h"
#include "server/storage/storage.h"
#include "server/tree/data_tree.h"
#include "server/tree/dirty.h"

namespace paddock::server {

// The checkpoint as it was at one moment, while newer ones are written. Once the checkpoint itself
// goes, it gives nothing more: Code::kRefused.
// Thread: its owner's; it may be destroyed at any time.
class CheckpointView {
 public:
  struct State;
  explicit CheckpointView(std::shared_ptr<State> state);
  ~CheckpointView();
  CheckpointView(const CheckpointView&) = delete;
  CheckpointView& operator=(const CheckpointView&) = delete;

  Zxid zxid() const;

  // From the first one on, or on from the last one: at most `count` entries, in the order of their
  // keys. The views last for the call. False: that was all, and the next call begins again.
  using OnNode = std::function<Result<void>(std::string_view path, const StoredNode& node)>;
  Result<bool> read_nodes(std::size_t count, const OnNode& on_node);
  using OnSession = std::function<Result<void>(const StoredSession& session)>;
  Result<bool> read_sessions(std::size_t count, const OnSession& on_session);

 private:
  template <typename OnEntry>
  Result<bool> read(char prefix, std::size_t count, OnEntry&& on_entry);

  const std::shared_ptr<State> state_;
};

// The tree at one zxid, in LevelDB: `dataDir/state/`. Each write brings it from one zxid to a later
// one in a step that a crash cannot split, and costs what has changed rather than what exists.
//
// A node is kept under 'n' and its path, so that key order gives parents first; its ACL is inside
// its value, in one bit if it is the open one. What one batch should not hold in memory is staged
// under 'p' first and takes effect with the batch that moves the zxid; then it is moved into place.
//
// Thread: one at a time (checkpoint thread), except empty(), zxid() and open_view(), which any
// thread may call. Failure: Code::kCorrupt if anything read back does not check out, with what to
// do. After a failed write the object refuses further writes, and the caller ends the process.
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

  // The newest whole state, whatever is being written. Any thread. Code::kNotFound if it is empty.
  Result<std::unique_ptr<CheckpointView>> open_view() const;

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
