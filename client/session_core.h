#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "client/host_list.h"
#include "client/requests.h"
#include "client/watch_registry.h"
#include "common/address.h"
#include "common/bytes.h"
#include "common/ids.h"
#include "common/op_code.h"
#include "common/records.h"
#include "paddock/error.h"
#include "paddock/options.h"
#include "paddock/types.h"

// A session with an ensemble, as decisions: which server to try, what to send, whom a reply
// answers, what became of a request whose connection is gone. What happens goes in as events, with
// the time; what is to be done comes out as actions. Sockets, names, timers and threads are the
// host's.
namespace paddock::client {

// The host's own, which goes in with a request and comes out with its completion.
struct Operation {
  virtual ~Operation() = default;
};
using OperationPtr = std::unique_ptr<Operation>;

// Numbers the requests. The host counts them up: later ones have greater numbers.
using RequestId = std::uint64_t;

// Numbers the attempts to reach a server, from the look-up of its name to the end of its
// connection. What the host reports of another than the latest one is ignored.
using AttemptId = std::uint64_t;

inline constexpr Millis kNever{INT64_MAX};

// The watch that a request leaves, if its reply says so: exists also where there is no node,
// getData and getChildren only where there is one, addWatch always. `path` is the server's, with
// the chroot.
struct WatchRegistration {
  WatchSlot slot{};
  std::string path;
  WatcherPtr watcher;
};
// The watches that a removeWatches takes away.
struct WatchRemoval {
  WatchKind kind{};
  std::string path;  // the server's, with the chroot
};

struct Request {
  RequestId id = 0;
  OpCode op{};
  // Without length and header. Of exists, getData, getChildren, getChildren2 and addWatch as
  // requests.h encodes them: the last byte (the last four) may be changed before it is sent, where
  // the server has a watch already that does it.
  Bytes body;
  // A read: it is asked again where its answer was lost, and is never MaybeApplied. (Asked again
  // too, though it is not harmless: auth, removeWatches.)
  bool harmless = false;
  Millis deadline = kNever;
  std::variant<std::monostate, WatchRegistration, WatchRemoval> watch;
  OperationPtr operation;
};

// An address of a server.
struct Endpoint {
  std::string address;  // numeric
  std::uint16_t port = 0;
  std::string host;  // the name that it was looked up by: TLS checks the certificate for it
};

// ---- Events

// The first one: begins to connect.
struct Start {};
// Ends with a Complete, now or later; by the order of submission but for what ends without an
// answer. Its op: any, by requests.h; kAuth adds credentials. Not kCloseSession, kPing,
// kSetWatches.
struct Submit {
  Request request;
};
// Ends the request now. Nothing if it has ended already.
struct Cancel {
  RequestId id = 0;
};
// A watcher that is not to be told any more. Where the server's lasting watch has served it alone,
// the server is told to send nothing more.
struct DropWatch {
  std::string path;  // the server's
  WatcherPtr watcher;
};
// Answers Resolve.
struct Resolved {
  AttemptId attempt = 0;
  std::vector<std::string> addresses;  // numeric; none: it could not be looked up
  std::string failure;                 // why not
};
// Answer Connect. With TLS: when its handshake is done.
struct Connected {
  AttemptId attempt = 0;
};
struct ConnectFailed {
  AttemptId attempt = 0;
  std::string reason;
};
// What came in on the connection, in order, cut anywhere. Replies in the actions point into it.
struct Received {
  AttemptId attempt = 0;
  ByteView bytes;
};
// The connection has ended, by the peer or by an error; not the answer to Disconnect.
struct Disconnected {
  AttemptId attempt = 0;
  std::string reason;
};
// The body of a reply could not be decoded by the host, which has completed that operation.
struct Malformed {
  AttemptId attempt = 0;
  std::string reason;
};
// Answers Probe.
struct Probed {
  std::uint64_t probe = 0;
  bool is_read_write = false;
};
// Ends the session: closeSession goes out behind all that is pending, and all that is submitted
// later ends as NotSent::closed. What has not ended `within` that time ends without an answer.
// `at_once`: what is pending ends here and now (NotSent::closed or MaybeApplied::closed), and
// closeSession is sent only if there is a connection. A second Close may only be stricter; its
// operation completes with the first one's.
struct Close {
  OperationPtr operation;  // may be null
  Millis within{0};
  bool at_once = false;
};
// Time has passed: next_deadline() is here.
struct Tick {};

using Event = std::variant<Start, Submit, Cancel, DropWatch, Resolved, Connected, ConnectFailed,
                           Received, Disconnected, Malformed, Probed, Close, Tick>;

// ---- Actions, to be carried out in this order

// Look up the addresses of a name (or give back the address that it is); then report Resolved.
struct Resolve {
  AttemptId attempt = 0;
  HostPort server;
};
// Open a connection; then report Connected or ConnectFailed.
struct Connect {
  AttemptId attempt = 0;
  Endpoint endpoint;
};
// Give up what this attempt is at: the look-up, the opening, the connection. What take_output() has
// given before is to be sent first if that can be done at once; nothing more is reported of it.
struct Disconnect {
  AttemptId attempt = 0;
  std::string reason;  // for people
};
// Ask this server by the four-letter word isro whether it has a quorum; then report Probed. A
// failure of any kind is a no.
struct Probe {
  std::uint64_t probe = 0;
  HostPort server;
};
// The request has ended. `reply` is the record behind the reply's header, empty where `error` is
// set; it lives until the next step().
//
// Errors: Refused, the server's answer. For what is not harmless: MaybeApplied if it had been given
// out by take_output(), else NotSent. For what is harmless always NotSent, sent or not, since
// nothing can have happened.
struct Complete {
  OperationPtr operation;
  error_code error;
  ByteView reply;
  Zxid zxid;  // of the reply's header
};
// Tell these watchers. Path below the chroot. Type kNone: the session has ended, and they with it.
struct Fire {
  std::vector<WatcherPtr> watchers;
  WatchEvent event;
};
// These persistent watches have been set anew on another connection: what happened in between may
// never be told. Comes before the first event of the new connection.
struct Gap {
  std::vector<WatcherPtr> watchers;
};
// These watchers were taken away, and are told nothing more: by a removeWatches (no error), or as a
// server cannot restore them (Refused::unimplemented).
struct Unwatched {
  std::vector<WatcherPtr> watchers;
  error_code error;
};
// state(), ticket(), timeout() and server() are new. Comes before any completion of the new
// connection, and behind all that the old one ended.
struct StateChanged {
  State state{};
  std::string reason;  // for people: what has ended the connection or the session
};

using Action =
    std::variant<Resolve, Connect, Disconnect, Probe, Complete, Fire, Gap, Unwatched, StateChanged>;
using Actions = std::vector<Action>;

struct SessionSettings {
  std::vector<HostPort> servers;  // at least one
  std::string chroot;             // "" or "/a"
  Millis session_timeout{30'000};
  bool read_only = false;
  std::vector<Auth> auth;
  std::optional<SessionTicket> session;
  std::size_t max_pending = 100'000;
  std::size_t max_request_bytes = 1'048'575;
  std::size_t max_reply_bytes = 67'108'864;
};

// Thread: its caller's. Deterministic: same settings, seed and events, same actions.
//
// Output is taken, not pushed: after each batch of steps, while no write is under way, the host
// calls take_output() and writes what it gets. A request is "sent" once it was given out there, so
// that what waits behind a slow socket can still be cancelled without doubt; and a thousand
// requests leave in one buffer.
//
// Source: ZooKeeper 3.8, ClientCnxn.java; client-protocol.md sections 3, 11 and 15.
class SessionCore {
 public:
  SessionCore(SessionSettings settings, std::uint64_t seed);
  ~SessionCore();

