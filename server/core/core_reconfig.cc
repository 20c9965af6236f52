#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "common/concat.h"
#include "server/core/core_impl.h"
#include "zab/quorum.h"

// Opcode reconfig, and a look at what configurations others have. Source: ZooKeeper 3.8,
// PrepRequestProcessor.pRequest2Txn; client-protocol.md 9.4.
namespace paddock::server {

namespace {

// Without blanks around them, nor empty ones.
std::vector<std::string_view> parts_of(std::string_view text, char separator) {
  constexpr std::string_view kBlank = " \t\r\n";
  std::vector<std::string_view> parts;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t end = std::min(text.find(separator, from), text.size());
    std::string_view part = text.substr(from, end - from);
    part.remove_prefix(std::min(part.find_first_not_of(kBlank), part.size()));
    part = part.substr(0, part.find_last_not_of(kBlank) + 1);
    if (!part.empty()) parts.push_back(part);
    from = end + 1;
  }
  return parts;
}

std::optional<ServerId> id_of(std::string_view text) {
  ServerId id;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), id.value);
  if (ec != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return id;
}

// Of what is listened on at one host; every server may listen on all of its own.
bool is_everywhere(const std::string& host) {
  return host.empty() || host == "0.0.0.0" || host == "::";
}

std::vector<HostPort> addresses_of(const zab::Member& member) {
  std::vector<HostPort> all;
  for (const zab::Member::Address& address : member.addresses) {
    all.push_back(address.quorum);
    all.push_back({address.quorum.host, address.election_port});
  }
  if (member.client) all.push_back(*member.client);
  std::erase_if(all, [](const HostPort& address) { return is_everywhere(address.host); });
  return all;
}

bool share_an_address(const zab::Member& a, const zab::Member& b) {
  const std::vector<HostPort> of_b = addresses_of(b);
  return std::ranges::any_of(addresses_of(a), [&](const HostPort& address) {
    return std::ranges::find(of_b, address) != of_b.end();
  });
}

void remove(zab::Ensemble& ensemble, ServerId id) {
  std::erase_if(ensemble.members, [id](const zab::Member& member) { return member.id == id; });
}

// "server.5=host:quorum:election[:role];[host:]client": it joins, or takes another place or role.
ErrorCode join(std::string_view line, zab::Ensemble& ensemble) {
  const std::vector<std::string_view> sides = parts_of(line, '=');
  if (sides.size() != 2) return ErrorCode::kBadArguments;
  const std::optional<ServerId> id = id_of(sides[0].substr(sides[0].rfind('.') + 1));
  if (!id) return ErrorCode::kMarshallingError;  // as ZooKeeper says
  Result<zab::Member> joiner = zab::parse_member(*id, sides[1]);
  if (!joiner || !joiner->client) return ErrorCode::kBadArguments;
  remove(ensemble, *id);
  for (const zab::Member& member : ensemble.members) {
    if (share_an_address(*joiner, member)) return ErrorCode::kBadArguments;
  }
  const auto behind =
      std::ranges::find_if(ensemble.members, [&](const zab::Member& m) { return m.id > *id; });
  ensemble.members.insert(behind, std::move(*joiner));
  return ErrorCode::kOk;
}

// Those that are not there need not leave.
ErrorCode change_members(const ReconfigRequest& request, zab::Ensemble& ensemble) {
  if (!ensemble.groups.empty() || !ensemble.weights.empty()) return ErrorCode::kBadArguments;
  for (const std::string_view leaving : parts_of(request.leaving_servers.value_or(""), ',')) {
    const std::optional<ServerId> id = id_of(leaving);
    if (!id) return ErrorCode::kMarshallingError;
    remove(ensemble, *id);
  }
  for (const std::string_view joining : parts_of(request.joining_servers.value_or(""), ',')) {
    const ErrorCode error = join(joining, ensemble);
    if (error != ErrorCode::kOk) return error;
  }
  return ErrorCode::kOk;
}

ErrorCode replace_members(std::string_view lines, zab::Ensemble& ensemble) {
  std::string text(lines);
  std::ranges::replace(text, ',', '\n');
  Result<zab::Ensemble> given = zab::parse_ensemble(text);
  if (!given) return ErrorCode::kBadArguments;
  ensemble = std::move(*given);
  return ErrorCode::kOk;
}

// An ensemble has few servers, whoever else may call itself one.
constexpr std::size_t kPeersCompared = 256;
constexpr std::size_t kLinesNamed = 4;

std::string address_of(const zab::Member& member) {
  return member.addresses.empty() ? "nowhere" : to_string(member.addresses.front().quorum);
}

// The lines that only `a` has, but for its version.
std::string lines_without(const zab::Ensemble& a, const zab::Ensemble& b) {
  const std::string text_of_a = to_text(a), text_of_b = to_text(b);
  const std::vector<std::string_view> others = parts_of(text_of_b, '\n');
  std::string only;
  std::size_t count = 0;
  for (const std::string_view line : parts_of(text_of_a, '\n')) {
    if (line.starts_with("version=") || std::ranges::find(others, line) != others.end()) continue;
    if (++count <= kLinesNamed) only += concat(count == 1 ? "" : ", ", line);
  }
  if (count == 0) return "nothing more";
  return count > kLinesNamed ? concat(only, " and ", count - kLinesNamed, " more") : only;
}

