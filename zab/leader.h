#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "common/ids.h"
#include "zab/action.h"
#include "zab/election.h"
#include "zab/ensemble.h"
#include "zab/journal.h"
#include "zab/learner_progress.h"
#include "zab/message.h"
#include "zab/quorum.h"
#include "zab/reconfiguration.h"
#include "zab/replica.h"

namespace paddock::zab {

// What LEADING does with each event: one leadership, from the first learner to the loss of the
// quorum. Discovery: an epoch above all that a quorum has accepted. Synchronization: each learner
// gets this server's history. Once a quorum has it on disk it is committed, all of it, and
// broadcast begins.
//
// A learner is given its history, the proposals under way and NEWLEADER in one step, and every
// later proposal from then on: there is no moment at which it could miss one. A copy on any quorum
// of disks commits; this server's own disk is one of them. Source: ZooKeeper 3.9, Leader,
// LearnerHandler; peer-protocol.md B3, B4, B6, B7, B9.
class Leader {
 public:
  struct Identity {
    ServerId self;
    bool alone = false;  // stands alone: no discovery, and the epoch of its last zxid
    Epoch promised;      // by whomever: the new epoch is above it
    std::uint32_t txns_max = kEpochTxnsMax;
  };

  // `reconfiguration` and `journal` outlive it.
  Leader(const Identity& identity, const Timing& timing, Reconfiguration& reconfiguration,
         Journal& journal, Millis now, Actions& actions);

  void on_link_opened(LinkId link, Millis now);
  void on_link_closed(LinkId link);
  void on_message(LinkId link, Message message, Millis now, Actions& actions);
  void on_persisted(Actions& actions);
  void on_tick(Millis now, Actions& actions);
  void propose(Txn txn, Millis now, Actions& actions);
  void answer(LinkId link, const Revalidated& answer, Actions& actions);
  void request_sync(LinkId link, Actions& actions);
  void close_all(const std::string& reason, Actions& actions);

  bool is_established() const { return phase_ == Phase::kBroadcast; }
  Epoch epoch() const { return epoch_; }
  Zxid next_zxid() const;
  bool is_exhausted() const;
  Zxid last_committed() const { return last_committed_; }
  std::size_t outstanding() const { return outstanding_.size(); }
  // The highest acceptedEpoch that a learner has told of.
  Epoch promised() const { return promised_; }
  std::set<ServerId> learner_ids() const;  // who is linked and has said who it is
  // Set once this leadership is over: why, in words.
  const std::optional<std::string>& lost() const { return lost_; }
  // Set with it where a reconfiguration has made another one the leader.
  std::optional<ServerId> successor() const { return successor_; }
  Millis next_deadline() const;
  Leadership view() const;
  std::string describe() const;

 private:
  enum class Phase {
    kEpoch,            // collects LearnerInfo until a quorum's acceptedEpochs are known
    kEpochWrite,       // acceptedEpoch is on its way to the disk
    kEpochAck,         // LEADERINFO is out; collects ACKEPOCH
    kSynchronization,  // learners get the history; collects acknowledgements of NEWLEADER
    kBroadcast,
  };
  // Waits until a round confirms that a quorum follows, and all up to `target` is committed.
  struct SyncWait {
    LinkId link;
    Zxid target;
  };
  struct SyncRound {
    Zxid began_at;  // what was last proposed then
    std::deque<SyncWait> waits;
  };
  using Learners = std::map<LinkId, LearnerProgress>;

  void on(LearnerProgress& learner, LearnerInfo& info, Actions& actions);
  void on(LearnerProgress& learner, AckEpoch& ack, Actions& actions);
  void on(LearnerProgress& learner, Ack& ack, Actions& actions);
  void on(LearnerProgress& learner, Ping& ping, Actions& actions);
  void on(LearnerProgress& learner, Request& request, Actions& actions);
  void on(LearnerProgress& learner, Revalidate& revalidate, Actions& actions);
  template <typename T>
  void on(LearnerProgress& learner, T& message, Actions& actions);  // what no learner says

  void pass_on(LearnerProgress& learner, Message message, Actions& actions);
  void count_accepted(ServerId sid, Epoch accepted, Actions& actions);
  void announce_epoch(LearnerProgress& learner, Actions& actions);
  void end_discovery(Actions& actions);
  void synchronize(LearnerProgress& learner, Actions& actions);
  void count_new_leader(LearnerProgress& learner, Actions& actions);
  void establish(Actions& actions);
  void welcome(LearnerProgress& learner, Actions& actions);
  void commit_ready(Actions& actions);
  Zxid on_a_quorum() const;
  void commit(Zxid upto, Actions& actions);
  void announce_commit(const Txn& txn, std::optional<ServerId> designated, Actions& actions);
  ServerId designate(const Ensemble& next, Zxid zxid) const;
  Millis silence_limit(const LearnerProgress& learner) const;
  void ping(LearnerProgress& learner, Actions& actions);
  void ping_all(Actions& actions);
  void beat(Millis now, Actions& actions);
  void drop_laggards(Millis now, Actions& actions);
  void start_sync_round(Actions& actions);
  void confirm_sync_round(Actions& actions);
  void answer_syncs(Actions& actions);
  bool sync_round_is_confirmed() const;
  bool quorum_is_live() const;
  void drop(LinkId link, std::string reason, Actions& actions);
  void lose(std::string reason);

  const Identity identity_;
  const Timing timing_;
  Reconfiguration& reconfiguration_;
  const Configurations& configurations_;
  Journal& journal_;

  Phase phase_ = Phase::kEpoch;
  Epoch epoch_;  // from kEpochWrite on
  Epoch promised_;
  Epoch epoch_before_;              // this server's currentEpoch when it began to lead
  WriteTicket epoch_written_;       // acceptedEpoch, then currentEpoch
  std::set<ServerId> accepted_by_;  // whose acceptedEpoch is known
  std::set<ServerId> acked_epoch_;
  std::set<ServerId> acked_new_leader_;
  Learners learners_;

  Zxid last_proposed_;
  Zxid last_committed_;
  std::deque<Txn> outstanding_;  // (last_committed_, last_proposed_]

  std::deque<SyncWait> confirmed_syncs_;
  std::optional<SyncRound> sync_round_;  // under way
  std::deque<SyncWait> asked_syncs_;     // since it began

  Millis deadline_;  // of discovery and synchronization
  Millis next_ping_;
  Millis next_beat_;
  bool quorum_check_due_ = false;  // every other ping
  Millis now_;
  std::optional<std::string> lost_;
  std::optional<ServerId> successor_;
};

}  // namespace paddock::zab
