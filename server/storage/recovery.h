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
#include "server/storage/storage.h"
#include "server/storage/txn_log.h"
#include "server/tree/data_tree.h"
#include "zab/replica.h"

namespace paddock::server {

// What is on disk, as state.
struct Recovered {
  std::vector<std::unique_ptr<File>> locks;  // held as long as the folders are used
  std::unique_ptr<DataTree> tree;
  zab::Durable durable;
  std::unique_ptr<Checkpoint> checkpoint;
  std::unique_ptr<TxnLog> log;
  Zxid checkpoint_zxid;                  // what the checkpoint stands for; 0: there is none yet
  bool from_zookeeper_snapshot = false;  // all of the tree is dirty: the next checkpoint is whole
  bool fresh = false;                    // there was nothing on disk
  std::uint64_t replayed = 0;            // transactions read from the log
  std::optional<Zxid> digest_mismatch;   // the first one whose recorded tree digest was not ours
  std::vector<std::string> notes;        // for the operator's log, one line each
};

// Opens a server's folders, ours or a ZooKeeper server's: the newer of our checkpoint and the
// newest whole ZooKeeper snapshot, then the log from there. Makes a fresh start where there is
// nothing at all. Puts a leader's snapshot into place if a crash interrupted that. Cuts a torn tail
// and removes leftovers once everything else has succeeded; a refusal changes nothing else. Every
// refusal says what, where, and what to do now. Errors: kRefused (locked, or a folder that this
// must not be started on), kCorrupt, kTooLarge, kInvalid, and whatever the disk answers. Blocks for
// as long as reading takes. Source: ZooKeeper 3.8, persistence/FileTxnSnapLog.java;
// storage-format.md section 4.
Result<Recovered> recover(Env& env, const StorageOptions& options, const TreeOptions& tree_options);

// The same without changing anything on disk: what would be written goes to memory. For tools, on
// the folder of a server that is stopped.
struct RecoveredView {
  std::unique_ptr<Env> overlay;  // outlives the rest
  Recovered state;
};
Result<RecoveredView> recover_read_only(Env& env, const StorageOptions& options,
                                        const TreeOptions& tree_options);

// The state of a stopped server as a ZooKeeper snapshot. `out` is the file, or a folder that is
// there, and gets `snapshot.<zxid>`. Nothing else on disk changes.
//
// Of a member of an ensemble it is the state of the last checkpoint, unless `upto` says otherwise:
// whether what the log has beyond was committed the others know, and no leader could take it back
// out of a snapshot.
struct Exported {
  Zxid zxid;              // of the snapshot
  Zxid log_last;          // how far the log goes
  bool committed = true;  // all that is in the snapshot is known to be
};
Result<Exported> export_snapshot(Env& env, const StorageOptions& options,
                                 const TreeOptions& tree_options, const std::string& out,
                                 std::optional<Zxid> upto = std::nullopt);

// dataDir/version-2, dataLogDir/version-2, dataDir/state.
std::string snapshot_folder(const StorageOptions& options);
std::string log_folder(const StorageOptions& options);
std::string state_folder(const StorageOptions& options);

}  // namespace paddock::server
