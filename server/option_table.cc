#include "server/option_table.h"

#include <algorithm>
#include <numeric>

#include "server/option_readers.h"

namespace paddock::server {

namespace {

constexpr OptionKey used(std::string_view name, std::string_view note, OptionReader read,
                         bool secret = false) {
  return {name, Standing::kUsed, note, read, secret};
}
constexpr OptionKey no_meaning(std::string_view name, std::string_view why) {
  return {name, Standing::kNoMeaning, why};
}
constexpr OptionKey later(std::string_view name, std::string_view what, OptionReader read = nullptr,
                          bool secret = false) {
  return {name, Standing::kLater, what, read, secret};
}

#define PADDOCK_READ [](std::string_view v, [[maybe_unused]] OptionDraft & d) -> Result<void>

constexpr std::string_view kCaches = "replies are encoded from the tree itself, without a cache";
constexpr std::string_view kPipeline = "reads and writes are not queued for worker threads here";
constexpr std::string_view kWatches = "there is one watch table, and it needs no cleaner";
constexpr std::string_view kJvm = "there is no Java virtual machine";
constexpr std::string_view kGroupCommit = "each fdatasync takes along all that has gathered";
constexpr std::string_view kThrottle = "request and connection throttling";
constexpr std::string_view kObserverLogs = "an observer always keeps its own log and checkpoints";
constexpr std::string_view kPeers = "connections between servers never make a thread wait";
constexpr std::string_view kNoDelay = "every connection sends at once";
constexpr std::string_view kAddresses = "all addresses of a server are dialled at once";
constexpr std::string_view kHistory = "what a learner lacks is read from the log, however long";
constexpr std::string_view kObserverMaster = "serving observers from followers";
constexpr std::string_view kTls = "TLS";
constexpr std::string_view kSasl = "SASL";
constexpr std::string_view kHttp = "the HTTP port for operators";
constexpr std::string_view kPrometheus = "the port for Prometheus";

constexpr OptionKey kTable[] = {
    // What a server needs
    used(
        "dataDir", "folder of snapshots, epochs and checkpoints",
        PADDOCK_READ { return not_empty(v, "a folder", d.options.storage.data_dir); }),
    used(
        "dataLogDir", "folder of the transaction log; dataDir if not set",
        PADDOCK_READ { return not_empty(v, "a folder", d.options.storage.data_log_dir); }),
    used(
        "clientPort", "port for clients; 0: any free one",
        PADDOCK_READ { return whole(v, 0, 65535, d.client_port.emplace()); }),
    used(
        "clientPortAddress", "address to listen on for clients; all if not set",
        PADDOCK_READ { return host(v, d.client_port_address); }),
    used(
        "tickTime", "ms; what session timeouts are rounded to",
        PADDOCK_READ { return millis(v, 1, d.options.core.tick_time); }),
    used(
        "minSessionTimeout", "ms; -1: 2 ticks",
        PADDOCK_READ { return read_session_timeout(v, d.session_timeout_min); }),
    used(
        "maxSessionTimeout", "ms; -1: 20 ticks",
        PADDOCK_READ { return read_session_timeout(v, d.session_timeout_max); }),

    // Connections
    used(
        "maxClientCnxns", "connections from one address; 0: no limit",
        PADDOCK_READ { return whole(v, 0, kIntMax, d.options.net.connections_per_address); }),
    used(
        "maxCnxns", "connections in all; 0: no limit",
        PADDOCK_READ { return whole(v, 0, kIntMax, d.options.net.connections_max); }),
    used(
        "clientPortListenBacklog", "connections that wait to be accepted; -1: the system's choice",
        PADDOCK_READ { return whole(v, -1, 65535, d.options.net.listen_backlog); }),
    used(
        "clientTcpKeepAlive", "TCP keep-alive on client connections",
        PADDOCK_READ { return boolean(v, d.options.net.tcp_keep_alive); }),
    used(
        "nio.sessionlessCnxnTimeout", "ms until a handshake must be done",
        PADDOCK_READ { return millis(v, 1, d.options.net.sessionless_timeout); }),
    used(
        "ioThreads", "threads for client connections; 0: from the number of cores",
        PADDOCK_READ { return whole(v, 0, 64, d.io_threads); }),
    used(
        "nio.numSelectorThreads", "the same, under ZooKeeper's name",
        PADDOCK_READ { return whole(v, 0, 64, d.selector_threads); }),
    used(
        "nio.numWorkerThreads", "the same, where nio.numSelectorThreads is not set",
        PADDOCK_READ { return whole(v, 0, 1024, d.worker_threads); }),
    used(
        "4lw.commands.whitelist", "words for operators that are answered; *: all",
        PADDOCK_READ {
          d.four_letter_whitelist = std::string(v);
          return {};
        }),
    used(
        "readonlymode.enabled", "whether a member without a quorum serves clients that only read",
        PADDOCK_READ { return boolean(v, d.options.read_only_enabled); }),

    // Limits
    used(
        "jute.maxbuffer", "bytes of a request, and of a reply's strings",
        PADDOCK_READ { return whole(v, 1024, kJuteMaxBufferMax, d.options.net.frame_bytes_max); }),
    no_meaning("jute.maxbuffer.extrasize",
               "a transaction is read back whatever jute.maxbuffer was when it was written"),
    used(
        "globalOutstandingLimit", "requests in progress above which no more are read",
        PADDOCK_READ { return whole(v, 1, kIntMax, d.options.net.outstanding_max); }),
    no_meaning("largeRequestThreshold", "every request counts towards largeRequestMaxBytes"),
    used(
        "largeRequestMaxBytes", "bytes of requests in progress above which no more are read",
        PADDOCK_READ { return whole(v, 1, kIntMax, d.options.net.outstanding_bytes_max); }),
    used(
        "enforceQuota", "whether hard quotas refuse",
        PADDOCK_READ { return boolean(v, d.options.core.enforce_quota); }),

    // Nodes and sessions
    used(
        "extendedTypesEnabled", "TTL nodes",
        PADDOCK_READ { return boolean(v, d.options.tree.extended_types); }),
    used(
        "znode.container.checkIntervalMs", "ms between two looks for nodes that may go",
        PADDOCK_READ { return millis(v, 1, d.options.core.container_check_interval); }),
    used(
        "znode.container.maxPerMinute", "nodes that may go in a minute",
        PADDOCK_READ { return whole(v, 1, kIntMax, d.options.core.container_max_per_minute); }),
    used(
        "znode.container.maxNeverUsedIntervalMs",
        "ms after which an unused container goes; 0: never",
        PADDOCK_READ { return millis(v, 0, d.options.core.container_max_never_used); }),
    used(
        "closeSessionTxn.enabled", "the paths in closeSession transactions",
        PADDOCK_READ { return boolean(v, d.options.core.close_session_txn); }),
    used(
        "digest.enabled", "the digest of the tree",
        PADDOCK_READ { return boolean(v, d.options.tree.digest); }),
    {"emulate353TTLNodes", Standing::kNoMeaning, "TTLs are read as ZooKeeper 3.5.4 writes them",
     only_off},

    // Storage
    used(
        "snapCount", "transactions from one checkpoint to the next",
        PADDOCK_READ { return whole(v, 1, kIntMax, d.options.checkpoint.txns); }),
    used(
        "snapSizeLimitInKb", "log from one checkpoint to the next; 0: no limit",
        PADDOCK_READ {
          PADDOCK_TRY_DO(whole(v, -1, kKilobytesMax, d.options.checkpoint.log_bytes));
          d.options.checkpoint.log_bytes *= 1024;
          return {};
        }),
    used(
        "txnLogSizeLimitInKb", "size at which a new log file begins; -1: no limit",
        PADDOCK_READ {
          std::int64_t kilobytes = 0;
          PADDOCK_TRY_DO(whole(v, -1, kKilobytesMax, kilobytes));
          d.options.storage.segment_bytes_max =
              static_cast<std::uint64_t>(std::max<std::int64_t>(kilobytes, 0)) << 10;
          return {};
        }),
    used(
        "preAllocSize", "KiB that a log file is preallocated by",
        PADDOCK_READ {
          PADDOCK_TRY_DO(whole(v, 1, std::int64_t{4} << 20, d.options.storage.segment_bytes));
          d.options.storage.segment_bytes <<= 10;
          return {};
        }),
    used("forceSync", "whether a reply waits until its write is on disk", read_force_sync),
    used(
        "fsync.warningthresholdms", "ms above which a slow disk is logged",
        PADDOCK_READ { return millis(v, 0, d.options.fsync_warning_threshold); }),
    used(
        "snapshot.trust.empty", "start with a log and no snapshot",
        PADDOCK_READ { return boolean(v, d.options.storage.trust_empty_snapshot); }),
    used(
        "datadir.autocreate", "make the folders that are not there",
        PADDOCK_READ { return boolean(v, d.options.storage.auto_create_dirs); }),
    used(
        "db.autocreate", "start with nothing in the folders",
        PADDOCK_READ { return boolean(v, d.options.storage.auto_create_db); }),
    used(
        "autopurge.snapRetainCount", "what is kept of old files; at least 3",
        PADDOCK_READ { return whole(v, 0, kIntMax, d.purge_retain_count.emplace()); }),
    used("autopurge.purgeInterval", "hours between two purges, minutes with an m; 0: never",
         read_purge_interval),
    used(
        "autopurge.logRetainSizeInMb", "old log files kept at the most, in MiB",
        PADDOCK_READ {
          PADDOCK_TRY_DO(whole(v, 1, kLongMax >> 20, d.options.storage.purge_retain_bytes));
          d.options.storage.purge_retain_bytes <<= 20;
          return {};
        }),

    // Authentication
    used("skipACL", "yes: no ACL is checked", read_skip_acl),
    used(
        "DigestAuthenticationProvider.enabled", "the scheme digest",
        PADDOCK_READ { return boolean(v, d.options.core.auth.digest_enabled); }),
    used("DigestAuthenticationProvider.digestAlg", "its hash", read_digest_algorithm),
    used("DigestAuthenticationProvider.superDigest", "who may do everything", read_super_digest,
         true),
    used(
        "enforce.auth.enabled", "whether clients must authenticate",
        PADDOCK_READ { return boolean(v, d.options.core.auth.enforce); }),
    used("enforce.auth.schemes", "under one of these schemes", read_enforced_schemes),
    used(
        "ensembleAuthName", "names that clients may give this ensemble",
        PADDOCK_READ {
          d.options.core.auth.ensemble_names = split_list(v);
          return {};
        }),
    used("authProvider.*", "class of a scheme: digest, ip and ensemble are built in",
         read_auth_provider),

    // Logging: keys of our own
    used("log.level", "info, warn or error", read_log_level),
    used(
        "log.dir", "folder of log files; standard error if not set",
        PADDOCK_READ { return not_empty(v, "a folder", d.options.log.folder); }),

    // Has no meaning here
    {"electionAlg", Standing::kNoMeaning, "there is one", read_election_algorithm},
    no_meaning("snapshot.compression.method", "checkpoints are LevelDB's, which compresses them"),
    no_meaning("serializeLastProcessedZxid.enabled", "a checkpoint is consistent without it"),
    no_meaning("flushDelay", kGroupCommit),
    no_meaning("maxWriteQueuePollTime", kGroupCommit),
    no_meaning("maxBatchSize", kGroupCommit),
    no_meaning("commitProcessor.numWorkerThreads", kPipeline),
    no_meaning("commitProcessor.maxReadBatchSize", kPipeline),
    no_meaning("commitProcessor.maxCommitBatchSize", kPipeline),
    no_meaning("commitProcessor.shutdownTimeout", kPipeline),
    no_meaning("maxResponseCacheSize", kCaches),
    no_meaning("maxGetChildrenResponseCacheSize", kCaches),
    no_meaning("nio.directBufferBytes", "buffers are sized by what is in them"),
    no_meaning("nio.shutdownTimeout", "connections are closed at once"),
    no_meaning("intBufferStartingSizeBytes", "buffers are sized by what is in them"),
    no_meaning("serverCnxnFactory", "there is one network layer"),
    no_meaning("netty.*", "there is one network layer"),
    no_meaning("watchManagerName", kWatches),
    no_meaning("watcherCleanThreadsNum", kWatches),
    no_meaning("watcherCleanThreshold", kWatches),
    no_meaning("watcherCleanIntervalInSeconds", kWatches),
    no_meaning("maxInProcessingDeadWatchers", kWatches),
    no_meaning("bitHashCacheSize", kWatches),
    no_meaning("jmx.log4j.disable", kJvm),
    no_meaning("jmx.log4j.mbean", kJvm),
    no_meaning("jvm.pause.monitor", kJvm),
    no_meaning("jvm.pause.warn-threshold.ms", kJvm),
    no_meaning("jvm.pause.info-threshold.ms", kJvm),
    no_meaning("jvm.pause.sleep.time.ms", kJvm),
    no_meaning("audit.impl.class", kJvm),
    no_meaning("messageTracker.*", "it is about debugging ZooKeeper itself"),
    no_meaning("pathStats.*", "it is about debugging ZooKeeper itself"),
    no_meaning("testingonly.initialZxid", "it is about testing ZooKeeper itself"),
    no_meaning("test.allowDiscontinuousProposals", "it is about testing ZooKeeper itself"),
    no_meaning("request_throttler.shutdownTimeout", "requests in progress are not throttled"),
    no_meaning("IPAuthenticationProvider.usexforwardedfor", "clients do not come by HTTP"),

    // Ensembles
    used(
        "initLimit", "ticks a follower may take to synchronize",
        PADDOCK_READ { return whole(v, 0, kIntMax, d.init_limit); }),
    used(
        "syncLimit", "ticks a follower may stay silent",
        PADDOCK_READ { return whole(v, 0, kIntMax, d.sync_limit); }),
    // Checked here, and read by load_options(), which knows the number in the key.
    used("server.*", "host:quorumPort:electionPort[:role][;[host:]clientPort]", read_anything),
    used("group.*", "numbers of servers that vote together, as 1:2:3", read_anything),
    used("weight.*", "what its vote counts in its group; 1 if not set", read_anything),
    used("peerType", "participant or observer; its own line decides", read_peer_type),
    used(
        "dynamicConfigFile", "file of server.N lines",
        PADDOCK_READ { return not_empty(v, "a file", d.dynamic_config_file); }),
    used(
        "standaloneEnabled", "whether one server that votes is no ensemble",
        PADDOCK_READ { return boolean(v, d.options.ensemble.standalone_enabled); }),
    used(
        "reconfigEnabled", "whether reconfig may change the members; zoo.cfg is then edited",
        PADDOCK_READ { return boolean(v, d.options.core.reconfig_enabled); }),
    used(
        "multiAddress.enabled", "several addresses of a server, with | between",
        PADDOCK_READ { return boolean(v, d.allows_several_addresses); }),
    used(
        "quorumListenOnAllIPs", "listen for servers on every interface",
        PADDOCK_READ { return boolean(v, d.options.ensemble.listen_on_all_addresses); }),
    used(
        "tcpKeepAlive", "TCP keep-alive on connections between servers",
        PADDOCK_READ { return boolean(v, d.options.ensemble.tcp_keep_alive); }),
    used(
        "connectToLearnerMasterLimit", "ticks to reach the leader in; initLimit if 0",
        PADDOCK_READ { return whole(v, 0, kIntMax, d.connect_limit); }),
    used(
        "cnxTimeout", "ms to reach another server's election port in",
        PADDOCK_READ { return millis(v, 1, d.options.ensemble.connect_timeout); }),
    used(
        "quorumCnxnTimeoutMs", "ms for a server to say who it is; syncLimit if 0",
        PADDOCK_READ { return millis(v, -1, d.opening_timeout); }),
    used(
        "paddock.heartbeatInterval",
        "ms between PINGs to a learner that is a Paddock server too; 0: ticks alone",
        PADDOCK_READ { return millis(v, 0, d.options.ensemble.timing.heartbeat); }),
    used(
        "paddock.heartbeatTimeout", "ms of silence after which such a connection is given up",
        PADDOCK_READ { return millis(v, 1, d.options.ensemble.timing.heartbeat_timeout); }),
    used(
        "fastleader.minNotificationInterval", "ms until votes are sent again",
        PADDOCK_READ { return millis(v, 1, d.options.ensemble.timing.min_notification); }),
    used(
        "fastleader.maxNotificationInterval", "ms that this grows to",
        PADDOCK_READ { return millis(v, 1, d.options.ensemble.timing.max_notification); }),
    used(
        "observer.election.DelayMs", "ms an observer waits before it looks for the leader",
        PADDOCK_READ { return millis(v, 0, d.options.ensemble.timing.observer_election_delay); }),
    used(
        "leaderConnectDelayDuringRetryMs", "ms between two dials to the leader",
        PADDOCK_READ { return millis(v, 0, d.options.ensemble.timing.connect_retry); }),
    used(
        "leader.maxConcurrentSnapSyncs",
        "snapshots that a leader sends at once; observers wait, voters do not",
        PADDOCK_READ { return whole(v, 1, 1000, d.options.ensemble.snapshots_at_once); }),
    used(
        "leader.maxConcurrentDiffSyncs", "histories that a leader sends at once, in the same way",
        PADDOCK_READ { return whole(v, 1, 1000, d.options.ensemble.histories_at_once); }),
    used("leaderServes", "yes or no: whether the leader serves clients", read_leader_serves),
    used(
        "localSessionsEnabled", "sessions that only the server knows that made them",
        PADDOCK_READ { return boolean(v, d.options.ensemble.local_sessions); }),
    used(
        "localSessionsUpgradingEnabled", "whether such a session may get ephemeral nodes",
        PADDOCK_READ { return boolean(v, d.options.ensemble.local_sessions_upgrading); }),
    no_meaning("syncEnabled", kObserverLogs),
    no_meaning("observer.syncEnabled", kObserverLogs),
    no_meaning("leader.maxTimeToWaitForEpoch", "initLimit says how long a new leader waits"),
    no_meaning("quorum.cnxn.threads.size", kPeers),
    no_meaning("leader.nodelay", kNoDelay),
    no_meaning("follower.nodelay", kNoDelay),
    no_meaning("leader.closeSocketAsync", kPeers),
    no_meaning("learner.closeSocketAsync", kPeers),
    no_meaning("learner.asyncSending", kPeers),
    no_meaning("leader.ackLoggingFrequency", "it is about debugging ZooKeeper itself"),
    no_meaning("forceSnapshotSync", "it is about debugging ZooKeeper itself"),
    no_meaning("electionPortBindRetry", "a port that is taken ends the start, and is named"),
    no_meaning("forward_learner_requests_to_commit_processor_disabled", kPipeline),
    no_meaning("follower.skipLearnerRequestToNextProcessor", kPipeline),
    no_meaning("enableEagerACLCheck", "the leader checks every ACL"),
    no_meaning("multiAddress.reachabilityCheckEnabled", kAddresses),
    no_meaning("multiAddress.reachabilityCheckTimeoutMs", kAddresses),
    no_meaning("commitLogCount", kHistory),
    no_meaning("snapshotSizeFactor", kHistory),
    no_meaning("request.timeout", "it is about ZooKeeper's own client"),

    // Not available yet
    later(
        "secureClientPort", kTls,
        PADDOCK_READ {
          return v == "-1"
                     ? Result<void>{}
                     : refuse_if_on("true", "encrypted client connections are not available yet");
        }),
    later("secureClientPortAddress", kTls),
    later(
        "sslQuorum", kTls,
        PADDOCK_READ {
          return refuse_if_on(v, "encrypted connections between servers are not available yet");
        }),
    later("portUnification", kTls),
    later("sslQuorumReloadCertFiles", kTls),
    later("client.certReload", kTls),
    later("client.portUnification", kTls),
    later("ssl.*", kTls, nullptr, true),
    later("fips-mode", kTls),
    later("X509AuthenticationProvider.superUser", kTls),
    later(
        "sessionRequireClientSASLAuth", kSasl,
        PADDOCK_READ { return refuse_if_on(v, "SASL is not available yet"); }),
    later("allowSaslFailedClients", kSasl),
    later("letAnySaslUserDoX", kSasl),
    later("superUser", kSasl),
    later("superUser.*", kSasl),
    later("SASLAuthenticationProvider.superPassword", kSasl, nullptr, true),
    later("quorum.auth.*", kSasl),
    later("kerberos.*", kSasl),
    later("security.auth_to_local", kSasl),
    later("sasl.*", kSasl),
    later("kinit", kSasl),
    later("requireKerberosConfig", kSasl),
    later("java.security.auth.login.config", kSasl),
    later("admin.*", kHttp),
    later("metricsProvider.*", kPrometheus, nullptr, true),
    later(
        "observerMasterPort", kObserverMaster,
        PADDOCK_READ { return whole(v, 0, 65535, d.options.ensemble.observer_master_port); }),
    later("observerMaster.sizeLimit", kObserverMaster),
    later("observer.reconnectDelayMs", "a pause before an observer connects again"),
    later("oraclePath", "an oracle for two servers"),
    later("audit.enable", "the audit log"),
    later("request_throttle_max_requests", kThrottle),
    later("request_throttle_stall_time", kThrottle),
    later("request_throttle_drop_stale", kThrottle),
    later("request_stale_latency_check", kThrottle),
    later("request_stale_connection_check", kThrottle),
    later("throttled_op_wait_time", kThrottle),
    later("connection_throttle_tokens", kThrottle),
    later("connection_throttle_fill_time", kThrottle),
    later("connection_throttle_fill_count", kThrottle),
    later("connection_throttle_freeze_time", kThrottle),
    later("connection_throttle_drop_increase", kThrottle),
    later("connection_throttle_drop_decrease", kThrottle),
    later("connection_throttle_decrease_ratio", kThrottle),
    later("connection_throttle_weight_enabled", kThrottle),
    later("connection_throttle_global_session_weight", kThrottle),
    later("connection_throttle_local_session_weight", kThrottle),
    later("connection_throttle_renew_session_weight", kThrottle),
};
#undef PADDOCK_READ

bool matches(std::string_view pattern, std::string_view name) {
  if (!pattern.ends_with(".*")) return pattern == name;
  pattern.remove_suffix(1);
  return name.size() > pattern.size() && name.starts_with(pattern);
}

std::string_view without_prefix(std::string_view name) {
  constexpr std::string_view kPrefix = "zookeeper.";
  if (name.starts_with(kPrefix)) name.remove_prefix(kPrefix.size());
  return name;
}

// How many characters have to be changed, added or taken away.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed =
          diagonal + (equals_ignoring_case(a.substr(i, 1), b.substr(j, 1)) ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::span<const OptionKey> option_table() {
  return kTable;
}

const OptionKey* find_option(std::string_view name) {
  name = without_prefix(name);
  const auto row = std::find_if(std::begin(kTable), std::end(kTable),
                                [name](const OptionKey& key) { return matches(key.name, name); });
  return row == std::end(kTable) ? nullptr : &*row;
}

std::string_view nearest_option(std::string_view name) {
  name = without_prefix(name).substr(0, 64);  // longer than any: a bound on the work
  std::string_view nearest;
  std::size_t least = std::max<std::size_t>(2, name.size() / 3) + 1;
  for (const OptionKey& key : kTable) {
    const std::size_t distance = edit_distance(name, key.name);
    if (distance >= least) continue;
    least = distance;
    nearest = key.name;
  }
  return nearest;
}

bool is_off(std::string_view value) {
  return value.empty() || value == "0" || value == "-1" || equals_ignoring_case(value, "false") ||
         equals_ignoring_case(value, "no");
}

}  // namespace paddock::server
