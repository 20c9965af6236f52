#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "common/ids.h"

namespace paddock::zab {

// Which transactions a server's log holds, without the transactions: where it starts, and how far
// each epoch goes. Within an epoch the counters have no gap, so this answers every question that
// choosing DIFF, TRUNC or SNAP asks.
class History {
 public:
  History() = default;
  // A log that begins after `start`: what is up to there is only in the checkpoint.
  explicit History(Zxid start) : start_(start) {}

  // `zxid` follows last(): the next counter, or the first one of a later epoch.
  bool follows(Zxid zxid) const;
  void append(Zxid zxid);  // follows(zxid)
  // All from `first`, which follows, to `last` of the same epoch.
  void append_span(Zxid first, Zxid last);
  void truncate(Zxid upto);  // start() <= upto <= last(); upto need not be in the log
  void trim(Zxid start);     // start() <= start: what is up to there went
  bool empty() const { return epochs_.empty(); }

  Zxid start() const { return start_; }
  Zxid last() const { return epochs_.empty() ? start_ : epochs_.back().last; }
  // Whether a log that ends with `zxid` is a prefix of this one, and the rest of it is here.
  bool contains(Zxid zxid) const;
  // The last one not above `zxid`; start() if there is none.
  Zxid floor(Zxid zxid) const;
  std::size_t count(Zxid after, Zxid upto) const;  // how many are in (after, upto]

  std::string describe() const;

 private:
  struct Span {
    Zxid first, last;  // of one epoch
  };
  Zxid start_;
  std::vector<Span> epochs_;  // rising
};

}  // namespace paddock::zab
