#include "tests/support/zab_conversation.h"

#include <variant>

#include "common/concat.h"
#include "common/op_code.h"

namespace paddock::test {

std::string ZabConversation::learner_says(const zab::Message& message) {
  return std::visit([this](const auto& said) { return learner(said); }, message);
}

std::string ZabConversation::leader_says(const zab::Message& message) {
  if (streaming_) return "the snapshot's stream has to come first";
  return std::visit([this](const auto& said) { return leader(said); }, message);
}

std::string ZabConversation::leader_streams(const Snapshot& snapshot) {
  if (!streaming_) return "a snapshot's stream without SNAP";
  streaming_ = false;
  const Zxid last = snapshot->last();
  if (last != position_) return concat("SNAP is not of ", text_of(last));
  return {};
}

std::string ZabConversation::advance(Phase from, Phase to) {
  if (phase_ != from) return "out of turn";
  phase_ = to;
  return {};
}

std::string ZabConversation::must_be(Phase phase) const {
  return phase_ == phase ? "" : "out of turn";
}

// --- the learner

std::string ZabConversation::learner(const zab::LearnerInfo& info) {
  observer_ = info.observer;
  return advance(Phase::kSilent, Phase::kIntroduced);
}

std::string ZabConversation::learner(const zab::AckEpoch& ack) {
  position_ = synced_ = ack.last_zxid;
  return advance(Phase::kEpochOffered, Phase::kEpochTaken);
}

std::string ZabConversation::learner(const zab::Ack& ack) {
  if (ack.zxid.counter() != 0) return ack_of_txn(ack.zxid);
  if (ack.zxid.epoch() != epoch_) return "another epoch than LEADERINFO's";
  return ack_of_epoch();
}

std::string ZabConversation::ack_of_epoch() {
  if (phase_ == Phase::kNewLeader) return advance(Phase::kNewLeader, Phase::kSynced);
  if (std::string wrong = must_be(Phase::kUpToDate); !wrong.empty()) return wrong;
  if (up_to_date_acked_) return "UPTODATE is acknowledged twice";
  up_to_date_acked_ = true;
  return {};
}

// Each proposal by itself and in order, but for those whose COMMIT came before the ACK could.
std::string ZabConversation::ack_of_txn(Zxid zxid) {
  if (observer_) return "an observer has no vote";
  if (!up_to_date_acked_) return "before the ACK of UPTODATE";
  while (!unacked_.empty() && unacked_.front() < zxid && unacked_.front() <= committed_) {
    unacked_.pop_front();
  }
  if (unacked_.empty() || unacked_.front() != zxid) return "not the next proposal";
  unacked_.pop_front();
  return {};
}

std::string ZabConversation::learner(const zab::Ping& ping) {
  if (!ping.touched) return "without a list of sessions";
  if (pings_.empty() || pings_.front() != ping.zxid) return "no answer to the oldest PING";
  pings_.pop_front();
  return must_be(Phase::kUpToDate);
}

std::string ZabConversation::learner(const zab::Request& request) {
  const auto op = static_cast<OpCode>(request.op_code);
  const bool of_session = op == OpCode::kCreateSession || op == OpCode::kCloseSession;
  if (!request.authinfo && !of_session) return "without authinfo";
  if (op == OpCode::kSync) ++syncs_;
  return must_be(Phase::kUpToDate);
}

std::string ZabConversation::learner(const zab::Revalidate& revalidate) {
  revalidations_.push_back(revalidate.session);
  return must_be(Phase::kUpToDate);
}

// --- the leader

std::string ZabConversation::leader(const zab::LeaderInfo& info) {
  epoch_ = info.epoch;
  return advance(Phase::kIntroduced, Phase::kEpochOffered);
}

std::string ZabConversation::leader(const zab::Diff&) {
  return advance(Phase::kEpochTaken, Phase::kSyncing);
}

std::string ZabConversation::leader(const zab::Trunc& trunc) {
  if (trunc.zxid >= position_) return "cuts nothing";
  position_ = synced_ = trunc.zxid;
  return advance(Phase::kEpochTaken, Phase::kSyncing);
}

std::string ZabConversation::leader(const zab::Snap& snap) {
  position_ = synced_ = snap.zxid;
  streaming_ = true;
  return advance(Phase::kEpochTaken, Phase::kSyncing);
}

std::string ZabConversation::leader(const zab::Proposal& proposal) {
  const Zxid zxid = proposal.txn.zxid;
  if (phase_ < Phase::kSyncing) return "out of turn";
  if (observer_ && phase_ > Phase::kSyncing) return "an observer is informed";
  if (!follows(position_, zxid)) return concat("leaves a gap after ", text_of(position_));
  position_ = zxid;
  uncommitted_.push_back(zxid);
  unacked_.push_back(zxid);
  return {};
}

// A Java follower whose oldest proposal is another one exits.
std::string ZabConversation::leader(const zab::Commit& commit) {
  if (phase_ < Phase::kSyncing) return "out of turn";
  if (observer_ && phase_ > Phase::kSyncing) return "an observer is informed";
  if (uncommitted_.empty() || uncommitted_.front() != commit.zxid) return "not the next proposal";
  uncommitted_.pop_front();
  committed_ = commit.zxid;
  if (phase_ != Phase::kSyncing) return {};
  synced_ = commit.zxid;
  unacked_.pop_front();
  return {};
}

std::string ZabConversation::leader(const zab::Inform& inform) {
  const Zxid zxid = inform.txn.zxid;
  if (!observer_) return "a follower is not informed";
  if (phase_ < Phase::kNewLeader) return "out of turn";
  if (!uncommitted_.empty()) return "overtakes a proposal";
  if (!follows(position_, zxid)) return concat("leaves a gap after ", text_of(position_));
  position_ = committed_ = zxid;
  return {};
}

std::string ZabConversation::leader(const zab::CommitAndActivate& commit) {
  return leader(zab::Commit{commit.zxid});
}

std::string ZabConversation::leader(const zab::InformAndActivate& inform) {
  return leader(zab::Inform{inform.txn});
}

std::string ZabConversation::leader(const zab::NewLeader& new_leader) {
  if (new_leader.epoch != epoch_) return "another epoch than LEADERINFO's";
  return advance(Phase::kSyncing, Phase::kNewLeader);
}

std::string ZabConversation::leader(const zab::UpToDate&) {
  return advance(Phase::kSynced, Phase::kUpToDate);
}

// What comes before UPTODATE is not answered.
std::string ZabConversation::leader(const zab::Ping& ping) {
  if (ping.touched) return "with a list of sessions";
  if (phase_ < Phase::kSyncing) return "out of turn";
  if (phase_ == Phase::kUpToDate) pings_.push_back(ping.zxid);
  return {};
}

std::string ZabConversation::leader(const zab::Revalidated& revalidated) {
  if (revalidations_.empty()) return "nobody asked";
  if (revalidations_.front() != revalidated.session) return "another was asked for earlier";
  revalidations_.pop_front();
  return {};
}

std::string ZabConversation::leader(const zab::Sync&) {
  if (syncs_ == 0) return "nobody asked";
  --syncs_;
  return {};
}

}  // namespace paddock::test
