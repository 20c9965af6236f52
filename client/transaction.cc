#include "paddock/transaction.h"

#include <utility>

namespace paddock::client {

Transaction::Slot<Created> Transaction::create(std::string path, std::string data,
                                               CreateOptions options) {
  operations_.emplace_back(Create{std::move(path), std::move(data), std::move(options)});
  return {operations_.size() - 1};
}

Transaction::Slot<std::monostate> Transaction::remove(std::string path, std::int32_t version) {
  operations_.emplace_back(Remove{std::move(path), version});
  return {operations_.size() - 1};
}

Transaction::Slot<Stat> Transaction::set(std::string path, std::string data, std::int32_t version) {
  operations_.emplace_back(Set{std::move(path), std::move(data), version});
  return {operations_.size() - 1};
}

Transaction::Slot<std::monostate> Transaction::check(std::string path, std::int32_t version) {
  operations_.emplace_back(Check{std::move(path), version});
  return {operations_.size() - 1};
}

}  // namespace paddock::client
