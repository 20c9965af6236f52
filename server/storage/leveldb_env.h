#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include <leveldb/env.h>

#include "common/env.h"
#include "common/result.h"

namespace paddock::server {

// Our Env as LevelDB's, so that one simulated disk serves the log and LevelDB alike. LevelDB's
// background work runs on a thread of this object, begun when first needed.
//
// `in_step`: work in the background runs only while the caller waits for it, so that one seed of a
// simulation replays exactly; without it they run side by side.
// Beyond LevelDB's own care, the first sync of a new file and every rename also sync the folder:
// a synced record in a file without a name would be lost.
// After the first change that failed, no further one is made: LevelDB would tidy up, and may remove
// what a rename that was reported as failed did put into use.
// Thread: any, as LevelDB's Env. Destroyed after every DB that uses it.
class LevelDbEnv final : public leveldb::Env {
 public:
  LevelDbEnv(paddock::Env& env, bool in_step);
  ~LevelDbEnv() override;

  leveldb::Status NewSequentialFile(const std::string& path,
                                    leveldb::SequentialFile** result) override;
  leveldb::Status NewRandomAccessFile(const std::string& path,
                                      leveldb::RandomAccessFile** result) override;
  leveldb::Status NewWritableFile(const std::string& path, leveldb::WritableFile** result) override;
  leveldb::Status NewAppendableFile(const std::string& path,
                                    leveldb::WritableFile** result) override;
  bool FileExists(const std::string& path) override;
  leveldb::Status GetChildren(const std::string& folder, std::vector<std::string>* names) override;
  leveldb::Status RemoveFile(const std::string& path) override;
  leveldb::Status CreateDir(const std::string& folder) override;
  leveldb::Status RemoveDir(const std::string& folder) override;
  leveldb::Status GetFileSize(const std::string& path, std::uint64_t* size) override;
  leveldb::Status RenameFile(const std::string& from, const std::string& to) override;
  leveldb::Status LockFile(const std::string& path, leveldb::FileLock** lock) override;
  leveldb::Status UnlockFile(leveldb::FileLock* lock) override;
  void Schedule(void (*function)(void*), void* argument) override;
  void StartThread(void (*function)(void*), void* argument) override;
  leveldb::Status GetTestDirectory(std::string* path) override;
  leveldb::Status NewLogger(const std::string& path, leveldb::Logger** result) override;
  std::uint64_t NowMicros() override;
  void SleepForMicroseconds(int micros) override;

  // Blocks until the background has nothing to do. Not while holding a lock of LevelDB's.
  void wait_idle();
  // The same if `in_step`, and not the background thread itself.
  void take_turn();
  // What a change ended with, as LevelDB has it; an error is the last change that is made.
  leveldb::Status outcome(const Result<void>& result);
  leveldb::Status check_usable() const;
  // Syncs, and leaves the disk to others for as long as that took. Nothing if `in_step`.
  leveldb::Status sync_gently(File& file);

 private:
  struct Work {
    void (*function)(void*);
    void* argument;
  };
  void run();

  paddock::Env& env_;
  const bool in_step_;
  std::atomic<bool> failed_{false};
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<Work> queue_;
  bool busy_ = false;
  int waiting_ = 0;  // callers in wait_idle()
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace paddock::server
