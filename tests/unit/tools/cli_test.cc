// The `paddock` program as a user runs it: what it prints and what it ends with.

#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/concat.h"
#include "common/env.h"
#include "server/storage/checkpoint.h"
#include "server/storage/snapshot_file.h"
#include "server/tree/data_tree.h"
#include "tests/support/peer_vectors.h"

namespace paddock::tools {
namespace {

namespace fs = std::filesystem;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

// A folder of this test's own, gone afterwards.
class Scratch {
 public:
  Scratch() {
    std::string name = testing::TempDir() + "paddock-cli-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~Scratch() { fs::remove_all(path_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  fs::path operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

struct Ran {
  int code = -1;
  std::string out, err;
};

Ran paddock(const std::string& arguments) {
  const Scratch scratch;
  const std::string out = scratch / "out", err = scratch / "err";
  const std::string line =
      concat(PADDOCK_BIN_DIR "/paddock ", arguments, " >", out, " 2>", err, " </dev/null");
  const int status = std::system(line.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read(out), read(err)};
}

std::string vector_path(const std::string& name) {
  return concat(PADDOCK_SOURCE_DIR "/tests/vectors/storage/", name);
}

// The text beside this file. PADDOCK_REWRITE=1 writes it anew; its diff is reviewed like code.
void expect_golden(const std::string& text, const std::string& name) {
  const std::string path = concat(PADDOCK_SOURCE_DIR "/tests/unit/tools/golden/", name);
  std::string shown = text;
  for (std::size_t at; (at = shown.find(PADDOCK_SOURCE_DIR "/")) != std::string::npos;) {
    shown.erase(at, sizeof(PADDOCK_SOURCE_DIR));
  }
  if (std::getenv("PADDOCK_REWRITE") != nullptr) std::ofstream(path, std::ios::binary) << shown;
  EXPECT_EQ(shown, read(path)) << name;
}

// Lines of nodes and sessions; the order of siblings is free.
std::multiset<std::string> items(const std::string& dump) {
  std::multiset<std::string> lines;
  std::istringstream text(dump);
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with("#")) lines.insert(line);
  }
  return lines;
}

TEST(Cli, ExplainsItselfAndEndsWithTwoWhereItWasCalledWrongly) {
  EXPECT_EQ(paddock("help").code, 0);
  EXPECT_THAT(paddock("help").out, HasSubstr("paddock log dump"));
  EXPECT_THAT(paddock("help log dump").out, HasSubstr("--from"));
  EXPECT_THAT(paddock("snapshot export --help").out, HasSubstr("--data-dir"));
  EXPECT_THAT(paddock("version").out, StartsWith("paddock "));

  for (const char* wrong :
       {"", "log", "log dmup x", "log dump", "log dump a b", "log dump a --nix",
        "log dump a --from xyz", "wire dump a --from nobody", "wire dump a --plane nowhere",
        "wire dump a --plane quorum --from server", "help nothing", "snapshot export"}) {
    const Ran ran = paddock(wrong);
    EXPECT_EQ(ran.code, 2) << wrong;
    EXPECT_THAT(ran.out, IsEmpty()) << wrong;
    EXPECT_THAT(ran.err, Not(IsEmpty())) << wrong;
  }
}

TEST(Cli, EndsWithOneWhereThereIsNoSuchFile) {
  for (const char* missing : {"log dump /nowhere/log.1", "snapshot dump /nowhere/snapshot.1",
                              "wire dump /nowhere/stream", "snapshot export --data-dir /nowhere"}) {
    const Ran ran = paddock(missing);
    EXPECT_EQ(ran.code, 1) << missing;
    EXPECT_THAT(ran.err, StartsWith("paddock: ")) << missing;
    EXPECT_THAT(ran.err, HasSubstr("/nowhere")) << missing;
  }
}

TEST(LogDump, PrintsEveryTypeOfTransactionThatZooKeeperWrites) {
  const Ran ran = paddock("log dump " + vector_path("all-txn-types/version-2/log.1"));
  EXPECT_EQ(ran.code, 0) << ran.err;
  expect_golden(ran.out, "all-txn-types.log.txt");
}

TEST(LogDump, PrintsTheSameAsJson) {
  const Ran ran = paddock("log dump --json " + vector_path("all-txn-types/version-2/log.1"));
  EXPECT_EQ(ran.code, 0) << ran.err;
  expect_golden(ran.out, "all-txn-types.log.json");
}

TEST(LogDump, PrintsOnlyWhatWasAskedForOfAFolder) {
  const Ran ran = paddock("log dump --from 0x33 --to 36 " + vector_path("snapshot-and-log"));
  EXPECT_EQ(ran.code, 0) << ran.err;
  const std::multiset<std::string> lines = items(ran.out);
  ASSERT_EQ(lines.size(), 4u) << ran.out;
  EXPECT_THAT(*lines.begin(), StartsWith("0x33 "));
  EXPECT_THAT(*lines.rbegin(), StartsWith("0x36 "));
}

TEST(LogDump, TellsWhereATornTailBegins) {
  const Ran ran = paddock("log dump " + vector_path("torn-tail"));
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.out, EndsWith(" torn\n"));
  EXPECT_THAT(ran.err, HasSubstr("a torn tail begins at byte "));
}

TEST(LogDump, PrintsWhatStandsBeforeDamageAndEndsWithOne) {
  const Ran ran = paddock("log dump " + vector_path("bad-checksum"));
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.out, StartsWith("0x1 "));
  EXPECT_THAT(ran.err, HasSubstr("byte "));
  EXPECT_THAT(ran.err, HasSubstr("log.1"));
}

