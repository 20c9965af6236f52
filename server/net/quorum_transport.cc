#include "server/net/quorum_transport.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include <glog/logging.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/check.h"
#include "common/clock.h"
#include "common/concat.h"
#include "common/logging.h"
#include "server/net/dialer.h"
#include "server/net/name_lookup.h"
#include "server/net/peer_listener.h"
#include "server/net/peer_stream.h"
#include "server/net/quorum_link.h"

namespace paddock::server {

namespace asio = boost::asio;
using boost::system::error_code;
using zab::LinkId;
using zab::Message;

namespace {

Millis now() {
  return SystemClock{}.now();
}

bool is_dialled(LinkId id) {
  return id.value % 2 == 1;
}

std::string text_of(const std::vector<HostPort>& addresses) {
  std::string text;
  for (const HostPort& address : addresses) {
    text += concat(text.empty() ? "" : "|", to_string(address));
  }
  return text;
}

LinkStatus status_of(const QuorumLink& link) {
  return {.id = link.id(),
          .remote = link.remote(),
          .up = true,
          .bytes_queued = link.bytes_queued(),
          .bytes_read = link.bytes_read(),
          .bytes_written = link.bytes_written(),
          .last_read = link.last_read(),
          .last_written = link.last_written()};
}

// Whoever has sent no packet gets no such line; on_ended() has another for who sent something else.
void log_end(const QuorumLink& link, const std::string& why) {
  if (!is_dialled(link.id()) && !link.heard()) return;
  LOG(INFO) << "quorum link " << link.id().value << " of " << link.remote()
            << " has ended: " << printable(why);
}

}  // namespace

std::string to_string(const LinkStatus& status, Millis now) {
  if (!status.up) return concat("link ", status.id.value, " dialling ", status.remote);
  return concat("link ", status.id.value, " ", status.remote, " queued=", status.bytes_queued,
                "B read=", status.bytes_read, "B written=", status.bytes_written,
                "B read_ago=", (now - status.last_read).value,
                "ms written_ago=", (now - status.last_written).value, "ms");
}

class QuorumTransport::Impl final : public QuorumLink::Owner {
 public:
  Impl(asio::io_context& loop, NameLookup& lookup, Options options, QuorumEvents& events);
  ~Impl();

  Result<void> set_listening(const std::vector<HostPort>& addresses);
  Result<void> accept_learners(bool accept);
  std::uint16_t port() const { return listener_.port(); }
  void connect(LinkId id, const std::vector<HostPort>& addresses, Millis limit);
  void close(LinkId id, const std::string& why);
  // Does `f` with a link that is up, and sees to what it then has to send.
  template <typename F>
  void with(LinkId id, F f);
  std::vector<LinkStatus> links() const;
  std::optional<LinkStatus> link(LinkId id) const;

 private:
  using LinkPtr = std::shared_ptr<QuorumLink>;

  // Of a link that is not up yet.
  struct Dialling {
    Dialling(asio::io_context& loop, const std::vector<HostPort>& a, Millis until)
        : addresses(a), deadline(until), retry(loop) {}

    std::vector<HostPort> addresses;
    Millis deadline;
    int tries = 0;
    std::shared_ptr<Dial> dial;
    asio::steady_timer retry;
  };

  void dial(LinkId id);
  void on_dialled(LinkId id, Result<std::unique_ptr<PeerStream>> result);
  void retry_later(LinkId id, Dialling& dialling);
  void on_stream(std::unique_ptr<PeerStream> stream);
  bool make_room();
  void add_link(LinkId id, std::unique_ptr<PeerStream> stream);
  void flush_later();

