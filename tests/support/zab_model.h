#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/ids.h"
#include "zab/message.h"

// What a simulated server keeps: the smallest state machine and log that the engine's promises can
// be checked with.
namespace paddock::test {

// One client's write: what a transaction's payload says.
struct Op {
  SessionId session;
  std::int32_t cxid = 0;    // 1, 2, 3 ... among the session's writes
  std::uint64_t value = 0;  // no two writes write the same
  friend bool operator==(const Op&, const Op&) = default;
};
std::shared_ptr<const Bytes> encode(const Op& op);
std::optional<Op> decode_op(const std::shared_ptr<const Bytes>& payload);  // none: not one of ours

// A transaction in a history, and a digest of the history up to and with it: where two entries are
// equal, so is all before them.
struct Entry {
  Zxid zxid;
  std::uint64_t digest = 0;
  friend bool operator==(const Entry&, const Entry&) = default;
};
std::uint64_t extend(std::uint64_t digest, const zab::Txn& txn);

// Whether `next` may come right after `last` in a history: the next counter, or the first one of a
// later epoch.
constexpr bool follows(Zxid last, Zxid next) {
  if (next.epoch() == last.epoch()) return next.counter() == last.counter() + 1;
  return next.epoch() > last.epoch() && next.counter() == 1;
}

// How many of `entries`, whose zxids rise, are not above `zxid`.
std::size_t count_upto(const std::vector<Entry>& entries, Zxid zxid);

// The state: the list of all that was applied, in order. Two servers with equal digests are equal.
class StateMachine {
 public:
  StateMachine() = default;
  explicit StateMachine(std::vector<Entry> entries) : entries_(std::move(entries)) {}

  bool apply(const zab::Txn& txn);  // false, and nothing done: its zxid is not above last()
  void roll_back(Zxid upto);

  const std::vector<Entry>& entries() const { return entries_; }
  std::size_t size() const { return entries_.size(); }
  Zxid last() const { return entries_.empty() ? Zxid{} : entries_.back().zxid; }
  std::uint64_t digest() const { return entries_.empty() ? 0 : entries_.back().digest; }

 private:
  std::vector<Entry> entries_;
};

struct TreeImage;

// A state that stays as it is: on its way to a learner, or a checkpoint.
struct StateCopy {
  std::vector<Entry> entries;
  std::shared_ptr<const TreeImage> tree;  // of a whole replica; null: none, or an empty one

  Zxid last() const { return entries.empty() ? Zxid{} : entries.back().zxid; }
};
using Snapshot = std::shared_ptr<const StateCopy>;

// A log: the transactions after start(). It holds what it is given, right or wrong: whether it may
// is for the checkers.
class ModelLog {
 public:
  struct Logged {
    zab::Txn txn;
    std::uint64_t digest = 0;
  };

  ModelLog() = default;
  explicit ModelLog(Entry start) : start_(start) {}

  void append(const zab::Txn& txn);
  void truncate(Zxid upto);
  void trim(Zxid start);  // start() <= start <= last()

  Entry start() const { return start_; }
  Entry last() const;
  const std::vector<Logged>& txns() const { return txns_; }
  std::size_t index_after(Zxid zxid) const;  // of the first transaction above `zxid`
  bool holds(const Entry& entry) const;      // it, and so all before it back to the start

 private:
  Entry start_;  // zxid 0: from the very beginning
  std::vector<Logged> txns_;
};

// What is on a server's disk.
struct DiskImage {
  Epoch accepted_epoch;
  Epoch current_epoch;
  std::shared_ptr<const zab::Ensemble> committed, last_seen;  // null: as it began; none
  StateCopy checkpoint;  // that of the log's start, or a later one
  ModelLog log;

  Zxid last() const { return log.last().zxid; }
  bool holds(const Entry& entry) const;
  std::vector<Entry> recover() const;  // the state with all of the log in it
};

std::string text_of(Zxid zxid);  // "0x100000002"

}  // namespace paddock::test
