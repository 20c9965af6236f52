#include "tests/support/zab_model.h"

#include <algorithm>

#include "common/bytes.h"
#include "common/check.h"
#include "common/concat.h"
#include "tests/support/prng.h"

namespace paddock::test {

namespace {
constexpr std::size_t kOpBytes = 20;
}  // namespace

std::shared_ptr<const Bytes> encode(const Op& op) {
  auto bytes = std::make_shared<Bytes>(kOpBytes);
  store_be64(bytes->data(), static_cast<std::uint64_t>(op.session.value));
  store_be32(bytes->data() + 8, static_cast<std::uint32_t>(op.cxid));
  store_be64(bytes->data() + 12, op.value);
  return bytes;
}

std::optional<Op> decode_op(const std::shared_ptr<const Bytes>& payload) {
  if (payload == nullptr || payload->size() != kOpBytes) return std::nullopt;
  const std::uint8_t* bytes = payload->data();
  return Op{SessionId{static_cast<std::int64_t>(load_be64(bytes))},
            static_cast<std::int32_t>(load_be32(bytes + 8)), load_be64(bytes + 12)};
}

std::uint64_t extend(std::uint64_t digest, const zab::Txn& txn) {
  digest = mix64(digest + 0x9e3779b97f4a7c15 + static_cast<std::uint64_t>(txn.zxid.value));
  const Bytes& payload = *txn.payload;
  for (const std::uint8_t byte : payload) digest = digest * 0x100000001b3 + byte;
  return mix64(digest + payload.size());
}

std::size_t count_upto(const std::vector<Entry>& entries, Zxid zxid) {
  const auto above =
      std::upper_bound(entries.begin(), entries.end(), zxid,
                       [](Zxid wanted, const Entry& entry) { return wanted < entry.zxid; });
  return static_cast<std::size_t>(above - entries.begin());
}

bool StateMachine::apply(const zab::Txn& txn) {
  if (txn.zxid <= last()) return false;
  entries_.push_back({txn.zxid, extend(digest(), txn)});
  return true;
}

void StateMachine::roll_back(Zxid upto) {
  entries_.resize(count_upto(entries_, upto));
}

void ModelLog::append(const zab::Txn& txn) {
  txns_.push_back({txn, extend(last().digest, txn)});
}

void ModelLog::truncate(Zxid upto) {
  txns_.erase(txns_.begin() + static_cast<std::ptrdiff_t>(index_after(upto)), txns_.end());
}

void ModelLog::trim(Zxid start) {
  PADDOCK_CHECK(start >= start_.zxid);
  const std::size_t gone = index_after(start);
  if (gone == 0) return;
  start_ = {txns_[gone - 1].txn.zxid, txns_[gone - 1].digest};
  txns_.erase(txns_.begin(), txns_.begin() + static_cast<std::ptrdiff_t>(gone));
}

Entry ModelLog::last() const {
  if (txns_.empty()) return start_;
  return {txns_.back().txn.zxid, txns_.back().digest};
}

std::size_t ModelLog::index_after(Zxid zxid) const {
  const auto above =
      std::upper_bound(txns_.begin(), txns_.end(), zxid,
                       [](Zxid wanted, const Logged& logged) { return wanted < logged.txn.zxid; });
  return static_cast<std::size_t>(above - txns_.begin());
}

bool ModelLog::holds(const Entry& entry) const {
  if (entry == start_) return true;
  const std::size_t after = index_after(entry.zxid);
  if (after == 0) return false;
  const Logged& found = txns_[after - 1];
  return found.txn.zxid == entry.zxid && found.digest == entry.digest;
}

bool DiskImage::holds(const Entry& entry) const {
  if (entry == Entry{} || log.holds(entry)) return true;  // all begin with nothing
  const std::size_t count = count_upto(checkpoint.entries, entry.zxid);
  return count > 0 && checkpoint.entries[count - 1] == entry;
}

std::vector<Entry> DiskImage::recover() const {
  std::vector<Entry> state = checkpoint.entries;
  const Zxid covered = checkpoint.last();
  const auto& txns = log.txns();
  for (std::size_t i = log.index_after(covered); i < txns.size(); ++i) {
    state.push_back({txns[i].txn.zxid, txns[i].digest});
  }
  return state;
}

std::string text_of(Zxid zxid) {
  return concat("0x", hex(static_cast<std::uint64_t>(zxid.value)));
}

}  // namespace paddock::test
