#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "common/clock.h"
#include "server/admin/server_status.h"
#include "server/net/connection_limits.h"
#include "server/options.h"
#include "server/run/core_thread.h"
#include "server/run/io_thread.h"
#include "server/run/shared_state.h"

namespace paddock::server {

// Gathers what operators may see from the threads that own it, and answers the four-letter words.
//
// The core thread and each io thread fill in their share, each at a moment of its own when it has
// no work half done; whoever is last hands the whole over. Nobody waits for anybody: the asking
// connection has its deadline like any other that is to be closed.
// Thread: any.
class StatusCollector final : public WordService {
 public:
  StatusCollector(const ServerOptions& options, SharedState& shared, ConnectionLimits& limits);

  // Before the threads start. All outlive this.
  void attach(std::vector<std::unique_ptr<IoThread>>& io, CoreThread& core) {
    io_ = &io;
    core_ = &core;
  }

  // `done` gets it once, on one of the threads asked.
  using Done = std::function<void(const ServerStatus&)>;
  void collect(StatusParts parts, Done done);

  std::size_t word_bytes(std::uint32_t first_four) const override;
  void on_word(IoThread& io, ConnectionId connection, ByteView word) override;

 private:
  struct Gathering;

  void fill_common(ServerStatus& status, StatusParts parts) const;
  EnsembleStatus ensemble_status(const Core& core, Millis now) const;
  void fill_from_core(ServerStatus& status, StatusParts parts, const Core& core) const;
  static void fill_from_io(ServerStatus& status, StatusParts parts, IoThread& io, Millis timeout);
  void reset_statistics(FourLetterWord word);

  const ServerOptions& options_;
  SharedState& shared_;
  ConnectionLimits& limits_;
  SystemClock clock_;
  const Millis started_;
  std::vector<std::unique_ptr<IoThread>>* io_ = nullptr;
  CoreThread* core_ = nullptr;
  std::atomic<std::int64_t> trace_mask_{kTraceMaskDefault};
};

}  // namespace paddock::server
