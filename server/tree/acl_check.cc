#include "server/tree/acl_check.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "common/concat.h"

namespace paddock::server {

namespace {

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool is_super(const Id& id) {
  return id.scheme == "super";
}

// Whether `held` is who the entry of the same scheme means. A scheme without a provider means
// nobody.
bool matches(const AuthOptions& options, const Id& held, const Id& wanted) {
  if (held.scheme == "digest") {
    return options.digest_enabled && equal_in_constant_time(held.id, wanted.id);
  }
  if (held.scheme == "ip") return ip_matches(wanted.id, held.id);
  if (held.scheme == "sasl") return options.sasl_enabled && held.id == wanted.id;
  return false;
}

// Exactly two parts when split at ":", where empty parts at the end do not count.
bool is_valid_digest_id(std::string_view id) {
  const std::size_t end = id.find_last_not_of(':');
  if (end == std::string_view::npos) return false;
  return std::ranges::count(id.substr(0, end + 1), ':') == 1;
}

bool is_valid_id(const AuthOptions& options, const Id& id) {
  if (id.scheme == "world") return id.id == "anyone";
  if (id.scheme == "digest") return options.digest_enabled && is_valid_digest_id(id.id);
  if (id.scheme == "ip") return is_valid_ip_id(id.id);
  if (id.scheme == "sasl") return options.sasl_enabled;
  return false;
}

std::vector<Acl> without_duplicates(std::vector<Acl> entries) {
  std::vector<Acl> kept;
  for (Acl& entry : entries) {
    if (std::ranges::find(kept, entry) == kept.end()) kept.push_back(std::move(entry));
  }
  return kept;
}

// --- addresses ---

struct Address {
  std::array<std::uint8_t, 16> bytes{};
  std::size_t size = 0;  // 4 or 16
};

template <typename T>
std::optional<T> number_in(std::string_view text, int base, T max) {
  T number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, base);
  if (error != std::errc{} || stop != end || number > max) return std::nullopt;
  return number;
}

// Takes what stands in front of the next separator, and the separator.
std::string_view take_part(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  return part;
}

std::optional<Address> parse_v4(std::string_view text) {
  if (std::ranges::count(text, '.') != 3) return std::nullopt;
  Address address{.size = 4};
  for (std::size_t i = 0; i < 4; ++i) {
    const auto byte = number_in<unsigned>(take_part(text, '.'), 10, 255);
    if (!byte) return std::nullopt;
    address.bytes[i] = static_cast<std::uint8_t>(*byte);
  }
  return address;
}

// Groups of up to four hex digits into `to`. Gives how many bytes they are; nullopt if they are
// malformed or do not fit.
std::optional<std::size_t> parse_groups(std::string_view text, std::span<std::uint8_t> to) {
  if (text.empty()) return 0;
  const auto groups = static_cast<std::size_t>(std::ranges::count(text, ':')) + 1;
  if (groups * 2 > to.size()) return std::nullopt;
  for (std::size_t i = 0; i < groups; ++i) {
    const std::string_view digits = take_part(text, ':');
    const auto group = number_in<unsigned>(digits, 16, 0xffff);
    if (!group || digits.size() > 4) return std::nullopt;
    to[2 * i] = static_cast<std::uint8_t>(*group >> 8);
    to[2 * i + 1] = static_cast<std::uint8_t>(*group);
  }
  return groups * 2;
}

std::optional<Address> parse_v6(std::string_view text) {
  Address address{.size = 16};
  const std::size_t gap = text.find("::");
  if (gap == std::string_view::npos) {
    const auto size = parse_groups(text, address.bytes);
    return size == address.size ? std::optional(address) : std::nullopt;
  }
  const auto front = parse_groups(text.substr(0, gap), address.bytes);
  if (!front) return std::nullopt;
  std::array<std::uint8_t, 16> rest{};
  const auto back = parse_groups(text.substr(gap + 2), std::span(rest).first(14));
  if (!back || *front + *back > 14) return std::nullopt;
  std::copy_n(rest.begin(), *back, address.bytes.end() - static_cast<std::ptrdiff_t>(*back));
  return address;
}

std::optional<Address> parse_address(std::string_view text) {
  return text.find(':') == std::string_view::npos ? parse_v4(text) : parse_v6(text);
}

struct Network {
  Address address;
  unsigned bits = 0;
};

std::optional<Network> parse_network(std::string_view id) {
  const bool has_bits = id.find('/') != std::string_view::npos;
  const auto address = parse_address(take_part(id, '/'));
  if (!address) return std::nullopt;
  const auto bits_max = static_cast<unsigned>(address->size * 8);
  if (!has_bits) return Network{*address, bits_max};
  const auto bits = number_in<unsigned>(id, 10, bits_max);
  if (!bits) return std::nullopt;
  return Network{*address, *bits};
}

// --- auth packets ---

AuthResult refused() {
  return {.error = ErrorCode::kAuthFailed};
}

AuthResult authenticate_digest(const AuthOptions& options, std::optional<ByteView> auth) {
  if (!options.digest_enabled || !auth) return refused();
  std::string id = digest_id(as_chars(*auth), options.digest_algorithm);
  if (id.empty()) return refused();
  AuthResult result;
  if (!options.super_digest.empty() && equal_in_constant_time(id, options.super_digest)) {
    result.added.push_back({"super", ""});
  }
  result.added.push_back({"digest", std::move(id)});
  return result;
}

// No names are configured, or the client names none: it does not care.
AuthResult authenticate_ensemble(const AuthOptions& options, std::optional<ByteView> auth) {
  if (!auth || auth->empty() || options.ensemble_names.empty()) return {};
  if (std::ranges::find(options.ensemble_names, as_chars(*auth)) != options.ensemble_names.end()) {
    return {};
  }
  return {.error = ErrorCode::kAuthFailed, .close_silently = true};
}

}  // namespace

