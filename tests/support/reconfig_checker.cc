#include "tests/support/reconfig_checker.h"

#include <algorithm>
#include <variant>

#include "common/concat.h"
#include "common/jute.h"

namespace paddock::test {

namespace {

// Each server has one place for good.
std::string line_of(ServerId id, bool observer) {
  return concat("server.", id.value, "=sim:", 2000 + id.value, ":", 3000 + id.value,
                observer ? ":observer" : ":participant", ";", 4000 + id.value);
}

Members members_of(const zab::Ensemble& ensemble) {
  Members members;
  for (const zab::Member& member : ensemble.members) members[member.id] = member.observer;
  return members;
}

std::uint32_t bits(const std::set<ServerId>& servers) {
  std::uint32_t set = 0;
  for (const ServerId server : servers) set |= 1u << static_cast<std::uint32_t>(server.value - 1);
  return set;
}

std::optional<zab::Ensemble> config_of(const Txn& txn) {
  const auto* change = std::get_if<SetDataTxn>(&txn.body);
  if (change == nullptr || !change->data) return std::nullopt;
  Result<zab::Ensemble> config = zab::parse_ensemble(as_chars(*change->data));
  return config ? std::optional(std::move(*config)) : std::nullopt;
}

// In the order in which ZooKeeper looks at it.
ErrorCode outcome(const ReconfigWish& wish, const zab::Ensemble& before,
                  const std::set<ServerId>& synced, std::size_t voters_min, Members& after) {
  if (wish.config_id != -1 && wish.config_id != before.version) return ErrorCode::kBadVersion;
  if (wish.refusal != ErrorCode::kOk) return wish.refusal;
  after = wish.whole ? Members{} : members_of(before);
  for (const ServerId id : wish.leaving) after.erase(id);
  for (const auto& [id, observer] : wish.joining) after[id] = observer;
  zab::Ensemble next;
  std::size_t voters = 0;
  for (const auto& [id, observer] : after) {
    next.members.push_back({.id = id, .observer = observer, .addresses = {}, .client = {}});
    if (!observer) ++voters;
  }
  if (voters < voters_min) return ErrorCode::kBadArguments;
  if (!model_quorum(next, bits(synced))) return ErrorCode::kNewConfigNoQuorum;
  return wish.has_right ? ErrorCode::kOk : ErrorCode::kNoAuth;
}

}  // namespace

Bytes reconfig_record(const ReconfigWish& wish) {
  std::string joining = wish.spoiled, leaving;
  for (const auto& [id, observer] : wish.joining) {
    joining += concat(joining.empty() ? "" : ",", line_of(id, observer));
  }
  for (const ServerId id : wish.leaving) {
    leaving += concat(leaving.empty() ? "" : ",", id.value);
  }
  const auto words = [](const std::string& text) {
    return text.empty() ? NullableText() : NullableText(text);
  };
  Bytes bytes;
  JuteWriter writer(bytes);
  writer.write_ustring(wish.whole ? std::nullopt : words(joining));
  writer.write_ustring(words(leaving));
  writer.write_ustring(wish.whole ? NullableText(joining) : std::nullopt);
  writer.write_long(wish.config_id);
  return bytes;
}

void ReconfigChecker::proposed(ServerId leader, const Txn& txn, const std::set<ServerId>& synced,
                               std::size_t voters_min) {
  const auto wish = wishes_.find({txn.header.session, txn.header.cxid});
  const bool is_reconfig = txn.header.type == OpCode::kReconfig;
  if (wish == wishes_.end()) {
    if (is_reconfig) zab_.fail("CF", leader, "proposes a configuration that nobody asked for");
    return;
  }
  const auto* error = std::get_if<ErrorTxn>(&txn.body);
  const ErrorCode came = error == nullptr ? ErrorCode::kOk : error->error;
  if (came == ErrorCode::kSessionExpired || came == ErrorCode::kSessionMoved) return;
  const Config& known = zab_.configuration(leader);
  const Config last = proposed_[txn.header.zxid.epoch()];
  const auto fail = [&](std::string_view what) {
    zab_.fail("CF", leader,
              concat("answers reconfig ", txn.header.cxid, " with ", name_of(came), ", ", what));
  };
  if (came == ErrorCode::kReconfigInProgress) {
    const bool under_way = last != nullptr && last->version > known->version;
    return under_way ? void() : fail("and none is under way");
  }
  // Of one that is committed its leader may not have said so yet.
  if (last != nullptr && !zab_.is_on_a_quorum(leader, Zxid{last->version})) {
    return fail("and another one is under way");
  }
  Members after;
  const ErrorCode expected =
      outcome(wish->second, last != nullptr ? *last : *known, synced, voters_min, after);
  if (came != expected) return fail(concat("and not with ", name_of(expected)));
  if (came == ErrorCode::kOk) check_done(leader, txn, after);
}

void ReconfigChecker::check_done(ServerId leader, const Txn& txn, const Members& expected) {
  std::optional<zab::Ensemble> config = config_of(txn);
  if (!config) return zab_.fail("CF", leader, "proposes a configuration that is none");
  if (Zxid{config->version} != txn.header.zxid) {
    zab_.fail("CF", leader, "proposes a configuration of another version than its zxid");
  }
  if (members_of(*config) != expected) {
    zab_.fail("CF", leader,
              concat("proposes other members than it was asked for:\n", to_text(*config)));
  }
  proposed_[txn.header.zxid.epoch()] = std::make_shared<const zab::Ensemble>(std::move(*config));
}

void ReconfigChecker::committed(const Txn& txn) {
  if (txn.header.type == OpCode::kReconfig) {
    committed_.push_back(txn.header.zxid);
    ++counts_.done;
  } else if (const auto* error = std::get_if<ErrorTxn>(&txn.body)) {
    if (wishes_.contains({txn.header.session, txn.header.cxid})) ++counts_.refused[error->error];
  }
}

Zxid ReconfigChecker::last(Zxid at) const {
  const auto after = std::ranges::upper_bound(committed_, at);
  return after == committed_.begin() ? Zxid{} : *std::prev(after);
}

bool ReconfigChecker::may_have_changed(Zxid since) const {
  const std::int64_t newest = zab_.newest_configuration()->version;
  return Zxid{newest} > since && !std::ranges::binary_search(committed_, Zxid{newest});
}

// A new leader brings what was proposed to an end, whether the transaction is left of it or not. So
// a configuration may be newer than the last one that is in the history.
std::string ReconfigChecker::fault_in(ByteView shown, Zxid at, std::int64_t& version) const {
  const Result<zab::Ensemble> config = zab::parse_ensemble(as_chars(shown));
  if (!config) return "which does not parse";
  version = config->version;
  const Zxid zxid{version}, newest = last(at);
  if (zxid < newest) {
    return concat("of version ", text_of(zxid), ", and ", text_of(newest), " was committed");
  }
  const Config known = zab_.known_configuration(version);
  if (known == nullptr) return concat("of version ", text_of(zxid), ", which nobody has committed");
  if (!known->same_members(*config)) return "which others have with other members";
  const bool is_in_history = std::ranges::binary_search(committed_, zxid);
  if (zxid == newest || !is_in_history) return "";
  return concat("of version ", text_of(zxid), " before that is committed");
}

}  // namespace paddock::test
