#include "server/storage/config_files.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/sim_disk.h"

namespace paddock::server {
namespace {

constexpr const char* kConfig = "/conf/zoo.cfg";
constexpr ServerId kSelf{1};

zab::Ensemble ensemble(std::int64_t version, const std::string& lines) {
  zab::Ensemble made = zab::parse_ensemble(lines).value();
  made.version = version;
  return made;
}

const zab::Ensemble kBefore = ensemble(0, "server.1=a:1:2\nserver.2=b:1:2");
const zab::Ensemble kAfter = ensemble(0x100000005, "server.1=a:1:2;3\nserver.3=c:1:2;3");

std::string text_of(test::SimDisk& disk, const std::string& path) {
  return std::string(as_chars(disk.content(path)));
}

class ConfigFilesTest : public testing::Test {
 protected:
  ConfigFilesTest() {
    disk_.put(kConfig, as_bytes("# ours\ndataDir=/d\nserver.1=a:1:2\nserver.2=b:1:2\n"));
  }

  test::SimDisk disk_{1};
  ConfigFiles files_{disk_, kConfig, kSelf, 0};
};

TEST(PointToDynamicConfig, PutsTheFileInThePlaceOfTheServers) {
  const std::string text =
      "# server.9 is a comment\n"
      "tickTime=2000\n"
      "server.1=\\\n  a:1:2\n"
      "group.1=1:2\nweight.1=3\n"
      "clientPort=2181\nclientPortAddress=a\nclientPortListenBacklog=5\n"
      "peerType=observer\n dynamicConfigFile : /old\n"
      "autopurge.purgeInterval=1";
  EXPECT_EQ(point_to_dynamic_config(text, "/conf/zoo.cfg.dynamic.5", true),
            "# server.9 is a comment\n"
            "tickTime=2000\n"
            "clientPortListenBacklog=5\n"
            "autopurge.purgeInterval=1\n"
            "dynamicConfigFile=/conf/zoo.cfg.dynamic.5\n");
  EXPECT_NE(point_to_dynamic_config(text, "/x", false).find("clientPort=2181\n"),
            std::string::npos);
  EXPECT_EQ(point_to_dynamic_config("", "/x", false), "dynamicConfigFile=/x\n");
}

TEST_F(ConfigFilesTest, KeepWhatIsProposedUntilItIsCommitted) {
  ASSERT_TRUE(files_.write(kBefore, &kAfter));
  EXPECT_EQ(text_of(disk_, next_config_path(kConfig)), zab::to_text(kAfter));
  EXPECT_EQ(text_of(disk_, kConfig),
            "# ours\ndataDir=/d\nserver.1=a:1:2\nserver.2=b:1:2\n");  // as it was
  ASSERT_TRUE(files_.write(kAfter, nullptr));
  EXPECT_FALSE(disk_.exists(next_config_path(kConfig)));
  EXPECT_EQ(text_of(disk_, dynamic_config_path(kConfig, kAfter.version)),
            "server.1=a:1:2:participant;0.0.0.0:3\nserver.3=c:1:2:participant;0.0.0.0:3\n");
  const std::string config = text_of(disk_, kConfig);
  EXPECT_TRUE(config.starts_with("# ours\ndataDir=/d\ndynamicConfigFile="));
  EXPECT_TRUE(config.ends_with("zoo.cfg.dynamic.100000005\n"));
}

TEST_F(ConfigFilesTest, ForgetWhatWillNotBeCommitted) {
  ASSERT_TRUE(files_.write(kBefore, &kAfter));
  ASSERT_TRUE(files_.write(kBefore, nullptr));
  EXPECT_FALSE(disk_.exists(next_config_path(kConfig)));
  EXPECT_FALSE(disk_.exists(dynamic_config_path(kConfig, kAfter.version)));
}

TEST_F(ConfigFilesTest, KeepACopyOfTheFileThatSomebodyWrote) {
  const std::string before = text_of(disk_, kConfig);
  ASSERT_TRUE(back_up_config(disk_, kConfig));
  ASSERT_TRUE(files_.write(kAfter, nullptr));
  EXPECT_EQ(text_of(disk_, "/conf/zoo.cfg.bak"), before);
}

// Either the configuration of before with the one that is proposed, or the next one.
TEST(ConfigFiles, HaveOneOrTheOtherAfterAPowerFailure) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    test::SimDisk disk(seed);
    const std::string before = "server.1=a:1:2\nserver.2=b:1:2\n";
    disk.put(kConfig, as_bytes(before));
    ConfigFiles files(disk, kConfig, kSelf, 0);
    ASSERT_TRUE(files.write(kBefore, &kAfter));
    disk.lose_power_at(1 + seed % 16);
    const bool written = files.write(kAfter, nullptr).ok();
    disk.lose_power();
    disk.restart();
    const std::string config = text_of(disk, kConfig);
    if (config == before) {
      ASSERT_FALSE(written) << seed;
      ASSERT_EQ(text_of(disk, next_config_path(kConfig)), zab::to_text(kAfter)) << seed;
      continue;
    }
    ASSERT_TRUE(config.ends_with("zoo.cfg.dynamic.100000005\n")) << config;
    const std::string servers = text_of(disk, dynamic_config_path(kConfig, kAfter.version));
    ASSERT_TRUE(zab::parse_ensemble(servers)->same_members(kAfter)) << seed;
  }
}

}  // namespace
}  // namespace paddock::server
