#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/histogram.h"
#include "common/op_code.h"

// Counts and distributions, by ZooKeeper's names. Each thread writes its own ThreadMetrics and
// anybody may add them up, so that a count on the way of a request costs no shared cache line.
// Source of names: ZooKeeper 3.9, server/ServerMetrics.java.
namespace paddock {

// PADDOCK_COUNTERS(X): X(enumerator, name)
#define PADDOCK_COUNTERS(X)                                            \
  X(kPacketsReceived, "packets_received")                              \
  X(kPacketsSent, "packets_sent")                                      \
  X(kAuthFailed, "auth_failed_count")                                  \
  X(kBytesReceived, "bytes_received_count")                            \
  X(kResponseBytes, "response_bytes")                                  \
  X(kWatchBytes, "watch_bytes")                                        \
  X(kConnectionRequests, "connection_request_count")                   \
  X(kConnectionRejected, "connection_rejected")                        \
  X(kConnectionDrops, "connection_drop_count")                         \
  X(kConnectionRevalidates, "connection_revalidate_count")             \
  X(kRevalidates, "revalidate_count")                                  \
  X(kSessionlessExpired, "sessionless_connections_expired")            \
  X(kStaleSessionsExpired, "stale_sessions_expired")                   \
  X(kUnsuccessfulHandshakes, "unsuccessful_handshake")                 \
  X(kTlsHandshakeExceeded, "tls_handshake_exceeded")                   \
  X(kClosedWhileNotServing, "cnxn_closed_without_zk_server_running")   \
  X(kProposals, "proposal_count")                                      \
  X(kCommits, "commit_count")                                          \
  X(kPrepRequestsQueued, "prep_processor_request_queued")              \
  X(kSyncRequestsQueued, "sync_processor_request_queued")              \
  X(kCommitRequestsQueued, "request_commit_queued")                    \
  X(kOutstandingChangesQueued, "outstanding_changes_queued")           \
  X(kOutstandingChangesRemoved, "outstanding_changes_removed")         \
  X(kThrottledOps, "throttled_ops")                                    \
  X(kThrottleWaits, "request_throttle_wait_count")                     \
  X(kStaleRequests, "stale_requests")                                  \
  X(kStaleRequestsDropped, "stale_requests_dropped")                   \
  X(kStaleReplies, "stale_replies")                                    \
  X(kLargeRequestsRejected, "large_requests_rejected")                 \
  X(kDigestMismatches, "digest_mismatches_count")                      \
  X(kUnrecoverableErrors, "unrecoverable_error_count")                 \
  X(kEnsembleAuthSuccess, "ensemble_auth_success")                     \
  X(kEnsembleAuthFail, "ensemble_auth_fail")                           \
  X(kEnsembleAuthSkip, "ensemble_auth_skip")                           \
  X(kInsecureAdmin, "insecure_admin_count")                            \
  X(kResponseCacheHits, "response_packet_cache_hits")                  \
  X(kResponseCacheMisses, "response_packet_cache_misses")              \
  X(kChildrenCacheHits, "response_packet_get_children_cache_hits")     \
  X(kChildrenCacheMisses, "response_packet_get_children_cache_misses") \
  X(kDeadWatchersQueued, "dead_watchers_queued")                       \
  X(kDeadWatchersCleared, "dead_watchers_cleared")                     \
  X(kDeadWatcherStallTime, "add_dead_watcher_stall_time")              \
  X(kTtlNodesCreated, "ttl_node_created_count")                        \
  X(kTtlNodesDeleted, "ttl_node_deleted_count")                        \
  X(kSnapshotErrors, "snapshot_error_count")                           \
  X(kLooking, "looking_count")                                         \
  X(kDiffs, "diff_count")                                              \
  X(kSnaps, "snap_count")                                              \
  X(kQuitLeading, "quit_leading_due_to_disloyal_voter")                \
  X(kLearnerProposals, "learner_proposal_received_count")              \
  X(kLearnerCommits, "learner_commit_received_count")                  \
  X(kOpsTotal, "op_count_total")                                       \
  X(kOpsCreate, "op_count_create")                                     \
  X(kOpsDelete, "op_count_delete")                                     \
  X(kOpsExists, "op_count_exists")                                     \
  X(kOpsGetData, "op_count_get_data")                                  \
  X(kOpsSetData, "op_count_set_data")                                  \
  X(kOpsGetChildren, "op_count_get_children")                          \
  X(kOpsGetAcl, "op_count_get_acl")                                    \
  X(kOpsSetAcl, "op_count_set_acl")                                    \
  X(kOpsMulti, "op_count_multi")                                       \
  X(kOpsMultiRead, "op_count_multi_read")                              \
  X(kOpsCheck, "op_count_check")                                       \
  X(kOpsSync, "op_count_sync")                                         \
  X(kOpsPing, "op_count_ping")                                         \
  X(kOpsReconfig, "op_count_reconfig")                                 \
  X(kOpsAddWatch, "op_count_add_watch")                                \
  X(kOpsCheckWatches, "op_count_check_watches")                        \
  X(kOpsRemoveWatches, "op_count_remove_watches")                      \
  X(kOpsSetWatches, "op_count_set_watches")                            \
  X(kOpsCreateSession, "op_count_create_session")                      \
  X(kOpsCloseSession, "op_count_close_session")                        \
  X(kOpsGetEphemerals, "op_count_get_ephemerals")                      \
  X(kOpsGetAllChildrenNumber, "op_count_get_all_children_number")      \
  X(kOpsWhoAmI, "op_count_who_am_i")

enum class Counter : std::uint8_t {
#define PADDOCK_ENUMERATOR(enumerator, name) enumerator,
  PADDOCK_COUNTERS(PADDOCK_ENUMERATOR)
#undef PADDOCK_ENUMERATOR
};

// Distributions of sizes are recorded as they are; those of time (kMicros) in microseconds, and
// shown in milliseconds, which is what the names promise. kAdvanced ones also show percentiles.
// PADDOCK_SUMMARIES(X): X(enumerator, name, unit, detail)
#define PADDOCK_SUMMARIES(X)                                                              \
  X(kRequestLatency, "latency", kMicros, kHidden)                                         \
  X(kResponseSize, "client_response_size", kPlain, kHidden)                               \
  X(kNodeCreatedWatches, "node_created_watch_count", kPlain, kSimple)                     \
  X(kNodeDeletedWatches, "node_deleted_watch_count", kPlain, kSimple)                     \
  X(kNodeChangedWatches, "node_changed_watch_count", kPlain, kSimple)                     \
  X(kNodeChildrenWatches, "node_children_watch_count", kPlain, kSimple)                   \
  X(kFsyncTime, "fsynctime", kMicros, kSimple)                                            \
  X(kSnapshotTime, "snapshottime", kMicros, kSimple)                                      \
  X(kDbInitTime, "dbinittime", kMicros, kSimple)                                          \
  X(kStartupTxnsLoaded, "startup_txns_loaded", kPlain, kSimple)                           \
  X(kStartupTxnsLoadTime, "startup_txns_load_time", kMicros, kSimple)                     \
  X(kStartupSnapLoadTime, "startup_snap_load_time", kMicros, kSimple)                     \
  X(kSyncBatchSize, "sync_processor_batch_size", kPlain, kSimple)                         \
  X(kSyncQueueSize, "sync_processor_queue_size", kPlain, kSimple)                         \
  X(kSyncProcessTime, "sync_process_time", kMicros, kSimple)                              \
  X(kPrepQueueSize, "prep_processor_queue_size", kPlain, kSimple)                         \
  X(kPrepProcessTime, "prep_process_time", kMicros, kSimple)                              \
  X(kProposalProcessTime, "proposal_process_time", kMicros, kSimple)                      \
  X(kCommitProcessTime, "commit_process_time", kMicros, kSimple)                          \
  X(kSocketClosingTime, "socket_closing_time", kMicros, kSimple)                          \
  X(kConnectionTokenDeficit, "connection_token_deficit", kPlain, kSimple)                 \
  X(kElectionTime, "election_time", kMicros, kSimple)                                     \
  X(kUnavailableTime, "unavailable_time", kMicros, kSimple)                               \
  X(kLeaderUnavailableTime, "leader_unavailable_time", kMicros, kSimple)                  \
  X(kFollowerSyncTime, "follower_sync_time", kMicros, kSimple)                            \
  X(kObserverSyncTime, "observer_sync_time", kMicros, kSimple)                            \
  X(kInflightSnaps, "inflight_snap_count", kPlain, kSimple)                               \
  X(kInflightDiffs, "inflight_diff_count", kPlain, kSimple)                               \
  X(kReadLatency, "readlatency", kMicros, kAdvanced)                                      \
  X(kUpdateLatency, "updatelatency", kMicros, kAdvanced)                                  \
  X(kPropagationLatency, "propagation_latency", kMicros, kAdvanced)                       \
  X(kProposalLatency, "proposal_latency", kMicros, kAdvanced)                             \
  X(kProposalAckCreationLatency, "proposal_ack_creation_latency", kMicros, kAdvanced)     \
  X(kCommitPropagationLatency, "commit_propagation_latency", kMicros, kAdvanced)          \
  X(kQuorumAckLatency, "quorum_ack_latency", kMicros, kAdvanced)                          \
  X(kPrepQueueTime, "prep_processor_queue_time_ms", kMicros, kAdvanced)                   \
  X(kCloseSessionPrepTime, "close_session_prep_time", kMicros, kAdvanced)                 \
  X(kSyncQueueTime, "sync_processor_queue_time_ms", kMicros, kAdvanced)                   \
  X(kSyncFlushTime, "sync_processor_queue_flush_time_ms", kMicros, kAdvanced)             \
  X(kSyncQueueAndFlushTime, "sync_processor_queue_and_flush_time_ms", kMicros, kAdvanced) \
  X(kReadFinalTime, "read_final_proc_time_ms", kMicros, kAdvanced)                        \
  X(kWriteFinalTime, "write_final_proc_time_ms", kMicros, kAdvanced)                      \
  X(kReadCommitTime, "read_commitproc_time_ms", kMicros, kAdvanced)                       \
  X(kWriteCommitTime, "write_commitproc_time_ms", kMicros, kAdvanced)                     \
  X(kLocalWriteCommitted, "local_write_committed_time_ms", kMicros, kAdvanced)            \
  X(kServerWriteCommitted, "server_write_committed_time_ms", kMicros, kAdvanced)          \
  X(kThrottleQueueTime, "request_throttle_queue_time_ms", kMicros, kAdvanced)             \
  X(kDeadWatchersLatency, "dead_watchers_cleaner_latency", kMicros, kAdvanced)

enum class Summary : std::uint8_t {
#define PADDOCK_ENUMERATOR(enumerator, name, unit, detail) enumerator,
  PADDOCK_SUMMARIES(PADDOCK_ENUMERATOR)
#undef PADDOCK_ENUMERATOR
};

#define PADDOCK_ZERO(...) 0,
inline constexpr std::size_t kCounters =
    std::initializer_list<int>{PADDOCK_COUNTERS(PADDOCK_ZERO)}.size();
inline constexpr std::size_t kSummaries =
    std::initializer_list<int>{PADDOCK_SUMMARIES(PADDOCK_ZERO)}.size();
#undef PADDOCK_ZERO

std::string_view name_of(Counter counter);
std::string_view name_of(Summary summary);

// The counter of one operation, besides kOpsTotal; kOpsTotal for what has none of its own.
Counter counter_of(OpCode op);

// A line of mntr: the name without "zk_", and a whole number or a decimal one.
struct MetricLine {
  std::string name;
  std::variant<std::int64_t, double> value;
};
using MetricsSnapshot = std::vector<MetricLine>;

// What one thread counts.
// Thread: one writer, named by whoever asked Metrics for it.
class ThreadMetrics {
 public:
  explicit ThreadMetrics(const std::atomic<std::uint32_t>& generation)
      : generation_(generation), seen_(generation.load(std::memory_order_relaxed)) {}
  ~ThreadMetrics();
  ThreadMetrics(const ThreadMetrics&) = delete;
  ThreadMetrics& operator=(const ThreadMetrics&) = delete;