  // Appends to `actions` what is to be done. `now` is monotonic; it may leap. Cannot fail.
  void step(Event&& event, Millis now, Actions& actions);

  // When to send a Tick if nothing else happens; kNever: not at all. Ask after each step() and each
  // take_output().
  Millis next_deadline() const;

  // Appends to `out` what is to be written to the connection of attempt(): whole frames until at
  // least `bytes_max` are there or nothing is left. False: there was nothing.
  bool take_output(Bytes& out, std::size_t bytes_max, Millis now);
  bool has_output() const;

  AttemptId attempt() const { return attempt_; }
  State state() const { return state_; }
  // Of the session; id 0: none yet.
  SessionTicket ticket() const;
  // As granted; as asked before that.
  Millis timeout() const { return timeout_; }
  // "host:port" that is connected; "": none.
  std::string server() const;
  // Requests that have not ended.
  std::size_t pending() const { return live_; }
  Zxid last_zxid() const { return last_zxid_; }

  // One line, for people.
  std::string describe(Millis now) const;

 private:
  // What the latest attempt is at. Waiting: for the time to begin the next one.
  enum class Phase { kIdle, kWaiting, kResolving, kConnecting, kHandshake, kUp, kEnded };
  static std::string_view phase_name(Phase phase);

  // A request that has not left the queue.
  struct Pending {
    Request request;
    std::int32_t xid = 0;         // 0: not sent
    bool ended = false;           // completed; waits for the answer that will come all the same
    bool answered = false;        // out of turn, or not to be sent: waits for those before it
    bool is_internal = false;     // the core's own, which is completed to nobody
    std::int32_t watch_mode = 0;  // that an addWatch was sent with
  };

  // How a request ends without its answer.
  struct Ending {
    NotSent not_sent;
    MaybeApplied maybe_applied;
  };
  static Ending ending(State state);

