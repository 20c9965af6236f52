// What the clients of an ensemble check, and how they go about it.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/zab_checkers_fixture.h"
#include "tests/support/zab_clients.h"

namespace paddock::test {
namespace {

// A server that does nothing until it is told.
class IdleServer final : public ClientService {
 public:
  ServerId id() const override { return kOne; }
  bool serves() const override { return true; }
  void write(const Op& op) override {
    writes.push_back(op);
    order += 'w';
  }
  void sync(SessionId session) override {
    syncs.push_back(session);
    order += 's';
  }
  void revalidate(SessionId session) override {
    revalidations.push_back(session);
    order += 'r';
  }

  std::vector<Op> writes;
  std::vector<SessionId> syncs, revalidations;
  std::string order;
};

class Clients : public Checkers {
 protected:
  // One client asks until there are so many writes and syncs.
  void ask(std::size_t writes, std::size_t syncs) {
    clients.start({&server});
    while (server.writes.size() < writes || server.syncs.size() < syncs) {
      const std::optional<SimEvent> event = queue.take(minutes(10));
      ASSERT_TRUE(event.has_value());
      clients.on_client(event->a);
    }
    clients.stop();
  }

  IdleServer server;
  SimQueue queue;
  ZabClients clients{
      queue, checkers, {.clients = 1, .pause_max = millis(1), .waiting_max = 50}, Prng(1)};
};

TEST_F(Clients, AreAnsweredInOrderAndFindNothing) {
  checkers.preload({{zxid(1, 1), encode({SessionId{9}, 1, 1})}});
  ask(3, 1);
  for (const Op& op : server.writes) clients.written(op, zxid(1, 1));
  for (const SessionId session : server.syncs) clients.synced(session, 1);
  for (const SessionId session : server.revalidations) clients.revalidated(session);
  EXPECT_EQ(checkers.violation(), "");
  EXPECT_EQ(clients.waiting(), 0u);
  EXPECT_EQ(clients.acknowledged(), server.writes.size());
  EXPECT_EQ(clients.read(), server.syncs.size());
}

TEST_F(Clients, CNLFindsAnAcknowledgedWriteThatIsNotCommitted) {
  ask(1, 0);
  clients.written(server.writes[0], zxid(1, 1));
  EXPECT_EQ(found(), "CNL") << checkers.violation();
}

TEST_F(Clients, FOFindsAcknowledgementsOutOfOrder) {
  checkers.preload({{zxid(1, 1), encode({SessionId{9}, 1, 1})}});
  ask(2, 0);
  clients.written(server.writes[1], zxid(1, 1));
  EXPECT_EQ(found(), "FO") << checkers.violation();
}

TEST_F(Clients, FOFindsASyncThatOvertakesAnEarlierWrite) {
  ask(1, 10);
  const std::size_t first_write = server.order.find('w');
  const auto before = static_cast<std::size_t>(std::count(
      server.order.begin(), server.order.begin() + static_cast<std::ptrdiff_t>(first_write), 's'));
  ASSERT_LT(before, server.syncs.size());
  for (std::size_t i = 0; i < before; ++i) clients.synced(server.syncs[i], 0);
  ASSERT_EQ(checkers.violation(), "");
  clients.synced(server.syncs[before], 0);
  EXPECT_EQ(found(), "FO") << checkers.violation();
}

TEST_F(Clients, LRFindsASyncThatDoesNotSeeWhatWasThereBefore) {
  checkers.preload({{zxid(1, 1), encode({SessionId{9}, 1, 1})}});
  ask(0, 1);
  for (const Op& op : server.writes) clients.written(op, zxid(1, 1));
  clients.synced(server.syncs[0], 0);
  EXPECT_EQ(found(), "LR") << checkers.violation();
}

TEST_F(Clients, BeginANewSessionWhenTheServerServesNoMore) {
  ask(2, 0);
  clients.lost(kOne);
  EXPECT_EQ(clients.waiting(), 0u);
  clients.written(server.writes[1], zxid(1, 1));  // of the session before
  EXPECT_EQ(checkers.violation(), "");
  EXPECT_EQ(clients.acknowledged(), 0u);
}

}  // namespace
}  // namespace paddock::test