TEST(SnapshotDump, PrintsTheSameHoweverItWasCompressed) {
  const Ran plain =
      paddock("snapshot dump --data " + vector_path("rich-snapshot/version-2/snapshot.43"));
  EXPECT_EQ(plain.code, 0) << plain.err;
  EXPECT_GT(items(plain.out).size(), 10u);
  for (const char* name : {"rich-snapshot-gz/version-2/snapshot.43.gz",
                           "rich-snapshot-snappy/version-2/snapshot.43.snappy"}) {
    const Ran other = paddock("snapshot dump --data " + vector_path(name));
    EXPECT_EQ(other.code, 0) << other.err;
    EXPECT_EQ(items(other.out), items(plain.out)) << name;
  }
}

TEST(SnapshotDump, PrintsSessionsNodesAndTheirStats) {
  const Ran ran =
      paddock("snapshot dump " + vector_path("ensemble-after-snap/version-2/snapshot.10000002e"));
  EXPECT_EQ(ran.code, 0) << ran.err;
  expect_golden(ran.out, "ensemble.snapshot.txt");
}

TEST(SnapshotDump, KeepsDataToItselfUnlessAsked) {
  const std::string arguments = "snapshot dump --path /zookeeper --json " +
                                vector_path("rich-snapshot/version-2/snapshot.43");
  EXPECT_THAT(paddock(arguments).out, Not(HasSubstr("\"data\"")));
  EXPECT_THAT(paddock(arguments + " --data").out, HasSubstr("\"data\""));
}

TEST(SnapshotDump, TellsWhereASnapshotIsCutOff) {
  const Scratch scratch;
  const fs::path cut = scratch / "snapshot.43";
  fs::copy_file(vector_path("rich-snapshot/version-2/snapshot.43"), cut);
  fs::resize_file(cut, 5000);
  const Ran ran = paddock("snapshot dump " + cut.string());
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.out, HasSubstr("node / "));
  EXPECT_THAT(ran.err, HasSubstr("byte "));
}

TEST(SnapshotDump, PrintsPaddocksOwnStateAsItPrintsASnapshot) {
  using namespace paddock::server;
  const std::string snapshot = vector_path("rich-snapshot/version-2/snapshot.43");
  const Scratch scratch;
  {
    DataTree tree{TreeOptions{}};
    ASSERT_TRUE(load_snapshot(posix_env(), snapshot, SnapshotCompression::kNone, 1 << 20, tree));
    tree.finish_load(Zxid{0x43});
    tree.mark_all_dirty();
    const auto checkpoint = Checkpoint::open(posix_env(), scratch / "state", {});
    ASSERT_TRUE(checkpoint) << checkpoint.error().message;
    ASSERT_TRUE((*checkpoint)->write(tree.take_dirty()));
  }
  const Ran ran = paddock("snapshot dump --data " + (scratch / "").string());
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(items(ran.out), items(paddock("snapshot dump --data " + snapshot).out));
}

TEST(SnapshotExport, WritesTheTreeThatWasThereAndSaysWhatComesNext) {
  const Scratch scratch;
  const fs::path data = scratch / "data";
  fs::copy(vector_path("rich-snapshot"), data, fs::copy_options::recursive);
  const Ran ran = paddock(concat("snapshot export --data-dir ", data.string(), " --out ",
                                 (scratch / "snapshot.43").string()));
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("0x43"));
  EXPECT_THAT(ran.out, HasSubstr("start that server"));

  const Ran before =
      paddock("snapshot dump --data " + vector_path("rich-snapshot/version-2/snapshot.43"));
  const Ran after = paddock("snapshot dump --data " + (scratch / "snapshot.43").string());
  EXPECT_EQ(after.code, 0) << after.err;
  EXPECT_EQ(items(after.out), items(before.out));
}

TEST(WireDump, PrintsRequestsWithoutTheirSecrets) {
  const Scratch scratch;
  // A handshake, an auth packet "digest bob:secret", and a getData of /a.
  const std::string stream(
      "\0\0\0\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x75\x30\0\0\0\0\0\0\0\0\0\0\0\x10"
      "PASSWORDPASSWORD\0"
      "\0\0\0\x24\xff\xff\xff\xfc\0\0\0\x64\0\0\0\0\0\0\0\x06"
      "digest\0\0\0\x0a"
      "bob:secret"
      "\0\0\0\x0f\0\0\0\x01\0\0\0\x04\0\0\0\x02/a\0",
      49 + 40 + 19);
  std::ofstream(scratch / "stream", std::ios::binary) << stream;
  const Ran ran = paddock("wire dump " + (scratch / "stream").string());
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out,
            "offset=0 frame_bytes=45 connect session=0x0 timeout_ms=30000 last_zxid_seen=0x0\n"
            "offset=49 frame_bytes=36 auth xid=-4 scheme=digest\n"
            "offset=89 frame_bytes=15 getData xid=1 path=/a\n");

  fs::resize_file(scratch / "stream", 60);
  const Ran cut = paddock("wire dump " + (scratch / "stream").string());
  EXPECT_EQ(cut.code, 1);
  EXPECT_THAT(cut.err, HasSubstr("byte 49"));
}

