#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/env.h"
#include "common/ids.h"
#include "common/result.h"
#include "server/storage/checkpoint.h"
#include "server/storage/snapshot_file.h"
#include "server/storage/storage.h"
#include "server/storage/txn_log_reader.h"
#include "server/tree/data_tree.h"

// From what is on disk to a tree: the newer of our checkpoint and the newest whole ZooKeeper
// snapshot, then the log from there. Nothing on disk is changed. Source: ZooKeeper 3.8,
// persistence/FileTxnSnapLog.java; storage-format.md section 4.
namespace paddock::server {

struct LoadedState {
  std::unique_ptr<DataTree> tree;        // null: there is neither a checkpoint nor a snapshot
  Zxid base;                             // what it was before the log
  bool from_zookeeper_snapshot = false;  // all of the tree is dirty: the next checkpoint is whole
  std::uint64_t replayed = 0;            // transactions read from the log
  std::optional<Zxid> digest_mismatch;   // the first one whose recorded tree digest was not ours
  std::vector<std::string> notes;        // for the operator's log, one line each

  // Once the log is replayed.
  TxnLogReader::Tail tail;
  std::vector<std::string> headerless;
  std::optional<Zxid> log_last;  // of the newest segment's records; nullopt: it has none

  // While it is: of the ZooKeeper snapshot. Zxid 0: none, or reached.
  SnapshotDigest fuzzy_until;
  std::string snapshot_path;
};

// The tree without the log. A null `checkpoint` is an empty one. Code::kCorrupt if there are
// snapshots, but none is whole, and no checkpoint either.
Result<LoadedState> load_base(Env& env, const StorageOptions& options,
                              const TreeOptions& tree_options, Checkpoint* checkpoint);

// Brings it to the end of the log.
Result<void> replay_log(Env& env, const StorageOptions& options, LoadedState& state);

}  // namespace paddock::server
