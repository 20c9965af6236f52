#include "server/storage/snapshot_source.h"

#include <algorithm>
#include <array>

#include <snappy.h>
#include <zlib.h>

#include "common/concat.h"

namespace paddock::server {

namespace {

constexpr std::size_t kBufferBytes = 64u << 10;
constexpr std::size_t kSnappyBlockBytesMax = 32u << 20;  // the writer's default is 32 KiB
constexpr std::array<std::uint8_t, 8> kSnappyMagic = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};

// The bytes of the file itself.
class PlainSource final : public SnapshotSource {
 public:
  explicit PlainSource(std::unique_ptr<File> file) : file_(std::move(file)) {}

  Result<std::size_t> read(std::span<std::uint8_t> to) override {
    PADDOCK_TRY(const std::size_t n, file_->read_at(offset_, to));
    offset_ += n;
    return n;
  }
  // All of `to`; less only at the end of the file.
  Result<std::size_t> read_all(std::span<std::uint8_t> to) { return read(to); }
  std::uint64_t offset() const { return offset_; }

 private:
  std::unique_ptr<File> file_;
  std::uint64_t offset_ = 0;
};

class GzipSource final : public SnapshotSource {
 public:
  GzipSource(PlainSource below, std::string path)
      : below_(std::move(below)), path_(std::move(path)), buffer_(kBufferBytes) {}
  ~GzipSource() override { inflateEnd(&stream_); }

  Result<void> start() {
    constexpr int kGzip = 16 + MAX_WBITS;
    return inflateInit2(&stream_, kGzip) == Z_OK ? Result<void>() : damaged();
  }

  Result<std::size_t> read(std::span<std::uint8_t> to) override {
    if (ended_) return std::size_t{0};
    stream_.next_out = to.data();
    stream_.avail_out = static_cast<uInt>(std::min<std::size_t>(to.size(), UINT32_MAX));
    const uInt wanted = stream_.avail_out;
    while (stream_.avail_out == wanted) {
      if (stream_.avail_in == 0) {
        PADDOCK_TRY(const std::size_t n, below_.read(buffer_));
        if (n == 0) return damaged();
        stream_.next_in = buffer_.data();
        stream_.avail_in = static_cast<uInt>(n);
      }
      const int code = inflate(&stream_, Z_NO_FLUSH);
      if (code == Z_STREAM_END) {
        ended_ = true;
        break;
      }
      if (code != Z_OK) return damaged();
    }
    return static_cast<std::size_t>(wanted - stream_.avail_out);
  }

 private:
  Error damaged() const {
    return Error{Code::kCorrupt, concat(path_, ", near byte ", below_.offset(),
                                        " of the file: not a whole gzip stream")};
  }

  PlainSource below_;
  const std::string path_;
  Bytes buffer_;
  z_stream stream_{};
  bool ended_ = false;
};

class SnappySource final : public SnapshotSource {
 public:
  SnappySource(PlainSource below, std::string path)
      : below_(std::move(below)), path_(std::move(path)) {}

  Result<void> start() {
    std::array<std::uint8_t, 16> header;  // magic, version, oldest compatible version
    PADDOCK_TRY(const std::size_t n, below_.read_all(header));
    const bool good =
        n == header.size() && std::equal(kSnappyMagic.begin(), kSnappyMagic.end(), header.begin());
    return good ? Result<void>() : damaged();
  }

  Result<std::size_t> read(std::span<std::uint8_t> to) override {
    while (at_ == block_.size()) {
      PADDOCK_TRY(const bool more, next_block());
      if (!more) return std::size_t{0};
    }
    const std::size_t n = std::min(to.size(), block_.size() - at_);
    std::copy_n(block_.begin() + static_cast<std::ptrdiff_t>(at_), n, to.begin());
    at_ += n;
    return n;
  }

 private:
  Result<bool> next_block() {
    std::array<std::uint8_t, 4> head;
    PADDOCK_TRY(const std::size_t got, below_.read_all(head));
    if (got == 0) return false;
    const std::size_t length = load_be32(head.data());
    if (got != head.size() || length > kSnappyBlockBytesMax) return damaged();
    compressed_.resize(length);
    PADDOCK_TRY(const std::size_t n, below_.read_all(compressed_));
    const char* const from = reinterpret_cast<const char*>(compressed_.data());
    std::size_t bytes = 0;
    if (n != length || !snappy::GetUncompressedLength(from, length, &bytes) ||
        bytes > kSnappyBlockBytesMax) {
      return damaged();
    }
    block_.resize(bytes);
    at_ = 0;
    if (!snappy::RawUncompress(from, length, reinterpret_cast<char*>(block_.data()))) {
      return damaged();
    }
    return true;
  }

  Error damaged() const {
    return Error{Code::kCorrupt, concat(path_, ", near byte ", below_.offset(),
                                        " of the file: not a whole snappy stream")};
  }

  PlainSource below_;
  const std::string path_;
  Bytes compressed_;
  Bytes block_;
  std::size_t at_ = 0;  // in block_
};

template <typename Source>
Result<std::unique_ptr<SnapshotSource>> started(std::unique_ptr<Source> source) {
  PADDOCK_TRY_DO(source->start());
  return std::unique_ptr<SnapshotSource>(std::move(source));
}

}  // namespace

Result<std::unique_ptr<SnapshotSource>> open_snapshot_source(Env& env, const std::string& path,
                                                             SnapshotCompression compression) {
  PADDOCK_TRY(std::unique_ptr<File> file, env.open(path, OpenMode::kRead));
  PlainSource plain(std::move(file));
  switch (compression) {
    case SnapshotCompression::kNone:
      break;
    case SnapshotCompression::kGzip:
      return started(std::make_unique<GzipSource>(std::move(plain), path));
    case SnapshotCompression::kSnappy:
      return started(std::make_unique<SnappySource>(std::move(plain), path));
  }
  return std::unique_ptr<SnapshotSource>(std::make_unique<PlainSource>(std::move(plain)));
}

}  // namespace paddock::server
