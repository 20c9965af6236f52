// Short texts that a client or an operator chooses: paths, quota nodes, ids of ACLs and of auth
// packets. The first byte chooses the parser; a zero byte separates two texts.

#include <string>
#include <string_view>

#include "common/acl.h"
#include "common/check.h"
#include "common/path.h"
#include "server/tree/acl_check.h"
#include "server/tree/quota.h"

using namespace paddock;
using namespace paddock::server;

namespace {

struct Pair {
  std::string_view first, second;
};
Pair split(std::string_view text) {
  const std::size_t at = text.find('\0');
  if (at == std::string_view::npos) return {text, {}};
  return {text.substr(0, at), text.substr(at + 1)};
}

void check_path(std::string_view path) {
  if (!is_valid_path(path) || path == "/") return;
  const std::string_view parent = parent_of(path);
  PADDOCK_CHECK(parent.empty() || is_valid_path(parent));
  PADDOCK_CHECK(!last_element(path).empty());
  PADDOCK_CHECK(parent.size() + 1 + last_element(path).size() == path.size());
}

void check_quota(std::string_view text) {
  const std::string once = to_string(parse_quota(text));
  PADDOCK_CHECK(to_string(parse_quota(once)) == once);
}

void check_ip(std::string_view text) {
  const auto [id, address] = split(text);
  const bool valid = is_valid_ip_id(id);
  PADDOCK_CHECK(valid || !ip_matches(id, address));
}

const Credentials& somebody() {
  static const Credentials credentials{{"ip", "127.0.0.1"}, {"digest", "bob:aGFzaA=="}};
  return credentials;
}

// A list that was fixed can be asked, and to fix it again takes out no more than the entries that
// came twice: "auth" may stand for one that is in the list too.
void check_acl(std::string_view text) {
  JuteReader reader(as_bytes(text));
  const Result<AclBytes> acl = read_acl(reader);
  if (!acl.ok()) return;
  const AuthOptions options;
  const FixedAcl fixed = fix_acl(options, *acl, somebody());
  if (fixed.error != ErrorCode::kOk) return;
  const FixedAcl again = fix_acl(options, AclBytes{fixed.encoded}, somebody());
  PADDOCK_CHECK(again.error == ErrorCode::kOk);
  const FixedAcl thrice = fix_acl(options, AclBytes{again.encoded}, somebody());
  PADDOCK_CHECK(thrice.error == ErrorCode::kOk);
  PADDOCK_CHECK(thrice.encoded == again.encoded);

  AclEntry entry;
  entry.encoded = fixed.encoded;
  entry.entries = decode_acl(AclBytes{fixed.encoded});
  (void)may(options, entry, kPermRead, somebody());
  PADDOCK_CHECK(masked(entry.entries).size() == entry.entries.size());
}

void check_auth(std::string_view text) {
  const auto [scheme, auth] = split(text);
  AuthOptions options;
  options.super_digest = "super:xQJmxLMiHGwaqBvst5y6rkB6HQs=";
  const AuthResult result = authenticate(options, scheme, as_bytes(auth), "10.0.0.1");
  for (const Id& id : result.added) (void)display_name(id);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text = as_chars(ByteView(data + 1, size - 1));
  switch (data[0] % 5) {
    case 0:
      check_path(text);
      break;
    case 1:
      check_quota(text);
      break;
    case 2:
      check_ip(text);
      break;
    case 3:
      check_acl(text);
      break;
    default:
      check_auth(text);
      break;
  }
  return 0;
}
