// What may be said on a link and when: all that is right is taken, and what is not is found.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/op_code.h"
#include "tests/simulation/zab_checkers_fixture.h"
#include "tests/support/zab_conversation.h"

namespace paddock::test {
namespace {

class Conversation : public testing::Test {
 protected:
  enum class Who { kLearner, kLeader };
  struct Line {
    Who who;
    zab::Message message;
  };
  static Line learner(zab::Message message) { return {Who::kLearner, std::move(message)}; }
  static Line leader(zab::Message message) { return {Who::kLeader, std::move(message)}; }
  static zab::Txn txn(std::uint32_t counter, std::int64_t epoch = 2) {
    return {zxid(epoch, counter), encode({SessionId{1}, 1, counter})};
  }
  static zab::Message info(bool observer) {
    return zab::LearnerInfo{observer, Epoch{1}, kTwo, 0x10000, 0};
  }
  static zab::Message ping(Zxid zxid) { return zab::Ping{zxid, std::nullopt}; }
  static zab::Message pong(Zxid zxid) { return zab::Ping{zxid, std::vector<zab::SessionTouch>{}}; }
  static zab::Message request(OpCode op) {
    return zab::Request{SessionId{1}, 1, static_cast<std::int32_t>(op), nullptr, std::vector<Id>{}};
  }

  static std::string say(ZabConversation& conversation, const Line& line) {
    return line.who == Who::kLearner ? conversation.learner_says(line.message)
                                     : conversation.leader_says(line.message);
  }
  // What is wrong with the last line; before it all is right.
  static std::string last_of(const std::vector<Line>& lines) {
    ZabConversation conversation;
    std::string wrong;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      EXPECT_EQ(wrong, "") << "line " << i - 1;
      wrong = say(conversation, lines[i]);
    }
    return wrong;
  }

  // A follower's first proposals are in its DIFF, then come some that are not committed yet.
  std::vector<Line> follower() {
    return {learner(info(false)),
            leader(zab::LeaderInfo{Epoch{2}, 0x10000}),
            learner(zab::AckEpoch{zxid(1, 4), Epoch{1}}),
            leader(zab::Diff{zxid(2, 1)}),
            leader(zab::Proposal{txn(1)}),
            leader(zab::Commit{zxid(2, 1)}),
            leader(zab::Proposal{txn(2)}),
            leader(zab::NewLeader{Epoch{2}, std::nullopt}),
            leader(ping(zxid(2, 2))),
            leader(zab::Proposal{txn(3)}),
            learner(zab::Ack{zxid(2, 0)}),
            leader(zab::Commit{zxid(2, 2)}),
            leader(zab::UpToDate{}),
            learner(zab::Ack{zxid(2, 0)}),
            learner(zab::Ack{zxid(2, 2)}),
            leader(ping(zxid(2, 3))),
            learner(zab::Ack{zxid(2, 3)}),
            learner(pong(zxid(2, 3))),
            learner(request(OpCode::kSync)),
            learner(zab::Revalidate{SessionId{5}, Millis{1}}),
            leader(zab::Commit{zxid(2, 3)}),
            leader(zab::Sync{}),
            leader(zab::Revalidated{SessionId{5}, true})};
  }
  std::vector<Line> observer() {
    return {learner(info(true)),
            leader(zab::LeaderInfo{Epoch{2}, 0x10000}),
            learner(zab::AckEpoch{zxid(1, 4), std::nullopt}),
            leader(zab::Trunc{zxid(1, 3)}),
            leader(zab::Proposal{txn(1)}),
            leader(zab::Commit{zxid(2, 1)}),
            leader(zab::NewLeader{Epoch{2}, std::nullopt}),
            leader(zab::Inform{txn(2)}),
            learner(zab::Ack{zxid(2, 0)}),
            leader(zab::UpToDate{}),
            learner(zab::Ack{zxid(2, 0)}),
            leader(zab::Inform{txn(3)})};
  }
  // `lines` up to, not including, the first of this kind that `who` says.
  template <typename Kind>
  static std::vector<Line> before(std::vector<Line> lines) {
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (!std::holds_alternative<Kind>(lines[i].message)) continue;
      lines.resize(i);
      return lines;
    }
    ADD_FAILURE() << "no such line";
    return lines;
  }
  static std::string then(std::vector<Line> lines, Line line) {
    lines.push_back(std::move(line));
    return last_of(lines);
  }
};

