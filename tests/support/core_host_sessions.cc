// What a simulated host knows of its sessions, and what its Core must do about them; and the bugs
// that can be put between the Core and the host.
#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/concat.h"
#include "server/request/read.h"
#include "tests/support/core_host.h"

namespace paddock::test {

namespace {

// What a Core may have heard later than is known here, or may look at later.
constexpr Millis kSilenceSlack{3000};
constexpr std::size_t kStatBytes = 68;

std::string text_of(SessionId session) {
  return concat("0x", hex(static_cast<std::uint64_t>(session.value)));
}

}  // namespace

// --- what must be

void CoreHost::note_heard(SessionId session, Millis at) {
  Millis& heard = heard_[session];
  heard = std::max(heard, at);
}

// Who is heard from by an event, where that counts; and whom a learner now has to name.
CoreHost::HeardFrom CoreHost::heard_in(const server::CoreEvent& event) {
  HeardFrom heard;
  const bool leads = role_ == zab::Role::kLeading;
  if (const auto* touches = std::get_if<server::Touches>(&event)) {
    if (leads || mutated(CoreMutation::kExpireOnFollower)) heard.sessions = touches->touches;
    if (leads || role_ == zab::Role::kLooking) return heard;
    for (const auto& touch : touches->touches) owed_.insert(touch.session);
  }
  if (!leads) return heard;
  if (const auto* connect = std::get_if<server::ConnectSession>(&event)) {
    heard.sessions.push_back({connect->session, local_now()});
  }
  const auto* received = std::get_if<zab::Received>(&event);
  if (received == nullptr) return heard;
  heard.link = received->link;
  if (const auto* request = std::get_if<zab::Request>(&received->message)) {
    // By a sync only the learner's own touch says so.
    const bool is_sync = request->op_code == static_cast<std::int32_t>(OpCode::kSync);
    if (!is_sync) heard.sessions.push_back({request->session, local_now()});
  } else if (const auto* asked = std::get_if<zab::Revalidate>(&received->message)) {
    heard.sessions.push_back({asked->session, local_now()});
  } else if (const auto* ping = std::get_if<zab::Ping>(&received->message)) {
    if (!ping->touched) return heard;
    for (const zab::SessionTouch& touch : *ping->touched) {
      heard.sessions.push_back({touch.session, local_now()});
    }
  }
  return heard;
}

void CoreHost::note_heard(const HeardFrom& heard) {
  if (heard.sessions.empty()) return;
  if (heard.link) {
    // The engine may have given up that learner before it came to the message.
    const std::optional<zab::Leadership> leadership = core_->replica().leadership();
    if (!leadership) return;
    const auto& learners = leadership->learners;
    const bool is_there = std::any_of(learners.begin(), learners.end(), [&](const auto& learner) {
      return learner.link == *heard.link;
    });
    if (!is_there) return;
  }
  for (const auto& touch : heard.sessions) note_heard(touch.session, touch.at);
}

void CoreHost::note_proposal(const zab::Txn& proposed) {
  world_.checkers.proposed(id(), proposed);
  trace(TraceKind::kProposes, {}, static_cast<std::uint64_t>(proposed.zxid.value));
  const Result<TxnHeader> header = decode_txn_header(*proposed.payload);
  if (!header) return fail("TR", "proposes what is no transaction");
  if (options_.membership.reconfig_enabled) note_reconfig(*proposed.payload);
  if (header->type == OpCode::kCreateSession) note_heard(header->session, local_now());
  if (header->type != OpCode::kCloseSession) return;
  around_.checkers.closing_proposed(header->session);
  if (header->cxid == 0) check_expiry(header->session);
}

void CoreHost::note_reconfig(const Bytes& payload) {
  const Result<Txn> txn = decode_txn(payload);
  if (!txn) return fail("TR", "proposes what is no transaction");
  const std::optional<zab::Leadership> leadership = core_->replica().leadership();
  std::set<ServerId> synced{id()};
  if (leadership) {
    for (const zab::Leadership::Follower& learner : leadership->learners) {
      if (learner.synced && !learner.observer) synced.insert(learner.sid);
    }
  }
  around_.checkers.reconfigs().proposed(id(), *txn, synced,
                                        core_options_.standalone_enabled ? 2 : 1);
}

// What it shows is what it acts by.
void CoreHost::check_config() {
  // Else its lines are not such as can be read again.
  const bool can_change = options_.membership.reconfig_enabled;
  if (!can_change || core_->role() == zab::Role::kLooking) return;
  const zab::Ensemble& committed = *core_->replica().configurations().committed;
  if (mutated(CoreMutation::kKeepConfigNode)) {
    tree_->set_config(to_text(*options_.membership.ensemble), 0, wall_now());
  }
  around_.checkers.config_is(id(), *tree_, committed);
}

void CoreHost::check_expiry(SessionId session) {
  for (const server::Core::SessionLine& line : core_->sessions()) {
    if (line.session != session) continue;
    const auto heard = heard_.find(session);
    const Millis last = heard == heard_.end() ? role_began_ : std::max(role_began_, heard->second);
    if (last + Millis{line.timeout_ms} <= local_now()) return;
    return fail("SE", concat("expires session ", text_of(session), " of ", line.timeout_ms,
                             " ms, which it heard from ", (local_now() - last).value, " ms ago"));
  }
}

void CoreHost::check_silent() {
  if (role_ != zab::Role::kLeading || core_->role() != role_) return;
  const Millis tick = options_.membership.timing.tick;
  for (const server::Core::SessionLine& line : core_->sessions()) {
    if (around_.checkers.is_closing_proposed(line.session)) continue;
    const auto heard = heard_.find(line.session);
    const Millis last = heard == heard_.end() ? role_began_ : std::max(role_began_, heard->second);
    if (last + Millis{line.timeout_ms} + tick + tick + kSilenceSlack > local_now()) continue;
    return fail("SE", concat("keeps session ", text_of(line.session), " of ", line.timeout_ms,
                             " ms, which it heard from ", (local_now() - last).value, " ms ago"));
  }
}

void CoreHost::check_answer(const zab::Ping& answer) {
  if (role_ == zab::Role::kLeading || !answer.touched) return;
  for (const zab::SessionTouch& touch : *answer.touched) owed_.erase(touch.session);
  for (const SessionId session : std::exchange(owed_, {})) {
    if (!tree_->session_timeout(session)) continue;
    return fail(
        "SE", concat("heard from session ", text_of(session), " and does not tell the leader so"));
  }
}

// --- mutations

void CoreHost::spoil(server::CoreEvent& event) {
  const bool leads = role_ == zab::Role::kLeading;
  if (auto* touches = std::get_if<server::Touches>(&event)) {
    if (mutated(CoreMutation::kDropTouches) && !leads) touches->touches.clear();
  }
  if (mutated(CoreMutation::kForgetExpired) && leads && std::holds_alternative<zab::Tick>(event)) {
    server::Touches all;
    tree_->for_each_session([&](SessionId session, std::int32_t) {
      all.touches.push_back({session, local_now()});
    });
    event = std::move(all);
  }
  if (auto* request = std::get_if<server::ClientRequest>(&event)) spoil(*request);
  if (auto* received = std::get_if<zab::Received>(&event)) {
    if (mutated(CoreMutation::kIgnoreOwner) && leads) spoil(*received);
    const auto* activate = std::get_if<zab::CommitAndActivate>(&received->message);
    if (activate != nullptr && mutated(CoreMutation::kCommitWithoutActivate)) {
      received->message = zab::Commit{activate->zxid};
    }
  }
}

void CoreHost::spoil(server::ClientRequest& request) {
  if (request.header.op != OpCode::kReconfig) return;
  if (mutated(CoreMutation::kIgnoreConfigVersion)) {
    store_be64(request.frame.data() + request.frame.size() - 8, ~std::uint64_t{0});
  }
  if (mutated(CoreMutation::kReconfigByAnybody)) {
    static const server::Credentials kSuper = {{"super", ""}};
    request.credentials = std::make_shared<const server::Credentials>(kSuper);
  }
}

void CoreHost::spoil(zab::Received& received) {
  if (const auto* asked = std::get_if<zab::Revalidate>(&received.message)) {
    used_by_[asked->session] = received.link;
  } else if (const auto* request = std::get_if<zab::Request>(&received.message)) {
    const auto owner = used_by_.try_emplace(request->session, received.link).first;
    if (links_.contains(owner->second) && links_.at(owner->second).open) {
      received.link = owner->second;
    }
  }
}

void CoreHost::spoil_answers(const zab::Append& append) {
  if (!mutated(CoreMutation::kAnswerWhenLogged)) return;
  for (const zab::Txn& txn : append.txns) {
    const Result<TxnHeader> header = decode_txn_header(*txn.payload);
    if (!header || header->type != OpCode::kSetData) continue;
    const auto asked = unanswered_.find({header->session, header->cxid});
    if (asked == unanswered_.end()) continue;
    const ConnectionId connection = asked->second;
    answered_.insert({connection.number, header->cxid});
    server::Reply reply{connection, {}, false};
    server::append_reply({header->cxid, txn.zxid, ErrorCode::kOk}, Bytes(kStatBytes), reply.frame);
    io_[connection.io].put(std::move(reply));
  }
}

void CoreHost::spoil(std::vector<server::ClientAction>& client) {
  if (mutated(CoreMutation::kReplyBeforeEvent)) {
    std::stable_partition(client.begin(), client.end(), [](const server::ClientAction& action) {
      return !std::holds_alternative<server::TreeChange>(action);
    });
  }
  std::erase_if(client, [&](const server::ClientAction& action) {
    const auto* reply = std::get_if<server::Reply>(&action);
    if (reply == nullptr) return false;
    const auto xid = static_cast<std::int32_t>(load_be32(reply->frame.data() + 4));
    return answered_.erase({reply->connection.number, xid}) != 0;
  });
}

void CoreHost::spoil(TreeImage& image, const TreeImage& before) {
  if (mutated(CoreMutation::kForgetClose)) {
    for (const auto& [session, timeout_ms] : before.sessions) {
      if (random_.below(3) == 0) image.sessions.try_emplace(session, timeout_ms);
    }
  }
  if (!mutated(CoreMutation::kLeaveEphemerals)) return;
  for (const auto& [path, node] : before.nodes) {
    if (node.stat.ephemeral_owner != 0) image.nodes.try_emplace(path, node);
  }
}

void CoreHost::close_unheard() {
  if (role_ != zab::Role::kFollowing || !links_.contains(leader_link_)) return;
  if (!links_.at(leader_link_).open) return;
  tree_->for_each_session([&](SessionId session, std::int32_t timeout_ms) {
    const auto heard = heard_.find(session);
    const Millis last = heard == heard_.end() ? role_began_ : heard->second;
    if (last + Millis{timeout_ms} > local_now()) return;
    heard_[session] = local_now();
    zab::Send close{leader_link_,
                    zab::Request{session, 0, static_cast<std::int32_t>(OpCode::kCloseSession),
                                 std::make_shared<const Bytes>(), std::nullopt}};
    ZabHost::carry_out(close);
  });
}

// What the engine is told besides, once it has taken `event`.
void CoreHost::spoil_quorums(const std::optional<zab::Proposal>& heard, zab::LinkId link,
                             const std::vector<zab::Txn>& proposed) {
  const auto is_reconfig = [](const zab::Txn& txn) {
    const Result<TxnHeader> header = decode_txn_header(*txn.payload);
    return header && header->type == OpCode::kReconfig;
  };
  if (heard && mutated(CoreMutation::kActivateOnProposal) && is_reconfig(heard->txn)) {
    core_->step(zab::Received{link, zab::CommitAndActivate{heard->txn.zxid, leader_}}, local_now(),
                wall_now(), batch_);
  }
  const std::optional<zab::Leadership> leadership = core_->replica().leadership();
  if (!mutated(CoreMutation::kOldQuorumAlone) || !leadership) return;
  for (const zab::Txn& txn : proposed) {
    if (!is_reconfig(txn)) continue;
    for (const zab::Leadership::Follower& learner : leadership->learners) {
      const zab::Ensemble& before = *core_->replica().configurations().committed;
      if (before.is_voter(learner.sid) || !learner.synced || learner.observer) continue;
      core_->step(zab::Received{learner.link, zab::Ack{txn.zxid}}, local_now(), wall_now(), batch_);
    }
  }
}

std::string_view name_of(CoreMutation mutation) {
  switch (mutation) {
    case CoreMutation::kNone:
      return "None";
    case CoreMutation::kAnswerWhenLogged:
      return "AnswerWhenLogged";
    case CoreMutation::kSyncAlone:
      return "SyncAlone";
    case CoreMutation::kReplyBeforeEvent:
      return "ReplyBeforeEvent";
    case CoreMutation::kReadAtOnce:
      return "ReadAtOnce";
    case CoreMutation::kServeTheAhead:
      return "ServeTheAhead";
    case CoreMutation::kForgetOneEvent:
      return "ForgetOneEvent";
    case CoreMutation::kForgetWatchesMissed:
      return "ForgetWatchesMissed";
    case CoreMutation::kDropTouches:
      return "DropTouches";
    case CoreMutation::kIgnoreOwner:
      return "IgnoreOwner";
    case CoreMutation::kExpireOnFollower:
      return "ExpireOnFollower";
    case CoreMutation::kForgetClose:
      return "ForgetClose";
    case CoreMutation::kLeaveEphemerals:
      return "LeaveEphemerals";
    case CoreMutation::kForgetExpired:
      return "ForgetExpired";
    case CoreMutation::kCheckpointTail:
      return "CheckpointTail";
    case CoreMutation::kReplaySwapped:
      return "ReplaySwapped";
    case CoreMutation::kKeepTree:
      return "KeepTree";
    case CoreMutation::kSnapWithoutAcls:
      return "SnapWithoutAcls";
    case CoreMutation::kIgnoreConfigVersion:
      return "IgnoreConfigVersion";
    case CoreMutation::kReconfigByAnybody:
      return "ReconfigByAnybody";
    case CoreMutation::kForgetConfigEvent:
      return "ForgetConfigEvent";
    case CoreMutation::kOldQuorumAlone:
      return "OldQuorumAlone";
    case CoreMutation::kActivateOnProposal:
      return "ActivateOnProposal";
    case CoreMutation::kCommitWithoutActivate:
      return "CommitWithoutActivate";
    case CoreMutation::kKeepConfigNode:
      return "KeepConfigNode";
  }
  return "?";
}

}  // namespace paddock::test
