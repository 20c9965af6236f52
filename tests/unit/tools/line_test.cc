#include "tools/line.h"

#include <gtest/gtest.h>

#include "tools/command.h"
#include "tools/txn_line.h"

namespace paddock::tools {
namespace {

TEST(Line, IsTheSameFieldsInTextAndInJson) {
  Line part;
  part.word("type", "delete").text("path", "/a b");
  Line line;
  line.word_hex("zxid", 0x100000002)
      .word_time("time", 1795332905123)
      .number("cxid", -1)
      .flag("ephemeral")
      .list("acl", {"world:anyone:r", "two words"})
      .lines("ops", {part})
      .hex("digest", 0xffffffffffffffff);
  EXPECT_EQ(line.as_text(),
            "0x100000002 2026-11-22T07:35:05.123Z cxid=-1 ephemeral acl=[world:anyone:r \"two "
            "words\"] ops=[delete path=\"/a b\"] digest=0xffffffffffffffff");
  EXPECT_EQ(line.as_json(),
            R"({"zxid":"0x100000002","time":"2026-11-22T07:35:05.123Z","cxid":-1,)"
            R"("ephemeral":true,"acl":["world:anyone:r","two words"],)"
            R"("ops":[{"type":"delete","path":"/a b"}],"digest":"0xffffffffffffffff"})");
}

TEST(Line, QuotesWhatATerminalMightObey) {
  EXPECT_EQ(quoted("/plain/\xc3\xa4"), "/plain/\xc3\xa4");
  EXPECT_EQ(quoted(""), "\"\"");
  EXPECT_EQ(quoted("\x1b[2J"), "\"\\x1b[2J\"");
  EXPECT_EQ(quoted("\xc2\x9b"), "\"\\xc2\\x9b\"");
  EXPECT_EQ(quoted("a\"b\\"), "\"a\\\"b\\\\\"");
  EXPECT_EQ(quoted("\xff\xc3"), "\"\\xff\\xc3\"");
  EXPECT_EQ(quoted("\xed\xa0\x80"), "\"\\xed\\xa0\\x80\"");
}

TEST(Line, WritesJsonThatIsUtf8WhateverTheBytesWere) {
  Line line;
  line.text("path", "/\xff\n\"");
  EXPECT_EQ(line.as_json(), "{\"path\":\"/\xef\xbf\xbd\\n\\\"\"}");
}

TEST(Line, GivesTheBareNumberForATimeOutsideTheCalendar) {
  EXPECT_EQ(utc(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(utc(-1), "-1");
  EXPECT_EQ(utc(INT64_MAX), "9223372036854775807");
}

TEST(TxnLine, TellsNeitherDataNorTheHashOfAPassword) {
  const Bytes acl = encode_acl({{kPermAll, {"digest", "bob:c2VjcmV0aGFzaA=="}}});
  Txn txn;
  txn.header.type = OpCode::kCreate;
  txn.body =
      CreateTxn{.path = "/a", .data = as_bytes("confidential"), .acl = {acl}, .ephemeral = true};
  const std::string text = line_of(txn).as_text();
  EXPECT_NE(text.find("path=/a bytes=12 acl=[digest:bob:x:cdrwa] ephemeral"), std::string::npos)
      << text;
  EXPECT_EQ(text.find("confidential"), std::string::npos);
  EXPECT_EQ(text.find("c2Vj"), std::string::npos);
}

TEST(ParseZxid, TakesHexadecimalWithAndWithoutItsPrefix) {
  EXPECT_EQ(parse_zxid("0x100000002").value(), 0x100000002);
  EXPECT_EQ(parse_zxid("1f").value(), 0x1f);
  EXPECT_EQ(parse_zxid("ffffffffffffffff").value(), -1);
  for (const char* wrong : {"", "0x", "g", "1 ", "-1", "10000000000000000"}) {
    EXPECT_FALSE(parse_zxid(wrong).ok()) << wrong;
  }
}

}  // namespace
}  // namespace paddock::tools
