#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include "common/bytes.h"
#include "common/ids.h"
#include "common/metrics.h"
#include "server/core/core_action.h"
#include "server/core/core_event.h"
#include "server/net/frame.h"
#include "server/request/session_order.h"
#include "server/tree/acl_check.h"
#include "server/tree/data_tree.h"
#include "server/tree/watch_table.h"

namespace paddock::server {

class ClientSession;

// What connections need of the settings.
struct ClientSettings {
  std::uint32_t frame_bytes_max = 0;  // jute.maxbuffer
  const AuthOptions& auth;
};

// What a connection needs of the io thread that it lives on. All of it is the thread's own.
class SessionHost {
 public:
  virtual ~SessionHost() = default;

  // The tree, only where the reader slot is held and the mail of the core has been delivered.
  virtual const DataTree& tree() = 0;
  virtual Zxid last_zxid() const = 0;  // the tree's; without the slot
  virtual WatchTable& watches() = 0;
  virtual const ClientSettings& settings() const = 0;
  virtual ThreadMetrics& metrics() = 0;
  virtual std::int64_t arrived_us() const = 0;  // when the bytes at hand were received
  virtual std::int64_t now_us() const = 0;
  virtual WallMillis wall_now() const = 0;

  // Whether more than globalOutstandingLimit requests, or largeRequestMaxBytes of them, are in
  // progress.
  virtual bool overloaded() const = 0;
  virtual void count_outstanding(std::int64_t requests, std::int64_t bytes) = 0;

  virtual void send_to_core(CoreEvent event) = 0;  // in order
  virtual void touch(ClientSession& session) = 0;
  // The connection has something to send, or is to be closed: it is looked at before the batch
  // ends.
  virtual void changed(ClientSession& session) = 0;

  // How many bytes the operator's word takes that begins with these four; 0: it is none.
  virtual std::size_t word_bytes(std::uint32_t first_four) const = 0;
  virtual void on_word(ClientSession& session, ByteView word) = 0;

  // A peer broke the protocol; rate-limited.
  virtual void log_misuse(const ClientSession& session, std::string_view what) = 0;

  // One buffer with room for the replies of a batch goes from connection to connection.
  virtual Bytes borrow_buffer() = 0;
  virtual void give_back(Bytes buffer) = 0;
};

// One client connection: frames in, replies and events out, in order.
//
// It waits with callbacks and non-blocking calls instead of a coroutine for each direction: an idle
// connection then stands on no coroutine frames and no buffers, and all that one call to the kernel
// has brought is answered by one other.
//
// Thread: its io thread. Owned by the io thread, which also does the waiting.
// Failure: whatever goes wrong closes this connection and nothing else; its session lives on.
// Source: client-protocol.md sections 1, 3, 4, 8 and 9.1; ZooKeeper 3.8, server/NIOServerCnxn.java.
class ClientSession {
 public:
  using Socket =
      boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type>;
  using Endpoint = boost::asio::ip::tcp::endpoint;

  ClientSession(SessionHost& host, Socket socket, ConnectionId id, const Endpoint& remote,
                CredentialsRef address_credentials);

  // Reads once what the socket has, up to the size of `scratch`: the view is empty if there was
  // nothing, or if the connection is now closed.
  ByteView receive(std::span<std::uint8_t> scratch);
  // Whether taking `bytes` may read the tree.
  bool needs_tree(ByteView bytes) const;
  void on_bytes(ByteView bytes);

  // From the core, in its order.
  void on_reply(Reply reply);
  void on_session_reply(const SessionReply& reply);
  void on_event(EventType type, std::string_view path, Zxid zxid, const AclRef& acl);

  // Goes on with what had to wait, as far as it now can. Needs the tree.
  void resume();
  // Sends what the socket takes.
  void flush();
  // Sends `text` and closes.
  void answer_word(std::string_view text);
  // Closes at once; `what` is for the log, "" is not worth a line.
  void close(std::string_view what);

  bool closed() const { return closed_; }
  bool wants_read() const { return accepts(); }
  bool wants_write() const { return !closed_ && out_at_ < out_.size(); }
  // Whole frames wait here, and resume() would now take them.
  bool can_resume() const;
  // A connection that must become something or go: without a session, or on its way out.
  bool has_deadline() const { return state_ != State::kOpen || close_after_flush_; }

