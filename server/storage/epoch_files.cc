#include "server/storage/epoch_files.h"

#include <charconv>

#include "common/concat.h"

namespace paddock::server {

namespace {

constexpr std::uint64_t kEpochFileBytesMax = 32;

Error not_a_number(const std::string& path) {
  return Error{
      Code::kCorrupt,
      concat(path, ": not a decimal number. Restore it from a backup, or remove all of this ",
             "server's data and let it synchronize as a new one")};
}

}  // namespace

Result<std::optional<Epoch>> read_epoch(Env& env, const std::string& path) {
  if (!env.exists(path)) return std::optional<Epoch>();
  const Result<Bytes> content = read_file(env, path, kEpochFileBytesMax);
  if (!content && content.error().code == Code::kTooLarge) return not_a_number(path);
  if (!content) return content.error();
  std::string_view text = as_chars(*content);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  Epoch epoch;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), epoch.value);
  if (error != std::errc() || end != text.data() + text.size() || epoch.value < 0) {
    return not_a_number(path);
  }
  return std::optional<Epoch>(epoch);
}

Result<void> write_epoch(Env& env, const std::string& path, Epoch epoch) {
  return replace_file(env, path, as_bytes(concat(epoch.value)));
}

}  // namespace paddock::server
