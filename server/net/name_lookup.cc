#include "server/net/name_lookup.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

#include "common/concat.h"
#include "common/limits.h"

namespace paddock::server {

namespace asio = boost::asio;

namespace {

using Addresses = NameLookup::Addresses;

// Blocks.
Result<Addresses> ask_system(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (error != 0) {
    const std::string why = error == EAI_SYSTEM ? std::generic_category().message(errno)
                                                : std::string(::gai_strerror(error));
    return Error{Code::kNotFound, concat("the name ", host, " cannot be looked up: ", why)};
  }
  Addresses addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    asio::ip::tcp::endpoint endpoint;
    if (one->ai_addrlen > endpoint.capacity()) continue;  // neither IPv4 nor IPv6
    std::copy_n(reinterpret_cast<const std::uint8_t*>(one->ai_addr), one->ai_addrlen,
                reinterpret_cast<std::uint8_t*>(endpoint.data()));
    endpoint.resize(one->ai_addrlen);
    addresses.push_back(endpoint.address());
  }
  ::freeaddrinfo(found);
  return addresses;
}

class SystemLookup final : public NameLookup {
 public:
  explicit SystemLookup(asio::io_context& loop) : loop_(loop), link_(std::make_shared<Link>()) {
    link_->loop = &loop;
    link_->owner = this;
  }
  ~SystemLookup() override {
    const std::lock_guard lock(link_->mutex);
    link_->loop = nullptr;
    link_->owner = nullptr;
  }

  void look_up(const std::string& host, Done done) override {
    std::vector<Done>& waiting = waiting_[host];
    waiting.push_back(std::move(done));
    if (waiting.size() > 1) return;  // the answer that is under way is for this one, too
    if (!work_) work_.emplace(loop_.get_executor());
    if (const auto started = start(host); !started) answer_later(host, started.error());
  }

 private:
  // What is left to a thread that the system keeps when this object goes.
  struct Link {
    std::mutex mutex;  // guards loop, and the change of owner; a leaf
    asio::io_context* loop = nullptr;
    SystemLookup* owner = nullptr;  // read on the loop alone
  };

  Result<void> start(const std::string& host) {
    if (waiting_.size() > kNameLookupsMax) {
      return Error{Code::kRefused, concat("the name ", host, " is not looked up: ", kNameLookupsMax,
                                          " others are still unanswered")};
    }
    try {
      std::thread([link = link_, host] {
        Result<Addresses> found = ask_system(host);
        const std::lock_guard lock(link->mutex);
        if (link->loop == nullptr) return;
        post_answer(*link->loop, link, host, std::move(found));
      }).detach();
    } catch (const std::system_error& error) {
      return Error{Code::kRefused,
                   concat("no thread to look up the name ", host, ": ", error.code().message())};
    }
    return {};
  }

  void answer_later(const std::string& host, const Error& error) {
    post_answer(loop_, link_, host, error);
  }

  static void post_answer(asio::io_context& loop, std::shared_ptr<Link> link, std::string host,
                          Result<Addresses> found) {
    asio::post(loop, [link = std::move(link), host = std::move(host), found = std::move(found)] {
      if (link->owner != nullptr) link->owner->answer(host, found);
    });
  }

  void answer(const std::string& host, const Result<Addresses>& found) {
    auto waiting = waiting_.extract(host);
    if (waiting_.empty()) work_.reset();
    for (Done& done : waiting.mapped()) done(found);
  }

  asio::io_context& loop_;
  const std::shared_ptr<Link> link_;
  std::map<std::string, std::vector<Done>> waiting_;  // by name: one thread each
  // The loop has something to wait for.
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
};

}  // namespace

std::unique_ptr<NameLookup> make_system_lookup(asio::io_context& loop) {
  return std::make_unique<SystemLookup>(loop);
}

}  // namespace paddock::server
