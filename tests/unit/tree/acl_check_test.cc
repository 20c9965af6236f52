#include "server/tree/acl_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/tree/acl_table.h"

namespace paddock::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Id kAnyone{"world", "anyone"};
// Made by ZooKeeper's DigestAuthenticationProvider.generateDigest.
const Id kSuperUser{"digest", "super:gG7s8t3oDEtIqF6DM9LlI/R+9Ss="};
const Id kBob{"digest", "bob:bobhash"};
const Id kHost{"ip", "10.1.2.3"};

AclRef acl(const std::vector<Acl>& entries) {
  const Bytes bytes = encode_acl(entries);
  return make_acl_entry(1, AclBytes{bytes});
}

TEST(May, GrantsWhatAnyEntryGrants) {
  struct Case {
    std::vector<Acl> acl;
    std::int32_t needed;
    Credentials credentials;
    bool granted;
  };
  const Case cases[] = {
      {{}, kPermWrite, {}, true},  // no ACL
      {{{kPermRead, kAnyone}}, kPermRead, {}, true},
      {{{kPermRead, kAnyone}}, kPermWrite, {kBob}, false},
      {{{kPermRead, kAnyone}}, kPermRead | kPermAdmin, {}, true},  // any common bit
      {{{kPermAll, kBob}}, kPermWrite, {kBob}, true},
      {{{kPermAll, kBob}}, kPermWrite, {kHost}, false},
      {{{kPermAll, kBob}}, kPermWrite, {{"sasl", kBob.id}}, false},
      {{{kPermRead, kBob}}, kPermWrite, {kBob}, false},
      {{{kPermRead, kAnyone}, {kPermWrite, kBob}}, kPermWrite, {kHost, kBob}, true},
      {{{0, kAnyone}}, kPermRead, {{"super", ""}}, true},
      {{{kPermAll, {"ip", "10.1.0.0/16"}}}, kPermRead, {kHost}, true},
      {{{kPermAll, {"ip", "10.2.0.0/16"}}}, kPermRead, {kHost}, false},
      {{{kPermAll, {"world", "other"}}}, kPermRead, {{"world", "other"}}, false},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(may({}, *acl(each.acl), each.needed, each.credentials), each.granted)
        << "case " << &each - cases;
  }
}

TEST(May, FollowsTheOptions) {
  const AclRef bobs = acl({{kPermAll, kBob}});
  EXPECT_TRUE(may({.skip_acl = true}, *bobs, kPermRead, {}));
  EXPECT_FALSE(may({.digest_enabled = false}, *bobs, kPermRead, {kBob}));
  const AclRef sasl = acl({{kPermAll, {"sasl", "bob"}}});
  EXPECT_FALSE(may({}, *sasl, kPermRead, {{"sasl", "bob"}}));
  EXPECT_TRUE(may({.sasl_enabled = true}, *sasl, kPermRead, {{"sasl", "bob"}}));
}

TEST(FixAcl, AcceptsAndRefusesAsZooKeeperDoes) {
  struct Case {
    Id id;
    bool accepted;
  };
  const Case cases[] = {
      {kAnyone, true},
      {{"world", "someone"}, false},
      {{"world", ""}, false},
      {{"", ""}, false},
      {{"digest", "a:b"}, true},
      {{"digest", ":b"}, true},
      {{"digest", "a:b:"}, true},
      {{"digest", "a"}, false},
      {{"digest", "a:"}, false},
      {{"digest", ":"}, false},
      {{"digest", ""}, false},
      {{"digest", "a:b:c"}, false},
      {{"ip", "10.0.0.1"}, true},
      {{"ip", "10.0.0"}, false},
      {{"sasl", "bob"}, false},
      {{"super", ""}, false},
      {{"x509", "CN=a"}, false},
      {{"ensemble", "a"}, false},
      {{"nonsense", "a"}, false},
  };
  for (const Case& each : cases) {
    const Bytes bytes = encode_acl({{kPermAll, each.id}});
    const FixedAcl fixed = fix_acl({}, AclBytes{bytes}, {});
    EXPECT_EQ(fixed.error, each.accepted ? ErrorCode::kOk : ErrorCode::kInvalidAcl)
        << each.id.scheme << ":" << each.id.id;
    if (each.accepted) {
      EXPECT_EQ(fixed.encoded, bytes);
    }
  }
  const Bytes sasl = encode_acl({{kPermAll, {"sasl", ""}}});
  EXPECT_EQ(fix_acl({.sasl_enabled = true}, AclBytes{sasl}, {}).error, ErrorCode::kOk);
}

