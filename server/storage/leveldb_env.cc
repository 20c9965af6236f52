#include "server/storage/leveldb_env.h"

#include <algorithm>
#include <chrono>
#include <cstdarg>
#include <memory>

namespace paddock::server {

namespace {

constexpr std::uint64_t kPauseMaxMicros = 5000;

leveldb::Status to_status(const Error& error) {
  if (error.code == Code::kNotFound) return leveldb::Status::NotFound(error.message);
  return leveldb::Status::IOError(error.message);
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

class SequentialFile final : public leveldb::SequentialFile {
 public:
  explicit SequentialFile(std::unique_ptr<File> file) : file_(std::move(file)) {}

  leveldb::Status Read(std::size_t n, leveldb::Slice* result, char* scratch) override {
    const auto got = file_->read_at(offset_, {reinterpret_cast<std::uint8_t*>(scratch), n});
    if (!got) return to_status(got.error());
    offset_ += *got;
    *result = leveldb::Slice(scratch, *got);
    return leveldb::Status::OK();
  }
  leveldb::Status Skip(std::uint64_t n) override {
    offset_ += n;
    return leveldb::Status::OK();
  }

 private:
  std::unique_ptr<File> file_;
  std::uint64_t offset_ = 0;
};

class RandomAccessFile final : public leveldb::RandomAccessFile {
 public:
  explicit RandomAccessFile(std::unique_ptr<File> file) : file_(std::move(file)) {}

  leveldb::Status Read(std::uint64_t offset, std::size_t n, leveldb::Slice* result,
                       char* scratch) const override {
    const auto got = file_->read_at(offset, {reinterpret_cast<std::uint8_t*>(scratch), n});
    if (!got) return to_status(got.error());
    *result = leveldb::Slice(scratch, *got);
    return leveldb::Status::OK();
  }

 private:
  std::unique_ptr<File> file_;
};

class WritableFile final : public leveldb::WritableFile {
 public:
  WritableFile(LevelDbEnv& owner, Env& env, std::string path, std::unique_ptr<File> file,
               std::uint64_t offset)
      : owner_(owner), env_(env), path_(std::move(path)), file_(std::move(file)), offset_(offset) {}
  ~WritableFile() override {
    if (file_ != nullptr) Close();
  }

  leveldb::Status Append(const leveldb::Slice& data) override {
    buffer_.append(data.data(), data.size());
    return buffer_.size() < kBufferBytes ? leveldb::Status::OK() : write_buffer();
  }
  leveldb::Status Flush() override { return write_buffer(); }
  leveldb::Status Close() override {
    leveldb::Status status = write_buffer();
    file_.reset();
    return status;
  }
  leveldb::Status Sync() override {
    leveldb::Status status = write_buffer();
    if (!status.ok()) return status;
    status = owner_.outcome(file_->sync());
    if (!status.ok() || named_) return status;
    status = owner_.outcome(env_.sync_folder(folder_of(path_)));
    named_ = status.ok();
    return status;
  }

 private:
  static constexpr std::size_t kBufferBytes = 64u << 10;
  // A large file is synced as it grows, so that the log's fdatasync never waits behind all of it.
  static constexpr std::size_t kSyncBytes = 256u << 10;

  leveldb::Status write_buffer() {
    if (buffer_.empty()) return leveldb::Status::OK();
    owner_.take_turn();
    leveldb::Status status = owner_.check_usable();
    if (status.ok()) status = owner_.outcome(file_->write_at(offset_, as_bytes(buffer_)));
    if (!status.ok()) return status;
    offset_ += buffer_.size();
    unsynced_ += buffer_.size();
    buffer_.clear();
    if (unsynced_ < kSyncBytes) return leveldb::Status::OK();
    unsynced_ = 0;
    return owner_.sync_gently(*file_);
  }

  LevelDbEnv& owner_;
  Env& env_;
  const std::string path_;
  std::unique_ptr<File> file_;
  std::uint64_t offset_;
  std::string buffer_;
  std::size_t unsynced_ = 0;  // bytes written since a sync
  bool named_ = false;        // its folder was synced once
};

class FileLock final : public leveldb::FileLock {
 public:
  explicit FileLock(std::unique_ptr<File> file) : file_(std::move(file)) {}

 private:
  std::unique_ptr<File> file_;
};

// LevelDB's chatter about its compactions has no reader here.
class NoLogger final : public leveldb::Logger {
 public:
  void Logv(const char*, std::va_list) override {}
};

}  // namespace

LevelDbEnv::LevelDbEnv(paddock::Env& env, bool in_step) : env_(env), in_step_(in_step) {}

LevelDbEnv::~LevelDbEnv() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

leveldb::Status LevelDbEnv::outcome(const Result<void>& result) {
  if (result) return leveldb::Status::OK();
  // LevelDB renames and removes what need not be there.
  if (result.error().code != Code::kNotFound) failed_ = true;
  return to_status(result.error());
}

leveldb::Status LevelDbEnv::sync_gently(File& file) {
  if (in_step_) return leveldb::Status::OK();
  const std::uint64_t before = NowMicros();
  leveldb::Status status = outcome(file.sync());
  const std::uint64_t took = NowMicros() - before;
  SleepForMicroseconds(static_cast<int>(std::min(took, kPauseMaxMicros)));
  return status;
}

leveldb::Status LevelDbEnv::check_usable() const {
  if (!failed_) return leveldb::Status::OK();
  return leveldb::Status::IOError("an earlier change failed: no further one is made");
}

leveldb::Status LevelDbEnv::NewSequentialFile(const std::string& path,
                                              leveldb::SequentialFile** result) {
  auto file = env_.open(path, OpenMode::kRead);
  if (!file) return to_status(file.error());
  *result = new SequentialFile(std::move(*file));
  return leveldb::Status::OK();
}

leveldb::Status LevelDbEnv::NewRandomAccessFile(const std::string& path,
                                                leveldb::RandomAccessFile** result) {
  auto file = env_.open(path, OpenMode::kRead);
  if (!file) return to_status(file.error());
  *result = new RandomAccessFile(std::move(*file));
  return leveldb::Status::OK();
}

leveldb::Status LevelDbEnv::NewWritableFile(const std::string& path,
                                            leveldb::WritableFile** result) {
  auto file = env_.open(path, OpenMode::kCreate);
  if (!file) return to_status(file.error());
  *result = new WritableFile(*this, env_, path, std::move(*file), 0);
  return leveldb::Status::OK();
}

leveldb::Status LevelDbEnv::NewAppendableFile(const std::string& path,
                                              leveldb::WritableFile** result) {
  auto file = env_.open(path, OpenMode::kCreateOrOpen);
  if (!file) return to_status(file.error());
  const auto size = (*file)->size();
  if (!size) return to_status(size.error());
  *result = new WritableFile(*this, env_, path, std::move(*file), *size);
  return leveldb::Status::OK();
}

bool LevelDbEnv::FileExists(const std::string& path) {
  return env_.exists(path);
}

leveldb::Status LevelDbEnv::GetChildren(const std::string& folder,
                                        std::vector<std::string>* names) {
  auto listed = env_.list(folder);
  if (!listed) return to_status(listed.error());
  *names = std::move(*listed);
  return leveldb::Status::OK();
}

leveldb::Status LevelDbEnv::RemoveFile(const std::string& path) {
  const leveldb::Status usable = check_usable();
  return usable.ok() ? outcome(env_.remove(path)) : usable;
}

leveldb::Status LevelDbEnv::CreateDir(const std::string& folder) {
  const auto made = env_.make_folders(folder);
  return made ? leveldb::Status::OK() : to_status(made.error());
}

leveldb::Status LevelDbEnv::RemoveDir(const std::string& folder) {
  return RemoveFile(folder);
}

leveldb::Status LevelDbEnv::GetFileSize(const std::string& path, std::uint64_t* size) {
  const auto found = env_.file_size(path);
  if (!found) return to_status(found.error());
  *size = *found;
  return leveldb::Status::OK();
}

leveldb::Status LevelDbEnv::RenameFile(const std::string& from, const std::string& to) {
  leveldb::Status status = check_usable();
  if (status.ok()) status = outcome(env_.rename(from, to));
  if (status.ok()) status = outcome(env_.sync_folder(folder_of(to)));
  return status;
}

leveldb::Status LevelDbEnv::LockFile(const std::string& path, leveldb::FileLock** lock) {
  auto file = env_.lock(path);
  if (!file) return to_status(file.error());
  *lock = new FileLock(std::move(*file));
  return leveldb::Status::OK();
}

leveldb::Status LevelDbEnv::UnlockFile(leveldb::FileLock* lock) {
  delete lock;
  return leveldb::Status::OK();
}

void LevelDbEnv::Schedule(void (*function)(void*), void* argument) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(Work{function, argument});
    if (!thread_.joinable()) thread_ = std::thread(&LevelDbEnv::run, this);
  }
  changed_.notify_all();
}

