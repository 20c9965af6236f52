#include "server/server.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <random>
#include <utility>
#include <vector>

#include <glog/logging.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/concat.h"
#include "common/version.h"
#include "server/core/core.h"
#include "server/net/client_listener.h"
#include "server/net/connection_limits.h"
#include "server/run/checkpoint_thread.h"
#include "server/run/core_thread.h"
#include "server/run/io_thread.h"
#include "server/run/log_thread.h"
#include "server/run/shared_state.h"
#include "server/run/status_collector.h"
#include "server/storage/config_files.h"
#include "server/storage/recovery.h"

namespace paddock::server {

namespace {

// Sessions that were heard from are reported to the core this often, well within a tick.
Millis touch_interval(Millis tick_time) {
  return Millis{std::clamp<std::int64_t>(tick_time.value / 2, 1, 500)};
}

std::uint64_t draw_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

IoThread::Options io_options(const ServerOptions& options, std::size_t index) {
  return {.index = static_cast<std::uint32_t>(index),
          .client = {.frame_bytes_max = options.net.frame_bytes_max, .auth = options.core.auth},
          .outstanding_max = options.net.outstanding_max,
          .outstanding_bytes_max = options.net.outstanding_bytes_max,
          .handshake_timeout = options.net.sessionless_timeout,
          .touch_interval = touch_interval(options.core.tick_time)};
}

// Who this server is among others goes where sessions and transactions are decided.
CoreOptions core_options(const ServerOptions& options) {
  CoreOptions core = options.core;
  core.membership = {options.ensemble.self, options.ensemble.ensemble, options.ensemble.timing,
                     options.core.reconfig_enabled, options.ensemble.last_seen};
  core.leader_serves = options.ensemble.leader_serves;
  core.local_sessions = options.ensemble.local_sessions;
  core.local_sessions_upgrading = options.ensemble.local_sessions_upgrading;
  core.read_only = options.read_only_enabled;
  return core;
}

StorageOptions storage_options(const ServerOptions& options) {
  StorageOptions storage = options.storage;
  storage.in_ensemble = options.ensemble.ensemble != nullptr;
  return storage;
}

std::string text_of(const boost::asio::ip::tcp::endpoint& endpoint) {
  return to_string(HostPort{endpoint.address().to_string(), endpoint.port()});
}

void log_recovery(const Recovered& recovered, Millis took) {
  for (const std::string& note : recovered.notes) LOG(INFO) << note;
  const DataTree& tree = *recovered.tree;
  LOG(INFO) << "loaded zxid=0x" << hex(static_cast<std::uint64_t>(tree.last_zxid().value))
            << " with " << tree.node_count() << " nodes, " << tree.session_count() << " sessions, "
            << tree.approximate_data_size() << " bytes in " << took.value << " ms: "
            << (recovered.fresh
                    ? "a fresh start"
                    : concat("checkpoint zxid=0x",
                             hex(static_cast<std::uint64_t>(recovered.checkpoint_zxid.value)), ", ",
                             recovered.replayed, " transactions replayed"));
  if (recovered.digest_mismatch) {
    LOG(ERROR) << "the tree digest recorded with zxid=0x"
               << hex(static_cast<std::uint64_t>(recovered.digest_mismatch->value))
               << " is not what this tree has: compare with another copy of the data";
  }
}

// Nobody but the operator can tell a new server from one that has lost what it acknowledged.
void warn_of_voting_without_data(const EnsembleOptions& options) {
  if (!options.ensemble->is_voter(options.self) || options.ensemble->voters().size() == 1) return;
  LOG(WARNING)
      << "server " << options.self.value
      << " votes, and begins without data. That is right for a new server. If this one has "
         "lost its data, what it had acknowledged may be lost with it: stop it, and start "
         "it again once a quorum of the others serves. With db.autocreate=false no server "
         "begins like this without being told to";
}

}  // namespace

// Everything that exists while it runs, in the order in which it is made.
struct Server::Running {
  Running(const ServerOptions& options, Recovered recovered_state, Millis now, WallMillis wall)
      : recovered(std::move(recovered_state)),
        shared(*recovered.tree, options.net.io_threads),
        limits(options.net.connections_per_address, options.net.connections_max),
        core(core_options(options), *recovered.tree, recovered.durable, now, wall),
        log(posix_env(),
            {.storage = storage_options(options),
             .tree = recovered.tree->options(),
             .fsync_warning_threshold = options.fsync_warning_threshold,
             .config_path = options.ensemble.config_path,
             .self = options.ensemble.self,
             .config_version =
                 options.ensemble.ensemble == nullptr ? 0 : options.ensemble.ensemble->version},
            std::move(recovered.log), shared),
        checkpoints(
            posix_env(),
            {.storage = storage_options(options), .purge = options.purge_interval.value > 0},
            std::move(recovered.checkpoint), log.log(), shared),
        status(options, shared, limits),
        peers(
            options.ensemble.ensemble == nullptr
                ? nullptr
                : std::make_unique<Peers>(
                      options.ensemble, options.core.frame_bytes_max, recovered.tree->options(),
                      Peers::Storage{posix_env(), storage_options(options), checkpoints, log.log()},
                      [this](const HostPort& to) { move_clients(to); })),
        core_thread(options.checkpoint, core, *recovered.tree, shared, io, log, checkpoints,
                    peers.get()) {
    if (peers != nullptr) shared.wake_core = [this] { peers->wake(); };
  }

