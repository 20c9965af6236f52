#include "server/storage/checkpoint.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/write_batch.h>

#include "common/check.h"
#include "common/concat.h"
#include "server/storage/checkpoint_codec.h"
#include "server/storage/leveldb_env.h"
#include "server/storage/leveldb_tail.h"

namespace paddock::server {

namespace {

constexpr std::string_view kMetaKey = "m";
constexpr char kNodePrefix = 'n';
constexpr char kSessionPrefix = 's';
constexpr char kStagedPrefix = 'p';

leveldb::Slice slice(std::string_view text) {
  return {text.data(), text.size()};
}
std::string_view view(const leveldb::Slice& slice) {
  return {slice.data(), slice.size()};
}

leveldb::ReadOptions reading() {
  leveldb::ReadOptions options;
  options.verify_checksums = true;
  options.fill_cache = false;
  return options;
}

// Puts and deletions, handed to LevelDB whenever they have become `bytes_max`.
class Batches {
 public:
  Batches(leveldb::DB& db, std::size_t bytes_max) : db_(db), bytes_max_(bytes_max) {}

  leveldb::Status put(std::string_view key, std::string_view value) {
    batch_.Put(slice(key), slice(value));
    return flush_if_full();
  }
  leveldb::Status remove(std::string_view key) {
    batch_.Delete(slice(key));
    return flush_if_full();
  }
  // Always durable: what LevelDB writes without a sync and leaves in a log that it then replaces
  // can be lost though a later write is not.
  leveldb::Status flush() {
    leveldb::WriteOptions options;
    options.sync = true;
    leveldb::Status status = db_.Write(options, &batch_);
    batch_.Clear();
    return status;
  }

 private:
  leveldb::Status flush_if_full() {
    return batch_.ApproximateSize() < bytes_max_ ? leveldb::Status::OK() : flush();
  }

  leveldb::DB& db_;
  const std::size_t bytes_max_;
  leveldb::WriteBatch batch_;
};

using SnapshotRef = std::shared_ptr<const leveldb::Snapshot>;

SnapshotRef take_snapshot(leveldb::DB& db) {
  return {db.GetSnapshot(), [&db](const leveldb::Snapshot* snapshot) {
            if (snapshot != nullptr) db.ReleaseSnapshot(snapshot);
          }};
}

Error damaged(const std::string& folder, std::string_view what) {
  return Error{Code::kCorrupt,
               concat(folder, ": ", what,
                      ". Restore it from a backup together with version-2, or move it away: the ",
                      "server then starts from its newest ZooKeeper snapshot and the log, if they ",
                      "reach back far enough; in an ensemble, move all of this server's data away ",
                      "and let it synchronize anew")};
}

Result<void> checked(const std::string& folder, const leveldb::Status& status) {
  if (status.ok()) return {};
  if (status.IsCorruption() || status.IsNotFound() || status.IsInvalidArgument()) {
    return damaged(folder, status.ToString());
  }
  return Error{Code::kIo, concat(folder, ": ", status.ToString())};
}

}  // namespace

// What a view shares with its checkpoint, so that either may go first.
struct CheckpointView::State {
  State(leveldb::DB& the_db, SnapshotRef the_snapshot, const CheckpointMeta& the_meta,
        std::string the_folder)
      : meta(the_meta),
        folder(std::move(the_folder)),
        db(&the_db),
        snapshot(std::move(the_snapshot)) {}

  // LevelDB is about to be closed, or nobody wants it any more.
  void release() {
    const std::lock_guard lock(mutex);
    at.reset();
    snapshot.reset();
    db = nullptr;
  }

