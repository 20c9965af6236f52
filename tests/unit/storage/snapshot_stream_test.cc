#include "server/storage/snapshot_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <thread>

#include "common/concat.h"
#include "tests/support/peer_vectors.h"
#include "tests/support/sim_disk.h"
#include "tests/support/storage_fixture.h"

namespace paddock::server {
namespace {

constexpr std::uint32_t kFieldMax = 1 << 20;

class SnapshotStream : public testing::Test {
 protected:
  std::unique_ptr<Checkpoint> open() { return Checkpoint::open(disk_, "/state", options_).value(); }
  // Nodes of three ACLs, a long one, null data, sessions and an ephemeral.
  static std::unique_ptr<DataTree> tree() {
    auto tree = std::make_unique<DataTree>(TreeOptions{});
    const Bytes read_only = encode_acl({{kPermRead, {"world", "anyone"}}});
    const Bytes two = encode_acl({{kPermAll, {"digest", "a:b"}}, {kPermRead, {"ip", "10.0.0.1"}}});
    const std::string large(300'000, 'x');
    for (int i = 0; i < 200; ++i) {
      const StatPersisted stat{.czxid = Zxid{i + 1}, .mzxid = Zxid{i + 1}, .version = i};
      const AclBytes acls[] = {open_acl(), AclBytes{read_only}, AclBytes{two}};
      const std::string data = i == 77 ? large : concat("data ", i);
      EXPECT_TRUE(tree->load_node(concat("/n", i), stat, acls[i % 3],
                                  i == 5 ? std::nullopt : std::optional(as_bytes(data))));
    }
    for (int i = 1; i <= 3; ++i) tree->load_session(SessionId{i}, 1000 * i);
    EXPECT_TRUE(tree->load_node("/n1/ephemeral", StatPersisted{.ephemeral_owner = 2}, open_acl(),
                                ByteView{}));
    tree->finish_load(Zxid{0x500000007});
    tree->mark_all_dirty();
    return tree;
  }
  static Bytes stream_of(SnapshotEncoder& encoder, std::size_t at_once) {
    Bytes stream;
    for (bool more = true; more;) more = encoder.next(stream, at_once).value();
    return stream;
  }
  static std::string decoded(const Bytes& stream, std::size_t piece_max, std::uint32_t seed) {
    std::mt19937 random(seed);
    SnapshotDecoder decoder(TreeOptions{}, kFieldMax);
    for (std::size_t at = 0; at < stream.size();) {
      const std::size_t n = std::min<std::size_t>(1 + random() % piece_max, stream.size() - at);
      const auto taken = decoder.take(ByteView(stream).subspan(at, n));
      if (!taken) return taken.error().message;
      at += n;
      EXPECT_EQ(*taken, n);
      EXPECT_EQ(decoder.done(), at == stream.size());
    }
    return test::dump(*decoder.finish(Zxid{0x500000007}));
  }

  test::SimDisk disk_{1};
  CheckpointOptions options_ = test::small_storage().checkpoint;
};

TEST_F(SnapshotStream, ComesBackAsTheTreeThatWasCheckpointedHoweverItIsCut) {
  const auto given = tree();
  const auto checkpoint = open();
  ASSERT_TRUE(checkpoint->write(given->take_dirty()));
  SnapshotEncoder encoder(checkpoint->open_view().value());
  EXPECT_EQ(encoder.zxid(), Zxid{0x500000007});
  const Bytes stream = stream_of(encoder, 1000);
  for (const std::size_t at_once : {std::size_t{1}, std::size_t{1} << 30}) {
    SnapshotEncoder again(checkpoint->open_view().value());
    EXPECT_EQ(stream_of(again, at_once).size(), stream.size());
  }
  const std::string expected = test::dump(*given);
  EXPECT_EQ(decoded(stream, 1, 1), expected);
  EXPECT_EQ(decoded(stream, stream.size(), 1), expected);
  for (std::uint32_t seed = 1; seed <= 40; ++seed) {
    EXPECT_EQ(decoded(stream, std::size_t{2} << (seed % 18), seed), expected) << seed;
  }
}

TEST_F(SnapshotStream, LeavesWhatFollowsIt) {
  const auto given = tree();
  const auto checkpoint = open();
  ASSERT_TRUE(checkpoint->write(given->take_dirty()));
  SnapshotEncoder encoder(checkpoint->open_view().value());
  Bytes stream = stream_of(encoder, 1000);
  const std::size_t size = stream.size();
  append(stream, as_bytes("a packet"));
  SnapshotDecoder whole(TreeOptions{}, kFieldMax);
  EXPECT_EQ(whole.take(stream).value(), size);
  EXPECT_TRUE(whole.done());
  for (const std::size_t first : {size - 20, size - 14, size - 3}) {
    SnapshotDecoder decoder(TreeOptions{}, kFieldMax);
    EXPECT_EQ(decoder.take(ByteView(stream).first(first)).value(), first);
    EXPECT_FALSE(decoder.done());
    EXPECT_EQ(decoder.take(ByteView(stream).subspan(first)).value(), size - first);
    EXPECT_TRUE(decoder.done());
  }
}

TEST_F(SnapshotStream, ReadsWhatZooKeeperSent) {
  int streams = 0;
  for (const test::PeerStream& peer : test::all_peer_streams()) {
    for (const test::PeerFrame& frame : peer.frames) {
      if (frame.what != "snapshot") continue;
      ++streams;
      SnapshotDecoder decoder(TreeOptions{}, kFieldMax);
      for (const std::uint8_t byte : frame.bytes) {
        const auto taken = decoder.take(ByteView(&byte, 1));
        ASSERT_TRUE(taken) << peer.name << ": " << taken.error().message;
      }
      ASSERT_TRUE(decoder.done()) << peer.name;
      const auto tree = decoder.finish(Zxid{0x100000000});
      EXPECT_NE(tree->find("/zookeeper/config"), nullptr);
      EXPECT_GE(tree->node_count(), 5u);

      // And gives it back: another checkpoint of it is the same tree.
      tree->mark_all_dirty();
      test::SimDisk disk(1);
      const auto checkpoint = Checkpoint::open(disk, "/state", options_).value();
      ASSERT_TRUE(checkpoint->write(tree->take_dirty()));
      SnapshotEncoder encoder(checkpoint->open_view().value());
      const Bytes again = stream_of(encoder, 4096);
      // ZooKeeper has a number of its own for world:anyone:31 where a client asked for it.
      EXPECT_LE(frame.bytes.size() - again.size(), 35u) << peer.name;
      SnapshotDecoder reader(TreeOptions{}, kFieldMax);
      ASSERT_EQ(reader.take(again).value(), again.size());
      EXPECT_EQ(test::dump(*reader.finish(Zxid{0x100000000})), test::dump(*tree));
    }
  }
  EXPECT_GE(streams, 2);
}

TEST_F(SnapshotStream, IsNotWholeBeforeItsLastByteAndNoFlippedByteStopsTheProcess) {
  const auto given = tree();
  const auto checkpoint = open();
  ASSERT_TRUE(checkpoint->write(given->take_dirty()));
  SnapshotEncoder encoder(checkpoint->open_view().value());
  const Bytes stream = stream_of(encoder, 1000);
  SnapshotDecoder whole(TreeOptions{}, kFieldMax);
  ASSERT_TRUE(whole.take(ByteView(stream).first(stream.size() - 1)));
  EXPECT_FALSE(whole.done());
  std::mt19937 random(3);
  int errors = 0;
  for (int i = 0; i < 300; ++i) {
    Bytes damaged = stream;
    const std::size_t at = i < 60 ? static_cast<std::size_t>(i) : random() % damaged.size();
    damaged[at] ^= static_cast<std::uint8_t>(1u << random() % 8);
    SnapshotDecoder decoder(TreeOptions{}, kFieldMax);
    const auto taken = decoder.take(damaged);
    errors += !taken || !decoder.done() ? 1 : 0;
  }
  EXPECT_GT(errors, 5);
}

TEST_F(SnapshotStream, AFieldOrAnAclAboveTheLimitIsTooLargeBeforeItHasCome) {
  Bytes stream;
  JuteWriter writer(stream);
  writer.write_int(0);
  writer.write_int(0);
  writer.write_string("");
  writer.write_int(1001);  // of data
  SnapshotDecoder node(TreeOptions{}, 1000);
  EXPECT_EQ(node.take(stream).error().code, Code::kTooLarge);

  stream.clear();
  writer.write_int(0);
  writer.write_int(1);
  writer.write_long(1);
  writer.write_int(INT32_MAX);  // entries
  for (int i = 0; i < 100; ++i) {
    writer.write_int(31);
    writer.write_string("world");
    writer.write_string("anyone");
  }
  SnapshotDecoder acl(TreeOptions{}, 1000);
  EXPECT_EQ(acl.take(stream).error().code, Code::kTooLarge);

  for (const std::int32_t count : {-1, INT32_MIN}) {
    stream.clear();
    writer.write_int(count);
    SnapshotDecoder sessions(TreeOptions{}, 1000);
    EXPECT_EQ(sessions.take(stream).error().code, Code::kMalformed);
  }
}

TEST_F(SnapshotStream, ANodeWhoseAclIsMissingLetsNobodyDoAnything) {
  Bytes stream;
  JuteWriter writer(stream);
  writer.write_int(0);
  writer.write_int(0);
  write_snapshot_node(writer, "", ByteView{}, kOpenAclKey, {});
  write_snapshot_node(writer, "/a", ByteView{}, 17, {});
  writer.write_string("/");
  writer.write_string("BenWasHere");
  SnapshotDecoder decoder(TreeOptions{}, kFieldMax);
  ASSERT_TRUE(decoder.take(stream));
  ASSERT_TRUE(decoder.done());
  const auto tree = decoder.finish(Zxid{9});
  EXPECT_EQ(tree->acl_of(*tree->find("/a"))->anyone, 0);
  EXPECT_EQ(tree->last_zxid(), Zxid{9});
}

TEST_F(SnapshotStream, IsOfOneMomentWhileNewerCheckpointsAreWritten) {
  const auto given = tree();
  const auto checkpoint = open();
  EXPECT_EQ(checkpoint->open_view().error().code, Code::kNotFound);
  ASSERT_TRUE(checkpoint->write(given->take_dirty()));
  const std::string expected = test::dump(*given);
  SnapshotEncoder encoder(checkpoint->open_view().value());
  Bytes stream;
  Zxid zxid{0x500000007};
  for (bool more = true; more;) {
    more = encoder.next(stream, 3000).value();
    Applied applied;
    zxid = zxid.next();
    const zab::Txn txn = test::create_txn(zxid, concat("/later", zxid.value), "x");
    given->apply(decode_txn(*txn.payload).value(), false, applied);
    ASSERT_TRUE(checkpoint->write(given->take_dirty()));
  }
  EXPECT_EQ(decoded(stream, 4096, 1), expected);
}

// Large updates are moved into place entry by entry; a view of that time is of before.
TEST_F(SnapshotStream, AViewIsNeverOfAnUpdateThatIsHalfInPlace) {
  options_.in_step = false;
  const auto checkpoint = open();
  constexpr int kNodes = 100, kWrites = 60;
  const auto update = [&](std::int64_t zxid) {
    Dirty dirty;
    dirty.zxid = Zxid{zxid};
    const std::string data = concat(zxid, std::string(100, ' '));
    for (int i = 0; i < kNodes; ++i) {
      dirty.nodes[concat("/n", i)] = DirtyNode{.data = Value(as_bytes(data))};
    }
    dirty.bytes = options_.batch_bytes_max + 1;
    return dirty;
  };
  ASSERT_TRUE(checkpoint->write(update(1)));
  std::thread writer([&] {
    for (std::int64_t zxid = 2; zxid <= kWrites; ++zxid) {
      ASSERT_TRUE(checkpoint->write(update(zxid)));
    }
  });
  Zxid seen;
  while (seen < Zxid{kWrites}) {
    const auto view = checkpoint->open_view().value();
    EXPECT_GE(view->zxid(), seen);
    seen = view->zxid();
    int nodes = 0;
    const auto more = view->read_nodes(1000, [&](std::string_view, const StoredNode& node) {
      EXPECT_TRUE(as_chars(*node.data).starts_with(concat(seen.value, " "))) << seen.value;
      ++nodes;
      return Result<void>();
    });
    ASSERT_TRUE(more) << more.error().message;
    EXPECT_EQ(nodes, kNodes);
  }
  writer.join();
}

TEST_F(SnapshotStream, EndsWithAnErrorOnceItsCheckpointGoes) {
  const auto given = tree();
  auto checkpoint = open();
  ASSERT_TRUE(checkpoint->write(given->take_dirty()));
  SnapshotEncoder encoder(checkpoint->open_view().value());
  const auto unused = checkpoint->open_view().value();
  Bytes stream;
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(encoder.next(stream, 100).value());
  checkpoint.reset();
  EXPECT_EQ(encoder.next(stream, 100).error().code, Code::kRefused);
}

}  // namespace
}  // namespace paddock::server
