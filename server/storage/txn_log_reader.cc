#include "server/storage/txn_log_reader.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "common/checksum.h"
#include "common/concat.h"
#include "common/txn_records.h"
#include "server/storage/txn_log.h"

namespace paddock::server {

namespace {

constexpr std::size_t kWindowBytes = 256u << 10;
constexpr std::size_t kRecordHeadBytes = 12;  // checksum, length
// What a disk writes in one piece or not at all.
constexpr std::uint64_t kSectorBytes = 512;

std::string hex(Zxid zxid) {
  return paddock::hex(static_cast<std::uint64_t>(zxid.value));
}

bool is_zero(ByteView bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; });
}

// One file, read through a window.
class LogSource {
 public:
  static Result<LogSource> open(Env& env, std::string path) {
    LogSource source;
    source.path_ = std::move(path);
    PADDOCK_TRY(source.file_, env.open(source.path_, OpenMode::kRead));
    PADDOCK_TRY(source.size_, source.file_->size());
    return source;
  }

  // Up to `n` bytes at `offset`, fewer only at the end of the file; valid until the next call.
  Result<ByteView> read(std::uint64_t offset, std::size_t n) {
    if (offset >= size_) return ByteView{};
    n = static_cast<std::size_t>(std::min<std::uint64_t>(n, size_ - offset));
    if (offset < start_ || offset + n > start_ + filled_) {
      if (window_.size() < n || window_.size() > std::max(n, kWindowBytes)) {
        window_.resize(std::max(n, kWindowBytes));
      }
      PADDOCK_TRY(filled_, file_->read_at(offset, window_));
      start_ = offset;
      n = std::min(n, filled_);
    }
    return ByteView(window_).subspan(static_cast<std::size_t>(offset - start_), n);
  }

  const std::string& path() const { return path_; }
  std::uint64_t size() const { return size_; }

 private:
  std::string path_;
  std::unique_ptr<File> file_;
  std::uint64_t size_ = 0;
  Bytes window_;
  std::uint64_t start_ = 0;
  std::size_t filled_ = 0;
};

// What is at an offset where a record is expected.
enum class Found { kRecord, kNothing, kZeroLength, kBadLength, kShort, kBadMark, kBadChecksum };

std::string_view name_of(Found found) {
  switch (found) {
    case Found::kRecord:
      return "a record";
    case Found::kNothing:
      return "the end of the file";
    case Found::kZeroLength:
      return "a length of 0 that is not padding";
    case Found::kBadLength:
      return "a length that no record has";
    case Found::kShort:
      return "a record that the file is too short for";
    case Found::kBadMark:
      return "a record without its end mark";
    case Found::kBadChecksum:
      return "a record whose checksum differs";
  }
  return "";
}

struct Record {
  Found found = Found::kNothing;
  std::uint64_t end = 0;  // behind it, as far as its length is known; else behind its head
  std::uint8_t mark = 0;
  Zxid zxid;
  ByteView payload;
};

Result<Record> read_record(LogSource& source, std::uint64_t offset, std::uint32_t txn_bytes_max) {
  Record record;
  record.end = std::min(source.size(), offset + kRecordHeadBytes);
  PADDOCK_TRY(const ByteView head, source.read(offset, kRecordHeadBytes));
  if (head.empty()) return record;
  record.found = Found::kShort;
  if (head.size() < kRecordHeadBytes) return record;
  const std::uint64_t checksum = load_be64(head.data());
  const std::uint32_t length = load_be32(head.data() + 8);
  record.found = Found::kZeroLength;
  if (length == 0) return record;
  record.found = Found::kBadLength;
  if (length > txn_bytes_max) return record;
  record.found = Found::kShort;
  const std::uint64_t end = offset + kRecordHeadBytes + length + 1;
  record.end = std::min(source.size(), end);
  if (end > source.size()) return record;

  PADDOCK_TRY(const ByteView whole, source.read(offset, kRecordHeadBytes + length + 1));
  if (whole.size() != kRecordHeadBytes + length + 1) return record;  // it shrank under us
  record.payload = whole.subspan(kRecordHeadBytes, length);
  record.mark = whole.back();
  record.found = Found::kBadMark;
  if (record.mark != kTxnLogEndMark) return record;
  record.found = Found::kBadChecksum;
  if (adler32(record.payload) != checksum) return record;
  const Result<TxnHeader> header = decode_txn_header(record.payload);
  if (!header) return record;
  record.zxid = header->zxid;
  record.found = Found::kRecord;
  return record;
}

