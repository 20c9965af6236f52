#pragma once

#include <vector>

#include "tests/support/prng.h"
#include "tests/support/zab_mutation.h"
#include "zab/message.h"

namespace paddock::test {

// What the wire makes of what is sent: nothing at all, unless a mutation is in place.
class WireMutator {
 public:
  WireMutator(Mutation mutation, Prng random) : mutation_(mutation), random_(random) {}

  // What comes out for `message`, in order: usually itself.
  std::vector<zab::Message> on_wire(const zab::Message& message);
  zab::Notification on_wire(zab::Notification notification);

  bool active() const { return mutation_ != Mutation::kNone; }

 private:
  bool one_in(std::uint64_t n) { return random_.below(n) == 0; }
  std::vector<zab::Message> changed_proposal(const zab::Proposal& proposal);

  Mutation mutation_;
  Prng random_;
};

}  // namespace paddock::test
