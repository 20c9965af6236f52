#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string_view>
#include <variant>
#include <vector>

#include "common/ids.h"
#include "common/metrics.h"
#include "server/core/core.h"
#include "server/core/core_event.h"
#include "server/run/log_write.h"
#include "server/run/mailbox.h"
#include "server/run/reader_lock.h"
#include "server/tree/data_tree.h"

namespace paddock::server {

// Something to be done on the core thread, between two events.
using CoreTask = std::function<void(const Core&)>;
// The last mail of the core thread: it finishes what is under way and ends.
struct CoreStop {};
using CoreMail = std::variant<CoreEvent, CoreTask, CoreStop, TreeReplaced>;

// What the threads share. Made before them, and outlives them.
struct SharedState {
  SharedState(const DataTree& the_tree, std::size_t io_threads)
      : tree(the_tree), readers(io_threads), last_zxid(the_tree.last_zxid().value) {}

  // To the core, from any thread.
  void tell_core(CoreMail mail) {
    if (to_core.put(std::move(mail)) && wake_core) wake_core();
  }
  void tell_core(std::vector<CoreMail>& batch) {
    if (to_core.put(batch) && wake_core) wake_core();
  }

  const DataTree& tree;  // for whoever holds a slot of `readers`, and for the core thread
  ReaderLock readers;
  Mailbox<CoreMail> to_core;
  std::function<void()> wake_core;  // set before any thread; empty: the core waits in its mailbox
  Metrics metrics;
  std::atomic<std::int64_t> last_zxid;             // the tree's, for who holds no slot
  std::atomic<std::int64_t> outstanding{0};        // requests that the core has, of all connections
  std::atomic<std::int64_t> outstanding_bytes{0};  // of their frames
};

// The state or the disk cannot be trusted any more: says so, and ends the process at once, leaving
// everything as it is. What was acknowledged is on disk.
[[noreturn]] void die(std::string_view why);

}  // namespace paddock::server
