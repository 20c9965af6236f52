#pragma once

#include <string_view>

namespace paddock::test {

// A bug, put into the world around the engine: what the checkers do not find with one of these in
// place, they would not find in the engine either. Each says what the host, its disk or the wire
// does wrong.
enum class Mutation {
  kNone,
  // Disk: what it reports and what it keeps differ.
  kReportBeforeWrite,     // Persisted as soon as a write is asked for: ACK before fsync
  kEpochFirst,            // epoch files overtake the history that is still being written
  kLoseAcceptedEpoch,     // acceptedEpoch is reported, and not on disk
  kLoseCurrentEpoch,      // likewise currentEpoch
  kTruncateNothing,       // a Truncate leaves the tail on disk
  kTruncateTooMuch,       // a Truncate cuts one transaction more
  kSnapshotOnlyInMemory,  // an installed snapshot never reaches the disk
  kSnapshotKeepsLog,      // an installed snapshot leaves the old log behind it
  kAppendLosesLast,       // one in eight Appends keeps all but its last transaction
  kZombieWriter,          // Appends that a crash cut off land after the restart
  kCrashReorders,         // a crash keeps a later Append and not the earlier one
  // Host.
  kRestartFromMemory,    // after a crash the engine is told of what was only in memory
  kForgetAcceptedEpoch,  // after a crash acceptedEpoch is taken to be currentEpoch
  kOneMoreRestartZxid,   // after a crash the history claims one transaction that is not there
  kTruncateKeepsState,   // a Truncate does not bring the state machine back
  kHistoryHole,          // SendHistory leaves one transaction out
  kHistoryShort,         // SendHistory ends one transaction early
  kSnapshotSaysMore,     // SNAP names a later zxid than the state that follows has
  kSkipDelivery,         // one in 50 Delivers does not reach the state machine
  kAckBeforeCommit,      // a client's write is acknowledged when it is proposed
  kSyncAtOnce,           // the leading host answers a learner's sync without asking the engine
  kReadWithoutSync,      // a client's sync is answered by the server it asked
  kSwapRequests,         // one in 20 of a client's requests overtakes the one before it
  kCheckpointTooFar,     // a checkpoint takes what is logged and not yet committed
  // Wire.
  kLoseCommit,          // one in 50 COMMITs is lost
  kRepeatCommit,        // one in 50 COMMITs comes twice
  kLoseProposal,        // one in 50 PROPOSALs is lost
  kRepeatProposal,      // one in 50 PROPOSALs comes twice
  kChangeProposal,      // one in 50 PROPOSALs has another payload
  kRaiseAck,            // one in 20 ACKs is for the next transaction
  kRaiseVote,           // one in 20 votes claims one transaction more
  kRaiseVoteEpoch,      // one in 20 votes claims a later epoch
  kObserverAsFollower,  // an observer passes for a voter
  kUpToDateEarly,       // UPTODATE comes with NEWLEADER
  // Reconfiguration.
  kRestartWithFirstConfig,     // after a crash a server has the configuration that it began with
  kRestartWithProposedConfig,  // after a crash what was proposed is taken to be committed
  kLoseProposedConfig,         // a proposed configuration is reported, and not on disk
};
inline constexpr int kMutationCount = static_cast<int>(Mutation::kLoseProposedConfig) + 1;
inline constexpr Mutation kFirstConfigMutation = Mutation::kRestartWithFirstConfig;

std::string_view name_of(Mutation mutation);

}  // namespace paddock::test