// What an operator should know of a peer that has `theirs` where this server has `own`; "" if they
// agree.
std::string disagreement(ServerId peer, const zab::Ensemble& own, const zab::Ensemble& theirs) {
  if (theirs.version != own.version || own.same_members(theirs)) return "";
  const std::string server = concat("server ", peer.value);
  std::string text =
      concat(server, " has another configuration than this server, of the same version: it has ",
             lines_without(theirs, own), "; this server has ", lines_without(own, theirs),
             ". Give both the same server.N lines, and restart the one that is wrong");
  const zab::Member* const here = own.find(peer);
  const zab::Member* const there = theirs.find(peer);
  if (here == nullptr || there == nullptr || here->addresses == there->addresses) return text;
  return concat(text, "; if there are two servers ", peer.value, ", at ", address_of(*here),
                " and at ", address_of(*there),
                ", correct myid of the one that does not belong here");
}

std::string stranger(ServerId peer, const zab::Member* by_itself) {
  return concat(
      "server ", peer.value,
      by_itself == nullptr ? "" : concat(", by itself at ", address_of(*by_itself), ","),
      " takes part in elections, but is not in this server's configuration: its vote does "
      "not count here. Compare the server.N lines of both, and its myid");
}

}  // namespace

std::shared_ptr<const zab::Ensemble> config_in(const Txn& txn) {
  if (txn.header.type != OpCode::kReconfig) return nullptr;
  const auto* change = std::get_if<SetDataTxn>(&txn.body);
  if (change == nullptr || !change->data) return nullptr;
  Result<zab::Ensemble> config = zab::parse_ensemble(as_chars(*change->data));
  return config ? std::make_shared<const zab::Ensemble>(std::move(*config)) : nullptr;
}

// Said once of each peer and each configuration: such servers can serve, but not for long.
void Core::Impl::on(zab::Notified notified, CoreActions& actions) {
  if (!is_alone()) compare_configurations(notified, actions);
  replica.step(std::move(notified), now, zab_actions);
}

// Two servers with one number, which have different ones, take turns.
void Core::Impl::compare_configurations(const zab::Notified& notified, CoreActions& actions) {
  const ServerId peer = notified.from;
  const std::string config = notified.notification.config.value_or("");
  if (compared.size() >= kPeersCompared || told.size() >= kPeersCompared) return;
  const auto [entry, is_new] = compared.try_emplace(peer, config);
  if (!is_new && entry->second == config) return;
  entry->second = config;
  const zab::Ensemble& own = *replica.configurations().committed;
  const Result<zab::Ensemble> theirs = zab::parse_ensemble(config);
  const bool may_join = options.reconfig_enabled;
  std::string wrong;
  if (own.find(peer) == nullptr && peer >= ServerId{0} && !may_join) {
    wrong = stranger(peer, theirs ? theirs->find(peer) : nullptr);
  } else if (theirs) {
    wrong = disagreement(peer, own, *theirs);
  }
  if (wrong.empty() || !told.insert(wrong).second) return;
  actions.notes.push_back({Note::Level::kWarning, std::move(wrong)});
}

// Every follower that is in step with this leader, and itself.
std::set<ServerId> Core::Impl::synced_servers() const {
  std::set<ServerId> synced{options.membership.self};
  const std::optional<zab::Leadership> leadership = replica.leadership();
  if (!leadership) return synced;
  for (const zab::Leadership::Follower& learner : leadership->learners) {
    if (learner.synced && !learner.observer) synced.insert(learner.sid);
  }
  return synced;
}

ErrorCode Core::Impl::next_configuration(const ReconfigRequest& request,
                                         zab::Ensemble& next) const {
  const auto& [committed, last_seen] = replica.configurations();
  if (last_seen != nullptr) return ErrorCode::kReconfigInProgress;
  if (request.config_id != -1 && request.config_id != committed->version) {
    return ErrorCode::kBadVersion;
  }
  next = *committed;
  const ErrorCode error = request.new_members ? replace_members(*request.new_members, next)
                                              : change_members(request, next);
  if (error != ErrorCode::kOk) return error;
  const std::size_t voters_min = options.standalone_enabled ? 2 : 1;
  if (next.voters().size() < voters_min) return ErrorCode::kBadArguments;
  return zab::is_quorum(next, synced_servers()) ? ErrorCode::kOk : ErrorCode::kNewConfigNoQuorum;
}

TxnBytes Core::Impl::prepare(const WriteRequest& request, Zxid zxid) {
  const bool is_reconfig = request.header.op == OpCode::kReconfig;
  if (!is_reconfig || is_alone() || !options.reconfig_enabled) {
    return preparer.prepare(request, zxid, wall);
  }
  const auto refuse = [&](ErrorCode error) {
    return preparer.refuse(request.session, request.header.xid, error, zxid, wall);
  };
  JuteReader reader(request.record);
  const Result<ReconfigRequest> asked = read_reconfig_request(reader);
  if (!asked) return refuse(ErrorCode::kMarshallingError);
  zab::Ensemble next;
  const ErrorCode error = next_configuration(*asked, next);
  if (error != ErrorCode::kOk) return refuse(error);
  next.version = zxid.value;
  const std::string text = to_text(next);
  // Followers would refuse what does not read back, and it would be in every log by then.
  const Result<zab::Ensemble> read_back = zab::parse_ensemble(text);
  if (!read_back || *read_back != next) return refuse(ErrorCode::kBadArguments);
  return preparer.set_config(request, text, zxid, wall);
}

}  // namespace paddock::server
