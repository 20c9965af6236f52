#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "common/bytes.h"
#include "common/env.h"
#include "common/ids.h"
#include "common/result.h"
#include "server/storage/storage.h"
#include "server/storage/txn_log_reader.h"
#include "zab/event.h"

namespace paddock::server {

// The transaction log: ZooKeeper's own format, appended by one thread.
//
// A segment is `log.<zxid of its first record>`. An existing segment is never appended to. The next
// one is written full of zeros before it is needed (`spare`, a name that ZooKeeper ignores), and
// takes its name when the current one is full: then a sync costs no change of the file's size.
// Until a first spare is there, the segment simply grows.
//
// Thread: log thread; except prepare_spare(), which one other thread may call, and last_durable(),
// which any thread may call.
// Failure: after any error but one of prepare_spare() the object refuses further work, and the
// caller ends the process. A failed sync is never retried: the kernel may have dropped the pages it
// could not write.
// Source: ZooKeeper 3.8, persistence/FileTxnLog.java; storage-format.md section 2.
class TxnLog {
 public:
  // `last` is the last zxid that recovery found: nothing at or below it is appended. Reads no log:
  // recovery has done that, and has cut a torn tail.
  static Result<std::unique_ptr<TxnLog>> open(Env& env, const StorageOptions& options, Zxid last);

  // Buffers `txns`, whose zxids rise from above last_appended(). Not yet durable.
  Result<void> append(std::span<const zab::Txn> txns);

  // Blocks until all appended so far is on disk: one write and one sync however many appends there
  // were, as long as they fit kUnsyncedBytesMax; more than that goes in pieces of that size.
  Result<Zxid> sync();

  // The next append begins a new segment, as after a checkpoint.
  void roll();

  // Everything above `zxid` goes, durably; everything up to it stays. Code::kNotFound if no segment
  // holds anything at or before `zxid`: then nothing is changed. What was appended and not synced
  // is forgotten.
  Result<void> truncate(Zxid zxid);

  // Everything goes, durably, and the next append may be anything above `last`: for a log that
  // something else has taken the place of.
  Result<void> restart_after(Zxid last);

  // Writes up to `bytes` of the next segment's zeros. True: there is more to do, call again. An
  // error costs only the spare, and may be followed by another try later (the disk may be full).
  Result<bool> prepare_spare(std::size_t bytes);

  Zxid last_appended() const { return last_appended_; }
  Zxid last_durable() const { return last_durable_.load(std::memory_order_acquire); }
  // Bytes written to segments since open(), for who decides on a checkpoint.
  std::uint64_t bytes_written() const { return bytes_written_; }

 private:
  TxnLog(Env& env, const StorageOptions& options, Zxid last);

  struct Segment {
    std::unique_ptr<File> file;
    std::uint64_t position = 0;  // where the next record goes
    std::uint64_t size = 0;      // of the file; above `position`: zeros already on disk
  };

  Result<void> adopt_spare();
  Result<void> begin_segment(Zxid first);
  Result<bool> fill_spare(const std::string& path, std::size_t bytes);
  Result<void> remove_segments(std::span<const LogFile> files);
  Result<void> write_piece(ByteView piece, Zxid first);
  bool must_roll(std::uint64_t piece_bytes);
  Result<void> check_usable() const;
  Error fail(Error error);

  Env& env_;
  const StorageOptions options_;
  const std::string folder_;

  Bytes buffer_;  // appended, not yet written
  struct Piece {
    std::size_t end = 0;  // in buffer_
    Zxid first;           // the zxid of its first record
  };
  std::vector<Piece> pieces_;
  Zxid last_appended_;
  std::atomic<Zxid> last_durable_;
  std::uint64_t bytes_written_ = 0;
  Segment segment_;  // file is null: the next append begins one
  bool failed_ = false;

  // The thread of prepare_spare() alone.
  std::unique_ptr<File> filling_;
  std::uint64_t filled_ = 0;

  std::mutex spare_mutex_;  // guards spare_
  std::unique_ptr<File> spare_;
};

// The most that is written between two syncs, unless one record alone is longer. So a hole that a
// power failure leaves is never farther than this from the end of the log, and the reader can tell
// damage that lies deeper.
inline constexpr std::size_t kUnsyncedBytesMax = 1u << 20;

// Every segment begins with it: magic, version, database id.
Bytes txn_log_header();
inline constexpr std::uint64_t kTxnLogHeaderBytes = 16;
inline constexpr std::uint64_t kTxnLogRecordOverhead = 8 + 4 + 1;  // checksum, length, end mark
inline constexpr std::uint8_t kTxnLogEndMark = 0x42;

}  // namespace paddock::server
