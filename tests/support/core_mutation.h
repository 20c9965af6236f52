#pragma once

#include <string_view>

namespace paddock::test {

// A bug, put into the host around a whole replica: what the checkers do not find with one of these
// in place, they would not find in the replica either.
enum class CoreMutation {
  kNone,
  // Answers.
  kAnswerWhenLogged,  // a client's setData is answered when it is logged, not when it is applied
  kSyncAlone,         // a sync is answered by the server that was asked
  kReplyBeforeEvent,  // a batch's replies go to the clients before its events
  kReadAtOnce,        // a read does not wait for the session's earlier writes
  kServeTheAhead,     // a client that has seen more than this server is let in
  // Watches.
  kForgetOneEvent,       // one in 20 changes does not reach the watches
  kForgetWatchesMissed,  // setWatches takes the client to have seen all there is
  // Sessions.
  kDropTouches,       // a learner does not tell the leader who was heard from
  kIgnoreOwner,       // a request by a server that the session has left counts as the owner's
  kExpireOnFollower,  // a follower closes a session that it has not heard from itself
  kForgetClose,       // one in three closings of sessions leaves the session in the checkpoint
  kLeaveEphemerals,   // what a closed session leaves stays in the checkpoint
  kForgetExpired,     // a session whose time was over is taken to have been heard from
  // State.
  kCheckpointTail,   // a checkpoint is taken while nobody is served, of what may be cut
  kReplaySwapped,    // a restart applies two neighbouring transactions in the wrong order
  kKeepTree,         // a log that is cut leaves the tree as it is
  kSnapWithoutAcls,  // SNAP carries every node with the open ACL
  // Reconfiguration.
  kIgnoreConfigVersion,    // a reconfig is taken to be about whatever version there is
  kReconfigByAnybody,      // who asks for a reconfig is taken to have the right to
  kForgetConfigEvent,      // the watches of /zookeeper/config are told of nothing
  kOldQuorumAlone,         // a reconfig does not wait for those that only the new one has
  kActivateOnProposal,     // a follower takes a reconfig to be committed when it is proposed
  kCommitWithoutActivate,  // a follower takes a reconfig that is committed for any other write
  kKeepConfigNode,         // a server goes on to show the configuration that it was started with
};
inline constexpr int kCoreMutationCount = static_cast<int>(CoreMutation::kKeepConfigNode) + 1;
inline constexpr CoreMutation kFirstConfigCoreMutation = CoreMutation::kIgnoreConfigVersion;

std::string_view name_of(CoreMutation mutation);

}  // namespace paddock::test