  const CheckpointMeta meta;
  const std::string folder;
  std::mutex mutex;  // guards what follows
  leveldb::DB* db;   // null: released
  SnapshotRef snapshot;
  std::unique_ptr<leveldb::Iterator> at;  // null: at the beginning
};

struct Checkpoint::Impl {
  Impl(Env& env, std::string folder, CheckpointOptions options)
      : folder(std::move(folder)),
        options(options),
        files(env),
        env(env, options.in_step),
        cache(leveldb::NewLRUCache(256u << 10)) {}
  ~Impl() {
    for (const auto& each : views) {
      if (const auto view = each.lock()) view->release();
    }
    stay_in_step();
  }

  // Of what goes in several batches.
  std::size_t chunk_bytes() const { return options.batch_bytes_max / 16; }
  // Where one seed must replay exactly: opening, reading and writing may each have asked for a
  // compaction, and what comes next changes the same disk, or waits for it for ever.
  void stay_in_step() {
    if (options.in_step) env.wait_idle();
  }
  // What a view is of while an update is moved into place entry by entry; null: what is there.
  void keep_for_views(SnapshotRef snapshot) {
    const std::lock_guard lock(views_mutex);
    kept = std::move(snapshot);
  }
  Result<void> open_db();
  Result<void> read_meta();
  Result<void> settle();
  Result<void> remove_range(char prefix);
  Result<void> finish_staged();
  Result<void> put_meta(Batches& batches);
  Result<void> write_plain(const Dirty& dirty, std::size_t batch_bytes_max);
  Result<void> write_staged(const Dirty& dirty);
  Result<void> load_nodes(DataTree& tree);
  Result<void> load_sessions(DataTree& tree);
  Error damaged(std::string_view what) const;
  Result<void> checked(const leveldb::Status& status) const;
  template <typename Put, typename Remove>
  leveldb::Status each_entry(const Dirty& dirty, Put&& put, Remove&& remove);

  const std::string folder;
  const CheckpointOptions options;
  Env& files;
  LevelDbEnv env;
  std::unique_ptr<leveldb::Cache> cache;
  std::unique_ptr<leveldb::DB> db;
  std::atomic<bool> has_meta{false};
  CheckpointMeta meta;
  std::atomic<Zxid> zxid{};
  bool failed = false;

