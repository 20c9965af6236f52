#include "server/run/learner_feeds.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>

#include "common/concat.h"
#include "server/run/log_thread.h"
#include "server/storage/recovery.h"
#include "server/storage/retention.h"
#include "tests/support/sim_disk.h"
#include "tests/support/storage_fixture.h"

namespace paddock::server {
namespace {

constexpr std::chrono::seconds kPatience{20};
constexpr zab::LinkId kLink{2};

class LearnerFeedsTest : public testing::Test {
 protected:
  void SetUp() override {
    options_.in_ensemble = true;
    options_.purge_retain_count = 0;
    auto recovered = recover(disk_, options_, TreeOptions{});
    ASSERT_TRUE(recovered) << recovered.error().message;
    locks_ = std::move(recovered->locks);
    tree_ = std::move(recovered->tree);
    shared_ = std::make_unique<SharedState>(*tree_, 1);
    log_ = std::move(recovered->log);
    checkpoints_ =
        std::make_unique<CheckpointThread>(disk_, CheckpointThread::Options{.storage = options_},
                                           std::move(recovered->checkpoint), *log_, *shared_);
    make_feeds({});
  }
  void TearDown() override {
    feeds_.reset();
    checkpoints_->stop(tree_->take_dirty());
  }
  void make_feeds(LearnerFeeds::Limits limits) {
    feeds_ = std::make_unique<LearnerFeeds>(
        disk_, options_, *checkpoints_, *log_,
        [this](zab::LinkId link) {
          const std::lock_guard lock(mutex_);
          ++ready_[link];
          changed_.notify_all();
        },
        limits);
  }
  // Into the log, as many as `from` to `to`, in a segment of their own; and into the tree.
  void log(std::int64_t from, std::int64_t to, std::size_t bytes = 10) {
    log_->roll();
    for (std::int64_t i = from; i <= to; ++i) {
      const std::vector txns{test::create_txn(Zxid{i}, concat("/n", i), std::string(bytes, 'd'))};
      ASSERT_TRUE(log_->append(txns));
      Applied applied;
      tree_->apply(decode_txn(*txns.front().payload).value(), false, applied);
    }
    ASSERT_TRUE(log_->sync());
  }
  // stop() writes what it is given even where nothing was started.
  void checkpoint_and_purge() { checkpoints_->stop(tree_->take_dirty()); }
  bool await_ready(zab::LinkId link, int times) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return ready_[link] >= times; });
  }
  int ready(zab::LinkId link) {
    const std::lock_guard lock(mutex_);
    return ready_[link];
  }
  // "1 2 3 end", "later" or the error's code in the end.
  std::string read(HistoryFeed& feed, zab::LinkId link, bool wait = true) {
    std::string story;
    for (;;) {
      const int before = ready(link);
      const auto next = feed.next();
      if (!next) return story + "error";
      if (next->txn) {
        EXPECT_EQ(decode_txn(*next->txn->payload)->header.zxid, next->txn->zxid);
        story += concat(next->txn->zxid.value, " ");
      }
      if (next->state == HistoryFeed::State::kEnd) return story + "end";
      if (next->state != HistoryFeed::State::kLater) continue;
      if (!wait) return story + "later";
      if (!await_ready(link, before + 1)) return story + "nobody calls";
    }
  }
  std::string read(SnapshotFeed& feed, zab::LinkId link, TreeSink& sink) {
    Bytes bytes;
    for (;;) {
      const int before = ready(link);
      bytes.clear();
      const auto state = feed.next(bytes, 10'000);
      if (!state) return "error";
      if (!bytes.empty()) {
        const auto taken = sink.consume(bytes);
        if (!taken || taken->bytes != bytes.size()) return "not taken";
        if (taken->state == SnapshotSink::State::kDone) {
          return feed.next(bytes, 1).value() == SnapshotFeed::State::kEnd ? "end" : "goes on";
        }
      }
      if (*state == SnapshotFeed::State::kEnd) return "ended early";
      if (*state == SnapshotFeed::State::kLater && !await_ready(link, before + 1)) {
        return "nobody calls";
      }
    }
  }
  static std::string numbers(std::int64_t from, std::int64_t to) {
    std::string text;
    for (std::int64_t i = from; i <= to; ++i) text += concat(i, " ");
    return text;
  }
  std::vector<std::string> log_names() {
    std::vector<std::string> names;
    const auto files = list_log_files(disk_, "/data/version-2");
    for (const LogFile& file : *files) names.push_back(file.name);
    return names;
  }

  test::SimDisk disk_{1};
  StorageOptions options_ = test::small_storage();
  std::vector<std::unique_ptr<File>> locks_;
  std::unique_ptr<DataTree> tree_;
  std::unique_ptr<SharedState> shared_;
  std::unique_ptr<TxnLog> log_;
  std::unique_ptr<CheckpointThread> checkpoints_;
  std::unique_ptr<LearnerFeeds> feeds_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::map<zab::LinkId, int> ready_;
};

