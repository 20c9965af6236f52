#include "zab/journal.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace paddock::zab {

Journal::Journal(Durable durable)
    : history_(std::move(durable.history)),
      last_delivered_(history_.last()),
      last_durable_(history_.last()),
      accepted_epoch_(durable.accepted_epoch),
      durable_current_(durable.current_epoch) {}

WriteTicket Journal::append(Txn txn, Actions& actions) {
  PADDOCK_CHECK(txn.payload != nullptr);
  history_.append(txn.zxid);
  const WriteTicket ticket = next_ticket();
  log_writes_.push_back({ticket, txn.zxid, false});
  undelivered_.push_back(txn);
  actions.emplace_back(Append{ticket, {std::move(txn)}});
  return ticket;
}

WriteTicket Journal::truncate(Zxid upto, Actions& actions) {
  PADDOCK_CHECK(upto < last_logged());
  history_.truncate(upto);
  while (!undelivered_.empty() && undelivered_.back().zxid > upto) undelivered_.pop_back();
  last_delivered_ = std::min(last_delivered_, upto);
  const WriteTicket ticket = next_ticket();
  log_writes_.push_back({ticket, last_logged(), true});
  ++cuts_under_way_;
  actions.emplace_back(Truncate{ticket, upto});
  return ticket;
}

WriteTicket Journal::install(LinkId link, Zxid zxid, Actions& actions) {
  history_ = History(zxid);
  undelivered_.clear();
  last_delivered_ = zxid;
  const WriteTicket ticket = next_ticket();
  log_writes_.push_back({ticket, zxid, true});
  ++cuts_under_way_;
  actions.emplace_back(InstallSnapshot{ticket, link});
  return ticket;
}

WriteTicket Journal::write_accepted_epoch(Epoch epoch, Actions& actions) {
  PADDOCK_CHECK(epoch > accepted_epoch_);
  accepted_epoch_ = epoch;
  const WriteTicket ticket = next_ticket();
  actions.emplace_back(WriteAcceptedEpoch{ticket, epoch});
  return ticket;
}

WriteTicket Journal::write_current_epoch(Epoch epoch, Actions& actions) {
  PADDOCK_CHECK(epoch >= durable_current_);
  PADDOCK_CHECK(epoch <= accepted_epoch_);
  const WriteTicket ticket = next_ticket();
  epoch_writes_.push_back({ticket, epoch});
  actions.emplace_back(WriteCurrentEpoch{ticket, epoch});
  return ticket;
}

WriteTicket Journal::write_configurations(const Configurations& configurations, Actions& actions) {
  const WriteTicket ticket = next_ticket();
  actions.emplace_back(
      WriteConfigurations{ticket, configurations.committed, configurations.last_seen});
  return ticket;
}

void Journal::on_persisted(WriteTicket ticket) {
  PADDOCK_CHECK(ticket >= last_persisted_);
  PADDOCK_CHECK(ticket <= last_ticket_);
  last_persisted_ = ticket;
  for (; !log_writes_.empty() && is_durable(log_writes_.front().ticket); log_writes_.pop_front()) {
    last_durable_ = log_writes_.front().last;
    if (log_writes_.front().cuts) --cuts_under_way_;
  }
  for (; !epoch_writes_.empty() && is_durable(epoch_writes_.front().ticket);
       epoch_writes_.pop_front()) {
    durable_current_ = epoch_writes_.front().epoch;
  }
}

Zxid Journal::last_durable() const {
  Zxid last = last_durable_;
  if (cuts_under_way_ == 0) return last;
  for (const LogWrite& write : log_writes_) {
    if (write.cuts) last = std::min(last, write.last);
  }
  return last;
}

void Journal::deliver(Zxid upto, Actions& actions) {
  for (; !undelivered_.empty() && undelivered_.front().zxid <= upto; undelivered_.pop_front()) {
    Txn& txn = undelivered_.front();
    PADDOCK_CHECK(txn.zxid > last_delivered_);
    last_delivered_ = txn.zxid;
    actions.emplace_back(Deliver{std::move(txn)});
  }
}

}  // namespace paddock::zab
