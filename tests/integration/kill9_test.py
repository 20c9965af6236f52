"""kill -9 under write load, many times in a row: what was acknowledged is there, and nothing else.

Each writer has a session and a folder of its own and pipelines writes whose effect a small model
predicts exactly, names of sequential nodes included. After each kill the folder must look like the
model after some number of the writer's requests: at least those acknowledged, at most those sent.
So no acknowledged write is lost, no multi is half there, no sequential number repeats, and the
requests of a session are never applied out of order. KILL9_ROUNDS sets the number of kills.
"""

import collections
import os
import random
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../support"))
import raw_client
from paddock_process import ServerProcess, wait_until
from raw_client import Closed, RawClient, Refused

ROUNDS = int(os.environ.get("KILL9_ROUNDS", "50"))
SEED = int(os.environ.get("KILL9_SEED", "0")) or random.randrange(1, 1 << 32)
WRITERS = 4
IN_FLIGHT = 32
ACKNOWLEDGED_MAX = 800  # of all writers, in one round
KEPT = 25               # nodes of each kind that a folder holds before the oldest is deleted
TICK_MS = 200
LONG_SESSION_MS = 20 * TICK_MS
SHORT_SESSION_MS = 2 * TICK_MS


class Model:
    """What a writer's folder holds after each of its requests."""

    def __init__(self):
        self.register = self.left = self.right = 0
        self.queue = {}  # name: data
        self.marks = []
        self.next_number = 0
        self.step = 0

    def copy(self):
        other = Model()
        other.__dict__.update(self.__dict__, queue=dict(self.queue), marks=list(self.marks))
        return other

    def next_request(self, folder):
        """The request of the next step, as (op code, record)."""
        n = self.step + 1
        if n % 3 == 0:
            return raw_client.SET_DATA, raw_client.set_data(folder + "/register", b"%d" % n)
        if n % 3 == 1:
            if len(self.queue) >= KEPT:
                return raw_client.DELETE, raw_client.delete(folder + "/queue/" + min(self.queue))
            return raw_client.CREATE, raw_client.create(folder + "/queue/q-", b"%d" % n,
                                                        raw_client.SEQUENTIAL)
        operations = [
            (raw_client.SET_DATA, raw_client.set_data(folder + "/left", b"%d" % n)),
            (raw_client.CREATE, raw_client.create("%s/marks/%d" % (folder, n))),
            (raw_client.SET_DATA, raw_client.set_data(folder + "/right", b"%d" % n))]
        if len(self.marks) >= KEPT:
            operations.insert(1, (raw_client.DELETE, raw_client.delete(
                "%s/marks/%d" % (folder, self.marks[0]))))
        return raw_client.MULTI, raw_client.multi(operations)

    def apply_next(self):
        """Takes the effect of next_request(); returns the name that a create answers, if any."""
        self.step += 1
        if self.step % 3 == 0:
            self.register = self.step
        elif self.step % 3 == 2:
            self.left = self.right = self.step
            if len(self.marks) >= KEPT:
                self.marks.pop(0)
            self.marks.append(self.step)
        elif len(self.queue) >= KEPT:
            del self.queue[min(self.queue)]
        else:
            name = "q-%010d" % self.next_number
            self.next_number += 1
            self.queue[name] = b"%d" % self.step
            return name
        return None

    def state(self):
        return (self.register, self.left, self.right, sorted(self.queue.items()),
                sorted(self.marks))


