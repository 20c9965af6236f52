#include "tests/support/zab_links.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace paddock::test {

namespace {

constexpr Micros kDarkForgottenMin = seconds(2);  // until the peer of a dark machine gives up
constexpr Micros kDarkForgottenMax = seconds(40);

std::size_t slot(ServerId server) {
  return static_cast<std::size_t>(server.value - 1);
}

}  // namespace

ZabLinks::ZabLinks(SimQueue& queue, SimWires& wires, LinkUser& user, WireMutator& mutator,
                   Prng random)
    : queue_(queue),
      wires_(wires),
      user_(user),
      mutator_(mutator),
      random_(random),
      by_server_(wires.servers()),
      next_accepted_(wires.servers(), 2) {}

void ZabLinks::dial(ServerId from, zab::LinkId id, ServerId to) {
  const std::size_t number = links_.size();
  Link& link = links_.emplace_back();
  link.ends[0].server = from;
  link.ends[0].id = id;
  link.ends[1].server = to;
  link.give_up = queue_.now() + Micros{random_.between(500'000, 5'000'000)};
  by_server_[slot(from)][id] = {number, Side::kDialler};
  queue_.put_in(wires_.delay(), SimKind::kDial, 0, number);
}

void ZabLinks::say(ServerId from, zab::LinkId id, Speech speech) {
  const std::optional<LinkEnd> end = find(from, id);
  PADDOCK_CHECK(end.has_value());
  user_.says(*end, speech);
  const LinkEnd to{end->number, other(end->side)};
  if (link_end(to).state == State::kClosed && user_.presence(server(to)) == Presence::kUp) {
    reset(*end);  // the machine is back and knows no such connection
  }
  if (mutator_.active() && std::holds_alternative<zab::Message>(speech)) {
    for (zab::Message& message : mutator_.on_wire(std::get<zab::Message>(speech))) {
      push(to, std::move(message), wires_.delay());
    }
    return;
  }
  push(to, std::move(speech), wires_.delay());
}

void ZabLinks::close(ServerId from, zab::LinkId id) {
  const std::optional<LinkEnd> end = find(from, id);
  PADDOCK_CHECK(end.has_value());
  const LinkEnd to{end->number, other(end->side)};
  hang_up(*end);
  const bool loses = random_.below(4) == 0;
  if (loses && wires_.by_chance()) cut_tail(to);
  push(to, Closed{}, wires_.delay());
}

void ZabLinks::stop(ServerId server, bool dark) {
  for (const LinkEnd end : ends_of(server)) {
    const LinkEnd to{end.number, other(end.side)};
    hang_up(end);
    cut_tail(to);
    const Micros told =
        dark ? Micros{random_.between(kDarkForgottenMin.value, kDarkForgottenMax.value)}
             : wires_.delay();
    push(to, Closed{}, told);
  }
}

void ZabLinks::sever(ServerId a, ServerId b) {
  for (const LinkEnd end : between(a, b)) sever(end.number);
}

void ZabLinks::mended(ServerId a, ServerId b) {
  for (const LinkEnd end : between(a, b)) {
    if (wires_.by_chance() && random_.below(2) == 0) sever(end.number);
    schedule({end.number, Side::kDialler});
    schedule({end.number, Side::kAcceptor});
  }
}

void ZabLinks::on_dial(std::size_t number) {
  const LinkEnd dialler{number, Side::kDialler};
  if (link_end(dialler).state == State::kClosed) return;  // it thought better of it
  const ServerId to = peer(dialler);
  const Presence presence = user_.presence(to);
  if (!wires_.open_both_ways(server(dialler), to) || presence == Presence::kDark) {
    const bool retry = queue_.now() < links_[number].give_up;
    const Micros wait{random_.between(100'000, 1'000'000)};
    return queue_.put_in(wait, retry ? SimKind::kDial : SimKind::kDialFailed, 0, number);
  }
  if (presence == Presence::kDown) {
    return queue_.put_in(wires_.delay(), SimKind::kDialFailed, 0, number);
  }
  accept(number);
}

void ZabLinks::on_dial_failed(std::size_t number) {
  const LinkEnd dialler{number, Side::kDialler};
  if (link_end(dialler).state == State::kNotYet) take(dialler, Closed{});
}

void ZabLinks::on_link(LinkEnd end) {
  End& to = link_end(end);
  to.due = false;
  if (to.coming.empty()) return;
  if (!wires_.open(peer(end), to.server)) return;  // until it is mended
  if (to.coming.front().ready > queue_.now()) return schedule(end);
  auto what = std::move(to.coming.front().what);
  to.coming.pop_front();
  schedule(end);
  take(end, std::move(what));
}

std::optional<LinkEnd> ZabLinks::find(ServerId server, zab::LinkId id) const {
  const auto& known = by_server_[slot(server)];
  const auto found = known.find(id);
  if (found == known.end()) return std::nullopt;
  return found->second;
}

ZabLinks::End& ZabLinks::link_end(LinkEnd end) {
  PADDOCK_CHECK(end.number < links_.size());
  return links_[end.number].ends[static_cast<std::size_t>(end.side)];
}

const ZabLinks::End& ZabLinks::link_end(LinkEnd end) const {
  PADDOCK_CHECK(end.number < links_.size());
  return links_[end.number].ends[static_cast<std::size_t>(end.side)];
}

// The kernel accepts, also for a process that is stopped.
void ZabLinks::accept(std::size_t number) {
  const LinkEnd acceptor{number, Side::kAcceptor};
  End& end = link_end(acceptor);
  std::uint64_t& next = next_accepted_[slot(end.server)];
  end.id = {next};
  next += 2;
  end.state = State::kOpen;
  by_server_[slot(end.server)][end.id] = acceptor;
  push({number, Side::kDialler}, Opened{}, wires_.delay());
  user_.hand(end.server, zab::LinkOpened{end.id});
}

void ZabLinks::push(LinkEnd to, std::variant<Speech, Opened, Closed> what, Micros delay) {
  End& end = link_end(to);
  if (end.state == State::kClosed) return;
  if (end.state == State::kNotYet && to.side == Side::kAcceptor) return;  // it heard of no link
  Micros ready = queue_.now() + delay;
  if (!end.coming.empty()) ready = std::max(ready, end.coming.back().ready);
  end.coming.push_back({std::move(what), ready});
  schedule(to);
}

void ZabLinks::schedule(LinkEnd end) {
  End& to = link_end(end);
  if (to.due || to.coming.empty() || !wires_.open(peer(end), to.server)) return;
  to.due = true;
  queue_.put(std::max(queue_.now(), to.coming.front().ready), SimKind::kLink,
             static_cast<std::uint32_t>(end.side), end.number);
}

void ZabLinks::take(LinkEnd end, std::variant<Speech, Opened, Closed> what) {
  End& to = link_end(end);
  if (to.state == State::kClosed) return;
  if (std::holds_alternative<Opened>(what)) {
    to.state = State::kOpen;
    return user_.hand(to.server, zab::LinkOpened{to.id});
  }
  if (std::holds_alternative<Closed>(what)) {
    const ServerId server = to.server;
    const zab::LinkId id = to.id;
    hang_up(end);
    return user_.hand(server, zab::LinkClosed{id});
  }
  auto& speech = std::get<Speech>(what);
  user_.hears(end, speech);
  if (auto* message = std::get_if<zab::Message>(&speech)) {
    user_.hand(to.server, zab::Received{to.id, std::move(*message)});
  } else {
    user_.hand_snapshot(to.server, to.id, std::get<Snapshot>(std::move(speech)));
  }
}

// This end is no more. What it said is still on its way.
void ZabLinks::hang_up(LinkEnd end) {
  End& gone = link_end(end);
  gone.state = State::kClosed;
  gone.coming.clear();
  by_server_[slot(gone.server)].erase(gone.id);
  user_.ended(end);
}

// What was not yet across when a link broke: none, some or all of it is lost.
void ZabLinks::cut_tail(LinkEnd end) {
  std::deque<Coming>& coming = link_end(end).coming;
  coming.resize(wires_.survivors(coming.size()));
}

// The end hears soon what it would else hear later, or never.
void ZabLinks::reset(LinkEnd end) {
  std::deque<Coming>& coming = link_end(end).coming;
  const Micros delay = wires_.delay();
  if (!coming.empty() && std::holds_alternative<Closed>(coming.back().what)) {
    if (coming.back().ready <= queue_.now() + delay) return;
    coming.pop_back();
    link_end(end).due = false;  // the event in the queue may be for then
  }
  push(end, Closed{}, delay);
}

void ZabLinks::sever(std::size_t number) {
  for (const Side side : {Side::kDialler, Side::kAcceptor}) {
    const LinkEnd end{number, side};
    if (link_end(end).state != State::kOpen) continue;
    cut_tail(end);
    push(end, Closed{}, wires_.delay());
  }
}

std::vector<LinkEnd> ZabLinks::ends_of(ServerId server) const {
  std::vector<LinkEnd> ends;
  for (const auto& [id, end] : by_server_[slot(server)]) ends.push_back(end);
  return ends;
}

std::vector<LinkEnd> ZabLinks::between(ServerId a, ServerId b) const {
  std::vector<LinkEnd> ends;
  for (const LinkEnd end : ends_of(a)) {
    if (peer(end) == b) ends.push_back(end);
  }
  // A link of which `a` has forgotten its end.
  for (const LinkEnd end : ends_of(b)) {
    if (peer(end) == a && link_end({end.number, other(end.side)}).state == State::kClosed) {
      ends.push_back(end);
    }
  }
  return ends;
}

}  // namespace paddock::test
