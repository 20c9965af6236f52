// What SessionCore does with requests and with the frames that answer them.
#include <algorithm>
#include <iterator>
#include <utility>

#include "client/session_core.h"
#include "common/check.h"
#include "common/concat.h"

namespace paddock::client {

namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kRequestHeaderBytes = 8;
constexpr std::size_t kReplyHeaderBytes = 16;

// A handshake's answer has 36 or 37 bytes; more is not spoken by any server.
constexpr std::size_t kHandshakeReplyBytesMax = 1024;

// Ended requests that are kept in the queue for nothing.
constexpr std::size_t kEndedUnsentMax = 1024;

// A buffer that has grown larger for one reply is not kept.
constexpr std::size_t kBufferKept = 1 << 20;

bool is_asked_again(const Request& request) {
  return request.harmless || request.op == OpCode::kAuth || request.op == OpCode::kRemoveWatches ||
         request.op == OpCode::kCloseSession;
}

void patch_last_int(Bytes& body, std::int32_t value) {
  PADDOCK_CHECK(body.size() >= 4);
  store_be32(body.data() + body.size() - 4, static_cast<std::uint32_t>(value));
}

error_code refused(ErrorCode code) {
  if (code == ErrorCode::kOk) return {};
  return {static_cast<int>(code), refused_category()};
}

}  // namespace

// ---- What goes in

void SessionCore::on(Submit&& event, Actions& actions) {
  Request& request = event.request;
  const auto refuse = [&](NotSent error) {
    actions.push_back(Complete{std::move(request.operation), error, {}, last_zxid_});
  };
  if (phase_ == Phase::kEnded) return refuse(ending(state_).not_sent);
  if (closing_) return refuse(NotSent::closed);
  if (live_ >= settings_.max_pending || queue_.size() >= 2 * settings_.max_pending) {
    return refuse(NotSent::overloaded);
  }
  if (request.body.size() + kRequestHeaderBytes > settings_.max_request_bytes) {
    return refuse(NotSent::too_large);
  }
  PADDOCK_CHECK(request.id > last_id_);
  last_id_ = request.id;
  earliest_deadline_ = std::min(earliest_deadline_, request.deadline);
  queue_.emplace_back().request = std::move(request);
  ++live_;
}

void SessionCore::on(Cancel&& event, Actions& actions) {
  const auto found = std::lower_bound(
      queue_.begin(), queue_.end(), event.id,
      [](const Pending& pending, RequestId id) { return pending.request.id < id; });
  if (found == queue_.end() || found->request.id != event.id || found->is_internal) return;
  end_unanswered(*found, {NotSent::cancelled, MaybeApplied::cancelled}, actions);
  forget_ended_unsent();
}

void SessionCore::on(DropWatch&& event, Actions&) {
  watches_.drop(event.path, event.watcher);
}

// The server's watch of this path serves nobody any more.
void SessionCore::submit_removal(const std::string& path) {
  if (closing_) return;
  Pending& pending = queue_.emplace_back();
  pending.is_internal = true;
  pending.request.id = last_id_;
  pending.request.op = OpCode::kRemoveWatches;
  JuteWriter writer(pending.request.body);
  write(writer, PathTypeRequest{path, static_cast<std::int32_t>(WatchKind::kAny)});
  pending.request.watch = WatchRemoval{WatchKind::kAny, path};
}

// ---- What goes out

bool SessionCore::has_output() const {
  if (phase_ == Phase::kHandshake) return !control_.empty();
  return is_up() && (!control_.empty() || sent_ < queue_.size());
}

bool SessionCore::take_output(Bytes& out, std::size_t bytes_max, Millis now) {
  now_ = std::max(now, now_);
  if (!has_output()) return false;
  const std::size_t start = out.size();
  append(out, control_);
  control_.clear();
  while (is_up() && sent_ < queue_.size() && out.size() - start < bytes_max) send_next(out);
  if (out.size() == start) return false;
  last_sent_ = now_;
  return true;
}

void SessionCore::send_next(Bytes& out) {
  Pending& pending = queue_[sent_++];
  if (pending.ended && ended_unsent_ > 0) --ended_unsent_;
  if (pending.ended || pending.answered || !prepare_watch(pending)) return;
  Request& request = pending.request;
  if (request.op == OpCode::kAuth) {
    pending.xid = kXidAuth;
  } else {
    last_xid_ = last_xid_ == INT32_MAX ? 1 : last_xid_ + 1;
    pending.xid = last_xid_;
  }
  if (request.op == OpCode::kCloseSession) close_sent_ = true;

  const std::size_t at = out.size();
  out.resize(at + kLengthBytes + kRequestHeaderBytes + request.body.size());
  std::uint8_t* to = out.data() + at;
  store_be32(to, static_cast<std::uint32_t>(kRequestHeaderBytes + request.body.size()));
  store_be32(to + 4, static_cast<std::uint32_t>(pending.xid));
  store_be32(to + 8, static_cast<std::uint32_t>(request.op));
  std::copy(request.body.begin(), request.body.end(), to + 12);
  if (!is_asked_again(request)) Bytes().swap(request.body);
}

