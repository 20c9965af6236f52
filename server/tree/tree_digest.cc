#include "server/tree/tree_digest.h"

#include <array>

#include "common/checksum.h"

namespace paddock::server {

std::uint32_t content_crc(std::string_view path, ByteView data) {
  return crc32(data, crc32(as_bytes(path)));
}

std::uint32_t node_digest(std::uint32_t content_crc, const StatPersisted& stat) {
  std::array<std::uint8_t, 60> bytes;
  const auto put_long = [&](std::size_t at, std::int64_t value) {
    store_be64(bytes.data() + at, static_cast<std::uint64_t>(value));
  };
  const auto put_int = [&](std::size_t at, std::int32_t value) {
    store_be32(bytes.data() + at, static_cast<std::uint32_t>(value));
  };
  put_long(0, stat.czxid.value);
  put_long(8, stat.mzxid.value);
  put_long(16, stat.pzxid.value);
  put_long(24, stat.ctime.value);
  put_long(32, stat.mtime.value);
  put_int(40, stat.version);
  put_int(44, stat.cversion);
  put_int(48, stat.aversion);
  put_long(52, stat.ephemeral_owner);
  return crc32(bytes, content_crc);
}

}  // namespace paddock::server
