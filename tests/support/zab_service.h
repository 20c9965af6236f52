#pragma once

#include <cstddef>

#include "common/ids.h"
#include "tests/support/zab_model.h"

namespace paddock::test {

// What a server does for its clients.
class ClientService {
 public:
  virtual ~ClientService() = default;
  virtual ServerId id() const = 0;
  virtual bool serves() const = 0;
  // Only while it serves.
  virtual void write(const Op& op) = 0;
  virtual void sync(SessionId session) = 0;
  virtual void revalidate(SessionId session) = 0;
};

// The clients of a server, who are told how what they asked for ended.
class ServiceUser {
 public:
  virtual ~ServiceUser() = default;
  virtual void written(const Op& op, Zxid zxid) = 0;
  // The answer to the session's oldest sync: a read now would see the first `applied` transactions.
  virtual void synced(SessionId session, std::size_t applied) = 0;
  virtual void revalidated(SessionId session) = 0;
  // The server serves no more: nobody knows what became of what it was asked.
  virtual void lost(ServerId server) = 0;
};

}  // namespace paddock::test