// What the request does to the watches that the server has. False: it is not sent.
bool SessionCore::prepare_watch(Pending& pending) {
  Request& request = pending.request;
  if (const auto* left = std::get_if<WatchRegistration>(&request.watch)) {
    const WatchRegistry::Asking asking = watches_.begin(left->slot, left->path);
    if (is_lasting(left->slot)) {
      patch_last_int(request.body, asking.mode);
      pending.watch_mode = asking.mode;
    } else {
      PADDOCK_CHECK(!request.body.empty());
      request.body.back() = asking.served ? 0 : 1;
    }
    return true;
  }
  const auto* removal = std::get_if<WatchRemoval>(&request.watch);
  if (!removal) return true;
  if (pending.is_internal) {
    pending.ended = !watches_.is_idle(removal->path);
    if (!pending.ended) watches_.unset_on_server(removal->path);
    return !pending.ended;
  }
  switch (watches_.removal(removal->kind, removal->path)) {
    case WatchRegistry::Removal::kHere:
      pending.answered = true;
      return false;
    case WatchRegistry::Removal::kAsAsked:
      patch_last_int(request.body, static_cast<std::int32_t>(removal->kind));
      return true;
    case WatchRegistry::Removal::kWholePath:
      patch_last_int(request.body, static_cast<std::int32_t>(WatchKind::kAny));
      watches_.unset_on_server(removal->path);
      return true;
  }
  return true;
}

// ---- What comes in

void SessionCore::on(Received&& event, Actions& actions) {
  if (event.attempt != attempt_ || (phase_ != Phase::kHandshake && !is_up())) return;
  last_received_ = now_;
  if (take_frames(event.bytes, actions)) pop_answered(actions);
}

// False: the connection has ended.
bool SessionCore::check_length(std::uint32_t length, Actions& actions) {
  if (phase_ == Phase::kHandshake) {
    if (length <= kHandshakeReplyBytesMax) return true;
    return broken("it answers like no ZooKeeper server", std::nullopt, actions);
  }
  if (length <= settings_.max_reply_bytes) return true;
  return broken(concat("a reply of ", length, " bytes, and ", settings_.max_reply_bytes,
                       " are the most that is accepted"),
                NotSent::too_large, actions);
}

// All frames that are whole with these bytes; what has begun is kept. False: the connection has
// ended.
bool SessionCore::take_frames(ByteView bytes, Actions& actions) {
  while (!partial_.empty()) {
    const auto fill_up_to = [&](std::size_t size) {
      const std::size_t more = std::min(size - partial_.size(), bytes.size());
      append(partial_, bytes.first(more));
      bytes = bytes.subspan(more);
      return partial_.size() == size;
    };
    if (partial_.size() < kLengthBytes && !fill_up_to(kLengthBytes)) return true;
    const std::uint32_t length = load_be32(partial_.data());
    if (!check_length(length, actions)) return false;
    if (!fill_up_to(kLengthBytes + length)) return true;
    straddled_.swap(partial_);
    if (partial_.capacity() > kBufferKept) Bytes().swap(partial_);
    partial_.clear();
    if (!on_frame(ByteView(straddled_).subspan(kLengthBytes), actions)) return false;
  }
  while (bytes.size() >= kLengthBytes) {
    const std::uint32_t length = load_be32(bytes.data());
    if (!check_length(length, actions)) return false;
    if (bytes.size() - kLengthBytes < length) break;
    if (!on_frame(bytes.subspan(kLengthBytes, length), actions)) return false;
    bytes = bytes.subspan(kLengthBytes + length);
  }
  partial_.assign(bytes.begin(), bytes.end());
  return true;
}

bool SessionCore::on_frame(ByteView frame, Actions& actions) {
  if (phase_ == Phase::kHandshake) return on_handshake(frame, actions);
  if (frame.size() < kReplyHeaderBytes) {
    return broken(concat("a frame of ", frame.size(), " bytes, too short for a header"),
                  NotSent::malformed_reply, actions);
  }
  const ReplyHeader header{
      static_cast<std::int32_t>(load_be32(frame.data())),
      Zxid{static_cast<std::int64_t>(load_be64(frame.data() + 4))},
      ErrorCode{static_cast<std::int32_t>(load_be32(frame.data() + 12))},
  };
  const ByteView record = frame.subspan(kReplyHeaderBytes);
  switch (header.xid) {
    case kXidNotification:
      return on_notification(header, record, actions);
    case kXidPing:
      failures_ = 0;
      return true;
    case kXidAuth:
      return on_auth_reply(header, actions);
    case kXidSetWatches:
      return on_set_watches_reply(header, actions);
    default:
      return on_reply(header, record, actions);
  }
}

