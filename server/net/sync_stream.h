#pragma once

#include <cstddef>
#include <optional>

#include "common/bytes.h"
#include "common/result.h"
#include "zab/message.h"

// What goes over a quorum link besides single messages, piece by piece: a snapshot, or a length of
// history. Sinks and feeds are called on the transport's loop and must not call the transport.
namespace paddock::server {

// Takes the stream that follows SNAP: the body of a ZooKeeper snapshot, up to and including the
// ustring "BenWasHere". Source: peer-protocol.md section B1.
class SnapshotSink {
 public:
  enum class State {
    kMore,   // goes on
    kLater,  // goes on, but takes nothing before QuorumTransport::resume()
    kDone,   // what was taken ends the stream: behind it are packets again
  };
  struct Taken {
    std::size_t bytes = 0;
    State state = State::kMore;
  };

  virtual ~SnapshotSink() = default;
  // Takes as much from the front of `piece` as it can. What it leaves comes again, with more behind
  // it: so a parser need not keep half a field, but it must take any field as long as PacketLimits
  // allow. An Error closes the link.
  virtual Result<Taken> consume(ByteView piece) = 0;
};

// Gives that stream, as the socket takes it.
class SnapshotFeed {
 public:
  enum class State {
    kMore,
    kLater,  // nothing more before QuorumTransport::resume()
    kEnd,    // that was all
  };

  virtual ~SnapshotFeed() = default;
  // Appends the next bytes to `to`: about `bytes_wanted`, and at least one if it says kMore. An
  // Error closes the link.
  virtual Result<State> next(Bytes& to, std::size_t bytes_wanted) = 0;
};

// Gives committed transactions in the order of their zxids, as the socket takes them. Each goes out
// as PROPOSAL and COMMIT.
class HistoryFeed {
 public:
  enum class State { kMore, kLater, kEnd };
  struct Next {
    std::optional<zab::Txn> txn;  // with kMore there is one
    State state = State::kMore;
  };

  virtual ~HistoryFeed() = default;
  virtual Result<Next> next() = 0;
};

}  // namespace paddock::server
