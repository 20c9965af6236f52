#include "server/storage/checkpoint_codec.h"

#include <algorithm>

#include "common/concat.h"
#include "common/jute.h"

namespace paddock::server {

namespace {

constexpr std::int32_t kFormat = 1;

// What a node's value holds beyond czxid, ctime and data.
enum Field : std::uint16_t {
  kHasAcl = 1 << 0,  // not the open one
  kHasMzxid = 1 << 1,
  kHasMtime = 1 << 2,
  kHasPzxid = 1 << 3,
  kHasVersion = 1 << 4,
  kHasCversion = 1 << 5,
  kHasAversion = 1 << 6,
  kHasOwner = 1 << 7,
  kNullData = 1 << 8,
};
constexpr std::uint16_t kAllFields = (1 << 9) - 1;

void put_long(std::string& to, std::int64_t value) {
  char bytes[8];
  store_be64(reinterpret_cast<std::uint8_t*>(bytes), static_cast<std::uint64_t>(value));
  to.append(bytes, sizeof bytes);
}
void put_int(std::string& to, std::int32_t value) {
  char bytes[4];
  store_be32(reinterpret_cast<std::uint8_t*>(bytes), static_cast<std::uint32_t>(value));
  to.append(bytes, sizeof bytes);
}

bool is_open(ByteView acl) {
  return std::ranges::equal(acl, open_acl().encoded);
}

std::uint16_t fields_of(const Dirty::Node& node) {
  const StatPersisted& stat = node.stat;
  unsigned fields = 0;
  if (node.acl != nullptr && !is_open(node.acl->encoded)) fields |= kHasAcl;
  if (stat.mzxid != stat.czxid) fields |= kHasMzxid;
  if (stat.mtime != stat.ctime) fields |= kHasMtime;
  if (stat.pzxid != stat.czxid) fields |= kHasPzxid;
  if (stat.version != 0) fields |= kHasVersion;
  if (stat.cversion != 0) fields |= kHasCversion;
  if (stat.aversion != 0) fields |= kHasAversion;
  if (stat.ephemeral_owner != 0) fields |= kHasOwner;
  if (node.data.is_null()) fields |= kNullData;
  return static_cast<std::uint16_t>(fields);
}

Result<StatPersisted> read_stat(JuteReader& reader, unsigned fields) {
  StatPersisted stat;
  PADDOCK_TRY(stat.czxid.value, reader.read_long());
  PADDOCK_TRY(stat.ctime.value, reader.read_long());
  stat.mzxid = stat.pzxid = stat.czxid;
  stat.mtime = stat.ctime;
  if (fields & kHasMzxid) {
    PADDOCK_TRY(stat.mzxid.value, reader.read_long());
  }
  if (fields & kHasMtime) {
    PADDOCK_TRY(stat.mtime.value, reader.read_long());
  }
  if (fields & kHasPzxid) {
    PADDOCK_TRY(stat.pzxid.value, reader.read_long());
  }
  if (fields & kHasVersion) {
    PADDOCK_TRY(stat.version, reader.read_int());
  }
  if (fields & kHasCversion) {
    PADDOCK_TRY(stat.cversion, reader.read_int());
  }
  if (fields & kHasAversion) {
    PADDOCK_TRY(stat.aversion, reader.read_int());
  }
  if (fields & kHasOwner) {
    PADDOCK_TRY(stat.ephemeral_owner, reader.read_long());
  }
  return stat;
}

}  // namespace

std::string encode_meta(const CheckpointMeta& meta) {
  std::string value;
  put_int(value, kFormat);
  put_long(value, meta.zxid.value);
  put_long(value, static_cast<std::int64_t>(meta.tree_digest));
  value.push_back(meta.staged ? 1 : 0);
  return value;
}

Result<CheckpointMeta> decode_meta(std::string_view value) {
  JuteReader reader(as_bytes(value));
  PADDOCK_TRY(const std::int32_t format, reader.read_int());
  if (format != kFormat) {
    return Error{Code::kCorrupt, concat("format ", format, " of a checkpoint is not known to this ",
                                        "release, which writes ", kFormat)};
  }
  CheckpointMeta meta;
  PADDOCK_TRY(meta.zxid.value, reader.read_long());
  PADDOCK_TRY(const std::int64_t digest, reader.read_long());
  meta.tree_digest = static_cast<std::uint64_t>(digest);
  PADDOCK_TRY(meta.staged, reader.read_bool());
  return meta;
}

void encode_node(const Dirty::Node& node, std::string& to) {
  const StatPersisted& stat = node.stat;
  const unsigned fields = fields_of(node);
  to.push_back(static_cast<char>(fields >> 8));
  to.push_back(static_cast<char>(fields & 0xff));
  put_long(to, stat.czxid.value);
  put_long(to, stat.ctime.value);
  if (fields & kHasMzxid) put_long(to, stat.mzxid.value);
  if (fields & kHasMtime) put_long(to, stat.mtime.value);
  if (fields & kHasPzxid) put_long(to, stat.pzxid.value);
  if (fields & kHasVersion) put_int(to, stat.version);
  if (fields & kHasCversion) put_int(to, stat.cversion);
  if (fields & kHasAversion) put_int(to, stat.aversion);
  if (fields & kHasOwner) put_long(to, stat.ephemeral_owner);
  if (fields & kHasAcl) to.append(as_chars(node.acl->encoded));
  to.append(as_chars(node.data.bytes()));
}

Result<StoredNode> decode_node(ByteView value) {
  if (value.size() < 2) return Error{Code::kCorrupt, "a node's value without its first bytes"};
  const unsigned fields = static_cast<unsigned>(value[0]) << 8 | value[1];
  if ((fields & ~unsigned{kAllFields}) != 0) {
    return Error{Code::kCorrupt, concat("a node's value with unknown fields ", fields)};
  }
  JuteReader reader(value.subspan(2));
  StoredNode node;
  PADDOCK_TRY(node.stat, read_stat(reader, fields));
  node.acl = open_acl();
  if (fields & kHasAcl) {
    PADDOCK_TRY(node.acl, read_acl(reader));
  }
  if (!(fields & kNullData)) node.data = reader.rest();
  return node;
}

std::string encode_session_id(SessionId id) {
  std::string key;
  put_long(key, id.value);
  return key;
}

std::string encode_timeout(std::int32_t timeout_ms) {
  std::string value;
  put_int(value, timeout_ms);
  return value;
}

Result<StoredSession> decode_session(std::string_view key, std::string_view value) {
  StoredSession session;
  PADDOCK_TRY(session.id.value, JuteReader(as_bytes(key)).read_long());
  PADDOCK_TRY(session.timeout_ms, JuteReader(as_bytes(value)).read_int());
  return session;
}

}  // namespace paddock::server
