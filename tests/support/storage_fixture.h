#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/bytes.h"
#include "common/env.h"
#include "common/result.h"
#include "common/txn_records.h"
#include "server/storage/storage.h"
#include "server/tree/data_tree.h"
#include "zab/event.h"

namespace paddock::test {

// The tree as text, line by line: every node with its stat, ACL and data, and every session. Two
// trees are equal if their texts are.
std::string dump(const server::DataTree& tree);

zab::Txn logged(const Txn& txn);  // as the log takes it

// A create of `path` with `data`, as session 0.
zab::Txn create_txn(Zxid zxid, std::string_view path, std::string_view data);
// `count` creates of /n<zxid>, from `first` on.
std::vector<zab::Txn> create_txns(Zxid first, int count);

// A server starts, makes `count` more nodes, takes a checkpoint if asked to, and is gone.
Result<void> run_server(Env& env, const server::StorageOptions& options, int count,
                        bool checkpoint);

// Folders "/data", "/data" or "/log"; small segments; background work in step.
server::StorageOptions small_storage(bool two_folders = false);

}  // namespace paddock::test
