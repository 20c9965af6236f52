#pragma once
#include <functional>
#include <memory>
#include "common/env.h"
#include "common/result.h"
#include "server/net/sync_stream.h"
#include "server/run/checkpoint_thread.h"
#include "server/tree/data_tree.h"
#include "zab/event.h"
namespace paddock::server {
class SnapshotReceiver final : public SnapshotSink {
 public:
  SnapshotReceiver(const TreeOptions&, Zxid) {}
  Result<Taken> consume(ByteView) override { return Error{Code::kIo, "stub"}; }
  std::unique_ptr<DataTree> take_tree() { return nullptr; }
};
class LearnerFeeds {
 public:
  struct SnapshotStart {
    Zxid zxid;
    std::unique_ptr<SnapshotFeed> snapshot;
  };
  LearnerFeeds(Env&, const StorageOptions&, CheckpointThread&, TxnLog&) {}
  Result<SnapshotStart> snapshot(zab::LinkId) { return Error{Code::kIo, "stub"}; }
  std::unique_ptr<HistoryFeed> history(zab::LinkId, Zxid, Zxid) { return nullptr; }
  void set_ready(std::function<void(zab::LinkId)>) {}
  void on_persisted() {}
};
}  // namespace paddock::server
