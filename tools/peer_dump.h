#pragma once

#include <iosfwd>

#include "common/bytes.h"
#include "common/result.h"
#include "tools/line.h"

namespace paddock::tools {

// Prints one direction of a connection between members of an ensemble, line by line: what each side
// says first, the exchange of a quorum with SASL as far as it goes without showing a token, and
// notifications or packets. A snapshot behind SNAP is one line. Bytes that cannot be what they
// should be end it, since what follows cannot be trusted: Code::kMalformed with the offset.
Result<void> dump_election(ByteView stream, Format format, std::ostream& out);
Result<void> dump_quorum(ByteView stream, Format format, std::ostream& out);

}  // namespace paddock::tools
