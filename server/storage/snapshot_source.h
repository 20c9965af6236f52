#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "common/env.h"
#include "common/result.h"
#include "server/storage/snapshot_file.h"

namespace paddock::server {

// The uncompressed bytes of a snapshot, one behind the other, in bounded memory.
// Thread: its owner's. Errors: Code::kCorrupt where the compressed stream is damaged.
class SnapshotSource {
 public:
  virtual ~SnapshotSource() = default;
  // Some bytes into `to`, at least one unless the stream has ended.
  virtual Result<std::size_t> read(std::span<std::uint8_t> to) = 0;
};

// Source of the snappy framing: snappy-java, SnappyOutputStream; storage-format.md section 3.
Result<std::unique_ptr<SnapshotSource>> open_snapshot_source(Env& env, const std::string& path,
                                                             SnapshotCompression compression);

}  // namespace paddock::server
