#include <gtest/gtest.h>

#include <cstdio>
#include <deque>
#include <map>
#include <random>

#include "tests/unit/core/core_fixture.h"

namespace paddock::server {
namespace {

// What ZooKeeper's tree is, told as simply as can be: every request takes effect at once, in the
// order in which the core got them.
class Model {
 public:
  struct Node {
    std::string data;
    std::int32_t version = 0, creates = 0, children = 0;
    std::int64_t owner = 0;
  };

  ErrorCode create(std::string path, const std::string& data, int flags, SessionId session,
                   std::string& made) {
    const std::string parent_path = path.substr(0, path.rfind('/'));
    const auto parent = nodes_.find(parent_path);
    if (parent == nodes_.end()) return ErrorCode::kNoNode;
    if (flags >= 2) {
      char digits[16];
      std::snprintf(digits, sizeof digits, "%010d", parent->second.creates);
      path += digits;
    }
    if (nodes_.contains(path)) return ErrorCode::kNodeExists;
    if (parent->second.owner != 0) return ErrorCode::kNoChildrenForEphemerals;
    ++parent->second.creates;
    ++parent->second.children;
    nodes_[path] = {data, 0, 0, 0, flags % 2 == 1 ? session.value : 0};
    made = path;
    return ErrorCode::kOk;
  }

  ErrorCode remove(const std::string& path, std::int32_t version) {
    const auto parent = nodes_.find(path.substr(0, path.rfind('/')));
    if (parent == nodes_.end()) return ErrorCode::kNoNode;
    const auto node = nodes_.find(path);
    if (node == nodes_.end()) return ErrorCode::kNoNode;
    if (version != -1 && version != node->second.version) return ErrorCode::kBadVersion;
    if (node->second.children != 0) return ErrorCode::kNotEmpty;
    nodes_.erase(node);
    --parent->second.children;
    return ErrorCode::kOk;
  }

  ErrorCode set_data(const std::string& path, const std::string& data, std::int32_t version) {
    const auto node = nodes_.find(path);
    if (node == nodes_.end()) return ErrorCode::kNoNode;
    if (version != -1 && version != node->second.version) return ErrorCode::kBadVersion;
    node->second.data = data;
    ++node->second.version;
    return ErrorCode::kOk;
  }

  void close(SessionId session) {
    std::vector<std::string> paths;
    for (const auto& [path, node] : nodes_) {
      if (node.owner == session.value) paths.push_back(path);
    }
    for (const std::string& path : paths) remove(path, -1);
  }

  const std::map<std::string, Node>& nodes() const { return nodes_; }

 private:
  std::map<std::string, Node> nodes_ = {{"", {}}};
};

// Random clients, a disk that lags behind, and time that passes. Every reply must be the model's,
// in its connection's order; in the end the tree must be the model's, and again after a restart.
class CoreSimulation : public testing::TestWithParam<std::uint32_t>, protected CoreFixture {
 protected:
  struct Client {
    SessionId session;
    std::uint64_t connection = 0;
    std::int32_t xid = 0;
    bool closing = false;
  };
  struct Expected {
    std::int32_t xid = 0;
    ErrorCode error = ErrorCode::kOk;
    std::string path;                // of a create
    std::vector<ErrorCode> results;  // of a multi that failed
  };

  CoreSimulation() : random_(GetParam()) {}

  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
  std::string path() {
    std::string text;
    do {
      text += std::string("/") + static_cast<char>('a' + below(3));
    } while (below(3) == 0);
    return text;
  }
  std::int32_t version() { return below(2) == 0 ? -1 : static_cast<std::int32_t>(below(3)); }

  void add_client() {
    Client client;
    client.connection = ++last_connection_;
    client.session = new_session_amid(client.connection);
    clients_.push_back(client);
  }
  // Others' answers come in between.
  SessionId new_session_amid(std::uint64_t number) {
    connect(number);
    settle();
    SessionId made;
    for (const ClientAction& action : take()) {
      const auto* reply = std::get_if<SessionReply>(&action);
      if (reply != nullptr && reply->connection == connection(number)) {
        made = reply->session;
      } else {
        check(action);
      }
    }
    EXPECT_NE(made, SessionId{});
    heard_[made] = now();
    return made;
  }

