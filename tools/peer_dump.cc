#include "tools/peer_dump.h"

#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "common/acl.h"
#include "common/concat.h"
#include "common/jute.h"
#include "server/tree/persisted.h"
#include "zab/election_codec.h"
#include "zab/quorum_codec.h"

namespace paddock::tools {

namespace {

// Source: ZooKeeper 3.8, QuorumAuthPacket: no length and no packet type begins like this.
constexpr std::uint64_t kSaslMagic = 0x5f2435013501edcc;

// What stands at some offset: how long it is, and what it says.
struct Piece {
  std::size_t bytes = 0;
  std::string text;
};

bool begins_with_sasl(ByteView bytes) {
  return bytes.size() >= 8 && load_be64(bytes.data()) == kSaslMagic;
}

Result<Piece> read_sasl(ByteView bytes) {
  JuteReader reader(bytes);
  PADDOCK_TRY([[maybe_unused]] const std::int64_t magic, reader.read_long());
  PADDOCK_TRY(const std::int32_t status, reader.read_int());
  PADDOCK_TRY(const std::optional<ByteView> token, reader.read_buffer());
  return Piece{reader.offset(),
               concat("sasl status=", status, " ", token ? token->size() : 0, "B")};
}

// The length of a notification begins with a 0 and is not 0, a version is negative, and a server's
// number takes less than the lower half of its long.
bool begins_with_opening(ByteView bytes) {
  return bytes.size() >= 4 && static_cast<std::int32_t>(load_be32(bytes.data())) <= 0;
}

Result<Piece> read_opening(ByteView bytes) {
  std::size_t consumed = 0;
  PADDOCK_TRY(const std::optional<zab::Opening> opening, zab::decode_opening(bytes, consumed));
  if (!opening) return Error{Code::kMalformed, "it ends before it is whole"};
  std::string text = concat("opening sid=", opening->sid.value);
  for (const HostPort& address : opening->addresses) {
    text += concat(" ", to_string(address));
  }
  return Piece{consumed, std::move(text)};
}

// A notification that cannot be read is skipped, as servers do.
Result<Piece> read_notification(ByteView bytes) {
  JuteReader reader(bytes);
  PADDOCK_TRY(const std::int32_t length, reader.read_int());
  if (length < 1 || static_cast<std::size_t>(length) > zab::kNotificationBytesMax) {
    return Error{Code::kMalformed, concat("a notification of ", length, " bytes")};
  }
  PADDOCK_TRY(const ByteView message, reader.read_raw(static_cast<std::size_t>(length)));
  const Result<zab::Notification> notification = zab::decode_notification(message);
  return Piece{reader.offset(), notification.ok()
                                    ? to_string(*notification)
                                    : concat("skipped: ", notification.error().message)};
}

// As a snapshot file's body, which is long, and its end is found only by reading it.
// Source: peer-protocol.md section B1, storage-format.md section 3.
Result<Piece> read_snapshot(ByteView bytes) {
  JuteReader reader(bytes);
  PADDOCK_TRY(const std::int32_t sessions, reader.read_count(12));
  for (std::int32_t i = 0; i < sessions; ++i) {
    PADDOCK_TRY([[maybe_unused]] const std::int64_t session, reader.read_long());
    PADDOCK_TRY([[maybe_unused]] const std::int32_t timeout_ms, reader.read_int());
  }
  PADDOCK_TRY(const std::int32_t acls, reader.read_count(12));
  for (std::int32_t i = 0; i < acls; ++i) {
    PADDOCK_TRY([[maybe_unused]] const std::int64_t key, reader.read_long());
    PADDOCK_TRY([[maybe_unused]] const AclBytes acl, read_acl(reader));
  }
  std::size_t nodes = 0;
  for (;; ++nodes) {
    PADDOCK_TRY(const std::string_view path, reader.read_string());
    if (path == "/") break;
    PADDOCK_TRY([[maybe_unused]] const std::optional<ByteView> data, reader.read_buffer());
    PADDOCK_TRY([[maybe_unused]] const std::int64_t acl_key, reader.read_long());
    PADDOCK_TRY([[maybe_unused]] const server::StatPersisted stat,
                server::read_stat_persisted(reader));
  }
  PADDOCK_TRY(const std::string_view end, reader.read_string());
  if (end != zab::kSnapshotEnd) return Error{Code::kMalformed, "a snapshot without its end mark"};
  return Piece{reader.offset(), concat("snapshot sessions=", sessions, " nodes=", nodes)};
}

void print(std::size_t offset, const Piece& piece, Format format, std::ostream& out) {
  Line line;
  line.number("offset", static_cast<std::int64_t>(offset));
  line.number("bytes", static_cast<std::int64_t>(piece.bytes));
  if (format == Format::kJson) {
    out << line.text("message", piece.text).as_json() << '\n';
  } else {
    out << line.as_text() << ' ' << piece.text << '\n';
  }
}

// `read` takes one piece off what it is given.
template <typename Read>
Result<void> dump(ByteView stream, Format format, std::ostream& out, Read&& read) {
  for (std::size_t at = 0; at < stream.size();) {
    const ByteView rest = stream.subspan(at);
    const Result<Piece> piece = begins_with_sasl(rest) ? read_sasl(rest) : read(rest);
    if (!piece.ok()) {
      return Error{Code::kMalformed,
                   concat("what begins at byte ", at, " does not parse: ", piece.error().message)};
    }
    print(at, *piece, format, out);
    at += piece->bytes;
  }
  return {};
}

}  // namespace

Result<void> dump_election(ByteView stream, Format format, std::ostream& out) {
  bool first = true;
  return dump(stream, format, out, [&first](ByteView rest) {
    const bool is_opening = std::exchange(first, false) && begins_with_opening(rest);
    return is_opening ? read_opening(rest) : read_notification(rest);
  });
}

Result<void> dump_quorum(ByteView stream, Format format, std::ostream& out) {
  bool in_snapshot = false;
  return dump(stream, format, out, [&in_snapshot](ByteView rest) -> Result<Piece> {
    if (std::exchange(in_snapshot, false)) return read_snapshot(rest);
    PADDOCK_TRY(const std::optional<zab::Decoded> decoded,
                zab::decode_packet(rest, zab::PacketLimits{}));
    if (!decoded) return Error{Code::kMalformed, "it ends before it is whole"};
    if (!decoded->message) {
      const auto type = static_cast<std::int32_t>(load_be32(rest.data()));
      return Piece{decoded->bytes, concat("unknown type=", type)};
    }
    in_snapshot = std::holds_alternative<zab::Snap>(*decoded->message);
    return Piece{decoded->bytes, to_string(*decoded->message)};
  });
}

}  // namespace paddock::tools