// What the dump says of a recorded stream, or of its first `bytes`.
Ran dump_of_peers(std::string_view name, std::size_t bytes = SIZE_MAX,
                  const std::string& more = "") {
  const test::PeerStream stream = test::peer_stream(name);
  const Bytes whole = stream.bytes();
  const Scratch scratch;
  const std::string path = scratch / "stream";
  std::ofstream(path, std::ios::binary)
      << as_chars(ByteView(whole).first(std::min(bytes, whole.size())));
  return paddock(
      concat("wire dump --plane ", stream.is_election() ? "election " : "quorum ", path, more));
}

TEST(WireDump, PrintsWhatServersSayToElectALeader) {
  const Ran dialling = dump_of_peers("static/10-election-2-to-1");
  EXPECT_EQ(dialling.code, 0) << dialling.err;
  EXPECT_EQ(dialling.out,
            "offset=0 bytes=35 opening sid=2 127.0.0.1:22422\n"
            "offset=35 bytes=226 LOOKING leader=3 zxid=0x0 electionEpoch=1 peerEpoch=0 version=2 "
            "config=178B\n"
            "offset=261 bytes=226 FOLLOWING leader=3 zxid=0x0 electionEpoch=1 peerEpoch=1 "
            "version=2 config=178B\n");
  const Ran accepting = dump_of_peers("static/10-election-1-to-2", SIZE_MAX, " --json");
  EXPECT_EQ(accepting.code, 0) << accepting.err;
  EXPECT_EQ(accepting.out,
            R"({"offset":0,"bytes":226,"message":"LOOKING leader=1 zxid=0x10000002b )"
            R"(electionEpoch=1 peerEpoch=1 version=2 config=178B"})"
            "\n");
}

TEST(WireDump, PrintsWhatServersSayToSynchronizeAndStepsOverTheSnapshot) {
  const Ran ran = dump_of_peers("static/17-quorum-3-to-1");
  EXPECT_EQ(ran.code, 0) << ran.err;
  expect_golden(ran.out, "snap.peer.txt");
}

TEST(WireDump, PrintsNoTokenOfServersThatProveWhoTheyAre) {
  const Ran election = dump_of_peers("sasl/01-election-2-to-1");
  EXPECT_EQ(election.code, 0) << election.err;
  EXPECT_THAT(election.out, StartsWith("offset=0 bytes=35 opening sid=2 127.0.0.1:22822\n"
                                       "offset=35 bytes=16 sasl status=0 0B\n"));
  const Ran quorum = dump_of_peers("sasl/05-quorum-2-to-3");
  EXPECT_EQ(quorum.code, 0) << quorum.err;
  EXPECT_THAT(quorum.out, StartsWith("offset=0 bytes=16 sasl status=0 0B\n"));
  EXPECT_THAT(quorum.out, HasSubstr(" FOLLOWERINFO "));
  EXPECT_THAT(quorum.out, Not(HasSubstr("digest-uri")));
}

TEST(WireDump, TellsWhereAStreamOfServersIsCutOff) {
  for (const auto& [name, bytes, at] : {std::tuple("static/10-election-2-to-1", 20, "byte 0 "),
                                        std::tuple("static/10-election-2-to-1", 260, "byte 35 "),
                                        std::tuple("static/17-quorum-3-to-1", 39, "byte 24 "),
                                        std::tuple("static/17-quorum-3-to-1", 1000, "byte 44 "),
                                        std::tuple("sasl/05-quorum-2-to-3", 30, "byte 16 ")}) {
    const Ran ran = dump_of_peers(name, static_cast<std::size_t>(bytes));
    EXPECT_EQ(ran.code, 1) << name << " " << bytes << ran.out;
    EXPECT_THAT(ran.err, HasSubstr(at)) << name << " " << bytes;
  }
}

TEST(WireDump, StepsOverWhatServersWouldSkip) {
  const Scratch scratch;
  const std::string path = scratch / "stream";
  // A notification of a byte, and a packet of type 99.
  std::ofstream(path, std::ios::binary) << std::string("\0\0\0\1x", 5);
  EXPECT_THAT(paddock("wire dump --plane election " + path).out,
              StartsWith("offset=0 bytes=5 skipped: "));
  std::ofstream(path, std::ios::binary)
      << std::string("\0\0\0\x63\0\0\0\0\0\0\0\1\xff\xff\xff\xff\xff\xff\xff\xff", 20);
  EXPECT_EQ(paddock("wire dump --plane quorum " + path).out, "offset=0 bytes=20 unknown type=99\n");
}

}  // namespace
}  // namespace paddock::tools
