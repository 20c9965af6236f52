#include "client/requests.h"

#include <algorithm>
#include <utility>

#include "common/concat.h"
#include "common/path.h"
#include "common/records.h"

namespace paddock::client {

namespace {

Error invalid(std::string message) {
  return {NotSent::invalid_argument, std::move(message)};
}

// Nothing, or what is wrong with a path.
std::optional<Error> path_error(std::string_view path) {
  const std::string_view why = why_not_a_path(path);
  if (why.empty()) return std::nullopt;
  return invalid(concat("path \"", path, "\": ", why));
}

Bytes encode_acl(const std::vector<Acl>& acl) {
  Bytes bytes;
  JuteWriter writer(bytes);
  writer.write_int(static_cast<std::int32_t>(acl.size()));
  for (const Acl& entry : acl) {
    writer.write_int(static_cast<std::int32_t>(entry.permissions));
    writer.write_string(entry.scheme);
    writer.write_string(entry.id);
  }
  return bytes;
}

template <typename... Record>
Encoded encoded(OpCode op, bool harmless, std::size_t bytes, const Record&... record) {
  Encoded result{op, {}, harmless};
  result.body.reserve(bytes + 64);
  JuteWriter writer(result.body);
  write(writer, record...);
  return result;
}

Result<Encoded> encode_path_watch(OpCode op, const Chroot& chroot, std::string_view path,
                                  bool watch) {
  if (auto error = path_error(path)) return *std::move(error);
  const std::string full = chroot.to_server(path);
  return encoded(op, true, full.size(), PathWatchRequest{full, watch});
}

Result<Encoded> encode_path_type(OpCode op, const Chroot& chroot, std::string_view path,
                                 std::int32_t type) {
  if (auto error = path_error(path)) return *std::move(error);
  const std::string full = chroot.to_server(path);
  return encoded(op, true, full.size(), PathTypeRequest{full, type});
}

Result<Encoded> encode_path(OpCode op, const Chroot& chroot, std::string_view path) {
  if (auto error = path_error(path)) return *std::move(error);
  Encoded result{op, {}, true};
  JuteWriter(result.body).write_string(chroot.to_server(path));
  return result;
}

// ---- create

OpCode op_of(CreateMode mode) {
  switch (mode) {
    case CreateMode::kPersistent:
    case CreateMode::kEphemeral:
    case CreateMode::kPersistentSequential:
    case CreateMode::kEphemeralSequential:
      return OpCode::kCreate2;
    case CreateMode::kContainer:
      return OpCode::kCreateContainer;
    case CreateMode::kPersistentWithTtl:
    case CreateMode::kPersistentSequentialWithTtl:
      return OpCode::kCreateTtl;
  }
  return OpCode::kCreate2;
}

// Source: ZooKeeper 3.9, CreateMode.
std::int32_t flags_of(CreateMode mode) {
  return static_cast<std::int32_t>(mode);
}
static_assert(static_cast<int>(CreateMode::kEphemeral) == 1);
static_assert(static_cast<int>(CreateMode::kPersistentSequential) == 2);
static_assert(static_cast<int>(CreateMode::kContainer) == 4);
static_assert(static_cast<int>(CreateMode::kPersistentSequentialWithTtl) == 6);

constexpr std::int64_t kTtlMax = (std::int64_t{1} << 40) - 1;

std::optional<Error> ttl_error(const CreateOptions& options) {
  const bool has_ttl = op_of(options.mode) == OpCode::kCreateTtl;
  const std::int64_t ttl = options.ttl.count();
  if (!has_ttl && ttl != 0) return invalid("a TTL is for the two modes that have one");
  if (has_ttl && (ttl < 1 || ttl > kTtlMax)) {
    return invalid(concat("a TTL of ", ttl, " ms: 1 to ", kTtlMax, " can be"));
  }
  return std::nullopt;
}

std::optional<Error> create_path_error(std::string_view path, CreateMode mode) {
  if (!is_sequential(mode)) return path_error(path);
  const std::string_view why = why_not_a_path(concat(path, "0"));
  if (why.empty()) return std::nullopt;
  return invalid(concat("path \"", path, "\": ", why));
}

std::string create_path(const Chroot& chroot, std::string_view path, CreateMode mode) {
  // Below the chroot, not beside it.
  if (is_sequential(mode) && path == "/") return concat(chroot.prefix(), "/");
  return chroot.to_server(path);
}

// The root stays the server's, which refuses: it must not be the node of the chroot.
std::string remove_path(const Chroot& chroot, std::string_view path) {
  return path == "/" ? "/" : chroot.to_server(path);
}

// ---- multi

OpCode code_of(const Transaction::Operation& operation) {
  if (const auto* create = std::get_if<Transaction::Create>(&operation)) {
    return op_of(create->options.mode);
  }
  if (std::holds_alternative<Transaction::Remove>(operation)) return OpCode::kDelete;
  if (std::holds_alternative<Transaction::Set>(operation)) return OpCode::kSetData;
  return OpCode::kCheck;
}

// One of a transaction's operations, as a record behind its header.
class TransactionWriter {
 public:
  TransactionWriter(const Chroot& chroot, JuteWriter& writer) : chroot_(chroot), writer_(writer) {}

