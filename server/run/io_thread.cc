#include "server/run/io_thread.h"

#include <unistd.h>

#include <chrono>
#include <type_traits>
#include <utility>

#include <glog/logging.h>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include "common/check.h"
#include "common/concat.h"
#include "common/limits.h"

namespace paddock::server {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t kScratchBytes = 256u << 10;
constexpr std::size_t kSpareBufferBytesMax = 1u << 20;

// The scheduler is locked, for posts from the core; descriptors belong to this thread alone.
constexpr int kConcurrency = BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO;

std::uint32_t slot_of(std::uint64_t number) {
  return static_cast<std::uint32_t>(number);
}

}  // namespace

IoThread::IoThread(const Options& options, SharedState& shared, ConnectionLimits& limits,
                   WordService& words)
    : options_(options),
      shared_(shared),
      limits_(limits),
      words_(words),
      metrics_(shared.metrics.new_thread()),
      context_(kConcurrency),
      timer_(context_),
      scratch_(kScratchBytes) {
  read_clock();
}

IoThread::~IoThread() {
  PADDOCK_CHECK(!thread_.joinable());
}

void IoThread::start() {
  thread_ = std::thread([this] { run(); });
}

void IoThread::run() {
  const auto work = asio::make_work_guard(context_);
  context_.run();
}

void IoThread::stop() {
  if (!thread_.joinable()) return;
  asio::post(context_, [this] {
    stopping_ = true;
    timer_.cancel();
    for (auto& session : sessions_) {
      if (session == nullptr) continue;
      limits_.release(session->remote().address());
      session.reset();
    }
    context_.stop();
  });
  thread_.join();
  mail_.take_now(delivering_);
  for (const IoMail& mail : delivering_) {
    if (const auto* connection = std::get_if<NewConnection>(&mail)) ::close(connection->fd);
  }
  delivering_.clear();
}

void IoThread::wake() {
  asio::post(context_, [this] { on_mail(); });
}

// --- batches ---

void IoThread::read_clock() {
  now_us_ = std::chrono::duration_cast<std::chrono::microseconds>(
                std::chrono::steady_clock::now().time_since_epoch())
                .count();
}

void IoThread::on_readable(std::uint64_t number) {
  ClientSession* session = find(number);
  if (session == nullptr) return;
  session->flags.read_armed = false;
  if (!session->wants_read()) return;  // it is waited for again once it does
  read_clock();
  arrived_us_ = now_us_;
  const ByteView bytes = session->receive(scratch_);
  if (!bytes.empty() && session->needs_tree(bytes)) enter();
  if (!session->closed()) session->on_bytes(bytes);
  changed(*session);
  finish_batch();
}

void IoThread::on_writable(std::uint64_t number) {
  ClientSession* session = find(number);
  if (session == nullptr) return;
  session->flags.write_armed = false;
  changed(*session);
  finish_batch();
}

void IoThread::on_resumable(std::uint64_t number) {
  if (find(number) == nullptr) return;
  read_clock();
  arrived_us_ = now_us_;
  enter();
  if (ClientSession* session = find(number)) {
    session->resume();
    changed(*session);
  }
  finish_batch();
}

void IoThread::on_mail() {
  read_clock();
  arrived_us_ = now_us_;
  enter();
  finish_batch();
}

void IoThread::enter() {
  PADDOCK_CHECK(!in_slot_);
  shared_.readers.lock_reader(options_.index);
  in_slot_ = true;
  deliver_mail();
  read_clock();
}

void IoThread::deliver_mail() {
  if (!mail_.take_now(delivering_)) return;
  for (IoMail& mail : delivering_) {
    if (auto* task = std::get_if<IoTask>(&mail)) {
      (*task)(*this);
    } else {
      std::visit(
          [this](auto& item) {
            if constexpr (!std::is_same_v<std::decay_t<decltype(item)>, IoTask>) deliver(item);
          },
          mail);
    }
  }
  delivering_.clear();
  // Only now, with every event delivered, may what waited for a reply read the tree.
  for (std::size_t i = 0; i < changed_.size(); ++i) {
    if (ClientSession* session = find(changed_[i])) session->resume();
  }
}

