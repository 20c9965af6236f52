#include "common/records.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "tests/support/vectors.h"

namespace paddock {
namespace {

using test::ClientStep;
using test::content_of;

using Read = std::function<Result<void>(JuteReader&)>;

template <typename T>
Result<void> without_value(Result<T> result) {
  if (!result) return std::move(result).error();
  return {};
}

Result<void> read_multi_ops(JuteReader& reader);

Result<void> read_request_record(JuteReader& reader, OpCode op) {
  switch (op) {
    case OpCode::kCreate:
    case OpCode::kCreate2:
    case OpCode::kCreateContainer:
      return without_value(read_create_request(reader, false));
    case OpCode::kCreateTtl:
      return without_value(read_create_request(reader, true));
    case OpCode::kDelete:
    case OpCode::kCheck:
      return without_value(read_path_version_request(reader));
    case OpCode::kExists:
    case OpCode::kGetData:
    case OpCode::kGetChildren:
    case OpCode::kGetChildren2:
      return without_value(read_path_watch_request(reader));
    case OpCode::kSetData:
      return without_value(read_set_data_request(reader));
    case OpCode::kSetAcl:
      return without_value(read_set_acl_request(reader));
    case OpCode::kCheckWatches:
    case OpCode::kRemoveWatches:
    case OpCode::kAddWatch:
      return without_value(read_path_type_request(reader));
    case OpCode::kSync:
    case OpCode::kGetAcl:
    case OpCode::kGetEphemerals:
    case OpCode::kGetAllChildrenNumber:
    case OpCode::kDeleteContainer:
      return without_value(reader.read_ustring());
    case OpCode::kAuth:
      return without_value(read_auth_packet(reader));
    case OpCode::kSetWatches:
      return without_value(read_set_watches_request(reader, false));
    case OpCode::kSetWatches2:
      return without_value(read_set_watches_request(reader, true));
    case OpCode::kReconfig:
      return without_value(read_reconfig_request(reader));
    case OpCode::kMulti:
    case OpCode::kMultiRead:
      return read_multi_ops(reader);
    case OpCode::kSasl:
      return without_value(reader.read_buffer());
    case OpCode::kPing:
    case OpCode::kWhoAmI:
    case OpCode::kCloseSession:
    case OpCode::kNotification:
    case OpCode::kCreateSession:
    case OpCode::kError:
      return {};
  }
  return {};
}

// Depth is bounded: a multi within a multi is an error before anything is read of it.
Result<void> read_multi_ops(JuteReader& reader) {
  for (;;) {
    PADDOCK_TRY(const MultiHeader header, read_multi_header(reader));
    if (header.done) return {};
    if (header.op == OpCode::kMulti || header.op == OpCode::kMultiRead) {
      return Error{Code::kMalformed, "a multi in a multi"};
    }
    PADDOCK_TRY_DO(read_request_record(reader, header.op));
  }
}

Result<void> read_request(JuteReader& reader) {
  PADDOCK_TRY(const RequestHeader header, read_request_header(reader));
  return read_request_record(reader, header.op);
}

// If all of `bytes` can be read, nothing shorter can; and nothing that is read fails otherwise than
// by kMalformed. Returns whether all could be read.
bool check_truncations(ByteView bytes, const Read& read, const std::string& name) {
  JuteReader whole(bytes);
  const Result<void> result = read(whole);
  if (!result) {
    EXPECT_EQ(result.error().code, Code::kMalformed) << name;
  }
  const std::size_t needed = result ? whole.offset() : bytes.size();
  for (std::size_t cut = 0; cut < needed; ++cut) {
    // A copy of its own, so that reading behind the end is seen by the sanitizers.
    const Bytes shorter(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(cut));
    JuteReader reader(shorter);
    const Result<void> shortened = read(reader);
    EXPECT_FALSE(shortened) << name << " cut to " << cut;
    if (!shortened) {
      EXPECT_EQ(shortened.error().code, Code::kMalformed) << name << " at " << cut;
    }
  }
  return result.ok();
}

TEST(Records, ReadEveryRecordedRequestAndNothingShorter) {
  std::set<OpCode> read;
  std::set<std::string> refused;
  for (const ClientStep& step : test::all_client_steps()) {
    if (step.kind != "request" || step.request.size() < 12) continue;
    if (check_truncations(content_of(step.request), read_request, step.name)) {
      JuteReader reader(content_of(step.request));
      read.insert(read_request_header(reader)->op);
    } else {
      refused.insert(step.op);
    }
  }
  // Every operation was seen, so that the loop above has not passed for lack of vectors.
  for (const OpCode op : {OpCode::kCreate,
                          OpCode::kDelete,
                          OpCode::kExists,
                          OpCode::kGetData,
                          OpCode::kSetData,
                          OpCode::kGetAcl,
                          OpCode::kSetAcl,
                          OpCode::kGetChildren,
                          OpCode::kSync,
                          OpCode::kPing,
                          OpCode::kGetChildren2,
                          OpCode::kMulti,
                          OpCode::kCreate2,
                          OpCode::kReconfig,
                          OpCode::kCheckWatches,
                          OpCode::kRemoveWatches,
                          OpCode::kCreateContainer,
                          OpCode::kCreateTtl,
                          OpCode::kMultiRead,
                          OpCode::kAuth,
                          OpCode::kSetWatches,
                          OpCode::kSasl,
                          OpCode::kGetEphemerals,
                          OpCode::kGetAllChildrenNumber,
                          OpCode::kSetWatches2,
                          OpCode::kAddWatch,
                          OpCode::kWhoAmI,
                          OpCode::kCloseSession}) {
    EXPECT_TRUE(read.contains(op)) << name_of(op);
  }
  EXPECT_LT(refused.size(), 25u) << "only the requests that are recorded as malformed";
}

TEST(Records, ReadEveryRecordedHandshakeAndWriteItAgain) {
  std::size_t without_read_only = 0, seen = 0;
  for (const ClientStep& step : test::all_client_steps()) {
    if (step.kind != "connect" || step.request.size() < 4 + 44) continue;
    const ByteView bytes = content_of(step.request);
    JuteReader reader(bytes);
    const Result<ConnectRequest> request = read_connect_request(reader);
    if (!request || reader.remaining() > 0) continue;  // recorded as malformed
    ++seen;
    Bytes again;
    JuteWriter writer(again);
    write(writer, *request);
    EXPECT_EQ(again, Bytes(bytes.begin(), bytes.end())) << step.name;
    without_read_only += request->has_read_only ? 0 : 1;

    // One byte less is the form of old clients; anything else is malformed.
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      const Bytes shorter(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(cut));
      JuteReader short_reader(shorter);
      const auto shortened = read_connect_request(short_reader);
      if (request->has_read_only && cut + 1 == bytes.size()) {
        EXPECT_TRUE(shortened && !shortened->has_read_only) << step.name;
      } else {
        ASSERT_FALSE(shortened) << step.name << " cut to " << cut;
        EXPECT_EQ(shortened.error().code, Code::kMalformed);
      }
    }
  }
  EXPECT_GT(seen, 100u);
  EXPECT_GT(without_read_only, 0u);
}

TEST(Records, WriteTheHandshakeAnswersThatZooKeeperWrote) {
  std::size_t seen = 0;
  for (const ClientStep& step : test::all_client_steps()) {
    if (step.kind != "connect" || step.reply.size() < 4 + 36) continue;
    const ByteView bytes = content_of(step.reply);
    JuteReader reader(bytes);
    const auto response = read_connect_response(reader);
    ASSERT_TRUE(response) << step.name;
    EXPECT_EQ(response->password.size(), 16u);
    Bytes again;
    JuteWriter writer(again);
    write(writer, *response);
    EXPECT_EQ(again, Bytes(bytes.begin(), bytes.end())) << step.name;
    ++seen;
  }
  EXPECT_GT(seen, 100u);
}

TEST(Records, WriteTheReplyHeadersAndStatsThatZooKeeperWrote) {
  std::size_t stats = 0;
  for (const ClientStep& step : test::all_client_steps()) {
    if (step.kind != "request" || step.reply.size() < 4 + 16) continue;
    const ByteView bytes = content_of(step.reply);
    JuteReader reader(bytes);
    const auto header = read_reply_header(reader);
    ASSERT_TRUE(header) << step.name;
    Bytes again;
    JuteWriter writer(again);
    write(writer, *header);
    const bool is_stat =
        (step.op == "exists" || step.op == "setData") && header->error == ErrorCode::kOk;
    if (is_stat) {
      const Read read = [](JuteReader& r) { return without_value(read_stat(r)); };
      EXPECT_TRUE(check_truncations(reader.rest(), read, step.name));
      const auto stat = read_stat(reader);
      ASSERT_TRUE(stat) << step.name;
      write(writer, *stat);
      ++stats;
    }
    again.resize(std::min(again.size(), bytes.size()));
    EXPECT_EQ(again,
              Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(again.size())))
        << step.name;
    if (is_stat) {
      EXPECT_EQ(again.size(), bytes.size()) << step.name;
    }
  }
  EXPECT_GT(stats, 50u);
}

