#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "server/options.h"

// Every key that a ZooKeeper 3.9 server knows, and what becomes of it here.
// Source: ZooKeeper 3.8 and 3.9, QuorumPeerConfig and all readers of "zookeeper.*" properties;
// feature-survey.md section 1.11.
namespace paddock::server {

// Settings on their way to ServerOptions: what can only be judged once all have been read.
struct OptionDraft {
  ServerOptions options;

  std::optional<std::uint16_t> client_port;
  std::string client_port_address;
  std::int32_t session_timeout_min = -1, session_timeout_max = -1;  // -1: from tickTime
  std::string four_letter_whitelist;
  std::size_t io_threads = 0, selector_threads = 0, worker_threads = 0;  // 0: not set
  std::optional<std::int32_t> purge_retain_count;
  bool names_sasl = false;  // authProvider.*

  std::string dynamic_config_file;
  bool allows_several_addresses = false;        // multiAddress.enabled
  std::optional<bool> observer;                 // peerType
  std::int32_t init_limit = 0, sync_limit = 0;  // ticks; 0: not set
  std::int32_t connect_limit = 0;               // the same
  Millis opening_timeout{-1};                   // -1: from syncLimit
};

enum class Standing {
  kUsed,       // does what it does in ZooKeeper; paddock.*: ours
  kNoMeaning,  // nothing here that it could set; said once
  kLater,      // not available yet; said once as a warning, unless it switches the thing off
};

// Takes a value over into the draft. The error says what is allowed, and never the value.
using OptionReader = Result<void> (*)(std::string_view value, OptionDraft& draft);

struct OptionKey {
  std::string_view name;  // without "zookeeper."; ".*" at its end: anything may stand there
  Standing standing{};
  std::string_view note;        // for people: what it is, or why it does nothing
  OptionReader read = nullptr;  // never null for kUsed; else it may still refuse a value
  bool secret = false;          // the value is never shown
};

std::span<const OptionKey> option_table();

// The row of a key, with or without "zookeeper." before it; nullptr: nobody knows it.
const OptionKey* find_option(std::string_view name);

// The name that is most like this one; "" if none is.
std::string_view nearest_option(std::string_view name);

// Whether the value switches a thing off: false, no, 0, -1 or nothing.
bool is_off(std::string_view value);

}  // namespace paddock::server
