"""Ensembles of real servers for tests: each member is Paddock or ZooKeeper 3.8.0, as the test says.

    with Ensemble([PADDOCK, ZOOKEEPER, PADDOCK], observers=[ZOOKEEPER]) as ensemble:
        ensemble[2].kill()
        ensemble.wait_for_leader()

Members are numbered from 1, observers after the voters. With SERVER=zookeeper in the environment
every member is ZooKeeper, which shows whether a test asks for more than ZooKeeper itself does. All
ports are free ones of 127.0.0.1; all files are in one folder. When the `with` block ends, every
process is killed and the folder removed; when it ends with an exception, the logs are printed.
"""

import collections
import contextlib
import os
import re
import shutil
import signal
import sys
import tempfile

import raw_client
from paddock_process import ServerError, ServerProcess, chosen_server, free_port, wait_until
from raw_client import RawClient
from trees import difference, read_tree

PADDOCK, ZOOKEEPER = "paddock", "zookeeper"
DEADLINE_S = 60
LOG_TAIL = 20000
LOG_ALARMS = r"^(?:[EF]\d{4} .*|.* ERROR .*|.*[Dd]igest.*)$"  # worth a look however early they were
LOG_ALARMS_MAX = 40
DIGEST_INTERVAL = 128  # a server notes its tree digest at every zxid that this divides

CONFIG = {
    "tickTime": 500,
    "initLimit": 20,
    "syncLimit": 10,
    "maxSessionTimeout": 60000,
    "maxClientCnxns": 0,
    "4lw.commands.whitelist": "*",
    "autopurge.purgeInterval": 0,
}

# ZooKeeper's leader keeps no transactions from before its last snapshot, and can send TRUNC and
# DIFF only with those that it keeps; so it has its default.
SNAP_COUNT = {PADDOCK: 300, ZOOKEEPER: 100000}

# How logs say that a leader brings a learner up to date; {sid} is the learner's number. A learner
# tells how itself. A Java leader, whose word counts for what it did with a Paddock learner, names
# the learner in one line and says how in another of the same thread.
JAVA_LEARNER = r"Peer state changed: \w+ - synchronization - (diff|trunc|snap)"
JAVA_LEADER = r"\[(LearnerHandler-\S+):LearnerHandler@.*Synchronizing .* sid: {sid} "
JAVA_LEADER_HOW = r"\[{thread}:LearnerHandler@.*Sending (DIFF|TRUNC|snap)"
PADDOCK_LEARNER = {
    "TRUNC": r"cut the transaction log after",
    "SNAP": r"installed the leader's snapshot",
    "DIFF": r"(?:FOLLOWING|OBSERVING) server",  # where it has said neither of the others before
}

Status = collections.namedtuple("Status", "mode zxid")


def possible_kind(kind):
    """The kind that a test asks for, unless SERVER wants another."""
    return ZOOKEEPER if chosen_server() == "zookeeper" else kind


class Member(ServerProcess):
    """One server of an ensemble."""

    java_options = {"log_levels": (("quorum", "INFO"), ("learner", "DEBUG")), "heap_mb": 128}

    def __init__(self, number, kind, observer, folder, config):
        super().__init__(config, kind, folder)
        os.makedirs(self.data_dir)
        self.number = number
        self.observer = observer
        self.port = free_port()
        self.quorum_port = free_port()
        self.election_port = free_port()
        self.paused = False
        self.write_myid()

    def __str__(self):
        return "server %d (%s%s)" % (self.number, self.kind, ", observer" if self.observer else "")

    def address_line(self):
        return "%s:%d:%d:%s" % (self.host, self.quorum_port, self.election_port,
                                "observer" if self.observer else "participant")

    def write_myid(self):
        with open(os.path.join(self.data_dir, "myid"), "w") as f:
            f.write("%d\n" % self.number)

    @property
    def running(self):
        return self.process is not None

    def spawn(self):
        assert not self.running
        self.config["snapCount"] = SNAP_COUNT[self.kind]
        super().spawn()

    def pause(self):
        """Stops every thread; on a busy machine some run on for a while after the signal."""
        self.process.send_signal(signal.SIGSTOP)
        self.paused = True
        wait_until(lambda: set(self._thread_states()) == {"T"}, DEADLINE_S, "%s stops" % self)

    def _thread_states(self):
        folder = "/proc/%d/task" % self.pid
        for thread in os.listdir(folder):
            with open("%s/%s/stat" % (folder, thread)) as f:
                yield f.read().rpartition(")")[2].split()[0]

    def resume(self):
        self.process.send_signal(signal.SIGCONT)
        self.paused = False

    def stop(self):
        if self.paused:
            self.resume()
        return super().stop()

    def kill(self):
        self.paused = False
        return super().kill()

    def wipe(self):
        """Loses all data but the server's number, as a new disk does."""
        assert not self.running
        shutil.rmtree(self.data_dir)
        os.makedirs(self.data_dir)
        self.write_myid()

    def become(self, kind):
        """From the next start on, a server of this kind serves the folder."""
        assert not self.running
        self.kind = possible_kind(kind)

    def runs_as(self, kind):
        return self.running and self.kind == possible_kind(kind)

    def status(self):
        """Mode and last zxid, or None while it does not serve."""
        if not self.running or self.paused:
            return None
        try:
            answer = self.four_letter_word("srvr", timeout_s=2)
        except OSError:
            return None
        fields = dict(re.findall(r"^(Mode|Zxid): (\S+)", answer, re.M))
        return Status(fields["Mode"], int(fields["Zxid"], 16)) if len(fields) == 2 else None

    def metric(self, name):
        found = re.search(r"^%s\t(\S+)$" % name, self.four_letter_word("mntr"), re.M)
        if not found:
            raise ServerError("%s: mntr has no %s" % (self, name))
        return int(float(found.group(1)))

    def digests(self):
        """The tree digests that it noted on its way, by zxid."""
        return dict(re.findall(r"^([0-9a-f]+): (-?\d+)$", self.four_letter_word("hash"), re.M))

    def log_size(self):
        """A mark for log_since() and the waits below."""
        return os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0

    def log_since(self, mark):
        with open(self.log_path, "rb") as f:
            f.seek(mark)
            return f.read().decode(errors="replace")

    def wait_for_log_since(self, mark, pattern, deadline_s=DEADLINE_S):
        return wait_until(lambda: re.search(pattern, self.log_since(mark)), deadline_s,
                          "%s logs %r; it logged:\n%s" % (
                              self, pattern, self.log_since(mark)[-LOG_TAIL:]))

    def has_logged_transaction(self, marker):
        """Whether these bytes are in a transaction log of this server, committed or not."""
        folder = os.path.join(self.data_log_dir, "version-2")
        for name in os.listdir(folder):
            if name.startswith("log."):
                with open(os.path.join(folder, name), "rb") as f:
                    if marker in f.read():
                        return True
        return False


