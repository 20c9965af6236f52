#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/bytes.h"
#include "common/env.h"
#include "common/ids.h"
#include "common/result.h"

namespace paddock::server {

// A log segment in a folder: `log.<zxid>`, anything behind a further dot ignored as ZooKeeper does.
struct LogFile {
  std::string name;
  Zxid first;  // by its name
};
// Sorted by zxid. A folder that is not there holds none.
Result<std::vector<LogFile>> list_log_files(Env& env, const std::string& folder);
std::string log_file_name(Zxid first);

// The last record of a segment that another one follows, whose records are all below `below`;
// nullopt if it has none. Reads only the end of the file, and its first record, where that is
// enough. Code::kCorrupt where the file is damaged, or does not begin with what its name says.
Result<std::optional<Zxid>> last_in_segment(Env& env, const std::string& folder,
                                            const LogFile& file, Zxid below,
                                            std::uint32_t txn_bytes_max);

// Whether a history may go from `previous` to `next`: within an epoch without a gap, and a new
// epoch from its first transaction. 0 is before everything.
bool follows(Zxid previous, Zxid next);

// Reads the transaction log of a folder from a zxid on, across segments, in bounded memory. It
// changes nothing on disk.
//
// What a power failure can have done to the end of the newest segment ends the log quietly, as the
// end of the padding does, and tail() says where. Everything else that is not a whole record with
// its checksum is damage: Code::kCorrupt, with file, byte offset and what to do. So is a missing
// segment, which shows as a gap in the zxids.
//
// Thread: its owner's. Source: ZooKeeper 3.8, persistence/FileTxnLog.java (FileTxnIterator);
// storage-format.md section 2; fault-catalogue.md rows 32, 37 and section 5.
class TxnLogReader {
 public:
  // The first record wanted is the one that follows `after`, the zxid of the state it is applied
  // to. A record above `txn_bytes_max` is Code::kTooLarge.
  static Result<TxnLogReader> open(Env& env, std::string folder, Zxid after,
                                   std::uint32_t txn_bytes_max);
  // One file alone from its first record on, whatever its neighbours: for who inspects a log.
  static Result<TxnLogReader> open_file(Env& env, std::string path, std::uint32_t txn_bytes_max);

  TxnLogReader(TxnLogReader&&) noexcept;
  TxnLogReader& operator=(TxnLogReader&&) noexcept;
  ~TxnLogReader();

  // Steps to the next record above the last one. False: that was all.
  Result<bool> next();

  // Of the record that next() stepped to; the bytes stay until the following next().
  Zxid zxid() const;
  ByteView payload() const;  // header, record and digest, as decode_txn() takes them
  const std::string& file() const;
  std::uint64_t offset() const;  // in file()

  // Once next() has said false. `end` is behind the last whole record of the newest segment.
  struct Tail {
    std::string path;  // "": there is no segment with a header
    std::uint64_t end = 0;
    std::uint64_t size = 0;
    bool torn = false;  // behind `end` is something else than zeros
  };
  const Tail& tail() const;
  // Newest segments that a crash left without a header: to be removed before the next append.
  const std::vector<std::string>& headerless() const;
  // The highest zxid in the log at or below `after`, where its segment is still there.
  std::optional<Zxid> floor() const;
  // Records at or below their predecessor, which ZooKeeper writes with a warning; skipped.
  std::uint64_t repeated() const;

 private:
  struct Impl;
  explicit TxnLogReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace paddock::server
