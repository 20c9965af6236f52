#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include "common/acl.h"
#include "common/bytes.h"
#include "common/ids.h"
#include "common/jute.h"
#include "common/result.h"
#include "server/tree/data_tree.h"

// The body of a ZooKeeper snapshot: sessions, ACLs, nodes and a "/". A file has it between a header
// and a checksum, a SNAP stream as it is. Source: ZooKeeper 3.8, util/SerializeUtils.java and
// DataTree.serialize; storage-format.md section 3; peer-protocol.md B1.
namespace paddock::server {

// What a snapshot holds, as it is read. The views last for the call.
class SnapshotVisitor {
 public:
  virtual ~SnapshotVisitor() = default;
  virtual Result<void> on_session(SessionId id, std::int32_t timeout_ms) = 0;
  // The root's path is "". `acl_key` is ZooKeeper's number for the ACL.
  virtual Result<void> on_node(std::string_view path, const StatPersisted& stat,
                               std::int64_t acl_key, AclBytes acl,
                               std::optional<ByteView> data) = 0;
};

// Into a tree that has nothing loaded yet. Its owner ends with tree.finish_load().
class TreeLoader final : public SnapshotVisitor {
 public:
  explicit TreeLoader(DataTree& tree) : tree_(tree) {}

  Result<void> on_session(SessionId id, std::int32_t timeout_ms) override;
  Result<void> on_node(std::string_view path, const StatPersisted& stat, std::int64_t acl_key,
                       AclBytes acl, std::optional<ByteView> data) override;

 private:
  DataTree& tree_;
};

// Reads a body piece by piece, cut anywhere. Keeps no more than the part of one entry that has
// come. A node whose ACL is not there gets one that lets nobody do anything: of a snapshot that was
// written while the tree changed, the log behind it gives the right one.
// Thread: its owner's. Errors: kMalformed, with the byte where the entry begins; kTooLarge for a
// field, or an ACL, above `field_bytes_max`. After an error it takes nothing more.
class SnapshotBodyReader {
 public:
  // `offset`: of the body in its stream, for messages.
  SnapshotBodyReader(SnapshotVisitor& visitor, std::uint32_t field_bytes_max,
                     std::uint64_t offset = 0)
      : visitor_(visitor), field_bytes_max_(field_bytes_max), offset_(offset) {}

  // How many bytes from the front of `piece` are of the body: all, unless it ends among them.
  Result<std::size_t> take(ByteView piece);
  bool done() const { return part_ == Part::kDone; }

  std::uint64_t sessions() const { return sessions_; }
  std::uint64_t acls() const { return acls_count_; }
  std::uint64_t nodes() const { return nodes_; }

 private:
  enum class Part { kSessionCount, kSessions, kAclCount, kAcls, kNodes, kDone };
  class Cursor;

  Result<std::size_t> take_entries(ByteView bytes);
  Result<void> take_entry(Cursor& cursor);
  Result<void> take_count(Cursor& cursor, Part next);
  Result<void> take_session(Cursor& cursor);
  Result<void> take_acl(Cursor& cursor);
  Result<void> take_node(Cursor& cursor);
  Result<std::optional<ByteView>> take_field(Cursor& cursor) const;
  void skip_empty_parts();
  AclBytes acl_for(std::int64_t key) const;
  Error malformed(std::string_view what) const;
  Error too_large(std::string_view what, std::uint64_t bytes) const;

  SnapshotVisitor& visitor_;
  const std::uint32_t field_bytes_max_;
  std::uint64_t offset_;  // where the entry begins that comes next
  Part part_ = Part::kSessionCount;
  std::int32_t left_ = 0;   // sessions or ACLs
  Bytes pending_;           // the beginning of an entry
  std::size_t needed_ = 0;  // of which at least so much must be there
  std::map<std::int64_t, Bytes> acls_;
  std::uint64_t sessions_ = 0, acls_count_ = 0, nodes_ = 0;
};

// One node of a body; behind the last one comes kSnapshotEndPath.
void write_snapshot_node(JuteWriter& to, std::string_view path, std::optional<ByteView> data,
                         std::int64_t acl_key, const StatPersisted& stat);
inline constexpr std::string_view kSnapshotEndPath = "/";

}  // namespace paddock::server
