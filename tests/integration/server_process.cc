#include "tests/integration/server_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include <gtest/gtest.h>

#include "common/acl.h"
#include "common/concat.h"
#include "common/jute.h"

namespace paddock::test {

namespace {

constexpr std::chrono::seconds kPatience{30};
constexpr std::string_view kServing = "serving clients on ";

std::string read_all(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

ServerProcess::ServerProcess(std::string settings) : settings_(std::move(settings)) {
  std::string pattern = (std::filesystem::temp_directory_path() / "paddock-test-XXXXXX").string();
  EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
  folder_ = pattern;
  start();
}

ServerProcess::~ServerProcess() {
  if (pid_ > 0) stop(SIGKILL);
  std::filesystem::remove_all(folder_);
}

void ServerProcess::start() {
  ASSERT_EQ(pid_, -1);
  const std::string config = folder_ + "/zoo.cfg";
  const std::string log_path = folder_ + "/log";
  std::ofstream(config) << "clientPort=0\nclientPortAddress=127.0.0.1\ntickTime=500\ndataDir="
                        << folder_ << "/data\n"
                        << settings_;
  const std::size_t before = log().size();
  pid_ = ::fork();
  ASSERT_GE(pid_, 0);
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int out = ::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(out, STDERR_FILENO);
    ::execl(PADDOCK_BIN_DIR "/paddock-server", "paddock-server", config.c_str(), nullptr);
    ::_exit(127);
  }
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    const std::string text = log().substr(before);
    const std::size_t line = text.find(kServing);
    const std::size_t end = line == std::string::npos ? line : text.find('\n', line);
    if (end != std::string::npos) {
      const std::size_t colon = text.rfind(':', end);
      port_ = static_cast<std::uint16_t>(std::stoi(text.substr(colon + 1, end - colon)));
      return;
    }
    if (::waitpid(pid_, nullptr, WNOHANG) != 0) {
      pid_ = -1;
      FAIL() << "it ended:\n" << log();
    }
    ::poll(nullptr, 0, 5);
  }
  FAIL() << "it does not serve:\n" << log();
}

int ServerProcess::stop(int signal) {
  ::kill(pid_, signal);
  int status = 0;
  EXPECT_EQ(::waitpid(pid_, &status, 0), pid_);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::string ServerProcess::log() const {
  return read_all(folder_ + "/log");
}

std::int64_t ServerProcess::resident_kb() const {
  const std::string status = read_all(concat("/proc/", pid_, "/status"));
  const std::size_t at = status.find("VmRSS:");
  EXPECT_NE(at, std::string::npos);
  return std::stoll(status.substr(at + 6));
}

RawClient::RawClient(std::uint16_t port) {
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_GE(fd_, 0);
  const timeval patience{std::chrono::duration_cast<std::chrono::seconds>(kPatience).count(), 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
}

RawClient::~RawClient() {
  ::close(fd_);
}

void RawClient::send(ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return;  // the server has closed: what follows will see it
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

Bytes RawClient::receive_frame() {
  std::array<std::uint8_t, 4> prefix{};
  EXPECT_EQ(::recv(fd_, prefix.data(), prefix.size(), MSG_WAITALL), 4);
  Bytes body(std::min<std::size_t>(load_be32(prefix.data()), 16u << 20));
  if (!body.empty()) {
    EXPECT_EQ(::recv(fd_, body.data(), body.size(), MSG_WAITALL),
              static_cast<ssize_t>(body.size()));
  }
  return body;
}

Bytes RawClient::receive_to_end() {
  Bytes all;
  std::array<std::uint8_t, 65536> some{};
  for (;;) {
    const ssize_t n = ::recv(fd_, some.data(), some.size(), 0);
    if (n <= 0) return all;
    append(all, ByteView(some).first(static_cast<std::size_t>(n)));
  }
}

bool RawClient::is_closed() {
  std::array<std::uint8_t, 4096> some{};
  for (;;) {
    const ssize_t n = ::recv(fd_, some.data(), some.size(), 0);
    if (n == 0) return true;
    if (n < 0) return errno == ECONNRESET;
  }
}

ConnectResponse RawClient::handshake(SessionId session, ByteView password) {
  const Bytes none(16, 0);
  Bytes frame;
  JuteWriter writer(frame);
  writer.write_int(0);
  write(writer, ConnectRequest{.last_zxid_seen = {},
                               .timeout_ms = 10000,
                               .session = session,
                               .password = password.empty() ? ByteView(none) : password,
                               .has_read_only = true});
  writer.patch_int(0, static_cast<std::int32_t>(frame.size() - 4));
  send(frame);
  const Bytes body = receive_frame();
  JuteReader reader(body);
  const auto response = read_connect_response(reader);
  EXPECT_TRUE(response);
  if (!response) return {};
  session_ = response->session;
  password_.assign(response->password.begin(), response->password.end());
  ConnectResponse copy = *response;
  copy.password = password_;
  return copy;
}

void RawClient::send_request(std::int32_t xid, OpCode op, ByteView record) {
  Bytes frame;
  JuteWriter writer(frame);
  writer.write_int(static_cast<std::int32_t>(8 + record.size()));
  write(writer, RequestHeader{xid, op});
  writer.write_raw(record);
  send(frame);
}

RawClient::Answer RawClient::receive_answer() {
  const Bytes body = receive_frame();
  JuteReader reader(body);
  const auto header = read_reply_header(reader);
  EXPECT_TRUE(header);
  if (!header) return {};
  return {*header, Bytes(reader.rest().begin(), reader.rest().end())};
}

RawClient::Answer RawClient::ask(OpCode op, ByteView record) {
  send_request(++xid_, op, record);
  Answer answer = receive_answer();
  EXPECT_EQ(answer.header.xid, xid_);
  return answer;
}

Bytes create_record(std::string_view path, std::string_view data, std::int32_t flags) {
  Bytes record;
  JuteWriter writer(record);
  writer.write_string(path);
  writer.write_string(data);
  writer.write_raw(open_acl().encoded);
  writer.write_int(flags);
  return record;
}

Bytes set_data_record(std::string_view path, std::string_view data) {
  Bytes record;
  JuteWriter writer(record);
  writer.write_string(path);
  writer.write_string(data);
  writer.write_int(-1);
  return record;
}

Bytes path_record(std::string_view path, bool watch) {
  Bytes record;
  JuteWriter writer(record);
  writer.write_string(path);
  writer.write_bool(watch);
  return record;
}

}  // namespace paddock::test
