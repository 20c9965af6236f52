#include "server/storage/snapshot_file.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "common/checksum.h"
#include "common/concat.h"
#include "common/jute.h"
#include "server/storage/snapshot_source.h"

namespace paddock::server {

namespace {

constexpr std::size_t kBufferBytes = 256u << 10;
constexpr std::int32_t kFileVersion = 2;
constexpr std::array<std::uint8_t, 5> kEndMark = {0, 0, 0, 1, '/'};  // the ustring "/"

// Fields from a stream whose every byte goes into an Adler-32.
class SnapshotReader {
 public:
  SnapshotReader(SnapshotSource& source, const std::string& path, std::uint32_t field_bytes_max)
      : source_(source), path_(path), field_bytes_max_(field_bytes_max), buffer_(kBufferBytes) {}

  Result<bool> at_end() {
    if (at_ < filled_) return false;
    PADDOCK_TRY_DO(refill());
    return at_ == filled_;
  }

  Result<void> read_raw(std::span<std::uint8_t> to) {
    while (!to.empty()) {
      PADDOCK_TRY(const bool end, at_end());
      if (end) return damaged("the end of the file inside a field");
      const std::size_t n = std::min(to.size(), filled_ - at_);
      std::copy_n(buffer_.begin() + static_cast<std::ptrdiff_t>(at_), n, to.begin());
      at_ += n;
      to = to.subspan(n);
    }
    return {};
  }

  Result<std::int32_t> read_int() {
    std::array<std::uint8_t, 4> bytes;
    PADDOCK_TRY_DO(read_raw(bytes));
    return static_cast<std::int32_t>(load_be32(bytes.data()));
  }
  Result<std::int64_t> read_long() {
    std::array<std::uint8_t, 8> bytes;
    PADDOCK_TRY_DO(read_raw(bytes));
    return static_cast<std::int64_t>(load_be64(bytes.data()));
  }

  // A length and that many bytes, into `to`; false: null. Grows as the bytes come.
  Result<bool> read_field(Bytes& to) {
    PADDOCK_TRY(const std::int32_t length, read_int());
    to.clear();
    if (length == -1) return false;
    if (length < 0) return damaged(concat("a field of ", length, " bytes"));
    if (static_cast<std::uint32_t>(length) > field_bytes_max_) {
      return Error{Code::kTooLarge, concat(path_, ", byte ", offset(), ": a field of ", length,
                                           " bytes, the limit is ", field_bytes_max_,
                                           ". If the file is good, raise jute.maxbuffer")};
    }
    for (std::size_t left = static_cast<std::size_t>(length); left > 0;) {
      const std::size_t n = std::min(left, kBufferBytes);
      to.resize(to.size() + n);
      PADDOCK_TRY_DO(read_raw(std::span(to).last(n)));
      left -= n;
    }
    return true;
  }

  Result<void> read_body(SnapshotVisitor& visitor, SnapshotInfo& info) {
    SnapshotBodyReader body(visitor, field_bytes_max_, offset());
    while (!body.done()) {
      PADDOCK_TRY(const bool end, at_end());
      if (end) return damaged("the end of the file inside a field");
      const auto taken = body.take(ByteView(buffer_).first(filled_).subspan(at_));
      if (!taken) return of_file(taken.error());
      at_ += *taken;
    }
    info.sessions = body.sessions();
    info.acls = body.acls();
    info.nodes = body.nodes();
    return {};
  }

  // The checksum of all before it, then an end mark.
  Result<void> read_seal() {
    sum_up();
    const std::uint32_t expected = adler_;
    PADDOCK_TRY(const std::int64_t found, read_long());
    if (static_cast<std::uint64_t>(found) != expected) {
      return damaged("a checksum that differs from what it covers");
    }
    std::array<std::uint8_t, kEndMark.size()> mark;
    PADDOCK_TRY_DO(read_raw(mark));
    if (mark != kEndMark) return damaged("a checksum without its end mark");
    return {};
  }

  Error damaged(std::string_view what) const {
    return Error{Code::kCorrupt, concat(path_, ", byte ", offset(), ": ", what)};
  }

 private:
  Error of_file(const Error& error) const {
    if (error.code != Code::kTooLarge) {
      return Error{Code::kCorrupt, concat(path_, ", ", error.message)};
    }
    return Error{Code::kTooLarge,
                 concat(path_, ", ", error.message, ". If the file is good, raise jute.maxbuffer")};
  }
  std::uint64_t offset() const { return before_ + at_; }

  void sum_up() {
    adler_ = adler32(ByteView(buffer_).subspan(summed_, at_ - summed_), adler_);
    summed_ = at_;
  }