  ConnectionId id() const { return id_; }
  SessionId session() const { return session_; }
  // Whether the core has heard of it.
  bool known_to_core() const { return state_ != State::kNew; }
  const Credentials& credentials() const { return *credentials_; }
  const Endpoint& remote() const { return remote_; }
  std::string remote_text() const;  // "1.2.3.4:5678", "[::1]:5678"
  std::size_t in_flight() const { return order_.in_flight(); }
  // What the core has of this connection: its share of what count_outstanding() counts.
  std::size_t unanswered() const { return order_.unanswered(); }
  std::size_t unanswered_bytes() const { return sent_bytes_; }
  Socket& socket() { return socket_; }

  // What cons shows. Times in milliseconds of the host's clock.
  struct Statistics {
    std::int64_t received = 0, sent = 0;
    WallMillis established;
    std::int64_t last_response_ms = 0;
    Zxid last_zxid;
    std::int64_t latency_sum_ms = 0;
    std::int64_t latency_count = 0;
    std::int32_t latency_min_ms = 0, latency_max_ms = 0, latency_last_ms = 0;
    std::int32_t last_xid = -1;
    OpCode last_op{};  // kNotification: none yet
  };
  const Statistics& statistics() const { return statistics_; }
  void reset_statistics();
  std::int32_t timeout_ms() const { return timeout_ms_; }

  // For the io thread alone: what it has in progress for this connection.
  struct HostFlags {
    bool read_armed = false;
    bool write_armed = false;
    bool changed = false;
    bool touched = false;
    bool deadline = false;
  };
  HostFlags flags;
  Millis touched_at;

 private:
  enum class State : std::uint8_t {
    kNew,         // nothing but a handshake or a word is taken
    kConnecting,  // the core decides about the session; requests wait in held_
    kOpen,
    kEnding,  // closeSession is on its way: nothing more is taken
  };
  // One request that the core has.
  struct Sent {
    std::int64_t arrived_us = 0;
    OpCode op{};
    std::uint32_t frame_bytes = 0;
  };

  bool accepts() const;
  FrameHead head_of(ByteView bytes) const;
  std::size_t consume(ByteView bytes);
  void take_frame(ByteView frame);
  void handshake(ByteView frame);
  void request(ByteView frame);
  void send(RequestHeader header, Bytes frame, std::int64_t arrived_us);
  void run(RequestHeader header, ByteView frame, std::int64_t arrived_us);
  void run_read(RequestHeader header, ByteView record);
  void run_auth(RequestHeader header, ByteView record);
  void run_sasl(RequestHeader header, ByteView record);
  bool is_admitted(OpCode op) const;
  void refuse(RequestHeader header, ErrorCode error, Zxid zxid);
  void reply_empty(RequestHeader header, Zxid zxid, ErrorCode error);
  void begin_output();
  void count_reply(OpCode op, std::int32_t xid, Zxid zxid, std::int64_t arrived_us,
                   std::size_t frame_bytes);

  SessionHost& host_;
  Socket socket_;
  ConnectionId id_;
  Endpoint remote_;
  CredentialsRef credentials_;
  SessionId session_;
  SessionOrder order_;
  Bytes held_;  // received and not yet taken: the head of a frame, or frames that must wait
  Bytes out_;   // to be sent, from out_at_ on
  std::size_t out_at_ = 0;
  std::vector<Sent> sent_;  // what the core has, oldest first, from sent_first_ on
  std::uint32_t sent_first_ = 0;
  std::size_t sent_bytes_ = 0;         // of the requests that the core has
  std::size_t waiting_bytes_ = 0;      // of those in order_'s queue
  std::int64_t waiting_since_us_ = 0;  // when the oldest request in order_'s queue came
  Statistics statistics_;
  std::int32_t timeout_ms_ = 0;
  State state_ = State::kNew;
  bool has_read_only_ = false;  // the handshake had the byte, so the answer has it
  bool close_after_flush_ = false;
  bool closed_ = false;
};

}  // namespace paddock::server
