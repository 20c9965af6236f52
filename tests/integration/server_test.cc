#include <signal.h>
#include <sys/resource.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/jute.h"
#include "tests/integration/server_process.h"

namespace paddock::test {
namespace {

// What the sanitizers' shadow memory makes of a bound.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::int64_t kMemoryFactor = 8;
#else
constexpr std::int64_t kMemoryFactor = 1;
#endif

std::string data_in(const RawClient::Answer& answer) {
  JuteReader reader(answer.record);
  const auto data = reader.read_buffer();
  return data && *data ? std::string(as_chars(**data)) : "";
}

TEST(Server, KeepsWhatWasWrittenAndItsSessionsOverACleanStop) {
  ServerProcess server;
  auto first = std::make_unique<RawClient>(server.port());
  const ConnectResponse session = first->handshake();
  EXPECT_GT(session.timeout_ms, 0);
  EXPECT_EQ(first->ask(OpCode::kCreate, create_record("/a", "one")).header.error, ErrorCode::kOk);
  EXPECT_EQ(first->ask(OpCode::kCreate, create_record("/e", "", 1)).header.error, ErrorCode::kOk);
  EXPECT_EQ(server.stop(SIGTERM), 0) << server.log();
  EXPECT_TRUE(first->is_closed());

  server.start();
  RawClient second(server.port());
  EXPECT_EQ(second.handshake(first->session(), first->password()).session, first->session());
  EXPECT_EQ(data_in(second.ask(OpCode::kGetData, path_record("/a"))), "one");
  EXPECT_EQ(second.ask(OpCode::kExists, path_record("/e")).header.error, ErrorCode::kOk);
  EXPECT_EQ(server.stop(SIGINT), 0) << server.log();
}

TEST(Server, KeepsWhatWasAcknowledgedWhenItIsKilled) {
  ServerProcess server;
  RawClient first(server.port());
  first.handshake();
  first.ask(OpCode::kCreate, create_record("/a", "0"));
  for (int i = 1; i <= 100; ++i) {
    ASSERT_EQ(first.ask(OpCode::kSetData, set_data_record("/a", std::to_string(i))).header.error,
              ErrorCode::kOk);
  }
  EXPECT_EQ(server.stop(SIGKILL), -SIGKILL);
  server.start();
  RawClient second(server.port());
  second.handshake();
  EXPECT_EQ(data_in(second.ask(OpCode::kGetData, path_record("/a"))), "100");
}

TEST(Server, AnswersPipelinedRequestsInTheirOrderAndShowsEachWriteToTheReadBehindIt) {
  ServerProcess server;
  RawClient client(server.port());
  client.handshake();
  client.ask(OpCode::kCreate, create_record("/a", ""));
  constexpr int kPairs = 500;
  for (int i = 0; i < kPairs; ++i) {
    client.send_request(2 * i + 10, OpCode::kSetData, set_data_record("/a", std::to_string(i)));
    client.send_request(2 * i + 11, OpCode::kGetData, path_record("/a"));
  }
  for (int i = 0; i < kPairs; ++i) {
    ASSERT_EQ(client.receive_answer().header.xid, 2 * i + 10);
    const RawClient::Answer read = client.receive_answer();
    ASSERT_EQ(read.header.xid, 2 * i + 11);
    ASSERT_EQ(data_in(read), std::to_string(i));
  }
}

TEST(Server, SendsAnEventBeforeAnyReplyThatShowsTheChange) {
  ServerProcess server;
  RawClient watcher(server.port());
  RawClient writer(server.port());
  watcher.handshake();
  writer.handshake();
  writer.ask(OpCode::kCreate, create_record("/a", "0"));
  for (int i = 1; i <= 200; ++i) {
    const std::string before = data_in(watcher.ask(OpCode::kGetData, path_record("/a", true)));
    ASSERT_EQ(before, std::to_string(i - 1));
    writer.send_request(i, OpCode::kSetData, set_data_record("/a", std::to_string(i)));
    watcher.send_request(1'000'000, OpCode::kGetData, path_record("/a"));
    RawClient::Answer next = watcher.receive_answer();
    if (next.header.xid != kXidNotification) {  // the read was first: it must show the old value
      ASSERT_EQ(data_in(next), before);
      next = watcher.receive_answer();
    } else {
      ASSERT_EQ(data_in(watcher.receive_answer()), std::to_string(i));
    }
    ASSERT_EQ(writer.receive_answer().header.xid, i);
  }
}

TEST(Server, ClosesGarbageWithALineOfLogAndServesOn) {
  ServerProcess server;
  RawClient good(server.port());
  good.handshake();
  good.ask(OpCode::kCreate, create_record("/a", ""));
  const std::int64_t before_kb = server.resident_kb();
  for (int i = 0; i < 300; ++i) {
    RawClient http(server.port());
    http.send(as_bytes("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    EXPECT_TRUE(http.is_closed());
    RawClient huge(server.port());
    const std::uint8_t claim[4] = {0x7f, 0xff, 0xff, 0xff};
    huge.send(claim);
    EXPECT_TRUE(huge.is_closed());
    RawClient after_handshake(server.port());
    after_handshake.handshake();
    after_handshake.send(claim);
    EXPECT_TRUE(after_handshake.is_closed());
  }
  EXPECT_EQ(good.ask(OpCode::kGetData, path_record("/a")).header.error, ErrorCode::kOk);
  EXPECT_LT(server.resident_kb() - before_kb, 4096 * kMemoryFactor);
  EXPECT_NE(server.log().find("it begins with \"GET \""), std::string::npos) << server.log();
  EXPECT_LT(server.log().size(), 100'000u);
}

TEST(Server, HoldsHalfOpenConnectionsAtLittleCostAndDropsThemInTime) {
  ServerProcess server("maxClientCnxns=0\nnio.sessionlessCnxnTimeout=1000\n");
  const std::int64_t before_kb = server.resident_kb();
  std::vector<std::unique_ptr<RawClient>> half_open;
  for (int i = 0; i < 500; ++i) half_open.push_back(std::make_unique<RawClient>(server.port()));
  RawClient good(server.port());
  good.handshake();
  EXPECT_LT(server.resident_kb() - before_kb, 2048 * kMemoryFactor);
  for (auto& client : half_open) EXPECT_TRUE(client->is_closed());
  EXPECT_EQ(good.ask(OpCode::kExists, path_record("/")).header.error, ErrorCode::kOk);
}

TEST(Server, ServesOnWithoutDescriptorsToAcceptWithAndAcceptsOnceThereAreSome) {
  ServerProcess server("maxClientCnxns=0\n");
  RawClient good(server.port());
  good.handshake();
  std::size_t open = 0;
  for ([[maybe_unused]] const auto& fd :
       std::filesystem::directory_iterator("/proc/" + std::to_string(server.pid()) + "/fd")) {
    ++open;
  }
  const rlimit few{open + 2, open + 2};
  ASSERT_EQ(::prlimit(server.pid(), RLIMIT_NOFILE, &few, nullptr), 0);
  std::vector<std::unique_ptr<RawClient>> crowd;
  for (int i = 0; i < 8; ++i) crowd.push_back(std::make_unique<RawClient>(server.port()));
  const auto said_so = [&server] {
    return server.log().find("cannot accept clients for now: Too many open files") !=
           std::string::npos;
  };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!said_so() && std::chrono::steady_clock::now() < deadline) {
    EXPECT_EQ(good.ask(OpCode::kExists, path_record("/")).header.error, ErrorCode::kOk);
  }
  EXPECT_TRUE(said_so());
  crowd.clear();
  RawClient late(server.port());
  late.handshake();
  EXPECT_EQ(late.ask(OpCode::kExists, path_record("/")).header.error, ErrorCode::kOk);
}

TEST(Server, RefusesMoreConnectionsFromAnAddressThanItMayHave) {
  ServerProcess server("maxClientCnxns=2\n");
  RawClient first(server.port());
  first.handshake();
  auto second = std::make_unique<RawClient>(server.port());
  second->handshake();
  RawClient third(server.port());
  EXPECT_TRUE(third.is_closed());
  second->ask(OpCode::kCloseSession);
  EXPECT_TRUE(second->is_closed());
  RawClient fourth(server.port());
  EXPECT_NE(fourth.handshake().session.value, 0);
}

TEST(Server, AnswersOperatorsWords) {
  ServerProcess server("4lw.commands.whitelist=*\n");
  RawClient client(server.port());
  client.handshake();
  for (const auto& [word, part] :
       std::vector<std::pair<std::string, std::string>>{{"ruok", "imok"},
                                                        {"srvr", "Mode: standalone\n"},
                                                        {"cons", "sid=0x"},
                                                        {"mntr", "zk_num_alive_connections\t2\n"},
                                                        {"dump", "Session Sets (1)/(1):\n"},
                                                        {"conf", "tickTime=500\n"},
                                                        {"wchs", "Total watches:0\n"}}) {
    RawClient asker(server.port());
    asker.send(as_bytes(word));
    const Bytes answer = asker.receive_to_end();
    EXPECT_NE(as_chars(answer).find(part), std::string_view::npos) << word << ":\n"
                                                                   << as_chars(answer);
  }
}

TEST(Server, ExpiresASilentSessionAndClosesItsConnection) {
  ServerProcess server("minSessionTimeout=1000\nmaxSessionTimeout=1000\n");
  RawClient silent(server.port());
  EXPECT_EQ(silent.handshake().timeout_ms, 1000);
  silent.ask(OpCode::kCreate, create_record("/e", "", 1));
  EXPECT_TRUE(silent.is_closed());
  RawClient other(server.port());
  other.handshake();
  EXPECT_EQ(other.ask(OpCode::kExists, path_record("/e")).header.error, ErrorCode::kNoNode);
}

}  // namespace
}  // namespace paddock::test
