#include "server/storage/recovery.h"

#include <algorithm>

#include "common/concat.h"
#include "server/storage/epoch_files.h"
#include "server/storage/install.h"
#include "server/storage/load_state.h"
#include "server/storage/log_history.h"
#include "server/storage/overlay_env.h"
#include "server/storage/rewind.h"
#include "server/storage/snapshot_file.h"
#include "server/storage/txn_log_reader.h"

namespace paddock::server {

namespace {

constexpr std::string_view kLockFile = "/paddock.lock";

std::string hex(Zxid zxid) {
  return paddock::hex(static_cast<std::uint64_t>(zxid.value));
}

// One recovery: what it is given, what it has found so far, and what is left to do on disk.
class Recovery {
 public:
  Recovery(Env& env, const StorageOptions& options, const TreeOptions& tree_options)
      : env_(env), options_(options), tree_options_(tree_options) {}

  Result<Recovered> run() {
    PADDOCK_TRY_DO(prepare_folders());
    PADDOCK_TRY_DO(take_locks());
    PADDOCK_TRY_DO(end_interrupted_install());
    PADDOCK_TRY_DO(refuse_swapped_folders());
    PADDOCK_TRY_DO(load_state());
    PADDOCK_TRY_DO(replay());
    PADDOCK_TRY_DO(read_epochs());
    PADDOCK_TRY_DO(clean_up());
    PADDOCK_TRY_DO(open_for_writing());
    return result();
  }

 private:
  Result<void> prepare_folders();
  Result<void> take_locks();
  Result<void> refuse_swapped_folders();
  Result<void> end_interrupted_install();
  Result<void> load_state();
  Result<void> start_without_state();
  Result<void> replay();
  Result<void> read_epochs();
  Result<void> write_missing_epochs();
  Result<void> clean_up();
  Result<void> cut_tail();
  Result<void> remove_leftovers(const std::string& folder);
  Result<void> open_for_writing();
  Result<void> begin_fresh();
  Recovered result();

  void note(std::string text) { state_.notes.push_back(std::move(text)); }
  bool two_folders() const { return snapshot_folder(options_) != log_folder(options_); }

