#include "server/request/read.h"

#include <gtest/gtest.h>

#include "server/tree/watch_table.h"
#include "tests/support/vectors.h"
#include "tests/unit/request/request_fixture.h"

namespace paddock::server {
namespace {

using test::create_record;
using test::from_hex;
using test::multi_record;
using test::path_record;
using test::path_type_record;
using test::path_watch_record;

constexpr WatcherId kWatcher = 3;

class ReadTest : public testing::Test, protected RequestFixture {
 protected:
  struct Frame {
    ReplyHeader header;
    Bytes record;
  };

  ReadTest() {
    create({.path = "/a", .data = "data"});
    create({.path = "/a/b"});
    create({.path = "/null", .data = std::nullopt});
    create({.path = "/dark", .acl = {{kPermAll & ~kPermRead, {"world", "anyone"}}}});
    create({.path = "/secret",
            .acl = {{kPermRead, {"world", "anyone"}}, {kPermAll, {"digest", "me:hash"}}}});
    create({.path = "/mine", .flags = 1}, SessionId{9});
  }

  // All frames that the read answers: events, then the reply.
  std::vector<Frame> frames(OpCode op, const Bytes& record) {
    const Reader reader{tree(), auth_, watches_, kWatcher, SessionId{9}, credentials_};
    Bytes out = {0xee};  // it appends
    serve_read(reader, {77, op}, record, out);
    EXPECT_EQ(out[0], 0xee);
    std::vector<Frame> frames;
    for (ByteView rest = ByteView(out).subspan(1); !rest.empty();) {
      const std::uint32_t length = load_be32(rest.data());
      JuteReader frame(rest.subspan(4, length));
      Frame parsed{*read_reply_header(frame), {}};
      parsed.record.assign(frame.rest().begin(), frame.rest().end());
      frames.push_back(std::move(parsed));
      rest = rest.subspan(4 + length);
    }
    return frames;
  }
  Frame read(OpCode op, const Bytes& record) {
    std::vector<Frame> all = frames(op, record);
    EXPECT_EQ(all.size(), 1u);
    EXPECT_EQ(all.back().header.xid, 77);
    EXPECT_EQ(all.back().header.zxid, tree().last_zxid());
    if (all.back().header.error != ErrorCode::kOk && op != OpCode::kMultiRead) {
      EXPECT_TRUE(all.back().record.empty());
    }
    return std::move(all.back());
  }
  ErrorCode error_of(OpCode op, const Bytes& record) { return read(op, record).header.error; }

  bool watches(std::string_view path, std::int32_t type) {
    return watches_.check(kWatcher, path, type) == ErrorCode::kOk;
  }
  Bytes stat_bytes(std::string_view path) {
    Bytes bytes;
    JuteWriter writer(bytes);
    write(writer, stat(path));
    return bytes;
  }

