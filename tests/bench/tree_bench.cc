// What a node costs in memory, and the tree's operations in time, on a tree of a million nodes.
#include <benchmark/benchmark.h>
#include <malloc.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <random>
#include <string>

#include "server/tree/data_tree.h"
#include "server/tree/watch_table.h"

namespace paddock::server {
namespace {

constexpr int kNodes = 1'000'000;
constexpr int kDirectories = 1000;

// Like a real tree: some levels deep, with names of 10 bytes.
std::string path_of_node(int i) {
  std::string number = std::to_string(i);
  return "/bench/tenants/tenant-" + std::to_string(i % kDirectories) + "/n" +
         std::string(9 - number.size(), '0') + number;
}

std::size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

class Fixture {
 public:
  Fixture() : tree({.hash_seed = 77}), data(100, 'x') {
    create("/bench");
    create("/bench/tenants");
    for (int i = 0; i < kDirectories; ++i) create("/bench/tenants/tenant-" + std::to_string(i));
    tree.take_dirty();
  }
  void create(const std::string& path) {
    txn.header.type = OpCode::kCreate;
    txn.header.zxid = txn.header.zxid.next();
    txn.body =
        CreateTxn{.path = path, .data = as_bytes(data), .acl = open_acl(), .parent_cversion = -1};
    tree.apply(txn, false, applied);
  }
  void set_data(const std::string& path) {
    txn.header.type = OpCode::kSetData;
    txn.header.zxid = txn.header.zxid.next();
    txn.body = SetDataTxn{path, as_bytes(data), 1};
    tree.apply(txn, false, applied);
  }
  // As a checkpoint would.
  void take_dirty_at(int i) {
    if (i % 10'000 == 9'999) tree.take_dirty();
  }

  DataTree tree;
  Txn txn;
  Applied applied;
  std::string data;
};

// The whole tree: made once, by the first benchmark that needs it.
Fixture& full_tree() {
  static const std::unique_ptr<Fixture> fixture = [] {
    auto made = std::make_unique<Fixture>();
    for (int i = 0; i < kNodes; ++i) {
      made->create(path_of_node(i));
      made->take_dirty_at(i);
    }
    return made;
  }();
  return *fixture;
}

std::vector<std::string> some_paths() {
  std::mt19937 random(1);
  std::vector<std::string> paths;
  for (int i = 0; i < 100'000; ++i) {
    paths.push_back(path_of_node(static_cast<int>(random() % kNodes)));
  }
  return paths;
}

void load(benchmark::State& state) {
  std::vector<std::string> paths;
  for (int i = 0; i < kNodes; ++i) paths.push_back(path_of_node(i));
  std::sort(paths.begin(), paths.end());
  for ([[maybe_unused]] auto round : state) {
    malloc_trim(0);
    const std::size_t before = resident_bytes();
    Fixture fixture;
    const Bytes data(100, 'x');
    for (const std::string& path : paths) {
      if (!fixture.tree.load_node(path, StatPersisted{}, open_acl(), data)) std::abort();
    }
    fixture.tree.finish_load(Zxid{1});
    state.counters["bytes/node"] = static_cast<double>(resident_bytes() - before) / kNodes;
    state.counters["own bytes/node"] = static_cast<double>(fixture.tree.memory_bytes()) / kNodes;
  }
}
BENCHMARK(load)->Unit(benchmark::kMillisecond)->Iterations(1);

void create(benchmark::State& state) {
  Fixture fixture;
  std::vector<std::string> paths;
  for (int i = 0; i < kNodes; ++i) paths.push_back(path_of_node(i));
  int i = 0;
  for ([[maybe_unused]] auto round : state) {
    fixture.create(paths[static_cast<std::size_t>(i)]);
    fixture.take_dirty_at(i++);
  }
}
BENCHMARK(create)->Iterations(kNodes);

void set_data(benchmark::State& state) {
  Fixture& fixture = full_tree();
  const std::vector<std::string> paths = some_paths();
  int i = 0;
  for ([[maybe_unused]] auto round : state) {
    fixture.set_data(paths[static_cast<std::size_t>(i) % paths.size()]);
    fixture.take_dirty_at(i++);
  }
}
BENCHMARK(set_data);

void find_anywhere(benchmark::State& state) {
  const Fixture& fixture = full_tree();
  const std::vector<std::string> paths = some_paths();
  std::size_t i = 0;
  for ([[maybe_unused]] auto round : state) {
    benchmark::DoNotOptimize(fixture.tree.find(paths[i++ % paths.size()]));
  }
}
BENCHMARK(find_anywhere);

void find_warm(benchmark::State& state) {
  const Fixture& fixture = full_tree();
  const std::vector<std::string> paths = some_paths();
  std::size_t i = 0;
  for ([[maybe_unused]] auto round : state) {
    benchmark::DoNotOptimize(fixture.tree.find(paths[i++ % 1000]));
  }
}
BENCHMARK(find_warm);

void watches(benchmark::State& state) {
  for ([[maybe_unused]] auto round : state) {
    // One watcher first, so that the paths are paid for; what the others add is a watch each.
    WatchTable table;
    constexpr WatcherId kWatchers = 50;
    constexpr int kPaths = 20'000;
    for (int i = 0; i < kPaths; ++i) table.add(0, path_of_node(i), WatchKind::kData);
    const std::size_t before = mallinfo2().uordblks;
    for (WatcherId watcher = 1; watcher <= kWatchers; ++watcher) {
      for (int i = 0; i < kPaths; ++i) table.add(watcher, path_of_node(i), WatchKind::kData);
    }
    state.counters["bytes/watch"] =
        static_cast<double>(mallinfo2().uordblks - before) / (kWatchers * kPaths);
  }
}
BENCHMARK(watches)->Unit(benchmark::kMillisecond)->Iterations(1);

void trigger_unwatched(benchmark::State& state) {
  WatchTable table;
  for (int i = 0; i < 100'000; ++i) table.add(1, path_of_node(i), WatchKind::kData);
  const TreeChange change{.kind = TreeChange::Kind::kDataChanged,
                          .zxid = {},
                          .path = "/bench/tenants/tenant-1/nobody",
                          .node_acl = nullptr,
                          .parent_acl = nullptr};
  const WatchTable::Fire fire = [](WatcherId, EventType, std::string_view, const AclRef&) {};
  for ([[maybe_unused]] auto round : state) table.trigger(change, fire);
}
BENCHMARK(trigger_unwatched);

}  // namespace
}  // namespace paddock::server

BENCHMARK_MAIN();
