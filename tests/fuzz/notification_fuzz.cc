// What anybody can say on the election port. The first byte chooses: a notification without its
// length, or what the dialling side says first. What was read is written and reads the same again.

#include <algorithm>
#include <optional>

#include "common/check.h"
#include "zab/election_codec.h"

using namespace paddock;
using namespace paddock::zab;

namespace {

void check_notification(ByteView input) {
  const Result<Notification> read = decode_notification(input);
  if (!read.ok()) return;
  const Bytes once = encode_notification(*read);
  PADDOCK_CHECK(once.size() <= kNotificationBytesMax);
  const Result<Notification> again = decode_notification(once);
  PADDOCK_CHECK(again.ok());
  PADDOCK_CHECK(again->state == read->state);
  PADDOCK_CHECK(again->vote == read->vote);
  PADDOCK_CHECK(again->election_epoch == read->election_epoch);
  PADDOCK_CHECK(again->config == read->config);
  PADDOCK_CHECK(encode_notification(*again) == once);
  PADDOCK_CHECK(!to_string(*read).empty());
}

// Byte by byte: more bytes are needed until it is decided, and then it stays decided.
void check_opening(ByteView input) {
  std::size_t decided_at = 0, consumed = 0;
  bool decided = false, good = false;
  for (std::size_t size = 0; size <= input.size(); ++size) {
    const Result<std::optional<Opening>> opening = decode_opening(input.first(size), consumed);
    if (opening.ok() && !*opening) {
      PADDOCK_CHECK(!decided);
      continue;
    }
    if (!decided) decided_at = size;
    PADDOCK_CHECK(!decided || good == opening.ok());
    decided = true;
    good = opening.ok();
    if (!good) continue;
    PADDOCK_CHECK(consumed == decided_at);
    PADDOCK_CHECK(consumed <= kOpeningBytesMax);
    if ((*opening)->addresses.empty() || size > decided_at) continue;
    const Bytes once = encode_opening(**opening);
    const Result<std::optional<Opening>> again = decode_opening(once, consumed);
    PADDOCK_CHECK(again.ok() && *again);
    PADDOCK_CHECK(consumed == once.size());
    PADDOCK_CHECK((*again)->sid == (*opening)->sid);
    PADDOCK_CHECK((*again)->addresses == (*opening)->addresses);
  }
  PADDOCK_CHECK(decided || input.size() < kOpeningBytesMax);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteView input(data + 1, size - 1);
  if (data[0] % 2 == 0) {
    check_notification(input);
  } else {
    check_opening(input.first(std::min(input.size(), kOpeningBytesMax + 8)));
  }
  return 0;
}
