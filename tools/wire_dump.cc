// `paddock wire dump`: one direction of a connection, as recorded, as text.

#include <boost/program_options.hpp>
#include <optional>
#include <ostream>

#include "common/concat.h"
#include "common/env.h"
#include "common/jute.h"
#include "common/records.h"
#include "tools/command.h"
#include "tools/line.h"
#include "tools/peer_dump.h"

namespace paddock::tools {

namespace {

namespace po = boost::program_options;

constexpr std::uint64_t kRecordingBytesMax = 1u << 30;

enum class Side { kClient, kServer };

void add_session(Line& line, SessionId session, std::int32_t timeout_ms) {
  line.hex("session", static_cast<std::uint64_t>(session.value)).number("timeout_ms", timeout_ms);
}

Result<void> describe_connect(Line& line, JuteReader& reader, Side side) {
  line.word("what", side == Side::kClient ? "connect" : "connected");
  if (side == Side::kClient) {
    PADDOCK_TRY(const ConnectRequest request, read_connect_request(reader));
    add_session(line, request.session, request.timeout_ms);
    line.hex("last_zxid_seen", static_cast<std::uint64_t>(request.last_zxid_seen.value));
    if (request.read_only) line.flag("read_only");
    return {};
  }
  PADDOCK_TRY(const ConnectResponse response, read_connect_response(reader));
  add_session(line, response.session, response.timeout_ms);
  if (response.read_only) line.flag("read_only");
  return {};
}

bool begins_with_path(OpCode op) {
  switch (op) {
    case OpCode::kCreate:
    case OpCode::kCreate2:
    case OpCode::kCreateContainer:
    case OpCode::kCreateTtl:
    case OpCode::kDelete:
    case OpCode::kDeleteContainer:
    case OpCode::kExists:
    case OpCode::kGetData:
    case OpCode::kSetData:
    case OpCode::kGetAcl:
    case OpCode::kSetAcl:
    case OpCode::kGetChildren:
    case OpCode::kGetChildren2:
    case OpCode::kGetAllChildrenNumber:
    case OpCode::kGetEphemerals:
    case OpCode::kSync:
    case OpCode::kCheck:
    case OpCode::kCheckWatches:
    case OpCode::kRemoveWatches:
    case OpCode::kAddWatch:
      return true;
    default:  // the rest of a long list
      return false;
  }
}

// Of the record only what it is about: never its data, nor what an auth packet carries.
Result<void> describe_request(Line& line, JuteReader& reader) {
  PADDOCK_TRY(const RequestHeader header, read_request_header(reader));
  line.word("what", name_of(header.op)).number("xid", header.xid);
  if (begins_with_path(header.op)) {
    PADDOCK_TRY(const std::string_view path, reader.read_string());
    line.text("path", path);
  }
  if (header.op == OpCode::kAuth) {
    PADDOCK_TRY(const AuthPacket packet, read_auth_packet(reader));
    line.text("scheme", packet.scheme.value_or(""));
  }
  return {};
}

Result<void> describe_reply(Line& line, JuteReader& reader) {
  PADDOCK_TRY(const ReplyHeader header, read_reply_header(reader));
  if (header.xid == kXidNotification) {
    PADDOCK_TRY(const WatcherEvent event, read_watcher_event(reader));
    line.word("what", name_of(event.type)).text("path", event.path);
  } else {
    line.word("what", "reply").number("xid", header.xid);
  }
  line.hex("zxid", static_cast<std::uint64_t>(header.zxid.value));
  if (header.error != ErrorCode::kOk) line.text("error", name_of(header.error));
  return {};
}

Result<Line> describe_frame(ByteView frame, std::size_t offset, bool first, Side side) {
  Line line;
  line.number("offset", static_cast<std::int64_t>(offset));
  line.number("frame_bytes", static_cast<std::int64_t>(frame.size()));
  JuteReader reader(frame);
  const Result<void> described = first                   ? describe_connect(line, reader, side)
                                 : side == Side::kClient ? describe_request(line, reader)
                                                         : describe_reply(line, reader);
  if (!described.ok()) {
    return Error{Code::kMalformed, concat("the frame at byte ", offset,
                                          " does not parse: ", described.error().message)};
  }
  return line;
}

// Prints frame by frame; a frame that does not parse ends it, since what follows cannot be trusted.
Result<void> dump_client(ByteView stream, Side side, Format format, std::ostream& out) {
  std::size_t at = 0;
  while (at < stream.size()) {
    JuteReader reader(stream.subspan(at));
    const Result<NullableBytes> frame = reader.read_buffer();
    if (!frame.ok() || !*frame) {
      return Error{Code::kMalformed, concat("the stream ends inside the frame at byte ", at,
                                            ", or that is no frame")};
    }
    PADDOCK_TRY(const Line line, describe_frame(**frame, at, at == 0, side));
    out << render(line, format) << '\n';
    at += reader.offset();
  }
  return {};
}

void describe(po::options_description& options) {
  auto add = options.add_options();
  add("file", po::value<std::string>()->required(),
      "the bytes of one direction, from the first on, as a recorder of TCP streams saves them");
  add("plane", po::value<std::string>()->default_value("client"),
      "what was spoken: client, with a client; election or quorum, among servers, on the port of "
      "that name");
  add("from", po::value<std::string>(),
      "who sent them, on the client plane: client, unless told, or server");
  add("json", "one JSON object a line");
}

// What --plane and --from say.
struct Spoken {
  enum class Plane { kClient, kElection, kQuorum } plane = Plane::kClient;
  Side side = Side::kClient;
};
Result<Spoken> spoken(const po::variables_map& arguments) {
  const std::string& plane = arguments["plane"].as<std::string>();
  Spoken spoken;
  if (plane == "election") {
    spoken.plane = Spoken::Plane::kElection;
  } else if (plane == "quorum") {
    spoken.plane = Spoken::Plane::kQuorum;
  } else if (plane != "client") {
    return Error{Code::kInvalid,
                 concat("--plane is client, election or quorum, not '", plane, "'")};
  }
  if (arguments.count("from") == 0) return spoken;
  const std::string& from = arguments["from"].as<std::string>();
  if (spoken.plane != Spoken::Plane::kClient) {
    return Error{Code::kInvalid, "--from goes with --plane client: among servers the bytes tell"};
  }
  if (from != "client" && from != "server") {
    return Error{Code::kInvalid, concat("--from is client or server, not '", from, "'")};
  }
  spoken.side = from == "client" ? Side::kClient : Side::kServer;
  return spoken;
}

Result<void> dump(ByteView stream, Spoken spoken, Format format, std::ostream& out) {
  switch (spoken.plane) {
    case Spoken::Plane::kClient:
      return dump_client(stream, spoken.side, format, out);
    case Spoken::Plane::kElection:
      return dump_election(stream, format, out);
    case Spoken::Plane::kQuorum:
      return dump_quorum(stream, format, out);
  }
  return {};
}

ExitCode run(const po::variables_map& arguments, Output output) {
  const Result<Spoken> chosen = spoken(arguments);
  if (!chosen.ok()) {
    report(chosen.error(), output);
    return ExitCode::kUsage;
  }
  const Result<Bytes> stream =
      read_file(posix_env(), arguments["file"].as<std::string>(), kRecordingBytesMax);
  if (!stream.ok()) return report(stream.error(), output);
  const Format format = arguments.count("json") != 0 ? Format::kJson : Format::kText;
  const Result<void> dumped = dump(*stream, *chosen, format, output.out);
  return dumped.ok() ? ExitCode::kOk : report(dumped.error(), output);
}

constexpr std::string_view kPositional[] = {"file"};

}  // namespace

const Command kWireDump{"wire dump",
                        "FILE [--plane client|election|quorum] [--from client|server] [--json]",
                        "Prints what was said on a recorded connection, without the data.",
                        describe,
                        kPositional,
                        run};

}  // namespace paddock::tools
