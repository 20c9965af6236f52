#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "tests/support/zab_model.h"
#include "zab/message.h"

namespace paddock::test {

// What one end of a link says and hears, in that order, and whether it may: the table of (phase,
// message) that is fault-catalogue's property ML. Whatever it does not name is illegal. Each rule
// asks only for what the speaker itself has said or heard before, so that it holds at both ends.
// Source: peer-protocol.md, sections B1 and B3 to B10.
class ZabConversation {
 public:
  // Empty, or what is illegal about it.
  std::string learner_says(const zab::Message& message);
  std::string leader_says(const zab::Message& message);
  std::string leader_streams(const Snapshot& snapshot);  // behind SNAP

  bool up_to_date() const { return phase_ == Phase::kUpToDate; }
  bool observer() const { return observer_; }
  Epoch epoch() const { return epoch_; }
  // How far the history goes that a learner has when it acknowledges NEWLEADER: what came before,
  // with its COMMIT.
  Zxid synced() const { return synced_; }

 private:
  enum class Phase {
    kSilent,
    kIntroduced,    // *INFO
    kEpochOffered,  // LEADERINFO
    kEpochTaken,    // ACKEPOCH
    kSyncing,       // DIFF, TRUNC or SNAP
    kNewLeader,     // NEWLEADER
    kSynced,        // ACK of NEWLEADER
    kUpToDate,      // UPTODATE
  };

  // One overload for each message that the speaker may say at all.
  std::string learner(const zab::LearnerInfo& info);
  std::string learner(const zab::AckEpoch& ack);
  std::string learner(const zab::Ack& ack);
  std::string learner(const zab::Ping& ping);
  std::string learner(const zab::Request& request);
  std::string learner(const zab::Revalidate& revalidate);
  template <typename Other>
  std::string learner(const Other&) {
    return "not a learner's message";
  }

  std::string leader(const zab::LeaderInfo& info);
  std::string leader(const zab::Diff& diff);
  std::string leader(const zab::Trunc& trunc);
  std::string leader(const zab::Snap& snap);
  std::string leader(const zab::Proposal& proposal);
  std::string leader(const zab::Commit& commit);
  std::string leader(const zab::Inform& inform);
  std::string leader(const zab::CommitAndActivate& commit);
  std::string leader(const zab::InformAndActivate& inform);
  std::string leader(const zab::NewLeader& new_leader);
  std::string leader(const zab::UpToDate&);
  std::string leader(const zab::Ping& ping);
  std::string leader(const zab::Revalidated& revalidated);
  std::string leader(const zab::Sync&);
  template <typename Other>
  std::string leader(const Other&) {
    return "not a leader's message";
  }

  std::string ack_of_epoch();
  std::string ack_of_txn(Zxid zxid);
  std::string advance(Phase from, Phase to);
  std::string must_be(Phase phase) const;

  Phase phase_ = Phase::kSilent;
  bool observer_ = false;
  Epoch epoch_;
  bool streaming_ = false;  // SNAP is said, its stream is not
  bool up_to_date_acked_ = false;
  Zxid position_;  // the learner's log ends here once it has heard all that was said
  Zxid synced_;
  Zxid committed_;                // the last COMMIT
  std::deque<Zxid> uncommitted_;  // proposals that no COMMIT was said for
  std::deque<Zxid> unacked_;      // proposals that wait for an ACK
  std::deque<Zxid> pings_;        // that wait for their answer
  std::deque<SessionId> revalidations_;
  std::size_t syncs_ = 0;  // asked for and not answered
};

}  // namespace paddock::test
