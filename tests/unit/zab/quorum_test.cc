#include "zab/quorum.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

#include "common/concat.h"

namespace paddock::zab {
namespace {

using ::testing::ElementsAre;

std::set<ServerId> set_of(std::initializer_list<std::int64_t> ids) {
  std::set<ServerId> servers;
  for (const std::int64_t id : ids) servers.insert(ServerId{id});
  return servers;
}

// Servers 1 to `voters`, then `observers` more, and these lines.
Ensemble ensemble_of(int voters, int observers = 0, const std::string& lines = "") {
  std::string text;
  for (int id = 1; id <= voters + observers; ++id) {
    text += concat("server.", id, "=h", id, ":1:2", id > voters ? ":observer\n" : "\n");
  }
  Result<Ensemble> ensemble = parse_ensemble(text + lines);
  if (ensemble) return std::move(*ensemble);
  ADD_FAILURE() << ensemble.error().message;
  return {};
}

struct Row {
  std::initializer_list<std::int64_t> servers;
  bool decides;
};

void expect_rows(const Ensemble& ensemble, std::initializer_list<Row> rows) {
  for (const Row& row : rows) {
    std::string ids;
    for (const std::int64_t id : row.servers) ids += concat(" ", id);
    EXPECT_EQ(is_quorum(ensemble, set_of(row.servers)), row.decides) << "servers" << ids;
  }
}

TEST(Quorum, IsMoreThanHalfOfTheVoters) {
  expect_rows(ensemble_of(1), {{{}, false}, {{1}, true}, {{2}, false}});
  expect_rows(ensemble_of(2), {{{1}, false}, {{2}, false}, {{1, 2}, true}});
  expect_rows(ensemble_of(3), {{{}, false}, {{3}, false}, {{1, 3}, true}, {{1, 2, 3}, true}});
  expect_rows(ensemble_of(4), {{{1, 2}, false}, {{1, 2, 4}, true}});
  expect_rows(ensemble_of(5), {{{1, 5}, false}, {{1, 3, 5}, true}, {{2, 3, 4, 5}, true}});
}

TEST(Quorum, DoesNotCountWhoDoesNotVote) {
  expect_rows(
      ensemble_of(3, 2),
      {{{1, 4, 5}, false}, {{3, 4, 5, 99, -1}, false}, {{1, 2}, true}, {{1, 2, 4, 5, 99}, true}});
}

// ZooKeeper's own example: three groups of three, so two groups of which two each.
TEST(Quorum, WithGroupsIsMostOfTheWeightInMostOfTheGroups) {
  const Ensemble ensemble = ensemble_of(9, 0,
                                        "group.1=1:2:3\n"
                                        "group.2=4:5:6\n"
                                        "group.3=7:8:9\n");
  expect_rows(ensemble, {{{}, false},
                         {{1, 2, 3}, false},
                         {{1, 2, 4, 5}, true},
                         {{1, 2, 4, 7}, false},
                         {{1, 2, 3, 4, 7}, false},
                         {{1, 2, 3, 4, 5, 7}, true},
                         {{2, 3, 8, 9}, true},
                         {{1, 2, 4, 5, 7, 8}, true},
                         {{1, 4, 7}, false}});
}

TEST(Quorum, WeighsServersAgainstTheirOwnGroupAlone) {
  const Ensemble ensemble = ensemble_of(5, 0,
                                        "group.1=1:2:3\n"
                                        "group.2=4:5\n"
                                        "weight.1=3\n"
                                        "weight.4=100\n");
  // 3 of 5 decide the first group, 51 of 101 the second; one group of two is not most of them.
  expect_rows(ensemble, {{{1, 4}, true},
                         {{2, 3, 4}, false},
                         {{1, 5}, false},
                         {{4, 5}, false},
                         {{1, 2, 3}, false},
                         {{1, 2, 3, 5}, false}});
}

TEST(Quorum, NeedsMoreThanAnEvenSplitOfWeightOrGroups) {
  // Half of the weight of a group: 2 of 4.
  expect_rows(ensemble_of(4, 0, "group.1=1:2:3:4\n"), {{{1, 2}, false}, {{1, 2, 3}, true}});
  expect_rows(ensemble_of(2, 0, "group.1=1:2\nweight.1=3\nweight.2=3\n"),
              {{{1}, false}, {{2}, false}, {{1, 2}, true}});
  expect_rows(ensemble_of(2, 0, "group.1=1:2\nweight.1=3\nweight.2=2\n"),
              {{{1}, true}, {{2}, false}});
  // Half of the groups: 1 of 2.
  expect_rows(ensemble_of(2, 0, "group.1=1\ngroup.2=2\n"),
              {{{1}, false}, {{2}, false}, {{1, 2}, true}});
}

TEST(Quorum, TakesAGroupWithoutWeightForAbsent) {
  // Two groups of two count, so both must decide; the third neither helps nor hinders.
  const Ensemble ensemble = ensemble_of(6, 0,
                                        "group.1=1:2\n"
                                        "group.2=3:4\n"
                                        "group.3=5:6\n"
                                        "weight.5=0\n"
                                        "weight.6=0\n");
  expect_rows(
      ensemble,
      {{{1, 2, 3, 4}, true}, {{1, 2, 5, 6}, false}, {{1, 2, 3, 5, 6}, false}, {{5, 6}, false}});
  // One group of two: alone it is all.
  const Ensemble one = ensemble_of(3, 0, "group.1=1\ngroup.2=2:3\nweight.2=0\nweight.3=0\n");
  expect_rows(one, {{{1}, true}, {{2, 3}, false}});
}

TEST(Quorum, GivesAServerWithoutWeightNoVoice) {
  const Ensemble ensemble = ensemble_of(3, 0, "group.1=1:2:3\nweight.3=0\n");
  expect_rows(ensemble, {{{1, 3}, false}, {{2, 3}, false}, {{1, 2}, true}});
}

// ZooKeeper adds an observer's weight to its group, and never gets its vote.
TEST(Quorum, AddsTheWeightOfWhoDoesNotVoteToItsGroupOnly) {
  const Ensemble ensemble = ensemble_of(3, 1, "group.1=1:2:3:4\nweight.4=2\n");
  expect_rows(ensemble, {{{1, 2}, false}, {{1, 2, 4}, false}, {{1, 2, 3}, true}});
}

TEST(Configurations, NeedAQuorumOfEach) {
  Configurations configurations{std::make_shared<Ensemble>(ensemble_of(3)), nullptr};
  EXPECT_TRUE(configurations.is_quorum(set_of({1, 2})));
  configurations.last_seen = std::make_shared<Ensemble>(ensemble_of(5));
  EXPECT_FALSE(configurations.is_quorum(set_of({1, 2})));     // not of the next one
  EXPECT_FALSE(configurations.is_quorum(set_of({3, 4, 5})));  // not of the committed one
  EXPECT_TRUE(configurations.is_quorum(set_of({2, 3, 4})));
}

TEST(Configurations, KnowTheVotersOfBoth) {
  Configurations configurations;
  configurations.committed = std::make_shared<Ensemble>(
      *parse_ensemble("server.1=a:1:2\nserver.4=d:1:2\nserver.5=e:1:2:observer\n"));
  EXPECT_THAT(configurations.voters(), ElementsAre(ServerId{1}, ServerId{4}));
  EXPECT_FALSE(configurations.is_voter(ServerId{2}));
  configurations.last_seen = std::make_shared<Ensemble>(
      *parse_ensemble("server.2=b:1:2\nserver.4=d:1:2\nserver.6=f:1:2:observer\nversion=1\n"));
  EXPECT_THAT(configurations.voters(), ElementsAre(ServerId{1}, ServerId{2}, ServerId{4}));
  for (const std::int64_t id : {1, 2, 4}) EXPECT_TRUE(configurations.is_voter(ServerId{id}));
  for (const std::int64_t id : {3, 5, 6}) EXPECT_FALSE(configurations.is_voter(ServerId{id}));
}

TEST(Configurations, LetVotersWithWeightLead) {
  const auto weighted =
      std::make_shared<Ensemble>(ensemble_of(3, 1, "group.1=1:2:3:4\nweight.3=0\n"));
  Configurations configurations{weighted, nullptr};
  EXPECT_TRUE(configurations.can_lead(ServerId{1}));
  EXPECT_FALSE(configurations.can_lead(ServerId{3}));
  EXPECT_FALSE(configurations.can_lead(ServerId{4}));
  EXPECT_FALSE(configurations.can_lead(ServerId{5}));
  configurations = {std::make_shared<Ensemble>(ensemble_of(2)), weighted};
  EXPECT_TRUE(configurations.can_lead(ServerId{2}));
  EXPECT_FALSE(configurations.can_lead(ServerId{3}));
  configurations = {weighted, std::make_shared<Ensemble>(ensemble_of(5))};
  EXPECT_FALSE(configurations.can_lead(ServerId{3}));  // as long as the committed one says so
  EXPECT_TRUE(configurations.can_lead(ServerId{4}));
  EXPECT_TRUE(configurations.can_lead(ServerId{5}));
}

}  // namespace
}  // namespace paddock::zab
