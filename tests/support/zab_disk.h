#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "tests/support/prng.h"
#include "tests/support/zab_model.h"
#include "tests/support/zab_mutation.h"
#include "zab/action.h"

namespace paddock::test {

// One durable write that a Replica asked for.
struct DiskWrite {
  // An InstallSnapshot, with the snapshot.
  struct Install {
    zab::WriteTicket ticket;
    Snapshot snapshot;
  };
  std::variant<zab::Append, zab::Truncate, Install, zab::WriteAcceptedEpoch, zab::WriteCurrentEpoch,
               zab::WriteConfigurations>
      what;

  zab::WriteTicket ticket() const;
};
std::string to_string(const DiskWrite& write);  // "append 0x100000002..0x100000004"

// A server's disk: what is on it, and the writes that are on their way to it. They get there in
// order; when the power goes, some of them have and the rest have not.
class ZabDisk {
 public:
  using Changed = std::function<void(const DiskWrite&)>;

  ZabDisk(DiskImage image, Prng random, Mutation mutation = Mutation::kNone)
      : image_(std::move(image)), random_(random), mutation_(mutation) {}

  // `changed` is called after each change of the image by a write.
  void on_change(Changed changed) { changed_ = std::move(changed); }

  const DiskImage& image() const { return image_; }
  const std::deque<DiskWrite>& pending() const { return pending_; }

  void submit(DiskWrite write);
  // The first of what is pending is on disk now.
  zab::WriteTicket complete();
  // Some of what is pending gets there, in order, the last of it perhaps in part; the rest is lost.
  void lose_power();
  // Nothing of it does.
  void lose_pending() { pending_.clear(); }

  // Another one takes its place, an empty one.
  void wipe() { image_ = {}; }

  // The checkpoint goes on to what `state` has up to `upto`, which the log on disk reaches; `tree`
  // is of that zxid.
  void checkpoint(const std::vector<Entry>& state, Zxid upto,
                  std::shared_ptr<const TreeImage> tree = nullptr);
  // The log up to `start`, which the checkpoint has, goes.
  void trim(Zxid start) { image_.log.trim(start); }

 private:
  void put(const DiskWrite& write);
  void put_append(const zab::Append& append);
  void put_truncate(const zab::Truncate& truncate);
  void put_install(const DiskWrite::Install& install);
  void put_in_part(const DiskWrite& write);
  void lose(const std::deque<DiskWrite>& lost);

  DiskImage image_;
  Prng random_;
  Mutation mutation_;
  Changed changed_;
  std::deque<DiskWrite> pending_;
  std::deque<zab::Append> zombies_;  // of kZombieWriter
};

}  // namespace paddock::test
