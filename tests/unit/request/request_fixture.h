#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>

#include "server/request/prepare.h"
#include "server/request/reply.h"
#include "server/tree/data_tree.h"
#include "tests/support/requests.h"

namespace paddock::server {

// A tree, and requests on their way to it: prepared at once, applied when told to.
class RequestFixture {
 public:
  explicit RequestFixture(PrepareOptions options = default_options(), TreeOptions tree = {})
      : tree_(tree), preparer_(tree_, std::move(options)) {}

  static PrepareOptions default_options() {
    PrepareOptions options;
    options.txn_bytes_max = 2 << 20;
    return options;
  }

  // Prepares a request; its error, or that of the first operation that failed in a multi.
  ErrorCode submit(OpCode op, const Bytes& record, SessionId session = SessionId{1},
                   const Credentials& credentials = {{"ip", "127.0.0.1"}}) {
    const WriteRequest request{session, {++last_xid_, op}, record, credentials};
    return enqueue(preparer_.prepare(request, ++last_zxid_, wall_));
  }

  ErrorCode close_session(SessionId session) {
    return enqueue(preparer_.close_session(session, ++last_xid_, ++last_zxid_, wall_));
  }

  bool reap(std::string_view path) {
    TxnBytes bytes = preparer_.reap(path, Zxid{last_zxid_.value + 1}, wall_);
    if (bytes == nullptr) return false;
    ++last_zxid_;
    enqueue(std::move(bytes));
    return true;
  }

  // Applies the oldest outstanding transaction. What was prepared must come true.
  bool apply_one() {
    if (outstanding_.empty()) return false;
    applied_bytes_ = std::move(outstanding_.front());
    outstanding_.pop_front();
    const Result<Txn> txn = decode_txn(*applied_bytes_);
    EXPECT_TRUE(txn.ok());
    applied_txn_ = *txn;
    tree_.apply(applied_txn_, true, applied_);
    preparer_.on_applied(applied_txn_.header.zxid);
    EXPECT_FALSE(applied_.digest_differs) << "zxid " << applied_txn_.header.zxid.value;
    if (!std::holds_alternative<ErrorTxn>(applied_txn_.body) && !is_failed_multi(applied_txn_)) {
      for (const Applied::Op& done : applied_.ops) EXPECT_EQ(done.error, ErrorCode::kOk);
    }
    return true;
  }
  void apply_all() {
    while (apply_one()) {
    }
  }

  // Prepares and applies at once.
  ErrorCode run(OpCode op, const Bytes& record, SessionId session = SessionId{1},
                const Credentials& credentials = {{"ip", "127.0.0.1"}}) {
    const ErrorCode error = submit(op, record, session, credentials);
    apply_all();
    return error;
  }
  ErrorCode create(const test::CreateArgs& args, SessionId session = SessionId{1}) {
    return run(OpCode::kCreate, test::create_record(args), session);
  }

  // The reply frame to the last transaction applied.
  Bytes reply(std::int32_t xid) const {
    Bytes out;
    append_write_reply(xid, applied_txn_, applied_, out);
    return out;
  }

  Stat stat(std::string_view path) const {
    const Znode* node = tree_.find(path);
    EXPECT_NE(node, nullptr) << path;
    return node == nullptr ? Stat{} : tree_.stat_of(*node);
  }
  bool exists(std::string_view path) const { return tree_.find(path) != nullptr; }

  Txn last_txn() const {
    const Result<Txn> txn = decode_txn(*last_bytes_);
    EXPECT_TRUE(txn.ok());
    return *txn;
  }

  DataTree& tree() { return tree_; }
  Preparer& preparer() { return preparer_; }
  const Applied& applied() const { return applied_; }
  Zxid last_zxid() const { return last_zxid_.zxid(); }
  std::size_t outstanding() const { return outstanding_.size(); }
  void set_wall(WallMillis wall) { wall_ = wall; }

 private:
  // Counts up, and passes for a Zxid.
  struct Counter {
    std::int64_t value = 0;
    Zxid operator++() { return Zxid{++value}; }
    Zxid zxid() const { return Zxid{value}; }
  };

  static bool is_failed_multi(const Txn& txn) {
    const auto* multi = std::get_if<MultiTxn>(&txn.body);
    return multi != nullptr && is_failed(*multi);
  }

  ErrorCode enqueue(TxnBytes bytes) {
    last_bytes_ = bytes;
    outstanding_.push_back(std::move(bytes));
    const Txn txn = last_txn();
    EXPECT_EQ(txn.header.zxid, last_zxid_.zxid());
    if (const auto* error = std::get_if<ErrorTxn>(&txn.body)) return error->error;
    if (const auto* multi = std::get_if<MultiTxn>(&txn.body)) {
      for (const MultiTxnOp& op : multi->ops) {
        if (const auto* error = std::get_if<ErrorTxn>(&op.txn)) return error->error;
      }
    }
    return ErrorCode::kOk;
  }

  DataTree tree_;
  Preparer preparer_;
  Counter last_zxid_;
  std::int32_t last_xid_ = 0;
  WallMillis wall_{1'700'000'000'000};
  std::deque<TxnBytes> outstanding_;
  TxnBytes last_bytes_, applied_bytes_;
  Txn applied_txn_;
  Applied applied_;
};

}  // namespace paddock::server
