#include "zab/quorum_codec.h"

#include <sys/mman.h>
#include <unistd.h>

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/concat.h"
#include "common/jute.h"
#include "tests/support/peer_vectors.h"
#include "tests/support/vectors.h"

namespace paddock::zab {
namespace {

using test::PeerFrame;
using test::PeerStream;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr PacketLimits kLimits{.data_bytes_max = 1u << 20};

// From hexadecimal with blanks between the fields.
Bytes raw(std::string text) {
  std::erase(text, ' ');
  return test::from_hex(text);
}

bool is_packet(const PeerFrame& frame) {
  return frame.what != "snapshot" && frame.what != "sasl";
}

std::vector<PeerStream> recorded_streams() {
  std::vector<PeerStream> streams;
  for (PeerStream& stream : test::all_peer_streams()) {
    if (!stream.is_election()) streams.push_back(std::move(stream));
  }
  EXPECT_GT(streams.size(), 40u);
  return streams;
}

Bytes encoded(const Message& message) {
  Bytes bytes;
  encode_packet(message, bytes);
  return bytes;
}

Bytes packet(std::int32_t type, std::int64_t zxid, std::optional<ByteView> data,
             std::string_view authinfo_hex = "ffffffff") {
  Bytes bytes;
  JuteWriter writer(bytes);
  writer.write_int(type);
  writer.write_long(zxid);
  writer.write_buffer(data);
  writer.write_raw(raw(std::string(authinfo_hex)));
  return bytes;
}

// The packet's text, "skipped", "more", or what is wrong with it.
std::string shown(ByteView bytes, const PacketLimits& limits = kLimits) {
  const Result<std::optional<Decoded>> decoded = decode_packet(bytes, limits);
  if (!decoded.ok()) return decoded.error().message;
  if (!*decoded) return "more";
  EXPECT_EQ((*decoded)->bytes, bytes.size());
  return (*decoded)->message ? to_string(*(*decoded)->message) : "skipped";
}

Code refusal_of(ByteView bytes, const PacketLimits& limits = kLimits) {
  const Result<std::optional<Decoded>> decoded = decode_packet(bytes, limits);
  EXPECT_FALSE(decoded.ok());
  return decoded.ok() ? Code::kRefused : decoded.error().code;
}

TEST(QuorumCodec, ReadsEveryRecordedStreamAndWritesItBackToTheSameBytes) {
  std::size_t packets = 0;
  for (const PeerStream& stream : recorded_streams()) {
    const Bytes whole = stream.bytes();
    ByteView rest = whole;
    for (const PeerFrame& frame : stream.frames) {
      if (is_packet(frame)) {
        const Result<std::optional<Decoded>> decoded = decode_packet(rest, kLimits);
        ASSERT_TRUE(decoded.ok()) << decoded.error().message;
        ASSERT_TRUE(decoded->has_value() && (*decoded)->message) << stream.name << frame.seq;
        EXPECT_EQ((*decoded)->bytes, frame.bytes.size());
        EXPECT_THAT(to_string(*(*decoded)->message), StartsWith(frame.what));
        EXPECT_EQ(encoded(*(*decoded)->message), frame.bytes) << stream.name << frame.seq;
        ++packets;
      }
      rest = rest.subspan(frame.bytes.size());
    }
    EXPECT_TRUE(rest.empty());
  }
  EXPECT_EQ(packets, 1070u);
}

TEST(QuorumCodec, NeedsMoreBytesWhereverARecordedPacketIsCutShort) {
  for (const PeerStream& stream : recorded_streams()) {
    for (const PeerFrame& frame : stream.frames) {
      if (!is_packet(frame)) continue;
      for (std::size_t cut = 0; cut < frame.bytes.size(); ++cut) {
        ASSERT_EQ(shown(ByteView(frame.bytes).first(cut)), "more") << stream.name << frame.seq;
      }
    }
  }
}

TEST(QuorumCodec, FindsARecordedSnapshotEndedByItsMark) {
  std::size_t snapshots = 0;
  for (const PeerStream& stream : recorded_streams()) {
    for (const PeerFrame& frame : stream.frames) {
      if (frame.what != "snapshot") continue;
      Bytes mark;
      JuteWriter(mark).write_string(kSnapshotEnd);
      ASSERT_GT(frame.bytes.size(), mark.size());
      EXPECT_EQ(
          Bytes(frame.bytes.end() - static_cast<std::ptrdiff_t>(mark.size()), frame.bytes.end()),
          mark);
      ++snapshots;
    }
  }
  EXPECT_EQ(snapshots, 4u);
}

std::shared_ptr<const Bytes> shared(std::string_view hex) {
  return std::make_shared<const Bytes>(raw(std::string(hex)));
}

// One of each kind, and what is special about some.
std::vector<Message> one_of_each() {
  const Txn txn{Zxid{0x1'0000'0002}, shared("cafe")};
  return {LearnerInfo{false, Epoch{1}, ServerId{2}, 0x10000, 0x1'0000'0003},
          LearnerInfo{true, Epoch{0}, ServerId{INT64_MIN}, 0x10000, 0},
          LearnerInfo{true, Epoch{7}, std::nullopt, 1, 0},
          LeaderInfo{Epoch{INT32_MAX}, 0x10000},
          AckEpoch{Zxid{5}, Epoch{INT32_MAX}},
          AckEpoch{Zxid{5}, std::nullopt},
          Diff{Zxid{6}},
          Trunc{Zxid{7}},
          Snap{Zxid{8}},
          NewLeader{Epoch{2}, "version=0"},
          NewLeader{Epoch{2}, ""},
          NewLeader{Epoch{2}, std::nullopt},
          UpToDate{},
          Proposal{txn},
          Proposal{{Zxid{1}, shared("")}},
          Ack{Zxid::make(Epoch{3}, 0)},
          Commit{Zxid{9}},
          Inform{txn},
          CommitAndActivate{Zxid{10}, ServerId{3}},
          InformAndActivate{txn, ServerId{-3}},
          Ping{Zxid{11}, std::nullopt},
          Ping{Zxid{11}, std::vector<SessionTouch>{}},
          Ping{Zxid{11}, std::vector<SessionTouch>{{SessionId{1}, Millis{30000}},
                                                   {SessionId{-1}, Millis{INT32_MAX}}}},
          Request{SessionId{1}, 2, 1, shared("beef"), std::vector<Id>{}},
          Request{SessionId{1}, -2, 99, shared(""), std::vector<Id>{{"ip", "::1"}, {"", ""}}},
          Request{SessionId{1}, 0, -10, shared("00007530"), std::nullopt},
          Revalidate{SessionId{1}, Millis{-1}},
          Revalidated{SessionId{1}, true},
          Revalidated{SessionId{1}, false},
          Sync{}};
}

TEST(QuorumCodec, WritesEveryKindOfMessageSoThatItIsReadBackAndNeedsEveryByte) {
  std::set<std::size_t> kinds;
  for (const Message& message : one_of_each()) {
    kinds.insert(message.index());
    const Bytes bytes = encoded(message);
    const Result<std::optional<Decoded>> decoded = decode_packet(bytes, kLimits);
    ASSERT_TRUE(decoded.ok() && *decoded && (*decoded)->message) << to_string(message);
    EXPECT_EQ((*decoded)->message->index(), message.index());
    EXPECT_EQ(to_string(*(*decoded)->message), to_string(message));
    EXPECT_EQ(encoded(*(*decoded)->message), bytes);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      EXPECT_EQ(shown(ByteView(bytes).first(cut)), "more") << to_string(message);
    }
  }
  EXPECT_EQ(kinds.size(), std::variant_size_v<Message>);
}

TEST(QuorumCodec, AppendsToWhatIsThere) {
  Bytes bytes = encoded(Diff{Zxid{1}});
  encode_packet(Request{SessionId{1}, 2, 1, shared("beef"), std::nullopt}, bytes);
  encode_packet(UpToDate{}, bytes);
  const auto first = decode_packet(bytes, kLimits);
  ByteView rest = ByteView(bytes).subspan((*first)->bytes);
  const auto second = decode_packet(rest, kLimits);
  EXPECT_EQ(to_string(*(*second)->message), "REQUEST session=0x1 cxid=2 op=create 2B ids=none");
  EXPECT_EQ(shown(rest.subspan((*second)->bytes)), "UPTODATE");
}

// A proposal of many megabytes comes in thousands of pieces, and each of them leads to a call.
TEST(QuorumCodec, LooksAtNothingOfAnIncompletePacketButItsLengths) {
  const auto page_bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t bytes = 64 * page_bytes;
  void* const memory =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto* const begin = static_cast<std::uint8_t*>(memory);
  const auto place = [&](const Bytes& head) {
    ASSERT_EQ(::mprotect(memory, page_bytes, PROT_READ | PROT_WRITE), 0);
    std::copy(head.begin(), head.end(), begin);
    ASSERT_EQ(::mprotect(begin + page_bytes, bytes - page_bytes, PROT_NONE), 0);
  };

  place(raw("00000002 0000000000000001 00100000"));  // 1 MiB of data
  EXPECT_EQ(shown({begin, bytes}), "more");
  // No data, but 131072 identities, which are another MiB at least.
  place(raw("00000001 ffffffffffffffff ffffffff 00020000"));
  EXPECT_EQ(shown({begin, bytes}), "more");
  // One identity, whose scheme is long.
  place(raw("00000001 ffffffffffffffff ffffffff 00000001 00080000"));
  EXPECT_EQ(shown({begin, bytes}), "more");
  ASSERT_EQ(::munmap(memory, bytes), 0);
}

TEST(QuorumCodec, RefusesALengthAboveTheLimitAsSoonAsItIsThere) {
  const PacketLimits limits{.data_bytes_max = 100};
  const std::string head = "00000002 0000000000000001";
  EXPECT_EQ(shown(raw(head + " 00000064"), limits), "more");
  EXPECT_EQ(shown(raw(head + " 00000065"), limits),
            "data of 101 bytes in a packet, but at most 100 are allowed");
  EXPECT_EQ(refusal_of(raw(head + " 00000065"), limits), Code::kTooLarge);
  EXPECT_EQ(refusal_of(raw(head + " 7fffffff"), limits), Code::kTooLarge);
  // Nor does a type that nobody knows make it well.
  EXPECT_EQ(refusal_of(raw("00000063 0000000000000001 00000065"), limits), Code::kTooLarge);
}

TEST(QuorumCodec, RefusesIdentitiesThatAreTooManyOrTooLongTogether) {
  const PacketLimits limits{.data_bytes_max = 32};
  const std::string head = "00000001 ffffffffffffffff ffffffff";
  EXPECT_EQ(shown(raw(head + " 00000004"), limits), "more");
  EXPECT_EQ(refusal_of(raw(head + " 00000005"), limits), Code::kTooLarge);
  EXPECT_EQ(refusal_of(raw(head + " 7fffffff"), limits), Code::kTooLarge);

  // Two take 16 bytes for their lengths alone, which leaves 16 for their texts.
  const std::string two = head + " 00000002";
  const std::string lengths = "00000000 00000000 00000000";
  EXPECT_EQ(shown(raw(two + " 00000010" + lengths), limits), "more");
  EXPECT_EQ(refusal_of(raw(two + " 00000011" + lengths), limits), Code::kTooLarge);
  const std::string ten(20, '0');
  EXPECT_EQ(shown(raw(two + " 0000000a" + ten + " 00000006" + lengths), limits), "more");
  EXPECT_EQ(refusal_of(raw(two + " 0000000a" + ten + " 00000007" + lengths), limits),
            Code::kTooLarge);
}

TEST(QuorumCodec, RefusesNegativeLengths) {
  for (const char* bytes : {
           "00000002 0000000000000001 fffffffe",
           "00000002 0000000000000001 80000000",
           "00000003 0000000000000001 ffffffff fffffffe",
           "00000001 ffffffffffffffff ffffffff 00000001 fffffffe 00000000",
           "00000001 ffffffffffffffff ffffffff 00000001 00000000 80000000",
       }) {
    EXPECT_EQ(refusal_of(raw(bytes)), Code::kMalformed) << bytes;
  }
}

TEST(QuorumCodec, SkipsTypesThatNobodyKnows) {
  const Bytes data = raw("0102030405");
  for (const std::int32_t type : {0, 20, -1, INT32_MAX, INT32_MIN}) {
    EXPECT_EQ(shown(packet(type, 7, data)), "skipped") << type;
    EXPECT_EQ(shown(packet(type, 7, std::nullopt, "00000001 00000002 6970 00000001 61")), "skipped")
        << type;
  }
}

// As old releases send it, and what a leader takes their words for.
TEST(QuorumCodec, ReadsALearnersFirstPacketInItsOlderForms) {
  const Bytes whole = raw("0000000000000002 00010000 0000000100000003 aa");
  const auto text = [&](std::size_t bytes) {
    return shown(packet(16, 0x2'0000'0000, ByteView(whole).first(bytes)));
  };
  EXPECT_EQ(shown(packet(11, 0x2'0000'0000, std::nullopt)),
            "FOLLOWERINFO zxid=0x200000000 sid=none version=0x1 config_version=0x0");
  EXPECT_EQ(text(8), "OBSERVERINFO zxid=0x200000000 sid=2 version=0x1 config_version=0x0");
  EXPECT_EQ(text(12), "OBSERVERINFO zxid=0x200000000 sid=2 version=0x10000 config_version=0x0");
  EXPECT_EQ(text(20),
            "OBSERVERINFO zxid=0x200000000 sid=2 version=0x10000 config_version=0x100000003");
  EXPECT_EQ(text(21), text(20)) << "what a later release may add";
  EXPECT_THAT(text(7), HasSubstr("long of 8 bytes"));
  EXPECT_THAT(text(0), HasSubstr("long of 8 bytes"));
}

// A Java server reads up to the configuration's version, and so learns nothing of it.
TEST(QuorumCodec, TellsOfHeartbeatsBehindWhatZooKeeperReads) {
  const LearnerInfo silent{.accepted_epoch = Epoch{1}, .sid = ServerId{2}};
  LearnerInfo beating = silent;
  beating.heartbeat = Millis{250};
  const Bytes plain = encoded(silent), longer = encoded(beating);
  ASSERT_EQ(longer.size(), plain.size() + 8);
  EXPECT_EQ(shown(longer), shown(plain) + " heartbeat=250ms");
  const LeaderInfo answer{.epoch = Epoch{1}, .heartbeat = Millis{250}};
  EXPECT_EQ(shown(encoded(answer)),
            shown(encoded(LeaderInfo{.epoch = Epoch{1}})) + " heartbeat=250ms");
  // What somebody else puts there means nothing.
  Bytes other = longer;
  other[other.size() - 4 - 8] ^= 1;  // before authinfo
  EXPECT_EQ(shown(other), shown(plain));
}

TEST(QuorumCodec, LeavesAloneWhatATypeDoesNotDefine) {
  const Bytes more = raw("ffff");
  EXPECT_EQ(shown(packet(4, 7, more)), "COMMIT zxid=0x7");
  EXPECT_EQ(shown(packet(12, 7, more, "00000000")), "UPTODATE");
  EXPECT_EQ(shown(packet(3, 7, std::nullopt, "00000001 0000000161 ffffffff")), "ACK zxid=0x7");
  EXPECT_EQ(shown(packet(17, 0x1'0000'0005, raw("00010000ff"))),
            "LEADERINFO zxid=0x100000000 version=0x10000");
  EXPECT_EQ(shown(packet(10, 0x1'0000'0005, std::nullopt)),
            "NEWLEADER zxid=0x100000000 config=none");
}

TEST(QuorumCodec, ReadsNullTextsOfAnIdentityAsEmpty) {
  const auto decoded = decode_packet(packet(1, -1, raw("0000000000000001 00000002 00000001"),
                                            "00000002 ffffffff 0000000161 0000000162 ffffffff"),
                                     kLimits);
  ASSERT_TRUE(decoded.ok() && *decoded);
  const auto& request = std::get<Request>(*(*decoded)->message);
  EXPECT_EQ(request.authinfo, (std::vector<Id>{{"", "a"}, {"b", ""}}));
  EXPECT_TRUE(request.body->empty());
}

TEST(QuorumCodec, RefusesDataThatItsTypeCannotHave) {
  struct Case {
    std::int32_t type;
    const char* data;  // null: none
  };
  for (const Case& bad : std::initializer_list<Case>{
           {1, nullptr},  // REQUEST
           {1, "0000000000000001 00000002 0000"},
           {2, nullptr},                    // PROPOSAL
           {8, nullptr},                    // INFORM
           {5, "0000000000000001 000000"},  // PING
           {5, "0000000000000001 00000000 00"},
           {6, nullptr},  // REVALIDATE
           {6, "0000000000000001"},
           {6, "0000000000000001 0000"},
           {6, "0000000000000001 00000000 00"},
           {9, nullptr},  // COMMITANDACTIVATE
           {9, "00000000000000"},
           {17, nullptr},  // LEADERINFO
           {17, "000100"},
           {18, nullptr},  // ACKEPOCH
           {18, "000000"},
           {18, "fffffffe"},
           {19, nullptr},  // INFORMANDACTIVATE
           {19, "00000000000000"},
       }) {
    std::optional<Bytes> data;
    if (bad.data != nullptr) data = raw(bad.data);
    const Bytes bytes = packet(bad.type, 1, data ? std::optional<ByteView>(*data) : std::nullopt);
    EXPECT_EQ(refusal_of(bytes), Code::kMalformed) << bad.type;
    EXPECT_THAT(shown(bytes), StartsWith(concat("packet of type ", bad.type, ": ")));
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      EXPECT_EQ(shown(ByteView(bytes).first(cut)), "more");
    }
  }
}

TEST(QuorumCodecDeathTest, WritesNothingThatItsTypeCannotHold) {
  Bytes bytes;
  EXPECT_DEATH(encode_packet(Proposal{{Zxid{1}, nullptr}}, bytes), "bytes != nullptr");
  EXPECT_DEATH(encode_packet(LeaderInfo{Epoch{1LL << 31}}, bytes), "epoch\\(\\) == epoch");
  EXPECT_DEATH(encode_packet(AckEpoch{Zxid{1}, Epoch{1LL << 31}}, bytes), "check failed");
  EXPECT_DEATH(encode_packet(Revalidate{SessionId{1}, Millis{1LL << 31}}, bytes), "check failed");
}

}  // namespace
}  // namespace paddock::zab
