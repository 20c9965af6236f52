#include "server/net/quorum_link.h"

#include <algorithm>
#include <chrono>
#include <type_traits>
#include <utility>

#include <boost/asio/post.hpp>

#include "common/check.h"
#include "common/clock.h"
#include "common/concat.h"
#include "common/limits.h"

namespace paddock::server {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t kWriteBytes = 256u << 10;   // of one write, but for a longer message
constexpr std::size_t kSpareBytesMax = 1u << 20;  // what an idle link keeps

// Beside its data a packet has a header and the ids of a client.
constexpr std::size_t kPacketHeadBytesMax = 64u << 10;

Millis now() {
  return SystemClock{}.now();
}

std::size_t bytes_of(const std::shared_ptr<const Bytes>& bytes) {
  return bytes == nullptr ? 0 : bytes->size();
}

// What a message holds on to while it waits.
std::size_t bytes_of(const zab::Message& message) {
  return sizeof(zab::Message) +
         std::visit(
             [](const auto& m) -> std::size_t {
               using T = std::decay_t<decltype(m)>;
               if constexpr (requires { m.txn; }) {
                 return bytes_of(m.txn.payload);
               } else if constexpr (std::is_same_v<T, zab::Request>) {
                 const std::size_t ids = m.authinfo ? m.authinfo->size() : 0;
                 return bytes_of(m.body) + ids * sizeof(Id);
               } else if constexpr (std::is_same_v<T, zab::NewLeader>) {
                 return m.config ? m.config->size() : 0;
               } else if constexpr (std::is_same_v<T, zab::Ping>) {
                 return m.touched ? m.touched->size() * sizeof(zab::SessionTouch) : 0;
               } else {
                 return 0;
               }
             },
             message);
}

}  // namespace

QuorumLink::QuorumLink(asio::io_context& loop, zab::LinkId id, std::unique_ptr<PeerStream> stream,
                       const Options& options, Owner& owner)
    : loop_(loop),
      id_(id),
      stream_(std::move(stream)),
      options_(options),
      owner_(&owner),
      timer_(loop),
      last_read_(now()),
      last_written_(last_read_) {}

void QuorumLink::start() {
  read();
}

// --- receiving ---

void QuorumLink::read() {
  PADDOCK_CHECK(!reading_);
  reading_ = true;
  stream_->read_some(in_.room(), [self = shared_from_this()](error_code ec, std::size_t bytes) {
    self->reading_ = false;
    if (self->state_ != State::kEnded) self->on_read(ec, bytes);
  });
}

void QuorumLink::on_read(error_code ec, std::size_t bytes) {
  if (ec) return end(reason_of(ec));
  in_.filled(bytes);
  bytes_read_ += bytes;
  last_read_ = now();
  if (state_ == State::kClosing) {
    in_.consume(in_.bytes().size());
    return read();
  }
  take_all();
}

void QuorumLink::take_all() {
  while (state_ == State::kOpen && (sink_ != nullptr ? take_snapshot() : take_messages())) {
  }
  if (state_ == State::kEnded || reading_ || sink_waits_) return;
  if (in_.bytes().size() > 2 * options_.packets.data_bytes_max + kPacketHeadBytesMax) {
    return end(concat(in_.bytes().size(), " bytes without an end of a ",
                      sink_ != nullptr ? "snapshot's field" : "packet"));
  }
  read();
}

bool QuorumLink::take_messages() {
  std::optional<zab::Snap> snap;
  std::string malformed;
  std::size_t taken = 0;
  batch_.clear();
  while (!snap) {
    auto decoded = zab::decode_packet(in_.bytes().subspan(taken), options_.packets);
    if (!decoded) malformed = decoded.error().message;
    if (!decoded || !*decoded) break;
    taken += (*decoded)->bytes;
    std::optional<zab::Message>& message = (*decoded)->message;
    if (!message) {
      owner_->on_unknown_packet(*this);
      continue;
    }
    if (const auto* found = std::get_if<zab::Snap>(&*message)) snap = *found;
    batch_.push_back(std::move(*message));
  }
  in_.consume(taken);
  if (!batch_.empty()) {
    heard_ = true;
    owner_->on_received(*this, batch_);
    batch_.clear();
  }
  if (state_ != State::kOpen) return false;
  if (!malformed.empty()) {
    end(std::move(malformed));
    return false;
  }
  if (!snap) return false;
  sink_ = owner_->on_snapshot(*this, *snap);
  if (state_ == State::kOpen && sink_ == nullptr) end("a snapshot that nobody asked for");
  return state_ == State::kOpen;
}

