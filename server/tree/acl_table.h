#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "common/acl.h"
#include "common/bytes.h"

namespace paddock::server {

// One distinct ACL of the tree. Immutable once made, so that an event may carry it to another
// thread after the node, and even the table's entry, is gone.
struct AclEntry {
  std::uint32_t number = 0;
  Bytes encoded;             // jute vector<ACL>, as clients and transactions have it
  std::vector<Acl> entries;  // the same, decoded
  std::int32_t anyone = 0;   // permissions that world:anyone has: the answer for most checks
};
using AclRef = std::shared_ptr<const AclEntry>;

// ZooKeeper's number for "made without an ACL", which means world:anyone:31 and is never stored.
inline constexpr std::int64_t kOpenAclKey = -1;

// Distinct ACLs by number, counted by the nodes that use them; a number's last user takes the entry
// away (ZOOKEEPER-2141). Number 0 is the open ACL of system nodes and always there.
// Thread: whoever owns the tree.
class AclTable;

}  // namespace paddock::server
