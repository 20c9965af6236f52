#pragma once

#include <memory>
#include <utility>

#include "paddock/error.h"

namespace paddock::client::detail {

// A completion handler of any type, called once with what an operation has brought. Where it wants
// to be called is its own affair: see run_in_place().
template <typename T>
class Completion {
 public:
  struct Base {
    virtual ~Base() = default;
    // Whether complete() may call the handler right here: it has no executor of its own, and this
    // is the callback thread. Otherwise complete() only hands it over, which any thread may do.
    virtual bool run_in_place() const = 0;
    virtual void complete(error_code error, T value) = 0;
  };

  Completion() = default;
  explicit Completion(std::unique_ptr<Base> handler) : handler_(std::move(handler)) {}

  explicit operator bool() const { return handler_ != nullptr; }
  bool run_in_place() const { return handler_->run_in_place(); }
  void operator()(error_code error, T value) {
    std::exchange(handler_, nullptr)->complete(error, std::move(value));
  }

 private:
  std::unique_ptr<Base> handler_;
};

}  // namespace paddock::client::detail
