#include "server/run/learner_feeds.h"

#include <array>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "common/check.h"
#include "server/run/feed_makers.h"

namespace paddock::server {

namespace {

constexpr std::size_t kPieceBytes = 64u << 10;
// Waiting for one link's socket. Below half of it, more is read.
constexpr std::size_t kFeedBytesMax = 1u << 20;
// How soon it is looked whether the log on this disk has come further.
constexpr std::chrono::milliseconds kLogInterval{2};

enum class Kind { kSnapshot, kHistory };

std::size_t bytes_of(const FeedMaker::Piece& piece) {
  const Bytes* bytes = std::get_if<Bytes>(&piece);
  return bytes != nullptr ? bytes->size() : std::get<zab::Txn>(piece).payload->size();
}

}  // namespace

// The threads, and what they make. Shared with the feeds, so that either side may go first.
class LearnerFeeds::Pool {
 public:
  struct Job {
    enum class State { kQueued, kMaking, kWaitsForLog, kFull, kEnded };

    Job(zab::LinkId the_link, Kind the_kind, Learner the_learner,
        std::unique_ptr<FeedMaker> the_maker, LogPins::Pin the_pin)
        : link(the_link),
          kind(the_kind),
          may_wait(the_learner == Learner::kObserver),
          maker(std::move(the_maker)),
          pin(std::move(the_pin)) {}

    const zab::LinkId link;
    const Kind kind;
    const bool may_wait;               // for others of its kind to end
    std::unique_ptr<FeedMaker> maker;  // of whoever made `state` kMaking
    LogPins::Pin pin;

    // Guarded by the pool's mutex.
    State state = State::kQueued;
    bool begun = false;    // counts towards the limit of its kind
    bool starved = false;  // its link was told kLater
    bool dropped = false;  // nobody wants it any more
    std::deque<FeedMaker::Piece> pieces;
    std::size_t bytes = 0;
    std::optional<Error> error;
  };
  using JobRef = std::shared_ptr<Job>;
  // What a link gets: a piece, or none: for now, or because that was all.
  struct Taken {
    std::optional<FeedMaker::Piece> piece;
    bool ended = false;
  };

  Pool(Ready ready, const Limits& limits) : ready_(std::move(ready)), limits_(limits) {
    for (std::size_t i = 0; i < limits.threads; ++i) threads_.emplace_back([this] { run(); });
  }
  void stop();

  void add(const JobRef& job);
  void drop(const JobRef& job);
  Result<Taken> take(const JobRef& job);

 private:
  void run();
  void make(std::unique_lock<std::mutex>& lock, const JobRef& job);
  void finish(Job& job, std::optional<Error> error);
  JobRef next_job();
  std::size_t limit(Kind kind) const {
    return kind == Kind::kSnapshot ? limits_.snapshots : limits_.histories;
  }
  std::size_t& begun(Kind kind) { return begun_[kind == Kind::kSnapshot ? 0 : 1]; }

  const Ready ready_;
  const Limits limits_;
  std::mutex mutex_;  // guards what follows, and the jobs
  std::condition_variable changed_;
  std::deque<JobRef> queue_;
  std::set<JobRef> waiting_;  // for the log
  std::array<std::size_t, 2> begun_{};
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

void LearnerFeeds::Pool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
  const std::lock_guard lock(mutex_);
  queue_.clear();
  waiting_.clear();
}

void LearnerFeeds::Pool::add(const JobRef& job) {
  const std::lock_guard lock(mutex_);
  queue_.push_back(job);
  changed_.notify_one();
}

void LearnerFeeds::Pool::drop(const JobRef& job) {
  const std::lock_guard lock(mutex_);
  job->dropped = true;
  job->pieces.clear();
  if (job->state == Job::State::kMaking) return;  // ended by who works on it
  std::erase(queue_, job);
  waiting_.erase(job);
  finish(*job, std::nullopt);
}

Result<LearnerFeeds::Pool::Taken> LearnerFeeds::Pool::take(const JobRef& job) {
  const std::lock_guard lock(mutex_);
  if (job->pieces.empty()) {
    if (job->error) return *job->error;
    if (job->state == Job::State::kEnded) return Taken{.piece = std::nullopt, .ended = true};
    if (stopping_) return Error{Code::kRefused, "this server stops"};
    job->starved = true;
    return Taken{};
  }
  Taken taken{.piece = std::move(job->pieces.front())};
  job->pieces.pop_front();
  job->bytes -= bytes_of(*taken.piece);
  if (job->state == Job::State::kFull && job->bytes < kFeedBytesMax / 2) {
    job->state = Job::State::kQueued;
    queue_.push_back(job);
    changed_.notify_one();
  }
  return taken;
}

// The first one that need not wait for its kind's limit, or null.
LearnerFeeds::Pool::JobRef LearnerFeeds::Pool::next_job() {
  for (auto at = queue_.begin(); at != queue_.end(); ++at) {
    Job& job = **at;
    if (!job.begun && job.may_wait && begun(job.kind) >= limit(job.kind)) continue;
    if (!std::exchange(job.begun, true)) ++begun(job.kind);
    JobRef found = std::move(*at);
    queue_.erase(at);
    return found;
  }
  return nullptr;
}

void LearnerFeeds::Pool::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (const JobRef job = next_job(); job != nullptr) {
      make(lock, job);
    } else if (waiting_.empty()) {
      changed_.wait(lock);
    } else {
      changed_.wait_for(lock, kLogInterval);
      for (const JobRef& waiting : waiting_) {
        waiting->state = Job::State::kQueued;
        queue_.push_back(waiting);
      }
      waiting_.clear();
    }
  }
}

