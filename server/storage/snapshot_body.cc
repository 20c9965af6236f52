#include "server/storage/snapshot_body.h"

#include <algorithm>

#include "common/check.h"
#include "common/concat.h"
#include "common/records.h"

namespace paddock::server {

namespace {

constexpr std::size_t kStatBytes = 60;

const Bytes& closed_acl() {
  static const Bytes acl = encode_acl({Acl{0, Id{"world", "anyone"}}});
  return acl;
}

}  // namespace

Result<void> TreeLoader::on_session(SessionId id, std::int32_t timeout_ms) {
  tree_.load_session(id, timeout_ms);
  return {};
}

Result<void> TreeLoader::on_node(std::string_view path, const StatPersisted& stat, std::int64_t,
                                 AclBytes acl, std::optional<ByteView> data) {
  return tree_.load_node(path, stat, acl, data);
}

// Steps through one entry. Once something is short, nothing more is there, and short() says how
// much the entry needs at least.
class SnapshotBodyReader::Cursor {
 public:
  explicit Cursor(ByteView bytes) : bytes_(bytes) {}

  bool has(std::size_t n) {
    if (needed_ != 0) return false;
    if (bytes_.size() - at_ >= n) return true;
    needed_ = at_ + n;
    return false;
  }
  ByteView take(std::size_t n) {  // has(n)
    at_ += n;
    return bytes_.subspan(at_ - n, n);
  }
  std::int32_t take_int() { return static_cast<std::int32_t>(load_be32(take(4).data())); }
  std::int64_t take_long() { return static_cast<std::int64_t>(load_be64(take(8).data())); }
  ByteView taken_from(std::size_t start) const { return bytes_.subspan(start, at_ - start); }

  std::size_t at() const { return at_; }
  std::size_t needed() const { return needed_; }  // 0: the entry was whole