// Whether a write to some sector of [from, to) did not happen: then it is zeros from `from` on.
Result<bool> has_unwritten_sector(LogSource& source, std::uint64_t from, std::uint64_t to) {
  for (std::uint64_t at = from; at < to; at = (at / kSectorBytes + 1) * kSectorBytes) {
    const std::uint64_t sector_end = (at / kSectorBytes + 1) * kSectorBytes;
    PADDOCK_TRY(const ByteView sector, source.read(at, sector_end - at));
    if (is_zero(sector)) return true;
  }
  return false;
}

// Behind the last byte from `from` on that is not zero; `from` if there is none.
Result<std::uint64_t> end_of_content(LogSource& source, std::uint64_t from) {
  std::uint64_t end = from;
  for (std::uint64_t at = from; at < source.size();) {
    PADDOCK_TRY(const ByteView block, source.read(at, kWindowBytes));
    if (block.empty()) break;
    for (std::size_t i = block.size(); i > 0; --i) {
      if (block[i - 1] == 0) continue;
      end = at + i;
      break;
    }
    at += block.size();
  }
  return end;
}

// The first whole record that starts in [from, to), with a zxid inside (above, below).
Result<std::optional<std::uint64_t>> find_record(LogSource& source, std::uint64_t from,
                                                 std::uint64_t to, Zxid above, Zxid below,
                                                 std::uint32_t txn_bytes_max) {
  for (std::uint64_t at = from; at < to;) {
    PADDOCK_TRY(const ByteView window, source.read(at, kWindowBytes));
    if (window.size() < kRecordHeadBytes) break;
    const Bytes block(window.begin(), window.end());  // read_record() moves the window
    std::size_t i = 0;
    for (; i + kRecordHeadBytes <= block.size() && at + i < to; ++i) {
      if (load_be32(block.data() + i) != 0 || load_be32(block.data() + i + 4) == 0) continue;
      const std::uint32_t length = load_be32(block.data() + i + 8);
      if (length == 0 || length > txn_bytes_max) continue;
      PADDOCK_TRY(const Record record, read_record(source, at + i, txn_bytes_max));
      if (record.found == Found::kRecord && record.zxid > above && record.zxid < below) {
        return std::optional(at + i);
      }
    }
    at += i;
  }
  return std::optional<std::uint64_t>();
}

// Whether the record at `offset` is whole and only its length is wrong.
Result<bool> whole_but_for_length(LogSource& source, std::uint64_t offset, std::uint64_t to) {
  PADDOCK_TRY(const ByteView head, source.read(offset, kRecordHeadBytes));
  if (head.size() < kRecordHeadBytes) return false;
  const std::uint64_t checksum = load_be64(head.data());
  std::uint32_t low = 1, high = 0;  // Adler-32, byte by byte
  for (std::uint64_t at = offset + kRecordHeadBytes; at < to;) {
    PADDOCK_TRY(const ByteView block, source.read(at, kWindowBytes));
    if (block.empty()) break;
    for (const std::uint8_t byte : block) {
      if (byte == kTxnLogEndMark && (std::uint64_t{high} << 16 | low) == checksum) return true;
      low = (low + byte) % 65521;
      high = (high + low) % 65521;
    }
    at += block.size();
  }
  return false;
}

constexpr Zxid kAnyAbove{INT64_MIN};
constexpr Zxid kAnyBelow{INT64_MAX};

// Behind the last byte that is not zero, looked for from the end.
Result<std::uint64_t> end_of_content_backwards(LogSource& source) {
  for (std::uint64_t end = source.size(); end > 0;) {
    const std::uint64_t start = end > kWindowBytes ? end - kWindowBytes : 0;
    PADDOCK_TRY(const ByteView block, source.read(start, static_cast<std::size_t>(end - start)));
    for (std::size_t i = block.size(); i > 0; --i) {
      if (block[i - 1] != 0) return start + i;
    }
    end = start;
  }
  return std::uint64_t{0};
}

// From a record on to the last one that follows it without a break. Nullopt if they do not fill the
// file: then it was no record, or what stands behind is a torn tail.
Result<std::optional<Zxid>> last_from(LogSource& source, std::uint64_t at,
                                      std::uint64_t content_end, std::uint32_t txn_bytes_max) {
  std::optional<Zxid> last;
  for (;;) {
    PADDOCK_TRY(const Record record, read_record(source, at, txn_bytes_max));
    if (record.found != Found::kRecord) return at == content_end ? last : std::nullopt;
    if (last && record.zxid <= *last) return std::optional<Zxid>();
    last = record.zxid;
    at = record.end;
  }
}