  // One operation, as its request and as what the model makes of it.
  struct Write {
    OpCode op{};
    Bytes record;
    ErrorCode error = ErrorCode::kOk;
    std::string made;
  };
  Write random_write(Model& model, SessionId session) {
    Write write;
    const std::string path = this->path();
    const std::string data(below(20), 'd');
    const std::int32_t version = this->version();
    switch (below(4)) {
      case 0:
        write.op = OpCode::kDelete;
        write.record = test::path_version_record(path, version);
        write.error = model.remove(path, version);
        break;
      case 1:
        write.op = OpCode::kSetData;
        write.record = test::set_data_record(path, data, version);
        write.error = model.set_data(path, data, version);
        break;
      default:
        const int flags = static_cast<int>(below(4));
        write.op = OpCode::kCreate;
        write.record = test::create_record({.path = path, .data = data, .flags = flags});
        write.error = model.create(path, data, flags, session, write.made);
        break;
    }
    return write;
  }

  void request_write(Client& client) {
    Model next = model_;
    const Write write = random_write(next, client.session);
    Expected expected{++client.xid, write.error, write.made, {}};
    if (client.closing) {
      expected = {client.xid, ErrorCode::kSessionExpired, "", {}};
    } else if (write.error == ErrorCode::kOk) {
      model_ = next;
    }
    send(client, write.op, write.record, expected);
  }

  void request_multi(Client& client) {
    Model next = model_;
    std::vector<test::SubRequest> ops;
    std::vector<ErrorCode> results;
    bool failed = false;
    for (std::uint32_t i = 1 + below(4); i > 0; --i) {
      Model scratch = next;  // what is behind a failure is not tried
      const Write write = random_write(failed ? scratch : next, client.session);
      ops.emplace_back(write.op, write.record);
      results.push_back(failed ? ErrorCode::kRuntimeInconsistency : write.error);
      failed = failed || write.error != ErrorCode::kOk;
    }
    Expected expected{++client.xid, ErrorCode::kOk, "", {}};
    if (client.closing) {
      expected.error = ErrorCode::kSessionExpired;
    } else if (failed) {
      expected.results = results;
    } else {
      model_ = next;
    }
    send(client, OpCode::kMulti, test::multi_record(ops), expected);
  }

  void close(Client& client) {
    const ErrorCode error = client.closing ? ErrorCode::kSessionExpired : ErrorCode::kOk;
    if (!client.closing) model_.close(client.session);
    send(client, OpCode::kCloseSession, {}, {++client.xid, error, "", {}});
    client.closing = true;
  }

  void send(Client& client, OpCode op, const Bytes& record, const Expected& expected) {
    if (is_known(client.session)) {
      expected_[client.connection].push_back(expected);
      if (!client.closing) heard_[client.session] = now();
    }
    request(client.connection, client.session, client.xid, op, record);
  }
  bool is_known(SessionId session) {
    for (const Core::SessionLine& line : core().sessions()) {
      if (line.session == session) return true;
    }
    return false;
  }

  void attach_again(Client& client) {
    if (client.closing) return;
    client.connection = ++last_connection_;
    connect(client.connection, client.session, password_of(client.session));
    heard_[client.session] = now();
  }

  void pass_time() {
    const Millis next{now().value + 500 + below(4000)};
    for (Client& client : clients_) {
      const std::int64_t bucket = ((heard_[client.session].value + 10000) / 2000 + 1) * 2000;
      if (client.closing || bucket > next.value) continue;
      client.closing = true;
      model_.close(client.session);
    }
    tick(next);
  }

