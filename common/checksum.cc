#include "common/checksum.h"

#include <zlib.h>

namespace paddock {

std::uint32_t adler32(ByteView bytes, std::uint32_t so_far) {
  return static_cast<std::uint32_t>(::adler32_z(so_far, bytes.data(), bytes.size()));
}

std::uint32_t crc32(ByteView bytes, std::uint32_t so_far) {
  return static_cast<std::uint32_t>(::crc32_z(so_far, bytes.data(), bytes.size()));
}

}  // namespace paddock
