#include "server/tree/acl_table.h"

#include <algorithm>

#include "common/check.h"

namespace paddock::server {

namespace {
bool same(ByteView a, ByteView b) {
  return std::ranges::equal(a, b);
}
}  // namespace

AclRef make_acl_entry(std::uint32_t number, AclBytes acl) {
  auto entry = std::make_shared<AclEntry>();
  entry->number = number;
  entry->encoded.assign(acl.encoded.begin(), acl.encoded.end());
  entry->entries = decode_acl(acl);
  for (const Acl& each : entry->entries) {
    if (each.id.scheme == "world" && each.id.id == "anyone") entry->anyone |= each.perms;
  }
  return entry;
}

AclTable::AclTable() {
  slots_.push_back({make_acl_entry(0, open_acl()), 1});
}

std::uint32_t AclTable::acquire(AclBytes acl) {
  constexpr std::uint8_t kNull[] = {0xff, 0xff, 0xff, 0xff};
  const ByteView bytes = acl.encoded;
  if (bytes.empty() || same(bytes, kNull) || same(bytes, slots_[0].entry->encoded)) return 0;
  if (slots_[last_].users == 0 || !same(bytes, slots_[last_].entry->encoded)) {
    const auto known = by_bytes_.find(as_chars(bytes));
    last_ = known != by_bytes_.end() ? known->second : add(acl);
  }
  ++slots_[last_].users;
  return last_;
}

std::uint32_t AclTable::add(AclBytes acl) {
  auto number = static_cast<std::uint32_t>(slots_.size());
  if (free_.empty()) {
    slots_.emplace_back();
  } else {
    number = free_.back();
    free_.pop_back();
  }
  slots_[number].entry = make_acl_entry(number, acl);
  by_bytes_.emplace(as_chars(slots_[number].entry->encoded), number);
  return number;
}

void AclTable::release(std::uint32_t number) {
  if (number == 0) return;
  Slot& slot = slots_[number];
  PADDOCK_CHECK(slot.users > 0);
  if (--slot.users > 0) return;
  by_bytes_.erase(as_chars(slot.entry->encoded));
  slot.entry.reset();
  free_.push_back(number);
}

}  // namespace paddock::server
