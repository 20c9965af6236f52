#include "server/request/session_order.h"

#include <utility>

#include "common/check.h"

namespace paddock::server {

void SessionOrder::hold(Kind kind, RequestHeader header, Bytes frame) {
  PADDOCK_CHECK(in_flight() != 0);  // otherwise nothing would ever wake it
  held_.push_back({kind, header, std::move(frame)});
}

void SessionOrder::on_reply() {
  PADDOCK_CHECK(unanswered_ != 0);
  --unanswered_;
}

std::optional<SessionOrder::Held> SessionOrder::next() {
  if (held_count() == 0) return std::nullopt;
  Held& front = held_[first_];
  if (front.kind == Kind::kLocal && unanswered_ != 0) return std::nullopt;
  if (front.kind == Kind::kCore) ++unanswered_;
  Held held = std::move(front);
  ++first_;
  if (first_ == held_.size()) {
    held_ = {};
    first_ = 0;
  }
  return held;
}

}  // namespace paddock::server
