#include "client/session_core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/client/core_host.h"

namespace paddock::client::test {
namespace {

using Lines = std::vector<std::string>;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kMaybeLoss = "maybe: " + error_code(MaybeApplied::connection_loss).message();

std::string reason(NotSent error) {
  return "not sent: " + error_code(error).message();
}
std::string reason(MaybeApplied error) {
  return "maybe: " + error_code(error).message();
}

// ---- Connecting

TEST(SessionCore, LooksUpConnectsAndShakesHands) {
  CoreHost host;
  EXPECT_THAT(host.step(Start{}), ElementsAre("resolve s:1"));
  EXPECT_THAT(host.step(Resolved{host.core.attempt(), {"10.0.0.1"}, ""}),
              ElementsAre("connect 10.0.0.1 1"));
  EXPECT_THAT(host.step(Connected{host.core.attempt()}), IsEmpty());
  ASSERT_TRUE(host.core.take_output(host.output, SIZE_MAX, Millis{host.now}));
  EXPECT_EQ(host.output.size(), 4u + 45);
  JuteReader reader(ByteView(host.output).subspan(4));
  const auto request = read_connect_request(reader);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->timeout_ms, 9'000);
  EXPECT_EQ(request->session.value, 0);
  EXPECT_EQ(request->password->size(), 16u);
  EXPECT_TRUE(request->has_read_only);
  EXPECT_FALSE(request->read_only);
  EXPECT_THAT(host.answer_handshake(0x77, 8'000), ElementsAre("SyncConnected"));
  EXPECT_EQ(host.core.ticket().id, 0x77);
  EXPECT_EQ(host.core.ticket().password, "0123456789abcdef");
  EXPECT_EQ(host.core.timeout(), Millis{8'000});
  EXPECT_EQ(host.core.server(), "s:1");
}

TEST(SessionCore, TriesEachAddressThenEachServerThenWaits) {
  SessionSettings settings = CoreHost::defaults();
  settings.servers = {{"a", 1}, {"b", 1}};
  CoreHost host(settings);
  host.step(Start{});
  host.step(Resolved{host.core.attempt(), {"10.0.0.1", "10.0.0.2"}, ""});
  EXPECT_THAT(host.step(ConnectFailed{host.core.attempt(), "refused"}),
              ElementsAre(HasSubstr("connect 10.0.0.")));
  EXPECT_THAT(host.step(ConnectFailed{host.core.attempt(), "refused"}),
              ElementsAre(HasSubstr("resolve ")));
  EXPECT_THAT(host.step(Resolved{host.core.attempt(), {}, "no such name"}), IsEmpty());
  EXPECT_GT(host.core.next_deadline().value, host.now);
  EXPECT_LE(host.core.next_deadline().value, host.now + 100);
  EXPECT_THAT(host.core.describe(Millis{host.now}), HasSubstr("no such name"));
  EXPECT_THAT(host.wait(100), ElementsAre(HasSubstr("resolve ")));
}

TEST(SessionCore, WaitsLongerAndLongerButNeverLongerThanASecond) {
  CoreHost host;
  host.step(Start{});
  std::int64_t longest = 0;
  for (int i = 0; i < 20; ++i) {
    host.step(Resolved{host.core.attempt(), {}, "no such name"});
    const std::int64_t wait = host.core.next_deadline().value - host.now;
    longest = std::max(longest, wait);
    EXPECT_LE(wait, 1'000);
    host.wait(wait);
  }
  EXPECT_GE(longest, 500);
}

TEST(SessionCore, GivesUpAServerThatDoesNotAnswerInItsShareOfTheTimeout) {
  SessionSettings settings = CoreHost::defaults();
  settings.servers = {{"a", 1}, {"b", 1}, {"c", 1}};
  CoreHost host(settings);
  host.step(Start{});
  host.step(Resolved{host.core.attempt(), {"10.0.0.1"}, ""});
  EXPECT_THAT(host.wait(2'999), IsEmpty());
  EXPECT_THAT(host.wait(1), ElementsAre("disconnect: nothing came of connecting in 3000 ms",
                                        HasSubstr("resolve ")));
}

TEST(SessionCore, LeavesAServerThatSpeaksSomethingElse) {
  CoreHost host;
  host.reach_server();
  const std::string_view http = "HTTP/1.1 400 Bad Request\r\n";
  EXPECT_THAT(host.step(Received{host.core.attempt(), as_bytes(http)}),
              ElementsAre("disconnect: it answers like no ZooKeeper server"));
  EXPECT_EQ(host.core.state(), State::kDisconnected);
  host.wait(1'000);
  host.reach_server();
  EXPECT_THAT(host.step(Received{host.core.attempt(), Bytes{0, 0, 0, 3, 1, 2, 3}}),
              ElementsAre("disconnect: it answers like no ZooKeeper server"));
}

TEST(SessionCore, IgnoresWhatIsReportedOfAnEarlierAttempt) {
  CoreHost host;
  host.connect();
  const AttemptId old = host.core.attempt();
  host.lose();
  EXPECT_THAT(host.step(Received{old, CoreHost::reply(1)}), IsEmpty());
  EXPECT_THAT(host.step(Disconnected{old, "again"}), IsEmpty());
  EXPECT_THAT(host.step(Connected{old}), IsEmpty());
  EXPECT_THAT(host.step(ConnectFailed{old, ""}), IsEmpty());
  EXPECT_THAT(host.step(Malformed{old, ""}), IsEmpty());
  EXPECT_THAT(host.step(Probed{7, true}), IsEmpty());
}

TEST(SessionCore, TakesOverASessionByItsTicket) {
  SessionSettings settings = CoreHost::defaults();
  settings.session = SessionTicket{0x99, "fedcba9876543210"};
  CoreHost host(settings);
  host.reach_server();
  JuteReader reader(ByteView(host.output).subspan(4));
  const auto request = read_connect_request(reader);
  EXPECT_EQ(request->session.value, 0x99);
  EXPECT_EQ(as_chars(*request->password), "fedcba9876543210");
}

// ---- Requests

TEST(SessionCore, SendsWhatWaitedInOneBufferAndCompletesInOrder) {
  CoreHost host;
  host.read();
  host.write();
  host.read();
  host.connect();
  EXPECT_EQ(host.sent_ops(), "getACL/1 delete/2 getACL/3 ");
  Bytes replies = CoreHost::reply(1, ErrorCode::kOk, "one", 5);
  append(replies, CoreHost::reply(2, ErrorCode::kNoNode, "", 6));
  append(replies, CoreHost::reply(3, ErrorCode::kOk, "three", 6));
  EXPECT_THAT(host.receive(replies),
              ElementsAre("1: ok one", "2: refused: there is no such node", "3: ok three"));
  EXPECT_EQ(host.core.pending(), 0u);
  EXPECT_EQ(host.core.last_zxid(), Zxid{6});
}

TEST(SessionCore, TakesRepliesApartHoweverTheyAreCut) {
  Bytes replies = CoreHost::reply(1, ErrorCode::kOk, "one");
  append(replies, CoreHost::reply(2, ErrorCode::kOk, ""));
  append(replies, CoreHost::reply(3, ErrorCode::kOk, "three and some more"));
  for (std::size_t piece = 1; piece <= replies.size(); ++piece) {
    CoreHost host;
    host.connect();
    for (int i = 0; i < 3; ++i) host.read();
    host.sent();
    Lines lines;
    for (std::size_t at = 0; at < replies.size(); at += piece) {
      const Bytes part(replies.begin() + static_cast<long>(at),
                       replies.begin() + static_cast<long>(std::min(at + piece, replies.size())));
      for (std::string& line : host.receive(part)) lines.push_back(std::move(line));
    }
    ASSERT_THAT(lines, ElementsAre("1: ok one", "2: ok ", "3: ok three and some more")) << piece;
  }
}

TEST(SessionCore, GivesOutNoMoreAtOnceThanIsAskedFor) {
  CoreHost host;
  host.connect();
  for (int i = 0; i < 10; ++i) host.read();
  Bytes out;
  ASSERT_TRUE(host.core.take_output(out, 20, Millis{host.now}));
  EXPECT_EQ(out.size(), 2u * 17);
  EXPECT_TRUE(host.core.has_output());
  EXPECT_THAT(host.step(Cancel{3}), ElementsAre("3: " + reason(NotSent::cancelled)));
  EXPECT_EQ(host.sent().size(), 7u);
}

TEST(SessionCore, AsksReadsAgainButNeverWrites) {
  CoreHost host;
  host.connect();
  host.read();
  host.write();
  host.read();
  host.sent();
  host.write();
  host.read();
  EXPECT_THAT(host.lose(), ElementsAre("2: " + kMaybeLoss, "Disconnected"));
  host.connect();
  EXPECT_EQ(host.sent_ops(), "getACL/4 getACL/5 delete/6 getACL/7 ");
}

TEST(SessionCore, RefusesWhatIsTooMuchOrTooLarge) {
  SessionSettings settings = CoreHost::defaults();
  settings.max_pending = 2;
  settings.max_request_bytes = 100;
  CoreHost host(settings);
  EXPECT_THAT(host.submit(OpCode::kSetData, Bytes(93), false),
              ElementsAre("1: " + reason(NotSent::too_large)));
  EXPECT_THAT(host.submit(OpCode::kSetData, Bytes(92), false), IsEmpty());
  host.read();
  EXPECT_THAT(host.read(), ElementsAre("4: " + reason(NotSent::overloaded)));
}

TEST(SessionCore, EndsWhatIsCancelledByWhetherItWasSent) {
  CoreHost host;
  host.connect();
  host.write();
  host.read();
  host.sent();
  host.write();
  EXPECT_THAT(host.step(Cancel{1}), ElementsAre("1: " + reason(MaybeApplied::cancelled)));
  EXPECT_THAT(host.step(Cancel{2}), ElementsAre("2: " + reason(NotSent::cancelled)));
  EXPECT_THAT(host.step(Cancel{3}), ElementsAre("3: " + reason(NotSent::cancelled)));
  EXPECT_THAT(host.step(Cancel{3}), IsEmpty());
  EXPECT_THAT(host.step(Cancel{99}), IsEmpty());
  EXPECT_EQ(host.sent_ops(), "");
  host.read();
  EXPECT_EQ(host.sent_ops(), "getACL/3 ");
  Bytes replies = CoreHost::reply(1);
  append(replies, CoreHost::reply(2));
  append(replies, CoreHost::reply(3));
  EXPECT_THAT(host.receive(replies), ElementsAre("4: ok "));
}

TEST(SessionCore, EndsWhatIsOverdueWhereverItIs) {
  CoreHost host;
  host.connect();
  host.write(host.now + 100);
  host.read(host.now + 200);
  host.write(host.now + 5'000);
  host.sent();
  EXPECT_THAT(host.wait(99), IsEmpty());
  EXPECT_THAT(host.wait(1), ElementsAre("1: " + reason(MaybeApplied::timed_out)));
  EXPECT_THAT(host.wait(200), ElementsAre("2: " + reason(NotSent::timed_out)));
  host.lose();
  host.write(host.now + 50);
  EXPECT_THAT(host.wait(50), Contains("4: " + reason(NotSent::timed_out)));
}

TEST(SessionCore, ForgetsWhatHasEndedWhileNoServerIsThere) {
  CoreHost host;
  host.step(Start{});
  for (int i = 0; i < 20'000; ++i) {
    host.write();
    host.step(Cancel{host.last_id});
  }
  EXPECT_EQ(host.core.pending(), 0u);
  host.connect();
  host.read();
  EXPECT_EQ(host.sent_ops(), "getACL/1 ");
}

// ---- Heartbeats

TEST(SessionCore, PingsAtAThirdOfTheTimeoutAndLeavesAfterTwoThirdsOfSilence) {
  CoreHost host;
  host.connect();
  EXPECT_THAT(host.wait(2'999), IsEmpty());
  EXPECT_EQ(host.sent_ops(), "");
  host.wait(1);
  EXPECT_EQ(host.sent_ops(), "ping/-2 ");
  host.receive(CoreHost::reply(kXidPing));
  host.wait(3'000);
  EXPECT_EQ(host.sent_ops(), "ping/-2 ");
  EXPECT_THAT(host.wait(3'000),
              ElementsAre("disconnect: nothing was heard for 6000 ms", "Disconnected"));
}

TEST(SessionCore, SurvivesAClockThatLeapsByHours) {
  CoreHost host;
  host.connect();
  host.write(host.now + 1'000);
  host.sent();
  host.now += 5 * 3'600'000;
  EXPECT_THAT(host.step(Tick{}), ElementsAre("disconnect: nothing was heard for 18000000 ms",
                                             "1: " + kMaybeLoss, "Disconnected"));
  host.connect();
  host.wait(3'000);
  EXPECT_EQ(host.sent_ops(), "ping/-2 ");
  host.now -= 3'600'000;  // and back: taken for standing still
  host.read();
  EXPECT_EQ(host.sent_ops(), "getACL/2 ");
}

TEST(SessionCore, SaysThatItHasBeenAwayForLongerThanASessionLasts) {
  CoreHost host;
  host.connect();
  host.lose();
  EXPECT_THAT(host.core.describe(Millis{host.now + 8'000}), Not(HasSubstr("longer")));
  EXPECT_THAT(host.core.describe(Millis{host.now + 9'000}),
              HasSubstr("longer than the session lasts"));
  EXPECT_EQ(host.core.state(), State::kDisconnected) << "only a server can say that";
}

// ---- The session's end

TEST(SessionCore, HasExpiredWhenAServerSaysSo) {
  CoreHost host;
  host.connect();
  host.get_with_watch("/a", "w");
  host.sent();
  host.receive(CoreHost::reply(1));
  host.read();
  host.sent();
  host.lose();
  host.write();
  host.reach_server();
  EXPECT_THAT(host.answer_handshake(0, 0),
              ElementsAre("disconnect: s:1 says that the session has expired",
                          "2: " + reason(NotSent::session_expired),
                          "3: " + reason(NotSent::session_expired), "Expired", "None /a: w"));
  EXPECT_THAT(host.read(), ElementsAre("4: " + reason(NotSent::session_expired)));
  EXPECT_EQ(host.core.next_deadline(), kNever);
  EXPECT_THAT(host.step(Close{std::make_unique<Numbered>(0), Millis{1'000}, false}),
              ElementsAre("0: ok "));
}

TEST(SessionCore, ClosesBehindAllThatIsPending) {
  CoreHost host;
  host.connect();
  host.write();
  host.step(Close{std::make_unique<Numbered>(0), Millis{1'000}, false});
  EXPECT_THAT(host.read(), ElementsAre("2: " + reason(NotSent::closed)));
  EXPECT_EQ(host.sent_ops(), "delete/1 closeSession/2 ");
  Bytes replies = CoreHost::reply(1);
  append(replies, CoreHost::reply(2));
  EXPECT_THAT(host.receive(replies),
              ElementsAre("1: ok ", "disconnect: closed", "Closed", "0: ok "));
}

TEST(SessionCore, ClosesAtOnceByEndingWhatIsPending) {
  CoreHost host;
  host.connect();
  host.write();
  host.sent();
  host.write();
  EXPECT_THAT(host.step(Close{nullptr, Millis{1'000}, true}),
              ElementsAre("1: " + reason(MaybeApplied::closed), "2: " + reason(NotSent::closed)));
  EXPECT_EQ(host.sent_ops(), "closeSession/2 ");
  Bytes replies = CoreHost::reply(1);
  append(replies, CoreHost::reply(2));
  EXPECT_THAT(host.receive(replies), ElementsAre("disconnect: closed", "Closed"));
}

TEST(SessionCore, ClosesWithoutAnAnswerWhenItsTimeIsUp) {
  CoreHost host;
  host.connect();
  host.write();
  host.sent();
  host.step(Close{std::make_unique<Numbered>(0), Millis{500}, false});
  host.sent();
  EXPECT_THAT(host.wait(500), ElementsAre("disconnect: closed without the server's answer",
                                          "1: " + reason(MaybeApplied::closed), "Closed",
                                          "0: " + reason(MaybeApplied::timed_out)));
}

TEST(SessionCore, ClosesAtOnceWhereThereIsNoConnection) {
  CoreHost host;
  host.step(Start{});
  host.read();
  EXPECT_THAT(
      host.step(Close{std::make_unique<Numbered>(0), Millis{1'000}, true}),
      ElementsAre("1: " + reason(NotSent::closed), "disconnect: closed", "Closed", "0: ok "));
}

TEST(SessionCore, AsksAgainToCloseAndTakesExpiryForTheAnswerThatWasLost) {
  CoreHost host;
  host.connect();
  host.step(Close{std::make_unique<Numbered>(0), Millis{5'000}, false});
  EXPECT_EQ(host.sent_ops(), "closeSession/1 ");
  host.lose();
  host.connect();
  EXPECT_EQ(host.sent_ops(), "closeSession/2 ");
  host.lose();
  host.reach_server();
  EXPECT_THAT(host.answer_handshake(0, 0), Contains("0: ok "));
  EXPECT_EQ(host.core.state(), State::kClosed);
}

// ---- Credentials

TEST(SessionCore, GivesItsCredentialsToEachServerBeforeAnythingElse) {
  SessionSettings settings = CoreHost::defaults();
  settings.auth = {{"digest", "a:b"}};
  CoreHost host(settings);
  host.read();
  host.connect();
  EXPECT_EQ(host.sent_ops(), "auth/-4 getACL/1 ");
  host.submit(OpCode::kAuth, encode_auth("digest", "c:d")->body, false);
  host.sent();
  EXPECT_THAT(host.receive(CoreHost::reply(kXidAuth)), IsEmpty()) << "the first one's";
  EXPECT_THAT(host.receive(CoreHost::reply(kXidAuth)), IsEmpty()) << "in its order";
  EXPECT_THAT(host.receive(CoreHost::reply(1)), ElementsAre("1: ok ", "2: ok "));
  host.lose();
  host.connect();
  EXPECT_EQ(host.sent_ops(), "auth/-4 auth/-4 ");
}

TEST(SessionCore, AsksForCredentialsAgainWhoseAnswerWasLost) {
  CoreHost host;
  host.connect();
  host.submit(OpCode::kAuth, encode_auth("digest", "c:d")->body, false);
  EXPECT_EQ(host.sent_ops(), "auth/-4 ");
  EXPECT_THAT(host.lose(), ElementsAre("Disconnected"));
  host.connect();
  EXPECT_EQ(host.sent_ops(), "auth/-4 ");
  EXPECT_THAT(host.receive(CoreHost::reply(kXidAuth)), ElementsAre("1: ok "));
}

TEST(SessionCore, EndsWhereAServerRefusesTheCredentials) {
  CoreHost host;
  host.connect();
  host.read();
  host.submit(OpCode::kAuth, encode_auth("wrong", "c:d")->body, false);
  host.write();
  host.sent();
  EXPECT_THAT(host.receive(CoreHost::reply(kXidAuth, ErrorCode::kAuthFailed)),
              ElementsAre("2: refused: the server has refused the credentials",
                          HasSubstr("disconnect: s:1 has refused the credentials"),
                          "1: " + reason(NotSent::auth_failed), "3: " + kMaybeLoss, "AuthFailed"));
}

// ---- Answers that cannot be

TEST(SessionCore, LeavesAServerThatAnswersOutOfOrder) {
  CoreHost host;
  host.connect();
  host.write();
  host.read();
  host.sent();
  EXPECT_THAT(host.receive(CoreHost::reply(2)),
              ElementsAre("1: " + reason(MaybeApplied::malformed_reply),
                          "disconnect: an answer to request 2, and 1 is due", "Disconnected"));
  EXPECT_EQ(host.core.pending(), 1u) << "the read is asked again";
}

TEST(SessionCore, DoesNotAskForeverWhatIsAnsweredTooLong) {
  SessionSettings settings = CoreHost::defaults();
  settings.max_reply_bytes = 100;
  CoreHost host(settings);
  host.connect();
  host.read();
  host.read();
  host.sent();
  EXPECT_THAT(host.receive({0, 0, 0, 101}),
              ElementsAre("1: " + reason(NotSent::too_large),
                          HasSubstr("disconnect: a reply of 101"), "Disconnected"));
  host.connect();
  EXPECT_EQ(host.sent_ops(), "getACL/3 ");
  const Bytes largest = CoreHost::reply(3, ErrorCode::kOk, std::string(84, 'x'));
  EXPECT_THAT(host.receive(largest), ElementsAre(HasSubstr("2: ok xxx")));
}

TEST(SessionCore, LeavesAServerWhoseFramesCannotBe) {
  for (const Bytes& frame :
       {Bytes{0xff, 0xff, 0xff, 0xff}, Bytes{0, 0, 0, 0}, Bytes{0, 0, 0, 4, 0, 0, 0, 1},
        CoreHost::reply(7), CoreHost::reply(kXidAuth), CoreHost::reply(kXidSetWatches),
        CoreHost::reply(kXidNotification, ErrorCode::kOk, "xx"),
        CoreHost::event(EventType::kNodeDeleted, "a"),
        CoreHost::event(EventType::kNodeCreated, "")}) {
    CoreHost host;
    host.connect();
    EXPECT_THAT(host.receive(frame), ElementsAre(HasSubstr("disconnect: "), "Disconnected"));
  }
}

TEST(SessionCore, LeavesAServerWhoseAnswerTheHostCannotRead) {
  CoreHost host;
  host.connect();
  host.write();
  host.sent();
  EXPECT_THAT(host.step(Malformed{host.core.attempt(), "buffer of 7 bytes"}),
              ElementsAre("disconnect: an answer that does not parse: buffer of 7 bytes",
                          "1: " + kMaybeLoss, "Disconnected"));
}

// ---- Watches

TEST(SessionCore, LeavesAWatchWhereTheAnswerSaysSo) {
  CoreHost host;
  host.connect();
  host.get_with_watch("/a", "a");
  host.get_with_watch("/b", "b");
  host.sent();
  host.receive(CoreHost::reply(1));
  host.receive(CoreHost::reply(2, ErrorCode::kNoNode));
  EXPECT_THAT(host.receive(CoreHost::event(EventType::kNodeDataChanged, "/b")), IsEmpty());
  EXPECT_THAT(host.receive(CoreHost::event(EventType::kNodeDataChanged, "/a")),
              ElementsAre("NodeDataChanged /a: a"));
  EXPECT_THAT(host.receive(CoreHost::event(EventType::kNodeDataChanged, "/a")), IsEmpty());
}

TEST(SessionCore, TellsEventsInTheOrderOfTheStream) {
  CoreHost host;
  host.connect();
  host.get_with_watch("/a", "a");
  host.read();
  host.sent();
  Bytes stream = CoreHost::reply(1);
  append(stream, CoreHost::event(EventType::kNodeDeleted, "/a"));
  append(stream, CoreHost::reply(2));
  EXPECT_THAT(host.receive(stream), ElementsAre("1: ok ", "NodeDeleted /a: a", "2: ok "));
}

TEST(SessionCore, TakesTheChrootOffEvents) {
  SessionSettings settings = CoreHost::defaults();
  settings.chroot = "/app";
  CoreHost host(settings);
  host.connect();
  host.get_with_watch("/app/a", "a");
  host.sent();
  host.receive(CoreHost::reply(1));
  EXPECT_THAT(host.receive(CoreHost::event(EventType::kNodeDataChanged, "/app/a")),
              ElementsAre("NodeDataChanged /a: a"));
}

TEST(SessionCore, RestoresWatchesBeforeItAsksAnything) {
  CoreHost host;
  host.connect();
  const auto lasting = std::make_shared<Named>("p");
  host.get_with_watch("/a", "a");
  host.watch("/p", WatchMode::kPersistent, lasting);
  host.sent();
  host.receive(CoreHost::reply(1, ErrorCode::kOk, "", 40));
  host.receive(CoreHost::reply(2, ErrorCode::kOk, "", 41));
  host.read();
  host.lose();
  host.reach_server();
  EXPECT_THAT(host.answer_handshake(), ElementsAre("SyncConnected", "gap: p"));
  const std::vector<Sent> sent = host.sent();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].op, OpCode::kSetWatches2);
  EXPECT_EQ(sent[0].xid, kXidSetWatches);
  JuteReader reader(sent[0].body);
  const auto request = read_set_watches_request(reader, true);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->relative_zxid, Zxid{41});
  EXPECT_THAT(request->data, ElementsAre("/a"));
  EXPECT_THAT(request->persistent, ElementsAre("/p"));
  EXPECT_THAT(host.receive(CoreHost::reply(kXidSetWatches)), IsEmpty());
  host.lose();
  host.step(DropWatch{"/p", lasting});
  host.connect();
  EXPECT_EQ(host.sent_ops(), "setWatches/-8 getACL/4 ") << "one that all servers know suffices";
}

TEST(SessionCore, RestoresManyWatchesInPiecesOf128KiB) {
  CoreHost host;
  host.connect();
  for (int i = 0; i < 5'000; ++i) {
    host.get_with_watch(concat("/", std::string(90, 'x'), i), "w");
    host.sent();
    host.receive(CoreHost::reply(i + 1));
  }
  host.lose();
  host.connect();
  const std::vector<Sent> sent = host.sent();
  EXPECT_EQ(sent.size(), 4u);
  std::size_t paths = 0;
  for (const Sent& frame : sent) {
    EXPECT_LE(frame.body.size(), (128u << 10) + 64);
    JuteReader reader(frame.body);
    paths += read_set_watches_request(reader, false)->data.size();
  }
  EXPECT_EQ(paths, 5'000u);
}

TEST(SessionCore, EndsLastingWatchesThatAServerCannotRestore) {
  CoreHost host;
  host.connect();
  host.watch("/p", WatchMode::kPersistent, std::make_shared<Named>("p"));
  host.sent();
  host.receive(CoreHost::reply(1));
  host.lose();
  host.connect();
  host.sent();
  const Lines lines = host.receive(CoreHost::reply(kXidSetWatches, ErrorCode::kUnimplemented));
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_THAT(lines[0], HasSubstr("unwatched (the server does not know"));
  EXPECT_THAT(lines[1], HasSubstr("disconnect: it does not restore the watches"));
  host.connect();
  EXPECT_EQ(host.sent_ops(), "");
}

TEST(SessionCore, SetsOneWatchOnTheServerForSeveralOfAPathAndRemovesItBehindTheLast) {
  CoreHost host;
  host.connect();
  const auto first = std::make_shared<Named>("1"), second = std::make_shared<Named>("2");
  host.watch("/p", WatchMode::kPersistentRecursive, first);
  host.watch("/p", WatchMode::kPersistent, second);
  host.get_with_watch("/p", "once");
  const std::vector<Sent> sent = host.sent();
  ASSERT_EQ(sent.size(), 3u);
  EXPECT_EQ(sent[0].body.back(), 1);
  EXPECT_EQ(sent[1].body.back(), 1) << "still recursive: a server before 3.9 has one mode";
  EXPECT_EQ(sent[2].body.back(), 0) << "the lasting one serves it";
  for (std::int32_t xid = 1; xid <= 3; ++xid) host.receive(CoreHost::reply(xid));
  host.step(DropWatch{"/p", first});
  host.step(DropWatch{"/p", second});
  EXPECT_EQ(host.sent_ops(), "");
  EXPECT_THAT(host.receive(CoreHost::event(EventType::kNodeDataChanged, "/p")),
              ElementsAre("NodeDataChanged /p: once"));
  const std::vector<Sent> removal = host.sent();
  ASSERT_EQ(removal.size(), 1u);
  EXPECT_EQ(removal[0].op, OpCode::kRemoveWatches);
  EXPECT_EQ(removal[0].body.back(), 3);
  EXPECT_THAT(host.receive(CoreHost::reply(removal[0].xid)), IsEmpty());
}

TEST(SessionCore, RemovesWatchesByKind) {
  CoreHost host;
  host.connect();
  host.get_with_watch("/a", "a");
  host.sent();
  host.receive(CoreHost::reply(1));
  const auto remove = [&](WatchKind kind) {
    const auto encoded = encode_remove_watches(Chroot(), "/a", kind);
    host.submit(OpCode::kRemoveWatches, encoded->body, false, INT64_MAX, WatchRemoval{kind, "/a"});
  };
  remove(WatchKind::kPersistent);  // there is none: the server, which may be old, is not asked
  EXPECT_EQ(host.sent_ops(), "");
  EXPECT_THAT(host.wait(0), ElementsAre("2: refused: there is no such watch"));
  remove(WatchKind::kData);
  EXPECT_EQ(host.sent_ops(), "removeWatches/2 ");
  EXPECT_THAT(host.receive(CoreHost::reply(2)), ElementsAre("unwatched: a", "3: ok "));
  remove(WatchKind::kData);
  host.sent();
  EXPECT_THAT(host.receive(CoreHost::reply(3, ErrorCode::kNoWatcher)),
              ElementsAre("4: refused: there is no such watch"));
}

// ---- Read-only servers

TEST(SessionCore, SeeksABetterServerWhileItIsWithAReadOnlyOne) {
  SessionSettings settings = CoreHost::defaults();
  settings.servers = {{"a", 1}, {"b", 1}};
  settings.read_only = true;
  CoreHost host(settings);
  host.reach_server();
  EXPECT_THAT(host.answer_handshake(0x5, 9'000, true), ElementsAre("ConnectedReadOnly"));
  const std::string here = host.core.server(), there = here == "a:1" ? "b:1" : "a:1";
  EXPECT_THAT(host.wait(100), ElementsAre("probe " + there));
  for (std::uint64_t probe = 1; probe < 4; ++probe) host.step(Probed{probe, false});
  EXPECT_THAT(host.wait(199), IsEmpty());
  EXPECT_THAT(host.wait(1), ElementsAre("probe " + there));
  EXPECT_THAT(host.step(Probed{1, true}), IsEmpty()) << "that was an earlier one";
  Lines lines;
  for (std::uint64_t probe = 2; lines.empty() && probe < 8; ++probe) {
    lines = host.step(Probed{probe, true});
  }
  EXPECT_THAT(lines, ElementsAre(concat("disconnect: ", there, " has a quorum"), "Disconnected"));
  EXPECT_THAT(host.wait(100), ElementsAre("resolve " + there));
  host.step(Resolved{host.core.attempt(), {"10.0.0.1"}, ""});
  host.step(Connected{host.core.attempt()});
  host.output.clear();
  host.core.take_output(host.output, SIZE_MAX, Millis{host.now});
  JuteReader reader(ByteView(host.output).subspan(4));
  EXPECT_EQ(read_connect_request(reader)->session.value, 0) << "only the other server knew it";
}

}  // namespace
}  // namespace paddock::client::test