TEST_F(Conversation, TakesWhatFollowersAndObserversSay) {
  EXPECT_EQ(last_of(follower()), "");
  EXPECT_EQ(last_of(observer()), "");
}

// Said again, what may be said once is wrong, whoever says it; and so is what the other side says.
TEST_F(Conversation, TakesNothingTwiceButPings) {
  const std::vector<Line> lines = follower();
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const zab::Message& message = lines[i].message;
    const auto* ping = std::get_if<zab::Ping>(&message);
    const bool may_repeat = (ping != nullptr && !ping->touched) ||
                            std::holds_alternative<zab::Request>(message) ||
                            std::holds_alternative<zab::Revalidate>(message);
    const std::vector<Line> upto(lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    // The ACK of NEWLEADER and of UPTODATE are alike; between them it is out of turn.
    EXPECT_EQ(then(upto, lines[i]).empty(), may_repeat) << "line " << i;
    const Line swapped{lines[i].who == Who::kLearner ? Who::kLeader : Who::kLearner, message};
    EXPECT_NE(then(upto, swapped), "") << "line " << i;
  }
}

// One step left out: something after it is wrong. PINGs, their answers and the ACK of what is
// committed already may be missing.
TEST_F(Conversation, MissesEachStepThatIsLeftOut) {
  const std::vector<Line> all = follower();
  for (const std::size_t left_out :
       {0u, 1u, 2u, 3u, 4u, 5u, 6u, 7u, 9u, 10u, 11u, 12u, 13u, 15u, 18u, 19u}) {
    std::vector<Line> lines = all;
    lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(left_out));
    ZabConversation conversation;
    std::string wrong;
    for (const Line& line : lines) {
      if (wrong.empty()) wrong = say(conversation, line);
    }
    EXPECT_NE(wrong, "") << "without line " << left_out;
  }
}

TEST_F(Conversation, RefusesGapsAndRepetitionsInTheHistory) {
  EXPECT_NE(then(follower(), leader(zab::Proposal{txn(5)})), "");
  EXPECT_NE(then(follower(), leader(zab::Proposal{txn(3)})), "");
  EXPECT_EQ(then(follower(), leader(zab::Proposal{txn(4)})), "");
  EXPECT_NE(then(observer(), leader(zab::Inform{txn(5)})), "");
  EXPECT_NE(then(before<zab::Proposal>(follower()), leader(zab::Proposal{txn(6, 1)})), "");
  EXPECT_EQ(then(before<zab::Proposal>(follower()), leader(zab::Proposal{txn(5, 1)})), "");
  EXPECT_NE(then(before<zab::Proposal>(observer()), leader(zab::Proposal{txn(5, 1)})), "")
      << "after TRUNC to 4";
}

TEST_F(Conversation, RefusesACommitThatIsNotTheNextProposals) {
  std::vector<Line> lines = follower();
  lines.push_back(leader(zab::Proposal{txn(4)}));
  lines.push_back(leader(zab::Proposal{txn(5)}));
  EXPECT_NE(then(lines, leader(zab::Commit{zxid(2, 5)})), "");
  EXPECT_NE(then(lines, leader(zab::Commit{zxid(2, 3)})), "");
  EXPECT_EQ(then(lines, leader(zab::Commit{zxid(2, 4)})), "");
}

TEST_F(Conversation, RefusesAcksOutOfOrderOrOfAnObserver) {
  std::vector<Line> lines = follower();
  lines.push_back(leader(zab::Proposal{txn(4)}));
  lines.push_back(leader(zab::Proposal{txn(5)}));
  EXPECT_NE(then(lines, learner(zab::Ack{zxid(2, 5)})), "");
  EXPECT_NE(then(lines, learner(zab::Ack{zxid(2, 6)})), "");
  EXPECT_NE(then(observer(), learner(zab::Ack{zxid(2, 3)})), "");
  EXPECT_NE(then(before<zab::UpToDate>(follower()), learner(zab::Ack{zxid(2, 2)})), "");
}

