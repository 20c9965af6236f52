#include "tests/support/storage_run.h"

#include "common/acl.h"
#include "common/check.h"
#include "common/concat.h"
#include "server/storage/retention.h"
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
  truth_ = std::make_unique<DataTree>(TreeOptions{});
  truth_->finish_load(Zxid{});
}

std::string StorageRun::truth_at(std::size_t count) const {
  DataTree tree(TreeOptions{});
  tree.finish_load(Zxid{});
  Applied applied;
  for (std::size_t i = 0; i < count; ++i) tree.apply(decoded(made_[i]), false, applied);
  return dump(tree);
}

// What was recovered must be the history up to some point that holds all that was acknowledged.
std::string StorageRun::adopt(const Recovered& recovered) {
  ++recoveries_;
  const auto count = static_cast<std::size_t>(recovered.tree->last_zxid().value);
  if (count < acknowledged_ || count > made_.size()) {
    return concat("recovered 0x", hex(count), ", acknowledged 0x", hex(acknowledged_), ", made 0x",
                  hex(made_.size()));
  }
  if (recovered.digest_mismatch) return "a tree digest differs";
  const std::string truth = truth_at(count);
  const std::string found = dump(*recovered.tree);
  if (found != truth) return concat("recovered\n", found, "instead of\n", truth);
  if (count != made_.size()) {
    made_.resize(count);
    truth_ = std::make_unique<DataTree>(TreeOptions{});
    truth_->finish_load(Zxid{});
    Applied applied;
    for (const zab::Txn& txn : made_) truth_->apply(decoded(txn), false, applied);
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
