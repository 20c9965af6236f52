#pragma once

#include "common/bytes.h"
#include "common/ids.h"
#include "common/records.h"
#include "server/tree/acl_check.h"
#include "server/tree/data_tree.h"
#include "server/tree/watch_table.h"

namespace paddock::server {

// Who asks, and where its watches go. The references outlive the call.
struct Reader {
  const DataTree& tree;  // held by the caller's reader slot
  const AuthOptions& auth;
  WatchTable& watches;
  WatcherId watcher = 0;
  SessionId session;
  const Credentials& credentials;
};

// Whether serve_read answers this: what changes nothing and needs no order among sessions. Not
// ping, auth and sasl (the connection's own matter) and not sync (the core's).
bool is_read(OpCode op);

// Appends the reply frame (length, header, record) of one read to `out`, and sets the watches that
// it asks for. For setWatches, the catch-up events' frames come before it in `out`. `record` is
// what follows the request header. The zxid of the reply is the tree's last.
void serve_read(const Reader& reader, RequestHeader header, ByteView record, Bytes& out);

// Appends a whole frame: ReplyHeader and `record`, length in front.
void append_reply(ReplyHeader header, ByteView record, Bytes& out);

// Appends the frame of a watch event. `zxid`: of the transaction that caused it; -1 for catch-up.
void append_event(EventType type, std::string_view path, Zxid zxid, Bytes& out);

}  // namespace paddock::server
