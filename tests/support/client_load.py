"""Clients that write, read and hold sessions while servers come and go, and a check of it all.

    with ClientLoad(ensemble) as load:
        ... kill and restart servers ...
        load.progress()
    load.check()

What must hold: no acknowledged write is lost or done twice (tests/support/write_model.py), nothing
that a session reads ever goes back, no session that is kept alive expires, and ephemerals are there
as long as their session and no longer. A client that loses its server goes to another with its
session, and asks by `sync` and reads which of its unanswered writes were done.
"""

import random
import threading

import raw_client
from paddock_process import ServerError, wait_until
from raw_client import Closed, RawClient, Refused
from write_model import Writer

SESSION_MS = 30000
SHORT_SESSION_MS = 3000
REPLY_DEADLINE_S = 5  # then the client looks for another server
DEADLINE_S = 60
WRITERS = 3
READERS = 2
IN_FLIGHT = 4
PACE_S = 0.04  # between two writes of a writer: at most 75 in a second in all, less than Java's
               # leader keeps for a DIFF (500) even when a server is away for five seconds
ABANDONED, CLOSED = "/abandoned", "/closed"  # ephemerals of sessions that end at the start


def sync(client):
    """What was committed before is seen by the client's reads from now on."""
    reply = client.call(raw_client.SYNC, raw_client.ustring("/"))
    assert reply.error == raw_client.OK, reply


def persistently(attempt):
    """The result of attempt() once it is not cut off; a server may lose its leader at any time."""
    def tried():
        try:
            return (attempt(),)
        except (Closed, OSError):
            return None
    return wait_until(tried, DEADLINE_S, "a server answers", step_s=0.1)[0]


class Roamer(threading.Thread):
    """A thread with a session that goes from server to server."""

    def __init__(self, load, name):
        super().__init__(name=name, daemon=True)
        self.load = load
        self.failure = None
        self.connections = 0
        self.random = random.Random(name)

    def run(self):
        try:
            while not self.load.stopping.is_set():
                try:
                    self.attach(self.random.choice(self.load.ports()))
                    self.connections += 1
                    self.serve()
                except (Closed, OSError):  # TimeoutError and refused connections among them
                    self.load.stopping.wait(0.05)
        except Refused:
            self.failure = "%s: the session has expired" % self.name
        except Exception as e:  # pylint: disable=broad-except
            self.failure = "%s: %r" % (self.name, e)

    def attach(self, port):
        """Connects with the session, and does what is needed before serve()."""
        raise NotImplementedError

    def serve(self):
        """Returns when the load stops; Closed or an OSError when the connection is lost."""
        raise NotImplementedError


class RoamingWriter(Roamer):
    def __init__(self, load, index):
        super().__init__(load, "writer %d" % index)
        self.writer = Writer("/load-%d" % index, SESSION_MS, IN_FLIGHT, REPLY_DEADLINE_S)
        self.held = False  # has nothing unanswered, and writes nothing

    def attach(self, port):
        self.held = False
        self.writer.connect(port)
        sync(self.writer.client)
        self.writer.verify()
        self.writer.verify_session()

    def serve(self):
        while not self.load.stopping.is_set():
            self.writer.write(lambda: self.load.stopping.wait(PACE_S), self._may_write)
            self.held = self.load.holding.is_set()
            self.writer.verify_session()
            self.load.stopping.wait(PACE_S)

    def _may_write(self):
        self.held = False
        return not (self.load.holding.is_set() or self.load.stopping.is_set())


class RoamingReader(Roamer):
    """Holds an ephemeral node and reads what the writers write: what it sees never goes back."""

    def __init__(self, load, index):
        super().__init__(load, "reader %d" % index)
        self.path = "/held-%d" % index
        self.client = None
        self.seen = {}  # (mzxid, version, value) by path
        self.reads = 0
        self.abandoned_is_gone = False

    def prepare(self, port):
        self.client = RawClient(port, SESSION_MS, deadline_s=REPLY_DEADLINE_S)
        reply = self.client.call(raw_client.CREATE, raw_client.create(
            self.path, flags=raw_client.EPHEMERAL))
        assert reply.error == raw_client.OK, reply

    def attach(self, port):
        old = self.client
        old.close()
        self.client = RawClient(port, SESSION_MS, old.session_id, old.password, old.last_zxid,
                                REPLY_DEADLINE_S)
        self.verify_session()

    def verify_session(self):
        reply = self.client.call(raw_client.GET_DATA, raw_client.read(self.path))
        assert reply.error == raw_client.OK, (self.path, reply)
        owner = raw_client.data_and_stat(reply.body)[1].ephemeral_owner
        assert owner == self.client.session_id, (self.path, owner)

    def serve(self):
        while not self.load.stopping.wait(PACE_S):
            for writer in self.load.writers:
                self._read(writer.writer.folder + "/register")
            reply = self.client.call(raw_client.EXISTS, raw_client.read(ABANDONED))
            self.abandoned_is_gone = reply.error == raw_client.NO_NODE

    def _read(self, path):
        reply = self.client.call(raw_client.GET_DATA, raw_client.read(path))
        assert reply.error == raw_client.OK, (path, reply)
        data, stat = raw_client.data_and_stat(reply.body)
        now, before = (stat.mzxid, stat.version, int(data)), self.seen.get(path, (0, -1, -1))
        assert now == before or all(n > b for n, b in zip(now, before)), (
            "%s went from %r to %r" % (path, before, now))
        self.seen[path] = now
        self.reads += 1