TEST(FixAcl, RefusesNoList) {
  const Bytes null = {0xff, 0xff, 0xff, 0xff}, empty = {0, 0, 0, 0};
  EXPECT_EQ(fix_acl({}, AclBytes{null}, {}).error, ErrorCode::kInvalidAcl);
  EXPECT_EQ(fix_acl({}, AclBytes{empty}, {}).error, ErrorCode::kInvalidAcl);
}

TEST(FixAcl, DropsDuplicatesAndKeepsTheOrder) {
  const Bytes bytes = encode_acl({{2, kAnyone}, {1, kAnyone}, {2, kAnyone}, {1, kHost}});
  const FixedAcl fixed = fix_acl({}, AclBytes{bytes}, {});
  EXPECT_THAT(decode_acl({fixed.encoded}),
              ElementsAre(Acl{2, kAnyone}, Acl{1, kAnyone}, Acl{1, kHost}));
}

TEST(FixAcl, PutsWhoAsksInPlaceOfAuth) {
  const Bytes bytes = encode_acl({{kPermAll, {"auth", "ignored"}}, {kPermRead, kAnyone}});
  const FixedAcl fixed = fix_acl({}, {bytes}, {kHost, kBob, {"super", ""}, kSuperUser});
  EXPECT_THAT(decode_acl({fixed.encoded}),
              ElementsAre(Acl{kPermAll, kBob}, Acl{kPermAll, kSuperUser}, Acl{kPermRead, kAnyone}));
  EXPECT_EQ(fix_acl({}, {bytes}, {kHost}).error, ErrorCode::kInvalidAcl);
}

TEST(Authenticate, MakesADigestId) {
  const AuthResult result = authenticate({}, "digest", as_bytes("super:secret"), "10.0.0.1");
  EXPECT_EQ(result.error, ErrorCode::kOk);
  EXPECT_EQ(result.added, Credentials{Id({"digest", digest_id("super:secret", "SHA1")})});
}

TEST(Authenticate, KnowsTheSuperUser) {
  const AuthOptions options{.super_digest = digest_id("super:secret", "SHA1")};
  EXPECT_EQ(authenticate(options, "digest", as_bytes("super:secret"), "").added.at(0),
            (Id{"super", ""}));
  EXPECT_EQ(authenticate(options, "digest", as_bytes("super:secret"), "").added.size(), 2u);
  EXPECT_EQ(authenticate(options, "digest", as_bytes("super:other"), "").added.size(), 1u);
}

TEST(Authenticate, RefusesWhatHasNoProvider) {
  for (const std::string_view scheme : {"world", "auth", "super", "", "sasl", "x509", "what"}) {
    EXPECT_EQ(authenticate({}, scheme, as_bytes("a:b"), "").error, ErrorCode::kAuthFailed)
        << scheme;
  }
  EXPECT_EQ(authenticate({}, "digest", std::nullopt, "").error, ErrorCode::kAuthFailed);
  EXPECT_EQ(authenticate({.digest_enabled = false}, "digest", as_bytes("a:b"), "").error,
            ErrorCode::kAuthFailed);
  EXPECT_EQ(authenticate({.digest_algorithm = "none"}, "digest", as_bytes("a:b"), "").error,
            ErrorCode::kAuthFailed);
}

TEST(Authenticate, AcceptsDigestDataWithoutColonAndNone) {
  EXPECT_EQ(authenticate({}, "digest", as_bytes("bob"), "").error, ErrorCode::kOk);
  EXPECT_EQ(authenticate({}, "digest", ByteView{}, "").error, ErrorCode::kOk);
}

TEST(Authenticate, AddsTheAddressForIp) {
  EXPECT_THAT(authenticate({}, "ip", std::nullopt, "10.1.2.3").added, ElementsAre(kHost));
}

TEST(Authenticate, ClosesOnTheWrongEnsemble) {
  const AuthOptions options{.ensemble_names = {"prod", "stage"}};
  EXPECT_EQ(authenticate(options, "ensemble", as_bytes("stage"), "").error, ErrorCode::kOk);
  EXPECT_EQ(authenticate(options, "ensemble", ByteView{}, "").error, ErrorCode::kOk);
  EXPECT_EQ(authenticate({}, "ensemble", as_bytes("x"), "").error, ErrorCode::kOk);
  const AuthResult wrong = authenticate(options, "ensemble", as_bytes("x"), "");
  EXPECT_EQ(wrong.error, ErrorCode::kAuthFailed);
  EXPECT_TRUE(wrong.close_silently);
}

