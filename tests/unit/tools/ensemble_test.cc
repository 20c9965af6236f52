#include "tools/ensemble.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/concat.h"
#include "common/env.h"
#include "tools/server_process.h"

namespace paddock::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

const std::string kConf =
    "dataDir=/elsewhere\nclientPort=2181\n"
    "server.1=127.0.0.1:2888:3888\nserver.2=[::1]:2889:3889;2182\n";

LocalServer server(int id) {
  const auto parsed = parse_local_server(ServerId{id}, concat("c/zoo", id, ".cfg"), kConf, "/data");
  EXPECT_TRUE(parsed) << parsed.error().message;
  return *parsed;
}

std::string refusal(int id, const std::string& text) {
  const auto parsed = parse_local_server(ServerId{id}, "c/zoo.cfg", text, "/data");
  EXPECT_FALSE(parsed) << text;
  return parsed ? "" : parsed.error().message;
}

TEST(LocalEnsemble, KnowsAServerByItsFile) {
  EXPECT_EQ(id_of_conf_name("zoo1.cfg"), ServerId{1});
  EXPECT_EQ(id_of_conf_name("zoo12.cfg"), ServerId{12});
  for (const char* other :
       {"zoo.cfg", "zoo1.cfg.bak", "zoo1.cfg.dynamic.1", "zoo-1.cfg", "zoo+1.cfg", "1.cfg", "zoo",
        ".cfg", "zooo.cfg", "zoo99999999999999999999.cfg"}) {
    EXPECT_EQ(id_of_conf_name(other), std::nullopt) << other;
  }
}

TEST(LocalEnsemble, KeepsEachServersFilesBesideOneAnother) {
  const LocalServer first = server(1);
  EXPECT_EQ(first.conf, "c/zoo1.cfg");
  EXPECT_EQ(first.folder, "/data/1");
  EXPECT_EQ(first.log, "/data/1.log");
  EXPECT_EQ(first.pid_file, "/data/1.pid");
  EXPECT_EQ(default_data("conf/ensemble"), "data/ensemble");
  EXPECT_EQ(default_data("/x/conf/ensemble5//"), "data/ensemble5");
  EXPECT_EQ(default_data("."), "data/ensemble");
}

TEST(LocalEnsemble, KnowsThePortsThatAServerNeeds) {
  const auto ports = [](const LocalServer& of) {
    std::string text;
    for (const NeededPort& port : of.ports) {
      text += concat(to_string(port.address), " ", port.what, "; ");
    }
    return text;
  };
  EXPECT_EQ(ports(server(1)),
            ":2181 its clientPort; 127.0.0.1:2888 its quorum port; 127.0.0.1:3888 its election "
            "port; ");
  EXPECT_EQ(ports(server(2)),
            "0.0.0.0:2182 its clientPort; [::1]:2889 its quorum port; [::1]:3889 its election "
            "port; ");
  EXPECT_EQ(server(1).client, (HostPort{"127.0.0.1", 2181}));
  EXPECT_EQ(server(2).client, (HostPort{"127.0.0.1", 2182}));
}

TEST(LocalEnsemble, KnowsThatAServerMayListenEverywhere) {
  const auto parsed = parse_local_server(
      ServerId{1}, "zoo1.cfg", "clientPort=1\nserver.1=a:2:3\nquorumListenOnAllIPs=true\n", "/d");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->ports[1].address, (HostPort{"", 2}));
  EXPECT_EQ(parsed->ports[2].address, (HostPort{"", 3}));
}

TEST(LocalEnsemble, SaysWhatIsWrongWithAFile) {
  EXPECT_EQ(refusal(3, kConf),
            "c/zoo.cfg: there is no line server.3=, which the file's name promises");
  EXPECT_EQ(refusal(1, "server.1=a:1:2\n"), "c/zoo.cfg: clientPort is not set");
  EXPECT_THAT(refusal(1, "clientPort=0\nserver.1=a:1:2\n"), HasSubstr("from 1 to 65535"));
  EXPECT_THAT(refusal(1, "clientPort=1\nserver.1=a:1\n"), HasSubstr("c/zoo.cfg: server.1=a:1"));
  EXPECT_THAT(refusal(1, "a=\\u1"), HasSubstr("c/zoo.cfg line 1"));
}

