#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/ids.h"
#include "server/net/peer_stream.h"
#include "server/net/read_buffer.h"
#include "server/net/sync_stream.h"
#include "zab/event.h"
#include "zab/message.h"
#include "zab/quorum_codec.h"

namespace paddock::server {

// One connection on the quorum port: messages, and what may stand between them: a snapshot, or a
// length of history that is fetched while it is sent.
//
// It sends nothing before flush(), and then all that it has in as few writes as the socket lets it,
// a quarter of a megabyte at a time; the rest follows by itself. What waits is kept as messages,
// not as bytes: the transactions in them are shared by all links.
//
// Thread: its loop's. What is under way for it holds it.
// Failure: whatever goes wrong ends this link alone: Owner::on_ended() says why.
class QuorumLink : public std::enable_shared_from_this<QuorumLink> {
 public:
  // Called from the loop, never from within a call of the link; it may call the link.
  class Owner {
   public:
    // All the whole messages that one read brought. They may be moved from.
    virtual void on_received(QuorumLink& link, std::span<zab::Message> messages) = 0;
    // A Snap was handed over: where does what follows go? Null: nowhere, and the link ends.
    virtual SnapshotSink* on_snapshot(QuorumLink& link, zab::Snap snap) = 0;
    virtual void on_snapshot_end(QuorumLink& link) = 0;
    virtual void on_unknown_packet(QuorumLink& link) = 0;
    // The last call for this link.
    virtual void on_ended(QuorumLink& link, const std::string& why) = 0;

   protected:
    ~Owner() = default;
  };
  struct Options {
    zab::PacketLimits packets;
    std::size_t queue_bytes_max = 0;
    Millis write_timeout;  // without the peer taking anything
    Millis close_timeout;
  };

  QuorumLink(boost::asio::io_context& loop, zab::LinkId id, std::unique_ptr<PeerStream> stream,
             const Options& options, Owner& owner);

  void start();  // reads from here on

  void send(zab::Message message);
  void send(std::unique_ptr<SnapshotFeed> feed);
  void send(std::unique_ptr<HistoryFeed> feed);
  void flush();
  void resume();  // a feed or a sink that said kLater goes on

  void set_write_timeout(Millis timeout);
  // Sends the messages that wait, up to the first feed, for as long as the close_timeout; then
  // ends. Nothing is received any more.
  void close();
  // Ends at once, and calls its owner no more.
  void abandon();

  bool flush_due = false;  // for its owner alone

  zab::LinkId id() const { return id_; }
  const std::string& remote() const { return stream_->remote(); }
  bool heard() const { return heard_; }  // a message came
  std::size_t bytes_queued() const { return queued_bytes_ + (out_.size() - out_at_); }
  std::uint64_t bytes_read() const { return bytes_read_; }
  std::uint64_t bytes_written() const { return bytes_written_; }
  Millis last_read() const { return last_read_; }
  Millis last_written() const { return last_written_; }

 private:
  enum class State { kOpen, kClosing, kEnded };
  using Item =
      std::variant<zab::Message, std::unique_ptr<SnapshotFeed>, std::unique_ptr<HistoryFeed>>;
  enum class Fill { kMore, kLater };  // whether the queue can go on

  void read();
  void on_read(boost::system::error_code ec, std::size_t bytes);
  void take_all();
  bool take_messages();  // false: more bytes are needed, or the link has ended
  bool take_snapshot();  // likewise
  void end(std::string why);
  void release();

  void fill();
  Result<Fill> fill_from(Item& item);
  Result<Fill> fill_from(SnapshotFeed& feed);
  Result<Fill> fill_from(HistoryFeed& feed);
  void pop_item();
  void write();
  void on_written(boost::system::error_code ec, std::size_t bytes);
  void arm_timer(Millis at);
  void on_timer();
  void finish_closing();

  boost::asio::io_context& loop_;
  const zab::LinkId id_;
  const std::unique_ptr<PeerStream> stream_;
  Options options_;
  Owner* owner_;  // null: abandoned
  State state_ = State::kOpen;

  ReadBuffer in_;
  bool reading_ = false;
  bool heard_ = false;
  std::vector<zab::Message> batch_;
  SnapshotSink* sink_ = nullptr;  // set: what comes is a snapshot
  bool sink_waits_ = false;

  std::deque<Item> queue_;
  std::size_t queued_bytes_ = 0;
  bool feed_begun_ = false;  // part of the first item has gone
  bool feed_waits_ = false;
  Bytes out_;  // being written, from out_at_
  std::size_t out_at_ = 0;
  bool writing_ = false;
  bool writing_ended_ = false;

  boost::asio::steady_timer timer_;
  std::optional<Millis> timer_at_;
  Millis progress_at_;  // since when the peer has taken nothing
  Millis close_at_;
  std::uint64_t bytes_read_ = 0, bytes_written_ = 0;
  Millis last_read_, last_written_;
};

}  // namespace paddock::server
