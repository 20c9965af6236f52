#pragma once

#include <cstdint>
#include <string_view>

namespace paddock {

// What a client may ask, and the types of transactions. Source: ZooKeeper 3.9, ZooDefs.OpCode.
enum class OpCode : std::int32_t {
  kNotification = 0,
  kCreate = 1,
  kDelete = 2,
  kExists = 3,
  kGetData = 4,
  kSetData = 5,
  kGetAcl = 6,
  kSetAcl = 7,
  kGetChildren = 8,
  kSync = 9,
  kPing = 11,
  kGetChildren2 = 12,
  kCheck = 13,
  kMulti = 14,
  kCreate2 = 15,
  kReconfig = 16,
  kCheckWatches = 17,
  kRemoveWatches = 18,
  kCreateContainer = 19,
  kDeleteContainer = 20,
  kCreateTtl = 21,
  kMultiRead = 22,
  kAuth = 100,
  kSetWatches = 101,
  kSasl = 102,
  kGetEphemerals = 103,
  kGetAllChildrenNumber = 104,
  kSetWatches2 = 105,
  kAddWatch = 106,
  kWhoAmI = 107,
  kCreateSession = -10,
  kCloseSession = -11,
  kError = -1,
};

// ZooKeeper's name, as "create2"; "unknown" for a number that is none of the above.
std::string_view name_of(OpCode op);

// Whether the number is an operation that a client may send as a request of its own.
bool is_client_op(OpCode op);

// Whether the request changes the tree or the sessions, and so becomes a transaction.
bool is_write(OpCode op);

}  // namespace paddock
