#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "common/bytes.h"
#include "common/ids.h"
#include "common/op_code.h"
#include "common/records.h"
#include "server/tree/acl_check.h"
#include "zab/event.h"

// All that goes into a Core.
namespace paddock::server {

// A request that only the core can answer: a write, a multi, sync, closeSession, reconfig.
struct ClientRequest {
  ConnectionId connection;
  SessionId session;
  RequestHeader header;
  Bytes frame;           // the whole frame, without its length
  std::size_t body = 8;  // where in `frame` the record begins
  CredentialsRef credentials;

  ByteView record() const { return ByteView(frame).subspan(body); }
};

// A connection's handshake that passed the checks of the io thread.
struct ConnectSession {
  ConnectionId connection;
  SessionId session;            // 0: a new one
  std::int32_t timeout_ms = 0;  // as asked for; the core clamps it
  Bytes password;          // at most 16 bytes of what the client sent, for a session that exists
  bool read_only = false;  // a server without a quorum will do
};

// The connection is gone; its session lives on until it expires.
struct Disconnected {
  ConnectionId connection;
  SessionId session;
};

// Sessions that were heard from, and when.
struct Touches {
  struct Touch {
    SessionId session;
    Millis at;
  };
  std::vector<Touch> touches;
};

// The deltas of all checkpoints up to this zxid are on disk.
struct CheckpointWritten {
  Zxid zxid;
};

using CoreEvent =
    std::variant<zab::Tick, ClientRequest, ConnectSession, Disconnected, Touches, zab::Persisted,
                 CheckpointWritten, zab::Notified, zab::PeerReachable, zab::LinkOpened,
                 zab::LinkClosed, zab::Received, zab::SnapshotReceived, zab::HistoryTrimmed>;

}  // namespace paddock::server
