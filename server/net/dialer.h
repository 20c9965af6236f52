#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/address.h"
#include "common/ids.h"
#include "common/result.h"
#include "server/net/name_lookup.h"
#include "server/net/peer_stream.h"

namespace paddock::server {

// One attempt to reach one server: looks its names up, dials all they stand for at the same time,
// and keeps whichever answers first. So neither a dead address nor a slow name holds up another.
//
// Whoever holds it may drop it at any moment: the attempt ends, and `done` is not called.
// Thread: its loop's.
class Dial : public std::enable_shared_from_this<Dial> {
  struct Key {};  // make_shared needs a constructor that it can call and others cannot

 public:
  using Done = std::function<void(Result<std::unique_ptr<PeerStream>>)>;
  struct Options {
    Millis timeout{5000};
    StreamOptions stream;
  };

  // `done` is called once, never from within. An error tells what became of each address. `loop`
  // and `lookup` outlive it.
  static std::shared_ptr<Dial> start(boost::asio::io_context& loop, NameLookup& lookup,
                                     const std::vector<HostPort>& addresses, const Options& options,
                                     Done done);

  Dial(Key, boost::asio::io_context& loop, NameLookup& lookup, const Options& options, Done done);

 private:
  using Tcp = boost::asio::ip::tcp;

  void begin(const std::vector<HostPort>& addresses);
  void look_up(const HostPort& address);
  void connect(const Tcp::endpoint& endpoint);
  void on_connected(const Tcp::endpoint& endpoint, std::list<Tcp::socket>::iterator socket,
                    boost::system::error_code ec);
  void give_up_one(const std::string& why);
  void finish(Result<std::unique_ptr<PeerStream>> result);

  boost::asio::io_context& loop_;
  NameLookup& lookup_;
  const Options options_;
  Done done_;  // null: it has ended
  boost::asio::steady_timer timer_;
  std::list<Tcp::socket> sockets_;
  std::vector<Tcp::endpoint> tried_;
  std::size_t under_way_ = 0;  // lookups and connects
  std::string why_;            // what became of those that ended
};

}  // namespace paddock::server
