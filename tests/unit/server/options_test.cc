#include "server/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "common/concat.h"
#include "server/option_table.h"
#include "tests/unit/server/options_fixture.h"

namespace paddock::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

TEST_F(OptionsTest, HasZooKeepersDefaults) {
  const ServerOptions loaded = options("");
  EXPECT_EQ(loaded.net.client, (HostPort{"", 2181}));
  EXPECT_EQ(loaded.core.tick_time, Millis{3000});
  EXPECT_EQ(loaded.core.session_timeout_min, Millis{6000});
  EXPECT_EQ(loaded.core.session_timeout_max, Millis{60000});
  EXPECT_EQ(loaded.net.connections_per_address, 60);
  EXPECT_EQ(loaded.net.frame_bytes_max, 0xfffffu);
  EXPECT_EQ(loaded.net.outstanding_max, 1000);
  EXPECT_EQ(loaded.checkpoint.txns, 100000);
  EXPECT_EQ(loaded.storage.data_log_dir, loaded.storage.data_dir);
  EXPECT_TRUE(loaded.storage.force_sync);
  EXPECT_FALSE(loaded.core.auth.skip_acl);
  EXPECT_FALSE(loaded.net.four_letter.allows(FourLetterWord::kRuok));
  EXPECT_TRUE(loaded.net.four_letter.allows(FourLetterWord::kSrvr));
  EXPECT_GE(loaded.net.io_threads, 1u);
  // Where it differs: what people would switch on anyway.
  EXPECT_TRUE(loaded.tree.extended_types);
  EXPECT_GT(loaded.purge_interval, Millis{0});
}

TEST_F(OptionsTest, StartsWithTheFileThatDebianShipsAndHasNothingToSay) {
  write("zoo.cfg", concat("tickTime=2000\ninitLimit=10\nsyncLimit=5\ndataDir=", path("zookeeper"),
                          "\nclientPort=2181\n"));
  const auto loaded = load_only({});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_TRUE(loaded->notices.empty());
  EXPECT_EQ(loaded->options.core.session_timeout_max, Millis{40000});
  EXPECT_EQ(loaded->options.ensemble.ensemble, nullptr);
  EXPECT_TRUE(std::filesystem::is_directory(path("zookeeper")));
}

TEST_F(OptionsTest, TakesEveryKeyWithAndWithoutItsPrefix) {
  EXPECT_EQ(options("snapCount=7").checkpoint.txns, 7);
  EXPECT_EQ(options("zookeeper.snapCount=8").checkpoint.txns, 8);
  EXPECT_EQ(options("jute.maxbuffer=0x200000").net.frame_bytes_max, 0x200000u);
  EXPECT_EQ(options("znode.container.checkIntervalMs=1000").core.container_check_interval,
            Millis{1000});
  EXPECT_TRUE(options("readonlymode.enabled=true").net.four_letter.allows(FourLetterWord::kIsro));
  EXPECT_TRUE(options("4lw.commands.whitelist=*").net.four_letter.allows(FourLetterWord::kWchp));
}

TEST_F(OptionsTest, HandsLimitsToTheirParts) {
  const ServerOptions loaded = options(
      "jute.maxbuffer=4194304\npreAllocSize=1024\n"
      "txnLogSizeLimitInKb=2048\nsnapSizeLimitInKb=10\n");
  EXPECT_EQ(loaded.core.frame_bytes_max, 4194304u);
  EXPECT_EQ(loaded.storage.segment_bytes, 1u << 20);
  EXPECT_EQ(loaded.storage.segment_bytes_max, 2u << 20);
  EXPECT_EQ(loaded.checkpoint.log_bytes, 10240);
}

TEST_F(OptionsTest, LetsTheCommandLineWinThenDefinesThenTheEnvironmentThenTheFile) {
  const std::string file = "snapCount=1\n";
  EXPECT_EQ(options(file).checkpoint.txns, 1);
  environment_["SERVER_JVMFLAGS"] = "-Xmx1g -Dzookeeper.snapCount=2";
  EXPECT_EQ(options(file).checkpoint.txns, 2);
  environment_["JVMFLAGS"] = "-Dfile.encoding=UTF-8  -Dzookeeper.snapCount=3 ";
  EXPECT_EQ(options(file).checkpoint.txns, 3);
  EXPECT_EQ(options(file, {"-Dzookeeper.snapCount=4"}).checkpoint.txns, 4);
  EXPECT_EQ(options(file, {"--snapCount=5", "-Dzookeeper.snapCount=4"}).checkpoint.txns, 5);
}

