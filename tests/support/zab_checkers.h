#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tests/support/zab_conversation.h"
#include "tests/support/zab_disk.h"
#include "tests/support/zab_links.h"
#include "tests/support/zab_model.h"
#include "zab/action.h"
#include "zab/ensemble.h"

namespace paddock::test {

// Looks at all servers of an ensemble at once, keeps what no server knows, and says what is the
// first thing wrong. The properties and their codes are those of fault-catalogue.md, section 3.1,
// over everything that ever happened in the run, not only over what is so now:
//
//   IN   what is exposed was proposed, by the leader of its epoch, and is exposed once
//   TO, AG, PC  what servers expose are prefixes of one history
//   LPO, GPO    that history has no gap within an epoch, and its epochs rise
//   PI   no transaction of an earlier epoch is exposed first after a later leader began to serve
//   OL   one leader for each epoch
//   CNL  what was exposed is, and stays, on the disks of a quorum, and in every later leader
//   AD   an ACK is for what is on disk
//   EH   currentEpoch is on disk after the history it stands for; epochs never go back
//   ED   what a server claims in a vote or in discovery is on its disk, and all that it ever
//        acknowledged is in it
//   LC   a log has no gap
//   SW   a process numbers its writes 1, 2, 3 ...
//   ML   messages come in turn
//   FO   a session's writes are committed in their order, with none left out
//   CF   only voters vote, lead and count; a configuration that takes another's place is on the
//        disks of a quorum of each, and is the same for all who have it
//
// A state counts as exposed, and its last transaction as committed, from when a server that serves
// has it: before that, a server may well have in its state what is not committed, as after a start.
class ZabCheckers {
 public:
  using Config = std::shared_ptr<const zab::Ensemble>;
  // `servers`: how many there are, some of which may be in no configuration yet; 0: its members.
  explicit ZabCheckers(const zab::Ensemble& ensemble, std::size_t servers = 0);

  // All four outlive this.
  void watch(ServerId server, const DiskImage& image, const ModelLog& log,
             const StateMachine& state);
  // What every server begins with.
  void preload(const std::vector<zab::Txn>& txns);

  bool ok() const { return violation_.empty(); }
  const std::string& violation() const { return violation_; }  // "PC: server 2 ..."; empty: none
  // For those who check something else.
  void fail(std::string_view code, ServerId server, std::string_view what);

  // --- what happens, when it does
  void started(ServerId server);
  void stopped(ServerId server);
  void wiped(ServerId server);  // nothing is left of all that it said it had
  void configured(ServerId server, Config committed, Config last_seen);
  void proposed(ServerId server, const zab::Txn& txn);
  void role_changed(ServerId server, const zab::RoleChanged& change);
  void delivered(ServerId server);  // the state has one more
  void asked(ServerId server, const DiskWrite& write);
  void written(ServerId server, const DiskWrite& write);  // it is on the disk now
  void notified(ServerId server, ServerId to, const zab::Notification& notification);
  void says(LinkEnd end, ServerId server, ServerId peer, const Speech& speech);
  void hears(LinkEnd end, ServerId server, const Speech& speech);
  void ended(LinkEnd end);
  void step_ended(ServerId server);

  // Everything that was ever exposed.
  const std::vector<Entry>& committed() const { return committed_; }
  bool is_committed(Zxid zxid) const;
  // That transaction of the leader's log, or all up to it.
  bool is_on_a_quorum(ServerId leader, Zxid zxid) const;
  // Whether all that was ever promised and committed is with a quorum that serves, without it.
  bool may_lose(ServerId server) const;
  const zab::Txn* proposal(Zxid zxid) const;              // null: nobody ever proposed it
  std::uint64_t elections() const { return elections_; }  // that ended with a leader who serves
  std::uint64_t configurations() const { return configs_.size(); }  // that were ever in force
  // What the server has for committed; and that of a version, if anybody ever had it.
  const Config& configuration(ServerId server) const { return view(server).committed; }
  Config known_configuration(std::int64_t version) const;
  const Config& newest_configuration() const { return config_; }
  bool serves(ServerId server) const { return view(server).role != zab::Role::kLooking; }
  zab::Role role(ServerId server) const { return view(server).role; }
  Epoch epoch(ServerId server) const { return view(server).epoch; }

 private:
  // What is seen and remembered of a server.
  struct View {
    ServerId id;
    const DiskImage* image = nullptr;
    const ModelLog* log = nullptr;
    const StateMachine* state = nullptr;
    bool running = false;
    zab::Role role = zab::Role::kLooking;
    Epoch epoch;
    bool fresh = false;  // began to serve in this step
    std::uint64_t last_ticket = 0;
    Zxid acked;
    Epoch accepted_epoch;  // on disk, when last looked at
    Epoch current_epoch;
    Config committed, last_seen, before;  // in force; what was committed before

    bool may_vote(ServerId voter) const;
    bool observes() const;
  };
  // What is known of an epoch.
  struct Leadership {
    std::optional<ServerId> leader;
    std::optional<Entry> initial;     // the end of the history that it begins with
    std::vector<zab::Txn> proposals;  // by counter, from 1
    bool served = false;              // somebody led in it, and served
  };

  View& view(ServerId server);
  const View& view(ServerId server) const;
  void claim_leadership(const View& leader, Epoch epoch);
  void claim(const View& server, Zxid zxid, Epoch epoch, std::string_view where);
  void expose(View& server);
  void commit(const View& server, const Entry& entry);
  void check_origin(const View& server, const Entry& last, const Entry& entry);
  void check_session(const View& server, const zab::Txn& txn);
  void check_appended(const View& server, std::size_t count);
  void check_epochs(View& server);
  void check_kept(const View& server);
  void check_payload(const View& server, const zab::Txn& txn);

  void learner_says(const View& learner, const ZabConversation& conversation,
                    const zab::Message& message);
  void learner_acks(View& learner, const ZabConversation& conversation, Zxid zxid);
  void leader_says(const View& leader, const ZabConversation& conversation,
                   const zab::Message& message);
  std::string converse(LinkEnd end, Side speaker, const Speech& speech);
  ZabConversation& conversation(LinkEnd end);

  template <typename Holds>
  std::uint32_t set_of(const Holds& holds) const;
  template <typename Holds>
  bool quorum_of(const Holds& holds) const;

  void take_over(const View& server, const Config& next);

  Config config_;  // the latest one that anybody has for committed
  std::map<std::int64_t, Config> configs_;
  std::vector<bool> quorums_;  // of that one, by the set of servers, as bits
  std::vector<View> views_;    // by id
  std::map<Epoch, Leadership> epochs_;
  Epoch established_;  // the latest one that somebody serves in, or did
  std::vector<Entry> committed_;
  std::unordered_map<SessionId, std::int32_t> last_cxid_;  // of what is committed
  std::unordered_map<std::uint64_t, ZabConversation> conversations_;
  std::uint64_t elections_ = 0;
  std::string violation_;
};

// Whether these servers, as bits from that of server 1 on, may decide: counted here once more,
// apart from what is tested.
bool model_quorum(const zab::Ensemble& ensemble, std::uint32_t servers);

}  // namespace paddock::test
