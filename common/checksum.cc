#include "common/checksum.h"

#include <libdeflate.h>

namespace paddock {

// To libdeflate a null pointer means "the start value", so nothing is not passed on.

std::uint32_t adler32(ByteView bytes, std::uint32_t so_far) {
  return bytes.empty() ? so_far : libdeflate_adler32(so_far, bytes.data(), bytes.size());
}

std::uint32_t crc32(ByteView bytes, std::uint32_t so_far) {
  return bytes.empty() ? so_far : libdeflate_crc32(so_far, bytes.data(), bytes.size());
}

}  // namespace paddock