  void check(const ClientAction& action) {
    if (const auto* session = std::get_if<SessionReply>(&action)) {
      EXPECT_NE(session->session, SessionId{});
    }
    const auto* reply = std::get_if<Reply>(&action);
    if (reply == nullptr) return;
    std::deque<Expected>& queue = expected_[reply->connection.number];
    ASSERT_FALSE(queue.empty());
    const Expected expected = queue.front();
    queue.pop_front();
    JuteReader reader(ByteView(reply->frame).subspan(4));
    const ReplyHeader header = *read_reply_header(reader);
    EXPECT_EQ(header.xid, expected.xid);
    EXPECT_EQ(header.error, expected.error);
    Zxid& last_zxid = last_zxid_[reply->connection.number];
    EXPECT_GE(header.zxid, last_zxid);
    last_zxid = header.zxid;
    if (!expected.path.empty()) {
      EXPECT_EQ(*reader.read_string(), expected.path);
    }
    for (const ErrorCode result : expected.results) {
      EXPECT_EQ(read_multi_header(reader)->error, static_cast<std::int32_t>(result));
      EXPECT_EQ(*reader.read_int(), static_cast<std::int32_t>(result));
    }
  }
  void check_all() {
    for (const ClientAction& action : take()) check(action);
    EXPECT_FALSE(actions().fatal);
  }

  void one_event() {
    std::erase_if(clients_, [&](const Client& c) { return c.closing && !is_known(c.session); });
    if (clients_.empty() || (clients_.size() < 5 && below(20) == 0)) return add_client();
    Client& client = clients_[below(static_cast<std::uint32_t>(clients_.size()))];
    const std::uint32_t kind = below(100);
    if (kind < 50) {
      request_write(client);
    } else if (kind < 65) {
      request_multi(client);
    } else if (kind < 70) {
      send(client, OpCode::kSync, test::path_record("/x"),
           {++client.xid, ErrorCode::kOk, "/x", {}});
    } else if (kind < 72) {
      close(client);
    } else if (kind < 76) {
      attach_again(client);
    } else if (kind < 79) {
      pass_time();
    } else if (kind < 90) {
      persist(below(static_cast<std::uint32_t>(actions().writes.size()) + 1));
    } else {
      core().apply_committed(below(2) == 0, now(), actions());
    }
    check_all();
  }

  void compare_with_model() {
    std::size_t nodes = 0;
    tree().for_each_node([&](std::string_view path, const Znode& node) {
      if (path.starts_with("/zookeeper")) return;
      ++nodes;
      const auto at = model_.nodes().find(std::string(path));
      ASSERT_NE(at, model_.nodes().end()) << path;
      const Stat stat = tree().stat_of(node);
      EXPECT_EQ(as_chars(tree().data_of(node).bytes()), at->second.data) << path;
      EXPECT_EQ(stat.version, at->second.version) << path;
      EXPECT_EQ(stat.ephemeral_owner.value, at->second.owner) << path;
      if (!path.empty()) {
        EXPECT_EQ(stat.num_children, at->second.children) << path;
      }
    });
    EXPECT_EQ(nodes, model_.nodes().size());
  }

  std::mt19937 random_;
  Model model_;
  std::vector<Client> clients_;
  std::uint64_t last_connection_ = 0;
  std::map<std::uint64_t, std::deque<Expected>> expected_;
  std::map<SessionId, Millis> heard_;
  std::map<std::uint64_t, Zxid> last_zxid_;  // told to each connection
};

TEST_P(CoreSimulation, AnswersAsIfEachRequestTookEffectAtOnceAndInOrder) {
  for (int i = 0; i < 2000 && !HasFailure(); ++i) one_event();
  settle();
  check_all();
  for (const auto& [connection, queue] : expected_) {
    EXPECT_TRUE(queue.empty()) << "connection " << connection << " waits for a reply";
  }
  EXPECT_EQ(core().outstanding(), 0u);
  compare_with_model();
  const std::uint64_t digest = tree().digest();
  restart(Millis{now().value + 1});
  EXPECT_EQ(tree().digest(), digest);
  compare_with_model();
}

INSTANTIATE_TEST_SUITE_P(Seeds, CoreSimulation, testing::Range(1u, 31u));

}  // namespace
}  // namespace paddock::server
