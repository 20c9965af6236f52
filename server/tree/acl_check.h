#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/acl.h"
#include "common/error_code.h"
#include "common/result.h"
#include "server/tree/acl_table.h"

namespace paddock::server {

// The Ids of a connection: immutable, so that a request carries it to the core. ip first; then what
// auth packets added, in order, without repetition.
using Credentials = std::vector<Id>;
using CredentialsRef = std::shared_ptr<const Credentials>;

// What decides about credentials, from the configuration. Never in a log line.
struct AuthOptions {
  bool skip_acl = false;                        // zookeeper.skipACL
  bool digest_enabled = true;                   // zookeeper.DigestAuthenticationProvider.enabled
  std::string digest_algorithm = "SHA1";        // zookeeper.DigestAuthenticationProvider.digestAlg
  std::string super_digest{};                   // "super:BASE64"; "" is none
  bool sasl_enabled = false;                    // whether the sasl scheme is known in ACLs
  bool enforce = false;                         // enforce.auth.enabled
  std::vector<std::string> enforced_schemes{};  // enforce.auth.schemes
  std::vector<std::string> ensemble_names{};    // zookeeper.ensembleAuthName
};

// Whether any of `needed` bits is granted by `acl` to `credentials`. "super" may do everything.
// Source: ZooKeeper 3.9, ZooKeeperServer.checkACL; client-protocol.md section 8.2.
bool may(const AuthOptions& options, const AclEntry& acl, std::int32_t needed,
         const Credentials& credentials);

// The ACL list of a create or setACL with duplicates dropped and `auth` replaced, as it will be
// stored; kInvalidAcl as in section 8.4.
struct FixedAcl {
  ErrorCode error = ErrorCode::kOk;
  Bytes encoded{};  // a jute vector<ACL>; unset on error
};
FixedAcl fix_acl(const AuthOptions& options, AclBytes acl, const Credentials& credentials);

// What an auth packet adds. Section 8.3 and 8.5.
struct AuthResult {
  ErrorCode error = ErrorCode::kOk;  // kAuthFailed: answer, then close
  bool close_silently = false;       // scheme `ensemble`: mismatch
  Credentials added{};
};
AuthResult authenticate(const AuthOptions& options, std::string_view scheme,
                        std::optional<ByteView> auth, std::string_view remote_address);

// The ACL as getACL shows it to who has no ADMIN: digest ids become "user:x".
std::vector<Acl> masked(const std::vector<Acl>& entries);

// The id of digest authentication: "user:BASE64(hash(user:password))". "" if the algorithm is not
// known.
std::string digest_id(std::string_view user_and_password, std::string_view algorithm);

// Whether an `ip` id is well formed: IPv4 or IPv6, optional /bits. And whether it covers `address`.
bool is_valid_ip_id(std::string_view id);
bool ip_matches(std::string_view id, std::string_view address);

// How whoAmI names a credential: the digest's user only, nothing of super.
std::string display_name(const Id& id);

// Whether holding such a credential means having proven something: what `auth` in an ACL stands
// for.
bool is_authenticated_scheme(std::string_view scheme);

}  // namespace paddock::server
