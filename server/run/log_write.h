#pragma once

#include <memory>
#include <variant>

#include "common/ids.h"
#include "server/tree/data_tree.h"
#include "zab/action.h"

// What the log thread is given: every durable write of the engine, in the order of its tickets.
namespace paddock::server {

// Cut the log after `upto`. The tree is reloaded from disk where it is beyond.
struct TruncateLog {
  zab::WriteTicket ticket;
  Zxid upto;
  bool reload_tree = false;
};

// A leader's snapshot, whole: it takes the place of checkpoint, log and tree.
struct InstallTree {
  zab::WriteTicket ticket;
  std::unique_ptr<DataTree> tree;
};

using LogWrite = std::variant<zab::Append, TruncateLog, InstallTree, zab::WriteAcceptedEpoch,
                              zab::WriteCurrentEpoch, zab::WriteConfigurations>;

// What the log thread gives back before it reports the ticket: the tree to serve from now on.
struct TreeReplaced {
  std::unique_ptr<DataTree> tree;
};

}  // namespace paddock::server
