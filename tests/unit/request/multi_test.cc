#include "server/request/multi.h"

#include <gtest/gtest.h>

#include "tests/unit/request/request_fixture.h"

namespace paddock::server {
namespace {

using test::create_record;
using test::multi_record;
using test::path_version_record;
using test::path_watch_record;
using test::set_data_record;
using test::SubRequest;

class MultiTest : public testing::Test, protected RequestFixture {
 protected:
  MultiTest() { create({.path = "/a"}); }

  ErrorCode multi(const std::vector<SubRequest>& ops) {
    return run(OpCode::kMulti, multi_record(ops));
  }

  // What the reply says of each operation.
  std::vector<ErrorCode> results() {
    const Bytes frame = reply(1);
    JuteReader reader(ByteView(frame).subspan(20));
    std::vector<ErrorCode> errors;
    while (true) {
      const MultiHeader header = *read_multi_header(reader);
      if (header.done) return errors;
      EXPECT_EQ(header.op, OpCode::kError);
      errors.push_back(ErrorCode{*reader.read_int()});
      EXPECT_EQ(errors.back(), ErrorCode{header.error});
    }
  }
};

TEST_F(MultiTest, ChecksEachOperationAgainstTheOnesBefore) {
  const Zxid before = last_zxid();
  EXPECT_EQ(multi({{OpCode::kCreate, create_record({.path = "/n"})},
                   {OpCode::kCreate2, create_record({.path = "/n/s", .flags = 2})},
                   {OpCode::kCreate, create_record({.path = "/n/s", .flags = 2})},
                   {OpCode::kSetData, set_data_record("/n", "1", 0)},
                   {OpCode::kCheck, path_version_record("/n", 1)},
                   {OpCode::kSetData, set_data_record("/n", "2", 1)},
                   {OpCode::kDelete, path_version_record("/n/s0000000000", 0)},
                   {OpCode::kCreateContainer, create_record({.path = "/c", .flags = 4})},
                   {OpCode::kCreateTtl, create_record({.path = "/t", .flags = 5, .ttl_ms = 9})}}),
            ErrorCode::kOk);
  EXPECT_EQ(last_zxid(), before.next());
  EXPECT_EQ(stat("/n").version, 2);
  EXPECT_FALSE(exists("/n/s0000000000"));
  EXPECT_TRUE(exists("/n/s0000000001"));
  EXPECT_EQ(stat("/n").czxid, last_zxid());
}

TEST_F(MultiTest, ThatFailsLeavesNothingBehindNotEvenASequenceNumber) {
  const Zxid before = last_zxid();
  const Stat stat_before = stat("/a");
  EXPECT_EQ(multi({{OpCode::kCreate, create_record({.path = "/a/s", .flags = 2})},
                   {OpCode::kSetData, set_data_record("/a", "x")},
                   {OpCode::kDelete, path_version_record("/a", 1)},
                   {OpCode::kCheck, path_version_record("/a")},
                   {OpCode::kDelete, path_version_record("/none")}}),
            ErrorCode::kNotEmpty);
  EXPECT_EQ(last_zxid(), before.next());
  EXPECT_EQ(last_txn().header.type, OpCode::kMulti);
  const std::vector<ErrorCode> expected = {ErrorCode::kOk, ErrorCode::kOk, ErrorCode::kNotEmpty,
                                           ErrorCode::kRuntimeInconsistency,
                                           ErrorCode::kRuntimeInconsistency};
  EXPECT_EQ(results(), expected);
  EXPECT_EQ(stat("/a"), stat_before);
  EXPECT_EQ(create({.path = "/a/s", .flags = 2}), ErrorCode::kOk);
  EXPECT_TRUE(exists("/a/s0000000000"));
}

TEST_F(MultiTest, ThatFailsGivesBackWhatWasOutstandingBefore) {
  submit(OpCode::kSetData, set_data_record("/a", "1"));
  submit(OpCode::kCreate, create_record({.path = "/a/b"}));
  EXPECT_EQ(submit(OpCode::kMulti, multi_record({{OpCode::kDelete, path_version_record("/a/b")},
                                                 {OpCode::kSetData, set_data_record("/a", "2", 1)},
                                                 {OpCode::kCheck, path_version_record("/a", 1)}})),
            ErrorCode::kBadVersion);
  EXPECT_EQ(submit(OpCode::kSetData, set_data_record("/a", "3", 1)), ErrorCode::kOk);
  EXPECT_EQ(submit(OpCode::kDelete, path_version_record("/a/b", 0)), ErrorCode::kOk);
  apply_all();
  EXPECT_EQ(stat("/a").version, 2);
  EXPECT_EQ(preparer().pending().size(), 0u);
}

TEST_F(MultiTest, WithoutOperationsSucceedsAndTakesAZxid) {
  const Zxid before = last_zxid();
  EXPECT_EQ(multi({}), ErrorCode::kOk);
  EXPECT_EQ(last_zxid(), before.next());
  EXPECT_TRUE(results().empty());
}

TEST_F(MultiTest, GivesAnEphemeralNoChildEvenInTheSameMulti) {
  EXPECT_EQ(multi({{OpCode::kCreate, create_record({.path = "/e", .flags = 1})},
                   {OpCode::kCreate, create_record({.path = "/e/x"})}}),
            ErrorCode::kNoChildrenForEphemerals);
}

TEST_F(MultiTest, IsRefusedWholeWhenAnyOfItCannotBeRead) {
  const SubRequest good{OpCode::kCreate, create_record({.path = "/n"})};
  Bytes truncated = multi_record({good});
  truncated.resize(truncated.size() - 9);
  const Bytes bad[] = {
      multi_record({good, {OpCode::kGetData, path_watch_record("/a")}}),
      multi_record({{OpCode::kGetData, path_watch_record("/a")}}),
      multi_record({good, {OpCode::kSetAcl, test::set_acl_record("/a", test::kOpenAcl)}}),
      multi_record({good, {OpCode::kMulti, multi_record({})}}),
      truncated,
  };
  for (const Bytes& record : bad) {
    EXPECT_EQ(run(OpCode::kMulti, record), ErrorCode::kMarshallingError);
    EXPECT_EQ(last_txn().header.type, OpCode::kError);
    EXPECT_FALSE(exists("/n"));
  }
}

TEST_F(MultiTest, OfReadsIsReadAsSuch) {
  const Bytes reads = multi_record({{OpCode::kGetData, path_watch_record("/a")},
                                    {OpCode::kGetChildren, path_watch_record("/b", true)}});
  JuteReader reader(reads);
  const Result<MultiRequest> request = read_multi_request(reader);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->kind, MultiRequest::Kind::kReads);
  ASSERT_EQ(request->ops.size(), 2u);
  EXPECT_EQ(std::get<PathWatchRequest>(request->ops[1].request).path, "/b");
  for (std::size_t cut = 0; cut < reads.size(); ++cut) {
    JuteReader shorter(ByteView(reads).first(cut));
    EXPECT_FALSE(read_multi_request(shorter)) << cut;
  }
}

}  // namespace
}  // namespace paddock::server