// Its zxid is not taken for seen: of one transaction there may be events yet to come, which a
// setWatches is to bring if the connection ends between them.
bool SessionCore::on_notification(const ReplyHeader& header, ByteView record, Actions& actions) {
  JuteReader reader(record);
  const auto event = read_watcher_event(reader);
  if (!event || !event->path.starts_with('/')) {
    return broken("a watch event that does not parse", std::nullopt, actions);
  }
  const EventType type{static_cast<EventType>(event->type)};
  if (type < EventType::kNodeCreated || type > EventType::kNodeChildrenChanged) return true;
  for (WatchRegistry::Telling& telling : watches_.take(type, event->path)) {
    WatchEvent told{telling.type, state_, chroot_.to_client(telling.path), header.zxid.value};
    actions.push_back(Fire{std::move(telling.watchers), std::move(told)});
  }
  return true;
}

// Servers answer it at once, before what was asked earlier.
bool SessionCore::on_auth_reply(const ReplyHeader& header, Actions& actions) {
  const bool ok = header.error == ErrorCode::kOk;
  const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(sent_);
  auto asked = end;
  if (auth_replies_due_ > 0) {
    --auth_replies_due_;
  } else {
    asked = std::find_if(queue_.begin(), end,
                         [](const Pending& p) { return p.xid == kXidAuth && !p.answered; });
    if (asked == end) return broken("an answer to no credentials", std::nullopt, actions);
  }
  if (!ok) {
    for (auto earlier = queue_.begin(); asked != end && earlier != asked; ++earlier) {
      if (earlier->answered) end_unanswered(*earlier, ending(State::kAuthFailed), actions);
    }
    if (asked != end && !asked->ended) complete(*asked, refused(header.error), {}, {}, actions);
    end_session(State::kAuthFailed,
                concat(to_string(server_), " has refused the credentials: ", name_of(header.error)),
                actions);
    return false;
  }
  if (asked == end) return true;
  if (std::find(auths_.begin(), auths_.end(), asked->request.body) == auths_.end()) {
    auths_.push_back(asked->request.body);
  }
  asked->answered = true;
  return true;
}

bool SessionCore::on_set_watches_reply(const ReplyHeader& header, Actions& actions) {
  if (set_watches_due_ == 0) {
    return broken("an answer to a setWatches that was not sent", std::nullopt, actions);
  }
  --set_watches_due_;
  if (header.error == ErrorCode::kOk) return true;
  // A server from before 3.6, amid others. It closes the connection, too.
  if (header.error == ErrorCode::kUnimplemented) {
    if (std::vector<WatcherPtr> lasting = watches_.take_lasting(); !lasting.empty()) {
      actions.push_back(Unwatched{std::move(lasting), Refused::unimplemented});
    }
  }
  return broken(concat("it does not restore the watches: ", name_of(header.error)), std::nullopt,
                actions);
}

bool SessionCore::on_reply(const ReplyHeader& header, ByteView record, Actions& actions) {
  pop_answered(actions);
  if (sent_ == 0) return broken("an answer, and nothing was asked", std::nullopt, actions);
  Pending& asked = queue_.front();
  if (asked.xid != header.xid) {
    return broken(concat("an answer to request ", header.xid, ", and ", asked.xid, " is due"),
                  NotSent::malformed_reply, actions);
  }
  failures_ = 0;
  last_zxid_ = std::max(last_zxid_, header.zxid);
  if (asked.request.op == OpCode::kCloseSession) {
    close_confirmed_ = header.error == ErrorCode::kOk;
    end_session(State::kClosed, "closed", actions);
    return false;
  }
  const ErrorCode code = settle_watch(asked, header.error, actions);
  if (!asked.ended && !asked.is_internal) {
    complete(asked, refused(code), code == ErrorCode::kOk ? record : ByteView(), header.zxid,
             actions);
  }
  queue_.pop_front();
  --sent_;
  return true;
}

