#pragma once

#include <cstdint>
#include <deque>
#include <iterator>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "common/check.h"
#include "server/core/core_action.h"

namespace paddock::server {

// Numbers the requests of all connections 1, 2, 3 ... as they come.
struct RequestNumber {
  std::uint64_t value = 0;
  friend constexpr auto operator<=>(RequestNumber, RequestNumber) = default;
};

// Keeps the replies of one connection in the order of its requests where a sync is among them: a
// later write may be committed before a quorum has confirmed the leader.
//
// Thread: the core thread.
class ReplyOrder {
 public:
  // `sync` is under way on this connection: what is asked after it is answered after it.
  void expect(ConnectionId connection, RequestNumber sync) {
    open_[connection].push_back({sync, std::nullopt});
  }

  void add(RequestNumber number, Reply reply, std::vector<ClientAction>& out) {
    const auto found = open_.empty() ? open_.end() : open_.find(reply.connection);
    if (found == open_.end() || number < found->second.front().number) {
      out.emplace_back(std::move(reply));
      return;
    }
    std::deque<Slot>& slots = found->second;
    auto at = slots.end();
    while (at != slots.begin() && std::prev(at)->number > number) --at;
    slots.insert(at, {number, std::move(reply)});
  }

  // The oldest reply that waits behind the oldest sync of that connection.
  const Reply* first_held(ConnectionId connection) const {
    const auto found = open_.find(connection);
    if (found == open_.end()) return nullptr;
    for (const Slot& slot : found->second) {
      if (slot.reply) return &*slot.reply;
    }
    return nullptr;
  }

  // The reply of the oldest sync of its connection; nothing if that was forgotten.
  void fill(Reply reply, std::vector<ClientAction>& out) {
    const auto found = open_.find(reply.connection);
    if (found == open_.end()) return;
    std::deque<Slot>& slots = found->second;
    PADDOCK_CHECK(!slots.front().reply);
    slots.front().reply = std::move(reply);
    for (; !slots.empty() && slots.front().reply; slots.pop_front()) {
      out.emplace_back(std::move(*slots.front().reply));
    }
    if (slots.empty()) open_.erase(found);
  }

  void forget(ConnectionId connection) { open_.erase(connection); }
  void clear() { open_.clear(); }

 private:
  struct Slot {
    RequestNumber number;
    std::optional<Reply> reply;  // none: a sync under way
  };
  // By number; the first one is under way.
  std::map<ConnectionId, std::deque<Slot>> open_;
};

}  // namespace paddock::server
