// What made elections of other implementations never end: the fault catalogue's rows 55 and 56.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "tests/unit/zab/election_server.h"
#include "zab/election.h"

namespace paddock::zab {
namespace {

using namespace election_test;  // NOLINT: what these tests are written in

using ::testing::ElementsAre;

// --- a leader whose voters turn away ---

class NewLeader : public testing::Test {
 protected:
  // 3 leads by the votes of 1, 2 and 3; the other two cannot be reached.
  NewLeader() {
    server_.cannot_reach({4, 5});
    server_.search(vote(3));
    server_.hear(1, looking(vote(3)));
    server_.hear(2, looking(vote(3)));
    server_.settle(ServerState::kLeading);
    server_.sent();
  }
  bool deserted(std::initializer_list<std::int64_t> learners = {}) {
    std::set<ServerId> ids;
    for (const std::int64_t id : learners) ids.insert(ServerId{id});
    return server_.election().is_deserted(ids);
  }
  Server server_{3, config(5)};
};

TEST_F(NewLeader, IsNotDesertedByWhoStandsByIt) {
  EXPECT_FALSE(deserted());
  server_.hear(1, looking(vote(3)));  // said again
  EXPECT_FALSE(deserted());
  EXPECT_THAT(server_.sent(), ElementsAre("to 1: LEADING 3 0x100000000 of 1, round 1"));
}

TEST_F(NewLeader, IsDesertedByVotersThatFoundABetterOneOrLookAgain) {
  for (const Notification& turned :
       {looking(vote(4)), looking(vote(3), 2), looking(vote(1), 2), looking(vote(1))}) {
    server_.hear(1, looking(vote(3)));
    EXPECT_FALSE(deserted());
    server_.hear(1, turned);
    EXPECT_TRUE(deserted());
    EXPECT_FALSE(deserted({1}));  // it came after all
    EXPECT_FALSE(deserted({4}));  // another one did
    EXPECT_TRUE(deserted({2}));
  }
}

TEST_F(NewLeader, IsDesertedByVotersThatFollowAnother) {
  server_.hear(1, following(vote(3)));
  server_.hear(1, {ServerState::kObserving, vote(5), 1, 2, std::nullopt});
  EXPECT_FALSE(deserted());
  server_.hear(1, following(vote(5), 0));
  EXPECT_TRUE(deserted());
}

TEST_F(NewLeader, IsDesertedByVotersThatAreGone) {
  server_.cannot_reach({2});
  EXPECT_TRUE(deserted());
  EXPECT_FALSE(deserted({2}));
  server_.reach(2, true);
  EXPECT_FALSE(deserted());
}

TEST_F(NewLeader, CountsWhoVotesForItLater) {
  server_.reach(4, true);
  server_.hear(4, looking(vote(3)));
  server_.hear(1, looking(vote(4)));
  EXPECT_FALSE(deserted());
}

TEST_F(NewLeader, IsNotDesertedOnceItServes) {
  server_.election().set_held_epoch(Epoch{2});
  server_.hear(1, looking(vote(4)));
  server_.cannot_reach({2});
  EXPECT_FALSE(deserted());
}

TEST(Election, IsDesertedByALeaderThatLooksAgain) {
  for (const Notification& left : {looking(vote(3), 2), looking(vote(4), 2), looking(vote(4)),
                                   following(vote(5)), following(vote(2), 2)}) {
    Server follower(1, config(5));
    follower.search(vote(1));
    follower.cannot_reach({4, 5});
    follower.hear(2, looking(vote(3)));
    follower.hear(3, looking(vote(3)));
    follower.settle(ServerState::kFollowing);
    // Not decided yet, of long ago, or not the leader.
    follower.hear(3, looking(vote(3)));
    follower.hear(3, looking(vote(3), 0));
    follower.hear(3, looking(vote(2)));
    follower.hear(3, following(vote(2), 0));
    follower.hear(3, leading(vote(3)));
    follower.hear(3, leading(vote(3), 2));
    follower.hear(2, looking(vote(2), 2));
    follower.hear(2, looking(vote(4)));
    EXPECT_FALSE(follower.election().is_deserted({}));
    follower.hear(3, left);
    EXPECT_TRUE(follower.election().is_deserted({}));
    follower.election().set_held_epoch(Epoch{2});  // its link says what there is to know from here
    EXPECT_FALSE(follower.election().is_deserted({}));
    follower.search(vote(1));
    EXPECT_FALSE(follower.election().is_deserted({}));
  }
}

TEST(Election, IsDesertedByAnAppointedLeaderThatLooks) {
  Server follower(1, config(5));
  follower.search(vote(1));
  follower.sent();
  Actions actions;
  follower.election().settle({vote(3), 1}, ServerState::kFollowing, actions);
  EXPECT_TRUE(actions.empty());  // it tells nobody: all were told by the leader before
  follower.hear(3, following(vote(5), 0));
  follower.hear(2, looking(vote(2), 2));
  EXPECT_FALSE(follower.election().is_deserted({}));
  follower.hear(3, looking(vote(3), 2));
  EXPECT_TRUE(follower.election().is_deserted({}));
  follower.election().set_held_epoch(Epoch{2});
  EXPECT_FALSE(follower.election().is_deserted({}));
}

TEST(Election, IsDesertedAsALeaderByElectionOnly) {
  Server appointed(3);
  appointed.search(vote(3));
  Actions actions;
  appointed.election().settle({vote(3), 1}, ServerState::kLeading, actions);
  appointed.hear(1, looking(vote(1), 5));
  EXPECT_FALSE(appointed.election().is_deserted({}));
}

// Its own vote is for itself at what it has now, theirs at what it had then.
TEST(Election, StandsByItselfWhenTheOthersFollowItAlready) {
  Server server(3, config(5));
  server.search(vote(3, 8));
  for (const std::int64_t from : {1, 2, 4}) server.hear(from, following(vote(3, 7)));
  server.settle(ServerState::kLeading);
  server.hear(1, looking(vote(1), 2));
  EXPECT_FALSE(server.election().is_deserted({}));
  server.hear(2, looking(vote(2), 2));
  EXPECT_TRUE(server.election().is_deserted({}));
}

// --- several servers ---

// Hands over all that these servers say to each other until nobody says anything more.
void exchange(const std::vector<std::pair<const std::int64_t, Server*>>& servers) {
  const std::map<std::int64_t, Server*> by_id(servers.begin(), servers.end());
  for (bool quiet = false; !quiet;) {
    quiet = true;
    for (const auto& [id, server] : by_id) {
      for (const Notify& notify : server->take_sent()) {
        const auto to = by_id.find(notify.to.value);
        if (to == by_id.end() || to->second->election().outcome()) continue;
        to->second->hear(id, notify.notification);
        quiet = false;
      }
    }
  }
}

// The catalogue's row 55: 2 accepts 3, and then hears of a better candidate while 3, who counted on
// its vote, already waits for a quorum of followers.
TEST(Election, VoterChangesMind) {
  Server one(1, config(5)), two(2, config(5)), three(3, config(5)), four(4, config(5));
  one.cannot_reach({4, 5});
  three.cannot_reach({4, 5});
  two.cannot_reach({5});
  for (Server* server : {&one, &two, &three})
    server->search(vote(server == &one ? 1 : server == &two ? 2 : 3));
  exchange({{1, &one}, {2, &two}, {3, &three}});
  ASSERT_EQ(one.outcome(), "3 in round 1");
  ASSERT_EQ(three.outcome(), "3 in round 1");
  ASSERT_EQ(two.outcome(), "");  // it waits for 4
  one.settle(ServerState::kFollowing);
  three.settle(ServerState::kLeading);

  four.cannot_reach({5});
  four.search(vote(4, 9));
  for (Server* server : {&one, &three}) server->reach(4, true);
  exchange({{1, &one}, {2, &two}, {3, &three}, {4, &four}});
  two.wait(200);
  four.wait(200);
  // 2 and 4 against 1 and 3: nobody has three of five.
  EXPECT_EQ(two.outcome(), "");
  EXPECT_EQ(four.outcome(), "");
  // But 3 knows that 2 will not come, and does not wait for it.
  EXPECT_TRUE(three.election().is_deserted({ServerId{1}}));
  three.search(vote(3));
  one.search(vote(1));  // its leader closed the link
  exchange({{1, &one}, {2, &two}, {3, &three}, {4, &four}});
  for (Server* server : {&one, &two, &three, &four}) EXPECT_EQ(server->outcome(), "4 in round 2");
}

// The catalogue's row 56: servers in different rounds, what they said lost, and whoever is elected
// gone at once. Each time the others elect the next best.
TEST(Election, EndlessElection) {
  Server one(1, config(5)), two(2, config(5)), three(3, config(5)), four(4, config(5)),
      five(5, config(5));
  std::vector<std::pair<const std::int64_t, Server*>> alive = {
      {1, &one}, {2, &two}, {3, &three}, {4, &four}, {5, &five}};
  const auto search_all = [&](std::initializer_list<int> times) {
    auto count = times.begin();
    for (const auto& [id, server] : alive) {
      for (int i = 0; i < *count; ++i) server->search(vote(id));
      server->sent();  // lost
      ++count;
    }
    for (const auto& [id, server] : alive) server->tick();  // and asked again
    exchange(alive);
  };
  const auto lose_leader = [&] {
    const std::int64_t leader = alive.back().first;
    alive.pop_back();
    return leader;
  };
  search_all({3, 1, 2, 1, 3});
  for (const auto& [id, server] : alive) EXPECT_EQ(server->outcome(), "5 in round 3");

  std::int64_t lost = lose_leader();
  search_all({3, 2, 1, 2});
  for (const auto& [id, server] : alive) server->cannot_reach({lost});
  for (const auto& [id, server] : alive) EXPECT_EQ(server->outcome(), "4 in round 6");

  lost = lose_leader();
  search_all({1, 1, 3});
  for (const auto& [id, server] : alive) server->cannot_reach({lost});
  for (const auto& [id, server] : alive) EXPECT_EQ(server->outcome(), "3 in round 9");
}

}  // namespace
}  // namespace paddock::zab
