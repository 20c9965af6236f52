#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/concat.h"
#include "server/admin/four_letter.h"
#include "server/admin/server_status.h"

// What the words say of an ensemble. The texts in here are those of three ZooKeeper 3.8.0 servers,
// 3 leading, and an observer, 4.
namespace paddock::server {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kMembers =
    "server.1=127.0.0.1:17029:12933:participant\n"
    "server.2=127.0.0.1:25945:21926:participant\n"
    "server.3=127.0.0.1:16073:28973:participant\n"
    "server.4=127.0.0.1:15469:17904:observer\n"
    "version=0";

EnsembleStatus member(int id) {
  EnsembleStatus ensemble;
  ensemble.self = ServerId{id};
  ensemble.leader = ServerId{3};
  ensemble.epoch = Epoch{1};
  ensemble.voters = 3;
  ensemble.members = kMembers;
  return ensemble;
}

ServerStatus server(int id, ServerMode mode) {
  ServerStatus status;
  status.mode = mode;
  status.last_zxid = Zxid{0x10000000b};
  status.node_count = 9;
  status.connection_count = 1;
  if (mode != ServerMode::kReadOnly) status.ensemble = member(id);
  return status;
}

ServerStatus follower() {
  ServerStatus status = server(1, ServerMode::kFollower);
  status.latency = {5, 54, 21.25};
  status.received = 6;
  status.sent = 5;
  return status;
}

LearnerStatus learner(int id, std::int64_t acked) {
  LearnerStatus learner;
  learner.sid = ServerId{id};
  learner.address = concat("127.0.0.1:", 40000 + id);
  learner.synced = true;
  learner.acked = Zxid{acked};
  return learner;
}

ServerStatus leader() {
  ServerStatus status = server(3, ServerMode::kLeader);
  status.latency = {5, 8, 6.33333};
  status.received = 5;
  status.sent = 4;
  status.connection_count = 2;
  LeaderStatus& leading = status.ensemble->leading.emplace();
  leading.learners = {learner(1, 0x10000000b), learner(2, 0x10000000b), learner(4, 0x100000000)};
  leading.learners[2].observer = true;
  leading.learners[2].votes = false;
  leading.last_proposed = Zxid{0x10000000b};
  leading.last_proposal_bytes = 48;
  leading.min_proposal_bytes = 48;
  leading.max_proposal_bytes = 187;
  leading.uptime = Millis{1157};
  return status;
}

std::string answer(FourLetterWord word, const ServerStatus& status) {
  return answer_to(word, status, kTraceMaskDefault);
}

std::string behind_version(const std::string& text) {
  return text.substr(text.find('\n') + 1);
}

std::string value_of(const std::string& mntr, const std::string& name) {
  const std::string start = concat("zk_", name, "\t");
  const std::size_t at = mntr.find("\n" + start);
  if (at == std::string::npos) return "not there";
  const std::size_t value = at + 1 + start.size();
  return mntr.substr(value, mntr.find('\n', value) - value);
}

TEST(EnsembleWords, SrvrOfAFollowerNamesItsMode) {
  EXPECT_EQ(behind_version(answer(FourLetterWord::kSrvr, follower())),
            "Latency min/avg/max: 5/21.25/54\nReceived: 6\nSent: 5\nConnections: 1\n"
            "Outstanding: 0\nZxid: 0x10000000b\nMode: follower\nNode count: 9\n");
}

TEST(EnsembleWords, SrvrOfALeaderEndsWithTheSizesOfItsProposals) {
  EXPECT_EQ(behind_version(answer(FourLetterWord::kSrvr, leader())),
            "Latency min/avg/max: 5/6.3333/8\nReceived: 5\nSent: 4\nConnections: 2\n"
            "Outstanding: 0\nZxid: 0x10000000b\nMode: leader\nNode count: 9\n"
            "Proposal sizes last/min/max: 48/48/187\n");
}

TEST(EnsembleWords, SrvrOfALeaderThatHasProposedNothingSaysSo) {
  ServerStatus status = leader();
  status.ensemble->leading = LeaderStatus{};
  EXPECT_THAT(answer(FourLetterWord::kSrvr, status),
              EndsWith("Node count: 9\nProposal sizes last/min/max: -1/-1/-1\n"));
}

TEST(EnsembleWords, StatEndsAsSrvrDoes) {
  EXPECT_THAT(answer(FourLetterWord::kStat, leader()),
              EndsWith("Mode: leader\nNode count: 9\nProposal sizes last/min/max: 48/48/187\n"));
  EXPECT_THAT(answer(FourLetterWord::kStat, server(4, ServerMode::kObserver)),
              EndsWith("Mode: observer\nNode count: 9\n"));
}

TEST(EnsembleWords, AReadOnlyServerSaysItBeforeAnythingElse) {
  const ServerStatus status = server(2, ServerMode::kReadOnly);
  EXPECT_THAT(
      behind_version(answer(FourLetterWord::kSrvr, status)),
      ::testing::StartsWith("READ-ONLY mode; serving only read-only clients\nLatency min/avg/max"));
  EXPECT_THAT(answer(FourLetterWord::kSrvr, status), HasSubstr("Mode: read-only\n"));
  EXPECT_EQ(answer(FourLetterWord::kIsro, status), "ro");
  EXPECT_EQ(answer(FourLetterWord::kIsro, leader()), "rw");
  EXPECT_EQ(answer(FourLetterWord::kIsro, follower()), "rw");
}

TEST(EnsembleWords, ConfEndsWithTheMembersAndNoLineEnd) {
  ServerStatus status = follower();
  status.configuration = {{"serverId", "1"}, {"peerType", "0"}};
  EXPECT_EQ(answer(FourLetterWord::kConf, status),
            concat("serverId=1\npeerType=0\nmembership: \n", kMembers));
  ServerStatus read_only = server(1, ServerMode::kReadOnly);
  read_only.configuration = status.configuration;
  EXPECT_EQ(answer(FourLetterWord::kConf, read_only), "serverId=1\npeerType=0\n");
}

TEST(EnsembleWords, MntrOfALeaderCountsItsLearners) {
  const std::string mntr = answer(FourLetterWord::kMntr, leader());
  for (const auto& [name, value] :
       std::vector<std::pair<const char*, const char*>>{{"server_state", "leader"},
                                                        {"peer_state", "leading - broadcast"},
                                                        {"quorum_size", "3"},
                                                        {"learners", "3"},
                                                        {"synced_followers", "2"},
                                                        {"synced_non_voting_followers", "0"},
                                                        {"synced_observers", "1"},
                                                        {"pending_syncs", "0"},
                                                        {"leader_uptime", "1157"},
                                                        {"last_proposal_size", "48"},
                                                        {"min_proposal_size", "48"},
                                                        {"max_proposal_size", "187"},
                                                        {"observer_master_id", "not there"}}) {
    EXPECT_EQ(value_of(mntr, name), value) << name;
  }
}

TEST(EnsembleWords, MntrCountsOnlyLearnersThatHaveSynchronized) {
  ServerStatus status = leader();
  std::vector<LearnerStatus>& learners = status.ensemble->leading->learners;
  learners[0].synced = false;
  learners[1].votes = false;
  const std::string mntr = answer(FourLetterWord::kMntr, status);
  EXPECT_EQ(value_of(mntr, "learners"), "3");
  EXPECT_EQ(value_of(mntr, "synced_followers"), "1");
  EXPECT_EQ(value_of(mntr, "synced_non_voting_followers"), "1");
}

TEST(EnsembleWords, MntrOfALearnerNamesItsStateAndNothingOfALeader) {
  const std::string following = answer(FourLetterWord::kMntr, follower());
  EXPECT_EQ(value_of(following, "server_state"), "follower");
  EXPECT_EQ(value_of(following, "peer_state"), "following - broadcast");
  EXPECT_EQ(value_of(following, "quorum_size"), "3");
  EXPECT_EQ(value_of(following, "epoch"), "1");
  const std::string observing = answer(FourLetterWord::kMntr, server(4, ServerMode::kObserver));
  EXPECT_EQ(value_of(observing, "peer_state"), "observing - broadcast");
  EXPECT_EQ(value_of(observing, "observer_master_id"), "3");
  const std::string reading = answer(FourLetterWord::kMntr, server(1, ServerMode::kReadOnly));
  EXPECT_EQ(value_of(reading, "server_state"), "read-only");
  for (const std::string& mntr : {following, observing, reading}) {
    EXPECT_EQ(value_of(mntr, "learners"), "not there");
    EXPECT_EQ(value_of(mntr, "leader_uptime"), "not there");
    EXPECT_THAT(mntr, Not(HasSubstr("learner_lag")));
  }
  EXPECT_EQ(value_of(reading, "peer_state"), "not there");
  EXPECT_EQ(value_of(reading, "quorum_size"), "not there");
  EXPECT_EQ(value_of(following, "observer_master_id"), "not there");
}

TEST(EnsembleWords, MntrTellsHowFarEachFollowerIsBehind) {
  ServerStatus status = leader();
  std::vector<LearnerStatus>& learners = status.ensemble->leading->learners;
  learners[0].acked = Zxid{0x100000002};
  learners[0].queued_bytes = 900;
  learners[0].silent = Millis{1200};
  const std::string mntr = answer(FourLetterWord::kMntr, status);
  EXPECT_EQ(value_of(mntr, "1_learner_lag"), "9");
  EXPECT_EQ(value_of(mntr, "1_learner_queued_bytes"), "900");
  EXPECT_EQ(value_of(mntr, "1_learner_silent_ms"), "1200");
  EXPECT_EQ(value_of(mntr, "2_learner_lag"), "0");
  EXPECT_EQ(value_of(mntr, "max_learner_lag"), "9");
  // An observer acknowledges nothing.
  EXPECT_EQ(value_of(mntr, "4_learner_lag"), "not there");
  EXPECT_EQ(value_of(mntr, "4_learner_queued_bytes"), "0");
}

TEST(EnsembleWords, AFollowerWithoutAVoteHoldsNobodyUp) {
  ServerStatus status = leader();
  status.ensemble->leading->learners[1].votes = false;
  status.ensemble->leading->learners[1].acked = Zxid{0x100000001};
  const std::string mntr = answer(FourLetterWord::kMntr, status);
  EXPECT_EQ(value_of(mntr, "2_learner_lag"), "10");
  EXPECT_EQ(value_of(mntr, "max_learner_lag"), "0");
}

TEST(LearnerLag, CountsWithinTheEpochAndNeverBelowZero) {
  const auto lag = [](std::int64_t acked, std::int64_t proposed) {
    return lag_of(learner(1, acked), Zxid{proposed});
  };
  EXPECT_EQ(lag(0x500000003, 0x500000007), 4);
  EXPECT_EQ(lag(0x500000007, 0x500000007), 0);
  EXPECT_EQ(lag(0x500000008, 0x500000007), 0);
  EXPECT_EQ(lag(0x400000005, 0x500000007), 7) << "at least all of this epoch";
  EXPECT_EQ(lag(0x400000005, 0x500000000), 0) << "nothing was proposed yet";
  EXPECT_EQ(lag(0x500000000, 0x5ffffffff), 0xffffffff);
}

TEST(EnsembleWords, DumpOfALearnerTellsTimeoutsAndThatOfALeaderWhenSessionsEnd) {
  ServerStatus status = follower();
  status.sessions = {{SessionId{0x300019d23f80001}, {}, 4000},
                     {SessionId{0x300019d23f80000}, {}, 10000}};
  EXPECT_THAT(answer(FourLetterWord::kDump, status),
              ::testing::StartsWith("SessionTracker dump:\nGlobal Sessions(2):\n"
                                    "0x300019d23f80000\t10000ms\n0x300019d23f80001\t4000ms\n"
                                    "ephemeral nodes dump:\n"));
  status.mode = ServerMode::kReadOnly;
  EXPECT_THAT(answer(FourLetterWord::kDump, status), HasSubstr("Global Sessions(2):\n"));
  status.mode = ServerMode::kLeader;
  EXPECT_THAT(answer(FourLetterWord::kDump, status),
              ::testing::StartsWith("SessionTracker dump:\nSession Sets (1)/(2):\n"));
}

// Recorded with localSessionsEnabled=true.
TEST(EnsembleWords, DumpTellsLocalSessionsFirstWhereThereCanBeAny) {
  ServerStatus status = follower();
  status.has_local_sessions = true;
  EXPECT_THAT(answer(FourLetterWord::kDump, status),
              ::testing::StartsWith("SessionTracker dump:\nLocal Session Sets (0)/(0):\n"
                                    "Global Sessions(0):\nephemeral nodes dump:\n"));
  status.mode = ServerMode::kLeader;
  status.local_session_lines = {{SessionId{0x300019d23f80001}, {}, 4000}};
  const std::string text = answer(FourLetterWord::kDump, status);
  EXPECT_THAT(text, ::testing::StartsWith("SessionTracker dump:\nLocal Session Sets (1)/(1):\n"));
  EXPECT_THAT(text, HasSubstr("\n\t0x300019d23f80001\nGlobal Session Sets (0)/(0):\n"));
}

// Recorded from a follower and an observer whose leader was gone.
TEST(EnsembleWords, WithoutALeaderMostWordsAreNotAnswered) {
  ServerStatus status;
  status.serving = false;
  for (const FourLetterWord word :
       {FourLetterWord::kSrvr, FourLetterWord::kStat, FourLetterWord::kMntr, FourLetterWord::kConf,
        FourLetterWord::kCons, FourLetterWord::kDirs, FourLetterWord::kDump, FourLetterWord::kWchs,
        FourLetterWord::kWchc, FourLetterWord::kWchp, FourLetterWord::kCrst,
        FourLetterWord::kSrst}) {
    EXPECT_EQ(answer(word, status), "This ZooKeeper instance is not currently serving requests\n")
        << to_string(word);
  }
  EXPECT_EQ(answer(FourLetterWord::kIsro, status), "null");
  EXPECT_EQ(answer(FourLetterWord::kRuok, status), "imok");
  EXPECT_EQ(answer(FourLetterWord::kGtmk, status), "306");
}

}  // namespace
}  // namespace paddock::server
