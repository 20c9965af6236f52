#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tests/support/prng.h"
#include "tests/support/sim_queue.h"
#include "tests/support/zab_checkers.h"
#include "tests/support/zab_disk.h"
#include "tests/support/zab_links.h"
#include "tests/support/zab_model.h"
#include "tests/support/zab_mutation.h"
#include "tests/support/zab_service.h"
#include "tests/support/zab_trace.h"
#include "tests/support/zab_votes.h"
#include "tests/support/zab_wire_mutator.h"
#include "zab/replica.h"

namespace paddock::test {

// All that is around a server.
struct HostWorld {
  SimQueue& queue;
  ZabVotes& votes;
  ZabLinks& links;
  ZabCheckers& checkers;
  Trace& trace;
  ServiceUser& user;
};

struct HostOptions {
  zab::Membership membership;
  // How fast the server's clock goes, in millionths of the right speed.
  std::int64_t clock_rate = 1'000'000;
  Micros disk_min{200};
  Micros disk_max = millis(5);
  bool group_commit = true;            // all that waits in one go; else one write at a time
  Micros pump_max = millis(1);         // between two parts of a history that is sent
  std::uint64_t pump_txns = 8;         // in one part
  Micros maintain_every = seconds(5);  // checkpoint, and trim the log; 0: never
  bool crash_keeps_some = true;        // of what is on its way to the disk; else nothing
  Mutation mutation = Mutation::kNone;
};

// One simulated server: a Replica, and a host that carries out its actions over a model of a disk,
// a log and a state machine.
//
// The service is a toy, and ZabClients are its clients; CoreHost has a whole Core in its place.
class ZabHost : public ClientService {
 public:
  ZabHost(HostWorld world, HostOptions options, DiskImage image, Prng random);

  // --- the process
  void start();
  // It ends here and now: what the disk was not asked for, or has not reported, may be lost.
  // `dark`: its machine does not answer either.
  void stop(bool dark);
  void pause();
  void resume();
  // It ends within carrying out actions, after this many more.
  void stop_after_actions(std::uint64_t count, bool dark);
  // Its disk is slower than it was, or refuses a write, which ends the process.
  void slow_disk(double factor) { disk_factor_ = factor; }
  void fail_disk() { disk_fails_ = true; }
  // The machine comes back with an empty disk.
  void wipe();
  // What it was to end by, and has not ended by yet, does not happen.
  void spare();
  // From now on its disk is a good one, and it sends a history as fast as it can.
  void hurry();

  Presence presence() const;
  bool running() const { return replica() != nullptr; }
  bool paused() const { return paused_; }
  ServerId id() const override { return options_.membership.self; }

  // --- what reaches it
  void take(zab::Event event);
  void take_snapshot(zab::LinkId link, Snapshot snapshot);
  void on_timer();
  void on_disk(std::uint64_t life);
  void on_pump(zab::LinkId link);
  virtual void on_maintain();
  // Only while it serves: what it has is committed. A checkpoint of what is on disk of it; and the
  // log up to `start`, which the checkpoint makes needless, goes.
  virtual void checkpoint();
  void trim(Zxid start);

  // --- its clients; only while it serves
  bool serves() const override { return running() && !paused_ && role_ != zab::Role::kLooking; }
  void write(const Op& op) override;
  void sync(SessionId session) override;
  // An operator's wish: unless another is under way, or a quorum of it is not in step with this
  // leader, it is proposed.
  void reconfigure(zab::Ensemble next);
  void revalidate(SessionId session) override;

  // --- for those who look
  zab::Role role() const { return role_; }
  Epoch epoch() const { return epoch_; }
  ServerId leader() const { return leader_; }
  const StateMachine& state() const { return state_; }
  const ZabDisk& disk() const { return disk_; }
  virtual const zab::Replica* replica() const { return replica_.get(); }
  Millis local_now() const;
  std::string describe() const;

 protected:
  // --- what CoreHost does another way
  // The process begins and ends: state_ and log_ are what is on disk.
  virtual void open_service(zab::Durable durable);
  virtual void close_service();
  // Everything in the inbox.
  virtual void run();
  virtual Millis next_deadline() const { return replica_->next_deadline(); }
  virtual void truncate_state(const zab::Truncate& truncate);
  virtual void install_state(const zab::InstallSnapshot& install, const Snapshot& snapshot);
  // A state up to there that SNAP can carry, the log going on from it; null: there is none.
  virtual Snapshot snapshot_upto(Zxid upto);
  // It is on disk now.
  virtual void written(const DiskWrite&) {}

