#include "client/requests.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "common/concat.h"
#include "common/path.h"
#include "common/records.h"
#include "tests/support/vectors.h"

namespace paddock::client {
namespace {

using paddock::test::all_client_steps;
using paddock::test::ClientStep;
using paddock::test::content_of;

const Chroot kNoChroot;

bool usable(const NullableText& path) {
  return path && is_valid_path(*path);
}

std::vector<Acl> acl_of(AclBytes bytes) {
  std::vector<Acl> acl;
  for (const paddock::Acl& entry : decode_acl(bytes)) {
    acl.push_back({static_cast<std::uint32_t>(entry.perms), entry.id.scheme, entry.id.id});
  }
  return acl;
}

// The request as the library would make it, if it can: from what the recorded one says.
std::optional<Encoded> encoded_anew(OpCode op, ByteView body) {
  JuteReader reader(body);
  const auto taken = [](Result<Encoded> made) -> std::optional<Encoded> {
    return made ? std::optional(*std::move(made)) : std::nullopt;
  };
  switch (op) {
    case OpCode::kCreate2:
    case OpCode::kCreateContainer:
    case OpCode::kCreateTtl: {
      const auto request = read_create_request(reader, op == OpCode::kCreateTtl);
      if (!request || !request->path || !request->data) return std::nullopt;
      if (request->flags < 0 || request->flags > 6 || request->acl.encoded.size() < 5) {
        return std::nullopt;
      }
      CreateOptions options;
      options.mode = CreateMode{request->flags};
      options.acl = acl_of(request->acl);
      if (op == OpCode::kCreateTtl) options.ttl = std::chrono::milliseconds(request->ttl_ms);
      auto made =
          taken(encode_create(kNoChroot, *request->path, as_chars(*request->data), options));
      return made && made->op == op ? made : std::nullopt;
    }
    case OpCode::kDelete: {
      const auto request = read_path_version_request(reader);
      if (!request || !usable(request->path)) return std::nullopt;
      return taken(encode_remove(kNoChroot, *request->path, request->version));
    }
    case OpCode::kExists:
    case OpCode::kGetData:
    case OpCode::kGetChildren2: {
      const auto request = read_path_watch_request(reader);
      if (!request || !usable(request->path) || body.back() > 1) return std::nullopt;
      const auto encode = op == OpCode::kExists    ? encode_exists
                          : op == OpCode::kGetData ? encode_get
                                                   : encode_children;
      return taken(encode(kNoChroot, *request->path, request->watch));
    }
    case OpCode::kSetData: {
      const auto request = read_set_data_request(reader);
      if (!request || !usable(request->path) || !request->data) return std::nullopt;
      return taken(
          encode_set(kNoChroot, *request->path, as_chars(*request->data), request->version));
    }
    case OpCode::kSetAcl: {
      const auto request = read_set_acl_request(reader);
      if (!request || !usable(request->path) || request->acl.encoded.size() < 5) {
        return std::nullopt;
      }
      return taken(
          encode_set_acl(kNoChroot, *request->path, acl_of(request->acl), request->version));
    }
    case OpCode::kGetAcl:
    case OpCode::kSync:
    case OpCode::kGetEphemerals:
    case OpCode::kGetAllChildrenNumber: {
      const auto path = reader.read_ustring();
      if (!path || !usable(*path)) return std::nullopt;
      const auto encode = op == OpCode::kGetAcl          ? encode_get_acl
                          : op == OpCode::kSync          ? encode_sync
                          : op == OpCode::kGetEphemerals ? encode_ephemerals
                                                         : encode_descendant_count;
      return taken(encode(kNoChroot, **path));
    }
    case OpCode::kAddWatch:
    case OpCode::kRemoveWatches:
    case OpCode::kCheckWatches: {
      const auto request = read_path_type_request(reader);
      if (!request || !usable(request->path)) return std::nullopt;
      if (op == OpCode::kAddWatch) {
        return taken(encode_add_watch(kNoChroot, *request->path, WatchMode{request->type}));
      }
      const auto encode =
          op == OpCode::kRemoveWatches ? encode_remove_watches : encode_check_watches;
      return taken(encode(kNoChroot, *request->path, WatchKind{request->type}));
    }
    case OpCode::kAuth: {
      const auto packet = read_auth_packet(reader);
      if (!packet || !packet->scheme || packet->scheme->empty() || !packet->auth ||
          packet->type != 0) {
        return std::nullopt;
      }
      return taken(encode_auth(*packet->scheme, as_chars(*packet->auth)));
    }
    case OpCode::kWhoAmI:
      return encode_who_am_i();
    case OpCode::kReconfig: {
      const auto request = read_reconfig_request(reader);
      if (!request) return std::nullopt;
      const auto text = [](NullableText value) { return std::string(value.value_or("")); };
      ReconfigOptions options;
      options.joining = text(request->joining_servers);
      options.leaving = text(request->leaving_servers);
      options.members = text(request->new_members);
      options.from_version = request->config_id;
      return taken(encode_reconfig(options));
    }
    default:
      return std::nullopt;
  }
}

TEST(Requests, AreTheBytesThatWereRecorded) {
  std::map<OpCode, int> compared;
  for (const ClientStep& step : all_client_steps()) {
    if (step.kind != "request" || step.request.size() < 12) continue;
    JuteReader reader(content_of(step.request));
    const auto header = read_request_header(reader);
    ASSERT_TRUE(header);
    const auto made = encoded_anew(header->op, reader.rest());
    if (!made) continue;
    // The recorder has some requests with more, or with null for "".
    if (made->body.size() != reader.rest().size()) continue;
    EXPECT_EQ(made->op, header->op);
    EXPECT_EQ(made->body, Bytes(reader.rest().begin(), reader.rest().end())) << step.name;
    ++compared[header->op];
  }
  for (const OpCode op :
       {OpCode::kCreate2, OpCode::kCreateContainer, OpCode::kCreateTtl, OpCode::kDelete,
        OpCode::kExists, OpCode::kGetData, OpCode::kGetChildren2, OpCode::kSetData, OpCode::kSetAcl,
        OpCode::kGetAcl, OpCode::kSync, OpCode::kGetEphemerals, OpCode::kGetAllChildrenNumber,
        OpCode::kAddWatch, OpCode::kRemoveWatches, OpCode::kCheckWatches, OpCode::kAuth,
        OpCode::kWhoAmI, OpCode::kReconfig}) {
    EXPECT_GT(compared[op], 0) << name_of(op);
  }
}

// ---- Replies

using Decoder = std::function<std::optional<paddock::Error>(ByteView)>;

template <typename T>
std::optional<paddock::Error> error_of(const Decoded<T>& result) {
  return result ? std::nullopt : std::optional(result.error());
}

std::vector<OpCode> operations_of(ByteView multi) {
  std::vector<OpCode> operations;
  JuteReader reader(multi);
  for (;;) {
    const auto header = read_multi_header(reader);
    if (!header || header->done) return operations;
    operations.push_back(header->op);
    if (header->op == OpCode::kDelete || header->op == OpCode::kCheck) {
      if (!read_path_version_request(reader)) return operations;
    } else if (header->op == OpCode::kSetData) {
      if (!read_set_data_request(reader)) return operations;
    } else if (header->op == OpCode::kGetData || header->op == OpCode::kGetChildren) {
      if (!read_path_watch_request(reader)) return operations;
    } else if (!read_create_request(reader, header->op == OpCode::kCreateTtl)) {
      return operations;
    }
  }
}

Decoder decoder_of(OpCode op, ByteView request) {
  switch (op) {
    case OpCode::kCreate2:
    case OpCode::kCreateContainer:
    case OpCode::kCreateTtl:
      return [](ByteView reply) { return error_of(decode_created(kNoChroot, reply)); };
    case OpCode::kExists:
    case OpCode::kSetData:
    case OpCode::kSetAcl:
      return [](ByteView reply) { return error_of(decode_stat(reply)); };
    case OpCode::kGetData:
    case OpCode::kReconfig:
      return [](ByteView reply) { return error_of(decode_node(reply)); };
    case OpCode::kGetChildren2:
      return [](ByteView reply) { return error_of(decode_children(reply)); };
    case OpCode::kGetAcl:
      return [](ByteView reply) { return error_of(decode_acl_and_stat(reply)); };
    case OpCode::kMulti:
      return [operations = operations_of(request)](ByteView reply) {
        return error_of(decode_transaction(kNoChroot, operations, reply));
      };
    case OpCode::kMultiRead: {
      ReadBatch batch;
      for (const OpCode asked : operations_of(request)) {
        asked == OpCode::kGetData ? batch.get("/") : batch.children("/");
      }
      return [batch](ByteView reply) { return error_of(decode_read_batch(batch, reply)); };
    }
    case OpCode::kWhoAmI:
      return [](ByteView reply) { return error_of(decode_identities(reply)); };
    case OpCode::kGetEphemerals:
      return [](ByteView reply) { return error_of(decode_ephemerals(kNoChroot, "/", reply)); };
    case OpCode::kGetAllChildrenNumber:
      return [](ByteView reply) { return error_of(decode_count(reply)); };
    default:
      return nullptr;
  }
}

TEST(Replies, AreReadAsTheyWereRecordedAndNotWhenTheyAreCutShort) {
  std::map<OpCode, int> read;
  for (const ClientStep& step : all_client_steps()) {
    if (step.kind != "request" || step.request.size() < 12 || step.reply.size() < 20) continue;
    JuteReader asked(content_of(step.request));
    const auto header = read_request_header(asked);
    JuteReader reader(content_of(step.reply));
    const auto answer = read_reply_header(reader);
    ASSERT_TRUE(header && answer);
    if (answer->error != ErrorCode::kOk) continue;
    const Decoder decode = decoder_of(header->op, asked.rest());
    if (!decode) continue;
    const auto error = decode(reader.rest());
    EXPECT_FALSE(error) << step.name << ": " << error->message;
    for (std::size_t cut = 0; cut < reader.remaining(); ++cut) {
      const auto found = decode(reader.rest().first(cut));
      ASSERT_TRUE(found) << step.name << " cut to " << cut;
      EXPECT_EQ(found->code, Code::kMalformed);
    }
    ++read[header->op];
  }
  for (const OpCode op :
       {OpCode::kCreate2, OpCode::kCreateContainer, OpCode::kCreateTtl, OpCode::kExists,
        OpCode::kSetData, OpCode::kSetAcl, OpCode::kGetData, OpCode::kReconfig,
        OpCode::kGetChildren2, OpCode::kGetAcl, OpCode::kMulti, OpCode::kMultiRead, OpCode::kWhoAmI,
        OpCode::kGetEphemerals, OpCode::kGetAllChildrenNumber}) {
    EXPECT_GT(read[op], 0) << name_of(op);
  }
}

Bytes stat_bytes(std::int64_t first) {
  paddock::Stat stat;
  stat.czxid = Zxid{first};
  stat.mzxid = Zxid{first + 1};
  stat.ctime = WallMillis{first + 2};
  stat.mtime = WallMillis{first + 3};
  stat.version = 4;
  stat.cversion = 5;
  stat.aversion = 6;
  stat.ephemeral_owner = SessionId{7};
  stat.data_length = 8;
  stat.num_children = 9;
  stat.pzxid = Zxid{first + 10};
  Bytes bytes;
  JuteWriter writer(bytes);
  write(writer, stat);
  return bytes;
}

TEST(Replies, BringEveryFieldOfAStat) {
  const auto stat = decode_stat(stat_bytes(100));
  ASSERT_TRUE(stat);
  EXPECT_EQ(*stat, (Stat{100, 101, 102, 103, 4, 5, 6, 7, 8, 9, 110}));
}

TEST(Replies, BringNamesInTheirOrder) {
  Bytes bytes;
  JuteWriter writer(bytes);
  writer.write_int(3);
  for (const char* name : {"c", "a", "b"}) writer.write_string(name);
  append(bytes, stat_bytes(1));
  const auto children = decode_children(bytes);
  ASSERT_TRUE(children);
  EXPECT_EQ(children->names, (std::vector<std::string>{"a", "b", "c"}));
}

TEST(Replies, BringEphemeralsAtAndBelowThePrefixAlone) {
  Bytes bytes;
  JuteWriter writer(bytes);
  writer.write_int(4);
  for (const char* path : {"/app/b/x", "/apple/y", "/app/b", "/app/bb"}) writer.write_string(path);
  EXPECT_EQ(*decode_ephemerals(Chroot("/app"), "/b", bytes),
            (std::vector<std::string>{"/b", "/b/x"}));
  EXPECT_EQ(decode_ephemerals(Chroot("/app"), "/", bytes)->size(), 3u);
  EXPECT_EQ(decode_ephemerals(kNoChroot, "/", bytes)->size(), 4u);
}

// ---- Transactions

Bytes multi_reply(const std::vector<std::pair<std::int32_t, Bytes>>& results) {
  Bytes bytes;
  JuteWriter writer(bytes);
  for (const auto& [type, record] : results) {
    write(writer, MultiHeader{OpCode{type}, false, 0});
    writer.write_raw(record);
  }
  write(writer, MultiHeader{OpCode::kError, true, -1});
  return bytes;
}
Bytes int_bytes(std::int32_t value) {
  Bytes bytes;
  JuteWriter(bytes).write_int(value);
  return bytes;
}
Bytes path_bytes(std::string_view path) {
  Bytes bytes;
  JuteWriter(bytes).write_string(path);
  return bytes;
}

TEST(Transactions, BringTheirResultsByTheirSlots) {
  Transaction transaction;
  const auto made = transaction.create("/a");
  const auto set = transaction.set("/b", "x");
  transaction.check("/c");
  const auto old = transaction.create("/d");
  Bytes created = path_bytes("/app/a");
  append(created, stat_bytes(1));
  const auto result =
      decode_transaction(Chroot("/app"), operation_codes(transaction),
                         multi_reply({{15, created},
                                      {5, stat_bytes(200)},
                                      {13, {}},
                                      {1, path_bytes("/app/d")}}));  // as before 3.8.2: no Stat
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ((*result)[made].path, "/a");
  EXPECT_EQ((*result)[made].stat.czxid, 1);
  EXPECT_EQ((*result)[set].czxid, 200);
  EXPECT_EQ((*result)[old].path, "/d");
  EXPECT_TRUE(result->errors.empty());
}

TEST(Transactions, ThatWereRefusedTellWhichOperationFailed) {
  Transaction transaction;
  transaction.create("/a");
  transaction.check("/b");
  transaction.remove("/c");
  const auto result = decode_transaction(
      kNoChroot, operation_codes(transaction),
      multi_reply({{-1, int_bytes(0)}, {-1, int_bytes(-101)}, {-1, int_bytes(-2)}}));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->failed, 1u);
  EXPECT_EQ(result->errors, (std::vector<error_code>{error_code(), Refused::no_node,
                                                     Refused::runtime_inconsistency}));
}

TEST(Transactions, AreNotReadFromAnswersToAnotherQuestion) {
  Transaction one;
  one.check("/a");
  const auto codes = operation_codes(one);
  for (const Bytes& reply :
       {multi_reply({}), multi_reply({{13, {}}, {13, {}}}), multi_reply({{5, stat_bytes(1)}}),
        multi_reply({{-1, int_bytes(0)}}), multi_reply({{1, path_bytes("/a")}})}) {
    EXPECT_FALSE(decode_transaction(kNoChroot, codes, reply));
  }
  ReadBatch batch;
  batch.get("/a");
  for (const Bytes& reply :
       {multi_reply({}), multi_reply({{8, int_bytes(0)}}), multi_reply({{-1, int_bytes(0)}})}) {
    EXPECT_FALSE(decode_read_batch(batch, reply));
  }
}

TEST(Transactions, SayWhichOperationCannotBe) {
  Transaction transaction;
  transaction.check("/a");
  transaction.remove("b");
  const auto encoded = encode_transaction(kNoChroot, transaction);
  ASSERT_FALSE(encoded);
  EXPECT_EQ(encoded.error().message, "operation 1: path \"b\": it does not begin with \"/\"");
}

// ---- Paths

TEST(Chroot, StandsBeforeEveryPathAndIsTakenOffAgain) {
  const Chroot chroot("/app");
  EXPECT_EQ(chroot.to_server("/"), "/app");
  EXPECT_EQ(chroot.to_server("/a"), "/app/a");
  EXPECT_EQ(chroot.to_client("/app"), "/");
  EXPECT_EQ(chroot.to_client("/app/a"), "/a");
  EXPECT_EQ(chroot.to_client("/apple"), "/apple");
  EXPECT_EQ(chroot.to_client("/zookeeper/config"), "/zookeeper/config");
  EXPECT_EQ(kNoChroot.to_server("/a"), "/a");
  EXPECT_EQ(kNoChroot.to_client("/"), "/");
}

std::string path_in(const Result<Encoded>& encoded) {
  JuteReader reader(encoded.value().body);
  return std::string(*reader.read_string());
}

TEST(Chroot, KeepsSequentialNodesOfTheRootBelowItAndTheRootFromBeingRemoved) {
  const Chroot chroot("/app");
  CreateOptions options;
  EXPECT_EQ(path_in(encode_create(chroot, "/", "", options)), "/app");
  options.mode = CreateMode::kPersistentSequential;
  EXPECT_EQ(path_in(encode_create(chroot, "/", "", options)), "/app/");
  EXPECT_EQ(path_in(encode_create(chroot, "/a/", "", options)), "/app/a/");
  EXPECT_EQ(path_in(encode_remove(chroot, "/", -1)), "/");
  EXPECT_EQ(path_in(encode_config(false)), "/zookeeper/config");
}

TEST(Paths, ThatCannotBeAreRefusedWithTheReason) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "it is empty"},
      {"a", "it does not begin with \"/\""},
      {"/a/", "it ends in \"/\""},
      {"/a//b", "it has an empty element"},
      {"/a/./b", "it has an element \".\" or \"..\""},
      {"/..", "it has an element \".\" or \"..\""},
      {"/a\x01", "it has a character that no path may have, or is not UTF-8"},
      {"/a\xff", "it has a character that no path may have, or is not UTF-8"},
  };
  for (const auto& [path, why] : cases) {
    EXPECT_EQ(why_not_a_path(path), why);
    const auto encoded = encode_get(kNoChroot, path, false);
    ASSERT_FALSE(encoded);
    EXPECT_EQ(encoded.error().code, NotSent::invalid_argument);
    EXPECT_EQ(encoded.error().message, concat("path \"", path, "\": ", why));
  }
}

TEST(Requests, WithArgumentsThatCannotBeAreRefused) {
  CreateOptions options;
  options.ttl = std::chrono::milliseconds(1);
  EXPECT_FALSE(encode_create(kNoChroot, "/a", "", options)) << "a TTL without its mode";
  options.mode = CreateMode::kPersistentWithTtl;
  EXPECT_TRUE(encode_create(kNoChroot, "/a", "", options));
  options.ttl = std::chrono::milliseconds(0);
  EXPECT_FALSE(encode_create(kNoChroot, "/a", "", options));
  options.ttl = std::chrono::milliseconds(std::int64_t{1} << 40);
  EXPECT_FALSE(encode_create(kNoChroot, "/a", "", options));
  EXPECT_FALSE(encode_create(kNoChroot, "/a/", "", {}));
  EXPECT_FALSE(encode_auth("", "x"));
  ReconfigOptions reconfig;
  EXPECT_FALSE(encode_reconfig(reconfig));
  reconfig.leaving = "1";
  EXPECT_TRUE(encode_reconfig(reconfig));
  reconfig.members = "server.1=a:1:2;3";
  EXPECT_FALSE(encode_reconfig(reconfig));
}

}  // namespace
}  // namespace paddock::client
