#include "tests/support/zab_faults.h"

#include <algorithm>
#include <array>
#include <string>

#include "common/check.h"
#include "common/concat.h"

namespace paddock::test {

namespace {

constexpr std::uint64_t kTornActionsMax = 40;

std::uint32_t number(ServerId server) {
  return static_cast<std::uint32_t>(server.value);
}

}  // namespace

FaultRates FaultRates::random(Prng& random) {
  FaultRates rates;
  for (double* rate : {&rates.stops, &rates.torn_steps, &rates.power_losses, &rates.disk_failures,
                       &rates.slow_disks, &rates.pauses, &rates.cuts, &rates.severs}) {
    if (random.below(2) == 0) *rate = 0.2 + random.ratio() * 8;
  }
  rates.leader_ratio = random.ratio();
  // Sometimes all is short, so that one thing follows close upon another.
  const std::int64_t most = random.below(2) == 0 ? 2'000'000 : 20'000'000;
  for (Micros* span : {&rates.down_max, &rates.slow_disk_max, &rates.pause_max, &rates.cut_max}) {
    *span = {random.between(100'000, most)};
  }
  if (random.below(3) == 0) rates.wipes = 1 + random.ratio() * 8;
  return rates;
}

std::string FaultRates::describe() const {
  return concat("faults a minute: stops ", std::to_string(stops), ", torn steps ",
                std::to_string(torn_steps), ", power losses ", std::to_string(power_losses),
                ", disk failures ", std::to_string(disk_failures), ", slow disks ",
                std::to_string(slow_disks), ", pauses ", std::to_string(pauses), ", cuts ",
                std::to_string(cuts), ", severs ", std::to_string(severs), ", wipes ",
                std::to_string(wipes));
}

void ZabFaults::inject(const FaultRates& rates) {
  const bool had_some = rates_.total() > 0;
  rates_ = rates;
  if (!had_some && rates.total() > 0) schedule();
}

void ZabFaults::stop() {
  rates_ = {};
  for (std::uint64_t i = 0; i < cuts_.size(); ++i) mend(i);
  for (const auto& host : world_.hosts) {
    on_restart(host->id());
    host->slow_disk(1);
    if (host->paused()) host->resume();
  }
}

void ZabFaults::on_fault() {
  if (rates_.total() <= 0) return;
  bring_about(choose());
  schedule();
}

void ZabFaults::on_restart(ServerId server) {
  ZabHost& stopped = host(server);
  stopped.spare();
  if (!stopped.running()) stopped.start();
}

void ZabFaults::on_resume(ServerId server, std::uint64_t pause) {
  ZabHost& paused = host(server);
  if (paused.paused() && pauses_[static_cast<std::size_t>(server.value - 1)] == pause) {
    paused.resume();
  }
}

void ZabFaults::on_heal(std::uint64_t cut) {
  mend(cut);
}

void ZabFaults::on_disk_recovers(ServerId server) {
  host(server).slow_disk(1);
}

std::uint64_t ZabFaults::cut(std::vector<Way> ways) {
  for (const auto& [from, to] : ways) {
    world_.trace.add({world_.queue.now(), TraceKind::kCut, from, to, 0, 0, {}});
    world_.wires.cut(from, to);
  }
  cuts_.push_back(std::move(ways));
  return cuts_.size() - 1;
}

void ZabFaults::mend(std::uint64_t cut) {
  PADDOCK_CHECK(cut < cuts_.size());
  const std::vector<Way> ways = std::exchange(cuts_[cut], {});
  for (const auto& [from, to] : ways) world_.wires.mend(from, to);
  for (const auto& [from, to] : ways) {
    world_.trace.add({world_.queue.now(), TraceKind::kMended, from, to, 0, 0, {}});
    world_.links.mended(from, to);
    world_.votes.mended(from, to);
  }
}

void ZabFaults::sever(ServerId a, ServerId b) {
  world_.trace.add({world_.queue.now(), TraceKind::kSevered, a, b, 0, 0, {}});
  world_.links.sever(a, b);
  world_.votes.sever(a, b);
}

// On average, and never far from it.
void ZabFaults::schedule() {
  const double mean = 60e6 / rates_.total();
  world_.queue.put_in({random_.between(1, static_cast<std::int64_t>(2 * mean))}, SimKind::kFault,
                      0);
}

ZabFaults::Fault ZabFaults::choose() {
  const std::array<std::pair<double, Fault>, 9> shares = {
      {{rates_.stops, Fault::kStop},
       {rates_.torn_steps, Fault::kTornStep},
       {rates_.power_losses, Fault::kPowerLoss},
       {rates_.disk_failures, Fault::kDiskFailure},
       {rates_.slow_disks, Fault::kSlowDisk},
       {rates_.pauses, Fault::kPause},
       {rates_.cuts, Fault::kCut},
       {rates_.severs, Fault::kSever},
       {rates_.wipes, Fault::kWipe}}};
  double left = random_.ratio() * rates_.total();
  for (const auto& [share, fault] : shares) {
    if (left < share) return fault;
    left -= share;
  }
  return Fault::kStop;
}

void ZabFaults::bring_about(Fault fault) {
  if (fault == Fault::kCut) return cut_some();
  if (fault == Fault::kSever) {
    const ServerId a = random_server(), b = random_server();
    if (a != b) sever(a, b);
    return;
  }
  ZabHost* victim = target();
  if (victim == nullptr) return;
  const std::uint32_t server = number(victim->id());
  switch (fault) {
    case Fault::kStop:
    case Fault::kPowerLoss:
      world_.queue.put_in(span(rates_.down_max), SimKind::kRestart, server);
      return victim->stop(fault == Fault::kPowerLoss);
    case Fault::kWipe:
      if (!may_be_wiped(*victim)) return;
      world_.queue.put_in(span(rates_.down_max), SimKind::kRestart, server);
      victim->stop(true);
      return victim->wipe();
    case Fault::kTornStep:
      world_.queue.put_in(span(rates_.down_max), SimKind::kRestart, server);
      return victim->stop_after_actions(random_.below(kTornActionsMax), random_.below(4) == 0);
    case Fault::kDiskFailure:
      world_.queue.put_in(span(rates_.down_max), SimKind::kRestart, server);
      return victim->fail_disk();
    case Fault::kSlowDisk:
      world_.queue.put_in(span(rates_.slow_disk_max), SimKind::kDiskRecovers, server);
      return victim->slow_disk(static_cast<double>(random_.between(10, 2000)));
    case Fault::kPause: {
      if (victim->paused()) return;
      pauses_.resize(world_.hosts.size());
      const std::uint64_t pause = ++pauses_[server - 1];
      world_.queue.put_in(span(rates_.pause_max), SimKind::kResume, server, pause);
      return victim->pause();
    }
    case Fault::kCut:
    case Fault::kSever:
      break;
  }
}

ZabHost* ZabFaults::target() {
  if (random_.chance(rates_.leader_ratio)) {
    for (const auto& host : world_.hosts) {
      if (host->running() && host->role() == zab::Role::kLeading) return host.get();
    }
  }
  ZabHost& any = host(random_server());
  return any.running() ? &any : nullptr;
}

// Not where it would be one loss too many: then no protocol could keep what was promised.
bool ZabFaults::may_be_wiped(const ZabHost& victim) const {
  const bool under_way = std::any_of(
      world_.hosts.begin(), world_.hosts.end(),
      [](const auto& host) { return host->running() && host->replica()->outstanding() > 0; });
  return !under_way && world_.checkers.may_lose(victim.id());
}

ServerId ZabFaults::random_server() {
  return world_.hosts[random_.below(world_.hosts.size())]->id();
}

// One server from all others, or one half from the other.
void ZabFaults::cut_some() {
  const ZabHost* chosen = target();
  const bool alone = random_.below(2) == 0;
  const std::uint64_t direction = random_.below(4);  // 0 outwards only, 1 inwards only, else both
  std::vector<bool> inside(world_.hosts.size());
  for (std::size_t i = 0; i < inside.size(); ++i) inside[i] = !alone && random_.below(2) == 0;
  if (chosen != nullptr) inside[static_cast<std::size_t>(chosen->id().value - 1)] = true;
  std::vector<Way> ways;
  for (const auto& from : world_.hosts) {
    for (const auto& to : world_.hosts) {
      const bool from_inside = inside[static_cast<std::size_t>(from->id().value - 1)];
      const bool to_inside = inside[static_cast<std::size_t>(to->id().value - 1)];
      if (from_inside == to_inside) continue;
      if ((direction == 0 && !from_inside) || (direction == 1 && from_inside)) continue;
      ways.emplace_back(from->id(), to->id());
    }
  }
  if (ways.empty()) return;
  // Some connections are given up while it lasts; the others wait for it to end.
  for (const auto& [from, to] : ways) {
    if (random_.below(3) == 0) sever(from, to);
  }
  world_.queue.put_in(span(rates_.cut_max), SimKind::kHeal, 0, cut(std::move(ways)));
}

// Short spans are as likely as long ones, of each order of magnitude.
Micros ZabFaults::span(Micros most) {
  const auto halvings = static_cast<int>(random_.below(8));
  return {random_.between(1000, std::max<std::int64_t>(1000, most.value >> halvings))};
}

ZabHost& ZabFaults::host(ServerId server) const {
  return *world_.hosts[static_cast<std::size_t>(server.value - 1)];
}

}  // namespace paddock::test
