#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "common/concat.h"
#include "server/ensemble_lines.h"
#include "server/option_table.h"
#include "server/options.h"
#include "tests/unit/server/options_fixture.h"

namespace paddock::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

const std::string kLimits = "initLimit=10\nsyncLimit=5\n";
const std::string kThree = "server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\n";

// A zoo.cfg begins with dataDir and clientPort=2181: its third line is the first of the text here.
class EnsembleOptionsTest : public OptionsTest {
 protected:
  EnsembleOptionsTest() { std::filesystem::create_directory(path("data")); }

  // As server 1, unless a test says otherwise.
  EnsembleOptions ensemble(const std::string& text) {
    if (!std::filesystem::exists(path("data/myid"))) write("data/myid", "1\n");
    return options(text).ensemble;
  }
  std::string refused_as_one(const std::string& text) {
    if (!std::filesystem::exists(path("data/myid"))) write("data/myid", "1\n");
    return refused(text);
  }
};

TEST_F(EnsembleOptionsTest, ReadsThreeServersAndWhichOfThemItIs) {
  write("data/myid", "2\n");
  const ServerOptions loaded = options(kLimits + kThree + "tickTime=500\n");
  const EnsembleOptions& ensemble = loaded.ensemble;
  ASSERT_NE(ensemble.ensemble, nullptr);
  EXPECT_EQ(zab::to_text(*ensemble.ensemble),
            "server.1=a:1:2:participant\nserver.2=b:1:2:participant\n"
            "server.3=c:1:2:participant\nversion=0");
  EXPECT_EQ(ensemble.self, ServerId{2});
  EXPECT_EQ(loaded.core.server_id, ServerId{2});
  EXPECT_FALSE(ensemble.is_observer());
  EXPECT_EQ(ensemble.member()->addresses[0].quorum, (HostPort{"b", 1}));
  EXPECT_EQ(loaded.net.client, (HostPort{"", 2181}));
  EXPECT_EQ(ensemble.timing.init_timeout(), Millis{5000});
  EXPECT_EQ(ensemble.timing.sync_timeout(), Millis{2500});
  EXPECT_EQ(notices(kLimits + kThree), "");
}

TEST_F(EnsembleOptionsTest, BeginsWithWhatWasProposedWhenItStopped) {
  const std::string text = kLimits + kThree + "reconfigEnabled=true\n";
  EXPECT_EQ(ensemble(text).last_seen, nullptr);
  EXPECT_TRUE(ensemble(text).in_static_file);
  EXPECT_EQ(ensemble(text).config_path, path("zoo.cfg"));
  write("zoo.cfg.dynamic.next", "server.1=a:1:2\nserver.2=b:1:2\nversion=100000005");
  ASSERT_NE(ensemble(text).last_seen, nullptr);
  EXPECT_EQ(ensemble(text).last_seen->version, 0x100000005);
  EXPECT_EQ(ensemble(kLimits + kThree).last_seen, nullptr);  // it cannot change
  write("zoo.cfg.dynamic.next", "server.1=a\n");
  EXPECT_THAT(refused_as_one(text), HasSubstr("zoo.cfg.dynamic.next: line 1"));
}

TEST_F(EnsembleOptionsTest, ChangesOnlyWhatIsInAFile) {
  write("data/myid", "1\n");
  EXPECT_THAT(refused(kLimits + "reconfigEnabled=true\n", {"--server.1=a:1:2", "--server.2=b:1:2"}),
              HasSubstr("reconfigEnabled=true needs the server.N lines in a configuration file"));
}

TEST_F(EnsembleOptionsTest, HasZooKeepersDefaultsForWhatIsNotSet) {
  const EnsembleOptions loaded = ensemble(kLimits + kThree);
  EXPECT_EQ(loaded.timing.tick, Millis{3000});
  EXPECT_EQ(loaded.timing.min_notification, Millis{200});
  EXPECT_EQ(loaded.timing.max_notification, Millis{60000});
  EXPECT_EQ(loaded.connect_timeout, Millis{5000});
  EXPECT_EQ(loaded.opening_timeout, Millis{15000});
  EXPECT_EQ(loaded.connect_limit, 10);
  EXPECT_EQ(loaded.snapshots_at_once, 10);
  EXPECT_FALSE(loaded.listen_on_all_addresses);
  EXPECT_FALSE(loaded.tcp_keep_alive);
  EXPECT_TRUE(loaded.leader_serves);
}

