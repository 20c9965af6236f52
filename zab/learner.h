#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/ids.h"
#include "zab/action.h"
#include "zab/election.h"
#include "zab/ensemble.h"
#include "zab/journal.h"
#include "zab/message.h"
#include "zab/reconfiguration.h"

namespace paddock::zab {

// What FOLLOWING and OBSERVING do with each event: one attempt to follow one leader, from dialling
// it to losing it. Discovery and synchronization first, then broadcast.
//
// Order: what synchronization brought is on disk, then the epoch, then NEWLEADER is acknowledged.
// Of what the leader sends before UPTODATE, only what it has declared committed is logged before
// that acknowledgement; the rest is logged, and acknowledged, once UPTODATE is here. Source:
// ZooKeeper 3.9, Learner.syncWithLeader, Follower, Observer; peer-protocol.md B3 to B10.
class Learner {
 public:
  struct Identity {
    ServerId self;
    bool observer = false;
  };

  // Dials, not before `dial_at`. `reconfiguration` and `journal` outlive it. `wants_snapshot`: our
  // log cannot be cut back to where the leader's has it; claim to have nothing.
  Learner(const Identity& identity, const Timing& timing, ServerId leader, LinkId link,
          bool wants_snapshot, Reconfiguration& reconfiguration, Journal& journal, Millis now,
          Millis dial_at, Actions& actions);

  void on_link_opened(Millis now, Actions& actions);
  void on_message(Message message, Millis now, Actions& actions);
  void on_snapshot_received(Millis now, Actions& actions);
  void on_persisted(Actions& actions);
  void on_tick(Millis now, Actions& actions);
  void forward(Message message, Actions& actions);
  void lose(std::string reason);  // ends this attempt

  bool has_dialled() const { return !dial_at_; }
  LinkId link() const { return link_; }
  ServerId leader() const { return leader_; }
  Epoch epoch() const { return epoch_; }
  bool is_serving() const { return phase_ == Phase::kServing; }
  // Set once this attempt is over: why, in words. The caller closes the link.
  const std::optional<std::string>& lost() const { return lost_; }
  bool needs_snapshot() const { return needs_snapshot_; }
  // Set with lost() where a reconfiguration has made this one the leader, or has changed the role
  // that this server has with it.
  std::optional<ServerId> appointed() const { return appointed_; }
  // While a snapshot comes in, whoever reads the link watches that it does.
  Millis next_deadline() const;
  std::string describe() const;

 private:
  enum class Phase {
    kDialling,
    kDiscovery,        // FOLLOWERINFO is out
    kSynchronization,  // ACKEPOCH is out, or waits for the disk
    kInstalling,       // SNAP is here, its stream on the way
    kCatchingUp,       // DIFF, TRUNC or SNAP is done; what follows comes in
    kSynchronized,     // NEWLEADER is acknowledged, or the acknowledgement waits for the disk
    kServing,          // UPTODATE came
  };
  struct Held {
    WriteTicket until;
    Message message;
  };

  void on(LeaderInfo& info, Actions& actions);
  void on(Diff& diff, Actions& actions);
  void on(Trunc& trunc, Actions& actions);
  void on(Snap& snap, Actions& actions);
  void on(NewLeader& new_leader, Actions& actions);
  void on(UpToDate& up_to_date, Actions& actions);
  void on(Proposal& proposal, Actions& actions);
  void on(Commit& commit, Actions& actions);
  void on(Inform& inform, Actions& actions);
  void on(Ping& ping, Actions& actions);
  void on(Sync& sync, Actions& actions);
  void on(Revalidated& answer, Actions& actions);
  void on(CommitAndActivate& commit, Actions& actions);
  void on(InformAndActivate& inform, Actions& actions);
  // What a leader does not say: LearnerInfo, AckEpoch, Ack, Request, Revalidate.
  template <typename T>
  void on(T&, Actions&);

  bool receives_stream() const;  // proposals may come
  Millis silence_limit() const;
  void gather(Txn txn);
  void on_commit_point(Actions& actions);
  // A configuration is committed; `designated`, if that is known, leads in it.
  struct Activation {
    std::shared_ptr<const Ensemble> config;
    std::optional<ServerId> designated;
  };
  std::shared_ptr<const Ensemble> proposed_config(Zxid zxid) const;
  void activate_in_turn(Activation activation, Actions& actions);
  void activate(const Activation& activation, Actions& actions);
  WriteTicket append(Txn txn, Actions& actions);
  void log(Txn txn, Actions& actions);
  void acknowledge(Zxid zxid, WriteTicket after, Actions& actions);
  void send_when_durable(Message message, WriteTicket after, Actions& actions);

  const Identity identity_;
  const Timing timing_;
  const ServerId leader_;
  const LinkId link_;
  Reconfiguration& reconfiguration_;
  Journal& journal_;

  Phase phase_ = Phase::kDialling;
  std::optional<Millis> dial_at_;  // none: dialled
  Epoch epoch_;
  Zxid snap_zxid_;            // of the SNAP under way
  std::deque<Txn> gathered_;  // proposed to us, in order after what is logged, not logged yet
  Zxid last_received_;        // of the last one proposed to us, or logged
  Zxid synchronized_;         // the commit point at NEWLEADER
  Zxid commit_point_;         // the leader has said that all up to here is committed
  std::deque<Held> held_;     // in order; each waits for its write
  Millis heartbeat_;          // how often the leader promises to be heard; 0: twice a tick
  Millis deadline_;           // when the leader has been silent for too long
  const bool wants_snapshot_;
  bool needs_snapshot_ = false;
  std::vector<Activation> activations_;  // until UPTODATE
  std::optional<ServerId> appointed_;
  std::optional<std::string> lost_;
};

}  // namespace paddock::zab
