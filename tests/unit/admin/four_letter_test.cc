#include "server/admin/four_letter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <set>

#include "common/concat.h"
#include "common/limits.h"
#include "tests/support/vectors.h"

namespace paddock::server {
namespace {

using test::ClientStep;

// The text that ZooKeeper 3.8.0 answered to a word.
std::string recorded(const std::string& file, const std::string& word) {
  for (const ClientStep& step : test::client_steps(file)) {
    if (step.kind == "4lw" && step.op == word) return std::string(as_chars(step.reply));
  }
  ADD_FAILURE() << word << " is not recorded";
  return "";
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

// Numbers, addresses, dates and versions as signs, so that two servers' answers can be compared.
std::string masked(std::string text) {
  const std::pair<const char*, const char*> masks[] = {
      {"(Zookeeper version: |zk_version\t|zookeeper.version=).*", "$1*"},
      {"expire at [^\n]*:\n", "expire at *:\n"},
      {"/127\\.0\\.0\\.1:[0-9]+", "/ADDR"},
      {"lop=[A-Z0-9]+", "lop=*"},
      {"0x[0-9a-f]+", "HEX"},
      {"[0-9]+(\\.[0-9]+)?", "N"}};
  for (const auto& [pattern, sign] : masks)
    text = std::regex_replace(text, std::regex(pattern), sign);
  return text;
}

std::set<std::string> masked_lines(const std::string& text) {
  const std::vector<std::string> lines = lines_of(masked(text));
  return {lines.begin(), lines.end()};
}

// The server of the recordings, as far as they tell.
ServerStatus some_status() {
  ServerStatus status;
  status.latency = {0, 106, 1.58778};
  status.received = 3295;
  status.sent = 3360;
  status.connection_count = 2;
  status.last_zxid = Zxid{0x715};
  status.node_count = 7;
  status.last_response_bytes = 38;
  status.min_response_bytes = 16;
  status.max_response_bytes = 344;
  status.configuration = {{"clientPort", "21811"},
                          {"secureClientPort", "-1"},
                          {"dataDir", "/var/lib/zookeeper/version-2"},
                          {"dataLogDir", "/var/lib/zookeeper/version-2"},
                          {"tickTime", "2000"},
                          {"maxClientCnxns", "0"},
                          {"minSessionTimeout", "4000"},
                          {"maxSessionTimeout", "40000"},
                          {"clientPortListenBacklog", "-1"},
                          {"serverId", "0"}};
  status.directories = {67109337, 67109337};
  return status;
}

ConnectionStatus asking() {
  ConnectionStatus connection;
  connection.address = "127.0.0.1:48620";
  connection.reading = false;
  connection.received = 1;
  return connection;
}

ConnectionStatus with_session() {
  ConnectionStatus connection;
  connection.address = "127.0.0.1:48606";
  connection.received = 4;
  connection.sent = 4;
  connection.session = SessionId{0x1000033dd1201b9};
  connection.last_op = last_op_word(OpCode::kGetChildren2);
  connection.established = WallMillis{1795328214438};
  connection.timeout_ms = 30000;
  connection.last_cxid = 3;
  connection.last_zxid = Zxid{0x730};
  connection.last_response = Millis{3429518};
  connection.last_latency_ms = 1;
  connection.latency = {0, 1, 0.5};
  return connection;
}

std::string answer(FourLetterWord word, const ServerStatus& status) {
  return answer_to(word, status, kTraceMaskDefault);
}

// Without its first line, which holds the version.
std::string behind_version(const std::string& text) {
  return text.substr(text.find('\n') + 1);
}

TEST(FourLetter, KnowsItsWordsAndNothingElse) {
  for (std::size_t i = 0; i < kFourLetterWords; ++i) {
    const auto word = static_cast<FourLetterWord>(i);
    const ByteView bytes = as_bytes(to_string(word));
    ASSERT_EQ(bytes.size(), 4u);
    EXPECT_EQ(four_letter_word(load_be32(bytes.data())), word);
    EXPECT_GT(load_be32(bytes.data()), kJuteMaxBufferMax) << "it could be a length";
  }
  EXPECT_EQ(four_letter_word(load_be32(as_bytes("RUOK").data())), std::nullopt);
  EXPECT_EQ(four_letter_word(load_be32(as_bytes("abcd").data())), std::nullopt);
  EXPECT_EQ(four_letter_word(0xfff4fffd), std::nullopt);
  EXPECT_EQ(four_letter_word(45), std::nullopt);
}

TEST(FourLetter, AnswersOnlyWhatTheWhitelistNames) {
  const auto allowed = [](const FourLetterWhitelist& list) {
    std::string words;
    for (std::size_t i = 0; i < kFourLetterWords; ++i) {
      const auto word = static_cast<FourLetterWord>(i);
      if (list.allows(word)) words += concat(to_string(word), " ");
    }
    return words;
  };
  EXPECT_EQ(allowed(FourLetterWhitelist{}), "srvr ");
  EXPECT_EQ(allowed(FourLetterWhitelist::parse("", true)), "isro srvr ");
  EXPECT_EQ(allowed(FourLetterWhitelist::parse(" ruok , mntr,", false)), "mntr ruok srvr ");
  EXPECT_EQ(allowed(FourLetterWhitelist::parse("stat,*", false)),
            "conf cons crst dirs dump envi gtmk hash isro mntr ruok srst srvr stat stmk wchc wchp "
            "wchs ");
  std::string unknown;
  EXPECT_EQ(allowed(FourLetterWhitelist::parse("ruok,rouk,STAT", false, &unknown)), "ruok srvr ");
  EXPECT_EQ(unknown, "rouk, STAT");
}

TEST(FourLetter, RefusesInZooKeepersWords) {
  for (const FourLetterWord word :
       {FourLetterWord::kRuok, FourLetterWord::kStat, FourLetterWord::kMntr, FourLetterWord::kIsro,
        FourLetterWord::kStmk, FourLetterWord::kWchc}) {
    EXPECT_EQ(refusal_of(word), recorded("whitelist", std::string(to_string(word))));
  }
}

TEST(FourLetter, GivesTheShortAnswersToTheByte) {
  const ServerStatus status = some_status();
  for (const FourLetterWord word :
       {FourLetterWord::kRuok, FourLetterWord::kIsro, FourLetterWord::kCrst, FourLetterWord::kSrst,
        FourLetterWord::kGtmk, FourLetterWord::kStmk, FourLetterWord::kDirs,
        FourLetterWord::kConf}) {
    EXPECT_EQ(answer(word, status), recorded("fourletter", std::string(to_string(word))));
  }
}

TEST(FourLetter, GivesSrvrToTheByteBehindItsVersion) {
  EXPECT_EQ(behind_version(answer(FourLetterWord::kSrvr, some_status())),
            behind_version(recorded("fourletter", "srvr")));
}

// kazoo and others read N.N.N; go-zookeeper the whole line.
TEST(FourLetter, NamesAVersionThatEveryKnownParserTakes) {
  const std::string line = lines_of(answer(FourLetterWord::kSrvr, some_status())).front();
  EXPECT_TRUE(
      std::regex_search(line, std::regex("^Zookeeper version: ([0-9]+)\\.([0-9]+)\\.([0-9]+)")));
  EXPECT_TRUE(std::regex_match(
      line, std::regex("Zookeeper version: ([A-Za-z0-9.-]+), built on "
                       "(\\d\\d/\\d\\d/\\d\\d\\d\\d \\d\\d:\\d\\d [A-Za-z0-9:+-]+)")));
  const std::string mntr = lines_of(answer(FourLetterWord::kMntr, some_status())).front();
  EXPECT_TRUE(std::regex_search(mntr, std::regex("^zk_version\t([0-9]+\\.[0-9]+\\.[0-9]+)")));
}

TEST(FourLetter, GivesStatWithOneLineForEachConnection) {
  ServerStatus status = some_status();
  status.connections = {with_session(), asking()};
  EXPECT_EQ(behind_version(masked(answer(FourLetterWord::kStat, status))),
            behind_version(masked(recorded("fourletter", "stat"))));
}

TEST(FourLetter, GivesConsToTheByte) {
  ServerStatus status = some_status();
  status.connections = {asking(), with_session()};
  EXPECT_EQ(answer(FourLetterWord::kCons, status), recorded("fourletter", "cons"));
  status.connections[1].last_cxid = -1;
  status.connections[1].writing = true;
  const std::string text = answer(FourLetterWord::kCons, status);
  EXPECT_EQ(text.find("lcxid"), text.npos);
  EXPECT_NE(text.find(" /127.0.0.1:48606[5](queued=0,"), text.npos);
}

TEST(FourLetter, GivesDumpInZooKeepersLines) {
  ServerStatus status = some_status();
  const SessionId session{0x1000033dd1201c2};
  status.sessions = {{session, WallMillis{1795328244000}}};
  status.ephemerals = {{session, {"/v/e"}}};
  status.connection_expiry = {{"127.0.0.1:48742", SessionId{0}, WallMillis{1795328224000}},
                              {"127.0.0.1:48726", session, WallMillis{1795328244000}}};
  const std::string text = answer(FourLetterWord::kDump, status);
  EXPECT_EQ(masked_lines(text), masked_lines(recorded("fourletter", "dump")));
  EXPECT_TRUE(std::regex_search(
      text, std::regex("Session Sets \\(1\\)/\\(1\\):\n1 expire at [A-Z][a-z]{2} [A-Z][a-z]{2} "
                       "\\d\\d \\d\\d:\\d\\d:\\d\\d \\S+ 2026:\n\t0x1000033dd1201c2\n")))
      << text;
}

TEST(FourLetter, GivesWatchesBySessionAndByPathToTheByte) {
  ServerStatus status = some_status();
  status.watch_summary = {1, 1, 1};
  EXPECT_EQ(answer(FourLetterWord::kWchs, status), recorded("fourletter", "wchs"));
  status.watched_by = {{SessionId{0x1000033dd1201c8}, {"/"}}};
  EXPECT_EQ(answer(FourLetterWord::kWchc, status), recorded("fourletter", "wchc"));
  status.watched_by = {{SessionId{0x1000033dd1201cb}, {"/"}}};
  EXPECT_EQ(answer(FourLetterWord::kWchp, status), recorded("fourletter", "wchp"));

  status.watched_by = {{SessionId{1}, {"/a", "/b"}}, {SessionId{2}, {"/b"}}};
  EXPECT_EQ(answer(FourLetterWord::kWchc, status), "0x1\n\t/a\n\t/b\n0x2\n\t/b\n\n");
  EXPECT_EQ(answer(FourLetterWord::kWchp, status), "/a\n\t0x1\n/b\n\t0x1\n\t0x2\n\n");
}

TEST(FourLetter, GivesHashToTheByte) {
  const std::string expected = recorded("fourletter", "hash");
  ServerStatus status = some_status();
  for (const std::string& line : lines_of(expected)) {
    const std::size_t colon = line.find(": ");
    status.digests.push_back({Zxid{std::stoll(line.substr(0, colon), nullptr, 16)},
                              std::stoull(line.substr(colon + 2))});
  }
  EXPECT_EQ(answer(FourLetterWord::kHash, status), expected);
}

TEST(FourLetter, GivesEnviWithZooKeepersKeysInTheirOrder) {
  const auto keys = [](const std::string& text) {
    std::vector<std::string> all;
    for (const std::string& line : lines_of(text)) all.push_back(line.substr(0, line.find('=')));
    return all;
  };
  EXPECT_EQ(keys(answer(FourLetterWord::kEnvi, some_status())),
            keys(recorded("fourletter", "envi")));
}

// What ZooKeeper measures inside of its own pipeline and caches has no counterpart here.
bool is_of_javas_pipeline(const std::string& name) {
  static const std::regex kNames(
      ".*(commit_proc|commit_processor|session_queue|session_queues|jvm_pause|netty|om_|learner_"
      "request_"
      "processor|not_forwarded|skip_learner|per_namespace).*");
  return std::regex_match(name, kNames);
}

TEST(FourLetter, GivesMntrWithTheNamesThatMonitorsRead) {
  ServerStatus status = some_status();
  Metrics metrics;
  fill_from_metrics(metrics, parts_for(FourLetterWord::kMntr), status);
  const std::string text = answer(FourLetterWord::kMntr, status);
  std::set<std::string> ours;
  for (const std::string& line : lines_of(text)) {
    const std::size_t tab = line.find('\t');
    ASSERT_NE(tab, line.npos) << line;
    EXPECT_TRUE(line.starts_with("zk_")) << line;
    EXPECT_TRUE(ours.insert(line.substr(0, tab)).second) << line << " twice";
  }
  for (const std::string& line : lines_of(recorded("fourletter", "mntr"))) {
    const std::string name = line.substr(0, line.find('\t'));
    if (!is_of_javas_pipeline(name)) {
      EXPECT_TRUE(ours.contains(name)) << name;
    }
  }
  const std::vector<std::string> lines = lines_of(text);
  EXPECT_TRUE(lines[0].starts_with("zk_version\t"));
  EXPECT_EQ(lines[1], "zk_server_state\tstandalone");
}

TEST(FourLetter, RoundsAveragesToFourPlacesAndShowsAtLeastOne) {
  const auto average = [](double value) {
    ServerStatus status;
    status.latency.average_ms = value;
    const std::string line = lines_of(answer(FourLetterWord::kSrvr, status))[1];
    return line.substr(line.find('/', line.find(": ")) + 1);
  };
  EXPECT_EQ(average(0), "0.0/0");
  EXPECT_EQ(average(0.861), "0.861/0");
  EXPECT_EQ(average(1.58777), "1.5878/0");
  EXPECT_EQ(average(10), "10.0/0");
  EXPECT_EQ(average(0.00001), "0.0/0");
}

TEST(FourLetter, SaysWhenItDoesNotServe) {
  ServerStatus status = some_status();
  status.serving = false;
  const std::string sentence = "This ZooKeeper instance is not currently serving requests";
  for (std::size_t i = 0; i < kFourLetterWords; ++i) {
    const auto word = static_cast<FourLetterWord>(i);
    const std::string text = answer(word, status);
    switch (word) {
      case FourLetterWord::kRuok:
        EXPECT_EQ(text, "imok");
        break;
      case FourLetterWord::kIsro:
        EXPECT_EQ(text, "null");
        break;
      case FourLetterWord::kGtmk:
      case FourLetterWord::kStmk:
        EXPECT_EQ(text, "306");
        break;
      case FourLetterWord::kEnvi:
        EXPECT_TRUE(text.starts_with("Environment:\n"));
        break;
      case FourLetterWord::kHash:
        EXPECT_EQ(text, sentence);
        break;
      default:
        EXPECT_EQ(text, sentence + "\n") << to_string(word);
    }
  }
}

TEST(FourLetter, TellsReadOnlyModeAsZooKeeperDoes) {
  ServerStatus status = some_status();
  status.mode = ServerMode::kReadOnly;
  EXPECT_EQ(answer(FourLetterWord::kIsro, status), recorded("readonly", "isro"));
  EXPECT_EQ(masked(answer(FourLetterWord::kSrvr, status)), masked(recorded("readonly", "srvr")));
}

}  // namespace
}  // namespace paddock::server