def synchronization(learner, learner_log, leader, leader_log):
    """DIFF, TRUNC or SNAP, as the logs say it; None if they do not."""
    if learner.kind == ZOOKEEPER:
        found = re.findall(JAVA_LEARNER, learner_log)
    elif leader.kind == ZOOKEEPER:
        threads = re.findall(JAVA_LEADER.format(sid=learner.number), leader_log)
        found = threads and re.findall(JAVA_LEADER_HOW.format(thread=re.escape(threads[0])),
                                       leader_log)
    else:
        line = "|".join("(?P<%s>%s)" % each for each in PADDOCK_LEARNER.items())
        found = [match.lastgroup for match in re.finditer(line, learner_log)]
    return found[0].upper() if found else None


class Ensemble:
    make_member = Member

    def __init__(self, voters, observers=(), config=None, prepare=None, first=None):
        """voters, observers: the kind of each.

        prepare: called with each member before its first start, to give it data.
        first: the numbers of those that the `with` block begins with, if not with all.
        """
        self.folder = tempfile.mkdtemp(prefix="paddock-test-")
        self.members = {}
        self.strangers = []
        self.first = first
        for kind in (*voters, *observers):
            number = len(self.members) + 1
            self.members[number] = self.make_member(
                number, possible_kind(kind), number > len(voters),
                os.path.join(self.folder, "server-%d" % number), {**CONFIG, **(config or {})})
        self.lines = {"server.%d" % m.number: m.address_line() for m in self}
        for member in self:
            member.config.update(self.lines)
            if prepare is not None:
                prepare(member)

    def __enter__(self):
        try:
            return self.start([self[number] for number in self.first or self.members])
        except BaseException:
            self.print_logs()
            self.close()
            raise

    def __exit__(self, exception_type, *_):
        if exception_type is not None:
            self.print_logs()
        self.close()

    def __iter__(self):
        return iter(self.members.values())

    def __getitem__(self, number):
        return self.members[number]

    @property
    def voters(self):
        return [m for m in self if not m.observer]

    @property
    def serving_ports(self):
        return [m.port for m in self if m.running and not m.paused]

    def others(self, member):
        """The voters but this one."""
        return [m for m in self.voters if m is not member]

    def start(self, members=None):
        """Starts these, or all, and returns once each serves clients."""
        members = list(members or self)
        for member in members:
            member.spawn()
        self.wait_serving(members)
        return self

    def wait_serving(self, members=None):
        for member in members or self:
            def serves(member=member):
                if member.process.poll() is not None:
                    raise ServerError("%s ended with %d" % (member, member.process.returncode))
                return member.status()
            wait_until(serves, DEADLINE_S, "%s serves" % member, step_s=0.05)

    def add_stranger(self, number, kind, config=None):
        """A server that the members know nothing of, though it takes itself for one of them."""
        stranger = Member(number, possible_kind(kind), False, os.path.join(
            self.folder, "stranger-%d" % len(self.strangers)), {**CONFIG, **(config or {})})
        self.strangers.append(stranger)
        stranger.config.update(self.lines)
        stranger.config["server.%d" % number] = stranger.address_line()
        return stranger

    def close(self):
        for member in (*self, *self.strangers):
            member.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def print_logs(self):
        for member in (*self, *self.strangers):
            if os.path.exists(member.log_path):
                log = member.log()
                before = re.findall(LOG_ALARMS, log[:-LOG_TAIL], re.M)
                print("--- %s, %s" % (member, "running" if member.running else "down"),
                      *before[:LOG_ALARMS_MAX], "...", log[-LOG_TAIL:], sep="\n", file=sys.stderr)

    def leader(self):
        """The one that leads and serves; None when there is none."""
        for member in self.voters:
            status = member.status()
            if status and status.mode == "leader":
                return member
        return None

    def wait_for_leader(self):
        return wait_until(self.leader, DEADLINE_S, "somebody leads", step_s=0.05)

    def wait_for_log(self, pattern, members=None):
        """The first line of any of these members, or of any member, that matches."""
        def logged():
            for member in members or self:
                found = re.search(r"^.*(?:%s).*$" % pattern, member.log(), re.M)
                if found:
                    return found.group(0)
            return None
        return wait_until(logged, DEADLINE_S, "a server logs %r" % pattern, step_s=0.05)

    def make_leader(self, member, make_progress):
        """Kills the present leader, under load, so that of three voters this one leads.

        make_progress: returns once clients have been answered some more writes. What is written
        while a third voter is down only the leader and `member` have; so once the leader is gone
        and the third one back, no other vote can win.
        """
        leader = self.wait_for_leader()
        if leader is member:
            return
        (third,) = (m for m in self.others(member) if m is not leader)
        third.kill()
        make_progress()
        leader.kill()
        third.spawn()
        found = self.wait_for_leader()
        if found is not member:
            raise ServerError("%s leads, though %s holds more" % (found, member))
        self.start([leader])
        self.wait_serving([third])

    def restart_synchronized(self, member):
        """Starts it; returns how the leader brought it up to date: DIFF, TRUNC or SNAP."""
        leader = self.wait_for_leader()
        marks = member.log_size(), leader.log_size()
        self.start([member])
        return wait_until(lambda: synchronization(member, member.log_since(marks[0]),
                                                  leader, leader.log_since(marks[1])), DEADLINE_S,
                          "%s and %s log how they synchronized" % (leader, member))

    def wait_same_zxid(self):
        def same():
            statuses = [m.status() for m in self]
            return None not in statuses and len({s.zxid for s in statuses}) == 1
        return wait_until(same, DEADLINE_S, "all servers are at one zxid", step_s=0.05)

    def check_same_everywhere(self):
        """Every node, with data, stat and ACL, and the digests, are alike on all servers."""
        mismatches = self.digest_mismatches()
        with self._client(self[1]) as client:
            zxid = self._pass_a_digest(client)
        self.wait_same_zxid()
        self.check_digest_mismatches(mismatches)
        trees = []
        for member in self:
            with self._client(member) as client:
                trees.append(read_tree(client))
        for member, tree in zip(self, trees):
            assert tree == trees[0], "%s and %s differ:\n%s" % (
                self[1], member, difference(trees[0], tree))
        self._check_digests(zxid)
        return trees[0]

    @staticmethod
    def _client(member):
        return contextlib.closing(RawClient(member.port, deadline_s=DEADLINE_S, host=member.host))

    @staticmethod
    def _pass_a_digest(client):
        """Writes up to a zxid at which each server notes a digest."""
        zxid = 1
        while zxid % DIGEST_INTERVAL:
            reply = client.call(raw_client.SET_DATA, raw_client.set_data("/", b""))
            assert reply.error == raw_client.OK, reply
            zxid = reply.zxid
        return zxid

    def _check_digests(self, zxid):
        """At rest: while a learner catches up with a snapshot that ZooKeeper's leader wrote amid
        changes, its digests are of trees that never were.
        """
        digests = [m.digests().get("%x" % zxid) for m in self]
        assert len(set(digests)) == 1 and digests[0], "digests at 0x%x: %r" % (zxid, digests)

    def digest_mismatches(self):
        """How often each ZooKeeper found the tree's digest to be other than the leader's.

        It is not always 0 among ZooKeepers alone: when a leader is lost, one may log transactions
        twice and in the wrong order (ZOOKEEPER-4712), and counts each when it replays them.
        """
        return {m.number: m.metric("zk_digest_mismatches_count")
                for m in self if m.kind == ZOOKEEPER and m.status()}

    def check_digest_mismatches(self, before):
        """None that served before and has not been started anew has found more since."""
        for number, count in self.digest_mismatches().items():
            assert count <= before.get(number, count), (
                "%s found %d digests other than the leader's" % (
                    self[number], count - before[number]))
