#include "server/run/status_collector.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include <glog/logging.h>

#include "common/bytes.h"
#include "common/check.h"
#include "common/concat.h"
#include "common/env.h"
#include "server/storage/recovery.h"

namespace paddock::server {

namespace {

ConnectionStatus status_of(ClientSession& session) {
  const ClientSession::Statistics& from = session.statistics();
  ConnectionStatus to;
  to.address = session.remote_text();
  to.reading = session.wants_read();
  to.writing = session.wants_write();
  to.outstanding = static_cast<std::int64_t>(session.in_flight());
  to.received = from.received;
  to.sent = from.sent;
  to.session = session.session();
  to.established = from.established;
  to.timeout_ms = session.timeout_ms();
  to.last_cxid = from.last_xid;
  to.last_zxid = from.last_zxid;
  to.last_response = Millis{from.last_response_ms};
  to.last_latency_ms = from.latency_last_ms;
  to.latency = {.min_ms = from.latency_min_ms, .max_ms = from.latency_max_ms, .average_ms = 0};
  if (from.latency_count != 0) {
    to.latency.average_ms =
        static_cast<double>(from.latency_sum_ms) / static_cast<double>(from.latency_count);
  }
  if (from.last_op == OpCode::kCreateSession) {
    to.last_op = kLastOpSession;
  } else if (from.last_op != OpCode::kNotification) {
    to.last_op = last_op_word(from.last_op);
  }
  return to;
}

std::int64_t bytes_in(const std::string& folder) {
  std::int64_t bytes = 0;
  const auto names = posix_env().list(folder);
  if (!names) return 0;  // not there yet
  for (const std::string& name : *names) {
    if (const auto size = posix_env().file_size(concat(folder, "/", name))) {
      bytes += static_cast<std::int64_t>(*size);
    }
  }
  return bytes;
}

DirectorySizes directory_sizes(const StorageOptions& storage) {
  return {.data_bytes = bytes_in(snapshot_folder(storage)) + bytes_in(state_folder(storage)),
          .log_bytes = bytes_in(log_folder(storage))};
}

ServerMode mode_of(const Core& core, const EnsembleOptions& ensemble) {
  if (ensemble.ensemble == nullptr) return ServerMode::kStandalone;
  if (core.reads_only()) return ServerMode::kReadOnly;
  switch (core.role()) {
    case zab::Role::kLeading:
      return ServerMode::kLeader;
    case zab::Role::kObserving:
      return ServerMode::kObserver;
    case zab::Role::kFollowing:
    case zab::Role::kLooking:  // it does not serve, and its mode is not told
      break;
  }
  return ServerMode::kFollower;
}

// A leader has begun its epoch before the first transaction of it.
Zxid shown_zxid(const Core& core, const DataTree& tree) {
  const bool leads = core.role() == zab::Role::kLeading;
  return leads ? std::max(tree.last_zxid(), Zxid::make(core.replica().current_epoch(), 0))
               : tree.last_zxid();
}

WallMillis wall_of(Millis when, const ServerStatus& status) {
  return WallMillis{status.wall_now.value + (when - status.now).value};
}

// Latencies are measured in microseconds and told in milliseconds.
LatencyStatus latency_of(const Metrics& metrics) {
  const Metrics::Total total = metrics.total(Summary::kRequestLatency);
  return {
      .min_ms = total.min / 1000, .max_ms = total.max / 1000, .average_ms = total.average() / 1000};
}

}  // namespace

// What has come in so far.
struct StatusCollector::Gathering {
  std::mutex mutex;  // guards status and missing
  ServerStatus status;
  std::size_t missing = 0;
  Done done;

