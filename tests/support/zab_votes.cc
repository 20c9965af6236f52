#include "tests/support/zab_votes.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace paddock::test {

namespace {

constexpr Micros kSendingMax = millis(2);  // one notification into the socket

std::uint32_t number(ServerId id) {
  return static_cast<std::uint32_t>(id.value);
}

}  // namespace

ZabVotes::ZabVotes(SimQueue& queue, SimWires& wires, WireUser& user, Prng random)
    : queue_(queue),
      wires_(wires),
      user_(user),
      random_(random),
      lanes_(wires.servers() * wires.servers()) {}

void ZabVotes::notify(ServerId from, ServerId to, const zab::Notification& notification) {
  PADDOCK_CHECK(from != to);
  Lane& out = lane(from, to);
  out.pending = notification;
  if (!out.connected) return dial(from, to);
  if (!out.sending) transmit(from, to);
}

void ZabVotes::stop(ServerId server, bool dark) {
  for (std::size_t i = 1; i <= wires_.servers(); ++i) {
    const ServerId peer{static_cast<std::int64_t>(i)};
    if (peer == server) continue;
    Lane& out = lane(server, peer);
    out.pending.reset();
    out.last.reset();
    out.dialling = false;
    cut_tail(out);
    lane(peer, server).flying.clear();
    if (dark || !out.connected) continue;
    disconnect(server, peer);
    notice(peer, server, false);
  }
}

// Connections of before, of which a dark machine's peers do not know that they are gone.
void ZabVotes::start(ServerId server) {
  for (std::size_t i = 1; i <= wires_.servers(); ++i) {
    const ServerId peer{static_cast<std::int64_t>(i)};
    if (peer == server || !lane(server, peer).connected) continue;
    disconnect(server, peer);
    notice(peer, server, false);
  }
}

void ZabVotes::sever(ServerId a, ServerId b) {
  if (!lane(a, b).connected) return;
  disconnect(a, b);
  notice(a, b, false);
  notice(b, a, false);
}

void ZabVotes::mended(ServerId a, ServerId b) {
  if (wires_.by_chance() && random_.below(2) == 0) sever(a, b);
  schedule(a, b);
  schedule(b, a);
}

void ZabVotes::on_dial(ServerId from, ServerId to) {
  Lane& out = lane(from, to);
  if (!out.dialling) return;  // the dialler stopped
  const bool hangs = !wires_.open_both_ways(from, to) || user_.presence(to) == Presence::kDark;
  if (hangs && !out.connected && queue_.now() < out.give_up) {
    return queue_.put_in({random_.between(100'000, 1'000'000)}, SimKind::kVoteDial, number(from),
                         number(to));
  }
  out.dialling = false;
  if (out.connected) return;  // the peer was faster
  if (hangs || user_.presence(to) == Presence::kDown) return notice(from, to, false);
  connect(from, to);
}

void ZabVotes::on_vote(ServerId from, ServerId to) {
  Lane& in = lane(from, to);
  in.due = false;
  if (in.flying.empty()) return;
  if (!wires_.open(from, to)) return;  // until it is mended
  if (in.flying.front().ready > queue_.now()) return schedule(from, to);
  zab::Notification notification = std::move(in.flying.front().notification);
  in.flying.pop_front();
  schedule(from, to);
  if (user_.presence(to) == Presence::kUp) {
    user_.hand(to, zab::Notified{from, std::move(notification)});
  }
}

void ZabVotes::on_ready(ServerId from, ServerId to) {
  Lane& out = lane(from, to);
  out.sending = false;
  if (out.connected && out.pending) transmit(from, to);
}

void ZabVotes::on_notice(ServerId who, std::uint64_t peer_and_reachable) {
  if (user_.presence(who) != Presence::kUp) return;
  const ServerId peer{static_cast<std::int64_t>(peer_and_reachable / 2)};
  user_.hand(who, zab::PeerReachable{peer, peer_and_reachable % 2 == 1});
}

ZabVotes::Lane& ZabVotes::lane(ServerId from, ServerId to) {
  const auto row = static_cast<std::size_t>(from.value - 1);
  const auto column = static_cast<std::size_t>(to.value - 1);
  PADDOCK_CHECK(row < wires_.servers());
  PADDOCK_CHECK(column < wires_.servers());
  return lanes_[row * wires_.servers() + column];
}

void ZabVotes::dial(ServerId from, ServerId to) {
  Lane& out = lane(from, to);
  if (out.dialling) return;
  out.dialling = true;
  out.give_up = queue_.now() + Micros{random_.between(500'000, 5'000'000)};
  queue_.put_in(wires_.delay(), SimKind::kVoteDial, number(from), number(to));
}

void ZabVotes::connect(ServerId a, ServerId b) {
  for (const auto& [from, to] : {std::pair{a, b}, std::pair{b, a}}) {
    Lane& out = lane(from, to);
    out.connected = true;
    notice(from, to, true);
    if (!out.pending && out.last) out.pending = out.last;
    if (out.pending && !out.sending) transmit(from, to);
  }
}

void ZabVotes::disconnect(ServerId a, ServerId b) {
  for (const auto& [from, to] : {std::pair{a, b}, std::pair{b, a}}) {
    Lane& out = lane(from, to);
    out.connected = false;
    cut_tail(out);
  }
}

void ZabVotes::transmit(ServerId from, ServerId to) {
  Lane& out = lane(from, to);
  out.last = std::exchange(out.pending, std::nullopt);
  out.sending = true;
  queue_.put_in({random_.between(0, kSendingMax.value)}, SimKind::kVoteReady, number(from),
                number(to));
  fly(from, to, *out.last);
}

void ZabVotes::fly(ServerId from, ServerId to, zab::Notification notification) {
  Lane& out = lane(from, to);
  Micros ready = queue_.now() + wires_.delay();
  if (!out.flying.empty()) ready = std::max(ready, out.flying.back().ready);
  out.flying.push_back({std::move(notification), ready});
  schedule(from, to);
}

// What was not yet across when a connection broke: none, some or all of it is lost.
void ZabVotes::cut_tail(Lane& lane) {
  lane.flying.resize(wires_.survivors(lane.flying.size()));
}

void ZabVotes::notice(ServerId who, ServerId peer, bool reachable) {
  Lane& out = lane(who, peer);
  out.last_notice = std::max(out.last_notice, queue_.now() + wires_.delay());
  const std::uint64_t text = static_cast<std::uint64_t>(peer.value) * 2 + (reachable ? 1 : 0);
  queue_.put(out.last_notice, SimKind::kVoteNotice, number(who), text);
}

void ZabVotes::schedule(ServerId from, ServerId to) {
  Lane& out = lane(from, to);
  if (out.due || out.flying.empty() || !wires_.open(from, to)) return;
  out.due = true;
  queue_.put(std::max(queue_.now(), out.flying.front().ready), SimKind::kVote, number(from),
             number(to));
}

}  // namespace paddock::test