TEST_F(LearnerFeedsTest, GivesTheHistoryBetweenTwoZxidsThroughAllSegments) {
  log(1, 10);
  log(11, 15);
  log(16, 30);
  EXPECT_EQ(read(*feeds_->history(kLink, Zxid{0}, Zxid{30}), kLink), numbers(1, 30) + "end");
  EXPECT_EQ(read(*feeds_->history(kLink, Zxid{7}, Zxid{17}), kLink), numbers(8, 17) + "end");
  EXPECT_EQ(read(*feeds_->history(kLink, Zxid{10}, Zxid{11}), kLink), "11 end");
  EXPECT_EQ(read(*feeds_->history(kLink, Zxid{12}, Zxid{12}), kLink), "end");
}

TEST_F(LearnerFeedsTest, ALongHistoryComesWholeThoughOnlyAMegabyteOfItIsReadAhead) {
  log(1, 400, 10'000);
  const auto feed = feeds_->history(kLink, Zxid{0}, Zxid{400});
  EXPECT_EQ(read(*feed, kLink), numbers(1, 400) + "end");
}

TEST_F(LearnerFeedsTest, WhatIsNotInTheLogYetIsWaitedFor) {
  log(1, 5);
  const auto feed = feeds_->history(kLink, Zxid{2}, Zxid{9});
  std::string story;
  while (!story.ends_with("5 later")) {
    const int before = ready(kLink);
    const std::string more = read(*feed, kLink, false);
    story = story.substr(0, story.size() - (story.ends_with("later") ? 5 : 0)) + more;
    if (!story.ends_with("5 later")) {
      ASSERT_TRUE(await_ready(kLink, before + 1));
    }
  }
  EXPECT_EQ(story, "3 4 5 later");
  log(6, 8);
  log(9, 12);  // a segment that was not there when the reader was opened
  EXPECT_EQ(read(*feed, kLink), "6 7 8 9 end");
}

TEST_F(LearnerFeedsTest, WhileAFeedLivesWhatItNeedsIsNotPurged) {
  log(1, 5);
  log(6, 10);
  log(11, 15);
  auto feed = feeds_->history(kLink, Zxid{7}, Zxid{99});
  checkpoint_and_purge();
  EXPECT_EQ(log_names(), (std::vector<std::string>{"log.6", "log.b"}));
  feed.reset();
  log(16, 17);
  // The feed's thread may still be busy with it.
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (checkpoints_->pins().lowest()) ASSERT_LT(std::chrono::steady_clock::now(), deadline);
  checkpoint_and_purge();
  EXPECT_EQ(log_names(), (std::vector<std::string>{"log.10"}));
}

TEST_F(LearnerFeedsTest, ThePurgeTellsTheCoreWhereTheLogBeginsNow) {
  log(1, 5);
  log(6, 10);
  checkpoint_and_purge();
  std::vector<CoreMail> mail;
  ASSERT_TRUE(shared_->to_core.take_now(mail));
  std::vector<Zxid> starts;
  for (const CoreMail& each : mail) {
    const CoreEvent& event = std::get<CoreEvent>(each);
    if (const auto* trimmed = std::get_if<zab::HistoryTrimmed>(&event)) {
      starts.push_back(trimmed->start);
    }
  }
  EXPECT_EQ(starts, std::vector{Zxid{5}});
}

TEST_F(LearnerFeedsTest, HistoryThatIsGoneIsAnError) {
  log(1, 5);
  log(6, 10);
  ASSERT_TRUE(disk_.remove("/data/version-2/log.1"));
  EXPECT_EQ(read(*feeds_->history(kLink, Zxid{2}, Zxid{10}), kLink), "error");
  EXPECT_EQ(read(*feeds_->history(kLink, Zxid{5}, Zxid{10}), kLink), numbers(6, 10) + "end");
}

TEST_F(LearnerFeedsTest, ASnapshotIsThatOfTheCheckpointThoughANewerOneIsWritten) {
  EXPECT_EQ(feeds_->snapshot(kLink).error().code, Code::kNotFound);
  log(1, 300, 5000);
  checkpoint_and_purge();
  const std::string expected = test::dump(*tree_);
  auto start = feeds_->snapshot(kLink);
  ASSERT_TRUE(start) << start.error().message;
  EXPECT_EQ(start->zxid, Zxid{300});
  log(301, 310);
  checkpoint_and_purge();
  TreeSink sink(TreeOptions{}, 1 << 20);
  EXPECT_EQ(read(*start->feed, kLink, sink), "end");
  EXPECT_EQ(test::dump(*sink.finish(start->zxid)), expected);
  // And history goes on behind it.
  EXPECT_EQ(read(*feeds_->history(kLink, start->zxid, Zxid{310}), kLink),
            numbers(301, 310) + "end");
}

TEST_F(LearnerFeedsTest, MoreThanTheLimitWaitTheirTurnUnlessTheyVote) {
  log(1, 300, 10'000);
  make_feeds({.snapshots = 1, .histories = 1, .threads = 2});
  auto first = feeds_->history({2}, Zxid{0}, Zxid{300});
  auto second = feeds_->history({4}, Zxid{298}, Zxid{300}, LearnerFeeds::Learner::kObserver);
  EXPECT_EQ(read(*second, {4}, false), "later");
  EXPECT_EQ(read(*feeds_->history({6}, Zxid{299}, Zxid{300}), {6}), "300 end");
  // The first one has room for a megabyte of its three, and keeps its place.
  std::string story;
  while (story.size() < 100) {
    const int before = ready({2});
    const auto next = first->next();
    ASSERT_TRUE(next);
    if (next->txn) story += concat(next->txn->zxid.value, " ");
    if (next->state == HistoryFeed::State::kLater) {
      ASSERT_TRUE(await_ready({2}, before + 1));
    }
  }
  EXPECT_EQ(read(*second, {4}, false), "later");
  first.reset();
  EXPECT_EQ(read(*second, {4}), "299 300 end");
}

TEST_F(LearnerFeedsTest, FeedsMayOutliveTheThreadsAndTheCheckpoint) {
  log(1, 300, 10'000);
  checkpoint_and_purge();
  const auto history = feeds_->history(kLink, Zxid{0}, Zxid{999});
  const auto snapshot = feeds_->snapshot(kLink);
  ASSERT_TRUE(snapshot);
  feeds_.reset();
  Bytes bytes;
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (history->next()) ASSERT_LT(std::chrono::steady_clock::now(), deadline);
  while (snapshot->feed->next(bytes, 1)) ASSERT_LT(std::chrono::steady_clock::now(), deadline);
}

TEST_F(LearnerFeedsTest, AnotherStateInThePlaceOfTheCheckpointEndsASnapshot) {
  log(1, 400, 10'000);
  checkpoint_and_purge();
  const auto start = feeds_->snapshot(kLink);
  ASSERT_TRUE(start);
  ASSERT_TRUE(checkpoints_->replace_state([&](std::unique_ptr<Checkpoint>& checkpoint) {
    EXPECT_EQ(feeds_->snapshot(kLink).error().code, Code::kRefused);
    checkpoint.reset();
    auto opened = Checkpoint::open(disk_, "/data/state", options_.checkpoint);
    if (!opened) return Result<void>(opened.error());
    checkpoint = std::move(*opened);
    return Result<void>();
  }));
  checkpoints_->tree_replaced();
  TreeSink sink(TreeOptions{}, 1 << 20);
  EXPECT_EQ(read(*start->feed, kLink, sink), "error");
  EXPECT_TRUE(feeds_->snapshot(kLink));
}

}  // namespace
}  // namespace paddock::server
