#include "server/tree/dirty.h"

#include "common/check.h"

namespace paddock::server {

std::optional<DirtyNode>& DirtyNodes::at(std::string_view path, std::uint64_t hash) {
  const std::uint32_t place =
      index_.find(hash, [&](std::uint32_t i) { return entries_[i - 1].first == path; });
  if (place != 0) return entries_[place - 1].second;
  entries_.emplace_back(path, std::nullopt);
  index_.insert(hash, static_cast<std::uint32_t>(entries_.size()));
  return entries_.back().second;
}

DirtyNodes::const_iterator DirtyNodes::find(std::string_view path) const {
  const std::uint32_t place = index_.find(hash_of_path(path, hash_seed_), [&](std::uint32_t i) {
    return entries_[i - 1].first == path;
  });
  return place == 0 ? end() : begin() + (place - 1);
}

const std::optional<DirtyNode>& DirtyNodes::at(std::string_view path) const {
  const const_iterator entry = find(path);
  PADDOCK_CHECK(entry != end());
  return entry->second;
}

}  // namespace paddock::server
