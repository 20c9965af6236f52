#include "server/request/reply.h"

#include <gtest/gtest.h>

#include "server/request/read.h"
#include "tests/support/vectors.h"
#include "tests/unit/request/request_fixture.h"

namespace paddock::server {
namespace {

using test::create_record;
using test::from_hex;
using test::multi_record;

// A reply frame taken apart.
struct Parsed {
  ReplyHeader header;
  Bytes record;
};

Parsed parse(ByteView frame) {
  EXPECT_GE(frame.size(), 20u);
  EXPECT_EQ(load_be32(frame.data()), frame.size() - 4);
  JuteReader reader(frame.subspan(4));
  Parsed parsed;
  parsed.header = *read_reply_header(reader);
  parsed.record.assign(reader.rest().begin(), reader.rest().end());
  return parsed;
}

Bytes bytes_of_stat(const Stat& stat) {
  Bytes bytes;
  JuteWriter writer(bytes);
  write(writer, stat);
  return bytes;
}

Bytes path_and_stat(std::string_view path, const Stat& stat) {
  Bytes bytes = test::path_record(path);
  append(bytes, bytes_of_stat(stat));
  return bytes;
}

class ReplyTest : public testing::Test, protected RequestFixture {};

TEST_F(ReplyTest, OfAWriteIsWhatTheOpcodeAnswers) {
  create({.path = "/a"});
  EXPECT_EQ(parse(reply(7)).record, test::path_record("/a"));
  EXPECT_EQ(parse(reply(7)).header.xid, 7);
  EXPECT_EQ(parse(reply(7)).header.zxid, last_zxid());
  run(OpCode::kCreate2, create_record({.path = "/b", .flags = 2}));
  EXPECT_EQ(parse(reply(8)).record, path_and_stat("/b0000000001", stat("/b0000000001")));
  run(OpCode::kCreateContainer, create_record({.path = "/c", .flags = 4}));
  EXPECT_EQ(parse(reply(9)).record, path_and_stat("/c", stat("/c")));
  EXPECT_EQ(stat("/c").ephemeral_owner, SessionId{});
  run(OpCode::kCreateTtl, create_record({.path = "/t", .flags = 5, .ttl_ms = 1}));
  EXPECT_EQ(parse(reply(9)).record, path_and_stat("/t", stat("/t")));
  run(OpCode::kSetData, test::set_data_record("/a", "x"));
  EXPECT_EQ(parse(reply(9)).record, bytes_of_stat(stat("/a")));
  run(OpCode::kSetAcl, test::set_acl_record("/a", test::kOpenAcl));
  EXPECT_EQ(parse(reply(9)).record, bytes_of_stat(stat("/a")));
  run(OpCode::kDelete, test::path_version_record("/a"));
  EXPECT_EQ(parse(reply(9)).record, Bytes{});
}

TEST_F(ReplyTest, OfAnErrorIsItsHeaderAloneWithTheZxidItTook) {
  run(OpCode::kDelete, test::path_version_record("/none"));
  const Bytes frame = reply(3);
  EXPECT_EQ(frame, from_hex("00000010"
                            "00000003"
                            "0000000000000001"
                            "ffffff9b"));
}

// Recorded: multi/all_kinds and multi/failure_results, but for zxids and times.
TEST_F(ReplyTest, OfAMultiHasAResultForEachOperation) {
  run(OpCode::kMulti,
      multi_record({{OpCode::kCreate, create_record({.path = "/a"})},
                    {OpCode::kCreate2, create_record({.path = "/b"})},
                    {OpCode::kCreateContainer, create_record({.path = "/c", .flags = 4})},
                    {OpCode::kSetData, test::set_data_record("/a", "x")},
                    {OpCode::kCheck, test::path_version_record("/a", 1)},
                    {OpCode::kDelete, test::path_version_record("/b")}}));
  Bytes expected;
  const auto add = [&](std::string_view hex) { append(expected, from_hex(hex)); };
  Stat created;  // as it was right after its own operation
  created.czxid = created.mzxid = created.pzxid = last_zxid();
  created.ctime = created.mtime = stat("/a").ctime;
  add("000000010000000000"
      "000000022f61");
  add("0000000f0000000000"
      "000000022f62");
  append(expected, bytes_of_stat(created));
  add("0000000f0000000000"
      "000000022f63");
  append(expected, bytes_of_stat(created));
  add("000000050000000000");
  append(expected, bytes_of_stat(stat("/a")));
  add("0000000d0000000000");
  add("000000020000000000");
  add("ffffffff01ffffffff");
  EXPECT_EQ(parse(reply(1)).record, expected);
}

TEST_F(ReplyTest, OfAMultiThatFailedHasNoErrorInItsHeader) {
  run(OpCode::kMulti, multi_record({{OpCode::kCreate, create_record({.path = "/a"})},
                                    {OpCode::kDelete, test::path_version_record("/none")},
                                    {OpCode::kCreate, create_record({.path = "/b"})}}));
  const Bytes frame = reply(1);
  const Parsed parsed = parse(frame);
  EXPECT_EQ(parsed.header.error, ErrorCode::kOk);
  EXPECT_EQ(parsed.record, from_hex("ffffffff0000000000"
                                    "00000000"
                                    "ffffffff00ffffff9b"
                                    "ffffff9b"
                                    "ffffffff00fffffffe"
                                    "fffffffe"
                                    "ffffffff01ffffffff"));
}

TEST_F(ReplyTest, OfSyncEchoesThePathNullIncluded) {
  Bytes out;
  append_sync_reply(5, Zxid{2}, test::path_record("/x"), out);
  EXPECT_EQ(out, from_hex("00000016"
                          "00000005"
                          "0000000000000002"
                          "00000000"
                          "000000022f78"));
  out.clear();
  append_sync_reply(5, Zxid{2}, test::path_record(std::nullopt), out);
  EXPECT_EQ(out, from_hex("00000014"
                          "00000005"
                          "0000000000000002"
                          "00000000"
                          "ffffffff"));
  out.clear();
  append_sync_reply(5, Zxid{2}, from_hex("0000"), out);
  EXPECT_EQ(out, from_hex("00000010"
                          "00000005"
                          "0000000000000002"
                          "fffffffb"));
}

TEST_F(ReplyTest, FramesAnEvent) {
  Bytes out;
  append_event(EventType::kNodeDeleted, "/v", Zxid{-1}, out);
  EXPECT_EQ(out, from_hex("0000001e"
                          "ffffffff"
                          "ffffffffffffffff"
                          "00000000"
                          "00000002"
                          "00000003"
                          "000000022f76"));
}

}  // namespace
}  // namespace paddock::server
