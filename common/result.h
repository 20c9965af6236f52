#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "common/check.h"

namespace paddock {

// What went wrong, for the program. Protocol answers (NoNode, BadVersion) are ErrorCode instead.
enum class Code {
  kMalformed,  // bytes from outside that do not parse
  kTooLarge,   // well formed, but over a limit
  kInvalid,    // a setting or argument that cannot be used
  kNotFound,   // a file or entry that is not there
  kCorrupt,    // our own data on disk is damaged
  kIo,         // the operating system refused: disk, socket
  kNoSpace,    // the disk is full
  kRefused,    // the operation is not possible in this state
};

struct Error {
  Code code = Code::kMalformed;
  std::string message;  // what, where, and what to do now; never a password or a znode's data
};

// A value, or an Error.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit
  template <typename U>
  requires(std::is_convertible_v<U&&, T> && !std::is_same_v<std::remove_cvref_t<U>, T> &&
           !std::is_same_v<std::remove_cvref_t<U>, Error> &&
           !std::is_same_v<std::remove_cvref_t<U>, Result>) Result(U&& value)
      : state_(std::in_place_index<0>, std::forward<U>(value)) {}  // NOLINT: implicit

  explicit operator bool() const { return state_.index() == 0; }
  bool ok() const { return state_.index() == 0; }

  T& value() & {
    PADDOCK_CHECK(ok());
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    PADDOCK_CHECK(ok());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    PADDOCK_CHECK(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& {
    PADDOCK_CHECK(!ok());
    return *std::get_if<1>(&state_);
  }
  Error&& error() && {
    PADDOCK_CHECK(!ok());
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT: implicit

  explicit operator bool() const { return !error_; }
  bool ok() const { return !error_; }
  const Error& error() const& {
    PADDOCK_CHECK(error_.has_value());
    return *error_;
  }
  Error&& error() && {
    PADDOCK_CHECK(error_.has_value());
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

}  // namespace paddock

#define PADDOCK_JOIN_(a, b) a##b
#define PADDOCK_JOIN(a, b) PADDOCK_JOIN_(a, b)

// PADDOCK_TRY(const int n, read_int()): declares n, or returns the error of the expression.
#define PADDOCK_TRY(declaration, ...)                               \
  auto PADDOCK_JOIN(paddock_try_, __LINE__) = (__VA_ARGS__);        \
  if (!PADDOCK_JOIN(paddock_try_, __LINE__).ok()) [[unlikely]]      \
    return std::move(PADDOCK_JOIN(paddock_try_, __LINE__)).error(); \
  declaration = std::move(PADDOCK_JOIN(paddock_try_, __LINE__)).value()

// PADDOCK_TRY_DO(sync()): returns the error of a Result<void>.
#define PADDOCK_TRY_DO(...)                   \
  do {                                        \
    auto paddock_try_ = (__VA_ARGS__);        \
    if (!paddock_try_.ok()) [[unlikely]]      \
      return std::move(paddock_try_).error(); \
  } while (false)
