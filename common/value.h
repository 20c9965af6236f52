#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>
#include <utility>

#include "common/bytes.h"

namespace paddock {

// The bytes of a znode: null, empty, or some. Immutable and reference-counted, so that a reply, the
// checkpoint and the tree share one copy across threads. Eight bytes wide; null and empty allocate
// nothing.
class Value {
 public:
  Value() = default;  // null
  explicit Value(ByteView bytes) : block_(make(bytes)) {}
  explicit Value(std::optional<ByteView> bytes) : block_(bytes ? make(*bytes) : nullptr) {}
  Value(const Value& other) : block_(other.block_) { retain(); }
  Value(Value&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Value& operator=(Value other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Value() { release(); }

  bool is_null() const { return block_ == nullptr; }
  std::size_t size() const { return block_ == nullptr ? 0 : block_->size; }
  ByteView bytes() const {
    return block_ == nullptr ? ByteView{} : ByteView{block_->bytes(), block_->size};
  }
  std::optional<ByteView> get() const {
    return block_ == nullptr ? std::nullopt : std::optional(bytes());
  }

 private:
  struct Block {
    std::atomic<std::uint32_t> references;
    std::uint32_t size;
    std::uint8_t* bytes() { return reinterpret_cast<std::uint8_t*>(this + 1); }
  };

  static Block* empty_block() {
    static Block block{{1}, 0};
    return &block;
  }
  static Block* make(ByteView bytes) {
    if (bytes.empty()) return empty_block();
    void* memory = std::malloc(sizeof(Block) + bytes.size());
    if (memory == nullptr) throw std::bad_alloc();
    Block* block = new (memory) Block{{1}, static_cast<std::uint32_t>(bytes.size())};
    std::memcpy(block->bytes(), bytes.data(), bytes.size());
    return block;
  }
  void retain() const {
    if (block_ != nullptr && block_ != empty_block()) {
      block_->references.fetch_add(1, std::memory_order_relaxed);
    }
  }
  void release() {
    if (block_ == nullptr || block_ == empty_block()) return;
    if (block_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) std::free(block_);
  }

  Block* block_ = nullptr;
};
static_assert(sizeof(Value) == 8);

}  // namespace paddock