TEST_F(Conversation, RefusesAnotherEpochThanTheLeadersOwn) {
  EXPECT_NE(
      then(before<zab::NewLeader>(follower()), leader(zab::NewLeader{Epoch{3}, std::nullopt})), "");
  EXPECT_NE(then(before<zab::UpToDate>(follower()), learner(zab::Ack{zxid(3, 0)})), "");
}

TEST_F(Conversation, WantsASnapshotBehindSnapAndOfTheSameZxid) {
  const auto snapshot = [](Zxid last) {
    return std::make_shared<const StateCopy>(StateCopy{{{last, 1}}, nullptr});
  };
  std::vector<Line> lines = before<zab::Diff>(follower());
  lines.push_back(leader(zab::Snap{zxid(2, 1)}));
  EXPECT_NE(then(lines, leader(zab::Proposal{txn(2)})), "");
  EXPECT_NE(then(lines, leader(zab::NewLeader{Epoch{2}, std::nullopt})), "");
  ZabConversation conversation;
  EXPECT_NE(conversation.leader_streams(snapshot(zxid(2, 1))), "");
  for (const Line& line : lines) ASSERT_EQ(say(conversation, line), "");
  ZabConversation other = conversation;
  EXPECT_NE(other.leader_streams(snapshot(zxid(1, 9))), "");
  EXPECT_EQ(conversation.leader_streams(snapshot(zxid(2, 1))), "");
  EXPECT_EQ(conversation.leader_says(zab::Proposal{txn(2)}), "");
}

TEST_F(Conversation, WantsAuthinfoWithEachRequestOfAClient) {
  const zab::Request bare{SessionId{1}, 1, static_cast<std::int32_t>(OpCode::kSetData), nullptr,
                          std::nullopt};
  EXPECT_NE(then(follower(), learner(bare)), "");
  zab::Request of_session = bare;
  of_session.op_code = static_cast<std::int32_t>(OpCode::kCloseSession);
  EXPECT_EQ(then(follower(), learner(of_session)), "");
}

TEST_F(Conversation, WantsPingsAnsweredWithAListAndOnlyAfterUpToDate) {
  EXPECT_NE(then(before<zab::UpToDate>(follower()), learner(pong(zxid(2, 2)))), "");
  std::vector<Line> lines = follower();
  lines.push_back(leader(ping(zxid(2, 3))));
  EXPECT_NE(then(lines, learner(zab::Ping{zxid(2, 3), std::nullopt})), "");
  EXPECT_NE(then(lines, learner(pong(zxid(2, 2)))), "");
  EXPECT_NE(then(lines, leader(pong(zxid(2, 3)))), "");
  EXPECT_EQ(then(lines, learner(pong(zxid(2, 3)))), "");
}

TEST_F(Conversation, WantsOneSyncForEachThatWasAskedFor) {
  EXPECT_NE(then(follower(), leader(zab::Sync{})), "");
  std::vector<Line> lines = follower();
  lines.push_back(learner(request(OpCode::kSync)));
  EXPECT_EQ(then(lines, leader(zab::Sync{})), "");
}

TEST_F(Conversation, TakesWhatActivatesAConfigurationForTheCommitThatItIs) {
  EXPECT_NE(then(follower(), leader(zab::CommitAndActivate{zxid(2, 4), kOne})), "");
  EXPECT_NE(then(observer(), leader(zab::InformAndActivate{txn(9), kOne})), "");
  EXPECT_EQ(then(follower(), leader(zab::CommitAndActivate{zxid(2, 4), kOne})) == "",
            then(follower(), leader(zab::Commit{zxid(2, 4)})) == "");
  EXPECT_EQ(then(observer(), leader(zab::InformAndActivate{txn(4), kOne})) == "",
            then(observer(), leader(zab::Inform{txn(4)})) == "");
}

}  // namespace
}  // namespace paddock::test
