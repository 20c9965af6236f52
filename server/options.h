#pragma once

#include <cstdint>
#include <functional>
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

// One server.N line.
struct ServerSpec {
  struct Address {
    HostPort quorum;
    std::uint16_t election_port = 0;
  };
  ServerId id;
  std::vector<Address> addresses;  // one, or several of the same server
  bool observer = false;
  std::optional<HostPort> client;
};

// Who else there is. An ensemble of more than one voter is not available yet; load_options()
// refuses it.
struct EnsembleOptions {
  std::vector<ServerSpec> servers;              // sorted by id; empty: stands alone
  std::optional<ServerId> my_id;                // from dataDir/myid
  std::int32_t init_limit = 0, sync_limit = 0;  // ticks
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
  bool read_only_enabled = false;        // readonlymode.enabled: isro is answered
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