  std::optional<Error> operator()(const Transaction::Create& op) {
    if (auto error = create_path_error(op.path, op.options.mode)) return error;
    if (auto error = ttl_error(op.options)) return error;
    const OpCode code = op_of(op.options.mode);
    const std::string path = create_path(chroot_, op.path, op.options.mode);
    const Bytes acl = encode_acl(op.options.acl);
    begin(code);
    write(writer_,
          CreateRequest{path, as_bytes(op.data), AclBytes{acl}, flags_of(op.options.mode),
                        op.options.ttl.count()},
          code == OpCode::kCreateTtl);
    return std::nullopt;
  }
  std::optional<Error> operator()(const Transaction::Remove& op) {
    if (auto error = path_error(op.path)) return error;
    const std::string path = remove_path(chroot_, op.path);
    begin(OpCode::kDelete);
    write(writer_, PathVersionRequest{path, op.version});
    return std::nullopt;
  }
  std::optional<Error> operator()(const Transaction::Set& op) {
    if (auto error = path_error(op.path)) return error;
    const std::string path = chroot_.to_server(op.path);
    begin(OpCode::kSetData);
    write(writer_, SetDataRequest{path, as_bytes(op.data), op.version});
    return std::nullopt;
  }
  std::optional<Error> operator()(const Transaction::Check& op) {
    if (auto error = path_error(op.path)) return error;
    const std::string path = chroot_.to_server(op.path);
    begin(OpCode::kCheck);
    write(writer_, PathVersionRequest{path, op.version});
    return std::nullopt;
  }

 private:
  void begin(OpCode code) { write(writer_, MultiHeader{code, false, -1}); }

