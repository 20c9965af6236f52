#pragma once

#include <cstdint>
#include <map>
#include <memory>
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

// What a watch is set on. Exist: a node that is not there.
enum class WatchSlot { kData, kExist, kChild, kPersistent, kPersistentRecursive };

// The paths of a setWatches, or of a setWatches2 where there are lasting ones.
struct WatchLists {
  std::vector<std::string> data, exist, child, persistent, recursive;
  bool empty() const { return data.empty() && exist.empty() && child.empty() && !has_lasting(); }
  bool has_lasting() const { return !persistent.empty() || !recursive.empty(); }
};
Bytes encode_set_watches(Zxid relative, const WatchLists& lists);

// The watches of a session: those of the user, and what the server must have for them. All paths
// are the server's, with the chroot.
//
// A server has at most one lasting watch of a path for us, however many of the user's there are:
// recursive as soon as one of them is, and never less until the last has gone. (Servers before 3.9
// have one mode for a path: setting another one replaces it.) A persistent watch beside a recursive
// one is told of changes of the children by the creations and deletions among them. One-shot
// watches of a path with a lasting watch are not set on the server: its events serve them.
class WatchRegistry {
 public:
  void add(WatchSlot slot, const std::string& path, WatcherPtr watcher);

  // Whether the server's lasting watch of the path serves a one-shot watch in this slot.
  bool is_served(WatchSlot slot, const std::string& path) const;
  // A lasting watch of this mode is being set: the mode to ask for. From here on it is taken to be
  // on the server.
  WatchMode set_on_server(WatchMode mode, const std::string& path);
  // removeWatches is being sent: nothing of the path is on the server any more.
  void unset_on_server(const std::string& path);
  // The connection is gone, and what the server had with it: it is to have what lists() restores.
  void forget_server();

  // Who is to be told, and of what. One-shot watches are taken away.
  struct Telling {
    EventType type{};
    std::vector<WatcherPtr> watchers;
    std::string path;
  };
  std::vector<Telling> take(EventType type, std::string_view path);

  // Takes away one lasting watcher. True: none is left on the path, and the server is to be told.
  bool drop(const std::string& path, const WatcherPtr& watcher);
  // What a removeWatches of this kind takes away.
  std::vector<WatcherPtr> remove(WatchKind kind, const std::string& path);
  // Whether a lasting watch of the path would outlive remove().
  bool keeps_lasting(WatchKind kind, const std::string& path) const;

  // What is to be set on a new connection, in pieces of about `bytes_max` of paths.
  std::vector<WatchLists> lists(std::size_t bytes_max) const;
  // What is to be set again on one path behind a removeWatches.
  WatchLists lists_of(const std::string& path) const;

  std::vector<WatcherPtr> lasting() const;
  // Takes away the lasting ones, or all with their paths.
  std::vector<WatcherPtr> take_lasting();
  std::vector<Telling> take_all();
  bool empty() const { return nodes_.empty(); }

 private:
  enum class OnServer { kNone, kPersistent, kRecursive };
  struct Node {
    std::vector<WatcherPtr> data, exist, child, persistent, recursive;
    OnServer on_server = OnServer::kNone;
    bool is_unused() const {
      return data.empty() && exist.empty() && child.empty() && !has_lasting();
    }
    bool has_lasting() const { return !persistent.empty() || !recursive.empty(); }
  };
  std::vector<WatcherPtr>& slot_of(Node& node, WatchSlot slot);
  void erase_if_unused(const std::string& path);
  static void add_to(WatchLists& lists, const std::string& path, const Node& node);

  // Ordered: what is sent to a server has an order that a seed can repeat.
  std::map<std::string, Node, std::less<>> nodes_;
};

}  // namespace paddock::client
