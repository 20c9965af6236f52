#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/env.h"
#include "common/ids.h"
#include "common/result.h"
#include "server/storage/snapshot_body.h"
#include "server/tree/data_tree.h"

namespace paddock::server {

// ZooKeeper's snapshots: releases 3.5 to 3.9, plain, gzip and Java's snappy stream.
// Source: ZooKeeper 3.8, persistence/FileSnap.java and SnapStream.java; storage-format.md
// section 3.

enum class SnapshotCompression { kNone, kGzip, kSnappy };

struct SnapshotFile {
  std::string name;
  Zxid zxid;  // by its name: the last one applied when writing began
  SnapshotCompression compression = SnapshotCompression::kNone;
};
// nullopt: not a snapshot's name. A name that ends in ".tmp" is not one either.
std::optional<SnapshotFile> parse_snapshot_name(std::string_view name);
std::string snapshot_file_name(Zxid zxid);
// Newest first. A folder that is not there holds none.
Result<std::vector<SnapshotFile>> list_snapshot_files(Env& env, const std::string& folder);

// ZooKeeper's quick test: whether the file's end (its magic bytes, if compressed) looks whole.
Result<bool> looks_whole(Env& env, const std::string& path, SnapshotCompression compression);

// Where the digest was taken: a snapshot may hold effects of transactions up to that one.
struct SnapshotDigest {
  Zxid zxid;  // 0: none
  std::int32_t version = 0;
  std::uint64_t tree_digest = 0;
};

struct SnapshotInfo {
  std::uint64_t sessions = 0, acls = 0, nodes = 0;
  std::optional<SnapshotDigest> digest;  // since 3.6
  std::optional<Zxid> last_processed;    // since 3.9
};

// Reads a whole snapshot in bounded memory and checks every seal. Code::kCorrupt with file and byte
// offset (of the uncompressed stream) where it is not one; a field above `field_bytes_max` is
// kTooLarge. Nodes were passed on before the seal behind them was checked: on an error, the visitor
// drops them.
Result<SnapshotInfo> read_snapshot(Env& env, const std::string& path,
                                   SnapshotCompression compression, std::uint32_t field_bytes_max,
                                   SnapshotVisitor& visitor);

// The same into a tree that has nothing loaded yet. The caller ends with tree.finish_load().
Result<SnapshotInfo> load_snapshot(Env& env, const std::string& path,
                                   SnapshotCompression compression, std::uint32_t field_bytes_max,
                                   DataTree& tree);

// Writes `tree` as ZooKeeper 3.8 does, uncompressed, with the digest if digests are on. A crash
// leaves the whole file or none (`path`.tmp, sync, rename, sync of the folder).
Result<void> write_snapshot(Env& env, const std::string& path, const DataTree& tree);

}  // namespace paddock::server
