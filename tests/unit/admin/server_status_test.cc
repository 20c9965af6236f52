#include "server/admin/server_status.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <set>

#include "server/admin/four_letter.h"
#include "tests/support/vectors.h"

namespace paddock::server {
namespace {

TEST(ServerStatus, TakesLatencyAndCountsFromMetrics) {
  Metrics metrics;
  ThreadMetrics& thread = metrics.new_thread();
  thread.add(Counter::kPacketsReceived, 3);
  thread.add(Counter::kPacketsSent, 2);
  thread.add(Counter::kAuthFailed);
  for (const int micros : {500, 2500}) thread.record(Summary::kRequestLatency, micros);
  thread.record(Summary::kResponseSize, 40);
  ServerStatus status;
  fill_from_metrics(metrics, StatusParts{}, status);
  EXPECT_EQ(status.received, 3);
  EXPECT_EQ(status.sent, 2);
  EXPECT_EQ(status.auth_failed_count, 1);
  EXPECT_EQ(status.latency.min_ms, 0);
  EXPECT_EQ(status.latency.max_ms, 2);
  EXPECT_DOUBLE_EQ(status.latency.average_ms, 1.5);
  EXPECT_EQ(status.last_response_bytes, 40);
  EXPECT_TRUE(status.metrics.empty()) << "they were not asked for";
}

TEST(ServerStatus, TellsNoResponseSizeBeforeTheFirstResponse) {
  Metrics metrics;
  ServerStatus status;
  fill_from_metrics(metrics, parts_for(FourLetterWord::kMntr), status);
  EXPECT_EQ(status.last_response_bytes, -1);
  EXPECT_EQ(status.min_response_bytes, -1);
  EXPECT_FALSE(status.metrics.empty());
}

TEST(ServerStatus, CountsOpenDescriptors) {
  const auto [before, limit] = process_descriptors();
  const int descriptor = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(descriptor, 0);
  EXPECT_EQ(process_descriptors().first, before + 1);
  EXPECT_GT(limit, before);
  ::close(descriptor);
}

TEST(ServerStatus, HasAWordForEveryOperationOfClients) {
  std::set<std::string_view> words;
  for (std::int32_t number = -20; number < 120; ++number) {
    const OpCode op{number};
    if (is_client_op(op) && op != OpCode::kAuth && op != OpCode::kSasl) {
      EXPECT_NE(last_op_word(op), "NA") << number;
    }
    words.insert(last_op_word(op));
  }
  EXPECT_GE(words.size(), 20u);
  EXPECT_EQ(last_op_word(OpCode{9999}), "NA");
}

TEST(ServerStatus, NamesModesAsZooKeeperDoes) {
  EXPECT_EQ(to_string(ServerMode::kStandalone), "standalone");
  EXPECT_EQ(to_string(ServerMode::kReadOnly), "read-only");
}

}  // namespace
}  // namespace paddock::server
