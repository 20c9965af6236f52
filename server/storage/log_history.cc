#include "server/storage/log_history.h"

#include <algorithm>
#include <utility>

#include "common/concat.h"
#include "common/limits.h"
#include "server/storage/recovery.h"
#include "server/storage/snapshot_file.h"
#include "server/storage/txn_log.h"
#include "server/storage/txn_log_reader.h"

namespace paddock::server {

namespace {

std::string hex(Zxid zxid) {
  return concat("0x", paddock::hex(static_cast<std::uint64_t>(zxid.value)));
}

struct Span {
  Zxid first, last;  // of one epoch
};

// Of a segment that holds (file.first, last] and more than one epoch: read whole.
Result<std::vector<Span>> read_spans(Env& env, const std::string& path, Zxid last) {
  PADDOCK_TRY(TxnLogReader reader, TxnLogReader::open_file(env, path, kTxnBytesMax));
  std::vector<Span> spans;
  for (;;) {
    PADDOCK_TRY(const bool more, reader.next());
    if (!more || reader.zxid() > last) return spans;
    const Zxid zxid = reader.zxid();
    if (!spans.empty() && !follows(spans.back().last, zxid)) {
      return Error{Code::kCorrupt,
                   concat(path, ": ", hex(zxid), " does not follow ", hex(spans.back().last))};
    }
    if (!spans.empty() && spans.back().last.epoch() == zxid.epoch()) {
      spans.back().last = zxid;
    } else {
      spans.push_back({zxid, zxid});
    }
  }
}

class HistoryReader {
 public:
  HistoryReader(Env& env, const StorageOptions& options, const LoadedState& replayed,
                std::vector<std::string>& notes)
      : env_(env), folder_(log_folder(options)), replayed_(replayed), notes_(notes) {}

  Result<zab::History> run(const std::string& snapshots) {
    PADDOCK_TRY(files_, list_log_files(env_, folder_));
    PADDOCK_TRY(snapshots_, list_snapshot_files(env_, snapshots));
    std::erase_if(files_, [this](const LogFile& file) { return is_headerless(file); });
    for (std::size_t i = 0; i < files_.size(); ++i) {
      auto added = add(i);
      if (!added && added.error().code != Code::kCorrupt) return added.error();
      if (!added) forget(added.error().message);
    }
    const Zxid last = replayed_.tree->last_zxid();
    if (history_ && history_->last() == last) return *std::move(history_);
    return zab::History(last);  // the state is beyond the log, and nothing connects them
  }

 private:
  std::string path_of(const LogFile& file) const { return concat(folder_, "/", file.name); }
  bool is_headerless(const LogFile& file) const {
    const std::vector<std::string>& paths = replayed_.headerless;
    return std::find(paths.begin(), paths.end(), path_of(file)) != paths.end();
  }

  Result<void> add(std::size_t index);
  Result<std::optional<Zxid>> last_of(std::size_t index) const;
  bool connects(Zxid first) const;
  void forget(const std::string& why);
  void append(Span span);

  Env& env_;
  const std::string folder_;
  const LoadedState& replayed_;
  std::vector<std::string>& notes_;
  std::vector<LogFile> files_;
  std::vector<SnapshotFile> snapshots_;
  std::optional<zab::History> history_;  // nullopt: nothing that counts yet
};

// Of the newest segment the replay knows it.
Result<std::optional<Zxid>> HistoryReader::last_of(std::size_t index) const {
  const LogFile& file = files_[index];
  if (path_of(file) == replayed_.tail.path) {
    const bool any = replayed_.tail.end > kTxnLogHeaderBytes;
    return any ? replayed_.log_last : std::optional<Zxid>();
  }
  const Zxid below = index + 1 < files_.size() ? files_[index + 1].first : Zxid{INT64_MAX};
  return last_in_segment(env_, folder_, file, below, kTxnBytesMax);
}

// A snapshot between the two was given to a ZooKeeper server by its leader, and stands for
// transactions that no segment holds.
bool HistoryReader::connects(Zxid first) const {
  const Zxid last = history_->last();
  return history_->follows(first) &&
         std::none_of(snapshots_.begin(), snapshots_.end(), [&](const SnapshotFile& snapshot) {
           return last < snapshot.zxid && snapshot.zxid < first;
         });
}

void HistoryReader::forget(const std::string& why) {
  if (history_) {
    notes_.push_back(concat("of the log up to ", hex(history_->last()),
                            " nothing is given to other servers: ", why));
  }
  history_.reset();
}

void HistoryReader::append(Span span) {
  if (span.first <= history_->start()) {  // an epoch's first one, which the history begins after
    if (span.last <= history_->start()) return;
    span.first = history_->start().next();
  }
  history_->append_span(span.first, span.last);
}

Result<void> HistoryReader::add(std::size_t index) {
  const LogFile& file = files_[index];
  PADDOCK_TRY(const std::optional<Zxid> last, last_of(index));
  if (!last) return {};  // a crash left it without a record
  std::vector<Span> spans{{file.first, *last}};
  if (last->epoch() != file.first.epoch()) {
    PADDOCK_TRY(spans, read_spans(env_, path_of(file), *last));
  }
  if (history_ && !connects(file.first)) {
    forget(concat("between there and ", path_of(file), " something is missing"));
  }
  if (!history_) {
    // The replay has shown what precedes the first record that it took.
    const bool shown = replayed_.base < file.first;
    history_ = zab::History(shown ? replayed_.base : start_before(file.first));
  }
  for (const Span& span : spans) append(span);
  return {};
}

}  // namespace

Result<zab::History> read_history(Env& env, const StorageOptions& options,
                                  const LoadedState& replayed, std::vector<std::string>& notes) {
  return HistoryReader(env, options, replayed, notes).run(snapshot_folder(options));
}

}  // namespace paddock::server
