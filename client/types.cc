#include "paddock/types.h"

#include <algorithm>
#include <charconv>

#include "common/records.h"

namespace paddock::client {

namespace {

// In the order in which zkCli writes them.
constexpr struct {
  char letter;
  Permission permission;
} kPermissions[] = {
    {'c', kCreate}, {'d', kDelete}, {'r', kRead}, {'w', kWrite}, {'a', kAdmin},
};

std::optional<std::uint32_t> parse_permissions(std::string_view text) {
  std::uint32_t permissions = 0;
  for (const char c : text) {
    const auto known = std::find_if(std::begin(kPermissions), std::end(kPermissions),
                                    [c](const auto& one) { return one.letter == c; });
    if (known == std::end(kPermissions)) return std::nullopt;
    permissions |= known->permission;
  }
  return permissions;
}

std::optional<Acl> parse_acl_entry(std::string_view text) {
  const std::size_t first = text.find(':'), last = text.rfind(':');
  if (first == text.npos || first == last || first == 0) return std::nullopt;
  const auto permissions = parse_permissions(text.substr(last + 1));
  if (!permissions) return std::nullopt;
  return Acl{*permissions, std::string(text.substr(0, first)),
             std::string(text.substr(first + 1, last - first - 1))};
}

}  // namespace

bool is_sequential(CreateMode mode) {
  return mode == CreateMode::kPersistentSequential || mode == CreateMode::kEphemeralSequential ||
         mode == CreateMode::kPersistentSequentialWithTtl;
}

bool is_ephemeral(CreateMode mode) {
  return mode == CreateMode::kEphemeral || mode == CreateMode::kEphemeralSequential;
}

std::optional<std::int32_t> sequence_of(std::string_view name) {
  constexpr std::size_t kDigits = 10;
  if (name.size() < kDigits) return std::nullopt;
  const std::string_view digits = name.substr(name.size() - kDigits);
  if (digits.find_first_not_of("0123456789") != digits.npos) return std::nullopt;
  std::int32_t number = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return ec == std::errc{} ? std::optional(number) : std::nullopt;
}

std::vector<Acl> open_acl() {
  return {{kAllPermissions, "world", "anyone"}};
}
std::vector<Acl> creator_acl() {
  return {{kAllPermissions, "auth", ""}};
}
std::vector<Acl> readable_acl() {
  return {{kRead, "world", "anyone"}};
}

std::optional<std::vector<Acl>> parse_acl(std::string_view text) {
  std::vector<Acl> acl;
  for (;;) {
    const std::size_t comma = text.find(',');
    auto entry = parse_acl_entry(text.substr(0, comma));
    if (!entry) return std::nullopt;
    acl.push_back(*std::move(entry));
    if (comma == text.npos) return acl;
    text.remove_prefix(comma + 1);
  }
}

std::string to_string(const Acl& acl) {
  std::string text = acl.scheme + ":" + acl.id + ":";
  for (const auto& [letter, permission] : kPermissions) {
    if (acl.permissions & permission) text += letter;
  }
  return text;
}

std::string_view to_string(State state) {
  switch (state) {
    case State::kDisconnected:
      return "Disconnected";
    case State::kSyncConnected:
      return "SyncConnected";
    case State::kConnectedReadOnly:
      return "ConnectedReadOnly";
    case State::kExpired:
      return "Expired";
    case State::kAuthFailed:
      return "AuthFailed";
    case State::kClosed:
      return "Closed";
  }
  return "unknown";
}

std::string_view to_string(EventType type) {
  if (type == EventType::kNone) return "None";
  return name_of(static_cast<paddock::EventType>(type));
}
static_assert(static_cast<int>(EventType::kNodeCreated) ==
              static_cast<int>(paddock::EventType::kNodeCreated));
static_assert(static_cast<int>(EventType::kNodeChildrenChanged) ==
              static_cast<int>(paddock::EventType::kNodeChildrenChanged));

}  // namespace paddock::client
