#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/core_client.h"
#include "tests/support/sim_ensemble.h"

namespace paddock::test {

// The clients of a scenario (zab_scenario.h), a to h: what they are told to do, and the trees that
// they have made.
class ScenarioClients {
 public:
  static constexpr std::size_t kCount = 8;

  explicit ScenarioClients(SimEnsemble& sim) : sim_(sim) {}

  static std::optional<std::uint32_t> number(const std::string& name);
  // Words from the verb on. What is wrong with them, or nothing.
  std::string run(const std::vector<std::string>& words);
  bool knows(const std::string& verb) const;

  // Each that is on a connection says that it is there, as often as ZooKeeper's do.
  void ping();
  // "1 at 0x100000002: /lock=1 of a | a b"
  std::string show(ServerId server);

 private:
  using Words = std::vector<std::string>;

  CoreClient& client(std::uint32_t number) { return sim_.core_clients().client(number); }
  std::string ask(CoreClient& client, const Words& words);
  std::string ask_write(CoreClient& client, const Words& words, std::size_t at);
  std::string name_of(SessionId session);

  SimEnsemble& sim_;
  std::map<SessionId, std::string> names_;
};

}  // namespace paddock::test
