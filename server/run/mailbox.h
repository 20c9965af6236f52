#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <iterator>
#include <mutex>
#include <utility>
#include <vector>

#include "common/check.h"
#include "common/ids.h"

namespace paddock::server {

// Hands batches from any thread to one, in order. Both sides move whole vectors under the lock, so
// that it is held for moments and no item allocates.
//
// Bounded: who puts has a bound of its own (requests in progress, connections, batches of the log);
// `items_max` is far above their sum, and reaching it is a bug of ours.
// Thread: put from any, take from one.
template <typename T>
class Mailbox {
 public:
  explicit Mailbox(std::size_t items_max = std::size_t{1} << 24) : items_max_(items_max) {}

  // Appends the batch, which is left empty with its capacity. Returns whether nothing was waiting
  // before: then, and only then, must the receiver be woken (one that blocks in take() is).
  bool put(std::vector<T>& batch) {
    if (batch.empty()) return false;
    bool was_empty = false;
    {
      const std::lock_guard lock(mutex_);
      was_empty = items_.empty();
      PADDOCK_CHECK(items_.size() + batch.size() <= items_max_);
      if (was_empty) {
        items_.swap(batch);
      } else {
        items_.insert(items_.end(), std::make_move_iterator(batch.begin()),
                      std::make_move_iterator(batch.end()));
      }
      filled(was_empty);
    }
    batch.clear();
    return was_empty;
  }

  bool put(T item) {
    const std::lock_guard lock(mutex_);
    const bool was_empty = items_.empty();
    PADDOCK_CHECK(items_.size() < items_max_);
    items_.push_back(std::move(item));
    filled(was_empty);
    return was_empty;
  }

  // Everything that waits, at once; `to` is cleared first. Returns whether there was anything.
  bool take_now(std::vector<T>& to) {
    to.clear();
    const std::lock_guard lock(mutex_);
    items_.swap(to);
    return !to.empty();
  }

  // Waits for something until `deadline`, or until stop().
  bool take(std::vector<T>& to, std::chrono::steady_clock::time_point deadline) {
    to.clear();
    std::unique_lock lock(mutex_);
    waiting_ = true;
    filled_.wait_until(lock, deadline, [&] { return !items_.empty() || stopped_; });
    waiting_ = false;
    items_.swap(to);
    return !to.empty();
  }

  // Waits without an end but stop().
  bool take(std::vector<T>& to) {
    to.clear();
    std::unique_lock lock(mutex_);
    waiting_ = true;
    filled_.wait(lock, [&] { return !items_.empty() || stopped_; });
    waiting_ = false;
    items_.swap(to);
    return !to.empty();
  }

  // From now on take() does not wait: it gives what is there, then nothing.
  void stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    filled_.notify_all();
  }
  bool stopped() const {
    const std::lock_guard lock(mutex_);
    return stopped_;
  }

 private:
  void filled(bool was_empty) {
    if (was_empty && waiting_) filled_.notify_one();
  }

  const std::size_t items_max_;
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable filled_;
  std::vector<T> items_;
  bool waiting_ = false;
  bool stopped_ = false;
};

}  // namespace paddock::server
