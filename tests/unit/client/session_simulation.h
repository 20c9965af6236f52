#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "client/session_core.h"
#include "tests/support/prng.h"
#include "tests/unit/client/model_ensemble.h"

namespace paddock::client::test {

using paddock::test::ModelEnsemble;
using paddock::test::Prng;

// A bug, put into the host around the core: what the checkers do not find with one of these in
// place, they would not find in the core either.
enum class Mutation {
  kNone,
  kForgetSetWatches,   // no setWatches leaves, and the core is told that it was answered
  kForgetGap,          // watches are not told that they may have missed something
  kForgetEvent,        // one in ten watch events is told to nobody
  kEventTwice,         // one in ten watch events is told twice
  kResendWrite,        // a write whose answer was lost is asked again
  kCallLostUnsent,     // such a write is said not to have been sent
  kSwapCompletions,    // two neighbouring completions change places
  kForgetCompletion,   // one in fifty operations never completes
  kCompleteTwice,      // one in fifty completes twice
  kExpireOnReconnect,  // one in five handshakes is taken for the session's end
  kReplyBeforeEvent,   // the completions of a step come before its events
  kServeWithoutWatch,  // one-shot watches are never set on the server
};
inline constexpr int kMutations = static_cast<int>(Mutation::kServeWithoutWatch) + 1;

// One SessionCore, its host, a network and a ModelEnsemble under a random load and random faults.
// Every check that fails is a line of violations().
class SessionSimulation {
 public:
  explicit SessionSimulation(std::uint64_t seed, Mutation mutation = Mutation::kNone);

  ~SessionSimulation();

  // The whole life: load with faults, then without, then a close. Stops at the first violation.
  void run();

  const std::vector<std::string>& violations() const { return violations_; }
  // What has happened last, and how things are.
  std::string report() const;

  // What the run has met, so that a test can tell that it met it at all.
  struct Counts {
    std::size_t answered = 0, refused = 0, maybe_applied = 0, not_sent = 0, events = 0, gaps = 0,
                connections = 0, expired = 0, malformed = 0, unwatched = 0, read_only = 0;
  };
  const Counts& counts() const { return counts_; }

 private:
  struct Watcher;
  struct Op;
  struct Payload;
  struct Wire;

  // Time.
  void at(std::int64_t delay, std::function<void()> what);
  void run_until(std::int64_t end);
  void arm_timer();

  // The host.
  void step(Event&& event);
  void carry_out(Actions& actions);
  void mutate(Actions& actions);
  void act(Resolve& action);
  void act(Connect& action);
  void act(Disconnect& action);
  void act(Probe& action);
  void act(Complete& action);
  void act(Fire& action);
  void act(Gap& action);
  void act(Unwatched& action);
  void act(StateChanged& action);
  void pump();

  // The network.
  void to_server(const std::shared_ptr<Wire>& wire, Bytes bytes);
  void to_client(const std::shared_ptr<Wire>& wire, Bytes bytes);
  void flush_servers();
  void reset();
  void server_closed(const std::shared_ptr<Wire>& wire);
  Bytes without_set_watches(const Bytes& bytes);

  // Load and faults.
  void load();
  void others_write();
  void fault();
  void begin_without_quorum();
  void stop_faults();
  void submit(Op op, OpCode code, Bytes body, bool harmless,
              std::variant<std::monostate, WatchRegistration, WatchRemoval> watch);
  void submit_write();
  void submit_read(bool with_watch);
  void submit_lasting();
  void submit_removal();
  void submit_auth();

  // Checks.
  void violation(const std::string& what);
  void note(const std::string& what);
  void check_completion(Op& op, const Complete& action);
  void check_read(Op& op, const Complete& action);
  void check_shown(const std::string& path, bool children, std::int64_t state);
  void check_writes();
  std::int64_t shown_baseline(const Watcher& watcher) const;

  Prng prng_;
  const Mutation mutation_;
  ModelEnsemble ensemble_;
  std::unique_ptr<SessionCore> core_;

  struct Later {
    std::int64_t when;
    std::uint64_t number;
    std::function<void()> what;
    bool operator<(const Later& other) const {
      return when != other.when ? when > other.when : number > other.number;
    }
  };
  std::priority_queue<Later> later_;
  std::uint64_t last_later_ = 0, timer_ = 0;
  std::int64_t now_ = 0;
  std::int64_t leap_ = 0;  // of the core's clock
  std::uint64_t steps_at_once_ = 0;

  std::shared_ptr<Wire> wire_;                // of the core's latest attempt
  std::vector<std::shared_ptr<Wire>> wires_;  // all that a server still knows
  bool is_writing_ = false;

  std::map<std::uint64_t, Op> ops_;
  std::vector<std::shared_ptr<Watcher>> watchers_;
  std::uint64_t last_op_ = 0, last_answered_ = 0;
  bool faults_ = true, loaded_ = true, closing_ = false;
  std::optional<error_code> closed_;
  std::size_t times_closed_ = 0;
  State state_ = State::kDisconnected;
  bool bad_auth_ = false;

  std::vector<std::string> violations_, log_;
  Counts counts_;
};

}  // namespace paddock::client::test
