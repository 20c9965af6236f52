#pragma once

#include <boost/system/system_error.hpp>
#include <utility>
#include <variant>

#include "paddock/error.h"

namespace paddock::client {

// A value, or an Error. value() of an Error throws boost::system::system_error; who asks ok() first
// needs no exceptions.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return check(), *std::get_if<0>(&state_); }
  const T& value() const& { return check(), *std::get_if<0>(&state_); }
  T&& value() && { return check(), std::move(*std::get_if<0>(&state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // Only of what is not ok().
  const Error& error() const { return std::get<1>(state_); }
  // No error where it is ok().
  error_code code() const { return ok() ? error_code() : error().code; }

 private:
  void check() const {
    if (!ok()) throw boost::system::system_error(error().code, error().message);
  }
  std::variant<T, Error> state_;
};

// For operations that give nothing.
struct Done {
  friend bool operator==(Done, Done) = default;
};

}  // namespace paddock::client
