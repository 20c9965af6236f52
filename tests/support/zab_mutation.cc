#include "tests/support/zab_mutation.h"

namespace paddock::test {

std::string_view name_of(Mutation mutation) {
  switch (mutation) {
    case Mutation::kNone:
      return "None";
    case Mutation::kReportBeforeWrite:
      return "ReportBeforeWrite";
    case Mutation::kEpochFirst:
      return "EpochFirst";
    case Mutation::kLoseAcceptedEpoch:
      return "LoseAcceptedEpoch";
    case Mutation::kLoseCurrentEpoch:
      return "LoseCurrentEpoch";
    case Mutation::kTruncateNothing:
      return "TruncateNothing";
    case Mutation::kTruncateTooMuch:
      return "TruncateTooMuch";
    case Mutation::kSnapshotOnlyInMemory:
      return "SnapshotOnlyInMemory";
    case Mutation::kSnapshotKeepsLog:
      return "SnapshotKeepsLog";
    case Mutation::kAppendLosesLast:
      return "AppendLosesLast";
    case Mutation::kZombieWriter:
      return "ZombieWriter";
    case Mutation::kCrashReorders:
      return "CrashReorders";
    case Mutation::kRestartFromMemory:
      return "RestartFromMemory";
    case Mutation::kForgetAcceptedEpoch:
      return "ForgetAcceptedEpoch";
    case Mutation::kOneMoreRestartZxid:
      return "OneMoreRestartZxid";
    case Mutation::kTruncateKeepsState:
      return "TruncateKeepsState";
    case Mutation::kHistoryHole:
      return "HistoryHole";
    case Mutation::kHistoryShort:
      return "HistoryShort";
    case Mutation::kSnapshotSaysMore:
      return "SnapshotSaysMore";
    case Mutation::kSkipDelivery:
      return "SkipDelivery";
    case Mutation::kAckBeforeCommit:
      return "AckBeforeCommit";
    case Mutation::kSyncAtOnce:
      return "SyncAtOnce";
    case Mutation::kReadWithoutSync:
      return "ReadWithoutSync";
    case Mutation::kSwapRequests:
      return "SwapRequests";
    case Mutation::kCheckpointTooFar:
      return "CheckpointTooFar";
    case Mutation::kLoseCommit:
      return "LoseCommit";
    case Mutation::kRepeatCommit:
      return "RepeatCommit";
    case Mutation::kLoseProposal:
      return "LoseProposal";
    case Mutation::kRepeatProposal:
      return "RepeatProposal";
    case Mutation::kChangeProposal:
      return "ChangeProposal";
    case Mutation::kRaiseAck:
      return "RaiseAck";
    case Mutation::kRaiseVote:
      return "RaiseVote";
    case Mutation::kRaiseVoteEpoch:
      return "RaiseVoteEpoch";
    case Mutation::kObserverAsFollower:
      return "ObserverAsFollower";
    case Mutation::kUpToDateEarly:
      return "UpToDateEarly";
    case Mutation::kRestartWithFirstConfig:
      return "RestartWithFirstConfig";
    case Mutation::kRestartWithProposedConfig:
      return "RestartWithProposedConfig";
    case Mutation::kLoseProposedConfig:
      return "LoseProposedConfig";
  }
  return "";
}

}  // namespace paddock::test
