#pragma once

#include <string>

#include "common/ids.h"
#include "server/tree/acl_table.h"

namespace paddock::server {

// One change of one node, as watches see it. What fires, and in which order, is WatchTable's
// matter.
struct TreeChange {
  enum class Kind { kCreated, kDeleted, kDataChanged };
  Kind kind{};
  Zxid zxid;
  std::string path;
  AclRef node_acl;    // the node's; its last one if it is gone
  AclRef parent_acl;  // the parent's; null for kDataChanged
};

}  // namespace paddock::server
