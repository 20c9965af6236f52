#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "common/ids.h"
#include "common/value.h"
#include "server/tree/acl_table.h"
#include "server/tree/persisted.h"

namespace paddock::server {

// What has changed since the last checkpoint, by value where it may change again and by reference
// where it cannot. Applied over the previous checkpoint it gives exactly the tree at `zxid`.
struct Dirty {
  struct Node {
    StatPersisted stat;
    AclRef acl;
    Value data;
  };
  // nullopt: deleted. The root's path is "".
  boost::unordered_flat_map<std::string, std::optional<Node>> nodes;
  boost::unordered_flat_map<SessionId, std::optional<std::int32_t>> sessions;  // timeout_ms

  Zxid zxid;                      // the last transaction in it
  std::uint64_t tree_digest = 0;  // ZooKeeper's digest of the tree at `zxid`
  std::size_t bytes = 0;          // about what it holds in memory, and will write

  bool empty() const { return nodes.empty() && sessions.empty(); }
};

}  // namespace paddock::server
