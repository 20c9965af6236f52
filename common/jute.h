#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/bytes.h"
#include "common/result.h"

namespace paddock {

// Reads jute's encodings from bytes that somebody else wrote. Views point into those bytes. Nothing
// is allocated from a length before the bytes are known to be there. After an error, discard it.
// Source: ZooKeeper 3.8, jute BinaryInputArchive; client-protocol.md section 2.
class JuteReader {
 public:
  explicit JuteReader(ByteView bytes) : bytes_(bytes) {}

  Result<bool> read_bool();
  Result<std::int32_t> read_int();
  Result<std::int64_t> read_long();
  Result<std::optional<ByteView>> read_buffer();           // nullopt: null (length -1)
  Result<std::optional<std::string_view>> read_ustring();  // nullopt: null
  Result<std::string_view> read_string();                  // null reads as ""
  // The count of a vector whose elements take at least `element_bytes_min` each: -1 is null.
  // A count that the remaining bytes cannot hold is Code::kMalformed.
  Result<std::int32_t> read_count(std::size_t element_bytes_min);
  Result<ByteView> read_raw(std::size_t bytes);

  std::size_t offset() const { return offset_; }
  std::size_t remaining() const { return bytes_.size() - offset_; }
  ByteView rest() const { return bytes_.subspan(offset_); }
  ByteView since(std::size_t offset) const { return bytes_.subspan(offset, offset_ - offset); }

 private:
  Error short_by(std::string_view what, std::size_t need) const;

  ByteView bytes_;
  std::size_t offset_ = 0;
};

// Appends jute's encodings to `to`, which outlives the writer.
class JuteWriter {
 public:
  explicit JuteWriter(Bytes& to) : to_(to) {}

  void write_bool(bool value) { to_.push_back(value ? 1 : 0); }
  void write_int(std::int32_t value) { store_be32(grow(4), static_cast<std::uint32_t>(value)); }
  void write_long(std::int64_t value) { store_be64(grow(8), static_cast<std::uint64_t>(value)); }
  void write_buffer(std::optional<ByteView> bytes);
  void write_string(std::string_view text) { write_buffer(as_bytes(text)); }
  void write_ustring(std::optional<std::string_view> text);
  void write_raw(ByteView bytes) { append(to_, bytes); }

  // Room for an int that is known only later, such as a frame's length.
  std::size_t reserve_int() {
    const std::size_t at = to_.size();
    write_int(0);
    return at;
  }
  void patch_int(std::size_t at, std::int32_t value) {
    store_be32(to_.data() + at, static_cast<std::uint32_t>(value));
  }
  std::size_t size() const { return to_.size(); }
  Bytes& bytes() { return to_; }

 private:
  std::uint8_t* grow(std::size_t bytes) {
    to_.resize(to_.size() + bytes);
    return to_.data() + to_.size() - bytes;
  }
  Bytes& to_;
};

}  // namespace paddock
