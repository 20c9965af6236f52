#include "tests/support/zab_wire_mutator.h"

#include <memory>

#include "common/bytes.h"

namespace paddock::test {

std::vector<zab::Message> WireMutator::on_wire(const zab::Message& message) {
  using M = Mutation;
  if (const auto* proposal = std::get_if<zab::Proposal>(&message)) {
    return changed_proposal(*proposal);
  }
  if (std::holds_alternative<zab::Commit>(message)) {
    if (mutation_ == M::kLoseCommit && one_in(50)) return {};
    if (mutation_ == M::kRepeatCommit && one_in(50)) return {message, message};
  }
  if (const auto* ack = std::get_if<zab::Ack>(&message)) {
    const bool of_txn = ack->zxid.counter() != 0;
    if (mutation_ == M::kRaiseAck && of_txn && one_in(20)) return {zab::Ack{ack->zxid.next()}};
  }
  if (const auto* info = std::get_if<zab::LearnerInfo>(&message)) {
    zab::LearnerInfo other = *info;
    if (mutation_ == M::kObserverAsFollower && info->observer) {
      other.observer = false;
      other.sid = ServerId{1};
    }
    return {other};
  }
  if (std::holds_alternative<zab::NewLeader>(message) && mutation_ == M::kUpToDateEarly) {
    return {message, zab::UpToDate{}};
  }
  return {message};
}

zab::Notification WireMutator::on_wire(zab::Notification notification) {
  if (mutation_ == Mutation::kRaiseVote && one_in(20)) {
    notification.vote.zxid = notification.vote.zxid.next();
  }
  if (mutation_ == Mutation::kRaiseVoteEpoch && one_in(20)) {
    ++notification.vote.peer_epoch.value;
  }
  return notification;
}

std::vector<zab::Message> WireMutator::changed_proposal(const zab::Proposal& proposal) {
  if (mutation_ == Mutation::kLoseProposal && one_in(50)) return {};
  if (mutation_ == Mutation::kRepeatProposal && one_in(50)) return {proposal, proposal};
  if (mutation_ == Mutation::kChangeProposal && one_in(50)) {
    auto payload = std::make_shared<Bytes>(*proposal.txn.payload);
    if (payload->empty()) payload->push_back(0);
    payload->back() ^= 1;
    return {zab::Proposal{{proposal.txn.zxid, std::move(payload)}}};
  }
  return {proposal};
}

}  // namespace paddock::test