// Record by record, for a file whose end says nothing.
Result<std::optional<Zxid>> last_of_all(Env& env, const std::string& path, Zxid below,
                                        std::uint32_t txn_bytes_max) {
  PADDOCK_TRY(TxnLogReader reader, TxnLogReader::open_file(env, path, txn_bytes_max));
  std::optional<Zxid> last;
  for (;;) {
    PADDOCK_TRY(const bool more, reader.next());
    if (!more || reader.zxid() >= below) return last;
    last = reader.zxid();
  }
}

}  // namespace

Result<std::optional<Zxid>> last_in_segment(Env& env, const std::string& folder,
                                            const LogFile& file, Zxid below,
                                            std::uint32_t txn_bytes_max) {
  const std::string path = concat(folder, "/", file.name);
  PADDOCK_TRY(LogSource source, LogSource::open(env, path));
  PADDOCK_TRY(const std::uint64_t content_end, end_of_content_backwards(source));
  PADDOCK_TRY(const Record first, read_record(source, kTxnLogHeaderBytes, txn_bytes_max));
  if (first.found == Found::kNothing || content_end <= kTxnLogHeaderBytes) {
    return std::optional<Zxid>();
  }
  if (first.found != Found::kRecord || first.zxid != file.first) {
    return Error{Code::kCorrupt, concat(path, ": does not begin with transaction 0x",
                                        hex(file.first), ", as its name says")};
  }
  for (std::uint64_t back = kWindowBytes;; back *= 4) {
    const bool all = content_end <= kTxnLogHeaderBytes + back;
    const std::uint64_t from = all ? kTxnLogHeaderBytes : content_end - back;
    PADDOCK_TRY(
        const std::optional<std::uint64_t> found,
        find_record(source, from, content_end, Zxid{file.first.value - 1}, below, txn_bytes_max));
    if (!found && !all) continue;
    if (!found) break;
    PADDOCK_TRY(const std::optional<Zxid> last,
                last_from(source, *found, content_end, txn_bytes_max));
    if (last && *last < below) return last;
    break;
  }
  return last_of_all(env, path, below, txn_bytes_max);
}

std::string log_file_name(Zxid first) {
  return concat("log.", hex(first));
}

Result<std::vector<LogFile>> list_log_files(Env& env, const std::string& folder) {
  std::vector<LogFile> files;
  if (!env.exists(folder)) return files;
  PADDOCK_TRY(const std::vector<std::string> names, env.list(folder));
  for (const std::string& name : names) {
    const std::string_view text = name;
    if (!text.starts_with("log.") || text.ends_with(".tmp")) continue;
    const std::string_view digits = text.substr(4, text.find('.', 4) - 4);
    std::uint64_t value = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (error != std::errc() || end != digits.data() + digits.size()) continue;
    files.push_back(LogFile{name, Zxid{static_cast<std::int64_t>(value)}});
  }
  std::sort(files.begin(), files.end(),
            [](const LogFile& a, const LogFile& b) { return a.first < b.first; });
  return files;
}

bool follows(Zxid previous, Zxid next) {
  if (next == previous.next()) return true;
  return next.epoch() > previous.epoch() && next.counter() == 1;
}

struct TxnLogReader::Impl {
  Env& env;
  std::string folder;
  std::vector<LogFile> files;
  std::size_t index = 0;  // of the file to open next
  Zxid after;
  bool check_gaps = true;
  std::uint32_t txn_bytes_max;

  std::optional<LogSource> source = {};
  std::uint64_t position = 0;  // of the next record
  std::uint64_t offset = 0;    // of the current one
  ByteView payload = {};       // in the source's window
  Zxid last = {};              // the highest seen above `after`, or `after`
  Zxid last_in_file = {};      // of the current file
  std::string last_path = {};

  Tail tail = {};
  std::vector<std::string> headerless = {};
  std::optional<Zxid> floor = {};
  std::uint64_t repeated = 0;

  std::string path_of(const LogFile& file) const {
    return folder.empty() ? file.name : concat(folder, "/", file.name);
  }
  bool in_newest() const { return index == files.size(); }

  Result<void> drop_headerless();
  Result<bool> header_was_never_written(LogSource& newest) const;
  Result<bool> open_next();
  Result<void> end_file(const Record& record);
  Result<void> end_older_file(const Record& record);
  Result<bool> is_torn(const Record& record, std::uint64_t content_end);
  Result<bool> take(const Record& record);
  Error damage(const Record& record, std::string_view why) const;
};