  Result<void> refill() {
    sum_up();
    before_ += at_;
    at_ = summed_ = filled_ = 0;
    PADDOCK_TRY(filled_, source_.read(buffer_));
    return {};
  }

  SnapshotSource& source_;
  const std::string& path_;
  const std::uint32_t field_bytes_max_;
  Bytes buffer_;
  std::size_t at_ = 0, filled_ = 0, summed_ = 0;  // in buffer_
  std::uint64_t before_ = 0;                      // bytes of the stream before buffer_
  std::uint32_t adler_ = kAdler32Start;
};

Result<void> read_header(SnapshotReader& reader) {
  std::array<std::uint8_t, 16> header;
  PADDOCK_TRY_DO(reader.read_raw(header));
  if (as_chars(ByteView(header).first(4)) != "ZKSN")
    return reader.damaged("not a snapshot's header");
  const std::uint32_t version = load_be32(header.data() + 4);
  if (version != kFileVersion) return reader.damaged(concat("a snapshot of version ", version));
  return {};
}

// Sections that a later release added; an earlier one's file ends before them.
Result<void> read_digest(SnapshotReader& reader, SnapshotInfo& info) {
  SnapshotDigest digest;
  PADDOCK_TRY(digest.zxid.value, reader.read_long());
  PADDOCK_TRY(digest.version, reader.read_int());
  if (digest.version < kDigestVersion) {
    Bytes as_text;  // its number is of no use: it was computed otherwise
    PADDOCK_TRY([[maybe_unused]] const bool some, reader.read_field(as_text));
  } else {
    PADDOCK_TRY(const std::int64_t value, reader.read_long());
    digest.tree_digest = static_cast<std::uint64_t>(value);
  }
  info.digest = digest;
  return reader.read_seal();
}

Result<void> read_last_processed(SnapshotReader& reader, SnapshotInfo& info) {
  PADDOCK_TRY(const std::int64_t zxid, reader.read_long());
  info.last_processed = Zxid{zxid};
  return reader.read_seal();
}

// Collects bytes into large writes, and sums them up.
class SnapshotWriter {
 public:
  explicit SnapshotWriter(File& file) : file_(file) {}

  JuteWriter& fields() { return fields_; }
  Result<void> flush_if_full() { return buffer_.size() < kBufferBytes ? Result<void>() : flush(); }
  Result<void> flush() {
    adler_ = adler32(buffer_, adler_);
    PADDOCK_TRY_DO(file_.write_at(offset_, buffer_));
    offset_ += buffer_.size();
    buffer_.clear();
    return {};
  }
  Result<void> write_seal() {
    PADDOCK_TRY_DO(flush());
    fields_.write_long(adler_);
    fields_.write_string("/");
    return {};
  }