void IoThread::finish_batch() {
  if (in_slot_) {
    has_watches_ = !watch_table_.empty();
    in_slot_ = false;
    shared_.readers.unlock_reader(options_.index);
  }
  // By index: closing one may change others.
  for (std::size_t i = 0; i < changed_.size(); ++i) {
    if (ClientSession* session = find(changed_[i])) settle(*session);
  }
  changed_.clear();
  shared_.tell_core(to_core_);
}

void IoThread::settle(ClientSession& session) {
  session.flags.changed = false;
  session.flush();
  if (session.closed()) return destroy(session);
  if (session.has_deadline() && !session.flags.deadline) {
    session.flags.deadline = true;
    deadlines_.push_back(
        {session.id().number, Millis{now_us_ / 1000} + options_.handshake_timeout});
    arm_timer();
  }
  if (session.wants_write() && !session.flags.write_armed) wait_write(session);
  if (session.can_resume()) {
    asio::post(context_, [this, number = session.id().number] { on_resumable(number); });
  } else if (session.wants_read() && !session.flags.read_armed) {
    wait_read(session);
  }
}

void IoThread::wait_read(ClientSession& session) {
  session.flags.read_armed = true;
  session.socket().async_wait(ClientSession::Socket::wait_read,
                              [this, number = session.id().number](error_code ec) {
                                if (!ec) on_readable(number);
                              });
}

void IoThread::wait_write(ClientSession& session) {
  session.flags.write_armed = true;
  session.socket().async_wait(ClientSession::Socket::wait_write,
                              [this, number = session.id().number](error_code ec) {
                                if (!ec) on_writable(number);
                              });
}

// --- mail ---

void IoThread::deliver(TreeChange& change) {
  watch_table_.trigger(
      change, [this, zxid = change.zxid](WatcherId watcher, EventType type, std::string_view path,
                                         const AclRef& acl) {
        ClientSession* session = at_slot(watcher);
        PADDOCK_CHECK(session != nullptr);  // its watches go with it
        session->on_event(type, path, zxid, acl);
      });
}

void IoThread::deliver(Reply& reply) {
  if (ClientSession* session = find(reply.connection.number)) session->on_reply(std::move(reply));
}

void IoThread::deliver(SessionReply& reply) {
  if (ClientSession* session = find(reply.connection.number)) session->on_session_reply(reply);
}

void IoThread::deliver(CloseConnection& close) {
  ClientSession* session = find(close.connection.number);
  if (session == nullptr) return;
  // What was answered before goes out, as far as the socket takes it at once.
  session->flush();
  session->close("");
}

// Without a leader nobody is served; who asks operators' words need not be, and who has not said
// what it wants is answered by the core.
void IoThread::deliver(ServingChanged& changed) {
  if (changed.serves) return;
  for (const auto& session : sessions_) {
    if (session == nullptr || session->closed() || !session->known_to_core()) continue;
    session->flush();
    session->close("");
  }
}

