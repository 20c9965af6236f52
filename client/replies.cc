#include <algorithm>
#include <utility>

#include "client/requests.h"
#include "common/concat.h"
#include "common/records.h"

namespace paddock::client {

namespace {

paddock::Error malformed(std::string message) {
  return {Code::kMalformed, std::move(message)};
}

Decoded<Stat> read_client_stat(JuteReader& reader) {
  PADDOCK_TRY(const paddock::Stat stat, read_stat(reader));
  return Stat{.czxid = stat.czxid.value,
              .mzxid = stat.mzxid.value,
              .ctime_ms = stat.ctime.value,
              .mtime_ms = stat.mtime.value,
              .version = stat.version,
              .cversion = stat.cversion,
              .aversion = stat.aversion,
              .ephemeral_owner = stat.ephemeral_owner.value,
              .data_length = stat.data_length,
              .num_children = stat.num_children,
              .pzxid = stat.pzxid.value};
}

Decoded<Node> read_node(JuteReader& reader) {
  Node node;
  PADDOCK_TRY(const std::string_view data, reader.read_string());
  node.data = data;
  PADDOCK_TRY(node.stat, read_client_stat(reader));
  return node;
}

Decoded<std::vector<std::string>> read_names(JuteReader& reader) {
  PADDOCK_TRY(const std::vector<std::string_view> texts, read_texts(reader));
  std::vector<std::string> names(texts.begin(), texts.end());
  std::sort(names.begin(), names.end());
  return names;
}

Decoded<Created> read_created(const Chroot& chroot, JuteReader& reader, bool with_stat) {
  Created created;
  PADDOCK_TRY(const std::string_view path, reader.read_string());
  created.path = chroot.to_client(path);
  if (with_stat) {
    PADDOCK_TRY(created.stat, read_client_stat(reader));
  }
  return created;
}

error_code refused(std::int32_t code) {
  return code == 0 ? error_code() : error_code(code, refused_category());
}

// ---- multi

bool is_create(OpCode op) {
  return op == OpCode::kCreate || op == OpCode::kCreate2 || op == OpCode::kCreateContainer ||
         op == OpCode::kCreateTtl;
}

// Servers answer a create2 of a multi with the Stat only from 3.7.2, 3.8.2 and 3.9 on.
Decoded<TransactionResult::Value> read_value(const Chroot& chroot, OpCode asked, OpCode answered,
                                             JuteReader& reader) {
  if (is_create(asked) && is_create(answered)) {
    PADDOCK_TRY(Created created, read_created(chroot, reader, answered != OpCode::kCreate));
    return TransactionResult::Value(std::move(created));
  }
  if (asked != answered) {
    return malformed(concat("a multi's result is of ", name_of(answered), ", and ", name_of(asked),
                            " was asked"));
  }
  if (asked != OpCode::kSetData) return TransactionResult::Value();
  PADDOCK_TRY(const Stat stat, read_client_stat(reader));
  return TransactionResult::Value(stat);
}

paddock::Result<void> read_end(JuteReader& reader) {
  PADDOCK_TRY(const MultiHeader header, read_multi_header(reader));
  if (!header.done) return malformed("a multi's answer has more results than were asked");
  return {};
}

// Where several have an error, the one that is not "because of another".
std::size_t place_of_failure(const std::vector<error_code>& errors) {
  const auto failed = std::find_if(errors.begin(), errors.end(), [](const error_code& error) {
    return error.failed() && error != Refused::runtime_inconsistency;
  });
  if (failed != errors.end()) return static_cast<std::size_t>(failed - errors.begin());
  const auto any = std::find_if(errors.begin(), errors.end(),
                                [](const error_code& error) { return error.failed(); });
  return static_cast<std::size_t>(any - errors.begin());
}

}  // namespace

Decoded<Created> decode_created(const Chroot& chroot, ByteView reply) {
  JuteReader reader(reply);
  return read_created(chroot, reader, true);
}

Decoded<Stat> decode_stat(ByteView reply) {
  JuteReader reader(reply);
  return read_client_stat(reader);
}

Decoded<Node> decode_node(ByteView reply) {
  JuteReader reader(reply);
  return read_node(reader);
}

Decoded<Children> decode_children(ByteView reply) {
  JuteReader reader(reply);
  Children children;
  PADDOCK_TRY(children.names, read_names(reader));
  PADDOCK_TRY(children.stat, read_client_stat(reader));
  return children;
}

Decoded<AclAndStat> decode_acl_and_stat(ByteView reply) {
  constexpr std::size_t kEntryBytesMin = 12;
  JuteReader reader(reply);
  AclAndStat result;
  PADDOCK_TRY(const std::int32_t count, reader.read_count(kEntryBytesMin));
  for (std::int32_t i = 0; i < count; ++i) {
    Acl entry;
    PADDOCK_TRY(const std::int32_t permissions, reader.read_int());
    entry.permissions = static_cast<std::uint32_t>(permissions);
    PADDOCK_TRY(entry.scheme, reader.read_string());
    PADDOCK_TRY(entry.id, reader.read_string());
    result.acl.push_back(std::move(entry));
  }
  PADDOCK_TRY(result.stat, read_client_stat(reader));
  return result;
}

Decoded<TransactionResult> decode_transaction(const Chroot& chroot,
                                              std::span<const OpCode> operations, ByteView reply) {
  JuteReader reader(reply);
  TransactionResult result;
  std::vector<error_code> errors;
  bool failed = false;
  for (const OpCode asked : operations) {
    PADDOCK_TRY(const MultiHeader header, read_multi_header(reader));
    if (header.done) return malformed("a multi's answer has fewer results than were asked");
    if (header.op == OpCode::kError) {
      PADDOCK_TRY(const std::int32_t error, reader.read_int());
      errors.push_back(refused(error));
      failed = failed || error != 0;
      continue;
    }
    PADDOCK_TRY(TransactionResult::Value value, read_value(chroot, asked, header.op, reader));
    result.values_.push_back(std::move(value));
  }
  PADDOCK_TRY_DO(read_end(reader));
  if (errors.empty()) return result;
  if (!failed || errors.size() != operations.size()) {
    return malformed("a multi's answer has both results and errors");
  }
  result.failed = place_of_failure(errors);
  result.errors = std::move(errors);
  return result;
}

Decoded<std::vector<ReadResult>> decode_read_batch(const ReadBatch& batch, ByteView reply) {
  JuteReader reader(reply);
  std::vector<ReadResult> results;
  for (const ReadBatch::Operation& asked : batch.operations()) {
    PADDOCK_TRY(const MultiHeader header, read_multi_header(reader));
    if (header.done) return malformed("a multiRead's answer has fewer results than were asked");
    ReadResult& result = results.emplace_back();
    if (header.op == OpCode::kError) {
      PADDOCK_TRY(const std::int32_t error, reader.read_int());
      if (error == 0) return malformed("a multiRead's answer has an error that is none");
      result.error = refused(error);
    } else if (header.op == OpCode::kGetChildren && asked.children) {
      PADDOCK_TRY(result.names, read_names(reader));
    } else if (header.op == OpCode::kGetData && !asked.children) {
      PADDOCK_TRY(result.node, read_node(reader));
    } else {
      return malformed(concat("a multiRead's result is of ", name_of(header.op)));
    }
  }
  PADDOCK_TRY_DO(read_end(reader));
  return results;
}

Decoded<std::vector<Identity>> decode_identities(ByteView reply) {
  JuteReader reader(reply);
  PADDOCK_TRY(const std::int32_t count, reader.read_count(8));
  std::vector<Identity> identities;
  for (std::int32_t i = 0; i < count; ++i) {
    Identity identity;
    PADDOCK_TRY(identity.scheme, reader.read_string());
    PADDOCK_TRY(identity.id, reader.read_string());
    identities.push_back(std::move(identity));
  }
  return identities;
}

Decoded<std::vector<std::string>> decode_ephemerals(const Chroot& chroot, std::string_view prefix,
                                                    ByteView reply) {
  JuteReader reader(reply);
  PADDOCK_TRY(const std::vector<std::string_view> texts, read_texts(reader));
  const std::string server_prefix = chroot.to_server(prefix);
  const Chroot below(server_prefix == "/" ? "" : server_prefix);
  std::vector<std::string> paths;
  for (const std::string_view text : texts) {
    if (below.covers(text)) paths.push_back(chroot.to_client(text));
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

Decoded<std::int32_t> decode_count(ByteView reply) {
  JuteReader reader(reply);
  return reader.read_int();
}

}  // namespace paddock::client
