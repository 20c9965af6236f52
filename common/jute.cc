#include "common/jute.h"

#include "common/concat.h"

namespace paddock {

Error JuteReader::short_by(std::string_view what, std::size_t need) const {
  return Error{Code::kMalformed, concat(what, " of ", need, " bytes at byte ", offset_, ", but ",
                                        remaining(), " bytes are left")};
}

Result<ByteView> JuteReader::read_raw(std::size_t bytes) {
  if (bytes > remaining()) return short_by("field", bytes);
  const ByteView view = bytes_.subspan(offset_, bytes);
  offset_ += bytes;
  return view;
}

Result<bool> JuteReader::read_bool() {
  if (remaining() < 1) return short_by("boolean", 1);
  return bytes_[offset_++] != 0;
}

Result<std::int32_t> JuteReader::read_int() {
  if (remaining() < 4) return short_by("int", 4);
  offset_ += 4;
  return static_cast<std::int32_t>(load_be32(bytes_.data() + offset_ - 4));
}

Result<std::int64_t> JuteReader::read_long() {
  if (remaining() < 8) return short_by("long", 8);
  offset_ += 8;
  return static_cast<std::int64_t>(load_be64(bytes_.data() + offset_ - 8));
}

Result<std::optional<ByteView>> JuteReader::read_buffer() {
  PADDOCK_TRY(const std::int32_t length, read_int());
  if (length == -1) return std::optional<ByteView>{};
  if (length < 0) {
    return Error{Code::kMalformed, concat("buffer of ", length, " bytes at byte ", offset_ - 4)};
  }
  if (static_cast<std::size_t>(length) > remaining()) {
    return short_by("buffer", static_cast<std::size_t>(length));
  }
  PADDOCK_TRY(const ByteView view, read_raw(static_cast<std::size_t>(length)));
  return std::optional(view);
}

Result<std::optional<std::string_view>> JuteReader::read_ustring() {
  PADDOCK_TRY(const std::optional<ByteView> bytes, read_buffer());
  if (!bytes) return std::optional<std::string_view>{};
  return std::optional(as_chars(*bytes));
}

Result<std::string_view> JuteReader::read_string() {
  PADDOCK_TRY(const std::optional<ByteView> bytes, read_buffer());
  return bytes ? as_chars(*bytes) : std::string_view{};
}

Result<std::int32_t> JuteReader::read_count(std::size_t element_bytes_min) {
  PADDOCK_TRY(const std::int32_t count, read_int());
  if (count < -1 ||
      (count > 0 && static_cast<std::size_t>(count) > remaining() / element_bytes_min)) {
    return Error{Code::kMalformed, concat("vector of ", count, " elements at byte ", offset_ - 4,
                                          ", but ", remaining(), " bytes are left")};
  }
  return count;
}

void JuteWriter::write_buffer(std::optional<ByteView> bytes) {
  if (!bytes) return write_int(-1);
  write_int(static_cast<std::int32_t>(bytes->size()));
  append(to_, *bytes);
}

void JuteWriter::write_ustring(std::optional<std::string_view> text) {
  if (!text) return write_int(-1);
  write_string(*text);
}

}  // namespace paddock