 private:
  File& file_;
  Bytes buffer_;
  JuteWriter fields_{buffer_};
  std::uint64_t offset_ = 0;
  std::uint32_t adler_ = kAdler32Start;
};

std::int64_t acl_key_of(const AclEntry& acl) {
  return acl.number == 0 ? kOpenAclKey : acl.number;
}

void write_sessions(JuteWriter& to, const DataTree& tree) {
  to.write_int(static_cast<std::int32_t>(tree.session_count()));
  tree.for_each_session([&](SessionId id, std::int32_t timeout_ms) {
    to.write_long(id.value);
    to.write_int(timeout_ms);
  });
}

void write_acls(JuteWriter& to, const DataTree& tree) {
  std::map<std::int64_t, AclRef> used;
  tree.for_each_node([&](std::string_view, const Znode& node) {
    const AclRef& acl = tree.acl_of(node);
    if (acl_key_of(*acl) != kOpenAclKey) used.try_emplace(acl_key_of(*acl), acl);
  });
  to.write_int(static_cast<std::int32_t>(used.size()));
  for (const auto& [key, acl] : used) {
    to.write_long(key);
    to.write_raw(acl->encoded);
  }
}

Result<void> write_nodes(SnapshotWriter& writer, const DataTree& tree) {
  Result<void> written;
  tree.for_each_node([&](std::string_view path, const Znode& node) {
    if (!written) return;
    write_snapshot_node(writer.fields(), path, tree.data_of(node).get(),
                        acl_key_of(*tree.acl_of(node)), tree.persisted_stat_of(node));
    written = writer.flush_if_full();
  });
  writer.fields().write_string(kSnapshotEndPath);
  return written;
}

Result<void> write_content(File& file, const DataTree& tree) {
  SnapshotWriter writer(file);
  JuteWriter& to = writer.fields();
  to.write_raw(as_bytes("ZKSN"));
  to.write_int(kFileVersion);
  to.write_long(-1);
  write_sessions(to, tree);
  write_acls(to, tree);
  PADDOCK_TRY_DO(write_nodes(writer, tree));
  PADDOCK_TRY_DO(writer.write_seal());
  if (tree.digest() != 0) {
    to.write_long(tree.last_zxid().value);
    to.write_int(kDigestVersion);
    to.write_long(static_cast<std::int64_t>(tree.digest()));
    PADDOCK_TRY_DO(writer.write_seal());
  }
  PADDOCK_TRY_DO(writer.flush());
  return file.sync();
}

}  // namespace

std::optional<SnapshotFile> parse_snapshot_name(std::string_view name) {
  constexpr std::string_view kPrefix = "snapshot.";
  if (!name.starts_with(kPrefix) || name.ends_with(".tmp")) return std::nullopt;
  const std::string_view rest = name.substr(kPrefix.size());
  const std::string_view digits = rest.substr(0, rest.find('.'));
  std::uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  SnapshotFile file{std::string(name), Zxid{static_cast<std::int64_t>(value)}};
  if (name.ends_with(".gz")) file.compression = SnapshotCompression::kGzip;
  if (name.ends_with(".snappy")) file.compression = SnapshotCompression::kSnappy;
  return file;
}

std::string snapshot_file_name(Zxid zxid) {
  return concat("snapshot.", hex(static_cast<std::uint64_t>(zxid.value)));
}

Result<std::vector<SnapshotFile>> list_snapshot_files(Env& env, const std::string& folder) {
  std::vector<SnapshotFile> files;
  if (!env.exists(folder)) return files;
  PADDOCK_TRY(const std::vector<std::string> names, env.list(folder));
  for (const std::string& name : names) {
    if (auto file = parse_snapshot_name(name)) files.push_back(std::move(*file));
  }
  std::stable_sort(files.begin(), files.end(),
                   [](const SnapshotFile& a, const SnapshotFile& b) { return a.zxid > b.zxid; });
  return files;
}

Result<bool> looks_whole(Env& env, const std::string& path, SnapshotCompression compression) {
  PADDOCK_TRY(const std::unique_ptr<File> file, env.open(path, OpenMode::kRead));
  PADDOCK_TRY(const std::uint64_t size, file->size());
  if (size < 10) return false;
  std::array<std::uint8_t, 8> bytes{};
  const bool plain = compression == SnapshotCompression::kNone;
  PADDOCK_TRY(const std::size_t n, file->read_at(plain ? size - kEndMark.size() : 0, bytes));
  const ByteView found = ByteView(bytes).first(n);
  switch (compression) {
    case SnapshotCompression::kNone:
      return std::ranges::equal(found, kEndMark);
    case SnapshotCompression::kGzip:
      return found[0] == 0x1f && found[1] == 0x8b;
    case SnapshotCompression::kSnappy:
      return as_chars(found).substr(1, 6) == "SNAPPY";
  }
  return false;
}

Result<SnapshotInfo> read_snapshot(Env& env, const std::string& path,
                                   SnapshotCompression compression, std::uint32_t field_bytes_max,
                                   SnapshotVisitor& visitor) {
  PADDOCK_TRY(const std::unique_ptr<SnapshotSource> source,
              open_snapshot_source(env, path, compression));
  SnapshotReader reader(*source, path, field_bytes_max);
  SnapshotInfo info;
  PADDOCK_TRY_DO(read_header(reader));
  PADDOCK_TRY_DO(reader.read_body(visitor, info));
  PADDOCK_TRY_DO(reader.read_seal());
  PADDOCK_TRY(bool end, reader.at_end());
  if (end) return info;
  PADDOCK_TRY_DO(read_digest(reader, info));
  PADDOCK_TRY(end, reader.at_end());
  if (end) return info;
  PADDOCK_TRY_DO(read_last_processed(reader, info));
  return info;
}

Result<SnapshotInfo> load_snapshot(Env& env, const std::string& path,
                                   SnapshotCompression compression, std::uint32_t field_bytes_max,
                                   DataTree& tree) {
  TreeLoader loader(tree);
  return read_snapshot(env, path, compression, field_bytes_max, loader);
}

Result<void> write_snapshot(Env& env, const std::string& path, const DataTree& tree) {
  const std::string temporary = path + ".tmp";
  {
    PADDOCK_TRY(const std::unique_ptr<File> file, env.open(temporary, OpenMode::kCreate));
    PADDOCK_TRY_DO(write_content(*file, tree));
  }
  PADDOCK_TRY_DO(env.rename(temporary, path));
  const std::size_t slash = path.rfind('/');
  return env.sync_folder(slash == std::string::npos ? "." : path.substr(0, slash + 1));
}

}  // namespace paddock::server
