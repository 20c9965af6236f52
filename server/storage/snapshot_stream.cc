#include "server/storage/snapshot_stream.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "common/check.h"
#include "common/concat.h"
#include "common/jute.h"

namespace paddock::server {

namespace {

constexpr std::array<std::uint8_t, 14> kSignature = {0,   0,   0,   10,  'B', 'e', 'n',
                                                     'W', 'a', 's', 'H', 'e', 'r', 'e'};
// Entries of one look into the checkpoint.
constexpr std::size_t kNodesAtOnce = 16;
constexpr std::size_t kSessionsAtOnce = 1024;
constexpr std::size_t kNodesLookedAtAtOnce = 4096;

bool is_open(AclBytes acl) {
  return std::ranges::equal(acl.encoded, open_acl().encoded);
}

}  // namespace

Result<bool> SnapshotEncoder::next(Bytes& to, std::size_t bytes_wanted) {
  const std::size_t enough = to.size() + bytes_wanted;
  while (part_ != Part::kEnd && to.size() < enough) {
    const bool silent = part_ == Part::kCountSessions || part_ == Part::kFindAcls;
    PADDOCK_TRY_DO(step(to));
    if (silent) break;
  }
  return part_ != Part::kEnd;
}

Result<void> SnapshotEncoder::step(Bytes& to) {
  switch (part_) {
    case Part::kCountSessions:
      return count_sessions(to);
    case Part::kSessions:
      return write_sessions(to);
    case Part::kFindAcls:
      return find_acls();
    case Part::kAcls:
      write_acls(to);
      return {};
    case Part::kNodes:
      return write_nodes(to);
    case Part::kEnd:
      break;
  }
  return {};
}

Result<void> SnapshotEncoder::count_sessions(Bytes& to) {
  const auto count = [this](const StoredSession&) -> Result<void> {
    PADDOCK_CHECK(sessions_ < std::numeric_limits<std::int32_t>::max());
    ++sessions_;
    return {};
  };
  PADDOCK_TRY(const bool more, view_->read_sessions(kNodesLookedAtAtOnce, count));
  if (more) return {};
  JuteWriter(to).write_int(sessions_);
  part_ = Part::kSessions;
  return {};
}

Result<void> SnapshotEncoder::write_sessions(Bytes& to) {
  JuteWriter writer(to);
  const auto write = [&](const StoredSession& session) -> Result<void> {
    writer.write_long(session.id.value);
    writer.write_int(session.timeout_ms);
    return {};
  };
  PADDOCK_TRY(const bool more, view_->read_sessions(kSessionsAtOnce, write));
  if (!more) part_ = Part::kFindAcls;
  return {};
}

// ZooKeeper's number for an ACL, given when it is first met.
std::int64_t SnapshotEncoder::key_of(AclBytes acl) {
  if (is_open(acl)) return kOpenAclKey;
  const auto next = static_cast<std::int64_t>(acl_keys_.size()) + 1;
  return acl_keys_.try_emplace(std::string(as_chars(acl.encoded)), next).first->second;
}

Result<void> SnapshotEncoder::find_acls() {
  const auto look = [this](std::string_view, const StoredNode& node) -> Result<void> {
    key_of(node.acl);
    return {};
  };
  PADDOCK_TRY(const bool more, view_->read_nodes(kNodesLookedAtAtOnce, look));
  if (!more) part_ = Part::kAcls;
  return {};
}

void SnapshotEncoder::write_acls(Bytes& to) {
  JuteWriter writer(to);
  writer.write_int(static_cast<std::int32_t>(acl_keys_.size()));
  for (const auto& [encoded, key] : acl_keys_) {
    writer.write_long(key);
    writer.write_raw(as_bytes(encoded));
  }
  part_ = Part::kNodes;
}

Result<void> SnapshotEncoder::write_nodes(Bytes& to) {
  JuteWriter writer(to);
  const auto write = [&](std::string_view path, const StoredNode& node) -> Result<void> {
    write_snapshot_node(writer, path, node.data, key_of(node.acl), node.stat);
    return {};
  };
  const std::size_t acls = acl_keys_.size();
  PADDOCK_TRY(const bool more, view_->read_nodes(kNodesAtOnce, write));
  PADDOCK_CHECK(acl_keys_.size() == acls);  // it is the same snapshot of LevelDB
  if (more) return {};
  writer.write_string(kSnapshotEndPath);
  writer.write_raw(kSignature);
  part_ = Part::kEnd;
  return {};
}

Result<std::size_t> SnapshotDecoder::take(ByteView piece) {
  std::size_t taken = 0;
  if (!body_.done()) {
    PADDOCK_TRY(taken, body_.take(piece));
    if (!body_.done()) return taken;
  }
  for (; taken < piece.size() && !done(); ++taken, ++signature_taken_) {
    if (piece[taken] != kSignature[signature_taken_]) {
      return Error{Code::kMalformed, "the snapshot does not end with BenWasHere"};
    }
  }
  return taken;
}

bool SnapshotDecoder::done() const {
  return body_.done() && signature_taken_ == kSignature.size();
}

std::unique_ptr<DataTree> SnapshotDecoder::finish(Zxid zxid) {
  PADDOCK_CHECK(done());
  PADDOCK_CHECK(tree_ != nullptr);
  tree_->finish_load(zxid);
  return std::move(tree_);
}

}  // namespace paddock::server
