#include "server/storage/install.h"

#include <gtest/gtest.h>

#include "common/concat.h"
#include "server/storage/recovery.h"
#include "server/storage/snapshot_file.h"
#include "tests/support/sim_disk.h"
#include "tests/support/storage_fixture.h"

namespace paddock::server {
namespace {

std::unique_ptr<DataTree> tree_of(const std::vector<zab::Txn>& txns) {
  auto tree = std::make_unique<DataTree>(TreeOptions{});
  tree->finish_load(Zxid{});
  Applied applied;
  for (const zab::Txn& txn : txns) tree->apply(decode_txn(*txn.payload).value(), false, applied);
  return tree;
}

Dirty whole(DataTree& tree) {
  tree.mark_all_dirty();
  return tree.take_dirty();
}

// A server at zxid 9: a checkpoint of 5, log segments from 1, 4 and 6, a ZooKeeper snapshot.
class Install : public testing::TestWithParam<bool> {
 protected:
  void fill(test::SimDisk& disk) {
    for (const auto& [count, checkpoint] : {std::pair{3, false}, {2, true}, {4, false}}) {
      const auto ran = test::run_server(disk, options_, count, checkpoint);
      ASSERT_TRUE(ran) << ran.error().message;
    }
  }
  std::string recovered(test::SimDisk& disk) {
    const auto server = recover(disk, options_, TreeOptions{});
    return server ? test::dump(*server->tree) : server.error().message;
  }

  StorageOptions options_ = test::small_storage(GetParam());
};

TEST_P(Install, AtEveryCrashPointEitherTheOldStateOrTheNewOneIsThereWhole) {
  const std::string old_state = test::dump(*tree_of(test::create_txns(Zxid{1}, 9)));
  // Below the old state, beyond it, and in another epoch; large enough to be written in pieces.
  for (const auto& [first, count] : {std::pair{Zxid{3}, 2}, {Zxid{5}, 60}, {Zxid{}, 40}}) {
    const Zxid at = count == 40 ? Zxid::make(Epoch{7}, 1) : first;
    const auto snapshot = test::create_txns(at, count);
    const std::string new_state = test::dump(*tree_of(snapshot));
    int old_found = 0, new_found = 0;
    for (std::uint64_t change = 1; old_found + new_found + 1 == static_cast<int>(change);
         ++change) {
      test::SimDisk disk(change);
      fill(disk);
      disk.lose_power_at(change);
      const auto tree = tree_of(snapshot);
      const auto prepared = prepare_install(disk, options_, whole(*tree));
      const bool done = prepared && finish_install(disk, options_).ok();
      disk.lose_power();
      disk.restart();
      const std::string found = recovered(disk);
      ASSERT_TRUE(found == new_state || (found == old_state && !done)) << change << "\n" << found;
      // And the next start finds the same.
      ASSERT_EQ(recovered(disk), found) << change;
      if (done) break;
      (found == new_state ? new_found : old_found)++;
    }
    EXPECT_GT(old_found, 3);
    EXPECT_GT(new_found, 3);
  }
}

TEST_P(Install, NothingOfTheOldStateIsLeft) {
  test::SimDisk disk(1);
  fill(disk);
  const auto tree = tree_of(test::create_txns(Zxid{3}, 2));
  ASSERT_TRUE(prepare_install(disk, options_, whole(*tree)));
  EXPECT_EQ(finish_install(disk, options_).value(), true);
  EXPECT_TRUE(list_snapshot_files(disk, snapshot_folder(options_)).value().empty());
  EXPECT_TRUE(list_log_files(disk, log_folder(options_)).value().empty());
  EXPECT_FALSE(disk.exists("/data/state.new"));
  EXPECT_FALSE(disk.exists("/data/state.ready"));
  EXPECT_EQ(finish_install(disk, options_).value(), false) << "once is enough";
  const auto server = recover(disk, options_, TreeOptions{});
  ASSERT_TRUE(server) << server.error().message;
  EXPECT_EQ(server->checkpoint_zxid, Zxid{4});
  EXPECT_EQ(server->durable.history.start(), Zxid{4});
}

TEST_P(Install, WhatWasNotWrittenToItsEndIsRemovedAtTheNextStart) {
  test::SimDisk disk(1);
  fill(disk);
  disk.put("/data/state.new/CURRENT", as_bytes("MANIFEST-000001\n"));
  const std::string before = recovered(disk);
  EXPECT_EQ(before, test::dump(*tree_of(test::create_txns(Zxid{1}, 9))));
  EXPECT_FALSE(disk.exists("/data/state.new"));
}

TEST_P(Install, AReadOnlyLookSeesTheNewStateAndLeavesTheDiskAsItIs) {
  test::SimDisk disk(1);
  fill(disk);
  const auto tree = tree_of(test::create_txns(Zxid{3}, 2));
  ASSERT_TRUE(prepare_install(disk, options_, whole(*tree)));
  const std::uint64_t changes = disk.changes();
  const auto view = recover_read_only(disk, options_, TreeOptions{});
  ASSERT_TRUE(view) << view.error().message;
  EXPECT_EQ(test::dump(*view->state.tree), test::dump(*tree));
  EXPECT_EQ(disk.changes(), changes);
  EXPECT_TRUE(disk.exists("/data/state.ready/CURRENT"));
}

// The process ends at an error of the disk, and the next start finds the one or the other.
TEST_P(Install, AfterAnErrorOfTheDiskTheNextStartFindsAWholeState) {
  const std::string old_state = test::dump(*tree_of(test::create_txns(Zxid{1}, 9)));
  int errors = 0;
  for (std::uint64_t change = 1;; ++change) {
    test::SimDisk disk(change);
    fill(disk);
    const auto tree = tree_of(test::create_txns(Zxid{3}, 2));
    const std::uint64_t before = disk.changes();
    disk.fail_at(change, Code::kNoSpace);
    const bool done =
        prepare_install(disk, options_, whole(*tree)) && finish_install(disk, options_);
    if (disk.changes() - before < change) break;  // it came too late
    const std::string found = recovered(disk);
    ASSERT_TRUE(found == test::dump(*tree) || (found == old_state && !done)) << change;
    errors += done ? 0 : 1;
  }
  EXPECT_GT(errors, 15);
}

INSTANTIATE_TEST_SUITE_P(Folders, Install, testing::Bool());

}  // namespace
}  // namespace paddock::server
