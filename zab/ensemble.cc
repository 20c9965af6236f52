#include "zab/ensemble.h"

#include <algorithm>
#include <charconv>
#include <tuple>
#include <utility>

#include "common/concat.h"
#include "common/config_file.h"
#include "zab/quorum.h"

namespace paddock::zab {

namespace {

// Sums of weights stay within 64 bits, however many servers a text has room for.
constexpr std::int64_t kWeightMax = INT32_MAX;
// 2^63 - 1 is how an observer without a number introduces itself.
constexpr std::int64_t kServerIdMax = INT64_MAX - 1;

Error invalid(std::string message) {
  return Error{Code::kInvalid, std::move(message)};
}

Error at_line(const ConfigEntry& entry, std::string_view why) {
  return invalid(concat("line ", entry.line, ": ", entry.key, "=", entry.value, ": ", why));
}

Result<std::int64_t> parse_number(std::string_view text, std::int64_t max, int base = 10) {
  std::int64_t value = -1;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (ec == std::errc{} && end == text.data() + text.size() && value >= 0 && value <= max) {
    return value;
  }
  return invalid(concat("\"", text, "\" is not a ", base == 16 ? "hexadecimal " : "",
                        "number from 0 to ", base == 16 ? hex(max) : std::to_string(max)));
}

Result<ServerId> parse_server_id(std::string_view text) {
  PADDOCK_TRY(const std::int64_t value, parse_number(text, kServerIdMax));
  return ServerId{value};
}

// In what is sorted by `id`; null: it is not there.
template <typename T>
const T* find_by(const std::vector<T>& sorted, ServerId T::*id, ServerId wanted) {
  const auto found = std::lower_bound(sorted.begin(), sorted.end(), wanted,
                                      [id](const T& one, ServerId than) { return one.*id < than; });
  return found != sorted.end() && (*found).*id == wanted ? &*found : nullptr;
}

// Calls `take` with each part until one fails.
template <typename Take>
Result<void> for_each_part(std::string_view text, char separator, Take take) {
  for (;;) {
    const std::size_t end = text.find(separator);
    PADDOCK_TRY_DO(take(text.substr(0, end)));
    if (end == text.npos) return {};
    text.remove_prefix(end + 1);
  }
}

// --- a server's value ---

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// Whether the role is that of an observer; ZooKeeper takes it with blanks, and in any case.
Result<bool> parse_role(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  const std::string role = lower_case(text);
  if (role == "observer") return true;
  if (role == "participant") return false;
  return invalid(concat("the role \"", text, "\" is neither participant nor observer"));
}

struct AddressAndRole {
  Member::Address address;
  std::optional<bool> observer;
};

constexpr std::size_t kHostBytesMax = 253;  // of a name in DNS

// "host:quorum:election[:role]"
Result<AddressAndRole> parse_address(std::string_view text) {
  PADDOCK_TRY(const std::vector<std::string> parts, split_outside_brackets(text, ':'));
  if (parts.size() < 3 || parts.size() > 4) {
    return invalid(concat("\"", text, "\" is not host:quorumPort:electionPort[:role]",
                          parts.size() > 4 ? "; an IPv6 address needs brackets" : ""));
  }
  AddressAndRole parsed;
  HostPort& quorum = parsed.address.quorum;
  quorum.host = parts[0];
  if (quorum.host.empty()) return invalid(concat("\"", text, "\" has no host"));
  if (quorum.host.size() > kHostBytesMax) {
    return invalid(
        concat("a host of ", quorum.host.size(), " bytes: no name is longer than ", kHostBytesMax));
  }
  if (!is_host(quorum.host)) return invalid(concat("\"", quorum.host, "\" is not a host"));
  PADDOCK_TRY(quorum.port, parse_port(parts[1]));
  PADDOCK_TRY(parsed.address.election_port, parse_port(parts[2]));
  if (quorum.port == 0 || parsed.address.election_port == 0) {
    return invalid("port 0 cannot be connected to");
  }
  if (quorum.port == parsed.address.election_port) {
    return invalid(concat("the quorum port and the election port are both ", quorum.port));
  }
  if (parts.size() == 4) {
    PADDOCK_TRY(parsed.observer, parse_role(parts[3]));
  }
  return parsed;
}

bool is_before(const Member::Address& a, const Member::Address& b) {
  return std::tie(a.quorum.host, a.quorum.port, a.election_port) <
         std::tie(b.quorum.host, b.quorum.port, b.election_port);
}

Result<void> parse_addresses(std::string_view text, Member& member) {
  std::optional<bool> observer;
  PADDOCK_TRY_DO(for_each_part(text, '|', [&](std::string_view part) -> Result<void> {
    PADDOCK_TRY(AddressAndRole parsed, parse_address(part));
    if (parsed.observer) {
      if (observer && *observer != *parsed.observer) {
        return invalid("its addresses have different roles");
      }
      observer = parsed.observer;
    }
    member.addresses.push_back(std::move(parsed.address));
    return {};
  }));
  member.observer = observer.value_or(false);
  std::vector<Member::Address>& addresses = member.addresses;
  std::sort(addresses.begin(), addresses.end(), is_before);
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return {};
}

// "[host:]port"
Result<HostPort> parse_client(std::string_view text) {
  if (text.find(':') == text.npos) {
    PADDOCK_TRY(const std::uint16_t port, parse_port(text));
    return HostPort{"0.0.0.0", port};
  }
  PADDOCK_TRY(HostPort client, parse_host_port(text));
  if (client.host.empty()) return invalid(concat("\"", text, "\" has no host"));
  return client;
}

Result<void> parse_value(std::string_view value, Member& member) {
  const std::size_t semicolon = value.find(';');
  PADDOCK_TRY_DO(parse_addresses(value.substr(0, semicolon), member));
  if (semicolon == value.npos) return {};
  Result<HostPort> client = parse_client(value.substr(semicolon + 1));
  if (!client) {
    return invalid(
        concat("[clientHost:]clientPort is what follows \";\": ", client.error().message));
  }
  member.client = std::move(*client);
  return {};
}

// --- an ensemble's lines ---

Result<void> take_server(std::string_view id_text, std::string_view value, Ensemble& ensemble) {
  Member member;
  PADDOCK_TRY(member.id, parse_server_id(id_text));
  PADDOCK_TRY_DO(parse_value(value, member));
  ensemble.members.push_back(std::move(member));
  return {};
}

Result<void> take_group(std::string_view id_text, std::string_view value, Ensemble& ensemble) {
  Ensemble::Group group;
  PADDOCK_TRY(group.id, parse_number(id_text, INT64_MAX));
  PADDOCK_TRY_DO(for_each_part(value, ':', [&](std::string_view part) -> Result<void> {
    PADDOCK_TRY(const ServerId server, parse_server_id(part));
    group.servers.push_back(server);
    return {};
  }));
  std::sort(group.servers.begin(), group.servers.end());
  ensemble.groups.push_back(std::move(group));
  return {};
}

Result<void> take_weight(std::string_view id_text, std::string_view value, Ensemble& ensemble) {
  Ensemble::Weight weight;
  PADDOCK_TRY(weight.server, parse_server_id(id_text));
  PADDOCK_TRY(weight.weight, parse_number(value, kWeightMax));
  ensemble.weights.push_back(weight);
  return {};
}

Result<void> take(const ConfigEntry& entry, Ensemble& ensemble) {
  const std::string_view key = entry.key;
  if (key == "version") {
    PADDOCK_TRY(ensemble.version, parse_number(entry.value, INT64_MAX, 16));
    return {};
  }
  const std::string_view number = key.substr(std::min(key.find('.') + 1, key.size()));
  if (key.starts_with("server.")) return take_server(number, entry.value, ensemble);
  if (key.starts_with("group.")) return take_group(number, entry.value, ensemble);
  if (key.starts_with("weight.")) return take_weight(number, entry.value, ensemble);
  return invalid("only server.N, group.N, weight.N and version belong here");
}

// The first of two neighbours that are the same.
template <typename T, typename Key>
std::optional<std::int64_t> find_twin(const std::vector<T>& sorted, Key key) {
  const auto twin = std::adjacent_find(sorted.begin(), sorted.end(),
                                       [key](const T& a, const T& b) { return key(a) == key(b); });
  return twin == sorted.end() ? std::nullopt : std::optional(key(*twin));
}

// Sorts by what a line stands for. No line may be there twice, also not as server.1 and server.01.
template <typename T, typename Key>
Result<void> sort_lines(std::vector<T>& lines, std::string_view name, Key key) {
  std::sort(lines.begin(), lines.end(), [key](const T& a, const T& b) { return key(a) < key(b); });
  const std::optional<std::int64_t> twin = find_twin(lines, key);
  if (twin) return invalid(concat(name, ".", *twin, " is there twice"));
  return {};
}

Result<void> check_groups(const Ensemble& ensemble) {
  std::vector<ServerId> grouped;
  for (const Ensemble::Group& group : ensemble.groups) {
    grouped.insert(grouped.end(), group.servers.begin(), group.servers.end());
  }
  std::sort(grouped.begin(), grouped.end());
  const auto twin = find_twin(grouped, [](ServerId server) { return server.value; });
  if (twin) return invalid(concat("server ", *twin, " is in the groups twice"));
  for (const ServerId voter : ensemble.voters()) {
    if (std::binary_search(grouped.begin(), grouped.end(), voter)) continue;
    return invalid(concat("server ", voter.value, " votes, but is in no group"));
  }
  return {};
}

// As ZooKeeper's text has it, so that the bytes are the same from all members.
void add_weights_of_voters(Ensemble& ensemble) {
  std::vector<Ensemble::Weight> missing;
  for (const ServerId voter : ensemble.voters()) {
    if (!find_by(ensemble.weights, &Ensemble::Weight::server, voter)) missing.push_back({voter, 1});
  }
  ensemble.weights.insert(ensemble.weights.end(), missing.begin(), missing.end());
  std::sort(
      ensemble.weights.begin(), ensemble.weights.end(),
      [](const Ensemble::Weight& a, const Ensemble::Weight& b) { return a.server < b.server; });
}

Result<void> check(Ensemble& ensemble) {
  PADDOCK_TRY_DO(
      sort_lines(ensemble.members, "server", [](const Member& member) { return member.id.value; }));
  PADDOCK_TRY_DO(
      sort_lines(ensemble.groups, "group", [](const Ensemble::Group& group) { return group.id; }));
  PADDOCK_TRY_DO(sort_lines(ensemble.weights, "weight",
                            [](const Ensemble::Weight& weight) { return weight.server.value; }));
  const std::vector<ServerId> voters = ensemble.voters();
  if (voters.empty()) return invalid("no server votes: nobody could lead");
  if (ensemble.groups.empty() && ensemble.weights.empty()) return {};
  PADDOCK_TRY_DO(check_groups(ensemble));
  add_weights_of_voters(ensemble);
  if (!is_quorum(ensemble, {voters.begin(), voters.end()})) {
    return invalid("all voters together have not weight enough: nobody could lead");
  }
  return {};
}

}  // namespace

const Member* Ensemble::find(ServerId id) const {
  return find_by(members, &Member::id, id);
}

bool Ensemble::is_voter(ServerId id) const {
  const Member* member = find(id);
  return member != nullptr && !member->observer;
}

std::vector<ServerId> Ensemble::voters() const {
  std::vector<ServerId> ids;
  for (const Member& member : members) {
    if (!member.observer) ids.push_back(member.id);
  }
  return ids;
}

std::int64_t Ensemble::weight(ServerId id) const {
  const Weight* found = find_by(weights, &Weight::server, id);
  return found != nullptr ? found->weight : 1;
}

bool Ensemble::same_members(const Ensemble& other) const {
  if (members != other.members || groups != other.groups) return false;
  for (const Group& group : groups) {
    for (const ServerId server : group.servers) {
      if (weight(server) != other.weight(server)) return false;
    }
  }
  return true;
}

std::string to_text(const Ensemble& ensemble) {
  std::string text;
  for (const Member& member : ensemble.members) {
    text += concat("server.", member.id.value, "=");
    for (std::size_t i = 0; i < member.addresses.size(); ++i) {
      const Member::Address& address = member.addresses[i];
      text += concat(i == 0 ? "" : "|", to_string(address.quorum), ":", address.election_port);
    }
    text += member.observer ? ":observer" : ":participant";
    if (member.client) text += concat(";", to_string(*member.client));
    text += '\n';
  }
  for (const Ensemble::Group& group : ensemble.groups) {
    text += concat("group.", group.id, "=");
    for (std::size_t i = 0; i < group.servers.size(); ++i) {
      text += concat(i == 0 ? "" : ":", group.servers[i].value);
    }
    text += '\n';
  }
  for (const Ensemble::Weight& weight : ensemble.weights) {
    text += concat("weight.", weight.server.value, "=", weight.weight, "\n");
  }
  return concat(text, "version=", hex(static_cast<std::uint64_t>(ensemble.version)));
}

Result<Ensemble> parse_ensemble(std::string_view text) {
  PADDOCK_TRY(const std::vector<ConfigEntry> entries, parse_config(text));
  Ensemble ensemble;
  bool has_version = false;
  for (const ConfigEntry& entry : entries) {
    const Result<void> taken = take(entry, ensemble);
    if (!taken) return at_line(entry, taken.error().message);
    if (entry.key == "version" && std::exchange(has_version, true)) {
      return at_line(entry, "there was a version before");
    }
  }
  PADDOCK_TRY_DO(check(ensemble));
  return ensemble;
}

Result<Member> parse_member(ServerId id, std::string_view value) {
  if (id.value < 0 || id.value > kServerIdMax) {
    return invalid(concat(id.value, " is not the number of a server"));
  }
  Member member;
  member.id = id;
  const Result<void> parsed = parse_value(value, member);
  if (!parsed)
    return invalid(concat("server.", id.value, "=", value, ": ", parsed.error().message));
  return member;
}

}  // namespace paddock::zab
