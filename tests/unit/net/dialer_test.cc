#include "server/net/dialer.h"

#include <chrono>

#include "tests/unit/net/loopback.h"

namespace paddock::server {
namespace {

class DialTest : public testing::Test {
 protected:
  std::shared_ptr<Dial> dial(const std::vector<HostPort>& addresses,
                             Millis timeout = Millis{9000}) {
    return Dial::start(loop_, lookup_, addresses, {timeout, {}},
                       [this](Result<std::unique_ptr<PeerStream>> result) {
                         EXPECT_FALSE(result_) << "called twice";
                         result_.emplace(std::move(result));
                       });
  }
  bool run_until_done() {
    return run_until(loop_, [&] { return result_.has_value(); });
  }
  std::string error() { return result_ && !*result_ ? result_->error().message : "none"; }

  boost::asio::io_context loop_;
  FakeLookup lookup_{loop_};
  std::optional<Result<std::unique_ptr<PeerStream>>> result_;
};

TEST_F(DialTest, GivesAConnectionToWhoListens) {
  RawListener listener(loop_);
  const auto kept = dial({at(listener.port())});
  EXPECT_FALSE(result_) << "called from within";
  ASSERT_TRUE(run_until_done());
  ASSERT_TRUE(*result_) << error();
  EXPECT_EQ((**result_)->remote(), "127.0.0.1:" + std::to_string(listener.port()));
}

TEST_F(DialTest, TellsAtOnceThatItIsRefusedAndByWhom) {
  DeadPort one(loop_), other(loop_);
  const auto kept = dial({at(one.port()), at(other.port())});
  ASSERT_TRUE(run_until_done());
  EXPECT_NE(error().find(":" + std::to_string(one.port()) + ": Connection refused"), error().npos)
      << error();
  EXPECT_NE(error().find(std::to_string(other.port())), error().npos) << error();
}

TEST_F(DialTest, IsNotHeldUpByAnAddressThatNeverAnswers) {
  BlackHole hole(loop_);
  RawListener listener(loop_);
  const auto kept = dial({at(hole.port()), at(listener.port())});
  ASSERT_TRUE(run_until_done());
  EXPECT_TRUE(*result_) << error();
}

TEST_F(DialTest, IsNotHeldUpByANameThatIsNeverAnswered) {
  RawListener listener(loop_);
  const auto kept = dial({{"silent", 1}, at(listener.port())});
  ASSERT_TRUE(run_until_done());
  EXPECT_TRUE(*result_) << error();
}

TEST_F(DialTest, GivesUpInTime) {
  BlackHole hole(loop_);
  const auto before = std::chrono::steady_clock::now();
  const auto kept = dial({at(hole.port()), {"silent", 1}}, Millis{50});
  ASSERT_TRUE(run_until_done());
  EXPECT_EQ(error(), "no answer within 50 ms");
  EXPECT_GE(std::chrono::steady_clock::now() - before, std::chrono::milliseconds(50));
}

TEST_F(DialTest, DialsEveryAddressOfAName) {
  RawListener listener(loop_);
  lookup_.names.insert_or_assign("twofold",
                                 NameLookup::Addresses{boost::asio::ip::make_address("127.0.0.2"),
                                                       boost::asio::ip::make_address("127.0.0.1")});
  const auto kept = dial({{"twofold", listener.port()}});
  ASSERT_TRUE(run_until_done());
  EXPECT_TRUE(*result_) << error();
}

TEST_F(DialTest, FailsLaterWithoutAnyAddress) {
  const auto kept = dial({});
  EXPECT_FALSE(result_);
  ASSERT_TRUE(run_until_done());
  EXPECT_EQ(error(), "no address is known");
}

// "Every interface" would lead to this machine, which is somebody else.
TEST_F(DialTest, DoesNotDialTheWildcardWhereverItComesFrom) {
  RawListener listener(loop_);
  lookup_.set("everywhere", "0.0.0.0");
  const std::uint16_t port = listener.port();
  const auto kept = dial({{"0.0.0.0", port}, {"::", port}, {"everywhere", port}});
  ASSERT_TRUE(run_until_done());
  EXPECT_NE(error().find("not an address that can be dialled"), error().npos) << error();
  settle(loop_);
  EXPECT_TRUE(listener.accepted.empty());
}

TEST_F(DialTest, DialsTheSameAddressOnce) {
  RawListener listener(loop_);
  lookup_.set("name", "127.0.0.1");
  const auto kept = dial({at(listener.port()), {"name", listener.port()}, at(listener.port())});
  ASSERT_TRUE(run_until_done());
  settle(loop_);
  EXPECT_EQ(listener.accepted.size(), 1u);
}

TEST_F(DialTest, IsSilentOnceDropped) {
  RawListener listener(loop_);
  DeadPort dead(loop_);
  lookup_.set("name", "127.0.0.1");
  const std::size_t before = open_sockets();
  dial({at(listener.port()), at(dead.port()), {"name", dead.port()}, {"silent", 1}}).reset();
  EXPECT_EQ(open_sockets(), before);
  settle(loop_);
  EXPECT_FALSE(result_);
}

TEST(SystemLookup, FindsThisMachineByName) {
  boost::asio::io_context loop;
  const auto lookup = make_system_lookup(loop);
  std::optional<Result<NameLookup::Addresses>> found, again;
  lookup->look_up("localhost", [&](const auto& result) { found.emplace(result); });
  lookup->look_up("localhost", [&](const auto& result) { again.emplace(result); });
  EXPECT_FALSE(found) << "called from within";
  ASSERT_TRUE(run_until(loop, [&] { return found && again; }));
  ASSERT_TRUE(*found) << found->error().message;
  ASSERT_FALSE((*found)->empty());
  EXPECT_TRUE((*found)->front().is_loopback());
  EXPECT_EQ(**found, **again);
}

TEST(SystemLookup, SaysWhichNameIsNone) {
  boost::asio::io_context loop;
  const auto lookup = make_system_lookup(loop);
  const std::string name(70, 'x');  // no label may be that long: nobody is asked
  std::optional<Result<NameLookup::Addresses>> found;
  lookup->look_up(name, [&](const auto& result) { found.emplace(result); });
  ASSERT_TRUE(run_until(loop, [&] { return found.has_value(); }));
  ASSERT_FALSE(*found);
  EXPECT_NE(found->error().message.find(name), std::string::npos);
}

TEST(SystemLookup, AnswersNobodyOnceItIsGone) {
  boost::asio::io_context loop;
  bool called = false;
  {
    const auto lookup = make_system_lookup(loop);
    lookup->look_up("localhost", [&](const auto&) { called = true; });
  }
  const auto other = make_system_lookup(loop);
  bool answered = false;
  other->look_up("localhost", [&](const auto&) { answered = true; });
  ASSERT_TRUE(run_until(loop, [&] { return answered; }));
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace paddock::server
