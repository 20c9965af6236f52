#include "server/request/session_order.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace paddock::server {
namespace {

using Kind = SessionOrder::Kind;
using Verdict = SessionOrder::Verdict;

// A connection with a core that answers when told to. Writes what happens, in order: "r1" read 1
// ran, "w2>" write 2 went to the core, "w2" its reply went out.
class Connection {
 public:
  void arrive(Kind kind) {
    const std::int32_t xid = ++last_xid_;
    const Verdict verdict = order_.arrive(kind);
    if (verdict == Verdict::kWait) {
      order_.hold(kind, {xid, OpCode::kGetData}, Bytes{});
    } else {
      EXPECT_EQ(verdict, kind == Kind::kLocal ? Verdict::kRunNow : Verdict::kSend);
      go(kind, xid);
    }
  }

  bool answer() {
    if (at_core_.empty()) return false;
    order_.on_reply();
    replied_.push_back(at_core_.front());
    log_ += "w" + std::to_string(at_core_.front()) + " ";
    at_core_.erase(at_core_.begin());
    while (auto held = order_.next()) go(held->kind, held->header.xid);
    return true;
  }

  const std::string& log() const { return log_; }
  const std::vector<std::int32_t>& replied() const { return replied_; }
  const SessionOrder& order() const { return order_; }

 private:
  void go(Kind kind, std::int32_t xid) {
    if (kind == Kind::kLocal) {
      EXPECT_TRUE(at_core_.empty()) << "a read passed a write";
      replied_.push_back(xid);
      log_ += "r" + std::to_string(xid) + " ";
    } else {
      at_core_.push_back(xid);
      log_ += "w" + std::to_string(xid) + "> ";
    }
  }

  SessionOrder order_;
  std::int32_t last_xid_ = 0;
  std::vector<std::int32_t> at_core_, replied_;
  std::string log_;
};

TEST(SessionOrder, RunsReadsAtOnceWhileNothingIsInFlight) {
  Connection connection;
  for (int i = 0; i < 3; ++i) connection.arrive(Kind::kLocal);
  EXPECT_EQ(connection.log(), "r1 r2 r3 ");
  EXPECT_EQ(connection.order().in_flight(), 0u);
}

TEST(SessionOrder, PipelinesWrites) {
  Connection connection;
  for (int i = 0; i < 3; ++i) connection.arrive(Kind::kCore);
  EXPECT_EQ(connection.log(), "w1> w2> w3> ");
  EXPECT_EQ(connection.order().in_flight(), 3u);
  EXPECT_EQ(connection.order().unanswered(), 3u);
}

TEST(SessionOrder, LetsAReadWaitForAllEarlierWrites) {
  Connection connection;
  connection.arrive(Kind::kCore);
  connection.arrive(Kind::kCore);
  connection.arrive(Kind::kLocal);
  connection.answer();
  EXPECT_EQ(connection.log(), "w1> w2> w1 ");
  connection.answer();
  EXPECT_EQ(connection.log(), "w1> w2> w1 w2 r3 ");
}

TEST(SessionOrder, KeepsAWriteBackWhileAnEarlierReadWaits) {
  Connection connection;
  connection.arrive(Kind::kCore);
  connection.arrive(Kind::kLocal);
  connection.arrive(Kind::kCore);
  connection.arrive(Kind::kLocal);
  EXPECT_EQ(connection.log(), "w1> ");
  connection.answer();
  EXPECT_EQ(connection.log(), "w1> w1 r2 w3> ");
  EXPECT_EQ(connection.order().in_flight(), 2u);
  connection.answer();
  EXPECT_EQ(connection.log(), "w1> w1 r2 w3> w3 r4 ");
}

TEST(SessionOrder, RepliesInRequestOrderWhateverTheMix) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    Connection connection;
    const std::int32_t requests = 40;
    for (std::int32_t i = 0; i < requests; ++i) {
      connection.arrive(random() % 2 == 0 ? Kind::kLocal : Kind::kCore);
      while (random() % 3 == 0 && connection.answer()) {
      }
    }
    while (connection.answer()) {
    }
    ASSERT_EQ(connection.replied().size(), static_cast<std::size_t>(requests));
    for (std::int32_t i = 0; i < requests; ++i) {
      EXPECT_EQ(connection.replied()[static_cast<std::size_t>(i)], i + 1);
    }
    EXPECT_EQ(connection.order().in_flight(), 0u);
  }
}

}  // namespace
}  // namespace paddock::server
