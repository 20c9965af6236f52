#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/address.h"
#include "common/ids.h"
#include "common/result.h"

namespace paddock::zab {

// One server of an ensemble, as a `server.N` line has it.
struct Member {
  struct Address {
    HostPort quorum;
    std::uint16_t election_port = 0;
    friend bool operator==(const Address&, const Address&) = default;
  };
  ServerId id;
  bool observer = false;
  std::vector<Address> addresses;  // one, or several of the same server; by host
  std::optional<HostPort> client;  // only if the line itself gives it
  friend bool operator==(const Member&, const Member&) = default;
};

// The members of an ensemble and whose votes count: one configuration, immutable once in use.
// Source: ZooKeeper 3.8, QuorumVerifier and its text form; peer-protocol.md sections 0, A4, B11.
struct Ensemble {
  // Servers that vote together. Without any group the ensemble decides by plain majority.
  struct Group {
    std::int64_t id = 0;
    std::vector<ServerId> servers;  // by id; who does not vote adds weight to the group, no voice
    friend bool operator==(const Group&, const Group&) = default;
  };
  struct Weight {
    ServerId server;
    std::int64_t weight = 1;
    friend bool operator==(const Weight&, const Weight&) = default;
  };

  std::vector<Member> members;  // by id, each id once
  std::vector<Group> groups;    // by id
  std::vector<Weight> weights;  // by server, only with groups; 1 for whom it does not name
  std::int64_t version = 0;     // the zxid of the reconfig that made it; 0: from the files

  const Member* find(ServerId id) const;  // null: not a member
  bool is_voter(ServerId id) const;
  std::vector<ServerId> voters() const;  // by id
  std::int64_t weight(ServerId id) const;

  // Whether the same servers, at the same addresses, have the same say, whatever the version.
  bool same_members(const Ensemble& other) const;
  friend bool operator==(const Ensemble&, const Ensemble&) = default;
};

// The "config bytes": one line for each server, group and weight, then the version.
std::string to_text(const Ensemble& ensemble);

// Reads config bytes, also without a version line, as in a dynamic configuration file. As ZooKeeper
// does, it gives every voter a weight where there are groups. Code::kInvalid, with the line's
// number where one line is at fault: any key but server.N, group.N, weight.N and version, a key
// twice, a server in two groups, a weight below 0 or above 2^31 - 1, and what nobody could lead: no
// voter, a voter in no group, voters without weight. Code::kTooLarge as parse_config().
Result<Ensemble> parse_ensemble(std::string_view text);

// One `server.N` value: "host:quorum:election[:participant|:observer][;[host:]client]", several
// addresses joined with "|", of which one at least carries the role. A client address without a
// host is that of every interface, 0.0.0.0. An id is from 0 to 2^63 - 2.
Result<Member> parse_member(ServerId id, std::string_view value);

// Times of the protocol. Source: ZooKeeper's tickTime, initLimit, syncLimit, fastleader.*.
struct Timing {
  Millis tick{2000};
  std::int32_t init_limit = 10;  // ticks
  std::int32_t sync_limit = 5;   // ticks
  Millis min_notification{200};
  Millis max_notification{60000};
  Millis finalize_wait{200};
  Millis observer_election_delay{200};
  Millis connect_retry{100};
  // Between servers that both have it: a PING this often, and silence for so long ends a link. 0:
  // never; ZooKeeper's ticks alone. Ours: paddock.heartbeatInterval, paddock.heartbeatTimeout.
  Millis heartbeat{0};
  Millis heartbeat_timeout{0};

  Millis init_timeout() const { return {tick.value * init_limit}; }
  Millis sync_timeout() const { return {tick.value * sync_limit}; }
};

}  // namespace paddock::zab
