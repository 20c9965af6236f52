#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <boost/unordered/unordered_map.hpp>

#include "common/bytes.h"
#include "common/ids.h"
#include "common/result.h"
#include "server/storage/checkpoint.h"
#include "server/storage/snapshot_body.h"
#include "server/tree/data_tree.h"

// What follows SNAP on a quorum link: the body of a snapshot, then the ustring "BenWasHere".
// Source: ZooKeeper 3.8, LearnerHandler.java and Learner.java; peer-protocol.md B1.
namespace paddock::server {

// The stream of a checkpoint, in the memory of its distinct ACLs and of what is asked for at once.
// Thread: its owner's.
class SnapshotEncoder {
 public:
  explicit SnapshotEncoder(std::unique_ptr<CheckpointView> view) : view_(std::move(view)) {}

  // Of the whole stream: what goes into the SNAP packet.
  Zxid zxid() const { return view_->zxid(); }

  // Appends what comes next, about `bytes_wanted`; or nothing yet, while it looks for the ACLs.
  // False: that was all.
  Result<bool> next(Bytes& to, std::size_t bytes_wanted);

 private:
  enum class Part { kCountSessions, kSessions, kFindAcls, kAcls, kNodes, kEnd };

  Result<void> step(Bytes& to);
  Result<void> count_sessions(Bytes& to);
  Result<void> write_sessions(Bytes& to);
  Result<void> find_acls();
  void write_acls(Bytes& to);
  Result<void> write_nodes(Bytes& to);
  std::int64_t key_of(AclBytes acl);

  const std::unique_ptr<CheckpointView> view_;
  Part part_ = Part::kCountSessions;
  std::int32_t sessions_ = 0;
  boost::unordered_map<std::string, std::int64_t> acl_keys_;
};

// Takes that stream, cut anywhere, into a fresh tree.
// Thread: its owner's. Errors: as SnapshotBodyReader; kMalformed where the stream does not end as
// it should. After an error it takes nothing more, and the tree is of no use.
class SnapshotDecoder {
 public:
  // `field_bytes_max`: of a node's data, or of an ACL.
  SnapshotDecoder(const TreeOptions& options, std::uint32_t field_bytes_max)
      : tree_(std::make_unique<DataTree>(options)),
        loader_(*tree_),
        body_(loader_, field_bytes_max) {}

  // How many bytes from the front of `piece` are of the stream: all, unless it ends among them.
  Result<std::size_t> take(ByteView piece);
  bool done() const;

  // The tree, which is that of `zxid`. Once, when it is done.
  std::unique_ptr<DataTree> finish(Zxid zxid);

 private:
  std::unique_ptr<DataTree> tree_;
  TreeLoader loader_;
  SnapshotBodyReader body_;
  std::size_t signature_taken_ = 0;
};

}  // namespace paddock::server