Error TxnLogReader::Impl::damage(const Record& record, std::string_view why) const {
  return Error{Code::kCorrupt,
               concat(source->path(), ", byte ", position, ": ", name_of(record.found), why,
                      ". The last good transaction before it is 0x", hex(last),
                      ". Nothing was changed. Restore this file from a backup; in an ensemble, ",
                      "move this server's data away and let it synchronize anew. To give up every ",
                      "transaction from here on, move later log files away and cut this one: ",
                      "truncate -s ", position, " ", source->path())};
}

// Crashes can leave the newest segments without a header; nothing in them was ever synced.
Result<void> TxnLogReader::Impl::drop_headerless() {
  while (!files.empty()) {
    PADDOCK_TRY(LogSource newest, LogSource::open(env, path_of(files.back())));
    PADDOCK_TRY(const bool never, header_was_never_written(newest));
    if (!never) return {};
    headerless.push_back(newest.path());
    files.pop_back();
  }
  return {};
}

Result<bool> TxnLogReader::Impl::header_was_never_written(LogSource& newest) const {
  PADDOCK_TRY(const ByteView found, newest.read(0, kTxnLogHeaderBytes));
  const Bytes header = txn_log_header();
  if (found.size() < kTxnLogHeaderBytes) {
    return is_zero(found) || std::equal(found.begin(), found.end(), header.begin());
  }
  PADDOCK_TRY(const ByteView sector, newest.read(0, kSectorBytes));
  if (!is_zero(sector)) return false;
  PADDOCK_TRY(
      const std::optional<std::uint64_t> deep,
      find_record(newest, kUnsyncedBytesMax, newest.size(), kAnyAbove, kAnyBelow, txn_bytes_max));
  return !deep.has_value();
}

// False: there is no further file.
Result<bool> TxnLogReader::Impl::open_next() {
  if (index == files.size()) return false;
  PADDOCK_TRY(source, LogSource::open(env, path_of(files[index])));
  ++index;
  PADDOCK_TRY(const ByteView header, source->read(0, kTxnLogHeaderBytes));
  if (header.size() < kTxnLogHeaderBytes || as_chars(header.first(4)) != "ZKLG") {
    return Error{
        Code::kCorrupt,
        concat(source->path(), ", byte 0: not the header of a transaction log. Nothing was ",
               "changed. Restore this file from a backup; in an ensemble, move this ",
               "server's data away and let it synchronize anew")};
  }
  position = kTxnLogHeaderBytes;
  last_in_file = kAnyAbove;
  return true;
}

// A file that another one follows ends at its padding, or at the torn tail of a server that crashed
// and went on in the next file. Records behind the spot that the next file does not repeat are lost
// by damage.
Result<void> TxnLogReader::Impl::end_older_file(const Record& record) {
  if (record.found == Found::kNothing) return {};
  if (record.found == Found::kBadChecksum || record.found == Found::kBadLength) {
    return damage(record, "");
  }
  PADDOCK_TRY(const std::uint64_t end, end_of_content(*source, position));
  if (end == position) return {};
  PADDOCK_TRY(
      const std::optional<std::uint64_t> lost,
      find_record(*source, position + 1, end, last_in_file, files[index].first, txn_bytes_max));
  if (lost) return damage(record, concat(", and a good record behind it at byte ", *lost));
  if (files[index].first == last_in_file.next()) return {};
  PADDOCK_TRY(const bool torn, is_torn(record, end));
  if (!torn) return damage(record, "");
  return {};
}

// Whether a power failure during the last write explains what is at `position`. Each sector of that
// write may be on disk or not, so whole records may stand behind the gap, but not farther than one
// write goes; and a sector that was not written still holds the zeros of before. Anything else is
// damage to what was once synced.
Result<bool> TxnLogReader::Impl::is_torn(const Record& record, std::uint64_t content_end) {
  const std::uint64_t near_end = std::min(content_end, position + kUnsyncedBytesMax);
  PADDOCK_TRY(const std::optional<std::uint64_t> far,
              find_record(*source, near_end, content_end, last_in_file, kAnyBelow, txn_bytes_max));
  if (far) return false;
  PADDOCK_TRY(const bool unwritten,
              has_unwritten_sector(*source, position, std::min(record.end, content_end)));
  if (unwritten) return true;
  PADDOCK_TRY(const std::optional<std::uint64_t> close,
              find_record(*source, position + 1, near_end, last_in_file, kAnyBelow, txn_bytes_max));
  if (close) return false;
  switch (record.found) {
    case Found::kRecord:
    case Found::kNothing:
      return true;
    case Found::kShort:
      break;
    case Found::kBadMark:
      if (record.mark != 0) return false;
      break;
    case Found::kZeroLength:
      return content_end <= record.end;  // a write that ended inside the head
    case Found::kBadLength:
    case Found::kBadChecksum:
      return false;
  }
  PADDOCK_TRY(const bool whole, whole_but_for_length(*source, position, content_end));
  return !whole;
}