// What the answer means for the watches, and what it is then.
ErrorCode SessionCore::settle_watch(Pending& pending, ErrorCode code, Actions& actions) {
  if (auto* left = std::get_if<WatchRegistration>(&pending.request.watch)) {
    const bool missing = code == ErrorCode::kNoNode && pending.request.op == OpCode::kExists;
    if ((code == ErrorCode::kOk || missing) && !pending.ended) {
      const bool is_there = left->slot == WatchSlot::kExist && !missing;
      watches_.add(is_there ? WatchSlot::kData : left->slot, left->path, std::move(left->watcher));
    }
    if (is_lasting(left->slot) && code == ErrorCode::kOk) {
      watches_.confirm(left->path, pending.watch_mode);
    }
    watches_.end(left->path);
    return code;
  }
  const auto* removal = std::get_if<WatchRemoval>(&pending.request.watch);
  if (removal && pending.xid != 0) watches_.confirm_unset(removal->path);
  if (!removal || pending.is_internal) return code;
  if (code != ErrorCode::kOk && code != ErrorCode::kNoWatcher) return code;
  std::vector<WatcherPtr> removed = watches_.remove(removal->kind, removal->path);
  if (removed.empty()) return code;
  actions.push_back(Unwatched{std::move(removed), {}});
  return ErrorCode::kOk;
}

// ---- How requests end

void SessionCore::complete(Pending& pending, error_code error, ByteView reply, Zxid zxid,
                           Actions& actions) {
  actions.push_back(Complete{std::move(pending.request.operation), error, reply, zxid});
  pending.ended = true;
  PADDOCK_CHECK(live_ > 0);
  --live_;
}

// Without the answer that is due, if one is. Nothing where it has ended already.
void SessionCore::end_unanswered(Pending& pending, Ending ending, Actions& actions) {
  if (pending.ended || pending.is_internal) return;
  const bool sent = pending.xid != 0;
  error_code error = ending.not_sent;
  if (sent && pending.answered) {
    error = {};
  } else if (sent && !pending.request.harmless) {
    error = ending.maybe_applied;
  }
  complete(pending, error, {}, last_zxid_, actions);
  if (pending.request.op != OpCode::kAuth) Bytes().swap(pending.request.body);  // see its reply
  if (auto* left = std::get_if<WatchRegistration>(&pending.request.watch)) left->watcher.reset();
  if (!sent) ++ended_unsent_;
}

// Those at the front that wait for nothing.
void SessionCore::pop_answered(Actions& actions) {
  while (sent_ > 0 && (queue_.front().xid == 0 || queue_.front().answered)) {
    Pending& first = queue_.front();
    if (!first.ended && first.answered) {
      ErrorCode code = ErrorCode::kOk;
      if (first.xid == 0) code = settle_watch(first, ErrorCode::kNoWatcher, actions);
      complete(first, refused(code), {}, last_zxid_, actions);
    }
    queue_.pop_front();
    --sent_;
  }
}

// What was sent and not answered: asked again in its order, or ended.
void SessionCore::requeue_after_loss(Actions& actions) {
  std::deque<Pending> kept;
  for (std::size_t i = 0; i < queue_.size(); ++i) {
    Pending& pending = queue_[i];
    const bool sent = i < sent_;
    const bool is_close = pending.request.op == OpCode::kCloseSession;
    if (pending.ended || (pending.is_internal && !is_close)) continue;
    if (sent && pending.xid != 0 && !pending.answered && !is_asked_again(pending.request)) {
      end_unanswered(pending, {NotSent::connection_loss, MaybeApplied::connection_loss}, actions);
      continue;
    }
    const bool is_authenticated = pending.answered && pending.xid != 0;
    if (!is_authenticated) {
      pending.answered = false;
      pending.xid = 0;
    }
    kept.push_back(std::move(pending));
  }
  queue_ = std::move(kept);
  sent_ = 0;
  ended_unsent_ = 0;
}

void SessionCore::end_all(Ending ending, Actions& actions) {
  for (Pending& pending : queue_) end_unanswered(pending, ending, actions);
  queue_.clear();
  sent_ = 0;
  ended_unsent_ = 0;
  PADDOCK_CHECK(live_ == 0);
}

void SessionCore::end_overdue(Actions& actions) {
  earliest_deadline_ = kNever;
  for (Pending& pending : queue_) {
    if (pending.ended || pending.is_internal) continue;
    if (pending.request.deadline <= now_) {
      end_unanswered(pending, {NotSent::timed_out, MaybeApplied::timed_out}, actions);
    } else {
      earliest_deadline_ = std::min(earliest_deadline_, pending.request.deadline);
    }
  }
  forget_ended_unsent();
}

void SessionCore::forget_ended_unsent() {
  if (ended_unsent_ <= live_ + kEndedUnsentMax) return;
  const auto unsent = queue_.begin() + static_cast<std::ptrdiff_t>(sent_);
  queue_.erase(std::remove_if(unsent, queue_.end(), [](const Pending& p) { return p.ended; }),
               queue_.end());
  ended_unsent_ = 0;
}

}  // namespace paddock::client