TEST_F(OptionsTest, TakesOptionsInEveryForm) {
  EXPECT_EQ(options("", {"--tickTime", "2000"}).core.tick_time, Millis{2000});
  EXPECT_EQ(options("", {"--tickTime=2000"}).core.tick_time, Millis{2000});
  EXPECT_EQ(options("", {"--zookeeper.snapCount=9"}).checkpoint.txns, 9);
  EXPECT_EQ(options("", {"-D", "jute.maxbuffer=2000000"}).net.frame_bytes_max, 2000000u);
  EXPECT_EQ(options("", {"--maxSessionTimeout=-1"}).core.session_timeout_max, Millis{60000});
  EXPECT_EQ(options("", {"--server.1=h:1:2;3", "--clientPort=3"}).net.client->port, 3);
}

TEST_F(OptionsTest, TakesDefinesUnderTheNamesThatZooKeeperReads) {
  EXPECT_TRUE(options("", {"-Dreadonlymode.enabled=true"}).read_only_enabled);
  EXPECT_EQ(options("", {"-Dznode.container.maxPerMinute=5"}).core.container_max_per_minute, 5);
  EXPECT_EQ(options("", {"-DsnapCount=5"}).checkpoint.txns, 100000);
  EXPECT_THAT(notices("", {"-DsnapCount=5"}), HasSubstr("reads -Dzookeeper.snapCount"));
  EXPECT_EQ(notices("", {"-Dcom.sun.management.jmxremote", "-Dlog4j.configuration=x"}), "");
  EXPECT_THAT(notices("", {"-Dzookeeper.snapCuont=5"}), HasSubstr("did you mean snapCount?"));
}

TEST_F(OptionsTest, TakesZooKeepersOtherFormOfArguments) {
  const auto environment = [](const char*) -> const char* { return nullptr; };
  const auto sources = parse_arguments({"2182", path("d"), "1000", "7"}, environment);
  ASSERT_TRUE(sources);
  const auto loaded = load_options(posix_env(), *sources);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->options.net.client->port, 2182);
  EXPECT_EQ(loaded->options.core.tick_time, Millis{1000});
  EXPECT_EQ(loaded->options.net.connections_per_address, 7);
  EXPECT_FALSE(parse_arguments({"a.cfg", "b.cfg"}, environment));
  EXPECT_FALSE(parse_arguments({"1", "2", "3", "4", "5"}, environment));
}

TEST_F(OptionsTest, RefusesOptionsThatNobodyKnowsOnTheCommandLine) {
  const auto environment = [](const char*) -> const char* { return nullptr; };
  const auto typo = parse_arguments({"--tickTmie=5", "zoo.cfg"}, environment);
  ASSERT_FALSE(typo);
  EXPECT_THAT(typo.error().message, HasSubstr("did you mean --tickTime?"));
  EXPECT_FALSE(parse_arguments({"--tickTime"}, environment)) << "without a value";
  EXPECT_FALSE(parse_arguments({"--tickT=5"}, environment)) << "not a prefix either";
  EXPECT_TRUE(parse_arguments({"--help"}, environment)->help);
  EXPECT_TRUE(parse_arguments({"--version"}, environment)->version);
}

TEST_F(OptionsTest, WarnsOfUnknownKeysWithLineAndNearestKeyAndRefusesThemWhenStrict) {
  EXPECT_EQ(notices("# c\nmaxClientConns=5\n"),
            concat("W ", path("zoo.cfg"), ":4: maxClientConns is not a key that ZooKeeper or ",
                   "Paddock knows; did you mean maxClientCnxns?\n"));
  EXPECT_THAT(notices("qqqqqqqqqqqqqqqqqqqqqqqq=5\n"), Not(HasSubstr("did you mean")));
  EXPECT_EQ(refused("maxClientConns=5\n", {"--strict"}),
            "zoo.cfg:3: maxClientConns is not a key that ZooKeeper or Paddock knows; did you mean "
            "maxClientCnxns? (--strict)");
}

