#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "paddock/detail/initiate.h"
#include "paddock/error.h"
#include "paddock/options.h"
#include "paddock/result.h"
#include "paddock/transaction.h"
#include "paddock/types.h"
#include "paddock/watch.h"

namespace paddock::client {

namespace detail {
class Engine;
}

// A session with an ensemble, and every operation on its znodes.
//
// Each operation takes a completion token of Boost.Asio with the signature
// void(error_code, RESULT): a callback, use_future, use_awaitable, as_tuple(...), deferred. It may
// be cancelled by its cancellation slot, and ends by itself when its time is up. Arguments are
// copied or sent before the call returns, unless they are said to be kept.
//
// Order: operations reach the server in the order of the calls, and complete in that order; a watch
// event comes before the completion of any read that would show the change. (An operation that ends
// without an answer completes at once.)
//
// Connections: while no server is connected operations wait. A read whose answer was lost is asked
// again; a write is not, and ends as MaybeApplied::connection_loss. Watches are restored.
//
// Threads: any, at the same time. The library has two of its own: one for the network and the
// session's heartbeats, which runs no code of the user's, and one that runs callbacks, watchers and
// handlers without an executor, one at a time. Handlers with an executor run there. So a slow
// handler can hold up other handlers, but not the session.
//
// The Client may be destroyed at any time, from any thread, also within a callback. What is pending
// then completes with NotSent::closed or MaybeApplied::closed. The session is closed on the way, if
// a server is connected; nothing waits for its answer longer than a second.
//
// Errors of every operation: the types NotSent and MaybeApplied (see error.h), and of Refused:
// no_auth, session_moved (it has connected anew already: try again), not_read_only, throttled_op,
// request_timeout. Those that an operation adds are listed with it.
class Client {
 public:
  using Executor = boost::asio::any_io_executor;

  // Starts to connect and returns at once. Fails with NotSent::invalid_argument on options that
  // cannot be: a host list or a chroot that does not parse, a TLS file that cannot be read.
  static Result<Client> open(Options options);

  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  State state() const;
  SessionTicket session() const;                      // id 0: none yet
  std::chrono::milliseconds session_timeout() const;  // as granted; as asked before that
  std::string server() const;                         // "host:port"; "": not connected
  std::string chroot() const;                         // "" or "/a"

  // Ends once the session is connected; State::kConnectedReadOnly too if that was allowed.
  template <typename Token>
  auto async_connected(RequestOptions options, Token&& token) {
    return start<State>(token, &detail::connected, std::move(options));
  }

  // Closes the session, behind all that was asked before: its ephemerals are gone then.
  template <typename Token>
  auto async_close(Token&& token) {
    return start<Done>(token, &detail::close);
  }

  // Refused: no_node (a parent is missing), node_exists, no_children_for_ephemerals, invalid_acl,
  // quota_exceeded, bad_arguments (a TTL that cannot be), unimplemented (TTL not enabled).
  template <typename Token>
  auto async_create(std::string path, std::string data, CreateOptions options, Token&& token) {
    return start<Created>(token, &detail::create, std::move(path), std::move(data),
                          std::move(options));
  }

  // Refused: no_node, bad_version, not_empty.
  template <typename Token>
  auto async_remove(std::string path, std::int32_t version, RequestOptions options, Token&& token) {
    return start<Done>(token, &detail::remove, std::move(path), version, std::move(options));
  }

  // Nothing where there is no such node; a watch then waits for its creation.
  template <typename Token>
  auto async_exists(std::string path, ReadOptions options, Token&& token) {
    return start<std::optional<Stat>>(token, &detail::exists, std::move(path), std::move(options));
  }

  // Refused: no_node (and no watch is left).
  template <typename Token>
  auto async_get(std::string path, ReadOptions options, Token&& token) {
    return start<Node>(token, &detail::get, std::move(path), std::move(options));
  }

  // Refused: no_node, bad_version, quota_exceeded.
  template <typename Token>
  auto async_set(std::string path, std::string data, std::int32_t version, RequestOptions options,
                 Token&& token) {
    return start<Stat>(token, &detail::set, std::move(path), std::move(data), version,
                       std::move(options));
  }

  // Refused: no_node (and no watch is left).
  template <typename Token>
  auto async_children(std::string path, ReadOptions options, Token&& token) {
    return start<Children>(token, &detail::children, std::move(path), std::move(options));
  }

  // Refused: no_node.
  template <typename Token>
  auto async_get_acl(std::string path, RequestOptions options, Token&& token) {
    return start<AclAndStat>(token, &detail::get_acl, std::move(path), std::move(options));
  }

  // `version`: the node's aversion. Refused: no_node, bad_version, invalid_acl.
  template <typename Token>
  auto async_set_acl(std::string path, std::vector<Acl> acl, std::int32_t version,
                     RequestOptions options, Token&& token) {
    return start<Stat>(token, &detail::set_acl, std::move(path), std::move(acl), version,
                       std::move(options));
  }

  // Once it ends, reads see all that was committed when it was called. (With ZooKeeper's own
  // servers that is so unless the leader was being replaced.)
  template <typename Token>
  auto async_sync(std::string path, RequestOptions options, Token&& token) {
    return start<Done>(token, &detail::sync, std::move(path), std::move(options));
  }

