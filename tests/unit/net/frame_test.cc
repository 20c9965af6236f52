#include "server/net/frame.h"

#include <gtest/gtest.h>

namespace paddock::server {
namespace {

using State = FrameHead::State;

Bytes frame_of(std::uint32_t length, std::size_t body_bytes) {
  Bytes bytes(4 + body_bytes, 0x61);
  store_be32(bytes.data(), length);
  return bytes;
}

TEST(FirstFrame, SaysHowMuchIsMissingForEveryPrefixOfAFrame) {
  const Bytes whole = frame_of(5, 5);
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    const FrameHead head = first_frame(ByteView(whole).first(cut), 100);
    EXPECT_EQ(head.state, State::kPartial) << cut;
    EXPECT_EQ(head.need, cut < 4 ? 4 - cut : whole.size() - cut) << cut;
  }
  const FrameHead head = first_frame(whole, 100);
  EXPECT_EQ(head.state, State::kWhole);
  EXPECT_EQ(head.length, 5u);
  EXPECT_EQ(as_chars(head.body), "aaaaa");
}

TEST(FirstFrame, LeavesWhatFollowsTheFrame) {
  const FrameHead head = first_frame(frame_of(2, 9), 100);
  EXPECT_EQ(head.state, State::kWhole);
  EXPECT_EQ(head.body.size(), 2u);
}

TEST(FirstFrame, TakesAnEmptyFrameAndOneOfExactlyTheLimit) {
  EXPECT_EQ(first_frame(frame_of(0, 0), 100).state, State::kWhole);
  EXPECT_EQ(first_frame(frame_of(100, 100), 100).state, State::kWhole);
}

TEST(FirstFrame, RefusesALengthAboveTheLimitOnSeeingThePrefix) {
  EXPECT_EQ(first_frame(frame_of(101, 0), 100).state, State::kTooLong);
  EXPECT_EQ(first_frame(frame_of(0x7fffffff, 0), 100).state, State::kTooLong);
  EXPECT_EQ(first_frame(frame_of(0xffffffff, 0), 100).state, State::kTooLong);  // -1
  EXPECT_EQ(first_frame(frame_of(0x80000000, 0), 100).state, State::kTooLong);
}

}  // namespace
}  // namespace paddock::server