  std::mutex views_mutex;  // guards the next two
  SnapshotRef kept;
  std::vector<std::weak_ptr<CheckpointView::State>> views;
};

Error Checkpoint::Impl::damaged(std::string_view what) const {
  return server::damaged(folder, what);
}

Result<void> Checkpoint::Impl::checked(const leveldb::Status& status) const {
  return server::checked(folder, status);
}

Result<void> Checkpoint::Impl::open_db() {
  PADDOCK_TRY_DO(cut_torn_leveldb_tails(files, folder));
  leveldb::Options how;
  how.create_if_missing = true;
  how.paranoid_checks = true;
  how.env = &env;
  how.write_buffer_size = options.write_buffer_bytes;
  how.block_cache = cache.get();
  how.block_size = 32u << 10;
  how.max_file_size = 8u << 20;
  how.compression = leveldb::kNoCompression;
  leveldb::DB* opened = nullptr;
  const leveldb::Status status = leveldb::DB::Open(how, folder, &opened);
  db.reset(opened);
  return checked(status);
}

Result<void> Checkpoint::Impl::read_meta() {
  std::string value;
  const leveldb::Status status = db->Get(reading(), slice(kMetaKey), &value);
  has_meta = status.ok();
  if (status.IsNotFound()) return {};
  PADDOCK_TRY_DO(checked(status));
  const Result<CheckpointMeta> decoded = decode_meta(value);
  if (!decoded) return damaged(decoded.error().message);
  meta = *decoded;
  zxid = meta.zxid;
  return {};
}

// Ends what a crash interrupted: a first write that never got its zxid is wiped; staged entries are
// moved into place if the zxid says that they count, and dropped if not.
Result<void> Checkpoint::Impl::settle() {
  if (!has_meta) {
    PADDOCK_TRY_DO(remove_range(kNodePrefix));
    PADDOCK_TRY_DO(remove_range(kSessionPrefix));
    return {};
  }
  return meta.staged ? finish_staged() : remove_range(kStagedPrefix);
}

Result<void> Checkpoint::Impl::remove_range(char prefix) {
  Batches batches(*db, chunk_bytes());
  const std::unique_ptr<leveldb::Iterator> it(db->NewIterator(reading()));
  for (it->Seek(leveldb::Slice(&prefix, 1)); it->Valid() && it->key()[0] == prefix; it->Next()) {
    PADDOCK_TRY_DO(checked(batches.remove(view(it->key()))));
  }
  PADDOCK_TRY_DO(checked(it->status()));
  return checked(batches.flush());
}

Result<void> Checkpoint::Impl::finish_staged() {
  Batches batches(*db, chunk_bytes());
  const std::unique_ptr<leveldb::Iterator> it(db->NewIterator(reading()));
  it->Seek(leveldb::Slice(&kStagedPrefix, 1));
  for (; it->Valid() && it->key()[0] == kStagedPrefix; it->Next()) {
    const std::string_view key = view(it->key()).substr(1);
    const std::string_view value = view(it->value());
    if (value.empty() || key.empty()) return damaged("an entry that does not parse");
    const bool keep = value.front() != 0;
    PADDOCK_TRY_DO(checked(keep ? batches.put(key, value.substr(1)) : batches.remove(key)));
  }
  PADDOCK_TRY_DO(checked(it->status()));
  meta.staged = false;
  PADDOCK_TRY_DO(put_meta(batches));
  return remove_range(kStagedPrefix);
}

Result<void> Checkpoint::Impl::put_meta(Batches& batches) {
  PADDOCK_TRY_DO(checked(batches.put(kMetaKey, encode_meta(meta))));
  return checked(batches.flush());
}

// Calls put(key, value) or remove(key) for each entry. What goes in several batches goes in key
// order, so that LevelDB has less to merge later.
template <typename Put, typename Remove>
leveldb::Status Checkpoint::Impl::each_entry(const Dirty& dirty, Put&& put, Remove&& remove) {
  std::vector<const DirtyNodes::value_type*> order;
  order.reserve(dirty.nodes.size());
  for (const auto& entry : dirty.nodes) order.push_back(&entry);
  if (dirty.bytes > options.batch_bytes_max) {
    std::sort(order.begin(), order.end(), [](auto* a, auto* b) { return a->first < b->first; });
  }
  std::string key, value;
  for (const auto* const entry : order) {
    key.assign(1, kNodePrefix).append(entry->first);
    leveldb::Status status;
    if (entry->second) {
      value.clear();
      encode_node(*entry->second, value);
      status = put(key, value);
    } else {
      status = remove(key);
    }
    if (!status.ok()) return status;
  }
  for (const auto& [id, timeout_ms] : dirty.sessions) {
    key.assign(1, kSessionPrefix).append(encode_session_id(id));
    leveldb::Status status = timeout_ms ? put(key, encode_timeout(*timeout_ms)) : remove(key);
    if (!status.ok()) return status;
  }
  return leveldb::Status::OK();
}

Result<void> Checkpoint::Impl::write_plain(const Dirty& dirty, std::size_t batch_bytes_max) {
  Batches batches(*db, batch_bytes_max);
  PADDOCK_TRY_DO(checked(each_entry(
      dirty, [&](std::string_view key, std::string_view value) { return batches.put(key, value); },
      [&](std::string_view key) { return batches.remove(key); })));
  return put_meta(batches);
}

Result<void> Checkpoint::Impl::write_staged(const Dirty& dirty) {
  keep_for_views(take_snapshot(*db));
  meta.staged = true;
  Batches batches(*db, chunk_bytes());
  std::string staged_key, staged_value;
  PADDOCK_TRY_DO(checked(each_entry(
      dirty,
      [&](std::string_view key, std::string_view value) {
        staged_key.assign(1, kStagedPrefix).append(key);
        staged_value.assign(1, '\1').append(value);
        return batches.put(staged_key, staged_value);
      },
      [&](std::string_view key) {
        staged_key.assign(1, kStagedPrefix).append(key);
        return batches.put(staged_key, std::string_view("\0", 1));
      })));
  PADDOCK_TRY_DO(put_meta(batches));
  PADDOCK_TRY_DO(finish_staged());
  keep_for_views(nullptr);
  return {};
}

Result<void> Checkpoint::Impl::load_nodes(DataTree& tree) {
  const std::unique_ptr<leveldb::Iterator> it(db->NewIterator(reading()));
  it->Seek(leveldb::Slice(&kNodePrefix, 1));
  for (; it->Valid() && it->key()[0] == kNodePrefix; it->Next()) {
    const std::string_view path = view(it->key()).substr(1);
    const std::string_view value = view(it->value());
    const Result<StoredNode> node = decode_node(as_bytes(value));
    if (!node) return damaged(node.error().message);
    if (auto loaded = tree.load_node(path, node->stat, node->acl, node->data); !loaded) {
      return damaged(loaded.error().message);
    }
  }
  return checked(it->status());
}

Result<void> Checkpoint::Impl::load_sessions(DataTree& tree) {
  const std::unique_ptr<leveldb::Iterator> it(db->NewIterator(reading()));
  it->Seek(leveldb::Slice(&kSessionPrefix, 1));
  for (; it->Valid() && it->key()[0] == kSessionPrefix; it->Next()) {
    const auto session = decode_session(view(it->key()).substr(1), view(it->value()));
    if (!session) return damaged(session.error().message);
    tree.load_session(session->id, session->timeout_ms);
  }
  return checked(it->status());
}

Checkpoint::Checkpoint(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Checkpoint::~Checkpoint() = default;

Result<std::unique_ptr<Checkpoint>> Checkpoint::open(Env& env, std::string folder,
                                                     CheckpointOptions options) {
  PADDOCK_TRY_DO(env.make_folders(folder));
  auto impl = std::make_unique<Impl>(env, std::move(folder), options);
  PADDOCK_TRY_DO(impl->open_db());
  PADDOCK_TRY_DO(impl->read_meta());
  PADDOCK_TRY_DO(impl->settle());
  impl->stay_in_step();
  return std::unique_ptr<Checkpoint>(new Checkpoint(std::move(impl)));
}

bool Checkpoint::empty() const {
  return !impl_->has_meta;
}
Zxid Checkpoint::zxid() const {
  return impl_->zxid.load();
}

Result<void> Checkpoint::load_into(DataTree& tree) {
  PADDOCK_TRY_DO(impl_->load_nodes(tree));
  PADDOCK_TRY_DO(impl_->load_sessions(tree));
  impl_->stay_in_step();
  tree.finish_load(impl_->meta.zxid);
  const std::uint64_t expected = impl_->meta.tree_digest;
  if (expected == 0 || tree.digest() == 0 || tree.digest() == expected) return {};
  return impl_->damaged(
      concat("the tree read back has digest ", tree.digest(), ", written was ", expected));
}

Result<void> Checkpoint::write(Dirty&& given) {
  const Dirty dirty = std::move(given);
  Impl& impl = *impl_;
  if (impl.failed) {
    return Error{Code::kIo, concat(impl.folder, " failed before and takes nothing more")};
  }
  PADDOCK_CHECK(dirty.zxid >= impl.meta.zxid);
  impl.meta.zxid = dirty.zxid;
  impl.meta.tree_digest = dirty.tree_digest;
  const bool large = dirty.bytes > impl.options.batch_bytes_max;
  // Without a zxid nothing counts yet, so the first write may go in pieces.
  Result<void> written = large && impl.has_meta
                             ? impl.write_staged(dirty)
                             : impl.write_plain(dirty, large ? impl.chunk_bytes() : SIZE_MAX);
  impl.stay_in_step();
  impl.failed = !written;
  if (!written) return written;
  impl.has_meta = true;
  impl.zxid = impl.meta.zxid;
  return {};
}

Result<void> Checkpoint::clear() {
  Impl& impl = *impl_;
  Batches batches(*impl.db, impl.chunk_bytes());
  PADDOCK_TRY_DO(impl.checked(batches.remove(kMetaKey)));
  PADDOCK_TRY_DO(impl.checked(batches.flush()));
  impl.has_meta = false;
  impl.meta = CheckpointMeta{};
  impl.zxid = Zxid{};
  PADDOCK_TRY_DO(impl.settle());
  PADDOCK_TRY_DO(impl.remove_range(kStagedPrefix));
  impl.stay_in_step();
  return {};
}

Result<std::unique_ptr<CheckpointView>> Checkpoint::open_view() const {
  Impl& impl = *impl_;
  const std::lock_guard lock(impl.views_mutex);
  SnapshotRef snapshot = impl.kept != nullptr ? impl.kept : take_snapshot(*impl.db);
  leveldb::ReadOptions options = reading();
  options.snapshot = snapshot.get();
  std::string value;
  const leveldb::Status status = impl.db->Get(options, slice(kMetaKey), &value);
  if (status.IsNotFound()) {
    return Error{Code::kNotFound, concat(impl.folder, " holds no checkpoint yet")};
  }
  PADDOCK_TRY_DO(impl.checked(status));
  const Result<CheckpointMeta> meta = decode_meta(value);
  if (!meta) return impl.damaged(meta.error().message);
  PADDOCK_CHECK(!meta->staged);
  auto state =
      std::make_shared<CheckpointView::State>(*impl.db, std::move(snapshot), *meta, impl.folder);
  std::erase_if(impl.views, [](const auto& each) { return each.expired(); });
  impl.views.push_back(state);
  return std::make_unique<CheckpointView>(std::move(state));
}

CheckpointView::CheckpointView(std::shared_ptr<State> state) : state_(std::move(state)) {}
CheckpointView::~CheckpointView() {
  state_->release();
}

Zxid CheckpointView::zxid() const {
  return state_->meta.zxid;
}

template <typename OnEntry>
Result<bool> CheckpointView::read(char prefix, std::size_t count, OnEntry&& on_entry) {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  if (state.db == nullptr) {
    return Error{Code::kRefused, concat(state.folder, ": another state has taken its place")};
  }
  if (state.at == nullptr) {
    leveldb::ReadOptions options = reading();
    options.snapshot = state.snapshot.get();
    state.at.reset(state.db->NewIterator(options));
    state.at->Seek(leveldb::Slice(&prefix, 1));
  }
  for (; state.at->Valid() && state.at->key()[0] == prefix; state.at->Next()) {
    if (count-- == 0) return true;
    PADDOCK_TRY_DO(on_entry(view(state.at->key()).substr(1), view(state.at->value())));
  }
  PADDOCK_TRY_DO(checked(state.folder, state.at->status()));
  state.at.reset();
  return false;
}

Result<bool> CheckpointView::read_nodes(std::size_t count, const OnNode& on_node) {
  return read(kNodePrefix, count, [&](std::string_view path, std::string_view value) {
    const Result<StoredNode> node = decode_node(as_bytes(value));
    return node ? on_node(path, *node) : damaged(state_->folder, node.error().message);
  });
}

Result<bool> CheckpointView::read_sessions(std::size_t count, const OnSession& on_session) {
  return read(kSessionPrefix, count, [&](std::string_view key, std::string_view value) {
    const Result<StoredSession> session = decode_session(key, value);
    return session ? on_session(*session) : damaged(state_->folder, session.error().message);
  });
}

std::string Checkpoint::describe() const {
  std::string text;
  impl_->db->GetProperty("leveldb.stats", &text);
  return text;
}

}  // namespace paddock::server
