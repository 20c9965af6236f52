#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/clock.h"
#include "common/ids.h"
#include "server/admin/server_status.h"
#include "server/core/core.h"
#include "server/options.h"
#include "server/run/checkpoint_thread.h"
#include "server/run/io_thread.h"
#include "server/run/log_thread.h"
#include "server/run/peers.h"
#include "server/run/shared_state.h"
#include "server/tree/data_tree.h"

namespace paddock::server {

// Feeds a Core with what the other threads send and carries out what it asks for, in order: appends
// to the log thread, then replies and events to the io threads, checkpoints to theirs.
//
// Thread: its own, the only one that changes the tree.
// Failure: a fatal Core (a digest that differs) ends the process, after its notes are logged.
class CoreThread {
 public:
  // `peers`: null where the server stands alone.
  CoreThread(const CheckpointDue& due, Core& core, DataTree& tree, SharedState& shared,
             std::vector<std::unique_ptr<IoThread>>& io, LogThread& log,
             CheckpointThread& checkpoints, Peers* peers);
  ~CoreThread();

  void start();  // once all io threads exist
  // Takes what is in its mailbox, waits for all writes under way to be on disk and applied, joins.
  void stop();

  // Once it has stopped: whether all of the tree is committed, so that a checkpoint may be taken.
  // What the log held at the start need not be, before this server has served.
  bool tree_is_committed() const { return tree_is_committed_; }

  // On the core thread, from a CoreTask: a member's connection; nullopt: it has none.
  std::optional<LinkStatus> link(zab::LinkId id) const {
    return peers_ == nullptr ? std::nullopt : peers_->link(id);
  }
  // On the core thread, from a CoreTask: the tree's digest after some past transactions.
  const std::deque<DigestEntry>& digests() const { return digests_; }

 private:
  void run();
  void wait(std::vector<CoreMail>& batch);
  bool is_finished() const;
  void replace_tree(DataTree&& tree);
  void write_out();
  void take_all(std::vector<CoreMail>& batch);
  void step(CoreEvent event);
  void carry_out();
  void apply();
  void distribute();
  void wake_io();
  void offer_checkpoint(bool first);
  void keep_digests();
  std::chrono::steady_clock::time_point next_wakeup() const;

  const CheckpointDue due_;
  Core& core_;
  DataTree& tree_;
  SharedState& shared_;
  std::vector<std::unique_ptr<IoThread>>& io_;
  LogThread& log_;
  CheckpointThread& checkpoints_;
  Peers* const peers_;
  SystemClock clock_;
  Millis now_;
  CoreActions actions_;
  struct Outbox {
    std::vector<IoMail> mail;
    bool wake = false;
  };
  std::vector<Outbox> outboxes_;  // one for each io thread
  Zxid checkpoint_zxid_;          // of the last one offered
  std::int64_t log_bytes_ = 0;    // logged since then
  std::deque<DigestEntry> digests_;
  bool tree_is_committed_ = false;
  std::vector<CoreEvent> from_peers_;
  std::vector<LogWrite> to_log_;
  std::optional<Millis> stop_deadline_;  // set: stopping
  std::thread thread_;
};

}  // namespace paddock::server