TEST(LocalEnsemble, ReadsWhatSrvrSays) {
  const auto srvr = parse_srvr(
      "Zookeeper version: 3.8.0\nLatency min/avg/max: 0/0.0/0\nReceived: 6\nSent: 5\n"
      "Connections: 2\nOutstanding: 0\nZxid: 0x30000000b\nMode: leader\nNode count: 9\n"
      "Proposal sizes last/min/max: 48/48/187\n");
  ASSERT_TRUE(srvr);
  EXPECT_EQ(srvr->mode, "leader");
  EXPECT_EQ(srvr->zxid, Zxid{0x30000000b});
  EXPECT_EQ(srvr->connections, 2);
  for (const char* other :
       {"", "This ZooKeeper instance is not currently serving requests\n", "Mode: leader\n",
        "Connections: 2\nZxid: 0x1\nMode: ", "Connections: -2\nZxid: 0x1\nMode: leader\n",
        "Connections: 2\nZxid: 0xq\nMode: leader\n"}) {
    EXPECT_FALSE(parse_srvr(other)) << other;
  }
}

TEST(LocalEnsemble, TellsEachServersStateInALine) {
  EXPECT_EQ(status_line(server(1), {}), "server 1  down");
  EXPECT_EQ(status_line(server(1), {.pid = 4711, .srvr = std::nullopt}),
            "server 1  not serving  127.0.0.1:2181  pid 4711");
  EXPECT_EQ(
      status_line(server(2), {.pid = 4711, .srvr = Srvr{"leader", Zxid{0x30000000b}, 1}}),
      "server 2  leader       epoch 3   zxid 0x30000000b    1 connection    127.0.0.1:2182  pid "
      "4711");
}

TEST(LocalEnsemble, KnowsAProcessByItsDataAndNothingLess) {
  using namespace std::string_literals;
  EXPECT_TRUE(is_server("paddock-server\0--dataDir=/data/1\0c/zoo1.cfg\0"s, server(1)));
  EXPECT_FALSE(is_server("paddock-server\0--dataDir=/data/11\0c/zoo1.cfg\0"s, server(1)));
  EXPECT_FALSE(is_server("paddock-server\0--dataDir=/data/2\0"s, server(1)));
  EXPECT_FALSE(is_server("less\0x--dataDir=/data/1\0"s, server(1)));
  EXPECT_FALSE(is_server("", server(1)));
}

TEST(LocalEnsemble, ShowsTheEndOfALog) {
  EXPECT_EQ(last_lines("a\nb\nc\n", 2), "b\nc");
  EXPECT_EQ(last_lines("a\nb\nc", 3), "a\nb\nc");
  EXPECT_EQ(last_lines("a\nb\nc\n\n", 9), "a\nb\nc");
  EXPECT_EQ(last_lines("\na\n", 1), "a");
  EXPECT_EQ(last_lines("\na\n", 2), "\na");
  EXPECT_EQ(last_lines("a\n", 0), "");
  EXPECT_EQ(last_lines("", 3), "");
  EXPECT_EQ(last_lines("\n\n", 3), "");
}

