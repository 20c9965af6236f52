// What a simulated client knows of its watches: which event each change owes it.
#include <algorithm>
#include <utility>

#include "common/concat.h"
#include "server/tree/watch_table.h"
#include "tests/support/core_client.h"
#include "tests/support/requests.h"

namespace paddock::test {

namespace {

constexpr std::int32_t kAnyWatch = 3;  // of removeWatches

bool is_below(const std::string& path, const std::string& top) {
  return top == "/" || path == top || (path.starts_with(top) && path[top.size()] == '/');
}

}  // namespace

void CoreClient::add_watch(const std::string& path, std::int32_t mode) {
  Asked asked{0, OpCode::kAddWatch, path, true, mode, {}, 0};
  ask(std::move(asked), path_type_record(path, mode));
}

void CoreClient::remove_watches(const std::string& path) {
  ask(OpCode::kRemoveWatches, path, path_type_record(path, kAnyWatch));
}

void CoreClient::set_watches() {
  WatchLists lists;
  for (const auto& [path, watches] : watches_) {
    if (watches.data) lists.data.push_back(path);
    if (watches.exist) lists.exist.push_back(path);
    if (watches.child) lists.child.push_back(path);
    if (watches.persistent) lists.persistent.push_back(path);
    if (watches.recursive) lists.recursive.push_back(path);
  }
  watches_set_ = false;
  relative_ = seen_;
  const OpCode op = lists.has_lasting() ? OpCode::kSetWatches2 : OpCode::kSetWatches;
  send(request_frame(kXidSetWatches, op, set_watches_record(seen_, lists)));
}

void CoreClient::watch(const Asked& asked, const ReplyHeader& header) {
  const bool is_there = header.error == ErrorCode::kOk;
  const bool waits = header.error == ErrorCode::kNoNode && asked.op == OpCode::kExists;
  if (!asked.watch || (!is_there && !waits)) return;
  Watches& watches = watches_[asked.path];
  (asked.op == OpCode::kGetChildren2 ? watches.child
   : is_there                        ? watches.data
                                     : watches.exist) = true;
}

void CoreClient::take_watch_op(const Asked& asked, const ReplyHeader& header) {
  if (asked.op == OpCode::kAddWatch) {
    if (header.error != ErrorCode::kOk) return fail("WA", "a watch is refused");
    using Mode = server::AddWatchMode;
    Watches& watches = watches_[asked.path];
    (Mode{asked.mode} == Mode::kPersistent ? watches.persistent : watches.recursive) = true;
    return;
  }
  const bool had_some = watches_.erase(asked.path) > 0;
  if (header.error != (had_some ? ErrorCode::kOk : ErrorCode::kNoWatcher)) {
    fail("WA",
         concat("removes its watches of ", asked.path, " and is told ", name_of(header.error)));
  }
}

// Source: client-protocol.md section 11. One event to one client, however many of its watches a
// change concerns; and none of what it may not read, by which those that fire once are used up,
// too.
bool CoreClient::fires(const Occurrence& occurrence) {
  const bool of_children = occurrence.type == EventType::kNodeChildrenChanged;
  bool due = false;
  if (const auto found = watches_.find(occurrence.path); found != watches_.end()) {
    Watches& watches = found->second;
    due = watches.persistent;
    if (of_children) {
      due = std::exchange(watches.child, false) || due;
    } else {
      due = std::exchange(watches.data, false) || due;
      due = std::exchange(watches.exist, false) || due;
      const bool is_gone = occurrence.type == EventType::kNodeDeleted;
      if (is_gone) due = std::exchange(watches.child, false) || due;
    }
    due = due || (watches.recursive && !of_children);
    if (watches.empty()) watches_.erase(found);
  }
  if (!occurrence.readable && !is_operator_) return false;
  return due || (!of_children && std::ranges::any_of(watches_, [&](const auto& each) {
           return each.second.recursive && is_below(occurrence.path, each.first);
         }));
}

// A reply shows all up to there: nothing of it may be owed still.
void CoreClient::check_events(Zxid shown) {
  const std::vector<Occurrence>& all = world_.checkers.occurrences();
  if (!watches_set_) return;
  for (; occurrences_ < all.size() && all[occurrences_].zxid <= shown; ++occurrences_) {
    const Occurrence& missed = all[occurrences_];
    if (watches_.empty() || !fires(missed)) continue;
    return fail("WA", concat("a reply at ", text_of(shown), " before the event of ", missed.path,
                             " at ", text_of(missed.zxid)));
  }
}

void CoreClient::take_event(JuteReader& reader, Zxid zxid) {
  const Result<WatcherEvent> event = read_watcher_event(reader);
  if (!event) return fail("WA", "an event that is none");
  ++world_.events;
  const std::string path(event->path);
  trace(TraceKind::kFires, static_cast<std::uint64_t>(event->type),
        static_cast<std::uint64_t>(zxid.value), world_.tells ? path : std::string());
  if (zxid == Zxid{-1} && !watches_set_) {
    caught_up_.insert({event->type, path});
    return;
  }
  const std::vector<Occurrence>& all = world_.checkers.occurrences();
  while (occurrences_ < all.size() && all[occurrences_].zxid <= zxid) {
    const Occurrence& next = all[occurrences_++];
    if (!fires(next)) continue;
    if (next.zxid == zxid && next.type == event->type && next.path == path) return;
    return fail("WA", concat("an event of ", path, ", ", name_of(event->type), " at ",
                             text_of(zxid), ", and it waits for ", next.path, ", ",
                             name_of(next.type), " at ", text_of(next.zxid)));
  }
  fail("WA", concat("an event of ", path, ", ", name_of(event->type), " at ", text_of(zxid),
                    ", that no watch of its own waited for"));
}

// What it missed is what has become of each node since it last saw anything.
void CoreClient::take_set_watches(const ReplyHeader& header) {
  const Zxid now = header.zxid;
  if (now > world_.checkers.last()) return fail("CNL", "its watches are set ahead of all");
  std::multiset<Event> expected;
  for (auto at = watches_.begin(); at != watches_.end();) {
    const std::string& path = at->first;
    Watches& watches = at->second;
    const NodeState state = world_.checkers.state(path, now);
    const auto settle = [&](bool& set, std::optional<EventType> event) {
      if (!set || !event) return;
      expected.insert({*event, path});
      set = false;
    };
    const auto changed = [&](Zxid last, EventType event) {
      return !state.exists      ? std::optional(EventType::kNodeDeleted)
             : last > relative_ ? std::optional(event)
                                : std::nullopt;
    };
    std::optional<EventType> of_data = changed(state.stat.mzxid, EventType::kNodeDataChanged);
    const bool is_config = path == server::kConfigNode;
    if (is_config && !of_data && world_.checkers.reconfigs().may_have_changed(relative_)) {
      const Event told{EventType::kNodeDataChanged, path};
      if (caught_up_.contains(told)) of_data = told.type;
    }
    settle(watches.data, of_data);
    settle(watches.exist, state.exists ? std::optional(EventType::kNodeCreated) : std::nullopt);
    settle(watches.child, changed(state.stat.pzxid, EventType::kNodeChildrenChanged));
    at = watches.empty() ? watches_.erase(at) : std::next(at);
  }
  if (expected != caught_up_) {
    return fail("WA", concat("its watches are set again with ", caught_up_.size(),
                             " events, and it missed ", expected.size()));
  }
  caught_up_.clear();
  const std::vector<Occurrence>& all = world_.checkers.occurrences();
  while (occurrences_ < all.size() && all[occurrences_].zxid <= now) ++occurrences_;
  watches_set_ = true;
  take_zxid(now);
}

}  // namespace paddock::test
