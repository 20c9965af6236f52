#include "tests/support/storage_run.h"

#include <utility>

#include "common/acl.h"
#include "common/check.h"
#include "common/concat.h"
#include "server/storage/install.h"
#include "server/storage/retention.h"
#include "server/storage/rewind.h"
#include "tests/support/storage_fixture.h"

namespace paddock::test {

using server::Applied;
using server::DataTree;
using server::Recovered;
using server::TreeOptions;

namespace {

constexpr std::size_t kHistoryMax = 120;

Txn decoded(const zab::Txn& txn) {
  return decode_txn(*txn.payload).value();
}

}  // namespace

StorageRun::StorageRun(std::uint64_t seed)
    : random_(seed), disk_(seed), options_(small_storage(seed % 2 == 0)) {
  options_.segment_bytes = seed % 3 == 0 ? 2048 : 4096;
  truth_ = tree_of({});
}

std::unique_ptr<DataTree> StorageRun::tree_of(std::span<const zab::Txn> history) {
  auto tree = std::make_unique<DataTree>(TreeOptions{});
  tree->finish_load(Zxid{});
  Applied applied;
  for (const zab::Txn& txn : history) tree->apply(decoded(txn), false, applied);
  return tree;
}

void StorageRun::set_history(std::vector<zab::Txn> history) {
  made_ = std::move(history);
  truth_ = tree_of(made_);
}

// What was recovered must be the history up to some point that holds all that was acknowledged; or,
// where the power went while a snapshot was installed, all that this one stands for.
std::string StorageRun::adopt(const Recovered& recovered) {
  ++recoveries_;
  if (recovered.digest_mismatch) return "a tree digest differs";
  const auto count = static_cast<std::size_t>(recovered.tree->last_zxid().value);
  const std::string found = dump(*recovered.tree);
  if (auto installing = std::exchange(installing_, std::nullopt);
      installing && installing->size() == count && dump(*tree_of(*installing)) == found) {
    set_history(std::move(*installing));
    acknowledged_ = applied_ = count;
    ++installs_;
    return {};
  }
  if (count < acknowledged_ || count > made_.size()) {
    return concat("recovered 0x", hex(count), ", acknowledged 0x", hex(acknowledged_), ", made 0x",
                  hex(made_.size()));
  }
  const std::string truth = dump(*tree_of(std::span(made_).first(count)));
  if (found != truth) return concat("recovered\n", found, "instead of\n", truth);
  if (count != made_.size()) {
    made_.resize(count);
    truth_ = tree_of(made_);
  }
  acknowledged_ = applied_ = count;
  return {};
}

std::string StorageRun::life() {
  disk_.lose_power_at(1 + below(1 + below(160)));
  {
    Result<Recovered> server = recover(disk_, options_, TreeOptions{});
    if (!server && disk_.has_power()) return concat("refused: ", server.error().message);
    if (server) {
      if (std::string wrong = adopt(*server); !wrong.empty()) return wrong;
      while (made_.size() < kHistoryMax && step(*server)) {
      }
      if (made_.size() < kHistoryMax && disk_.has_power()) return "failed with the power on";
    }
  }
  disk_.lose_power();
  disk_.restart();
  return {};
}

std::string StorageRun::check_recovery() {
  Result<Recovered> server = recover(disk_, options_, TreeOptions{});
  if (!server) return concat("refused: ", server.error().message);
  return adopt(*server);
}

// False: something failed, and the process would end.
bool StorageRun::step(Recovered& server) {
  switch (below(24)) {
    case 22:
      return truncate(server);
    case 23:
      return install(server);
    default:
      break;
  }
  switch (below(8)) {
    case 0:
      return checkpoint(server);
    case 1:
    case 2: {
      const auto more = server.log->prepare_spare(1 + below(2048));
      return more.ok();
    }
    case 3:
    case 4:
      return sync(server);
    default:
      return append(server);
  }
}

bool StorageRun::append(Recovered& server) {
  std::vector<zab::Txn> txns;
  for (std::uint64_t i = 1 + below(6); i > 0; --i) txns.push_back(make_txn());
  return server.log->append(txns).ok();
}

bool StorageRun::sync(Recovered& server) {
  const auto durable = server.log->sync();
  if (!durable) return false;
  acknowledged_ = static_cast<std::size_t>(durable->value);
  PADDOCK_CHECK(acknowledged_ == made_.size());
  Applied applied;
  for (; applied_ < acknowledged_; ++applied_) {
    server.tree->apply(decoded(made_[applied_]), false, applied);
  }
  return true;
}

bool StorageRun::checkpoint(Recovered& server) {
  if (!sync(server)) return false;
  if (!server.checkpoint->write(server.tree->take_dirty())) return false;
  if (below(2) == 0) server.log->roll();
  if (below(2) == 0) return server::purge(disk_, options_, server.checkpoint->zxid()).ok();
  return true;
}

// What is cut counts as never acknowledged from the moment that the cut is asked for.
bool StorageRun::truncate(Recovered& server) {
  if (!sync(server)) return false;
  const auto kept =
      server.checkpoint->empty() ? std::nullopt : std::optional(server.checkpoint->zxid());
  const auto base = static_cast<std::size_t>(kept.value_or(Zxid{}).value);
  const std::size_t upto = base + below(made_.size() - base + 1);
  const Zxid zxid{static_cast<std::int64_t>(upto)};
  acknowledged_ = upto;
  if (!server::truncate_history(disk_, options_, kept, *server.log, zxid)) return false;
  auto state = server::load_rewound(disk_, options_, TreeOptions{}, *server.checkpoint, zxid);
  if (!state) return false;
  server.tree = std::move(state->tree);
  made_.resize(upto);
  truth_ = tree_of(made_);
  applied_ = upto;
  return dump(*server.tree) == dump(*truth_);
}

// Of another leader, whose history parts from ours somewhere, and may be shorter.
bool StorageRun::install(Recovered& server) {
  if (!sync(server)) return false;
  std::vector<zab::Txn> history = another_history();
  std::unique_ptr<DataTree> tree = tree_of(history);
  installing_ = history;
  tree->mark_all_dirty();
  if (!server::prepare_install(disk_, options_, tree->take_dirty())) return false;
  server.checkpoint.reset();
  const auto finished = server::finish_install(disk_, options_);
  if (!finished) return false;
  PADDOCK_CHECK(*finished);
  if (!server.log->restart_after(tree->last_zxid())) return false;
  auto checkpoint = server::Checkpoint::open(disk_, state_folder(options_), options_.checkpoint);
  if (!checkpoint) return false;
  server.checkpoint = std::move(*checkpoint);
  server.tree = std::move(tree);
  installing_.reset();
  set_history(std::move(history));
  acknowledged_ = applied_ = made_.size();
  ++installs_;
  return true;
}

std::vector<zab::Txn> StorageRun::another_history() {
  const std::vector<zab::Txn> ours = made_;
  set_history({ours.begin(), ours.begin() + static_cast<std::ptrdiff_t>(below(ours.size() + 1))});
  for (std::uint64_t i = below(8); i > 0; --i) make_txn();
  std::vector<zab::Txn> another = made_;
  set_history(ours);
  return another;
}

zab::Txn StorageRun::make_txn() {
  const Zxid zxid{static_cast<std::int64_t>(made_.size()) + 1};
  texts_.clear();
  texts_.reserve(16);
  Txn txn = random_txn(zxid);
  Applied applied;
  truth_->apply(txn, false, applied);
  txn.digest = TxnDigest{kDigestVersion, truth_->digest()};
  made_.push_back(logged(txn));
  return made_.back();
}

std::string StorageRun::random_path() {
  std::string path = concat("/", static_cast<char>('a' + below(4)));
  if (below(2) == 0) path += concat("/", static_cast<char>('a' + below(4)));
  return path;
}

Txn StorageRun::random_txn(Zxid zxid) {
  const auto text = [&](std::string t) -> std::string_view {
    texts_.push_back(std::move(t));
    return texts_.back();
  };
  const auto data = [&] {
    return as_bytes(text(
        std::string(below(10) == 0 ? below(3000) : below(60), static_cast<char>('A' + below(26)))));
  };
  Txn txn;
  txn.header = TxnHeader{SessionId{static_cast<std::int64_t>(1 + below(3))},
                         static_cast<std::int32_t>(zxid.value), zxid,
                         WallMillis{1'000'000 + zxid.value}, OpCode::kCreate2};
  const bool live = truth_->session_timeout(txn.header.session).has_value();
  switch (below(8)) {
    case 0:
      txn.header.type = live ? OpCode::kCloseSession : OpCode::kCreateSession;
      if (!live) {
        txn.body = CreateSessionTxn{4000};
        return txn;
      }
      {
        CloseSessionTxn close;
        const std::vector<std::string> paths = truth_->ephemerals_of(txn.header.session);
        for (const std::string& path : paths) close.paths_to_delete.push_back(text(path));
        txn.body = close;
      }
      return txn;
    case 1:
      txn.header.type = OpCode::kDelete;
      txn.body = DeleteTxn{text(concat(random_path(), "/x"))};
      return txn;
    case 2:
      txn.header.type = OpCode::kSetData;
      txn.body = SetDataTxn{text(random_path()), data(), static_cast<std::int32_t>(zxid.value)};
      return txn;
    case 3: {
      // Both or neither: the second half shows whether the first was alone.
      MultiTxn multi;
      multi.ops.push_back({OpCode::kCreate2, CreateTxn{text(concat("/m", zxid.value)), data(),
                                                       open_acl(), false, -1, 0}});
      multi.ops.push_back(
          {OpCode::kSetData, SetDataTxn{"", data(), static_cast<std::int32_t>(zxid.value)}});
      txn.header.type = OpCode::kMulti;
      txn.body = multi;
      return txn;
    }
    case 4:
      txn.header.type = OpCode::kError;
      txn.body = ErrorTxn{ErrorCode::kNoNode};
      return txn;
    case 5:
      if (live) {
        txn.body = CreateTxn{text(concat(random_path(), "/x")), data(), open_acl(), true, -1, 0};
        return txn;
      }
      [[fallthrough]];
    default:
      txn.body = CreateTxn{text(random_path()), data(), open_acl(), false, -1, 0};
      return txn;
  }
}

}  // namespace paddock::test
