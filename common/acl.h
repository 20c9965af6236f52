#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/bytes.h"
#include "common/jute.h"
#include "common/result.h"

namespace paddock {

// Who somebody is, under a scheme. A null text reads as "".
struct Id {
  std::string scheme;
  std::string id;
  friend bool operator==(const Id&, const Id&) = default;
};

// Permission bits. Source: ZooKeeper 3.9, ZooDefs.Perms.
inline constexpr std::int32_t kPermRead = 1;
inline constexpr std::int32_t kPermWrite = 2;
inline constexpr std::int32_t kPermCreate = 4;
inline constexpr std::int32_t kPermDelete = 8;
inline constexpr std::int32_t kPermAdmin = 16;
inline constexpr std::int32_t kPermAll = 31;

struct Acl {
  std::int32_t perms = 0;
  Id id;
  friend bool operator==(const Acl&, const Acl&) = default;
};

// A jute vector<ACL> that has been checked to parse, count included; still as bytes, which is how
// requests, transactions and the ACL table pass it on. Null is the count -1.
struct AclBytes {
  ByteView encoded;
};

Result<AclBytes> read_acl(JuteReader& reader);

// The entries; none for null. `acl` came from read_acl or encode_acl.
std::vector<Acl> decode_acl(AclBytes acl);

Bytes encode_acl(const std::vector<Acl>& acl);

// world:anyone with all permissions, encoded. Static storage.
AclBytes open_acl();

}  // namespace paddock