  const Chroot& chroot_;
  JuteWriter& writer_;
};

constexpr MultiHeader kMultiEnd{OpCode::kError, true, -1};

}  // namespace

std::string Chroot::to_server(std::string_view path) const {
  if (prefix_.empty()) return std::string(path);
  return path == "/" ? prefix_ : concat(prefix_, path);
}

bool Chroot::covers(std::string_view server_path) const {
  return server_path.starts_with(prefix_) &&
         (prefix_.empty() || server_path.size() == prefix_.size() ||
          server_path[prefix_.size()] == '/');
}

std::string Chroot::to_client(std::string_view path) const {
  if (!covers(path)) return std::string(path);
  path.remove_prefix(prefix_.size());
  return path.empty() ? "/" : std::string(path);
}

std::string_view why_not_a_path(std::string_view path) {
  if (is_valid_path(path)) return "";
  if (path.empty()) return "it is empty";
  if (path[0] != '/') return "it does not begin with \"/\"";
  if (path.find("//") != path.npos) return "it has an empty element";
  if (path.back() == '/') return "it ends in \"/\"";
  for (std::size_t at = 0; at != path.npos;) {
    const std::size_t next = path.find('/', at + 1);
    const std::string_view element = path.substr(at + 1, next - at - 1);
    if (element == "." || element == "..") return "it has an element \".\" or \"..\"";
    at = next;
  }
  return "it has a character that no path may have, or is not UTF-8";
}

// ---- requests

Result<Encoded> encode_create(const Chroot& chroot, std::string_view path, std::string_view data,
                              const CreateOptions& options) {
  if (auto error = create_path_error(path, options.mode)) return *std::move(error);
  if (auto error = ttl_error(options)) return *std::move(error);
  const OpCode op = op_of(options.mode);
  const std::string full = create_path(chroot, path, options.mode);
  const Bytes acl = encode_acl(options.acl);
  return encoded(op, false, full.size() + data.size() + acl.size(),
                 CreateRequest{full, as_bytes(data), AclBytes{acl}, flags_of(options.mode),
                               options.ttl.count()},
                 op == OpCode::kCreateTtl);
}

Result<Encoded> encode_remove(const Chroot& chroot, std::string_view path, std::int32_t version) {
  if (auto error = path_error(path)) return *std::move(error);
  const std::string full = remove_path(chroot, path);
  return encoded(OpCode::kDelete, false, full.size(), PathVersionRequest{full, version});
}

Result<Encoded> encode_exists(const Chroot& chroot, std::string_view path, bool watch) {
  return encode_path_watch(OpCode::kExists, chroot, path, watch);
}
Result<Encoded> encode_get(const Chroot& chroot, std::string_view path, bool watch) {
  return encode_path_watch(OpCode::kGetData, chroot, path, watch);
}
Result<Encoded> encode_children(const Chroot& chroot, std::string_view path, bool watch) {
  return encode_path_watch(OpCode::kGetChildren2, chroot, path, watch);
}

Result<Encoded> encode_set(const Chroot& chroot, std::string_view path, std::string_view data,
                           std::int32_t version) {
  if (auto error = path_error(path)) return *std::move(error);
  const std::string full = chroot.to_server(path);
  return encoded(OpCode::kSetData, false, full.size() + data.size(),
                 SetDataRequest{full, as_bytes(data), version});
}

Result<Encoded> encode_get_acl(const Chroot& chroot, std::string_view path) {
  return encode_path(OpCode::kGetAcl, chroot, path);
}

Result<Encoded> encode_set_acl(const Chroot& chroot, std::string_view path,
                               const std::vector<Acl>& acl, std::int32_t version) {
  if (auto error = path_error(path)) return *std::move(error);
  const std::string full = chroot.to_server(path);
  const Bytes bytes = encode_acl(acl);
  return encoded(OpCode::kSetAcl, false, full.size() + bytes.size(),
                 SetAclRequest{full, AclBytes{bytes}, version});
}

Result<Encoded> encode_sync(const Chroot& chroot, std::string_view path) {
  return encode_path(OpCode::kSync, chroot, path);
}

Result<Encoded> encode_transaction(const Chroot& chroot, const Transaction& transaction) {
  Encoded result{OpCode::kMulti, {}, false};
  JuteWriter writer(result.body);
  TransactionWriter write_operation(chroot, writer);
  for (std::size_t i = 0; i < transaction.size(); ++i) {
    if (auto error = std::visit(write_operation, transaction.operations()[i])) {
      error->message = concat("operation ", i, ": ", error->message);
      return *std::move(error);
    }
  }
  write(writer, kMultiEnd);
  return result;
}

Result<Encoded> encode_read_batch(const Chroot& chroot, const ReadBatch& batch) {
  Encoded result{OpCode::kMultiRead, {}, true};
  JuteWriter writer(result.body);
  for (const ReadBatch::Operation& op : batch.operations()) {
    if (auto error = path_error(op.path)) return *std::move(error);
    const std::string path = chroot.to_server(op.path);
    write(writer, MultiHeader{op.children ? OpCode::kGetChildren : OpCode::kGetData, false, -1});
    write(writer, PathWatchRequest{path, false});
  }
  write(writer, kMultiEnd);
  return result;
}

Result<Encoded> encode_add_watch(const Chroot& chroot, std::string_view path, WatchMode mode) {
  return encode_path_type(OpCode::kAddWatch, chroot, path, static_cast<std::int32_t>(mode));
}
static_assert(static_cast<int>(WatchMode::kPersistent) == 0);
static_assert(static_cast<int>(WatchMode::kPersistentRecursive) == 1);

Result<Encoded> encode_remove_watches(const Chroot& chroot, std::string_view path, WatchKind kind) {
  return encode_path_type(OpCode::kRemoveWatches, chroot, path, static_cast<std::int32_t>(kind));
}
Result<Encoded> encode_check_watches(const Chroot& chroot, std::string_view path, WatchKind kind) {
  return encode_path_type(OpCode::kCheckWatches, chroot, path, static_cast<std::int32_t>(kind));
}

Result<Encoded> encode_auth(std::string_view scheme, std::string_view data) {
  if (scheme.empty()) return invalid("an authentication scheme is empty; \"digest\" is one");
  return encoded(OpCode::kAuth, false, scheme.size() + data.size(),
                 AuthPacket{0, scheme, as_bytes(data)});
}

Encoded encode_who_am_i() {
  return {OpCode::kWhoAmI, {}, true};
}

Result<Encoded> encode_ephemerals(const Chroot& chroot, std::string_view prefix) {
  return encode_path(OpCode::kGetEphemerals, chroot, prefix);
}

Result<Encoded> encode_descendant_count(const Chroot& chroot, std::string_view path) {
  return encode_path(OpCode::kGetAllChildrenNumber, chroot, path);
}

Encoded encode_config(bool watch) {
  return encoded(OpCode::kGetData, true, kConfigPath.size(), PathWatchRequest{kConfigPath, watch});
}

Result<Encoded> encode_reconfig(const ReconfigOptions& options) {
  const bool changes = !options.joining.empty() || !options.leaving.empty();
  if (changes == !options.members.empty()) {
    return invalid(changes ? "reconfig: either who joins and leaves or all members, not both"
                           : "reconfig: nobody joins, nobody leaves, and no members are given");
  }
  const auto text = [](const std::string& value) {
    return value.empty() ? NullableText() : NullableText(value);
  };
  return encoded(OpCode::kReconfig, false,
                 options.joining.size() + options.leaving.size() + options.members.size(),
                 ReconfigRequest{text(options.joining), text(options.leaving),
                                 text(options.members), options.from_version});
}

std::vector<OpCode> operation_codes(const Transaction& transaction) {
  std::vector<OpCode> codes;
  for (const Transaction::Operation& operation : transaction.operations()) {
    codes.push_back(code_of(operation));
  }
  return codes;
}

}  // namespace paddock::client
