#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "paddock/types.h"

namespace paddock::client {

// How to speak TLS to servers. Files are PEM.
struct TlsOptions {
  std::string ca_file;           // whom to trust; "": the system's authorities
  std::string certificate_file;  // ours, with its chain; "": none
  std::string key_file;
  std::string key_password;
  bool verify_host_name = true;
};

struct Auth {
  std::string scheme;  // "digest"
  std::string data;    // "user:password"
};

struct Options {
  // "a:2181,[::1]:2182,c/chroot": names are resolved anew at each attempt, and servers tried in an
  // order drawn by chance. The port may be left out.
  std::string servers = "127.0.0.1:2181";
  // Asked for; the server may grant another (Client::session_timeout).
  std::chrono::milliseconds session_timeout{30'000};
  // Of each operation that is given none of its own; 0: only the end of the session ends it.
  std::chrono::milliseconds request_timeout{0};
  // Also be content with a server that has lost its quorum, and look for a better one meanwhile.
  bool read_only = false;
  // Given to each server on connecting, as by add_auth.
  std::vector<Auth> auth;
  std::optional<TlsOptions> tls;
  // Take over this session instead of asking for a new one.
  std::optional<SessionTicket> session;
  // Told of every change of state, in order, on the callback thread.
  std::function<void(State)> on_state;
  // Operations that wait for a connection or an answer; one more is NotSent::overloaded.
  std::size_t max_pending = 100'000;
  // The largest request, and the largest reply that is accepted: jute.maxbuffer of the servers.
  std::size_t max_request_bytes = 1'048'575;
  std::size_t max_reply_bytes = 67'108'864;
};

// What every operation takes beside its own arguments.
struct RequestOptions {
  // From the call to the answer; nothing: Options::request_timeout. At its end the operation is
  // NotSent::timed_out or MaybeApplied::timed_out.
  std::optional<std::chrono::milliseconds> timeout;
};

struct CreateOptions : RequestOptions {
  CreateMode mode = CreateMode::kPersistent;
  std::vector<Acl> acl = open_acl();
  std::chrono::milliseconds ttl{0};  // of the two modes with one
  // Create the parents that are missing: persistent, with the same ACL and no data.
  bool parents = false;
  // If the answer is lost, find out whether the node was created before trying again, so that it is
  // never there twice. A sequential node gets "_c_<32 hex digits>-" before its name for that, as
  // from Curator. A node that is not sequential keeps its name, and is told by its ephemeral owner;
  // one that is neither, by nothing: it stays MaybeApplied.
  bool protect = false;
};

// A one-shot watch: called once, on the callback thread, for the next event that concerns what the
// operation has read, or when the session has come to an end.
using Watcher = std::function<void(const WatchEvent&)>;

struct ReadOptions : RequestOptions {
  Watcher watch;
};

}  // namespace paddock::client
