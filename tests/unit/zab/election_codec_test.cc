#include "zab/election_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/concat.h"
#include "common/jute.h"
#include "tests/support/peer_vectors.h"
#include "tests/support/vectors.h"

namespace paddock::zab {
namespace {

using test::from_hex;
using test::PeerFrame;
using test::PeerStream;
using ::testing::StartsWith;

constexpr std::size_t kHeadBytes = 44;

bool is_notification(const PeerFrame& frame) {
  return frame.what == "LOOKING" || frame.what == "FOLLOWING" || frame.what == "LEADING";
}

std::vector<PeerFrame> recorded(bool (*wanted)(const PeerFrame&)) {
  std::vector<PeerFrame> frames;
  for (PeerStream& stream : test::all_peer_streams()) {
    if (!stream.is_election()) continue;
    for (PeerFrame& frame : stream.frames) {
      if (wanted(frame)) frames.push_back(std::move(frame));
    }
  }
  EXPECT_GT(frames.size(), 50u);
  return frames;
}

std::vector<PeerFrame> recorded_notifications() {
  return recorded(is_notification);
}
std::vector<PeerFrame> recorded_openings() {
  return recorded([](const PeerFrame& frame) { return frame.what == "hello"; });
}

// state, leader 3, zxid 0x500000007, electionEpoch 9.
Bytes first_form(std::int32_t state = 1) {
  Bytes bytes;
  JuteWriter writer(bytes);
  writer.write_int(state);
  writer.write_long(3);
  writer.write_long(0x5'0000'0007);
  writer.write_long(9);
  return bytes;
}

// Then peerEpoch 6 and version.
Bytes second_form(std::int32_t version) {
  Bytes bytes = first_form();
  JuteWriter writer(bytes);
  writer.write_long(6);
  writer.write_int(version);
  return bytes;
}

Bytes with_config(std::int32_t version, std::int32_t length, std::string_view config) {
  Bytes bytes = second_form(version);
  JuteWriter writer(bytes);
  writer.write_int(length);
  writer.write_raw(as_bytes(config));
  return bytes;
}

Notification a_notification(std::optional<std::string> config) {
  return {.state = ServerState::kFollowing,
          .vote = {ServerId{3}, Zxid{0x5'0000'0007}, Epoch{6}},
          .election_epoch = 9,
          .version = 2,
          .config = std::move(config)};
}

TEST(Notification, OfARecordingIsReadAndWrittenBackToTheSameBytes) {
  for (const PeerFrame& frame : recorded_notifications()) {
    const ByteView message = test::content_of(frame.bytes);
    ASSERT_EQ(load_be32(frame.bytes.data()), message.size());
    const Result<Notification> read = decode_notification(message);
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(read->version, 2);
    EXPECT_THAT(to_string(*read), StartsWith(frame.what));
    EXPECT_EQ(encode_notification(*read), Bytes(message.begin(), message.end()));
  }
}

// A length alone tells the older forms, so a message cut to theirs is one of them.
TEST(Notification, CutShortIsAnErrorOrAnOlderForm) {
  for (const PeerFrame& frame : recorded_notifications()) {
    const ByteView message = test::content_of(frame.bytes);
    for (std::size_t cut = 0; cut < message.size(); ++cut) {
      const Result<Notification> read = decode_notification(message.first(cut));
      if (cut == 28 || cut == 40) {
        ASSERT_TRUE(read.ok()) << cut;
        EXPECT_EQ(read->version, 0);
      } else {
        ASSERT_FALSE(read.ok()) << cut;
        EXPECT_EQ(read.error().code, Code::kMalformed);
      }
    }
  }
}

TEST(Notification, WithoutPeerEpochTakesItFromTheZxid) {
  const Result<Notification> read = decode_notification(first_form());
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(to_string(*read),
            "FOLLOWING leader=3 zxid=0x500000007 electionEpoch=9 peerEpoch=5 version=0 "
            "config=none");
}

TEST(Notification, OfFortyBytesHasNoVersionWhateverItsLastFourSay) {
  for (const std::int32_t ignored : {0, 1, 2, -1}) {
    const Result<Notification> read = decode_notification(second_form(ignored));
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(to_string(*read),
              "FOLLOWING leader=3 zxid=0x500000007 electionEpoch=9 peerEpoch=6 version=0 "
              "config=none");
  }
}

TEST(Notification, OfVersionOneHasNoConfiguration) {
  const Result<Notification> read = decode_notification(with_config(1, -5, ""));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->version, 1);
  EXPECT_EQ(read->config, std::nullopt);
}

TEST(Notification, OfALaterVersionIsReadAsFarAsItIsKnown) {
  const Result<Notification> read = decode_notification(with_config(3, 4, "textand more"));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->version, 3);
  EXPECT_EQ(read->config, "text");
}

