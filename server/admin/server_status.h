#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/ids.h"
#include "common/metrics.h"
#include "common/op_code.h"

// What operators may see, as plain data. The host collects one ServerStatus for each question; the
// four-letter words, the HTTP pages and the metrics are views of it.
namespace paddock::server {

// Least, greatest and average of some latencies; all 0 while there are none.
struct LatencyStatus {
  std::int64_t min_ms = 0, max_ms = 0;
  double average_ms = 0;
};

// One client connection. Source: ZooKeeper 3.8, NIOServerCnxn.dumpConnectionInfo.
struct ConnectionStatus {
  std::string address;              // "127.0.0.1:48530", "[::1]:48530"
  bool reading = true;              // false: back-pressure, or closing
  bool writing = false;             // replies wait for the socket
  std::int64_t outstanding = 0;     // requests read and not yet answered
  std::int64_t received = 0;        // frames
  std::int64_t sent = 0;            // frames
  SessionId session;                // 0: none yet
  std::string_view last_op = "NA";  // last_op_word()
  WallMillis established;
  std::int32_t timeout_ms = 0;
  std::int32_t last_cxid = -1;  // less than 0 is not shown
  Zxid last_zxid;               // of the last reply
  Millis last_response;         // when, on the monotonic clock
  std::int64_t last_latency_ms = 0;
  LatencyStatus latency;
};

// The word of `cons` for an operation, as "GETD". Source: ZooKeeper 3.8, Request.op2String and
// FinalRequestProcessor.
std::string_view last_op_word(OpCode op);
inline constexpr std::string_view kLastOpSession = "SESS";  // a handshake

// One session. Where sessions are expired, `dump` shows the first; a learner has only the second.
struct SessionStatus {
  SessionId session;
  WallMillis expires;  // the end of its bucket in the expiry queue
  std::int32_t timeout_ms = 0;
};

// One connection, in the queue that closes connections which have gone silent.
struct ConnectionExpiry {
  std::string address;
  SessionId session;
  WallMillis expires;
};

struct SessionPaths {
  SessionId session;
  std::vector<std::string> paths;
};

struct WatchSummary {
  std::int64_t connections = 0, paths = 0, watches = 0;  // of the data table only, as ZooKeeper
};

struct DirectorySizes {
  std::int64_t data_bytes = 0, log_bytes = 0;
};

// The tree's digest after a transaction; kept for zxids that 128 divides.
struct DigestEntry {
  Zxid zxid;
  std::uint64_t digest = 0;
};

// Which parts of a ServerStatus an answer needs; what is always filled is cheap.
struct StatusParts {
  bool connections = false;  // cons, stat
  bool sessions = false;     // dump: both kinds of sessions, connection_expiry, ephemerals
  bool watches = false;      // wchs: watch_summary
  bool watch_paths = false;  // wchc, wchp: watched_by
  bool directories = false;  // dirs, conf: reads the folders
  bool digests = false;      // hash
  bool metrics = false;      // mntr
};

// The leader's view of one learner. The lag of an observer is not known: it acknowledges nothing.
struct LearnerStatus {
  ServerId sid;
  std::string address;  // "10.0.0.2:51034"
  bool observer = false;
  bool votes = true;              // a follower may be in no configuration
  bool synced = false;            // each proposal goes to it
  Zxid acked;                     // all up to here is on its disk
  std::int64_t queued_bytes = 0;  // waits for its connection
  Millis silent;                  // since it was heard
};

// What only a leader knows.
struct LeaderStatus {
  std::vector<LearnerStatus> learners;  // by sid
  Zxid last_proposed;
  // Bytes of a transaction with its header; -1: there was none.
  std::int64_t last_proposal_bytes = -1, min_proposal_bytes = -1, max_proposal_bytes = -1;
  std::int64_t pending_syncs = 0;
  Millis uptime;  // since it began to lead
};

// How many transactions a learner has yet to acknowledge.
std::int64_t lag_of(const LearnerStatus& learner, Zxid last_proposed);

// What a member of an ensemble adds, while it serves.
// Source of names and lines: ZooKeeper 3.8, QuorumZooKeeperServer.dumpConf, LeaderZooKeeperServer,
// ObserverZooKeeperServer.dumpMonitorValues; recorded with three servers and an observer.
struct EnsembleStatus {
  ServerId self;
  ServerId leader;
  Epoch epoch;
  std::int64_t voters = 0;
  std::string members;  // zab::to_text() of the configuration in use
  std::optional<LeaderStatus> leading;
};

enum class ServerMode { kStandalone, kLeader, kFollower, kObserver, kReadOnly };
std::string_view to_string(ServerMode mode);  // "standalone", ..., "read-only"

// One consistent copy of what operators may see. What StatusParts names is empty unless asked for.
struct ServerStatus {
  bool serving = true;  // false: recovering or stopping; most words say so and no more
  ServerMode mode = ServerMode::kStandalone;
  std::optional<EnsembleStatus> ensemble;  // of leaders, followers and observers; not read-only

  // From Metrics, with fill_from_metrics(): since the start or the last srst.
  LatencyStatus latency;  // of requests, from read to answered
  std::int64_t received = 0, sent = 0;
  std::int64_t auth_failed_count = 0;
  std::int64_t last_response_bytes = -1, min_response_bytes = -1, max_response_bytes = -1;

  std::int64_t connection_count = 0;  // sockets on the client port, the asking one too
  std::int64_t outstanding = 0;
  Zxid last_zxid;
  std::int64_t node_count = 0;
  std::int64_t watch_count = 0;  // entries of both tables
  std::int64_t ephemerals_count = 0;
  std::int64_t approximate_data_size = 0;
  std::int64_t global_sessions = 0;
  std::int64_t local_sessions = 0;
  bool has_local_sessions = false;  // whether there can be any
  Millis uptime;
  Millis now;                                                        // when this was collected
  WallMillis wall_now;                                               // the same moment
  std::int64_t open_file_descriptors = 0, max_file_descriptors = 0;  // process_descriptors()

  // `conf`: key and value, in ZooKeeper's order; from describe_configuration(), which leaves the
  // two sizes to `directories`.
  std::vector<std::pair<std::string, std::string>> configuration;

  std::vector<ConnectionStatus> connections;
  std::vector<SessionStatus> sessions;  // of the ensemble
  std::vector<SessionStatus> local_session_lines;
  std::vector<ConnectionExpiry> connection_expiry;
  std::vector<SessionPaths> ephemerals;  // sorted by session
  WatchSummary watch_summary;
  std::vector<SessionPaths> watched_by;  // of the data table; a session once, paths sorted
  DirectorySizes directories;
  std::vector<DigestEntry> digests;  // oldest first
  MetricsSnapshot metrics;
};

// Sets the fields that come from counts; and `metrics`, if `parts` asks for them.
void fill_from_metrics(const Metrics& metrics, const StatusParts& parts, ServerStatus& status);

// Open descriptors of this process, and how many it may have. Reads /proc.
std::pair<std::int64_t, std::int64_t> process_descriptors();

}  // namespace paddock::server
