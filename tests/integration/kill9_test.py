"""kill -9 under write load, many times in a row: what was acknowledged is there, and nothing else.

After each kill the folder of each writer must look like the model of tests/support/write_model.py.
KILL9_ROUNDS sets the number of kills.
"""

import os
import random
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../support"))
import raw_client
from paddock_process import ServerProcess, wait_until
from raw_client import Closed, RawClient, Refused
from write_model import Writer

ROUNDS = int(os.environ.get("KILL9_ROUNDS", "50"))
SEED = int(os.environ.get("KILL9_SEED", "0")) or random.randrange(1, 1 << 32)
WRITERS = 4
IN_FLIGHT = 32
ACKNOWLEDGED_MAX = 800  # of all writers, in one round
TICK_MS = 200
LONG_SESSION_MS = 20 * TICK_MS
SHORT_SESSION_MS = 2 * TICK_MS


class LocalWriter(Writer):
    """Writes as fast as it is answered, until its server goes away."""

    def __init__(self, index):
        super().__init__("/kill9-%d" % index, LONG_SESSION_MS, IN_FLIGHT)
        self.failure = None

    def run(self, on_acknowledged):
        """Thread body: writes until the connection is closed."""
        try:
            self.write(on_acknowledged)
        except Closed:
            pass
        except Exception as e:  # pylint: disable=broad-except
            self.failure = "%s: %r" % (self.folder, e)


class Kill9(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(SEED)
        self.server = ServerProcess({"tickTime": TICK_MS, "snapCount": 500, "maxClientCnxns": 0})
        self.addCleanup(self.server.close)
        self.acknowledged = threading.Semaphore(0)

    def test_keeps_what_it_acknowledged_and_nothing_half(self):
        print("seed %d" % SEED)
        writers = [LocalWriter(i) for i in range(WRITERS)]
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
