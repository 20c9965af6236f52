#include "server/run/mailbox.h"

#include <memory>
#include <thread>

#include <gtest/gtest.h>

namespace paddock::server {
namespace {

using Batch = std::vector<std::unique_ptr<int>>;

Batch batch_of(int first, int last) {
  Batch batch;
  for (int i = first; i <= last; ++i) batch.push_back(std::make_unique<int>(i));
  return batch;
}

std::vector<int> values(const Batch& batch) {
  std::vector<int> all;
  for (const auto& item : batch) all.push_back(*item);
  return all;
}

TEST(Mailbox, GivesEverythingInTheOrderInWhichItWasPut) {
  Mailbox<std::unique_ptr<int>> mailbox;
  Batch first = batch_of(1, 3);
  Batch second = batch_of(4, 5);
  mailbox.put(first);
  mailbox.put(second);
  mailbox.put(std::make_unique<int>(6));
  EXPECT_TRUE(first.empty());
  Batch taken;
  EXPECT_TRUE(mailbox.take_now(taken));
  EXPECT_EQ(values(taken), (std::vector{1, 2, 3, 4, 5, 6}));
  EXPECT_FALSE(mailbox.take_now(taken));
  EXPECT_TRUE(taken.empty());
}

TEST(Mailbox, SaysOnlyForTheFirstOfABatchThatTheReceiverMustBeWoken) {
  Mailbox<std::unique_ptr<int>> mailbox;
  Batch batch = batch_of(1, 2);
  EXPECT_TRUE(mailbox.put(batch));
  EXPECT_FALSE(mailbox.put(batch));  // empty
  batch = batch_of(3, 3);
  EXPECT_FALSE(mailbox.put(batch));
  Batch taken;
  mailbox.take_now(taken);
  batch = batch_of(4, 4);
  EXPECT_TRUE(mailbox.put(batch));
}

TEST(Mailbox, TakeReturnsWithNothingAtTheDeadline) {
  Mailbox<std::unique_ptr<int>> mailbox;
  Batch taken = batch_of(1, 1);
  EXPECT_FALSE(mailbox.take(taken, std::chrono::steady_clock::now()));
  EXPECT_TRUE(taken.empty());
}

TEST(Mailbox, GivesWhatIsLeftAfterStopAndThenNothing) {
  Mailbox<std::unique_ptr<int>> mailbox;
  mailbox.put(std::make_unique<int>(1));
  mailbox.stop();
  Batch taken;
  EXPECT_TRUE(mailbox.take(taken));
  EXPECT_FALSE(mailbox.take(taken));
}

TEST(Mailbox, LosesNothingBetweenThreads) {
  constexpr int kThreads = 3;
  constexpr int kEach = 5000;
  Mailbox<int> mailbox;
  std::vector<std::thread> senders;
  for (int t = 0; t < kThreads; ++t) {
    senders.emplace_back([&mailbox, t] {
      std::vector<int> batch;
      for (int i = 0; i < kEach; ++i) {
        batch.push_back(t * kEach + i);
        if (i % 7 == 0 || i == kEach - 1) mailbox.put(batch);
      }
    });
  }
  std::vector<int> next(kThreads, 0);
  std::vector<int> taken;
  for (int count = 0; count < kThreads * kEach;) {
    ASSERT_TRUE(mailbox.take(taken));
    for (const int value : taken) ASSERT_EQ(value % kEach, next[value / kEach]++);
    count += static_cast<int>(taken.size());
  }
  for (std::thread& sender : senders) sender.join();
}

}  // namespace
}  // namespace paddock::server
