#include "server/core/reaper.h"

#include <algorithm>
#include <utility>

namespace paddock::server {

namespace {
constexpr std::int64_t kMinuteUs = 60'000'000;
}

Reaper::Reaper(const DataTree& tree, ReaperOptions options, Millis now)
    : tree_(tree),
      options_(options),
      spacing_us_(kMinuteUs / std::clamp<std::int64_t>(options.max_per_minute, 1, kMinuteUs)),
      next_check_(now + options.interval) {}

void Reaper::take_due(Millis now, WallMillis wall, std::vector<std::string>& paths) {
  const std::int64_t now_us = now.value * 1000;
  if (found_.empty() && now >= next_check_) {
    const auto most = static_cast<std::size_t>(kMinuteUs / spacing_us_);
    found_ = tree_.reapable(wall, options_.never_used, most);
    std::reverse(found_.begin(), found_.end());
    next_check_ = now + options_.interval;
    next_release_us_ = std::max(next_release_us_, now_us);
  }
  while (!found_.empty() && next_release_us_ <= now_us) {
    paths.push_back(std::move(found_.back()));
    found_.pop_back();
    next_release_us_ += spacing_us_;
  }
}

Millis Reaper::next_deadline() const {
  if (found_.empty()) return next_check_;
  return Millis{(next_release_us_ + 999) / 1000};
}

}  // namespace paddock::server
