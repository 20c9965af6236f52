#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/error_condition.hpp>
#include <string>
#include <type_traits>

// What can go wrong with an operation, in three types that ask for three things:
//
//   NotSent       no server has seen it: do it again, or give up; nothing has happened
//   MaybeApplied  it went out and no answer came: whether it happened can only be looked up
//   Refused       a server has answered: it did not happen, and this is why
//
// An error_code of the library belongs to exactly one of them. It compares with their enumerators
// (`error == Refused::no_node`), and with those of Errc where the reason counts and not the type
// (`error == Errc::connection_loss`).
namespace paddock::client {

using boost::system::error_code;

enum class NotSent {
  connection_loss = 1,  // no server could be reached
  session_expired,      // build a new Client
  auth_failed,          // a server has refused the credentials; build a new Client
  timed_out,            // the operation's own time was up
  cancelled,            // by its cancellation slot
  closed,               // the Client was closed or destroyed
  too_large,            // than Options::max_request_bytes; a read's answer: max_reply_bytes
  invalid_argument,     // a path, an ACL, an option that cannot be
  overloaded,           // Options::max_pending operations are pending already
  malformed_reply,      // a read's answer could not be read; the connection was closed
};

enum class MaybeApplied {
  connection_loss = 1,
  session_expired,
  timed_out,
  cancelled,
  closed,
  malformed_reply,  // the answer could not be read; the connection was closed
};

// The protocol's numbers. Source: ZooKeeper 3.9, KeeperException.Code.
enum class Refused {
  system_error = -1,
  runtime_inconsistency = -2,
  data_inconsistency = -3,
  connection_loss = -4,
  marshalling_error = -5,
  unimplemented = -6,
  operation_timeout = -7,
  bad_arguments = -8,
  unknown_session = -12,
  new_config_no_quorum = -13,
  reconfig_in_progress = -14,
  api_error = -100,
  no_node = -101,
  no_auth = -102,
  bad_version = -103,
  no_children_for_ephemerals = -108,
  node_exists = -110,
  not_empty = -111,
  session_expired = -112,
  invalid_callback = -113,
  invalid_acl = -114,
  auth_failed = -115,
  session_moved = -118,
  not_read_only = -119,
  ephemeral_on_local_session = -120,
  no_watcher = -121,
  request_timeout = -122,
  reconfig_disabled = -123,
  session_closed_require_sasl_auth = -124,
  quota_exceeded = -125,
  throttled_op = -127,
};

// Reasons that more than one type has.
enum class Errc {
  connection_loss = 1,
  session_expired,
  auth_failed,
  timed_out,
  cancelled,
  closed,
};

const boost::system::error_category& not_sent_category();
const boost::system::error_category& maybe_applied_category();
const boost::system::error_category& refused_category();
const boost::system::error_category& errc_category();

inline error_code make_error_code(NotSent error) {
  return {static_cast<int>(error), not_sent_category()};
}
inline error_code make_error_code(MaybeApplied error) {
  return {static_cast<int>(error), maybe_applied_category()};
}
inline error_code make_error_code(Refused error) {
  return {static_cast<int>(error), refused_category()};
}
inline boost::system::error_condition make_error_condition(Errc error) {
  return {static_cast<int>(error), errc_category()};
}

inline bool is_not_sent(const error_code& error) {
  return error.category() == not_sent_category();
}
inline bool is_maybe_applied(const error_code& error) {
  return error.category() == maybe_applied_category();
}
inline bool is_refused(const error_code& error) {
  return error.category() == refused_category();
}

// An error with what it befell, for people: "delete /a: the node has children".
struct Error {
  error_code code;
  std::string message;
};

}  // namespace paddock::client

template <>
struct boost::system::is_error_code_enum<paddock::client::NotSent> : std::true_type {};
template <>
struct boost::system::is_error_code_enum<paddock::client::MaybeApplied> : std::true_type {};
template <>
struct boost::system::is_error_code_enum<paddock::client::Refused> : std::true_type {};
template <>
struct boost::system::is_error_condition_enum<paddock::client::Errc> : std::true_type {};
