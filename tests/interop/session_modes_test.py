"""Local sessions, read-only mode and leaderServes=no, on Paddock and ZooKeeper 3.8.0 together.

With SERVER=zookeeper in the environment every server is ZooKeeper, which answers the same.
"""

import contextlib
import ctypes
import ctypes.util
import os
import struct
import sys
import unittest

from kazoo.client import KazooClient, KeeperState
from kazoo.exceptions import NotReadOnlyCallError

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../support"))
import raw_client
from ensemble import PADDOCK, ZOOKEEPER, Ensemble
from paddock_process import wait_until
from raw_client import Closed, RawClient, Refused, create, multi

LOCAL = {"localSessionsEnabled": "true", "localSessionsUpgradingEnabled": "true"}
WITHOUT_UPGRADE = {**LOCAL, "localSessionsUpgradingEnabled": "false"}
READ_ONLY = {"readonlymode.enabled": "true", **LOCAL}  # ZooKeeper's needs them for its own sessions
SYNC = 9
EPHEMERAL_ON_LOCAL_SESSION = -120
DEADLINE_S = 30


def ephemeral(path):
    return create(path, b"", raw_client.EPHEMERAL)


def isro(member):
    try:
        return member.four_letter_word("isro")
    except OSError:
        return None  # it does not listen yet


@contextlib.contextmanager
def running(voters, observers=(), config=None):
    """Server 3 leads: nobody has anything, and of the two that begin its number is the larger."""
    with Ensemble(voters, observers, config, first=[2, 3]) as ensemble:
        assert ensemble.wait_for_leader().number == 3
        ensemble.start([m for m in ensemble if not m.running])
        yield ensemble


class CClient:
    """ZooKeeper's C library, of which a session that accepts read-only servers is wanted here."""

    LIBRARY = ctypes.util.find_library("zookeeper_mt")
    READ_ONLY_FLAG, LOG_ERRORS = 1, 1
    CONNECTED, CONNECTED_READ_ONLY = 3, 5
    NOT_READ_ONLY = -119

    def __init__(self, ensemble):
        self.library = ctypes.CDLL(self.LIBRARY)
        self.library.zoo_set_debug_level(self.LOG_ERRORS)
        self.library.zookeeper_init.restype = ctypes.c_void_p
        hosts = ",".join("127.0.0.1:%d" % m.port for m in ensemble)
        self.handle = ctypes.c_void_p(self.library.zookeeper_init(
            hosts.encode(), None, 20000, None, None, self.READ_ONLY_FLAG))

    def close(self):
        self.library.zookeeper_close(self.handle)

    def wait_for(self, state):
        wait_until(lambda: self.library.zoo_state(self.handle) == state, DEADLINE_S,
                   "the C client's state is %d" % state)

    def get(self, path):
        data = ctypes.create_string_buffer(100)
        size = ctypes.c_int(len(data))
        error = self.library.zoo_get(self.handle, path.encode(), 0, data, ctypes.byref(size), None)
        return error, data.raw[:max(size.value, 0)]

    def set(self, path, data):
        return self.library.zoo_set(self.handle, path.encode(), data, len(data), -1)


