// A ZooKeeper snapshot as a disk may give it back: an error, or a tree that can be written and read
// again. The first byte chooses the compression.

#include "server/storage/snapshot_file.h"
#include "server/tree/data_tree.h"
#include "tests/fuzz/memory_files.h"

using namespace paddock;
using namespace paddock::server;

namespace {

constexpr std::uint32_t kFieldBytes = 1u << 20;

void check_survives_writing(OverlayEnv& env, const DataTree& tree) {
  const std::string path = fuzz::kFolder + "/snapshot.2";
  PADDOCK_CHECK(write_snapshot(env, path, tree).ok());
  DataTree again{TreeOptions{}};
  const auto info = load_snapshot(env, path, SnapshotCompression::kNone, kFieldBytes, again);
  PADDOCK_CHECK(info.ok());
  again.finish_load(tree.last_zxid());
  PADDOCK_CHECK(again.digest() == tree.digest());
  PADDOCK_CHECK(again.node_count() == tree.node_count());
  PADDOCK_CHECK(again.session_count() == tree.session_count());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto compression = static_cast<SnapshotCompression>(data[0] % 3);
  OverlayEnv env(posix_env());
  const std::string path = fuzz::kFolder + "/snapshot.1";
  fuzz::put_file(env, path, ByteView(data + 1, size - 1));

  (void)looks_whole(env, path, compression);
  DataTree tree{TreeOptions{}};
  const auto info = load_snapshot(env, path, compression, kFieldBytes, tree);
  if (!info.ok()) {
    PADDOCK_CHECK(!info.error().message.empty());
    return 0;
  }
  tree.finish_load(Zxid{1});
  check_survives_writing(env, tree);
  return 0;
}
