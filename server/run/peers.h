#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "common/result.h"
#include "server/core/core_action.h"
#include "server/core/core_event.h"
#include "server/net/election_transport.h"
#include "server/net/name_lookup.h"
#include "server/net/quorum_transport.h"
#include "server/options.h"
#include "server/run/learner_feeds.h"
#include "server/tree/data_tree.h"
#include "zab/quorum.h"

namespace paddock::server {

// The other members of the ensemble, as the core thread sees them: what they say becomes events for
// the core, and what the core wants said goes to them.
//
// Learners are accepted at all times: who dials before this server knows that it leads need not try
// again.
// Thread: the core thread, which runs its loop by wait(); but for wake(), which any may call.
class Peers final : private ElectionEvents, private QuorumEvents {
 public:
  struct Storage {
    Env& env;
    StorageOptions options;
    CheckpointThread& checkpoints;
    const TxnLog& log;
  };
  // Where clients are to connect from now on, by a new configuration. On the core thread.
  using MoveClients = std::function<void(const HostPort& address)>;
  // What `storage` refers to outlives it. `frame_bytes_max`: jute.maxbuffer.
  Peers(const EnsembleOptions& options, std::uint32_t frame_bytes_max, const TreeOptions& tree,
        const Storage& storage, MoveClients move_clients);
  ~Peers();

  // Listens on both ports of this server's own line. Before the core thread starts.
  Result<void> open();

  // Ends all connections and listens no more; nothing but this may be called afterwards.
  void close();

  // Sleeps until something has come, somebody calls wake(), or the deadline.
  void wait(std::chrono::steady_clock::time_point deadline);
  void wake();
  // What has come since the last call.
  void take(std::vector<CoreEvent>& events);

  void carry_out(PeerAction& action);
  // The tree of the snapshot that came by this link.
  std::unique_ptr<DataTree> take_snapshot(zab::LinkId link);

  std::optional<LinkStatus> link(zab::LinkId id) const { return quorum_->link(id); }
  std::string describe() const;

 private:
  // ElectionEvents
  void on_notified(ServerId from, zab::Notification notification) override;
  void on_reachable(ServerId peer, bool reachable) override;
  // QuorumEvents
  void on_opened(zab::LinkId link) override;
  void on_closed(zab::LinkId link, const std::string& why) override;
  void on_received(zab::LinkId link, std::span<zab::Message> messages) override;
  SnapshotSink* on_snapshot(zab::LinkId link, zab::Snap snap) override;
  void on_snapshot_end(zab::LinkId link) override;

  void carry_out(zab::Notify& notify);
  void carry_out(zab::Connect& connect);
  void carry_out(zab::Close& close);
  void carry_out(zab::Send& send);
  void carry_out(zab::SendHistory& history);
  void carry_out(zab::SendSnapshot& snapshot);
  void carry_out(zab::ConfigurationsChanged& changed);
  Result<void> listen(const zab::Member& self);
  void log_sync(zab::LinkId link, std::string_view how, Zxid zxid) const;
  LearnerFeeds::Learner kind_of(zab::LinkId link) const;

  const EnsembleOptions options_;
  const std::uint32_t field_bytes_max_;  // of a snapshot that comes in
  const TreeOptions tree_options_;
  boost::asio::io_context loop_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::unique_ptr<NameLookup> lookup_;
  const MoveClients move_clients_;
  zab::Configurations configurations_;
  zab::Member self_;  // as it was last in a committed configuration
  std::optional<ElectionTransport> election_;
  std::optional<QuorumTransport> quorum_;
  std::vector<CoreEvent> inbox_;

  // The snapshot that comes in, or is here and not yet asked for.
  struct Incoming {
    zab::LinkId link;
    Zxid zxid;
    bool whole = false;
    std::string from;
    std::unique_ptr<TreeSink> sink;
  };
  Incoming snapshot_;
  std::map<zab::LinkId, zab::LearnerInfo> learners_;  // as each link's first message has it
  LearnerFeeds feeds_;
};

}  // namespace paddock::server
