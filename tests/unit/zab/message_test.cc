#include "zab/message.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <utility>

#include <gtest/gtest.h>

#include "common/concat.h"
#include "tests/support/peer_vectors.h"
#include "tests/support/vectors.h"
#include "zab/election_codec.h"
#include "zab/quorum_codec.h"

namespace paddock::zab {
namespace {

using test::PeerFrame;
using test::PeerStream;

std::shared_ptr<const Bytes> bytes(std::size_t count) {
  return std::make_shared<const Bytes>(count);
}

TEST(Message, IsShownInOneLineInTheProtocolsOwnWords) {
  const Txn txn{Zxid{0x1'0000'0002}, bytes(31)};
  const std::pair<Message, std::string_view> lines[] = {
      {LearnerInfo{false, Epoch{1}, ServerId{2}, 0x10000, 0x1'0000'0000},
       "FOLLOWERINFO zxid=0x100000000 sid=2 version=0x10000 config_version=0x100000000"},
      {LearnerInfo{true, Epoch{0}, std::nullopt, 1, 0},
       "OBSERVERINFO zxid=0x0 sid=none version=0x1 config_version=0x0"},
      {LeaderInfo{Epoch{2}}, "LEADERINFO zxid=0x200000000 version=0x10000"},
      {AckEpoch{Zxid{0x1'0000'0002}, Epoch{1}}, "ACKEPOCH zxid=0x100000002 epoch=1"},
      {AckEpoch{Zxid{0x1'0000'0002}, std::nullopt}, "ACKEPOCH zxid=0x100000002 epoch=-1"},
      {Diff{Zxid{0x1'0000'0002}}, "DIFF zxid=0x100000002"},
      {Trunc{Zxid{0x1'0000'0002}}, "TRUNC zxid=0x100000002"},
      {Snap{Zxid{0x1'0000'0002}}, "SNAP zxid=0x100000002"},
      {NewLeader{Epoch{2}, "version=0"}, "NEWLEADER zxid=0x200000000 config=9B"},
      {NewLeader{Epoch{2}, std::nullopt}, "NEWLEADER zxid=0x200000000 config=none"},
      {UpToDate{}, "UPTODATE"},
      {Proposal{txn}, "PROPOSAL zxid=0x100000002 31B"},
      {Ack{Zxid{-1}}, "ACK zxid=0xffffffffffffffff"},
      {Commit{Zxid{0x1'0000'0002}}, "COMMIT zxid=0x100000002"},
      {Inform{txn}, "INFORM zxid=0x100000002 31B"},
      {CommitAndActivate{Zxid{3}, ServerId{2}}, "COMMITANDACTIVATE zxid=0x3 designated=2"},
      {InformAndActivate{txn, ServerId{2}}, "INFORMANDACTIVATE zxid=0x100000002 31B designated=2"},
      {Ping{Zxid{3}, std::nullopt}, "PING zxid=0x3"},
      {Ping{Zxid{3}, std::vector<SessionTouch>(2)}, "PING zxid=0x3 sessions=2"},
      {Request{SessionId{0x1000'0000'0000'0001}, 7, 5, bytes(12), std::vector<Id>(1)},
       "REQUEST session=0x1000000000000001 cxid=7 op=setData 12B ids=1"},
      {Request{SessionId{1}, 0, -10, bytes(4), std::nullopt},
       "REQUEST session=0x1 cxid=0 op=createSession 4B ids=none"},
      {Request{SessionId{1}, 0, 77, bytes(0), std::vector<Id>()},
       "REQUEST session=0x1 cxid=0 op=77 0B ids=0"},
      {Revalidate{SessionId{1}, Millis{30000}}, "REVALIDATE session=0x1 timeout=30000ms"},
      {Revalidated{SessionId{1}, false}, "REVALIDATE session=0x1 valid=false"},
      {Sync{}, "SYNC"},
  };
  for (const auto& [message, line] : lines) EXPECT_EQ(to_string(message), line);
}

TEST(Notification, IsShownInOneLine) {
  Notification notification{.state = ServerState::kLooking,
                            .vote = {ServerId{3}, Zxid{0x1'0000'0002}, Epoch{1}},
                            .election_epoch = 4,
                            .config = "version=0"};
  EXPECT_EQ(to_string(notification),
            "LOOKING leader=3 zxid=0x100000002 electionEpoch=4 peerEpoch=1 version=2 config=9B");
  notification.state = ServerState::kObserving;
  notification.config.reset();
  EXPECT_EQ(to_string(notification),
            "OBSERVING leader=3 zxid=0x100000002 electionEpoch=4 peerEpoch=1 version=2 "
            "config=none");
}

std::string shown(const PeerStream& stream, const PeerFrame& frame) {
  if (frame.what == "snapshot") return concat("(snapshot, ", frame.bytes.size(), "B)");
  if (!stream.is_election()) {
    return to_string((*decode_packet(frame.bytes, PacketLimits{}))->message.value());
  }
  if (frame.what != "hello") return to_string(*decode_notification(test::content_of(frame.bytes)));
  std::size_t consumed = 0;
  const auto opening = decode_opening(frame.bytes, consumed);
  return concat("(opening, sid=", (*opening)->sid.value, ")");
}

// Both directions of one connection, in the order in which the recorder saw them.
std::string conversation(const std::string& recording, std::string_view connection) {
  std::vector<std::pair<int, std::string>> lines;
  for (const PeerStream& stream : test::peer_streams(recording)) {
    if (stream.connection() != connection) continue;
    for (const PeerFrame& frame : stream.frames) {
      lines.emplace_back(frame.seq,
                         concat(stream.from(), "->", stream.to(), " ", shown(stream, frame), "\n"));
    }
  }
  std::ranges::sort(lines);
  std::string text;
  for (const auto& [seq, line] : lines) text += line;
  return text;
}

// The text beside this file. PADDOCK_REWRITE=1 writes it anew; its diff is reviewed like code.
void expect_golden(const std::string& text, const std::string& name) {
  const std::string path = concat("tests/unit/zab/golden/", name);
  if (std::getenv("PADDOCK_REWRITE") != nullptr) {
    std::ofstream(concat(PADDOCK_SOURCE_DIR, "/", path), std::ios::binary) << text;
  }
  EXPECT_EQ(text, test::source_text(path)) << name;
}

TEST(Message, TellsARecordedConversation) {
  expect_golden(conversation("static", "46"), "election.txt");
  expect_golden(conversation("local-sessions", "13"), "observer.txt");
  expect_golden(conversation("reconfig", "07"), "follower.txt");
}

}  // namespace
}  // namespace paddock::zab