  // Calls fill under the lock; then, with the last share in, done.
  template <typename Fill>
  void add(Fill&& fill) {
    bool complete = false;
    {
      const std::lock_guard lock(mutex);
      fill(status);
      complete = --missing == 0;
    }
    if (complete) done(status);
  }
};

StatusCollector::StatusCollector(const ServerOptions& options, SharedState& shared,
                                 ConnectionLimits& limits)
    : options_(options), shared_(shared), limits_(limits), started_(clock_.now()) {}

void StatusCollector::collect(StatusParts parts, Done done) {
  PADDOCK_CHECK(io_ != nullptr && core_ != nullptr);
  const auto gathering = std::make_shared<Gathering>();
  fill_common(gathering->status, parts);
  gathering->missing = 1 + io_->size();
  gathering->done = std::move(done);
  shared_.tell_core(CoreMail(CoreTask([this, parts, gathering](const Core& core) {
    gathering->add([&](ServerStatus& status) { fill_from_core(status, parts, core); });
  })));
  for (const auto& io : *io_) {
    io->run_soon([this, parts, gathering](IoThread& thread) {
      gathering->add([&](ServerStatus& status) {
        fill_from_io(status, parts, thread, options_.net.sessionless_timeout);
      });
    });
  }
}

void StatusCollector::fill_common(ServerStatus& status, StatusParts parts) const {
  const Metrics& metrics = shared_.metrics;
  const Metrics::Total sizes = metrics.total(Summary::kResponseSize);
  status.now = clock_.now();
  status.wall_now = clock_.wall_now();
  status.uptime = status.now - started_;
  status.latency = latency_of(metrics);
  status.received = metrics.total(Counter::kPacketsReceived);
  status.sent = metrics.total(Counter::kPacketsSent);
  status.auth_failed_count = metrics.total(Counter::kAuthFailed);
  status.connection_count = static_cast<std::int64_t>(limits_.total());
  if (sizes.count != 0) {
    status.last_response_bytes = sizes.last;
    status.min_response_bytes = sizes.min;
    status.max_response_bytes = sizes.max;
  }
  std::tie(status.open_file_descriptors, status.max_file_descriptors) = process_descriptors();
  status.configuration = describe_configuration(options_);
  if (parts.directories) status.directories = directory_sizes(options_.storage);
  if (parts.metrics) status.metrics = metrics.snapshot();
}

void StatusCollector::fill_from_core(ServerStatus& status, StatusParts parts,
                                     const Core& core) const {
  const DataTree& tree = shared_.tree;  // this is the core thread: nobody else changes it
  status.serving = core.serves();
  status.mode = mode_of(core, options_.ensemble);
  if (core.role() != zab::Role::kLooking && options_.ensemble.ensemble != nullptr) {
    status.ensemble = ensemble_status(core, status.now);
  }
  status.outstanding = static_cast<std::int64_t>(core.outstanding());
  status.last_zxid = shown_zxid(core, tree);
  status.node_count = static_cast<std::int64_t>(tree.node_count());
  status.ephemerals_count = static_cast<std::int64_t>(tree.ephemerals_count());
  status.approximate_data_size = tree.approximate_data_size();
  status.global_sessions = static_cast<std::int64_t>(tree.session_count());
  status.local_sessions = static_cast<std::int64_t>(core.local_session_count());
  status.has_local_sessions = core.has_local_sessions();
  if (parts.sessions) {
    const auto status_of = [&](const Core::SessionLine& line) {
      return SessionStatus{line.session, wall_of(line.expires, status), line.timeout_ms};
    };
    std::ranges::transform(core.sessions(), std::back_inserter(status.sessions), status_of);
    std::ranges::transform(core.local_sessions(), std::back_inserter(status.local_session_lines),
                           status_of);
    for (const SessionId session : tree.sessions_with_ephemerals()) {
      status.ephemerals.push_back({session, tree.ephemerals_of(session)});
    }
  }
  if (parts.digests) status.digests.assign(core_->digests().begin(), core_->digests().end());
}

EnsembleStatus StatusCollector::ensemble_status(const Core& core, Millis now) const {
  const zab::Replica& replica = core.replica();
  const zab::Ensemble& ensemble = *replica.configurations().committed;
  EnsembleStatus status{.self = options_.ensemble.self,
                        .leader = replica.leader(),
                        .epoch = replica.current_epoch(),
                        .voters = static_cast<std::int64_t>(ensemble.voters().size()),
                        .members = to_text(ensemble),
                        .leading = std::nullopt};
  const std::optional<zab::Leadership> leadership = replica.leadership();
  if (!leadership) return status;
  const Core::ProposalBytes bytes = core.proposal_bytes();
  LeaderStatus leading{.learners = {},
                       .last_proposed = leadership->last_proposed,
                       .last_proposal_bytes = bytes.last,
                       .min_proposal_bytes = bytes.min,
                       .max_proposal_bytes = bytes.max,
                       .pending_syncs = static_cast<std::int64_t>(leadership->pending_syncs),
                       .uptime = now - core.role_began()};
  for (const zab::Leadership::Follower& learner : leadership->learners) {
    const std::optional<LinkStatus> link = core_->link(learner.link);
    leading.learners.push_back(
        {.sid = learner.sid,
         .address = link ? link->remote : std::string(),
         .observer = learner.observer,
         .votes = learner.votes,
         .synced = learner.synced,
         .acked = learner.acked,
         .queued_bytes = link ? static_cast<std::int64_t>(link->bytes_queued) : 0,
         .silent = link ? now - link->last_read : Millis{}});
  }
  std::sort(leading.learners.begin(), leading.learners.end(),
            [](const LearnerStatus& a, const LearnerStatus& b) { return a.sid < b.sid; });
  status.leading = std::move(leading);
  return status;
}

void StatusCollector::fill_from_io(ServerStatus& status, StatusParts parts, IoThread& io,
                                   Millis timeout) {
  const WatchTable& watches = io.watch_table();
  const WatchTable::Summary summary = watches.summary();
  status.watch_count += static_cast<std::int64_t>(watches.watch_count());
  status.watch_summary.connections += static_cast<std::int64_t>(summary.connections);
  status.watch_summary.paths += static_cast<std::int64_t>(summary.paths);
  status.watch_summary.watches += static_cast<std::int64_t>(summary.watches);
  io.for_each_session([&](ClientSession& session) {
    if (parts.connections) status.connections.push_back(status_of(session));
    if (parts.sessions) {
      const bool open = session.session().value != 0;
      const Millis expires = (open ? session.touched_at : status.now) +
                             (open ? Millis{session.timeout_ms()} : timeout);
      status.connection_expiry.push_back(
          {session.remote_text(), session.session(), wall_of(expires, status)});
    }
  });
  if (!parts.watch_paths) return;
  std::map<SessionId, std::vector<std::string>> by_session;
  watches.for_each([&](std::string_view path, WatcherId watcher) {
    by_session[io.at_slot(watcher)->session()].emplace_back(path);
  });
  for (auto& [session, paths] : by_session) {
    std::sort(paths.begin(), paths.end());
    status.watched_by.push_back({session, std::move(paths)});
  }
}

std::size_t StatusCollector::word_bytes(std::uint32_t first_four) const {
  const auto word = four_letter_word(first_four);
  if (!word) return 0;
  // A refusal does not wait for what would follow.
  const bool mask_follows =
      *word == FourLetterWord::kStmk && options_.net.four_letter.allows(*word);
  return mask_follows ? 12 : 4;
}

void StatusCollector::on_word(IoThread& io, ConnectionId connection, ByteView bytes) {
  const auto word = four_letter_word(load_be32(bytes.data()));
  PADDOCK_CHECK(word.has_value());
  if (!options_.net.four_letter.allows(*word)) {
    return io.answer_word(connection, refusal_of(*word));
  }
  if (*word == FourLetterWord::kStmk) {
    trace_mask_ = static_cast<std::int64_t>(load_be64(bytes.data() + 4));
  }
  reset_statistics(*word);
  collect(parts_for(*word), [this, word = *word, &io, connection](const ServerStatus& status) {
    // The last share may have come from another thread.
    io.run_soon([connection, text = answer_to(word, status, trace_mask_)](IoThread& asked) {
      asked.answer_word(connection, text);
    });
  });
}

void StatusCollector::reset_statistics(FourLetterWord word) {
  if (word == FourLetterWord::kSrst) shared_.metrics.reset();
  if (word != FourLetterWord::kCrst) return;
  for (const auto& io : *io_) {
    io->run_soon([](IoThread& thread) {
      thread.for_each_session([](ClientSession& session) { session.reset_statistics(); });
    });
  }
}

}  // namespace paddock::server
