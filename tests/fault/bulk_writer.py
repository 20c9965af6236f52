"""A client that writes as fast as one connection can, and notes how evenly it is answered."""

import contextlib
import threading
import time

import raw_client
from raw_client import Closed, RawClient

IN_FLIGHT = 100
VALUE = b"v" * 1000
DEADLINE_S = 60


class BulkWriter(threading.Thread):
    """Overwrites one node of its own until the `with` block ends or the connection is lost."""

    def __init__(self, member):
        super().__init__(daemon=True)
        self.client = RawClient(member.port)
        self.stopping = threading.Event()
        self.path = "/bulk-%d" % self.client.session_id
        self.written = 0
        self.longest_gap_s = 0.0
        reply = self.client.call(raw_client.CREATE, raw_client.create(self.path))
        assert reply.error == raw_client.OK, reply

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.join(DEADLINE_S)
        self.client.close()

    def run(self):
        with contextlib.suppress(Closed):
            self._write()

    def _write(self):
        for _ in range(IN_FLIGHT):
            self._send()
        last = time.monotonic()
        while not self.stopping.is_set():
            assert self.client.receive().error == raw_client.OK
            now = time.monotonic()
            self.longest_gap_s, last = max(self.longest_gap_s, now - last), now
            self.written += 1
            self._send()

    def _send(self):
        self.client.send(raw_client.SET_DATA, raw_client.set_data(self.path, VALUE))
