// The stream behind SNAP as a leader may send it, whole and in pieces: the same error, or the same
// tree. The first byte chooses the pieces.

#include <algorithm>

#include "server/storage/snapshot_stream.h"

using namespace paddock;
using namespace paddock::server;

namespace {

constexpr std::uint32_t kFieldBytes = 1u << 20;

// 0 while it is not done; else the tree's digest and size.
Result<std::uint64_t> take(ByteView stream, std::size_t piece_bytes) {
  SnapshotDecoder decoder(TreeOptions{}, kFieldBytes);
  while (!stream.empty() && !decoder.done()) {
    const ByteView piece = stream.first(std::min(stream.size(), piece_bytes));
    PADDOCK_TRY(const std::size_t taken, decoder.take(piece));
    PADDOCK_CHECK(taken == piece.size() || decoder.done());
    stream = stream.subspan(piece.size());
  }
  if (!decoder.done()) return std::uint64_t{0};
  const auto tree = decoder.finish(Zxid{1});
  return tree->digest() + tree->node_count();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView stream(data + 1, size - 1);
  const auto whole = take(stream, size);
  const auto cut = take(stream, 1 + data[0] % 64);
  PADDOCK_CHECK(whole.ok() == cut.ok());
  if (whole.ok()) PADDOCK_CHECK(*whole == *cut);
  return 0;
}