  // All or nothing. Where it was refused the result has `failed` and `errors`, and the error is
  // that of the operation that failed.
  template <typename Token>
  auto async_commit(Transaction transaction, RequestOptions options, Token&& token) {
    return start<TransactionResult>(token, &detail::commit, std::move(transaction),
                                    std::move(options));
  }

  // A result for each, in order.
  template <typename Token>
  auto async_read(ReadBatch batch, RequestOptions options, Token&& token) {
    return start<std::vector<ReadResult>>(token, &detail::read_batch, std::move(batch),
                                          std::move(options));
  }

  // Watches `path` until the Watch is destroyed; the node need not exist.
  template <typename Token>
  auto async_watch(std::string path, WatchMode mode, RequestOptions options, Token&& token) {
    return start<Watch>(token, &detail::watch, std::move(path), mode, std::move(options));
  }

  // Takes watches of this Client away, one-shot ones too: their watchers are never called.
  // Refused: no_watcher.
  template <typename Token>
  auto async_remove_watches(std::string path, WatchKind kind, RequestOptions options,
                            Token&& token) {
    return start<Done>(token, &detail::remove_watches, std::move(path), kind, std::move(options));
  }

  // For this session from now on, also on later connections. Refused: auth_failed; the session is
  // then State::kAuthFailed.
  template <typename Token>
  auto async_add_auth(std::string scheme, std::string data, RequestOptions options, Token&& token) {
    return start<Done>(token, &detail::add_auth, std::move(scheme), std::move(data),
                       std::move(options));
  }

  template <typename Token>
  auto async_who_am_i(RequestOptions options, Token&& token) {
    return start<std::vector<Identity>>(token, &detail::who_am_i, std::move(options));
  }

  // Of this session, below `prefix`.
  template <typename Token>
  auto async_ephemerals(std::string prefix, RequestOptions options, Token&& token) {
    return start<std::vector<std::string>>(token, &detail::ephemerals, std::move(prefix),
                                           std::move(options));
  }

  // How many nodes there are below `path`, at any depth. Refused: no_node.
  template <typename Token>
  auto async_descendant_count(std::string path, RequestOptions options, Token&& token) {
    return start<std::int32_t>(token, &detail::descendant_count, std::move(path),
                               std::move(options));
  }

  // /zookeeper/config, which no chroot touches.
  template <typename Token>
  auto async_config(ReadOptions options, Token&& token) {
    return start<Node>(token, &detail::config, std::move(options));
  }

  // The configuration that is now in force. Refused: no_auth, reconfig_disabled,
  // reconfig_in_progress, new_config_no_quorum, bad_version, bad_arguments.
  template <typename Token>
  auto async_reconfig(ReconfigOptions options, Token&& token) {
    return start<Node>(token, &detail::reconfig, std::move(options));
  }

  // What everybody writes by hand. `options.timeout` is that of the whole.

  // Also if there is none. Children that others add meanwhile are deleted too.
  template <typename Token>
  auto async_remove_recursive(std::string path, RequestOptions options, Token&& token) {
    return start<Done>(token, &detail::remove_recursive, std::move(path), std::move(options));
  }

  // `path` and all below it, parents before children. Nodes that come or go meanwhile may be among
  // them or not. Refused: no_node.
  template <typename Token>
  auto async_list_recursive(std::string path, RequestOptions options, Token&& token) {
    return start<std::vector<std::string>>(token, &detail::list_recursive, std::move(path),
                                           std::move(options));
  }

  // What is there, or what was created because nothing was.
  template <typename Token>
  auto async_get_or_create(std::string path, std::string data, CreateOptions options,
                           Token&& token) {
    return start<Node>(token, &detail::get_or_create, std::move(path), std::move(data),
                       std::move(options));
  }

  // Writes only where the data differs. True: it has written.
  template <typename Token>
  auto async_set_if_changed(std::string path, std::string data, RequestOptions options,
                            Token&& token) {
    return start<bool>(token, &detail::set_if_changed, std::move(path), std::move(data),
                       std::move(options));
  }

  // Reads, calls `change` on the callback thread, and writes what it returns, again until nobody
  // has written in between. `change` may be called several times; returning nothing leaves the
  // node.
  using Change = std::function<std::optional<std::string>(const Node&)>;
  template <typename Token>
  auto async_update(std::string path, Change change, RequestOptions options, Token&& token) {
    return start<Node>(token, &detail::update, std::move(path), std::move(change),
                       std::move(options));
  }

  // The library's: recipes and the blocking facade share a session by it.
  const std::shared_ptr<detail::Engine>& engine() const { return engine_; }
  explicit Client(std::shared_ptr<detail::Engine> engine);

 private:
  template <typename T, typename Token, typename Start, typename... Args>
  auto start(Token&& token, Start function, Args&&... args) {
    return detail::initiate<T>(engine_, std::forward<Token>(token), function,
                               std::forward<Args>(args)...);
  }

  std::shared_ptr<detail::Engine> engine_;
};

}  // namespace paddock::client