bool QuorumLink::take_snapshot() {
  const ByteView piece = in_.bytes();
  if (sink_waits_ || piece.empty()) return false;
  const auto taken = sink_->consume(piece);
  if (!taken) {
    end(concat("the snapshot: ", taken.error().message));
    return false;
  }
  in_.consume(taken->bytes);
  switch (taken->state) {
    case SnapshotSink::State::kMore:
      return false;
    case SnapshotSink::State::kLater:
      sink_waits_ = true;
      return false;
    case SnapshotSink::State::kDone:
      sink_ = nullptr;
      owner_->on_snapshot_end(*this);
      return true;
  }
  PADDOCK_CHECK(false);
}

// --- sending ---

void QuorumLink::send(zab::Message message) {
  if (state_ != State::kOpen) return;
  const std::size_t bytes = bytes_of(message);
  // One message is always let in, however long.
  if (bytes_queued() > 0 && bytes_queued() + bytes > options_.queue_bytes_max) {
    return end(concat("more than ", options_.queue_bytes_max, " bytes wait for it"));
  }
  queued_bytes_ += bytes;
  queue_.emplace_back(std::move(message));
}

void QuorumLink::send(std::unique_ptr<SnapshotFeed> feed) {
  if (state_ == State::kOpen) queue_.emplace_back(std::move(feed));
}

void QuorumLink::send(std::unique_ptr<HistoryFeed> feed) {
  if (state_ == State::kOpen) queue_.emplace_back(std::move(feed));
}

void QuorumLink::flush() {
  if (state_ == State::kEnded || writing_) return;
  fill();
  if (state_ == State::kEnded) return;
  if (!out_.empty()) {
    progress_at_ = now();
    return write();
  }
  if (state_ == State::kClosing) finish_closing();
}

void QuorumLink::fill() {
  while (!queue_.empty() && !feed_waits_ && out_.size() < kWriteBytes) {
    const auto filled = fill_from(queue_.front());
    if (!filled) return end(filled.error().message);
    feed_waits_ = *filled == Fill::kLater;
  }
}

Result<QuorumLink::Fill> QuorumLink::fill_from(Item& item) {
  if (auto* snapshot = std::get_if<std::unique_ptr<SnapshotFeed>>(&item)) {
    return fill_from(**snapshot);
  }
  if (auto* history = std::get_if<std::unique_ptr<HistoryFeed>>(&item)) {
    return fill_from(**history);
  }
  const zab::Message& message = std::get<zab::Message>(item);
  zab::encode_packet(message, out_);
  queued_bytes_ -= bytes_of(message);
  queue_.pop_front();
  return Fill::kMore;
}

Result<QuorumLink::Fill> QuorumLink::fill_from(SnapshotFeed& feed) {
  const std::size_t before = out_.size();
  const auto state = feed.next(out_, kWriteBytes - before);
  if (!state) return Error{state.error().code, concat("the snapshot: ", state.error().message)};
  PADDOCK_CHECK(out_.size() > before || *state != SnapshotFeed::State::kMore);
  feed_begun_ = true;
  if (*state == SnapshotFeed::State::kEnd) pop_item();
  return *state == SnapshotFeed::State::kLater ? Fill::kLater : Fill::kMore;
}

Result<QuorumLink::Fill> QuorumLink::fill_from(HistoryFeed& feed) {
  const auto next = feed.next();
  if (!next) return Error{next.error().code, concat("the history: ", next.error().message)};
  PADDOCK_CHECK(next->txn || next->state != HistoryFeed::State::kMore);
  if (next->txn) {
    zab::encode_packet(zab::Proposal{*next->txn}, out_);
    zab::encode_packet(zab::Commit{next->txn->zxid}, out_);
    feed_begun_ = true;
  }
  if (next->state == HistoryFeed::State::kEnd) pop_item();
  return next->state == HistoryFeed::State::kLater ? Fill::kLater : Fill::kMore;
}

