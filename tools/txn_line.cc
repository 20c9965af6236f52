#include "tools/txn_line.h"

#include <utility>

#include "common/concat.h"
#include "common/error_code.h"
#include "common/op_code.h"
#include "server/tree/acl_check.h"

namespace paddock::tools {

namespace {

void add_bytes(Line& line, NullableBytes data) {
  line.number("bytes", data ? static_cast<std::int64_t>(data->size()) : -1);
}

void add_body(Line& line, OpCode type, const CreateTxn& txn) {
  line.text("path", txn.path);
  add_bytes(line, txn.data);
  line.list("acl", acl_texts(decode_acl(txn.acl)));
  if (txn.ephemeral) line.flag("ephemeral");
  if (type == OpCode::kCreateTtl) line.number("ttl_ms", txn.ttl_ms);
  line.number("parent_cversion", txn.parent_cversion);
}
void add_body(Line& line, OpCode, const DeleteTxn& txn) {
  line.text("path", txn.path);
}
void add_body(Line& line, OpCode, const SetDataTxn& txn) {
  line.text("path", txn.path);
  add_bytes(line, txn.data);
  line.number("version", txn.version);
}
void add_body(Line& line, OpCode, const SetAclTxn& txn) {
  line.text("path", txn.path);
  line.list("acl", acl_texts(decode_acl(txn.acl)));
  line.number("aversion", txn.version);
}
void add_body(Line& line, OpCode, const CheckTxn& txn) {
  line.text("path", txn.path);
  line.number("version", txn.version);
}
void add_body(Line& line, OpCode, const ErrorTxn& txn) {
  line.text("error", name_of(txn.error));
  line.number("code", static_cast<std::int32_t>(txn.error));
}
void add_body(Line& line, OpCode, const CreateSessionTxn& txn) {
  line.number("timeout_ms", txn.timeout_ms);
}
void add_body(Line& line, OpCode, const CloseSessionTxn& txn) {
  if (!txn.has_paths) return;
  line.list("deletes", {txn.paths_to_delete.begin(), txn.paths_to_delete.end()});
}
void add_body(Line& line, OpCode, const MultiTxn& txn) {
  std::vector<Line> ops;
  for (const MultiTxnOp& op : txn.ops) {
    Line part;
    part.word("type", name_of(op.type));
    std::visit([&](const auto& body) { add_body(part, op.type, body); }, op.txn);
    ops.push_back(std::move(part));
  }
  line.lines("ops", std::move(ops));
}

std::string perms_text(std::int32_t perms) {
  constexpr std::pair<std::int32_t, char> kLetters[] = {{kPermCreate, 'c'},
                                                        {kPermDelete, 'd'},
                                                        {kPermRead, 'r'},
                                                        {kPermWrite, 'w'},
                                                        {kPermAdmin, 'a'}};
  std::string text;
  for (const auto& [bit, letter] : kLetters) {
    if ((perms & bit) != 0) text += letter;
  }
  return text;
}

}  // namespace

Line line_of(const Txn& txn) {
  Line line;
  line.word_hex("zxid", txn.header.zxid.value);
  line.word_time("time", txn.header.time.value);
  line.hex("session", static_cast<std::uint64_t>(txn.header.session.value));
  line.number("cxid", txn.header.cxid);
  line.word("type", name_of(txn.header.type));
  std::visit([&](const auto& body) { add_body(line, txn.header.type, body); }, txn.body);
  if (txn.digest) line.hex("digest", txn.digest->tree_digest);
  return line;
}

std::vector<std::string> acl_texts(const std::vector<Acl>& entries) {
  std::vector<std::string> texts;
  for (const Acl& entry : server::masked(entries)) {
    texts.push_back(concat(entry.id.scheme, ":", entry.id.id, ":", perms_text(entry.perms)));
  }
  return texts;
}

}  // namespace paddock::tools
