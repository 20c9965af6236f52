#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

#include <boost/asio/ip/address.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include "server/tree/acl_check.h"

namespace paddock::server {

// How many connections there are, in all and from each address, half-open ones included. One set of
// address credentials serves all connections from an address.
// Thread: any.
class ConnectionLimits {
 public:
  // 0: no limit.
  ConnectionLimits(std::int64_t per_address_max, std::int64_t total_max)
      : per_address_max_(per_address_max), total_max_(total_max) {}

  enum class Verdict { kAdmitted, kTooManyFromAddress, kTooManyInAll };
  struct Admission {
    Verdict verdict{};
    CredentialsRef credentials;  // ip:<address>; set if admitted, and then release() is due
  };
  Admission admit(const boost::asio::ip::address& address);
  void release(const boost::asio::ip::address& address);

  std::size_t total() const;

 private:
  struct FromAddress {
    std::int64_t connections = 0;
    CredentialsRef credentials;
  };
  struct Hash {
    std::size_t operator()(const boost::asio::ip::address& address) const;
  };

  const std::int64_t per_address_max_;
  const std::int64_t total_max_;
  mutable std::mutex mutex_;  // guards all below; a leaf
  std::int64_t total_ = 0;
  boost::unordered_flat_map<boost::asio::ip::address, FromAddress, Hash> addresses_;
};

}  // namespace paddock::server
