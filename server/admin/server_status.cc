#include "server/admin/server_status.h"

#include <dirent.h>
#include <sys/resource.h>

#include <memory>

namespace paddock::server {

std::string_view last_op_word(OpCode op) {
  switch (op) {
    case OpCode::kCreate:
    case OpCode::kCreate2:
    case OpCode::kCreateContainer:
    case OpCode::kCreateTtl:
      return "CREA";
    case OpCode::kDelete:
    case OpCode::kDeleteContainer:
      return "DELE";
    case OpCode::kExists:
      return "EXIS";
    case OpCode::kGetData:
      return "GETD";
    case OpCode::kSetData:
      return "SETD";
    case OpCode::kGetAcl:
      return "GETA";
    case OpCode::kSetAcl:
      return "SETA";
    case OpCode::kGetChildren:
    case OpCode::kGetChildren2:
      return "GETC";
    case OpCode::kGetAllChildrenNumber:
      return "GETACN";
    case OpCode::kGetEphemerals:
      return "GETE";
    case OpCode::kSync:
      return "SYNC";
    case OpCode::kPing:
      return "PING";
    case OpCode::kCheck:
      return "CHEC";
    case OpCode::kMulti:
      return "MULT";
    case OpCode::kMultiRead:
      return "MLTR";
    case OpCode::kReconfig:
      return "RECO";
    case OpCode::kSetWatches:
      return "SETW";
    case OpCode::kSetWatches2:
      return "STW2";
    case OpCode::kAddWatch:
      return "ADDW";
    case OpCode::kCheckWatches:
      return "CHKW";
    case OpCode::kRemoveWatches:
      return "REMW";
    case OpCode::kWhoAmI:
      return "HOMI";
    case OpCode::kCreateSession:
      return kLastOpSession;
    case OpCode::kCloseSession:
      return "CLOS";
    case OpCode::kNotification:
    case OpCode::kAuth:
    case OpCode::kSasl:
    case OpCode::kError:
      return "NA";
  }
  return "NA";
}

std::string_view to_string(ServerMode mode) {
  switch (mode) {
    case ServerMode::kStandalone:
      return "standalone";
    case ServerMode::kLeader:
      return "leader";
    case ServerMode::kFollower:
      return "follower";
    case ServerMode::kObserver:
      return "observer";
    case ServerMode::kReadOnly:
      return "read-only";
  }
  return "standalone";
}

std::int64_t lag_of(const LearnerStatus& learner, Zxid last_proposed) {
  if (learner.acked >= last_proposed) return 0;
  // What it has from earlier epochs does not tell how many there were: at least all of this one.
  const bool same_epoch = learner.acked.epoch() == last_proposed.epoch();
  return std::int64_t{last_proposed.counter()} -
         (same_epoch ? std::int64_t{learner.acked.counter()} : 0);
}

void fill_from_metrics(const Metrics& metrics, const StatusParts& parts, ServerStatus& status) {
  const Metrics::Total latency = metrics.total(Summary::kRequestLatency);
  status.latency = {latency.min / 1000, latency.max / 1000, latency.average() / 1000};
  status.received = metrics.total(Counter::kPacketsReceived);
  status.sent = metrics.total(Counter::kPacketsSent);
  status.auth_failed_count = metrics.total(Counter::kAuthFailed);
  const Metrics::Total response = metrics.total(Summary::kResponseSize);
  if (response.count > 0) {
    status.last_response_bytes = response.last;
    status.min_response_bytes = response.min;
    status.max_response_bytes = response.max;
  }
  if (parts.metrics) status.metrics = metrics.snapshot();
}

std::pair<std::int64_t, std::int64_t> process_descriptors() {
  std::int64_t open = 0;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc/self/fd"), ::closedir);
  if (folder) {
    while (const dirent* entry = ::readdir(folder.get())) open += entry->d_name[0] != '.';
    --open;  // the folder's own
  }
  rlimit limit{};
  const bool known = ::getrlimit(RLIMIT_NOFILE, &limit) == 0;
  return {open, known ? static_cast<std::int64_t>(limit.rlim_cur) : -1};
}

}  // namespace paddock::server
