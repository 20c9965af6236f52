#include "zab/history.h"

#include <algorithm>

#include "common/check.h"
#include "common/concat.h"

namespace paddock::zab {

namespace {

std::string hex_text(Zxid zxid) {
  return concat("0x", hex(static_cast<std::uint64_t>(zxid.value)));
}

}  // namespace

bool History::follows(Zxid zxid) const {
  const Zxid previous = last();
  // After the last counter, next() would be in another epoch.
  if (zxid.epoch() == previous.epoch()) return zxid == previous.next();
  return zxid.epoch() > previous.epoch() && zxid.counter() == 1;
}

void History::append(Zxid zxid) {
  append_span(zxid, zxid);
}

void History::append_span(Zxid first, Zxid last) {
  PADDOCK_CHECK(follows(first));
  PADDOCK_CHECK(first <= last);
  PADDOCK_CHECK(first.epoch() == last.epoch());
  if (!epochs_.empty() && epochs_.back().last.epoch() == first.epoch()) {
    epochs_.back().last = last;
  } else {
    epochs_.push_back({first, last});
  }
  PADDOCK_CHECK(this->last() == last);
}

void History::truncate(Zxid upto) {
  PADDOCK_CHECK(start_ <= upto);
  PADDOCK_CHECK(upto <= last());
  while (!epochs_.empty() && epochs_.back().first > upto) epochs_.pop_back();
  if (!epochs_.empty()) epochs_.back().last = std::min(epochs_.back().last, upto);
  PADDOCK_CHECK(last() <= upto);
}

void History::trim(Zxid start) {
  PADDOCK_CHECK(start_ <= start);
  const auto kept = std::find_if(epochs_.begin(), epochs_.end(),
                                 [start](const Span& epoch) { return epoch.last > start; });
  epochs_.erase(epochs_.begin(), kept);
  if (!epochs_.empty() && epochs_.front().first <= start) epochs_.front().first = start.next();
  start_ = start;
}

bool History::contains(Zxid zxid) const {
  return zxid >= start_ && floor(zxid) == zxid;
}

Zxid History::floor(Zxid zxid) const {
  for (auto epoch = epochs_.rbegin(); epoch != epochs_.rend(); ++epoch) {
    if (epoch->first <= zxid) return std::min(zxid, epoch->last);
  }
  return start_;
}

std::size_t History::count(Zxid after, Zxid upto) const {
  std::size_t found = 0;
  for (const Span& epoch : epochs_) {
    if (epoch.last <= after || epoch.first > upto) continue;
    const Zxid first = after < epoch.first ? epoch.first : after.next();
    const Zxid last = std::min(epoch.last, upto);
    if (first <= last) found += static_cast<std::size_t>(last.value - first.value + 1);
  }
  return found;
}

std::string History::describe() const {
  std::string text = concat("after ", hex_text(start_), ":");
  for (const Span& epoch : epochs_) {
    text += concat(" ", hex_text(epoch.first), "-", hex_text(epoch.last));
  }
  return epochs_.empty() ? text + " nothing" : text;
}

}  // namespace paddock::zab
