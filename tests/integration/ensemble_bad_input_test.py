"""What can be wrong with a member of an ensemble, or with what comes in at its ports.

In each case a server says in its log what is wrong, and the others go on: clients write throughout,
no session expires, and all trees agree in the end. Cases that ZooKeeper has no line for look with
SERVER=zookeeper only at the harm.
"""

import contextlib
import os
import random
import re
import socket
import struct
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../support"))
from client_load import ClientLoad
from cutting_relay import CuttingRelay
from ensemble import DEADLINE_S, PADDOCK, Ensemble
from paddock_process import ServerError, chosen_server, free_port, wait_until
from trees import write_snapshot

SEED = int(os.environ.get("BAD_INPUT_SEED", "0")) or random.randrange(1, 1 << 32)
FIRST_ZXID = 0x100000020
NODES = {"/old": b"", **{"/old/%03d" % i: bytes([i]) * 5000 for i in range(200)}}
FOREIGN_ZXID = 0x900000020
FOREIGN_NODES = {"/foreign": b"of another ensemble"}
NO_LEADER_FOR_S = 4
JAVA_HAS_NO_LINE = None

# What is logged, by the kind of server that logs it.
NOT_A_MEMBER = {"paddock": r"server 9, by itself at .* is not in this server's configuration",
                "zookeeper": r"sid: 9\b|n\.sid:9\b"}
NOT_IN_OWN_LIST = {"paddock": r"myid says that this is server 9, but the server\.N lines",
                   "zookeeper": r"My id 9 not in the peer"}
SAME_NUMBER = {"paddock": r"server 2 has another configuration .*; if there are two servers 2, at ",
               "zookeeper": JAVA_HAS_NO_LINE}
SAME_NUMBER_AGAIN = {"paddock": r"server 2 has connected anew; if that repeats, two servers have 2",
                     "zookeeper": JAVA_HAS_NO_LINE}
FOREIGN = {"paddock": r"server 1 has another configuration .*; if there are two servers 1, at ",
           "zookeeper": JAVA_HAS_NO_LINE}
AMNESIAC = {"paddock": r"server \d votes, and begins without data", "zookeeper": JAVA_HAS_NO_LINE}
AMNESIAC_REFUSED = {"paddock": r"holds no data, and db.autocreate is false",
                    "zookeeper": JAVA_HAS_NO_LINE}
OTHER_CONFIG = {"paddock": r"server 1 has another configuration .*: it has server\.4=.*server\.5=.*"
                           r"; this server has nothing more",
                "zookeeper": JAVA_HAS_NO_LINE}
ELECTION_GARBAGE = {"paddock": r"election port: closed a connection",
                    "zookeeper": r"QuorumCnxManager.*(Exception|version|incorrect|Unexpected)"}
QUORUM_GARBAGE = {"paddock": r"quorum port: closed a connection.*: (?!the peer closed)",
                  "zookeeper": r"LearnerHandler.*(Unexpected|First packet)"}
CUT_SNAPSHOT = {"paddock": r"the leader's snapshot broke off",
                "zookeeper": r"Exception when following the leader"}
OTHER_DIGEST = {"paddock": r"the tree's digest is \w+, but the transaction says",
                "zookeeper": JAVA_HAS_NO_LINE}  # its leader sends SNAP where nothing is missing


class Learner:
    """What a server says when it connects to the quorum port, in bytes."""

    FOLLOWER_INFO = 11

    @staticmethod
    def packet(kind, zxid, data):
        return struct.pack(">iqi", kind, zxid, len(data)) + data + struct.pack(">i", -1)


def garbage(rng):
    """Openings of many kinds, most of them nearly right."""
    random_bytes = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 200)))
    return [
        random_bytes,
        b"GET / HTTP/1.1\r\nHost: here\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + random_bytes,  # a TLS hello
        struct.pack(">q", -65536) + random_bytes,
        struct.pack(">qqi", -65536, 3, 0x7fffffff),
        struct.pack(">qqi", -65536, 3, -1) + random_bytes,
        struct.pack(">qqi", -65536, 77, 14) + b"127.0.0.1:1111" + struct.pack(">i", 0x7fffffff),
        struct.pack(">qqi", -65536, 78, 14) + b"127.0.0.1:1111" + struct.pack(">i", 28) + bytes(27),
        struct.pack(">iqi", Learner.FOLLOWER_INFO, 0, 0x7fffffff),
        struct.pack(">iqi", Learner.FOLLOWER_INFO, 0, -2),
        Learner.packet(Learner.FOLLOWER_INFO, -1, random_bytes),
        Learner.packet(Learner.FOLLOWER_INFO, 0, struct.pack(">qiq", 77, 0x10000, 1 << 62)),
        Learner.packet(3, 1 << 40, b""),
        Learner.packet(rng.randrange(20, 1 << 31), 0, random_bytes),
    ]


