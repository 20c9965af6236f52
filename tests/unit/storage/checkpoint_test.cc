#include "server/storage/checkpoint.h"

#include <gtest/gtest.h>

#include "common/concat.h"
#include "tests/support/sim_disk.h"
#include "tests/support/storage_fixture.h"

namespace paddock::server {
namespace {

// A tree that goes on by `count` creates, and the checkpoint of it.
struct Server {
  DataTree tree{TreeOptions{}};
  Server() { tree.finish_load(Zxid{}); }
  void create(int count) {
    Applied applied;
    for (const zab::Txn& txn : test::create_txns(tree.last_zxid().next(), count)) {
      tree.apply(decode_txn(*txn.payload).value(), false, applied);
    }
  }
  void remove(std::string_view path) {
    Txn txn;
    txn.header.zxid = tree.last_zxid().next();
    txn.header.type = OpCode::kDelete;
    txn.body = DeleteTxn{path};
    Applied applied;
    tree.apply(txn, false, applied);
  }
};

CheckpointOptions small() {
  return test::small_storage().checkpoint;
}

std::string loaded(Env& env) {
  auto checkpoint = Checkpoint::open(env, "/state", small());
  if (!checkpoint) return checkpoint.error().message;
  DataTree tree(TreeOptions{});
  const auto done = (*checkpoint)->load_into(tree);
  return done ? test::dump(tree) : done.error().message;
}

TEST(Checkpoint, BringsBackWhatWasWrittenSmallStagedAndDeleted) {
  test::SimDisk disk(1);
  Server server;
  server.tree.mark_all_dirty();
  {
    auto checkpoint = Checkpoint::open(disk, "/state", small()).value();
    EXPECT_TRUE(checkpoint->empty());
    for (const int count : {3, 200, 2, 500}) {  // 200 and 500 are staged
      server.create(count);
      server.remove(concat("/n", server.tree.last_zxid().value - 1));
      ASSERT_TRUE(checkpoint->write(server.tree.take_dirty()));
      EXPECT_EQ(checkpoint->zxid(), server.tree.last_zxid());
      EXPECT_FALSE(checkpoint->empty());
    }
  }
  EXPECT_EQ(loaded(disk), test::dump(server.tree));
}

// Staged or not, a write that the power interrupts gives the state before or after it.
TEST(Checkpoint, AnInterruptedWriteIsWholeOrNotAtAll) {
  int before = 0, after = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    test::SimDisk disk(seed);
    Server server;
    server.tree.mark_all_dirty();
    auto checkpoint = Checkpoint::open(disk, "/state", small()).value();
    server.create(20);
    ASSERT_TRUE(checkpoint->write(server.tree.take_dirty()));
    const std::string old_text = test::dump(server.tree);
    server.create(300);
    server.remove("/n7");
    disk.lose_power_at(1 + seed * 7);
    const bool written = checkpoint->write(server.tree.take_dirty()).ok();
    EXPECT_TRUE(written || !checkpoint->write(Dirty{.zxid = Zxid{9999}}).ok());
    checkpoint.reset();
    disk.lose_power();
    disk.restart();
    const std::string text = loaded(disk);
    const bool is_new = text == test::dump(server.tree);
    EXPECT_TRUE(is_new || (!written && text == old_text)) << "seed " << seed << "\n" << text;
    ++(is_new ? after : before);
  }
  EXPECT_GT(before, 10);
  EXPECT_GT(after, 10);
}

TEST(Checkpoint, ClearedItHoldsNothing) {
  test::SimDisk disk(1);
  Server server;
  server.tree.mark_all_dirty();
  server.create(5);
  auto checkpoint = Checkpoint::open(disk, "/state", small()).value();
  ASSERT_TRUE(checkpoint->write(server.tree.take_dirty()));
  ASSERT_TRUE(checkpoint->clear());
  EXPECT_TRUE(checkpoint->empty());
  checkpoint.reset();
  EXPECT_TRUE(Checkpoint::open(disk, "/state", small()).value()->empty());
}

}  // namespace
}  // namespace paddock::server
