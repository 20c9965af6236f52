#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/records.h"

// What a client sees of an ensemble, told as simply as can be: one tree that all servers share,
// sessions, and per connection the watches that ZooKeeper would have. Bytes go in and come out.
namespace paddock::test {

struct ModelNode {
  std::string data;
  std::int32_t version = 0;
  std::int64_t czxid = 0, mzxid = 0, pzxid = 0;
};

class ModelEnsemble {
 public:
  // `modes_side_by_side`: watches as from 3.9 on; before that a path has one mode for a connection.
  ModelEnsemble(std::size_t servers, bool modes_side_by_side);

  using Connection = std::uint64_t;

  // What a server is like at the moment.
  struct Server {
    bool is_up = true;
    bool is_read_only = false;
    bool refuses = false;  // closes every connection that wants to shake hands
  };
  Server& server(std::size_t index) { return servers_[index]; }
  // Ends its connections.
  void cut(std::size_t index);

  Connection open(std::size_t server);
  void close(Connection connection);
  void receive(Connection connection, ByteView bytes, Millis now);
  // What is to go to the client. Empty if the connection is not there.
  Bytes take_output(Connection connection);
  // The server has closed it, behind its output.
  bool is_closed(Connection connection) const;
  // The state of the tree when it last restored lasting watches.
  std::int64_t restored_at(Connection connection) const;
  std::size_t watches_of(Connection connection) const;

  // Expires sessions.
  void pass_time(Millis now);
  bool has_session(std::int64_t id) const { return sessions_.contains(id); }
  std::size_t sessions() const { return sessions_.size(); }

  // Another client's.
  void create(const std::string& path, const std::string& data);
  void set(const std::string& path, const std::string& data);
  void remove(const std::string& path);

  std::int64_t zxid() const { return zxid_; }
  const std::map<std::string, ModelNode>& nodes() const { return nodes_; }
  // How many times this data was written.
  std::size_t times_applied(const std::string& data) const;
  // When the data, or the children, of a path last changed, deletion included.
  std::int64_t data_changed(const std::string& path) const;
  std::int64_t children_changed(const std::string& path) const;

  // The next reply's record is cut short; the next reply is no frame at all.
  void cut_next_record() { cut_next_record_ = true; }
  void break_next_frame() { break_next_frame_ = true; }

 private:
  struct Modes {
    bool once = false, lasting = false, recursive = false;
    bool none() const { return !once && !lasting && !recursive; }
  };
  using Table = std::map<std::string, Modes, std::less<>>;
  struct Session {
    std::int64_t id = 0;
    std::string password;
    Millis timeout{0}, heard{0};
    std::optional<std::size_t> local_to;
  };
  struct Link {
    Connection number = 0;
    std::size_t server = 0;
    std::int64_t session = 0;  // 0: has not shaken hands
    Bytes in, out;
    bool closed = false;
    Table data, child;
  };

  void shake_hands(Link& link, ByteView frame, Millis now);
  void handle(Link& link, ByteView frame, Millis now);
  ErrorCode answer(Link& link, OpCode op, JuteReader& reader, JuteWriter& out);
  ErrorCode read(Link& link, OpCode op, JuteReader& reader, JuteWriter& out);
  ErrorCode write_request(Link& link, OpCode op, JuteReader& reader, JuteWriter& out);
  ErrorCode remove_watches(Link& link, JuteReader& reader);
  void set_watches(Link& link, const SetWatchesRequest& request);
  void reply(Link& link, std::int32_t xid, std::int64_t zxid, ErrorCode error, ByteView record);
  void notify(Link& link, EventType type, std::string_view path, std::int64_t zxid);
  void set_mode(Table& table, std::string_view path, bool Modes::*mode);
  static bool hit(Table& table, const std::string& path, bool is_child_event);
  void trigger(EventType type, const std::string& path);
  void trigger_parent(const std::string& path);
  Stat stat_of(const std::string& path) const;
  std::size_t children_of(const std::string& path) const;

  std::vector<Server> servers_;
  const bool side_by_side_;
  std::map<std::string, ModelNode> nodes_;
  std::int64_t zxid_ = 1;
  std::map<std::string, std::size_t> applied_;
  std::map<std::string, std::int64_t> data_changed_, children_changed_;
  std::map<std::int64_t, Session> sessions_;
  std::int64_t last_session_ = 0x1000;
  std::map<Connection, Link> links_;
  std::map<Connection, std::int64_t> restored_at_;  // also of those that are gone
  Connection last_link_ = 0;
  bool cut_next_record_ = false, break_next_frame_ = false;
};

}  // namespace paddock::test
