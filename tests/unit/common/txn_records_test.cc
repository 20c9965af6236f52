#include "common/txn_records.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "tests/support/vectors.h"

namespace paddock {
namespace {

using test::from_hex;

// The transactions of a log file that is known to be whole: behind a header of 16 bytes each is a
// checksum, a length, the transaction and an end mark. Source: storage-format.md section 2.
std::vector<Bytes> txns_of_log(const std::string& path) {
  const std::string text = test::source_text(path);
  JuteReader reader(as_bytes(text));
  EXPECT_TRUE(reader.read_raw(16)) << path;
  std::vector<Bytes> txns;
  while (reader.remaining() >= 12) {
    EXPECT_TRUE(reader.read_long());
    const auto txn = reader.read_buffer();
    if (!txn || !*txn || (*txn)->empty()) break;  // the preallocated zeros, or a torn tail
    txns.emplace_back((*txn)->begin(), (*txn)->end());
    if (!reader.read_raw(1)) break;
  }
  return txns;
}

std::vector<Bytes> recorded_txns() {
  std::vector<std::string> logs;
  const std::string root = PADDOCK_SOURCE_DIR "/tests/vectors/storage";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    const std::string path = entry.path().string();
    if (!entry.path().filename().string().starts_with("log.")) continue;
    // Damaged on purpose, or in the form of ZooKeeper 3.3, which is not written any more.
    if (path.find("/bad-") != path.npos || path.find("/torn-") != path.npos) continue;
    if (path.find("/v0-") != path.npos) continue;
    logs.push_back(path.substr(std::string(PADDOCK_SOURCE_DIR).size() + 1));
  }
  std::sort(logs.begin(), logs.end());
  std::vector<Bytes> txns;
  for (const std::string& log : logs) {
    for (Bytes& txn : txns_of_log(log)) txns.push_back(std::move(txn));
  }
  return txns;
}

TEST(TxnRecords, ReadEveryRecordedTransactionAndWriteTheSameBytes) {
  std::set<OpCode> types;
  for (const Bytes& bytes : recorded_txns()) {
    const auto txn = decode_txn(bytes);
    ASSERT_TRUE(txn) << txn.error().message;
    types.insert(txn->header.type);
    const auto header = decode_txn_header(bytes);
    ASSERT_TRUE(header);
    EXPECT_EQ(header->zxid, txn->header.zxid);
    Bytes again;
    encode_txn(*txn, again);
    EXPECT_EQ(again, bytes) << name_of(txn->header.type);
  }
  for (const OpCode type :
       {OpCode::kCreate, OpCode::kCreate2, OpCode::kCreateContainer, OpCode::kCreateTtl,
        OpCode::kDelete, OpCode::kDeleteContainer, OpCode::kSetData, OpCode::kSetAcl,
        OpCode::kMulti, OpCode::kError, OpCode::kCreateSession, OpCode::kCloseSession}) {
    EXPECT_TRUE(types.contains(type)) << name_of(type);
  }
}

// The digest may be missing, and closeSession and the oldest create have shorter forms: a cut there
// is another transaction, which the log's checksum tells apart. Elsewhere it is an error.
TEST(TxnRecords, RefuseTruncations) {
  std::size_t refused = 0;
  for (const Bytes& bytes : recorded_txns()) {
    const auto whole = decode_txn(bytes);
    ASSERT_TRUE(whole);
    const std::size_t digest = whole->digest ? 12 : 0;
    const bool has_short_form =
        whole->header.type == OpCode::kCloseSession || whole->header.type == OpCode::kCreate;
    for (std::size_t cut = 0; cut < bytes.size() - digest; ++cut) {
      const Bytes shorter(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(cut));
      const auto txn = decode_txn(shorter);
      if (has_short_form && txn) continue;
      ASSERT_FALSE(txn) << name_of(whole->header.type) << " cut to " << cut;
      EXPECT_EQ(txn.error().code, Code::kMalformed);
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000u);
}

Bytes encoded(OpCode type, TxnBody body, std::optional<TxnDigest> digest = {}) {
  Bytes bytes;
  encode_txn(Txn{{SessionId{7}, 1, Zxid{9}, WallMillis{11}, type}, std::move(body), digest}, bytes);
  return bytes;
}

TEST(TxnRecords, ReadCloseSessionWithAndWithoutItsList) {
  const TxnDigest digest{kDigestVersion, 0xfeedfacecafe};
  for (const bool has_digest : {false, true}) {
    const auto maybe = has_digest ? std::optional(digest) : std::nullopt;
    const Bytes without = encoded(
        OpCode::kCloseSession, CloseSessionTxn{.has_paths = false, .paths_to_delete = {}}, maybe);
    const auto read = decode_txn(without);
    ASSERT_TRUE(read);
    EXPECT_FALSE(std::get<CloseSessionTxn>(read->body).has_paths);
    EXPECT_EQ(read->digest, maybe);

    for (const std::vector<std::string_view>& paths :
         {std::vector<std::string_view>{}, {"/a"}, {"/a", "/b"}, {"/a", "/b", "/c"}}) {
      const Bytes with = encoded(OpCode::kCloseSession, CloseSessionTxn{true, paths}, maybe);
      const auto again = decode_txn(with);
      ASSERT_TRUE(again);
      EXPECT_EQ(std::get<CloseSessionTxn>(again->body).paths_to_delete, paths);
      EXPECT_EQ(again->digest, maybe);
    }
  }
}

TEST(TxnRecords, ReadTheCreateOfVeryOldLogs) {
  // ZooKeeper 3.3 and older had no parent cversion.
  Bytes bytes = encoded(OpCode::kCreate, CreateTxn{.path = "/old", .data = {}, .acl = open_acl()});
  bytes.resize(bytes.size() - 4);
  const auto txn = decode_txn(bytes);
  ASSERT_TRUE(txn);
  EXPECT_EQ(std::get<CreateTxn>(txn->body).parent_cversion, -1);

  std::size_t creates = 0;
  for (const Bytes& recorded : txns_of_log("tests/vectors/storage/v0-create/version-2/log.1")) {
    const auto read = decode_txn(recorded);
    ASSERT_TRUE(read);
    if (read->header.type != OpCode::kCreate) continue;
    creates += std::get<CreateTxn>(read->body).parent_cversion == -1 ? 1 : 0;
  }
  EXPECT_EQ(creates, 4u) << "the others are of the newer form";
}

TEST(TxnRecords, RefuseUnknownTypesAndAMultiInAMulti) {
  Bytes unknown = encoded(OpCode::kError, ErrorTxn{});
  store_be32(unknown.data() + 28, 99);
  EXPECT_EQ(decode_txn(unknown).error().code, Code::kMalformed);

  MultiTxn multi;
  multi.ops.push_back({OpCode::kDelete, DeleteTxn{"/a"}});
  Bytes nested = encoded(OpCode::kMulti, multi);
  store_be32(nested.data() + 36, static_cast<std::uint32_t>(OpCode::kMulti));
  EXPECT_EQ(decode_txn(nested).error().code, Code::kMalformed);
}

}  // namespace
}  // namespace paddock
