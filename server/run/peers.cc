#include "server/run/peers.h"

#include <algorithm>
#include <utility>
#include <variant>

#include <glog/logging.h>
#include <boost/asio/post.hpp>

#include "common/check.h"
#include "common/concat.h"

namespace paddock::server {

namespace {

ElectionTransport::Options election_options(const EnsembleOptions& options) {
  return {.self = options.self,
          .connect_timeout = options.connect_timeout,
          .opening_timeout = options.opening_timeout,
          .keep_alive = options.tcp_keep_alive};
}

// As a frame may become a transaction of twice its size, so may a packet.
QuorumTransport::Options quorum_options(const EnsembleOptions& options,
                                        std::uint32_t frame_bytes_max) {
  return {.packets = zab::PacketLimits{frame_bytes_max + frame_bytes_max},
          .write_timeout = options.timing.init_timeout(),
          .keep_alive = options.tcp_keep_alive};
}

HostPort election_address(const zab::Member::Address& address) {
  return {address.quorum.host, address.election_port};
}

// Both where it is, and where it will be.
std::vector<zab::Member::Address> addresses_of(const zab::Configurations& configurations,
                                               ServerId server) {
  std::vector<zab::Member::Address> addresses;
  for (const auto& ensemble : {configurations.committed, configurations.last_seen}) {
    const zab::Member* const member = ensemble == nullptr ? nullptr : ensemble->find(server);
    if (member == nullptr) continue;
    for (const zab::Member::Address& address : member->addresses) {
      if (std::ranges::find(addresses, address) == addresses.end()) addresses.push_back(address);
    }
  }
  return addresses;
}

ElectionTransport::Members election_members(const zab::Configurations& configurations,
                                            ServerId self) {
  ElectionTransport::Members members;
  for (const auto& ensemble : {configurations.committed, configurations.last_seen}) {
    if (ensemble == nullptr) continue;
    for (const zab::Member& member : ensemble->members) {
      if (member.id == self || members.contains(member.id)) continue;
      for (const zab::Member::Address& address : addresses_of(configurations, member.id)) {
        members[member.id].push_back(election_address(address));
      }
    }
  }
  return members;
}

std::vector<HostPort> quorum_addresses(const zab::Configurations& configurations, ServerId server) {
  std::vector<HostPort> addresses;
  for (const zab::Member::Address& address : addresses_of(configurations, server)) {
    addresses.push_back(address.quorum);
  }
  return addresses;
}

}  // namespace

Peers::Peers(const EnsembleOptions& options, std::uint32_t frame_bytes_max, const TreeOptions& tree,
             const Storage& storage, MoveClients move_clients)
    : options_(options),
      field_bytes_max_(frame_bytes_max + frame_bytes_max),
      tree_options_(tree),
      work_(loop_.get_executor()),
      lookup_(make_system_lookup(loop_)),
      move_clients_(std::move(move_clients)),
      configurations_{options.ensemble, options.last_seen},
      election_(std::in_place, loop_, *lookup_, election_options(options),
                static_cast<ElectionEvents&>(*this)),
      quorum_(std::in_place, loop_, *lookup_, quorum_options(options, frame_bytes_max),
              static_cast<QuorumEvents&>(*this)),
      feeds_(storage.env, storage.options, storage.checkpoints, storage.log,
             [this](zab::LinkId link) {
               boost::asio::post(loop_, [this, link] {
                 if (quorum_) quorum_->resume(link);
               });
             },
             {.snapshots = static_cast<std::size_t>(options.snapshots_at_once),
              .histories = static_cast<std::size_t>(options.histories_at_once)}) {
  PADDOCK_CHECK(options_.ensemble != nullptr && options_.member() != nullptr);
  self_ = *options_.member();
}

Peers::~Peers() = default;

Result<void> Peers::open() {
  PADDOCK_TRY_DO(listen(self_));
  PADDOCK_TRY_DO(quorum_->accept_learners(true));
  election_->set_members(election_members(configurations_, options_.self));
  return {};
}

Result<void> Peers::listen(const zab::Member& self) {
  std::vector<HostPort> election, quorum;
  for (const zab::Member::Address& address : self.addresses) {
    election.push_back(election_address(address));
    quorum.push_back(address.quorum);
    if (!options_.listen_on_all_addresses) continue;
    election.back().host.clear();
    quorum.back().host.clear();
  }
  PADDOCK_TRY_DO(election_->set_listening(election, election_address(self.addresses.front())));
  return quorum_->set_listening(quorum);
}

void Peers::close() {
  quorum_.reset();
  election_.reset();
}

void Peers::wait(std::chrono::steady_clock::time_point deadline) {
  if (inbox_.empty()) loop_.run_one_until(deadline);
  loop_.poll();
}

void Peers::wake() {
  boost::asio::post(loop_, [] {});
}

void Peers::take(std::vector<CoreEvent>& events) {
  events.clear();
  std::swap(events, inbox_);
}

std::unique_ptr<DataTree> Peers::take_snapshot(zab::LinkId link) {
  PADDOCK_CHECK(snapshot_.link == link && snapshot_.whole);
  Incoming whole = std::exchange(snapshot_, {});
  return whole.sink->finish(whole.zxid);
}

std::string Peers::describe() const {
  return concat(election_->describe(), "; ", quorum_->describe());
}

// --- out ---

void Peers::carry_out(PeerAction& action) {
  std::visit([this](auto& what) { carry_out(what); }, action);
}

void Peers::carry_out(zab::Notify& notify) {
  election_->send(notify.to, notify.notification);
}

void Peers::carry_out(zab::Connect& connect) {
  const std::vector<HostPort> addresses = quorum_addresses(configurations_, connect.leader);
  if (addresses.empty()) {
    LOG(ERROR) << "server " << connect.leader.value
               << " is said to lead, but is in no configuration known here";
    inbox_.emplace_back(zab::LinkClosed{connect.link});
    return;
  }
  quorum_->connect(connect.link, addresses,
                   Millis{options_.timing.tick.value * options_.connect_limit});
}

void Peers::carry_out(zab::Close& close) {
  if (snapshot_.link == close.link) snapshot_ = {};
  learners_.erase(close.link);
  quorum_->close(close.link, close.reason);
}

void Peers::carry_out(zab::Send& send) {
  if (const auto* diff = std::get_if<zab::Diff>(&send.message)) {
    log_sync(send.link, "DIFF up to", diff->zxid);
  } else if (const auto* trunc = std::get_if<zab::Trunc>(&send.message)) {
    log_sync(send.link, "TRUNC to", trunc->zxid);
  }
  quorum_->send(send.link, std::move(send.message));
}

void Peers::carry_out(zab::SendHistory& history) {
  quorum_->send_history(history.link, feeds_.history(history.link, history.after, history.upto,
                                                     kind_of(history.link)));
}

void Peers::carry_out(zab::SendSnapshot& snapshot) {
  Result<LearnerFeeds::SnapshotStart> start =
      feeds_.snapshot(snapshot.link, kind_of(snapshot.link));
  if (!start) {
    LOG(ERROR) << "cannot send a snapshot: " << start.error().message;
    learners_.erase(snapshot.link);
    quorum_->close(snapshot.link, "no snapshot can be sent");
    inbox_.emplace_back(zab::LinkClosed{snapshot.link});
    return;
  }
  log_sync(snapshot.link, "SNAP of", start->zxid);
  quorum_->send(snapshot.link, zab::Snap{start->zxid});
  quorum_->send_snapshot(snapshot.link, std::move(start->feed));
  if (start->zxid < snapshot.upto) {
    zab::SendHistory rest{snapshot.link, start->zxid, snapshot.upto};
    carry_out(rest);
  }
}

// Who left, and this server itself if it did, is reachable as long as connections last.
void Peers::carry_out(zab::ConfigurationsChanged& changed) {
  configurations_ = {changed.committed, changed.last_seen};
  election_->set_members(election_members(configurations_, options_.self));
  const zab::Member* const now = configurations_.committed->find(options_.self);
  if (now == nullptr) return;
  const zab::Member before = std::exchange(self_, *now);
  if (before.addresses != self_.addresses) {
    if (const auto listening = listen(self_); !listening) {
      LOG(ERROR) << "the new configuration's address of this server cannot be listened on: "
                 << listening.error().message
                 << ". The others cannot reach it until another reconfig, or a restart, helps";
    }
  }
  if (self_.client && self_.client != before.client) move_clients_(*self_.client);
}

void Peers::log_sync(zab::LinkId link, std::string_view how, Zxid zxid) const {
  const std::optional<LinkStatus> status = quorum_->link(link);
  const auto learner = learners_.find(link);
  const bool is_named = learner != learners_.end() && learner->second.sid;
  LOG(INFO) << "synchronizing "
            << (is_named ? concat("server ", learner->second.sid->value) : "an observer without id")
            << " by quorum link " << link.value << ", " << (status ? status->remote : "gone")
            << ": " << how << " zxid=0x" << hex(static_cast<std::uint64_t>(zxid.value));
}

// By the packet that it came with, as in ZooKeeper.
LearnerFeeds::Learner Peers::kind_of(zab::LinkId link) const {
  const auto learner = learners_.find(link);
  const bool observer = learner != learners_.end() && learner->second.observer;
  return observer ? LearnerFeeds::Learner::kObserver : LearnerFeeds::Learner::kVoter;
}

// --- in ---

void Peers::on_notified(ServerId from, zab::Notification notification) {
  inbox_.emplace_back(zab::Notified{from, std::move(notification)});
}

void Peers::on_reachable(ServerId peer, bool reachable) {
  inbox_.emplace_back(zab::PeerReachable{peer, reachable});
}

void Peers::on_opened(zab::LinkId link) {
  inbox_.emplace_back(zab::LinkOpened{link});
}

void Peers::on_closed(zab::LinkId link, const std::string& why) {
  // What is whole may be asked for all the same.
  if (snapshot_.link == link && !snapshot_.whole) {
    LOG(WARNING) << "the leader's snapshot broke off, by quorum link " << link.value << " from "
                 << snapshot_.from << ": " << why
                 << "; nothing of it is kept, and it will be asked for again. If that repeats, see "
                    "the leader's log and the network between";
    snapshot_ = {};
  }
  learners_.erase(link);
  inbox_.emplace_back(zab::LinkClosed{link});
}

void Peers::on_received(zab::LinkId link, std::span<zab::Message> messages) {
  for (zab::Message& message : messages) {
    if (const auto* info = std::get_if<zab::LearnerInfo>(&message)) {
      learners_.insert_or_assign(link, *info);
    }
    inbox_.emplace_back(zab::Received{link, std::move(message)});
  }
}

SnapshotSink* Peers::on_snapshot(zab::LinkId link, zab::Snap snap) {
  const bool dialled = link.value % 2 == 1;
  if (!dialled) return nullptr;  // learners send none
  const std::optional<LinkStatus> status = quorum_->link(link);
  snapshot_ = {link, snap.zxid, false, status ? status->remote : "gone",
               std::make_unique<TreeSink>(tree_options_, field_bytes_max_)};
  LOG(INFO) << "receiving the leader's snapshot of zxid=0x"
            << hex(static_cast<std::uint64_t>(snap.zxid.value)) << " from " << snapshot_.from;
  return snapshot_.sink.get();
}

void Peers::on_snapshot_end(zab::LinkId link) {
  PADDOCK_CHECK(snapshot_.link == link);
  snapshot_.whole = true;
  inbox_.emplace_back(zab::SnapshotReceived{link});
}

}  // namespace paddock::server