TEST_F(EnsembleOptionsTest, TakesWhatAnOperatorSets) {
  const EnsembleOptions loaded = ensemble(
      kLimits + kThree +
      "cnxTimeout=700\nquorumCnxnTimeoutMs=800\nconnectToLearnerMasterLimit=3\n"
      "fastleader.minNotificationInterval=50\nzookeeper.fastleader.maxNotificationInterval=900\n"
      "observer.election.DelayMs=0\nleaderConnectDelayDuringRetryMs=20\n"
      "leader.maxConcurrentSnapSyncs=2\nleader.maxConcurrentDiffSyncs=3\nquorumListenOnAllIPs="
      "true\ntcpKeepAlive=true\n"
      "localSessionsEnabled=true\nlocalSessionsUpgradingEnabled=true\nleaderServes=no\n"
      "observerMasterPort=2191\n");
  EXPECT_EQ(loaded.connect_timeout, Millis{700});
  EXPECT_EQ(loaded.opening_timeout, Millis{800});
  EXPECT_EQ(loaded.connect_limit, 3);
  EXPECT_EQ(loaded.timing.min_notification, Millis{50});
  EXPECT_EQ(loaded.timing.max_notification, Millis{900});
  EXPECT_EQ(loaded.timing.observer_election_delay, Millis{0});
  EXPECT_EQ(loaded.timing.connect_retry, Millis{20});
  EXPECT_EQ(loaded.snapshots_at_once, 2);
  EXPECT_EQ(loaded.histories_at_once, 3);
  EXPECT_TRUE(loaded.listen_on_all_addresses);
  EXPECT_TRUE(loaded.tcp_keep_alive);
  EXPECT_TRUE(loaded.local_sessions);
  EXPECT_TRUE(loaded.local_sessions_upgrading);
  EXPECT_FALSE(loaded.leader_serves);
  EXPECT_EQ(loaded.observer_master_port, 2191);
}

TEST_F(EnsembleOptionsTest, BeatsFasterThanTicksAndNeverSlower) {
  EXPECT_EQ(ensemble(kLimits + kThree).timing.heartbeat, Millis{250});
  EXPECT_EQ(ensemble(kLimits + kThree).timing.heartbeat_timeout, Millis{2000});
  const std::string quick = "tickTime=100\n";  // syncLimit is 500 ms
  EXPECT_EQ(ensemble(kLimits + kThree + quick).timing.heartbeat_timeout, Millis{500});
  EXPECT_EQ(ensemble(kLimits + kThree + quick).timing.heartbeat, Millis{166});
  EXPECT_EQ(ensemble(kLimits + kThree + "paddock.heartbeatInterval=0\n").timing.heartbeat,
            Millis{0});
}

TEST_F(EnsembleOptionsTest, NeverSendsVotesRarerThanAtFirst) {
  const EnsembleOptions loaded =
      ensemble(kLimits + kThree +
               "fastleader.minNotificationInterval=500\nfastleader.maxNotificationInterval=100\n");
  EXPECT_EQ(loaded.timing.max_notification, Millis{500});
}

TEST_F(EnsembleOptionsTest, ReadsObserversGroupsAndWeights) {
  write("data/myid", "4");
  const EnsembleOptions loaded = ensemble(kLimits + kThree +
                                          "server.4=d:1:2:observer\npeerType=observer\n"
                                          "group.1=1:2:3\nweight.1=2\n");
  EXPECT_TRUE(loaded.is_observer());
  EXPECT_EQ(loaded.ensemble->weight(ServerId{1}), 2);
  EXPECT_EQ(loaded.ensemble->groups.size(), 1u);
}

TEST_F(EnsembleOptionsTest, LetsTheLineDecideWhoObserves) {
  write("data/myid", "1");
  EXPECT_EQ(notices(kLimits + kThree + "peerType=observer\n"),
            "W peerType=observer, but this server's own line makes it a participant: the line "
            "counts\n");
  EXPECT_THAT(refused(kLimits + kThree + "peerType=boss\n"),
              HasSubstr("participant or observer is expected"));
}