  // QuorumLink::Owner
  void on_received(QuorumLink& link, std::span<Message> messages) override;
  SnapshotSink* on_snapshot(QuorumLink& link, zab::Snap snap) override;
  void on_snapshot_end(QuorumLink& link) override;
  void on_unknown_packet(QuorumLink& link) override;
  void on_ended(QuorumLink& link, const std::string& why) override;

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
  QuorumEvents& events_;
  PeerListener listener_;
  std::map<LinkId, Dialling> dialling_;
  std::map<LinkId, LinkPtr> links_;
  std::map<LinkId, LinkPtr> closing_;  // by us: nothing more is heard of them
  LinkId last_accepted_;
  std::vector<LinkPtr> to_flush_;
  LogLimiter unknown_{Millis{10'000}};
  LogLimiter refusals_{Millis{10'000}};
  const std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

QuorumTransport::Impl::Impl(asio::io_context& loop, NameLookup& lookup, Options options,
                            QuorumEvents& events)
    : loop_(loop),
      lookup_(lookup),
      options_(options),
      stream_options_{options.keep_alive, {}},
      events_(events),
      listener_(loop, "the quorum port", stream_options_,
                [this](std::unique_ptr<PeerStream> stream) { on_stream(std::move(stream)); }) {}

QuorumTransport::Impl::~Impl() {
  for (const auto& [id, link] : links_) link->abandon();
  for (const auto& [id, link] : closing_) link->abandon();
}

Result<void> QuorumTransport::Impl::set_listening(const std::vector<HostPort>& addresses) {
  const bool accepting = listener_.port() != 0;
  listener_.close();
  PADDOCK_TRY_DO(listener_.set_addresses(addresses));
  return accepting ? listener_.listen() : Result<void>();
}

Result<void> QuorumTransport::Impl::accept_learners(bool accept) {
  if (accept) return listener_.listen();
  listener_.close();
  return {};
}

// --- dialling ---

void QuorumTransport::Impl::connect(LinkId id, const std::vector<HostPort>& addresses,
                                    Millis limit) {
  PADDOCK_CHECK(is_dialled(id));
  PADDOCK_CHECK(!links_.contains(id) && !closing_.contains(id));
  const auto [entry, is_new] = dialling_.try_emplace(id, loop_, addresses, now() + limit);
  PADDOCK_CHECK(is_new);
  dial(id);
}

void QuorumTransport::Impl::dial(LinkId id) {
  Dialling& dialling = dialling_.at(id);
  ++dialling.tries;
  const Dial::Options options{std::max(dialling.deadline - now(), Millis{1}), stream_options_};
  dialling.dial = Dial::start(loop_, lookup_, dialling.addresses, options,
                              [this, id](Result<std::unique_ptr<PeerStream>> result) {
                                on_dialled(id, std::move(result));
                              });
}

void QuorumTransport::Impl::on_dialled(LinkId id, Result<std::unique_ptr<PeerStream>> result) {
  const auto found = dialling_.find(id);
  if (result) {
    dialling_.erase(found);
    return add_link(id, std::move(*result));
  }
  Dialling& dialling = found->second;
  const bool again =
      dialling.tries < options_.connect_tries && now() + options_.connect_retry < dialling.deadline;
  if (again) return retry_later(id, dialling);
  const std::string why = concat(result.error().message, " (", dialling.tries,
                                 dialling.tries == 1 ? " try)" : " tries)");
  dialling_.erase(found);
  LOG(INFO) << "quorum link " << id.value << " could not be dialled: " << printable(why);
  events_.on_closed(id, why);
}

void QuorumTransport::Impl::retry_later(LinkId id, Dialling& dialling) {
  dialling.dial.reset();
  dialling.retry.expires_after(std::chrono::milliseconds(options_.connect_retry.value));
  dialling.retry.async_wait(guarded([this, id](error_code) {
    if (dialling_.contains(id)) dial(id);
  }));
}

// --- links ---

void QuorumTransport::Impl::on_stream(std::unique_ptr<PeerStream> stream) {
  if (!make_room()) {
    if (const auto ok = refusals_.admit(now())) {
      LOG(WARNING) << "quorum port: closed a connection from " << stream->remote() << ": "
                   << options_.accepted_max << " learners are connected" << suppressed_note(ok);
    }
    return;
  }
  last_accepted_.value += 2;
  add_link(last_accepted_, std::move(stream));
}

// A learner says who it is at once: one that has been silent longest makes room for another.
bool QuorumTransport::Impl::make_room() {
  const auto accepted = [](const auto& entry) { return !is_dialled(entry.first); };
  const auto count = std::count_if(links_.begin(), links_.end(), accepted) +
                     std::count_if(closing_.begin(), closing_.end(), accepted);
  if (static_cast<std::size_t>(count) < options_.accepted_max) return true;
  const auto silent = std::find_if(links_.begin(), links_.end(), [&](const auto& entry) {
    return accepted(entry) && !entry.second->heard();
  });
  if (silent == links_.end()) return false;
  const LinkPtr link = silent->second;
  link->abandon();
  on_ended(*link, "it says nothing, and its place is needed");
  return true;
}

void QuorumTransport::Impl::add_link(LinkId id, std::unique_ptr<PeerStream> stream) {
  const QuorumLink::Options options{options_.packets, options_.queue_bytes_max,
                                    options_.write_timeout, options_.close_timeout};
  if (is_dialled(id)) {
    LOG(INFO) << "quorum link " << id.value << " to " << stream->remote() << " is up";
  }
  const auto link = std::make_shared<QuorumLink>(loop_, id, std::move(stream), options, *this);
  links_.emplace(id, link);
  events_.on_opened(id);
  if (links_.contains(id)) link->start();
}

void QuorumTransport::Impl::close(LinkId id, const std::string& why) {
  dialling_.erase(id);
  auto entry = links_.extract(id);
  if (entry.empty()) return;
  const LinkPtr link = entry.mapped();
  log_end(*link, why);
  closing_.insert(std::move(entry));
  link->close();
}

template <typename F>
void QuorumTransport::Impl::with(LinkId id, F f) {
  const auto found = links_.find(id);
  if (found == links_.end()) {
    PADDOCK_CHECK(!dialling_.contains(id));
    return;
  }
  QuorumLink& link = *found->second;
  f(link);
  if (std::exchange(link.flush_due, true)) return;
  to_flush_.push_back(found->second);
  if (to_flush_.size() == 1) flush_later();
}

void QuorumTransport::Impl::flush_later() {
  asio::post(loop_, guarded([this] {
               for (const LinkPtr& link : std::exchange(to_flush_, {})) {
                 link->flush_due = false;
                 link->flush();
               }
             }));
}

std::vector<LinkStatus> QuorumTransport::Impl::links() const {
  std::vector<LinkStatus> all;
  for (const auto& [id, link] : links_) all.push_back(status_of(*link));
  for (const auto& [id, dialling] : dialling_) {
    all.push_back({.id = id, .remote = text_of(dialling.addresses)});
  }
  std::sort(all.begin(), all.end(),
            [](const LinkStatus& a, const LinkStatus& b) { return a.id < b.id; });
  return all;
}

std::optional<LinkStatus> QuorumTransport::Impl::link(LinkId id) const {
  const auto found = links_.find(id);
  if (found == links_.end()) return std::nullopt;
  return status_of(*found->second);
}

void QuorumTransport::Impl::on_received(QuorumLink& link, std::span<Message> messages) {
  events_.on_received(link.id(), messages);
}

SnapshotSink* QuorumTransport::Impl::on_snapshot(QuorumLink& link, zab::Snap snap) {
  return events_.on_snapshot(link.id(), snap);
}

void QuorumTransport::Impl::on_snapshot_end(QuorumLink& link) {
  events_.on_snapshot_end(link.id());
}

void QuorumTransport::Impl::on_unknown_packet(QuorumLink& link) {
  if (const auto ok = unknown_.admit(now())) {
    LOG(WARNING) << "quorum link " << link.id().value << " of " << link.remote()
                 << ": skipped a packet of a type that this release does not know"
                 << suppressed_note(ok);
  }
}

void QuorumTransport::Impl::on_ended(QuorumLink& link, const std::string& why) {
  const LinkId id = link.id();
  if (closing_.erase(id) > 0) return;
  const LinkPtr kept = links_.extract(id).mapped();
  log_end(link, why);
  if (!is_dialled(id) && !link.heard() && link.bytes_read() > 0) {
    if (const auto ok = refusals_.admit(now())) {
      LOG(WARNING) << "quorum port: closed a connection from " << link.remote() << ": "
                   << printable(why) << kWhoMayConnect << suppressed_note(ok);
    }
  }
  events_.on_closed(id, why);
}

QuorumTransport::QuorumTransport(asio::io_context& loop, NameLookup& lookup, Options options,
                                 QuorumEvents& events)
    : impl_(std::make_unique<Impl>(loop, lookup, options, events)) {}
QuorumTransport::~QuorumTransport() = default;

Result<void> QuorumTransport::set_listening(const std::vector<HostPort>& addresses) {
  return impl_->set_listening(addresses);
}
Result<void> QuorumTransport::accept_learners(bool accept) {
  return impl_->accept_learners(accept);
}
std::uint16_t QuorumTransport::port() const {
  return impl_->port();
}
void QuorumTransport::connect(LinkId link, const std::vector<HostPort>& addresses, Millis limit) {
  impl_->connect(link, addresses, limit);
}
void QuorumTransport::close(LinkId link, const std::string& why) {
  impl_->close(link, why);
}
void QuorumTransport::send(LinkId link, Message message) {
  impl_->with(link, [&](QuorumLink& up) { up.send(std::move(message)); });
}
void QuorumTransport::send_snapshot(LinkId link, std::unique_ptr<SnapshotFeed> feed) {
  impl_->with(link, [&](QuorumLink& up) { up.send(std::move(feed)); });
}
void QuorumTransport::send_history(LinkId link, std::unique_ptr<HistoryFeed> feed) {
  impl_->with(link, [&](QuorumLink& up) { up.send(std::move(feed)); });
}
void QuorumTransport::resume(LinkId link) {
  impl_->with(link, [](QuorumLink& up) { up.resume(); });
}
void QuorumTransport::set_write_timeout(LinkId link, Millis timeout) {
  impl_->with(link, [&](QuorumLink& up) { up.set_write_timeout(timeout); });
}
std::vector<LinkStatus> QuorumTransport::links() const {
  return impl_->links();
}
std::optional<LinkStatus> QuorumTransport::link(LinkId link) const {
  return impl_->link(link);
}
std::string QuorumTransport::describe() const {
  std::string text = concat("quorum port ", port());
  for (const LinkStatus& status : links()) text += concat("; ", to_string(status, now()));
  return text;
}

}  // namespace paddock::server
