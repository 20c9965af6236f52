#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/address.h"
#include "common/env.h"
#include "common/ids.h"
#include "common/result.h"

// An ensemble on this machine: one folder of zooN.cfg files, one folder of data.
namespace paddock::tools {

// A port that a server needs, and what it is for.
struct NeededPort {
  HostPort address;
  std::string what;  // "clientPort"
};

// What is known of a server from its file.
struct LocalServer {
  ServerId id;
  std::string conf;      // its zooN.cfg
  std::string folder;    // its dataDir, whatever the file says: DATA/N
  std::string log;       // DATA/N.log
  std::string pid_file;  // DATA/N.pid
  HostPort client;       // where to ask it; a host that stands for all is 127.0.0.1 here
  std::vector<NeededPort> ports;
};

// The N of zooN.cfg; nullopt: another name.
std::optional<ServerId> id_of_conf_name(std::string_view name);

// `text` is that of the file `conf`. Code::kInvalid, with the file: no line server.N for it, or no
// clientPort, or a line that does not parse.
Result<LocalServer> parse_local_server(ServerId id, const std::string& conf, std::string_view text,
                                       const std::string& data);

// Every zooN.cfg of `conf_folder`, by number. Code::kNotFound: there is none.
Result<std::vector<LocalServer>> read_ensemble(Env& env, const std::string& conf_folder,
                                               const std::string& data);

// "data/ensemble" of "conf/ensemble": each folder of files has data of its own.
std::string default_data(std::string_view conf_folder);

// What a server said to srvr.
struct Srvr {
  std::string mode;  // "leader"
  Zxid zxid;
  std::int64_t connections = 0;
};
// nullopt: it does not serve, or this is no answer to srvr.
std::optional<Srvr> parse_srvr(std::string_view answer);

struct ServerState {
  std::optional<std::int64_t> pid;  // nullopt: it is down
  std::optional<Srvr> srvr;         // nullopt: it does not serve, or did not answer
};
// "server 1  leader       epoch 1  zxid 0x100000002  1 connection   127.0.0.1:2181  pid 4711"
std::string status_line(const LocalServer& server, const ServerState& state);

// Whether the arguments of a process, as /proc has them, are those of this server.
bool is_server(std::string_view command_line, const LocalServer& server);
// The argument that marks it.
std::string data_argument(const LocalServer& server);

// The last `count` lines of a text.
std::string last_lines(std::string_view text, std::size_t count);

}  // namespace paddock::tools