def throw(port, data):
    """Sends it, and waits until the server closes, or for as long as a server may take to."""
    with contextlib.suppress(OSError):
        with socket.create_connection(("127.0.0.1", port), 1) as s:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            while s.recv(4096):
                pass


class BadInput(unittest.TestCase):
    @contextlib.contextmanager
    def ensemble(self, config=None, prepare=None):
        """Three servers under load; everything must be well when the block ends."""
        prepare = prepare or (lambda m: write_snapshot(m.data_dir, FIRST_ZXID, NODES))
        with Ensemble([PADDOCK] * 3, config=config, prepare=prepare) as ensemble:
            with ClientLoad(ensemble) as load:
                load.progress()
                yield ensemble, load
                ensemble.wait_serving()
                load.progress()
            load.check()
            print(load.report())

    def assert_logged(self, ensemble, patterns, members=None):
        pattern = patterns[chosen_server()]
        if pattern:
            print(ensemble.wait_for_log(pattern, members))

    def assert_not_flooded(self, members, patterns):
        """Each has told it once of each of those whose configuration is another."""
        if patterns[chosen_server()]:
            for member in members:
                told = re.findall(patterns[chosen_server()], member.log())
                self.assertEqual(len(told), len(set(told)), told)

    def test_a_server_that_is_not_in_its_own_list_does_not_start(self):
        with self.ensemble() as (ensemble, _):
            stranger = ensemble.add_stranger(9, PADDOCK)
            del stranger.config["server.9"]
            stranger.spawn()
            wait_until(lambda: stranger.process.poll() is not None, DEADLINE_S, "it ends")
            self.assertNotEqual(stranger.process.poll(), 0)
            self.assert_logged(ensemble, NOT_IN_OWN_LIST, [stranger])

    def test_a_server_that_no_other_has_in_its_list_changes_nothing(self):
        with self.ensemble() as (ensemble, load):
            leader, epoch = self.leader_and_epoch(ensemble)
            ensemble.add_stranger(9, PADDOCK).spawn()
            self.assert_logged(ensemble, NOT_A_MEMBER)
            load.progress(100)
            self.assertEqual(self.leader_and_epoch(ensemble), (leader, epoch))

    def test_two_servers_with_one_number_leave_the_others_in_peace(self):
        with self.ensemble() as (ensemble, load):
            ensemble.make_leader(ensemble[3], load.progress)
            twin = ensemble.add_stranger(2, PADDOCK)
            twin.spawn()
            self.assert_logged(ensemble, SAME_NUMBER, [ensemble[1]])
            self.assert_logged(ensemble, SAME_NUMBER_AGAIN, [ensemble[3]])
            load.progress(100)
            twin.kill()
            self.assert_not_flooded([ensemble[1], ensemble[3]], SAME_NUMBER)

    def test_a_server_of_another_ensemble_brings_nothing_of_its_own(self):
        with self.ensemble() as (ensemble, load):
            ensemble.make_leader(ensemble[3], load.progress)
            foreigner = ensemble.add_stranger(1, PADDOCK)
            write_snapshot(foreigner.data_dir, FOREIGN_ZXID, FOREIGN_NODES)
            foreigner.spawn()
            self.assert_logged(ensemble, FOREIGN)
            load.progress(100)
            foreigner.kill()
            ensemble.wait_serving()
            load.hold()
            self.assertNotIn("/foreign", ensemble.check_same_everywhere())
            load.release()

    def test_a_wiped_voter_comes_back_while_the_others_serve(self):
        with self.ensemble() as (ensemble, load):
            member = ensemble.others(ensemble.wait_for_leader())[0]
            member.kill()
            member.wipe()
            load.progress()
            self.assertEqual(ensemble.restart_synchronized(member), "SNAP")
            self.assert_logged(ensemble, AMNESIAC, [member])

    def test_a_wiped_voter_and_one_that_lags_are_no_quorum(self):
        """Both together know nothing of what was acknowledged last."""
        with self.ensemble({"db.autocreate": "false"}) as (ensemble, load):
            ensemble.make_leader(ensemble[3], load.progress)
            lagging, wiped, holder = ensemble
            lagging.kill()
            load.progress()
            wiped.kill()
            holder.kill()
            wiped.wipe()
            lagging.spawn()
            wiped.spawn()
            with self.assertRaises(ServerError, msg="a quorum without the last writes"):
                wait_until(ensemble.leader, NO_LEADER_FOR_S, "somebody leads")
            self.assert_logged(ensemble, AMNESIAC_REFUSED, [wiped])
            if wiped.process.poll() is not None:  # it may as well refuse to start
                wiped.kill()
            ensemble.start([holder])
            ensemble.wait_serving([lagging])
            if not wiped.running:
                open(os.path.join(wiped.data_dir, "initialize"), "w").close()
                ensemble.start([wiped])

    def test_a_configuration_that_differs_is_named_and_harms_nobody(self):
        with self.ensemble() as (ensemble, load):
            ensemble.make_leader(ensemble[3], load.progress)
            odd = ensemble[1]
            odd.kill()
            before = dict(odd.config)
            for number in (4, 5):
                odd.config["server.%d" % number] = "127.0.0.1:%d:%d" % (free_port(), free_port())
            odd.spawn()
            self.assert_logged(ensemble, OTHER_CONFIG)
            load.progress(100)
            self.assert_not_flooded(ensemble.others(odd), OTHER_CONFIG)
            odd.kill()
            odd.config = before
            odd.spawn()

    def test_a_rolling_restart_from_three_servers_to_five(self):
        """Between its steps the files differ: those restarted know of five servers, others of three.

        (ZOOKEEPER-3829, 3814)
        """
        with self.ensemble() as (ensemble, load):
            leader = ensemble.wait_for_leader()
            grown = [*ensemble.others(leader), leader]
            five = dict(ensemble.lines)
            for number in (4, 5):
                joiner = ensemble.add_stranger(number, PADDOCK)
                five["server.%d" % number] = joiner.address_line()
            for joiner in ensemble.strangers:
                joiner.config.update(five)
                ensemble.start([joiner])
                load.progress()
            for member in grown:
                member.kill()
                member.config.update(five)
                load.progress()
                ensemble.start([member])
                load.progress()
            for member in grown[:2]:  # of five, three are enough
                member.kill()
            load.progress()
            ensemble.start(grown[:2])
            for number, joiner in enumerate(ensemble.strangers, 4):
                ensemble.members[number] = joiner
            ensemble.strangers.clear()
            load.hold()
            ensemble.check_same_everywhere()
            load.release()

    def test_garbage_on_the_election_port(self):
        self.throw_garbage("election_port", ELECTION_GARBAGE)

    def test_garbage_on_the_quorum_port(self):
        self.throw_garbage("quorum_port", QUORUM_GARBAGE)

    def throw_garbage(self, port, patterns):
        print("seed %d" % SEED)
        rng = random.Random(SEED)
        with self.ensemble() as (ensemble, load):
            before = self.leader_and_epoch(ensemble)
            threads = [threading.Thread(target=throw, args=(getattr(member, port), data))
                       for _ in range(3) for data in garbage(rng) for member in ensemble]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assert_logged(ensemble, patterns)
            load.progress(100)
            self.assertEqual(self.leader_and_epoch(ensemble), before)

    def test_a_snapshot_that_is_cut_in_the_middle_is_asked_for_again(self):
        with self.ensemble() as (ensemble, load):
            leader = ensemble[3]
            ensemble.make_leader(leader, load.progress)
            learner = ensemble[1]
            learner.kill()
            learner.wipe()
            port = free_port()
            learner.config["server.3"] = "127.0.0.1:%d:%d:participant" % (port,
                                                                          leader.election_port)
            with CuttingRelay(port, leader.quorum_port, cut_after=300000, cuts=2) as relay:
                learner.spawn()
                self.assert_logged(ensemble, CUT_SNAPSHOT, [learner])
                wait_until(lambda: relay.cuts_left < 2, DEADLINE_S, "a snapshot is cut")
                learner.kill()  # what it has of the snapshot must not count
                ensemble.start([learner])
                self.assertLessEqual(relay.cuts_left, 0)
                load.progress()
                learner.kill()
            learner.config.update(ensemble.lines)
            ensemble.start([learner])

    def test_a_server_whose_digest_differs_is_found_out(self):
        def prepare(member):
            nodes = dict(NODES, **({"/old/007": b"rotten"} if member.number == 1 else {}))
            write_snapshot(member.data_dir, FIRST_ZXID, nodes)

        with Ensemble([PADDOCK] * 3, prepare=prepare, first=(2, 3)) as ensemble:
            rotten = ensemble[1]
            with ClientLoad(ensemble) as load:
                rotten.spawn()
                load.progress()
                self.assert_logged(ensemble, OTHER_DIGEST, [rotten])
                if chosen_server() == "paddock":
                    wait_until(lambda: rotten.process.poll() is not None, DEADLINE_S, "it ends")
                rotten.kill()
                rotten.wipe()
                load.progress()
                ensemble.start([rotten])
                load.progress()
            load.check()

    @staticmethod
    def leader_and_epoch(ensemble):
        leader = ensemble.wait_for_leader()
        return leader.number, leader.status().zxid >> 32


if __name__ == "__main__":
    unittest.main()