 private:
  ByteView bytes_;
  std::size_t at_ = 0;
  std::size_t needed_ = 0;
};

Error SnapshotBodyReader::malformed(std::string_view what) const {
  return Error{Code::kMalformed, concat("byte ", offset_, ": ", what)};
}

Error SnapshotBodyReader::too_large(std::string_view what, std::uint64_t bytes) const {
  return Error{Code::kTooLarge, concat("byte ", offset_, ": ", what, " of ", bytes,
                                       " bytes, the limit is ", field_bytes_max_)};
}

Result<std::size_t> SnapshotBodyReader::take(ByteView piece) {
  if (pending_.empty()) {
    PADDOCK_TRY(const std::size_t taken, take_entries(piece));
    if (done()) return taken;
    pending_.assign(piece.begin() + static_cast<std::ptrdiff_t>(taken), piece.end());
    return piece.size();
  }
  // First only as much as ends the entry that has begun: the rest is read from where it is.
  std::size_t used = 0;
  while (used < piece.size() && !pending_.empty()) {
    PADDOCK_CHECK(needed_ > pending_.size());
    const std::size_t more = std::min(piece.size() - used, needed_ - pending_.size());
    append(pending_, piece.subspan(used, more));
    used += more;
    if (pending_.size() < needed_) continue;
    PADDOCK_TRY(const std::size_t taken, take_entries(pending_));
    PADDOCK_CHECK(taken == 0 || taken == pending_.size());
    if (taken != 0) pending_.clear();
  }
  if (done() || used == piece.size()) return used;
  PADDOCK_TRY(const std::size_t taken, take(piece.subspan(used)));
  return used + taken;
}

// Whole ones from the front; how many bytes they have.
Result<std::size_t> SnapshotBodyReader::take_entries(ByteView bytes) {
  std::size_t taken = 0;
  while (!done()) {
    Cursor cursor(bytes.subspan(taken));
    PADDOCK_TRY_DO(take_entry(cursor));
    needed_ = cursor.needed();
    if (needed_ != 0) break;
    taken += cursor.at();
    offset_ += cursor.at();
  }
  return taken;
}

Result<void> SnapshotBodyReader::take_entry(Cursor& cursor) {
  switch (part_) {
    case Part::kSessionCount:
      return take_count(cursor, Part::kSessions);
    case Part::kSessions:
      return take_session(cursor);
    case Part::kAclCount:
      return take_count(cursor, Part::kAcls);
    case Part::kAcls:
      return take_acl(cursor);
    case Part::kNodes:
      return take_node(cursor);
    case Part::kDone:
      break;
  }
  return {};
}

void SnapshotBodyReader::skip_empty_parts() {
  if (left_ != 0) return;
  if (part_ == Part::kSessions) part_ = Part::kAclCount;
  if (part_ == Part::kAcls) part_ = Part::kNodes;
}

Result<void> SnapshotBodyReader::take_count(Cursor& cursor, Part next) {
  if (!cursor.has(4)) return {};
  left_ = cursor.take_int();
  if (left_ < 0) {
    return malformed(concat(left_, next == Part::kSessions ? " sessions" : " ACLs"));
  }
  part_ = next;
  skip_empty_parts();
  return {};
}

Result<void> SnapshotBodyReader::take_session(Cursor& cursor) {
  if (!cursor.has(12)) return {};
  const SessionId id{cursor.take_long()};
  const std::int32_t timeout_ms = cursor.take_int();
  PADDOCK_TRY_DO(visitor_.on_session(id, timeout_ms));
  ++sessions_;
  --left_;
  skip_empty_parts();
  return {};
}

// A length and that many bytes; nullopt: null, or short.
Result<std::optional<ByteView>> SnapshotBodyReader::take_field(Cursor& cursor) const {
  if (!cursor.has(4)) return std::optional<ByteView>();
  const std::int32_t length = cursor.take_int();
  if (length == -1) return std::optional<ByteView>();
  if (length < 0) return malformed(concat("a field of ", length, " bytes"));
  const auto bytes = static_cast<std::uint32_t>(length);
  if (bytes > field_bytes_max_) return too_large("a field", bytes);
  if (!cursor.has(bytes)) return std::optional<ByteView>();
  return std::optional(cursor.take(bytes));
}

Result<void> SnapshotBodyReader::take_acl(Cursor& cursor) {
  if (!cursor.has(12)) return {};
  const std::int64_t key = cursor.take_long();
  const std::size_t start = cursor.at();
  const std::int32_t entries = cursor.take_int();
  for (std::int32_t i = 0; i < entries && cursor.has(4); ++i) {
    cursor.take(4);                         // permissions
    for (int text = 0; text < 2; ++text) {  // scheme, id
      PADDOCK_TRY([[maybe_unused]] const auto field, take_field(cursor));
    }
    if (cursor.at() - start > field_bytes_max_) return too_large("an ACL", cursor.at() - start);
  }
  if (cursor.needed() != 0) return {};
  const ByteView encoded = cursor.taken_from(start);
  JuteReader check(encoded);
  if (const auto acl = read_acl(check); !acl) return malformed(acl.error().message);
  acls_[key].assign(encoded.begin(), encoded.end());
  ++acls_count_;
  --left_;
  skip_empty_parts();
  return {};
}

AclBytes SnapshotBodyReader::acl_for(std::int64_t key) const {
  if (key == kOpenAclKey) return open_acl();
  const auto found = acls_.find(key);
  return AclBytes{found == acls_.end() ? ByteView(closed_acl()) : ByteView(found->second)};
}

Result<void> SnapshotBodyReader::take_node(Cursor& cursor) {
  PADDOCK_TRY(const std::optional<ByteView> path, take_field(cursor));
  if (cursor.needed() != 0) return {};
  if (!path) return malformed("a node without a path");
  if (as_chars(*path) == kSnapshotEndPath) {
    part_ = Part::kDone;
    acls_.clear();
    return {};
  }
  PADDOCK_TRY(const std::optional<ByteView> data, take_field(cursor));
  if (!cursor.has(8 + kStatBytes)) return {};
  const std::int64_t acl_key = cursor.take_long();
  JuteReader stat_reader(cursor.take(kStatBytes));
  PADDOCK_TRY(const StatPersisted stat, read_stat_persisted(stat_reader));
  if (const auto seen = visitor_.on_node(as_chars(*path), stat, acl_key, acl_for(acl_key), data);
      !seen) {
    return malformed(seen.error().message);
  }
  ++nodes_;
  return {};
}

void write_snapshot_node(JuteWriter& to, std::string_view path, std::optional<ByteView> data,
                         std::int64_t acl_key, const StatPersisted& stat) {
  to.write_string(path);
  to.write_buffer(data);
  to.write_long(acl_key);
  write(to, stat);
}

}  // namespace paddock::server
