#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/core/core.h"
#include "server/request/read.h"
#include "tests/support/requests.h"

namespace paddock::server {

// Three whole replicas in one process, on a network without delay and disks that write at once;
// what clients are sent is kept as text. Nothing happens but in run() and advance().
class CoreEnsemble {
 public:
  // Those in `down` are not there before start().
  explicit CoreEnsemble(zab::Timing timing = {.tick = Millis{1000}}, int servers = 3,
                        std::function<void(CoreOptions&)> adjust = {}, std::set<ServerId> down = {})
      : timing_(timing), adjust_(std::move(adjust)), down_(std::move(down)) {
    auto ensemble = std::make_shared<zab::Ensemble>();
    for (int i = 1; i <= servers; ++i) {
      zab::Member member{.id = ServerId{i}, .observer = false, .addresses = {}, .client = {}};
      member.addresses.push_back({{"127.0.0.1", static_cast<std::uint16_t>(2000 + i)},
                                  static_cast<std::uint16_t>(3000 + i)});
      ensemble->members.push_back(std::move(member));
    }
    for (int i = 1; i <= servers; ++i) make(ServerId{i}, ensemble);
    for (const auto& [from, unused] : hosts_) {
      for (const auto& [to, host] : hosts_) {
        if (from != to) post(from, zab::PeerReachable{to, !down_.contains(to)});
      }
      post(from, zab::Tick{});
    }
    run();
  }

  Millis now() const { return now_; }
  Core& core(int server) { return *hosts_.at(ServerId{server}).core; }
  DataTree& tree(int server) { return hosts_.at(ServerId{server}).tree; }
  int leader() const {
    for (const auto& [id, host] : hosts_) {
      if (host.core->role() == zab::Role::kLeading) return static_cast<int>(id.value);
    }
    return 0;
  }

  // Everything that is on its way arrives, and what comes of it.
  void run() {
    while (!events_.empty()) {
      auto [id, event] = std::move(events_.front());
      events_.pop_front();
      if (down_.contains(id)) continue;
      step(id, std::move(event));
    }
  }
  // Time passes in steps of the half tick, and everybody's timers run.
  void advance(Millis by) {
    const Millis end = now_ + by;
    while (now_ < end) {
      now_ = std::min(end, now_ + Millis{500});
      for (const auto& [id, host] : hosts_) post(id, zab::Tick{});
      run();
    }
  }
  // One that was down from the beginning.
  void start(int server) {
    const ServerId id{server};
    down_.erase(id);
    for (const auto& [other, unused] : hosts_) {
      if (other == id || down_.contains(other)) continue;
      post(other, zab::PeerReachable{id, true});
      post(id, zab::PeerReachable{other, true});
    }
    post(id, zab::Tick{});
    run();
  }
  // The process is gone; its connections break.
  void kill(int server) {
    const ServerId id{server};
    down_.insert(id);
    for (auto& [other, host] : hosts_) {
      if (other == id) continue;
      post(other, zab::PeerReachable{id, false});
      for (auto link = host.links.begin(); link != host.links.end();) {
        if (link->second.first != id) {
          ++link;
          continue;
        }
        post(other, zab::LinkClosed{link->first});
        link = host.links.erase(link);
      }
    }
    run();
  }
  // What the link between a learner and its leader carries stays where it is until release().
  void hold(int server) { held_for_.insert(ServerId{server}); }
  void release(int server) {
    held_for_.erase(ServerId{server});
    for (auto& [id, event] : std::exchange(held_, {})) events_.emplace_back(id, std::move(event));
    run();
  }

