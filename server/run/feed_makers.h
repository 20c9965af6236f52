#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/bytes.h"
#include "common/env.h"
#include "common/ids.h"
#include "common/result.h"
#include "server/storage/snapshot_stream.h"
#include "server/storage/storage.h"
#include "server/storage/txn_log.h"
#include "server/storage/txn_log_reader.h"
#include "zab/event.h"

// Where what LearnerFeeds hands out comes from. Thread: one at a time. Blocks on the disk.
namespace paddock::server {

class FeedMaker {
 public:
  using Piece = std::variant<Bytes, zab::Txn>;
  enum class State {
    kMore,
    kLater,  // the log on this disk has not come so far
    kEnd,
  };

  virtual ~FeedMaker() = default;
  // Appends about `bytes_wanted` of what comes next; maybe nothing, if there is more.
  virtual Result<State> make(std::vector<Piece>& to, std::size_t bytes_wanted) = 0;
};

class SnapshotMaker final : public FeedMaker {
 public:
  explicit SnapshotMaker(std::unique_ptr<CheckpointView> view) : encoder_(std::move(view)) {}
  Result<State> make(std::vector<Piece>& to, std::size_t bytes_wanted) override;

 private:
  SnapshotEncoder encoder_;
};

// Reads the log beside the thread that appends to it: only what was on disk before the reader was
// opened, for it may have looked at the rest before that was there.
class HistoryMaker final : public FeedMaker {
 public:
  HistoryMaker(Env& env, const StorageOptions& options, const TxnLog& log, Zxid after, Zxid upto);
  Result<State> make(std::vector<Piece>& to, std::size_t bytes_wanted) override;

 private:
  Result<bool> open();
  Error gone() const;

  Env& env_;
  const std::string folder_;
  const TxnLog& log_;
  const Zxid upto_;
  Zxid last_;      // given so far
  Zxid readable_;  // with this reader
  std::optional<TxnLogReader> reader_;
  bool opened_before_ = false;
};

}  // namespace paddock::server
