#include "common/env.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "common/checksum.h"

namespace paddock {
namespace {

class PosixEnvTest : public testing::Test {
 protected:
  PosixEnvTest() {
    std::string pattern = testing::TempDir() + "env_test.XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~PosixEnvTest() override { std::filesystem::remove_all(folder_); }

  Env& env_ = posix_env();
  std::string folder_;
};

TEST_F(PosixEnvTest, WritesReadsTruncatesAndSyncsAFile) {
  auto file = env_.open(folder_ + "/f", OpenMode::kCreate).value();
  ASSERT_TRUE(file->write_at(3, as_bytes("abc")));
  ASSERT_TRUE(file->sync());
  EXPECT_EQ(file->size().value(), 6u);
  Bytes read(10);
  EXPECT_EQ(file->read_at(2, read).value(), 4u);
  EXPECT_EQ(as_chars(ByteView(read).first(4)), std::string_view("\0abc", 4));
  ASSERT_TRUE(file->truncate(4));
  EXPECT_EQ(env_.file_size(folder_ + "/f").value(), 4u);
}

TEST_F(PosixEnvTest, OpensAsItsModeSays) {
  const std::string path = folder_ + "/f";
  EXPECT_EQ(env_.open(path, OpenMode::kRead).error().code, Code::kNotFound);
  EXPECT_EQ(env_.open(path, OpenMode::kReadWrite).error().code, Code::kNotFound);
  ASSERT_TRUE(env_.open(path, OpenMode::kCreateOrOpen).value()->write_at(0, as_bytes("x")));
  EXPECT_EQ(env_.open(path, OpenMode::kCreateOrOpen).value()->size().value(), 1u);
  EXPECT_EQ(env_.open(path, OpenMode::kCreate).value()->size().value(), 0u);
}

TEST_F(PosixEnvTest, MakesListsRenamesAndRemoves) {
  ASSERT_TRUE(env_.make_folders(folder_ + "/a/b/c"));
  ASSERT_TRUE(env_.make_folders(folder_ + "/a/b/c")) << "it may be there already";
  ASSERT_TRUE(replace_file(env_, folder_ + "/a/z", as_bytes("1")));
  ASSERT_TRUE(replace_file(env_, folder_ + "/a/z", as_bytes("22")));
  EXPECT_EQ(as_chars(read_file(env_, folder_ + "/a/z", 2).value()), "22");
  EXPECT_EQ(read_file(env_, folder_ + "/a/z", 1).error().code, Code::kTooLarge);
  ASSERT_TRUE(env_.rename(folder_ + "/a/z", folder_ + "/a/y"));
  EXPECT_EQ(env_.list(folder_ + "/a").value(), (std::vector<std::string>{"b", "y"}));
  ASSERT_TRUE(env_.sync_folder(folder_ + "/a"));
  ASSERT_TRUE(env_.remove(folder_ + "/a/y"));
  EXPECT_FALSE(env_.exists(folder_ + "/a/y"));
  EXPECT_EQ(env_.remove(folder_ + "/a/y").error().code, Code::kNotFound);
  EXPECT_EQ(env_.list(folder_ + "/no").error().code, Code::kNotFound);
}

TEST_F(PosixEnvTest, ALockIsHeldUntilItsObjectIsGone) {
  auto first = env_.lock(folder_ + "/lock");
  ASSERT_TRUE(first);
  EXPECT_EQ(env_.lock(folder_ + "/lock").error().code, Code::kRefused);
  first->reset();
  EXPECT_TRUE(env_.lock(folder_ + "/lock"));
}

TEST(Checksum, GivesThePublishedValues) {
  EXPECT_EQ(adler32(as_bytes("Wikipedia")), 0x11e60398u);
  EXPECT_EQ(crc32(as_bytes("123456789")), 0xcbf43926u);
  EXPECT_EQ(adler32(as_bytes("pedia"), adler32(as_bytes("Wiki"))), 0x11e60398u);
  EXPECT_EQ(crc32(as_bytes("56789"), crc32(as_bytes("1234"))), 0xcbf43926u);
}

}  // namespace
}  // namespace paddock