TEST_F(OptionsTest, RefusesBadValuesWithPlaceAndRange) {
  EXPECT_EQ(refused("tickTime=abc"),
            "zoo.cfg:3: tickTime=abc: a whole number from 1 to 2147483647 is expected");
  EXPECT_EQ(refused("\ntickTime=0"),
            "zoo.cfg:4: tickTime=0: a whole number from 1 to 2147483647 is expected");
  EXPECT_EQ(refused("clientPort=65536"),
            "zoo.cfg:3: clientPort=65536: a whole number from 0 to 65535 is expected");
  EXPECT_EQ(refused("enforceQuota=maybe"),
            "zoo.cfg:3: enforceQuota=maybe: true or false is expected");
  EXPECT_EQ(refused("", {"--tickTime=-5"}),
            "command line: tickTime=-5: a whole number from 1 to 2147483647 is expected");
  for (const char* bad :
       {"tickTime=", "tickTime=1 2", "tickTime=99999999999", "tickTime=0x", "tickTime=--1",
        "jute.maxbuffer=0", "maxClientCnxns=-1", "minSessionTimeout=0", "electionAlg=2",
        "skipACL=true", "forceSync=false", "autopurge.purgeInterval=1d",
        "dataDir=", "clientPortAddress=", "emulate353TTLNodes=true", "log.level=loud",
        "zookeeper.DigestAuthenticationProvider.digestAlg=ROT13", "globalOutstandingLimit=0"}) {
    EXPECT_THAT(refused(bad), HasSubstr("is expected")) << bad;
  }
  EXPECT_THAT(refused("a=\\u1"), HasSubstr("zoo.cfg line 3: malformed \\uXXXX escape"));
}

TEST_F(OptionsTest, ShowsNoSecretInAnyMessage) {
  EXPECT_EQ(refused("DigestAuthenticationProvider.superDigest=hunter2"),
            "zoo.cfg:3: DigestAuthenticationProvider.superDigest: super:<digest> is expected");
  const std::string said = notices(
      "ssl.keyStore.password=hunter2\n"
      "metricsProvider.ssl.keyStore.password=hunter2\n"
      "DigestAuthenticationProvider.superDigest=super:hunter2\n");
  EXPECT_THAT(said, Not(HasSubstr("hunter2")));
  for (const auto& [key, value] :
       describe_configuration(options("DigestAuthenticationProvider.superDigest=super:hunter2"))) {
    EXPECT_THAT(value, Not(HasSubstr("hunter2"))) << key;
  }
}

TEST_F(OptionsTest, SaysOnceWhatDoesNothingAndWhy) {
  EXPECT_EQ(notices("jvm.pause.monitor=true\njvm.pause.monitor=true\n"),
            concat("I ", path("zoo.cfg"), ":3: jvm.pause.monitor has no meaning here: there is no ",
                   "Java virtual machine\nW ", path("zoo.cfg"), ":4: jvm.pause.monitor is set ",
                   "again, and this wins: it was set at ", path("zoo.cfg"), ":3\n"));
  EXPECT_THAT(notices("syncEnabled=true\n"), HasSubstr("I "));
  EXPECT_EQ(notices("observerMasterPort=0\n"),
            concat("I ", path("zoo.cfg"), ":3: observerMasterPort switches off what is not ",
                   "available yet: serving observers from followers\n"));
  EXPECT_THAT(notices("observerMasterPort=2191\n"), HasSubstr("W "));
  EXPECT_THAT(notices("admin.enableServer=false\n"), HasSubstr("I "));
  EXPECT_THAT(notices("admin.serverPort=8081\n"), HasSubstr("W "));
}

TEST_F(OptionsTest, RefusesWhatWouldWeakenSecurityIfItWereIgnored) {
  EXPECT_THAT(refused("secureClientPort=2281"), HasSubstr("would weaken your security"));
  EXPECT_THAT(refused("sslQuorum=true"), HasSubstr("would weaken your security"));
  EXPECT_THAT(refused("sessionRequireClientSASLAuth=true"), HasSubstr("weaken your security"));
  EXPECT_THAT(refused("authProvider.1=com.example.Mine"), HasSubstr("digest, ip and ensemble"));
  // As ZooKeeper without a JAAS configuration: it starts.
  EXPECT_THAT(
      notices("authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider\n"),
      HasSubstr("W authProvider names SASL, which is not available yet"));
  EXPECT_THAT(refused("enforce.auth.enabled=true"), HasSubstr("needs enforce.auth.schemes"));
  EXPECT_THAT(refused("enforce.auth.enabled=true\nenforce.auth.schemes=sasl"),
              HasSubstr("not available yet"));
  EXPECT_THAT(refused("enforce.auth.enabled=true\nenforce.auth.schemes=digest\n"
                      "DigestAuthenticationProvider.enabled=false"),
              HasSubstr("switched off"));
  options(
      "secureClientPort=-1\nsslQuorum=false\n"
      "authProvider.1=org.apache.zookeeper.server.auth.EnsembleAuthenticationProvider\n");
}