Result<void> TxnLogReader::Impl::end_file(const Record& record) {
  if (!in_newest()) return end_older_file(record);
  PADDOCK_TRY(const std::uint64_t content_end, end_of_content(*source, position));
  tail = Tail{source->path(), position, source->size(), content_end != position};
  if (!tail.torn) return {};
  PADDOCK_TRY(const bool torn, is_torn(record, content_end));
  if (!torn) return damage(record, "");
  return {};
}

// True: it is the next one of the history.
Result<bool> TxnLogReader::Impl::take(const Record& record) {
  offset = position;
  position = record.end;
  last_in_file = std::max(last_in_file, record.zxid);
  if (record.zxid <= after) {
    floor = std::max(floor.value_or(record.zxid), record.zxid);
    return false;
  }
  if (record.zxid <= last) {
    ++repeated;
    return false;
  }
  if (check_gaps && !follows(last, record.zxid)) {
    return Error{
        Code::kCorrupt,
        concat(source->path(), ", byte ", offset, ": transaction 0x", hex(record.zxid),
               " does not follow 0x", hex(last), last_path.empty() ? "" : " of ", last_path,
               ": what lies between is missing. Nothing was changed. Restore the missing ",
               "log file from a backup; in an ensemble, move this server's data away and ",
               "let it synchronize anew")};
  }
  last = record.zxid;
  last_path = source->path();
  payload = record.payload;
  return true;
}

TxnLogReader::TxnLogReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TxnLogReader::TxnLogReader(TxnLogReader&&) noexcept = default;
TxnLogReader& TxnLogReader::operator=(TxnLogReader&&) noexcept = default;
TxnLogReader::~TxnLogReader() = default;

Result<TxnLogReader> TxnLogReader::open(Env& env, std::string folder, Zxid after,
                                        std::uint32_t txn_bytes_max) {
  PADDOCK_TRY(std::vector<LogFile> files, list_log_files(env, folder));
  auto impl = std::make_unique<Impl>(Impl{.env = env,
                                          .folder = std::move(folder),
                                          .files = {},
                                          .after = after,
                                          .txn_bytes_max = txn_bytes_max,
                                          .last = after});
  impl->files = std::move(files);
  PADDOCK_TRY_DO(impl->drop_headerless());
  // The last file that begins at or before what is wanted holds it, if anything does.
  while (impl->index + 1 < impl->files.size() &&
         impl->files[impl->index + 1].first <= after.next()) {
    ++impl->index;
  }
  return TxnLogReader(std::move(impl));
}

Result<TxnLogReader> TxnLogReader::open_file(Env& env, std::string path,
                                             std::uint32_t txn_bytes_max) {
  auto impl = std::make_unique<Impl>(Impl{.env = env,
                                          .folder = "",
                                          .files = {LogFile{std::move(path), Zxid{}}},
                                          .after = kAnyAbove,
                                          .check_gaps = false,
                                          .txn_bytes_max = txn_bytes_max,
                                          .last = kAnyAbove});
  return TxnLogReader(std::move(impl));
}

Result<bool> TxnLogReader::next() {
  for (;;) {
    if (!impl_->source) {
      PADDOCK_TRY(const bool opened, impl_->open_next());
      if (!opened) return false;
    }
    PADDOCK_TRY(const Record record,
                read_record(*impl_->source, impl_->position, impl_->txn_bytes_max));
    if (record.found != Found::kRecord) {
      PADDOCK_TRY_DO(impl_->end_file(record));
      if (impl_->in_newest()) {
        impl_->source.reset();
        return false;
      }
      impl_->source.reset();
      continue;
    }
    PADDOCK_TRY(const bool wanted, impl_->take(record));
    if (wanted) return true;
  }
}

Zxid TxnLogReader::zxid() const {
  return impl_->last;
}
ByteView TxnLogReader::payload() const {
  return impl_->payload;
}
const std::string& TxnLogReader::file() const {
  return impl_->last_path;
}
std::uint64_t TxnLogReader::offset() const {
  return impl_->offset;
}
const TxnLogReader::Tail& TxnLogReader::tail() const {
  return impl_->tail;
}
const std::vector<std::string>& TxnLogReader::headerless() const {
  return impl_->headerless;
}
std::optional<Zxid> TxnLogReader::floor() const {
  return impl_->floor;
}
std::uint64_t TxnLogReader::repeated() const {
  return impl_->repeated;
}

}  // namespace paddock::server
