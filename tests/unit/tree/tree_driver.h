#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/tree/data_tree.h"

// Applies transactions to a tree, one zxid and one second after the other.
namespace paddock::test {

class TreeDriver {
 public:
  explicit TreeDriver(server::TreeOptions options = {}) : tree(options) {}

  ErrorCode apply(OpCode type, TxnBody body, SessionId session = {}) {
    last_.header = {
        .session = session, .cxid = 0, .zxid = Zxid{++zxid}, .time = time(), .type = type};
    last_.body = std::move(body);
    last_.digest.reset();
    tree.apply(last_, true, applied);
    return applied.error;
  }
  ErrorCode create(std::string_view path, std::string_view data = "", SessionId owner = {},
                   std::int32_t parent_cversion = -1) {
    return apply(OpCode::kCreate,
                 CreateTxn{.path = path,
                           .data = as_bytes(data),
                           .acl = open_acl(),
                           .ephemeral = owner.value != 0,
                           .parent_cversion = parent_cversion},
                 owner);
  }
  ErrorCode create_container(std::string_view path) {
    return apply(
        OpCode::kCreateContainer,
        CreateTxn{.path = path, .data = ByteView{}, .acl = open_acl(), .parent_cversion = -1});
  }
  ErrorCode create_ttl(std::string_view path, std::int64_t ttl_ms) {
    return apply(OpCode::kCreateTtl, CreateTxn{.path = path,
                                               .data = ByteView{},
                                               .acl = open_acl(),
                                               .parent_cversion = -1,
                                               .ttl_ms = ttl_ms});
  }
  ErrorCode remove(std::string_view path) { return apply(OpCode::kDelete, DeleteTxn{path}); }
  ErrorCode set_data(std::string_view path, std::optional<std::string_view> data,
                     std::int32_t version) {
    const NullableBytes bytes = data ? NullableBytes(as_bytes(*data)) : std::nullopt;
    return apply(OpCode::kSetData, SetDataTxn{path, bytes, version});
  }
  ErrorCode set_acl(std::string_view path, const std::vector<Acl>& acl, std::int32_t version) {
    acl_bytes_ = encode_acl(acl);
    return apply(OpCode::kSetAcl, SetAclTxn{path, AclBytes{acl_bytes_}, version});
  }
  ErrorCode multi(std::vector<MultiTxnOp> ops) {
    return apply(OpCode::kMulti, MultiTxn{std::move(ops)});
  }
  ErrorCode create_session(SessionId id, std::int32_t timeout_ms) {
    return apply(OpCode::kCreateSession, CreateSessionTxn{timeout_ms}, id);
  }
  ErrorCode close_session(SessionId id, std::optional<std::vector<std::string_view>> paths) {
    const bool has_paths = paths.has_value();
    return apply(
        OpCode::kCloseSession,
        CloseSessionTxn{has_paths, std::move(paths).value_or(std::vector<std::string_view>{})}, id);
  }

  bool has(std::string_view path) const { return tree.find(path) != nullptr; }
  Stat stat(std::string_view path) const {
    const server::Znode* node = tree.find(path);
    return node == nullptr ? Stat{} : tree.stat_of(*node);
  }
  std::string data(std::string_view path) const {
    const server::Znode* node = tree.find(path);
    return node == nullptr ? "(none)" : std::string(as_chars(tree.data_of(*node).bytes()));
  }
  WallMillis time() const { return {1'000'000 + 1000 * zxid}; }

  server::DataTree tree;
  server::Applied applied;
  std::int64_t zxid = 0;

 private:
  Txn last_;
  Bytes acl_bytes_;
};

}  // namespace paddock::test
