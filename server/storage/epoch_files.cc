#include "server/storage/epoch_files.h"

#include <algorithm>
#include <charconv>

#include "common/checksum.h"
#include "common/concat.h"

namespace paddock::server {

namespace {

// Each copy is in a sector of its own: whatever a power failure does to one that is being written,
// the other one is whole.
constexpr std::size_t kCopyBytes = 512;
constexpr std::size_t kCopies = 2;

Error not_a_number(const std::string& path) {
  return Error{
      Code::kCorrupt,
      concat(path, ": not a decimal number. Restore it from a backup, or remove all of this ",
             "server's data and let it synchronize as a new one")};
}

std::string_view without_line_ends(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

std::optional<Epoch> number_in(std::string_view digits) {
  Epoch epoch;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), epoch.value);
  const bool is_number = error == std::errc() && end == digits.data() + digits.size();
  return is_number && epoch.value >= 0 ? std::optional(epoch) : std::nullopt;
}

std::string copy_of(Epoch epoch) {
  std::string text = concat(epoch.value, "\n");
  text += concat(hex(crc32(as_bytes(text))), "\n");
  text.resize(kCopyBytes, '\n');
  return text;
}

// nullopt: it is not what was written.
std::optional<Epoch> number_in_copy(std::string_view copy) {
  const std::optional<Epoch> epoch = number_in(copy.substr(0, copy.find('\n')));
  return epoch && copy == copy_of(*epoch) ? epoch : std::nullopt;
}

}  // namespace

Result<std::optional<Epoch>> read_epoch(Env& env, const std::string& path) {
  if (!env.exists(path)) return std::optional<Epoch>();
  const Result<Bytes> content = read_file(env, path, kCopies * kCopyBytes);
  if (!content && content.error().code == Code::kTooLarge) return not_a_number(path);
  if (!content) return content.error();
  const std::string_view text = as_chars(*content);
  // Without a crash both say the same; if one came, the write was not acknowledged.
  const std::optional<Epoch> epoch = text.size() == kCopies * kCopyBytes
                                         ? std::max(number_in_copy(text.substr(0, kCopyBytes)),
                                                    number_in_copy(text.substr(kCopyBytes)))
                                         : number_in(without_line_ends(text));
  if (!epoch) return not_a_number(path);
  return epoch;
}

// In place where it can be: one flush of the disk, where a rename takes several, and a new leader
// serves after two of these writes.
Result<void> write_epoch(Env& env, const std::string& path, Epoch epoch) {
  const std::string copy = copy_of(epoch);
  const Result<std::unique_ptr<File>> file = env.open(path, OpenMode::kReadWrite);
  if (!file && file.error().code != Code::kNotFound) return file.error();
  if (!file) return replace_file(env, path, as_bytes(copy + copy));
  PADDOCK_TRY(const std::uint64_t size, (*file)->size());
  if (size != kCopies * kCopyBytes) return replace_file(env, path, as_bytes(copy + copy));
  for (std::size_t i = 0; i < kCopies; ++i) {
    PADDOCK_TRY_DO((*file)->write_at(i * kCopyBytes, as_bytes(copy)));
  }
  return (*file)->sync();
}

}  // namespace paddock::server