  Env& env_;
  const StorageOptions& options_;
  const TreeOptions& tree_options_;
  Recovered found_;
  LoadedState state_;
  struct {
    bool accepted = false, current = false;
  } missing_epochs_;
};

Result<void> Recovery::prepare_folders() {
  for (const std::string& folder : {snapshot_folder(options_), log_folder(options_)}) {
    if (env_.exists(folder)) continue;
    if (!options_.auto_create_dirs) {
      return Error{Code::kRefused,
                   concat("the folder ", folder, " is not there, and datadir.autocreate is false. ",
                          "Create it, or correct dataDir and dataLogDir")};
    }
    PADDOCK_TRY_DO(env_.make_folders(folder));
  }
  PADDOCK_TRY_DO(env_.make_folders(state_folder(options_)));
  PADDOCK_TRY_DO(env_.sync_folder(options_.data_dir));
  return env_.sync_folder(options_.data_log_dir);
}

Result<void> Recovery::take_locks() {
  PADDOCK_TRY(auto lock, env_.lock(concat(options_.data_dir, kLockFile)));
  found_.locks.push_back(std::move(lock));
  if (!two_folders()) return {};
  PADDOCK_TRY(lock, env_.lock(concat(options_.data_log_dir, kLockFile)));
  found_.locks.push_back(std::move(lock));
  return {};
}

Result<void> Recovery::refuse_swapped_folders() {
  if (!two_folders()) return {};
  PADDOCK_TRY(const auto logs, list_log_files(env_, snapshot_folder(options_)));
  PADDOCK_TRY(const auto snapshots, list_snapshot_files(env_, log_folder(options_)));
  if (logs.empty() && snapshots.empty()) return {};
  const bool log_misplaced = !logs.empty();
  return Error{
      Code::kRefused,
      concat(log_misplaced ? snapshot_folder(options_) : log_folder(options_), " holds ",
             log_misplaced ? logs.front().name : snapshots.front().name,
             log_misplaced ? ", but transaction logs belong to " : ", but snapshots belong to ",
             log_misplaced ? log_folder(options_) : snapshot_folder(options_),
             ". Correct dataDir and dataLogDir, or move the files")};
}

// A leader's snapshot that was whole on disk takes the place of everything, whatever came between.
Result<void> Recovery::end_interrupted_install() {
  PADDOCK_TRY(const bool ended, finish_install(env_, options_));
  if (ended) note("put the leader's snapshot into place, which a crash had interrupted");
  return {};
}

Result<void> Recovery::load_state() {
  if (env_.exists(concat(state_folder(options_), "/CURRENT"))) {
    PADDOCK_TRY(found_.checkpoint,
                Checkpoint::open(env_, state_folder(options_), options_.checkpoint));
    found_.checkpoint_zxid = found_.checkpoint->zxid();
  }
  std::vector<std::string> notes = std::move(state_.notes);
  PADDOCK_TRY(state_, load_base(env_, options_, tree_options_, found_.checkpoint.get()));
  state_.notes.insert(state_.notes.begin(), notes.begin(), notes.end());
  return state_.tree == nullptr ? start_without_state() : Result<void>();
}

// Neither a checkpoint nor a snapshot.
Result<void> Recovery::start_without_state() {
  state_.tree = std::make_unique<DataTree>(tree_options_);
  state_.tree->finish_load(Zxid{});
  state_.tree->mark_all_dirty();
  PADDOCK_TRY(const std::vector<LogFile> logs, list_log_files(env_, log_folder(options_)));
  if (!logs.empty()) {
    if (options_.trust_empty_snapshot) {
      note("there is no snapshot: replaying the whole log, as snapshot.trust.empty says");
      return {};
    }
    return Error{
        Code::kRefused,
        concat(log_folder(options_), " holds ", logs.front().name, ", but there is neither ",
               "a checkpoint in ", state_folder(options_), " nor a snapshot in ",
               snapshot_folder(options_), ". Restore one; or, if the log reaches back to ",
               "the first transaction, start once with snapshot.trust.empty=true")};
  }
  if (!options_.auto_create_db && !env_.exists(concat(options_.data_log_dir, "/initialize"))) {
    return Error{
        Code::kRefused,
        concat(options_.data_dir, " holds no data, and db.autocreate is false. If this is ",
               "a new server, create the empty file ", options_.data_log_dir,
               "/initialize; otherwise correct dataDir")};
  }
  found_.fresh = true;
  note(concat(options_.data_dir, " holds no data: starting with an empty tree"));
  return {};
}

Result<void> Recovery::replay() {
  PADDOCK_TRY_DO(replay_log(env_, options_, state_));
  if (!options_.in_ensemble) state_.tree->drop_orphan_ephemerals();
  std::vector<std::string> notes;
  PADDOCK_TRY(found_.durable.history, read_history(env_, options_, state_, notes));
  for (std::string& text : notes) note(std::move(text));
  return {};
}

// A member's epochs. Missing ones are as high as the last transaction's. A transaction may be of a
// later epoch than currentEpoch: then a crash came while this server learned that epoch's history,
// and it has acknowledged nothing of it. So a `currentEpoch.tmp` that a crash left behind, which
// ZooKeeper takes up, is not needed: whoever acknowledged an epoch has it under its name.
// Source: ZooKeeper 3.8, QuorumPeer.loadDataBase; peer-protocol.md B2.
Result<void> Recovery::read_epochs() {
  const std::string folder = snapshot_folder(options_);
  PADDOCK_TRY(const auto accepted, read_epoch(env_, concat(folder, "/", kAcceptedEpochFile)));
  PADDOCK_TRY(const auto current, read_epoch(env_, concat(folder, "/", kCurrentEpochFile)));
  const Epoch last = options_.in_ensemble ? state_.tree->last_zxid().epoch() : Epoch{};
  zab::Durable& durable = found_.durable;
  durable.accepted_epoch = accepted.value_or(last);
  durable.current_epoch = current.value_or(last);
  if (!options_.in_ensemble) return {};
  missing_epochs_ = {!accepted, !current};
  if (durable.accepted_epoch >= durable.current_epoch && durable.accepted_epoch >= last) return {};
  return Error{
      Code::kRefused,
      concat(folder, "/", kAcceptedEpochFile, " says ", durable.accepted_epoch.value,
             accepted ? "" : " (it is missing, and the last transaction says so)", ", but ",
             durable.accepted_epoch < durable.current_epoch
                 ? concat(kCurrentEpochFile, " says ", durable.current_epoch.value)
                 : concat("the last transaction 0x", hex(state_.tree->last_zxid()), " is of epoch ",
                          last.value),
             ", which cannot be later. Nothing was changed. Restore the folder from a backup; or ",
             "move all of this server's data away and let it synchronize anew")};
}

Result<void> Recovery::write_missing_epochs() {
  const std::string folder = snapshot_folder(options_);
  if (missing_epochs_.accepted) {
    PADDOCK_TRY_DO(
        write_epoch(env_, concat(folder, "/", kAcceptedEpochFile), found_.durable.accepted_epoch));
  }
  if (!missing_epochs_.current) return {};
  return write_epoch(env_, concat(folder, "/", kCurrentEpochFile), found_.durable.current_epoch);
}

// Everything was read and is good: only now is the disk changed.
Result<void> Recovery::clean_up() {
  for (const std::string& path : state_.headerless) {
    note(concat("removed ", path, ": a crash left it without a header"));
    PADDOCK_TRY_DO(env_.remove(path));
  }
  if (state_.tail.torn) PADDOCK_TRY_DO(cut_tail());
  PADDOCK_TRY_DO(remove_leftovers(log_folder(options_)));
  if (two_folders()) PADDOCK_TRY_DO(remove_leftovers(snapshot_folder(options_)));
  return env_.sync_folder(log_folder(options_));
}

Result<void> Recovery::cut_tail() {
  note(concat("cut ", state_.tail.path, " at byte ", state_.tail.end,
              ": behind it is a write that a crash left unfinished"));
  PADDOCK_TRY(const std::unique_ptr<File> file, env_.open(state_.tail.path, OpenMode::kReadWrite));
  PADDOCK_TRY_DO(file->truncate(state_.tail.end));
  return file->sync();
}

Result<void> Recovery::remove_leftovers(const std::string& folder) {
  PADDOCK_TRY(const std::vector<std::string> names, env_.list(folder));
  for (const std::string& name : names) {
    if (name.ends_with(".tmp")) PADDOCK_TRY_DO(env_.remove(concat(folder, "/", name)));
  }
  return {};
}

Result<void> Recovery::open_for_writing() {
  if (found_.checkpoint == nullptr) {
    PADDOCK_TRY(found_.checkpoint,
                Checkpoint::open(env_, state_folder(options_), options_.checkpoint));
  }
  if (state_.from_zookeeper_snapshot && !found_.checkpoint->empty()) {
    note(concat("the checkpoint of 0x", hex(found_.checkpoint_zxid),
                " is older than the snapshot, and is dropped"));
    PADDOCK_TRY_DO(found_.checkpoint->clear());
    found_.checkpoint_zxid = Zxid{};
  }
  if (found_.fresh) PADDOCK_TRY_DO(begin_fresh());
  PADDOCK_TRY_DO(write_missing_epochs());
  PADDOCK_TRY(found_.log, TxnLog::open(env_, options_, found_.durable.history.last()));
  return {};
}

// A ZooKeeper server refuses a log without any snapshot: with this one, it can be started on the
// folder as long as the log reaches back to the first transaction.
Result<void> Recovery::begin_fresh() {
  PADDOCK_TRY_DO(write_snapshot(
      env_, concat(snapshot_folder(options_), "/", snapshot_file_name(Zxid{})), *state_.tree));
  const std::string marker = concat(options_.data_log_dir, "/initialize");
  if (env_.exists(marker)) PADDOCK_TRY_DO(env_.remove(marker));
  return {};
}

Recovered Recovery::result() {
  found_.tree = std::move(state_.tree);
  found_.from_zookeeper_snapshot = state_.from_zookeeper_snapshot;
  found_.replayed = state_.replayed;
  found_.digest_mismatch = state_.digest_mismatch;
  found_.notes = std::move(state_.notes);
  return std::move(found_);
}

// In memory alone, as a leader's TRUNC would.
Result<void> go_back(RecoveredView& view, const StorageOptions& options,
                     const TreeOptions& tree_options, Zxid upto) {
  Recovered& state = view.state;
  const zab::History& history = state.durable.history;
  if (upto < state.checkpoint_zxid || !history.contains(upto)) {
    return Error{Code::kInvalid,
                 concat("there is no state of zxid 0x", hex(upto), " in ", options.data_dir,
                        ": it can be that of any transaction from 0x", hex(state.checkpoint_zxid),
                        " to 0x", hex(history.last()))};
  }
  const std::optional<Zxid> checkpoint =
      state.checkpoint_zxid > Zxid{} ? std::optional(state.checkpoint_zxid) : std::nullopt;
  PADDOCK_TRY_DO(truncate_history(*view.overlay, options, checkpoint, *state.log, upto));
  PADDOCK_TRY(LoadedState rewound,
              load_rewound(*view.overlay, options, tree_options, *state.checkpoint, upto));
  state.tree = std::move(rewound.tree);
  return {};
}

}  // namespace

std::string snapshot_folder(const StorageOptions& options) {
  return concat(options.data_dir, "/version-2");
}
std::string log_folder(const StorageOptions& options) {
  return concat(options.data_log_dir, "/version-2");
}
std::string state_folder(const StorageOptions& options) {
  return concat(options.data_dir, "/state");
}

Result<Recovered> recover(Env& env, const StorageOptions& options,
                          const TreeOptions& tree_options) {
  return Recovery(env, options, tree_options).run();
}

Result<RecoveredView> recover_read_only(Env& env, const StorageOptions& options,
                                        const TreeOptions& tree_options) {
  for (const std::string& folder : {snapshot_folder(options), log_folder(options)}) {
    if (env.exists(folder)) continue;
    return Error{Code::kNotFound, concat("the folder ", folder, " is not there: is this the data ",
                                         "folder of a server?")};
  }
  auto overlay = std::make_unique<OverlayEnv>(env);
  PADDOCK_TRY(Recovered state, recover(*overlay, options, tree_options));
  return RecoveredView{std::move(overlay), std::move(state)};
}

Result<Exported> export_snapshot(Env& env, const StorageOptions& options,
                                 const TreeOptions& tree_options, const std::string& out,
                                 std::optional<Zxid> upto) {
  PADDOCK_TRY(RecoveredView view, recover_read_only(env, options, tree_options));
  Recovered& state = view.state;
  if (state.fresh) {
    return Error{Code::kNotFound, concat(options.data_dir, " holds no data to export")};
  }
  const Zxid last = state.durable.history.last();
  const bool is_member = env.exists(concat(snapshot_folder(options), "/", kCurrentEpochFile));
  const bool has_checkpoint = state.checkpoint_zxid > Zxid{};
  const Zxid zxid = upto ? *upto : is_member && has_checkpoint ? state.checkpoint_zxid : last;
  if (zxid != last) PADDOCK_TRY_DO(go_back(view, options, tree_options, zxid));
  const bool is_folder = env.list(out).ok();
  const std::string path = is_folder ? concat(out, "/", snapshot_file_name(zxid)) : out;
  PADDOCK_TRY_DO(write_snapshot(env, path, *state.tree));
  return Exported{zxid, last, !is_member || (has_checkpoint && zxid == state.checkpoint_zxid)};
}

}  // namespace paddock::server
