#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/bytes.h"
#include "common/error_code.h"
#include "common/ids.h"
#include "common/txn_records.h"
#include "tests/support/zab_checkers.h"

namespace paddock::test {

// Who is in an ensemble, and whether as an observer.
using Members = std::map<ServerId, bool>;

// What a client asks of the ensemble.
struct ReconfigWish {
  Members joining;  // also those that take another role
  std::set<ServerId> leaving;
  bool whole = false;                  // `joining` are all that there are to be
  std::int64_t config_id = -1;         // the version that it is about; -1: any
  std::string spoiled;                 // joins in the place of `joining`: words that mean nothing
  ErrorCode refusal = ErrorCode::kOk;  // that of `spoiled`
  bool has_right = false;              // whoever asks may change the configuration
};
Bytes reconfig_record(const ReconfigWish& wish);

// Holds what becomes of the configuration to what clients asked for, and what they are shown of it
// to what is in force (both CF). What has to come of each wish is counted here once more, apart
// from what is tested.
class ReconfigChecker {
 public:
  // What came of wishes.
  struct Counts {
    std::uint64_t done = 0;
    std::map<ErrorCode, std::uint64_t> refused;
    std::uint64_t cut_short = 0;  // a server stopped that knew of one under way
  };

  explicit ReconfigChecker(ZabCheckers& zab) : zab_(zab) {}

  void asked(SessionId session, std::int32_t cxid, ReconfigWish wish) {
    wishes_[{session, cxid}] = std::move(wish);
  }
  // The leader has made that of a request, `synced` being in step with it, itself included.
  void proposed(ServerId leader, const Txn& txn, const std::set<ServerId>& synced,
                std::size_t voters_min);
  void committed(const Txn& txn);
  void stopped(bool under_way) { counts_.cut_short += under_way ? 1 : 0; }

  // Empty, or what is wrong with what a server shows as the configuration that has all up to `at`,
  // and nothing beyond. `version`: that of what it shows.
  std::string fault_in(ByteView shown, Zxid at, std::int64_t& version) const;
  // Of the last one that was committed by a transaction up to `at`; 0: none.
  Zxid last(Zxid at) const;
  // Whether one has come to be in force since without a transaction.
  bool may_have_changed(Zxid since) const;

  const Counts& counts() const { return counts_; }

 private:
  using Config = ZabCheckers::Config;

  void check_done(ServerId leader, const Txn& txn, const Members& expected);

  ZabCheckers& zab_;
  std::map<std::pair<SessionId, std::int32_t>, ReconfigWish> wishes_;
  std::map<Epoch, Config> proposed_;  // the last one of each epoch
  std::vector<Zxid> committed_;
  Counts counts_;
};

}  // namespace paddock::test
