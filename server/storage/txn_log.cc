#include "server/storage/txn_log.h"

#include <algorithm>
#include <array>

#include "common/checksum.h"
#include "common/concat.h"
#include "common/limits.h"
#include "server/storage/recovery.h"

namespace paddock::server {

namespace {

constexpr std::string_view kSpare = "/spare";
constexpr std::string_view kSpareUnfinished = "/spare.tmp";
constexpr std::array<std::uint8_t, 64u << 10> kZeros{};

void append_record(Bytes& to, ByteView payload) {
  const std::size_t at = to.size();
  to.resize(at + 12);
  store_be64(to.data() + at, adler32(payload));
  store_be32(to.data() + at + 8, static_cast<std::uint32_t>(payload.size()));
  append(to, payload);
  to.push_back(kTxnLogEndMark);
}

// Where the first record above `zxid` starts: the file's end of records if there is none.
Result<std::uint64_t> cut_point(Env& env, const std::string& path, Zxid zxid) {
  PADDOCK_TRY(TxnLogReader reader, TxnLogReader::open_file(env, path, kTxnBytesMax));
  for (;;) {
    PADDOCK_TRY(const bool more, reader.next());
    if (!more) return reader.tail().end;
    if (reader.zxid() > zxid) return reader.offset();
  }
}

}  // namespace

Bytes txn_log_header() {
  Bytes header(kTxnLogHeaderBytes);
  std::copy_n("ZKLG", 4, header.begin());
  store_be32(header.data() + 4, 2);
  return header;
}

TxnLog::TxnLog(Env& env, const StorageOptions& options, Zxid last)
    : env_(env),
      options_(options),
      folder_(log_folder(options)),
      last_appended_(last),
      last_durable_(last) {}

Result<std::unique_ptr<TxnLog>> TxnLog::open(Env& env, const StorageOptions& options, Zxid last) {
  std::unique_ptr<TxnLog> log(new TxnLog(env, options, last));
  PADDOCK_TRY_DO(log->adopt_spare());
  return log;
}

// A spare that an earlier run finished is as good as one of our own: it was synced before it got
// its name, and gives the name up, durably, before anything is written to it.
Result<void> TxnLog::adopt_spare() {
  const std::string path = concat(folder_, kSpare);
  if (!env_.exists(path)) return {};
  PADDOCK_TRY(std::unique_ptr<File> file, env_.open(path, OpenMode::kReadWrite));
  PADDOCK_TRY(const std::uint64_t size, file->size());
  Bytes header(kTxnLogHeaderBytes);
  PADDOCK_TRY(const std::size_t n, file->read_at(0, header));
  if (size != options_.segment_bytes || n != header.size() || header != txn_log_header()) {
    return env_.remove(path);
  }
  const std::lock_guard lock(spare_mutex_);
  spare_ = std::move(file);
  return {};
}

Result<void> TxnLog::append(std::span<const zab::Txn> txns) {
  PADDOCK_TRY_DO(check_usable());
  for (const zab::Txn& txn : txns) {
    PADDOCK_CHECK(txn.zxid > last_appended_);
    if (txn.payload->size() > kTxnBytesMax) {
      return fail(
          Error{Code::kTooLarge,
                concat("transaction 0x", hex(static_cast<std::uint64_t>(txn.zxid.value)), " has ",
                       txn.payload->size(), " bytes, which could not be read back")});
    }
    const std::size_t bytes = txn.payload->size() + kTxnLogRecordOverhead;
    const std::size_t piece_start = pieces_.size() < 2 ? 0 : pieces_[pieces_.size() - 2].end;
    if (pieces_.empty() || buffer_.size() - piece_start + bytes > kUnsyncedBytesMax) {
      pieces_.push_back(Piece{buffer_.size(), txn.zxid});
    }
    append_record(buffer_, *txn.payload);
    pieces_.back().end = buffer_.size();
    last_appended_ = txn.zxid;
  }
  return {};
}

Result<Zxid> TxnLog::sync() {
  PADDOCK_TRY_DO(check_usable());
  std::size_t start = 0;
  for (const Piece& piece : pieces_) {
    const ByteView bytes = ByteView(buffer_).subspan(start, piece.end - start);
    if (auto written = write_piece(bytes, piece.first); !written) {
      return fail(std::move(written).error());
    }
    start = piece.end;
  }
  pieces_.clear();
  if (buffer_.capacity() > 2 * kUnsyncedBytesMax) buffer_.shrink_to_fit();
  buffer_.clear();
  last_durable_.store(last_appended_, std::memory_order_release);
  return last_appended_;
}

Result<void> TxnLog::write_piece(ByteView piece, Zxid first) {
  if (must_roll(piece.size())) PADDOCK_TRY_DO(begin_segment(first));
  PADDOCK_TRY_DO(segment_.file->write_at(segment_.position, piece));
  if (options_.force_sync) PADDOCK_TRY_DO(segment_.file->sync());
  segment_.position += piece.size();
  segment_.size = std::max(segment_.size, segment_.position);
  bytes_written_ += piece.size();
  return {};
}

bool TxnLog::must_roll(std::uint64_t piece_bytes) {
  if (segment_.file == nullptr) return true;
  if (options_.segment_bytes_max != 0 && segment_.position >= options_.segment_bytes_max) {
    return true;
  }
  if (segment_.position + piece_bytes <= segment_.size) return false;
  const std::lock_guard lock(spare_mutex_);
  return spare_ != nullptr;
}

// The name is durable before the first record is written, so that a spare never holds any.
Result<void> TxnLog::begin_segment(Zxid first) {
  segment_ = Segment{};
  const std::string path = concat(folder_, "/", log_file_name(first));
  {
    const std::lock_guard lock(spare_mutex_);
    if (spare_ != nullptr) {
      PADDOCK_TRY_DO(env_.rename(concat(folder_, kSpare), path));
      segment_ = Segment{std::move(spare_), kTxnLogHeaderBytes, options_.segment_bytes};
    }
  }
  if (segment_.file == nullptr) {
    PADDOCK_TRY(segment_.file, env_.open(path, OpenMode::kCreate));
    segment_.position = segment_.size = kTxnLogHeaderBytes;
    PADDOCK_TRY_DO(segment_.file->write_at(0, txn_log_header()));
  }
  return env_.sync_folder(folder_);
}

void TxnLog::roll() {
  PADDOCK_CHECK(pieces_.empty());
  segment_ = Segment{};
}

Result<void> TxnLog::truncate(Zxid zxid) {
  PADDOCK_TRY_DO(check_usable());
  PADDOCK_TRY(std::vector<LogFile> files, list_log_files(env_, folder_));
  const auto above =
      std::find_if(files.begin(), files.end(), [&](const LogFile& f) { return f.first > zxid; });
  if (above == files.begin()) {
    return Error{Code::kNotFound, concat("the log holds nothing up to 0x",
                                         hex(static_cast<std::uint64_t>(zxid.value)),
                                         ": this server needs a snapshot from the leader")};
  }
  const std::string last = concat(folder_, "/", std::prev(above)->name);
  PADDOCK_TRY(const std::uint64_t end, cut_point(env_, last, zxid));

  PADDOCK_TRY_DO(remove_segments(std::span(above, files.end())));
  const auto cut = [&]() -> Result<void> {
    PADDOCK_TRY(const std::unique_ptr<File> file, env_.open(last, OpenMode::kReadWrite));
    PADDOCK_TRY_DO(file->truncate(end));
    return file->sync();
  };
  if (auto done = cut(); !done) return fail(std::move(done).error());
  last_appended_ = zxid;
  last_durable_.store(zxid, std::memory_order_release);
  return {};
}

Result<void> TxnLog::restart_after(Zxid last) {
  PADDOCK_TRY_DO(check_usable());
  PADDOCK_TRY(const std::vector<LogFile> files, list_log_files(env_, folder_));
  PADDOCK_TRY_DO(remove_segments(files));
  last_appended_ = last;
  last_durable_.store(last, std::memory_order_release);
  return {};
}

// Newest first: a crash in between leaves a history without a gap. What was appended and not synced
// is forgotten.
Result<void> TxnLog::remove_segments(std::span<const LogFile> files) {
  segment_ = Segment{};
  buffer_.clear();
  pieces_.clear();
  for (; !files.empty(); files = files.first(files.size() - 1)) {
    if (auto gone = env_.remove(concat(folder_, "/", files.back().name)); !gone) {
      return fail(std::move(gone).error());
    }
    if (auto synced = env_.sync_folder(folder_); !synced) return fail(std::move(synced).error());
  }
  return {};
}

Result<bool> TxnLog::prepare_spare(std::size_t bytes) {
  {
    const std::lock_guard lock(spare_mutex_);
    if (spare_ != nullptr || options_.segment_bytes <= kTxnLogHeaderBytes) return false;
  }
  const std::string unfinished = concat(folder_, kSpareUnfinished);
  auto filled = fill_spare(unfinished, bytes);
  if (filled) return filled;
  filling_.reset();
  if (auto removed = env_.remove(unfinished); !removed) {
    return Error{filled.error().code,
                 concat(filled.error().message, "; and ", removed.error().message)};
  }
  return filled;
}

Result<bool> TxnLog::fill_spare(const std::string& path, std::size_t bytes) {
  if (filling_ == nullptr) {
    PADDOCK_TRY(filling_, env_.open(path, OpenMode::kCreate));
    PADDOCK_TRY_DO(filling_->write_at(0, txn_log_header()));
    filled_ = kTxnLogHeaderBytes;
  }
  const std::uint64_t stop = std::min(options_.segment_bytes, filled_ + bytes);
  while (filled_ < stop) {
    const std::size_t n = std::min<std::size_t>(kZeros.size(), stop - filled_);
    PADDOCK_TRY_DO(filling_->write_at(filled_, ByteView(kZeros).first(n)));
    filled_ += n;
  }
  // Each time, so that the disk never has much of it to do while a log record waits.
  PADDOCK_TRY_DO(filling_->sync());
  if (filled_ < options_.segment_bytes) return true;
  const std::lock_guard lock(spare_mutex_);
  PADDOCK_TRY_DO(env_.rename(path, concat(folder_, kSpare)));
  spare_ = std::move(filling_);
  return false;
}

Result<void> TxnLog::check_usable() const {
  if (!failed_) return {};
  return Error{Code::kIo, concat("the log in ", folder_, " failed before and takes nothing more")};
}

Error TxnLog::fail(Error error) {
  failed_ = true;
  segment_ = Segment{};
  return error;
}

}  // namespace paddock::server
