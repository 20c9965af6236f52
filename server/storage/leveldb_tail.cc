#include "server/storage/leveldb_tail.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

#include "common/concat.h"

namespace paddock::server {

namespace {

constexpr std::uint64_t kBlockBytes = 32768;
constexpr std::uint64_t kHeaderBytes = 7;  // checksum, length, type
constexpr std::uint64_t kSectorBytes = 512;

constexpr std::array<std::uint32_t, 256> kCrc32cTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
    table[i] = crc;
  }
  return table;
}();

std::uint32_t masked_crc32c(ByteView bytes) {
  std::uint32_t crc = ~0u;
  for (const std::uint8_t byte : bytes) crc = kCrc32cTable[(crc ^ byte) & 0xff] ^ (crc >> 8);
  crc = ~crc;
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

bool is_zero(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; });
}

// The bytes of the record at the start of `block`, the rest of a block; nullopt: it is not whole.
std::optional<std::uint64_t> record_bytes(ByteView block) {
  if (block.size() < kHeaderBytes) return std::nullopt;
  const std::uint64_t length = block[4] | static_cast<std::uint64_t>(block[5]) << 8;
  if (block[6] == 0 || kHeaderBytes + length > block.size()) return std::nullopt;
  const std::uint32_t crc = __builtin_bswap32(load_be32(block.data()));
  if (masked_crc32c(block.subspan(6, 1 + length)) != crc) return std::nullopt;
  return kHeaderBytes + length;
}

// Whether some sector behind `at` in `block`, which starts at `offset` of the file, was not
// written.
bool has_unwritten_sector(ByteView block, std::uint64_t at, std::uint64_t offset) {
  while (at < block.size()) {
    const std::uint64_t end = std::min<std::uint64_t>(
        block.size(), ((offset + at) / kSectorBytes + 1) * kSectorBytes - offset);
    if (is_zero(block.subspan(at, end - at))) return true;
    at = end;
  }
  return false;
}

// Where the file must be cut; nullopt: nowhere.
Result<std::optional<std::uint64_t>> torn_at(const File& file) {
  Bytes buffer(kBlockBytes);
  for (std::uint64_t offset = 0;; offset += kBlockBytes) {
    PADDOCK_TRY(const std::size_t n, file.read_at(offset, buffer));
    const ByteView block = ByteView(buffer).first(n);
    std::uint64_t at = 0;
    while (at < n && kBlockBytes - at >= kHeaderBytes) {
      const auto bytes = record_bytes(block.subspan(at));
      if (!bytes) {
        if (!has_unwritten_sector(block, at, offset)) return std::optional<std::uint64_t>();
        return std::optional(offset + at);
      }
      at += *bytes;
    }
    if (n < kBlockBytes) return std::optional<std::uint64_t>();
  }
}

Result<void> cut_torn_tail(Env& env, const std::string& path) {
  PADDOCK_TRY(const std::unique_ptr<File> file, env.open(path, OpenMode::kReadWrite));
  PADDOCK_TRY(const std::optional<std::uint64_t> end, torn_at(*file));
  if (!end) return {};
  PADDOCK_TRY_DO(file->truncate(*end));
  return file->sync();
}

std::optional<std::uint64_t> log_number(std::string_view name) {
  if (!name.ends_with(".log")) return std::nullopt;
  const std::string_view digits = name.substr(0, name.size() - 4);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

}  // namespace

Result<void> cut_torn_leveldb_tails(Env& env, const std::string& folder) {
  const std::string current = concat(folder, "/CURRENT");
  if (!env.exists(current)) return {};
  PADDOCK_TRY(const Bytes manifest, read_file(env, current, 256));
  std::string_view name = as_chars(manifest);
  if (name.ends_with('\n')) name.remove_suffix(1);
  const std::string path = concat(folder, "/", name);
  if (!name.empty() && env.exists(path)) PADDOCK_TRY_DO(cut_torn_tail(env, path));

  PADDOCK_TRY(const std::vector<std::string> names, env.list(folder));
  std::optional<std::uint64_t> newest;
  std::string newest_name;
  for (const std::string& each : names) {
    const auto number = log_number(each);
    if (!number || (newest && *number < *newest)) continue;
    newest = number;
    newest_name = each;
  }
  return newest ? cut_torn_tail(env, concat(folder, "/", newest_name)) : Result<void>();
}

}  // namespace paddock::server
