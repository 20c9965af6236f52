#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "common/bytes.h"
#include "common/ids.h"
#include "server/tree/dirty.h"
#include "server/tree/tree_change.h"
#include "zab/action.h"

// All that comes out of a Core.
namespace paddock::server {

// The answer to a ClientRequest: a whole frame, length included.
struct Reply {
  ConnectionId connection;
  Bytes frame;
  bool close = false;  // close the connection once the frame is out (closeSession; -6)
};

// The answer to a ConnectSession.
struct SessionReply {
  ConnectionId connection;
  SessionId session;            // 0: refused
  std::int32_t timeout_ms = 0;  // negotiated; 0: refused
  std::array<std::uint8_t, 16> password{};
  bool read_only = false;  // this server has no quorum, and answers reads alone
};

// Close without an answer: the session expired, or attached elsewhere.
struct CloseConnection {
  ConnectionId connection;
  std::string_view reason;  // static text, for the log
};

// Whether clients are served from here on. If not, every connection is to be closed.
struct ServingChanged {
  bool serves = false;
};

// What goes to the io threads, in this order: an event reaches its watchers before the reply behind
// it. TreeChange goes to every io thread that has watches, ServingChanged to all, the others to the
// connection's own.
using ClientAction = std::variant<TreeChange, Reply, SessionReply, CloseConnection, ServingChanged>;

// What goes to the other members, in this order.
using PeerAction = std::variant<zab::Notify, zab::Connect, zab::Close, zab::Send, zab::SendHistory,
                                zab::SendSnapshot, zab::ConfigurationsChanged>;

// A line for the operator's log; the core itself logs nothing.
struct Note {
  enum class Level { kInfo, kWarning, kError } level = Level::kInfo;
  std::string text;
};

// The tree's digest after a transaction. It is noted at the same zxids by every server, ZooKeeper's
// too, so that those of two can be compared. Source: ZooKeeper 3.8, DataTree.DIGEST_LOG_INTERVAL.
struct NotedDigest {
  static constexpr std::int64_t kInterval = 128;  // divides the zxid
  Zxid zxid;
  std::uint64_t digest = 0;
};

// Everything one or more steps ask for. The host: first `writes` to the log thread, then `peers`,
// then the rest.
struct CoreActions {
  std::vector<zab::DiskWrite> writes;
  std::vector<PeerAction> peers;
  std::vector<ClientAction> client;
  std::vector<Note> notes;
  std::vector<NotedDigest> digests;
  bool fatal =
      false;  // our state cannot be trusted (digest mismatch): stop loudly, after the notes

  void clear() {
    writes.clear();
    peers.clear();
    client.clear();
    notes.clear();
    digests.clear();
  }
};

}  // namespace paddock::server
