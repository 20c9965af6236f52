#include "zab/ensemble.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "common/concat.h"

namespace paddock::zab {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// What ZooKeeper 3.8.0 servers told each other in notifications.
constexpr const char* kRecorded[] = {
    "server.1=127.0.0.1:22411:22421:participant\n"
    "server.2=127.0.0.1:22412:22422:participant\n"
    "server.3=127.0.0.1:22413:22423:participant\n"
    "server.4=127.0.0.1:22414:22424:observer\n"
    "version=0",
    "server.1=127.0.0.1:22811:22821:participant\n"
    "server.2=127.0.0.1:22812:22822:participant\n"
    "server.3=127.0.0.1:22813:22823:participant\n"
    "version=0",
    "server.1=127.0.0.1:22511:22521:participant;127.0.0.1:22501\n"
    "server.2=127.0.0.1:22512:22522:participant;127.0.0.1:22502\n"
    "server.3=127.0.0.1:22513:22523:participant;127.0.0.1:22503\n"
    "version=100000000",
    "server.1=127.0.0.1:22511:22521:participant;127.0.0.1:22501\n"
    "server.2=127.0.0.1:22512:22522:participant;127.0.0.1:22502\n"
    "server.3=127.0.0.1:22513:22523:participant;127.0.0.1:22503\n"
    "server.4=127.0.0.1:22514:22524:observer;127.0.0.1:22504\n"
    "version=0",
    "server.1=127.0.0.1:22511:22521:participant;127.0.0.1:22501\n"
    "server.4=127.0.0.1:22514:22524:participant;127.0.0.1:22504\n"
    "version=100000009",
};

Ensemble parsed(std::string_view text) {
  Result<Ensemble> ensemble = parse_ensemble(text);
  if (ensemble) return std::move(*ensemble);
  ADD_FAILURE() << text << "\n" << ensemble.error().message;
  return {};
}

Member member(std::string_view value) {
  Result<Member> parsed = parse_member(ServerId{7}, value);
  if (parsed) return std::move(*parsed);
  ADD_FAILURE() << parsed.error().message;
  return {};
}

std::string refusal(std::string_view text) {
  const Result<Ensemble> ensemble = parse_ensemble(text);
  if (ensemble) return "taken";
  EXPECT_EQ(ensemble.error().code, Code::kInvalid);
  return ensemble.error().message;
}

TEST(Ensemble, ReadsWhatZooKeeperSaidAndSaysTheSame) {
  for (const char* text : kRecorded) EXPECT_EQ(to_text(parsed(text)), text);
}

TEST(Ensemble, KnowsWhoVotesAndAtWhichVersion) {
  const Ensemble with_observer = parsed(kRecorded[0]);
  EXPECT_THAT(with_observer.voters(), ElementsAre(ServerId{1}, ServerId{2}, ServerId{3}));
  EXPECT_TRUE(with_observer.is_voter(ServerId{3}));
  EXPECT_FALSE(with_observer.is_voter(ServerId{4}));
  EXPECT_FALSE(with_observer.is_voter(ServerId{5}));
  EXPECT_FALSE(with_observer.is_voter(ServerId{0}));
  ASSERT_NE(with_observer.find(ServerId{4}), nullptr);
  EXPECT_TRUE(with_observer.find(ServerId{4})->observer);
  EXPECT_EQ(with_observer.find(ServerId{5}), nullptr);
  EXPECT_EQ(with_observer.version, 0);

  const Ensemble changed = parsed(kRecorded[4]);
  EXPECT_THAT(changed.voters(), ElementsAre(ServerId{1}, ServerId{4}));
  EXPECT_EQ(changed.version, 0x100000009);
  EXPECT_EQ(changed.weight(ServerId{4}), 1);
}

TEST(Ensemble, ReadsEveryFormOfAServer) {
  const Member plain = member("zk7:2888:3888");
  EXPECT_EQ(plain.id, ServerId{7});
  EXPECT_FALSE(plain.observer);
  EXPECT_FALSE(plain.client);
  EXPECT_THAT(plain.addresses, ElementsAre(Member::Address{{"zk7", 2888}, 3888}));

  EXPECT_FALSE(member("zk7:2888:3888:participant").observer);
  EXPECT_TRUE(member("zk7:2888:3888:observer").observer);
  EXPECT_TRUE(member("zk7:2888:3888: OBSERVER ").observer);
  EXPECT_EQ(member("zk7:2888:3888;2181").client, (HostPort{"0.0.0.0", 2181}));
  EXPECT_EQ(member("zk7:2888:3888:observer;zk7c:2181").client, (HostPort{"zk7c", 2181}));
  EXPECT_EQ(member("zk7:2888:3888;[::1]:2181").client, (HostPort{"::1", 2181}));
  EXPECT_EQ(member("zk7:2888:3888;0").client, (HostPort{"0.0.0.0", 0}));
  EXPECT_THAT(member("[fe80::7]:2888:3888:participant").addresses,
              ElementsAre(Member::Address{{"fe80::7", 2888}, 3888}));
}

TEST(Ensemble, ReadsSeveralAddressesOfAServer) {
  const Member several = member("b:2:3|[::1]:4:5|a:6:7:observer;2181");
  EXPECT_TRUE(several.observer);
  EXPECT_EQ(several.client, (HostPort{"0.0.0.0", 2181}));
  // By host: they are a set, and all members say them in one order.
  EXPECT_THAT(several.addresses,
              ElementsAre(Member::Address{{"::1", 4}, 5}, Member::Address{{"a", 6}, 7},
                          Member::Address{{"b", 2}, 3}));
  EXPECT_EQ(member("a:1:2:observer|b:1:2"), member("b:1:2|a:1:2:observer"));
  EXPECT_EQ(member("a:1:2|a:1:2").addresses.size(), 1u);
}

TEST(Ensemble, WritesWhatItReads) {
  const std::pair<const char*, const char*> texts[] = {
      {"server.1=a:1:2", "server.1=a:1:2:participant\nversion=0"},
      {"server.1=a:1:2;2181", "server.1=a:1:2:participant;0.0.0.0:2181\nversion=0"},
      {"server.2=[::1]:1:2;[::2]:3\nversion=a",
       "server.2=[::1]:1:2:participant;[::2]:3\nversion=a"},
      {"server.2=b:1:2|a:1:2\nserver.10=c:1:2:observer\nserver.1=d:1:2\nversion=7fffffffffffffff",
       "server.1=d:1:2:participant\nserver.2=a:1:2|b:1:2:participant\n"
       "server.10=c:1:2:observer\nversion=7fffffffffffffff"},
      // ZooKeeper says the weight of every voter, whether a line gave it or not.
      {"weight.2=3\ngroup.2=3:2\ngroup.1=1\nserver.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\n",
       "server.1=a:1:2:participant\nserver.2=b:1:2:participant\nserver.3=c:1:2:participant\n"
       "group.1=1\ngroup.2=2:3\nweight.1=1\nweight.2=3\nweight.3=1\nversion=0"},
  };
  for (const auto& [text, canonical] : texts) {
    const Ensemble ensemble = parsed(text);
    EXPECT_EQ(to_text(ensemble), canonical);
    EXPECT_EQ(parsed(canonical), ensemble) << text;
  }
}

TEST(Ensemble, ReadsADynamicConfigurationFile) {
  const Ensemble ensemble = parsed(
      "# who is who\n"
      "server.1 = a:1:2:participant;2181\n\n"
      "  server.2: b:1:2:observer\r\n");
  EXPECT_EQ(ensemble.members.size(), 2u);
  EXPECT_EQ(ensemble.version, 0);
  EXPECT_TRUE(ensemble.find(ServerId{2})->observer);
}

TEST(Ensemble, SaysWhichServerIsWrongAndWhy) {
  const std::pair<const char*, const char*> wrong[] = {
      {"a", "not host:quorumPort:electionPort[:role]"},
      {"", "not host:quorumPort:electionPort[:role]"},
      {"a:1", "not host:quorumPort:electionPort[:role]"},
      {"a:1:2:observer:3", "not host:quorumPort:electionPort[:role]"},
      {"::1:2888:3888", "an IPv6 address needs brackets"},
      {"[::1:2:3", "brackets do not match"},
      {":1:2", "has no host"},
      {"a b:1:2", "\"a b\" is not a host"},
      {"a\nb:1:2", "\"a\nb\" is not a host"},
      {"a\\:1:2", "\"a\\\" is not a host"},
      {"#a:1:2", "\"#a\" is not a host"},
      {"a|b\x01:1:2", "\"a\" is not host:quorumPort"},
      {"b\xc3\xbc:1:2", "is not a host"},
      {"a:x:2", "\"x\" is not a port"},
      {"a:1:65536", "\"65536\" is not a port"},
      {"a:1:-2", "\"-2\" is not a port"},
      {"a:0:2", "port 0"},
      {"a:1:0", "port 0"},
      {"a:1:1", "the quorum port and the election port are both 1"},
      {"a:1:2:boss", "the role \"boss\" is neither participant nor observer"},
      {"a:1:2:", "the role \"\""},
      {"a:1:2|", "\"\" is not host:quorumPort:electionPort[:role]"},
      {"a:1:2:observer|b:1:2:participant", "its addresses have different roles"},
      {"a:1:2;", "[clientHost:]clientPort is what follows \";\""},
      {"a:1:2;x", "\"x\" is not a port"},
      {"a:1:2;b:x", "\"x\" is not a port"},
      {"a:1:2;:2181", "\":2181\" has no host"},
      {"a:1:2;b\nc:2181", "not a host name"},
      {"a:1:2;::1:2181", "needs brackets"},
      {"a:1:2;b:3;4", "\"3;4\" is not a port"},
  };
  for (const auto& [value, why] : wrong) {
    const Result<Member> refused = parse_member(ServerId{7}, value);
    ASSERT_FALSE(refused) << value;
    EXPECT_EQ(refused.error().code, Code::kInvalid);
    EXPECT_THAT(refused.error().message, HasSubstr(why));
    EXPECT_THAT(refused.error().message, HasSubstr(concat("server.7=", value, ": ")));
  }
  EXPECT_FALSE(parse_member(ServerId{-1}, "a:1:2"));
  EXPECT_FALSE(parse_member(ServerId{INT64_MAX}, "a:1:2"));  // an observer without a number
  EXPECT_TRUE(parse_member(ServerId{0}, "a:1:2"));
  EXPECT_TRUE(parse_member(ServerId{INT64_MAX - 1}, "a:1:2"));
}

TEST(Ensemble, SaysWhichLineIsWrongAndWhy) {
  const std::string three = "server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\n";
  EXPECT_EQ(refusal(three), "taken");
  const std::pair<const char*, const char*> wrong[] = {
      {"clientPort=2181", "line 4: clientPort=2181: only server.N, group.N, weight.N and version"},
      {"server=a:1:2", "line 4: server=a:1:2: only server.N"},
      {"groups.1=1", "line 4: groups.1=1: only server.N"},
      {"servers.1=a:1:2", "line 4: servers.1=a:1:2: only server.N"},
      {"versions=1", "line 4: versions=1: only server.N"},
      {"server.4=d:1:1", "line 4: server.4=d:1:1: the quorum port and the election port are both"},
      {"server.=d:1:2", "line 4: server.=d:1:2: \"\" is not a number from 0 to "},
      {"server.-1=d:1:2", "\"-1\" is not a number from 0 to 9223372036854775806"},
      {"server.9223372036854775807=d:1:2", "is not a number from 0 to 9223372036854775806"},
      {"server.4x=d:1:2", "\"4x\" is not a number"},
      {"server.2=d:1:2", "server.2 is there twice"},
      {"server.02=d:1:2", "server.2 is there twice"},
      {"version=", "line 4: version=: \"\" is not a hexadecimal number from 0 to 7fffffffffffffff"},
      {"version=-1", "\"-1\" is not a hexadecimal number"},
      {"version=0x1", "\"0x1\" is not a hexadecimal number"},
      {"version=8000000000000000", "is not a hexadecimal number"},
      {"version=1\nversion=1", "line 5: version=1: there was a version before"},
      {"group.1=1:2", "server 3 votes, but is in no group"},
      {"weight.1=2", "server 1 votes, but is in no group"},
      {"group.1=1:2\ngroup.2=2:3", "server 2 is in the groups twice"},
      {"group.1=1:2:3:2", "server 2 is in the groups twice"},
      {"group.1=1:2\ngroup.1=3", "group.1 is there twice"},
      {"group.1=1:2:", "line 4: group.1=1:2:: \"\" is not a number"},
      {"group.1=1: 2:3", "\" 2\" is not a number"},
      {"group.x=1:2:3", "\"x\" is not a number from 0 to 9223372036854775807"},
      {"group.1=1:2:3\nweight.1=-1", "line 5: weight.1=-1: \"-1\" is not a number"},
      {"group.1=1:2:3\nweight.1=2147483648", "is not a number from 0 to 2147483647"},
      {"group.1=1:2:3\nweight.1=1\nweight.1=1", "weight.1 is there twice"},
      {"group.1=1:2:3\nweight.1=0\nweight.2=0\nweight.3=0", "nobody could lead"},
      {"group.1=1:2:3:9\nweight.9=3", "nobody could lead"},
      {"\\u00", "malformed \\uXXXX escape"},
  };
  for (const auto& [line, why] : wrong) EXPECT_THAT(refusal(three + line), HasSubstr(why));
  EXPECT_THAT(refusal(""), HasSubstr("no server votes"));
  EXPECT_THAT(refusal("version=0"), HasSubstr("no server votes"));
  EXPECT_THAT(refusal("server.1=a:1:2:observer\n"), HasSubstr("no server votes"));
}

TEST(Ensemble, TakesTheHeaviestWeights) {
  const Ensemble heavy = parsed(
      "server.1=a:1:2\nserver.2=b:1:2\ngroup.1=1:2\nweight.1=2147483647\nweight.2=2147483647\n");
  EXPECT_EQ(heavy.weight(ServerId{2}), 2147483647);
}

TEST(Ensemble, ComparesMembersWhateverTheVersion) {
  const Ensemble base = parsed("server.1=a:1:2;5\nserver.2=b:1:2\nserver.3=c:1:2:observer\n");
  EXPECT_TRUE(base.same_members(
      parsed("server.3=c:1:2:observer\nserver.2=b:1:2:participant\nserver.1=a:1:2;5\nversion=7")));
  for (const char* other : {
           "server.1=a:1:2;5\nserver.2=b:1:2\n",
           "server.1=a:1:2;5\nserver.2=b:1:2\nserver.3=c:1:2\n",
           "server.1=a:1:2;5\nserver.2=b:1:2\nserver.4=c:1:2:observer\n",
           "server.1=a:1:2;6\nserver.2=b:1:2\nserver.3=c:1:2:observer\n",
           "server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2:observer\n",
           "server.1=a:1:3;5\nserver.2=b:1:2\nserver.3=c:1:2:observer\n",
           "server.1=a:1:2;5\nserver.2=d:1:2\nserver.3=c:1:2:observer\n",
           "server.1=a:1:2;5\nserver.2=b:1:2|d:1:2\nserver.3=c:1:2:observer\n",
           "server.1=a:1:2;5\nserver.2=b:1:2\nserver.3=c:1:2:observer\ngroup.1=1:2\n",
       }) {
    EXPECT_FALSE(base.same_members(parsed(other))) << other;
    EXPECT_FALSE(parsed(other).same_members(base)) << other;
  }
}

TEST(Ensemble, ComparesGroupsAndWeightsByWhatTheyMean) {
  const std::string servers = "server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\n";
  const Ensemble base = parsed(servers + "group.1=1:2\ngroup.2=3\n");
  EXPECT_TRUE(base.same_members(parsed(servers + "group.2=3\ngroup.1=2:1\nweight.2=1\n")));
  EXPECT_FALSE(base.same_members(parsed(servers + "group.1=1\ngroup.2=2:3\n")));
  EXPECT_FALSE(base.same_members(parsed(servers + "group.1=1:2\ngroup.2=3\nweight.2=2\n")));
  Ensemble implicit = base;
  implicit.weights.clear();
  EXPECT_TRUE(base.same_members(implicit));
}

TEST(Ensemble, TakesNothingThatItCannotSayAgain) {
  std::mt19937 random(1);
  int taken = 0;
  for (int round = 0; round < 4'000; ++round) {
    std::string text = kRecorded[random() % std::size(kRecorded)];
    text += "\ngroup.1=1:4\ngroup.2=2:3\nweight.3=2\n";
    if (random() % 2 == 0) text.resize(text.find("\ngroup"));
    if (random() % 4 == 0) text.resize(random() % text.size());
    for (std::uint32_t changes = random() % 3; changes > 0 && !text.empty(); --changes) {
      constexpr std::string_view kBytes = "0123456789.:;|=[]\n\\ \xff";
      text[random() % text.size()] = kBytes[random() % kBytes.size()];
    }
    const Result<Ensemble> ensemble = parse_ensemble(text);
    if (!ensemble) {
      EXPECT_FALSE(ensemble.error().message.empty());
      continue;
    }
    ++taken;
    EXPECT_EQ(parsed(to_text(*ensemble)), *ensemble) << text;
  }
  EXPECT_GT(taken, 500);
  EXPECT_LT(taken, 3'500);
}

}  // namespace
}  // namespace paddock::zab
