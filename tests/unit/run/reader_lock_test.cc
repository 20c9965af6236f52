#include "server/run/reader_lock.h"

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace paddock::server {
namespace {

TEST(ReaderLock, LetsReadersInTogether) {
  ReaderLock lock(2);
  lock.lock_reader(0);
  lock.lock_reader(1);
  lock.unlock_reader(0);
  lock.unlock_reader(1);
}

TEST(ReaderLock, MakesTheWriterWaitForAReader) {
  ReaderLock lock(2);
  lock.lock_reader(1);
  std::atomic<bool> written = false;
  std::thread writer([&] {
    lock.lock_writer();
    written = true;
    lock.unlock_writer();
  });
  EXPECT_FALSE(written);
  lock.unlock_reader(1);
  writer.join();
  EXPECT_TRUE(written);
}

TEST(ReaderLock, MakesAReaderWaitForTheWriter) {
  ReaderLock lock(1);
  lock.lock_writer();
  int value = 1;
  auto read = std::async(std::launch::async, [&] {
    lock.lock_reader(0);
    const int seen = value;
    lock.unlock_reader(0);
    return seen;
  });
  value = 2;
  lock.unlock_writer();
  EXPECT_EQ(read.get(), 2);
}

// The readers never pause: a writer that could be kept waiting would never end.
TEST(ReaderLock, ShowsReadersWholeWritesOnlyAndLetsTheWriterInBetween) {
  constexpr std::size_t kReaders = 3;
  constexpr int kWrites = 2000;
  ReaderLock lock(kReaders);
  int a = 0;
  int b = 0;
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  std::atomic<int> torn = 0;
  for (std::size_t i = 0; i < kReaders; ++i) {
    readers.emplace_back([&, i] {
      while (!done) {
        lock.lock_reader(i);
        if (a != b) ++torn;
        lock.unlock_reader(i);
      }
    });
  }
  for (int i = 1; i <= kWrites; ++i) {
    lock.lock_writer();
    a = i;
    b = i;
    lock.unlock_writer();
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(torn, 0);
  EXPECT_EQ(b, kWrites);
}

}  // namespace
}  // namespace paddock::server
