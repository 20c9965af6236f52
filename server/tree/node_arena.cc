#include "server/tree/node_arena.h"

#include <new>

namespace paddock::server {

NodeRef NodeArena::allocate(std::size_t bytes) {
  PADDOCK_CHECK(bytes > 0 && bytes <= kPieceMax);
  const auto units = static_cast<std::uint32_t>((bytes + kUnit - 1) / kUnit);
  if (NodeRef& head = free_[units]; head) {
    const NodeRef piece = head;
    head = *at<NodeRef>(piece);
    return piece;
  }
  if (used_ + units > kChunkUnits) add_chunk();
  const auto chunk = static_cast<std::uint32_t>(chunks_.size() - 1);
  const NodeRef piece{(chunk << kChunkBits) + used_};
  used_ += units;
  return piece;
}

void NodeArena::free(NodeRef piece, std::size_t bytes) {
  NodeRef& head = free_[(bytes + kUnit - 1) / kUnit];
  new (at<void>(piece)) NodeRef(head);
  head = piece;
}

void NodeArena::add_chunk() {
  PADDOCK_CHECK(chunks_.size() < (std::size_t{1} << (32 - kChunkBits)));
  chunks_.push_back(std::make_unique_for_overwrite<std::byte[]>(kChunkUnits * kUnit));
  used_ = chunks_.size() == 1 ? 1 : 0;  // so that no piece is at 0
}

}  // namespace paddock::server