  void add(Counter counter, std::int64_t n = 1) {
    follow_reset();
    auto& cell = counters_[static_cast<std::size_t>(counter)];
    cell.store(cell.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  // `value` in the summary's unit: microseconds, or as it is.
  void record(Summary summary, std::int64_t value);

 private:
  friend class Metrics;
  struct Cell {
    std::atomic<std::int64_t> count{0}, sum{0}, min{0}, max{0}, last{0};
  };

  void follow_reset() {
    if (generation_.load(std::memory_order_relaxed) != seen_.load(std::memory_order_relaxed)) {
      clear();
    }
  }
  void clear();
  bool is_current() const {
    return seen_.load(std::memory_order_acquire) == generation_.load(std::memory_order_relaxed);
  }

  const std::atomic<std::uint32_t>& generation_;
  alignas(64) std::atomic<std::uint32_t> seen_;
  std::array<std::atomic<std::int64_t>, kCounters> counters_{};
  std::array<Cell, kSummaries> summaries_{};
  std::array<std::atomic<Histogram*>, kSummaries> histograms_{};  // made at the first value
};

// All of a server's counts. Any thread.
class Metrics {
 public:
  // Counts for one thread to write. It lives as long as this object: what the thread counted is
  // still part of the sums when it has gone.
  ThreadMetrics& new_thread();

  std::int64_t total(Counter counter) const;
  struct Total {
    std::int64_t count = 0, sum = 0, min = 0, max = 0;
    std::int64_t last = 0;  // of one of the threads that recorded any
    double average() const {
      return count == 0 ? 0 : static_cast<double>(sum) / static_cast<double>(count);
    }
  };
  Total total(Summary summary) const;
  HistogramSnapshot distribution(Summary summary) const;  // of kAdvanced ones; else empty

  // All but the hidden ones, times in milliseconds, as mntr names them.
  MetricsSnapshot snapshot() const;

  // Everything starts from 0 again, each thread's with the next that it counts (srst).
  void reset() { generation_.fetch_add(1, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint32_t> generation_{0};
  mutable std::mutex mutex_;  // guards threads_, not what they count
  std::vector<std::unique_ptr<ThreadMetrics>> threads_;
};

}  // namespace paddock
