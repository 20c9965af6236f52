"""Clients that keep a record of all they ask and are told, while servers and links fail.

    with FaultLoad(ensemble, seed) as load:
        with load.phase("the leader is cut off"):
            ... faults, and an end of them ...
    load.check()

Each client has a session that goes from server to server. Every write and every read behind a sync
is recorded with the times before it was sent and after it was answered; history.py says what must
hold of the record. A node is written for some seconds only, then there are new ones: many short
histories are checked sooner than a long one.
"""

import contextlib
import itertools
import random
import threading
import time

import history
import raw_client
import znode_model
from history import QUEUE, Entry
from paddock_process import ServerError, wait_until
from raw_client import Closed, RawClient, Refused

CLIENTS = 8
SESSION_MS = 8000
ABANDONED_SESSION_MS = 1000
CONNECT_DEADLINE_S = 1
REPLY_DEADLINE_S = 4  # then the client looks for another server
PACE_S = 0.01
IN_FLIGHT = 3
KEYS, GROUPS, GROUP_KEYS = 5, 2, "abc"
GENERATION_S = 8
QUEUE_KEPT = 10
ABANDON_EVERY_S = 1.5
SERVE_DEADLINE_S = 15  # all servers serve so long after the last fault
EXPIRY_DEADLINE_S = 5  # beyond its timeout, a session that nobody keeps is gone
RECORDED, ALIVE, ABANDONED = "/recorded", "/alive", "/abandoned"


def encoded(request):
    """The request as (op code, record)."""
    if request[0] == "enqueue":
        return raw_client.CREATE, raw_client.create(request[1], request[2], raw_client.SEQUENTIAL)
    if request[0] == "dequeue":
        return raw_client.DELETE, raw_client.delete(request[1])
    return znode_model.encoded(request)


def decoded(request, reply):
    if request[0] == "enqueue" and reply.error == raw_client.OK:
        return raw_client.OK, raw_client.ustring_at(reply.body)[0]
    if request[0] in ("enqueue", "dequeue"):
        return reply.error, None
    return znode_model.decoded(request, reply)


def synced(client, op, path):
    """The reply to a read that sees all that was answered before."""
    assert client.call(raw_client.SYNC, raw_client.ustring("/")).error == raw_client.OK
    return client.call(op, raw_client.read(path))


