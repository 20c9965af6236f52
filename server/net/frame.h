#pragma once

#include <cstddef>
#include <cstdint>

#include "common/bytes.h"

// Length-prefixed frames in a stream of bytes. Source: client-protocol.md section 1.
namespace paddock::server {

inline constexpr std::size_t kFramePrefixBytes = 4;

// What the bytes at the head of a stream are.
struct FrameHead {
  enum class State {
    kPartial,  // more bytes are needed: `need` of them to know more, or to have the whole frame
    kWhole,    // `body` is the frame without its prefix
    kTooLong,  // the prefix is above the limit, or negative: `length`
    kWord,     // `body` is an operator's word; said only by who knows the words
  } state{};
  std::size_t need = 0;
  std::uint32_t length = 0;
  ByteView body;
};

// Looks at the first frame of `bytes`. The prefix is judged before anything is stored for it.
FrameHead first_frame(ByteView bytes, std::uint32_t frame_bytes_max);

}  // namespace paddock::server