  void connect(int server, std::uint64_t connection, SessionId session = {},
               std::int32_t timeout_ms = 10000, bool read_only = false) {
    Bytes password;
    if (session != SessionId{}) {
      const auto right = session_password(session);
      password.assign(right.begin(), right.end());
    }
    post(ServerId{server},
         ConnectSession{{0, connection}, session, timeout_ms, password, read_only});
    run();
  }
  SessionId new_session(int server, std::uint64_t connection, std::int32_t timeout_ms = 10000) {
    connect(server, connection, {}, timeout_ms);
    const SessionId made = last_session_;
    EXPECT_EQ(take(server).size(), 1u);
    return made;
  }
  // Without run(), so that several can be under way.
  void send(int server, std::uint64_t connection, SessionId session, std::int32_t xid, OpCode op,
            const Bytes& record = {}) {
    post(ServerId{server}, ClientRequest{{0, connection},
                                         session,
                                         {xid, op},
                                         test::request_frame(xid, op, record),
                                         8,
                                         credentials_});
  }
  void request(int server, std::uint64_t connection, SessionId session, std::int32_t xid, OpCode op,
               const Bytes& record = {}) {
    send(server, connection, session, xid, op, record);
    run();
  }
  void touch(int server, SessionId session) {
    post(ServerId{server}, Touches{{{session, now_}}});
    run();
  }
  // As a peer would, by the election port.
  void notify(int from, int to, zab::Notification notification) {
    post(ServerId{to}, zab::Notified{ServerId{from}, std::move(notification)});
    run();
  }
  // What this server has told its operators since the last call.
  std::vector<std::string> take_notes(int server) {
    return std::exchange(hosts_.at(ServerId{server}).notes, {});
  }
  void disconnect(int server, std::uint64_t connection, SessionId session) {
    post(ServerId{server}, Disconnected{{0, connection}, session});
    run();
  }

  Zxid last_reply_zxid() const { return last_reply_zxid_; }
  SessionId last_session() const { return last_session_; }
  // What this server's clients were sent since the last call; tree changes left out.
  std::vector<std::string> take(int server) {
    return std::exchange(hosts_.at(ServerId{server}).sent, {});
  }

 private:
  struct Host {
    explicit Host() : tree(TreeOptions{}) {}
    DataTree tree;
    std::unique_ptr<Core> core;
    std::vector<zab::Txn> log;
    std::map<zab::LinkId, std::pair<ServerId, zab::LinkId>> links;  // the peer's end
    zab::LinkId last_accepted{0};
    std::vector<std::string> sent;
    std::vector<std::string> notes;
  };