void QuorumLink::pop_item() {
  queue_.pop_front();
  feed_begun_ = false;
}

void QuorumLink::write() {
  writing_ = true;
  arm_timer(state_ == State::kClosing ? close_at_ : progress_at_ + options_.write_timeout);
  stream_->write_some(ByteView(out_).subspan(out_at_),
                      [self = shared_from_this()](error_code ec, std::size_t bytes) {
                        self->writing_ = false;
                        if (self->state_ != State::kEnded) self->on_written(ec, bytes);
                      });
}

void QuorumLink::on_written(error_code ec, std::size_t bytes) {
  if (ec) return end(reason_of(ec));
  out_at_ += bytes;
  bytes_written_ += bytes;
  progress_at_ = last_written_ = now();
  if (out_at_ < out_.size()) return write();
  out_at_ = 0;
  out_.clear();
  if (out_.capacity() > kSpareBytesMax) Bytes().swap(out_);
  flush();
}

void QuorumLink::resume() {
  if (state_ != State::kOpen) return;
  feed_waits_ = false;
  if (!std::exchange(sink_waits_, false)) return;
  asio::post(loop_, [self = shared_from_this()] {
    if (self->state_ == State::kOpen && !self->reading_) self->take_all();
  });
}

void QuorumLink::set_write_timeout(Millis timeout) {
  options_.write_timeout = timeout;
  if (state_ == State::kOpen && writing_) arm_timer(progress_at_ + timeout);
}

// --- time and the end ---

// Fires at the latest when it is due. It is not set anew for each write: when it fires, it looks
// how long ago the last one was.
void QuorumLink::arm_timer(Millis at) {
  if (timer_at_ && *timer_at_ <= at) return;
  timer_at_ = at;
  timer_.expires_after(std::chrono::milliseconds(std::max(at - now(), Millis{}).value));
  timer_.async_wait([weak = weak_from_this()](error_code ec) {
    const auto self = weak.lock();
    if (!ec && self && self->state_ != State::kEnded) self->on_timer();
  });
}

void QuorumLink::on_timer() {
  timer_at_.reset();
  const bool closing = state_ == State::kClosing;
  if (!closing && !writing_) return;
  const Millis due = closing ? close_at_ : progress_at_ + options_.write_timeout;
  if (now() < due) return arm_timer(due);
  end(closing ? concat("it did not take the rest within ", options_.close_timeout.value, " ms")
              : concat("it takes nothing since ", options_.write_timeout.value, " ms"));
}

void QuorumLink::close() {
  if (state_ != State::kOpen) return;
  if (feed_begun_) return end("closed within a snapshot or a history");
  state_ = State::kClosing;
  sink_ = nullptr;
  sink_waits_ = feed_waits_ = false;
  const auto is_message = [](const Item& item) {
    return std::holds_alternative<zab::Message>(item);
  };
  queue_.erase(std::find_if_not(queue_.begin(), queue_.end(), is_message), queue_.end());
  in_.consume(in_.bytes().size());
  close_at_ = now() + options_.close_timeout;
  arm_timer(close_at_);
  // What the peer still sends is read, so that its end does not become a reset, with which the
  // system would throw away what is on its way to it.
  if (!reading_) {
    asio::post(loop_, [self = shared_from_this()] {
      if (self->state_ == State::kClosing && !self->reading_) self->read();
    });
  }
  flush();
}

void QuorumLink::finish_closing() {
  if (!std::exchange(writing_ended_, true)) stream_->end_writing();
}

void QuorumLink::end(std::string why) {
  if (state_ == State::kEnded) return;
  release();
  asio::post(loop_, [self = shared_from_this(), why = std::move(why)] {
    if (self->owner_ != nullptr) std::exchange(self->owner_, nullptr)->on_ended(*self, why);
  });
}

void QuorumLink::abandon() {
  owner_ = nullptr;
  release();
}

void QuorumLink::release() {
  state_ = State::kEnded;
  stream_->close();
  queue_.clear();
  queued_bytes_ = 0;
  sink_ = nullptr;
}

}  // namespace paddock::server
