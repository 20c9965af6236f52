#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/check.h"

namespace paddock::server {

// Where something is in a NodeArena, in four bytes instead of the eight of a pointer.
struct NodeRef {
  std::uint32_t value = 0;  // 0: nowhere
  explicit operator bool() const { return value != 0; }
  friend bool operator==(NodeRef, NodeRef) = default;
};

// The memory of a tree's nodes: pieces of up to some hundred bytes without a header each, cut from
// chunks, and given out again to pieces of the same size once they are free. A chunk is kept until
// the arena goes.
// Thread: the tree's writer; at() from any thread while it is shut out.
// Failure: holds 32 GB, some 300 million nodes; beyond, the process stops.
class NodeArena {
 public:
  static constexpr std::size_t kUnit = 8;  // sizes are multiples, and addresses aligned to it
  static constexpr std::size_t kPieceMax = 512;

  NodeRef allocate(std::size_t bytes);
  void free(NodeRef piece, std::size_t bytes);

  template <typename T>
  T* at(NodeRef ref) {
    return reinterpret_cast<T*>(address(ref));
  }
  template <typename T>
  const T* at(NodeRef ref) const {
    return reinterpret_cast<const T*>(address(ref));
  }

  std::size_t memory_bytes() const { return chunks_.size() * kChunkUnits * kUnit; }

 private:
  static constexpr std::uint32_t kChunkBits = 16;
  static constexpr std::uint32_t kChunkUnits = 1u << kChunkBits;

  std::byte* address(NodeRef ref) const {
    return chunks_[ref.value >> kChunkBits].get() + (ref.value & (kChunkUnits - 1)) * kUnit;
  }
  void add_chunk();

  std::vector<std::unique_ptr<std::byte[]>> chunks_;
  std::uint32_t used_ = kChunkUnits;  // units of the last chunk
  std::array<NodeRef, kPieceMax / kUnit + 1>
      free_{};  // by units; each free piece begins with the next
};

}  // namespace paddock::server
