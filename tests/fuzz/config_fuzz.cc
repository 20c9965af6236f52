// A configuration file: an error with a line number, or entries that can be written and read again.

#include <string>
#include <vector>

#include "common/bytes.h"
#include "common/check.h"
#include "common/config_file.h"

using namespace paddock;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Result<std::vector<ConfigEntry>> entries = parse_config(as_chars(ByteView(data, size)));
  if (!entries.ok()) {
    PADDOCK_CHECK(!entries.error().message.empty());
    return 0;
  }
  for (const ConfigEntry& entry : *entries) {
    const auto again = parse_config(config_line(entry.key, entry.value));
    PADDOCK_CHECK(again.ok());
    PADDOCK_CHECK(again->size() == 1);
    PADDOCK_CHECK(again->front().key == entry.key);
    PADDOCK_CHECK(again->front().value == entry.value);
  }
  return 0;
}
