#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace paddock::server {

struct CheckpointOptions {
  // LevelDB's background thread and its caller take turns: one seed of a simulation replays
  // exactly.
  bool in_step = false;
  // Above it (as Dirty counts) a write is staged, which costs three times the work but no memory.
  std::size_t batch_bytes_max = 24u << 20;
  std::size_t write_buffer_bytes = 4u << 20;  // LevelDB's memtable
};

// Where and how. Sizes in bytes.
struct StorageOptions {
  std::string data_dir;      // holds version-2/ (snapshots, epochs) and state/ (LevelDB)
  std::string data_log_dir;  // holds version-2/log.*; may be the same
  std::uint64_t segment_bytes = 64u << 20;  // preAllocSize
  std::uint64_t segment_bytes_max = 0;      // txnLogSizeLimitInKb; 0: no limit but the segment's
  // One of several servers: what its leader says about sessions is waited for, and its epochs
  // count.
  bool in_ensemble = false;
  bool force_sync = true;                       // forceSync
  bool trust_empty_snapshot = false;            // snapshot.trust.empty
  bool auto_create_db = true;                   // db.autocreate
  bool auto_create_dirs = true;                 // datadir.autocreate
  std::size_t purge_retain_count = 3;           // autopurge.snapRetainCount: log segments kept
  std::uint64_t purge_retain_bytes = 1u << 30;  // logs older than the checkpoint kept at the most
  CheckpointOptions checkpoint = {};
};

}  // namespace paddock::server