// A folder of its own, and a program in it that stays until it is told to stop.
class ServerProcessTest : public ::testing::Test {
 protected:
  ServerProcessTest() {
    std::string pattern = ::testing::TempDir() + "paddock-ensemble-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    server_ = *parse_local_server(ServerId{1}, folder_ + "/zoo1.cfg", kConf, folder_);
    // It waits for somebody to write to the pipe, which nobody does.
    EXPECT_EQ(::mkfifo((program() + ".pipe").c_str(), 0600), 0);
    write(program(), "#!/bin/sh\nread never < \"$0.pipe\"\n");
  }
  ~ServerProcessTest() override {
    if (const auto left = ServerProcess::find(server_)) {
      EXPECT_TRUE(left->signal(SIGKILL));
      EXPECT_TRUE(left->has_ended_within(Millis{10'000}));
    }
    std::filesystem::remove_all(folder_);
  }

  void write(const std::string& path, const std::string& text) {
    ASSERT_TRUE(replace_file(posix_env(), path, as_bytes(text)));
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  }
  std::string read(const std::string& path) {
    const auto content = read_file(posix_env(), path, 4096);
    EXPECT_TRUE(content) << path;
    return content ? std::string(as_chars(*content)) : "";
  }
  std::string program() const { return folder_ + "/program"; }

  std::string folder_;
  LocalServer server_;
};

TEST_F(ServerProcessTest, FindsWhatItStartedUntilThatHasEnded) {
  EXPECT_FALSE(ServerProcess::find(server_));
  {
    const auto started = ServerProcess::start(program(), server_);
    ASSERT_TRUE(started) << started.error().message;
    EXPECT_EQ(read(server_.pid_file), concat(started->pid(), "\n"));
    EXPECT_EQ(read(server_.folder + "/myid"), "1\n");
  }
  const auto found = ServerProcess::find(server_);
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->has_ended_within(Millis{0}));
  ASSERT_TRUE(found->signal(SIGKILL));
  EXPECT_TRUE(found->has_ended_within(Millis{10'000}));
  EXPECT_FALSE(ServerProcess::find(server_));
  EXPECT_TRUE(found->signal(SIGKILL)) << "nobody is there to be hit";
}

TEST_F(ServerProcessTest, NeverTakesAnotherProcessForAServer) {
  write(server_.pid_file, concat(::getpid(), "\n"));
  EXPECT_FALSE(ServerProcess::find(server_));
  for (const char* other : {"", "x", "-1", "0", "99999999999999999999"}) {
    write(server_.pid_file, other);
    EXPECT_FALSE(ServerProcess::find(server_)) << other;
  }
}

TEST_F(ServerProcessTest, AppendsToTheLog) {
  write(program(), "#!/bin/sh\necho \"got $1\"\necho \"and $2\" >&2\n");
  write(server_.log, "before\n");
  const auto started = ServerProcess::start(program(), server_);
  ASSERT_TRUE(started) << started.error().message;
  ASSERT_TRUE(started->has_ended_within(Millis{10'000}));
  EXPECT_EQ(read(server_.log),
            concat("before\ngot --dataDir=", folder_, "/1\nand ", folder_, "/zoo1.cfg\n"));
}

TEST_F(ServerProcessTest, LeavesTheDataOfAnotherServerAlone) {
  std::filesystem::create_directory(server_.folder);
  write(server_.folder + "/myid", "2\n");
  const auto started = ServerProcess::start(program(), server_);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().message,
            concat(folder_, "/1/myid is not that of server 1: is this its data? Name another ",
                   "folder with --data"));
  EXPECT_EQ(read(server_.folder + "/myid"), "2\n");
}

TEST_F(ServerProcessTest, NamesTheProgramThatIsNotThere) {
  const auto started = ServerProcess::start(folder_ + "/none", server_);
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr(concat("cannot start ", folder_, "/none")));
}

TEST_F(ServerProcessTest, ReadsEveryFileOfAFolderByNumber) {
  for (const int id : {10, 2}) {
    write(concat(folder_, "/zoo", id, ".cfg"),
          concat("clientPort=", 2180 + id, "\nserver.", id, "=a:1:2\n"));
  }
  const auto servers = read_ensemble(posix_env(), folder_, "/data");
  ASSERT_TRUE(servers) << servers.error().message;
  std::vector<std::pair<std::int64_t, std::string>> found;
  for (const LocalServer& one : *servers) found.emplace_back(one.id.value, one.folder);
  EXPECT_THAT(found, ElementsAre(Pair(2, "/data/2"), Pair(10, "/data/10")));
  std::filesystem::remove(folder_ + "/zoo2.cfg");
  std::filesystem::remove(folder_ + "/zoo10.cfg");
  EXPECT_EQ(read_ensemble(posix_env(), folder_, "/data").error().code, Code::kNotFound);
}

// A socket that listens on a port of its own, and accepts nobody.
class Listening {
 public:
  Listening() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(socket_, any, size), 0);
    EXPECT_EQ(::listen(socket_, 1), 0);
    EXPECT_EQ(::getsockname(socket_, any, &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~Listening() { close(); }
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;
  void close() { ::close(std::exchange(socket_, -1)); }
  HostPort address() const { return {"127.0.0.1", port_}; }

 private:
  int socket_;
  std::uint16_t port_ = 0;
};

TEST(LocalPorts, AreFreeUnlessSomebodyListens) {
  Listening other;
  const auto taken = check_free({other.address(), "its clientPort"});
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().message,
            concat(to_string(other.address()), ", its clientPort, is in use by another process"));
  EXPECT_FALSE(check_free({{"", other.address().port}, "its clientPort"}));
  other.close();
  EXPECT_TRUE(check_free({other.address(), "its clientPort"}));
  const auto elsewhere = check_free({{"192.0.2.1", 1234}, "its quorum port"});
  ASSERT_FALSE(elsewhere);
  EXPECT_THAT(elsewhere.error().message,
              HasSubstr("cannot listen at 192.0.2.1:1234, its quorum port"));
}

TEST(LocalPorts, AreNotWaitedForLongerThanAllowed) {
  Listening silent;
  EXPECT_FALSE(ask(silent.address(), "srvr", Millis{50})) << "it never answers";
  silent.close();
  EXPECT_FALSE(ask(silent.address(), "srvr", Millis{10'000})) << "nobody listens";
}

}  // namespace
}  // namespace paddock::tools
