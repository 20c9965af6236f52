#include "zab/journal.h"

#include <gtest/gtest.h>

#include <memory>

namespace paddock::zab {
namespace {

Txn txn(Zxid zxid) {
  return {zxid, std::make_shared<const Bytes>()};
}

constexpr Zxid at(std::int64_t epoch, std::uint32_t counter) {
  return Zxid::make(Epoch{epoch}, counter);
}

class JournalTest : public testing::Test {
 protected:
  static Durable durable() {
    return {.history = History(at(1, 5)), .accepted_epoch = Epoch{1}, .current_epoch = Epoch{1}};
  }
  Journal journal_{durable()};
  Actions actions_;
};

TEST_F(JournalTest, ClaimsATransactionOnceItIsOnDisk) {
  const WriteTicket first = journal_.append(txn(at(1, 6)), actions_);
  const WriteTicket second = journal_.append(txn(at(1, 7)), actions_);
  EXPECT_EQ(journal_.last_durable(), at(1, 5));
  journal_.on_persisted(first);
  EXPECT_EQ(journal_.last_durable(), at(1, 6));
  journal_.on_persisted(second);
  EXPECT_EQ(journal_.last_durable(), at(1, 7));
}

TEST_F(JournalTest, ClaimsNothingThatIsAboutToBeCut) {
  const WriteTicket first = journal_.append(txn(at(1, 6)), actions_);
  const WriteTicket second = journal_.append(txn(at(1, 7)), actions_);
  const WriteTicket cut = journal_.truncate(at(1, 6), actions_);
  journal_.append(txn(at(2, 1)), actions_);
  const WriteTicket last = journal_.append(txn(at(2, 2)), actions_);
  journal_.on_persisted(first);
  journal_.on_persisted(second);
  EXPECT_EQ(journal_.last_durable(), at(1, 6));
  journal_.on_persisted(cut);
  EXPECT_EQ(journal_.last_durable(), at(1, 6));
  journal_.on_persisted(last);
  EXPECT_EQ(journal_.last_durable(), at(2, 2));
}

TEST_F(JournalTest, ClaimsNothingBeyondASnapshotThatIsBeingInstalled) {
  const WriteTicket appended = journal_.append(txn(at(1, 6)), actions_);
  const WriteTicket installed = journal_.install(LinkId{1}, at(1, 3), actions_);
  journal_.on_persisted(appended);
  EXPECT_EQ(journal_.last_durable(), at(1, 3));
  journal_.on_persisted(installed);
  EXPECT_EQ(journal_.last_durable(), at(1, 3));
}

}  // namespace
}  // namespace paddock::zab