void IoThread::deliver(NewConnection& connection) {
  std::uint32_t slot = 0;
  if (free_slots_.empty()) {
    slot = static_cast<std::uint32_t>(sessions_.size());
    sessions_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  const std::uint64_t number = (std::uint64_t{++generation_} << 32) | slot;
  SessionHost& host = *this;
  sessions_[slot] = std::make_unique<ClientSession>(
      host, ClientSession::Socket(context_.get_executor(), connection.fd),
      ConnectionId{options_.index, number}, connection.remote, std::move(connection.credentials));
  changed(*sessions_[slot]);
}

// --- connections ---

ClientSession* IoThread::find(std::uint64_t number) {
  const std::uint32_t slot = slot_of(number);
  if (slot >= sessions_.size()) return nullptr;
  ClientSession* session = sessions_[slot].get();
  return session != nullptr && session->id().number == number ? session : nullptr;
}

void IoThread::destroy(ClientSession& session) {
  const std::uint32_t slot = slot_of(session.id().number);
  watch_table_.remove_watcher(slot);
  if (session.known_to_core()) {
    // What it said last counts, though the connection went before the next round of touches.
    if (session.flags.touched) {
      to_core_.push_back(CoreEvent(Touches{{{session.session(), session.touched_at}}}));
    }
    to_core_.push_back(CoreEvent(Disconnected{session.id(), session.session()}));
  }
  count_outstanding(-static_cast<std::int64_t>(session.unanswered()),
                    -static_cast<std::int64_t>(session.unanswered_bytes()));
  limits_.release(session.remote().address());
  sessions_[slot].reset();
  free_slots_.push_back(slot);
}

void IoThread::changed(ClientSession& session) {
  if (session.flags.changed) return;
  session.flags.changed = true;
  changed_.push_back(session.id().number);
}

const DataTree& IoThread::tree() {
  PADDOCK_CHECK(in_slot_);
  return shared_.tree;
}

Zxid IoThread::last_zxid() const {
  return Zxid{shared_.last_zxid.load(std::memory_order_acquire)};
}

bool IoThread::overloaded() const {
  return shared_.outstanding.load(std::memory_order_relaxed) > options_.outstanding_max ||
         shared_.outstanding_bytes.load(std::memory_order_relaxed) > options_.outstanding_bytes_max;
}

void IoThread::count_outstanding(std::int64_t requests, std::int64_t bytes) {
  if (requests == 0) return;
  shared_.outstanding.fetch_add(requests, std::memory_order_relaxed);
  shared_.outstanding_bytes.fetch_add(bytes, std::memory_order_relaxed);
}

std::size_t IoThread::word_bytes(std::uint32_t first_four) const {
  return words_.word_bytes(first_four);
}

void IoThread::on_word(ClientSession& session, ByteView word) {
  words_.on_word(*this, session.id(), word);
}

void IoThread::answer_word(ConnectionId connection, std::string_view text) {
  if (ClientSession* session = find(connection.number)) session->answer_word(text);
}

void IoThread::log_misuse(const ClientSession& session, std::string_view what) {
  if (const auto ok = misuse_.admit(Millis{now_us_ / 1000})) {
    LOG(WARNING) << "client " << session.remote_text() << " session=0x"
                 << hex(static_cast<std::uint64_t>(session.session().value)) << ": " << what
                 << suppressed_note(ok);
  }
}

Bytes IoThread::borrow_buffer() {
  return std::exchange(spare_buffer_, {});
}

void IoThread::give_back(Bytes buffer) {
  if (buffer.capacity() <= spare_buffer_.capacity()) return;
  if (buffer.capacity() > kSpareBufferBytesMax) return;
  buffer.clear();
  spare_buffer_ = std::move(buffer);
}

// --- time ---

void IoThread::touch(ClientSession& session) {
  session.touched_at = Millis{arrived_us_ / 1000};
  if (session.flags.touched) return;
  session.flags.touched = true;
  touched_.push_back(session.id().number);
  arm_timer();
}

void IoThread::arm_timer() {
  if (timer_armed_ || stopping_) return;
  timer_armed_ = true;
  timer_.expires_after(std::chrono::milliseconds(options_.touch_interval.value));
  timer_.async_wait([this](error_code ec) {
    if (!ec) on_timer();
  });
}

void IoThread::on_timer() {
  timer_armed_ = false;
  read_clock();
  arrived_us_ = now_us_;
  send_touches();
  close_overdue();
  if (!deadlines_.empty()) arm_timer();
  finish_batch();
}

void IoThread::send_touches() {
  if (touched_.empty()) return;
  Touches touches;
  touches.touches.reserve(touched_.size());
  for (const std::uint64_t number : touched_) {
    ClientSession* session = find(number);
    if (session == nullptr) continue;
    session->flags.touched = false;
    touches.touches.push_back({session->session(), session->touched_at});
  }
  touched_.clear();
  if (!touches.touches.empty()) to_core_.push_back(CoreEvent(std::move(touches)));
}

void IoThread::close_overdue() {
  const Millis now{now_us_ / 1000};
  while (!deadlines_.empty() && deadlines_.front().at <= now) {
    ClientSession* session = find(deadlines_.front().number);
    deadlines_.pop_front();
    if (session == nullptr) continue;
    session->flags.deadline = false;
    if (!session->has_deadline()) continue;
    metrics_.add(Counter::kSessionlessExpired);
    session->close(session->known_to_core() ? "" : "no handshake in time");
  }
}

}  // namespace paddock::server
