"""Clients that mean harm or are broken: others are served meanwhile, and memory does not move."""

import contextlib
import os
import random
import resource
import socket
import struct
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../support"))
import raw_client
from paddock_process import ServerProcess, chosen_server, wait_until
from raw_client import Closed, RawClient

SEED = int(os.environ.get("HOSTILE_SEED", "0")) or random.randrange(1, 1 << 32)
MIB = 1 << 20
RSS_GROWTH_MAX = 16 * MIB
HANDSHAKE_DEADLINE_S = 10  # of the server
DEADLINE_S = 60            # of the test, for anything
HALF_OPEN = 10000


class Bystander:
    """An honest client that reads and writes all the time, and notes its slowest answer."""

    def __init__(self, port):
        self._client = RawClient(port, 40000, deadline_s=DEADLINE_S)
        self._client.call(raw_client.CREATE, raw_client.create("/bystander"))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.served = 0
        self.slowest_s = 0.0
        self.failure = None

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self._client.close()

    def serve_some_more(self, count=20):
        """Returns once the bystander has had so many more answers."""
        target = self.served + count
        wait_until(lambda: self.failure or self.served >= target, DEADLINE_S,
                   "an honest client is served")

    def _run(self):
        try:
            while not self._stop.wait(0.002):
                start = time.monotonic()
                for op, record in (
                        (raw_client.SET_DATA, raw_client.set_data("/bystander", b"%d" % self.served)),
                        (raw_client.GET_DATA, raw_client.read("/bystander"))):
                    assert self._client.call(op, record).error == raw_client.OK
                self.slowest_s = max(self.slowest_s, time.monotonic() - start)
                self.served += 1
        except Exception as e:  # pylint: disable=broad-except
            self.failure = repr(e)