void LevelDbEnv::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(
        lock, [this] { return stopping_ || (!queue_.empty() && (!in_step_ || waiting_ != 0)); });
    if (queue_.empty()) return;
    const Work work = queue_.front();
    queue_.pop_front();
    busy_ = true;
    lock.unlock();
    work.function(work.argument);
    lock.lock();
    busy_ = false;
    changed_.notify_all();
  }
}

void LevelDbEnv::wait_idle() {
  std::unique_lock lock(mutex_);
  ++waiting_;
  changed_.notify_all();
  changed_.wait(lock, [this] { return queue_.empty() && !busy_; });
  --waiting_;
}

void LevelDbEnv::take_turn() {
  if (!in_step_) return;
  {
    const std::lock_guard lock(mutex_);
    if (thread_.get_id() == std::this_thread::get_id()) return;
  }
  wait_idle();
}

void LevelDbEnv::StartThread(void (*function)(void*), void* argument) {
  std::thread(function, argument).detach();
}

leveldb::Status LevelDbEnv::GetTestDirectory(std::string*) {
  return leveldb::Status::NotSupported("there is no folder for tests");
}

leveldb::Status LevelDbEnv::NewLogger(const std::string&, leveldb::Logger** result) {
  *result = new NoLogger;
  return leveldb::Status::OK();
}

std::uint64_t LevelDbEnv::NowMicros() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

void LevelDbEnv::SleepForMicroseconds(int micros) {
  std::this_thread::sleep_for(std::chrono::microseconds(micros));
}

}  // namespace paddock::server
