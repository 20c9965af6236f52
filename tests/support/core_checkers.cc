#include "tests/support/core_checkers.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "common/check.h"
#include "common/concat.h"
#include "common/path.h"
#include "server/tree/acl_check.h"
#include "tests/support/prng.h"
#include "tests/support/tree_image.h"

namespace paddock::test {

namespace {

using Kind = server::TreeChange::Kind;
constexpr std::size_t kSequenceDigits = 10;
constexpr ServerId kNobody{};

std::string parent_path(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string text_of(SessionId session) {
  return concat("0x", hex(static_cast<std::uint64_t>(session.value)));
}

bool may_read(const server::AclRef& acl) {
  return acl == nullptr || server::may({}, *acl, kPermRead, {});
}

}  // namespace

std::uint64_t hash_of_name(std::string_view name) {
  std::uint64_t hash = name.size();
  for (const char c : name) hash = hash * 0x100000001b3 + static_cast<unsigned char>(c);
  return mix64(hash);
}

CoreCheckers::CoreCheckers(ZabCheckers& zab)
    : zab_(zab), reconfigs_(zab), tree_(server::TreeOptions{}) {
  record("/", Zxid{});
  record(std::string(server::kConfigNode), Zxid{});
}

// --- servers

void CoreCheckers::advance() {
  const std::vector<Entry>& committed = zab_.committed();
  for (; count_ < committed.size() && zab_.ok(); ++count_) {
    const zab::Txn* txn = zab_.proposal(committed[count_].zxid);
    PADDOCK_CHECK(txn != nullptr);
    commit(*txn);
    tree_is(kNobody, committed[count_].digest, tree_, false);
  }
}

void CoreCheckers::tree_is(ServerId server, std::uint64_t history, const server::DataTree& tree,
                           bool whole) {
  const auto [at, first] = seen_.try_emplace(history);
  Seen& seen = at->second;
  if (first) seen.digest = tree.digest();
  if (seen.digest != tree.digest()) {
    return fail(
        "TR", server,
        concat("has another tree at ", test::text_of(tree.last_zxid()),
               " than others had there: digest ", hex(tree.digest()), ", not ", hex(seen.digest)));
  }
  if (!whole) return;
  const std::uint64_t hash = hash_of(tree);
  if (!seen.hash) seen.hash = hash;
  if (*seen.hash == hash) return;
  fail("TR", server,
       concat("has a tree at ", test::text_of(tree.last_zxid()),
              " that differs from others' in what the digest does not cover"));
}

void CoreCheckers::config_is(ServerId server, const server::DataTree& tree,
                             const zab::Ensemble& committed) {
  const server::Znode* node = tree.find(server::kConfigNode);
  const ByteView shown = node == nullptr ? ByteView() : tree.data_of(*node).bytes();
  std::int64_t version = 0;
  const std::string fault = reconfigs_.fault_in(shown, tree.last_zxid(), version);
  if (!fault.empty()) return fail("CF", server, concat("shows a configuration ", fault));
  if (as_chars(shown) == to_text(committed)) return;
  fail("CF", server,
       concat("shows configuration ", test::text_of(Zxid{version}), " and acts by ",
              test::text_of(Zxid{committed.version})));
}

// --- the history

void CoreCheckers::commit(const zab::Txn& committed) {
  const Result<Txn> txn = decode_txn(*committed.payload);
  if (!txn) return fail("TR", kNobody, "commits what is no transaction");
  tree_.apply(*txn, true, applied_);
  if (applied_.digest_differs) {
    return fail("TR", kNobody,
                concat("the digest promised with ", test::text_of(committed.zxid),
                       " is not what the transaction leaves"));
  }
  reconfigs_.committed(*txn);
  const auto* error = std::get_if<ErrorTxn>(&txn->body);
  txns_.push_back({txn->header, error == nullptr ? std::nullopt : std::optional(error->error)});
  for (const server::TreeChange& change : applied_.changes) {
    note(change);
    check_sequence(change);
    check_ephemeral(*txn, change);
  }
  // Which nobody is told of.
  if (const auto* acl = std::get_if<SetAclTxn>(&txn->body)) {
    record(std::string(acl->path), committed.zxid);
  }
  check_order(*txn);
  if (txn->header.type == OpCode::kCloseSession) check_closed(*txn);
  if (txn->header.type == OpCode::kCreateSession) created_[txn->header.session] = committed.zxid;
}

void CoreCheckers::note(const server::TreeChange& change) {
  const EventType type = change.kind == Kind::kCreated   ? EventType::kNodeCreated
                         : change.kind == Kind::kDeleted ? EventType::kNodeDeleted
                                                         : EventType::kNodeDataChanged;
  occurrences_.push_back({change.zxid, type, change.path, may_read(change.node_acl)});
  record(change.path, change.zxid);
  if (change.kind == Kind::kDataChanged) return;
  const std::string parent = parent_path(change.path);
  occurrences_.push_back(
      {change.zxid, EventType::kNodeChildrenChanged, parent, may_read(change.parent_acl)});
  record(parent, change.zxid);
}

void CoreCheckers::record(const std::string& path, Zxid zxid) {
  std::vector<NodeState>& states = nodes_[path];
  if (states.empty() || states.back().since != zxid) states.emplace_back().since = zxid;
  NodeState& state = states.back();
  const server::Znode* node = tree_.find(path);
  state.exists = node != nullptr;
  state.children = 0;
  if (node == nullptr) return;
  state.stat = tree_.stat_of(*node);
  state.readable = may_read(tree_.acl_of(*node));
  state.data = tree_.data_of(*node);
  tree_.for_each_child(*node, [&](std::string_view name) { state.children += hash_of_name(name); });
}

const CommittedTxn* CoreCheckers::txn(Zxid zxid) const {
  const auto at = std::lower_bound(
      txns_.begin(), txns_.end(), zxid,
      [](const CommittedTxn& txn, Zxid wanted) { return txn.header.zxid < wanted; });
  return at == txns_.end() || at->header.zxid != zxid ? nullptr : &*at;
}

NodeState CoreCheckers::state(const std::string& path, Zxid at) const {
  const auto node = nodes_.find(path);
  if (node == nodes_.end()) return {};
  const std::vector<NodeState>& states = node->second;
  const auto after =
      std::upper_bound(states.begin(), states.end(), at,
                       [](Zxid wanted, const NodeState& state) { return wanted < state.since; });
  return after == states.begin() ? NodeState{} : *std::prev(after);
}

// --- what holds of the history itself

// A session's requests rise in number. One that overtook another by a move to a second server may
// only be refused.
void CoreCheckers::check_order(const Txn& txn) {
  const TxnHeader& header = txn.header;
  const bool is_session = header.type == OpCode::kCreateSession ||
                          (header.type == OpCode::kCloseSession && header.cxid == 0);
  if (is_session || header.session == SessionId{} || header.type == OpCode::kError) return;
  std::int32_t& last = last_cxid_[header.session];
  if (header.cxid <= last) {
    fail("FO", kNobody,
         concat("request ", header.cxid, " of session ", text_of(header.session),
                " takes effect at ", test::text_of(header.zxid), ", after its ", last));
  }
  last = header.cxid;
}

void CoreCheckers::check_sequence(const server::TreeChange& change) {
  const std::string& path = change.path;
  if (change.kind != Kind::kCreated || path.size() <= kSequenceDigits) return;
  const std::size_t at = path.size() - kSequenceDigits;
  if (path[at - 1] != '-') return;  // as all that ask for a number here
  std::int64_t number = 0;
  const auto read = std::from_chars(path.data() + at, path.data() + path.size(), number);
  if (read.ec != std::errc{} || read.ptr != path.data() + path.size()) return;
  const auto [last, first] = last_sequence_.try_emplace(parent_path(path), -1);
  if (number <= last->second) {
    fail("SQ", kNobody, concat("creates ", path, " after ", last->second));
  }
  last->second = number;
}

void CoreCheckers::check_ephemeral(const Txn& txn, const server::TreeChange& change) {
  if (change.kind == Kind::kDeleted) {
    const auto owner = owners_.find(change.path);
    if (owner == owners_.end()) return;
    const bool others =
        txn.header.type == OpCode::kCloseSession && owner->second != txn.header.session;
    if (others) fail("EP", kNobody, concat("another session's end takes ", change.path, " away"));
    owners_.erase(owner);
    return;
  }
  if (change.kind != Kind::kCreated) return;
  const server::Znode* node = tree_.find(change.path);
  if (node == nullptr) return;  // gone in the same transaction
  const SessionId owner = tree_.stat_of(*node).ephemeral_owner;
  if (owner == SessionId{}) return;
  owners_[change.path] = owner;
  if (tree_.session_timeout(owner)) return;
  fail("EP", kNobody, concat("creates ", change.path, " for a session that is not there"));
}

void CoreCheckers::check_closed(const Txn& txn) {
  const SessionId closed = txn.header.session;
  if (txn.header.cxid == 0) ++expired_;
  for (const auto& [path, owner] : owners_) {
    if (owner != closed) continue;
    return fail("EP", kNobody, concat("the end of its session leaves ", path));
  }
}

}  // namespace paddock::test
