#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/bytes.h"
#include "common/op_code.h"
#include "common/result.h"
#include "paddock/options.h"
#include "paddock/result.h"
#include "paddock/transaction.h"
#include "paddock/types.h"

// Every request of the library as its record, and every reply's record as the library's values.
// Arguments that cannot be are NotSent::invalid_argument, with a sentence; bytes of a reply that do
// not parse are paddock::Code::kMalformed. What is behind a reply's record is ignored, as
// ZooKeeper's clients do.
// Source: ZooKeeper 3.9, zookeeper.jute; client-protocol.md sections 9 to 11.
namespace paddock::client {

template <typename T>
using Decoded = paddock::Result<T>;

// What stands before all paths that go to a server: "" or "/a".
class Chroot {
 public:
  Chroot() = default;
  explicit Chroot(std::string prefix) : prefix_(std::move(prefix)) {}

  std::string to_server(std::string_view path) const;
  // A path that is not below the chroot stays what it is.
  std::string to_client(std::string_view path) const;
  bool covers(std::string_view server_path) const;
  const std::string& prefix() const { return prefix_; }

 private:
  std::string prefix_;
};

// What keeps `path` from naming a znode, for people: "it ends in \"/\"". "": nothing.
std::string_view why_not_a_path(std::string_view path);

struct Encoded {
  OpCode op{};
  Bytes body;
  bool harmless = false;  // see Request::harmless
};

// create2, createContainer or createTTL. A sequential path may end in "/".
Result<Encoded> encode_create(const Chroot& chroot, std::string_view path, std::string_view data,
                              const CreateOptions& options);
Result<Encoded> encode_remove(const Chroot& chroot, std::string_view path, std::int32_t version);
Result<Encoded> encode_exists(const Chroot& chroot, std::string_view path, bool watch);
Result<Encoded> encode_get(const Chroot& chroot, std::string_view path, bool watch);
Result<Encoded> encode_set(const Chroot& chroot, std::string_view path, std::string_view data,
                           std::int32_t version);
Result<Encoded> encode_children(const Chroot& chroot, std::string_view path, bool watch);
Result<Encoded> encode_get_acl(const Chroot& chroot, std::string_view path);
Result<Encoded> encode_set_acl(const Chroot& chroot, std::string_view path,
                               const std::vector<Acl>& acl, std::int32_t version);
Result<Encoded> encode_sync(const Chroot& chroot, std::string_view path);
Result<Encoded> encode_transaction(const Chroot& chroot, const Transaction& transaction);
Result<Encoded> encode_read_batch(const Chroot& chroot, const ReadBatch& batch);
Result<Encoded> encode_add_watch(const Chroot& chroot, std::string_view path, WatchMode mode);
Result<Encoded> encode_remove_watches(const Chroot& chroot, std::string_view path, WatchKind kind);
Result<Encoded> encode_check_watches(const Chroot& chroot, std::string_view path, WatchKind kind);
Result<Encoded> encode_auth(std::string_view scheme, std::string_view data);
Encoded encode_who_am_i();
Result<Encoded> encode_ephemerals(const Chroot& chroot, std::string_view prefix);
Result<Encoded> encode_descendant_count(const Chroot& chroot, std::string_view path);
// getData of /zookeeper/config, without the chroot.
inline constexpr std::string_view kConfigPath = "/zookeeper/config";
Encoded encode_config(bool watch);
Result<Encoded> encode_reconfig(const ReconfigOptions& options);

// create2, createContainer, createTTL.
Decoded<Created> decode_created(const Chroot& chroot, ByteView reply);
Decoded<Stat> decode_stat(ByteView reply);  // exists, setData, setACL
Decoded<Node> decode_node(ByteView reply);  // getData, reconfig
Decoded<Children> decode_children(ByteView reply);
Decoded<AclAndStat> decode_acl_and_stat(ByteView reply);
// `operations`: of the transaction, by operation_codes(). One that was refused has `errors`.
Decoded<TransactionResult> decode_transaction(const Chroot& chroot,
                                              std::span<const OpCode> operations, ByteView reply);
std::vector<OpCode> operation_codes(const Transaction& transaction);
Decoded<std::vector<ReadResult>> decode_read_batch(const ReadBatch& batch, ByteView reply);
Decoded<std::vector<Identity>> decode_identities(ByteView reply);
// Those at and below `prefix`, sorted. (The server takes it for text: "/a" begins "/ab", too.)
Decoded<std::vector<std::string>> decode_ephemerals(const Chroot& chroot, std::string_view prefix,
                                                    ByteView reply);
Decoded<std::int32_t> decode_count(ByteView reply);

}  // namespace paddock::client
