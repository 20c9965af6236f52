#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The values that go into operations and come out of them. Data of a znode is bytes in a
// std::string. Names and numbers are ZooKeeper's. Source: ZooKeeper 3.9, zookeeper.jute.
namespace paddock::client {

// What a server tells of a node. Times in milliseconds since 1970, by the leader's clock.
struct Stat {
  std::int64_t czxid = 0;  // the transaction that created it; rises from holder to holder of a lock
  std::int64_t mzxid = 0;  // the one that last set its data
  std::int64_t ctime_ms = 0;
  std::int64_t mtime_ms = 0;
  std::int32_t version = 0;          // of its data
  std::int32_t cversion = 0;         // of its list of children
  std::int32_t aversion = 0;         // of its ACL
  std::int64_t ephemeral_owner = 0;  // a session; 0: not ephemeral; other marks: container, TTL
  std::int32_t data_length = 0;
  std::int32_t num_children = 0;
  std::int64_t pzxid = 0;  // the one that last added or took a child
  friend bool operator==(const Stat&, const Stat&) = default;
};

// For operations that take the version which a node must have.
inline constexpr std::int32_t kAnyVersion = -1;

struct Node {
  std::string data;
  Stat stat;
};
struct Created {
  std::string path;  // with the number that a sequential node has got
  Stat stat;
};
struct Children {
  std::vector<std::string> names;  // last elements, sorted
  Stat stat;                       // the parent's
};

enum class CreateMode {
  kPersistent,
  kEphemeral,  // goes with its session
  kPersistentSequential,
  kEphemeralSequential,
  kContainer,  // goes once its last child is gone
  kPersistentWithTtl,
  kPersistentSequentialWithTtl,
};
bool is_sequential(CreateMode mode);
bool is_ephemeral(CreateMode mode);

// The number at the end of a sequential node's name; nothing if there are not ten digits.
std::optional<std::int32_t> sequence_of(std::string_view name);

// What an identity may do, as bits.
enum Permission : std::uint32_t {
  kRead = 1,
  kWrite = 2,
  kCreate = 4,
  kDelete = 8,
  kAdmin = 16,
  kAllPermissions = 31,
};
struct Acl {
  std::uint32_t permissions = 0;
  std::string scheme;
  std::string id;
  friend bool operator==(const Acl&, const Acl&) = default;
};
std::vector<Acl> open_acl();      // everybody everything
std::vector<Acl> creator_acl();   // everything for who created it: needs add_auth before
std::vector<Acl> readable_acl();  // everybody may read

// "world:anyone:cdrwa,digest:u:HASH=:r", as zkCli writes them. Nothing if it is not that.
std::optional<std::vector<Acl>> parse_acl(std::string_view text);
std::string to_string(const Acl& acl);

struct AclAndStat {
  std::vector<Acl> acl;
  Stat stat;
};

// An identity that the server knows this session by.
struct Identity {
  std::string scheme;
  std::string id;
};

// The state of a session, by ZooKeeper's names.
enum class State {
  kDisconnected,       // looking for a server; the session may still live
  kSyncConnected,      //
  kConnectedReadOnly,  // to a server without a quorum
  kExpired,            // for good: the session's ephemerals are gone
  kAuthFailed,         // for good: a server has refused the credentials
  kClosed,             // for good: by close()
};
std::string_view to_string(State state);
constexpr bool is_final(State state) {
  return state >= State::kExpired;
}

enum class EventType {
  kNone,  // the session's state has changed: see `state`
  kNodeCreated,
  kNodeDeleted,
  kNodeDataChanged,
  kNodeChildrenChanged,
};
std::string_view to_string(EventType type);

struct WatchEvent {
  EventType type = EventType::kNone;
  State state = State::kSyncConnected;
  std::string path;        // below the chroot
  std::int64_t zxid = -1;  // what happened; -1 from servers before 3.9
};

enum class WatchMode {
  kPersistent,           // the node's data and its list of children
  kPersistentRecursive,  // the node and all below it; never kNodeChildrenChanged
};
enum class WatchKind {
  kChildren = 1,
  kData = 2,
  kAny = 3,
  kPersistent = 4,
  kPersistentRecursive = 5
};

// A session that another Client can take over.
struct SessionTicket {
  std::int64_t id = 0;
  std::string password;  // 16 bytes
};

}  // namespace paddock::client