class FaultClient(threading.Thread):
    """One session after another, and what it asks."""

    def __init__(self, load, index):
        super().__init__(name="client-%d" % index, daemon=True)
        self.load = load
        self.random = random.Random("%d %s" % (load.seed, self.name))
        self.entries = []
        self.acknowledged = 0  # writes among them
        self.client = None
        self.alive = None  # the ephemeral node of the session, once it is acknowledged
        self.gone = []  # ephemerals of sessions whose end was acknowledged
        self.heard = 0.0  # when the last answer came
        self.sessions = self.expired = self.holds = self.values = 0
        self.versions = {}  # last seen, by path
        self.queued = []  # own nodes of the queue
        self.failure = None

    def run(self):
        while not self.load.stopping.is_set() and self.failure is None:
            try:
                self._attach(self.random.choice(self.load.members))
                while not self.load.stopping.is_set():
                    self._turn()
                    self.load.stopping.wait(PACE_S)
            except (Closed, OSError):  # TimeoutError and refused connections among them
                self.load.stopping.wait(0.02)
            except Refused:
                self._session_expired()
            except Exception as e:  # pylint: disable=broad-except
                self.failure = "%s: %r" % (self.name, e)

    # --- its session ---

    def _attach(self, member):
        old = self.client
        if old is None:
            self.client = self._connect(member)
            self.sessions += 1
        else:
            old.close()
            self.client = self._connect(member, old.session_id, old.password, old.last_zxid)
        self.heard = time.monotonic()
        self._check_ephemerals()
        if self.alive is None:
            self.holds += 1
            path = "%s/%s-%d" % (ALIVE, self.name, self.holds)
            reply = self.client.call(raw_client.CREATE, raw_client.create(
                path, flags=raw_client.EPHEMERAL))
            assert reply.error == raw_client.OK, reply
            self.alive = path

    def _connect(self, member, *session):
        client = RawClient(member.port, SESSION_MS, *session, CONNECT_DEADLINE_S, member.host) \
            if session else RawClient(member.port, SESSION_MS, deadline_s=CONNECT_DEADLINE_S,
                                      host=member.host)
        client.socket.settimeout(REPLY_DEADLINE_S)
        return client

    def _check_ephemerals(self):
        """The one of this session is there; those of sessions that were closed are not."""
        if self.alive is not None:
            reply = synced(self.client, raw_client.EXISTS, self.alive)
            assert reply.error == raw_client.OK, "%s is gone, but its session lives: %r" % (
                self.alive, reply)
            owner = raw_client.stat_at(reply.body).ephemeral_owner
            assert owner == self.client.session_id, (self.alive, owner)
        while self.gone:
            reply = synced(self.client, raw_client.EXISTS, self.gone[-1])
            assert reply.error == raw_client.NO_NODE, (self.gone[-1], reply)
            self.gone.pop()

    def _session_expired(self):
        """Right only if nobody heard from the client for as long as its timeout, less a tick."""
        silent_ms = (time.monotonic() - self.heard) * 1000
        if silent_ms < self.client.timeout_ms - self.load.tick_ms:
            self.failure = "%s: session 0x%x of %d ms has expired after %d ms" % (
                self.name, self.client.session_id, self.client.timeout_ms, silent_ms)
        self._forget_session()
        self.expired += 1

    def _forget_session(self):
        if self.alive is not None:
            self.gone.append(self.alive)
        self.client.close()
        self.client = self.alive = None

    def _close_session(self):
        """If it is not acknowledged, the session may be there or not; it goes by itself."""
        client, alive = self.client, self.alive
        self.client = self.alive = None
        try:
            if client.call(raw_client.CLOSE_SESSION).error == raw_client.OK:
                self.gone.append(alive)
        finally:
            client.close()
        raise Closed()

    # --- what it asks ---

    def _turn(self):
        """Some requests at once, and their answers."""
        if self.random.random() < 0.002:
            self._close_session()
        waiting = []
        try:
            for _ in range(self.random.randint(1, IN_FLIGHT)):
                entry = Entry(self.name, self._next_request(), time.monotonic())
                waiting.append((entry, None))
                waiting[-1] = entry, self._send(entry)
            while waiting:
                self._take_answer(*waiting[0])
                self.entries.append(waiting.pop(0)[0])
        finally:  # a read that was not answered says nothing
            self.entries += [entry for entry, _ in waiting if not entry.is_read]

    def _send(self, entry):
        if entry.is_read:
            self.client.send(raw_client.SYNC, raw_client.ustring("/"))
        return self.client.send(*encoded(entry.request))

    def _take_answer(self, entry, xid):
        if entry.is_read:
            sync = self._receive(xid - 1)
            assert sync.error == raw_client.OK, sync
        reply = self._receive(xid)
        entry.result, entry.zxid = decoded(entry.request, reply), reply.zxid
        entry.returned = self.heard = time.monotonic()
        self.acknowledged += entry.is_done_write
        self._learn(entry)

    def _receive(self, xid):
        before = self.client.last_zxid
        reply = self.client.receive()
        assert reply.xid == xid, "reply to %d, not to %d" % (reply.xid, xid)
        assert reply.zxid >= before, "%s: zxid 0x%x after 0x%x" % (self.name, reply.zxid, before)
        return reply

    def _learn(self, entry):
        name, path = entry.request[:2]
        error, answer = entry.result
        if name == "enqueue" and error == raw_client.OK:
            self.queued.append(answer)
        elif name == "read":
            self.versions[path] = answer[1] if answer else znode_model.ANY_VERSION
        elif name == "set" and answer is not None:
            self.versions[path] = answer

    def _next_request(self):
        if len(self.queued) > QUEUE_KEPT:
            return ("dequeue", self.queued.pop(0))
        kind = self.random.random()
        if kind < 0.1:
            return ("enqueue", QUEUE + "/n-", self._value())
        prefix = "%s/%d-" % (RECORDED, self.load.generation())
        if kind < 0.4:
            return self._group_request("%sm%d" % (prefix, self.random.randrange(GROUPS)))
        return self._node_request("%sk%d" % (prefix, self.random.randrange(KEYS)))

    def _group_request(self, name):
        paths = [name + history.OBJECT_END + key for key in GROUP_KEYS]
        if self.random.random() < 0.5:
            return self._node_request(self.random.choice(paths))
        guard, written, other = self.random.sample(paths, 3)
        steps = [znode_model.set_data(written, self._value())]
        if self.random.random() < 0.5:
            steps.insert(0, znode_model.check_version(guard, self._version(guard)))
        steps.append(self.random.choice([
            znode_model.create(other, self._value()), znode_model.delete(other),
            znode_model.set_data(other, self._value(), self._version(other))]))
        return znode_model.multi(*steps)

    def _node_request(self, path):
        kind = self.random.random()
        if kind < 0.3:
            return znode_model.read(path)
        if kind < 0.5:
            return znode_model.create(path, self._value())
        if kind < 0.6:
            return znode_model.delete(path, self._version(path))
        return znode_model.set_data(path, self._value(), self._version(path))

    def _version(self, path):
        return self.versions.get(path, znode_model.ANY_VERSION) if self.random.random() < 0.6 \
            else znode_model.ANY_VERSION

    def _value(self):
        self.values += 1
        return b"%s %d" % (self.name.encode(), self.values)


