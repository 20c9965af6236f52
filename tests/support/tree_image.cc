#include "tests/support/tree_image.h"

#include "common/check.h"
#include "tests/support/prng.h"

namespace paddock::test {

namespace {

std::uint64_t mix(std::uint64_t hash, ByteView bytes) {
  for (const std::uint8_t byte : bytes) hash = hash * 0x100000001b3 + byte;
  return mix64(hash + bytes.size());
}

}  // namespace

void TreeImage::apply(const server::Dirty& dirty) {
  for (const auto& [path, node] : dirty.nodes) {
    if (node) {
      nodes.insert_or_assign(path, *node);
    } else {
      nodes.erase(path);
    }
  }
  for (const auto& [id, timeout_ms] : dirty.sessions) {
    if (timeout_ms) {
      sessions.insert_or_assign(id, *timeout_ms);
    } else {
      sessions.erase(id);
    }
  }
  zxid = dirty.zxid;
}

std::unique_ptr<server::DataTree> load(const TreeImage* image) {
  auto tree = std::make_unique<server::DataTree>(server::TreeOptions{});
  if (image == nullptr) return tree;
  for (const auto& [path, node] : image->nodes) {
    const AclBytes acl = node.acl == nullptr ? AclBytes{} : AclBytes(node.acl->encoded);
    const auto loaded = tree->load_node(path, node.stat, acl, node.data.get());
    PADDOCK_CHECK(loaded.ok());
  }
  for (const auto& [id, timeout_ms] : image->sessions) tree->load_session(id, timeout_ms);
  tree->finish_load(image->zxid);
  return tree;
}

// A sum over the parts: their order in a tree means nothing.
std::uint64_t hash_of(const server::DataTree& tree) {
  std::uint64_t sum = static_cast<std::uint64_t>(tree.last_zxid().value);
  Bytes stat;
  tree.for_each_node([&](std::string_view path, const server::Znode& node) {
    if (path == server::kConfigNode) return;
    stat.clear();
    JuteWriter writer(stat);
    write(writer, tree.persisted_stat_of(node));
    std::uint64_t hash = mix(mix(1, as_bytes(path)), stat);
    hash = mix(hash, tree.acl_of(node)->encoded);
    const Value& data = tree.data_of(node);
    sum += data.is_null() ? mix64(hash) : mix(hash, data.bytes());
  });
  tree.for_each_session([&](SessionId id, std::int32_t timeout_ms) {
    sum +=
        mix64(mix64(static_cast<std::uint64_t>(id.value)) + static_cast<std::uint64_t>(timeout_ms));
  });
  return sum;
}

}  // namespace paddock::test
