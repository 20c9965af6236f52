#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "common/check.h"

namespace paddock::server {

// A connection, to the watch table: a small number (below 2^28) that its owner hands out and may
// use again after remove_watcher().
using WatcherId = std::uint32_t;

// How a connection watches a path, as bits: modes live side by side.
using WatchModes = std::uint32_t;
inline constexpr WatchModes kWatchData = 1;        // one-shot, in the data table
inline constexpr WatchModes kWatchChild = 2;       // one-shot, in the child table
inline constexpr WatchModes kWatchPersistent = 4;  // in both
inline constexpr WatchModes kWatchRecursive = 8;   // in the data table

// Who watches one path, and how: four bytes a watcher, the first of them inside the list.
class WatcherList {
 public:
  WatcherList() : one_(0) {}
  ~WatcherList() { reset(); }
  WatcherList(const WatcherList&) = delete;
  WatcherList& operator=(const WatcherList&) = delete;

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  WatcherId watcher(std::size_t at) const { return items()[at] >> kModeBits; }
  WatchModes modes(std::size_t at) const { return items()[at] & kModeMask; }
  void set_modes(std::size_t at, WatchModes modes) {
    items()[at] = (items()[at] & ~kModeMask) | modes;
  }

  // Its place; size() if it is not in.
  std::size_t find(WatcherId watcher) const {
    const std::uint32_t* begin = items();
    return static_cast<std::size_t>(
        std::find_if(begin, begin + size_,
                     [&](std::uint32_t item) { return item >> kModeBits == watcher; }) -
        begin);
  }
  void add(WatcherId watcher, WatchModes modes) {
    PADDOCK_CHECK(watcher <= UINT32_MAX >> kModeBits);
    if (size_ == capacity_) grow();
    items()[size_++] = watcher << kModeBits | modes;
  }
  // The last one takes its place.
  void erase(std::size_t at) {
    items()[at] = items()[size_ - 1];
    if (--size_ == 0) reset();
  }

 private:
  static constexpr int kModeBits = 4;
  static constexpr std::uint32_t kModeMask = (1u << kModeBits) - 1;

  std::uint32_t* items() { return capacity_ == 1 ? &one_ : many_; }
  const std::uint32_t* items() const { return capacity_ == 1 ? &one_ : many_; }
  // By a quarter: the slack counts against the sixteen bytes of a watch.
  void grow() {
    const std::uint32_t capacity = capacity_ + std::max<std::uint32_t>(3, capacity_ / 4);
    void* memory = std::realloc(capacity_ == 1 ? nullptr : many_, capacity * sizeof(one_));
    if (memory == nullptr) throw std::bad_alloc();
    auto* items = static_cast<std::uint32_t*>(memory);
    if (capacity_ == 1) items[0] = one_;
    many_ = items;
    capacity_ = capacity;
  }
  void reset() {
    if (capacity_ != 1) std::free(many_);
    size_ = 0;
    capacity_ = 1;
    one_ = 0;
  }

  std::uint32_t size_ = 0, capacity_ = 1;
  union {
    std::uint32_t one_;  // if capacity_ is 1
    std::uint32_t* many_;
  };
};

}  // namespace paddock::server
