#include "server/request/pending_changes.h"

#include <algorithm>

#include "common/check.h"
#include "common/path.h"
#include "server/tree/tree_digest.h"

namespace paddock::server {

namespace {

constexpr std::size_t kPoolKept = 8192;

std::string_view key_of(std::string_view path) {
  return path == "/" ? std::string_view{} : path;
}

// By how much a node's digest changes when only its stat does. A CRC is linear: whatever path and
// data stand before the two stats cancels out.
std::uint32_t digest_change(const StatPersisted& from, const StatPersisted& to) {
  return node_digest(0, from) ^ node_digest(0, to);
}

}  // namespace

StatPersisted PendingChanges::Node::stat() const {
  return pending_ != nullptr ? pending_->now.stat : tree_->persisted_stat_of(*znode_);
}

const AclEntry& PendingChanges::Node::acl() const {
  return pending_ != nullptr ? *pending_->now.acl : *tree_->acl_of(*znode_);
}

std::int32_t PendingChanges::Node::child_count() const {
  return pending_ != nullptr ? pending_->now.child_count : tree_->child_count(*znode_);
}

std::int64_t PendingChanges::Node::data_bytes() const {
  return pending_ != nullptr ? pending_->now.data_bytes
                             : static_cast<std::int64_t>(tree_->data_of(*znode_).size());
}

PendingChanges::PendingChanges(const DataTree& tree)
    : tree_(tree), last_acl_(make_acl_entry(0, open_acl())) {}

PendingChanges::~PendingChanges() = default;

PendingChanges::Node PendingChanges::find(std::string_view path) const {
  Node node;
  if (!nodes_.empty()) {
    if (const auto at = nodes_.find(key_of(path)); at != nodes_.end()) {
      if (at->second->now.exists) node.pending_ = at->second;
      return node;
    }
  }
  node.tree_ = &tree_;
  node.znode_ = tree_.find(path);
  return node;
}

std::vector<std::string> PendingChanges::ephemerals_of(SessionId session) const {
  std::vector<std::string> paths = tree_.ephemerals_of(session);
  std::erase_if(paths, [&](const std::string& path) {
    return nodes_.contains(path);  // the outstanding proposals decide about it, below
  });
  for (const Touch& touch : touches_) {
    const Pending::State& now = touch.node->now;
    if (now.zxid == touch.zxid && now.exists && now.stat.ephemeral_owner == session.value) {
      paths.push_back(touch.node->path);
    }
  }
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  return paths;
}

std::optional<TxnDigest> PendingChanges::digest() const {
  if (!tree_.options().digest) return std::nullopt;
  return TxnDigest{kDigestVersion, nodes_.empty() ? tree_.digest() : digest_};
}

void PendingChanges::begin(Zxid zxid, WallMillis time) {
  PADDOCK_CHECK(zxid > zxid_);
  zxid_ = zxid;
  time_ = time;
  if (nodes_.empty()) digest_ = tree_.digest();
  digest_before_begin_ = digest_;
  undo_.clear();
}

void PendingChanges::create(std::string_view path, std::string_view parent, const CreateTxn& txn,
                            std::int64_t ephemeral_owner) {
  Pending& above = touch(parent);
  PADDOCK_CHECK(above.now.exists);
  StatPersisted above_stat = above.now.stat;
  // A create counter that has run over is never lowered; then pzxid stays too.
  if (txn.parent_cversion > above_stat.cversion) {
    above_stat.cversion = txn.parent_cversion;
    above_stat.pzxid = zxid_;
  }
  ++above.now.child_count;
  restat(above, above_stat);

  Pending& node = touch(path);
  PADDOCK_CHECK(!node.now.exists);
  node.now.exists = true;
  node.now.stat = StatPersisted{.czxid = zxid_,
                                .mzxid = zxid_,
                                .ctime = time_,
                                .mtime = time_,
                                .ephemeral_owner = ephemeral_owner,
                                .pzxid = zxid_};
  node.now.acl = acl_entry(txn.acl.encoded);
  node.now.child_count = 0;
  node.now.data_bytes = txn.data ? static_cast<std::int64_t>(txn.data->size()) : 0;
  redigest(node, txn.data);
}

void PendingChanges::remove(std::string_view path) {
  Pending& node = touch(path);
  PADDOCK_CHECK(node.now.exists);
  PADDOCK_CHECK(node.now.child_count == 0);
  node.now.exists = false;
  set_digest(node, 0);

  Pending& above = touch(parent_of(path));
  PADDOCK_CHECK(above.now.exists);
  StatPersisted above_stat = above.now.stat;
  above_stat.pzxid = zxid_;
  --above.now.child_count;
  restat(above, above_stat);
}

void PendingChanges::set_data(const SetDataTxn& txn) {
  Pending& node = touch(txn.path);
  PADDOCK_CHECK(node.now.exists);
  node.now.stat.mzxid = zxid_;
  node.now.stat.mtime = time_;
  node.now.stat.version = txn.version;
  node.now.data_bytes = txn.data ? static_cast<std::int64_t>(txn.data->size()) : 0;
  redigest(node, txn.data);
}

void PendingChanges::set_acl(const SetAclTxn& txn) {
  Pending& node = touch(txn.path);
  PADDOCK_CHECK(node.now.exists);
  StatPersisted stat = node.now.stat;
  stat.aversion = txn.version;
  node.now.acl = acl_entry(txn.acl.encoded);
  restat(node, stat);
}

void PendingChanges::rollback() {
  for (auto undo = undo_.rbegin(); undo != undo_.rend(); ++undo) {
    PADDOCK_CHECK(touches_.back().node == undo->node);
    touches_.pop_back();
    undo->node->now = std::move(undo->before);
    if (undo->node->now.zxid == Zxid{}) drop(*undo->node);
  }
  undo_.clear();
  digest_ = digest_before_begin_;
}

void PendingChanges::on_applied(Zxid zxid) {
  while (!touches_.empty() && touches_.front().zxid <= zxid) {
    const Touch touch = touches_.front();
    touches_.pop_front();
    if (touch.node->now.zxid == touch.zxid) drop(*touch.node);
  }
  PADDOCK_CHECK(nodes_.empty() == touches_.empty());
  // A session with very many ephemerals was closed: that memory is not kept for the next one.
  if (nodes_.empty() && pool_.size() > kPoolKept) {
    free_ = {};
    pool_.clear();
  }
}

// The node, ready to be changed by the current proposal.
PendingChanges::Pending& PendingChanges::touch(std::string_view path) {
  const auto at = nodes_.find(key_of(path));
  Pending& node = at != nodes_.end() ? *at->second : load(key_of(path));
  if (node.now.zxid != zxid_) {
    undo_.push_back({&node, node.now});
    touches_.push_back({zxid_, &node});
    node.now.zxid = zxid_;
  }
  return node;
}

PendingChanges::Pending& PendingChanges::load(std::string_view path) {
  if (free_.empty()) free_.push_back(&pool_.emplace_back());
  Pending& node = *free_.back();
  free_.pop_back();
  node.path.assign(path);
  node.now = {};
  if (const Znode* znode = tree_.find(path)) {
    node.now.exists = true;
    node.now.stat = tree_.persisted_stat_of(*znode);
    node.now.acl = tree_.acl_of(*znode);
    node.now.child_count = tree_.child_count(*znode);
    node.now.data_bytes = static_cast<std::int64_t>(tree_.data_of(*znode).size());
    if (is_digested(path)) node.now.digest = tree_.digest_of(*znode);
  }
  nodes_.emplace(node.path, &node);
  return node;
}

void PendingChanges::drop(Pending& node) {
  PADDOCK_CHECK(nodes_.erase(node.path) == 1);
  node.now.acl.reset();
  free_.push_back(&node);
}

void PendingChanges::restat(Pending& node, const StatPersisted& stat) {
  if (is_digested(node.path)) {
    set_digest(node, node.now.digest ^ digest_change(node.now.stat, stat));
  }
  node.now.stat = stat;
}

void PendingChanges::redigest(Pending& node, NullableBytes data) {
  if (!is_digested(node.path)) return;
  const std::uint32_t content = content_crc(node.path, data.value_or(ByteView{}));
  set_digest(node, node_digest(content, node.now.stat));
}

bool PendingChanges::is_digested(std::string_view path) const {
  return tree_.options().digest && is_in_digest(path);
}

void PendingChanges::set_digest(Pending& node, std::uint32_t digest) {
  digest_ -= node.now.digest;
  digest_ += digest;
  node.now.digest = digest;
}

AclRef PendingChanges::acl_entry(ByteView encoded) {
  if (!std::ranges::equal(last_acl_->encoded, encoded)) {
    last_acl_ = make_acl_entry(0, AclBytes{encoded});
  }
  return last_acl_;
}

}  // namespace paddock::server
