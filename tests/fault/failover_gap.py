"""How long no client's write is answered when the leader of three servers goes, as clients see it.

    failover_gap.py [--rounds 5] [--nodes 0]

Default configuration, loopback. Sessions on all servers write one after the other; one that loses
its connection goes to the next server at once. Prints the gap of each round, and the medians, for
SIGTERM and for kill -9.
"""

import argparse
import os
import selectors
import socket
import statistics
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../support"))
import raw_client
from ensemble import PADDOCK, Ensemble
from raw_client import RawClient
from trees import write_snapshot

CONFIG = {"tickTime": 2000, "initLimit": 10, "syncLimit": 5}
SESSIONS = 12
SESSION_MS = 20000
BEFORE_S, AFTER_S, SOON_S = 1.0, 3.0, 0.1
RETRY_S = 0.002
FIRST_ZXID = 0x100000020


class Session:
    """Always one write under way, on whichever server takes it; never blocks."""

    def __init__(self, load, index):
        self.load = load
        self.server = index
        self.path = "/gap-%d" % index
        with_session = RawClient(load.ports[index % len(load.ports)], SESSION_MS)
        reply = with_session.call(raw_client.CREATE, raw_client.create(self.path))
        assert reply.error == raw_client.OK, reply
        self.id, self.password = with_session.session_id, with_session.password
        with_session.close()
        self.retry_at = 0.0
        self.socket = None
        self.begin()

    def begin(self):
        self.input, self.attached = b"", False
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.connect_ex(("127.0.0.1", self.load.ports[self.server % len(self.load.ports)]))
        self.load.selector.register(self.socket, selectors.EVENT_WRITE, self)

    def on_ready(self, events):
        try:
            if events & selectors.EVENT_WRITE:
                self.load.selector.modify(self.socket, selectors.EVENT_READ, self)
                self.socket.send(raw_client.connect_request(SESSION_MS, self.id, self.password))
                return
            data = self.socket.recv(1 << 16)
            if not data:
                raise ConnectionResetError()
        except OSError:
            self.load.selector.unregister(self.socket)
            self.socket.close()
            self.socket = None
            self.server += 1
            self.retry_at = time.monotonic() + RETRY_S
            return
        self.input += data
        while len(self.input) >= 4:
            (size,) = struct.unpack_from(">i", self.input)
            if len(self.input) < 4 + size:
                return
            frame, self.input = self.input[4:4 + size], self.input[4 + size:]
            self._take(frame)

    def _take(self, frame):
        if not self.attached:
            assert struct.unpack_from(">i", frame, 4)[0] > 0, "%s has expired" % self.path
            self.attached = True
        else:
            assert struct.unpack_from(">i", frame, 12)[0] == raw_client.OK, frame
            self.load.answered.append(time.monotonic())
        self.socket.send(raw_client.frame(struct.pack(">ii", 1, raw_client.SET_DATA) +
                                          raw_client.set_data(self.path, b"x" * 100)))


class Load:
    def __init__(self, ensemble):
        self.ports = [m.port for m in ensemble]
        self.selector = selectors.DefaultSelector()
        self.answered = []
        self.sessions = [Session(self, i) for i in range(SESSIONS)]

    def run_for(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for key, events in self.selector.select(RETRY_S):
                key.data.on_ready(events)
            now = time.monotonic()
            for session in self.sessions:
                if session.socket is None and now >= session.retry_at:
                    session.begin()

    def gap_ms(self, end_of):
        """The longest that begins soon after the end of the leader."""
        self.run_for(BEFORE_S)
        del self.answered[:-1]
        soon = time.monotonic() + SOON_S
        end_of()
        self.run_for(AFTER_S)
        return 1000 * max(b - a for a, b in zip(self.answered, self.answered[1:]) if a < soon)


def measure(ensemble, load, signal_name):
    leader = ensemble.wait_for_leader()

    def end():
        if signal_name == "SIGTERM":
            leader.process.terminate()
        else:
            leader.process.kill()
    gap = load.gap_ms(end)
    leader.process.wait()
    leader.process = None
    ensemble.start([leader])
    return gap


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--nodes", type=int, default=0, help="in the tree, beside the load's")
    arguments = parser.parse_args()
    nodes = {"/n": b"", **{"/n/%d" % i: b"v" * 100 for i in range(arguments.nodes)}}
    with Ensemble([PADDOCK] * 3, config=CONFIG, prepare=lambda m: write_snapshot(
            m.data_dir, FIRST_ZXID, nodes)) as ensemble:
        load = Load(ensemble)
        for name in ("SIGTERM", "SIGKILL"):
            gaps = [measure(ensemble, load, name) for _ in range(arguments.rounds)]
            print("%s: median %.1f ms of %s" % (name, statistics.median(gaps),
                                                " ".join("%.1f" % gap for gap in gaps)))


if __name__ == "__main__":
    main()
