#include "zab/message.h"

#include "common/concat.h"
#include "common/op_code.h"

namespace paddock::zab {

namespace {

std::string hex_text(std::int64_t value) {
  return concat("0x", hex(static_cast<std::uint64_t>(value)));
}
std::string text_of(Zxid zxid) {
  return concat(" zxid=", hex_text(zxid.value));
}
std::string text_of(Epoch epoch) {
  return text_of(Zxid::make(epoch, 0));
}
std::string text_of(SessionId session) {
  return concat(" session=", hex_text(session.value));
}
std::string text_of(const std::shared_ptr<const Bytes>& bytes) {
  return concat(" ", bytes == nullptr ? 0 : bytes->size(), "B");
}
std::string text_of(const Txn& txn) {
  return concat(text_of(txn.zxid), text_of(txn.payload));
}
std::string config_text(const std::optional<std::string>& config) {
  return config ? concat(" config=", config->size(), "B") : " config=none";
}
std::string op_text(std::int32_t op_code) {
  const std::string_view name = name_of(static_cast<OpCode>(op_code));
  return name == "unknown" ? std::to_string(op_code) : std::string(name);
}

std::string heartbeat_text(Millis heartbeat) {
  return heartbeat > Millis{} ? concat(" heartbeat=", heartbeat.value, "ms") : std::string();
}
std::string line(const LearnerInfo& info) {
  const std::string sid = info.sid ? std::to_string(info.sid->value) : "none";
  return concat(info.observer ? "OBSERVERINFO" : "FOLLOWERINFO", text_of(info.accepted_epoch),
                " sid=", sid, " version=", hex_text(info.protocol_version),
                " config_version=", hex_text(info.config_version), heartbeat_text(info.heartbeat));
}
std::string line(const LeaderInfo& info) {
  return concat("LEADERINFO", text_of(info.epoch), " version=", hex_text(info.protocol_version),
                heartbeat_text(info.heartbeat));
}
std::string line(const AckEpoch& ack) {
  return concat("ACKEPOCH", text_of(ack.last_zxid),
                " epoch=", ack.current_epoch ? ack.current_epoch->value : -1);
}
std::string line(const Diff& diff) {
  return concat("DIFF", text_of(diff.zxid));
}
std::string line(const Trunc& trunc) {
  return concat("TRUNC", text_of(trunc.zxid));
}
std::string line(const Snap& snap) {
  return concat("SNAP", text_of(snap.zxid));
}
std::string line(const NewLeader& leader) {
  return concat("NEWLEADER", text_of(leader.epoch), config_text(leader.config));
}
std::string line(const UpToDate&) {
  return "UPTODATE";
}
std::string line(const Proposal& proposal) {
  return concat("PROPOSAL", text_of(proposal.txn));
}
std::string line(const Ack& ack) {
  return concat("ACK", text_of(ack.zxid));
}
std::string line(const Commit& commit) {
  return concat("COMMIT", text_of(commit.zxid));
}
std::string line(const Inform& inform) {
  return concat("INFORM", text_of(inform.txn));
}
std::string line(const CommitAndActivate& commit) {
  return concat("COMMITANDACTIVATE", text_of(commit.zxid), " designated=", commit.designated.value);
}
std::string line(const InformAndActivate& inform) {
  return concat("INFORMANDACTIVATE", text_of(inform.txn), " designated=", inform.designated.value);
}
std::string line(const Ping& ping) {
  return concat("PING", text_of(ping.zxid),
                ping.touched ? concat(" sessions=", ping.touched->size()) : "");
}
std::string line(const Request& request) {
  return concat("REQUEST", text_of(request.session), " cxid=", request.cxid,
                " op=", op_text(request.op_code), text_of(request.body), " ids=",
                request.authinfo ? std::to_string(request.authinfo->size()) : std::string("none"));
}
std::string line(const Revalidate& revalidate) {
  return concat("REVALIDATE", text_of(revalidate.session), " timeout=", revalidate.timeout.value,
                "ms");
}
std::string line(const Revalidated& revalidated) {
  return concat("REVALIDATE", text_of(revalidated.session), " valid=", revalidated.valid);
}
std::string line(const Sync&) {
  return "SYNC";
}

}  // namespace

std::string to_string(const Message& message) {
  return std::visit([](const auto& what) { return line(what); }, message);
}

std::string to_string(const Notification& notification) {
  const Vote& vote = notification.vote;
  return concat(
      to_string(notification.state), " leader=", vote.leader.value, text_of(vote.zxid),
      " electionEpoch=", notification.election_epoch, " peerEpoch=", vote.peer_epoch.value,
      " version=", notification.version, config_text(notification.config),
      notification.proposed ? concat(" proposed=", notification.proposed->size(), "B") : "");
}

std::string_view to_string(ServerState state) {
  switch (state) {
    case ServerState::kLooking:
      return "LOOKING";
    case ServerState::kFollowing:
      return "FOLLOWING";
    case ServerState::kLeading:
      return "LEADING";
    case ServerState::kObserving:
      return "OBSERVING";
  }
  return "";
}

}  // namespace paddock::zab