  // A new configuration has another client address. Connections that there are go on.
  void move_clients(const HostPort& to) {
    io.front()->run_soon([this, to](IoThread&) {
      const Result<void> moved = listener->move(to);
      if (moved) LOG(INFO) << "serving clients on " << text_of(listener->local());
      if (!moved) LOG(ERROR) << "clients cannot connect any more: " << moved.error().message;
    });
  }

  Recovered recovered;
  SharedState shared;
  ConnectionLimits limits;
  Core core;
  LogThread log;
  CheckpointThread checkpoints;
  StatusCollector status;
  std::vector<std::unique_ptr<IoThread>> io;
  std::unique_ptr<Peers> peers;  // null: this server stands alone
  CoreThread core_thread;
  std::unique_ptr<ClientListener> listener;
  std::size_t next_io = 0;  // of the listener's thread
};

Server::Server(ServerOptions options) : options_(std::move(options)) {}

Server::~Server() {
  stop();
}

Result<void> Server::start() {
  PADDOCK_CHECK(running_ == nullptr);
  const SystemClock clock;
  const Millis began = clock.now();
  TreeOptions tree_options = options_.tree;
  tree_options.hash_seed = draw_seed();
  PADDOCK_TRY(Recovered recovered, recover(posix_env(), storage_options(options_), tree_options));
  const bool alone = options_.ensemble.ensemble == nullptr;
  if (alone) recovered.tree->drop_orphan_ephemerals();
  log_recovery(recovered, clock.now() - began);
  if (recovered.fresh && !alone) warn_of_voting_without_data(options_.ensemble);

  // Among others, whether the end of the log is committed is only known once a leader has said so.
  const bool whole_checkpoint_due = recovered.from_zookeeper_snapshot && alone;
  auto running =
      std::make_unique<Running>(options_, std::move(recovered), clock.now(), clock.wall_now());
  Running& r = *running;
  for (std::size_t i = 0; i < options_.net.io_threads; ++i) {
    r.io.push_back(
        std::make_unique<IoThread>(io_options(options_, i), r.shared, r.limits, r.status));
  }
  r.status.attach(r.io, r.core_thread);
  r.listener = std::make_unique<ClientListener>(
      r.io.front()->context(), r.limits, r.shared.metrics.new_thread(),
      [&r](int fd, const ClientListener::Tcp::endpoint& remote, CredentialsRef credentials) {
        IoThread& io = *r.io[r.next_io];
        r.next_io = (r.next_io + 1) % r.io.size();
        if (io.put(NewConnection{fd, remote, std::move(credentials)})) io.wake();
      });
  PADDOCK_CHECK(options_.net.client.has_value());
  PADDOCK_TRY_DO(r.listener->open({.address = *options_.net.client,
                                   .backlog = options_.net.listen_backlog,
                                   .keep_alive = options_.net.tcp_keep_alive}));
  if (r.peers != nullptr) PADDOCK_TRY_DO(r.peers->open());
  PADDOCK_TRY_DO(prepare_config_files());
  r.log.start(r.checkpoints);
  r.checkpoints.start();
  if (whole_checkpoint_due) r.checkpoints.offer(r.recovered.tree->take_dirty());
  r.core_thread.start();
  r.listener->start();
  for (const auto& io : r.io) io->start();
  running_ = std::move(running);
  LOG(INFO) << "serving clients on " << address();
  return {};
}

// The ensemble can change, and zoo.cfg has yet to be changed for that.
Result<void> Server::prepare_config_files() const {
  const EnsembleOptions& ensemble = options_.ensemble;
  if (ensemble.config_path.empty() || !ensemble.in_static_file) return {};
  const Result<void> done = back_up_config(posix_env(), ensemble.config_path);
  if (done) return {};
  return Error{done.error().code,
               concat("reconfigEnabled=true, but the folder of ", ensemble.config_path,
                      " cannot be written to: ", done.error().message)};
}

void Server::stop() {
  if (running_ == nullptr) return;
  Running& r = *running_;
  std::promise<void> listener_stopped;
  r.io.front()->run_soon([&](IoThread&) {
    r.listener->stop();
    listener_stopped.set_value();
  });
  listener_stopped.get_future().wait();
  r.core_thread.stop();  // what was written is answered
  for (const auto& io : r.io) io->stop();
  r.log.stop();
  r.checkpoints.stop(r.core_thread.tree_is_committed() ? r.recovered.tree->take_dirty() : Dirty{});
  LOG(INFO) << "stopped at zxid=0x"
            << hex(static_cast<std::uint64_t>(r.recovered.tree->last_zxid().value));
  running_.reset();
}

std::string Server::address() const {
  PADDOCK_CHECK(running_ != nullptr);
  return text_of(running_->listener->local());
}

std::uint16_t Server::port() const {
  PADDOCK_CHECK(running_ != nullptr);
  return running_->listener->local().port();
}

}  // namespace paddock::server
