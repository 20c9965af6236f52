#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/address.h"
#include "common/env.h"
#include "common/ids.h"
#include "common/limits.h"
#include "common/logging.h"
#include "common/result.h"
#include "server/admin/four_letter.h"
#include "server/core/core.h"
#include "server/storage/storage.h"
#include "server/tree/acl_check.h"
#include "server/tree/data_tree.h"
#include "zab/ensemble.h"

// What an operator can set, typed, with unit and default. The texts come from zoo.cfg, from the
// environment, from -D arguments and from the command line, in that order: a later one wins.
// Source: ZooKeeper 3.9, QuorumPeerConfig and what reads "zookeeper.*" system properties.
namespace paddock::server {

// The client port.
struct NetOptions {
  std::optional<HostPort> client;             // clientPortAddress:clientPort; port 0: any free one
  int listen_backlog = -1;                    // clientPortListenBacklog; -1: the system's
  std::int64_t connections_per_address = 60;  // maxClientCnxns; 0: no limit
  std::int64_t connections_max = 0;           // maxCnxns; 0: no limit
  std::uint32_t frame_bytes_max = kJuteMaxBufferDefault;         // jute.maxbuffer
  std::int64_t outstanding_max = 1000;                           // globalOutstandingLimit
  std::int64_t outstanding_bytes_max = std::int64_t{100} << 20;  // largeRequestMaxBytes
  Millis sessionless_timeout{10000};  // nio.sessionlessCnxnTimeout: until the handshake is done
  bool tcp_keep_alive = false;        // clientTcpKeepAlive
  std::size_t io_threads = 1;         // nio.numSelectorThreads, or from the number of cores
  FourLetterWhitelist four_letter;    // 4lw.commands.whitelist
};

// When a checkpoint is due.
struct CheckpointDue {
  std::int64_t txns = 100000;                      // snapCount
  std::int64_t log_bytes = std::int64_t{4} << 30;  // snapSizeLimitInKb; 0 or less: no limit
};

// Who else there is, and how this server deals with them.
struct EnsembleOptions {
  std::shared_ptr<const zab::Ensemble> ensemble;  // null: stands alone
  ServerId self;  // dataDir/myid, one of its members; 0 without an ensemble
  // tickTime, initLimit, syncLimit, fastleader.*, paddock.heartbeat*; see the table of keys.
  zab::Timing timing{.heartbeat = Millis{250}, .heartbeat_timeout = Millis{2000}};
  // Proposed as the next one before the last stop; null: nothing was. Only with reconfigEnabled.
  std::shared_ptr<const zab::Ensemble> last_seen;
  std::string config_path;                // zoo.cfg, of an ensemble that can change; else ""
  bool in_static_file = false;            // its server.N lines are in zoo.cfg itself
  bool standalone_enabled = true;         // standaloneEnabled
  bool listen_on_all_addresses = false;   // quorumListenOnAllIPs
  Millis connect_timeout{5000};           // cnxTimeout: of the election port
  Millis opening_timeout{};               // quorumCnxnTimeoutMs, or syncLimit
  std::int32_t connect_limit = 10;        // connectToLearnerMasterLimit, or initLimit; ticks
  bool tcp_keep_alive = false;            // tcpKeepAlive: of both ports
  std::int32_t snapshots_at_once = 10;    // leader.maxConcurrentSnapSyncs: observers wait
  std::int32_t histories_at_once = 100;   // leader.maxConcurrentDiffSyncs: the same
  bool leader_serves = true;              // leaderServes
  bool local_sessions = false;            // localSessionsEnabled
  bool local_sessions_upgrading = false;  // localSessionsUpgradingEnabled
  // Read, and said to be not available yet:
  std::uint16_t observer_master_port = 0;  // observerMasterPort; 0: none

  bool is_observer() const { return ensemble != nullptr && !ensemble->is_voter(self); }
  const zab::Member* member() const { return ensemble ? ensemble->find(self) : nullptr; }
};

struct ServerOptions {
  NetOptions net;
  CoreOptions core;        // core.auth is AuthOptions: holds secrets, never logged
  TreeOptions tree;        // hash_seed is left for the host to draw
  StorageOptions storage;  // data_dir and data_log_dir as configured
  CheckpointDue checkpoint;
  EnsembleOptions ensemble;
  LogOptions log;
  Millis purge_interval{3'600'000};      // autopurge.purgeInterval; 0: never
  Millis fsync_warning_threshold{1000};  // fsync.warningthresholdms
  bool read_only_enabled = false;        // readonlymode.enabled; also: isro is answered
};

// A setting as somebody wrote it.
struct Setting {
  std::string key;
  std::string value;
  std::string where;  // "/etc/zookeeper/conf/zoo.cfg:12", "command line", "environment JVMFLAGS"
};

// Where settings come from, later ones before earlier: command line > -D arguments > environment >
// file.
struct OptionSources {
  std::string config_path;           // zoo.cfg; "": none
  std::vector<Setting> environment;  // -Dname=value in SERVER_JVMFLAGS and JVMFLAGS
  std::vector<Setting> defines;      // -Dname=value arguments
  std::vector<Setting> command_line;
  bool strict = false;  // --strict: an unknown key is an error
  bool help = false, version = false;
};

// Something to tell the operator once.
struct Notice {
  bool warning = false;
  std::string text;  // never a secret
};

struct LoadedOptions {
  ServerOptions options;
  std::vector<Notice> notices;
};

using GetEnvironment = std::function<const char*(const char* name)>;

// `arguments` without the program's name:
//   [--key value | --key=value | -Dname=value]... zoo.cfg
//   [...] port dataDir [tickTime] [maxClientCnxns]      ZooKeeper's other form
Result<OptionSources> parse_arguments(const std::vector<std::string>& arguments,
                                      const GetEnvironment& environment);

// What --help prints.
std::string usage();

// Reads the files, applies every source in its order and checks what comes out. Code::kInvalid
// names the place, the key and the range. Makes dataDir and dataLogDir unless
// datadir.autocreate=false.
Result<LoadedOptions> load_options(Env& env, const OptionSources& sources);

// The lines of `conf`, without the two sizes. No secrets.
std::vector<std::pair<std::string, std::string>> describe_configuration(
    const ServerOptions& options);

}  // namespace paddock::server