TEST_F(EnsembleOptionsTest, WarnsWhereOneServerMoreChangesNothing) {
  write("data/myid", "1");
  EXPECT_EQ(notices(kLimits + "server.1=a:1:2\nserver.2=b:1:2\n"),
            "W 2 servers vote: none may fail. At least 3 are needed for that\n");
  EXPECT_EQ(notices(kLimits + kThree + "server.4=d:1:2\n"),
            "W 4 servers vote: no more may fail than with 3\n");
  EXPECT_EQ(notices(kLimits + "standaloneEnabled=false\nserver.1=a:1:2\n"),
            "W 1 server votes: none may fail. At least 3 are needed for that\n");
}

TEST_F(EnsembleOptionsTest, StandsAloneWithOneServerLineUnlessToldNotTo) {
  const ServerOptions loaded = options("server.1=zk1:2888:3888:participant;2181\n");
  EXPECT_EQ(loaded.ensemble.ensemble, nullptr);
  EXPECT_EQ(loaded.core.server_id, ServerId{1});
  EXPECT_EQ(loaded.net.client, (HostPort{"0.0.0.0", 2181}));
  EXPECT_EQ(notices("server.7=a:1:2\n"), "I one server.N line: this server stands alone\n");
  EXPECT_NE(ensemble(kLimits + "standaloneEnabled=false\nserver.1=a:1:2\n").ensemble, nullptr);
  EXPECT_EQ(refused("standaloneEnabled=false\n"),
            "standaloneEnabled=false needs server.N lines: there are none");
}

TEST_F(EnsembleOptionsTest, RefusesAnEnsembleThatNobodyCouldLead) {
  EXPECT_THAT(refused_as_one(kLimits + "server.1=a:1:2:observer\n"),
              HasSubstr("no server votes: nobody could lead"));
  EXPECT_THAT(refused_as_one(kLimits + "server.1=a:1:2\nserver.2=b:1:2:observer\n"),
              HasSubstr("observers need an ensemble"));
  EXPECT_THAT(refused_as_one(kLimits + kThree + "group.1=1:2\n"),
              HasSubstr("server 3 votes, but is in no group"));
}

TEST_F(EnsembleOptionsTest, SaysWhereItLooksForMyidAndWhatBelongsThere) {
  EXPECT_EQ(refused(kLimits + kThree),
            "data/myid is missing: write the number of this server into it, one of 1, 2, 3");
  write("data/myid", "replace this text\n");
  EXPECT_EQ(refused(kLimits + kThree),
            "data/myid holds \"replace this text\", which is not the number of a server");
  write("data/myid", "");
  EXPECT_THAT(refused(kLimits + kThree), HasSubstr("not the number of a server"));
  write("data/myid", "9\n");
  EXPECT_EQ(refused(kLimits + kThree),
            "data/myid says that this is server 9, but the server.N lines are those of 1, 2, 3: "
            "correct the file, or add a line");
}

TEST_F(EnsembleOptionsTest, OnlyMentionsABadMyidWhereItStandsAlone) {
  write("data/myid", "replace this text\n");
  EXPECT_THAT(notices(""), HasSubstr("it only matters in an ensemble"));
  EXPECT_THAT(notices("server.1=a:1:2\n"), HasSubstr("it only matters in an ensemble"));
  write("data/myid", "7 \n");
  EXPECT_EQ(notices(""), "");
  EXPECT_EQ(options("").core.server_id, ServerId{1});
}

// The number's low byte begins each session's id, and 255 there is how a TTL node is told.
TEST_F(EnsembleOptionsTest, TakesLargeNumbersOnlyWithoutTtlNodes) {
  write("data/myid", "300\n");
  const std::string lines = kLimits + kThree + "server.300=d:1:2\nserver.301=e:1:2\n";
  EXPECT_THAT(refused(lines), HasSubstr("need extendedTypesEnabled=false"));
  EXPECT_EQ(options(lines + "extendedTypesEnabled=false\n").core.server_id, ServerId{300});
}

