#include "server/run/feed_makers.h"

#include <algorithm>

#include "common/concat.h"
#include "common/limits.h"
#include "server/storage/recovery.h"

namespace paddock::server {

Result<FeedMaker::State> SnapshotMaker::make(std::vector<Piece>& to, std::size_t bytes_wanted) {
  Bytes bytes;
  PADDOCK_TRY(const bool more, encoder_.next(bytes, bytes_wanted));
  if (!bytes.empty()) to.emplace_back(std::move(bytes));
  return more ? State::kMore : State::kEnd;
}

HistoryMaker::HistoryMaker(Env& env, const StorageOptions& options, const TxnLog& log, Zxid after,
                           Zxid upto)
    : env_(env),
      folder_(log_folder(options)),
      log_(log),
      upto_(upto),
      last_(after),
      readable_(after) {}

// False: what comes next is not on disk yet. What is there first is read at once; then the rest is
// waited for as a whole, since each opening may read through a segment.
Result<bool> HistoryMaker::open() {
  const Zxid durable = log_.last_durable();
  const Zxid enough = opened_before_ ? upto_ : last_.next();
  if (durable < enough) return false;
  PADDOCK_TRY(reader_, TxnLogReader::open(env_, folder_, last_, kTxnBytesMax));
  readable_ = std::min(durable, upto_);
  opened_before_ = true;
  return true;
}

Error HistoryMaker::gone() const {
  return Error{Code::kNotFound, concat(folder_, ": the log no longer holds what follows 0x",
                                       hex(static_cast<std::uint64_t>(last_.value)))};
}

Result<FeedMaker::State> HistoryMaker::make(std::vector<Piece>& to, std::size_t bytes_wanted) {
  for (std::size_t bytes = 0; bytes < bytes_wanted;) {
    if (last_ >= upto_) return State::kEnd;
    if (last_ >= readable_) {
      PADDOCK_TRY(const bool opened, open());
      if (!opened) return State::kLater;
    }
    PADDOCK_TRY(const bool found, reader_->next());
    if (!found || reader_->zxid() > readable_) return gone();
    last_ = reader_->zxid();
    const ByteView payload = reader_->payload();
    to.emplace_back(zab::Txn{last_, std::make_shared<Bytes>(payload.begin(), payload.end())});
    bytes += payload.size();
  }
  return State::kMore;
}

}  // namespace paddock::server
