#pragma once

#include <cstdint>

#include "common/bytes.h"

namespace paddock {

inline constexpr std::uint32_t kAdler32Start = 1;
inline constexpr std::uint32_t kCrc32Start = 0;

// Adler-32 (RFC 1950) of `bytes` behind what `so_far` stands for.
std::uint32_t adler32(ByteView bytes, std::uint32_t so_far = kAdler32Start);

// CRC-32 with zlib's polynomial.
std::uint32_t crc32(ByteView bytes, std::uint32_t so_far = kCrc32Start);

}  // namespace paddock
