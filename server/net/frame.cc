#include "server/net/frame.h"

namespace paddock::server {

FrameHead first_frame(ByteView bytes, std::uint32_t frame_bytes_max) {
  FrameHead head;
  if (bytes.size() < kFramePrefixBytes) {
    head.state = FrameHead::State::kPartial;
    head.need = kFramePrefixBytes - bytes.size();
    return head;
  }
  head.length = load_be32(bytes.data());  // a negative one is a very large one
  const std::size_t there = bytes.size() - kFramePrefixBytes;
  if (head.length > frame_bytes_max) {
    head.state = FrameHead::State::kTooLong;
  } else if (there < head.length) {
    head.state = FrameHead::State::kPartial;
    head.need = head.length - there;
  } else {
    head.state = FrameHead::State::kWhole;
    head.body = bytes.subspan(kFramePrefixBytes, head.length);
  }
  return head;
}

}  // namespace paddock::server
