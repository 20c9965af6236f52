#include "common/metrics.h"

#include <algorithm>

#include "common/concat.h"

namespace paddock {

namespace {

enum class Unit { kPlain, kMicros };
enum class Detail { kHidden, kSimple, kAdvanced };

constexpr std::array<std::string_view, kCounters> kCounterNames = {
#define PADDOCK_NAME(enumerator, name) name,
    PADDOCK_COUNTERS(PADDOCK_NAME)
#undef PADDOCK_NAME
};

struct SummaryKind {
  std::string_view name;
  Unit unit;
  Detail detail;
};
constexpr std::array<SummaryKind, kSummaries> kSummaryKinds = {{
#define PADDOCK_KIND(enumerator, name, unit, detail) {name, Unit::unit, Detail::detail},
    PADDOCK_SUMMARIES(PADDOCK_KIND)
#undef PADDOCK_KIND
}};

const SummaryKind& kind_of(Summary summary) {
  return kSummaryKinds[static_cast<std::size_t>(summary)];
}

// Told by fields of their own in ServerStatus.
bool is_hidden(Counter counter) {
  return counter == Counter::kPacketsReceived || counter == Counter::kPacketsSent ||
         counter == Counter::kAuthFailed;
}

std::int64_t shown(std::int64_t value, Unit unit) {
  return unit == Unit::kMicros ? value / 1000 : value;
}

void add_percentiles(const HistogramSnapshot& values, const SummaryKind& kind,
                     MetricsSnapshot& to) {
  constexpr std::array<std::pair<std::string_view, double>, 4> kShares = {
      {{"p50_", 0.5}, {"p95_", 0.95}, {"p99_", 0.99}, {"p999_", 0.999}}};
  for (const auto& [prefix, share] : kShares) {
    to.push_back({concat(prefix, kind.name), shown(values.percentile(share), kind.unit)});
  }
}

void add_summary(const Metrics::Total& total, const SummaryKind& kind, MetricsSnapshot& to) {
  const double scale = kind.unit == Unit::kMicros ? 1e-3 : 1;
  to.push_back({concat("avg_", kind.name), total.average() * scale});
  to.push_back({concat("min_", kind.name), shown(total.min, kind.unit)});
  to.push_back({concat("max_", kind.name), shown(total.max, kind.unit)});
  to.push_back({concat("cnt_", kind.name), total.count});
  to.push_back({concat("sum_", kind.name), shown(total.sum, kind.unit)});
}

}  // namespace

std::string_view name_of(Counter counter) {
  return kCounterNames[static_cast<std::size_t>(counter)];
}

std::string_view name_of(Summary summary) {
  return kind_of(summary).name;
}

Counter counter_of(OpCode op) {
  switch (op) {
    case OpCode::kCreate:
    case OpCode::kCreate2:
    case OpCode::kCreateContainer:
    case OpCode::kCreateTtl:
      return Counter::kOpsCreate;
    case OpCode::kDelete:
    case OpCode::kDeleteContainer:
      return Counter::kOpsDelete;
    case OpCode::kExists:
      return Counter::kOpsExists;
    case OpCode::kGetData:
      return Counter::kOpsGetData;
    case OpCode::kSetData:
      return Counter::kOpsSetData;
    case OpCode::kGetChildren:
    case OpCode::kGetChildren2:
      return Counter::kOpsGetChildren;
    case OpCode::kGetAcl:
      return Counter::kOpsGetAcl;
    case OpCode::kSetAcl:
      return Counter::kOpsSetAcl;
    case OpCode::kMulti:
      return Counter::kOpsMulti;
    case OpCode::kMultiRead:
      return Counter::kOpsMultiRead;
    case OpCode::kCheck:
      return Counter::kOpsCheck;
    case OpCode::kSync:
      return Counter::kOpsSync;
    case OpCode::kPing:
      return Counter::kOpsPing;
    case OpCode::kReconfig:
      return Counter::kOpsReconfig;
    case OpCode::kAddWatch:
      return Counter::kOpsAddWatch;
    case OpCode::kCheckWatches:
      return Counter::kOpsCheckWatches;
    case OpCode::kRemoveWatches:
      return Counter::kOpsRemoveWatches;
    case OpCode::kSetWatches:
    case OpCode::kSetWatches2:
      return Counter::kOpsSetWatches;
    case OpCode::kCreateSession:
      return Counter::kOpsCreateSession;
    case OpCode::kCloseSession:
      return Counter::kOpsCloseSession;
    case OpCode::kGetEphemerals:
      return Counter::kOpsGetEphemerals;
    case OpCode::kGetAllChildrenNumber:
      return Counter::kOpsGetAllChildrenNumber;
    case OpCode::kWhoAmI:
      return Counter::kOpsWhoAmI;
    case OpCode::kNotification:
    case OpCode::kAuth:
    case OpCode::kSasl:
    case OpCode::kError:
      return Counter::kOpsTotal;
  }
  return Counter::kOpsTotal;
}

ThreadMetrics::~ThreadMetrics() {
  for (auto& histogram : histograms_) delete histogram.load(std::memory_order_relaxed);
}

void ThreadMetrics::record(Summary summary, std::int64_t value) {
  follow_reset();
  value = std::max<std::int64_t>(value, 0);
  const auto at = static_cast<std::size_t>(summary);
  if (kSummaryKinds[at].detail == Detail::kAdvanced) {
    Histogram* histogram = histograms_[at].load(std::memory_order_relaxed);
    if (histogram == nullptr) {
      histogram = new Histogram;
      histograms_[at].store(histogram, std::memory_order_release);
    }
    return histogram->record(value);
  }
  constexpr auto kRelaxed = std::memory_order_relaxed;
  Cell& cell = summaries_[at];
  const std::int64_t count = cell.count.load(kRelaxed);
  if (count == 0 || value < cell.min.load(kRelaxed)) cell.min.store(value, kRelaxed);
  if (value > cell.max.load(kRelaxed)) cell.max.store(value, kRelaxed);
  cell.sum.store(cell.sum.load(kRelaxed) + value, kRelaxed);
  cell.last.store(value, kRelaxed);
  cell.count.store(count + 1, kRelaxed);
}

void ThreadMetrics::clear() {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  const std::uint32_t generation = generation_.load(kRelaxed);
  for (auto& counter : counters_) counter.store(0, kRelaxed);
  for (Cell& cell : summaries_) {
    for (auto* value : {&cell.count, &cell.sum, &cell.min, &cell.max, &cell.last}) {
      value->store(0, kRelaxed);
    }
  }
  for (auto& histogram : histograms_) {
    if (Histogram* made = histogram.load(kRelaxed)) made->clear();
  }
  seen_.store(generation, std::memory_order_release);
}

ThreadMetrics& Metrics::new_thread() {
  const std::lock_guard lock(mutex_);
  return *threads_.emplace_back(std::make_unique<ThreadMetrics>(generation_));
}

std::int64_t Metrics::total(Counter counter) const {
  const std::lock_guard lock(mutex_);
  std::int64_t total = 0;
  for (const auto& thread : threads_) {
    if (!thread->is_current()) continue;
    total += thread->counters_[static_cast<std::size_t>(counter)].load(std::memory_order_relaxed);
  }
  return total;
}

Metrics::Total Metrics::total(Summary summary) const {
  const auto at = static_cast<std::size_t>(summary);
  Total total;
  if (kSummaryKinds[at].detail == Detail::kAdvanced) {
    const HistogramSnapshot values = distribution(summary);
    total.count = static_cast<std::int64_t>(values.count);
    total.sum = values.sum;
    total.min = values.min;
    total.max = values.max;
    return total;
  }
  constexpr auto kRelaxed = std::memory_order_relaxed;
  const std::lock_guard lock(mutex_);
  for (const auto& thread : threads_) {
    const ThreadMetrics::Cell& cell = thread->summaries_[at];
    const std::int64_t count = cell.count.load(kRelaxed);
    if (count == 0 || !thread->is_current()) continue;
    const std::int64_t min = cell.min.load(kRelaxed);
    total.min = total.count == 0 ? min : std::min(total.min, min);
    total.max = std::max(total.max, cell.max.load(kRelaxed));
    total.sum += cell.sum.load(kRelaxed);
    total.last = cell.last.load(kRelaxed);
    total.count += count;
  }
  return total;
}

HistogramSnapshot Metrics::distribution(Summary summary) const {
  const auto at = static_cast<std::size_t>(summary);
  HistogramSnapshot values;
  const std::lock_guard lock(mutex_);
  for (const auto& thread : threads_) {
    const Histogram* histogram = thread->histograms_[at].load(std::memory_order_acquire);
    if (histogram != nullptr && thread->is_current()) histogram->add_to(values);
  }
  return values;
}

MetricsSnapshot Metrics::snapshot() const {
  MetricsSnapshot lines;
  for (std::size_t i = 0; i < kCounters; ++i) {
    const auto counter = static_cast<Counter>(i);
    if (!is_hidden(counter)) lines.push_back({std::string(name_of(counter)), total(counter)});
  }
  for (std::size_t i = 0; i < kSummaries; ++i) {
    const SummaryKind& kind = kSummaryKinds[i];
    if (kind.detail == Detail::kHidden) continue;
    const auto summary = static_cast<Summary>(i);
    add_summary(total(summary), kind, lines);
    if (kind.detail == Detail::kAdvanced) add_percentiles(distribution(summary), kind, lines);
  }
  return lines;
}

}  // namespace paddock
