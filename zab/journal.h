#pragma once

#include <algorithm>
#include <deque>

#include "common/ids.h"
#include "zab/action.h"
#include "zab/history.h"
#include "zab/quorum.h"
#include "zab/replica.h"

namespace paddock::zab {

// The one place that orders durable writes: what was given to the log, what of it is on disk, what
// of it is committed and delivered. Every write gets the next ticket, so that whatever waits for a
// ticket waits for all that was written before it too.
class Journal {
 public:
  explicit Journal(Durable durable);

  // `txn` follows last_logged().
  WriteTicket append(Txn txn, Actions& actions);
  // Drops what is above `upto`, delivered or not.
  WriteTicket truncate(Zxid upto, Actions& actions);
  // State machine and log become the snapshot, which is of `zxid`.
  WriteTicket install(LinkId link, Zxid zxid, Actions& actions);
  WriteTicket write_accepted_epoch(Epoch epoch, Actions& actions);  // larger than before
  WriteTicket write_current_epoch(Epoch epoch, Actions& actions);   // not smaller than before
  WriteTicket write_configurations(const Configurations& configurations, Actions& actions);

  void on_persisted(WriteTicket ticket);
  // Delivers all that is logged up to `upto`.
  void deliver(Zxid upto, Actions& actions);
  // Nothing, where another history has taken its place meanwhile.
  void trim(Zxid start) {
    if (start > history_.start() && history_.contains(start)) history_.trim(start);
  }

  bool is_durable(WriteTicket ticket) const { return ticket <= last_persisted_; }
  WriteTicket last_ticket() const { return last_ticket_; }

  const History& history() const { return history_; }  // of all that is logged
  Zxid last_logged() const { return history_.last(); }
  Zxid last_delivered() const { return last_delivered_; }
  // What may be claimed to be on disk: not what is about to be cut or replaced either.
  Zxid last_durable() const;
  Epoch accepted_epoch() const { return accepted_epoch_; }  // given to the disk
  Epoch current_epoch() const { return durable_current_; }  // on disk: what a vote may claim

 private:
  struct LogWrite {
    WriteTicket ticket;
    Zxid last;          // the log's last zxid once it is done
    bool cuts = false;  // the log may have been longer
  };
  struct EpochWrite {
    WriteTicket ticket;
    Epoch epoch;
  };

  WriteTicket next_ticket() { return {++last_ticket_.value}; }

  History history_;
  Zxid last_delivered_;
  Zxid last_durable_;
  std::deque<Txn> undelivered_;  // (last_delivered_, last_logged()]
  Epoch accepted_epoch_;
  Epoch durable_current_;
  WriteTicket last_ticket_;              // handed out
  WriteTicket last_persisted_;           // reported back
  std::deque<LogWrite> log_writes_;      // not yet on disk
  std::size_t cuts_under_way_ = 0;       // of these
  std::deque<EpochWrite> epoch_writes_;  // of currentEpoch, not yet on disk
};

}  // namespace paddock::zab