  // A write of a client, here or behind a learner, that becomes a Propose when its turn comes.
  struct Wish {
    Op op;
  };
  using Work = std::variant<zab::Event, Wish, zab::Ensemble>;
  struct ArrivedSnapshot {
    zab::LinkId link;
    Snapshot snapshot;
  };
  using Arrival = std::variant<zab::Event, ArrivedSnapshot>;
  // What is to be said on a link, in order.
  struct HistoryPart {
    Zxid after, upto;
  };
  using Outgoing = std::variant<Speech, HistoryPart>;
  struct Link {
    bool open = false;
    bool pumping = false;
    std::deque<Outgoing> outgoing;
    Snapshot received;
  };

  void begin_configurations();
  void step(zab::Event event);
  bool tears();
  void propose(const Op& op);
  void propose(zab::Ensemble next);
  void check_replica();
  void arm_timer();

  void carry_out(zab::Notify& notify);
  void carry_out(zab::Connect& connect);
  void carry_out(zab::Close& close);
  void carry_out(zab::Send& send);
  void carry_out(zab::SendHistory& history);
  void carry_out(zab::SendSnapshot& snapshot);
  void carry_out(zab::Append& append);
  void carry_out(zab::Truncate& truncate);
  void carry_out(zab::InstallSnapshot& install);
  void carry_out(zab::WriteAcceptedEpoch& accepted);
  void carry_out(zab::WriteCurrentEpoch& current);
  void carry_out(zab::WriteConfigurations& configurations);
  void carry_out(zab::ConfigurationsChanged& changed);
  void carry_out(zab::Deliver& deliver);
  void carry_out(zab::RoleChanged& change);
  void carry_out(zab::FromLearner& from);
  void carry_out(zab::FromLeader& from);
  void carry_out(zab::AnswerPing& ping);
  void carry_out(zab::Synced& synced);

  void say(zab::LinkId link, Outgoing outgoing);
  void pump(zab::LinkId link);
  bool say_history(zab::LinkId link, HistoryPart& part);
  void say_one(zab::LinkId link, Speech speech);
  Zxid trim_limit() const;

  void submit(DiskWrite write);
  void begin_writes();

  void acknowledge(const Op& op, Zxid zxid);
  void forward_request(const Op& op, std::int32_t op_code);
  void forget_clients();

  void trace(TraceKind kind, ServerId peer = {}, std::uint64_t a = 0, std::uint64_t b = 0);
  void trace_about(TraceKind kind, ServerId peer, std::uint64_t a,
                   decltype(TraceEntry::about) about);
  void trace_event(const zab::Event& event);
  ServerId peer_of(zab::LinkId link) const;
  void fail(std::string_view code, std::string_view what);
  bool mutated(Mutation mutation) const { return options_.mutation == mutation; }

  HostWorld world_;
  HostOptions options_;
  Prng random_;
  WireMutator mutator_;
  StateMachine state_;
  ModelLog log_;  // with what is not on disk yet

  // What outlives the process.
  ZabDisk disk_;
  std::uint64_t life_ = 0;
  bool dark_ = false;
  double disk_factor_ = 1;
  bool disk_fails_ = false;
  std::vector<Zxid> lost_;  // of kRestartFromMemory

  // What does not.
  std::unique_ptr<zab::Replica> replica_;
  zab::Role role_ = zab::Role::kLooking;
  Epoch epoch_;
  ServerId leader_;
  zab::Actions actions_;  // of the step that is being carried out
  std::deque<Work> inbox_;
  std::deque<Arrival> held_back_;  // while it is paused
  bool running_inbox_ = false;
  bool paused_ = false;
  bool writing_ = false;
  std::size_t being_written_ = 0;  // of what the disk has pending
  Micros timer_at_{INT64_MAX};
  std::uint64_t idle_ticks_ = 0;
  Millis ticked_at_;
  std::optional<std::uint64_t> actions_left_;
  bool stop_dark_ = false;
  std::map<zab::LinkId, Link> links_;
  std::set<std::pair<SessionId, std::int32_t>> writes_;  // own clients', not committed yet
  std::deque<SessionId> syncs_;                          // asked of the leader, or of the Replica
  std::deque<SessionId> revalidations_;
  std::vector<zab::SessionTouch> touched_;
  std::optional<Op> overtaken_;  // of kSwapRequests
};

}  // namespace paddock::test
