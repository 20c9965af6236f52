#include "paddock/error.h"

namespace paddock::client {

namespace {

const char* text_of(NotSent error) {
  switch (error) {
    case NotSent::connection_loss:
      return "no server could be reached";
    case NotSent::session_expired:
      return "the session has expired";
    case NotSent::auth_failed:
      return "a server has refused the credentials";
    case NotSent::timed_out:
      return "no answer in time, and nothing has happened";
    case NotSent::cancelled:
      return "cancelled before anything happened";
    case NotSent::closed:
      return "the client is closed";
    case NotSent::too_large:
      return "too large";
    case NotSent::invalid_argument:
      return "an argument that cannot be";
    case NotSent::overloaded:
      return "too many operations are waiting";
    case NotSent::malformed_reply:
      return "the server's answer could not be read";
  }
  return "not sent, for an unknown reason";
}

const char* text_of(MaybeApplied error) {
  switch (error) {
    case MaybeApplied::connection_loss:
      return "the connection was lost before the answer came: it may have happened or not";
    case MaybeApplied::session_expired:
      return "the session expired before the answer came: it may have happened or not";
    case MaybeApplied::timed_out:
      return "no answer in time: it may have happened or not";
    case MaybeApplied::cancelled:
      return "cancelled before the answer came: it may have happened or not";
    case MaybeApplied::closed:
      return "the client was closed before the answer came: it may have happened or not";
    case MaybeApplied::malformed_reply:
      return "the server's answer could not be read: it may have happened or not";
  }
  return "it may have happened or not, for an unknown reason";
}

const char* text_of(Refused error) {
  switch (error) {
    case Refused::system_error:
      return "the server has failed";
    case Refused::runtime_inconsistency:
      return "not looked at, since another operation of the transaction failed";
    case Refused::data_inconsistency:
      return "the server has found its data inconsistent";
    case Refused::connection_loss:
      return "the server has lost a connection of its own";
    case Refused::marshalling_error:
      return "the server could not read the request";
    case Refused::unimplemented:
      return "the server does not know this operation, or has it switched off";
    case Refused::operation_timeout:
      return "the server has run out of time";
    case Refused::bad_arguments:
      return "the server does not accept the arguments";
    case Refused::unknown_session:
      return "the server does not know the session";
    case Refused::new_config_no_quorum:
      return "the new configuration has no quorum of servers that are up to date";
    case Refused::reconfig_in_progress:
      return "another reconfiguration is under way";
    case Refused::api_error:
      return "the server has refused the request";
    case Refused::no_node:
      return "there is no such node";
    case Refused::no_auth:
      return "the node's ACL does not permit it";
    case Refused::bad_version:
      return "the node has another version";
    case Refused::no_children_for_ephemerals:
      return "an ephemeral node cannot have children";
    case Refused::node_exists:
      return "the node exists already";
    case Refused::not_empty:
      return "the node has children";
    case Refused::session_expired:
      return "the session has expired";
    case Refused::invalid_callback:
      return "an invalid callback";
    case Refused::invalid_acl:
      return "the ACL is empty or has an entry that cannot be";
    case Refused::auth_failed:
      return "the server has refused the credentials";
    case Refused::session_moved:
      return "the session has moved to another server";
    case Refused::not_read_only:
      return "the server has no quorum and only answers reads";
    case Refused::ephemeral_on_local_session:
      return "a local session cannot have ephemeral nodes";
    case Refused::no_watcher:
      return "there is no such watch";
    case Refused::request_timeout:
      return "the server has not answered in time";
    case Refused::reconfig_disabled:
      return "reconfiguration is switched off";
    case Refused::session_closed_require_sasl_auth:
      return "the server requires SASL authentication";
    case Refused::quota_exceeded:
      return "a quota would be exceeded";
    case Refused::throttled_op:
      return "the server is overloaded: try again later";
  }
  return nullptr;
}

const char* text_of(Errc error) {
  switch (error) {
    case Errc::connection_loss:
      return "connection lost";
    case Errc::session_expired:
      return "session expired";
    case Errc::auth_failed:
      return "credentials refused";
    case Errc::timed_out:
      return "timed out";
    case Errc::cancelled:
      return "cancelled";
    case Errc::closed:
      return "closed";
  }
  return "unknown";
}

struct NotSentCategory final : boost::system::error_category {
  const char* name() const noexcept override { return "paddock.not_sent"; }
  std::string message(int value) const override { return text_of(NotSent{value}); }
};
struct MaybeAppliedCategory final : boost::system::error_category {
  const char* name() const noexcept override { return "paddock.maybe_applied"; }
  std::string message(int value) const override { return text_of(MaybeApplied{value}); }
};
struct RefusedCategory final : boost::system::error_category {
  const char* name() const noexcept override { return "paddock.refused"; }
  std::string message(int value) const override {
    const char* text = text_of(Refused{value});
    return text ? text : "refused by error " + std::to_string(value);
  }
};

// The reason of an error of any type, where it is one that more than one type has.
bool has_reason(const error_code& error, Errc reason) {
  switch (reason) {
    case Errc::connection_loss:
      return error == NotSent::connection_loss || error == MaybeApplied::connection_loss ||
             error == Refused::connection_loss;
    case Errc::session_expired:
      return error == NotSent::session_expired || error == MaybeApplied::session_expired ||
             error == Refused::session_expired;
    case Errc::auth_failed:
      return error == NotSent::auth_failed || error == Refused::auth_failed;
    case Errc::timed_out:
      return error == NotSent::timed_out || error == MaybeApplied::timed_out;
    case Errc::cancelled:
      return error == NotSent::cancelled || error == MaybeApplied::cancelled;
    case Errc::closed:
      return error == NotSent::closed || error == MaybeApplied::closed;
  }
  return false;
}

struct ErrcCategory final : boost::system::error_category {
  const char* name() const noexcept override { return "paddock"; }
  std::string message(int value) const override { return text_of(Errc{value}); }
  bool equivalent(const error_code& error, int condition) const noexcept override {
    return has_reason(error, Errc{condition});
  }
};

}  // namespace

const boost::system::error_category& not_sent_category() {
  static const NotSentCategory category;
  return category;
}
const boost::system::error_category& maybe_applied_category() {
  static const MaybeAppliedCategory category;
  return category;
}
const boost::system::error_category& refused_category() {
  static const RefusedCategory category;
  return category;
}
const boost::system::error_category& errc_category() {
  static const ErrcCategory category;
  return category;
}

}  // namespace paddock::client
