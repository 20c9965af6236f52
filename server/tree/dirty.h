#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/unordered/unordered_flat_map.hpp>

#include "common/ids.h"
#include "common/value.h"
#include "server/tree/acl_table.h"
#include "server/tree/hash_index.h"
#include "server/tree/persisted.h"

namespace paddock::server {

// A node's whole state at one moment.
struct DirtyNode {
  StatPersisted stat{};
  AclRef acl{};
  Value data{};
};

// Nodes by path, in the order in which they were first touched. A map that never moves what it
// holds and never stalls to grow, since it grows inside apply.
class DirtyNodes {
 public:
  using value_type = std::pair<const std::string, std::optional<DirtyNode>>;
  using const_iterator = std::deque<value_type>::const_iterator;

  explicit DirtyNodes(std::uint64_t hash_seed = 0) : hash_seed_(hash_seed) {}

  // The entry of `path`, made if it is not there.
  std::optional<DirtyNode>& operator[](std::string_view path) {
    return at(path, hash_of_path(path, hash_seed_));
  }
  // The same for who knows the path's hash already.
  std::optional<DirtyNode>& at(std::string_view path, std::uint64_t hash);

  const_iterator find(std::string_view path) const;
  bool contains(std::string_view path) const { return find(path) != end(); }
  const std::optional<DirtyNode>& at(std::string_view path) const;  // it is there
  const_iterator begin() const { return entries_.begin(); }
  const_iterator end() const { return entries_.end(); }
  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }

 private:
  std::uint64_t hash_seed_;
  std::deque<value_type> entries_;
  HashIndex index_;  // of the entries' places, counted from 1
};

// What has changed since the last checkpoint, by value where it may change again and by reference
// where it cannot. Applied over the previous checkpoint it gives exactly the tree at `zxid`.
struct Dirty {
  using Node = DirtyNode;

  DirtyNodes nodes{};  // nullopt: deleted. The root's path is "".
  boost::unordered_flat_map<SessionId, std::optional<std::int32_t>, std::hash<SessionId>>
      sessions{};  // timeout_ms; nullopt: closed

  Zxid zxid{};                    // the last transaction in it
  std::uint64_t tree_digest = 0;  // ZooKeeper's digest of the tree at `zxid`
  std::size_t bytes = 0;          // about what it holds in memory, and will write

  bool empty() const { return nodes.empty() && sessions.empty(); }
};

}  // namespace paddock::server