void LearnerFeeds::Pool::make(std::unique_lock<std::mutex>& lock, const JobRef& job) {
  job->state = Job::State::kMaking;
  lock.unlock();
  std::vector<FeedMaker::Piece> pieces;
  const Result<FeedMaker::State> made = job->maker->make(pieces, kPieceBytes);
  lock.lock();
  if (!made || job->dropped) {
    finish(*job, made || job->dropped ? std::nullopt : std::optional(made.error()));
  } else {
    for (FeedMaker::Piece& piece : pieces) {
      job->bytes += bytes_of(piece);
      job->pieces.push_back(std::move(piece));
    }
    switch (*made) {
      case FeedMaker::State::kMore:
        job->state = job->bytes < kFeedBytesMax ? Job::State::kQueued : Job::State::kFull;
        if (job->state == Job::State::kQueued) queue_.push_back(job);
        break;
      case FeedMaker::State::kLater:
        job->state = Job::State::kWaitsForLog;
        waiting_.insert(job);
        break;
      case FeedMaker::State::kEnd:
        finish(*job, std::nullopt);
        break;
    }
  }
  const bool goes_on = !job->pieces.empty() || job->state == Job::State::kEnded;
  if (job->dropped || stopping_ || !goes_on || !std::exchange(job->starved, false)) return;
  lock.unlock();
  ready_(job->link);
  lock.lock();
}

// Nothing more is read for it; what was is still given.
void LearnerFeeds::Pool::finish(Job& job, std::optional<Error> error) {
  job.state = Job::State::kEnded;
  job.error = std::move(error);
  job.maker.reset();
  job.pin = {};
  if (std::exchange(job.begun, false)) {
    --begun(job.kind);
    changed_.notify_all();
  }
}

// What a link holds. Destroying it ends the job.
class LearnerFeeds::Claim {
 public:
  Claim(std::shared_ptr<Pool> pool, Pool::JobRef job)
      : pool_(std::move(pool)), job_(std::move(job)) {
    pool_->add(job_);
  }
  ~Claim() { pool_->drop(job_); }
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

  Result<Pool::Taken> take() { return pool_->take(job_); }

 private:
  const std::shared_ptr<Pool> pool_;
  const Pool::JobRef job_;
};

class LearnerFeeds::StateFeed final : public SnapshotFeed {
 public:
  StateFeed(std::shared_ptr<Pool> pool, Pool::JobRef job)
      : claim_(std::move(pool), std::move(job)) {}

  Result<State> next(Bytes& to, std::size_t bytes_wanted) override {
    const std::size_t before = to.size();
    do {
      PADDOCK_TRY(const Pool::Taken taken, claim_.take());
      if (taken.ended) return State::kEnd;
      if (!taken.piece) return to.size() > before ? State::kMore : State::kLater;
      append(to, std::get<Bytes>(*taken.piece));
    } while (to.size() - before < bytes_wanted);
    return State::kMore;
  }

 private:
  Claim claim_;
};

class LearnerFeeds::LogFeed final : public HistoryFeed {
 public:
  LogFeed(std::shared_ptr<Pool> pool, Pool::JobRef job) : claim_(std::move(pool), std::move(job)) {}

  Result<Next> next() override {
    PADDOCK_TRY(Pool::Taken taken, claim_.take());
    if (taken.ended) return Next{.txn = std::nullopt, .state = State::kEnd};
    if (!taken.piece) return Next{.txn = std::nullopt, .state = State::kLater};
    return Next{.txn = std::get<zab::Txn>(std::move(*taken.piece)), .state = State::kMore};
  }

 private:
  Claim claim_;
};

LearnerFeeds::LearnerFeeds(Env& env, const StorageOptions& options, CheckpointThread& checkpoints,
                           const TxnLog& log, Ready ready, Limits limits)
    : env_(env),
      options_(options),
      checkpoints_(checkpoints),
      log_(log),
      pool_(std::make_shared<Pool>(std::move(ready), limits)) {}

LearnerFeeds::~LearnerFeeds() {
  pool_->stop();
}

Result<LearnerFeeds::SnapshotStart> LearnerFeeds::snapshot(zab::LinkId link, Learner learner) {
  PADDOCK_TRY(std::unique_ptr<CheckpointView> view, checkpoints_.open_view());
  const Zxid zxid = view->zxid();
  auto job = std::make_shared<Pool::Job>(link, Kind::kSnapshot, learner,
                                         std::make_unique<SnapshotMaker>(std::move(view)),
                                         checkpoints_.pins().pin(zxid));
  return SnapshotStart{zxid, std::make_unique<StateFeed>(pool_, std::move(job))};
}

std::unique_ptr<HistoryFeed> LearnerFeeds::history(zab::LinkId link, Zxid after, Zxid upto,
                                                   Learner learner) {
  auto job =
      std::make_shared<Pool::Job>(link, Kind::kHistory, learner,
                                  std::make_unique<HistoryMaker>(env_, options_, log_, after, upto),
                                  checkpoints_.pins().pin(after));
  return std::make_unique<LogFeed>(pool_, std::move(job));
}

Result<SnapshotSink::Taken> TreeSink::consume(ByteView piece) {
  PADDOCK_TRY(const std::size_t bytes, decoder_.take(piece));
  return Taken{bytes, decoder_.done() ? State::kDone : State::kMore};
}

}  // namespace paddock::server
