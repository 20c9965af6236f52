#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/bytes.h"
#include "common/check.h"

namespace paddock::server {

// Bytes that came and are not yet taken. Small while little comes; as large as one read is useful
// while much comes; larger only while its reader leaves that much, which its reader bounds.
class ReadBuffer {
 public:
  static constexpr std::size_t kBytesMin = 4u << 10;
  static constexpr std::size_t kBytesUseful = 256u << 10;

  // Where the next bytes go; at least one byte. Ends every view of bytes().
  std::span<std::uint8_t> room() {
    if (begin_ == end_) {
      begin_ = end_ = 0;
      if (buffer_.size() > kBytesUseful) Bytes().swap(buffer_);
    }
    if (begin_ > 0 && end_ == buffer_.size()) move_to_front();
    const bool full = end_ == buffer_.size();
    const bool useful = filled_up_ && buffer_.size() < kBytesUseful;
    if (full || useful) buffer_.resize(std::max(kBytesMin, 2 * buffer_.size()));
    filled_up_ = false;
    return std::span(buffer_).subspan(end_);
  }
  // So many came into the room.
  void filled(std::size_t bytes) {
    PADDOCK_CHECK(bytes <= buffer_.size() - end_);
    end_ += bytes;
    filled_up_ = end_ == buffer_.size();
  }

  ByteView bytes() const { return ByteView(buffer_).subspan(begin_, end_ - begin_); }
  void consume(std::size_t bytes) {
    PADDOCK_CHECK(bytes <= end_ - begin_);
    begin_ += bytes;
  }
  std::size_t capacity() const { return buffer_.size(); }

 private:
  void move_to_front() {
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
              buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
    end_ -= begin_;
    begin_ = 0;
  }

  Bytes buffer_;
  std::size_t begin_ = 0, end_ = 0;
  bool filled_up_ = false;  // the last read could have brought more
};

}  // namespace paddock::server