TEST_F(OptionsTest, ReadsWhoMayDoWhat) {
  const AuthOptions auth = options(
                               "enforce.auth.enabled=true\nenforce.auth.schemes=digest, ip\n"
                               "ensembleAuthName=a, b\nskipACL=yes\n"
                               "DigestAuthenticationProvider.digestAlg=sha-256\n")
                               .core.auth;
  EXPECT_TRUE(auth.enforce);
  EXPECT_THAT(auth.enforced_schemes, ElementsAre("digest", "ip"));
  EXPECT_THAT(auth.ensemble_names, ElementsAre("a", "b"));
  EXPECT_TRUE(auth.skip_acl);
  EXPECT_EQ(auth.digest_algorithm, "SHA-256");
}

TEST_F(OptionsTest, WantsDataDirAndClientPort) {
  write("zoo.cfg", "clientPort=2181\n");
  EXPECT_EQ(load_only({}).error().message, "dataDir is not set");
  write("zoo.cfg", concat("dataDir=", path("data"), "\n"));
  EXPECT_EQ(load_only({}).error().message, "clientPort is not set");
  write("zoo.cfg", concat("dataDir=", path("data"), "\nclientPortAddress=localhost\n"));
  EXPECT_EQ(load_only({}).error().message, "clientPortAddress is set but clientPort is not");
  std::filesystem::remove(path("zoo.cfg"));
  EXPECT_EQ(load_only({}).error().code, Code::kNotFound);
}

TEST_F(OptionsTest, WantsSessionTimeoutsInOrder) {
  EXPECT_EQ(refused("minSessionTimeout=5000\nmaxSessionTimeout=4000"),
            "minSessionTimeout (5000 ms) must not be larger than maxSessionTimeout (4000 ms)");
  const ServerOptions loaded = options("tickTime=100\nminSessionTimeout=-1\nmaxSessionTimeout=700");
  EXPECT_EQ(loaded.core.session_timeout_min, Millis{200});
  EXPECT_EQ(loaded.core.session_timeout_max, Millis{700});
  EXPECT_EQ(options("tickTime=2147483647").core.session_timeout_max, Millis{INT32_MAX});
}

TEST_F(OptionsTest, MakesItsFoldersUnlessToldNotTo) {
  options(concat("dataLogDir=", path("log"), "\n"));
  EXPECT_TRUE(std::filesystem::is_directory(path("data")));
  EXPECT_TRUE(std::filesystem::is_directory(path("log")));
  std::filesystem::remove_all(path("data"));
  EXPECT_EQ(refused("datadir.autocreate=false"),
            "data is not there, and datadir.autocreate=false says not to make it");
}

TEST_F(OptionsTest, PurgesByZooKeepersKeys) {
  EXPECT_EQ(options("autopurge.purgeInterval=0").purge_interval, Millis{0});
  EXPECT_EQ(options("autopurge.purgeInterval=24").purge_interval, Millis{24 * 3600 * 1000});
  EXPECT_EQ(options("autopurge.purgeInterval=5m").purge_interval, Millis{300 * 1000});
  EXPECT_EQ(options("autopurge.snapRetainCount=5").storage.purge_retain_count, 5u);
  EXPECT_EQ(options("autopurge.snapRetainCount=1").storage.purge_retain_count, 3u);
  EXPECT_THAT(notices("autopurge.snapRetainCount=1"), HasSubstr("3 is taken"));
}