  AuthOptions auth_;
  WatchTable watches_;
  Credentials credentials_ = {{"ip", "127.0.0.1"}};
};

TEST_F(ReadTest, AnswersErrorsInTheDocumentedOrder) {
  using E = ErrorCode;
  struct Case {
    OpCode op;
    Bytes record;
    ErrorCode expected;
  };
  const std::string_view nul("/a\0b", 4);
  const Case cases[] = {
      {OpCode::kExists, path_watch_record(std::nullopt), E::kMarshallingError},
      {OpCode::kExists, path_watch_record(nul), E::kBadArguments},
      {OpCode::kExists, path_watch_record("a//"), E::kNoNode},
      {OpCode::kExists, path_watch_record("/dark"), E::kNoAuth},
      {OpCode::kExists, path_watch_record("/a"), E::kOk},
      {OpCode::kExists, path_watch_record(""), E::kOk},
      {OpCode::kGetData, path_watch_record(std::nullopt), E::kMarshallingError},
      {OpCode::kGetData, path_watch_record(nul), E::kNoNode},
      {OpCode::kGetData, path_watch_record("/dark"), E::kNoAuth},
      {OpCode::kGetData, from_hex("0000"), E::kMarshallingError},
      {OpCode::kGetChildren, path_watch_record(std::nullopt), E::kMarshallingError},
      {OpCode::kGetChildren, path_watch_record("/none"), E::kNoNode},
      {OpCode::kGetChildren2, path_watch_record("/dark"), E::kNoAuth},
      {OpCode::kGetAcl, path_record(std::nullopt), E::kMarshallingError},
      {OpCode::kGetAcl, path_record("/none"), E::kNoNode},
      {OpCode::kGetAllChildrenNumber, path_record(std::nullopt), E::kMarshallingError},
      {OpCode::kGetAllChildrenNumber, path_record("/dark"), E::kNoAuth},
      {OpCode::kGetEphemerals, from_hex("00"), E::kMarshallingError},
      {OpCode::kAddWatch, path_type_record("/a", 2), E::kMarshallingError},
      {OpCode::kAddWatch, path_type_record("/a", -1), E::kMarshallingError},
      {OpCode::kCheckWatches, path_type_record("/a", 0), E::kMarshallingError},
      {OpCode::kRemoveWatches, path_type_record("/a", 3), E::kNoWatcher},
      {OpCode::kSetWatches, from_hex("0000000000000000ffffffff"), E::kMarshallingError},
      {OpCode::kMultiRead, from_hex("0000"), E::kMarshallingError},
  };
  for (const Case& test : cases) {
    EXPECT_EQ(error_of(test.op, test.record), test.expected) << name_of(test.op);
  }
}

TEST_F(ReadTest, AnswersDataNullAndStat) {
  Bytes expected = from_hex("0000000464617461");
  append(expected, stat_bytes("/a"));
  EXPECT_EQ(read(OpCode::kGetData, path_watch_record("/a")).record, expected);
  expected = from_hex("ffffffff");
  append(expected, stat_bytes("/null"));
  EXPECT_EQ(read(OpCode::kGetData, path_watch_record("/null")).record, expected);
  EXPECT_EQ(read(OpCode::kExists, path_watch_record("/a")).record, stat_bytes("/a"));
}

TEST_F(ReadTest, AnswersChildren) {
  EXPECT_EQ(read(OpCode::kGetChildren, path_watch_record("/a")).record,
            from_hex("000000010000000162"));
  Bytes expected = from_hex("000000010000000162");
  append(expected, stat_bytes("/a"));
  EXPECT_EQ(read(OpCode::kGetChildren2, path_watch_record("/a")).record, expected);
  EXPECT_EQ(read(OpCode::kGetChildren, path_watch_record("/a/b")).record, from_hex("00000000"));
  const std::int64_t nodes = static_cast<std::int64_t>(tree().node_count());
  const auto total = [&](std::string_view path) {
    return load_be32(read(OpCode::kGetAllChildrenNumber, path_record(path)).record.data());
  };
  EXPECT_EQ(total("/a"), 1u);
  EXPECT_EQ(total("/"), nodes - 2);  // the count has the root twice
  EXPECT_EQ(total(""), nodes - 1);
}

TEST_F(ReadTest, MasksDigestsOfAnAclFromWhoMayNotChangeIt) {
  const auto acl_of = [&] {
    const Frame frame = read(OpCode::kGetAcl, path_record("/secret"));
    JuteReader reader(frame.record);
    return decode_acl(*read_acl(reader));
  };
  EXPECT_EQ(acl_of()[1].id, (Id{"digest", "me:x"}));
  credentials_.push_back({"digest", "me:hash"});
  EXPECT_EQ(acl_of()[1].id, (Id{"digest", "me:hash"}));
  EXPECT_EQ(error_of(OpCode::kGetAcl, path_record("/dark")), ErrorCode::kOk);  // ADMIN is enough
}

TEST_F(ReadTest, ListsOnlyTheOwnEphemeralsByPlainPrefix) {
  create({.path = "/v"});
  for (const char* path : {"/v/a", "/v/ab"}) create({.path = path, .flags = 1}, SessionId{9});
  create({.path = "/v/theirs", .flags = 1}, SessionId{8});
  const auto count = [&](std::optional<std::string_view> prefix) {
    return load_be32(read(OpCode::kGetEphemerals, path_record(prefix)).record.data());
  };
  EXPECT_EQ(count(std::nullopt), 3u);
  EXPECT_EQ(count(" "), 3u);
  EXPECT_EQ(count("/"), 3u);
  EXPECT_EQ(count("/v/a"), 2u);
  EXPECT_EQ(count("v"), 0u);
  EXPECT_EQ(read(OpCode::kGetEphemerals, path_record("/v/ab")).record,
            from_hex("00000001"
                     "000000052f762f6162"));
}

TEST_F(ReadTest, SetsAWatchOnlyWhereTheOperationSays) {
  read(OpCode::kExists, path_watch_record("/none", true));
  EXPECT_TRUE(watches("/none", 2));
  read(OpCode::kExists, path_watch_record("/dark", true));
  EXPECT_FALSE(watches("/dark", 3));
  read(OpCode::kGetData, path_watch_record("/missing", true));
  EXPECT_FALSE(watches("/missing", 3));
  read(OpCode::kGetData, path_watch_record("/a", false));
  EXPECT_FALSE(watches("/a", 3));
  read(OpCode::kGetData, path_watch_record("/a", true));
  EXPECT_TRUE(watches("/a", 2));
  EXPECT_FALSE(watches("/a", 1));
  read(OpCode::kGetChildren2, path_watch_record("/a", true));
  EXPECT_TRUE(watches("/a", 1));
  read(OpCode::kMultiRead, multi_record({{OpCode::kGetData, path_watch_record("/null", true)}}));
  EXPECT_FALSE(watches("/null", 3));
  EXPECT_EQ(read(OpCode::kAddWatch, path_type_record("/p", 0)).record, from_hex("00000000"));
  EXPECT_TRUE(watches("/p", 4));
  read(OpCode::kAddWatch, path_type_record("/r", 1));
  EXPECT_TRUE(watches("/r", 5));
  EXPECT_EQ(error_of(OpCode::kCheckWatches, path_type_record("/r", 5)), ErrorCode::kOk);
  EXPECT_EQ(error_of(OpCode::kRemoveWatches, path_type_record("/r", 5)), ErrorCode::kOk);
  EXPECT_FALSE(watches("/r", 5));
}

// Recorded: multi/multi_read.
TEST_F(ReadTest, AnswersEachOperationOfAMultiReadForItself) {
  const Frame frame =
      read(OpCode::kMultiRead, multi_record({{OpCode::kGetData, path_watch_record("/none")},
                                             {OpCode::kGetChildren, path_watch_record("/a")},
                                             {OpCode::kGetData, path_watch_record("/dark")}}));
  EXPECT_EQ(frame.header.error, ErrorCode::kOk);
  EXPECT_EQ(frame.record, from_hex("ffffffff00ffffff9b"
                                   "ffffff9b"
                                   "000000080000000000"
                                   "00000001"
                                   "0000000162"
                                   "ffffffff00ffffff9a"
                                   "ffffff9a"
                                   "ffffffff01ffffffff"));
}

TEST_F(ReadTest, RefusesWritesInAMultiRead) {
  const test::SubRequest write{OpCode::kCreate, create_record({.path = "/z"})};
  const test::SubRequest get{OpCode::kGetData, path_watch_record("/a")};
  Frame frame = read(OpCode::kMultiRead, multi_record({write}));
  EXPECT_EQ(frame.header.error, ErrorCode::kMarshallingError);
  EXPECT_EQ(frame.record, from_hex("ffffffff01ffffffff"));
  frame = read(OpCode::kMultiRead, multi_record({get, write}));
  EXPECT_EQ(frame.header.error, ErrorCode::kMarshallingError);
  EXPECT_TRUE(frame.record.empty());
}

TEST_F(ReadTest, SaysWhoTheCallerIsWithoutSecrets) {
  credentials_.push_back({"digest", "me:hash"});
  EXPECT_EQ(read(OpCode::kWhoAmI, {}).record, from_hex("00000002"
                                                       "000000026970"
                                                       "000000093132372e302e302e31"
                                                       "00000006646967657374"
                                                       "000000026d65"));
}

Bytes set_watches_record(Zxid seen, const std::vector<std::vector<std::string_view>>& lists) {
  Bytes bytes;
  JuteWriter writer(bytes);
  writer.write_long(seen.value);
  for (const auto& list : lists) {
    writer.write_int(static_cast<std::int32_t>(list.size()));
    for (const std::string_view path : list) writer.write_string(path);
  }
  return bytes;
}

TEST_F(ReadTest, CatchesUpInListOrderAndArmsOnlyWhatDidNotFire) {
  const Zxid seen = tree().last_zxid();
  create({.path = "/old"});
  create({.path = "/a/new"});
  run(OpCode::kSetData, test::set_data_record("/a/b", "changed"));
  const std::vector<Frame> all =
      frames(OpCode::kSetWatches2, set_watches_record(seen, {{"/gone", "/a/b", "/a"},
                                                             {"/old", "/gone", "/later"},
                                                             {"/gone", "/a", "/a/b"},
                                                             {"/persistent"},
                                                             {"/recursive"}}));
  std::vector<std::pair<EventType, std::string>> events;
  for (std::size_t i = 0; i + 1 < all.size(); ++i) {
    EXPECT_EQ(all[i].header.xid, kXidNotification);
    EXPECT_EQ(all[i].header.zxid, Zxid{-1});
    JuteReader reader(all[i].record);
    const WatcherEvent event = *read_watcher_event(reader);
    events.emplace_back(event.type, event.path);
  }
  const std::vector<std::pair<EventType, std::string>> expected = {
      {EventType::kNodeDeleted, "/gone"},
      {EventType::kNodeDataChanged, "/a/b"},
      {EventType::kNodeCreated, "/old"},
      {EventType::kNodeDeleted, "/gone"},
      {EventType::kNodeChildrenChanged, "/a"}};
  EXPECT_EQ(events, expected);
  EXPECT_EQ(all.back().header.xid, 77);
  EXPECT_TRUE(all.back().record.empty());
  EXPECT_TRUE(watches("/a", 2));
  EXPECT_FALSE(watches("/a", 1));
  EXPECT_FALSE(watches("/a/b", 2));
  EXPECT_TRUE(watches("/a/b", 1));
  EXPECT_TRUE(watches("/later", 2));
  EXPECT_TRUE(watches("/gone", 2));  // by the exist list
  EXPECT_TRUE(watches("/persistent", 4));
  EXPECT_TRUE(watches("/recursive", 5));
}

TEST_F(ReadTest, IsOnlyWhatChangesNothingAndNeedsNoOrder) {
  int reads = 0;
  for (std::int32_t number = -20; number < 120; ++number) {
    const OpCode op{number};
    if (!is_read(op)) continue;
    ++reads;
    EXPECT_TRUE(is_client_op(op));
    EXPECT_FALSE(is_write(op));
  }
  EXPECT_EQ(reads, 14);
}

}  // namespace
}  // namespace paddock::server
