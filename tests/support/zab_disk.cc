#include "tests/support/zab_disk.h"

#include <utility>

#include "common/check.h"
#include "common/concat.h"

namespace paddock::test {

zab::WriteTicket DiskWrite::ticket() const {
  return std::visit([](const auto& write) { return write.ticket; }, what);
}

std::string to_string(const DiskWrite& write) {
  if (const auto* append = std::get_if<zab::Append>(&write.what)) {
    if (append->txns.empty()) return "append nothing";
    const std::string first = text_of(append->txns.front().zxid);
    if (append->txns.size() == 1) return concat("append ", first);
    return concat("append ", first, "..", text_of(append->txns.back().zxid));
  }
  if (const auto* truncate = std::get_if<zab::Truncate>(&write.what)) {
    return concat("truncate to ", text_of(truncate->upto));
  }
  if (const auto* install = std::get_if<DiskWrite::Install>(&write.what)) {
    return concat("snapshot of ", text_of(install->snapshot->last()));
  }
  if (const auto* accepted = std::get_if<zab::WriteAcceptedEpoch>(&write.what)) {
    return concat("acceptedEpoch=", accepted->epoch.value);
  }
  if (std::holds_alternative<zab::WriteConfigurations>(write.what)) return "configurations";
  return concat("currentEpoch=", std::get<zab::WriteCurrentEpoch>(write.what).epoch.value);
}

void ZabDisk::submit(DiskWrite write) {
  const bool is_epoch = std::holds_alternative<zab::WriteCurrentEpoch>(write.what);
  if (mutation_ == Mutation::kEpochFirst && is_epoch) put(write);
  pending_.push_back(std::move(write));
}

zab::WriteTicket ZabDisk::complete() {
  PADDOCK_CHECK(!pending_.empty());
  const DiskWrite write = std::move(pending_.front());
  pending_.pop_front();
  put(write);
  return write.ticket();
}

void ZabDisk::lose_power() {
  std::deque<DiskWrite> writes = std::exchange(pending_, {});
  for (std::uint64_t kept = random_.below(writes.size() + 1); kept > 0; --kept) {
    put(writes.front());
    writes.pop_front();
  }
  if (writes.empty()) return;
  put_in_part(writes.front());
  lose(writes);
}

void ZabDisk::checkpoint(const std::vector<Entry>& state, Zxid upto,
                         std::shared_ptr<const TreeImage> tree) {
  image_.checkpoint.tree = std::move(tree);
  const std::size_t count = count_upto(state, upto);
  const std::size_t had = image_.checkpoint.entries.size();
  PADDOCK_CHECK(had <= count);
  image_.checkpoint.entries.insert(image_.checkpoint.entries.end(),
                                   state.begin() + static_cast<std::ptrdiff_t>(had),
                                   state.begin() + static_cast<std::ptrdiff_t>(count));
}

void ZabDisk::put(const DiskWrite& write) {
  if (const auto* append = std::get_if<zab::Append>(&write.what)) {
    put_append(*append);
  } else if (const auto* truncate = std::get_if<zab::Truncate>(&write.what)) {
    put_truncate(*truncate);
  } else if (const auto* install = std::get_if<DiskWrite::Install>(&write.what)) {
    put_install(*install);
  } else if (const auto* accepted = std::get_if<zab::WriteAcceptedEpoch>(&write.what)) {
    if (mutation_ != Mutation::kLoseAcceptedEpoch) image_.accepted_epoch = accepted->epoch;
  } else if (const auto* config = std::get_if<zab::WriteConfigurations>(&write.what)) {
    image_.committed = config->committed;
    image_.last_seen = mutation_ == Mutation::kLoseProposedConfig ? nullptr : config->last_seen;
  } else if (mutation_ != Mutation::kLoseCurrentEpoch) {
    image_.current_epoch = std::get<zab::WriteCurrentEpoch>(write.what).epoch;
  }
  if (changed_) changed_(write);
}

void ZabDisk::put_append(const zab::Append& append) {
  while (!zombies_.empty()) {
    for (const zab::Txn& txn : zombies_.front().txns) image_.log.append(txn);
    zombies_.pop_front();
  }
  std::size_t count = append.txns.size();
  if (mutation_ == Mutation::kAppendLosesLast && count > 0 && random_.below(8) == 0) --count;
  for (std::size_t i = 0; i < count; ++i) image_.log.append(append.txns[i]);
}

void ZabDisk::put_truncate(const zab::Truncate& truncate) {
  if (mutation_ == Mutation::kTruncateNothing) return;
  image_.log.truncate(truncate.upto);
  const auto& txns = image_.log.txns();
  if (mutation_ == Mutation::kTruncateTooMuch && !txns.empty()) {
    image_.log.truncate(txns.size() > 1 ? txns[txns.size() - 2].txn.zxid : image_.log.start().zxid);
  }
}

void ZabDisk::put_install(const DiskWrite::Install& install) {
  if (mutation_ == Mutation::kSnapshotOnlyInMemory) return;
  image_.checkpoint = *install.snapshot;
  if (mutation_ == Mutation::kSnapshotKeepsLog) return;
  const std::vector<Entry>& entries = image_.checkpoint.entries;
  image_.log = ModelLog(entries.empty() ? Entry{} : entries.back());
}

// Only an append can be there in part: epoch files and snapshots are put in place by a rename, and
// a cut is one.
void ZabDisk::put_in_part(const DiskWrite& write) {
  const auto* append = std::get_if<zab::Append>(&write.what);
  if (append == nullptr || append->txns.empty()) return;
  const std::uint64_t count = random_.below(append->txns.size());
  if (count == 0) return;
  zab::Append part{append->ticket, {}};
  for (std::size_t i = 0; i < count; ++i) part.txns.push_back(append->txns[i]);
  put({std::move(part)});
}

void ZabDisk::lose(const std::deque<DiskWrite>& lost) {
  for (const DiskWrite& write : lost) {
    const auto* append = std::get_if<zab::Append>(&write.what);
    if (append == nullptr) continue;
    if (mutation_ == Mutation::kZombieWriter) zombies_.push_back(*append);
    if (mutation_ == Mutation::kCrashReorders && &write != &lost.front()) return put(write);
  }
}

}  // namespace paddock::test