TEST_F(OptionsTest, TakesItsThreadsFromZooKeepersNames) {
  EXPECT_EQ(options("nio.numSelectorThreads=3").net.io_threads, 3u);
  EXPECT_EQ(options("nio.numWorkerThreads=4").net.io_threads, 4u);
  EXPECT_EQ(options("nio.numWorkerThreads=4\nnio.numSelectorThreads=2").net.io_threads, 2u);
  EXPECT_EQ(options("ioThreads=5\nnio.numSelectorThreads=2").net.io_threads, 5u);
}

TEST_F(OptionsTest, DescribesItselfAsConfDoes) {
  const auto lines = describe_configuration(
      options("tickTime=2000\nmaxClientCnxns=0\nsnapCount=5\n", {"--clientPort=21811"}));
  EXPECT_THAT(lines,
              ElementsAre(Pair("clientPort", "21811"), Pair("secureClientPort", "-1"),
                          Pair("dataDir", path("data/version-2")),
                          Pair("dataLogDir", path("data/version-2")), Pair("tickTime", "2000"),
                          Pair("maxClientCnxns", "0"), Pair("minSessionTimeout", "4000"),
                          Pair("maxSessionTimeout", "40000"), Pair("clientPortListenBacklog", "-1"),
                          Pair("serverId", "0")));
}

TEST(OptionTable, HasEachKeyOnceAndAReaderForWhatIsUsed) {
  std::map<std::string_view, int> seen;
  for (const OptionKey& key : option_table()) {
    EXPECT_EQ(++seen[key.name], 1) << key.name;
    EXPECT_FALSE(key.note.empty()) << key.name;
    if (key.standing == Standing::kUsed) {
      EXPECT_NE(key.read, nullptr) << key.name;
    }
    EXPECT_EQ(find_option(key.name)->name, key.name) << "hidden behind another";
  }
}

// The keys of feature-survey.md 1.11, some for each group: nobody may meet "is not a key".
TEST(OptionTable, KnowsTheKeysThatZooKeeperKnows) {
  for (const char* key : {"secureClientPortAddress",
                          "peerType",
                          "localSessionsUpgradingEnabled",
                          "tcpKeepAlive",
                          "commitLogCount",
                          "snapshotSizeFactor",
                          "flushDelay",
                          "maxWriteQueuePollTime",
                          "maxBatchSize",
                          "snapshot.compression.method",
                          "serializeLastProcessedZxid.enabled",
                          "syncEnabled",
                          "electionAlg",
                          "leader.maxTimeToWaitForEpoch",
                          "group.1",
                          "weight.3",
                          "oraclePath",
                          "quorum.cnxn.threads.size",
                          "fastleader.maxNotificationInterval",
                          "multiAddress.reachabilityCheckTimeoutMs",
                          "learner.asyncSending",
                          "leader.nodelay",
                          "request_throttle_max_requests",
                          "connection_throttle_tokens",
                          "enableEagerACLCheck",
                          "X509AuthenticationProvider.superUser",
                          "superUser.1",
                          "letAnySaslUserDoX",
                          "quorum.auth.enableSasl",
                          "kerberos.removeHostFromPrincipal",
                          "portUnification",
                          "ssl.quorum.keyStore.location",
                          "ssl.clientAuth",
                          "fips-mode",
                          "netty.advancedFlowControl.enabled",
                          "admin.rateLimiterIntervalInMS",
                          "audit.enable",
                          "messageTracker.BufferSize",
                          "pathStats.enabled",
                          "watchManagerName",
                          "bitHashCacheSize",
                          "maxResponseCacheSize",
                          "commitProcessor.maxReadBatchSize",
                          "testingonly.initialZxid",
                          "metricsProvider.className",
                          "metricsProvider.httpPort",
                          "zookeeper.jvm.pause.monitor",
                          "intBufferStartingSizeBytes"}) {
    EXPECT_NE(find_option(key), nullptr) << key;
  }
  EXPECT_EQ(find_option("tickTim"), nullptr);
  EXPECT_EQ(find_option("server."), nullptr);
  EXPECT_EQ(find_option(""), nullptr);
}

TEST(OptionTable, ListsEveryUsedKeyInItsHelp) {
  const std::string text = usage();
  for (const OptionKey& key : option_table()) {
    EXPECT_EQ(text.find(concat("--", key.name, " ")) != text.npos, key.standing == Standing::kUsed)
        << key.name;
  }
}

}  // namespace
}  // namespace paddock::server
