#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/bytes.h"

namespace paddock::test {

// One frame of tests/vectors/peer/*.txt, as a ZooKeeper 3.8.0 server wrote it to another one.
struct PeerFrame {
  int seq = -1;      // order over all connections of the recording; -1: cut off
  std::string what;  // hello, LOOKING ..., FOLLOWERINFO ..., snapshot, sasl, incomplete
  Bytes bytes;       // with the length in front, on the election plane
};

// One direction of a connection.
struct PeerStream {
  std::string recording;  // "static"
  std::string name;       // "06-quorum-1-to-3"
  std::vector<PeerFrame> frames;

  bool is_election() const { return name.find("-election-") != std::string::npos; }
  std::string connection() const { return name.substr(0, 2); }
  std::string from() const { return name.substr(name.find("-to-") - 1, 1); }
  std::string to() const { return name.substr(name.find("-to-") + 4); }
  Bytes bytes() const;  // as they came over the connection
};

// All streams of one recording, or of all. Stops the test program if one cannot be read.
std::vector<PeerStream> peer_streams(const std::string& recording);
std::vector<PeerStream> all_peer_streams();

// One stream: "static/06-quorum-1-to-3".
PeerStream peer_stream(std::string_view path);

}  // namespace paddock::test
