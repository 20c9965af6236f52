#include "tests/support/storage_fixture.h"

#include <algorithm>

#include "common/acl.h"
#include "common/concat.h"
#include "common/jute.h"
#include "server/storage/recovery.h"

namespace paddock::test {

std::string dump(const server::DataTree& tree) {
  std::vector<std::string> lines;
  tree.for_each_node([&](std::string_view path, const server::Znode& node) {
    Bytes stat;
    JuteWriter writer(stat);
    write(writer, tree.persisted_stat_of(node));
    std::string line = concat(path, " ");
    for (const std::uint8_t byte : stat) line += concat(hex(byte), ".");
    line += concat(" ", as_chars(tree.acl_of(node)->encoded), " ",
                   tree.data_of(node).is_null() ? "null" : as_chars(tree.data_of(node).bytes()));
    lines.push_back(std::move(line));
  });
  tree.for_each_session([&](SessionId id, std::int32_t timeout_ms) {
    lines.push_back(concat("session ", id.value, " ", timeout_ms));
  });
  std::sort(lines.begin(), lines.end());
  std::string text = concat("zxid ", tree.last_zxid().value, "\n");
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

zab::Txn logged(const Txn& txn) {
  auto payload = std::make_shared<Bytes>();
  encode_txn(txn, *payload);
  return zab::Txn{txn.header.zxid, std::move(payload)};
}

zab::Txn create_txn(Zxid zxid, std::string_view path, std::string_view data) {
  Txn txn;
  txn.header = TxnHeader{SessionId{}, 0, zxid, WallMillis{1000 + zxid.value}, OpCode::kCreate2};
  txn.body = CreateTxn{path, as_bytes(data), open_acl(), false, -1, 0};
  return logged(txn);
}

std::vector<zab::Txn> create_txns(Zxid first, int count) {
  std::vector<zab::Txn> txns;
  for (Zxid zxid = first; count > 0; zxid = zxid.next(), --count) {
    txns.push_back(create_txn(zxid, concat("/n", zxid.value), "some data"));
  }
  return txns;
}

Result<void> run_server(Env& env, const server::StorageOptions& options, int count,
                        bool checkpoint) {
  auto started = server::recover(env, options, server::TreeOptions{});
  if (!started) return started.error();
  const auto txns = create_txns(started->durable.history.last().next(), count);
  PADDOCK_TRY_DO(started->log->append(txns));
  PADDOCK_TRY(const Zxid synced, started->log->sync());
  PADDOCK_CHECK(synced == txns.back().zxid);
  server::Applied applied;
  for (const zab::Txn& txn : txns) {
    started->tree->apply(decode_txn(*txn.payload).value(), false, applied);
  }
  if (!checkpoint) return {};
  return started->checkpoint->write(started->tree->take_dirty());
}

server::StorageOptions small_storage(bool two_folders) {
  server::StorageOptions options;
  options.data_dir = "/data";
  options.data_log_dir = two_folders ? "/log" : "/data";
  options.segment_bytes = 4096;
  options.purge_retain_count = 2;
  options.purge_retain_bytes = 1u << 20;
  options.checkpoint.in_step = true;
  options.checkpoint.batch_bytes_max = 4096;
  options.checkpoint.write_buffer_bytes = 64u << 10;
  return options;
}

}  // namespace paddock::test
