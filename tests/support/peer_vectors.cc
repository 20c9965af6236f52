#include "tests/support/peer_vectors.h"

#include <iterator>
#include <sstream>
#include <utility>

#include "common/check.h"
#include "common/concat.h"
#include "tests/support/vectors.h"

namespace paddock::test {

namespace {

PeerFrame parse_frame(const std::string& line) {
  std::istringstream words(line);
  std::string seq, hex;
  PeerFrame frame;
  words >> seq >> frame.what >> hex;
  PADDOCK_CHECK(!hex.empty());
  if (seq != "-") frame.seq = std::stoi(seq);
  frame.bytes = from_hex(hex);
  return frame;
}

}  // namespace

Bytes PeerStream::bytes() const {
  Bytes all;
  for (const PeerFrame& frame : frames) append(all, frame.bytes);
  return all;
}

std::vector<PeerStream> peer_streams(const std::string& recording) {
  constexpr std::string_view kStream = "stream ";
  std::istringstream lines(source_text(concat("tests/vectors/peer/", recording, ".txt")));
  std::vector<PeerStream> streams;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(kStream)) {
      streams.push_back({recording, line.substr(kStream.size()), {}});
    } else {
      PADDOCK_CHECK(!streams.empty());
      streams.back().frames.push_back(parse_frame(line));
    }
  }
  PADDOCK_CHECK(!streams.empty());
  return streams;
}

std::vector<PeerStream> all_peer_streams() {
  std::vector<PeerStream> all;
  for (const char* recording : {"static", "reconfig", "local-sessions", "sasl"}) {
    std::vector<PeerStream> streams = peer_streams(recording);
    std::move(streams.begin(), streams.end(), std::back_inserter(all));
  }
  return all;
}

PeerStream peer_stream(std::string_view path) {
  const std::size_t slash = path.find('/');
  for (PeerStream& stream : peer_streams(std::string(path.substr(0, slash)))) {
    if (stream.name == path.substr(slash + 1)) return std::move(stream);
  }
  PADDOCK_CHECK(false);
}

}  // namespace paddock::test
