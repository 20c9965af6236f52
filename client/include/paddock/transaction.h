#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "paddock/error.h"
#include "paddock/options.h"
#include "paddock/types.h"

namespace paddock::client {

// Operations that are carried out together or not at all, in the order they were added. Each add
// returns a typed slot with which its result is taken from the TransactionResult:
//
//   Transaction txn;
//   txn.check("/config", 7);
//   const auto made = txn.create("/jobs/job-", "payload", {.mode = kPersistentSequential});
//   ... result[made].path
class Transaction {
 public:
  template <typename T>
  struct Slot {
    std::size_t index = 0;
  };

  Slot<Created> create(std::string path, std::string data = {}, CreateOptions options = {});
  Slot<std::monostate> remove(std::string path, std::int32_t version = kAnyVersion);
  Slot<Stat> set(std::string path, std::string data, std::int32_t version = kAnyVersion);
  // That the node has this version, or, by kAnyVersion, that it is there.
  Slot<std::monostate> check(std::string path, std::int32_t version = kAnyVersion);

  std::size_t size() const { return operations_.size(); }
  bool empty() const { return operations_.empty(); }

  struct Create {
    std::string path, data;
    CreateOptions options;
  };
  struct Remove {
    std::string path;
    std::int32_t version;
  };
  struct Set {
    std::string path, data;
    std::int32_t version;
  };
  struct Check {
    std::string path;
    std::int32_t version;
  };
  using Operation = std::variant<Create, Remove, Set, Check>;
  const std::vector<Operation>& operations() const { return operations_; }

 private:
  std::vector<Operation> operations_;
};

// What a transaction that was carried out has brought. (One that was not ends with the error of the
// operation that failed, and TransactionResult::failed tells which one that was.)
class TransactionResult {
 public:
  using Value = std::variant<std::monostate, Created, Stat>;
  template <typename T>
  const T& operator[](Transaction::Slot<T> slot) const {
    return std::get<T>(values_.at(slot.index));
  }

  // Of a transaction that was refused: the place of the operation that failed, from 0; and the
  // errors of all, where those that were not looked at have Refused::runtime_inconsistency.
  std::size_t failed = 0;
  std::vector<error_code> errors;

  std::vector<Value> values_;  // the library's
};

// Reads in one request. Each has its own result: one that fails harms no other.
class ReadBatch {
 public:
  void get(std::string path) { operations_.push_back({false, std::move(path)}); }
  void children(std::string path) { operations_.push_back({true, std::move(path)}); }

  struct Operation {
    bool children;
    std::string path;
  };
  const std::vector<Operation>& operations() const { return operations_; }

 private:
  std::vector<Operation> operations_;
};
struct ReadResult {
  error_code error;
  Node node;                       // of get
  std::vector<std::string> names;  // of children
};

struct ReconfigOptions : RequestOptions {
  std::string joining;             // "server.4=...,server.5=..."
  std::string leaving;             // "1,2"
  std::string members;             // all of them, instead of the two above
  std::int64_t from_version = -1;  // of the configuration that is to be changed; -1: any
};

}  // namespace paddock::client
