#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/address.h"
#include "common/ids.h"
#include "common/limits.h"
#include "common/result.h"
#include "server/net/sync_stream.h"
#include "zab/event.h"
#include "zab/message.h"
#include "zab/quorum_codec.h"

namespace boost::asio {
class io_context;
}

namespace paddock::server {

class NameLookup;

// What happens on the quorum port. Called from the loop, never from within a call of the transport;
// it may call the transport, but not destroy it. After close() nothing more is heard of a link.
class QuorumEvents {
 public:
  // A dialled link is up, or a learner dialled us.
  virtual void on_opened(zab::LinkId link) = 0;
  // It could not be dialled, or it broke, or the peer closed it; `why` is for people.
  virtual void on_closed(zab::LinkId link, const std::string& why) = 0;
  // All messages that were there at once, in order; they may be moved from. A Snap is the last of
  // its batch, and on_snapshot() follows.
  virtual void on_received(zab::LinkId link, std::span<zab::Message> messages) = 0;
  // Where the stream behind that Snap goes. Null, where none is expected: that closes the link. The
  // sink stays until on_snapshot_end(), on_closed() or close().
  virtual SnapshotSink* on_snapshot(zab::LinkId link, zab::Snap snap) = 0;
  // The sink has said kDone.
  virtual void on_snapshot_end(zab::LinkId link) = 0;

 protected:
  ~QuorumEvents() = default;
};

// What operators see of a link.
struct LinkStatus {
  zab::LinkId id;
  std::string remote;  // "10.0.0.2:2888"; a dialled server's addresses while there is none yet
  bool up = false;
  std::size_t bytes_queued = 0;  // what waits here; the system's buffers come on top
  std::uint64_t bytes_read = 0, bytes_written = 0;
  Millis last_read{}, last_written{};  // of the monotonic clock
};
std::string to_string(const LinkStatus& status, Millis now);

// The connections of the quorum port: those of learners, while this server leads, and the one to
// the leader, while it learns.
//
// All that is sent during one turn of the loop leaves in one write. What waits for a peer is
// bounded, and so is how long a peer may take nothing: past either, its link is closed, and the
// others do not notice.
//
// Thread: its loop's. Nothing blocks, but for set_listening() where it has names to look up.
// Failure: what a peer does costs its link and nothing else.
// Source: ZooKeeper 3.8, quorum/Leader.java (LearnerCnxAcceptor), Learner.java (connectToLeader),
// LearnerHandler.java; peer-protocol.md sections B1, B3, B4, B7.
class QuorumTransport {
 public:
  struct Options {
    zab::PacketLimits packets{kJuteMaxBufferDefault + kJuteMaxBufferDefault};
    int connect_tries = 5;
    Millis connect_retry{100};
    std::size_t queue_bytes_max = kLinkQueueBytesMax;
    Millis write_timeout{10'000};  // of a new link; see set_write_timeout()
    Millis close_timeout{1000};
    bool keep_alive = false;
    std::size_t accepted_max = kAcceptedLinksMax;
  };

  // `loop`, `lookup` and `events` outlive it.
  QuorumTransport(boost::asio::io_context& loop, NameLookup& lookup, Options options,
                  QuorumEvents& events);
  ~QuorumTransport();

  // Where learners are to be accepted, once they are. Host "": every interface. Port 0: any.
  Result<void> set_listening(const std::vector<HostPort>& addresses);
  // Whether they are; else their dials are refused, and they try again.
  Result<void> accept_learners(bool accept);
  std::uint16_t port() const;  // of the first address; 0 while none are accepted

  // Dials all `addresses` of a server together, several times if need be, for at most `limit`; ends
  // with on_opened() or on_closed(). `link` is odd and new.
  void connect(zab::LinkId link, const std::vector<HostPort>& addresses, Millis limit);
  // Sends what waits, up to the first feed, for a moment; then the link is gone. `why` is for the
  // log.
  void close(zab::LinkId link, const std::string& why);

  // In order with each other. To a link that is closed: nothing. A feed's bytes are fetched as the
  // socket takes them; it is destroyed when it has ended, or with the link.
  void send(zab::LinkId link, zab::Message message);
  void send_snapshot(zab::LinkId link, std::unique_ptr<SnapshotFeed> feed);  // behind a Snap
  void send_history(zab::LinkId link, std::unique_ptr<HistoryFeed> feed);
  // A feed or a sink of this link that said kLater can go on.
  void resume(zab::LinkId link);

  // How long the peer may take nothing of what waits for it.
  void set_write_timeout(zab::LinkId link, Millis timeout);

  std::vector<LinkStatus> links() const;  // by id
  std::optional<LinkStatus> link(zab::LinkId link) const;
  // One line for operators and tests.
  std::string describe() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace paddock::server
