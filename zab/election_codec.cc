#include "zab/election_codec.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "common/check.h"
#include "common/concat.h"
#include "common/jute.h"

namespace paddock::zab {

namespace {

// state, leader, zxid, electionEpoch; before peerEpoch was sent.
constexpr std::size_t kFirstFormBytes = 4 + 3 * 8;
// Then peerEpoch and an int that ZooKeeper does not look at. Told apart by its length alone.
constexpr std::size_t kSecondFormBytes = kFirstFormBytes + 8 + 4;
// Then version, and the config's length.
constexpr std::size_t kHeadBytes = kSecondFormBytes + 4;

constexpr std::int32_t kVersionWithoutConfig = 1;
constexpr std::int32_t kVersion = 2;

constexpr std::int64_t kOpeningV1 = -65536;  // one address
constexpr std::int64_t kOpeningV2 = -65535;  // several
constexpr std::size_t kOpeningHeadBytes = 8 + 8 + 4;
constexpr std::size_t kAddressBytesMax = kOpeningBytesMax - kOpeningHeadBytes;
constexpr char kAddressSeparator = '|';

Error malformed(std::string message) {
  return Error{Code::kMalformed, std::move(message)};
}

Result<ServerState> state_of(std::int32_t number) {
  if (number < static_cast<std::int32_t>(ServerState::kLooking) ||
      number > static_cast<std::int32_t>(ServerState::kObserving)) {
    return malformed(concat("a notification from a server in state ", number));
  }
  return static_cast<ServerState>(number);
}

// Anybody may say this, and it goes into logs.
bool has_control_characters(std::string_view text) {
  return std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

Result<std::vector<HostPort>> parse_addresses(std::string_view text) {
  if (has_control_characters(text)) return malformed("an address with control characters");
  std::vector<HostPort> addresses;
  for (;;) {
    const std::size_t end = text.find(kAddressSeparator);
    Result<HostPort> address = parse_host_port(text.substr(0, end));
    if (!address.ok()) return malformed(std::move(address).error().message);
    if (address->host.empty()) return malformed("an address without a host");
    addresses.push_back(std::move(*address));
    if (end == text.npos) return addresses;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

Bytes encode_notification(const Notification& notification) {
  const bool has_config =
      notification.config && notification.config->size() <= kNotificationBytesMax - kHeadBytes;
  Bytes bytes;
  JuteWriter writer(bytes);
  writer.write_int(static_cast<std::int32_t>(notification.state));
  writer.write_long(notification.vote.leader.value);
  writer.write_long(notification.vote.zxid.value);
  writer.write_long(notification.election_epoch);
  writer.write_long(notification.vote.peer_epoch.value);
  writer.write_int(has_config ? kVersion : kVersionWithoutConfig);
  // Version 1 ends here, but 40 bytes would pass for the form that has no version.
  writer.write_string(has_config ? *notification.config : std::string_view());
  PADDOCK_CHECK(bytes.size() >= kHeadBytes);
  const auto& proposed = notification.proposed;
  if (has_config && proposed && bytes.size() + 4 + proposed->size() <= kNotificationBytesMax) {
    writer.write_string(*proposed);
  }
  PADDOCK_CHECK(bytes.size() <= kNotificationBytesMax);
  return bytes;
}

Result<Notification> decode_notification(ByteView message) {
  JuteReader reader(message);
  Notification notification;
  notification.version = 0;
  PADDOCK_TRY(const std::int32_t state, reader.read_int());
  PADDOCK_TRY(notification.state, state_of(state));
  PADDOCK_TRY(notification.vote.leader.value, reader.read_long());
  PADDOCK_TRY(notification.vote.zxid.value, reader.read_long());
  PADDOCK_TRY(notification.election_epoch, reader.read_long());
  if (message.size() == kFirstFormBytes) {
    notification.vote.peer_epoch = notification.vote.zxid.epoch();
    return notification;
  }
  PADDOCK_TRY(notification.vote.peer_epoch.value, reader.read_long());
  if (message.size() == kSecondFormBytes) return notification;

  PADDOCK_TRY(notification.version, reader.read_int());
  if (notification.version <= kVersionWithoutConfig) return notification;
  PADDOCK_TRY(const std::int32_t length, reader.read_int());
  if (length < 0 || static_cast<std::size_t>(length) > reader.remaining()) {
    return malformed(concat("a notification with a configuration of ", length, " bytes, but ",
                            reader.remaining(), " are left"));
  }
  PADDOCK_TRY(const ByteView config, reader.read_raw(static_cast<std::size_t>(length)));
  notification.config = std::string(as_chars(config));
  // Whatever else may be there is left alone.
  const Result<std::int32_t> more = reader.read_int();
  if (!more || *more <= 0 || static_cast<std::size_t>(*more) != reader.remaining()) {
    return notification;
  }
  PADDOCK_TRY(const ByteView proposed, reader.read_raw(reader.remaining()));
  notification.proposed = std::string(as_chars(proposed));
  return notification;
}

Bytes encode_opening(const Opening& opening) {
  PADDOCK_CHECK(!opening.addresses.empty());
  std::string text = to_string(opening.addresses.front());
  std::int64_t version = kOpeningV1;
  for (std::size_t i = 1; i < opening.addresses.size(); ++i) {
    const std::string next = concat(kAddressSeparator, to_string(opening.addresses[i]));
    if (text.size() + next.size() > kAddressBytesMax) break;
    text += next;
    version = kOpeningV2;
  }
  PADDOCK_CHECK(text.size() <= kAddressBytesMax);

  Bytes bytes;
  JuteWriter writer(bytes);
  writer.write_long(version);
  writer.write_long(opening.sid.value);
  writer.write_string(text);
  return bytes;
}

Result<std::optional<Opening>> decode_opening(ByteView bytes, std::size_t& consumed) {
  const std::optional<Opening> needs_more;
  if (bytes.size() < 8) return needs_more;
  const auto first = static_cast<std::int64_t>(load_be64(bytes.data()));
  if (first >= 0) {
    consumed = 8;
    return std::optional(Opening{ServerId{first}, {}});
  }
  if (first != kOpeningV1 && first != kOpeningV2) {
    return malformed(concat("an opening of version ", first));
  }
  if (bytes.size() < kOpeningHeadBytes) return needs_more;
  const ServerId sid{static_cast<std::int64_t>(load_be64(bytes.data() + 8))};
  const std::size_t length = load_be32(bytes.data() + 16);  // a negative one is too large
  if (length < 1 || length > kAddressBytesMax) {
    return malformed(concat("an opening with an address of ", length, " bytes"));
  }
  if (bytes.size() < kOpeningHeadBytes + length) return needs_more;
  PADDOCK_TRY(std::vector<HostPort> addresses,
              parse_addresses(as_chars(bytes.subspan(kOpeningHeadBytes, length))));
  consumed = kOpeningHeadBytes + length;
  return std::optional(Opening{sid, std::move(addresses)});
}

}  // namespace paddock::zab
