#pragma once

#include <optional>
#include <string>

#include "common/env.h"
#include "common/ids.h"
#include "common/result.h"

namespace paddock::server {

// acceptedEpoch and currentEpoch of an ensemble's member, in dataDir/version-2: a line of decimal
// digits, as ZooKeeper writes it, and one with their checksum; then once more the same.
// Thread: the log thread writes, in order with the log. Source: ZooKeeper 3.8, QuorumPeer.
inline constexpr const char* kAcceptedEpochFile = "acceptedEpoch";
inline constexpr const char* kCurrentEpochFile = "currentEpoch";

// nullopt: there is no such file, as on a server that stands alone. Code::kCorrupt if it is not a
// number, or not the one of its checksum; ZooKeeper's has none.
Result<std::optional<Epoch>> read_epoch(Env& env, const std::string& path);

// A crash leaves the old or the new one. Durable on return.
Result<void> write_epoch(Env& env, const std::string& path, Epoch epoch);

}  // namespace paddock::server