class ClientLoad:
    """Runs from `with` to the end of the block; check() afterwards, or failures are not found."""

    def __init__(self, ensemble):
        self.ensemble = ensemble
        self.stopping = threading.Event()
        self.holding = threading.Event()
        self.writers = [RoamingWriter(self, i) for i in range(WRITERS)]
        self.readers = [RoamingReader(self, i) for i in range(READERS)]
        self._abandoned = None
        self._closed = None

    def __enter__(self):
        ports = self.ports()
        for i, writer in enumerate(self.writers):
            writer.writer.connect(ports[i % len(ports)])
            writer.writer.prepare()
        for i, reader in enumerate(self.readers):
            reader.prepare(ports[-1 - i % len(ports)])
        self._abandoned = self._leave_session(ABANDONED, SHORT_SESSION_MS)
        self._closed = self._leave_session(CLOSED, SESSION_MS, raw_client.CLOSE_SESSION)
        for roamer in self._roamers():
            roamer.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for roamer in self._roamers():
            roamer.join(DEADLINE_S)

    def ports(self):
        """Of servers that may serve; some server is always on its way back."""
        return self.ensemble.serving_ports or [m.port for m in self.ensemble]

    def progress(self, writes=20):
        """Returns once every writer has had so many more writes acknowledged, divided by them."""
        wanted = [(w, w.writer.acknowledged_count + -(-writes // len(self.writers)))
                  for w in self.writers]
        self._wait(lambda: all(w.writer.acknowledged_count >= n for w, n in wanted),
                   "every client writes")

    def hold(self):
        """Returns once nobody writes, and every write is answered; sessions are kept alive.

        No session is left to expire meanwhile either, which would be a write too.
        """
        self.holding.set()
        self._wait(lambda: all(w.held for w in self.writers), "all writes are answered")
        self._wait(lambda: all(r.abandoned_is_gone for r in self.readers),
                   "the ephemeral of an abandoned session goes")

    def release(self):
        self.holding.clear()

    def _roamers(self):
        return [*self.writers, *self.readers]

    def _wait(self, condition, what):
        def met():
            self.raise_failures()
            return condition()
        wait_until(met, DEADLINE_S, what)

    def raise_failures(self):
        failures = [r.failure for r in self._roamers() if r.failure]
        if failures:
            raise ServerError("; ".join(failures))

    def _leave_session(self, path, session_ms, last_op=None):
        client = RawClient(self.ports()[0], session_ms)
        try:
            reply = client.call(raw_client.CREATE, raw_client.create(
                path, flags=raw_client.EPHEMERAL))
            assert reply.error == raw_client.OK, reply
            if last_op is not None:
                assert client.call(last_op).error == raw_client.OK
        finally:
            client.close()
        return client

    def check(self):
        """All servers must serve. Every session goes to every server once more, and is closed."""
        self.raise_failures()
        assert not any(r.is_alive() for r in self._roamers())
        for reader in self.readers:
            assert reader.reads > 0, "%s has read nothing" % reader.name
        for member in self.ensemble:
            for roamer in self._roamers():
                persistently(lambda r=roamer, m=member: r.attach(m.port))
        zxids = [w.writer.last_write_zxid for w in self.writers]
        assert len(set(zxids)) == len(zxids), "two writes at one zxid: %r" % zxids
        self._check_left_sessions()
        tree = self.ensemble.check_same_everywhere()
        assert not tree.keys() & {ABANDONED, CLOSED}
        self._check_close()

    def _check_left_sessions(self):
        client = self.writers[0].writer.client
        def gone(path):
            sync(client)
            return client.call(raw_client.EXISTS, raw_client.read(path)).error == raw_client.NO_NODE
        assert gone(CLOSED), "an ephemeral of a closed session is there"
        wait_until(lambda: gone(ABANDONED), DEADLINE_S, "the ephemeral of an expired session goes")
        for left in (self._abandoned, self._closed):
            try:
                RawClient(self.ensemble[1].port, SESSION_MS, left.session_id, left.password).close()
            except Refused:
                continue
            raise AssertionError("session 0x%x is back" % left.session_id)

    def _check_close(self):
        """What sessions held goes with them, everywhere."""
        for client in (*(w.writer.client for w in self.writers), *(r.client for r in self.readers)):
            assert client.call(raw_client.CLOSE_SESSION).error == raw_client.OK
            client.close()
        tree = self.ensemble.check_same_everywhere()
        left = [path for path in tree if path.startswith("/held-") or path.endswith("/alive")]
        assert not left, "ephemerals of closed sessions: %r" % left

    def report(self):
        """One line for the test's output."""
        return "%d writes acknowledged, %d reads, %d connections" % (
            sum(w.writer.acknowledged_count for w in self.writers),
            sum(r.reads for r in self.readers), sum(r.connections for r in self._roamers()))