TEST_F(EnsembleOptionsTest, WantsItsLimits) {
  EXPECT_EQ(refused_as_one("syncLimit=5\n" + kThree),
            "zoo.cfg: initLimit is not set: an ensemble needs it, in ticks; 10 is usual");
  EXPECT_EQ(refused_as_one("initLimit=10\n" + kThree),
            "zoo.cfg: syncLimit is not set: an ensemble needs it, in ticks; 5 is usual");
}

TEST_F(EnsembleOptionsTest, RefusesTwoServersThatCannotBothBe) {
  EXPECT_EQ(refused_as_one(kLimits + kThree + "server.02=d:1:2\n"),
            "zoo.cfg:8: server.02=d:1:2: server 2 is at zoo.cfg:6 already: each server needs a "
            "number of its own");
  EXPECT_EQ(refused_as_one(kLimits + kThree + "server.2=b:1:2\n"),
            "zoo.cfg:8: server.2=b:1:2: server 2 is at zoo.cfg:6 already: each server needs a "
            "number of its own");
  EXPECT_EQ(refused_as_one(kLimits + kThree + "server.4=B:9:2\n"),
            "zoo.cfg:8: server.4=B:9:2: b:2 is taken by server.2 at zoo.cfg:6: each server needs "
            "a quorum port and an election port of its own");
}

TEST_F(EnsembleOptionsTest, LetsTheCommandLineReplaceALine) {
  write("data/myid", "1");
  const EnsembleOptions loaded = options(kLimits + kThree, {"--server.2=z:5:6"}).ensemble;
  EXPECT_EQ(loaded.ensemble->find(ServerId{2})->addresses[0].quorum, (HostPort{"z", 5}));
}

TEST_F(EnsembleOptionsTest, RefusesBadLinesWithTheirPlace) {
  for (const char* bad : {"a", "a:1", "a:1:1", "a:1:2:boss", "a:1:2;", "a:1:2:observer:x", ":1:2",
                          "a:x:2", "a:1:70000", "a:0:2", "a:1:2|", "[::1:2:3"}) {
    EXPECT_THAT(refused_as_one(kLimits + "server.1=" + bad + "\n"),
                HasSubstr(concat("zoo.cfg:5: server.1=", bad)));
  }
  EXPECT_EQ(refused_as_one("server.x=a:1:2\n"),
            "zoo.cfg:3: server.x=a:1:2: a whole number is expected behind the dot");
  EXPECT_THAT(refused_as_one("group.x=1\n"), HasSubstr("zoo.cfg:3: "));
  EXPECT_THAT(refused_as_one("weight.1=\n"), HasSubstr("zoo.cfg:3: "));
  EXPECT_THAT(refused_as_one(kLimits + "server.1=a:1:2|b:1:2\nserver.2=c:1:2\n"),
              HasSubstr("zoo.cfg:5: server.1=a:1:2|b:1:2: one address is expected, unless "
                        "multiAddress.enabled=true"));
  EXPECT_NE(ensemble(kLimits + "multiAddress.enabled=true\nserver.1=a:1:2|b:1:2\nserver.2=c:1:2\n")
                .ensemble,
            nullptr);
}

TEST_F(EnsembleOptionsTest, RefusesHostsThatNoNameServerCouldKnow) {
  const std::string host(254, 'h');
  EXPECT_THAT(refused_as_one(concat("server.1=", host, ":1:2\n")),
              HasSubstr("a host of 254 bytes: no name is longer than 253"));
  EXPECT_THAT(refused_as_one(concat("clientPortAddress=", host, "\n")),
              HasSubstr("a host name or address of at most 253 bytes is expected"));
}

