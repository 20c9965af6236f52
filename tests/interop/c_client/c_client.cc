#include "c_client.h"

#include <array>
#include <ostream>
#include <utility>

namespace paddock::interop {

namespace {

constexpr int kValueBytesMax = 1 << 20;

std::string to_string(const char* value, int size) {
  return value == nullptr || size < 0 ? std::string() : std::string(value, value + size);
}

std::optional<Stat> to_optional(const Stat* stat) {
  return stat == nullptr ? std::nullopt : std::optional(*stat);
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const WatchEvent& event) {
  return out << "type " << event.type << " state " << event.state << " " << event.path;
}

void Watcher::record(zhandle_t*, int type, int state, const char* path, void* watcher) {
  Watcher& self = *static_cast<Watcher*>(watcher);
  const std::lock_guard lock(self.mutex_);
  if (type == ZOO_SESSION_EVENT) {
    self.state_ = state;
  } else {
    self.events_.push_back({type, state, path == nullptr ? "" : path});
  }
  self.changed_.notify_all();
}

std::optional<WatchEvent> Watcher::next(std::chrono::milliseconds deadline) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, deadline, [this] { return !events_.empty(); })) return {};
  WatchEvent event = std::move(events_.front());
  events_.pop_front();
  return event;
}

bool Watcher::reaches(int state) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kDeadline, [this, state] { return state_ == state; });
}

void Call::set(const void* call, Answer answer) {
  static_cast<Call*>(const_cast<void*>(call))->promise_.set_value(std::move(answer));
}

void Call::done_void(int code, const void* call) {
  set(call, {.code = code});
}

void Call::done_stat(int code, const Stat* stat, const void* call) {
  set(call, {.code = code, .stat = to_optional(stat)});
}

void Call::done_data(int code, const char* value, int size, const Stat* stat, const void* call) {
  set(call, {.code = code, .text = to_string(value, size), .stat = to_optional(stat)});
}

void Call::done_strings(int code, const String_vector* names, const void* call) {
  done_strings_stat(code, names, nullptr, call);
}

void Call::done_strings_stat(int code, const String_vector* names, const Stat* stat,
                             const void* call) {
  Answer answer{.code = code, .stat = to_optional(stat)};
  if (names != nullptr) answer.names = to_names(*names);
  set(call, std::move(answer));
}

void Call::done_string(int code, const char* value, const void* call) {
  done_string_stat(code, value, nullptr, call);
}

void Call::done_string_stat(int code, const char* value, const Stat* stat, const void* call) {
  set(call, {.code = code, .text = value == nullptr ? "" : value, .stat = to_optional(stat)});
}

void Call::done_acl(int code, ACL_vector* acl, Stat* stat, const void* call) {
  Answer answer{.code = code, .stat = to_optional(stat)};
  if (acl != nullptr) answer.acl = to_text(*acl);
  set(call, std::move(answer));
}

Answer Call::answer() {
  std::future<Answer> future = promise_.get_future();
  if (future.wait_for(kDeadline) != std::future_status::ready) return {.code = ZOPERATIONTIMEOUT};
  return future.get();
}

std::vector<std::string> to_names(const String_vector& names) {
  return {names.data, names.data + names.count};
}

std::vector<std::string> to_text(const ACL_vector& acl) {
  std::vector<std::string> lines;
  for (const ACL* entry = acl.data; entry != acl.data + acl.count; ++entry) {
    lines.push_back(std::string(entry->id.scheme) + ":" + entry->id.id + "=" +
                    std::to_string(entry->perms));
  }
  return lines;
}

Session::Session(const std::string& address, int timeout_ms, const clientid_t* id)
    : handle_(zookeeper_init(address.c_str(), Watcher::record, timeout_ms, id, &watcher_,
                             ZOO_NO_LOG_CLIENTENV)) {}

Session::~Session() {
  close();
}

int Session::close() {
  zhandle_t* const handle = std::exchange(handle_, nullptr);
  return handle == nullptr ? ZOK : zookeeper_close(handle);
}

int Session::create(const std::string& path, const std::string& value, int mode) {
  return zoo_create(handle_, path.c_str(), value.data(), static_cast<int>(value.size()),
                    &ZOO_OPEN_ACL_UNSAFE, mode, nullptr, 0);
}

int Session::set(const std::string& path, const std::string& value, int version) {
  return zoo_set(handle_, path.c_str(), value.data(), static_cast<int>(value.size()), version);
}

int Session::remove(const std::string& path) {
  return zoo_delete(handle_, path.c_str(), -1);
}

std::string Session::get(const std::string& path) {
  std::string value(kValueBytesMax, '\0');
  int size = kValueBytesMax;
  const int code = zoo_get(handle_, path.c_str(), 0, value.data(), &size, nullptr);
  return code == ZOK ? value.substr(0, static_cast<std::size_t>(std::max(size, 0))) : zerror(code);
}

bool Session::exists(const std::string& path) {
  return zoo_exists(handle_, path.c_str(), 0, nullptr) == ZOK;
}

void Session::remove_tree(const std::string& path) {
  String_vector children{};
  if (zoo_get_children(handle_, path.c_str(), 0, &children) != ZOK) return;
  for (const std::string& name : to_names(children)) remove_tree(path + "/" + name);
  deallocate_String_vector(&children);
  zoo_delete(handle_, path.c_str(), -1);
}

}  // namespace paddock::interop
