#include "server/net/election_transport.h"

#include <algorithm>
#include <chrono>
#include <list>
#include <memory>
#include <optional>
#include <utility>

#include <glog/logging.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/check.h"
#include "common/clock.h"
#include "common/concat.h"
#include "common/jute.h"
#include "common/logging.h"
#include "server/net/dialer.h"
#include "server/net/frame.h"
#include "server/net/name_lookup.h"
#include "server/net/peer_listener.h"
#include "server/net/peer_stream.h"
#include "server/net/read_buffer.h"
#include "zab/election_codec.h"

namespace paddock::server {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// What an observer without a number says its number is. Source: ZooKeeper 3.8,
// QuorumPeer.OBSERVER_ID.
constexpr ServerId kNameless{INT64_MAX};

using SharedBytes = std::shared_ptr<const Bytes>;

Millis now() {
  return SystemClock{}.now();
}

std::chrono::milliseconds duration(Millis span) {
  return std::chrono::milliseconds(span.value);
}

bool is_wildcard(const HostPort& address) {
  error_code is_name;
  const auto digits = asio::ip::make_address(address.host, is_name);
  return address.host.empty() || (!is_name && digits.is_unspecified());
}

// An address that means "here" tells another machine nothing.
std::vector<HostPort> without_wildcards(std::vector<HostPort> addresses) {
  std::erase_if(addresses, is_wildcard);
  return addresses;
}

SharedBytes frame_of(const zab::Notification& notification) {
  Bytes frame;
  JuteWriter(frame).write_buffer(zab::encode_notification(notification));
  return std::make_shared<const Bytes>(std::move(frame));
}

}  // namespace

class ElectionTransport::Impl {
 public:
  Impl(asio::io_context& loop, NameLookup& lookup, Options options, ElectionEvents& events);
  ~Impl();

  Result<void> set_listening(const std::vector<HostPort>& addresses, HostPort advertised);
  std::uint16_t port() const { return listener_.port(); }
  void set_members(Members members);
  void send(ServerId to, const zab::Notification& notification);
  std::vector<ServerId> connected() const;
  std::string describe() const;

 private:
  // One connection. What is under way for it holds it, and looks at `open` first: where that is
  // false, nothing else of this transport may be touched.
  struct Connection {
    Connection(asio::io_context& loop, std::unique_ptr<PeerStream> s)
        : stream(std::move(s)), timer(loop) {}

    std::unique_ptr<PeerStream> stream;
    asio::steady_timer timer;  // for its opening
    bool open = true;
    std::optional<ServerId> peer;  // none: has not said yet who it is
    Millis since;                  // with a peer: when it was taken into use
    // The peer asked to be dialled while this was young: where, should it break.
    std::optional<std::vector<HostPort>> owed_dial;
    ReadBuffer in;
    SharedBytes out;  // being written; null: nothing is
    std::size_t out_at = 0;
  };
  using ConnectionPtr = std::shared_ptr<Connection>;

  struct Peer {
    bool member = false;
    std::vector<HostPort> addresses;  // of a member
    ConnectionPtr connection;
    std::shared_ptr<Dial> dial;
    std::vector<HostPort> otherwise;     // dialled next if that fails
    ConnectionPtr challenge;             // its opening is being written; then it is closed
    std::optional<Millis> dial_back_at;  // challenged: when it should have dialled back
    std::unique_ptr<asio::steady_timer> dial_back_timer;
    SharedBytes unsent, last;
    std::optional<bool> reachable;  // as reported
  };

  // From the listener: whoever dials says who it is.
  void on_stream(std::unique_ptr<PeerStream> stream);
  void take_opening(const ConnectionPtr& connection);
  void on_opening(const ConnectionPtr& connection, const zab::Opening& opening);
  void on_challenge(ServerId sid, std::vector<HostPort> addresses);
  void dial_back(ServerId sid, const std::vector<HostPort>& addresses);
  void refuse(const ConnectionPtr& connection, std::string_view why);

  void dial(ServerId sid, const std::vector<HostPort>& addresses,
            std::vector<HostPort> otherwise = {});
  void on_dialled(ServerId sid, Result<std::unique_ptr<PeerStream>> result);
  void challenge(ServerId sid, std::unique_ptr<PeerStream> stream);
  void on_no_dial_back(ServerId sid);
  SharedBytes opening() const;

