#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/ids.h"
#include "server/tree/data_tree.h"

namespace paddock::server {

struct ReaperOptions {
  Millis interval{60000};
  std::int64_t max_per_minute = 10000;
  Millis never_used{0};  // containers that never had a child go after this; 0: never
};

// Says which containers and TTL nodes go, and when: the tree is looked through once an interval,
// and what is due goes at a steady rate, so that a mass of it does not hold up clients.
//
// Thread: the core thread. Source: ZooKeeper 3.9, ContainerManager; client-protocol.md section 6.
class Reaper {
 public:
  // `tree` outlives this.
  Reaper(const DataTree& tree, ReaperOptions options, Millis now);

  // Appends the paths whose turn it is. They were due when they were found: who deletes them looks
  // again.
  void take_due(Millis now, WallMillis wall, std::vector<std::string>& paths);

  Millis next_deadline() const;

 private:
  const DataTree& tree_;
  const ReaperOptions options_;
  const std::int64_t spacing_us_;
  Millis next_check_;
  std::int64_t next_release_us_ = 0;
  std::vector<std::string> found_;  // of the last check and not yet taken; the next one last
};

}  // namespace paddock::server
