#include "tests/support/client_lines.h"

#include <algorithm>
#include <utility>

namespace paddock::test {

namespace {
constexpr Micros kPausedRetry = millis(50);
constexpr Micros kStraggleMax = seconds(5);
}  // namespace

LineId ClientLines::dial(std::uint32_t client, ServerId server) {
  Line& line = lines_.emplace_back();
  line.client = client;
  line.server = server;
  const LineId id{lines_.size()};
  push(line.up, SimKind::kLineUp, id, Opened{}, delay());
  return id;
}

void ClientLines::ask(LineId id, Bytes frames) {
  push(at(id).up, SimKind::kLineUp, id, std::move(frames), delay());
}

void ClientLines::hang_up(LineId id) {
  Line& line = at(id);
  line.client_is_there = false;
  line.down.coming.clear();
  Micros late = delay();
  if (!straggles_) return push(line.up, SimKind::kLineUp, id, Ended{}, late);
  if (random_.below(3) == 0) {
    late = {random_.between(0, kStraggleMax.value)};
    for (Way::Coming& coming : line.up.coming) coming.ready = coming.ready + late;
  } else if (!line.up.coming.empty() && random_.below(2) == 0) {
    line.up.coming.resize(1 + random_.below(line.up.coming.size()));
  }
  push(line.up, SimKind::kLineUp, id, Ended{}, late);
}

void ClientLines::stall(LineId id, Micros span) {
  Line& line = at(id);
  line.up.stalled_until = line.down.stalled_until = queue_.now() + span;
}

void ClientLines::release(LineId id) {
  Line& line = at(id);
  line.up.stalled_until = line.down.stalled_until = {};
  queue_.put(queue_.now(), SimKind::kLineUp, 0, id.value);
  queue_.put(queue_.now(), SimKind::kLineDown, 0, id.value);
}

void ClientLines::answer(LineId id, Bytes frames) {
  Line& line = at(id);
  if (line.client_is_there) {
    push(line.down, SimKind::kLineDown, id, std::move(frames), delay());
  }
}

void ClientLines::close(LineId id) {
  Line& line = at(id);
  line.server_is_there = false;
  line.up.coming.clear();
  if (line.client_is_there) push(line.down, SimKind::kLineDown, id, Ended{}, delay());
}

void ClientLines::stop(ServerId server) {
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    Line& line = lines_[i];
    if (line.server != server || !line.server_is_there) continue;
    std::deque<Way::Coming>& coming = line.down.coming;
    if (straggles_) coming.resize(random_.below(coming.size() + 1));
    close(LineId{i + 1});
  }
}

void ClientLines::on_up(std::uint64_t number) {
  const LineId id{number};
  Said what;
  if (user_.is_paused(at(id).server)) {
    return queue_.put_in(kPausedRetry, SimKind::kLineUp, 0, number);
  }
  if (!take(at(id).up, SimKind::kLineUp, id, what)) return;
  Line& line = at(id);
  if (std::holds_alternative<Opened>(what)) {
    if (!user_.listens(line.server)) return close(id);
    line.server_is_there = true;
    return user_.line_opened(line.server, id);
  }
  if (!line.server_is_there) return;
  if (auto* frames = std::get_if<Bytes>(&what)) {
    return user_.line_asks(line.server, id, std::move(*frames));
  }
  line.server_is_there = false;
  user_.line_gone(line.server, id);
}

void ClientLines::on_down(std::uint64_t number) {
  const LineId id{number};
  Said what;
  if (!take(at(id).down, SimKind::kLineDown, id, what)) return;
  Line& line = at(id);
  if (!line.client_is_there) return;
  if (const auto* frames = std::get_if<Bytes>(&what)) {
    return user_.line_answers(line.client, id, *frames);
  }
  line.client_is_there = false;
  user_.line_closed(line.client, id);
}

void ClientLines::push(Way& way, SimKind kind, LineId line, Said what, Micros delay) {
  Micros ready = queue_.now() + delay;
  if (!way.coming.empty()) ready = std::max(ready, way.coming.back().ready);
  way.coming.push_back({std::move(what), ready});
  if (way.due) return;
  way.due = true;
  queue_.put(way.coming.front().ready, kind, 0, line.value);
}

// The first that comes, if it is there by now; the next one is arranged for.
bool ClientLines::take(Way& way, SimKind kind, LineId line, Said& what) {
  way.due = false;
  if (way.coming.empty()) return false;
  const Micros ready = std::max(way.coming.front().ready, way.stalled_until);
  const bool is_there = ready <= queue_.now();
  if (is_there) {
    what = std::move(way.coming.front().what);
    way.coming.pop_front();
  }
  if (!way.coming.empty()) {
    way.due = true;
    queue_.put(std::max({queue_.now(), way.coming.front().ready, way.stalled_until}), kind, 0,
               line.value);
  }
  return is_there;
}

}  // namespace paddock::test
