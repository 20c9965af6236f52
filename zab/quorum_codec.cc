#include "zab/quorum_codec.h"

#include <limits>
#include <memory>
#include <utility>

#include "common/check.h"
#include "common/concat.h"
#include "common/jute.h"

namespace paddock::zab {

namespace {

enum class PacketType : std::int32_t {
  kRequest = 1,
  kProposal = 2,
  kAck = 3,
  kCommit = 4,
  kPing = 5,
  kRevalidate = 6,
  kSync = 7,
  kInform = 8,
  kCommitAndActivate = 9,
  kNewLeader = 10,
  kFollowerInfo = 11,
  kUpToDate = 12,
  kDiff = 13,
  kTrunc = 14,
  kSnap = 15,
  kObserverInfo = 16,
  kLeaderInfo = 17,
  kAckEpoch = 18,
  kInformAndActivate = 19,
};

constexpr Zxid kNoZxid{-1};
constexpr std::int32_t kNull = -1;  // the length of a null buffer, the count of a null vector
constexpr std::int32_t kEpochAcknowledgedBefore = -1;

constexpr std::size_t kHeadBytes = 4 + 8 + 4;  // type, zxid, length of the data
constexpr std::size_t kIdBytesMin = 4 + 4;
constexpr std::size_t kTouchBytes = 8 + 4;
constexpr std::size_t kRevalidateBytes = 8 + 4;
constexpr std::size_t kRevalidatedBytes = 8 + 1;
// Behind the last field that ZooKeeper reads of LearnerInfo and LEADERINFO, which it ignores: this,
// and the milliseconds of a heartbeat.
constexpr std::int32_t kHeartbeatMark = 0x50444b31;  // "PDK1"
constexpr std::int32_t kVersionBeforeEpochs = 1;     // of a learner that does not say

std::int32_t to_int(std::int64_t value) {
  PADDOCK_CHECK(value >= std::numeric_limits<std::int32_t>::min());
  PADDOCK_CHECK(value <= std::numeric_limits<std::int32_t>::max());
  return static_cast<std::int32_t>(value);
}

// The zxid that stands for an epoch.
Zxid zxid_of(Epoch epoch) {
  const Zxid zxid = Zxid::make(epoch, 0);
  PADDOCK_CHECK(zxid.epoch() == epoch);
  return zxid;
}

void write_head(JuteWriter& writer, PacketType type, Zxid zxid) {
  writer.write_int(static_cast<std::int32_t>(type));
  writer.write_long(zxid.value);
}

void write_packet(Bytes& to, PacketType type, Zxid zxid, std::optional<ByteView> data = {}) {
  PADDOCK_CHECK(!data || data->size() <= std::numeric_limits<std::int32_t>::max());
  JuteWriter writer(to);
  write_head(writer, type, zxid);
  writer.write_buffer(data);
  writer.write_int(kNull);
}

const Bytes& bytes_of(const std::shared_ptr<const Bytes>& bytes) {
  PADDOCK_CHECK(bytes != nullptr);
  return *bytes;
}

void write_heartbeat(Millis heartbeat, JuteWriter& writer) {
  if (heartbeat <= Millis{}) return;
  writer.write_int(kHeartbeatMark);
  writer.write_int(to_int(heartbeat.value));
}

// None where something else stands there, or nothing.
Millis read_heartbeat(JuteReader& reader) {
  if (reader.remaining() < 8) return {};
  const Result<std::int32_t> mark = reader.read_int();
  const Result<std::int32_t> heartbeat = reader.read_int();
  if (!mark || !heartbeat || *mark != kHeartbeatMark || *heartbeat <= 0) return {};
  return Millis{*heartbeat};
}

void encode(const LearnerInfo& info, Bytes& to) {
  const PacketType type = info.observer ? PacketType::kObserverInfo : PacketType::kFollowerInfo;
  if (!info.sid) return write_packet(to, type, zxid_of(info.accepted_epoch));
  Bytes data;
  JuteWriter writer(data);
  writer.write_long(info.sid->value);
  writer.write_int(info.protocol_version);
  writer.write_long(info.config_version);
  write_heartbeat(info.heartbeat, writer);
  write_packet(to, type, zxid_of(info.accepted_epoch), data);
}

void encode(const LeaderInfo& info, Bytes& to) {
  Bytes data;
  JuteWriter writer(data);
  writer.write_int(info.protocol_version);
  write_heartbeat(info.heartbeat, writer);
  write_packet(to, PacketType::kLeaderInfo, zxid_of(info.epoch), data);
}

void encode(const AckEpoch& ack, Bytes& to) {
  Bytes data;
  JuteWriter(data).write_int(ack.current_epoch ? to_int(ack.current_epoch->value)
                                               : kEpochAcknowledgedBefore);
  write_packet(to, PacketType::kAckEpoch, ack.last_zxid, data);
}

void encode(const Diff& diff, Bytes& to) {
  write_packet(to, PacketType::kDiff, diff.zxid);
}

void encode(const Trunc& trunc, Bytes& to) {
  write_packet(to, PacketType::kTrunc, trunc.zxid);
}

void encode(const Snap& snap, Bytes& to) {
  write_packet(to, PacketType::kSnap, snap.zxid);
}

void encode(const NewLeader& leader, Bytes& to) {
  std::optional<ByteView> config;
  if (leader.config) config = as_bytes(*leader.config);
  write_packet(to, PacketType::kNewLeader, zxid_of(leader.epoch), config);
}

void encode(const UpToDate&, Bytes& to) {
  write_packet(to, PacketType::kUpToDate, kNoZxid);
}

void encode(const Proposal& proposal, Bytes& to) {
  write_packet(to, PacketType::kProposal, proposal.txn.zxid, bytes_of(proposal.txn.payload));
}

void encode(const Ack& ack, Bytes& to) {
  write_packet(to, PacketType::kAck, ack.zxid);
}

void encode(const Commit& commit, Bytes& to) {
  write_packet(to, PacketType::kCommit, commit.zxid);
}

void encode(const Inform& inform, Bytes& to) {
  write_packet(to, PacketType::kInform, inform.txn.zxid, bytes_of(inform.txn.payload));
}

void encode(const CommitAndActivate& commit, Bytes& to) {
  Bytes data;
  JuteWriter(data).write_long(commit.designated.value);
  write_packet(to, PacketType::kCommitAndActivate, commit.zxid, data);
}

void encode(const InformAndActivate& inform, Bytes& to) {
  Bytes data;
  JuteWriter writer(data);
  writer.write_long(inform.designated.value);
  writer.write_raw(bytes_of(inform.txn.payload));
  write_packet(to, PacketType::kInformAndActivate, inform.txn.zxid, data);
}

void encode(const Ping& ping, Bytes& to) {
  if (!ping.touched) return write_packet(to, PacketType::kPing, ping.zxid);
  Bytes data;
  data.reserve(ping.touched->size() * kTouchBytes);
  JuteWriter writer(data);
  for (const SessionTouch& touch : *ping.touched) {
    writer.write_long(touch.session.value);
    writer.write_int(to_int(touch.timeout.value));
  }
  write_packet(to, PacketType::kPing, ping.zxid, data);
}

void encode(const Request& request, Bytes& to) {
  JuteWriter writer(to);
  write_head(writer, PacketType::kRequest, kNoZxid);
  const std::size_t length_at = writer.reserve_int();
  writer.write_long(request.session.value);
  writer.write_int(request.cxid);
  writer.write_int(request.op_code);
  writer.write_raw(bytes_of(request.body));
  writer.patch_int(length_at, to_int(static_cast<std::int64_t>(writer.size() - length_at - 4)));
  if (!request.authinfo) return writer.write_int(kNull);
  writer.write_int(to_int(static_cast<std::int64_t>(request.authinfo->size())));
  for (const Id& id : *request.authinfo) {
    writer.write_string(id.scheme);
    writer.write_string(id.id);
  }
}

void encode(const Revalidate& revalidate, Bytes& to) {
  Bytes data;
  JuteWriter writer(data);
  writer.write_long(revalidate.session.value);
  writer.write_int(to_int(revalidate.timeout.value));
  write_packet(to, PacketType::kRevalidate, kNoZxid, data);
}

void encode(const Revalidated& revalidated, Bytes& to) {
  Bytes data;
  JuteWriter writer(data);
  writer.write_long(revalidated.session.value);
  writer.write_bool(revalidated.valid);
  write_packet(to, PacketType::kRevalidate, kNoZxid, data);
}

void encode(const Sync&, Bytes& to) {
  write_packet(to, PacketType::kSync, Zxid{});
}

// A packet that is here as a whole; views into what it was read from.
struct Packet {
  std::int32_t type = 0;
  Zxid zxid;
  std::optional<ByteView> data;
  ByteView authinfo;      // count and identities
  std::size_t bytes = 0;  // of all of it
};

// Whether a length may be: -1 or more, and within the limit.
Result<void> check_length(std::int32_t length, std::size_t bytes_max, std::string_view what) {
  if (length < kNull) {
    return Error{Code::kMalformed, concat(what, " of ", length, " bytes in a packet")};
  }
  if (length > 0 && static_cast<std::size_t>(length) > bytes_max) {
    return Error{Code::kTooLarge, concat(what, " of ", length, " bytes in a packet, but at most ",
                                         bytes_max, " are allowed")};
  }
  return {};
}

std::int32_t load_int(ByteView bytes, std::size_t at) {
  return static_cast<std::int32_t>(load_be32(bytes.data() + at));
}

// How long the identities are that `bytes` begin with. nullopt: more bytes are needed.
Result<std::optional<std::size_t>> measure_authinfo(ByteView bytes, std::size_t bytes_max) {
  const std::optional<std::size_t> needs_more;
  if (bytes.size() < 4) return needs_more;
  const std::int32_t count = load_int(bytes, 0);
  if (count < kNull) {
    return Error{Code::kMalformed, concat(count, " identities in a packet")};
  }
  const std::size_t ids = count == kNull ? 0 : static_cast<std::size_t>(count);
  if (ids > bytes_max / kIdBytesMin) {
    return Error{Code::kTooLarge, concat(ids, " identities in a packet, but at most ", bytes_max,
                                         " bytes of them are allowed")};
  }
  // Where they end, so far as their lengths are known: nothing is looked at that could be answered
  // with "more bytes are needed" at once.
  std::size_t end = 4 + ids * kIdBytesMin;
  if (bytes.size() < end) return needs_more;
  std::size_t at = 4;
  for (std::size_t texts = 2 * ids; texts > 0; --texts) {
    const std::int32_t length = load_int(bytes, at);
    PADDOCK_TRY_DO(check_length(length, 4 + bytes_max - end, "an identity"));
    const std::size_t text_bytes = length == kNull ? 0 : static_cast<std::size_t>(length);
    at += 4 + text_bytes;
    end += text_bytes;
    if (bytes.size() < end) return needs_more;
  }
  PADDOCK_CHECK(at == end);
  return std::optional(end);
}

Result<std::optional<Packet>> read_packet(ByteView bytes, const PacketLimits& limits) {
  const std::optional<Packet> needs_more;
  if (bytes.size() < kHeadBytes) return needs_more;
  Packet packet;
  packet.type = load_int(bytes, 0);
  packet.zxid = Zxid{static_cast<std::int64_t>(load_be64(bytes.data() + 4))};
  const std::int32_t length = load_int(bytes, 12);
  PADDOCK_TRY_DO(check_length(length, limits.data_bytes_max, "data"));
  const std::size_t data_bytes = length == kNull ? 0 : static_cast<std::size_t>(length);
  if (bytes.size() < kHeadBytes + data_bytes) return needs_more;
  if (length != kNull) packet.data = bytes.subspan(kHeadBytes, data_bytes);

  const ByteView rest = bytes.subspan(kHeadBytes + data_bytes);
  PADDOCK_TRY(const std::optional<std::size_t> authinfo_bytes,
              measure_authinfo(rest, limits.data_bytes_max));
  if (!authinfo_bytes) return needs_more;
  packet.authinfo = rest.first(*authinfo_bytes);
  packet.bytes = kHeadBytes + data_bytes + *authinfo_bytes;
  return std::optional(packet);
}

// Without a message: nobody knows the type.
using MessageResult = Result<std::optional<Message>>;

std::shared_ptr<const Bytes> copy_of(ByteView bytes) {
  return std::make_shared<const Bytes>(bytes.begin(), bytes.end());
}

MessageResult decode_learner_info(const Packet& packet, bool observer) {
  LearnerInfo info{.observer = observer,
                   .accepted_epoch = packet.zxid.epoch(),
                   .sid = std::nullopt,
                   .protocol_version = kVersionBeforeEpochs};
  if (!packet.data) return info;
  JuteReader reader(*packet.data);
  PADDOCK_TRY(const std::int64_t sid, reader.read_long());
  info.sid = ServerId{sid};
  if (reader.remaining() < 4) return info;
  PADDOCK_TRY(info.protocol_version, reader.read_int());
  if (reader.remaining() < 8) return info;
  PADDOCK_TRY(info.config_version, reader.read_long());
  info.heartbeat = read_heartbeat(reader);
  return info;
}

MessageResult decode_leader_info(Zxid zxid, ByteView data) {
  JuteReader reader(data);
  PADDOCK_TRY(const std::int32_t version, reader.read_int());
  return LeaderInfo{zxid.epoch(), version, read_heartbeat(reader)};
}

MessageResult decode_ack_epoch(Zxid zxid, ByteView data) {
  PADDOCK_TRY(const std::int32_t epoch, JuteReader(data).read_int());
  if (epoch == kEpochAcknowledgedBefore) return AckEpoch{zxid, std::nullopt};
  if (epoch < 0) return Error{Code::kMalformed, concat("an epoch of ", epoch)};
  return AckEpoch{zxid, Epoch{epoch}};
}

MessageResult decode_new_leader(const Packet& packet) {
  NewLeader leader{packet.zxid.epoch(), std::nullopt};
  if (packet.data) leader.config = std::string(as_chars(*packet.data));
  return leader;
}

MessageResult decode_commit_and_activate(Zxid zxid, ByteView data) {
  PADDOCK_TRY(const std::int64_t designated, JuteReader(data).read_long());
  return CommitAndActivate{zxid, ServerId{designated}};
}

MessageResult decode_inform_and_activate(Zxid zxid, ByteView data) {
  JuteReader reader(data);
  PADDOCK_TRY(const std::int64_t designated, reader.read_long());
  return InformAndActivate{Txn{zxid, copy_of(reader.rest())}, ServerId{designated}};
}

MessageResult decode_ping(const Packet& packet) {
  if (!packet.data) return Ping{packet.zxid, std::nullopt};
  if (packet.data->size() % kTouchBytes != 0) {
    return Error{Code::kMalformed, concat("sessions in ", packet.data->size(), " bytes, of ",
                                          kTouchBytes, " bytes each")};
  }
  std::vector<SessionTouch> touched;
  touched.reserve(packet.data->size() / kTouchBytes);
  JuteReader reader(*packet.data);
  while (reader.remaining() > 0) {
    PADDOCK_TRY(const std::int64_t session, reader.read_long());
    PADDOCK_TRY(const std::int32_t timeout_ms, reader.read_int());
    touched.push_back({SessionId{session}, Millis{timeout_ms}});
  }
  return Ping{packet.zxid, std::move(touched)};
}

// `bytes` were measured: every identity is there.
Result<std::optional<std::vector<Id>>> decode_authinfo(ByteView bytes) {
  JuteReader reader(bytes);
  PADDOCK_TRY(const std::int32_t count, reader.read_count(kIdBytesMin));
  if (count == kNull) return std::optional<std::vector<Id>>();
  std::vector<Id> ids;
  ids.reserve(static_cast<std::size_t>(count));
  for (std::int32_t i = 0; i < count; ++i) {
    PADDOCK_TRY(const std::string_view scheme, reader.read_string());
    PADDOCK_TRY(const std::string_view id, reader.read_string());
    ids.push_back({std::string(scheme), std::string(id)});
  }
  return std::optional(std::move(ids));
}

MessageResult decode_request(const Packet& packet, ByteView data) {
  JuteReader reader(data);
  Request request;
  PADDOCK_TRY(request.session.value, reader.read_long());
  PADDOCK_TRY(request.cxid, reader.read_int());
  PADDOCK_TRY(request.op_code, reader.read_int());
  request.body = copy_of(reader.rest());
  PADDOCK_TRY(request.authinfo, decode_authinfo(packet.authinfo));
  return request;
}

// A learner asks with the timeout, the leader answers with a boolean: only the length tells.
MessageResult decode_revalidate(ByteView data) {
  if (data.size() != kRevalidateBytes && data.size() != kRevalidatedBytes) {
    return Error{Code::kMalformed,
                 concat("neither question nor answer in ", data.size(), " bytes")};
  }
  JuteReader reader(data);
  PADDOCK_TRY(const std::int64_t session, reader.read_long());
  if (data.size() == kRevalidatedBytes) {
    PADDOCK_TRY(const bool valid, reader.read_bool());
    return Revalidated{SessionId{session}, valid};
  }
  PADDOCK_TRY(const std::int32_t timeout_ms, reader.read_int());
  return Revalidate{SessionId{session}, Millis{timeout_ms}};
}

MessageResult decode_message(const Packet& packet) {
  const Zxid zxid = packet.zxid;
  const ByteView data = packet.data.value_or(ByteView());
  switch (static_cast<PacketType>(packet.type)) {
    case PacketType::kRequest:
      return decode_request(packet, data);
    case PacketType::kProposal:
      if (!packet.data) return Error{Code::kMalformed, "no transaction"};
      return Proposal{Txn{zxid, copy_of(data)}};
    case PacketType::kAck:
      return Ack{zxid};
    case PacketType::kCommit:
      return Commit{zxid};
    case PacketType::kPing:
      return decode_ping(packet);
    case PacketType::kRevalidate:
      return decode_revalidate(data);
    case PacketType::kSync:
      return Sync{};
    case PacketType::kInform:
      if (!packet.data) return Error{Code::kMalformed, "no transaction"};
      return Inform{Txn{zxid, copy_of(data)}};
    case PacketType::kCommitAndActivate:
      return decode_commit_and_activate(zxid, data);
    case PacketType::kNewLeader:
      return decode_new_leader(packet);
    case PacketType::kFollowerInfo:
      return decode_learner_info(packet, false);
    case PacketType::kUpToDate:
      return UpToDate{};
    case PacketType::kDiff:
      return Diff{zxid};
    case PacketType::kTrunc:
      return Trunc{zxid};
    case PacketType::kSnap:
      return Snap{zxid};
    case PacketType::kObserverInfo:
      return decode_learner_info(packet, true);
    case PacketType::kLeaderInfo:
      return decode_leader_info(zxid, data);
    case PacketType::kAckEpoch:
      return decode_ack_epoch(zxid, data);
    case PacketType::kInformAndActivate:
      return decode_inform_and_activate(zxid, data);
  }
  return std::optional<Message>();
}

}  // namespace

void encode_packet(const Message& message, Bytes& to) {
  std::visit([&to](const auto& what) { encode(what, to); }, message);
}

Result<std::optional<Decoded>> decode_packet(ByteView bytes, const PacketLimits& limits) {
  PADDOCK_TRY(const std::optional<Packet> packet, read_packet(bytes, limits));
  if (!packet) return std::optional<Decoded>();
  MessageResult message = decode_message(*packet);
  if (!message.ok()) {
    return Error{message.error().code,
                 concat("packet of type ", packet->type, ": ", message.error().message)};
  }
  return std::optional(Decoded{std::move(*message), packet->bytes});
}

}  // namespace paddock::zab
