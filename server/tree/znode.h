#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "common/ids.h"
#include "common/value.h"
#include "server/tree/node_arena.h"

namespace paddock::server {

// One node, in 74 bytes and its name. It knows its parent and its last component, never its whole
// path. What few nodes have is elsewhere: Branch for who has had children, Owned for ephemerals,
// containers and TTL nodes.
//
// In the arena: the fixed part, the name, and Owned at the end where there is one. Others use a
// node through DataTree, which knows the arena.
class Znode {
 public:
  // What a node has from its first child on.
  struct Branch {
    Zxid pzxid{};
    std::int32_t cversion = 0;  // creates of children
    std::int32_t child_count = 0;
    NodeRef first_child{};
  };
  // What a node has whose ephemeral owner is not 0: its place among the nodes of that owner.
  struct Owned {
    std::int64_t owner = 0;
    NodeRef next{}, previous{};
  };

  std::string_view name() const {
    if (name_length_ != kNameElsewhere) return {tail_, name_length_};
    return long_name()->view();
  }
  const Owned* owned() const {
    return has_owner_ ? reinterpret_cast<const Owned*>(base() + owned_offset(name_length_))
                      : nullptr;
  }
  std::int64_t owner() const { return has_owner_ ? owned()->owner : 0; }

 private:
  friend class DataTree;

  // A name of 255 bytes or more is an allocation of its own.
  struct LongName {
    std::size_t size;
    std::string_view view() const { return {reinterpret_cast<const char*>(this + 1), size}; }
  };
  static constexpr std::uint8_t kNameElsewhere = 255;

  Znode() = default;
  ~Znode();
  Znode(const Znode&) = delete;
  Znode& operator=(const Znode&) = delete;

  // How many bytes a node takes in the arena.
  static std::size_t size_of(std::size_t name_size, bool has_owner);
  std::size_t size() const { return size_of(name().size(), has_owner_); }
  // At `memory`, which has size_of() bytes.
  static Znode* make(void* memory, std::string_view name, std::int64_t owner);

  static std::size_t inline_size(std::uint8_t name_length) {
    return name_length == kNameElsewhere ? sizeof(LongName*) : name_length;
  }
  static std::size_t owned_offset(std::uint8_t name_length);
  const std::byte* base() const { return reinterpret_cast<const std::byte*>(this); }
  Owned* owned() { return const_cast<Owned*>(static_cast<const Znode*>(this)->owned()); }
  LongName* long_name() const {
    LongName* name = nullptr;
    std::memcpy(&name, tail_, sizeof name);
    return name;
  }

  Zxid czxid_, mzxid_;
  WallMillis ctime_, mtime_;
  Value data_;
  std::int32_t version_ = 0, aversion_ = 0;
  std::uint32_t acl_ = 0;          // its number in the AclTable
  std::uint32_t content_crc_ = 0;  // CRC-32 of path and data: the costly part of the digest
  NodeRef parent_;                 // none: the root
  NodeRef next_, previous_;        // siblings
  NodeRef branch_;                 // none: pzxid is czxid, cversion 0, no children
  std::uint8_t name_length_ = 0;
  bool has_owner_ : 1 = false;
  bool in_digest_ : 1 = false;
  char tail_[6];  // where the name begins; it goes on behind
};
static_assert(sizeof(Znode) == 80, "the memory budget counts on it");

inline std::size_t Znode::owned_offset(std::uint8_t name_length) {
  constexpr std::size_t kTail = sizeof(Znode) - sizeof(tail_);
  return (kTail + inline_size(name_length) + 7) / 8 * 8;
}

}  // namespace paddock::server