TEST_F(EnsembleOptionsTest, TakesTheClientAddressFromEitherPlaceIfBothAgree) {
  const auto agree = [](const char* configured, const char* in_line) {
    const auto of = [](std::string_view text) {
      return text.empty() ? std::optional<HostPort>{} : *parse_host_port(text);
    };
    const auto address = client_address(of(configured), of(in_line));
    return !address ? "different" : !*address ? "none" : to_string(**address);
  };
  EXPECT_EQ(agree("", ""), "none");
  EXPECT_EQ(agree("1.2.3.4:5", ""), "1.2.3.4:5");
  EXPECT_EQ(agree("", "0.0.0.0:5"), "0.0.0.0:5");
  EXPECT_EQ(agree("0.0.0.0:5", "1.2.3.4:5"), "1.2.3.4:5");
  EXPECT_EQ(agree("[::]:5", "1.2.3.4:5"), "1.2.3.4:5");
  EXPECT_EQ(agree("1.2.3.4:5", "1.2.3.4:5"), "1.2.3.4:5");
  EXPECT_EQ(agree("localhost:5", "127.0.0.1:5"), "127.0.0.1:5");
  EXPECT_EQ(agree("127.0.0.1:5", "localhost:5"), "localhost:5");
  EXPECT_EQ(agree("1.2.3.4:5", "0.0.0.0:5"), "different");
  EXPECT_EQ(agree("1.2.3.4:5", "1.2.3.5:5"), "different");
  EXPECT_EQ(agree("0.0.0.0:5", "0.0.0.0:6"), "different");
  EXPECT_EQ(agree("localhost:5", "localhost:6"), "different");
  EXPECT_THAT(refused_as_one("server.1=a:1:2;2182\n"),
              HasSubstr("leave one of them out, or let them agree"));
}

TEST_F(EnsembleOptionsTest, ReadsTheDynamicConfigurationFileAndItsVersionFromItsName) {
  write("data/myid", "1");
  write("zoo.cfg.dynamic.1a00000003", kThree);
  const std::string key = concat("dynamicConfigFile=", path("zoo.cfg.dynamic.1a00000003"), "\n");
  EXPECT_EQ(ensemble(kLimits + key).ensemble->version, 0x1a00000003);
  EXPECT_EQ(ensemble(kLimits + key).ensemble->members.size(), 3u);
  EXPECT_THAT(refused(kLimits + key + "server.9=a:1:2\n"), HasSubstr("dynamicConfigFile"));

  write("zoo.cfg.dynamic.1a00000003", kThree + "version=100000000\n");
  EXPECT_EQ(refused(kLimits + key),
            "zoo.cfg.dynamic.1a00000003:4: version does not belong in a dynamic configuration: "
            "the end of the file's name says it");
  write("zoo.cfg.dynamic.1a00000003", kThree + "tickTime=5\n");
  EXPECT_THAT(refused(kLimits + key), HasSubstr("tickTime does not belong"));
  std::filesystem::remove(path("zoo.cfg.dynamic.1a00000003"));
  EXPECT_THAT(refused(kLimits + key), HasSubstr("zoo.cfg.dynamic.1a00000003"));
}

TEST(EnsembleLines, TakesTheVersionFromTheEndOfAName) {
  EXPECT_EQ(version_of_file_name("/x/zoo.cfg.dynamic.100000000"), 0x100000000);
  EXPECT_EQ(version_of_file_name("zoo.cfg.dynamic"), 0);
  EXPECT_EQ(version_of_file_name("zoo.cfg.dynamic.next"), 0);
  EXPECT_EQ(version_of_file_name("zoo.cfg.dynamic."), 0);
  EXPECT_EQ(version_of_file_name("zoo.cfg.dynamic.-1"), 0);
  EXPECT_EQ(version_of_file_name("zoo.cfg.dynamic.fffffffffffffffff"), 0);
  EXPECT_EQ(version_of_file_name("zoo"), 0);
}

// As three ZooKeeper 3.8.0 servers and an observer answered, from serverId on.
TEST_F(EnsembleOptionsTest, DescribesItselfAsConfDoes) {
  write("data/myid", "4");
  const auto lines = describe_configuration(options(
      kLimits + kThree + "multiAddress.enabled=true\nserver.4=d:3:4:observer|e:5:6:observer\n"));
  const std::vector<std::pair<std::string, std::string>> last(lines.end() - 7, lines.end());
  EXPECT_THAT(last,
              ElementsAre(Pair("serverId", "4"), Pair("initLimit", "10"), Pair("syncLimit", "5"),
                          Pair("electionAlg", "3"), Pair("electionPort", "4|6"),
                          Pair("quorumPort", "3|5"), Pair("peerType", "1")));
}

}  // namespace
}  // namespace paddock::server
