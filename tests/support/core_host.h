#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "server/core/core.h"
#include "tests/support/client_lines.h"
#include "tests/support/core_checkers.h"
#include "tests/support/core_io.h"
#include "tests/support/core_mutation.h"
#include "tests/support/tree_image.h"
#include "tests/support/zab_host.h"

namespace paddock::test {

struct CoreHostOptions {
  Millis session_timeout_min{4000}, session_timeout_max{20'000};
  std::uint32_t io_threads = 2;
  std::int64_t wall_ahead_ms = 0;  // its wall clock, of the others'
  Micros wake_max{300};            // until a thread takes what is in its mailbox
  std::uint64_t batch_one_in = 4;  // what comes waits for more, so often; 0: never
  Millis container_check_interval{60'000};
  bool enforce_quota = false;
  CoreMutation mutation = CoreMutation::kNone;
  bool local_sessions = false;     // upgraded with their first ephemeral node
  bool read_only = false;          // without a quorum; no client accepts that
  bool standalone_enabled = true;  // two voters stay at least
};

// A simulated server with a whole replica: a Core and its tree in the place of the toy, and the io
// threads of its clients. It is the host that server/run/core_thread.h is: a batch of events, then
// writes, peers, the committed, and what goes to the clients.
//
// state_, which the engine's checkers look at, is what the tree has applied.
class CoreHost final : public ZabHost, private CoreIoHost {
 public:
  struct Around {
    ClientLines& lines;
    CoreCheckers& checkers;
  };
  CoreHost(HostWorld world, HostOptions options, CoreHostOptions core, Around around, Prng random);

  // --- from its clients
  void line_opened(LineId line) { io_of(line).open(line); }
  void line_asks(LineId line, ByteView frames) { io_of(line).on_frames(line, frames); }
  void line_gone(LineId line) { io_of(line).on_gone(line); }

  // --- what it has arranged for
  void on_core(std::uint64_t life);
  void on_io_mail(std::uint64_t life_and_io);
  void on_io_timer(std::uint64_t life_and_io);

  void on_maintain() override;
  void checkpoint() override;
  const zab::Replica* replica() const override { return core_ ? &core_->replica() : nullptr; }
  const server::Core& core() const { return *core_; }
  const server::DataTree& tree() const override { return *tree_; }
  Millis local_now() const override { return ZabHost::local_now(); }
  // All of its tree is compared with the others'.
  void compare() { around_.checkers.tree_is(id(), state_.digest(), *tree_, true); }

 private:
  // A tree that takes the place of the one there is, once that write is reported.
  struct Replacement {
    zab::WriteTicket ticket;
    StateMachine state;
    std::unique_ptr<server::DataTree> tree;
  };
  // --- of ZabHost
  void open_service(zab::Durable durable) override;
  void close_service() override;
  void run() override;
  Millis next_deadline() const override { return core_->next_deadline(); }
  void truncate_state(const zab::Truncate& truncate) override;
  void install_state(const zab::InstallSnapshot& install, const Snapshot& snapshot) override;
  Snapshot snapshot_upto(Zxid upto) override;
  void written(const DiskWrite& write) override;

  // --- of CoreIoHost
  void send_to_core(server::CoreEvent event) override;
  void wake_io(std::uint32_t io, Millis after) override;
  ClientLines& lines() override { return around_.lines; }
  bool mutated(CoreMutation mutation) const override { return core_options_.mutation == mutation; }

  // --- batches
  void turn();
  void step(server::CoreEvent event);
  void take_replacements(zab::WriteTicket persisted);
  void carry_out_batch();
  template <typename What>
  bool carry_out_all(std::vector<What>& actions);
  void apply();
  void note_applied();
  void note_roles();
  void distribute();
  void wake_core();

  std::unique_ptr<server::DataTree> recover(const DiskImage& image);
  void write_checkpoint();

  // --- what is known of sessions
  struct HeardFrom {
    std::vector<server::Touches::Touch> sessions;
    std::optional<zab::LinkId> link;  // of the learner who says so
  };
  HeardFrom heard_in(const server::CoreEvent& event);
  void note_heard(const HeardFrom& heard);
  void note_heard(SessionId session, Millis at);
  void note_proposal(const zab::Txn& proposed);
  void note_reconfig(const Bytes& payload);
  void check_config();
  void check_expiry(SessionId session);
  void check_silent();
  void check_answer(const zab::Ping& answer);

  // --- mutations
  void spoil(server::CoreEvent& event);
  void spoil(zab::Received& received);
  void spoil(server::ClientRequest& request);
  void spoil_quorums(const std::optional<zab::Proposal>& heard, zab::LinkId link,
                     const std::vector<zab::Txn>& proposed);
  void spoil_answers(const zab::Append& append);
  void spoil(std::vector<server::ClientAction>& client);
  void spoil(TreeImage& image, const TreeImage& before);
  void close_unheard();

  CoreIo& io_of(LineId line) { return io_[line.value % io_.size()]; }
  std::uint64_t tagged(std::uint32_t io) const { return life_ << 4 | io; }
  CoreIo* io_of_tag(std::uint64_t life_and_io);
  WallMillis wall_now() const;

  const CoreHostOptions core_options_;
  const Around around_;

  // What does not outlive the process.
  std::unique_ptr<server::DataTree> tree_;
  std::unique_ptr<server::Core> core_;
  std::deque<CoreIo> io_;
  server::CoreActions batch_;
  std::vector<server::CoreEvent> to_core_;
  bool wake_due_ = false;
  std::set<std::uint32_t> mail_due_;
  std::deque<Replacement> replacements_;
  std::optional<server::Dirty> checkpoint_;  // not on disk yet
  std::vector<zab::LinkId> closed_links_;    // in this batch, by the peers
  std::set<zab::LinkId> closed_here_;        // likewise, by the engine
  bool stepped_ = false;                     // it did something in this batch
  // Leading: when each session was last heard from, on its own clock. Learning: who is to be named
  // to the leader.
  std::map<SessionId, Millis> heard_;
  Millis role_began_;
  std::set<SessionId> owed_;
  std::uint64_t batches_ = 0;
  // Of mutations.
  std::map<SessionId, zab::LinkId> used_by_;
  std::map<std::pair<SessionId, std::int32_t>, ConnectionId> unanswered_;
  std::set<std::pair<std::uint64_t, std::int32_t>> answered_;  // connection and xid
  zab::LinkId leader_link_;
};

}  // namespace paddock::test
