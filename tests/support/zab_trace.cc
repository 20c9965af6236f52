#include "tests/support/zab_trace.h"

#include <algorithm>
#include <string_view>

#include "common/concat.h"
#include "common/op_code.h"
#include "common/records.h"
#include "tests/support/prng.h"
#include "tests/support/zab_model.h"
#include "zab/action.h"

namespace paddock::test {

namespace {

std::uint64_t bits(std::int64_t value) {
  return static_cast<std::uint64_t>(value);
}

// What of a message two runs could differ in.
std::uint64_t digest(const zab::Txn& txn) {
  return extend(0, txn);
}
std::uint64_t digest(const zab::LearnerInfo& info) {
  return bits(info.accepted_epoch.value) * 2 + (info.observer ? 1 : 0);
}
std::uint64_t digest(const zab::LeaderInfo& info) {
  return bits(info.epoch.value);
}
std::uint64_t digest(const zab::AckEpoch& ack) {
  return mix64(bits(ack.last_zxid.value)) + bits(ack.current_epoch.value_or(Epoch{-1}).value);
}
std::uint64_t digest(const zab::NewLeader& new_leader) {
  return bits(new_leader.epoch.value);
}
std::uint64_t digest(const zab::UpToDate&) {
  return 1;
}
std::uint64_t digest(const zab::Proposal& proposal) {
  return digest(proposal.txn);
}
std::uint64_t digest(const zab::Inform& inform) {
  return digest(inform.txn);
}
std::uint64_t digest(const zab::InformAndActivate& inform) {
  return digest(inform.txn);
}
std::uint64_t digest(const zab::Ping& ping) {
  std::uint64_t sum = bits(ping.zxid.value);
  if (!ping.touched) return sum;
  for (const zab::SessionTouch& touch : *ping.touched) {
    sum = mix64(sum + bits(touch.session.value) + bits(touch.timeout.value));
  }
  return sum;
}
std::uint64_t digest(const zab::Request& request) {
  return mix64(bits(request.session.value)) + bits(request.cxid) * 64 + bits(request.op_code);
}
std::uint64_t digest(const zab::Revalidate& revalidate) {
  return bits(revalidate.session.value);
}
std::uint64_t digest(const zab::Revalidated& revalidated) {
  return bits(revalidated.session.value) * 2 + (revalidated.valid ? 1 : 0);
}
std::uint64_t digest(const zab::Sync&) {
  return 1;
}
// DIFF, TRUNC, SNAP, ACK, COMMIT, COMMITANDACTIVATE.
template <typename WithZxid>
std::uint64_t digest(const WithZxid& message) {
  return bits(message.zxid.value);
}

std::string_view name_of(zab::Role role) {
  switch (role) {
    case zab::Role::kLooking:
      return "looks for a leader";
    case zab::Role::kFollowing:
      return "follows";
    case zab::Role::kLeading:
      return "leads";
    case zab::Role::kObserving:
      return "observes";
  }
  return "?";
}

std::string zxid(std::uint64_t value) {
  return concat("0x", hex(value));
}

std::string of_link(const TraceEntry& entry) {
  return entry.a == 0 ? "" : concat(" for link ", entry.a);
}

std::string role_text(const TraceEntry& entry) {
  const auto role = static_cast<zab::Role>(entry.a);
  std::string text = concat(entry.server.value, " ", name_of(role));
  if (role == zab::Role::kFollowing || role == zab::Role::kObserving) {
    text += concat(" ", entry.peer.value);
  }
  if (role != zab::Role::kLooking) text += concat(" in epoch ", entry.b);
  return text;
}

std::string write_text(const TraceEntry& entry, std::string_view what) {
  return concat(entry.server.value, " writes ", entry.a, ": ", what);
}

std::string about_text(const TraceEntry& entry) {
  if (const auto* message = std::get_if<zab::Message>(&entry.about)) return to_string(*message);
  if (const auto* notification = std::get_if<zab::Notification>(&entry.about)) {
    return to_string(*notification);
  }
  if (const auto* text = std::get_if<std::string>(&entry.about)) return *text;
  return {};
}

std::string session_text(const TraceEntry& entry) {
  return entry.a == 0 ? "" : concat(", session ", zxid(entry.a));
}

// Of a client, with what it asked for or was told if the trace has that.
std::string client_text(const TraceEntry& entry) {
  const std::int64_t server = entry.server.value;
  const std::string client = name_of_client(entry.peer.value);
  const std::string about = about_text(entry);
  const auto number = static_cast<std::int32_t>(entry.a);
  if (entry.kind == TraceKind::kAsks) {
    return concat(
        client, " asks ", server, ": ",
        about.empty() ? concat(number, " ", name_of(static_cast<OpCode>(entry.b))) : about);
  }
  if (entry.kind == TraceKind::kAnswers) {
    return concat(server, " answers ", client, ": ", about.empty() ? std::to_string(number) : about,
                  " at ", zxid(entry.b));
  }
  if (entry.kind == TraceKind::kFires) {
    return concat(server, " tells ", client, ": ", name_of(static_cast<EventType>(entry.a)),
                  about.empty() ? "" : " ", about, entry.b == UINT64_MAX ? "" : " at ",
                  entry.b == UINT64_MAX ? "" : zxid(entry.b));
  }
  if (entry.kind == TraceKind::kDials) {
    return concat(client, " connects to ", server, session_text(entry));
  }
  if (entry.kind == TraceKind::kAttaches) {
    if (entry.a == 0) return concat(server, " tells ", client, " that its session has expired");
    return concat(server, " serves ", client, session_text(entry));
  }
  if (entry.a == 0) return concat(client, " hangs up on ", server);
  return concat(server, " hangs up on ", client);
}

}  // namespace

std::string name_of_client(std::int64_t number) {
  constexpr std::int64_t kLetters = 26;
  if (number >= kLetters) return concat("client", number);
  return {static_cast<char>('a' + number)};
}

std::string to_string(const TraceEntry& entry) {
  const std::int64_t server = entry.server.value;
  const std::int64_t peer = entry.peer.value;
  switch (entry.kind) {
    case TraceKind::kStarts:
      return concat(server, " starts at ", zxid(entry.a), ", epoch ", entry.b);
    case TraceKind::kStops:
      return concat(server, entry.b != 0 ? " loses power" : " stops");
    case TraceKind::kDiskFails:
      return concat(server, " cannot write to its disk");
    case TraceKind::kPauses:
      return concat(server, " pauses");
    case TraceKind::kResumes:
      return concat(server, " resumes");
    case TraceKind::kCut:
      return concat(server, "->", peer, " cut");
    case TraceKind::kMended:
      return concat(server, "->", peer, " mended");
    case TraceKind::kSevered:
      return concat(server, "--", peer, " severed");
    case TraceKind::kNotifies:
      return concat(server, "=>", peer, " ", about_text(entry));
    case TraceKind::kHearsVote:
      return concat(server, "<=", peer, " ", about_text(entry));
    case TraceKind::kReachable:
      return concat(server, entry.a != 0 ? " reaches " : " cannot reach ", peer);
    case TraceKind::kConnects:
      return concat(server, " connects to ", peer, " as link ", entry.a);
    case TraceKind::kLinkOpened:
      return concat(server, " has link ", entry.a);
    case TraceKind::kLinkClosed:
      return concat(server, " lost link ", entry.a);
    case TraceKind::kCloses:
      return concat(server, " closes link ", entry.a, ": ", about_text(entry));
    case TraceKind::kSays:
      return concat(server, "->", peer, " ", about_text(entry));
    case TraceKind::kHears:
      return concat(server, "<-", peer, " ", about_text(entry));
    case TraceKind::kHearsSnapshot:
      return concat(server, "<-", peer, " snapshot of ", zxid(entry.b));
    case TraceKind::kAppends:
      return write_text(entry, concat("append up to ", zxid(entry.b)));
    case TraceKind::kTruncates:
      return write_text(entry, concat("truncate to ", zxid(entry.b)));
    case TraceKind::kInstalls:
      return write_text(entry, concat("snapshot of ", zxid(entry.b)));
    case TraceKind::kWritesAccepted:
      return write_text(entry, concat("acceptedEpoch=", entry.b));
    case TraceKind::kWritesCurrent:
      return write_text(entry, concat("currentEpoch=", entry.b));
    case TraceKind::kWritesConfig:
      return write_text(entry, about_text(entry));
    case TraceKind::kPersisted:
      return concat(server, " wrote ", entry.a);
    case TraceKind::kProposes:
      return concat(server, " proposes ", zxid(entry.a));
    case TraceKind::kDelivers:
      return concat(server, " delivers ", zxid(entry.a));
    case TraceKind::kRole:
      return role_text(entry);
    case TraceKind::kTrims:
      return concat(server, " keeps its log after ", zxid(entry.a));
    case TraceKind::kSyncAsked:
      return concat(server, " is asked to sync", of_link(entry));
    case TraceKind::kSyncDone:
      return concat(server, " is synced", of_link(entry));
    case TraceKind::kAsks:
    case TraceKind::kAnswers:
    case TraceKind::kFires:
    case TraceKind::kDials:
    case TraceKind::kAttaches:
    case TraceKind::kHangsUp:
      return client_text(entry);
    case TraceKind::kAcknowledges:
      return concat(server, " acknowledges ", zxid(entry.a));
  }
  return {};
}

void Trace::add(TraceEntry entry) {
  mix(bits(entry.at.value));
  mix(static_cast<std::uint64_t>(entry.kind) + bits(entry.server.value) * 256 +
      bits(entry.peer.value) * 65536);
  mix(entry.a);
  mix(entry.b);
  if (const auto* message = std::get_if<zab::Message>(&entry.about)) {
    mix(message->index());
    mix(std::visit([](const auto& said) { return digest(said); }, *message));
  } else if (const auto* vote = std::get_if<zab::Notification>(&entry.about)) {
    mix(bits(vote->vote.leader.value) * 16 + static_cast<std::uint64_t>(vote->state));
    mix(bits(vote->vote.zxid.value));
    mix(bits(vote->vote.peer_epoch.value));
    mix(bits(vote->election_epoch));
  }
  ring_[count_ % ring_.size()] = std::move(entry);
  ++count_;
}

const TraceEntry* Trace::find(std::uint64_t index) const {
  if (index >= count_ || count_ - index > ring_.size()) return nullptr;
  return &ring_[index % ring_.size()];
}

std::string Trace::to_text() const {
  std::string text;
  for (std::uint64_t i = count_ - std::min<std::uint64_t>(count_, ring_.size()); i < count_; ++i) {
    const TraceEntry& entry = *find(i);
    const std::string time = std::to_string(entry.at.value);
    text += concat(std::string(time.size() < 12 ? 12 - time.size() : 0, ' '), time, "us  ",
                   to_string(entry), "\n");
  }
  return text;
}

void Trace::mix(std::uint64_t value) {
  hash_ = mix64(hash_ * 0x100000001b3 + value + 1);
}

}  // namespace paddock::test
