#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "server/core/core.h"
#include "tests/support/requests.h"

namespace paddock::server {

// A core with a host that writes to "disk" only when told to. Time stands still until it is set.
class CoreFixture {
 public:
  explicit CoreFixture(CoreOptions options = default_options())
      : options_(std::move(options)),
        core_(std::make_unique<Core>(options_, tree_, zab::Durable{}, now_, wall_)) {}

  static CoreOptions default_options() {
    CoreOptions options;
    options.tick_time = Millis{2000};
    options.session_timeout_min = Millis{4000};
    options.session_timeout_max = Millis{40000};
    options.container_check_interval = Millis{1'000'000'000};
    return options;
  }
  static ConnectionId connection(std::uint64_t number) { return {0, number}; }

  void step(CoreEvent event) { core_->step(std::move(event), now_, wall_, actions_); }
  void tick(Millis now) {
    now_ = now;
    step(zab::Tick{});
  }

  // Everything asked for so far reaches the disk and is applied.
  void settle() {
    do {
      persist(actions_.writes.size());
      core_->apply_committed(true, now_, actions_);
    } while (!actions_.writes.empty());
  }
  // The next `count` appends reach the disk.
  void persist(std::size_t count) {
    if (count == 0) return;
    zab::WriteTicket ticket;
    for (std::size_t i = 0; i < count; ++i) {
      const auto& append = std::get<zab::Append>(actions_.writes[i]);
      log_.insert(log_.end(), append.txns.begin(), append.txns.end());
      ticket = append.ticket;
    }
    actions_.writes.erase(actions_.writes.begin(),
                          actions_.writes.begin() + static_cast<std::ptrdiff_t>(count));
    step(zab::Persisted{ticket});
  }

  void connect(std::uint64_t connection_number, SessionId session = {}, Bytes password = {},
               std::int32_t timeout_ms = 10000) {
    step(ConnectSession{connection(connection_number), session, timeout_ms, std::move(password)});
  }
  // A new session on a new connection.
  SessionId new_session(std::uint64_t connection_number, std::int32_t timeout_ms = 10000) {
    connect(connection_number, {}, {}, timeout_ms);
    settle();
    const std::vector<ClientAction> got = take();
    EXPECT_EQ(got.size(), 1u);
    return std::get<SessionReply>(got.back()).session;
  }
  static Bytes password_of(SessionId session) {
    const auto password = session_password(session);
    return {password.begin(), password.end()};
  }

  void request(std::uint64_t connection_number, SessionId session, std::int32_t xid, OpCode op,
               const Bytes& record = {}) {
    step(ClientRequest{connection(connection_number),
                       session,
                       {xid, op},
                       test::request_frame(xid, op, record),
                       8,
                       credentials_});
  }

  std::vector<ClientAction> take() { return std::exchange(actions_.client, {}); }

  // One line for each action, as "1: xid=5 zxid=3 err=-101".
  static std::string to_text(const ClientAction& action) {
    if (const auto* change = std::get_if<TreeChange>(&action)) {
      static const char* const kKinds[] = {"created", "deleted", "changed"};
      return std::string(kKinds[static_cast<int>(change->kind)]) + " " + change->path;
    }
    if (const auto* reply = std::get_if<Reply>(&action)) {
      JuteReader reader(ByteView(reply->frame).subspan(4));
      const ReplyHeader header = *read_reply_header(reader);
      return std::to_string(reply->connection.number) + ": xid=" + std::to_string(header.xid) +
             " zxid=" + std::to_string(header.zxid.value) +
             " err=" + std::to_string(static_cast<int>(header.error)) +
             (reply->close ? " close" : "");
    }
    if (const auto* session = std::get_if<SessionReply>(&action)) {
      return std::to_string(session->connection.number) +
             (session->session == SessionId{} ? ": refused" : ": attached") +
             " timeout=" + std::to_string(session->timeout_ms);
    }
    const auto& close = std::get<CloseConnection>(action);
    return std::to_string(close.connection.number) + ": closed, " + std::string(close.reason);
  }
  std::vector<std::string> take_texts() {
    std::vector<std::string> texts;
    for (const ClientAction& action : take()) texts.push_back(to_text(action));
    return texts;
  }

  // As after a crash: what is on disk is applied to a new tree.
  void restart(Millis now) {
    now_ = now;
    auto tree = std::make_unique<DataTree>(TreeOptions{});
    Applied applied;
    for (const zab::Txn& txn : log_) {
      tree->apply(*decode_txn(*txn.payload), false, applied);
      EXPECT_FALSE(applied.digest_differs);
    }
    zab::Durable durable;
    durable.history = zab::History(tree->last_zxid());
    actions_ = {};
    core_ = std::make_unique<Core>(options_, *tree, durable, now_, wall_);
    restarted_ = std::move(tree);
  }

  DataTree& tree() { return restarted_ ? *restarted_ : tree_; }
  Core& core() { return *core_; }
  CoreActions& actions() { return actions_; }
  Millis now() const { return now_; }
  void set_now(Millis now) { now_ = now; }
  void set_wall(WallMillis wall) { wall_ = wall; }

 private:
  CoreOptions options_;
  DataTree tree_{{}};
  std::unique_ptr<DataTree> restarted_;
  Millis now_{1000};
  WallMillis wall_{1'700'000'000'000};
  std::unique_ptr<Core> core_;
  CoreActions actions_;
  std::vector<zab::Txn> log_;
  CredentialsRef credentials_ =
      std::make_shared<const Credentials>(Credentials{{"ip", "127.0.0.1"}});
};

}  // namespace paddock::server