  void make(ServerId id, const std::shared_ptr<const zab::Ensemble>& ensemble) {
    Host& host = hosts_[id];
    CoreOptions options;
    options.server_id = id;
    options.tick_time = Millis{1000};
    options.session_timeout_min = Millis{2000};
    options.session_timeout_max = Millis{40000};
    options.container_check_interval = Millis{1'000'000'000};
    options.membership = {id, ensemble, timing_};
    if (adjust_) adjust_(options);
    host.core = std::make_unique<Core>(options, host.tree, zab::Durable{}, now_, wall_);
  }

  void post(ServerId to, CoreEvent event) { events_.emplace_back(to, std::move(event)); }

  void step(ServerId id, CoreEvent event) {
    Host& host = hosts_.at(id);
    CoreActions actions;
    host.core->step(std::move(event), now_, wall_, actions);
    if (host.core->has_committed()) host.core->apply_committed(true, now_, actions);
    for (zab::DiskWrite& write : actions.writes) this->write(id, host, write);
    for (PeerAction& action : actions.peers) {
      std::visit([&](auto& what) { carry_out(id, host, what); }, action);
    }
    for (const ClientAction& action : actions.client) note(host, action);
    for (const Note& note : actions.notes) host.notes.push_back(note.text);
    EXPECT_FALSE(actions.fatal);
  }

  void write(ServerId id, Host& host, zab::DiskWrite& write) {
    std::visit(
        [&](auto& what) {
          using What = std::decay_t<decltype(what)>;
          if constexpr (std::is_same_v<What, zab::Append>) {
            host.log.insert(host.log.end(), what.txns.begin(), what.txns.end());
          } else if constexpr (std::is_same_v<What, zab::Truncate>) {
            EXPECT_LE(host.tree.last_zxid(), what.upto);
            while (!host.log.empty() && host.log.back().zxid > what.upto) host.log.pop_back();
          } else if constexpr (std::is_same_v<What, zab::InstallSnapshot>) {
            ADD_FAILURE() << "a snapshot, where every log reaches back to the beginning";
          }
          post(id, zab::Persisted{what.ticket});
        },
        write);
  }

  void carry_out(ServerId id, Host&, zab::Notify& notify) {
    if (!hosts_.contains(notify.to)) return;
    post(notify.to, zab::Notified{id, notify.notification});
  }
  void carry_out(ServerId id, Host& host, zab::Connect& connect) {
    if (down_.contains(connect.leader)) return post(id, zab::LinkClosed{connect.link});
    Host& leader = hosts_.at(connect.leader);
    leader.last_accepted.value += 2;
    host.links[connect.link] = {connect.leader, leader.last_accepted};
    leader.links[leader.last_accepted] = {id, connect.link};
    post(connect.leader, zab::LinkOpened{leader.last_accepted});
    post(id, zab::LinkOpened{connect.link});
  }
  void carry_out(ServerId, Host& host, zab::Close& close) {
    const auto link = host.links.extract(close.link);
    if (link.empty()) return;
    const auto [peer, end] = link.mapped();
    if (hosts_.at(peer).links.erase(end) != 0) post(peer, zab::LinkClosed{end});
  }
  void carry_out(ServerId id, Host& host, zab::Send& send) {
    const auto link = host.links.find(send.link);
    if (link == host.links.end()) return;
    const auto [peer, end] = link->second;
    if (held_for_.contains(peer) || held_for_.contains(id)) {
      held_.emplace_back(peer, zab::Received{end, std::move(send.message)});
    } else {
      post(peer, zab::Received{end, std::move(send.message)});
    }
  }
  void carry_out(ServerId id, Host& host, zab::SendHistory& history) {
    for (const zab::Txn& txn : host.log) {
      if (txn.zxid <= history.after || txn.zxid > history.upto) continue;
      zab::Send proposal{history.link, zab::Proposal{txn}};
      zab::Send commit{history.link, zab::Commit{txn.zxid}};
      carry_out(id, host, proposal);
      carry_out(id, host, commit);
    }
  }
  void carry_out(ServerId, Host&, zab::ConfigurationsChanged&) {}
  void carry_out(ServerId, Host&, zab::SendSnapshot&) {
    ADD_FAILURE() << "a snapshot, where every log reaches back to the beginning";
  }

  void note(Host& host, const ClientAction& action) {
    if (const auto* reply = std::get_if<Reply>(&action)) {
      JuteReader reader(ByteView(reply->frame).subspan(4));
      const ReplyHeader header = *read_reply_header(reader);
      last_reply_zxid_ = header.zxid;
      host.sent.push_back(std::to_string(reply->connection.number) +
                          ": xid=" + std::to_string(header.xid) +
                          " err=" + std::to_string(static_cast<int>(header.error)) +
                          (reply->close ? " close" : ""));
    } else if (const auto* session = std::get_if<SessionReply>(&action)) {
      last_session_ = session->session;
      host.sent.push_back(std::to_string(session->connection.number) +
                          (session->session == SessionId{}
                               ? ": refused"
                               : ": attached timeout=" + std::to_string(session->timeout_ms)) +
                          (session->read_only ? " read-only" : ""));
    } else if (const auto* close = std::get_if<CloseConnection>(&action)) {
      host.sent.push_back(std::to_string(close->connection.number) + ": closed, " +
                          std::string(close->reason));
    } else if (const auto* serving = std::get_if<ServingChanged>(&action)) {
      if (!serving->serves) host.sent.push_back("all: closed");
    }
  }

  const zab::Timing timing_;
  const std::function<void(CoreOptions&)> adjust_;
  std::map<ServerId, Host> hosts_;
  std::set<ServerId> down_;
  std::set<ServerId> held_for_;
  std::deque<std::pair<ServerId, CoreEvent>> events_;
  std::vector<std::pair<ServerId, CoreEvent>> held_;
  Millis now_{1000};
  WallMillis wall_{1'700'000'000'000};
  SessionId last_session_;
  Zxid last_reply_zxid_;
  CredentialsRef credentials_ =
      std::make_shared<const Credentials>(Credentials{{"ip", "127.0.0.1"}});
};

}  // namespace paddock::server