class Writer:
    """A session that writes as fast as it is answered, until its server goes away."""

    def __init__(self, index):
        self.folder = "/kill9-%d" % index
        self.acknowledged = Model()
        self.sent = Model()
        self.client = None
        self.failure = None
        self.acknowledged_count = 0

    def connect(self, port):
        """Attaches to the session; that the server knows every zxid it ever told is a check too."""
        old = self.client
        self.close()
        self.client = RawClient(port, LONG_SESSION_MS) if old is None else RawClient(
            port, LONG_SESSION_MS, old.session_id, old.password, old.last_zxid)

    def close(self):
        if self.client is not None:
            self.client.close()

    def prepare(self):
        for path, data, flags in (("", b"", 0), ("/register", b"0", 0), ("/left", b"0", 0),
                                  ("/right", b"0", 0), ("/queue", b"", 0), ("/marks", b"", 0),
                                  ("/alive", b"", raw_client.EPHEMERAL)):
            reply = self.client.call(raw_client.CREATE,
                                     raw_client.create(self.folder + path, data, flags))
            assert reply.error == raw_client.OK, (path, reply)

    def run(self, on_acknowledged):
        """Thread body: writes until the connection is closed."""
        expected = collections.deque()
        try:
            while True:
                while len(expected) < IN_FLIGHT:
                    op, record = self.sent.next_request(self.folder)
                    name = self.sent.apply_next()
                    expected.append((self.client.send(op, record), name))
                self._take_reply(*expected.popleft())
                on_acknowledged()
        except Closed:
            pass
        except Exception as e:  # pylint: disable=broad-except
            self.failure = "%s: %r" % (self.folder, e)

    def _take_reply(self, xid, name):
        reply = self.client.receive()
        assert (reply.xid, reply.error) == (xid, raw_client.OK), "request %d: %r" % (xid, reply)
        if name is not None:
            path = raw_client.ustring_at(reply.body)[0]
            assert path == "%s/queue/%s" % (self.folder, name), (path, name)
        self.acknowledged.apply_next()
        self.acknowledged_count += 1

    def verify(self):
        """Finds how many requests the server has applied, or fails; writing goes on from there."""
        found = self._read_folder()
        model = self.acknowledged.copy()
        while model.state() != found:
            if model.step >= self.sent.step:
                raise AssertionError(
                    "%s is like no state between request %d (acknowledged) and %d (sent): found %r, "
                    "acknowledged %r" % (self.folder, self.acknowledged.step, self.sent.step, found,
                                         self.acknowledged.state()))
            model.apply_next()
        self.acknowledged = model
        self.sent = model.copy()

    def _read_folder(self):
        register, left, right = (int(self._get(name)) for name in ("register", "left", "right"))
        queue = {name: self._get("queue/" + name) for name in self._list("queue")}
        marks = [int(name) for name in self._list("marks")]
        return register, left, right, sorted(queue.items()), sorted(marks)

    def _get(self, name):
        return raw_client.data_and_stat(self._read(raw_client.GET_DATA, name).body)[0]

    def _list(self, name):
        return raw_client.names(self._read(raw_client.GET_CHILDREN, name).body)

    def _read(self, op, name):
        reply = self.client.call(op, raw_client.read("%s/%s" % (self.folder, name)))
        assert reply.error == raw_client.OK, (name, reply)
        return reply

    def verify_session(self):
        _, stat = raw_client.data_and_stat(self._read(raw_client.GET_DATA, "alive").body)
        assert stat.ephemeral_owner == self.client.session_id, self.folder


class Kill9(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(SEED)
        self.server = ServerProcess({"tickTime": TICK_MS, "snapCount": 500, "maxClientCnxns": 0})
        self.addCleanup(self.server.close)
        self.acknowledged = threading.Semaphore(0)

    def test_keeps_what_it_acknowledged_and_nothing_half(self):
        print("seed %d" % SEED)
        writers = [Writer(i) for i in range(WRITERS)]
        self.server.start()
        for writer in writers:
            self.addCleanup(writer.close)
            writer.connect(self.server.port)
            writer.prepare()
        for round_number in range(ROUNDS):
            try:
                self.one_kill(writers, round_number)
            except Exception as e:
                raise AssertionError("in round %d, seed %d" % (round_number, SEED)) from e
        total = sum(writer.acknowledged_count for writer in writers)
        print("%d kills, %d acknowledged writes" % (ROUNDS, total))

    def one_kill(self, writers, round_number):
        abandoned, closed = self.extra_sessions(round_number)
        self.write_until_killed(writers)
        if round_number % 5 == 4:
            self.kill_while_it_recovers()
        self.server.start()
        for writer in writers:
            writer.connect(self.server.port)
            writer.verify()
            writer.verify_session()
        self.verify_extra_sessions(writers[0].client, round_number, abandoned, closed)

    def write_until_killed(self, writers):
        threads = [threading.Thread(target=w.run, args=(self.acknowledged.release,))
                   for w in writers]
        for thread in threads:
            thread.start()
        for _ in range(self.random.randrange(1, ACKNOWLEDGED_MAX)):
            if not self.acknowledged.acquire(timeout=30):
                break
        self.server.kill()
        for thread in threads:
            thread.join()
        while self.acknowledged.acquire(blocking=False):
            pass
        self.assertEqual([w.failure for w in writers if w.failure], [], self.server.log()[-4000:])

    def kill_while_it_recovers(self):
        self.server.spawn()
        threading.Event().wait(self.random.uniform(0, 0.2))
        self.server.kill()

    def extra_sessions(self, round_number):
        """One session that nobody comes back to, and one that is closed before the kill."""
        sessions = []
        for name, timeout_ms in (("abandoned", SHORT_SESSION_MS), ("closed", LONG_SESSION_MS)):
            client = RawClient(self.server.port, timeout_ms)
            reply = client.call(raw_client.CREATE, raw_client.create(
                "/%s-%d" % (name, round_number), flags=raw_client.EPHEMERAL))
            self.assertEqual(reply.error, raw_client.OK)
            sessions.append(client)
        self.assertEqual(sessions[1].call(raw_client.CLOSE_SESSION).error, raw_client.OK)
        for client in sessions:
            client.close()
        return sessions

    def verify_extra_sessions(self, client, round_number, abandoned, closed):
        def gone(name):
            path = raw_client.read("/%s-%d" % (name, round_number))
            return client.call(raw_client.EXISTS, path).error == raw_client.NO_NODE
        self.assertTrue(gone("closed"), "an ephemeral of a closed session is back")
        wait_until(lambda: gone("abandoned"), 30, "the ephemeral of an expired session goes")
        for session in (abandoned, closed):
            with self.assertRaises(Refused):
                RawClient(self.server.port, LONG_SESSION_MS, session.session_id, session.password)


if __name__ == "__main__":
    unittest.main()
