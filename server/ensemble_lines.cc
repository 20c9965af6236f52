#include "server/ensemble_lines.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include "common/concat.h"
#include "common/config_file.h"
#include "common/logging.h"
#include "server/option_readers.h"

namespace paddock::server {

namespace {

Error refusal(const Setting& setting, std::string_view why) {
  return Error{Code::kInvalid, concat(setting.where, ": ", printable(setting.key), "=",
                                      printable(setting.value), ": ", why)};
}

// The number behind the dot of "server.3".
Result<std::int64_t> number_in_key(const Setting& setting) {
  const std::string_view text = std::string_view(setting.key).substr(setting.key.rfind('.') + 1);
  std::int64_t number = -1;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec == std::errc{} && end == text.data() + text.size() && number >= 0) return number;
  return refusal(setting, "a whole number is expected behind the dot");
}

Result<zab::Member> read_member(const Setting& setting) {
  PADDOCK_TRY(const std::int64_t id, number_in_key(setting));
  // parse_member names the line's text itself.
  Result<zab::Member> member = zab::parse_member(ServerId{id}, setting.value);
  if (!member) {
    return Error{member.error().code,
                 concat(setting.where, ": ", printable(member.error().message, 1024))};
  }
  return member;
}

std::string_view file_of(const Setting& setting) {
  const std::string_view where = setting.where;
  return where.substr(0, where.rfind(':'));
}

std::string lower_case(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

enum class HostKind { kName, kAddress, kEverything };
HostKind kind_of(const std::string& host) {
  std::array<unsigned char, 16> bytes{};
  const bool v4 = ::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1;
  const bool v6 = !v4 && ::inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
  const bool zero = std::all_of(bytes.begin(), bytes.end(), [](unsigned char b) { return b == 0; });
  if (host.empty() || ((v4 || v6) && zero)) return HostKind::kEverything;
  return v4 || v6 ? HostKind::kAddress : HostKind::kName;
}

}  // namespace

Result<void> EnsembleLines::take(const Setting& setting) {
  if (!setting.key.starts_with("server.")) {
    PADDOCK_TRY_DO(number_in_key(setting));
    others_.insert_or_assign(setting.key, setting);
    return {};
  }
  PADDOCK_TRY(const zab::Member member, read_member(setting));
  const auto before = servers_.find(member.id);
  if (before != servers_.end() && file_of(before->second) == file_of(setting)) {
    return refusal(setting, concat("server ", member.id.value, " is at ", before->second.where,
                                   " already: each server needs a number of its own"));
  }
  servers_.insert_or_assign(member.id, setting);
  return {};
}

Result<zab::Ensemble> EnsembleLines::finish(std::int64_t version, bool allows_several_addresses,
                                            const std::string& place) const {
  std::string text = concat("version=", hex(static_cast<std::uint64_t>(version)), "\n");
  for (const auto& [id, setting] : servers_) {
    text += config_line(concat("server.", id.value), setting.value);
  }
  for (const auto& [key, setting] : others_) text += config_line(key, setting.value);
  Result<zab::Ensemble> ensemble = zab::parse_ensemble(text);
  if (!ensemble) {
    return Error{ensemble.error().code,
                 concat(place, ": ", printable(ensemble.error().message, 1024))};
  }
  PADDOCK_TRY_DO(check_addresses(*ensemble, allows_several_addresses));
  return ensemble;
}

// Two servers at one address would answer for one another.
Result<void> EnsembleLines::check_addresses(const zab::Ensemble& ensemble,
                                            bool allows_several) const {
  std::map<std::pair<std::string, std::uint16_t>, ServerId> taken;
  for (const zab::Member& member : ensemble.members) {
    const Setting& setting = servers_.at(member.id);
    if (member.addresses.size() > 1 && !allows_several) {
      return refusal(setting, "one address is expected, unless multiAddress.enabled=true");
    }
    for (const zab::Member::Address& address : member.addresses) {
      const std::string host = lower_case(address.quorum.host);
      for (const std::uint16_t port : {address.quorum.port, address.election_port}) {
        const auto [other, free] = taken.try_emplace({host, port}, member.id);
        if (free) continue;
        return refusal(setting,
                       concat(to_string(HostPort{host, port}), " is taken by server.",
                              other->second.value, " at ", servers_.at(other->second).where,
                              ": each server needs a quorum port and an election port of its own"));
      }
    }
  }
  return {};
}

std::int64_t version_of_file_name(const std::string& path) {
  const std::string_view end = std::string_view(path).substr(path.rfind('.') + 1);
  std::int64_t version = 0;
  const auto [stopped, ec] = std::from_chars(end.data(), end.data() + end.size(), version, 16);
  return ec == std::errc{} && stopped == end.data() + end.size() && version > 0 ? version : 0;
}

std::string my_id_path(const std::string& data_dir) {
  return data_dir + "/myid";
}

Result<std::optional<ServerId>> read_my_id(Env& env, const std::string& data_dir) {
  const std::string path = my_id_path(data_dir);
  if (!env.exists(path)) return std::optional<ServerId>{};
  PADDOCK_TRY(const Bytes bytes, read_file(env, path, 4096));
  // ZooKeeper reads the first line.
  std::string_view text = as_chars(bytes);
  text = text.substr(0, text.find_first_of("\r\n"));
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  std::int64_t id = -1;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (ec == std::errc{} && end == text.data() + text.size() && id >= 0) {
    return std::optional(ServerId{id});
  }
  return Error{Code::kInvalid, concat(path, " holds \"", printable(text, 64),
                                      "\", which is not the number of a server")};
}

Result<std::optional<HostPort>> client_address(const std::optional<HostPort>& configured,
                                               const std::optional<HostPort>& in_line) {
  if (!in_line) return configured;
  if (!configured) return in_line;
  // What a name stands for is not known here: it may be the same.
  const HostKind kind = kind_of(configured->host);
  const bool other_host = kind == HostKind::kAddress && configured->host != in_line->host &&
                          kind_of(in_line->host) != HostKind::kName;
  if (configured->port == in_line->port && !other_host) return in_line;
  return Error{Code::kInvalid,
               concat("clientPort and clientPortAddress say ", to_string(*configured),
                      ", but this server's own line says ", to_string(*in_line),
                      ": leave one of them out, or let them agree")};
}

}  // namespace paddock::server
