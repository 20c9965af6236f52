#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/env.h"
#include "common/ids.h"
#include "common/result.h"
#include "zab/ensemble.h"

// The files that a member of an ensemble that can change begins with, as ZooKeeper has them:
//
//   zoo.cfg                      names the dynamic configuration, instead of server.N lines
//   zoo.cfg.dynamic.<version>    the servers of a committed configuration
//   zoo.cfg.dynamic.next         of one that is proposed, and a version line
//   zoo.cfg.bak                  zoo.cfg as it was, when it last began with server.N lines
//
// Source: ZooKeeper 3.8, QuorumPeerConfig; storage-format.md section 6.
namespace paddock::server {

std::string dynamic_config_path(const std::string& config_path, std::int64_t version);
std::string next_config_path(const std::string& config_path);

// Copies zoo.cfg before it is changed for the first time. An error: the configuration cannot be
// written where it is, and should not be begun with.
Result<void> back_up_config(Env& env, const std::string& config_path);

// `text` of a zoo.cfg, with the dynamic configuration of that name in the place of all server.N,
// group.N, weight.N, peerType and dynamicConfigFile, and of the client's port if that one has it.
// All other lines stay, comments too.
std::string point_to_dynamic_config(const std::string& text, const std::string& dynamic_path,
                                    bool has_client_port);

// Keeps the files as the configurations in force are.
//
// Thread: its caller's (the log thread). Failure: what is on disk is either the configurations of
// before or those of the call; the caller gives up.
class ConfigFiles {
 public:
  // `version`: of the configuration that the files had at the start.
  ConfigFiles(Env& env, std::string config_path, ServerId self, std::int64_t version)
      : env_(env), config_path_(std::move(config_path)), self_(self), version_(version) {}

  // Durable on return. What is proposed is there before what it may become commits, and goes after
  // it has.
  Result<void> write(const zab::Ensemble& committed, const zab::Ensemble* last_seen);

 private:
  Result<void> write_committed(const zab::Ensemble& committed);
  Result<void> remove_next();

  Env& env_;
  const std::string config_path_;
  const ServerId self_;
  std::int64_t version_;  // of what zoo.cfg points to
};

}  // namespace paddock::server
