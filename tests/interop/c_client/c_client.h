#pragma once

#include <zookeeper/zookeeper.h>

#include <chrono>
#include <condition_variable>
#include <future>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace paddock::interop {

constexpr std::chrono::seconds kDeadline{30};

struct WatchEvent {
  int type;
  int state;
  std::string path;
  friend bool operator==(const WatchEvent&, const WatchEvent&) = default;
};
std::ostream& operator<<(std::ostream& out, const WatchEvent& event);

// Collects the events that one watcher gets. Thread: the library's calls record(), the test waits.
class Watcher {
 public:
  // A watcher_fn whose context is a Watcher.
  static void record(zhandle_t* handle, int type, int state, const char* path, void* watcher);

  // The next event of a node (session events are left out), or none within the deadline.
  std::optional<WatchEvent> next(std::chrono::milliseconds deadline = kDeadline);
  // Whether the session reaches that state (ZOO_CONNECTED_STATE ...) within the deadline.
  bool reaches(int state);

 private:
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::list<WatchEvent> events_;
  int state_ = 0;
};

// What an asynchronous call answered; which fields are set depends on the call.
struct Answer {
  int code = ZSYSTEMERROR;
  std::string text = {};
  std::vector<std::string> names = {};
  std::optional<Stat> stat = {};
  std::vector<std::string> acl = {};  // scheme:id=perms
};

// One asynchronous call: pass done<kind> and this object as its completion and data.
class Call {
 public:
  static void done_void(int code, const void* call);
  static void done_stat(int code, const Stat* stat, const void* call);
  static void done_data(int code, const char* value, int size, const Stat* stat, const void* call);
  static void done_strings(int code, const String_vector* names, const void* call);
  static void done_strings_stat(int code, const String_vector* names, const Stat* stat,
                                const void* call);
  static void done_string(int code, const char* value, const void* call);
  static void done_string_stat(int code, const char* value, const Stat* stat, const void* call);
  static void done_acl(int code, ACL_vector* acl, Stat* stat, const void* call);

  // The answer; its code is ZOPERATIONTIMEOUT when there was none in time. Call once.
  Answer answer();

 private:
  static void set(const void* call, Answer answer);
  std::promise<Answer> promise_;
};

std::vector<std::string> to_names(const String_vector& names);
std::vector<std::string> to_text(const ACL_vector& acl);

// A session of the C client library; its own watcher gets the events of default watches.
class Session {
 public:
  explicit Session(const std::string& address, int timeout_ms = 10000,
                   const clientid_t* id = nullptr);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  zhandle_t* handle() const { return handle_; }
  Watcher& watcher() { return watcher_; }
  bool connected() { return watcher_.reaches(ZOO_CONNECTED_STATE); }
  std::int64_t id() const { return zoo_client_id(handle_)->client_id; }
  // Ends the session; returns what zookeeper_close() does.
  int close();

  // Shorthands for what most tests need but few are about.
  int create(const std::string& path, const std::string& value = "", int mode = ZOO_PERSISTENT);
  int set(const std::string& path, const std::string& value, int version = -1);
  int remove(const std::string& path);
  std::string get(const std::string& path);  // the value, or the error's text
  bool exists(const std::string& path);
  void remove_tree(const std::string& path);

 private:
  Watcher watcher_;
  zhandle_t* handle_;
};

}  // namespace paddock::interop
