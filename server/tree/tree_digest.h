#pragma once

#include <cstdint>
#include <string_view>

#include "common/bytes.h"
#include "server/tree/persisted.h"

// One node's part of ZooKeeper's tree digest: the CRC-32 of path, data and stat. The tree's digest
// is the sum over its nodes. Source: ZooKeeper 3.8, DigestCalculator; peer-protocol.md C3.
namespace paddock::server {

// Path and data: kept with the node, because a change of the stat alone need not read them again.
std::uint32_t content_crc(std::string_view path, ByteView data);
std::uint32_t node_digest(std::uint32_t content_crc, const StatPersisted& stat);

// Whether a node counts: all but those below /zookeeper.
inline bool is_in_digest(std::string_view path) {
  return !path.starts_with("/zookeeper/");
}

}  // namespace paddock::server
