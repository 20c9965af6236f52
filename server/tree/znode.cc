#include "server/tree/znode.h"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace paddock::server {

std::size_t Znode::size_of(std::size_t name_size, bool has_owner) {
  const auto length = static_cast<std::uint8_t>(std::min<std::size_t>(name_size, kNameElsewhere));
  const std::size_t size = owned_offset(length) + (has_owner ? sizeof(Owned) : 0);
  return std::max(size, sizeof(Znode));
}

Znode* Znode::make(void* memory, std::string_view name, std::int64_t owner) {
  Znode* node = new (memory) Znode;
  node->has_owner_ = owner != 0;
  if (name.size() < kNameElsewhere) {
    node->name_length_ = static_cast<std::uint8_t>(name.size());
    name.copy(static_cast<char*>(memory) + offsetof(Znode, tail_), name.size());
  } else {
    void* block = std::malloc(sizeof(LongName) + name.size());
    if (block == nullptr) throw std::bad_alloc();
    LongName* elsewhere = new (block) LongName{name.size()};
    std::memcpy(elsewhere + 1, name.data(), name.size());
    node->name_length_ = kNameElsewhere;
    std::memcpy(static_cast<char*>(memory) + offsetof(Znode, tail_), &elsewhere, sizeof elsewhere);
  }
  if (owner != 0) new (node->owned()) Owned{owner, {}, {}};
  return node;
}

Znode::~Znode() {
  if (name_length_ == kNameElsewhere) std::free(long_name());
}

}  // namespace paddock::server
