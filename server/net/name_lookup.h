#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/ip/address.hpp>

#include "common/result.h"

namespace boost::asio {
class io_context;
}

namespace paddock::server {

// Finds the addresses that a host's name stands for. Thread: its loop's.
class NameLookup {
 public:
  using Addresses = std::vector<boost::asio::ip::address>;
  using Done = std::function<void(const Result<Addresses>&)>;

  virtual ~NameLookup() = default;
  // Calls `done` once, later, on the loop; not at all if this object goes before.
  virtual void look_up(const std::string& host, Done done) = 0;
};

// Asks the system, anew each time, each name on a thread of its own: the system's call blocks, for
// half a minute where a name server is silent, and nobody else may wait for that. (Asio's own
// resolver asks for one name at a time, and waits for the last answer when the loop is destroyed.)
// `loop` outlives it.
std::unique_ptr<NameLookup> make_system_lookup(boost::asio::io_context& loop);

}  // namespace paddock::server
