#include "server/net/peer_listener.h"

#include <sys/resource.h>

#include "common/clock.h"
#include "tests/unit/net/loopback.h"

namespace paddock::server {
namespace {

class PeerListenerTest : public testing::Test {
 protected:
  void listen(const std::vector<HostPort>& addresses) {
    const auto set = listener_.set_addresses(addresses);
    ASSERT_TRUE(set) << set.error().message;
    const auto listening = listener_.listen();
    ASSERT_TRUE(listening) << listening.error().message;
  }
  error_code dial(std::string_view address) {
    sockets_.emplace_back(loop_);
    error_code ec;
    sockets_.back().connect({boost::asio::ip::make_address(address), listener_.port()}, ec);
    return ec;
  }
  bool accepts(std::size_t count) {
    return run_until(loop_, [&] { return streams_.size() == count; });
  }

  boost::asio::io_context loop_;
  std::vector<Tcp::socket> sockets_;
  std::vector<std::unique_ptr<PeerStream>> streams_;
  PeerListener listener_{loop_, "the test port", {}, [this](std::unique_ptr<PeerStream> stream) {
                           streams_.push_back(std::move(stream));
                         }};
};

TEST_F(PeerListenerTest, AcceptsOnEveryInterfaceOfBothFamilies) {
  listen({{"", 0}});
  ASSERT_NE(listener_.port(), 0);
  EXPECT_FALSE(dial("127.0.0.1"));
  EXPECT_FALSE(dial("::1"));
  ASSERT_TRUE(accepts(2));
  EXPECT_TRUE(streams_[0]->remote().starts_with("127.0.0.1:")) << streams_[0]->remote();
  EXPECT_TRUE(streams_[1]->remote().starts_with("[::1]:")) << streams_[1]->remote();
}

TEST_F(PeerListenerTest, AcceptsOnlyAtTheAddressesThatItWasGiven) {
  listen({{"127.0.0.1", 0}});
  EXPECT_FALSE(dial("127.0.0.1"));
  EXPECT_EQ(dial("127.0.0.2"), boost::asio::error::connection_refused);
  EXPECT_EQ(dial("::1"), boost::asio::error::connection_refused);
  ASSERT_TRUE(accepts(1));
}

TEST_F(PeerListenerTest, AcceptsAtSeveralAddressesAndByName) {
  listen({{"localhost", 0}, {"127.0.0.2", 0}});
  EXPECT_FALSE(dial("127.0.0.2"));
  EXPECT_FALSE(dial("127.0.0.1"));
  ASSERT_TRUE(accepts(2));
}

TEST_F(PeerListenerTest, RefusesWhileClosedAndListensAgain) {
  listen({{"127.0.0.1", 0}});
  const std::uint16_t port = listener_.port();
  listener_.close();
  EXPECT_EQ(listener_.port(), 0);
  Tcp::socket early(loop_);
  error_code ec;
  early.connect(loopback(port), ec);
  EXPECT_EQ(ec, boost::asio::error::connection_refused);
  ASSERT_TRUE(listener_.listen());
  EXPECT_FALSE(dial("127.0.0.1"));
  ASSERT_TRUE(accepts(1));
}

TEST_F(PeerListenerTest, SaysWhichAddressIsTaken) {
  RawListener other(loop_);
  ASSERT_TRUE(listener_.set_addresses({{"127.0.0.2", 0}, at(other.port())}));
  const auto listening = listener_.listen();
  ASSERT_FALSE(listening);
  EXPECT_EQ(listening.error().message,
            "the test port: cannot bind 127.0.0.1:" + std::to_string(other.port()) +
                ": Address already in use");
  EXPECT_EQ(listener_.port(), 0) << "listens at the other one";
}

TEST_F(PeerListenerTest, SaysWhichNameIsNone) {
  const std::string name(70, 'x');  // no label may be that long: nobody is asked
  const auto set = listener_.set_addresses({{name, 1}});
  ASSERT_FALSE(set);
  EXPECT_NE(set.error().message.find("the test port: the host " + name), std::string::npos);
}

// Fault catalogue, row 68: whatever an accept meets, the next one is tried.
TEST_F(PeerListenerTest, GoesOnAcceptingAfterDescriptorsRanOut) {
  listen({{"127.0.0.1", 0}});
  EXPECT_FALSE(dial("127.0.0.1"));
  ASSERT_TRUE(accepts(1));
  EXPECT_FALSE(dial("127.0.0.1"));  // waits to be accepted

  (void)SystemClock{}.now();  // UBSan needs a descriptor to look at a type for the first time
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int lowest_free = ::dup(0);
  ASSERT_GE(lowest_free, 0);
  ::close(lowest_free);
  const rlimit none{static_cast<rlim_t>(lowest_free), before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  loop_.restart();
  loop_.run_one();
  settle(loop_);
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_EQ(streams_.size(), 1u) << "a descriptor was found";

  ASSERT_TRUE(accepts(2));
  EXPECT_FALSE(dial("127.0.0.1"));
  ASSERT_TRUE(accepts(3));
}

}  // namespace
}  // namespace paddock::server
