#include "tests/support/zab_checkers.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/concat.h"
#include "zab/election.h"

namespace paddock::test {

namespace {

constexpr std::size_t kServersMax = 16;

std::uint32_t bit(ServerId server) {
  return 1u << static_cast<std::uint32_t>(server.value - 1);
}

std::uint64_t key(LinkEnd end) {
  return end.number * 2 + static_cast<std::uint64_t>(end.side);
}

std::int64_t weight_of(const zab::Ensemble& ensemble, ServerId server) {
  for (const auto& weight : ensemble.weights) {
    if (weight.server == server) return weight.weight;
  }
  return 1;
}

}  // namespace

bool model_quorum(const zab::Ensemble& ensemble, std::uint32_t servers) {
  if (ensemble.groups.empty()) {
    int voters = 0, counted = 0;
    for (const zab::Member& member : ensemble.members) {
      if (member.observer) continue;
      ++voters;
      if ((servers & bit(member.id)) != 0) ++counted;
    }
    return 2 * counted > voters;
  }
  int groups = 0, won = 0;
  for (const auto& group : ensemble.groups) {
    std::int64_t all = 0, counted = 0;
    for (const ServerId server : group.servers) {
      const std::int64_t weight = weight_of(ensemble, server);
      all += weight;
      if ((servers & bit(server)) != 0) counted += weight;
    }
    if (all == 0) continue;
    ++groups;
    if (2 * counted > all) ++won;
  }
  return 2 * won > groups;
}

ZabCheckers::ZabCheckers(const zab::Ensemble& ensemble, std::size_t servers)
    : config_(std::make_shared<const zab::Ensemble>(ensemble)) {
  servers = std::max(servers, ensemble.members.size());
  PADDOCK_CHECK(servers <= kServersMax);
  quorums_.resize(std::size_t{1} << servers);
  for (std::size_t i = 0; i < servers; ++i) {
    View& view = views_.emplace_back();
    view.id = ServerId{static_cast<std::int64_t>(i) + 1};
    view.committed = config_;
  }
  configs_[config_->version] = config_;
  for (std::uint32_t set = 0; set < quorums_.size(); ++set) {
    quorums_[set] = model_quorum(*config_, set);
  }
}

bool ZabCheckers::View::may_vote(ServerId voter) const {
  for (const Config& config : {committed, last_seen, before}) {
    if (config != nullptr && config->is_voter(voter)) return true;
  }
  return false;
}

bool ZabCheckers::View::observes() const {
  const zab::Member* member = committed->find(id);
  return member != nullptr && member->observer;
}

// --- configurations

void ZabCheckers::configured(ServerId server, Config committed, Config last_seen) {
  View& seen = view(server);
  if (committed->version < seen.committed->version) {
    return fail("CF", server, "goes back to an earlier configuration");
  }
  if (committed->version > seen.committed->version) seen.before = seen.committed;
  seen.committed = std::move(committed);
  seen.last_seen = std::move(last_seen);
  const auto [known, is_new] = configs_.try_emplace(seen.committed->version, seen.committed);
  if (!known->second->same_members(*seen.committed)) {
    return fail("CF", server,
                concat("has another configuration of version ",
                       text_of(Zxid{seen.committed->version}), " than others"));
  }
  if (!is_new) return;
  if (seen.committed->version < config_->version) {
    return fail("CF", server, "has a configuration that a later one has passed over");
  }
  take_over(seen, seen.committed);
}

// The first to have it for committed.
void ZabCheckers::take_over(const View& server, const Config& next) {
  const std::uint32_t holders = set_of([&](const View& voter) {
    const DiskImage& image = *voter.image;
    return (image.committed != nullptr && image.committed->version >= next->version) ||
           (image.last_seen != nullptr && image.last_seen->version >= next->version);
  });
  if (!quorums_[holders] || !model_quorum(*next, holders)) {
    fail("CF", server.id,
         concat("has configuration ", text_of(Zxid{next->version}),
                " for committed, which is not on the disks of a quorum of it and one of ",
                text_of(Zxid{config_->version})));
  }
  config_ = next;
  for (std::uint32_t set = 0; set < quorums_.size(); ++set) {
    quorums_[set] = model_quorum(*config_, set);
  }
}

void ZabCheckers::watch(ServerId server, const DiskImage& image, const ModelLog& log,
                        const StateMachine& state) {
  View& seen = view(server);
  seen.image = &image;
  seen.log = &log;
  seen.state = &state;
  seen.accepted_epoch = image.accepted_epoch;
  seen.current_epoch = image.current_epoch;
}

void ZabCheckers::preload(const std::vector<zab::Txn>& txns) {
  for (const zab::Txn& txn : txns) {
    const Entry last = committed_.empty() ? Entry{} : committed_.back();
    Leadership& epoch = epochs_[txn.zxid.epoch()];
    PADDOCK_CHECK(txn.zxid.counter() == epoch.proposals.size() + 1);
    epoch.proposals.push_back(txn);
    epoch.served = true;
    committed_.push_back({txn.zxid, extend(last.digest, txn)});
    established_ = txn.zxid.epoch();
  }
}

void ZabCheckers::fail(std::string_view code, ServerId server, std::string_view what) {
  if (violation_.empty()) violation_ = concat(code, ": server ", server.value, " ", what);
}

// --- processes

void ZabCheckers::started(ServerId server) {
  View& seen = view(server);
  seen.running = true;
  seen.last_ticket = 0;
  // What it knows now is what is on its disk.
  seen.committed =
      seen.image->committed != nullptr ? seen.image->committed : configs_.begin()->second;
  seen.last_seen = seen.image->last_seen;
}

void ZabCheckers::stopped(ServerId server) {
  View& seen = view(server);
  seen.running = false;
  seen.fresh = false;
  seen.role = zab::Role::kLooking;
}

void ZabCheckers::wiped(ServerId server) {
  View& seen = view(server);
  seen.acked = {};
  seen.accepted_epoch = seen.current_epoch = {};
  check_kept(seen);
}

// --- what servers expose

void ZabCheckers::proposed(ServerId server, const zab::Txn& txn) {
  const View& seen = view(server);
  const Epoch epoch = txn.zxid.epoch();
  if (seen.role != zab::Role::kLeading) return fail("IN", server, "proposes and does not lead");
  if (epoch != seen.epoch) {
    return fail("IN", server, concat("proposes ", text_of(txn.zxid), " in another epoch"));
  }
  std::vector<zab::Txn>& proposals = epochs_[epoch].proposals;
  if (txn.zxid.counter() != proposals.size() + 1) {
    return fail("LPO", server, concat("proposes ", text_of(txn.zxid), " out of order"));
  }
  proposals.push_back(txn);
}

void ZabCheckers::role_changed(ServerId server, const zab::RoleChanged& change) {
  View& seen = view(server);
  const zab::Role before = std::exchange(seen.role, change.role);
  if (change.role == zab::Role::kLooking) return;
  if (before != zab::Role::kLooking) {
    return fail("ML", server, "changes its role without looking for a leader in between");
  }
  seen.epoch = change.epoch;
  seen.fresh = true;
  if (!quorum_of([&](const View& voter) { return voter.image->current_epoch >= change.epoch; })) {
    return fail(
        "OL", server,
        concat("serves in epoch ", change.epoch.value, ", which no quorum has accepted on disk"));
  }
  Leadership& epoch = epochs_[change.epoch];
  if (change.role == zab::Role::kLeading) {
    if (!seen.may_vote(server)) return fail("CF", server, "leads and is no voter");
    if (epoch.served) return fail("OL", server, "leads in an epoch that was led in before");
    epoch.served = true;
    ++elections_;
    claim_leadership(seen, change.epoch);
    if (!epoch.initial) epoch.initial = seen.log->last();
  } else {
    if (seen.observes() != (change.role == zab::Role::kObserving)) {
      return fail("CF", server, "serves in a role that is not its own");
    }
    if (epoch.leader != change.leader) return fail("OL", server, "follows who does not lead");
    if (seen.image->current_epoch != change.epoch) {
      return fail("EH", server, "serves in another epoch than its disk has");
    }
  }
  expose(seen);
}

void ZabCheckers::delivered(ServerId server) {
  View& seen = view(server);
  if (seen.role != zab::Role::kLooking) expose(seen);
}

void ZabCheckers::step_ended(ServerId server) {
  View& seen = view(server);
  if (!seen.fresh) return;
  seen.fresh = false;
  const Leadership& epoch = epochs_[seen.epoch];
  const std::size_t size = seen.state->size();
  if (seen.epoch > established_) {
    established_ = seen.epoch;
    if (size >= committed_.size()) return;
    return fail("CNL", server,
                concat("begins epoch ", seen.epoch.value, " with a history that ends at ",
                       text_of(seen.state->last()), ", and ", text_of(committed_.back().zxid),
                       " was committed"));
  }
  if (epoch.initial && seen.state->last() < epoch.initial->zxid) {
    fail("PI", server,
         concat("serves in epoch ", seen.epoch.value, " at ", text_of(seen.state->last()),
                ", and the epoch began at ", text_of(epoch.initial->zxid)));
  }
}

bool ZabCheckers::is_committed(Zxid zxid) const {
  const std::size_t count = count_upto(committed_, zxid);
  return count > 0 && committed_[count - 1].zxid == zxid;
}

bool ZabCheckers::is_on_a_quorum(ServerId leader, Zxid zxid) const {
  const ModelLog& log = *view(leader).log;
  const std::size_t after = log.index_after(zxid);
  if (after == 0) return zxid <= log.start().zxid;  // trimmed, so committed long ago
  const ModelLog::Logged& last = log.txns()[after - 1];
  const Entry entry{last.txn.zxid, last.digest};
  return entry.zxid == zxid &&
         quorum_of([&](const View& voter) { return voter.image->holds(entry); });
}

ZabCheckers::Config ZabCheckers::known_configuration(std::int64_t version) const {
  const auto known = configs_.find(version);
  return known == configs_.end() ? nullptr : known->second;
}

void ZabCheckers::expose(View& server) {
  const std::vector<Entry>& state = server.state->entries();
  const std::size_t both = std::min(state.size(), committed_.size());
  if (both > 0 && state[both - 1] != committed_[both - 1]) {
    std::size_t i = 0;
    while (state[i] == committed_[i]) ++i;
    return fail("PC", server.id,
                concat("has ", text_of(state[i].zxid), " where ", text_of(committed_[i].zxid),
                       " was committed, or another ", "transaction of that zxid"));
  }
  for (std::size_t i = committed_.size(); i < state.size() && ok(); ++i) commit(server, state[i]);
}

void ZabCheckers::commit(const View& server, const Entry& entry) {
  const Entry last = committed_.empty() ? Entry{} : committed_.back();
  const std::string zxid = text_of(entry.zxid);
  if (!follows(last.zxid, entry.zxid)) {
    const bool back = entry.zxid.epoch() < last.zxid.epoch();
    return fail(back ? "GPO" : "LPO", server.id,
                concat("exposes ", zxid, " right after ", text_of(last.zxid)));
  }
  if (entry.zxid.epoch() < established_) {
    return fail("PI", server.id,
                concat("is the first to expose ", zxid, " when epoch ", established_.value,
                       " is served already"));
  }
  check_origin(server, last, entry);
  if (!quorum_of([&](const View& voter) { return voter.image->holds(entry); })) {
    return fail("CNL", server.id, concat("exposes ", zxid, ", which no quorum has on disk"));
  }
  committed_.push_back(entry);
}

void ZabCheckers::check_origin(const View& server, const Entry& last, const Entry& entry) {
  const zab::Txn* txn = proposal(entry.zxid);
  if (txn == nullptr || extend(last.digest, *txn) != entry.digest) {
    return fail("IN", server.id,
                concat("exposes ", text_of(entry.zxid), ", which nobody proposed so"));
  }
  const std::optional<Entry>& initial = epochs_[entry.zxid.epoch()].initial;
  if (entry.zxid.counter() == 1 && initial && *initial != last) {
    return fail("PI", server.id,
                concat("exposes ", text_of(entry.zxid), " after ", text_of(last.zxid),
                       ", and its epoch began at ", text_of(initial->zxid)));
  }
  check_session(server, *txn);
}

void ZabCheckers::check_session(const View& server, const zab::Txn& txn) {
  const std::optional<Op> op = decode_op(txn.payload);
  if (!op) return;
  std::int32_t& last = last_cxid_[op->session];
  if (op->cxid != last + 1) {
    fail("FO", server.id,
         concat("exposes write ", op->cxid, " of session 0x",
                hex(static_cast<std::uint64_t>(op->session.value)), " after its ", last));
  }
  last = op->cxid;
}

// --- disks

void ZabCheckers::asked(ServerId server, const DiskWrite& write) {
  View& seen = view(server);
  if (write.ticket().value != seen.last_ticket + 1) {
    return fail("SW", server,
                concat("numbers a write ", write.ticket().value, " after ", seen.last_ticket));
  }
  seen.last_ticket = write.ticket().value;
  // What it acknowledged of a history that is not the one it is given now does not bind it.
  if (const auto* truncate = std::get_if<zab::Truncate>(&write.what)) {
    seen.acked = std::min(seen.acked, truncate->upto);
  }
  if (const auto* install = std::get_if<DiskWrite::Install>(&write.what)) {
    seen.acked = std::min(seen.acked, install->snapshot->last());
  }
}

void ZabCheckers::written(ServerId server, const DiskWrite& write) {
  View& seen = view(server);
  check_epochs(seen);
  if (const auto* append = std::get_if<zab::Append>(&write.what)) {
    check_appended(seen, append->txns.size());
  } else if (const auto* current = std::get_if<zab::WriteCurrentEpoch>(&write.what)) {
    const std::optional<Entry>& initial = epochs_[current->epoch].initial;
    if (initial && !seen.image->holds(*initial)) {
      fail("EH", server,
           concat("has currentEpoch=", current->epoch.value,
                  " on disk, and not the history that it begins with, up to ",
                  text_of(initial->zxid)));
    }
  } else if (!std::holds_alternative<zab::WriteAcceptedEpoch>(write.what) &&
             !std::holds_alternative<zab::WriteConfigurations>(write.what)) {
    check_kept(seen);
  }
}

void ZabCheckers::check_epochs(View& server) {
  const Epoch accepted = server.image->accepted_epoch;
  const Epoch current = server.image->current_epoch;
  if (accepted < server.accepted_epoch) fail("EH", server.id, "lowers acceptedEpoch");
  if (current < server.current_epoch) fail("EH", server.id, "lowers currentEpoch");
  if (accepted < current) fail("EH", server.id, "has acceptedEpoch below currentEpoch");
  if (accepted < server.image->last().epoch()) {
    fail("EH", server.id, "has a log of a later epoch than acceptedEpoch");
  }
  server.accepted_epoch = accepted;
  server.current_epoch = current;
}

void ZabCheckers::check_appended(const View& server, std::size_t count) {
  const ModelLog& log = server.image->log;
  const auto& txns = log.txns();
  for (std::size_t i = txns.size() - std::min(count, txns.size()); i < txns.size(); ++i) {
    const Zxid last = i == 0 ? log.start().zxid : txns[i - 1].txn.zxid;
    if (!follows(last, txns[i].txn.zxid)) {
      fail(
          "LC", server.id,
          concat("has ", text_of(txns[i].txn.zxid), " right after ", text_of(last), " in its log"));
    }
    check_payload(server, txns[i].txn);
  }
}

void ZabCheckers::check_payload(const View& server, const zab::Txn& txn) {
  const zab::Txn* proposed = proposal(txn.zxid);
  if (proposed == nullptr || *proposed->payload != *txn.payload) {
    fail("IN", server.id, concat("is given ", text_of(txn.zxid), ", which nobody proposed so"));
  }
}

void ZabCheckers::check_kept(const View& server) {
  if (committed_.empty()) return;
  const Entry& last = committed_.back();
  if (quorum_of([&](const View& voter) { return voter.image->holds(last); })) return;
  fail("CNL", server.id,
       concat("drops what was committed, up to ", text_of(last.zxid),
              ": no quorum has it on disk any more"));
}

bool ZabCheckers::may_lose(ServerId server) const {
  if (configs_.size() > 1) return false;  // who counts may be changing
  Epoch newest;
  for (const View& each : views_) newest = std::max(newest, each.image->accepted_epoch);
  const Entry last = committed_.empty() ? Entry{} : committed_.back();
  return quorum_of([&](const View& voter) {
    const bool serves = voter.running && voter.role != zab::Role::kLooking;
    return voter.id != server && serves && voter.epoch == newest &&
           voter.image->current_epoch == newest && voter.image->holds(last);
  });
}

// --- claims

void ZabCheckers::notified(ServerId server, ServerId to, const zab::Notification& notification) {
  if (server == to) return fail("ML", server, "notifies itself");
  if (notification.state != zab::ServerState::kLooking) return;
  const View& seen = view(server);
  if (!seen.may_vote(server)) return;
  const zab::Vote& vote = notification.vote;
  const bool nobody = vote.leader == zab::kNoVote.leader && !seen.committed->is_voter(server);
  if (!nobody && !seen.may_vote(vote.leader)) {
    return fail("CF", server, "votes for who cannot lead");
  }
  if (vote.leader == server) claim(view(server), vote.zxid, vote.peer_epoch, "a vote");
}

void ZabCheckers::claim(const View& server, Zxid zxid, Epoch epoch, std::string_view where) {
  if (zxid > server.image->last()) {
    fail("ED", server.id,
         concat("claims ", text_of(zxid), " in ", where, ", and its disk ends at ",
                text_of(server.image->last())));
  }
  if (zxid < server.acked) {
    fail("ED", server.id,
         concat("claims ", text_of(zxid), " in ", where, ", and acknowledged ",
                text_of(server.acked)));
  }
  if (epoch > server.image->current_epoch) {
    fail("ED", server.id,
         concat("claims epoch ", epoch.value, " in ", where, ", and its disk has ",
                server.image->current_epoch.value));
  }
}

void ZabCheckers::claim_leadership(const View& leader, Epoch epoch) {
  Leadership& leadership = epochs_[epoch];
  if (!leadership.leader && leadership.proposals.empty()) leadership.leader = leader.id;
  if (leadership.leader == leader.id) return;
  fail("OL", leader.id, concat("leads in epoch ", epoch.value, ", which was another's"));
}

// --- conversations

void ZabCheckers::says(LinkEnd end, ServerId server, ServerId peer, const Speech& speech) {
  if (std::string wrong = converse(end, end.side, speech); !wrong.empty()) {
    return fail("ML", server, concat("says to ", peer.value, ": ", wrong));
  }
  const auto* message = std::get_if<zab::Message>(&speech);
  if (message == nullptr) return;
  const ZabConversation& heard = conversation(end);
  if (end.side == Side::kDialler) return learner_says(view(server), heard, *message);
  leader_says(view(server), heard, *message);
}

void ZabCheckers::hears(LinkEnd end, ServerId server, const Speech& speech) {
  if (std::string wrong = converse(end, other(end.side), speech); !wrong.empty()) {
    return fail("ML", server, concat("hears: ", wrong));
  }
  const auto* message = std::get_if<zab::Message>(&speech);
  if (message == nullptr) return;
  if (const auto* heard = std::get_if<zab::Proposal>(message)) {
    check_payload(view(server), heard->txn);
  } else if (const auto* informed = std::get_if<zab::Inform>(message)) {
    check_payload(view(server), informed->txn);
  }
}

void ZabCheckers::ended(LinkEnd end) {
  conversations_.erase(key(end));
}

ZabConversation& ZabCheckers::conversation(LinkEnd end) {
  return conversations_[key(end)];
}

std::string ZabCheckers::converse(LinkEnd end, Side speaker, const Speech& speech) {
  ZabConversation& heard = conversation(end);
  std::string wrong;
  if (const auto* snapshot = std::get_if<Snapshot>(&speech)) {
    if (speaker == Side::kDialler) return "a learner has no snapshot to give";
    wrong = heard.leader_streams(*snapshot);
    return wrong.empty() ? wrong : concat("the snapshot's stream: ", wrong);
  }
  const auto& message = std::get<zab::Message>(speech);
  wrong = speaker == Side::kDialler ? heard.learner_says(message) : heard.leader_says(message);
  return wrong.empty() ? wrong : concat(to_string(message), ": ", wrong);
}

void ZabCheckers::learner_says(const View& learner, const ZabConversation& conversation,
                               const zab::Message& message) {
  if (const auto* info = std::get_if<zab::LearnerInfo>(&message)) {
    if (info->sid && *info->sid != learner.id) fail("ML", learner.id, "gives another's number");
    if (info->accepted_epoch != learner.image->accepted_epoch) {
      fail("ED", learner.id, "claims another acceptedEpoch than its disk has");
    }
  } else if (const auto* ack = std::get_if<zab::AckEpoch>(&message)) {
    const Epoch epoch = ack->current_epoch.value_or(Epoch{});
    // -1: it has nothing that it trusts, so it does not count.
    const bool counts = ack->last_zxid >= Zxid{};
    claim(learner, counts ? ack->last_zxid : learner.image->last(), epoch, "ACKEPOCH");
    if (learner.image->accepted_epoch < conversation.epoch()) {
      fail("EH", learner.id, "sends ACKEPOCH before acceptedEpoch is on disk");
    }
  } else if (const auto* acked = std::get_if<zab::Ack>(&message)) {
    learner_acks(view(learner.id), conversation, acked->zxid);
  }
}

void ZabCheckers::learner_acks(View& learner, const ZabConversation& conversation, Zxid zxid) {
  const DiskImage& image = *learner.image;
  if (zxid.counter() != 0) {
    const auto& txns = image.log.txns();
    const std::size_t after = image.log.index_after(zxid);
    // What the log no longer has is in the checkpoint.
    const bool is_kept = after != 0 && txns[after - 1].txn.zxid == zxid;
    if (!is_kept && zxid > image.log.start().zxid) {
      fail(
          "AD", learner.id,
          concat("acknowledges ", text_of(zxid), ", and its disk ends at ", text_of(image.last())));
    }
    learner.acked = std::max(learner.acked, zxid);
    return;
  }
  if (image.current_epoch != zxid.epoch()) {
    return fail("AD", learner.id, "acknowledges NEWLEADER before currentEpoch is on disk");
  }
  const std::optional<Entry>& initial = epochs_[zxid.epoch()].initial;
  if ((initial && !image.holds(*initial)) || image.last() < conversation.synced()) {
    fail("AD", learner.id,
         concat("acknowledges NEWLEADER, and its disk ends at ", text_of(image.last())));
  }
}

void ZabCheckers::leader_says(const View& leader, const ZabConversation& conversation,
                              const zab::Message& message) {
  const Epoch epoch = conversation.epoch();
  if (const auto* info = std::get_if<zab::LeaderInfo>(&message)) {
    if (leader.image->accepted_epoch >= info->epoch) return;
    return fail("EH", leader.id, "sends LEADERINFO before acceptedEpoch is on disk");
  }
  if (const auto* activate = std::get_if<zab::CommitAndActivate>(&message)) {
    return leader_says(leader, conversation, zab::Commit{activate->zxid});
  }
  if (const auto* commit = std::get_if<zab::Commit>(&message)) {
    if (commit->zxid.epoch() != epoch) return;  // of the history that the epoch begins with
    const std::size_t after = leader.log->index_after(commit->zxid);
    const auto& txns = leader.log->txns();
    if (after == 0) return;  // trimmed, so committed long ago
    const Entry entry{txns[after - 1].txn.zxid, txns[after - 1].digest};
    if (entry.zxid == commit->zxid &&
        quorum_of([&](const View& voter) { return voter.image->holds(entry); })) {
      return;
    }
    return fail("CNL", leader.id,
                concat("commits ", text_of(commit->zxid), ", which no quorum has on disk"));
  }
  if (std::holds_alternative<zab::UpToDate>(message)) {
    if (quorum_of([&](const View& voter) { return voter.image->current_epoch >= epoch; })) return;
    return fail(
        "OL", leader.id,
        concat("sends UPTODATE in epoch ", epoch.value, ", which no quorum has accepted on disk"));
  }
  const bool syncs = std::holds_alternative<zab::Diff>(message) ||
                     std::holds_alternative<zab::Trunc>(message) ||
                     std::holds_alternative<zab::Snap>(message);
  if (syncs) return claim_leadership(leader, epoch);
  if (!std::holds_alternative<zab::NewLeader>(message)) return;
  claim_leadership(leader, epoch);
  std::optional<Entry>& initial = epochs_[epoch].initial;
  if (!initial) initial = leader.log->last();
}

// --- of the ensemble

ZabCheckers::View& ZabCheckers::view(ServerId server) {
  const auto i = static_cast<std::size_t>(server.value - 1);
  PADDOCK_CHECK(i < views_.size());
  return views_[i];
}

const ZabCheckers::View& ZabCheckers::view(ServerId server) const {
  const auto i = static_cast<std::size_t>(server.value - 1);
  PADDOCK_CHECK(i < views_.size());
  return views_[i];
}

template <typename Holds>
std::uint32_t ZabCheckers::set_of(const Holds& holds) const {
  std::uint32_t set = 0;
  for (const View& voter : views_) {
    if (holds(voter)) set |= bit(voter.id);
  }
  return set;
}

template <typename Holds>
bool ZabCheckers::quorum_of(const Holds& holds) const {
  return quorums_[set_of(holds)];  // which does not count observers
}

const zab::Txn* ZabCheckers::proposal(Zxid zxid) const {
  const auto epoch = epochs_.find(zxid.epoch());
  if (epoch == epochs_.end()) return nullptr;
  const std::vector<zab::Txn>& proposals = epoch->second.proposals;
  const std::size_t counter = zxid.counter();
  if (counter == 0 || counter > proposals.size()) return nullptr;
  return &proposals[counter - 1];
}

}  // namespace paddock::test