TEST(Notification, WithABadConfigurationLengthIsAnError) {
  for (const std::int32_t length : {-1, INT32_MIN, 5, INT32_MAX}) {
    const Result<Notification> read = decode_notification(with_config(2, length, "text"));
    ASSERT_FALSE(read.ok()) << length;
    EXPECT_EQ(read.error().code, Code::kMalformed);
    EXPECT_EQ(read.error().message,
              concat("a notification with a configuration of ", length, " bytes, but 4 are left"));
  }
}

TEST(Notification, OfAnUnknownStateIsAnError) {
  for (const std::int32_t state : {0, 1, 2, 3}) {
    EXPECT_TRUE(decode_notification(first_form(state)).ok()) << state;
  }
  for (const std::int32_t state : {-1, 4, INT32_MIN, INT32_MAX}) {
    const Result<Notification> read = decode_notification(first_form(state));
    ASSERT_FALSE(read.ok()) << state;
    EXPECT_EQ(read.error().message, concat("a notification from a server in state ", state));
  }
}

TEST(Notification, IsWrittenInTodaysFormWhateverItsVersion) {
  Notification notification = a_notification("text");
  const Bytes today = encode_notification(notification);
  EXPECT_EQ(today, with_config(2, 4, "text"));
  notification.version = 0;
  EXPECT_EQ(encode_notification(notification), today);
}

// A ZooKeeper server's thread that takes notifications ends when it finds no voter in one.
TEST(Notification, WithoutAConfigurationIsOfVersionOneAndNoOlderForm) {
  const Bytes bytes = encode_notification(a_notification(std::nullopt));
  EXPECT_EQ(bytes.size(), kHeadBytes);
  const Result<Notification> read = decode_notification(bytes);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->version, 1);
  EXPECT_EQ(read->config, std::nullopt);
  EXPECT_EQ(read->vote, a_notification(std::nullopt).vote);
}

TEST(Notification, LeavesOutAConfigurationThatDoesNotFit) {
  const std::string largest(kNotificationBytesMax - kHeadBytes, 'x');
  const Bytes full = encode_notification(a_notification(largest));
  EXPECT_EQ(full.size(), kNotificationBytesMax);
  EXPECT_EQ(decode_notification(full)->config, largest);
  EXPECT_EQ(encode_notification(a_notification(largest + "x")),
            encode_notification(a_notification(std::nullopt)));
}

Result<std::optional<Opening>> decode(const Bytes& bytes) {
  std::size_t consumed = 0;
  Result<std::optional<Opening>> opening = decode_opening(bytes, consumed);
  EXPECT_EQ(consumed, opening.ok() && *opening ? bytes.size() : 0);
  return opening;
}

// "3 a:1 b:2", "more", or what is wrong with it.
std::string shown(const Bytes& bytes) {
  const Result<std::optional<Opening>> opening = decode(bytes);
  if (!opening.ok()) {
    EXPECT_EQ(opening.error().code, Code::kMalformed);
    return opening.error().message;
  }
  if (!*opening) return "more";
  std::string text = std::to_string((*opening)->sid.value);
  for (const HostPort& address : (*opening)->addresses) {
    text += concat(" ", to_string(address));
  }
  return text;
}

Bytes opening_bytes(std::int64_t version, std::int64_t sid, std::string_view addresses) {
  Bytes bytes;
  JuteWriter writer(bytes);
  writer.write_long(version);
  writer.write_long(sid);
  writer.write_string(addresses);
  return bytes;
}

TEST(Opening, OfARecordingIsReadAndWrittenBackToTheSameBytes) {
  for (const PeerFrame& frame : recorded_openings()) {
    const Result<std::optional<Opening>> opening = decode(frame.bytes);
    ASSERT_TRUE(opening.ok()) << opening.error().message;
    ASSERT_TRUE(opening->has_value());
    EXPECT_EQ((*opening)->addresses.size(), 1u);
    EXPECT_EQ(encode_opening(**opening), frame.bytes);
  }
}

TEST(Opening, CutShortNeedsMoreBytes) {
  for (const PeerFrame& frame : recorded_openings()) {
    for (std::size_t cut = 0; cut < frame.bytes.size(); ++cut) {
      const Bytes part(frame.bytes.begin(), frame.bytes.begin() + static_cast<std::ptrdiff_t>(cut));
      EXPECT_EQ(shown(part), "more") << cut;
    }
  }
}

