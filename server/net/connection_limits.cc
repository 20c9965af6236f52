#include "server/net/connection_limits.h"

#include <functional>
#include <memory>
#include <utility>

#include "common/check.h"

namespace paddock::server {

std::size_t ConnectionLimits::Hash::operator()(const boost::asio::ip::address& address) const {
  return std::hash<boost::asio::ip::address>{}(address);
}

ConnectionLimits::Admission ConnectionLimits::admit(const boost::asio::ip::address& address) {
  const std::lock_guard lock(mutex_);
  if (total_max_ > 0 && total_ >= total_max_) return {Verdict::kTooManyInAll, nullptr};
  const auto found = addresses_.find(address);
  if (found != addresses_.end() && per_address_max_ > 0 &&
      found->second.connections >= per_address_max_) {
    return {Verdict::kTooManyFromAddress, nullptr};
  }
  FromAddress& from = found != addresses_.end() ? found->second : addresses_[address];
  if (from.credentials == nullptr) {
    from.credentials =
        std::make_shared<const Credentials>(Credentials{Id{"ip", address.to_string()}});
  }
  ++from.connections;
  ++total_;
  return {Verdict::kAdmitted, from.credentials};
}

void ConnectionLimits::release(const boost::asio::ip::address& address) {
  const std::lock_guard lock(mutex_);
  const auto found = addresses_.find(address);
  PADDOCK_CHECK(found != addresses_.end());
  PADDOCK_CHECK(total_ > 0);
  --total_;
  if (--found->second.connections == 0) addresses_.erase(found);
}

std::size_t ConnectionLimits::total() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(total_);
}

}  // namespace paddock::server
