#include "common/acl.h"

#include "common/check.h"

namespace paddock {

namespace {
constexpr std::size_t kAclBytesMin = 12;  // perms and two lengths

Result<Acl> read_entry(JuteReader& reader) {
  Acl acl;
  PADDOCK_TRY(acl.perms, reader.read_int());
  PADDOCK_TRY(acl.id.scheme, reader.read_string());
  PADDOCK_TRY(acl.id.id, reader.read_string());
  return acl;
}
}  // namespace

Result<AclBytes> read_acl(JuteReader& reader) {
  const std::size_t start = reader.offset();
  PADDOCK_TRY(const std::int32_t count, reader.read_count(kAclBytesMin));
  for (std::int32_t i = 0; i < count; ++i) {
    PADDOCK_TRY([[maybe_unused]] const std::int32_t perms, reader.read_int());
    PADDOCK_TRY([[maybe_unused]] const auto scheme, reader.read_buffer());
    PADDOCK_TRY([[maybe_unused]] const auto id, reader.read_buffer());
  }
  return AclBytes{reader.since(start)};
}

std::vector<Acl> decode_acl(AclBytes acl) {
  JuteReader reader(acl.encoded);
  std::vector<Acl> entries;
  const Result<std::int32_t> count = reader.read_count(kAclBytesMin);
  PADDOCK_CHECK(count.ok());
  for (std::int32_t i = 0; i < *count; ++i) {
    Result<Acl> entry = read_entry(reader);
    PADDOCK_CHECK(entry.ok());
    entries.push_back(std::move(*entry));
  }
  return entries;
}

Bytes encode_acl(const std::vector<Acl>& acl) {
  Bytes bytes;
  JuteWriter writer(bytes);
  writer.write_int(static_cast<std::int32_t>(acl.size()));
  for (const Acl& entry : acl) {
    writer.write_int(entry.perms);
    writer.write_string(entry.id.scheme);
    writer.write_string(entry.id.id);
  }
  return bytes;
}

AclBytes open_acl() {
  static const Bytes bytes = encode_acl({{kPermAll, {"world", "anyone"}}});
  return AclBytes{bytes};
}

}  // namespace paddock
