#pragma once

#include <string>

#include "common/env.h"
#include "common/result.h"

namespace paddock::server {

// LevelDB refuses a write-ahead log or manifest whose last append reached the disk in part, unless
// the file simply ends there. A disk may as well leave a sector of zeros in the middle of what was
// never synced: that is cut here, before LevelDB looks. What is damaged in another way is left to
// LevelDB's own checks. `folder` is LevelDB's; only its manifest and newest log are looked at,
// since each write to it was synced before the next. Thread: any, before LevelDB opens the folder.
// Source: LevelDB 1.23, doc/log_format.md.
Result<void> cut_torn_leveldb_tails(Env& env, const std::string& folder);

}  // namespace paddock::server
