#include "tests/support/sim_ensemble.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/concat.h"

namespace paddock::test {

namespace {

int throwing_checks = 0;  // ThrowingChecks alive; simulations run on one thread

[[noreturn]] void throw_check(std::string_view what) {
  throw CheckFailed{std::string(what)};
}

WireSpeed calm() {
  return {};
}

DiskImage image_with(const std::vector<zab::Txn>& history) {
  DiskImage image;
  for (const zab::Txn& txn : history) image.log.append(txn);
  if (!history.empty()) image.accepted_epoch = image.current_epoch = history.back().zxid.epoch();
  return image;
}

// Two epochs, if there are enough of them.
std::vector<zab::Txn> history_of(std::size_t count) {
  std::vector<zab::Txn> txns;
  for (std::size_t i = 0; i < count; ++i) {
    const bool second = i >= count / 2;
    const std::size_t counter = second ? i - count / 2 + 1 : i + 1;
    const auto zxid = Zxid::make(Epoch{second ? 2 : 1}, static_cast<std::uint32_t>(counter));
    const Op op{SessionId{}, static_cast<std::int32_t>(i + 1), UINT64_MAX - i};
    txns.push_back({zxid, encode(op)});
  }
  return txns;
}

}  // namespace

ThrowingChecks::ThrowingChecks() {
  if (throwing_checks++ == 0) set_check_hook(throw_check);
}

ThrowingChecks::~ThrowingChecks() {
  if (--throwing_checks == 0) set_check_hook(nullptr);
}

// `address`: only where its line is to be read again.
zab::Member member_of(ServerId id, bool observer, bool address) {
  zab::Member member{.id = id, .observer = observer, .addresses = {}, .client = {}};
  const auto port = static_cast<std::uint16_t>(2000 + id.value);
  if (address) member.addresses.push_back({{"sim", port}, static_cast<std::uint16_t>(port + 1000)});
  return member;
}

std::shared_ptr<const zab::Ensemble> make_ensemble(std::size_t voters, std::size_t observers,
                                                   std::size_t groups, bool addresses) {
  auto ensemble = std::make_shared<zab::Ensemble>();
  for (std::size_t i = 0; i < groups; ++i) {
    ensemble->groups.push_back({static_cast<std::int64_t>(i + 1), {}});
  }
  for (std::size_t i = 0; i < voters + observers; ++i) {
    zab::Member member = member_of({static_cast<std::int64_t>(i + 1)}, i >= voters, addresses);
    if (!member.observer && groups > 0) ensemble->groups[i % groups].servers.push_back(member.id);
    ensemble->members.push_back(std::move(member));
  }
  return ensemble;
}

SimOptions SimOptions::random(std::uint64_t seed) {
  Prng random(mix64(seed));
  SimOptions options;
  options.seed = seed;
  constexpr std::size_t kVoters[] = {1, 2, 3, 3, 3, 3, 3, 4, 5, 5, 5, 7};
  options.voters = kVoters[random.below(std::size(kVoters))];
  options.observers = random.below(3) == 0 ? 1 + random.below(2) : 0;
  if (random.below(16) == 0) {
    options.groups = 3;
    options.voters = 9;
  }
  constexpr std::int64_t kTicks[] = {100, 500, 2000};
  constexpr std::int64_t kMaxNotifications[] = {1000, 5000, 60000};
  options.clocks_drift = random.below(4) == 0;
  options.timing.tick = {kTicks[random.below(std::size(kTicks))]};
  options.timing.init_limit = static_cast<std::int32_t>(random.between(5, 10));
  options.timing.sync_limit = static_cast<std::int32_t>(random.between(5, 8));
  options.timing.max_notification = {kMaxNotifications[random.below(std::size(kMaxNotifications))]};
  options.timing.finalize_wait = {random.below(2) == 0 ? 200 : 20};
  options.wires.latency_max = {random.between(200, 20'000)};
  options.wires.slow_ratio = random.below(2) == 0 ? 0 : random.ratio() * 0.1;
  options.wires.slow_max = {random.between(20'000, 2'000'000)};
  options.clients.clients = random.below(8);
  options.clients.pause_max = {random.between(2'000, 1'000'000)};
  options.host.disk_max = {random.between(500, 50'000)};
  options.host.group_commit = random.below(4) != 0;
  // Else a server that catches up never would: clients write faster than such a disk.
  if (!options.host.group_commit) options.host.disk_max = {500 + options.host.disk_max.value / 10};
  options.host.pump_txns = 1 + random.below(16);
  options.host.pump_max = {random.between(0, 20'000)};
  options.host.maintain_every = {random.below(4) == 0 ? 0 : random.between(100'000, 20'000'000)};
  options.history = random.below(2) == 0 ? 0 : random.below(200);
  if (Prng(mix64(seed) + 1).below(8) == 0) options.use_zxids_up();
  return options;
}

SimOptions SimOptions::random_whole(std::uint64_t seed) {
  SimOptions options = random(seed);
  Prng random(mix64(~seed));
  constexpr std::int64_t kTicks[] = {500, 1000, 2000};
  options.whole = true;
  options.history = 0;
  options.clients.clients = 0;
  const std::int64_t tick = kTicks[random.below(std::size(kTicks))];
  options.timing.tick = {tick};
  options.core.session_timeout_min = {2 * tick};
  options.core.session_timeout_max = {20 * tick};
  options.core.io_threads = 1 + static_cast<std::uint32_t>(random.below(2));
  options.core.wake_max = {random.between(50, 3000)};
  options.core.batch_one_in = 1 + random.below(8);
  options.core.container_check_interval = {random.between(500, 20'000)};
  options.core.enforce_quota = random.below(2) == 0;
  options.core_clients.clients = 1 + random.below(6);
  options.core_clients.pause_max = {random.between(20'000, 500'000)};
  options.core_clients.servers = options.voters + options.observers;
  if (options.uses_zxids_up()) {
    options.core_clients.pause_max = std::max(options.core_clients.pause_max, millis(300));
  }
  return options;
}

// Not faster than leaders can be elected.
void SimOptions::use_zxids_up() {
  epoch_txns_max = 100 + static_cast<std::uint32_t>(seed % 300);
  clients.pause_max = std::max(clients.pause_max, millis(500));
}

// Without groups, which no reconfig changes, and with servers that are in no configuration yet.
void SimOptions::use_changing_members(Prng& random) {
  groups = 0;
  voters = 2 + random.below(4);
  observers = random.below(2);
  joiners = 1 + random.below(2);
}

// All that can change, and often does.
SimOptions SimOptions::random_reconfig(std::uint64_t seed) {
  SimOptions options = random(seed);
  Prng random(mix64(seed ^ 0x7ec0));
  options.use_changing_members(random);
  options.reconfig_every = {random.between(100'000, 5'000'000)};
  options.epoch_txns_max = zab::kEpochTxnsMax;
  return options;
}

// By clients, who have no other way.
SimOptions SimOptions::random_whole_reconfig(std::uint64_t seed) {
  SimOptions options = random_whole(seed);
  Prng random(mix64(seed ^ 0x7ec1));
  options.use_changing_members(random);
  options.reconfig = true;
  options.core.standalone_enabled = random.below(4) != 0;
  options.core_clients.clients = std::max<std::size_t>(2, options.core_clients.clients);
  options.core_clients.reconfig_one_in = 5 + random.below(60);
  options.core_clients.servers = options.voters + options.observers + options.joiners;
  return options;
}

std::string SimOptions::describe() const {
  return concat("seed ", seed, ": ", voters, " voters, ", observers, " observers, ", groups,
                " groups, ", whole ? core_clients.clients : clients.clients, " clients, tick ",
                timing.tick.value, "ms, initLimit ", timing.init_limit, ", syncLimit ",
                timing.sync_limit, ", notifications up to ", timing.max_notification.value,
                "ms, latency up to ", wires.latency_max.value, "us, disk up to ",
                host.disk_max.value, "us, ", history, " transactions before",
                can_change()
                    ? concat(", ", joiners, " joiners, reconfig every ", reconfig_every.value, "us")
                    : "",
                clocks_drift ? ", clocks drift" : "",
                uses_zxids_up() ? concat(", ", epoch_txns_max, " transactions an epoch") : "",
                whole ? ", whole replicas" : "");
}

SimEnsemble::SimEnsemble(SimOptions options)
    : options_(std::move(options)),
      random_(options_.seed),
      ensemble_(make_ensemble(options_.voters, options_.observers, options_.groups,
                              options_.can_change())),
      trace_(options_.trace_kept),
      wires_(ensemble_->members.size() + options_.joiners, options_.wires, random_.fork()),
      mutator_(options_.host.mutation, random_.fork()),
      links_(queue_, wires_, *this, mutator_, random_.fork()),
      votes_(queue_, wires_, *this, random_.fork()),
      checkers_(*ensemble_, ensemble_->members.size() + options_.joiners),
      clients_(queue_, checkers_, options_.clients, random_.fork()),
      faults_({queue_, wires_, links_, votes_, trace_, checkers_, hosts_}, random_.fork()),
      operator_(mix64(options_.seed + 7)) {
  const std::vector<zab::Txn> history = history_of(options_.history);
  checkers_.preload(history);
  if (options_.whole) whole_ = std::make_unique<Whole>(*this);
  const HostWorld world{queue_, votes_, links_, checkers_, trace_, clients_};
  for (std::size_t i = 1; i <= ensemble_->members.size() + options_.joiners; ++i) {
    HostOptions host = options_.host;
    host.membership = {ServerId{static_cast<std::int64_t>(i)}, ensemble_, options_.timing,
                       options_.can_change()};
    host.membership.epoch_txns_max = options_.epoch_txns_max;
    if (options_.clocks_drift) host.clock_rate = random_.between(500'000, 2'000'000);
    if (whole_) {
      CoreHostOptions core = options_.core;
      core.wall_ahead_ms = random_.between(-options_.wall_skew_max_ms, options_.wall_skew_max_ms);
      hosts_.push_back(std::make_unique<CoreHost>(world, std::move(host), core,
                                                  CoreHost::Around{whole_->lines, whole_->checkers},
                                                  random_.fork()));
      continue;
    }
    hosts_.push_back(
        std::make_unique<ZabHost>(world, std::move(host), image_with(history), random_.fork()));
  }
}

SimEnsemble::Whole::Whole(SimEnsemble& sim)
    : checkers(sim.checkers_),
      lines(sim.queue_, sim, sim.options_.core_clients.delay_max,
            sim.options_.core_clients.lines_straggle, sim.random_.fork()),
      clients(sim.queue_, sim.trace_, lines, checkers, sim.options_.core_clients,
              sim.random_.fork()) {}

SimEnsemble::~SimEnsemble() = default;

void SimEnsemble::start() {
  std::vector<ClientService*> servers;
  for (const auto& host : hosts_) {
    host->start();
    servers.push_back(host.get());
  }
  if (options_.reconfig_every > Micros{}) {
    changes_ = true;
    queue_.put_in(options_.reconfig_every, SimKind::kReconfig, 0, 0);
  }
  clients_.start(std::move(servers));
  if (whole_) whole_->clients.start();
}

void SimEnsemble::inject(const FaultRates& rates) {
  rates_ = rates;
  faults_.inject(rates);
}

void SimEnsemble::stop_faults() {
  wires_.set_speed(calm());
  faults_.stop();
  changes_ = false;
  if (whole_) whole_->clients.stop_reconfigs();
  for (const auto& host : hosts_) host->hurry();
}

bool SimEnsemble::run_for(Micros span) {
  return run_until(queue_.now() + span);
}

bool SimEnsemble::run_until(Micros until) {
  const ThrowingChecks throwing;
  try {
    while (ok()) {
      const std::optional<SimEvent> event = queue_.take(until);
      if (!event) break;
      dispatch(*event);
    }
  } catch (const CheckFailed& failed) {
    checkers_.fail("check", ServerId{}, failed.what);
  }
  return ok();
}

// The `what` that has to come about, or else it is a violation of LV.
template <typename Done>
bool SimEnsemble::runs_until(const Done& done, Micros limit, std::string_view what) {
  while (ok() && !done() && queue_.now() < limit) {
    run_until(std::min(limit, queue_.now() + millis(20)));
  }
  if (ok() && !done()) checkers_.fail("LV", ServerId{}, what);
  return ok();
}

bool SimEnsemble::converges_within(Micros limit) {
  const Micros until = queue_.now() + limit;
  // What went wrong just before may not have been noticed yet.
  const zab::Timing& timing = options_.timing;
  if (!run_for(by_any_clock(timing.init_timeout().value + timing.sync_timeout().value))) {
    return false;
  }
  if (!runs_until([&] { return all_serve(); }, until, "not all serve under one leader")) {
    return false;
  }
  const std::uint64_t before = acknowledged();
  const bool writes = whole_ || options_.clients.clients > 0;
  if (!runs_until([&] { return !writes || acknowledged() > before; }, until,
                  "no write is acknowledged any more")) {
    return false;
  }
  if (whole_ && !stays_well()) return false;
  clients_.stop();
  if (whole_) whole_->clients.stop();
  if (!runs_until([&] { return waiting() == 0; }, std::max(until, queue_.now() + seconds(10)),
                  "a client waits for an answer")) {
    return false;
  }
  if (!runs_until([&] { return all_serve() && all_equal(); },
                  std::max(until, queue_.now() + seconds(10)), "the servers differ")) {
    return false;
  }
  if (whole_ && !sessions_end()) return false;
  // With what ended the sessions the epoch may have ended, too.
  if (options_.uses_zxids_up() &&
      !runs_until([&] { return all_serve(); }, queue_.now() + patience(),
                  "not all serve under one leader any more")) {
    return false;
  }
  // And so it stays: nobody loses a peer that is well.
  const ZabHost* leader = only_leader();
  const Epoch epoch = leader == nullptr ? Epoch{} : leader->epoch();
  if (!run_for(millis(3 * timing.sync_timeout().value))) return false;
  if (!all_serve() || only_leader()->epoch() != epoch) {
    checkers_.fail("LV", ServerId{}, "a leader is given up without a cause");
  }
  return ok();
}

// Some server takes another role, or none, whoever it is, as long as two vote.
void SimEnsemble::change_ensemble() {
  if (!changes_) return;
  const auto pause = operator_.between(0, 2 * options_.reconfig_every.value);
  queue_.put_in({pause}, SimKind::kReconfig, 0, 0);
  ZabHost& host = *hosts_[operator_.below(hosts_.size())];
  if (!host.running() || host.role() != zab::Role::kLeading) return;
  zab::Ensemble next = *host.replica()->configurations().committed;
  const zab::Member member =
      member_of({static_cast<std::int64_t>(1 + operator_.below(hosts_.size()))},
                operator_.below(4) == 0, true);
  const bool leaves = operator_.below(3) == 0;
  std::erase_if(next.members, [&](const zab::Member& m) { return m.id == member.id; });
  if (!leaves) next.members.push_back(member);
  std::ranges::sort(next.members, {}, &zab::Member::id);
  if (next.voters().size() >= 2) host.reconfigure(std::move(next));
}

// Clients go on, and none of them loses his session.
bool SimEnsemble::stays_well() {
  const bool is_well = !options_.clocks_drift && !options_.uses_zxids_up();
  if (is_well) whole_->clients.all_is_well();
  return run_for(millis(4 * options_.core_clients.timeout_max_ms));
}

// The clients leave, one way or the other, and nothing stays of them.
bool SimEnsemble::sessions_end() {
  whole_->clients.leave();
  const std::int64_t longest = std::max<std::int64_t>(options_.core_clients.timeout_max_ms,
                                                      options_.core.session_timeout_min.value);
  // A new leader, once the epoch's zxids are used up, gives each its whole timeout once more.
  const std::int64_t times = options_.uses_zxids_up() ? 2 : 1;
  const Micros limit =
      queue_.now() + by_any_clock(times * (longest + 3 * options_.timing.tick.value)) + seconds(5);
  const auto ended = [&] {
    const server::DataTree& tree = whole_->checkers.tree();
    return tree.session_count() == 0 && tree.ephemerals_count() == 0 && all_equal();
  };
  if (!runs_until(ended, limit, "sessions outlive their clients")) return false;
  for (const auto& host : hosts_) core_host(host->id()).compare();
  return ok();
}

std::uint64_t SimEnsemble::acknowledged() const {
  return whole_ ? whole_->clients.acknowledged() : clients_.acknowledged();
}

std::size_t SimEnsemble::waiting() const {
  return whole_ ? whole_->clients.waiting() : clients_.waiting();
}

Micros SimEnsemble::patience() const {
  const zab::Timing& timing = options_.timing;
  const std::int64_t waits =
      timing.max_notification.value + timing.init_timeout().value + timing.sync_timeout().value;
  return seconds(30) + millis((options_.clocks_drift ? 8 : 4) * waits);
}

const ZabHost* SimEnsemble::only_leader() const {
  const ZabHost* leader = nullptr;
  for (const auto& host : hosts_) {
    if (!host->running() || host->role() != zab::Role::kLeading) continue;
    if (leader != nullptr) return nullptr;
    leader = host.get();
  }
  return leader;
}

bool SimEnsemble::all_serve() const {
  const ZabHost* leader = only_leader();
  if (leader == nullptr) return false;
  return std::all_of(hosts_.begin(), hosts_.end(), [&](const auto& host) {
    if (!host->serves() || host->epoch() != leader->epoch()) return false;
    return host.get() == leader || host->leader() == leader->id();
  });
}

bool SimEnsemble::all_equal() const {
  const std::vector<Entry>& committed = checkers_.committed();
  const Entry last = committed.empty() ? Entry{} : committed.back();
  return std::all_of(hosts_.begin(), hosts_.end(), [&](const auto& host) {
    return host->state().size() == committed.size() && host->state().digest() == last.digest &&
           host->disk().image().last() == last.zxid && host->disk().pending().empty() &&
           host->replica()->outstanding() == 0;
  });
}

std::string SimEnsemble::report() const {
  std::string text =
      concat(options_.describe(), "\n", rates_.describe(), "\nafter ", queue_.now().value / 1000,
             "ms: ", checkers_.violation(), "\n", trace_.to_text());
  for (const auto& host : hosts_) text += concat(host->describe(), "\n");
  if (whole_) text += whole_->clients.describe();
  return text;
}

ZabHost& SimEnsemble::host(ServerId server) const {
  const auto i = static_cast<std::size_t>(server.value - 1);
  PADDOCK_CHECK(i < hosts_.size());
  return *hosts_[i];
}

void SimEnsemble::dispatch(const SimEvent& event) {
  const ServerId a{event.a};
  const ServerId b{static_cast<std::int64_t>(event.b)};
  switch (event.kind) {
    case SimKind::kTimer:
      return host(a).on_timer();
    case SimKind::kDisk:
      return host(a).on_disk(event.b);
    case SimKind::kPump:
      return host(a).on_pump(zab::LinkId{event.b});
    case SimKind::kMaintain:
      return host(a).on_maintain();
    case SimKind::kDial:
      return links_.on_dial(event.b);
    case SimKind::kDialFailed:
      return links_.on_dial_failed(event.b);
    case SimKind::kLink:
      return links_.on_link({event.b, static_cast<Side>(event.a)});
    case SimKind::kVoteDial:
      return votes_.on_dial(a, b);
    case SimKind::kVote:
      return votes_.on_vote(a, b);
    case SimKind::kVoteReady:
      return votes_.on_ready(a, b);
    case SimKind::kVoteNotice:
      return votes_.on_notice(a, event.b);
    case SimKind::kClient:
      return whole_ ? whole_->clients.on_client(event.a) : clients_.on_client(event.a);
    case SimKind::kFault:
      return faults_.on_fault();
    case SimKind::kRestart:
      return faults_.on_restart(a);
    case SimKind::kResume:
      return faults_.on_resume(a, event.b);
    case SimKind::kHeal:
      return faults_.on_heal(event.b);
    case SimKind::kDiskRecovers:
      return faults_.on_disk_recovers(a);
    case SimKind::kCore:
      return core_host(a).on_core(event.b);
    case SimKind::kIoMail:
      return core_host(a).on_io_mail(event.b);
    case SimKind::kIoTimer:
      return core_host(a).on_io_timer(event.b);
    case SimKind::kReconfig:
      return change_ensemble();
    case SimKind::kLineUp:
      return whole_->lines.on_up(event.b);
    case SimKind::kLineDown:
      return whole_->lines.on_down(event.b);
  }
}

Presence SimEnsemble::presence(ServerId server) const {
  return host(server).presence();
}

void SimEnsemble::hand(ServerId to, zab::Event event) {
  host(to).take(std::move(event));
}

void SimEnsemble::hand_snapshot(ServerId to, zab::LinkId link, Snapshot snapshot) {
  host(to).take_snapshot(link, std::move(snapshot));
}

void SimEnsemble::says(LinkEnd end, const Speech& speech) {
  checkers_.says(end, links_.server(end), links_.peer(end), speech);
}

void SimEnsemble::hears(LinkEnd end, const Speech& speech) {
  checkers_.hears(end, links_.server(end), speech);
}

void SimEnsemble::ended(LinkEnd end) {
  checkers_.ended(end);
}

void SimEnsemble::line_opened(ServerId server, LineId line) {
  core_host(server).line_opened(line);
}

void SimEnsemble::line_asks(ServerId server, LineId line, Bytes frames) {
  core_host(server).line_asks(line, frames);
}

void SimEnsemble::line_gone(ServerId server, LineId line) {
  core_host(server).line_gone(line);
}

void SimEnsemble::line_answers(std::uint32_t client, LineId line, ByteView frames) {
  whole_->clients.on_answers(client, line, frames);
}

void SimEnsemble::line_closed(std::uint32_t client, LineId line) {
  whole_->clients.on_closed(client, line);
}

}  // namespace paddock::test
