#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "paddock/options.h"
#include "paddock/result.h"
#include "paddock/transaction.h"
#include "paddock/types.h"

// For programs without an event loop: every operation of Client, waiting for its result. Includes
// nothing of Asio.
namespace paddock::client {

class Client;
namespace detail {
class Engine;
}

// A persistent watch; see Watch.
class BlockingWatch {
 public:
  struct Next {
    bool gap = false;
    WatchEvent event;
  };
  BlockingWatch(BlockingWatch&&) noexcept;
  BlockingWatch& operator=(BlockingWatch&&) noexcept;
  ~BlockingWatch();

  // Errors as Watch::async_next, and Errc::timed_out.
  Result<Next> next(std::optional<std::chrono::milliseconds> timeout = {});

 private:
  friend class BlockingClient;
  struct State;
  explicit BlockingWatch(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Thread: any, but never the callback thread, which would wait for itself: a call from there fails
// with NotSent::invalid_argument.
class BlockingClient {
 public:
  // Starts to connect and returns at once.
  static Result<BlockingClient> open(Options options);
  // The same session as `client`, which may be destroyed before this one.
  explicit BlockingClient(const Client& client);
  BlockingClient(BlockingClient&&) noexcept;
  BlockingClient& operator=(BlockingClient&&) noexcept;
  ~BlockingClient();

  State state() const;
  SessionTicket session() const;
  std::chrono::milliseconds session_timeout() const;
  std::string server() const;
  std::string chroot() const;

  Result<State> wait_connected(RequestOptions options = {});
  Result<Done> close();

  Result<Created> create(std::string path, std::string data = {}, CreateOptions options = {});
  Result<Done> remove(std::string path, std::int32_t version = kAnyVersion,
                      RequestOptions options = {});
  Result<std::optional<Stat>> exists(std::string path, ReadOptions options = {});
  Result<Node> get(std::string path, ReadOptions options = {});
  Result<Stat> set(std::string path, std::string data, std::int32_t version = kAnyVersion,
                   RequestOptions options = {});
  Result<Children> children(std::string path, ReadOptions options = {});
  Result<AclAndStat> get_acl(std::string path, RequestOptions options = {});
  Result<Stat> set_acl(std::string path, std::vector<Acl> acl, std::int32_t version = kAnyVersion,
                       RequestOptions options = {});
  Result<Done> sync(std::string path, RequestOptions options = {});
  // Error::message tells which operation failed.
  Result<TransactionResult> commit(Transaction transaction, RequestOptions options = {});
  Result<std::vector<ReadResult>> read(ReadBatch batch, RequestOptions options = {});
  Result<BlockingWatch> watch(std::string path, WatchMode mode, RequestOptions options = {});
  Result<Done> remove_watches(std::string path, WatchKind kind, RequestOptions options = {});
  Result<Done> add_auth(std::string scheme, std::string data, RequestOptions options = {});
  Result<std::vector<Identity>> who_am_i(RequestOptions options = {});
  Result<std::vector<std::string>> ephemerals(std::string prefix = "/",
                                              RequestOptions options = {});
  Result<std::int32_t> descendant_count(std::string path, RequestOptions options = {});
  Result<Node> config(ReadOptions options = {});
  Result<Node> reconfig(ReconfigOptions options);
  Result<Done> remove_recursive(std::string path, RequestOptions options = {});
  Result<std::vector<std::string>> list_recursive(std::string path, RequestOptions options = {});
  Result<Node> get_or_create(std::string path, std::string data = {}, CreateOptions options = {});
  Result<bool> set_if_changed(std::string path, std::string data, RequestOptions options = {});
  Result<Node> update(std::string path,
                      std::function<std::optional<std::string>(const Node&)> change,
                      RequestOptions options = {});

 private:
  std::shared_ptr<detail::Engine> engine_;
};

}  // namespace paddock::client