TEST(DigestId, IsThatOfZooKeeper) {
  // The example of ZooKeeper's administrator's guide.
  EXPECT_EQ(digest_id("super:test", "SHA1"), "super:D/InIHSb7yEEbrWz8b9l71RjZJU=");
  EXPECT_EQ(digest_id("a:b:c", "SHA1").substr(0, 2), "a:");
  EXPECT_EQ(digest_id("a:b", "SHA-256").size(), 2 + 44u);
  EXPECT_EQ(digest_id("a:b", "SHA3-256").size(), 2 + 44u);
  EXPECT_EQ(digest_id("a:b", "no such thing"), "");
}

TEST(IpIds, AreWellFormedOrNot) {
  for (const std::string_view id : {"10.0.0.1", "0.0.0.0/0", "255.255.255.255/32", "10.0.0.1/8",
                                    "::", "::1", "1::", "fe80::1/64", "1:2:3:4:5:6:7:8",
                                    "1:2:3:4:5:6:7:8/128", "1:2:3::6:7:8", "::/0", "ABCD::ef01"}) {
    EXPECT_TRUE(is_valid_ip_id(id)) << id;
  }
  for (const std::string_view id : {"",
                                    "10",
                                    "10.0.0",
                                    "10.0.0.0.0",
                                    "10.0.0.256",
                                    "10.0.0.-1",
                                    "10..0.1",
                                    "10.0.0.1/33",
                                    "10.0.0.1/-1",
                                    "10.0.0.1/",
                                    "10.0.0.1/a",
                                    "10.0.0.1/8/8",
                                    "/8",
                                    "a.b.c.d",
                                    ":",
                                    ":::",
                                    "1:2:3:4:5:6:7",
                                    "1:2:3:4:5:6:7:8:9",
                                    "12345::",
                                    "::1::",
                                    "1:2:3:4:5:6:7::8",
                                    "::1/129",
                                    "g::",
                                    "::ffff:1.2.3.4",
                                    "1:",
                                    ":1"}) {
    EXPECT_FALSE(is_valid_ip_id(id)) << id;
  }
}

TEST(IpIds, CoverTheAddressesOfTheirNetwork) {
  struct Case {
    std::string_view id, address;
    bool covered;
  };
  const Case cases[] = {
      {"10.0.0.1", "10.0.0.1", true},       {"10.0.0.1", "10.0.0.2", false},
      {"10.0.0.0/8", "10.255.1.2", true},   {"10.0.0.0/8", "11.0.0.0", false},
      {"10.0.0.99/31", "10.0.0.98", true},  {"10.0.0.99/31", "10.0.0.97", false},
      {"10.128.0.0/9", "10.129.0.1", true}, {"10.128.0.0/9", "10.127.0.1", false},
      {"0.0.0.0/0", "1.2.3.4", true},       {"0.0.0.0/0", "::1", false},
      {"::1", "0:0:0:0:0:0:0:1", true},     {"fe80::/10", "fe80::1%eth0", true},
      {"fe80::/10", "fec0::1", false},      {"2001:db8::/32", "2001:db8:1:2:3:4:5:6", true},
      {"nonsense", "10.0.0.1", false},      {"10.0.0.1", "nonsense", false},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(ip_matches(each.id, each.address), each.covered) << each.id << " " << each.address;
  }
}

TEST(Masked, HidesHashesOfDigestIdsOnly) {
  EXPECT_THAT(masked({{1, {"digest", "bob:hash:more"}}, {2, {"ip", "fe80::1"}}, {4, kAnyone}}),
              ElementsAre(Acl{1, {"digest", "bob:x"}}, Acl{2, {"ip", "fe80::1"}}, Acl{4, kAnyone}));
}

TEST(DisplayName, ShowsNoSecrets) {
  EXPECT_EQ(display_name(kBob), "bob");
  EXPECT_EQ(display_name({"super", "x"}), "");
  EXPECT_EQ(display_name(kHost), "10.1.2.3");
}

}  // namespace
}  // namespace paddock::server
