#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/bytes.h"

namespace paddock::test {

// One step of tests/vectors/client/*.jsonl: what was sent to ZooKeeper 3.8.0, and what came back.
// Frames begin with their length.
struct ClientStep {
  std::string name;  // "crud/node_life/3": file, case, step
  std::string kind;  // connect, request, event, close, silence, 4lw, raw
  std::string op;
  Bytes request;
  Bytes reply;
  std::vector<Bytes> events;  // that came before the reply
};

// All steps of one file, or of all files. Stops the test program if one cannot be read.
std::vector<ClientStep> client_steps(const std::string& file);
std::vector<ClientStep> all_client_steps();

// The frame's content: what is behind the length.
ByteView content_of(const Bytes& frame);

// The whole file; stops the test program if it cannot be read. `path` is below the source folder.
std::string source_text(const std::string& path);

Bytes from_hex(std::string_view text);

}  // namespace paddock::test