TEST(Records, WriteTheWatchEventsThatZooKeeperWrote) {
  std::set<EventType> types;
  for (const ClientStep& step : test::all_client_steps()) {
    for (const Bytes& frame : step.events) {
      const ByteView bytes = content_of(frame);
      const Read read = [](JuteReader& r) -> Result<void> {
        PADDOCK_TRY_DO(without_value(read_reply_header(r)));
        return without_value(read_watcher_event(r));
      };
      EXPECT_TRUE(check_truncations(bytes, read, step.name));
      JuteReader reader(bytes);
      const auto header = read_reply_header(reader);
      const auto event = read_watcher_event(reader);
      ASSERT_TRUE(header && event) << step.name;
      EXPECT_EQ(header->xid, kXidNotification);
      EXPECT_NE(name_of(event->type), "unknown");
      types.insert(event->type);
      Bytes again;
      JuteWriter writer(again);
      write(writer, *header);
      write(writer, *event);
      EXPECT_EQ(again, Bytes(bytes.begin(), bytes.end())) << step.name;
    }
  }
  EXPECT_EQ(types.size(), 4u);
}

TEST(Records, RefuseWatchListsThatAreNull) {
  Bytes bytes;
  JuteWriter writer(bytes);
  writer.write_long(1);
  for (int i = 0; i < 3; ++i) writer.write_int(i == 1 ? -1 : 0);
  JuteReader reader(bytes);
  EXPECT_EQ(read_set_watches_request(reader, false).error().code, Code::kMalformed);
}

TEST(Records, LeaveWhatFollowsTheRecord) {
  Bytes bytes;
  JuteWriter writer(bytes);
  write(writer, MultiHeader{OpCode::kCheck, false, -1});
  writer.write_string("/a");
  writer.write_int(7);
  write(writer, MultiHeader{OpCode::kError, true, -1});
  JuteReader reader(bytes);
  EXPECT_EQ(read_multi_header(reader)->op, OpCode::kCheck);
  const auto check = read_path_version_request(reader);
  EXPECT_EQ(*check->path, "/a");
  EXPECT_EQ(check->version, 7);
  EXPECT_TRUE(read_multi_header(reader)->done);
  EXPECT_EQ(reader.remaining(), 0u);
}

}  // namespace
}  // namespace paddock