class LocalSessions:
    voters = ()

    def run_on_each(self, config, test):
        with running(self.voters, (PADDOCK,), config) as ensemble:
            for member in ensemble:
                with self.subTest(str(member)):
                    test(ensemble, member)
            ensemble.check_same_everywhere()

    def test_need_no_transaction_and_stay_where_they_are(self):
        def test(ensemble, member):
            client = RawClient(member.port)
            client.call(SYNC, raw_client.ustring("/"))
            zxid = member.status().zxid
            client.call(raw_client.CLOSE_SESSION)
            client = RawClient(member.port)
            self.assertEqual(member.metric("zk_local_sessions"), 1)
            elsewhere = next(m for m in ensemble if m is not member)
            with self.assertRaises(Refused):
                RawClient(elsewhere.port, session_id=client.session_id, password=client.password)
            again = RawClient(member.port, session_id=client.session_id, password=client.password)
            self.assertEqual(again.session_id, client.session_id)
            self.assertEqual(member.status().zxid, zxid)
            written = again.call(raw_client.CREATE, create("/local-%d" % member.number))
            self.assertEqual(written.error, raw_client.OK)
            closed = again.call(raw_client.CLOSE_SESSION)
            self.assertEqual((closed.error, closed.zxid), (raw_client.OK, written.zxid))
            with self.assertRaises(Refused):
                RawClient(member.port, session_id=client.session_id, password=client.password)
            self.assertEqual(member.metric("zk_local_sessions"), 0)
        self.run_on_each(LOCAL, test)

    def test_become_the_ensembles_with_their_first_ephemeral_node(self):
        def test(ensemble, member):
            for name, op, record in (
                    ("/a-%d", raw_client.CREATE, ephemeral),
                    ("/b-%d", raw_client.MULTI,
                     lambda path: multi([(raw_client.CREATE, create(path + "-p")),
                                         (raw_client.CREATE, ephemeral(path))]))):
                path = name % member.number
                client = RawClient(member.port)
                self.assertEqual(client.call(op, record(path)).error, raw_client.OK)
                self.assertEqual(member.metric("zk_local_sessions"), 0)
                elsewhere = next(m for m in ensemble if m is not member)
                moved = RawClient(elsewhere.port, session_id=client.session_id,
                                  password=client.password, last_zxid=0)
                self.assertEqual(moved.session_id, client.session_id)
                self.assertEqual(moved.call(raw_client.CLOSE_SESSION).error, raw_client.OK)
                other = RawClient(elsewhere.port)
                self.assertEqual(other.call(raw_client.EXISTS, raw_client.read(path)).error,
                                 raw_client.NO_NODE)
                other.call(raw_client.CLOSE_SESSION)
        self.run_on_each(LOCAL, test)

    def test_get_no_ephemeral_node_without_an_upgrade(self):
        def test(_, member):
            client = RawClient(member.port, timeout_ms=2000)
            path = "/e-%d" % member.number
            self.assertEqual(client.call(raw_client.CREATE, ephemeral(path)).error,
                             EPHEMERAL_ON_LOCAL_SESSION)
            reply = client.call(raw_client.MULTI, multi([(raw_client.CREATE, create(path + "-p")),
                                                         (raw_client.CREATE, ephemeral(path))]))
            (second,) = struct.unpack_from(">i", reply.body, 13 + 9)
            self.assertIn(second, (-112, EPHEMERAL_ON_LOCAL_SESSION))
            for name in (path, path + "-p"):
                self.assertEqual(client.call(raw_client.EXISTS, raw_client.read(name)).error,
                                 raw_client.NO_NODE)
            with self.assertRaises(Closed):  # it falls silent, and expires
                client.receive()
        self.run_on_each(WITHOUT_UPGRADE, test)


class LocalSessionsUnderPaddock(LocalSessions, unittest.TestCase):
    voters = (ZOOKEEPER, PADDOCK, PADDOCK)


class LocalSessionsUnderZooKeeper(LocalSessions, unittest.TestCase):
    voters = (PADDOCK, PADDOCK, ZOOKEEPER)


