#include "server/run/shared_state.h"

#include <unistd.h>

#include <glog/logging.h>

namespace paddock::server {

void die(std::string_view why) {
  constexpr int kExitUntrusted = 3;
  LOG(ERROR) << "FATAL: " << why;
  google::FlushLogFiles(google::GLOG_INFO);
  ::_exit(kExitUntrusted);  // no destructor may write another byte
}

}  // namespace paddock::server
