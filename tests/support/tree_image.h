#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "common/ids.h"
#include "server/tree/data_tree.h"
#include "server/tree/dirty.h"

namespace paddock::test {

// A tree on a simulated disk, or on its way to a learner: what a checkpoint holds, at one zxid.
struct TreeImage {
  std::map<std::string, server::DirtyNode> nodes;  // in order of paths; the root's is ""
  std::map<SessionId, std::int32_t> sessions;      // timeouts in ms
  Zxid zxid;

  // What has changed since.
  void apply(const server::Dirty& dirty);
};

// All of it in a tree. Null: what a server begins with.
std::unique_ptr<server::DataTree> load(const TreeImage* image);

// A hash over all that replicas must have in common, which is more than ZooKeeper's digest covers:
// every node's path, data, ACL and stat, and the sessions. Not /zookeeper/config, which is each
// server's own.
std::uint64_t hash_of(const server::DataTree& tree);

}  // namespace paddock::test