  void on(Start&& event, Actions& actions);
  void on(Submit&& event, Actions& actions);
  void on(Cancel&& event, Actions& actions);
  void on(DropWatch&& event, Actions& actions);
  void on(Resolved&& event, Actions& actions);
  void on(Connected&& event, Actions& actions);
  void on(ConnectFailed&& event, Actions& actions);
  void on(Received&& event, Actions& actions);
  void on(Disconnected&& event, Actions& actions);
  void on(Malformed&& event, Actions& actions);
  void on(Probed&& event, Actions& actions);
  void on(Close&& event, Actions& actions);
  void on(Tick&& event, Actions& actions);

  // Finding a server, and losing it.
  void begin_attempt(Actions& actions);
  void try_address(Actions& actions);
  void attempt_failed(const std::string& reason, Actions& actions);
  void attempt_is_overdue(Actions& actions);
  void wait_before_next(Millis delay);
  void lost(const std::string& reason, Actions& actions);
  void leave(const std::string& reason, Actions& actions);
  // The server has broken the protocol. `answer_error`: what ends the request whose answer it is
  // that cannot be read; nothing: it is none's. Returns false.
  bool broken(const std::string& reason, std::optional<NotSent> answer_error, Actions& actions);
  Millis attempt_timeout() const;
  Millis backoff();
  std::uint64_t draw(std::uint64_t below);
  Millis silence_max() const;
  Millis ping_interval() const;
  void keep_alive(Actions& actions);
  void seek_better(Actions& actions);

  // The session.
  bool is_up() const { return phase_ == Phase::kUp; }
  void set_state(State state, std::string reason, Actions& actions);
  void end_session(State state, std::string reason, Actions& actions);
  error_code close_error(State state) const;
  void restore_watches(Actions& actions);
  void append_control(std::int32_t xid, OpCode op, ByteView body);

  // Frames. Each returns whether the connection goes on.
  bool check_length(std::uint32_t length, Actions& actions);
  bool take_frames(ByteView bytes, Actions& actions);
  bool on_frame(ByteView frame, Actions& actions);
  bool on_handshake(ByteView frame, Actions& actions);
  bool on_notification(const ReplyHeader& header, ByteView record, Actions& actions);
  bool on_auth_reply(const ReplyHeader& header, Actions& actions);
  bool on_set_watches_reply(const ReplyHeader& header, Actions& actions);
  bool on_reply(const ReplyHeader& header, ByteView record, Actions& actions);

  // Requests.
  void send_next(Bytes& out);
  bool prepare_watch(Pending& pending);
  ErrorCode settle_watch(Pending& pending, ErrorCode code, Actions& actions);
  void submit_removal(const std::string& path);
  void complete(Pending& pending, error_code error, ByteView reply, Zxid zxid, Actions& actions);
  void end_unanswered(Pending& pending, Ending ending, Actions& actions);
  void pop_answered(Actions& actions);
  void requeue_after_loss(Actions& actions);
  void end_all(Ending ending, Actions& actions);
  void end_overdue(Actions& actions);
  void forget_ended_unsent();

  const SessionSettings settings_;
  const Chroot chroot_;
  std::uint64_t random_;
  Millis now_{0};

  HostList hosts_;
  Phase phase_ = Phase::kIdle;
  AttemptId attempt_ = 0;
  HostPort server_;                     // that the attempt is for
  std::vector<std::string> addresses_;  // of it that are still to be tried
  Millis attempt_deadline_ = kNever;
  std::uint32_t failures_ = 0;  // attempts since a server has last answered a request
  std::string last_failure_;

  State state_ = State::kDisconnected;
  Millis disconnected_since_{0};
  SessionId session_;
  std::string password_;
  Millis timeout_;
  Zxid last_zxid_;
  bool seen_read_write_ = false;  // a session that only one read-only server knows is not kept

  Millis last_sent_{0}, last_received_{0};
  Bytes partial_;    // a frame that has begun, with its length
  Bytes straddled_;  // the last one that came in several pieces: actions point into it
  Bytes control_;    // handshake, auth, setWatches, ping: sent before any request

  std::vector<Bytes> auths_;          // the auth packets that are in force
  std::size_t auth_replies_due_ = 0;  // to those of auths_ that this connection began with
  std::size_t set_watches_due_ = 0;
  WatchRegistry watches_;

  // First those that were sent, in that order, then those that were not. Ids rise.
  std::deque<Pending> queue_;
  std::size_t sent_ = 0;
  std::size_t live_ = 0;          // that have not ended, without our own
  std::size_t ended_unsent_ = 0;  // about
  RequestId last_id_ = 0;
  std::int32_t last_xid_ = 0;
  Millis earliest_deadline_ = kNever;  // none in the queue has an earlier one

  std::uint64_t probe_ = 0;
  HostPort probed_;
  bool probing_ = false;
  Millis next_probe_ = kNever;
  Millis probe_interval_{0};

  bool closing_ = false, close_at_once_ = false;
  bool close_sent_ = false, close_confirmed_ = false;
  Millis close_deadline_ = kNever;
  std::vector<OperationPtr> close_operations_;
};

}  // namespace paddock::client
