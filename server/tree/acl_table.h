#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

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

// An entry of its own, outside any table.
AclRef make_acl_entry(std::uint32_t number, AclBytes acl);

// ZooKeeper's number for "made without an ACL", which means world:anyone:31 and is never stored.
inline constexpr std::int64_t kOpenAclKey = -1;

// Distinct ACLs by number, counted by the nodes that use them; a number's last user takes the entry
// away (ZOOKEEPER-2141), and the number may be given again. Number 0 is the open ACL
// (world:anyone:31) and always there: that of system nodes, and of all that ask for the same.
// Thread: whoever owns the tree.
class AclTable {
 public:
  AclTable();

  // The number of `acl`, which has one user more now. No bytes, or a null list: the open ACL.
  std::uint32_t acquire(AclBytes acl);
  void release(std::uint32_t number);  // one user less

  const AclRef& at(std::uint32_t number) const { return slots_[number].entry; }
  std::size_t size() const { return by_bytes_.size() + 1; }

 private:
  struct Slot {
    AclRef entry;
    std::uint64_t users = 0;
  };
  std::uint32_t add(AclBytes acl);

  std::vector<Slot> slots_;                                              // by number
  std::vector<std::uint32_t> free_;                                      // numbers
  boost::unordered_flat_map<std::string_view, std::uint32_t> by_bytes_;  // keys in the entries
  std::uint32_t last_ = 0;  // most creates ask for what the one before asked for
};

}  // namespace paddock::server
