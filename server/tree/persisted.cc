#include "server/tree/persisted.h"

namespace paddock::server {

void write(JuteWriter& writer, const StatPersisted& stat) {
  writer.write_long(stat.czxid.value);
  writer.write_long(stat.mzxid.value);
  writer.write_long(stat.ctime.value);
  writer.write_long(stat.mtime.value);
  writer.write_int(stat.version);
  writer.write_int(stat.cversion);
  writer.write_int(stat.aversion);
  writer.write_long(stat.ephemeral_owner);
  writer.write_long(stat.pzxid.value);
}

Result<StatPersisted> read_stat_persisted(JuteReader& reader) {
  StatPersisted stat;
  PADDOCK_TRY(stat.czxid.value, reader.read_long());
  PADDOCK_TRY(stat.mzxid.value, reader.read_long());
  PADDOCK_TRY(stat.ctime.value, reader.read_long());
  PADDOCK_TRY(stat.mtime.value, reader.read_long());
  PADDOCK_TRY(stat.version, reader.read_int());
  PADDOCK_TRY(stat.cversion, reader.read_int());
  PADDOCK_TRY(stat.aversion, reader.read_int());
  PADDOCK_TRY(stat.ephemeral_owner, reader.read_long());
  PADDOCK_TRY(stat.pzxid.value, reader.read_long());
  return stat;
}

NodeKind kind_of(std::int64_t ephemeral_owner, bool extended_types) {
  if (ephemeral_owner == 0) return NodeKind::kPersistent;
  if (ephemeral_owner == kContainerOwner) return NodeKind::kContainer;
  constexpr int kTopByteShift = 56;
  const auto top =
      static_cast<std::uint8_t>(static_cast<std::uint64_t>(ephemeral_owner) >> kTopByteShift);
  if (extended_types && top == 0xff) return NodeKind::kTtl;
  return NodeKind::kEphemeral;
}

}  // namespace paddock::server