  // A connection in use.
  void establish(ServerId sid, const ConnectionPtr& connection);
  void on_broken(const ConnectionPtr& connection, const std::string& why);
  void read(const ConnectionPtr& connection);
  void take_frames(const ConnectionPtr& connection);
  void take_notification(ServerId from, ByteView body);
  void write_next(Peer& peer);
  void write(const ConnectionPtr& connection);
  void on_written(const ConnectionPtr& connection);
  static void close(Connection& connection);

  Peer* find(ServerId sid);
  Peer* find_or_add(ServerId sid);  // null: too many that the configuration does not know
  std::size_t strangers() const;
  void give_up(Peer& peer);  // all that is under way
  void forget_if_idle(ServerId sid);
  void report(ServerId sid, bool reachable, std::string_view why);
  void report_later(ServerId sid);

  // `f` made harmless for when this object is gone.
  template <typename F>
  auto guarded(F f) {
    return [alive = std::weak_ptr<const bool>(alive_), f = std::move(f)](const auto&... args) {
      if (!alive.expired()) f(args...);
    };
  }

  asio::io_context& loop_;
  NameLookup& lookup_;
  const Options options_;
  const StreamOptions stream_options_;
  ElectionEvents& events_;
  PeerListener listener_;
  HostPort advertised_;
  std::map<ServerId, Peer> peers_;
  std::list<ConnectionPtr> openings_;  // the oldest first
  std::int64_t next_nameless_ = -1;
  LogLimiter refusals_{Millis{10'000}};
  LogLimiter malformed_{Millis{10'000}};
  const std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

ElectionTransport::Impl::Impl(asio::io_context& loop, NameLookup& lookup, Options options,
                              ElectionEvents& events)
    : loop_(loop),
      lookup_(lookup),
      options_(std::move(options)),
      stream_options_{options_.keep_alive, options_.connect_timeout},
      events_(events),
      listener_(loop, "the election port", stream_options_,
                [this](std::unique_ptr<PeerStream> stream) { on_stream(std::move(stream)); }) {}

ElectionTransport::Impl::~Impl() {
  for (const ConnectionPtr& connection : openings_) close(*connection);
  for (auto& [sid, peer] : peers_) give_up(peer);
}

Result<void> ElectionTransport::Impl::set_listening(const std::vector<HostPort>& addresses,
                                                    HostPort advertised) {
  advertised_ = std::move(advertised);
  listener_.close();
  PADDOCK_TRY_DO(listener_.set_addresses(addresses));
  return listener_.listen();
}

void ElectionTransport::Impl::set_members(Members members) {
  members.erase(options_.self);
  for (auto& [sid, peer] : peers_) {
    const auto found = members.find(sid);
    const bool member = found != members.end();
    if (peer.member && member && peer.addresses != found->second) {
      give_up(peer);
      report_later(sid);
    }
    if (member && !peer.member) report_later(sid);  // a stranger until now, and maybe connected
    if (!member) peer.reachable.reset();
    peer.member = member;
    peer.addresses = member ? std::move(found->second) : std::vector<HostPort>();
    if (member) members.erase(found);
  }
  std::erase_if(peers_, [](const auto& entry) {
    const Peer& peer = entry.second;
    return !peer.member && !peer.connection && !peer.dial && !peer.challenge;
  });
  for (auto& [sid, addresses] : members) {
    Peer& peer = peers_[sid];
    peer.member = true;
    peer.addresses = std::move(addresses);
  }
}

void ElectionTransport::Impl::send(ServerId to, const zab::Notification& notification) {
  PADDOCK_CHECK(to != options_.self);
  Peer* peer = find(to);
  if (peer == nullptr) return;
  peer->unsent = frame_of(notification);
  if (peer->connection) return write_next(*peer);
  if (peer->member) dial(to, peer->addresses);
}

std::vector<ServerId> ElectionTransport::Impl::connected() const {
  std::vector<ServerId> sids;
  for (const auto& [sid, peer] : peers_) {
    if (peer.connection) sids.push_back(sid);
  }
  return sids;
}

std::string ElectionTransport::Impl::describe() const {
  std::string text = concat("election port ", port(), " openings=", openings_.size());
  for (const auto& [sid, peer] : peers_) {
    const char* state = peer.connection     ? "up"
                        : peer.dial         ? "dialling"
                        : peer.challenge    ? "challenging"
                        : peer.dial_back_at ? "challenged"
                                            : "down";
    text += concat(" ", sid.value, "=", state, peer.member ? "" : "(stranger)");
  }
  return text;
}

// --- who dials us ---

void ElectionTransport::Impl::on_stream(std::unique_ptr<PeerStream> stream) {
  // Who means it says who it is at once: the one that has been silent longest is worth least.
  if (openings_.size() >= options_.openings_max) {
    const ConnectionPtr oldest = openings_.front();
    refuse(oldest, "too many connections that have not said who they are");
  }
  auto connection = std::make_shared<Connection>(loop_, std::move(stream));
  openings_.push_back(connection);
  connection->timer.expires_after(duration(options_.opening_timeout));
  connection->timer.async_wait([this, weak = std::weak_ptr(connection)](error_code ec) {
    const ConnectionPtr waiting = weak.lock();
    if (ec || !waiting || !waiting->open || waiting->peer) return;
    refuse(waiting, "it does not say who it is");
  });
  read(connection);
}

void ElectionTransport::Impl::take_opening(const ConnectionPtr& connection) {
  std::size_t consumed = 0;
  const auto opening = zab::decode_opening(connection->in.bytes(), consumed);
  if (!opening) return refuse(connection, opening.error().message);
  if (!*opening) {
    if (connection->in.bytes().size() < zab::kOpeningBytesMax) return read(connection);
    return refuse(connection, "an opening without an end");
  }
  connection->in.consume(consumed);
  connection->timer.cancel();
  openings_.remove(connection);
  on_opening(connection, **opening);
}

void ElectionTransport::Impl::on_opening(const ConnectionPtr& connection,
                                         const zab::Opening& opening) {
  if (opening.sid == options_.self) {
    return refuse(connection, concat("it says that it is server ", options_.self.value,
                                     ", as this one is: check myid on both"));
  }
  if (opening.sid.value < 0) return refuse(connection, concat("a server ", opening.sid.value));

  // A nameless observer owns its connections, by the number that it gives: it cannot be dialled.
  // ZooKeeper compares the number that it allots, and closes them.
  const bool nameless = opening.sid == kNameless;
  const ServerId sid = nameless ? ServerId{next_nameless_--} : opening.sid;
  if (find_or_add(sid) == nullptr) {
    return refuse(connection, "too many servers that are in no configuration");
  }
  if (opening.sid > options_.self) return establish(sid, connection);
  close(*connection);
  on_challenge(sid, without_wildcards(opening.addresses));
}

void ElectionTransport::Impl::on_challenge(ServerId sid, std::vector<HostPort> addresses) {
  Peer& peer = *find(sid);
  if (peer.connection && now() - peer.connection->since < options_.simultaneous) {
    peer.connection->owed_dial = std::move(addresses);
    return;
  }
  if (peer.connection) close(*std::exchange(peer.connection, nullptr));
  dial_back(sid, addresses);
}

// ZooKeeper dials only what the opening says; but a server may be wrong about its own address.
void ElectionTransport::Impl::dial_back(ServerId sid, const std::vector<HostPort>& addresses) {
  const std::vector<HostPort>& configured = find(sid)->addresses;
  addresses.empty() ? dial(sid, configured) : dial(sid, addresses, configured);
}

void ElectionTransport::Impl::refuse(const ConnectionPtr& connection, std::string_view why) {
  if (const auto ok = refusals_.admit(now())) {
    LOG(WARNING) << "election port: closed a connection from " << connection->stream->remote()
                 << ": " << printable(why) << kWhoMayConnect << suppressed_note(ok);
  }
  openings_.remove(connection);
  close(*connection);
}

// --- whom we dial ---

void ElectionTransport::Impl::dial(ServerId sid, const std::vector<HostPort>& addresses,
                                   std::vector<HostPort> otherwise) {
  Peer& peer = *find(sid);
  PADDOCK_CHECK(peer.connection == nullptr);
  if (peer.dial || peer.challenge || peer.dial_back_at) return;
  peer.otherwise = std::move(otherwise);
  peer.dial = Dial::start(loop_, lookup_, addresses, {options_.connect_timeout, stream_options_},
                          [this, sid](Result<std::unique_ptr<PeerStream>> result) {
                            on_dialled(sid, std::move(result));
                          });
}

void ElectionTransport::Impl::on_dialled(ServerId sid, Result<std::unique_ptr<PeerStream>> result) {
  Peer& peer = *find(sid);
  peer.dial.reset();
  const std::vector<HostPort> otherwise = std::exchange(peer.otherwise, {});
  if (!result && !otherwise.empty()) return dial(sid, otherwise);
  if (!result) {
    report(sid, false, result.error().message);
    return forget_if_idle(sid);
  }
  if (sid > options_.self) return challenge(sid, std::move(*result));
  auto connection = std::make_shared<Connection>(loop_, std::move(*result));
  connection->out = opening();
  establish(sid, connection);
}

// The peer owns the connection between us: it is told that we are here, and dials.
void ElectionTransport::Impl::challenge(ServerId sid, std::unique_ptr<PeerStream> stream) {
  Peer& peer = *find(sid);
  peer.challenge = std::make_shared<Connection>(loop_, std::move(stream));
  peer.challenge->peer = sid;
  peer.challenge->out = opening();
  write(peer.challenge);
}

void ElectionTransport::Impl::on_no_dial_back(ServerId sid) {
  Peer* peer = find(sid);
  // Another challenge may have taken the place of the one whose timer this was.
  if (peer == nullptr || !peer->dial_back_at || now() < *peer->dial_back_at) return;
  peer->dial_back_at.reset();
  report(sid, false, "it was told that this server is here, but does not dial it");
  forget_if_idle(sid);
}

SharedBytes ElectionTransport::Impl::opening() const {
  HostPort own = advertised_;
  if (own.port == 0) own.port = port();
  return std::make_shared<const Bytes>(zab::encode_opening({options_.self, {std::move(own)}}));
}

// --- a connection in use ---

void ElectionTransport::Impl::establish(ServerId sid, const ConnectionPtr& connection) {
  Peer& peer = *find(sid);
  give_up(peer);
  connection->peer = sid;
  connection->since = now();
  peer.connection = connection;
  if (!peer.unsent) peer.unsent = peer.last;
  connection->out ? write(connection) : write_next(peer);
  report(sid, true, connection->stream->remote());
  if (connection->open) take_frames(connection);
}

void ElectionTransport::Impl::on_broken(const ConnectionPtr& connection, const std::string& why) {
  if (!connection->peer) return refuse(connection, why);
  close(*connection);
  const ServerId sid = *connection->peer;
  Peer& peer = *find(sid);
  if (peer.challenge == connection) {
    peer.challenge.reset();
    report(sid, false, why);
    return forget_if_idle(sid);
  }
  PADDOCK_CHECK(peer.connection == connection);
  peer.connection.reset();
  const bool young = now() - connection->since < options_.simultaneous + options_.simultaneous;
  if (connection->owed_dial && young) return dial_back(sid, *connection->owed_dial);
  report(sid, false, why);
  forget_if_idle(sid);
}

void ElectionTransport::Impl::read(const ConnectionPtr& connection) {
  connection->stream->read_some(
      connection->in.room(), [this, connection](error_code ec, std::size_t bytes) {
        if (!connection->open) return;
        if (ec) return on_broken(connection, reason_of(ec));
        connection->in.filled(bytes);
        connection->peer ? take_frames(connection) : take_opening(connection);
      });
}

void ElectionTransport::Impl::take_frames(const ConnectionPtr& connection) {
  while (connection->open) {
    const FrameHead head = first_frame(connection->in.bytes(), zab::kNotificationBytesMax);
    switch (head.state) {
      case FrameHead::State::kPartial:
        return read(connection);
      case FrameHead::State::kWhole:
        if (head.length > 0) {
          take_notification(*connection->peer, head.body);
          // What the notification led to may have closed the connection; its bytes are still here.
          connection->in.consume(kFramePrefixBytes + head.length);
          break;
        }
        [[fallthrough]];
      case FrameHead::State::kTooLong:
      case FrameHead::State::kWord:
        return on_broken(connection, concat("a frame of ", static_cast<std::int32_t>(head.length),
                                            " bytes; 1 to ", zab::kNotificationBytesMax, " are"));
    }
  }
}

void ElectionTransport::Impl::take_notification(ServerId from, ByteView body) {
  auto notification = zab::decode_notification(body);
  if (notification) return events_.on_notified(from, std::move(*notification));
  // ZooKeeper skips what it cannot read, and so must whoever talks to a newer release.
  if (const auto ok = malformed_.admit(now())) {
    LOG(WARNING) << "election port: skipped a notification from server " << from.value << ": "
                 << printable(notification.error().message) << suppressed_note(ok);
  }
}

void ElectionTransport::Impl::write_next(Peer& peer) {
  Connection& connection = *peer.connection;
  if (connection.out != nullptr || peer.unsent == nullptr) return;
  peer.last = std::exchange(peer.unsent, nullptr);
  connection.out = peer.last;
  write(peer.connection);
}

void ElectionTransport::Impl::write(const ConnectionPtr& connection) {
  connection->stream->write_some(ByteView(*connection->out).subspan(connection->out_at),
                                 [this, connection](error_code ec, std::size_t bytes) {
                                   if (!connection->open) return;
                                   if (ec) return on_broken(connection, reason_of(ec));
                                   connection->out_at += bytes;
                                   if (connection->out_at < connection->out->size())
                                     return write(connection);
                                   connection->out.reset();
                                   connection->out_at = 0;
                                   on_written(connection);
                                 });
}

void ElectionTransport::Impl::on_written(const ConnectionPtr& connection) {
  const ServerId sid = *connection->peer;
  Peer& peer = *find(sid);
  if (peer.connection == connection) return write_next(peer);
  PADDOCK_CHECK(peer.challenge == connection);
  close(*std::exchange(peer.challenge, nullptr));
  peer.dial_back_at = now() + options_.dial_back_timeout;
  peer.dial_back_timer =
      std::make_unique<asio::steady_timer>(loop_, duration(options_.dial_back_timeout));
  peer.dial_back_timer->async_wait(guarded([this, sid](error_code) { on_no_dial_back(sid); }));
}

void ElectionTransport::Impl::close(Connection& connection) {
  connection.open = false;
  connection.stream->close();
}

// --- peers ---

auto ElectionTransport::Impl::find(ServerId sid) -> Peer* {
  const auto found = peers_.find(sid);
  return found == peers_.end() ? nullptr : &found->second;
}

auto ElectionTransport::Impl::find_or_add(ServerId sid) -> Peer* {
  if (Peer* peer = find(sid)) return peer;
  return strangers() < options_.strangers_max ? &peers_[sid] : nullptr;
}

std::size_t ElectionTransport::Impl::strangers() const {
  return static_cast<std::size_t>(std::count_if(
      peers_.begin(), peers_.end(), [](const auto& entry) { return !entry.second.member; }));
}

void ElectionTransport::Impl::give_up(Peer& peer) {
  if (peer.connection) close(*std::exchange(peer.connection, nullptr));
  if (peer.challenge) close(*std::exchange(peer.challenge, nullptr));
  peer.dial.reset();
  peer.otherwise.clear();
  peer.dial_back_at.reset();
  peer.dial_back_timer.reset();
}

// Of a server that is no member nothing is kept but what is under way.
void ElectionTransport::Impl::forget_if_idle(ServerId sid) {
  const Peer* peer = find(sid);
  if (peer == nullptr || peer->member || peer->connection) return;
  if (peer->dial || peer->challenge || peer->dial_back_at) return;
  peers_.erase(sid);
}

// Last in whatever calls it: it may change everything but open connections' memory.
void ElectionTransport::Impl::report(ServerId sid, bool reachable, std::string_view why) {
  Peer& peer = *find(sid);
  if (!peer.member || (reachable && peer.reachable == true)) return;
  if (peer.reachable != reachable) {
    LOG(INFO) << "election port: server " << sid.value << " is "
              << (reachable ? "connected: " : "not connected: ") << printable(why);
  }
  peer.reachable = reachable;
  events_.on_reachable(sid, reachable);
}

void ElectionTransport::Impl::report_later(ServerId sid) {
  asio::post(loop_, guarded([this, sid] {
               const Peer* peer = find(sid);
               if (peer == nullptr) return;
               const bool up = peer->connection != nullptr;
               if (up || peer->reachable == true)
                 report(sid, up, up ? "" : "it has another address now");
             }));
}

ElectionTransport::ElectionTransport(asio::io_context& loop, NameLookup& lookup, Options options,
                                     ElectionEvents& events)
    : impl_(std::make_unique<Impl>(loop, lookup, std::move(options), events)) {}
ElectionTransport::~ElectionTransport() = default;

Result<void> ElectionTransport::set_listening(const std::vector<HostPort>& addresses,
                                              HostPort advertised) {
  return impl_->set_listening(addresses, std::move(advertised));
}
std::uint16_t ElectionTransport::port() const {
  return impl_->port();
}
void ElectionTransport::set_members(Members members) {
  impl_->set_members(std::move(members));
}
void ElectionTransport::send(ServerId to, const zab::Notification& notification) {
  impl_->send(to, notification);
}
std::vector<ServerId> ElectionTransport::connected() const {
  return impl_->connected();
}
std::string ElectionTransport::describe() const {
  return impl_->describe();
}

}  // namespace paddock::server
