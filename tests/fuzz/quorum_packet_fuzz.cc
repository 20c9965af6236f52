// What a member of an ensemble can say on the quorum port: packet after packet. The first byte
// chooses the limit. A packet that was read needed every one of its bytes, and is written so that
// it reads the same again; a refusal does not change with the bytes that follow.

#include <algorithm>
#include <optional>

#include "common/check.h"
#include "zab/quorum_codec.h"

using namespace paddock;
using namespace paddock::zab;

namespace {

Bytes encoded(const Message& message) {
  Bytes bytes;
  encode_packet(message, bytes);
  return bytes;
}

void check_settles(const Message& message) {
  const Bytes once = encoded(message);
  const Result<std::optional<Decoded>> again = decode_packet(once, PacketLimits{});
  PADDOCK_CHECK(again.ok() && *again && (*again)->message);
  PADDOCK_CHECK((*again)->bytes == once.size());
  PADDOCK_CHECK((*again)->message->index() == message.index());
  PADDOCK_CHECK(to_string(*(*again)->message) == to_string(message));
  PADDOCK_CHECK(encoded(*(*again)->message) == once);
}

void check_needs_every_byte(ByteView packet, const PacketLimits& limits) {
  const std::size_t step = packet.size() / 64 + 1;
  for (std::size_t cut = packet.size() - 1;; cut -= std::min(cut, step)) {
    const Result<std::optional<Decoded>> decoded = decode_packet(packet.first(cut), limits);
    PADDOCK_CHECK(decoded.ok());
    PADDOCK_CHECK(!decoded->has_value());
    if (cut == 0) return;
  }
}

void check_refusal(ByteView input, const Error& error, const PacketLimits& limits) {
  Bytes longer(input.begin(), input.end());
  longer.resize(longer.size() + 16, 0xff);
  const Result<std::optional<Decoded>> decoded = decode_packet(longer, limits);
  PADDOCK_CHECK(!decoded.ok());
  PADDOCK_CHECK(decoded.error().message == error.message);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const PacketLimits limits{.data_bytes_max = std::size_t{1} << (data[0] % 17)};
  ByteView rest(data + 1, size - 1);
  for (;;) {
    const Result<std::optional<Decoded>> decoded = decode_packet(rest, limits);
    if (!decoded.ok()) {
      check_refusal(rest, decoded.error(), limits);
      return 0;
    }
    if (!*decoded) return 0;
    PADDOCK_CHECK((*decoded)->bytes > 0);
    PADDOCK_CHECK((*decoded)->bytes <= rest.size());
    check_needs_every_byte(rest.first((*decoded)->bytes), limits);
    if ((*decoded)->message) check_settles(*(*decoded)->message);
    rest = rest.subspan((*decoded)->bytes);
  }
}