bool may(const AuthOptions& options, const AclEntry& acl, std::int32_t needed,
         const Credentials& credentials) {
  if ((acl.anyone & needed) != 0 || acl.entries.empty() || options.skip_acl) return true;
  if (std::ranges::any_of(credentials, is_super)) return true;
  return std::ranges::any_of(acl.entries, [&](const Acl& entry) {
    return (entry.perms & needed) != 0 && std::ranges::any_of(credentials, [&](const Id& held) {
             return held.scheme == entry.id.scheme && matches(options, held, entry.id);
           });
  });
}

FixedAcl fix_acl(const AuthOptions& options, AclBytes acl, const Credentials& credentials) {
  std::vector<Acl> fixed;
  for (Acl& entry : without_duplicates(decode_acl(acl))) {
    if (entry.id.scheme != "auth") {
      if (!is_valid_id(options, entry.id)) return {.error = ErrorCode::kInvalidAcl};
      fixed.push_back(std::move(entry));
      continue;
    }
    const std::size_t before = fixed.size();
    for (const Id& held : credentials) {
      if (is_authenticated_scheme(held.scheme)) fixed.push_back({entry.perms, held});
    }
    if (fixed.size() == before) return {.error = ErrorCode::kInvalidAcl};
  }
  if (fixed.empty()) return {.error = ErrorCode::kInvalidAcl};
  return {.encoded = encode_acl(fixed)};
}

AuthResult authenticate(const AuthOptions& options, std::string_view scheme,
                        std::optional<ByteView> auth, std::string_view remote_address) {
  if (scheme == "digest") return authenticate_digest(options, auth);
  if (scheme == "ip") return {.added = {{"ip", std::string(remote_address)}}};
  if (scheme == "ensemble") return authenticate_ensemble(options, auth);
  return refused();
}

std::vector<Acl> masked(const std::vector<Acl>& entries) {
  std::vector<Acl> shown = entries;
  for (Acl& entry : shown) {
    const std::size_t colon = entry.id.id.find(':');
    if (entry.id.scheme == "digest" && colon != std::string::npos) {
      entry.id.id.replace(colon, std::string::npos, ":x");
    }
  }
  return shown;
}

std::string digest_id(std::string_view user_and_password, std::string_view algorithm) {
  const std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> method(
      EVP_MD_fetch(nullptr, std::string(algorithm).c_str(), nullptr), &EVP_MD_free);
  if (!method) return {};
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> hash;
  unsigned size = 0;
  if (EVP_Digest(user_and_password.data(), user_and_password.size(), hash.data(), &size,
                 method.get(), nullptr) != 1) {
    return {};
  }
  std::array<std::uint8_t, (EVP_MAX_MD_SIZE + 2) / 3 * 4 + 1> base64;
  const int length = EVP_EncodeBlock(base64.data(), hash.data(), static_cast<int>(size));
  return concat(user_and_password.substr(0, user_and_password.find(':')), ":",
                as_chars(ByteView(base64).first(static_cast<std::size_t>(length))));
}

bool is_valid_ip_id(std::string_view id) {
  return parse_network(id).has_value();
}

bool ip_matches(std::string_view id, std::string_view address) {
  const std::optional<Network> network = parse_network(id);
  const std::optional<Address> remote = parse_address(address.substr(0, address.find('%')));
  if (!network || !remote || network->address.size != remote->size) return false;
  const std::size_t whole = network->bits / 8;
  if (!std::equal(remote->bytes.begin(), remote->bytes.begin() + static_cast<std::ptrdiff_t>(whole),
                  network->address.bytes.begin())) {
    return false;
  }
  const unsigned rest = network->bits % 8;
  if (rest == 0) return true;
  return ((remote->bytes[whole] ^ network->address.bytes[whole]) >> (8 - rest)) == 0;
}

std::string display_name(const Id& id) {
  if (is_super(id)) return {};
  if (id.scheme == "digest") return id.id.substr(0, id.id.find(':'));
  return id.id;
}

bool is_authenticated_scheme(std::string_view scheme) {
  return scheme == "digest" || scheme == "x509" || scheme == "sasl";
}

}  // namespace paddock::server
