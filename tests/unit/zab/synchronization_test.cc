#include "zab/synchronization.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/concat.h"

namespace paddock::zab {
namespace {

Zxid at(std::int64_t epoch, std::uint32_t counter) {
  return Zxid::make(Epoch{epoch}, counter);
}

// What epochs hold, in order: {epoch, how many}.
History history_of(Zxid start, const std::vector<std::pair<std::int64_t, std::uint32_t>>& epochs) {
  History history(start);
  for (const auto& [epoch, count] : epochs) {
    for (std::uint32_t i = 1; i <= count; ++i) history.append(at(epoch, i));
  }
  return history;
}

std::string text_of(const SyncPlan& plan) {
  const auto from = concat(" ", plan.from.epoch().value, ".", plan.from.counter());
  switch (plan.how) {
    case SyncPlan::How::kDiff:
      return "DIFF" + from;
    case SyncPlan::How::kTrunc:
      return "TRUNC" + from;
    case SyncPlan::How::kSnap:
      return "SNAP";
  }
  return "";
}

struct Case {
  const char* why;
  Zxid learner;
  const char* plan;
};

void expect_plans(const History& history, Zxid upto, const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    EXPECT_EQ(text_of(plan_sync(history, upto, c.learner)), c.plan) << c.why;
  }
}

TEST(Synchronization, GivesWhatIsMissingAndCutsWhatIsNotShared) {
  const History history = history_of({}, {{1, 9}, {3, 4}, {4, 2}});
  expect_plans(history, at(4, 2),
               {{"in step", at(4, 2), "DIFF 4.2"},
                {"a little behind", at(4, 1), "DIFF 4.1"},
                {"epochs behind", at(1, 5), "DIFF 1.5"},
                {"empty", {}, "DIFF 0.0"},
                {"one more of the last epoch", at(4, 3), "TRUNC 4.2"},
                {"more of an epoch that went on without it", at(1, 12), "TRUNC 1.9"},
                {"an epoch that nobody here knows", at(2, 1), "TRUNC 1.9"},
                {"a later epoch that nobody here knows", at(5, 7), "TRUNC 4.2"}});
}

TEST(Synchronization, TakesACounterOfNoneForAllThatCameBeforeItsEpoch) {
  const History history = history_of({}, {{1, 9}, {3, 4}});
  expect_plans(history, at(3, 4),
               {{"an epoch in which it saw nothing", at(3, 0), "DIFF 1.9"},
                {"one between", at(2, 0), "DIFF 1.9"},
                {"one after all of them", at(5, 0), "DIFF 3.4"}});
}

TEST(Synchronization, CutsProposalsThatAreStillUnderWay) {
  const History history = history_of({}, {{1, 3}, {2, 8}});
  expect_plans(history, at(2, 5),
               {{"the last committed", at(2, 5), "DIFF 2.5"},
                {"under way", at(2, 7), "TRUNC 2.5"},
                {"before it", at(2, 4), "DIFF 2.4"}});
}

TEST(Synchronization, SendsTheStateWhereTheLogDoesNotReach) {
  const History history = history_of(at(2, 100), {{3, 4}});
  expect_plans(history, at(3, 4),
               {{"empty", {}, "SNAP"},
                {"before the log", at(2, 99), "SNAP"},
                {"where the log begins", at(2, 100), "DIFF 2.100"},
                {"beside where it begins", at(2, 101), "TRUNC 2.100"},
                {"asks for it", Zxid{-1}, "SNAP"}});
  expect_plans(history_of({}, {{3, 4}}), at(3, 4),
               {{"shares nothing", at(2, 7), "SNAP"}, {"asks for it", Zxid{-1}, "SNAP"}});
}

}  // namespace
}  // namespace paddock::zab
