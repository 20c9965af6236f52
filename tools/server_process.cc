#include "tools/server_process.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <unistd.h>

// glibc 2.36 forgets to say that these are C functions.
extern "C" {
#include <sys/pidfd.h>
}

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <utility>

#include "common/clock.h"
#include "common/concat.h"
#include "common/env.h"

extern char** environ;

namespace paddock::tools {

namespace {

constexpr std::size_t kAnswerBytesMax = 64u << 10;

Error failed(std::string_view what, int error) {
  return Error{Code::kIo, concat(what, ": ", std::strerror(error))};
}

// Closed when it goes.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// A file of /proc, whose size is not known before. "" if it is gone.
std::string read_proc(std::int64_t pid, std::string_view name) {
  std::ifstream file(concat("/proc/", pid, "/", name), std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

std::optional<std::int64_t> read_pid(const std::string& path) {
  const Result<Bytes> content = read_file(posix_env(), path, 64);
  if (!content) return std::nullopt;  // it was never started, or was stopped
  const std::string_view text = as_chars(*content);
  std::int64_t pid = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), pid);
  return ec == std::errc{} && pid > 0 ? std::optional(pid) : std::nullopt;
}

// Whether `descriptor` has one of `events` within `limit`.
bool wait_for(int descriptor, short events, Millis limit) {
  const SystemClock clock;
  const Millis end = clock.now() + limit;
  for (;;) {
    pollfd one{descriptor, events, 0};
    const std::int64_t left = std::max<std::int64_t>((end - clock.now()).value, 0);
    const int ready = ::poll(&one, 1, static_cast<int>(std::min<std::int64_t>(left, INT32_MAX)));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

// What posix_spawn is told; freed when it goes.
struct SpawnSettings {
  SpawnSettings() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
  }
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
};

// A folder that was another server's is left alone.
Result<void> write_my_id(const LocalServer& server) {
  const std::string path = server.folder + "/myid", id = concat(server.id.value, "\n");
  PADDOCK_TRY_DO(posix_env().make_folders(server.folder));
  if (!posix_env().exists(path)) return replace_file(posix_env(), path, as_bytes(id));
  PADDOCK_TRY(const Bytes content, read_file(posix_env(), path, 64));
  if (as_chars(content) == id) return {};
  return Error{Code::kRefused, concat(path, " is not that of server ", server.id.value,
                                      ": is this its data? Name another folder with --data")};
}

Result<pid_t> spawn(const std::string& program, const LocalServer& server) {
  SpawnSettings settings;
  ::posix_spawnattr_setflags(&settings.attributes, POSIX_SPAWN_SETSID);
  ::posix_spawn_file_actions_addopen(&settings.actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&settings.actions, 1, server.log.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::posix_spawn_file_actions_adddup2(&settings.actions, 1, 2);
  std::string name = program, data = data_argument(server), conf = server.conf;
  std::array<char*, 4> arguments{name.data(), data.data(), conf.data(), nullptr};
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, program.c_str(), &settings.actions, &settings.attributes,
                                  arguments.data(), environ);
  if (error != 0) return failed(concat("cannot start ", program, " (log ", server.log, ")"), error);
  return pid;
}

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Result<Addresses> look_up(const HostPort& address, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(address.host.empty() ? nullptr : address.host.c_str(),
                                  concat(address.port).c_str(), &hints, &found);
  if (error != 0) return Error{Code::kIo, concat(address.host, ": ", ::gai_strerror(error))};
  return Addresses(found);
}

Result<void> connect(int socket, const addrinfo& to, Millis limit) {
  if (::connect(socket, to.ai_addr, to.ai_addrlen) == 0) return {};
  if (errno != EINPROGRESS) return failed("connect", errno);
  if (!wait_for(socket, POLLOUT, limit)) return failed("connect", ETIMEDOUT);
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  return error == 0 ? Result<void>{} : Result<void>{failed("connect", error)};
}

Result<std::string> read_to_end(int socket, Millis limit) {
  const SystemClock clock;
  const Millis end = clock.now() + limit;
  std::string answer;
  std::array<char, 4096> buffer{};
  while (wait_for(socket, POLLIN, end - clock.now())) {
    const ssize_t count = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (count < 0) return failed("receive", errno);
    if (count == 0) return answer;
    answer.append(buffer.data(), static_cast<std::size_t>(count));
    if (answer.size() > kAnswerBytesMax) return Error{Code::kTooLarge, "the answer does not end"};
  }
  return failed("receive", ETIMEDOUT);
}

}  // namespace

ServerProcess::ServerProcess(ServerProcess&& other) noexcept
    : pid_(other.pid_), descriptor_(std::exchange(other.descriptor_, -1)) {}

ServerProcess& ServerProcess::operator=(ServerProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

ServerProcess::~ServerProcess() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::optional<ServerProcess> ServerProcess::find(const LocalServer& server) {
  const std::optional<std::int64_t> pid = read_pid(server.pid_file);
  if (!pid) return std::nullopt;
  // First held, then looked at: what it is cannot change in between.
  const int descriptor = ::pidfd_open(static_cast<pid_t>(*pid), 0);
  if (descriptor < 0) return std::nullopt;
  ServerProcess process(*pid, descriptor);
  if (process.has_ended_within(Millis{0}) || !is_server(read_proc(*pid, "cmdline"), server)) {
    return std::nullopt;
  }
  return process;
}

Result<ServerProcess> ServerProcess::start(const std::string& program, const LocalServer& server) {
  PADDOCK_TRY_DO(write_my_id(server));
  PADDOCK_TRY(const pid_t pid, spawn(program, server));
  const int descriptor = ::pidfd_open(pid, 0);
  if (descriptor < 0) return failed(concat("cannot hold process ", pid), errno);
  ServerProcess process(pid, descriptor);
  // It runs the program before it shows the arguments, by which find() knows it.
  while (read_proc(pid, "cmdline").empty() && !process.has_ended_within(Millis{1})) {
  }
  const std::string text = concat(pid, "\n");
  const Result<void> written = replace_file(posix_env(), server.pid_file, as_bytes(text));
  if (!written) {
    // Nobody could find it again.
    PADDOCK_TRY_DO(process.signal(SIGKILL));
    return written.error();
  }
  return process;
}

Result<void> ServerProcess::signal(int number) const {
  if (::pidfd_send_signal(descriptor_, number, nullptr, 0) == 0 || errno == ESRCH) return {};
  return failed(concat("cannot signal process ", pid_), errno);
}

bool ServerProcess::has_ended_within(Millis limit) const {
  return wait_for(descriptor_, POLLIN, limit);
}

std::string server_program() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? "paddock-server" : (self.parent_path() / "paddock-server").string();
}

Result<std::string> ask(const HostPort& server, std::string_view word, Millis limit) {
  PADDOCK_TRY(const Addresses found, look_up(server, 0));
  const Descriptor socket(
      ::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket.get() < 0) return failed("socket", errno);
  PADDOCK_TRY_DO(connect(socket.get(), *found, limit));
  // Four bytes always fit into a new connection's buffer.
  if (::send(socket.get(), word.data(), word.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(word.size())) {
    return failed("send", errno);
  }
  return read_to_end(socket.get(), limit);
}

Result<void> check_free(const NeededPort& port) {
  PADDOCK_TRY(const Addresses found, look_up(port.address, AI_PASSIVE));
  const Descriptor socket(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.get() < 0) return failed("socket", errno);
  const int yes = 1;
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0) {
    return failed("setsockopt", errno);
  }
  if (::bind(socket.get(), found->ai_addr, found->ai_addrlen) == 0) return {};
  const std::string where = concat(to_string(port.address), ", ", port.what);
  if (errno != EADDRINUSE) return failed(concat("cannot listen at ", where), errno);
  return Error{Code::kRefused, concat(where, ", is in use by another process")};
}

}  // namespace paddock::tools