TEST(Opening, LeavesWhatFollowsIt) {
  const PeerStream stream = test::peer_stream("static/03-election-2-to-1");
  std::size_t consumed = 0;
  ASSERT_TRUE(decode_opening(stream.bytes(), consumed).ok());
  EXPECT_EQ(consumed, stream.frames.at(0).bytes.size());
}

TEST(Opening, OfSeveralAddressesIsTheSecondVersion) {
  const Bytes bytes =
      encode_opening({ServerId{7}, {{"a.example", 3888}, {"::1", 3889}, {"10.0.0.1", 1}}});
  EXPECT_EQ(bytes, opening_bytes(-65535, 7, "a.example:3888|[::1]:3889|10.0.0.1:1"));
  EXPECT_EQ(shown(bytes), "7 a.example:3888 [::1]:3889 10.0.0.1:1");
  EXPECT_EQ(encode_opening({ServerId{7}, {{"::1", 3889}}}), opening_bytes(-65536, 7, "[::1]:3889"));
}

TEST(Opening, HasAsManyAddressesAsThereIsRoomFor) {
  const Opening opening{ServerId{1}, std::vector<HostPort>(200, {"host.example", 38888})};
  const Bytes bytes = encode_opening(opening);
  const std::size_t address_bytes = std::string_view("host.example:38888|").size();
  EXPECT_LE(bytes.size(), kOpeningBytesMax);
  EXPECT_GT(bytes.size() + address_bytes, kOpeningBytesMax);
  EXPECT_EQ((*decode(bytes))->addresses.size(), 2049 / address_bytes);
}

TEST(Opening, OfOldReleasesIsTheSidAlone) {
  EXPECT_EQ(shown(from_hex("0000000000000003")), "3");
  EXPECT_EQ(shown(from_hex("0000000000000000")), "0");
  EXPECT_EQ(shown(from_hex("7fffffffffffffff")), "9223372036854775807");
  EXPECT_EQ(shown(from_hex("00000000000000")), "more");
}

TEST(Opening, OfAnObserverWithoutANumberKeepsWhatStandsForIt) {
  EXPECT_EQ(shown(opening_bytes(-65536, INT64_MAX, "a:1")), "9223372036854775807 a:1");
}

TEST(Opening, IsRefusedAsSoonAsItCannotBeOne) {
  EXPECT_EQ(shown(from_hex("ffffffffffffffff")), "an opening of version -1");
  EXPECT_EQ(shown(from_hex("fffffffffffefffe")), "an opening of version -65538");
  EXPECT_EQ(shown(from_hex("ffffffffffff0002")), "an opening of version -65534");
  const std::string head = "ffffffffffff00000000000000000001";
  EXPECT_EQ(shown(from_hex(head + "00000800")), "more");
  EXPECT_EQ(shown(from_hex(head + "00000801")), "an opening with an address of 2049 bytes");
  EXPECT_EQ(shown(from_hex(head + "00000000")), "an opening with an address of 0 bytes");
  EXPECT_EQ(shown(from_hex(head + "ffffffff")), "an opening with an address of 4294967295 bytes");
}

TEST(Opening, OfAnAddressThatIsNoneIsRefused) {
  for (const char* address : {"a", "a:", "a:x", "a:65536", "a:-1", ":1", "::1:3888", "[::1:3888",
                              "a:1|", "|a:1", "a:1||b:2", "a b:1", "a\n:1", "\x1b[2J:1"}) {
    const Result<std::optional<Opening>> opening = decode(opening_bytes(-65536, 1, address));
    ASSERT_FALSE(opening.ok()) << address;
    EXPECT_EQ(opening.error().code, Code::kMalformed);
  }
  EXPECT_EQ(shown(opening_bytes(-65535, 1, "a:0|b:65535")), "1 a:0 b:65535");
}

TEST(ElectionCodec, CarriesWhatIsProposedBehindWhatZooKeeperReads) {
  Notification notification;
  notification.config = "server.1=a:1:2:participant\nversion=0";
  const Bytes plain = encode_notification(notification);
  notification.proposed = "server.2=b:1:2:participant\nversion=5";
  const Bytes bytes = encode_notification(notification);
  EXPECT_TRUE(std::equal(plain.begin(), plain.end(), bytes.begin()));
  EXPECT_EQ(decode_notification(bytes)->proposed, notification.proposed);
  EXPECT_EQ(decode_notification(bytes)->config, notification.config);
  for (std::size_t cut = plain.size(); cut < bytes.size(); ++cut) {
    const auto decoded = decode_notification(ByteView(bytes).first(cut));
    ASSERT_TRUE(decoded) << cut;
    EXPECT_EQ(decoded->proposed, std::nullopt) << cut;
  }
}

}  // namespace
}  // namespace paddock::zab
