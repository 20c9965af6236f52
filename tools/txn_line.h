#pragma once

#include <string>
#include <vector>

#include "common/acl.h"
#include "common/txn_records.h"
#include "tools/line.h"

namespace paddock::tools {

// A transaction as one line: zxid, time, session, cxid, type, what it does, digest. No data.
Line line_of(const Txn& txn);

// An ACL entry as "scheme:id:cdrwa". Of a digest id only the user: the hash can be guessed at.
std::vector<std::string> acl_texts(const std::vector<Acl>& entries);

}  // namespace paddock::tools