def raise_open_files_limit(wanted):
    """Raises the limit of this process, which the server inherits; returns what it is now."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
            return wanted
        wanted = hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def is_closed_by_peer(connection, deadline_s=DEADLINE_S):
    """Reads until the server closes; False if it does not in time."""
    connection.settimeout(deadline_s)
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        pass
    except TimeoutError:
        return False
    return True


class Hostile(unittest.TestCase):
    def setUp(self):
        self.random = random.Random(SEED)
        self.files_max = raise_open_files_limit(HALF_OPEN + 2000)
        self.server = ServerProcess({"tickTime": 2000, "maxClientCnxns": 0})
        self.addCleanup(self.server.close)
        self.server.start()
        self.bystander = self.enterContext(Bystander(self.server.port))
        self.bystander.serve_some_more(50)
        self.lines_before = self.log_lines()
        self.rss_before = self.server.rss_bytes()

    def tearDown(self):
        with self.subTest(seed=SEED):
            self.bystander.serve_some_more()
            self.assertIsNone(self.bystander.failure)
            self.assertLess(self.bystander.slowest_s, 10)

    def connect(self):
        return self.enterContext(contextlib.closing(
            socket.create_connection(("127.0.0.1", self.server.port), DEADLINE_S)))

    def log_lines(self):
        return len(self.server.log().splitlines())

    def new_log_lines(self):
        return self.log_lines() - self.lines_before

    def assert_memory_has_not_moved(self, growth_max=RSS_GROWTH_MAX):
        growth = self.server.rss_bytes() - self.rss_before
        print("the server grew by %d KiB" % (growth >> 10))
        if chosen_server() == "paddock":  # the JVM takes and keeps what it pleases
            self.assertLess(growth, growth_max)

    def assert_closed_and_logged_once(self, sent, what):
        """One connection that sends this is closed, and one line of the log tells why."""
        lines = self.log_lines()
        connection = self.connect()
        connection.sendall(sent)
        self.assertTrue(is_closed_by_peer(connection), what)
        host, port = connection.getsockname()
        if chosen_server() == "paddock":
            wait_until(lambda: self.log_lines() > lines, DEADLINE_S, "a line in the log: " + what)
            new = self.server.log().splitlines()[lines:]
            self.assertEqual(len(new), 1, new)
            self.assertIn("%s:%d" % (host, port), new[0])

    def test_an_http_request_is_closed_and_logged(self):
        self.assert_closed_and_logged_once(
            b"GET /commands/stat HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n", "HTTP request")

    def test_a_tls_hello_is_closed_and_logged(self):
        self.assert_closed_and_logged_once(
            bytes.fromhex("16030100c8010000c40303") + bytes(200), "TLS hello")

    def test_a_frame_claiming_two_gibibytes_is_closed_and_logged(self):
        self.assert_closed_and_logged_once(struct.pack(">I", 0x7fffffff), "2 GiB frame")
        with contextlib.closing(RawClient(self.server.port)) as client:
            client.socket.sendall(struct.pack(">I", 0x7fffffff))
            self.assertTrue(is_closed_by_peer(client.socket))
        self.assert_memory_has_not_moved()

    def test_a_frame_of_negative_length_is_closed_and_logged(self):
        self.assert_closed_and_logged_once(struct.pack(">i", -2), "negative frame")

    def test_random_bytes_instead_of_a_handshake(self):
        for _ in range(500):
            with contextlib.closing(self.connect()) as connection:
                with contextlib.suppress(OSError):
                    connection.sendall(self.random.randbytes(self.random.randrange(1, 20000)))
                    connection.shutdown(socket.SHUT_WR)
                with contextlib.suppress(OSError):
                    self.assertTrue(is_closed_by_peer(connection))
        self.assert_memory_has_not_moved()

    def test_random_requests_after_a_handshake(self):
        for _ in range(300):
            with contextlib.closing(RawClient(self.server.port)) as client:
                with contextlib.suppress(Closed, OSError):
                    for _ in range(20):
                        op = self.random.choice([*range(-12, 25), *range(99, 110)])
                        client.send(op, self.random.randbytes(self.random.randrange(0, 300)))
                    client.socket.shutdown(socket.SHUT_WR)
                with contextlib.suppress(OSError):
                    self.assertTrue(is_closed_by_peer(client.socket))
        self.assert_memory_has_not_moved()

    def test_records_that_claim_more_than_they_hold(self):
        huge = struct.pack(">i", 0x7fffffff)
        records = [
            (raw_client.CREATE, raw_client.ustring("/x") + huge),
            (raw_client.CREATE, raw_client.ustring("/x") + raw_client.buffer(b"") + huge),
            (raw_client.GET_DATA, huge),
            (101, struct.pack(">q", 0) + huge),
            (105, struct.pack(">q", 0) + huge),
            (raw_client.MULTI, struct.pack(">i?i", raw_client.CREATE, False, -1) + huge),
            (raw_client.MULTI, struct.pack(">i?i", raw_client.CHECK, False, -1) * 100000),
        ]
        for op, record in records:
            with contextlib.closing(RawClient(self.server.port)) as client:
                with contextlib.suppress(Closed):  # an answer is as good, if it comes
                    client.call(op, record)
        self.assert_memory_has_not_moved()

    def test_ten_thousand_connections_that_say_nothing(self):
        count = min(HALF_OPEN, self.files_max - 1000)
        files = self.server.open_files()
        for _ in range(count):
            self.connect()
        self.bystander.serve_some_more()
        self.assert_memory_has_not_moved(growth_max=count * 2048)
        wait_until(lambda: self.server.open_files() <= files + 10, DEADLINE_S,
                   "connections without a handshake are closed", step_s=0.1)
        self.assertLess(self.new_log_lines(), 1000)
        self.assert_memory_has_not_moved(growth_max=count * 2048)

    @unittest.skipIf(chosen_server() == "zookeeper", "each byte buys ZooKeeper's client more time")
    def test_a_handshake_that_comes_one_byte_at_a_time(self):
        connection = self.connect()
        connection.settimeout(0.25)
        start = time.monotonic()
        closed = False
        for byte in raw_client.connect_request() * 3:
            if time.monotonic() - start > DEADLINE_S or closed:
                break
            try:
                connection.sendall(bytes([byte]))
                closed = connection.recv(1) == b""
            except TimeoutError:
                pass
            except (BrokenPipeError, ConnectionResetError):
                closed = True
        self.assertTrue(closed)
        self.assertGreater(time.monotonic() - start, HANDSHAKE_DEADLINE_S / 2)

    def test_a_client_that_never_reads_its_replies(self):
        with contextlib.closing(RawClient(self.server.port)) as client:
            value = bytes(500000)
            self.assertEqual(
                client.call(raw_client.CREATE, raw_client.create("/big", value)).error, 0)
            self.rss_before = self.server.rss_bytes()
            client.socket.settimeout(2)
            with contextlib.suppress(TimeoutError, OSError, Closed):
                for _ in range(200000):  # 100 GB of replies, if the server went on reading
                    client.send(raw_client.GET_DATA, raw_client.read("/big"))
            self.bystander.serve_some_more()
            self.assert_memory_has_not_moved()

    @unittest.skipIf(chosen_server() == "zookeeper", "ZooKeeper queues without bound")
    def test_a_client_that_never_reads_its_watch_events(self):
        add_watch, persistent_recursive = 106, 1
        path = "/" + "watched" * 30
        with contextlib.closing(RawClient(self.server.port)) as deaf, \
                contextlib.closing(RawClient(self.server.port, deadline_s=DEADLINE_S)) as writer:
            self.assertEqual(writer.call(raw_client.CREATE, raw_client.create(path)).error, 0)
            deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            self.assertEqual(deaf.call(add_watch, raw_client.ustring(path) +
                                       struct.pack(">i", persistent_recursive)).error, 0)
            changes = raw_client.multi([(raw_client.SET_DATA, raw_client.set_data(path, b""))] * 1000)
            for _ in range(800):  # 200 MB of events
                self.assertEqual(writer.call(raw_client.MULTI, changes).error, 0)
            self.assert_memory_has_not_moved(growth_max=80 * MIB)


if __name__ == "__main__":
    unittest.main()
