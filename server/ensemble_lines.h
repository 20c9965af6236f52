#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "common/env.h"
#include "common/result.h"
#include "server/options.h"
#include "zab/ensemble.h"

// Who the servers are and which of them this one is: from lines of a file to an Ensemble.
// Source: ZooKeeper 3.8, QuorumPeerConfig.parseDynamicConfig, setupMyId, setupClientPort.
namespace paddock::server {

// The server.N, group.N and weight.N lines that have been read. Every error names the line's place.
class EnsembleLines {
 public:
  // A line takes the place of one with the same key from another source. Within one source, no
  // server has two lines.
  Result<void> take(const Setting& setting);
  bool empty() const { return servers_.empty() && others_.empty(); }

  // All lines together. `place` is for what no single line is to blame for.
  Result<zab::Ensemble> finish(std::int64_t version, bool allows_several_addresses,
                               const std::string& place) const;

 private:
  Result<void> check_addresses(const zab::Ensemble& ensemble, bool allows_several) const;

  std::map<ServerId, Setting> servers_;
  std::map<std::string, Setting> others_;  // by key
};

// The version that the name of a dynamic configuration file ends with, in hexadecimal behind the
// last dot; 0: none.
std::int64_t version_of_file_name(const std::string& path);

// The number in dataDir/myid; nullopt: there is no such file. Code::kInvalid where it holds
// something else.
Result<std::optional<ServerId>> read_my_id(Env& env, const std::string& data_dir);
std::string my_id_path(const std::string& data_dir);

// Where clients connect: what clientPort and clientPortAddress say, and what the server's own line
// says, which wins where both agree. Code::kInvalid where they do not.
Result<std::optional<HostPort>> client_address(const std::optional<HostPort>& configured,
                                               const std::optional<HostPort>& in_line);

}  // namespace paddock::server