class Abandoner(threading.Thread):
    """Leaves sessions behind that nobody keeps alive, with an ephemeral node each."""

    def __init__(self, load):
        super().__init__(name="abandoner", daemon=True)
        self.load = load
        self.random = random.Random("%d abandoner" % load.seed)
        self.left = []  # their paths, since the last phase
        self.failure = None

    def run(self):
        for number in itertools.count():
            if self.load.stopping.wait(ABANDON_EVERY_S):
                return
            path = "%s/%d" % (ABANDONED, number)
            try:
                member = self.random.choice(self.load.members)
                with contextlib.closing(RawClient(
                        member.port, ABANDONED_SESSION_MS, deadline_s=CONNECT_DEADLINE_S,
                        host=member.host)) as client:
                    reply = client.call(raw_client.CREATE, raw_client.create(
                        path, flags=raw_client.EPHEMERAL))
                    if reply.error != raw_client.OK:
                        self.failure = "%s: %r" % (path, reply)
                        return
                    self.left.append(path)
            except (Closed, Refused, OSError):
                pass


class FaultLoad:
    """Runs from `with` to the end of the block; check() afterwards, or failures are not found."""

    def __init__(self, ensemble, seed):
        self.ensemble = ensemble
        self.members = list(ensemble)
        self.tick_ms = self.members[0].config["tickTime"]
        self.seed = seed
        self.stopping = threading.Event()
        self.began = time.monotonic()
        self.clients = [FaultClient(self, i) for i in range(CLIENTS)]
        self.abandoner = Abandoner(self)
        self.end = None

    def __enter__(self):
        member = self.members[0]
        with contextlib.closing(RawClient(member.port, host=member.host)) as client:
            for path in (RECORDED, QUEUE, ALIVE, ABANDONED):
                reply = client.call(raw_client.CREATE, raw_client.create(path))
                assert reply.error == raw_client.OK, reply
            assert client.call(raw_client.CLOSE_SESSION).error == raw_client.OK
        self.began = time.monotonic()
        for thread in (*self.clients, self.abandoner):
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in (*self.clients, self.abandoner):
            thread.join(60)
            assert not thread.is_alive(), thread.name
        self.end = time.monotonic()
        for client in self.clients:
            if client.client is not None:
                with contextlib.suppress(Closed, OSError):  # then the session goes by itself
                    client.client.call(raw_client.CLOSE_SESSION)
                client.client.close()

    def generation(self):
        return int((time.monotonic() - self.began) / GENERATION_S)

    def acknowledged(self):
        return sum(c.acknowledged for c in self.clients)

    def run_for(self, seconds):
        """Lets clients ask for so long; what they find wrong ends it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.raise_failures()
            self.stopping.wait(0.1)

    def progress(self, deadline_s=SERVE_DEADLINE_S, writes=20):
        """Returns once so many more writes are acknowledged."""
        wanted = self.acknowledged() + writes

        def met():
            self.raise_failures()
            return self.acknowledged() >= wanted
        wait_until(met, deadline_s, "clients write", step_s=0.05)

    def raise_failures(self):
        failures = [t.failure for t in (*self.clients, self.abandoner) if t.failure]
        if failures:
            raise history.Violation("; ".join(failures))

    @contextlib.contextmanager
    def phase(self, name):
        """Faults that are over when the block ends: then all serve again soon."""
        begin = time.monotonic()
        yield
        healed = time.monotonic()
        self.wait_all_serve()
        served_s = time.monotonic() - healed
        self.progress()
        self._wait_abandoned()
        self.raise_failures()
        end = time.monotonic()
        entries = [e for c in self.clients for e in list(c.entries)]
        writes = sum(e.is_done_write and begin <= e.returned <= end for e in entries)
        gap_s, _ = history.longest_gap(entries, begin, end)
        print("%-45s %6d writes, longest gap %5.2f s, all serve again after %5.2f s" % (
            name, writes, gap_s, served_s), flush=True)

    def wait_all_serve(self):
        """Every server takes a session, a write and a read behind a sync."""
        end = time.monotonic() + SERVE_DEADLINE_S
        for member in self.members:
            wait_until(lambda m=member: self._serves(m), max(0, end - time.monotonic()),
                       "%s serves again" % member, step_s=0.05)

    @staticmethod
    def _serves(member):
        try:
            with contextlib.closing(RawClient(member.port, deadline_s=2,
                                              host=member.host)) as client:
                written = client.call(raw_client.SET_DATA, raw_client.set_data("/", b"served"))
                read = synced(client, raw_client.GET_DATA, "/")
                return (written.error, read.error) == (raw_client.OK, raw_client.OK) and (
                    client.call(raw_client.CLOSE_SESSION).error == raw_client.OK)
        except (Closed, Refused, OSError):
            return False

    def _wait_abandoned(self):
        """Their sessions go though there were faults, and what they held goes with them."""
        left, self.abandoner.left = self.abandoner.left, []
        self._wait_childless(ABANDONED, ABANDONED_SESSION_MS / 1000 + EXPIRY_DEADLINE_S, left)

    def _wait_childless(self, parent, deadline_s, paths=None):
        """Waits until these nodes below parent are gone, or all."""
        def gone():
            member = self.members[0]
            try:
                with contextlib.closing(RawClient(member.port, host=member.host)) as client:
                    reply = synced(client, raw_client.GET_CHILDREN, parent)
                    client.call(raw_client.CLOSE_SESSION)
            except (Closed, Refused, OSError):
                return False
            found = {"%s/%s" % (parent, name) for name in raw_client.names(reply.body)}
            return not found & (found if paths is None else set(paths))
        wait_until(gone, deadline_s, "the ephemerals below %s go" % parent, step_s=0.1)

    def check(self):
        """All servers must serve, and no client be there any more."""
        self.raise_failures()
        self._wait_childless(ALIVE, SESSION_MS / 1000 + EXPIRY_DEADLINE_S)
        self._wait_childless(ABANDONED, ABANDONED_SESSION_MS / 1000 + EXPIRY_DEADLINE_S)
        tree = self.ensemble.check_same_everywhere()
        entries = [e for c in self.clients for e in c.entries]
        if not any(e.is_done_write for e in entries):
            raise ServerError("no write was acknowledged")
        begin = time.monotonic()
        history.check(entries, tree, self.end)
        print("%s; checked in %.1f s" % (self.report(entries), time.monotonic() - begin),
              flush=True)

    def report(self, entries):
        unknown = sum(e.result is None for e in entries)
        gap_s, gap_began = history.longest_gap(entries, self.began, self.end)
        return ("%d operations (%d writes acknowledged, %d synced reads, %d of unknown outcome), "
                "%d sessions (%d expired in silence), longest gap %.2f s (%.0f s after the start)"
                % (len(entries), sum(e.is_done_write for e in entries),
                   sum(e.is_read for e in entries), unknown,
                   sum(c.sessions for c in self.clients), sum(c.expired for c in self.clients),
                   gap_s, gap_began - self.began))
