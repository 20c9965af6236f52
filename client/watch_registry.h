#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/bytes.h"
#include "common/ids.h"
#include "common/records.h"
#include "paddock/types.h"

namespace paddock::client {

// Who is told of events: the host's own.
struct WatcherBase {
  virtual ~WatcherBase() = default;
};
using WatcherPtr = std::shared_ptr<WatcherBase>;

// What a watch is set on. Exist: a node that is not there. The last two are lasting: they are told
// again and again.
enum class WatchSlot { kData, kExist, kChild, kPersistent, kPersistentRecursive };
constexpr bool is_lasting(WatchSlot slot) {
  return slot == WatchSlot::kPersistent || slot == WatchSlot::kPersistentRecursive;
}

// The paths of a setWatches, or of a setWatches2 where there are lasting ones.
struct WatchLists {
  std::vector<std::string> data, exist, child, persistent, recursive;
  bool has_lasting() const { return !persistent.empty() || !recursive.empty(); }
};
// Its record. `relative`: what happened later is told.
Bytes encode_set_watches(Zxid relative, const WatchLists& lists);

// The watches of a session: the user's, and what the server has for them. All paths are the
// server's, with the chroot.
//
// A server has at most one lasting watch of a path for us, however many of the user's there are:
// recursive as soon as one of them is, and no less until nothing of the path is left. (Servers
// before 3.9 have one mode for a path: setting another one replaces it.) One-shot watches of such a
// path are not set on the server, either: the lasting one serves them, and stays there until they
// are gone. A recursive one never tells of changes of the children, so whom it serves is told of
// them by the creations and deletions among them.
// Source: ZooKeeper 3.8, ZooKeeper.java (ZKWatchManager); client-protocol.md section 11.
class WatchRegistry {
 public:
  // What a request is to ask for. A request that leaves a watch is begun when it is sent, and ends
  // with its reply; what was begun and lost with a connection is undone by forget_server().
  struct Asking {
    bool served = false;    // one-shot: the server need not set anything
    std::int32_t mode = 0;  // lasting: of addWatch
  };
  Asking begin(WatchSlot slot, const std::string& path);
  void end(const std::string& path);
  // The server has answered that it has the lasting watch that begin() gave this mode to.
  void confirm(const std::string& path, std::int32_t mode);

  // The watch is on the server.
  void add(WatchSlot slot, const std::string& path, WatcherPtr watcher);

  // Who is to be told, and of what. One-shot watches are taken away. `path` begins with "/".
  struct Telling {
    EventType type{};
    std::string path;
    std::vector<WatcherPtr> watchers;
  };
  std::vector<Telling> take(EventType type, std::string_view path);

  // Takes one watcher away.
  void drop(const std::string& path, const WatcherPtr& watcher);

  // How a removeWatches of the user is to be done, at the time when it could be sent.
  enum class Removal {
    kHere,      // the server's watch still serves others, or it has none: it is not asked
    kAsAsked,   // one-shot watches only
    kWholePath  // by the kind kAny: a lasting watch goes, and nothing else is left
  };
  Removal removal(WatchKind kind, const std::string& path) const;
  // Takes the watchers of this kind away.
  std::vector<WatcherPtr> remove(WatchKind kind, const std::string& path);

  // Paths whose lasting watch on the server serves nobody any more, each told once. They are to be
  // removed from it by the kind kAny, if is_idle() still when that is sent.
  std::vector<std::string> take_idle();
  bool is_idle(const std::string& path) const;
  // A removeWatches of the whole path is being sent; it is answered.
  void unset_on_server(const std::string& path);
  void confirm_unset(const std::string& path);

  // The connection is gone, and what the server had with it. From here on the server is taken to
  // have what lists() restores, in pieces of about `bytes_max` of paths.
  void forget_server();
  std::vector<WatchLists> lists(std::size_t bytes_max) const;

  std::vector<WatcherPtr> lasting() const;
  // Takes the lasting ones away.
  std::vector<WatcherPtr> take_lasting();
  // Takes all away, by their paths. The type is kNone.
  std::vector<Telling> take_all();
  std::size_t paths() const { return nodes_.size(); }

 private:
  enum class OnServer { kNone, kPersistent, kRecursive };
  struct Node {
    std::vector<WatcherPtr> data, exist, child, persistent, recursive;
    OnServer on_server = OnServer::kNone;  // its lasting watch, once it has got what was sent
    OnServer answered = OnServer::kNone;   // what it had when it sent the latest reply
    std::size_t begun = 0;
    bool has_lasting() const { return !persistent.empty() || !recursive.empty(); }
    bool is_unused() const {
      return begun == 0 && data.empty() && exist.empty() && child.empty() && !has_lasting();
    }
  };
  using Nodes = std::map<std::string, Node, std::less<>>;

  static std::vector<WatcherPtr>& slot_of(Node& node, WatchSlot slot);
  static void add_to(WatchLists& lists, const std::string& path, const Node& node);
  void tell_of_child(EventType type, std::string_view path, std::vector<Telling>& tellings);
  // Behind every change that may leave a node without use.
  void tidy(Nodes::iterator node);

  // Ordered, so that what is sent to a server has an order that a seed can repeat.
  Nodes nodes_;
  std::set<std::string> idle_;
};

}  // namespace paddock::client
