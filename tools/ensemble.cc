#include "tools/ensemble.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <utility>

#include "common/concat.h"
#include "common/config_file.h"
#include "zab/ensemble.h"

namespace paddock::tools {

namespace {

std::optional<std::int64_t> whole_number(std::string_view text, int base = 10) {
  std::int64_t value = -1;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (ec != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

// The last of a key's lines counts.
const ConfigEntry* find_entry(const std::vector<ConfigEntry>& entries, std::string_view key) {
  const auto found = std::find_if(entries.rbegin(), entries.rend(),
                                  [key](const ConfigEntry& entry) { return entry.key == key; });
  return found == entries.rend() ? nullptr : &*found;
}

Error at(const std::string& conf, std::string_view why) {
  return Error{Code::kInvalid, concat(conf, ": ", why)};
}

// Where a connection reaches a server that listens there.
HostPort reachable(HostPort listening) {
  if (listening.host.empty() || listening.host == "0.0.0.0") listening.host = "127.0.0.1";
  if (listening.host == "::") listening.host = "::1";
  return listening;
}

// What follows "name" up to the end of its line; "" if there is no such line.
std::string_view line_behind(std::string_view text, std::string_view name) {
  std::size_t at = text.starts_with(name) ? 0 : text.find(concat("\n", name));
  if (at == text.npos) return "";
  if (at != 0) ++at;
  text.remove_prefix(at + name.size());
  return text.substr(0, text.find('\n'));
}

// At least `width` characters.
std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

Result<HostPort> client_of(const std::vector<ConfigEntry>& entries, const zab::Member& member,
                           const std::string& conf) {
  if (member.client) return *member.client;
  const ConfigEntry* port = find_entry(entries, "clientPort");
  if (port == nullptr) return at(conf, "clientPort is not set");
  Result<std::uint16_t> number = parse_port(port->value);
  if (!number || *number == 0) {
    return at(conf, concat("clientPort=", port->value, ": a port from 1 to 65535 is expected"));
  }
  const ConfigEntry* host = find_entry(entries, "clientPortAddress");
  return HostPort{host == nullptr ? "" : host->value, *number};
}

}  // namespace

std::optional<ServerId> id_of_conf_name(std::string_view name) {
  constexpr std::string_view kStart = "zoo", kEnd = ".cfg";
  if (!name.starts_with(kStart) || !name.ends_with(kEnd)) return std::nullopt;
  if (name.size() < kStart.size() + kEnd.size()) return std::nullopt;
  name.remove_prefix(kStart.size());
  name.remove_suffix(kEnd.size());
  const std::optional<std::int64_t> number = whole_number(name);
  if (!number) return std::nullopt;
  return ServerId{*number};
}

Result<LocalServer> parse_local_server(ServerId id, const std::string& conf, std::string_view text,
                                       const std::string& data) {
  const Result<std::vector<ConfigEntry>> entries = parse_config(text);
  if (!entries) return Error{entries.error().code, concat(conf, " ", entries.error().message)};
  const std::string key = concat("server.", id.value);
  const ConfigEntry* line = find_entry(*entries, key);
  if (line == nullptr) {
    return at(conf, concat("there is no line ", key, "=, which the file's name promises"));
  }
  Result<zab::Member> member = zab::parse_member(id, line->value);
  if (!member) return at(conf, member.error().message);
  PADDOCK_TRY(const HostPort client, client_of(*entries, *member, conf));

  LocalServer server;
  server.id = id;
  server.conf = conf;
  server.folder = concat(data, "/", id.value);
  server.log = server.folder + ".log";
  server.pid_file = server.folder + ".pid";
  server.client = reachable(client);
  server.ports.push_back({client, "its clientPort"});
  const ConfigEntry* everywhere = find_entry(*entries, "quorumListenOnAllIPs");
  const bool on_all = everywhere != nullptr && everywhere->value == "true";
  for (const zab::Member::Address& address : member->addresses) {
    const std::string host = on_all ? "" : address.quorum.host;
    server.ports.push_back({{host, address.quorum.port}, "its quorum port"});
    server.ports.push_back({{host, address.election_port}, "its election port"});
  }
  return server;
}

Result<std::vector<LocalServer>> read_ensemble(Env& env, const std::string& conf_folder,
                                               const std::string& data) {
  PADDOCK_TRY(const std::vector<std::string> names, env.list(conf_folder));
  std::vector<LocalServer> servers;
  for (const std::string& name : names) {
    const std::optional<ServerId> id = id_of_conf_name(name);
    if (!id) continue;
    const std::string conf = concat(conf_folder, "/", name);
    PADDOCK_TRY(const Bytes text, read_file(env, conf, kConfigBytesMax));
    PADDOCK_TRY(LocalServer server, parse_local_server(*id, conf, as_chars(text), data));
    servers.push_back(std::move(server));
  }
  if (servers.empty()) {
    return Error{Code::kNotFound, concat("there is no zoo1.cfg, zoo2.cfg ... in ", conf_folder,
                                         "; name another ", "folder with --conf")};
  }
  std::sort(servers.begin(), servers.end(),
            [](const LocalServer& a, const LocalServer& b) { return a.id < b.id; });
  return servers;
}

std::string default_data(std::string_view conf_folder) {
  while (conf_folder.size() > 1 && conf_folder.ends_with('/')) conf_folder.remove_suffix(1);
  const std::string name = std::filesystem::path(conf_folder).filename();
  return concat("data/", name.empty() || name == "." || name == ".." ? "ensemble" : name);
}

std::optional<Srvr> parse_srvr(std::string_view answer) {
  const std::string_view mode = line_behind(answer, "Mode: ");
  const std::string_view zxid = line_behind(answer, "Zxid: 0x");
  const auto number = whole_number(zxid, 16);
  const auto connections = whole_number(line_behind(answer, "Connections: "));
  if (mode.empty() || !number || !connections) return std::nullopt;
  return Srvr{std::string(mode), Zxid{*number}, *connections};
}

std::string status_line(const LocalServer& server, const ServerState& state) {
  const std::string name = padded(concat("server ", server.id.value), 10);
  if (!state.pid) return concat(name, "down");
  const std::string behind = concat(to_string(server.client), "  pid ", *state.pid);
  if (!state.srvr) return concat(name, padded("not serving", 13), behind);
  const Srvr& srvr = *state.srvr;
  const std::string connections =
      concat(srvr.connections, srvr.connections == 1 ? " connection" : " connections");
  return concat(name, padded(srvr.mode, 13), padded(concat("epoch ", srvr.zxid.epoch().value), 10),
                padded(concat("zxid 0x", hex(static_cast<std::uint64_t>(srvr.zxid.value))), 20),
                padded(connections, 16), behind);
}

std::string data_argument(const LocalServer& server) {
  return concat("--dataDir=", server.folder);
}

bool is_server(std::string_view command_line, const LocalServer& server) {
  const std::string wanted = data_argument(server);
  while (!command_line.empty()) {
    const std::size_t end = std::min(command_line.find('\0'), command_line.size());
    if (command_line.substr(0, end) == wanted) return true;
    command_line.remove_prefix(std::min(end + 1, command_line.size()));
  }
  return false;
}

std::string last_lines(std::string_view text, std::size_t count) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  std::size_t before = text.size();
  if (before == 0 || count == 0) return "";
  for (std::size_t i = 0; i < count; ++i) {
    before = before == 0 ? text.npos : text.rfind('\n', before - 1);
    if (before == text.npos) return std::string(text);
  }
  return std::string(text.substr(before + 1));
}

}  // namespace paddock::tools
