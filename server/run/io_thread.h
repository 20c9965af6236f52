#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <variant>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/clock.h"
#include "common/logging.h"
#include "server/core/core_action.h"
#include "server/net/client_session.h"
#include "server/net/connection_limits.h"
#include "server/run/mailbox.h"
#include "server/run/shared_state.h"

namespace paddock::server {

class IoThread;

// A connection that the listener has accepted. The receiver owns the descriptor.
struct NewConnection {
  int fd = -1;
  ClientSession::Endpoint remote;
  CredentialsRef credentials;
};
using IoTask = std::function<void(IoThread&)>;
using IoMail = std::variant<TreeChange, Reply, SessionReply, CloseConnection, ServingChanged,
                            NewConnection, IoTask>;

// Where operators' words go: told apart and answered by the host of all threads.
class WordService {
 public:
  virtual ~WordService() = default;
  virtual std::size_t word_bytes(std::uint32_t first_four) const = 0;
  // Answers by IoThread::answer_word, then or later, on `io`.
  virtual void on_word(IoThread& io, ConnectionId connection, ByteView word) = 0;
};

// One thread of client connections: its sockets, its watches, its mail from the core.
//
// Work goes in batches: what one socket had, or what the core sent. A batch that may look at the
// tree takes the thread's reader slot, delivers all mail of the core first (so that an event
// reaches its watcher before any reply that shows the change), then serves. Sends and closes come
// after the slot is left.
//
// Thread: all but the constructor, start(), stop(), put(), wake() and has_watches() on its own.
class IoThread final : private SessionHost {
 public:
  struct Options {
    std::uint32_t index = 0;
    ClientSettings client;
    std::int64_t outstanding_max = 1000;
    std::int64_t outstanding_bytes_max = std::int64_t{100} << 20;
    Millis handshake_timeout{10'000};
    Millis touch_interval{500};
  };

  IoThread(const Options& options, SharedState& shared, ConnectionLimits& limits,
           WordService& words);
  ~IoThread() override;
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  void start();
  // Closes every connection and joins. The core gets no word of it.
  void stop();

  // Any thread. True: wake() is due, once the sender holds no lock.
  bool put(std::vector<IoMail>& batch) { return mail_.put(batch); }
  bool put(IoMail item) { return mail_.put(std::move(item)); }
  void wake();
  void run_soon(IoTask task) {
    if (put(std::move(task))) wake();
  }

  // Whether a change may concern anybody here. Only while the writer holds the reader lock.
  bool has_watches() const { return has_watches_; }

  // --- on the thread itself ---
  boost::asio::io_context& context() { return context_; }
  ThreadMetrics& metrics() override { return metrics_; }
  void answer_word(ConnectionId connection, std::string_view text);
  const WatchTable& watch_table() const { return watch_table_; }
  std::uint32_t index() const { return options_.index; }
  template <typename F>
  void for_each_session(F&& f) {
    for (const auto& session : sessions_) {
      if (session != nullptr && !session->closed()) f(*session);
    }
  }
  // When the connection is closed unless it is heard from; for dump.
  ClientSession* find(std::uint64_t number);
  ClientSession* at_slot(WatcherId slot) { return sessions_[slot].get(); }

 private:
  struct Deadline {
    std::uint64_t number = 0;
    Millis at;
  };

  // SessionHost
  const DataTree& tree() override;
  Zxid last_zxid() const override;
  WatchTable& watches() override { return watch_table_; }
  const ClientSettings& settings() const override { return options_.client; }
  std::int64_t arrived_us() const override { return arrived_us_; }
  std::int64_t now_us() const override { return now_us_; }
  WallMillis wall_now() const override { return clock_.wall_now(); }
  bool overloaded() const override;
  void count_outstanding(std::int64_t requests, std::int64_t bytes) override;
  void send_to_core(CoreEvent event) override { to_core_.push_back(std::move(event)); }
  void touch(ClientSession& session) override;
  void changed(ClientSession& session) override;
  std::size_t word_bytes(std::uint32_t first_four) const override;
  void on_word(ClientSession& session, ByteView word) override;
  void log_misuse(const ClientSession& session, std::string_view what) override;
  Bytes borrow_buffer() override;
  void give_back(Bytes buffer) override;

  void run();
  void on_readable(std::uint64_t number);
  void on_writable(std::uint64_t number);
  void on_resumable(std::uint64_t number);
  void on_mail();

  void read_clock();
  void enter();         // takes the slot, delivers mail
  void finish_batch();  // leaves the slot; sends, closes, waits
  void deliver_mail();
  void deliver(TreeChange& change);
  void deliver(Reply& reply);
  void deliver(SessionReply& reply);
  void deliver(CloseConnection& close);
  void deliver(ServingChanged& changed);
  void deliver(NewConnection& connection);
  void settle(ClientSession& session);
  void destroy(ClientSession& session);
  void wait_read(ClientSession& session);
  void wait_write(ClientSession& session);

  void arm_timer();
  void on_timer();
  void send_touches();
  void close_overdue();

  const Options options_;
  SharedState& shared_;
  ConnectionLimits& limits_;
  WordService& words_;
  ThreadMetrics& metrics_;
  SystemClock clock_;
  boost::asio::io_context context_;
  boost::asio::steady_timer timer_;
  std::thread thread_;
  Mailbox<IoMail> mail_;
  bool has_watches_ = false;  // written in the reader slot, read by the writer

  std::vector<std::unique_ptr<ClientSession>> sessions_;  // by slot: the low half of the number
  std::vector<std::uint32_t> free_slots_;
  std::uint32_t generation_ = 0;  // the high half
  WatchTable watch_table_;

  // Of the batch at hand.
  bool in_slot_ = false;
  std::int64_t arrived_us_ = 0;
  std::int64_t now_us_ = 0;
  std::vector<IoMail> delivering_;
  std::vector<std::uint64_t> changed_;
  std::vector<CoreMail> to_core_;
  std::vector<std::uint8_t> scratch_;
  Bytes spare_buffer_;

  bool timer_armed_ = false;
  bool stopping_ = false;
  std::vector<std::uint64_t> touched_;
  std::deque<Deadline> deadlines_;  // rising
  LogLimiter misuse_{Millis{1000}};
};

}  // namespace paddock::server