class ReadOnlyMode(unittest.TestCase):
    """Server 1 of three is left alone."""

    def test_serves_readers_until_there_is_a_quorum_again(self):
        with running((PADDOCK,) * 3, config=READ_ONLY) as ensemble:
            alone = ensemble[1]
            with contextlib.closing(RawClient(alone.port)) as writer:
                for path in ("/a", "/e"):
                    record = ephemeral(path) if path == "/e" else create(path, b"data")
                    self.assertEqual(writer.call(raw_client.CREATE, record).error, raw_client.OK)
                session = writer.session_id, writer.password
            zxid = alone.status().zxid
            states = []
            client = KazooClient(",".join("127.0.0.1:%d" % m.port for m in ensemble),
                                 read_only=True, timeout=20)
            client.add_listener(lambda _: states.append(client.client_state))
            self.addCleanup(client.close)
            self.addCleanup(client.stop)
            client.start(DEADLINE_S)

            for member in ensemble.others(alone):
                member.kill()
            wait_until(lambda: isro(alone) == "ro", DEADLINE_S, "read-only")
            self.assertEqual((alone.status().mode, alone.status().zxid), ("read-only", zxid))
            self.assertIn("READ-ONLY mode; serving only read-only clients\n",
                          alone.four_letter_word("stat"))
            self.assertIn("zk_server_state\tread-only\n", alone.four_letter_word("mntr"))
            with self.assertRaises(Closed):
                RawClient(alone.port)  # does not say that it would accept this

            # kazoo gives its old session up by itself: a read-only server does not know it.
            reader = KazooClient("127.0.0.1:%d" % alone.port, read_only=True, timeout=20)
            self.addCleanup(reader.close)
            self.addCleanup(reader.stop)
            reader.start(DEADLINE_S)
            self.assertEqual(reader.client_state, KeeperState.CONNECTED_RO)
            self.assertEqual(reader.get("/a")[0], b"data")
            self.assertIsNotNone(reader.exists("/e"))
            for change in (lambda: reader.create("/b"), lambda: reader.set("/a", b""),
                           lambda: reader.delete("/a"), lambda: reader.sync("/")):
                self.assertRaises(NotReadOnlyCallError, change)
            self.assertEqual(alone.status().zxid, zxid)

            ensemble.start(ensemble.others(alone))
            wait_until(lambda: isro(alone) == "rw", DEADLINE_S, "read-write")
            wait_until(lambda: client.client_state == KeeperState.CONNECTED, DEADLINE_S,
                       "the client that was there before writes again")
            client.create("/c")
            back = RawClient(alone.port, session_id=session[0], password=session[1])
            self.assertEqual(back.session_id, session[0])
            self.assertEqual(back.call(raw_client.EXISTS, raw_client.read("/e")).error,
                             raw_client.OK)
            ensemble.check_same_everywhere()

    def test_does_not_harm_the_synchronization_that_follows(self):
        """Row 21 of the fault catalogue: what a read-only server claims is what it has."""
        for kind in (PADDOCK, ZOOKEEPER):
            with self.subTest(kind), running((PADDOCK, kind, kind), config=READ_ONLY) as ensemble:
                alone, others = ensemble[1], ensemble.others(ensemble[1])
                with contextlib.closing(RawClient(alone.port)) as client:
                    for i in range(20):
                        client.call(raw_client.CREATE, create("/n%d" % i))
                for member in others:
                    member.kill()
                wait_until(lambda: isro(alone) == "ro", DEADLINE_S, "read-only")
                alone.kill()
                ensemble.start(others)
                with contextlib.closing(RawClient(others[0].port)) as client:
                    for i in range(20, 40):
                        client.call(raw_client.CREATE, create("/n%d" % i))
                for member in others:
                    member.kill()
                alone.spawn()  # read-only from its start on, and behind
                wait_until(lambda: isro(alone) == "ro", DEADLINE_S, "read-only")
                ensemble.start(others)
                wait_until(lambda: isro(alone) == "rw", DEADLINE_S, "quorum")
                tree = ensemble.check_same_everywhere()
                self.assertLessEqual({"/n%d" % i for i in range(40)}, set(tree))


    @unittest.skipUnless(CClient.LIBRARY, "libzookeeper-mt2 is not installed")
    def test_serves_the_c_client_likewise(self):
        with running((PADDOCK,) * 3, config=READ_ONLY) as ensemble:
            alone = ensemble[1]
            with contextlib.closing(RawClient(alone.port)) as writer:
                reply = writer.call(raw_client.CREATE, create("/a", b"data"))
                self.assertEqual(reply.error, raw_client.OK)
            for member in ensemble.others(alone):
                member.kill()
            wait_until(lambda: isro(alone) == "ro", DEADLINE_S, "read-only")
            with contextlib.closing(CClient(ensemble)) as client:
                client.wait_for(CClient.CONNECTED_READ_ONLY)
                self.assertEqual(client.get("/a"), (raw_client.OK, b"data"))
                self.assertEqual(client.set("/a", b"x"), CClient.NOT_READ_ONLY)
                ensemble.start(ensemble.others(alone))
                client.wait_for(CClient.CONNECTED)
                self.assertEqual(client.set("/a", b"new"), raw_client.OK)
                self.assertEqual(client.get("/a"), (raw_client.OK, b"new"))
            ensemble.check_same_everywhere()


class LeaderServesNobody(unittest.TestCase):
    def test_a_leader_without_clients(self):
        with contextlib.closing(Ensemble((PADDOCK,) * 3, config={"leaderServes": "no"})) as ensemble:
            for member in ensemble:
                member.spawn()

            def followers():
                found = [m for m in ensemble if m.status()]
                return found if len(found) == 2 else None
            followers = wait_until(followers, DEADLINE_S, "two of three servers serve")
            (leader,) = (m for m in ensemble if m not in followers)
            self.assertEqual(leader.four_letter_word("isro"), "null")
            with self.assertRaises(Closed):
                RawClient(leader.port)
            with contextlib.closing(RawClient(followers[0].port)) as client:
                self.assertEqual(client.call(raw_client.CREATE, create("/a")).error, raw_client.OK)


if __name__ == "__main__":
    unittest.main()
