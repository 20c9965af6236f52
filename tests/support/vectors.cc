#include "tests/support/vectors.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "common/check.h"
#include "common/concat.h"

namespace paddock::test {

namespace {

// The recorder writes every line with the same spacing, and no quote inside of these values.
std::string text_of(std::string_view line, std::string_view key) {
  const std::string label = concat("\"", key, "\": \"");
  const std::size_t at = line.find(label);
  if (at == line.npos) return "";
  const std::size_t start = at + label.size();
  return std::string(line.substr(start, line.find('"', start) - start));
}

std::string number_of(std::string_view line, std::string_view key) {
  const std::string label = concat("\"", key, "\": ");
  const std::size_t start = line.find(label) + label.size();
  return std::string(line.substr(start, line.find(',', start) - start));
}

std::vector<Bytes> events_of(std::string_view line) {
  std::vector<Bytes> events;
  const std::size_t at = line.find("\"events_before_reply\": ");
  if (at == line.npos) return events;
  line.remove_prefix(at);
  constexpr std::string_view kLabel = "{\"hex\": \"0";  // a frame's length begins with 0
  for (std::size_t next = line.find(kLabel); next != line.npos; next = line.find(kLabel)) {
    line.remove_prefix(next);
    events.push_back(from_hex(text_of(line, "hex")));
    line.remove_prefix(kLabel.size());
  }
  return events;
}

}  // namespace

Bytes from_hex(std::string_view text) {
  PADDOCK_CHECK(text.size() % 2 == 0);
  Bytes bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    bytes.push_back(
        static_cast<std::uint8_t>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

ByteView content_of(const Bytes& frame) {
  PADDOCK_CHECK(frame.size() >= 4);
  return ByteView(frame).subspan(4);
}

std::string source_text(const std::string& path) {
  std::ifstream in(concat(PADDOCK_SOURCE_DIR, "/", path), std::ios::binary);
  PADDOCK_CHECK(in.good());
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<ClientStep> client_steps(const std::string& file) {
  std::istringstream lines(source_text(concat("tests/vectors/client/", file, ".jsonl")));
  std::vector<ClientStep> steps;
  for (std::string line; std::getline(lines, line);) {
    steps.push_back({concat(file, "/", text_of(line, "case"), "/", number_of(line, "step")),
                     text_of(line, "kind"), text_of(line, "op"),
                     from_hex(text_of(line, "request_hex")), from_hex(text_of(line, "reply_hex")),
                     events_of(line)});
  }
  PADDOCK_CHECK(!steps.empty());
  return steps;
}

std::vector<ClientStep> all_client_steps() {
  std::vector<std::string> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(PADDOCK_SOURCE_DIR "/tests/vectors/client")) {
    if (entry.path().extension() == ".jsonl") files.push_back(entry.path().stem());
  }
  std::sort(files.begin(), files.end());
  std::vector<ClientStep> all;
  for (const std::string& file : files) {
    std::vector<ClientStep> steps = client_steps(file);
    std::move(steps.begin(), steps.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace paddock::test
